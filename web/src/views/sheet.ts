/** What lies over the page: the users behind a number, and why one of them counts. */

import { type TemplateResult, html, nothing } from "lit-html";
import type { ExplainedEvent, Explanation, ListedUser, UserList } from "../answers";
import { STATES } from "../question/model";
import type { Sheet } from "../state";
import { reasonWords, verdictWords } from "../words-explained";
import { disableView, dropView } from "./admin";
import type { Context } from "./context";
import { disableEmbedView } from "./embeds";
import { failureView } from "./failure";
import { back, cross } from "./icons";
import { historyView, notesView, removeView, saveForm } from "./save";
import { words } from "./text";

export const SHEET_ID = "sheet";

export function sheetView(context: Context): TemplateResult {
  const { state, actions, m } = context;
  const { sheet } = state;
  return html`<dialog id=${SHEET_ID} class="sheet" aria-labelledby="sheet-title" @close=${() => actions.people.close()} @cancel=${() => actions.people.close()}>
    ${sheet === null
      ? nothing
      : html`<div class="sheet-head">
            ${sheet.kind === "user" && sheet.from !== null
              ? html`<button type="button" class="icon-button" aria-label=${m.people.user} @click=${() => actions.people.back()}>${back}</button>`
              : nothing}
            <h2 id="sheet-title">${title(sheet, context)}</h2>
            <button type="button" class="icon-button" aria-label=${m.close} @click=${() => actions.people.close()}>${cross}</button>
          </div>
          ${content(sheet, context)}`}
  </dialog>`;
}

function title(sheet: Sheet, { m }: Context): TemplateResult {
  switch (sheet.kind) {
    case "people":
      return html`${words(m.people.step(sheet.step, sheet.label))}`;
    case "user":
      return html`<bdi class="name">${sheet.id}</bdi>`;
    case "save":
      return html`${m.saving.title}`;
    case "history":
      return html`${m.reports.history}: <bdi>${sheet.what.name}</bdi>`;
    case "remove":
      return html`${m.remove}: <bdi>${sheet.what.name}</bdi>`;
    case "notes":
      return html`${m.notes.title}`;
    case "drop":
      return html`${m.failed.drop}`;
    case "disable":
      return html`${m.keys.disable}: <bdi>${sheet.key.source}</bdi>`;
    case "disableEmbed":
      return html`${m.embeds.disable}: <bdi>${sheet.embed.name}</bdi>`;
  }
}

function content(sheet: Sheet, context: Context): TemplateResult {
  switch (sheet.kind) {
    case "people":
      return peopleView(sheet, context);
    case "user":
      return userView(sheet, context);
    case "save":
      return saveForm(sheet, context);
    case "history":
      return historyView(sheet, context);
    case "remove":
      return removeView(sheet, context);
    case "notes":
      return notesView(sheet, context);
    case "drop":
      return dropView(sheet, context);
    case "disable":
      return disableView(sheet, context);
    case "disableEmbed":
      return disableEmbedView(sheet, context);
  }
}

function peopleView(sheet: Extract<Sheet, { kind: "people" }>, context: Context): TemplateResult {
  const { actions, m } = context;
  const tabs = sheet.step === 1 ? (["converted"] as const) : STATES;
  return html`<div class="tabs" role="radiogroup" aria-labelledby="sheet-title">
      ${tabs.map(
        (state) => html`<span class="tab">
          <input
            type="radio" name="people" id="people-${state}" .checked=${state === sheet.state}
            @change=${() => actions.people.openStep(sheet.step, sheet.label, state)}
          />
          <label for="people-${state}">${m.people.tabs[state]}</label>
        </span>`,
      )}
    </div>
    ${sheet.list.status === "loading" ? html`<p class="muted" role="status">${m.loading}</p>` : nothing}
    ${sheet.list.status === "failed" ? failureView(sheet.list.failure, context) : nothing}
    ${sheet.list.status === "ready" ? listView(sheet.list.value, context) : nothing}`;
}

function listView(list: UserList, context: Context): TemplateResult {
  const { actions, format, m, state } = context;
  if (list.listed.length === 0) return html`<p class="muted" role="status">${m.people.nobody}</p>`;
  const { timezone } = state.question;
  return html`<p class="muted" role="status">${m.people.shown(list.listed.length, list.total, format)}</p>
    <ul class="people">
      ${list.listed.map(
        (each) => html`<li>
          <button type="button" @click=${() => actions.people.openUser(each.user)}>
            <bdi class="person">${each.user}</bdi>
            <span class="muted">${lastTime(each, timezone, context)}</span>
          </button>
        </li>`,
      )}
    </ul>`;
}

function lastTime({ times }: ListedUser, timezone: string, { format }: Context): string {
  const last = times.filter((time) => time !== null).at(-1);
  return last === undefined ? "" : format.instant(last, timezone);
}

function userView(sheet: Extract<Sheet, { kind: "user" }>, context: Context): TemplateResult {
  const { m, actions } = context;
  return html`${sheet.explanation.status === "loading" ? html`<p class="muted" role="status">${m.loading}</p>` : nothing}
    ${sheet.explanation.status === "failed" ? failureView(sheet.explanation.failure, context) : nothing}
    ${sheet.explanation.status === "ready" ? explanationView(sheet.explanation.value, context) : nothing}
    <p>
      <button type="button" class="copy" @click=${() => actions.go({ page: "users", id: sheet.id })}>${m.people.timeline}</button>
    </p>`;
}

function explanationView(explanation: Explanation, context: Context): TemplateResult {
  const { format, m, state } = context;
  const { spec } = state.compiled;
  const verdict = m.verdicts[explanation.verdict] ?? explanation.text;
  return html`<p class="verdict is-${explanation.verdict}" role="status">
      <b>${verdict}</b> <span class="muted">${m.verdict(verdictWords(explanation, spec), format) ?? explanation.text}</span>
    </p>
    <ol class="timeline">
      ${explanation.events.map((event) => explainedRow(event, explanation, context))}
    </ol>`;
}

function explainedRow(event: ExplainedEvent, explanation: Explanation, { format, m, state }: Context): TemplateResult {
  const { timezone } = state.question;
  const why = m.reason(reasonWords(event, explanation, state.compiled.spec), timezone, format);
  return html`<li class=${event.reason === "chosen" ? "is-chosen" : ""}>
    <span class="timeline-step" aria-hidden="true">${event.step ?? ""}</span>
    <div>
      <bdi class="name">${event.event}</bdi>
      <time datetime=${event.time}>${format.instant(event.time, timezone)}</time>
      <p class="muted">${why === null ? event.text : words(why)}</p>
    </div>
  </li>`;
}
