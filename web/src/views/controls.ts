/** Controls that many settings share. */

import { type TemplateResult, html, nothing } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { type Interval, type Range, type Window, type WindowUnit, WINDOW_UNITS } from "../question/model";
import { isDate } from "../question/compile";
import { lastText } from "../words";
import { type Context, typed } from "./context";
import { propertyField } from "./fields";
import { describedBy, problemsOf } from "./problems";

const LAST_PRESETS = ["7d", "30d", "90d"];

/** A choice from a few. */
export function choose<T extends string>(
  options: { id?: string; label: string; hideLabel?: boolean; value: T; among: readonly { value: T; text: string }[]; pick: (value: T) => void; hint?: string },
  context: Context,
): TemplateResult {
  const id = options.id ?? `choose-${options.label.replace(/[^\p{L}\p{N}]+/gu, "-")}`;
  return html`<div class="field">
    <label for=${id} class=${options.hideLabel ? "spoken" : ""}>${options.label}</label>
    <select
      id=${id} title=${options.hint ?? nothing} aria-describedby=${describedBy(id, context)}
      @change=${(event: Event) => options.pick(typed(event) as T)}
    >
      ${options.among.map(({ value, text }) => html`<option value=${value} ?selected=${value === options.value}>${text}</option>`)}
    </select>
    ${problemsOf(id, context)}
  </div>`;
}

/** What a field of a spec may be, with its names. */
export function named<T extends string>(values: readonly T[], names: Record<T, string>): { value: T; text: string }[] {
  return values.map((value) => ({ value, text: names[value] }));
}

export function intervals(m: Context["m"]): { value: Interval; text: string }[] {
  return named(["hour", "day", "week", "month"] as const, m.question.intervals);
}

/** Yes or no. */
export function tick(options: { id: string; label: string; on: boolean; set: (on: boolean) => void; title?: string }, context: Context): TemplateResult {
  return html`<div class="field tick-field">
    <input
      type="checkbox" id=${options.id} .checked=${live(options.on)} aria-describedby=${describedBy(options.id, context)}
      @change=${(event: Event) => options.set((event.target as HTMLInputElement).checked)}
    />
    <label for=${options.id} title=${options.title ?? nothing}>${options.label}</label>
    ${problemsOf(options.id, context)}
  </div>`;
}

/** A whole number, as it is typed. */
export function numberField(
  options: { id: string; label: string; value: string; placeholder?: string; least?: number; type: (text: string) => void },
  context: Context,
): TemplateResult {
  return html`<div class="field">
    <label for=${options.id}>${options.label}</label>
    <input
      id=${options.id} type="number" min=${options.least ?? 1} step="1" inputmode="numeric" placeholder=${options.placeholder ?? ""}
      aria-describedby=${describedBy(options.id, context)} .value=${live(options.value)}
      @input=${(event: Event) => options.type(typed(event))}
    />
    ${problemsOf(options.id, context)}
  </div>`;
}

/** A span of time, or the session. */
export function windowField(label: string, window: Window, change: (window: Window, typing: boolean) => void, context: Context): TemplateResult {
  const { m } = context;
  const units = [...WINDOW_UNITS.filter((unit) => unit !== "ms" || window.unit === "ms"), "session"] as const;
  const setUnit = (unit: WindowUnit | "session") => {
    if (unit === "session") change({ amount: "", unit }, false);
    else change({ amount: window.amount === "" ? "1" : window.amount, unit }, false);
  };
  return html`<fieldset class="field">
    <legend>${label}</legend>
    <div class="pair">
      ${window.unit === "session"
        ? nothing
        : html`<input
            id="window" type="number" min="1" step="1" inputmode="numeric" aria-label=${m.question.windowAmount}
            aria-describedby=${describedBy("window", context)} .value=${live(window.amount)}
            @input=${(event: Event) => change({ ...window, amount: typed(event) }, true)}
          />`}
      <select aria-label=${m.question.windowUnit} @change=${(event: Event) => setUnit(typed(event) as WindowUnit)}>
        ${units.map((unit) => html`<option value=${unit} ?selected=${unit === window.unit}>${m.question.units[unit]}</option>`)}
      </select>
    </div>
    ${problemsOf("window", context)}
  </fieldset>`;
}

