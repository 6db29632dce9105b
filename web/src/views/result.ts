/** The answer: the sentence, the chart, the tables, and where it all comes from. */

import { type TemplateResult, html, nothing } from "lit-html";
import { guard } from "lit-html/directives/guard.js";
import { RESULT_ID } from "../actions/explore";
import type { Answer, Answered, OtherAnswer } from "../answers";
import { shownOf } from "../answers-others";
import { funnelSkeleton } from "../charts/funnel";
import { isChosen, mainSelections } from "../question/model";
import { otherKindOf, readOther } from "../question/others";
import { mayEdit } from "../state";
import { type Part, funnelSentence, pathsSentence, retentionSentence, selectionName, trendsSentence } from "../words";
import type { Context } from "./context";
import { copyButton } from "./copy";
import { embedsPart } from "./embeds";
import { type Exported, exportMenu, exportedOf } from "./export";
import { failureView } from "./failure";
import { otherExported, otherResult, otherSentence } from "./others-shown";
import { funnelResult, isEmptyFunnel } from "./result-funnel";
import { pathsResult } from "./result-paths";
import { retentionResult } from "./result-retention";
import { trendsResult } from "./result-trends";
import { shareView } from "./share";
import { startView } from "./start";
import { words } from "./text";

export function resultPanel(context: Context): TemplateResult {
  const { answer, compiled, notice, raw } = context.state;
  const { m } = context;
  const waiting = answer.status === "asking";
  return html`<section class="panel result" id=${RESULT_ID} tabindex="-1" aria-label=${m.answer.label} aria-busy=${waiting ? "true" : "false"}>
    <div class="progress ${waiting ? "is-on" : ""}" role="presentation"></div>
    ${notice === null ? nothing : html`<p class="notice" role="alert">${raw === null ? notice : m.failure.linkTitle(notice)}</p>`}
    ${reportBar(context)} ${answerPart(context)} ${compiled.spec === null ? nothing : html`${shareView(compiled.spec, context)} ${embedsPart(context)}`}
  </section>`;
}

/** The sentence, and the answer itself or what stands in its place. */
export function answerPart(context: Context): TemplateResult {
  const { answer } = context.state;
  const ready = answer.status === "ready" ? answer.answer : null;
  return html`<p class="sentence" aria-live="polite">${ready === null ? nothing : words(sentenceOf(ready, context))}</p>
    ${body(context)}`;
}

export function isDrawn(answer: Answer | OtherAnswer): answer is Answer {
  return ["funnel", "trends", "retention", "paths"].includes(answer.kind);
}

/** What an answer says. The words are about the question in the builder; one that it has no controls for has its answer alone. */
export function sentenceOf(answer: Answer | OtherAnswer, context: Context): Part[] {
  const { state, m, format } = context;
  const shown = shownOf(answer);
  if (shown !== null) return otherSentence(shown, context);
  if (state.raw !== null || !isDrawn(answer)) return [];
  switch (answer.kind) {
    case "funnel":
      return funnelSentence(answer, state.question, m, format);
    case "trends":
      return trendsSentence(answer, state.question, m, format);
    case "retention":
      return retentionSentence(answer, state.question, m, format);
    case "paths":
      return pathsSentence(answer, state.question, m, format);
  }
}

/** The report that the question began as. */
function reportBar({ state, m }: Context): TemplateResult | typeof nothing {
  const { report, compiled } = state;
  if (report?.status !== "ready") return nothing;
  const { name, folder, description, newer } = report.value.report;
  return html`<div class="report-bar">
    <h2>${folder === "" ? nothing : html`<span class="muted"><bdi>${folder}</bdi> / </span>`}<bdi>${name}</bdi></h2>
    ${compiled.key === report.value.key ? nothing : html`<span class="warn">${m.saving.edited}</span>`}
    ${newer === true ? html`<span class="warn">${m.reports.newer}</span>` : nothing}
    ${description === "" ? nothing : html`<p class="muted"><bdi>${description}</bdi></p>`}
  </div>`;
}

function body(context: Context): TemplateResult {
  const { answer, question, report, compiled } = context.state;
  const { m } = context;
  if (compiled.spec === null && report?.status === "loading") return html`<p class="muted" role="status">${m.loading}</p>`;
  if (report?.status === "failed") return failureView(report.failure, context);
  if (answer.status === "asking") {
    const labels = question.kind === "funnel" ? question.funnel.steps.filter(isChosen).map((step) => selectionName(step, m)) : [];
    return html`${waitingLine(context)} ${guard([answer.key], () => funnelSkeleton(labels))}`;
  }
  if (answer.status === "failed") return failureView(answer.failure, context);
  if (answer.status === "ready") return answerView(answer.answer, context);
  return startView(context);
}

