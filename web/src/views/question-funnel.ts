/** What a funnel is made of. */

import { type TemplateResult, html, nothing } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { inputId } from "../actions/explore";
import { editExclude, editFunnel, editStep, newExclude } from "../question/edit";
import { type Exclude, type FunnelStep, type Interval, COUNTS, EXCLUSIONS, ORDERS, TIES, isBlank, isChosen } from "../question/model";
import { selectionName } from "../words";
import { type Context, typed } from "./context";
import { choose, intervals, named, rangeField, splitField, tick, tokens, windowField } from "./controls";
import { propertyField } from "./fields";
import { cross, plus } from "./icons";
import { problemsOf } from "./problems";
import { splitEvents } from "./question";
import { dragHandle, listTools, onDragLeave, onDragOver, onDrop, selectionFields } from "./selection";

export function funnelSteps(context: Context): TemplateResult {
  const { state, actions, m } = context;
  const { steps, exclude } = state.question.funnel;
  const blank = isBlank(state.question) && steps.length === 1;
  return html`<ol class="steps">
      ${repeat(steps, ({ id }) => id, (step, index) => stepCard(step, index, steps.length, context))}
    </ol>
    <button type="button" class="add-step" ?hidden=${blank} @click=${() => actions.explore.addSelection()}>${plus} ${m.question.addStep}</button>
    ${steps.filter(isChosen).length > 1 || exclude.length > 0 ? exclusions(context) : nothing}`;
}

function stepCard(step: FunnelStep, index: number, count: number, context: Context): TemplateResult {
  const { actions, m } = context;
  const number = index + 1;
  const name = m.question.stepName(number);
  const optional = html`<button
    type="button" class="quiet toggle" aria-pressed=${step.optional ? "true" : "false"} title=${m.question.optionalHint(name)}
    @click=${() => actions.explore.change((question) => editStep(question, step.id, { optional: !step.optional }))}
  >${m.question.optional}</button>`;
  return html`<li class="step" @dragover=${onDragOver} @dragleave=${onDragLeave} @drop=${onDrop(index, context)}>
    ${dragHandle(step, String(number), m.question.drag(name), count > 1)}
    <div class="step-body" role="group" aria-label=${m.question.step(number)}>
      ${selectionFields(
        step,
        {
          name,
          label: (alternative) => m.question.eventOfStep(number, alternative),
          tools: count === 1 && !isChosen(step) ? nothing : listTools(step, name, index, count, context),
          more: index === 0 ? nothing : optional,
          canBeNamed: true,
        },
        context,
      )}
    </div>
  </li>`;
}

function exclusions(context: Context): TemplateResult {
  const { state, actions, m } = context;
  const { exclude, exclusion } = state.question.funnel;
  const add = () => {
    const each = newExclude();
    actions.lists.open(inputId(each.matches[0]!.id), true);
    actions.explore.change((question) => editFunnel(question, { exclude: [...question.funnel.exclude, each] }));
  };
  return html`<div class="exclusions">
    ${exclude.map((each, index) => exclusionRow(each, index, context))}
    ${exclude.some(isChosen)
      ? choose(
          {
            id: "exclusion",
            label: m.question.exclusionPolicy,
            value: exclusion,
            among: named(EXCLUSIONS, m.question.exclusions),
            pick: (value) => actions.explore.change((question) => editFunnel(question, { exclusion: value })),
          },
          context,
        )
      : nothing}
    <button type="button" class="quiet" @click=${add}>${plus} ${m.question.addExclude}</button>
  </div>`;
}

