/** Why there is no answer, and what to do about it. */

import { type TemplateResult, html, nothing } from "lit-html";
import type { Failure } from "../api";
import type { Context } from "./context";
import { loginForms } from "./login";

export function failureView(failure: Failure, context: Context): TemplateResult {
  const { m, actions } = context;
  const retry = html`<button type="button" class="primary" @click=${() => actions.retry()}>${m.retry}</button>`;
  const said = (title: string, body: string, act: TemplateResult | typeof nothing) => html`<div class="failure" role="alert">
    <h2>${title}</h2>
    <p>${body}</p>
    ${act}
  </div>`;
  switch (failure.kind) {
    case "unreachable":
      return said(m.failure.unreachableTitle, m.failure.unreachableBody, retry);
    case "login":
      return html`<div class="failure" role="alert">
        <h2>${m.failure.loginTitle}</h2>
        <p>${m.failure.loginBody}</p>
        ${loginForms(context)}
      </div>`;
    case "changed":
    case "forbidden":
      return said(m.failure.forbiddenTitle, failure.message, nothing);
    case "missing":
      return said(m.failure.missingTitle, failure.message, nothing);
    case "busy":
      return said(m.failure.busyTitle, failure.message, retry);
    case "tooLarge":
      return html`<div class="failure" role="alert">
        <h2>${m.failure.tooLargeTitle}</h2>
        <p>${failure.message}</p>
        <p>${m.failure.tooLargeBody}</p>
      </div>`;
    case "refused":
      return said(m.failure.refusedTitle, failure.message, retry);
    case "invalid":
      return html`<div class="failure" role="alert">
        <h2>${m.failure.invalidTitle}</h2>
        ${failure.problems.length === 0
          ? html`<p>${failure.message}</p>`
          : html`<ul>
              ${failure.problems.map(
                ({ field, message }) => html`<li>${field === "" ? nothing : html`<code>${field}</code>: `}${message}</li>`,
              )}
            </ul>`}
      </div>`;
  }
}
