/** On how many days users were active: a row for each number of them, and a curve of those who were at least so often. */

import { type TemplateResult, html, nothing } from "lit-html";
import { guard } from "lit-html/directives/guard.js";
import type { StickinessAnswer, StickinessRow } from "../../answers-others";
import { lineChart } from "../../charts/line";
import { shareBar } from "../../charts/share";
import type { OtherContext, Tools } from ".";

/** A curve of fewer points says no more than its table. */
const LEAST_POINTS = 3;

export function stickinessResult(answer: StickinessAnswer, tools: Tools, context: OtherContext): TemplateResult {
  const { format, own, question } = context;
  const { users, average, buckets_in_range } = answer;
  const interval = question.interval ?? "day";
  return html`<div class="figures-bar">
      <dl class="figures">
        <div><dt>${own.stickiness.users}</dt><dd>${format.number(users)}</dd></div>
        <div>
          <dt>${own.stickiness.average}</dt>
          <dd>${average === null ? "–" : format.value(average)} <small>${own.stickiness.ofBuckets(buckets_in_range, interval, format)}</small></dd>
        </div>
      </dl>
      ${tools}
    </div>
    ${users === 0 ? nothing : html`${curvePart(answer, context)} ${rowsTable(answer, context)}`}
    ${answer.open ? html`<p class="hint">${own.stickiness.open}</p>` : nothing}`;
}

export function stickinessTile(answer: StickinessAnswer, context: OtherContext): TemplateResult {
  if (answer.users === 0) return html``;
  return usedRows(answer).length < LEAST_POINTS ? rowsTable(answer, context) : html`${curve(answer, context)}`;
}

/** Nobody was active more often than in the last of these. */
function usedRows({ active }: StickinessAnswer): StickinessRow[] {
  return active.filter(({ at_least }) => at_least > 0);
}

function curvePart(answer: StickinessAnswer, context: OtherContext): TemplateResult | typeof nothing {
  if (usedRows(answer).length < LEAST_POINTS) return nothing;
  return html`<section class="part"><h2>${context.own.stickiness.curve}</h2> ${curve(answer, context)}</section>`;
}

function curve(answer: StickinessAnswer, { format, m, own, question, chartWidth }: OtherContext): unknown {
  const rows = usedRows(answer);
  const draw = () =>
    lineChart({
      label: own.stickiness.curve,
      lines: [{ label: own.stickiness.atLeast, values: rows.map(({ at_least_share }) => at_least_share), colour: 0 }],
      times: rows.map(({ periods }) => own.stickiness.point(periods, question.interval ?? "day", format)),
      open: rows.map(() => false),
      width: chartWidth,
      value: format.share,
      axis: format.share,
      words: { open: m.answer.stillRunning, keys: m.answer.chartKeys },
    });
  return guard([answer, format, m, chartWidth], draw);
}

function rowsTable(answer: StickinessAnswer, { format, own, question }: OtherContext): TemplateResult {
  const rows = usedRows(answer);
  const most = Math.max(1, ...rows.map(({ users }) => users));
  const { periods, users, share, atLeast, table } = own.stickiness;
  return html`<section class="part">
    <h2 id="stickiness-title">${table}</h2>
    <div class="table-scroll" role="region" aria-labelledby="stickiness-title" tabindex="0">
      <table>
        <thead>
          <tr>
            <th scope="col">${periods[question.interval ?? "day"]}</th>
            <th scope="col" class="conversion">${users}</th>
            <th scope="col" class="number">${share}</th>
            <th scope="col" class="number">${atLeast}</th>
            <th scope="col" class="number">${share}</th>
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (row) => html`<tr>
              <th scope="row">${format.number(row.periods)}</th>
              <td class="conversion"><span class="conversion-cell">${shareBar(row.users / most)}<span>${format.number(row.users)}</span></span></td>
              <td class="number">${format.share(row.share)}</td>
              <td class="number">${format.number(row.at_least)}</td>
              <td class="number">${format.share(row.at_least_share)}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}
