/** The answer of a retention: a grid, as warm as people come back, and the curve of all. */

import { type TemplateResult, html, nothing } from "lit-html";
import { guard } from "lit-html/directives/guard.js";
import type { RetentionAnswer, Returned } from "../answers";
import { lineChart } from "../charts/line";
import type { Context } from "./context";
import { groupButton } from "./result-funnel";
import { words } from "./text";

/** The names of the periods. */
function periodNames(answer: RetentionAnswer, { m, state }: Context): string[] {
  const { interval } = state.question.retention;
  return answer.columns.map(({ from, to }) => m.answer.period(m.question.intervals[interval], from, to));
}

/** The curve of all cohorts together. */
export function retentionCurve(answer: RetentionAnswer, context: Context): unknown {
  const { format, m, chartWidth } = context;
  const whole = answer.whole.returned;
  const draw = () =>
    lineChart({
      label: m.answer.curve,
      lines: [{ label: m.answer.whole, values: answer.columns.map((_, index) => whole[index]?.share ?? null), colour: 0 }],
      times: periodNames(answer, context),
      open: answer.columns.map(() => false),
      width: chartWidth,
      value: format.share,
      axis: format.share,
      words: { open: m.answer.stillRunning, keys: m.answer.chartKeys },
    });
  return guard([answer, format, m, chartWidth], draw);
}

export function retentionResult(answer: RetentionAnswer, tools: TemplateResult | typeof nothing, context: Context): TemplateResult {
  const { format, m, state } = context;
  const { interval } = state.question.retention;
  const names = periodNames(answer, context);
  return html`<div class="figures-bar">
      <dl class="figures"><div><dt>${m.answer.users}</dt><dd>${format.number(answer.whole.users)}</dd></div></dl>
      ${tools}
    </div>
    ${answer.whole.users === 0 ? nothing : html`<h2>${m.answer.curve}</h2> ${retentionCurve(answer, context)}`}
    <section class="part">
      <div class="table-scroll" role="region" aria-label=${m.kinds.retention} tabindex="0">
        <table class="retention">
          <thead>
            <tr>
              <th scope="col">${m.answer.cohort}</th>
              <th scope="col" class="number">${m.answer.size}</th>
              ${names.map((name) => html`<th scope="col" class="number">${name}</th>`)}
            </tr>
          </thead>
          <tbody>
            <tr class="whole">
              <th scope="row">${m.answer.whole}</th>
              <td class="number">${format.number(answer.whole.users)}</td>
              ${answer.columns.map((_, index) => cell(answer.whole.returned[index], context))}
            </tr>
            ${answer.cohorts.map(
              ({ start, users, returned }) => html`<tr>
                <th scope="row">${format.bucket(start, interval, state.question.timezone)}</th>
                <td class="number">${format.number(users)}</td>
                ${answer.columns.map((_, index) => cell(returned[index], context))}
              </tr>`,
            )}
          </tbody>
        </table>
      </div>
      <p class="hint">${m.answer.retentionOpen}</p>
    </section>
    ${groups(answer, names, context)}`;
}

/** Warmer in ten steps; a period that is not over is in italics. */
function cell(returned: Returned | null | undefined, { format }: Context): TemplateResult {
  if (returned == null || returned.share === null) return html`<td class="number"></td>`;
  const heat = Math.round(Math.min(1, Math.max(0, returned.share)) * 10);
  const title = format.number(returned.count);
  return html`<td class="number heat h${heat} ${returned.open ? "is-open" : ""}" title=${title}>${format.share(returned.share)}</td>`;
}

function groups(answer: RetentionAnswer, names: readonly string[], context: Context): TemplateResult | typeof nothing {
  const { m, format, state } = context;
  const property = state.question.retention.breakdown.property.trim();
  const found = answer.breakdown ?? [];
  if (found.length === 0) return nothing;
  return html`<section class="breakdown">
    <h2 id="breakdown-title">${words(m.answer.by(property))}</h2>
    <div class="table-scroll" role="region" aria-labelledby="breakdown-title" tabindex="0">
      <table class="retention">
        <thead>
          <tr>
            <th scope="col"><bdi class="cut">${property}</bdi></th>
            <th scope="col" class="number">${m.answer.size}</th>
            ${names.map((name) => html`<th scope="col" class="number">${name}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${found.map(
            (group) => html`<tr>
              <th scope="row">${groupButton(group, property, context)}</th>
              <td class="number">${format.number(group.users)}</td>
              ${answer.columns.map((_, index) => cell(group.returned[index], context))}
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}
