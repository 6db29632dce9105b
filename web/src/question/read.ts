/**
 * Makes a question of a query spec. A spec read and compiled again asks the same. A field that has no control is carried
 * along and shown; where a spec cannot be taken up at all, `readSpec` refuses and says which field is to blame.
 */

import {
  type Carried, type Cohort, type Condition, type Exclude, type FunnelDraft, type FunnelStep, type Interval, type PathsDraft,
  type Question, type Range, type RetentionDraft, type Selection, type Series, type Split, type TrendsDraft, type Window, COUNTS,
  DEFAULT_WINDOW, EXCLUSIONS, INTERVALS, KINDS, MODES, NO_SPLIT, OCCURRENCES, OPS, ORDERS, PATH_COUNTS, SESSION, STATES, TIES,
  WINDOW_UNITS, blankFunnel, blankPaths, blankQuestion, blankRetention, blankTrends, needsValue, newCondition, newId, newMatch,
  newSelection, newStep,
} from "./model";
import { type Scalar, printList, printScalar, printText } from "./values";

/** A spec that this page cannot show. */
export class UnreadableSpec extends Error {}

const COMMON = ["kind", "from", "to", "last", "timezone", "where", "cohort"];

/** Makes a question of a spec. Throws `UnreadableSpec`. */
export function readSpec(value: unknown, timezone: string): Question {
  const spec = asObject(value, "the question");
  const kind = KINDS.find((known) => known === (spec.kind ?? "funnel"));
  if (kind === undefined) {
    throw new UnreadableSpec(`kind ${JSON.stringify(spec.kind)} is not one this page builds; it builds ${KINDS.join(", ")}`);
  }
  const question: Question = {
    ...blankQuestion(timezone, kind),
    range: readRange(spec, ""),
    timezone: spec.timezone === undefined ? timezone : asText(spec.timezone, "timezone"),
    where: readConditions(spec.where, "where"),
    cohorts: readCohorts(spec.cohort),
  };
  switch (kind) {
    case "funnel": {
      const [funnel, carried] = readFunnel(spec);
      return { ...question, funnel, carried };
    }
    case "trends": {
      const [trends, carried] = readTrends(spec);
      return { ...question, trends, carried };
    }
    case "retention": {
      const [retention, carried] = readRetention(spec);
      return { ...question, retention, carried };
    }
    case "paths": {
      const [paths, carried] = readPaths(spec);
      return { ...question, paths, carried };
    }
  }
}

type Fields = Record<string, unknown>;

function readFunnel(spec: Fields): [FunnelDraft, Carried] {
  const steps = asArray(spec.steps, "steps").map((step, index) => readStep(step, `steps[${index}]`));
  if (steps.length === 0) throw new UnreadableSpec("steps is empty; a funnel needs at least one");
  const carried = rest(spec, [
    ...COMMON, "steps", "window", "order", "ties", "count", "exclude", "exclusion", "hold", "breakdown", "interval", "compare",
  ]);
  const window = readWindow(spec.window, DEFAULT_WINDOW);
  const funnel: FunnelDraft = {
    ...blankFunnel(),
    steps,
    window: window ?? DEFAULT_WINDOW,
    order: oneOf(spec.order, ORDERS, "order"),
    ties: oneOf(spec.ties, TIES, "ties"),
    count: oneOf(spec.count, COUNTS, "count"),
    exclude: optional(spec.exclude, asArray, "exclude", []).map((each, index) => readExclude(each, `exclude[${index}]`, steps)),
    exclusion: oneOf(spec.exclusion, EXCLUSIONS, "exclusion"),
    hold: optional(spec.hold, asTexts, "hold", []),
    breakdown: readBreakdown(spec.breakdown, steps),
    interval: readInterval(spec.interval, null),
    compare: readCompare(spec.compare),
  };
  return [funnel, window === null ? { ...carried, window: spec.window } : carried];
}

function readStep(value: unknown, path: string): FunnelStep {
  const [selection, step] = readSelection(value, path, ["optional"]);
  return newStep(selection, optional(step.optional, asBoolean, `${path}.optional`, false));
}

