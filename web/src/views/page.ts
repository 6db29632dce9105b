/** The whole page. */

import { type TemplateResult, html } from "lit-html";
import type { Context } from "./context";
import { logo } from "./icons";
import { questionPanel } from "./question";
import { resultPanel } from "./result";

export function page(context: Context): TemplateResult {
  return html`<header class="top">
      <a class="brand" href="./" aria-label="weir, start page">${logo}<span class="wordmark">weir</span></a>
      <p class="tagline">See where the stream narrows.</p>
    </header>
    <main class="layout">${questionPanel(context)} ${resultPanel(context)}</main>`;
}
