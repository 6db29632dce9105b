/** The page of saved reports, by folder. */

import { type TemplateResult, html, nothing } from "lit-html";
import { live } from "lit-html/directives/live.js";
import type { ReportSummary } from "../answers";
import { fitting } from "../question/options";
import { hashOf } from "../routes";
import { mayEdit } from "../state";
import { type Context, typed } from "./context";
import { failureView } from "./failure";

export function reportsPage(context: Context): TemplateResult {
  const { state, actions, m } = context;
  const { reports } = state;
  return html`<section class="panel page">
    <h1>${m.nav.reports}</h1>
    <div class="search">
      <input
        type="search" dir="auto" aria-label=${m.reports.search} placeholder=${m.reports.search} .value=${live(state.reportSearch)}
        @input=${(event: Event) => actions.reports.search(typed(event))}
      />
      <button
        type="button" class="quiet toggle" aria-pressed=${state.removedReports ? "true" : "false"}
        @click=${() => actions.reports.load(!state.removedReports)}
      >${m.reports.removedOnes}</button>
    </div>
    ${reports === null || reports.status === "loading" ? html`<p class="muted" role="status">${m.loading}</p>` : nothing}
    ${reports?.status === "failed" ? failureView(reports.failure, context) : nothing}
    ${reports?.status === "ready" ? folders(reports.value, context) : nothing}
  </section>`;
}

function folders(reports: readonly ReportSummary[], context: Context): TemplateResult {
  const { m, state } = context;
  if (reports.length === 0) return html`<p class="muted">${state.removedReports ? m.reports.noneRemoved : m.reports.none}</p>`;
  const found = fitting(reports.map(({ id, name, folder }) => ({ value: id, label: `${folder} ${name}`, count: null })), state.reportSearch);
  const ids = new Set(found.map(({ value }) => value));
  const shown = reports.filter(({ id }) => ids.has(id));
  if (shown.length === 0) return html`<p class="muted">${m.list.none}</p>`;
  const names = [...new Set(shown.map(({ folder }) => folder))];
  return html`${names.map(
    (folder) => html`<section class="folder">
      ${folder === "" ? nothing : html`<h2><bdi>${folder}</bdi></h2>`}
      <ul class="reports">
        ${shown.filter((report) => report.folder === folder).map((report) => reportRow(report, context))}
      </ul>
    </section>`,
  )}`;
}

function reportRow(report: ReportSummary, context: Context): TemplateResult {
  const { m, actions, format, state } = context;
  const { id, name, description, kind, saved_at, saved_by, newer } = report;
  const when = format.instant(saved_at, state.question.timezone);
  const kinds: Record<string, string> = m.kinds;
  const may = mayEdit(state) && newer !== true;
  return html`<li>
    <div class="report-name">
      <a href=${hashOf({ page: "explore", embed: false, report: { id, revision: null } })}><bdi>${name}</bdi></a>
      <span class="type-tag-inline">${kinds[kind] ?? kind}</span>
      ${newer === true ? html`<span class="warn">${m.reports.newer}</span>` : nothing}
      ${description === "" ? nothing : html`<p class="muted"><bdi>${description}</bdi></p>`} ${checkLine(report, context)}
    </div>
    <span class="muted report-when">${when}${saved_by === null ? nothing : html`, <bdi>${saved_by}</bdi>`}</span>
    <span class="report-tools">
      <button type="button" class="quiet" aria-label="${m.reports.history}: ${name}" @click=${() => actions.reports.openHistory("reports", report)}>${m.reports.history}</button>
      ${may && !state.removedReports
        ? html`<button type="button" class="quiet" aria-label="${m.remove}: ${name}" @click=${() => actions.reports.askToRemove(report, "reports")}>${m.remove}</button>`
        : nothing}
    </span>
  </li>`;
}

/** How the check of a report went last. */
function checkLine({ id, name }: ReportSummary, { state, m, format, actions }: Context): TemplateResult | typeof nothing {
  const check = state.checks.get(id);
  if (check === undefined) return nothing;
  const when = check.checked_at === null ? "" : format.instant(check.checked_at, state.question.timezone);
  return html`<p class="check-line is-${check.state}">
    <b>${m.checks.states[check.state]}</b> <bdi>${check.message}</bdi> <span class="muted">${when}</span>
    ${check.webhook === null ? nothing : html`<span class="type-tag-inline">${m.checks.webhooks[check.webhook]}</span>`}
    ${mayEdit(state)
      ? html`<button type="button" class="quiet" aria-label="${m.checks.runNow}: ${name}" @click=${() => actions.reports.runCheck(id)}>${m.checks.runNow}</button>`
      : nothing}
  </p>`;
}
