/** The funnel of each group, as a table with bars. */

import { type TemplateResult, html, nothing } from "lit-html";
import type { Answer, Group } from "../api";
import { shareBar } from "../charts/share";
import type { Context } from "./context";

export function breakdownTable(answer: Answer, property: string, { format }: Context): TemplateResult | typeof nothing {
  const groups = answer.breakdown ?? [];
  if (groups.length === 0) return nothing;
  const best = Math.max(...groups.map(conversion));
  return html`<section class="breakdown">
    <h2 id="breakdown-title">By <bdi>${property}</bdi></h2>
    <div class="table-scroll" role="region" aria-labelledby="breakdown-title" tabindex="0">
      <table>
        <thead>
          <tr>
            <th scope="col"><bdi class="cut">${property}</bdi></th>
            <th scope="col" class="conversion">Conversion</th>
            ${answer.steps.map(
              ({ step, label }) => html`<th scope="col" class="number" title=${label}>
                <span class="cut"><span class="muted">${step}</span> <bdi>${label}</bdi></span>
              </th>`,
            )}
            <th scope="col" class="number">Median time</th>
          </tr>
        </thead>
        <tbody>
          ${groups.map((group) => groupRow(group, best, format))}
        </tbody>
      </table>
    </div>
  </section>`;
}

/** The bar of the best group fills its cell, so that groups compare even where few convert. */
function groupRow(group: Group, best: number, format: Context["format"]): TemplateResult {
  const rate = conversion(group);
  const median = group.conversion_ms?.median;
  return html`<tr>
    <th scope="row">${groupName(group)}</th>
    <td class="conversion">
      <span class="conversion-cell">${shareBar(best > 0 ? rate / best : 0)}<span>${format.share(rate)}</span></span>
    </td>
    ${group.steps.map(({ count }) => html`<td class="number">${format.number(count)}</td>`)}
    <td class="number">${median == null ? "–" : format.duration(median)}</td>
  </tr>`;
}

function conversion(group: Group): number {
  return group.steps.at(-1)?.from_first ?? 0;
}

function groupName({ value, other }: Group): TemplateResult {
  if (other === true) return html`<i>all others</i>`;
  if (value === null || value === undefined) return html`<i>not set</i>`;
  if (value === "") return html`<i>empty text</i>`;
  // A list or an object is a value like others: it is shown as it was sent.
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return html`<bdi class="group-name" title=${text}>${text}</bdi>`;
}
