/** The answer: the sentence, the chart, the groups, and where it all comes from. */

import { type TemplateResult, html, nothing } from "lit-html";
import { guard } from "lit-html/directives/guard.js";
import { RESULT_ID } from "../actions";
import type { Answer } from "../api";
import { funnelChart, funnelSkeleton } from "../charts/funnel";
import { stepIsChosen, stepName } from "../model";
import { type Part, sentence } from "../sentence";
import { breakdownTable } from "./breakdown";
import type { Context } from "./context";
import { failureView } from "./failure";
import { copyButton } from "./copy";
import { shareView } from "./share";
import { nextStep, startView } from "./start";

export function resultPanel(context: Context): TemplateResult {
  const { answer, compiled, question, notice } = context.state;
  const waiting = answer.status === "asking";
  return html`<section class="panel result" id=${RESULT_ID} tabindex="-1" aria-label="Answer" aria-busy=${waiting ? "true" : "false"}>
    <div class="progress ${waiting ? "is-on" : ""}" role="presentation"></div>
    ${notice === null ? nothing : html`<p class="notice" role="alert">The question in this link cannot be shown: ${notice}.</p>`}
    <p class="sentence" aria-live="polite">
      ${answer.status === "ready" ? sentence(answer.answer, question, context.format).map(part) : nothing}
    </p>
    ${body(context)} ${compiled.spec === null ? nothing : shareView(compiled.spec, context)}
  </section>`;
}

function part(text: Part): TemplateResult | string {
  return typeof text === "string" ? text : html`<bdi class="name" title=${text.name}>${text.name}</bdi>`;
}

function body(context: Context): TemplateResult {
  const { answer, compiled, question } = context.state;
  if (answer.status === "asking") {
    const labels = question.steps.filter(stepIsChosen).map(stepName);
    return html`${guard([answer.key], () => funnelSkeleton(labels))}`;
  }
  if (answer.status === "failed") return failureView(answer.failure, context);
  if (answer.status === "ready") return answerView(answer.answer, context);
  if (compiled.problems.length > 0) return html`<p class="muted">The question is not complete yet.</p>`;
  return startView(context);
}

function answerView(answer: Answer, context: Context): TemplateResult {
  const { format, state } = context;
  if ((answer.steps[0]?.count ?? 0) === 0) return nobody(answer, context);
  return html`${figures(answer, context)}
    ${guard([answer, format], () => funnelChart(answer.steps, format))}
    ${answer.steps.length === 1 ? nextStep(context) : nothing}
    ${breakdownTable(answer, state.question.breakdown.property.trim(), context)} ${source(answer, context)}`;
}

function figures({ steps, conversion_ms }: Answer, context: Context): TemplateResult {
  const { format, url } = context;
  const [first, last] = [steps[0]!, steps.at(-1)!];
  const median = conversion_ms?.median;
  const shown =
    steps.length === 1
      ? figure("People", html`${format.number(first.count)}`)
      : html`${figure("Conversion", html`${format.share(last.from_first)}`)}
        ${figure("Converted", html`${format.number(last.count)} <small>of ${format.number(first.count)}</small>`)}
        ${figure("Median time, first to last", html`${median == null ? "–" : format.duration(median)}`)}`;
  return html`<div class="figures-bar">
    <dl class="figures">${shown}</dl>
    ${copyButton("link", "Copy link", () => url, context)}
  </div>`;
}

function figure(name: string, value: TemplateResult): TemplateResult {
  return html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
}

function nobody(answer: Answer, context: Context): TemplateResult {
  const { actions, state } = context;
  const narrow = state.question.range.kind !== "all";
  return html`<div class="nobody">
      ${narrow
        ? html`<button type="button" class="primary" @click=${() => actions.setRange({ kind: "all" })}>Look at all time</button>`
        : html`<p class="muted">Check the event's name and the filters of the first step.</p>`}
    </div>
    ${source(answer, context)}`;
}

function source({ version, complete_to, scanned }: Answer, { format, state }: Context): TemplateResult {
  const { timezone } = state.question;
  const time = complete_to === null ? "" : `, complete to ${format.instant(complete_to, timezone)} (${timezone})`;
  return html`<p class="source">
    Table version ${version}${time}, scanned ${format.number(scanned.rows)} ${scanned.rows === 1 ? "event" : "events"} in
    ${format.duration(scanned.elapsed_ms)}.
  </p>`;
}
