/** Whether users of one variant converted more often than those of another: the verdict is the sentence, here are the numbers. */

import { type TemplateResult, html, nothing } from "lit-html";
import type { Comparison, ExperimentAnswer, Interval, Variant } from "../../answers-others";
import { type Scale, intervalPicture, scaleOf } from "../../charts/interval";
import { variantName } from "../../tables-others";
import { confidenceOf, liftWithin, pText, pointsWithin, shareWithin } from "../../words-others";
import { words } from "../text";
import type { OtherContext, Tools } from ".";

export function experimentResult(answer: ExperimentAnswer, tools: Tools, context: OtherContext): TemplateResult {
  const { own } = context;
  const { exposure, metric, variants } = answer;
  return html`<div class="figures-bar">
      <p class="muted">${words(own.experiment.metric(exposure.label, metric.label))}</p>
      ${tools}
    </div>
    ${variants.length === 0 ? html`<p class="muted">${own.experiment.nobody}</p>` : variantsTable(answer, false, context)}
    ${comparisonsPart(answer, context)} ${caveatsPart(answer, context)}`;
}

export function experimentTile(answer: ExperimentAnswer, context: OtherContext): TemplateResult {
  return answer.variants.length === 0 ? html`` : variantsTable(answer, true, context);
}

function variantNameOf(value: unknown): TemplateResult {
  const text = variantName(value);
  return html`<bdi class="group-name" title=${text}>${text}</bdi>`;
}

/** A row a variant; small, without what is not needed to tell how they did. */
function variantsTable(answer: ExperimentAnswer, small: boolean, context: OtherContext): TemplateResult {
  const { own, question } = context;
  const { experiment } = own;
  const anyMixed = answer.variants.some(({ mixed }) => mixed > 0);
  const heads = [
    experiment.users, experiment.converted, experiment.rate, experiment.interval(confidenceOf(answer)),
    ...(small ? [] : [experiment.median, experiment.open, ...(anyMixed ? [experiment.mixed] : [])]),
  ];
  return html`<div class="table-scroll" role="region" aria-label=${experiment.variants} tabindex="0">
    <table>
      <thead>
        <tr>
          <th scope="col"><bdi class="cut">${question.property || experiment.variants}</bdi></th>
          ${heads.map((head) => html`<th scope="col" class="number">${head}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${answer.variants.map((variant) => variantRow(variant, heads.length, context))}
      </tbody>
    </table>
  </div>`;
}

function variantRow({ value, control, users, converted, rate, rate_interval, median_ms, open, mixed }: Variant, columns: number, { own, format }: OtherContext): TemplateResult {
  const share = (part: number) => shareWithin(part, rate_interval);
  const cells = [
    format.number(users), format.number(converted), html`<b>${rate === null ? "–" : share(rate)}</b>`, between(rate_interval, share, own.experiment.to),
    median_ms === null ? "–" : format.duration(median_ms), format.number(open), format.number(mixed),
  ];
  return html`<tr>
    <th scope="row">${variantNameOf(value)} ${control ? html`<span class="type-tag-inline">${own.experiment.control}</span>` : nothing}</th>
    ${cells.slice(0, columns).map((cell) => html`<td class="number">${cell}</td>`)}
  </tr>`;
}

function between(interval: Interval | null, write: (end: number) => string, to: (low: string, high: string) => string): string {
  return interval === null ? "–" : to(write(interval.low), write(interval.high));
}

function comparisonsPart(answer: ExperimentAnswer, context: OtherContext): TemplateResult | typeof nothing {
  const { own, question } = context;
  const { comparisons, variants } = answer;
  if (comparisons.length === 0 || comparisons.every(({ difference }) => difference === null)) return nothing;
  const { experiment } = own;
  const interval = experiment.interval(confidenceOf(answer));
  const scale = scaleOf(comparisons.flatMap(({ difference_interval }) => difference_interval ?? []));
  const heads = [experiment.points, interval, experiment.relative, interval, comparisons.length > 1 ? experiment.adjusted : experiment.p, experiment.test];
  return html`<section class="part">
    <h2 id="comparisons-title">${words(experiment.comparisons(variantName(variants[0]?.value)))}</h2>
    <div class="table-scroll" role="region" aria-labelledby="comparisons-title" tabindex="0">
      <table>
        <thead>
          <tr>
            <th scope="col"><bdi class="cut">${question.property || experiment.variants}</bdi></th>
            <th scope="col" class="interval-cell">${experiment.picture}</th>
            ${heads.map((head) => html`<th scope="col" class="number">${head}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${comparisons.map((comparison) => comparisonRow(comparison, scale, context))}
        </tbody>
      </table>
    </div>
  </section>`;
}

function comparisonRow(comparison: Comparison, scale: Scale, { own }: OtherContext): TemplateResult {
  const { value, difference, difference_interval, lift, lift_interval, p_adjusted, test } = comparison;
  const { to, tests } = own.experiment;
  return html`<tr>
    <th scope="row">${variantNameOf(value)}</th>
    <td class="interval-cell">${difference === null || difference_interval === null ? nothing : intervalPicture(difference_interval, difference, scale)}</td>
    <td class="number"><b>${difference === null ? "–" : pointsWithin(difference, difference_interval)}</b></td>
    <td class="number">${between(difference_interval, (end) => pointsWithin(end, difference_interval), to)}</td>
    <td class="number">${lift === null ? "–" : liftWithin(lift, lift_interval)}</td>
    <td class="number">${between(lift_interval, (end) => liftWithin(end, lift_interval), to)}</td>
    <td class="number">${p_adjusted === null ? "–" : pText(p_adjusted)}</td>
    <td class="number">${test === null ? "–" : (tests[test] ?? test)}</td>
  </tr>`;
}

/** What has to be kept in mind, and who was not compared. */
function caveatsPart(answer: ExperimentAnswer, { own, question, format }: OtherContext): TemplateResult | typeof nothing {
  const { missing, other, not_exposed } = answer.apart;
  const { experiment } = own;
  const apart = [
    ...(missing > 0 ? [experiment.missing(missing, question.property, format)] : []),
    ...(other > 0 ? [experiment.other(other, format)] : []),
    ...(not_exposed > 0 ? [experiment.notExposed(not_exposed, answer.exposure.label, format)] : []),
  ];
  const said = [...answer.caveats.map((caveat) => own.caveat(answer, caveat, format)), ...(apart.length === 0 ? [] : [experiment.apart(apart)])];
  if (said.length === 0) return nothing;
  return html`<section class="part">
    <h2>${experiment.mind}</h2>
    <ul class="caveats">
      ${said.map((each) => html`<li>${each}</li>`)}
    </ul>
  </section>`;
}
