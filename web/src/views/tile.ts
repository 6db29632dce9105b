/** The chart of a report, small: what its answer says and how it looks, with nothing to press. */

import { type TemplateResult, html, nothing } from "lit-html";
import type { Answer, OtherAnswer, Report } from "../answers";
import { withLast } from "../actions/dashboards";
import { shownOf } from "../answers-others";
import type { Spec } from "../question/compile";
import { readSpec } from "../question/read";
import type { Question } from "../question/model";
import type { Context } from "./context";
import { otherTile } from "./others-shown";
import { isDrawn, sentenceOf } from "./result";
import { funnelBars } from "./result-funnel";
import { pathsFlow } from "./result-paths";
import { retentionCurve } from "./result-retention";
import { trendsLines } from "./result-trends";
import { words } from "./text";

/** What stands between a tile and its chart, and between two tiles, in pixels; the sheet says the same. */
const [AROUND, BETWEEN] = [44, 16];

export function tileChart(report: Report, answer: Answer | OtherAnswer, wide: boolean, context: Context): TemplateResult {
  const shown = shownOf(answer);
  const question = questionOf(report, context);
  if (shown === null && (question === null || !isDrawn(answer))) return html`<pre class="raw" tabindex="0"><code>${JSON.stringify(answer, null, 2)}</code></pre>`;
  const room = (wide || !context.wide ? context.chartWidth : (context.chartWidth - BETWEEN) / 2) - AROUND;
  // What is drawn is about the report's own question, not about the one in the builder.
  const asked = shown === null ? { question: question!, raw: null } : { raw: { spec: specOf(report, context), why: "" } };
  const own: Context = { ...context, state: { ...context.state, ...asked, splitSeries: null }, chartWidth: Math.max(260, Math.floor(room)) };
  const said = sentenceOf(answer, own);
  return html`${said.length === 0 ? nothing : html`<p class="tile-sentence">${words(said)}</p>`} ${shown === null ? chartOf(answer as Answer, own) : otherTile(shown, own)}`;
}

/** The question of a report, about the time of the dashboard where that has one. */
function specOf({ spec }: Report, { state }: Context): Spec {
  const last = state.dashboard?.status === "ready" ? state.dashboard.value.dashboard.last : undefined;
  return withLast(spec as Spec, last);
}

function questionOf(report: Report, context: Context): Question | null {
  try {
    return readSpec(specOf(report, context), context.state.question.timezone);
  } catch {
    return null; // a question that the builder has no controls for
  }
}

function chartOf(answer: Answer, context: Context): TemplateResult {
  switch (answer.kind) {
    case "funnel":
      return html`${funnelBars(answer, false, context)}`;
    case "trends":
      return html`${trendsLines(answer, context)}`;
    case "retention":
      return html`${retentionCurve(answer, context)}`;
    case "paths":
      return html`${pathsFlow(answer, context)}`;
  }
}