function exclusionRow(exclude: Exclude, index: number, context: Context): TemplateResult {
  const { state, actions, m } = context;
  const { steps } = state.question.funnel;
  const name = m.question.exclusion(index + 1);
  const change = (part: Partial<Exclude> | null) => actions.explore.change((question) => editExclude(question, exclude.id, part));
  const remove = html`<button type="button" class="icon-button" aria-label=${m.question.removeIt(name)} @click=${() => change(null)}>${cross}</button>`;
  const end = (label: string, chosen: string | null, usual: string, pick: (id: string | null) => void, among: readonly FunnelStep[]) => html`<select
    aria-label=${label} @change=${(event: Event) => pick(typed(event) || null)}
  >
    <option value="" ?selected=${chosen === null}>${usual}</option>
    ${among.map((step) => html`<option value=${step.id} ?selected=${step.id === chosen}>${steps.indexOf(step) + 1} ${selectionName(step, m)}</option>`)}
  </select>`;
  return html`<div class="exclusion" role="group" aria-label=${name}>
    <span class="condition-word">${m.question.exclude}</span>
    ${selectionFields(exclude, { name, label: () => m.question.eventOfExclusion(index + 1), tools: remove }, context)}
    ${isChosen(exclude) && steps.length > 2
      ? html`<div class="cohort-line">
          <span class="muted">${m.question.between}</span>
          ${end(`${name}: ${m.question.firstStep}`, exclude.fromId, m.question.firstStep, (fromId) => change({ fromId }), steps.slice(0, -1))}
          <span class="muted">${m.question.and}</span>
          ${end(`${name}: ${m.question.lastStep}`, exclude.toId, m.question.lastStep, (toId) => change({ toId }), steps.slice(1))}
        </div>`
      : nothing}
    ${problemsOf(exclude.id, context)}
  </div>`;
}

export function funnelSettings(context: Context): TemplateResult {
  const { state, actions, m } = context;
  const { funnel, range, carried } = state.question;
  const { steps, breakdown } = funnel;
  const edit = (change: Partial<typeof funnel>, typing = false) =>
    actions.explore.change((question) => editFunnel(question, change), { typing });
  const stepId = steps.some(({ id }) => id === breakdown.stepId) ? breakdown.stepId : steps[0]!.id;
  const step = steps.length < 2
    ? nothing
    : html`<select
        aria-label=${m.question.breakdownStep}
        @change=${(event: Event) => edit({ breakdown: { ...breakdown, stepId: typed(event) } })}
      >
        ${steps.map((each, index) => html`<option value=${each.id} ?selected=${each.id === stepId}>${m.question.atStep(index + 1, selectionName(each, m))}</option>`)}
      </select>`;
  const trends = [{ value: "", text: m.question.noTrend }, ...intervals(m)];
  return html`${"window" in carried ? nothing : windowField(m.question.window, funnel.window, (window, typing) => edit({ window }, typing), context)}
    ${rangeField(m.question.rangeFunnel, range, context)}
    ${splitField(breakdown, (change, typing) => edit({ breakdown: { ...breakdown, ...change } }, typing), step, splitEvents(context), context)}
    <div class="pair">
      ${choose(
        { id: "interval", label: m.question.trendBy, value: funnel.interval ?? "", among: trends, pick: (value) => edit({ interval: (value || null) as Interval | null }) },
        context,
      )}
      ${tick({ id: "compare", label: m.question.compare, on: funnel.compare, set: (compare) => edit({ compare }) }, context)}
    </div>`;
}

export function funnelMore(context: Context): TemplateResult {
  const { state, actions, m } = context;
  const { funnel } = state.question;
  const edit = (change: Partial<typeof funnel>) => actions.explore.change((question) => editFunnel(question, change));
  const add = (property: string) => {
    if (property.trim() !== "" && !funnel.hold.includes(property.trim())) edit({ hold: [...funnel.hold, property.trim()] });
  };
  return html`${choose({ id: "order", label: m.question.order, value: funnel.order, among: named(ORDERS, m.question.orders), pick: (order) => edit({ order }) }, context)}
    ${choose({ id: "count", label: m.question.count, value: funnel.count, among: named(COUNTS, m.question.counts), pick: (count) => edit({ count }) }, context)}
    ${choose(
      { id: "ties", label: m.question.ties, value: funnel.ties, among: named(TIES, m.question.tiesNames), hint: m.question.tiesHint, pick: (ties) => edit({ ties }) },
      context,
    )}
    ${tokens(
      funnel.hold,
      {
        legend: m.question.hold,
        title: m.question.holdHint,
        about: "hold",
        remove: (property) => edit({ hold: funnel.hold.filter((each) => each !== property) }),
        field: propertyField(
          { id: "add-hold", about: "hold", label: m.question.holdProperty, placeholder: m.question.addHold, value: "", events: splitEvents(context), type: () => {}, pick: add },
          context,
        ),
      },
      context,
    )}`;
}
