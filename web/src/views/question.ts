/** The panel in which the question is built: steps, time, groups. */

import { type TemplateResult, html, nothing } from "lit-html";
import { guard } from "lit-html/directives/guard.js";
import { live } from "lit-html/directives/live.js";
import { repeat } from "lit-html/directives/repeat.js";
import {
  type Carried, type ConditionOwner, type Match, type Range, type Step, type WindowUnit, WINDOW_UNITS, stepIsChosen,
  stepName,
} from "../model";
import { lastText, rangeText } from "../sentence";
import { isDate } from "../spec";
import { combobox } from "./combobox";
import { addConditionButton, conditionList } from "./conditions";
import type { Context } from "./context";
import { cross, down, plus, up } from "./icons";
import { describedBy, problemsOf } from "./problems";

const UNIT_LABELS: Record<WindowUnit, string> = {
  ms: "milliseconds", s: "seconds", m: "minutes", h: "hours", d: "days", w: "weeks",
};
const LAST_PRESETS = ["7d", "30d", "90d"];

export function questionPanel(context: Context): TemplateResult {
  const { state, actions } = context;
  const { question } = state;
  const blank = question.steps.length === 1 && !stepIsChosen(question.steps[0]!);
  return html`<form class="panel question" aria-label="Question" @submit=${(event: Event) => event.preventDefault()}>
    <div class="panel-head">
      <h2>Steps</h2>
      ${blank ? nothing : html`<button type="button" class="quiet" @click=${() => actions.startOver()}>Start over</button>`}
    </div>
    <ol class="steps">
      ${repeat(question.steps, ({ id }) => id, (step, index) => stepCard(step, index, context))}
    </ol>
    <button type="button" class="add-step" ?hidden=${blank} @click=${() => actions.addStep()}>${plus} Add a step</button>
    ${settings(context)}
    ${carriedFields("question", question.carried, context)}
  </form>`;
}

/** All but the steps; a narrow screen folds it, so that the answer is not far away. */
function settings(context: Context): TemplateResult {
  const fields = html`${timeFields(context)} ${groupFields(context)}`;
  if (context.wide) return html`<div class="settings">${fields}</div>`;
  const wrong = ["window", "range", "timezone", "breakdown"].some((id) => context.problems.has(id));
  return html`<details class="settings" ?open=${wrong}>
    <summary>${settingsSummary(context)}</summary>
    ${fields}
  </details>`;
}

/** The settings in a few words. */
function settingsSummary({ state, format }: Context): TemplateResult {
  const { range, window, carried, breakdown } = state.question;
  const when = range.kind === "all" ? "all time" : rangeText(range, format).trim();
  const within = "window" in carried ? "" : `, steps within ${format.window(window)}`;
  const by = breakdown.property.trim();
  return html`Settings: ${when}${within}${by === "" ? nothing : html`, by <bdi>${by}</bdi>`}`;
}

function stepCard(step: Step, index: number, context: Context): TemplateResult {
  const number = index + 1;
  return html`<li class="step">
    <span class="step-number" aria-hidden="true">${number}</span>
    <div class="step-body" role="group" aria-label="Step ${number}">
      ${repeat(step.matches, ({ id }) => id, (match, at) => matchFields(step, match, number, at, context))}
      ${carriedFields(step.id, step.carried, context)}
    </div>
  </li>`;
}

function stepTools(step: Step, number: number, { state, actions }: Context): TemplateResult {
  const count = state.question.steps.length;
  const [atTop, atEnd] = [number === 1, number === count];
  return html`<div class="step-tools" ?hidden=${count === 1 && !stepIsChosen(step)}>
    <button
      id="up-${step.id}" type="button" class="icon-button" aria-label="Move step ${number} up"
      aria-disabled=${atTop ? "true" : nothing} @click=${() => actions.moveStep(step.id, -1)}
    >${up}</button>
    <button
      id="down-${step.id}" type="button" class="icon-button" aria-label="Move step ${number} down"
      aria-disabled=${atEnd ? "true" : nothing} @click=${() => actions.moveStep(step.id, 1)}
    >${down}</button>
    <button
      type="button" class="icon-button" aria-label="Remove step ${number}" @click=${() => actions.removeStep(step.id)}
    >${cross}</button>
  </div>`;
}

function matchFields(step: Step, match: Match, number: number, at: number, context: Context): TemplateResult {
  const { actions } = context;
  const label = at === 0 ? `Event of step ${number}` : `Event of step ${number}, alternative ${at + 1}`;
  const last = at === step.matches.length - 1;
  return html`<div class="match">
    <div class="match-line">
      ${at > 0 ? html`<span class="condition-word">or</span>` : nothing} ${combobox(match, label, context)}
      ${at === 0 ? stepTools(step, number, context) : nothing}
      ${at > 0
        ? html`<button
            type="button" class="icon-button" aria-label="Remove alternative ${at + 1} of step ${number}"
            @click=${() => actions.removeMatch(match.id)}
          >${cross}</button>`
        : nothing}
    </div>
    ${problemsOf(match.id, context)} ${conditionList(match.id, match.where, context)}
    ${match.event === ""
      ? nothing
      : html`<div class="match-tools">
          ${addConditionButton(match.id, `step ${number}`, context)}
          ${last
            ? html`<button
                type="button" class="quiet" aria-label="Add an alternative to step ${number}"
                @click=${() => actions.addMatch(step.id)}
              >${plus} or</button>`
            : nothing}
        </div>`}
    ${carriedFields(match.id, match.carried, context)}
  </div>`;
}

