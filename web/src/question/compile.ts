/**
 * Writes the complete part of a question as a query spec: the one JSON document that the server, the address of this
 * page and the command line share. What is not complete yet (a step without an event, a filter without a value) is left
 * out, and so is what says no more than the default does. `read.ts` reads it back to the same question.
 */

import {
  type Cohort, type Condition, type Match, type Op, type Question, type Range, type Selection, type Window,
  isChosen, isComplete, needsValue,
} from "./model";
import { type Scalar, parseList, parseScalar, parseText } from "./values";

export interface ConditionSpec {
  property: string;
  op: Op;
  value?: Scalar | Scalar[];
}

export interface MatchSpec {
  event: string;
  where?: ConditionSpec[];
  [carried: string]: unknown;
}

/** A step, a series, the start of a retention: one event or any of several. */
export interface SelectionSpec {
  event?: string;
  any?: MatchSpec[];
  where?: ConditionSpec[];
  label?: string;
  [more: string]: unknown;
}

/** A query spec of any kind, as `docs/query-spec.schema.json` has it. */
export interface Spec {
  kind: string;
  [field: string]: unknown;
}

/** What is wrong with a spec, and where: `steps[1].where[0].op`. */
export interface Problem {
  field: string;
  message: string;
}

/** Which control of the page stands for a path of the spec. */
export interface Place {
  path: string;
  id: string;
}

/** What is wrong with a question that needs no server to see; the message is one of the page's own. */
export interface LocalProblem {
  field: string;
  what: "window" | "range" | "brackets" | "number";
}

export interface Compiled {
  /** Null while the question asks nothing yet, or has a problem that needs no server to see. */
  spec: Spec | null;
  /** The same for questions that ask the same. */
  key: string;
  places: Place[];
  problems: LocalProblem[];
  /** The number, from 0, that a step or a series has in the spec, by its id. */
  numbers: Map<string, number>;
}

/** What compiling finds on its way. */
class Findings {
  readonly places: Place[] = [];
  readonly problems: LocalProblem[] = [];
  readonly numbers = new Map<string, number>();
}

const NO_QUESTION: Compiled = { spec: null, key: "", places: [], problems: [], numbers: new Map() };
/** Controls whose id is the field that they stand for. */
const FIELDS = [
  "window", "timezone", "breakdown", "order", "ties", "count", "hold", "interval", "compare", "exclusion", "moving_average",
  "cumulative", "periods", "brackets", "mode", "occurrence", "depth", "limit", "only", "hide", "collapse",
];

export function compile(question: Question): Compiled {
  const found = new Findings();
  found.places.push(...FIELDS.map((path) => ({ path, id: path })));
  found.places.push(...["from", "to", "last"].map((path) => ({ path, id: "range" })));
  const own = compileKind(question, found);
  if (own === null) return NO_QUESTION;
  const { before = {}, after = {} } = own;
  const spec: Spec = {
    kind: question.kind,
    ...compileRange(question.range, "range", found),
    timezone: question.timezone,
    ...before,
  };
  const where = compileConditions(question.where, "where", found.places);
  if (where.length > 0) spec.where = where;
  Object.assign(spec, after);
  const cohorts = compileCohorts(question.cohorts, found);
  if (cohorts.length > 0) spec.cohort = cohorts.length === 1 ? cohorts[0] : cohorts;
  Object.assign(spec, question.carried);
  const { places, problems, numbers } = found;
  return { spec: problems.length > 0 ? null : spec, key: JSON.stringify(spec), places, problems, numbers };
}

/** A question that the builder has no controls for: it is asked as it stands. */
export function compiledRaw(spec: Spec): Compiled {
  return { spec, key: JSON.stringify(spec), places: [], problems: [], numbers: new Map() };
}

type Fields = Record<string, unknown>;

