/** Filters: of an event, or of the whole question. */

import { type TemplateResult, html, nothing } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import type { Property } from "../answers";
import { readValue } from "../question/compile";
import { type Owner, eventsOfOwner } from "../question/edit";
import { type Condition, type Op, OPS, isComplete, isUntouched, needsValue } from "../question/model";
import { type Context, typed } from "./context";
import { propertyField, typeNames, valueField } from "./fields";
import { cross, plus } from "./icons";
import { problemsOf } from "./problems";

/** Operators that make sense for values of a type. */
const FITTING: Record<string, readonly Op[]> = {
  string: ["=", "!=", "in", "not in", "contains", "not contains", "starts with", "ends with", "matches"],
  number: ["=", "!=", "<", "<=", ">", ">=", "in", "not in"],
  boolean: ["=", "!="],
  array: ["contains", "not contains"],
};
const ALWAYS: readonly Op[] = ["exists", "not exists"];

export function conditionList(owner: Owner, where: readonly Condition[], context: Context): TemplateResult {
  return html`<div class="conditions">
    ${repeat(where, ({ id }) => id, (condition, index) => conditionRow(owner, condition, index, context))}
  </div>`;
}

export function addConditionButton(owner: Owner, about: string, { actions, m }: Context): TemplateResult {
  return html`<button
    id="filter-${owner}"
    type="button"
    class="quiet"
    aria-label=${m.filter.addTo(about)}
    @click=${() => actions.explore.addCondition(owner)}
  >
    ${plus} ${m.filter.add}
  </button>`;
}

function conditionRow(owner: Owner, condition: Condition, index: number, context: Context): TemplateResult {
  const { actions, m, state } = context;
  const events = eventsOfOwner(state.question, owner);
  const property = knownProperty(condition.property.trim(), events, context);
  const change = (part: Partial<Condition>, typing = false) => actions.explore.changeCondition(owner, condition.id, part, typing);
  return html`<div class="condition" role="group" aria-label=${m.filter.label(index + 1)}>
    <span class="condition-word">${index === 0 ? m.filter.where : m.filter.and}</span>
    ${propertyField(
      {
        id: condition.id,
        label: m.filter.property,
        value: condition.property,
        events,
        kind: "condition-property",
        type: (text) => change({ property: text }, true),
        pick: (text) => pickProperty(text, condition, events, change, context),
      },
      context,
    )}
    ${operatorField(condition, property, change, context)}
    ${needsValue(condition.op) ? value(condition, events, property, change, context) : nothing}
    <button
      type="button"
      class="icon-button"
      aria-label=${m.filter.remove(index + 1)}
      @click=${() => actions.explore.removeCondition(owner, condition.id)}
    >
      ${cross}
    </button>
    ${hint(condition, property, context)} ${problemsOf(condition.id, context)}
  </div>`;
}

/** What the lake knows of a property, if that has been asked for. */
function knownProperty(name: string, events: readonly string[], { actions }: Context): Property | undefined {
  if (name === "") return undefined;
  const properties = actions.lists.properties(events);
  return properties.status === "ready" ? properties.value.find(({ property }) => property === name) : undefined;
}

/** A property goes with an operator that fits it, and on to its value. */
function pickProperty(
  name: string,
  condition: Condition,
  events: readonly string[],
  change: (part: Partial<Condition>) => void,
  context: Context,
): void {
  const property = knownProperty(name, events, context);
  const ops = property === undefined ? [] : fittingOps(property);
  const op = ops.length === 0 || ops.includes(condition.op) ? condition.op : ops[0]!;
  if (needsValue(op)) {
    context.actions.lists.open(`value-${condition.id}`, true);
  }
  change({ property: name, op });
}

function fittingOps({ types }: Property): readonly Op[] {
  const found = Object.keys(types).flatMap((type) => FITTING[type] ?? []);
  return OPS.filter((op) => found.includes(op) || ALWAYS.includes(op));
}

function operatorField(condition: Condition, property: Property | undefined, change: (part: { op: Op }) => void, { m }: Context): TemplateResult {
  const option = (op: Op) => html`<option value=${op} ?selected=${op === condition.op}>${m.filter.ops[op]}</option>`;
  const ops = property === undefined ? OPS : fittingOps(property);
  const others = OPS.filter((op) => !ops.includes(op));
  return html`<select class="condition-op" aria-label=${m.filter.operator} @change=${(event: Event) => change({ op: typed(event) as Op })}>
    ${others.length === 0
      ? ops.map(option)
      : html`<optgroup label=${m.filter.fitting}>${ops.map(option)}</optgroup>
          <optgroup label=${m.filter.others}>${others.map(option)}</optgroup>`}
  </select>`;
}

function value(
  condition: Condition,
  events: readonly string[],
  property: Property | undefined,
  change: (part: { text: string }, typing?: boolean) => void,
  context: Context,
): TemplateResult {
  const { m } = context;
  return valueField(
    {
      id: `value-${condition.id}`,
      about: condition.id,
      label: m.filter.value,
      value: condition.text,
      events,
      property: property?.property ?? condition.property.trim(),
      many: condition.op === "in" || condition.op === "not in",
      kind: "condition-value",
      type: (text) => change({ text }, true),
      pick: (text) => change({ text }),
      tag: condition.text.trim() === "" ? nothing : html`<span class="type-tag" title=${m.filter.valueHint}>${typeName(condition, context)}</span>`,
    },
    context,
  );
}

/** How the value will be compared, since a number never equals a text. */
function typeName({ op, text }: Condition, { m, format }: Context): string {
  const value = readValue(op, text);
  if (Array.isArray(value)) return m.filter.values(value.length, format);
  return m.filter.types[op === "matches" ? "pattern" : typeof value] ?? "";
}

/** What keeps a condition from being asked, or from finding anything. */
function hint(condition: Condition, property: Property | undefined, { m }: Context): TemplateResult | typeof nothing {
  if (isUntouched(condition)) return nothing;
  if (!isComplete(condition)) return html`<p class="hint">${condition.property.trim() === "" ? m.filter.needsProperty : m.filter.needsValue}</p>`;
  if (property === undefined || !needsValue(condition.op) || ["contains", "not contains"].includes(condition.op)) return nothing;
  const read = readValue(condition.op, condition.text);
  const asked = [...new Set((Array.isArray(read) ? read : [read]).map((each) => typeof each))];
  if (asked.length === 0 || asked.some((type) => (property.types[type] ?? 0) > 0)) return nothing;
  const names = (types: string[]) => types.map((type) => m.filter.types[type] ?? type).join(", ");
  return html`<p class="hint">${m.filter.typeMismatch(property.property, typeNames(property.types, m.filter.types), names(asked))}</p>`;
}
