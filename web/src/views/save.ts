/** Saving a question, and what else concerns a report: its history, its removal, notes on days. */

import { type TemplateResult, html, nothing } from "lit-html";
import { live } from "lit-html/directives/live.js";
import type { Revision } from "../answers";
import type { Failure } from "../api";
import { CHECK_EVERY, CHECK_MEASURES, isShare, newCheck } from "../question/check";
import { type CheckDraft, type Sheet, mayEdit } from "../state";
import { lastText } from "../words";
import { type Context, typed } from "./context";
import { choose } from "./controls";
import { cross } from "./icons";

export function saveForm(sheet: Extract<Sheet, { kind: "save" }>, context: Context): TemplateResult {
  const { m, actions, state } = context;
  const { draft, saving, over } = sheet;
  const busy = saving.status === "saving";
  const folders = state.reports?.status === "ready" ? [...new Set(state.reports.value.map(({ folder }) => folder))].filter((folder) => folder !== "") : [];
  const send = (event: Event) => {
    event.preventDefault();
    void actions.reports.save(over);
  };
  const line = (field: "name" | "folder", label: string, more: { required?: boolean; list?: string } = {}) => html`<div class="field">
    <label for="save-${field}">${label}</label>
    <input
      id="save-${field}" type="text" dir="auto" maxlength="200" ?required=${more.required} list=${more.list ?? nothing} .value=${live(draft[field])}
      @input=${(event: Event) => actions.reports.changeDraft({ [field]: typed(event) })}
    />
  </div>`;
  return html`<form @submit=${send}>
    ${line("name", m.saving.name, { required: true })} ${line("folder", m.saving.folder, { list: "folders" })}
    <datalist id="folders">${folders.map((folder) => html`<option value=${folder}></option>`)}</datalist>
    <div class="field">
      <label for="save-description">${m.saving.description}</label>
      <textarea
        id="save-description" rows="3" dir="auto" maxlength="2000" .value=${live(draft.description)}
        @input=${(event: Event) => actions.reports.changeDraft({ description: typed(event) })}
      ></textarea>
    </div>
    ${checkFields(draft.check, context)}
    ${saving.status === "failed" ? failed(saving.failure, context) : nothing}
    ${saving.status === "changed"
      ? conflict(saving.current, context)
      : html`<p class="buttons">
          <button type="submit" class="primary" ?disabled=${busy}>${over === null ? m.saving.saveNew : m.saving.saveOver}</button>
          ${over === null ? nothing : html`<button type="button" class="copy" ?disabled=${busy} @click=${() => actions.reports.save(null)}>${m.saving.saveNew}</button>`}
        </p>`}
  </form>`;
}

/** What the answer is held against on a schedule, for questions that have a number to hold. */
function checkFields(check: CheckDraft | null, context: Context): TemplateResult | typeof nothing {
  const { m, actions, state } = context;
  const { kind } = state.question;
  const measures = CHECK_MEASURES[kind];
  if (measures === undefined || state.raw !== null) return nothing;
  const change = (part: Partial<CheckDraft>) => actions.reports.changeDraft({ check: { ...(check ?? newCheck(kind)!), ...part } });
  const input = (field: "at" | "below" | "above" | "webhook", label: string, placeholder: string, type = "text") => html`<div class="field">
    <label for="check-${field}">${label}</label>
    <input
      id="check-${field}" type=${type} placeholder=${placeholder} spellcheck="false" .value=${live(check?.[field] ?? "")}
      @input=${(event: Event) => change({ [field]: typed(event) })}
    />
  </div>`;
  return html`<fieldset class="check">
    <div class="field tick-field">
      <input
        id="check" type="checkbox" .checked=${live(check !== null)}
        @change=${(event: Event) => actions.reports.changeDraft({ check: (event.target as HTMLInputElement).checked ? newCheck(kind) : null })}
      />
      <label for="check">${m.checks.title}</label>
    </div>
    ${check === null
      ? nothing
      : html`<div class="pair">
            ${choose(
              { id: "check-measure", label: m.checks.measure, value: check.measure, among: measures.map((measure) => ({ value: measure, text: m.checks.measures[measure] ?? measure })), pick: (measure) => change({ measure, at: "" }) },
              context,
            )}
            ${input("at", m.checks.at[kind] ?? "", m.checks.usual[kind] ?? "")}
          </div>
          <div class="pair">
            ${input("below", m.checks.below(isShare(check.measure)), "")} ${input("above", m.checks.above(isShare(check.measure)), "")}
          </div>
          ${choose(
            { id: "check-every", label: m.checks.every, value: check.every, among: everyOptions(check.every, context), pick: (every) => change({ every }) },
            context,
          )}
          ${input("webhook", m.checks.webhook, "https://", "url")}
          <p class="hint">${m.checks.hint}</p>`}
  </fieldset>`;
}

function everyOptions(chosen: string, { format }: Context): { value: string; text: string }[] {
  const known: readonly string[] = CHECK_EVERY;
  const all = known.includes(chosen) ? known : [chosen, ...known];
  return all.map((value) => ({ value, text: lastText(value, format) }));
}