/** What a kind has of its own, to stand before and behind the filters; null where it asks nothing yet. */
function compileKind(question: Question, found: Findings): { before?: Fields; after?: Fields } | null {
  switch (question.kind) {
    case "funnel":
      return compileFunnel(question, found);
    case "trends":
      return compileTrends(question, found);
    case "retention":
      return compileRetention(question, found);
    case "paths":
      return compilePaths(question, found);
  }
}

function compileFunnel({ funnel, carried }: Question, found: Findings): { before: Fields; after: Fields } | null {
  const steps = numbered(funnel.steps, "steps", found).map(({ selection: step, path }) => ({
    ...compileSelection(step, path, found),
    ...(step.optional ? { optional: true } : {}),
  }));
  if (steps.length === 0) return null;
  const number = (id: string | null) => (id === null ? undefined : found.numbers.get(id));
  const exclude = chosenOf(funnel.exclude).map((each, index) => {
    const [from, to] = [number(each.fromId), number(each.toId)];
    return {
      ...compileSelection(each, `exclude[${index}]`, found),
      ...(from === undefined ? {} : { from: from + 1 }),
      ...(to === undefined ? {} : { to: to + 1 }),
    };
  });
  const split = compileSplit(funnel.breakdown);
  const before: Fields = {
    steps,
    ...("window" in carried ? {} : { window: compileWindow(funnel.window, "window", found) }),
    ...unless(funnel.order, "ordered", "order"),
    ...unless(funnel.ties, "lenient", "ties"),
    ...unless(funnel.count, "users", "count"),
    ...(exclude.length > 0 ? { exclude } : {}),
    ...(exclude.length > 0 ? unless(funnel.exclusion, "block", "exclusion") : {}),
  };
  const after: Fields = {
    ...(split === null ? {} : { breakdown: { property: split.property, step: (number(funnel.breakdown.stepId) ?? 0) + 1, ...limitOf(split) } }),
    ...(funnel.hold.length > 0 ? { hold: funnel.hold } : {}),
    ...unless(funnel.interval, null, "interval"),
    ...(funnel.compare ? { compare: "previous" } : {}),
  };
  return { before, after };
}

function compileTrends({ trends }: Question, found: Findings): { before: Fields; after: Fields } | null {
  const series = numbered(trends.series, "series", found).map(({ selection: each, path }) => ({
    ...compileSelection(each, path, found),
    ...unless(each.measure, "events", "measure"),
    ...(measuresProperty(each.measure) && each.property.trim() !== "" ? { property: each.property.trim() } : {}),
  }));
  if (series.length === 0) return null;
  const formulas = trends.formulas.filter(({ formula }) => formula.trim() !== "").map(({ id, formula, label }, index) => {
    found.places.push({ path: `formulas[${index}]`, id });
    return label.trim() === "" ? formula.trim() : { formula: formula.trim(), label: label.trim() };
  });
  const split = compileSplit(trends.breakdown);
  return {
    before: { ...unless(trends.interval, "day", "interval"), series, ...(formulas.length > 0 ? { formulas } : {}) },
    after: {
      ...(split === null ? {} : { breakdown: splitSpec(split) }),
      ...(trends.cumulative ? { cumulative: true } : {}),
      ...compileNumber(trends.movingAverage, "moving_average", found),
      ...(trends.compare ? { compare: "previous" } : {}),
    },
  };
}

/** Whether a measure is one of a property. */
export function measuresProperty(measure: string): boolean {
  return !["events", "users", "per_user"].includes(measure);
}

function compileRetention({ retention }: Question, found: Findings): { before: Fields; after: Fields } | null {
  if (!isChosen(retention.start)) return null;
  const back = isChosen(retention.back) ? compileSelection(retention.back, "return", found) : { event: "*" };
  const anything = Object.keys(back).length === 1 && back.event === "*";
  const brackets = compileBrackets(retention.brackets, found);
  const split = compileSplit(retention.breakdown);
  return {
    before: {
      start: compileSelection(retention.start, "start", found),
      ...(anything ? {} : { return: back }),
      ...unless(retention.interval, "day", "interval"),
      ...(brackets === null ? compileNumber(retention.periods, "periods", found) : { brackets }),
      ...unless(retention.mode, "on", "mode"),
      ...unless(retention.occurrence, "first", "occurrence"),
    },
    after: split === null ? {} : { breakdown: splitSpec(split) },
  };
}