function timeFields(context: Context): TemplateResult {
  const { state, actions } = context;
  const { window, timezone, carried } = state.question;
  const value = (event: Event) => (event.target as HTMLInputElement).value;
  return html`<fieldset class="field" ?hidden=${"window" in carried}>
      <legend>All steps within</legend>
      <div class="pair">
        <input
          id="window" type="number" min="1" step="1" inputmode="numeric" aria-label="Window"
          aria-describedby=${describedBy("window", context)} .value=${live(window.amount)}
          @input=${(event: Event) => actions.changeWindow({ amount: value(event) })}
        />
        <select
          aria-label="Unit of the window"
          @change=${(event: Event) => actions.changeWindow({ unit: value(event) as WindowUnit })}
        >
          ${WINDOW_UNITS.filter((unit) => unit !== "ms" || window.unit === "ms").map(
            (unit) => html`<option value=${unit} ?selected=${unit === window.unit}>${UNIT_LABELS[unit]}</option>`,
          )}
        </select>
      </div>
      ${problemsOf("window", context)}
    </fieldset>
    ${rangeFields(context)}
    <div class="field">
      <label for="timezone">Days in time zone</label>
      <select id="timezone" @change=${(event: Event) => actions.setTimezone(value(event))}>
        ${guard([timezone], () => zoneOptions(timezone, context.timezones))}
      </select>
      ${problemsOf("timezone", context)}
    </div>`;
}

function zoneOptions(chosen: string, known: readonly string[]): TemplateResult[] {
  const zones = [...new Set([chosen, "UTC", ...known])].sort();
  return zones.map((zone) => html`<option value=${zone} ?selected=${zone === chosen}>${zone.replaceAll("_", " ")}</option>`);
}

function rangeFields(context: Context): TemplateResult {
  const { state, actions, format } = context;
  const { range } = state.question;
  const last = range.kind === "last" ? range.last : null;
  const lasts = last === null || LAST_PRESETS.includes(last) ? LAST_PRESETS : [last, ...LAST_PRESETS];
  const choice = (id: string, label: string, checked: boolean, choose: () => void) => html`<span class="choice">
    <input type="radio" name="range" id="range-${id}" .checked=${live(checked)} @change=${choose} />
    <label for="range-${id}">${label}</label>
  </span>`;
  const change = (next: Range) => actions.setRange(next);
  return html`<fieldset class="field" id="range">
    <legend>First step happened</legend>
    <div class="choices">
      ${lasts.map((each) =>
        choice(each, `Last ${lastText(each, format)}`, each === last, () => change({ kind: "last", last: each })),
      )}
      ${choice("all", "All time", range.kind === "all", () => change({ kind: "all" }))}
      ${choice("dates", "Dates…", range.kind === "dates", () => actions.chooseDates())}
    </div>
    ${range.kind === "dates"
      ? html`<div class="pair">
          ${dateField("From", range.from, (from) => change({ ...range, from }))}
          ${dateField("To, inclusive", range.to, (to) => change({ ...range, to }))}
        </div>`
      : nothing}
    ${problemsOf("range", context)}
  </fieldset>`;
}

/** A day; an instant, which a link may hold, is edited as text. */
function dateField(label: string, value: string, change: (value: string) => void): TemplateResult {
  const day = value === "" || isDate(value);
  return html`<label class="date">
    <span>${day ? label : label.split(",")[0]}</span>
    <input
      type=${day ? "date" : "text"} .value=${live(value)}
      @change=${(event: Event) => change((event.target as HTMLInputElement).value)}
    />
  </label>`;
}

function groupFields(context: Context): TemplateResult {
  const { state, actions } = context;
  const { breakdown, steps, where } = state.question;
  const stepId = steps.some(({ id }) => id === breakdown.stepId) ? breakdown.stepId : steps[0]!.id;
  const value = (event: Event) => (event.target as HTMLInputElement).value;
  return html`<fieldset class="field">
      <legend>Break down by</legend>
      <div class="pair">
        <input
          id="breakdown" type="text" dir="auto" placeholder="property, such as plan" aria-label="Property to break down by"
          aria-describedby=${describedBy("breakdown", context)} autocapitalize="off" spellcheck="false"
          .value=${live(breakdown.property)}
          @input=${(event: Event) => actions.changeBreakdown({ property: value(event) })}
        />
        ${breakdown.property.trim() === "" || steps.length < 2
          ? nothing
          : html`<select
              aria-label="Step that holds the property"
              @change=${(event: Event) => actions.changeBreakdown({ stepId: value(event) })}
            >
              ${steps.map(
                (step, index) =>
                  html`<option value=${step.id} ?selected=${step.id === stepId}>at ${index + 1} ${stepName(step)}</option>`,
              )}
            </select>`}
      </div>
      ${problemsOf("breakdown", context)}
    </fieldset>
    <fieldset class="field">
      <legend>Filter every step</legend>
      ${conditionList("question", where, context)} ${addConditionButton("question", "every step", context)}
    </fieldset>`;
}

/** Fields that came with a link and have no control here: shown, so that nothing is asked unseen, and removable. */
function carriedFields(owner: ConditionOwner, carried: Carried, context: Context): TemplateResult | typeof nothing {
  const fields = Object.entries(carried);
  if (fields.length === 0) return nothing;
  return html`<ul class="carried" aria-label="More in this question">
    ${fields.map(
      ([field, value]) => html`<li>
        <code>${field}: ${JSON.stringify(value)}</code>
        <button type="button" class="icon-button" aria-label="Remove ${field}" @click=${() => context.actions.dropCarried(owner, field)}>
          ${cross}
        </button>
      </li>`,
    )}
  </ul>`;
}
