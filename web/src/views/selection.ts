/** One event or any of several, with conditions: a step, a series, what a retention begins with. */

import { type TemplateResult, html, nothing } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { repeat } from "lit-html/directives/repeat.js";
import { inputId, nameButtonId } from "../actions/explore";
import { labelId } from "../question/compile";
import { type Owner, dropCarried } from "../question/edit";
import type { Carried, Match, Selection } from "../question/model";
import { addConditionButton, conditionList } from "./conditions";
import { eventNames } from "../words";
import { type Context, typed } from "./context";
import { eventField } from "./fields";
import { cross, down, grip, plus, up } from "./icons";
import { describedBy, problemsOf } from "./problems";

export interface SelectionOptions {
  /** What it is called in the names of its controls, such as `step 1`. */
  name: string;
  /** The label of the field of an alternative, counted from 0. */
  label: (alternative: number) => string;
  /** Stands behind the first event. */
  tools?: TemplateResult | typeof nothing;
  /** Stands beside the buttons under the events. */
  more?: TemplateResult | typeof nothing;
  /** Whether it can be given a name of its own, which answers and their sentences have. */
  canBeNamed?: boolean;
}

export function selectionFields(selection: Selection, options: SelectionOptions, context: Context): TemplateResult {
  return html`${repeat(selection.matches, ({ id }) => id, (match, at) => matchFields(selection, match, at, options, context))}
  ${options.canBeNamed === true && isNamed(selection, context) ? nameField(selection, options.name, context) : nothing}
  ${carriedFields(selection.id, selection.carried, context)}`;
}

function matchFields(selection: Selection, match: Match, at: number, options: SelectionOptions, context: Context): TemplateResult {
  const { actions, m } = context;
  const last = at === selection.matches.length - 1;
  return html`<div class="match">
    <div class="match-line">
      ${at > 0 ? html`<span class="condition-word">${m.question.or}</span>` : nothing}
      ${eventField(
        {
          id: inputId(match.id),
          about: match.id,
          label: options.label(at),
          value: match.event,
          any: true,
          pick: (event) => actions.explore.pickEvent(match.id, event),
        },
        context,
      )}
      ${at === 0
        ? (options.tools ?? nothing)
        : html`<button
            type="button" class="icon-button" aria-label=${m.question.removeAlternative(at + 1, options.name)}
            @click=${() => actions.explore.removeMatch(selection.id, match.id)}
          >${cross}</button>`}
    </div>
    ${problemsOf(match.id, context)} ${conditionList(match.id, match.where, context)}
    ${match.event === ""
      ? nothing
      : html`<div class="match-tools">
          ${addConditionButton(match.id, options.name, context)}
          ${last
            ? html`<button
                  type="button" class="quiet" aria-label=${m.question.addAlternative(options.name)}
                  @click=${() => actions.explore.addMatch(selection.id)}
                >${plus} ${m.question.or}</button>
                ${options.more ?? nothing} ${options.canBeNamed === true ? nameButton(selection, options.name, context) : nothing}`
            : nothing}
        </div>`}
    ${carriedFields(match.id, match.carried, context)}
  </div>`;
}

function isNamed({ id, label }: Selection, { state }: Context): boolean {
  return label !== "" || state.naming === id;
}

function nameButton(selection: Selection, name: string, context: Context): TemplateResult | typeof nothing {
  if (isNamed(selection, context)) return nothing;
  const { m, actions } = context;
  return html`<button
    id=${nameButtonId(selection.id)} type="button" class="quiet" aria-label=${m.question.giveName(name)} title=${m.question.nameHint}
    @click=${() => actions.explore.beginNaming(selection.id)}
  >${plus} ${m.question.name}</button>`;
}

