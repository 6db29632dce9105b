/** The answer of paths: the flow, and the most frequent paths as wholes. */

import { type TemplateResult, html, nothing } from "lit-html";
import { guard } from "lit-html/directives/guard.js";
import type { PathNode, PathsAnswer } from "../answers";
import { flowChart } from "../charts/flow";
import { shareBar } from "../charts/share";
import type { Context } from "./context";

export function pathsResult(answer: PathsAnswer, tools: TemplateResult | typeof nothing, context: Context): TemplateResult {
  const { format, m, state } = context;
  const backwards = state.question.paths.side === "end";
  return html`<div class="figures-bar">
      <dl class="figures"><div><dt>${m.answer.total}</dt><dd>${format.number(answer.total)}</dd></div></dl>
      ${tools}
    </div>
    ${answer.total === 0 ? nothing : pathsFlow(answer, context)} ${topPaths(answer, backwards, context)}`;
}

/** The flow alone. */
export function pathsFlow(answer: PathsAnswer, { format, m, state, chartWidth }: Context): unknown {
  const backwards = state.question.paths.side === "end";
  return guard([answer, format, m, chartWidth], () => flowChart(answer, { format, m, backwards, width: chartWidth }));
}

function topPaths(answer: PathsAnswer, backwards: boolean, { format, m }: Context): TemplateResult | typeof nothing {
  const paths = answer.paths ?? [];
  if (paths.length === 0) return nothing;
  const most = Math.max(1, ...paths.map(({ count }) => count));
  const name = (event: string | PathNode) => (typeof event === "string" ? event : (event.event ?? m.answer.otherEvents));
  const steps = (events: readonly (string | PathNode)[]) => (backwards ? [...events].reverse() : events);
  return html`<section class="part">
    <h2 id="paths-title">${m.answer.topPaths}</h2>
    <div class="table-scroll" role="region" aria-labelledby="paths-title" tabindex="0">
      <table>
        <thead>
          <tr>
            <th scope="col">${m.answer.path}</th>
            <th scope="col" class="conversion">${m.answer.total}</th>
          </tr>
        </thead>
        <tbody>
          ${paths.map(
            ({ events, count, share }) => html`<tr>
              <th scope="row" class="path">
                ${events === undefined
                  ? html`<i>${m.answer.allOthers}</i>`
                  : steps(events).map((event, index) => html`${index > 0 ? html`<span class="arrow"> → </span>` : nothing}<bdi>${name(event)}</bdi>`)}
              </th>
              <td class="conversion">
                <span class="conversion-cell">${shareBar(count / most)}<span>${format.number(count)} · ${format.share(share)}</span></span>
              </td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}