/** `0, 1-3` as `[[0,0],[1,3]]`; null where there are none. */
export function compileBrackets(text: string, found: { problems: LocalProblem[] }): [number, number][] | null {
  if (text.trim() === "") return null;
  return text.split(",").map((part) => {
    const [, from, to] = /^\s*(\d{1,5})\s*(?:[-–]\s*(\d{1,5})\s*)?$/.exec(part) ?? [];
    if (from === undefined) found.problems.push({ field: "brackets", what: "brackets" });
    return [Number(from), Number(to ?? from)];
  });
}

function compilePaths({ paths }: Question, found: Findings): { before: Fields } | null {
  if (paths.side !== "none" && !isChosen(paths.anchor)) return null;
  return {
    before: {
      ...(paths.side === "none" ? {} : { [paths.side]: compileSelection(paths.anchor, paths.side, found) }),
      ...unless(paths.depth, 5, "depth"),
      ...unless(paths.limit, 5, "limit"),
      ...unless(paths.collapse, true, "collapse"),
      ...(paths.only.length > 0 ? { only: paths.only } : {}),
      ...(paths.hide.length > 0 ? { hide: paths.hide } : {}),
      ...(paths.window.unit === "session" ? {} : { window: compileWindow(paths.window, "window", found) }),
      ...(paths.side === "none" && paths.count === "every" ? {} : unless(paths.count, "users", "count")),
    },
  };
}

function unless<T>(value: T, usual: T, field: string): Fields {
  return value === usual ? {} : { [field]: value };
}

function chosenOf<S extends Selection>(selections: readonly S[]): S[] {
  return selections.filter(isChosen);
}

/** Those that are chosen, with their paths; each is given its number. */
function numbered<S extends Selection>(selections: readonly S[], field: string, found: Findings): { selection: S; path: string }[] {
  return chosenOf(selections).map((selection, index) => {
    found.numbers.set(selection.id, index);
    return { selection, path: `${field}[${index}]` };
  });
}

function compileSelection(selection: Selection, path: string, found: Findings): SelectionSpec {
  const chosen = selection.matches.filter((match) => match.event !== "");
  const named = selection.label.trim();
  const label = named === "" ? {} : { label: named };
  const only = chosen[0]!;
  found.places.push({ path, id: only.id });
  if (named !== "") found.places.push({ path: `${path}.label`, id: labelId(selection.id) });
  if (chosen.length === 1 && Object.keys(only.carried).length === 0) {
    return { ...compileMatch(only, path, found), ...label, ...selection.carried };
  }
  const any = chosen.map((match, index) => {
    found.places.push({ path: `${path}.any[${index}]`, id: match.id });
    return compileMatch(match, `${path}.any[${index}]`, found);
  });
  return { any, ...label, ...selection.carried };
}

/** The id of the field in which a selection is named. */
export function labelId(selectionId: string): string {
  return `label-${selectionId}`;
}

function compileMatch(match: Match, path: string, found: Findings): MatchSpec {
  const where = compileConditions(match.where, `${path}.where`, found.places);
  return { event: match.event, ...(where.length > 0 ? { where } : {}), ...match.carried };
}

function compileConditions(conditions: readonly Condition[], path: string, places: Place[]): ConditionSpec[] {
  return conditions.filter(isComplete).map((condition, index) => {
    places.push({ path: `${path}[${index}]`, id: condition.id });
    return compileCondition(condition);
  });
}

