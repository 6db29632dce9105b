/** The answer of trends. */

import { type TemplateResult, html, nothing } from "lit-html";
import { guard } from "lit-html/directives/guard.js";
import type { SeriesAnswer, TrendsAnswer } from "../answers";
import { COLOURS, type Line, lineChart } from "../charts/line";
import { totalText } from "../words";
import { type Context, typed } from "./context";
import { notesAt, notesButton } from "./notes";
import { groupButton, tableDetails } from "./result-funnel";
import { groupLabel, words } from "./text";

/** A line that is lower than the highest by more than this is not seen beside it. */
const MOST_RATIO = 30;

export function trendsResult(answer: TrendsAnswer, tools: TemplateResult | typeof nothing, context: Context): TemplateResult {
  const { format, m } = context;
  const { split, lines, times } = shapeOf(answer, context);
  const value = (number: number | null | undefined) => (number == null ? "–" : format.value(number));
  return html`<div class="figures-bar">
      <dl class="figures">
        ${answer.series.slice(0, 4).map((each) => html`<div><dt><bdi>${each.label}</bdi></dt><dd>${totalText(each, format)}</dd></div>`)}
      </dl>
      ${tools}
    </div>
    ${split === undefined || answer.series.length < 2 ? nothing : seriesChoice(answer.series, split, context)} ${trendsLines(answer, context)}
    ${notesButton(context)} ${split === undefined ? nothing : groupTable(answer, context)}
    ${tableDetails(
      [m.answer.time, ...lines.map(({ label }) => label)],
      times.map((time, index) => [time, ...lines.map(({ values }) => value(values[index]))]),
      context,
    )}`;
}

/** What is drawn: the series, or the groups of the one that is split. */
function shapeOf(answer: TrendsAnswer, context: Context): { split: SeriesAnswer | undefined; lines: Line[]; times: string[] } {
  const { format, state } = context;
  const { timezone, trends } = state.question;
  const isSplit = (answer.breakdown ?? []).length > 0;
  const split = isSplit ? (answer.series.find(({ id }) => id === state.splitSeries) ?? answer.series[0]) : undefined;
  return {
    split,
    lines: split === undefined ? plainLines(answer, context) : groupLines(answer, split, context),
    times: answer.buckets.map(({ start }) => format.bucket(start, trends.interval, timezone)),
  };
}

/** The chart alone; several, where lines are of very different heights. */
export function trendsLines(answer: TrendsAnswer, context: Context): unknown {
  const { format, m, state, chartWidth } = context;
  const { split, lines, times } = shapeOf(answer, context);
  // More lines than there are colours are a tangle; the table has them all.
  const shown = lines.filter(({ colour }) => colour < COLOURS);
  const draw = (scale: readonly Line[]) =>
    lineChart({
      label: m.kinds.trends,
      lines: scale,
      times,
      open: answer.buckets.map(({ open }) => open),
      notes: notesAt(answer.buckets, context),
      width: chartWidth,
      value: format.value,
      axis: format.compact,
      whole: answer.series.every(({ measure }) => measure === "events" || measure === "users"),
      words: { open: m.answer.stillRunning, keys: m.answer.chartKeys },
    });
  return guard([answer, split, format, m, chartWidth, state.annotations], () => byScale(shown).map(draw));
}

/** Lines that have an axis in common: a rate beside counts of thousands would lie flat on the ground. */
function byScale(lines: readonly Line[]): Line[][] {
  const height = (colour: number) => Math.max(...lines.filter((line) => line.colour === colour).flatMap(({ values }) => values.map((value) => Math.abs(value ?? 0))));
  const colours = [...new Set(lines.map(({ colour }) => colour))].sort((a, b) => height(b) - height(a));
  const scales: { highest: number; colours: number[] }[] = [];
  for (const colour of colours) {
    const last = scales.at(-1);
    if (last !== undefined && (height(colour) === 0 || height(colour) * MOST_RATIO >= last.highest)) last.colours.push(colour);
    else scales.push({ highest: height(colour), colours: [colour] });
  }
  return scales.map((scale) => lines.filter(({ colour }) => scale.colours.includes(colour)));
}

function plainLines(answer: TrendsAnswer, { m }: Context): Line[] {
  const previous = answer.previous?.series ?? [];
  return answer.series.flatMap((each, colour) => {
    const before = previous[colour];
    const lines: Line[] = [{ label: each.label, values: each.values, colour }];
    if (each.moving_average) lines.push({ label: `${each.label}, ${m.question.movingAverage}`, values: each.moving_average, colour, faint: true });
    if (before) lines.push({ label: `${each.label}, ${m.answer.previous}`, values: each.values.map((_, index) => before.values[index] ?? null), colour, faint: true });
    return lines;
  });
}

function groupLines(answer: TrendsAnswer, split: SeriesAnswer, context: Context): Line[] {
  return (answer.breakdown ?? []).map((group, colour) => ({
    label: groupLabel(group, context),
    values: group.series.find(({ id }) => id === split.id)?.values ?? [],
    colour,
  }));
}

function seriesChoice(series: readonly SeriesAnswer[], split: SeriesAnswer, { actions, m }: Context): TemplateResult {
  return html`<label class="series-choice">
    <span>${m.answer.showSeries}</span>
    <select @change=${(event: Event) => actions.showSeries(typed(event))}>
      ${series.map((each) => html`<option value=${each.id} ?selected=${each.id === split.id}>${each.label}</option>`)}
    </select>
  </label>`;
}

function groupTable(answer: TrendsAnswer, context: Context): TemplateResult {
  const { m, format, state } = context;
  const property = state.question.trends.breakdown.property.trim();
  return html`<section class="breakdown">
    <h2 id="breakdown-title">${words(m.answer.by(property))}</h2>
    <div class="table-scroll" role="region" aria-labelledby="breakdown-title" tabindex="0">
      <table>
        <thead>
          <tr>
            <th scope="col"><bdi class="cut">${property}</bdi></th>
            ${answer.series.map(({ label }) => html`<th scope="col" class="number"><bdi class="cut" title=${label}>${label}</bdi></th>`)}
          </tr>
        </thead>
        <tbody>
          ${(answer.breakdown ?? []).map(
            (group) => html`<tr>
              <th scope="row">${groupButton(group, property, context)}</th>
              ${answer.series.map(({ id }) => {
                const found = group.series.find((each) => each.id === id);
                return html`<td class="number">${found === undefined ? "–" : totalText(found, format)}</td>`;
              })}
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}