/** When: the last days, all time, or dates. */
export function rangeField(legend: string, range: Range, context: Context): TemplateResult {
  const { actions, format, m } = context;
  const last = range.kind === "last" ? range.last : null;
  const lasts = last === null || LAST_PRESETS.includes(last) ? LAST_PRESETS : [last, ...LAST_PRESETS];
  const set = (next: Range) => actions.explore.setRange(next);
  const choice = (id: string, label: string, checked: boolean, pick: () => void) => html`<span class="choice">
    <input type="radio" name="range" id="range-${id}" .checked=${live(checked)} @change=${pick} />
    <label for="range-${id}">${label}</label>
  </span>`;
  return html`<fieldset class="field" id="range">
    <legend>${legend}</legend>
    <div class="choices">
      ${lasts.map((each) => choice(each, m.question.last(lastText(each, format)), each === last, () => set({ kind: "last", last: each })))}
      ${choice("all", m.question.allTime, range.kind === "all", () => set({ kind: "all" }))}
      ${choice("dates", m.question.dates, range.kind === "dates", () => set(actions.explore.lastDates()))}
    </div>
    ${range.kind === "dates" ? datesFields(range, set, context) : nothing} ${problemsOf("range", context)}
  </fieldset>`;
}

export function datesFields(range: Extract<Range, { kind: "dates" }>, set: (range: Range) => void, { m }: Context): TemplateResult {
  return html`<div class="pair">
    ${dateField(m.question.from, m.question.from, range.from, (from) => set({ ...range, from }))}
    ${dateField(m.question.toInclusive, m.question.to, range.to, (to) => set({ ...range, to }))}
  </div>`;
}

/** A day; an instant, which a link may hold, is edited as text. */
function dateField(dayLabel: string, instantLabel: string, value: string, set: (value: string) => void): TemplateResult {
  const day = value === "" || isDate(value);
  return html`<label class="date">
    <span>${day ? dayLabel : instantLabel}</span>
    <input type=${day ? "date" : "text"} .value=${live(value)} @change=${(event: Event) => set(typed(event))} />
  </label>`;
}

export function timezoneField(context: Context): TemplateResult {
  const { state, actions, timezones, m } = context;
  const { timezone } = state.question;
  const zones = timezones.includes(timezone) ? timezones : [timezone, ...timezones];
  return choose(
    {
      id: "timezone",
      label: m.question.timezone,
      value: timezone,
      among: zones.map((zone) => ({ value: zone, text: zone.replaceAll("_", " ") })),
      pick: (zone) => actions.explore.change((question) => ({ ...question, timezone: zone })),
    },
    context,
  );
}

const LIMITS = [5, 10, 20, 50];

/** By which property an answer is split. */
export function splitField(
  split: { property: string; limit: number | null },
  change: (split: { property?: string; limit?: number | null }, typing: boolean) => void,
  more: TemplateResult | typeof nothing,
  events: readonly string[],
  context: Context,
): TemplateResult {
  const { m } = context;
  const limits = split.limit === null || LIMITS.includes(split.limit) ? LIMITS : [split.limit, ...LIMITS];
  return html`<fieldset class="field">
    <legend>${m.question.breakdown}</legend>
    <div class="pair">
      ${propertyField(
        {
          id: "breakdown",
          label: m.question.breakdownProperty,
          placeholder: m.question.propertyPlaceholder,
          value: split.property,
          events,
          type: (property) => change({ property }, true),
          pick: (property) => change({ property }, false),
        },
        context,
      )}
      ${split.property.trim() === ""
        ? nothing
        : html`${more}
            <select
              aria-label=${m.question.breakdownLimit}
              @change=${(event: Event) => change({ limit: typed(event) === "10" ? null : Number(typed(event)) }, false)}
            >
              ${limits.map((limit) => html`<option value=${limit} ?selected=${limit === (split.limit ?? 10)}>${m.question.limit(limit)}</option>`)}
            </select>`}
    </div>
    ${problemsOf("breakdown", context)}
  </fieldset>`;
}

/** A list of properties or events, each with a way to take it out, and a field to add one. */
export function tokens(
  values: readonly string[],
  options: { legend: string; title?: string; field: TemplateResult; remove: (value: string) => void; name?: (value: string) => string; about: string },
  context: Context,
): TemplateResult {
  return html`<fieldset class="field" title=${options.title ?? nothing}>
    <legend>${options.legend}</legend>
    ${values.length === 0
      ? nothing
      : html`<ul class="carried">
          ${values.map(
            (value) => html`<li>
              <bdi>${options.name?.(value) ?? value}</bdi>
              <button
                type="button" class="icon-button" aria-label=${context.m.question.removeIt(value)}
                @click=${() => options.remove(value)}
              >✕</button>
            </li>`,
          )}
        </ul>`}
    ${options.field} ${problemsOf(options.about, context)}
  </fieldset>`;
}
