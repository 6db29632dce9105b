/** The panel in which the question is built: its kind, what it is made of, and the settings. */

import { type TemplateResult, html, nothing } from "lit-html";
import { editCohort, eventsOfOwner, newCohort } from "../question/edit";
import { type Cohort, KINDS, STATES, isBlank } from "../question/model";
import { rangeText } from "../words";
import { addConditionButton, conditionList } from "./conditions";
import { type Context, typed } from "./context";
import { timezoneField } from "./controls";
import { funnelMore, funnelSettings, funnelSteps } from "./question-funnel";
import { pathsAnchor, pathsMore, pathsSettings } from "./question-paths";
import { retentionMore, retentionSelections, retentionSettings } from "./question-retention";
import { trendsMore, trendsSeries, trendsSettings } from "./question-trends";
import { cross, plus } from "./icons";
import { otherPanel } from "./others-shown";
import { problemsOf } from "./problems";
import { carriedFields, selectionFields } from "./selection";

export function questionPanel(context: Context): TemplateResult {
  const { m } = context;
  const other = otherPanel(context);
  return html`<form class="panel question" aria-label=${m.question.label} @submit=${(event: Event) => event.preventDefault()}>
    ${kindTabs(other === null, context)} ${other ?? builder(context)}
  </form>`;
}

/** Which kind is built; none is, while one is shown that is not built here. */
function kindTabs(isBuilt: boolean, { state, actions, m }: Context): TemplateResult {
  return html`<div class="tabs" role="radiogroup" aria-label=${m.kinds.label}>
    ${KINDS.map(
      (kind) => html`<span class="tab">
        <input
          type="radio" name="kind" id="kind-${kind}" .checked=${isBuilt && kind === state.question.kind} @change=${() => actions.explore.setKind(kind)}
        />
        <label for="kind-${kind}" title=${m.kindHints[kind]}>${m.kinds[kind]}</label>
      </span>`,
    )}
  </div>`;
}

function builder(context: Context): TemplateResult {
  const { state, actions, m } = context;
  const { question } = state;
  const own = PARTS[question.kind];
  return html`<div class="panel-head">
      <h2>${own.title(context)}</h2>
      ${isBlank(question) && question.where.length === 0
        ? nothing
        : html`<button type="button" class="quiet" @click=${() => actions.explore.startOver()}>${m.question.startOver}</button>`}
    </div>
    ${own.main(context)} ${settings(context)} ${carriedFields("question", question.carried, context)} ${problemsOf("", context)}`;
}

interface Parts {
  title: (context: Context) => string;
  /** What the question is made of. */
  main: (context: Context) => TemplateResult;
  /** Settings that are always in sight. */
  settings: (context: Context) => TemplateResult;
  /** Settings for the few. */
  more: (context: Context) => TemplateResult | typeof nothing;
  /** Whether one of those is not as usual. */
  isSpecial: (context: Context) => boolean;
}

const PARTS: Record<(typeof KINDS)[number], Parts> = {
  funnel: {
    title: ({ m }) => m.question.steps,
    main: funnelSteps,
    settings: funnelSettings,
    more: funnelMore,
    isSpecial: ({ state: { question: { funnel } } }) =>
      funnel.order !== "ordered" || funnel.ties !== "lenient" || funnel.count !== "users" || funnel.hold.length > 0,
  },
  trends: {
    title: ({ m }) => m.question.series,
    main: trendsSeries,
    settings: trendsSettings,
    more: trendsMore,
    isSpecial: ({ state: { question: { trends } } }) => trends.cumulative || trends.movingAverage !== "",
  },
  retention: {
    title: ({ m }) => m.kinds.retention,
    main: retentionSelections,
    settings: retentionSettings,
    more: retentionMore,
    isSpecial: ({ state: { question: { retention } } }) =>
      retention.mode !== "on" || retention.occurrence !== "first" || retention.brackets !== "",
  },
  paths: {
    title: ({ m }) => m.kinds.paths,
    main: pathsAnchor,
    settings: pathsSettings,
    more: pathsMore,
    isSpecial: ({ state: { question: { paths } } }) => !paths.collapse || paths.only.length > 0 || paths.count !== "users",
  },
};

/** All but what the question is made of; a narrow screen folds it, so that the answer is not far away. */
function settings(context: Context): TemplateResult {
  const { m, state } = context;
  const own = PARTS[state.question.kind];
  const special = own.isSpecial(context) || state.question.cohorts.length > 0;
  const fields = html`${own.settings(context)} ${filterFields(context)}
    <details class="more" ?open=${special}>
      <summary>${m.more}</summary>
      ${cohortFields(context)} ${own.more(context)} ${timezoneField(context)}
    </details>`;
  if (context.wide) return html`<div class="settings">${fields}</div>`;
  const wrong = ["window", "range", "timezone", "breakdown"].some((id) => context.problems.has(id));
  return html`<details class="settings" ?open=${wrong}>
    <summary>${m.question.settings}: ${settingsSummary(context)}</summary>
    ${fields}
  </details>`;
}

/** The settings in a few words. */
function settingsSummary({ state, format, m }: Context): TemplateResult {
  const { range, kind } = state.question;
  const when = range.kind === "all" ? m.question.allTime : rangeText(range, m, format).trim();
  const by = kind === "paths" ? "" : state.question[kind].breakdown.property.trim();
  return html`${when}${by === "" ? nothing : html`, ${m.answer.by(by).map((part) => (typeof part === "string" ? part : html`<bdi>${part.name}</bdi>`))}`}`;
}