/** How far the answer is, once it takes longer than a blink, and a way to stop it. */
function waitingLine({ state, m, format, actions, isAlone }: Context): TemplateResult | typeof nothing {
  const { answer } = state;
  if (answer.status !== "asking" || answer.progress === null) return nothing;
  const { rows, of } = answer.progress;
  return html`<div class="waiting">
    <progress max=${Math.max(of, 1)} value=${rows} aria-label=${m.answer.asking}></progress>
    <span>${m.answer.progress(format.number(rows), format.number(of))}</span>
    ${isAlone ? nothing : html`<button type="button" class="copy" @click=${() => actions.explore.cancel()}>${m.cancel}</button>`}
  </div>`;
}

function answerView(answer: Answer | OtherAnswer, context: Context): TemplateResult {
  const shown = shownOf(answer);
  if (shown !== null) return html`${otherResult(shown, toolbar(otherExported(shown, context), context), context)} ${source(answer, inItsZone(context))}`;
  if (!isDrawn(answer)) {
    const { m } = context;
    return html`<h2>${m.answer.raw}</h2>
      <pre class="raw" tabindex="0" role="group" aria-label=${m.answer.raw}><code>${JSON.stringify(answer, null, 2)}</code></pre>
      ${source(answer, context)}`;
  }
  return html`${unknownEvents(context)} ${drawn(answer, context)} ${source(answer, context)}`;
}

/** Times beside an answer are those of its question, also where that is not the one in the builder. */
function inItsZone(context: Context): Context {
  const { state } = context;
  const timezone = readOther(state.raw?.spec)?.timezone ?? state.question.timezone;
  return { ...context, state: { ...state, question: { ...state.question, timezone } } };
}

function drawn(answer: Answer, context: Context): TemplateResult | typeof nothing {
  switch (answer.kind) {
    case "funnel":
      return funnelResult(answer, tools(answer, context), context);
    case "trends":
      return trendsResult(answer, tools(answer, context), context);
    case "retention":
      return retentionResult(answer, tools(answer, context), context);
    case "paths":
      return pathsResult(answer, tools(answer, context), context);
  }
}

function tools(answer: Answer, context: Context): TemplateResult | typeof nothing {
  const empty = answer.kind === "funnel" && isEmptyFunnel(answer);
  return toolbar(empty ? null : exportedOf(answer, context), context);
}

/** What can be done with an answer. */
function toolbar(exported: Exported | null, context: Context): TemplateResult | typeof nothing {
  if (context.isAlone) return nothing;
  return html`<div class="answer-tools">
    ${saveButtons(context)} ${copyButton("link", context.m.copyLink, () => context.url, context)} ${exported === null ? nothing : exportMenu(exported, context)}
  </div>`;
}

function saveButtons({ state, actions, m }: Context): TemplateResult | typeof nothing {
  if (!mayEdit(state)) return nothing;
  const { report, question } = state;
  const open = report?.status === "ready" ? report.value : null;
  const chosen = mainSelections(question).filter(isChosen).map((selection) => selectionName(selection, m));
  const suggestion = chosen.join(" → ") || m.kinds[otherKindOf(state.raw?.spec) ?? question.kind];
  // A report that is as it was saved needs no save; one that a newer weir made can only be saved as another.
  const asNew = open !== null && (open.key === state.compiled.key || open.report.newer === true);
  return html`<button type="button" class="copy" @click=${() => actions.reports.askToSave(asNew, suggestion)}>${asNew ? m.saving.saveNew : m.save}</button>`;
}

/** An event that the lake does not have is a typing error or a thing of the past; a zero alone would not say so. */
function unknownEvents({ state, m, isAlone }: Context): TemplateResult | typeof nothing {
  if (isAlone || state.catalogue.status !== "ready" || state.raw !== null) return nothing;
  const known = new Set(state.catalogue.value.events.map(({ event }) => event));
  const asked = state.compiled.spec === null ? [] : namedEvents(state.compiled.spec);
  const unknown = asked.filter((event) => event !== "*" && !known.has(event));
  if (unknown.length === 0) return nothing;
  return html`<div class="notice">${unknown.map((event) => html`<p>${words(m.unknownEvent(event))}</p>`)}</div>`;
}

/** Every event that a spec names, each once. */
function namedEvents(spec: unknown): string[] {
  const found = new Set<string>();
  const look = (value: unknown) => {
    if (typeof value !== "object" || value === null) return;
    for (const [field, inner] of Object.entries(value)) {
      if (field === "event" && typeof inner === "string") found.add(inner);
      else look(inner);
    }
  };
  look(spec);
  return [...found];
}

function source({ version, complete_to, scanned }: Answered, { format, state, m }: Context): TemplateResult {
  const { timezone } = state.question;
  const complete = complete_to === null ? "" : `${format.instant(complete_to, timezone)} (${timezone})`;
  const events = m.answer.eventsScanned(scanned.rows, format);
  return html`<p class="source">${m.answer.source(version, complete, events, format.duration(scanned.elapsed_ms))}</p>`;
}