/** What people read in place of the names of the events. Enter is done with it; so is Escape, and where nothing is in it, it goes. */
function nameField(selection: Selection, name: string, context: Context): TemplateResult {
  const { m, actions } = context;
  const id = labelId(selection.id);
  const onKey = (event: KeyboardEvent) => {
    if (event.isComposing || !["Enter", "Escape"].includes(event.key) || selection.label.trim() !== "") return;
    event.preventDefault();
    actions.explore.endNaming(selection.id);
  };
  return html`<div class="name-line">
    <label for=${id} class="condition-word">${m.question.as}</label>
    <input
      id=${id} type="text" dir="auto" maxlength="200" aria-label=${m.question.nameOf(name)} placeholder=${eventNames(selection, m)} title=${m.question.nameHint}
      aria-describedby=${describedBy(id, context)} aria-invalid=${context.problems.has(id) ? "true" : nothing} autocomplete="off" spellcheck="false"
      .value=${live(selection.label)} @input=${(event: Event) => actions.explore.name(selection.id, typed(event))} @keydown=${onKey}
    />
    ${problemsOf(id, context)}
  </div>`;
}

/** Up, down, away: the tools of one item of a list. */
export function listTools(selection: Selection, name: string, at: number, count: number, { actions, m }: Context): TemplateResult {
  const [atTop, atEnd] = [at === 0, at === count - 1];
  return html`<div class="step-tools">
    <button
      id="up-${selection.id}" type="button" class="icon-button" aria-label=${m.question.moveUp(name)} ?hidden=${count === 1}
      aria-disabled=${atTop ? "true" : nothing} @click=${() => actions.explore.move(selection.id, at - 1, "up")}
    >${up}</button>
    <button
      id="down-${selection.id}" type="button" class="icon-button" aria-label=${m.question.moveDown(name)} ?hidden=${count === 1}
      aria-disabled=${atEnd ? "true" : nothing} @click=${() => actions.explore.move(selection.id, at + 1, "down")}
    >${down}</button>
    <button
      type="button" class="icon-button" aria-label=${m.question.removeIt(name)}
      @click=${() => actions.explore.removeSelection(selection.id)}
    >${cross}</button>
  </div>`;
}

/** What is being dragged, while it is. */
const DRAGGED = "application/x-weir-item";

/** The number of an item, by which it is dragged to another place. Keys have the arrows beside it. */
export function dragHandle(selection: Selection, sign: string, title: string, movable: boolean): TemplateResult {
  return html`<span
    class="step-number ${movable ? "is-movable" : ""}"
    draggable=${movable ? "true" : "false"}
    title=${movable ? title : nothing}
    aria-hidden="true"
    @dragstart=${(event: DragEvent) => event.dataTransfer?.setData(DRAGGED, selection.id)}
    >${sign}${movable ? grip : nothing}</span
  >`;
}

export function onDragOver(event: DragEvent): void {
  if (event.dataTransfer?.types.includes(DRAGGED) !== true) return;
  event.preventDefault();
  mark(event, true);
}

export function onDragLeave(event: DragEvent): void {
  mark(event, false);
}

export function onDrop(place: number, { actions }: Context): (event: DragEvent) => void {
  return (event) => {
    mark(event, false);
    const id = event.dataTransfer?.getData(DRAGGED);
    if (id === undefined || id === "") return;
    event.preventDefault();
    actions.explore.move(id, place);
  };
}

function mark(event: DragEvent, on: boolean): void {
  (event.currentTarget as HTMLElement).classList.toggle("is-target", on);
}

/** Fields that came with a link and have no control here: shown, so that nothing is asked unseen, and removable. */
export function carriedFields(owner: Owner, carried: Carried, { actions, m }: Context): TemplateResult | typeof nothing {
  const fields = Object.entries(carried);
  if (fields.length === 0) return nothing;
  return html`<ul class="carried" aria-label=${m.question.more}>
    ${fields.map(
      ([field, value]) => html`<li>
        <code>${field}: ${JSON.stringify(value)}</code>
        <button
          type="button" class="icon-button" aria-label=${m.question.removeField(field)}
          @click=${() => actions.explore.change((question) => dropCarried(question, owner, field))}
        >${cross}</button>
      </li>`,
    )}
  </ul>`;
}