function readExclude(value: unknown, path: string, steps: readonly FunnelStep[]): Exclude {
  const [selection, exclude] = readSelection(value, path, ["from", "to"]);
  const at = (field: "from" | "to") => (exclude[field] === undefined ? null : stepAt(exclude[field], `${path}.${field}`, steps).id);
  return { ...selection, fromId: at("from"), toId: at("to") };
}

function stepAt(value: unknown, path: string, steps: readonly FunnelStep[]): FunnelStep {
  const step = steps[asCount(value, path) - 1];
  if (step === undefined) throw new UnreadableSpec(`${path} names step ${String(value)}, there are ${steps.length}`);
  return step;
}

function readBreakdown(value: unknown, steps: readonly FunnelStep[]): FunnelDraft["breakdown"] {
  const stepId = steps[0]!.id;
  if (value === undefined || typeof value === "string") return { ...readSplit(value), stepId };
  const { step = 1, ...split } = asObject(value, "breakdown");
  return { ...readSplit(split), stepId: stepAt(step, "breakdown.step", steps).id };
}

function readSplit(value: unknown): Split {
  if (value === undefined) return NO_SPLIT;
  if (typeof value === "string") return { property: asText(value, "breakdown"), limit: null };
  const split = asObject(value, "breakdown");
  const unknown = Object.keys(rest(split, ["property", "limit"]))[0];
  if (unknown !== undefined) throw new UnreadableSpec(`breakdown.${unknown} is not a field of a breakdown`);
  return {
    property: asText(split.property, "breakdown.property"),
    limit: split.limit === undefined ? null : asCount(split.limit, "breakdown.limit"),
  };
}

function readTrends(spec: Fields): [TrendsDraft, Carried] {
  const series = asArray(spec.series, "series").map((each, index) => readSeries(each, `series[${index}]`));
  if (series.length === 0) throw new UnreadableSpec("series is empty; trends need at least one");
  const formulas = optional(spec.formulas, asArray, "formulas", []).map((value, index) => {
    const path = `formulas[${index}]`;
    if (typeof value === "string") return { id: newId("f"), formula: value, label: "" };
    const { formula, label } = asObject(value, path);
    return { id: newId("f"), formula: asText(formula, `${path}.formula`), label: optional(label, asText, `${path}.label`, "") };
  });
  const trends: TrendsDraft = {
    ...blankTrends(),
    series,
    formulas,
    interval: readInterval(spec.interval, "day"),
    breakdown: readSplit(spec.breakdown),
    cumulative: optional(spec.cumulative, asBoolean, "cumulative", false),
    movingAverage: optional(spec.moving_average, asNumberText, "moving_average", ""),
    compare: readCompare(spec.compare),
  };
  const known = [...COMMON, "series", "formulas", "interval", "breakdown", "cumulative", "moving_average", "compare"];
  return [trends, rest(spec, known)];
}

function readSeries(value: unknown, path: string): Series {
  const [selection, series] = readSelection(value, path, ["measure", "property"]);
  return {
    ...selection,
    measure: optional(series.measure, asText, `${path}.measure`, "events"),
    property: optional(series.property, asText, `${path}.property`, ""),
  };
}

function readRetention(spec: Fields): [RetentionDraft, Carried] {
  const brackets = optional(spec.brackets, asArray, "brackets", []).map((pair, index) => {
    const [from, to] = asArray(pair, `brackets[${index}]`);
    return from === to ? String(from) : `${String(from)}-${String(to)}`;
  });
  const blank = blankRetention();
  const retention: RetentionDraft = {
    ...blank,
    start: readSelection(spec.start, "start", [])[0],
    back: spec.return === undefined ? blank.back : readSelection(spec.return, "return", [])[0],
    interval: readInterval(spec.interval, "day"),
    periods: optional(spec.periods, asNumberText, "periods", ""),
    brackets: brackets.join(", "),
    mode: oneOf(spec.mode, MODES, "mode"),
    occurrence: oneOf(spec.occurrence, OCCURRENCES, "occurrence"),
    breakdown: readSplit(spec.breakdown),
  };
  const known = [...COMMON, "start", "return", "interval", "periods", "brackets", "mode", "occurrence", "breakdown"];
  return [retention, rest(spec, known)];
}

