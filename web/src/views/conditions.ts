/** Filters: of an event in a step, or of the whole question. */

import { type TemplateResult, html, nothing } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { live } from "lit-html/directives/live.js";
import { type Condition, type ConditionOwner, type Op, OPS, isComplete, isUntouched, needsValue } from "../model";
import { readValue } from "../spec";
import type { Context } from "./context";
import { cross, plus } from "./icons";
import { describedBy, problemsOf } from "./problems";

export function conditionList(owner: ConditionOwner, where: readonly Condition[], context: Context): TemplateResult {
  return html`<div class="conditions">
    ${repeat(where, ({ id }) => id, (condition, index) => conditionRow(owner, condition, index, context))}
  </div>`;
}

export function addConditionButton(owner: ConditionOwner, about: string, { actions }: Context): TemplateResult {
  return html`<button
    id="filter-${owner}"
    type="button"
    class="quiet"
    aria-label="Add a filter to ${about}"
    @click=${() => actions.addCondition(owner)}
  >
    ${plus} filter
  </button>`;
}

function conditionRow(owner: ConditionOwner, condition: Condition, index: number, context: Context): TemplateResult {
  const { actions } = context;
  const change = (part: { property?: string; op?: Op; text?: string }) =>
    actions.changeCondition(owner, condition.id, part);
  const typed = (event: Event) => (event.target as HTMLInputElement).value;
  return html`<div class="condition" role="group" aria-label="Filter ${index + 1}">
    <span class="condition-word">${index === 0 ? "where" : "and"}</span>
    <input
      id=${condition.id}
      class="condition-property"
      type="text"
      dir="auto"
      placeholder="property"
      aria-label="Property"
      aria-describedby=${describedBy(condition.id, context)}
      autocapitalize="off"
      spellcheck="false"
      .value=${live(condition.property)}
      @input=${(event: Event) => change({ property: typed(event) })}
    />
    <select class="condition-op" aria-label="Operator" @change=${(event: Event) => change({ op: typed(event) as Op })}>
      ${OPS.map((op) => html`<option value=${op} ?selected=${op === condition.op}>${op}</option>`)}
    </select>
    ${needsValue(condition.op) ? valueField(condition, change) : nothing}
    <button
      type="button"
      class="icon-button"
      aria-label="Remove filter ${index + 1}"
      @click=${() => actions.removeCondition(owner, condition.id)}
    >
      ${cross}
    </button>
    ${isComplete(condition) || isUntouched(condition)
      ? nothing
      : html`<p class="hint">Not applied yet: ${condition.property.trim() === "" ? "name a property" : "give a value"}.</p>`}
    ${problemsOf(condition.id, context)}
  </div>`;
}

function valueField(condition: Condition, change: (part: { text: string }) => void): TemplateResult {
  const many = condition.op === "in" || condition.op === "not in";
  return html`<span class="condition-value">
    <input
      type="text"
      dir="auto"
      placeholder=${many ? "a, b, c" : "value"}
      aria-label="Value"
      title='100 is a number, true is true; "100" in quotes is text'
      autocapitalize="off"
      spellcheck="false"
      .value=${live(condition.text)}
      @input=${(event: Event) => change({ text: (event.target as HTMLInputElement).value })}
    />
    ${condition.text.trim() === "" ? nothing : html`<span class="type-tag">${typeName(condition)}</span>`}
  </span>`;
}

/** How the value will be compared, since a number never equals a text. */
function typeName({ op, text }: Condition): string {
  const value = readValue(op, text);
  if (Array.isArray(value)) return `${value.length} ${value.length === 1 ? "value" : "values"}`;
  if (op === "matches") return "pattern";
  return { string: "text", number: "number", boolean: "yes/no" }[typeof value as "string" | "number" | "boolean"];
}