function filterFields(context: Context): TemplateResult {
  const { state, m } = context;
  const { where, kind } = state.question;
  return html`<fieldset class="field">
    <legend>${kind === "funnel" ? m.question.filtersFunnel : m.question.filters}</legend>
    ${conditionList("question", where, context)} ${addConditionButton("question", kind === "funnel" ? m.question.everyStep : m.question.everyEvent, context)}
  </fieldset>`;
}

// Only users who …

function cohortFields(context: Context): TemplateResult {
  const { state, actions, m } = context;
  const { cohorts } = state.question;
  const add = () => {
    const cohort = newCohort();
    if (cohort.how === "did") actions.lists.open(`event-${cohort.matches[0]!.id}`, true);
    actions.explore.change((question) => ({ ...question, cohorts: [...question.cohorts, cohort] }));
  };
  return html`<fieldset class="field">
    <legend>${m.question.cohort}</legend>
    ${cohorts.map((cohort, index) => cohortRow(cohort, index, context))}
    <button type="button" class="quiet" @click=${add}>${plus} ${m.question.addCohort}</button>
  </fieldset>`;
}

function cohortRow(cohort: Cohort, index: number, context: Context): TemplateResult {
  const { actions, m } = context;
  const name = m.question.cohortName(index + 1);
  const change = (edit: ((cohort: Cohort) => Cohort) | null, typing = false) =>
    actions.explore.change((question) => editCohort(question, cohort.id, edit), { typing });
  const remove = html`<button type="button" class="icon-button" aria-label=${m.question.removeIt(name)} @click=${() => change(null)}>${cross}</button>`;
  return html`<div class="cohort" role="group" aria-label=${name}>
    ${cohort.how === "did"
      ? didFields(cohort, index, remove, change, context)
      : html`<div class="match-line">
            <span>${cohort.how === "report" ? m.question.inReport : m.question.inInlineFunnel}</span> ${remove}
          </div>
          ${cohort.how === "report" ? html`<code>${cohort.report}</code>` : html`<code class="cut">${JSON.stringify(cohort.funnel)}</code>`}
          ${placeFields(cohort, change, context)}`}
    ${problemsOf(cohort.id, context)}
  </div>`;
}

type ChangeCohort = (edit: (cohort: Cohort) => Cohort, typing?: boolean) => void;

function didFields(
  cohort: Extract<Cohort, { how: "did" }>,
  index: number,
  remove: TemplateResult,
  change: ChangeCohort,
  context: Context,
): TemplateResult {
  const { m } = context;
  const number = (field: "atLeast" | "atMost", label: string) => html`<label class="inline-number">
    <span>${label}</span>
    <input
      type="number" min="0" step="1" inputmode="numeric" .value=${cohort[field]}
      @input=${(event: Event) => change((each) => ({ ...each, [field]: typed(event) }) as Cohort, true)}
    />
  </label>`;
  const spans = ["7d", "30d", "90d"];
  const last = cohort.range.kind === "last" ? cohort.range.last : "";
  const known = cohort.range.kind !== "dates" && (last === "" || spans.includes(last));
  return html`${selectionFields(
      cohort,
      { name: m.question.cohortName(index + 1), label: () => m.question.eventOfCohort(index + 1), tools: remove },
      context,
    )}
    <div class="cohort-line">
      ${number("atLeast", m.question.atLeast)} ${number("atMost", m.question.atMost)} <span class="muted">${m.question.times}</span>
      <select
        aria-label=${m.question.cohortRange(index + 1)}
        @change=${(event: Event) => {
          const value = typed(event);
          change((each) => ({ ...each, range: value === "" ? { kind: "all" } : { kind: "last", last: value } }) as Cohort);
        }}
      >
        <option value="" ?selected=${cohort.range.kind === "all"}>${m.question.everTime}</option>
        ${spans.map((span) => html`<option value=${span} ?selected=${span === last}>${m.question.last(context.format.span(Number.parseInt(span, 10), "d"))}</option>`)}
        ${known ? nothing : html`<option value=${last} selected>${cohort.range.kind === "dates" ? `${cohort.range.from} – ${cohort.range.to}` : last}</option>`}
      </select>
    </div>`;
}

function placeFields(cohort: Exclude<Cohort, { how: "did" }>, change: ChangeCohort, { m }: Context): TemplateResult {
  return html`<div class="cohort-line">
    <select
      aria-label=${m.question.states[cohort.state]}
      @change=${(event: Event) => change((each) => ({ ...each, state: typed(event) }) as Cohort)}
    >
      ${STATES.map((state) => html`<option value=${state} ?selected=${state === cohort.state}>${m.question.states[state]}</option>`)}
    </select>
    <label class="inline-number">
      <span>${m.question.atStepOf}</span>
      <input
        type="number" min="1" step="1" placeholder=${m.question.lastStepShort} .value=${cohort.step === null ? "" : String(cohort.step)}
        @input=${(event: Event) => change((each) => ({ ...each, step: Number(typed(event)) || null }) as Cohort, true)}
      />
    </label>
  </div>`;
}

/** The events whose properties a breakdown may name. */
export function splitEvents({ state }: Context): string[] {
  return eventsOfOwner(state.question, "question");
}