function readPaths(spec: Fields): [PathsDraft, Carried] {
  if (spec.start !== undefined && spec.end !== undefined) throw new UnreadableSpec("start stands beside end; keep one of them");
  const side = spec.start !== undefined ? "start" : spec.end !== undefined ? "end" : "none";
  const blank = blankPaths();
  const window = readWindow(spec.window, SESSION);
  const known = [...COMMON, "start", "end", "depth", "limit", "collapse", "window", "count"];
  // Listed events with conditions have no control here.
  const lists = (["only", "hide"] as const).filter((field) => isTexts(spec[field]));
  const carried = rest(spec, [...known, ...lists]);
  const list = (field: "only" | "hide") => (lists.includes(field) ? (spec[field] as string[]) : []);
  const paths: PathsDraft = {
    ...blank,
    side,
    anchor: side === "none" ? blank.anchor : readSelection(spec[side], side, [])[0],
    depth: optional(spec.depth, asCount, "depth", blank.depth),
    limit: optional(spec.limit, asCount, "limit", blank.limit),
    collapse: optional(spec.collapse, asBoolean, "collapse", true),
    only: list("only"),
    hide: list("hide"),
    window: window ?? SESSION,
    count: oneOf(spec.count, PATH_COUNTS, "count"),
  };
  return [paths, window === null ? { ...carried, window: spec.window } : carried];
}

function readCohorts(value: unknown): Cohort[] {
  if (value === undefined) return [];
  const many = Array.isArray(value);
  return (many ? value : [value]).map((each, index) => readCohort(each, many ? `cohort[${index}]` : "cohort"));
}

function readCohort(value: unknown, path: string): Cohort {
  const cohort = asObject(value, path);
  if (cohort.report === undefined && cohort.funnel === undefined) {
    const [selection] = readSelection(cohort, path, ["at_least", "at_most", "from", "to", "last"]);
    const atMost = optional(cohort.at_most, asNumberText, `${path}.at_most`, "");
    const atLeast = optional(cohort.at_least, asNumberText, `${path}.at_least`, atMost === "" ? "1" : "");
    return { ...selection, how: "did", atLeast, atMost, range: readRange(cohort, `${path}.`) };
  }
  const unknown = Object.keys(rest(cohort, ["report", "funnel", "step", "state"]))[0];
  if (unknown !== undefined) throw new UnreadableSpec(`${path}.${unknown} is not a field of a cohort`);
  const place = {
    id: newId("h"),
    step: cohort.step === undefined ? null : asCount(cohort.step, `${path}.step`),
    state: oneOf(cohort.state, STATES, `${path}.state`),
  };
  if (cohort.report !== undefined) return { how: "report", report: asText(cohort.report, `${path}.report`), ...place };
  return { how: "funnel", funnel: asObject(cohort.funnel, `${path}.funnel`), ...place };
}

/** A selection, and the object that it was read from. `more` names fields that the caller reads itself. */
export function readSelection(value: unknown, path: string, more: string[]): [Selection, Fields] {
  if (typeof value === "string") return [newSelection([newMatch(asText(value, path))]), {}];
  const object = asObject(value, path);
  const label = optional(object.label, asText, `${path}.label`, "");
  if (object.any === undefined) {
    const match = newMatch(asText(object.event, `${path}.event`), readConditions(object.where, `${path}.where`));
    return [newSelection([match], label, rest(object, ["event", "where", "label", ...more])), object];
  }
  const shared = readConditions(object.where, `${path}.where`);
  const matches = asArray(object.any, `${path}.any`).map((item, index) => {
    const at = `${path}.any[${index}]`;
    const match = asObject(item, at);
    const own = readConditions(match.where, `${at}.where`);
    const all = [...own, ...shared.map(({ property, op, text }) => newCondition(property, op, text))];
    return newMatch(asText(match.event, `${at}.event`), all, rest(match, ["event", "where"]));
  });
  if (matches.length === 0) throw new UnreadableSpec(`${path}.any is empty; name at least one event`);
  return [newSelection(matches, label, rest(object, ["any", "where", "label", ...more])), object];
}

function readConditions(value: unknown, path: string): Condition[] {
  if (value === undefined) return [];
  return asArray(value, path).map((item, index) => readCondition(item, `${path}[${index}]`));
}