export function compileCondition({ property, op, text }: Condition): ConditionSpec {
  const test = { property: property.trim(), op };
  return needsValue(op) ? { ...test, value: readValue(op, text) } : test;
}

/** The value of a typed text, by what the operator takes. A regular expression is taken as it stands. */
export function readValue(op: Op, text: string): Scalar | Scalar[] {
  if (op === "in" || op === "not in") return parseList(text);
  if (op === "matches") return text;
  if (op === "starts with" || op === "ends with") return parseText(text);
  return parseScalar(text);
}

function compileCohorts(cohorts: readonly Cohort[], found: Findings): unknown[] {
  const whole = cohorts.filter((cohort) => (cohort.how === "did" ? isChosen(cohort) : cohort.how === "funnel" || cohort.report !== ""));
  return whole.map((cohort, index) => {
    const path = whole.length === 1 ? "cohort" : `cohort[${index}]`;
    if (cohort.how === "did") {
      const [least, most] = [cohort.atLeast.trim(), cohort.atMost.trim()];
      return {
        ...compileSelection(cohort, path, found),
        ...(least === "" || (least === "1" && most === "") ? {} : compileNumber(least, "at_least", found)),
        ...compileNumber(most, "at_most", found),
        ...compileRange(cohort.range, cohort.id, found),
      };
    }
    found.places.push({ path, id: cohort.id });
    const from = cohort.how === "report" ? { report: cohort.report } : { funnel: cohort.funnel };
    return { ...from, ...unless(cohort.step, null, "step"), ...unless(cohort.state, "converted", "state") };
  });
}

function compileSplit({ property, limit }: { property: string; limit: number | null }): { property: string; limit: number | null } | null {
  return property.trim() === "" ? null : { property: property.trim(), limit };
}

function limitOf({ limit }: { limit: number | null }): Fields {
  return limit === null ? {} : { limit };
}

function splitSpec(split: { property: string; limit: number | null }): unknown {
  return split.limit === null ? split.property : { property: split.property, limit: split.limit };
}

/** A whole number as typed, or nothing. */
function compileNumber(text: string, field: string, found: Findings): Fields {
  if (text.trim() === "") return {};
  if (!/^\d{1,9}$/.test(text.trim())) {
    found.problems.push({ field, what: "number" });
    return { [field]: text };
  }
  return { [field]: Number(text) };
}

function compileRange(range: Range, id: string, found: Findings): { from?: string; to?: string; last?: string } {
  if (range.kind === "all") return {};
  if (range.kind === "last") return { last: range.last };
  if (isDate(range.from) && isDate(range.to) && range.from > range.to) {
    found.problems.push({ field: "to", what: "range" });
    if (id !== "range") found.places.push({ path: "to", id });
  }
  return { ...(range.from ? { from: range.from } : {}), ...(range.to ? { to: range.to } : {}) };
}

function compileWindow(window: Window, field: string, found: Findings): string {
  if (window.unit !== "session" && !/^[1-9]\d{0,11}$/.test(window.amount)) found.problems.push({ field, what: "window" });
  return printWindow(window);
}

export function printWindow(window: Window): string {
  return window.unit === "session" ? "session" : `${Number(window.amount)}${window.unit}`;
}

export function isDate(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text);
}

/** Sorts problems by the control they concern; those of no control come under the empty id. */
export function problemsById<P extends { field: string }>(problems: readonly P[], places: readonly Place[]): Map<string, P[]> {
  const sorted = new Map<string, P[]>();
  for (const problem of problems) {
    const fitting = places.filter(({ path }) => problem.field === path || /^[.[]/.test(tail(problem.field, path)));
    const nearest = fitting.sort((a, b) => b.path.length - a.path.length)[0];
    const id = nearest?.id ?? "";
    sorted.set(id, [...(sorted.get(id) ?? []), problem]);
  }
  return sorted;
}

function tail(field: string, path: string): string {
  return field.startsWith(path) ? field.slice(path.length) : "";
}