/** Somebody else saved it in between: what was built here is still here, and the person decides. */
function conflict(current: { id: string; revision: number; saved_by: string | null; saved_at: string; name: string }, context: Context): TemplateResult {
  const { m, actions, format, state } = context;
  const when = format.instant(current.saved_at, state.question.timezone);
  return html`<div class="notice" role="alert">
    <p>${m.saving.changed(current.saved_by, when)}</p>
    <p class="buttons">
      <a class="copy" href="#/reports/${current.id}" target="_blank" rel="noopener">${m.saving.seeTheirs}</a>
      <button type="button" class="copy" @click=${() => actions.reports.save(null)}>${m.saving.saveNew}</button>
      <button type="button" class="copy" @click=${() => actions.reports.save({ id: current.id, revision: current.revision })}>${m.saving.saveAnyway}</button>
    </p>
  </div>`;
}

/** Why something was not saved, in a few words. */
export function failed(failure: Failure, { m }: Context): TemplateResult {
  if (failure.kind === "unreachable") return html`<p class="problems" role="alert">${m.failure.unreachableTitle}</p>`;
  const problems = failure.kind === "invalid" ? failure.problems : [];
  return html`<div class="problems" role="alert">
    ${problems.length === 0 ? html`<p>${failure.message}</p>` : problems.map(({ field, message }) => html`<p><code>${field}</code>: ${message}</p>`)}
  </div>`;
}

export function historyView(sheet: Extract<Sheet, { kind: "history" }>, context: Context): TemplateResult {
  const { m } = context;
  const { revisions } = sheet;
  if (revisions.status === "loading") return html`<p class="muted" role="status">${m.loading}</p>`;
  if (revisions.status === "failed") return failed(revisions.failure, context);
  return html`<ol class="revisions">
    ${revisions.value.map((revision) => revisionRow(revision, sheet, context))}
  </ol>`;
}

function revisionRow({ revision, saved_at, saved_by, name, removed }: Revision, sheet: Extract<Sheet, { kind: "history" }>, context: Context): TemplateResult {
  const { m, actions, format, state } = context;
  const { of, what } = sheet;
  const newest = revision === what.revision;
  return html`<li>
    <span class="revision-number">${revision}</span>
    <div>
      <b><bdi>${name ?? ""}</bdi></b> ${removed ? html`<span class="warn">${m.saving.removed}</span>` : nothing}
      <p class="muted">${format.instant(saved_at, state.question.timezone)}${saved_by === null ? nothing : html`, <bdi>${saved_by}</bdi>`}</p>
    </div>
    <span class="report-tools">
      ${newest && !removed ? html`<span class="muted">${m.saving.newest}</span>` : nothing}
      ${of === "dashboards" && !newest && !removed
        ? html`<button type="button" class="quiet" aria-label=${m.saving.lookAt(revision)} @click=${() => actions.go({ page: "dashboards", id: what.id, revision })}>${m.saving.look}</button>`
        : nothing}
      ${newest || removed || !mayEdit(state) || what.newer === true
        ? nothing
        : html`<button type="button" class="copy" aria-label=${m.saving.restoreOf(revision)} @click=${() => actions.reports.restore(sheet, revision)}>${m.saving.restore}</button>`}
    </span>
  </li>`;
}

export function removeView(sheet: Extract<Sheet, { kind: "remove" }>, context: Context): TemplateResult {
  const { m, actions } = context;
  const { saving } = sheet;
  return html`<p>${m.saving.removeHint}</p>
    ${saving.status === "failed" ? failed(saving.failure, context) : nothing}
    <p class="buttons">
      <button type="button" class="primary" ?disabled=${saving.status === "saving"} @click=${() => actions.reports.remove(sheet)}>${m.remove}</button>
      <button type="button" class="copy" @click=${() => actions.closeSheet()}>${m.cancel}</button>
    </p>`;
}

export function notesView(sheet: Extract<Sheet, { kind: "notes" }>, context: Context): TemplateResult {
  const { m, actions, state, format } = context;
  const notes = state.annotations?.status === "ready" ? [...state.annotations.value].reverse() : [];
  const add = (event: Event) => {
    event.preventDefault();
    void actions.reports.addNote();
  };
  return html`<p class="muted">${m.notes.hint}</p>
    <form class="note-form" @submit=${add}>
      <div class="field">
        <label for="note-date">${m.notes.date}</label>
        <input id="note-date" type="date" required .value=${live(sheet.date)} @input=${(event: Event) => actions.reports.changeNote({ date: typed(event) })} />
      </div>
      <div class="field">
        <label for="note-text">${m.notes.text}</label>
        <input
          id="note-text" type="text" dir="auto" maxlength="2000" required .value=${live(sheet.text)}
          @input=${(event: Event) => actions.reports.changeNote({ text: typed(event) })}
        />
      </div>
      <button type="submit" class="primary" ?disabled=${sheet.saving.status === "saving"}>${m.notes.add}</button>
    </form>
    ${sheet.saving.status === "failed" ? failed(sheet.saving.failure, context) : nothing}
    <ul class="notes">
      ${notes.map(
        (note) => html`<li>
          <time datetime=${note.date}>${format.date(note.date)}</time> <bdi>${note.text}</bdi>
          <button type="button" class="icon-button" aria-label=${m.question.removeIt(note.text)} @click=${() => actions.reports.removeNote(note)}>${cross}</button>
        </li>`,
      )}
    </ul>`;
}
