/** The answer of a funnel. */

import { type TemplateResult, html, nothing } from "lit-html";
import { guard } from "lit-html/directives/guard.js";
import type { FunnelAnswer, FunnelGroup } from "../answers";
import { funnelChart } from "../charts/funnel";
import { histogram } from "../charts/histogram";
import { lineChart } from "../charts/line";
import { shareBar } from "../charts/share";
import { narrow } from "../question/edit";
import { type Window, newCondition } from "../question/model";
import { printScalar } from "../question/values";
import type { Context } from "./context";
import { notesAt } from "./notes";
import { nextStep } from "./start";
import { groupName, words } from "./text";

export function isEmptyFunnel(answer: FunnelAnswer): boolean {
  return (answer.steps[0]?.count ?? 0) === 0;
}

export function funnelResult(answer: FunnelAnswer, tools: TemplateResult | typeof nothing, context: Context): TemplateResult | typeof nothing {
  if (isEmptyFunnel(answer)) return nobody(context);
  return html`${figures(answer, tools, context)} ${funnelBars(answer, true, context)}
    ${answer.steps.length === 1 && !context.isAlone ? nextStep(context) : nothing} ${trend(answer, context)} ${times(answer, context)}
    ${breakdown(answer, context)}`;
}

/** The bars alone. With `people`, numbers of users can be looked behind. */
export function funnelBars(answer: FunnelAnswer, people: boolean, { format, m, state, actions, isAlone }: Context): unknown {
  const { count } = state.question.funnel;
  const onUsers = people && !isAlone && count === "users" && state.raw === null ? { onUsers: actions.people.openStep.bind(actions.people) } : {};
  return guard([answer, format, m], () => funnelChart(answer.steps, { format, m, count, previous: answer.previous?.steps ?? null, ...onUsers }));
}

function figures({ steps, conversion_ms }: FunnelAnswer, tools: TemplateResult | typeof nothing, { format, m, state }: Context): TemplateResult {
  const [first, last] = [steps[0]!, steps.at(-1)!];
  const median = conversion_ms?.median;
  const figure = (name: string, value: TemplateResult | string) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  const shown =
    steps.length === 1
      ? figure(m.answer.counted[state.question.funnel.count], format.number(first.count))
      : html`${figure(m.answer.conversion, format.share(last.from_first))}
        ${figure(m.answer.converted, html`${format.number(last.count)} <small>${m.answer.of(format.number(first.count))}</small>`)}
        ${figure(m.answer.medianTime, median == null ? "–" : format.duration(median))}`;
  return html`<div class="figures-bar">
    <dl class="figures">${shown}</dl>
    ${tools}
  </div>`;
}

function nobody({ actions, state, m, isAlone }: Context): TemplateResult | typeof nothing {
  if (isAlone) return nothing;
  const narrowed = state.question.range.kind !== "all";
  return html`<div class="nobody">
    ${narrowed
      ? html`<button type="button" class="primary" @click=${() => actions.explore.setRange({ kind: "all" })}>${m.answer.lookAtAllTime}</button>`
      : html`<p class="muted">${m.answer.checkName}</p>`}
  </div>`;
}

function trend(answer: FunnelAnswer, context: Context): TemplateResult | typeof nothing {
  const { format, m, state, chartWidth } = context;
  const buckets = answer.trend ?? [];
  const { interval } = state.question.funnel;
  if (buckets.length === 0 || interval === null) return nothing;
  const { timezone } = state.question;
  const share = ({ entered, converted }: { entered: number; converted: number }) => (entered === 0 ? null : converted / entered);
  const previous = answer.previous?.trend ?? [];
  const open = stillRunning(answer, buckets, state.question.funnel.window);
  const draw = () =>
    lineChart({
      label: m.answer.trend,
      lines: [
        { label: m.answer.conversion, values: buckets.map(share), colour: 0 },
        ...(previous.length === 0 ? [] : [{ label: m.answer.previous, values: buckets.map((_, index) => (previous[index] ? share(previous[index]) : null)), colour: 0, faint: true }]),
      ],
      times: buckets.map(({ start }) => format.bucket(start, interval, timezone)),
      open,
      notes: notesAt(buckets, context),
      width: chartWidth,
      value: format.share,
      axis: format.share,
      words: { open: m.answer.stillRunning, keys: m.answer.chartKeys },
    });
  return html`<section class="part">
    <h2>${m.answer.trend}</h2>
    ${guard([answer, format, m, chartWidth, state.annotations], draw)}
    <p class="hint">${m.answer.trendNote}${open.includes(true) ? ` ${m.answer.openNote}` : ""}</p>
    ${tableDetails(
      [m.answer.time, m.answer.entered, m.answer.converted, m.answer.conversion, m.answer.open],
      buckets.map((bucket) => [
        format.bucket(bucket.start, interval, timezone), format.number(bucket.entered), format.number(bucket.converted),
        share(bucket) === null ? "–" : format.share(share(bucket)!), format.number(bucket.open),
      ]),
      context,
    )}
  </section>`;
}

