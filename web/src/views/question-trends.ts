/** What trends are made of. */

import { type TemplateResult, html, nothing } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { repeat } from "lit-html/directives/repeat.js";
import { measuresProperty } from "../question/compile";
import { addFormula, editFormula, editSeries, editTrends } from "../question/edit";
import { type Formula, type Series, MEASURES, isBlank, isChosen } from "../question/model";
import type { Messages } from "../messages";
import { type Context, typed } from "./context";
import { choose, intervals, numberField, rangeField, splitField, tick } from "./controls";
import { propertyField } from "./fields";
import { cross, plus } from "./icons";
import { problemsOf } from "./problems";
import { splitEvents } from "./question";
import { dragHandle, listTools, onDragLeave, onDragOver, onDrop, selectionFields } from "./selection";

/** The letter by which formulas name a series. */
export function letterOf(index: number): string {
  return String.fromCharCode(65 + index);
}

export function trendsSeries(context: Context): TemplateResult {
  const { state, actions, m } = context;
  const { series, formulas } = state.question.trends;
  const blank = isBlank(state.question) && series.length === 1;
  const add = () => {
    const [question, formula] = addFormula(state.question);
    actions.explore.change(() => question, { focus: formula.id });
  };
  return html`<ol class="steps series">
      ${repeat(series, ({ id }) => id, (each, index) => seriesCard(each, index, series.length, context))}
    </ol>
    <button type="button" class="add-step" ?hidden=${blank} @click=${() => actions.explore.addSelection()}>${plus} ${m.question.addSeries}</button>
    ${formulas.map((formula, index) => formulaRow(formula, index, context))}
    ${blank ? nothing : html`<button type="button" class="quiet" @click=${add}>${plus} ${m.question.addFormula}</button>`}`;
}

function seriesCard(series: Series, index: number, count: number, context: Context): TemplateResult {
  const { m, state } = context;
  // The letter that it has in the spec, where series without an event are left out.
  const letter = letterOf(state.compiled.numbers.get(series.id) ?? index);
  const name = m.question.seriesName(letter);
  return html`<li class="step" @dragover=${onDragOver} @dragleave=${onDragLeave} @drop=${onDrop(index, context)}>
    ${dragHandle(series, letter, m.question.drag(name), count > 1)}
    <div class="step-body" role="group" aria-label=${name}>
      ${selectionFields(
        series,
        {
          name,
          label: (alternative) => m.question.eventOfSeries(letter, alternative),
          tools: count === 1 && !isChosen(series) ? nothing : listTools(series, name, index, count, context),
          canBeNamed: true,
        },
        context,
      )}
      ${isChosen(series) ? measureFields(series, letter, context) : nothing}
    </div>
  </li>`;
}

function measureFields(series: Series, letter: string, context: Context): TemplateResult {
  const { actions, m } = context;
  const edit = (change: Partial<Series>, typing = false) =>
    actions.explore.change((question) => editSeries(question, series.id, change), { typing });
  const known: readonly string[] = MEASURES;
  const measures = known.includes(series.measure) ? known : [...known, series.measure];
  const events = series.matches.map(({ event }) => event);
  return html`<div class="cohort-line measure">
    <select aria-label=${m.question.measureOf(letter)} @change=${(event: Event) => edit({ measure: typed(event) })}>
      ${measures.map((measure) => html`<option value=${measure} ?selected=${measure === series.measure}>${measureName(measure, m)}</option>`)}
    </select>
    ${measuresProperty(series.measure)
      ? propertyField(
          {
            id: `property-${series.id}`,
            about: series.id,
            label: m.question.measuredProperty(letter),
            value: series.property,
            events: events.includes("*") ? [] : events,
            type: (property) => edit({ property }, true),
            pick: (property) => edit({ property }),
          },
          context,
        )
      : nothing}
  </div>`;
}

function measureName(measure: string, m: Messages): string {
  return (m.question.measures as Record<string, string>)[measure] ?? m.question.percentile(measure.slice(1));
}

function formulaRow(formula: Formula, index: number, context: Context): TemplateResult {
  const { actions, m } = context;
  const edit = (change: Partial<Formula> | null) => actions.explore.change((question) => editFormula(question, formula.id, change), { typing: change !== null });
  const name = m.question.formula(index + 1);
  return html`<div class="formula" role="group" aria-label=${name}>
    <span class="step-number" aria-hidden="true">F${index + 1}</span>
    <input
      id=${formula.id} type="text" aria-label=${name} placeholder=${m.question.formulaPlaceholder} spellcheck="false" autocapitalize="off"
      .value=${live(formula.formula)} @input=${(event: Event) => edit({ formula: typed(event) })}
    />
    <input
      type="text" aria-label=${m.question.formulaLabel(index + 1)} placeholder=${m.question.formulaLabelPlaceholder} dir="auto"
      .value=${live(formula.label)} @input=${(event: Event) => edit({ label: typed(event) })}
    />
    <button type="button" class="icon-button" aria-label=${m.question.removeIt(name)} @click=${() => edit(null)}>${cross}</button>
    ${problemsOf(formula.id, context)}
  </div>`;
}

export function trendsSettings(context: Context): TemplateResult {
  const { state, actions, m } = context;
  const { trends, range } = state.question;
  const edit = (change: Partial<typeof trends>, typing = false) =>
    actions.explore.change((question) => editTrends(question, change), { typing });
  return html`${choose(
      { id: "interval", label: m.question.interval, value: trends.interval, among: intervals(m), pick: (interval) => edit({ interval }) },
      context,
    )}
    ${rangeField(m.question.range, range, context)}
    ${splitField(trends.breakdown, (change, typing) => edit({ breakdown: { ...trends.breakdown, ...change } }, typing), nothing, splitEvents(context), context)}
    ${tick({ id: "compare", label: m.question.compare, on: trends.compare, set: (compare) => edit({ compare }) }, context)}`;
}

export function trendsMore(context: Context): TemplateResult {
  const { state, actions, m } = context;
  const { trends } = state.question;
  const edit = (change: Partial<typeof trends>, typing = false) =>
    actions.explore.change((question) => editTrends(question, change), { typing });
  return html`${tick({ id: "cumulative", label: m.question.cumulative, on: trends.cumulative, set: (cumulative) => edit({ cumulative }) }, context)}
    ${numberField(
      { id: "moving_average", label: m.question.movingAverage, value: trends.movingAverage, placeholder: m.question.noMovingAverage, least: 2, type: (movingAverage) => edit({ movingAverage }, true) },
      context,
    )}`;
}
