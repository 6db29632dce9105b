/** The same question elsewhere: as JSON, and on the command line. */

import { type TemplateResult, html } from "lit-html";
import { cliLine } from "../cli";
import type { FunnelSpec } from "../spec";
import type { Context } from "./context";
import { codeBlock } from "./copy";

export function shareView(spec: FunnelSpec, context: Context): TemplateResult {
  return html`<details class="share">
    <summary>This question as JSON and as a command</summary>
    <h3>Command line</h3>
    ${codeBlock("cli", "Command line", cliLine(spec), context)}
    <h3>Query spec</h3>
    ${codeBlock("json", "Query spec", JSON.stringify(spec, null, 2), context)}
  </details>`;
}