/** Whether those who began in a bucket may still convert: the window of the last of them is not over. */
function stillRunning({ complete_to }: FunnelAnswer, buckets: readonly { start: string; open: number }[], window: Window): boolean[] {
  const spans = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
  if (window.unit === "session" || complete_to === null) return buckets.map(({ open }) => open > 0);
  const since = Date.parse(complete_to) - Number(window.amount) * spans[window.unit];
  return buckets.map(({ open }, index) => open > 0 && !(Date.parse(buckets[index + 1]?.start ?? "") <= since));
}

/** The numbers behind a chart. */
export function tableDetails(header: readonly string[], rows: readonly (readonly string[])[], { m }: Context): TemplateResult {
  return html`<details class="values">
    <summary>${m.answer.table}</summary>
    <div class="table-scroll" role="region" aria-label=${m.answer.table} tabindex="0">
      <table>
        <thead>
          <tr>${header.map((name, index) => html`<th scope="col" class=${index === 0 ? "" : "number"}><bdi class="cut">${name}</bdi></th>`)}</tr>
        </thead>
        <tbody>
          ${rows.map((row) => html`<tr>${row.map((cell, index) => (index === 0 ? html`<th scope="row">${cell}</th>` : html`<td class="number">${cell}</td>`))}</tr>`)}
        </tbody>
      </table>
    </div>
  </details>`;
}

function times({ conversion_ms, steps }: FunnelAnswer, context: Context): TemplateResult | typeof nothing {
  const { format, m } = context;
  const bars = conversion_ms?.histogram ?? [];
  if (bars.length < 2 || conversion_ms?.median == null || steps.length < 2) return nothing;
  const p90 = steps.length === 2 ? (steps[1]!.p90_ms ?? null) : null;
  return html`<section class="part">
    <h2>${m.answer.histogram}</h2>
    ${guard([bars, format, m], () => histogram(bars, { format, label: m.answer.histogram }))}
    <p class="hint">${m.answer.histogramNote(format.duration(conversion_ms.median), p90 === null ? null : format.duration(p90))}</p>
  </section>`;
}

/** The funnel of each group, as a table with bars. */
function breakdown(answer: FunnelAnswer, context: Context): TemplateResult | typeof nothing {
  const { m, state } = context;
  const groups = answer.breakdown ?? [];
  const property = state.question.funnel.breakdown.property.trim();
  if (groups.length === 0) return nothing;
  const best = Math.max(...groups.map(conversion));
  return html`<section class="breakdown">
    <h2 id="breakdown-title">${words(m.answer.by(property))}</h2>
    <div class="table-scroll" role="region" aria-labelledby="breakdown-title" tabindex="0">
      <table>
        <thead>
          <tr>
            <th scope="col"><bdi class="cut">${property}</bdi></th>
            <th scope="col" class="conversion">${m.answer.conversion}</th>
            ${answer.steps.map(
              ({ step, label }) => html`<th scope="col" class="number" title=${label}>
                <span class="cut"><span class="muted">${step}</span> <bdi>${label}</bdi></span>
              </th>`,
            )}
            <th scope="col" class="number">${m.answer.medianShort}</th>
          </tr>
        </thead>
        <tbody>
          ${groups.map((group) => groupRow(group, best, property, context))}
        </tbody>
      </table>
    </div>
  </section>`;
}

/** The bar of the best group fills its cell, so that groups compare even where few convert. */
function groupRow(group: FunnelGroup, best: number, property: string, context: Context): TemplateResult {
  const { format } = context;
  const rate = conversion(group);
  const median = group.conversion_ms?.median;
  return html`<tr>
    <th scope="row">${groupButton(group, property, context)}</th>
    <td class="conversion">
      <span class="conversion-cell">${shareBar(best > 0 ? rate / best : 0)}<span>${format.share(rate)}</span></span>
    </td>
    ${group.steps.map(({ count }) => html`<td class="number">${format.number(count)}</td>`)}
    <td class="number">${median == null ? "–" : format.duration(median)}</td>
  </tr>`;
}

/** The name of a group; a click asks about it alone, where a filter can say it. */
export function groupButton(group: { value?: unknown; other?: boolean }, property: string, context: Context): TemplateResult {
  const named = groupName(group as FunnelGroup, context);
  const { value } = group;
  const plain = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  if (context.isAlone || group.other === true || (!plain && value !== null)) return named;
  const { actions, m } = context;
  const condition = plain ? newCondition(property, "=", printScalar(value)) : newCondition(property, "not exists");
  return html`<button
    type="button" class="number-button" title=${m.answer.onlyThis}
    @click=${() => actions.explore.change((question) => narrow(question, condition))}
  >${named}</button>`;
}

function conversion(group: FunnelGroup): number {
  return group.steps.at(-1)?.from_first ?? 0;
}