function readCondition(value: unknown, path: string): Condition {
  const condition = asObject(value, path);
  const property = asText(condition.property, `${path}.property`);
  const op = OPS.find((known) => known === condition.op);
  if (op === undefined) {
    throw new UnreadableSpec(`${path}.op is ${JSON.stringify(condition.op)}; it is one of ${OPS.join(", ")}`);
  }
  if (!needsValue(op)) return newCondition(property, op);
  return newCondition(property, op, printValue(op, condition.value, `${path}.value`));
}

function printValue(op: (typeof OPS)[number], value: unknown, path: string): string {
  if (op === "in" || op === "not in") {
    const values = asArray(value, path);
    if (values.length === 0) throw new UnreadableSpec(`${path} is empty; name at least one value`);
    return printList(values.map((item, index) => asScalar(item, `${path}[${index}]`)));
  }
  if (op === "matches") return asText(value, path);
  if (op === "starts with" || op === "ends with") return printText(asText(value, path));
  return printScalar(asScalar(value, path));
}

/** Null for a window this page has no control for. */
function readWindow(value: unknown, usual: Window): Window | null {
  if (value === undefined) return usual;
  if (value === "session") return SESSION;
  const [, amount, suffix] = /^([1-9]\d{0,11})([a-z]+)$/.exec(typeof value === "string" ? value : "") ?? [];
  const unit = WINDOW_UNITS.find((known) => known === suffix);
  return amount === undefined || unit === undefined ? null : { amount, unit };
}

export function readRange(spec: Fields, path: string): Range {
  if (spec.last !== undefined) {
    if (spec.from !== undefined || spec.to !== undefined) {
      throw new UnreadableSpec(`${path}last stands beside from or to; keep one of them`);
    }
    return { kind: "last", last: asText(spec.last, `${path}last`) };
  }
  if (spec.from === undefined && spec.to === undefined) return { kind: "all" };
  return {
    kind: "dates",
    from: optional(spec.from, asText, `${path}from`, ""),
    to: optional(spec.to, asText, `${path}to`, ""),
  };
}

function readInterval<None extends Interval | null>(value: unknown, none: None): Interval | None {
  if (value === undefined) return none;
  return oneOf(value, INTERVALS, "interval");
}

function readCompare(value: unknown): boolean {
  if (value !== undefined && value !== "previous") throw new UnreadableSpec(`compare is ${JSON.stringify(value)}; it is "previous" or not there`);
  return value === "previous";
}

function rest(object: Fields, known: string[]): Carried {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !known.includes(name)));
}

/** The first of the names is the default. */
function oneOf<T extends string>(value: unknown, names: readonly T[], path: string): T {
  if (value === undefined) return names[0]!;
  const found = names.find((name) => name === value);
  if (found === undefined) throw new UnreadableSpec(`${path} is ${JSON.stringify(value)}; it is one of ${names.join(", ")}`);
  return found;
}

function optional<T>(value: unknown, read: (value: unknown, path: string) => T, path: string, none: T): T {
  return value === undefined ? none : read(value, path);
}

/** An object, without its fields that are null: of any field that means the same as leaving it out. */
function asObject(value: unknown, path: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new UnreadableSpec(`${path} must be a JSON object`);
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null));
}

function asArray(value: unknown, path: string): unknown[] {
  if (Array.isArray(value)) return value;
  throw new UnreadableSpec(`${path} must be a list`);
}

function asText(value: unknown, path: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw new UnreadableSpec(`${path} must be text`);
}

function asTexts(value: unknown, path: string): string[] {
  return asArray(value, path).map((item, index) => asText(item, `${path}[${index}]`));
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string" && item !== "");
}

function asBoolean(value: unknown, path: string): boolean {
  if (typeof value === "boolean") return value;
  throw new UnreadableSpec(`${path} must be true or false`);
}

function asScalar(value: unknown, path: string): Scalar {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  throw new UnreadableSpec(`${path} must be text, a number, true or false`);
}

function asCount(value: unknown, path: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1) return value;
  throw new UnreadableSpec(`${path} must be a whole number of at least 1`);
}

function asNumberText(value: unknown, path: string): string {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return String(value);
  throw new UnreadableSpec(`${path} must be a whole number`);
}
