/** What a retention is made of. */

import { type TemplateResult, html, nothing } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { editRetention } from "../question/edit";
import { MODES, OCCURRENCES } from "../question/model";
import { type Context, typed } from "./context";
import { choose, intervals, named, numberField, rangeField, splitField } from "./controls";
import { describedBy, problemsOf } from "./problems";
import { splitEvents } from "./question";
import { selectionFields } from "./selection";

export function retentionSelections(context: Context): TemplateResult {
  const { m, state } = context;
  const { start, back } = state.question.retention;
  return html`<div class="field" role="group" aria-label=${m.question.start}>
      <h3>${m.question.start}</h3>
      ${selectionFields(start, { name: m.question.startName, label: () => m.question.eventOfStart, canBeNamed: true }, context)}
    </div>
    <div class="field" role="group" aria-label=${m.question.back}>
      <h3>${m.question.back}</h3>
      ${selectionFields(back, { name: m.question.backName, label: () => m.question.eventOfBack, canBeNamed: true }, context)}
    </div>`;
}

export function retentionSettings(context: Context): TemplateResult {
  const { state, actions, m } = context;
  const { retention, range } = state.question;
  const edit = (change: Partial<typeof retention>, typing = false) =>
    actions.explore.change((question) => editRetention(question, change), { typing });
  return html`<div class="pair">
      ${choose(
        { id: "interval", label: m.question.cohortsBy, value: retention.interval, among: intervals(m), pick: (interval) => edit({ interval }) },
        context,
      )}
      ${retention.brackets.trim() === ""
        ? numberField(
            { id: "periods", label: m.question.periods, value: retention.periods, placeholder: m.question.periodsPlaceholder, least: 0, type: (periods) => edit({ periods }, true) },
            context,
          )
        : nothing}
    </div>
    ${rangeField(m.question.rangeRetention, range, context)}
    ${splitField(retention.breakdown, (change, typing) => edit({ breakdown: { ...retention.breakdown, ...change } }, typing), nothing, splitEvents(context), context)}`;
}

export function retentionMore(context: Context): TemplateResult {
  const { state, actions, m } = context;
  const { retention } = state.question;
  const edit = (change: Partial<typeof retention>, typing = false) =>
    actions.explore.change((question) => editRetention(question, change), { typing });
  return html`${choose({ id: "mode", label: m.question.mode, value: retention.mode, among: named(MODES, m.question.modes), pick: (mode) => edit({ mode }) }, context)}
    ${choose(
      { id: "occurrence", label: m.question.occurrence, value: retention.occurrence, among: named(OCCURRENCES, m.question.occurrences), pick: (occurrence) => edit({ occurrence }) },
      context,
    )}
    <div class="field">
      <label for="brackets">${m.question.brackets}</label>
      <input
        id="brackets" type="text" placeholder=${m.question.bracketsPlaceholder} spellcheck="false" aria-describedby=${describedBy("brackets", context)}
        .value=${live(retention.brackets)} @input=${(event: Event) => edit({ brackets: typed(event) }, true)}
      />
      ${problemsOf("brackets", context)}
    </div>`;
}
