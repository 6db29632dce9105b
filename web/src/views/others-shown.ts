/** Where the page shows an answer of a kind that it does not build: once the views for it are here. */

import { type TemplateResult, html, nothing } from "lit-html";
import type { ShownAnswer } from "../answers-others";
import { readOther } from "../question/others";
import type { Part } from "../words";
import type { Context } from "./context";
import { type Exported, withShown } from "./export";

export function otherSentence(answer: ShownAnswer, context: Context): Part[] {
  const views = context.actions.others.views();
  return views.status === "ready" ? views.value.sentenceOf(answer, context) : [];
}

export function otherResult(answer: ShownAnswer, tools: TemplateResult | typeof nothing, context: Context): TemplateResult {
  return whenHere(context, (views) => views.resultOf(answer, tools, context));
}

/** The same, small. */
export function otherTile(answer: ShownAnswer, context: Context): TemplateResult {
  return whenHere(context, (views) => views.tileOf(answer, context));
}

type Views = Extract<ReturnType<Context["actions"]["others"]["views"]>, { status: "ready" }>["value"];

function whenHere(context: Context, show: (views: Views) => TemplateResult | null): TemplateResult {
  const { m, actions } = context;
  const views = actions.others.views();
  if (views.status === "loading") return html`<p class="muted" role="status">${m.loading}</p>`;
  if (views.status === "ready") return show(views.value) ?? html``;
  return html`<div class="failure" role="alert">
    <h2>${m.others.notLoaded}</h2>
    <p>${m.others.reload}</p>
    <button type="button" class="primary" @click=${() => actions.others.retry()}>${m.retry}</button>
  </div>`;
}

/** What is taken away of it; null until the views are here. */
export function otherExported(answer: ShownAnswer, { actions }: Context): Exported | null {
  const views = actions.others.views();
  if (views.status !== "ready") return null;
  const drawn = answer.kind === "lifecycle" || (answer.kind === "stickiness" && answer.users > 0) || (answer.kind === "sessions" && (answer.trend ?? []).length > 0);
  return { name: `weir-${answer.kind}-${answer.version}`, table: () => views.value.tableOf(answer), draw: drawn ? withShown : null };
}

/** The panel of such a question: what it asks, as it is written, and where it is changed. */
export function otherPanel(context: Context): TemplateResult | null {
  const { state, m, actions } = context;
  const question = readOther(state.raw?.spec);
  if (question === null) return null;
  const fields = Object.entries(state.raw?.spec as object).filter(([field]) => field !== "kind");
  return html`<div class="panel-head">
      <h2>${m.kinds[question.kind]}</h2>
      <button type="button" class="quiet" @click=${() => actions.explore.startOver()}>${m.question.startOver}</button>
    </div>
    <p class="muted">${m.kindHints[question.kind]}</p>
    ${fields.length === 0
      ? nothing
      : html`<ul class="carried" aria-label=${m.others.fields}>
          ${fields.map(([field, value]) => html`<li><code>${field}: ${JSON.stringify(value)}</code></li>`)}
        </ul>`}
    <p class="buttons"><button type="button" class="copy" @click=${() => actions.explore.openJson()}>${m.share.edit}</button></p>`;
}
