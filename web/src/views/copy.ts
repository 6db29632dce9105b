/** A button that copies, and says that it did. */

import { type TemplateResult, html } from "lit-html";
import type { Context } from "./context";

export function copyButton(what: string, label: string, text: () => string, { state, actions, m }: Context): TemplateResult {
  const copied = state.copied === what;
  return html`<button type="button" class="copy" @click=${() => actions.copy(what, text())}>
    ${copied ? m.copied : label}
  </button>`;
}

/** Code to take away, with its button. */
export function codeBlock(what: string, label: string, code: string, context: Context): TemplateResult {
  return html`<div class="code">
    <pre tabindex="0" role="group" aria-label=${label}><code>${code}</code></pre>
    ${copyButton(what, context.m.copy, () => code, context)}
  </div>`;
}
