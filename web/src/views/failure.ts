/** Why there is no answer, and what to do about it. */

import { type TemplateResult, html, nothing } from "lit-html";
import type { Failure } from "../api";
import type { Context } from "./context";

export function failureView(failure: Failure, context: Context): TemplateResult {
  const retry = html`<button type="button" class="primary" @click=${() => context.actions.retry()}>Retry</button>`;
  if (failure.kind === "unreachable") {
    return html`<div class="failure" role="alert">
      <h2>The server cannot be reached</h2>
      <p>The question is kept. Check that weir is running and the network is up.</p>
      ${retry}
    </div>`;
  }
  if (failure.kind === "refused") {
    return html`<div class="failure" role="alert">
      <h2>The server could not answer</h2>
      <p>${failure.message}</p>
      ${retry}
    </div>`;
  }
  return html`<div class="failure" role="alert">
    <h2>The question needs a change</h2>
    ${failure.problems.length === 0
      ? html`<p>${failure.message}</p>`
      : html`<ul>
          ${failure.problems.map(
            ({ field, message }) => html`<li>${field === "" ? nothing : html`<code>${field}</code>: `}${message}</li>`,
          )}
        </ul>`}
  </div>`;
}
