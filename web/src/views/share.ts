/** The same question elsewhere: as JSON, which can be edited, and on the command line. */

import { type TemplateResult, html, nothing } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { JSON_ID, parseJson } from "../actions/explore";
import { cliLine } from "../question/cli";
import type { Spec } from "../question/compile";
import { otherKindOf } from "../question/others";
import { type Context, typed } from "./context";
import { codeBlock, copyButton } from "./copy";

export function shareView(spec: Spec, context: Context): TemplateResult {
  const { m, state } = context;
  // What cannot be built is to be changed here; a kind that never is has a button for it in its panel.
  const editing = state.json !== null || (state.raw !== null && otherKindOf(state.raw.spec) === null);
  return html`<details class="share" ?open=${editing}>
    <summary>${m.share.summary}</summary>
    <h3>${m.share.cli}</h3>
    ${codeBlock("cli", m.share.cli, cliLine(spec), context)}
    <h3>${m.share.json}</h3>
    ${jsonView(spec, context)}
    <p>${copyButton("embed", m.share.embed, () => `${context.url}&embed`, context)}</p>
  </details>`;
}

function jsonView(spec: Spec, context: Context): TemplateResult {
  const { m, state, actions } = context;
  const written = JSON.stringify(spec, null, 2);
  if (state.json === null) {
    return html`${codeBlock("json", m.share.json, written, context)}
      <button type="button" class="copy" @click=${() => actions.explore.editJson(written)}>${m.share.edit}</button>`;
  }
  const { why } = parseJson(state.json);
  return html`<textarea
      id=${JSON_ID} class="json" rows=${Math.min(30, state.json.split("\n").length + 1)} aria-label=${m.share.json} spellcheck="false" dir="ltr"
      aria-invalid=${why === null ? nothing : "true"} .value=${live(state.json)}
      @input=${(event: Event) => actions.explore.editJson(typed(event))}
    ></textarea>
    ${why === null ? nothing : html`<p class="problems" role="alert">${m.share.invalidJson(why)}</p>`}
    <p class="buttons">
      <button type="button" class="primary" ?disabled=${why !== null} @click=${() => actions.explore.applyJson()}>${m.share.apply}</button>
      <button type="button" class="copy" @click=${() => actions.explore.editJson(null)}>${m.cancel}</button>
    </p>`;
}
