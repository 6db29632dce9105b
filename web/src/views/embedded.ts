/** What a link to the answer of a report opens: its name, what the answer says, and the chart. Nothing in it leads anywhere. */

import { type TemplateResult, html, nothing } from "lit-html";
import type { Failure } from "../api";
import { RESULT_ID } from "../actions/explore";
import type { Context } from "./context";
import { answerPart } from "./result";

export function embeddedPage(context: Context): TemplateResult {
  const { state, m } = context;
  const { embedded, answer } = state;
  const own: Context = { ...context, isAlone: true };
  const busy = embedded?.status === "loading" || answer.status === "asking";
  return html`<section class="panel result" id=${RESULT_ID} tabindex="-1" aria-label=${m.answer.label} aria-busy=${busy ? "true" : "false"}>
    <div class="progress ${busy ? "is-on" : ""}" role="presentation"></div>
    ${embedded === null || embedded.status === "loading" ? html`<p class="muted" role="status">${m.loading}</p>` : nothing}
    ${embedded?.status === "failed" ? noAnswer(embedded.failure, own) : nothing}
    ${embedded?.status === "ready"
      ? html`<h1 class="embedded-title"><bdi>${embedded.value.report.name}</bdi></h1>
          ${embedded.value.stale === null ? nothing : html`<p class="notice" role="status">${m.embedded.stale}</p>`} ${answerPart(own)}`
      : nothing}
  </section>`;
}

/** Why there is nothing to see, and whom to ask: whoever reads this has no login, and needs none. */
function noAnswer(failure: Failure, { m, actions }: Context): TemplateResult {
  const said = (title: string, body: string, retry: boolean) => html`<div class="failure" role="alert">
    <h1>${title}</h1>
    <p>${body}</p>
    ${retry ? html`<button type="button" class="primary" @click=${() => actions.retry()}>${m.retry}</button>` : nothing}
  </div>`;
  switch (failure.kind) {
    case "login":
    case "forbidden":
      return said(m.embedded.overTitle, m.embedded.overBody, false);
    case "missing":
      return said(m.embedded.removedTitle, m.embedded.removedBody, false);
    case "unreachable":
      return said(m.failure.unreachableTitle, m.embedded.unreachableBody, true);
    case "busy":
      return said(m.failure.busyTitle, failure.message, true);
    default:
      return said(m.failure.refusedTitle, failure.message, true);
  }
}
