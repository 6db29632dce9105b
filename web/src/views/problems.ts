/** What is wrong with one control, right under it. */

import { type TemplateResult, html, nothing } from "lit-html";
import type { Context } from "./context";

export function problemsOf(id: string, { problems }: Context): TemplateResult | typeof nothing {
  const found = problems.get(id);
  if (found === undefined) return nothing;
  return html`<div class="problems" id="problems-${id}" role="alert">
    <ul>
      ${found.map(({ message }) => html`<li>${message}</li>`)}
    </ul>
  </div>`;
}

/** Value for `aria-describedby` of the control itself. */
export function describedBy(id: string, { problems }: Context): string | typeof nothing {
  return problems.has(id) ? `problems-${id}` : nothing;
}
