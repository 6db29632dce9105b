/** Fields that know what the lake has: events, properties and their values. */

import { type TemplateResult, nothing } from "lit-html";
import type { CatalogueEvent, Property, PropertyValue } from "../answers";
import { type ListOption, fitting, fittingOrTyped } from "../question/options";
import { type Scalar, parseScalar, printList, printScalar, splitTyped } from "../question/values";
import type { Loading } from "../state";
import { eventName } from "../words";
import { type ComboboxOptions, combobox } from "./combobox";
import type { Context } from "./context";

/** Lines of a catalogue, kept with it, so that they are made once. */
const eventLines = new WeakMap<readonly CatalogueEvent[], readonly ListOption[]>();
const propertyLines = new WeakMap<readonly Property[], readonly ListOption[]>();

type Field = Pick<ComboboxOptions, "id" | "about" | "label" | "value" | "pick" | "kind">;

/** Chooses an event; `*` is any, offered where that makes sense. */
export function eventField(field: Field & { any: boolean }, context: Context): TemplateResult {
  const { state, m } = context;
  const { catalogue } = state;
  const events = catalogue.status === "ready" ? catalogue.value.events : [];
  let lines = eventLines.get(events);
  if (lines === undefined) {
    lines = events.map(({ event, count }) => ({ value: event, count }));
    eventLines.set(events, lines);
  }
  const all = lines;
  const any: ListOption = { value: "*", label: m.question.anyEvent, count: null };
  return combobox(
    {
      ...field,
      value: eventName(field.value, m),
      placeholder: m.question.chooseEvent,
      listLabel: m.list.events,
      lines: (typed) => {
        const found = fittingOrTyped(all, typed);
        return field.any && (typed ?? "").trim() === "" ? [...found, any] : found;
      },
      note: () => noteOf(catalogue, context),
    },
    context,
  );
}

/** Names a property of some events; none named is of all. What is typed counts as it is. */
export function propertyField(
  field: Field & { events: readonly string[]; type: (text: string) => void; placeholder?: string },
  context: Context,
): TemplateResult {
  const { m, actions } = context;
  const asked = () => actions.lists.properties(field.events);
  return combobox(
    {
      ...field,
      placeholder: field.placeholder ?? m.filter.propertyPlaceholder,
      listLabel: m.list.properties,
      lines: (typed) => {
        const properties = asked();
        return properties.status === "ready" ? fitting(linesOf(properties.value, context), typed) : [];
      },
      note: () => noteOf(asked(), context),
      tag: nothing,
    },
    context,
  );
}

function linesOf(properties: readonly Property[], { m }: Context): readonly ListOption[] {
  let lines = propertyLines.get(properties);
  if (lines === undefined) {
    lines = properties.map(({ property, present, types }) => ({ value: property, count: present, note: typeNames(types, m.filter.types) }));
    propertyLines.set(properties, lines);
  }
  return lines;
}

/** The types of a property, the most frequent first; null is none. */
export function typeNames(types: Record<string, number>, names: Record<string, string>): string {
  const found = Object.entries(types).filter(([type]) => type !== "null").sort(([, a], [, b]) => b - a);
  return found.map(([type]) => names[type] ?? type).join(", ");
}

/** A value of a property, with those that it has in these events. In a list of values, each is offered in its turn. */
export function valueField(
  field: Field & { events: readonly string[]; property: string; many: boolean; type: (text: string) => void; tag: TemplateResult | typeof nothing },
  context: Context,
): TemplateResult {
  const { m, actions, state } = context;
  const asked = () => (field.property === "" ? null : actions.lists.values(field.property, field.events));
  const known = (text: string) => {
    const values = asked();
    return values?.status === "ready" && values.value.some(({ value }) => value !== null && printScalar(value) === text);
  };
  /** The values that are done, and the beginning of one that is being typed. */
  const parts = (typed: string | null): { done: Scalar[]; begun: string } => {
    if (!field.many) return { done: [], begun: typed === null || known(field.value) ? "" : field.value };
    const { before, last } = splitTyped(field.value);
    const whole = last !== "" && (typed === null || known(last));
    return whole ? { done: [...before, parseScalar(last)], begun: "" } : { done: before, begun: last };
  };
  const typedNow = () => (state.list?.fieldId === field.id ? state.list.typed : null);
  return combobox(
    {
      ...field,
      placeholder: field.many ? m.filter.valuesPlaceholder : m.filter.valuePlaceholder,
      listLabel: m.list.values,
      lines: (typed) => {
        const values = asked();
        if (values?.status !== "ready") return [];
        const { done, begun } = parts(typed);
        const rest = values.value.filter(({ value }) => !done.some((chosen) => chosen === value));
        return fitting(rest.flatMap(valueLine), begun);
      },
      note: () => {
        const values = asked();
        return values === null ? m.list.empty : noteOf(values, context);
      },
      pick: (value) => field.pick(field.many ? printList([...parts(typedNow()).done, parseScalar(value)]) : value),
    },
    context,
  );
}

function valueLine({ value, count }: PropertyValue): ListOption[] {
  // `is not set` asks for null; a comparison cannot.
  if (value === null || typeof value === "object") return [];
  return [{ value: printScalar(value as Scalar), count }];
}

function noteOf(loading: Loading<{ length: number } | object>, { m }: Context): string | null {
  if (loading.status === "loading") return m.list.loading;
  return loading.status === "failed" ? m.list.failed : null;
}
