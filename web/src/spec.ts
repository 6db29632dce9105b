/**
 * The query spec: one JSON document that the server, the address of this page and the command line share.
 *
 * `compile` writes the complete part of a question as a spec; `readSpec` makes a question of a spec. A spec read and
 * compiled again asks the same. Where that cannot be kept, `readSpec` refuses and says which field is to blame.
 */

import {
  type Carried, type Condition, type Match, type Op, OPS, type Question, type Range, type Step, type Window,
  blankQuestion, isComplete, needsValue, newCondition, newMatch, newStep, WINDOW_UNITS,
} from "./model";
import { parseList, parseScalar, parseText, printList, printScalar, printText, type Scalar } from "./values";

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

export interface StepSpec {
  event?: string;
  any?: MatchSpec[];
  where?: ConditionSpec[];
  label?: string;
  [carried: string]: unknown;
}

export interface FunnelSpec {
  kind: "funnel";
  from?: string;
  to?: string;
  last?: string;
  timezone: string;
  steps: StepSpec[];
  window?: unknown;
  where?: ConditionSpec[];
  breakdown?: { property: string; step: number; limit?: number };
  [carried: string]: unknown;
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

export interface Compiled {
  /** Null while the question has no step yet, or a problem that needs no server to see. */
  spec: FunnelSpec | null;
  /** The same for questions that ask the same. */
  key: string;
  places: Place[];
  problems: Problem[];
}

const NO_QUESTION: Compiled = { spec: null, key: "", places: [], problems: [] };

/** Writes what is complete in a question as a spec. */
export function compile(question: Question): Compiled {
  const places: Place[] = [
    { path: "window", id: "window" },
    { path: "timezone", id: "timezone" },
    { path: "breakdown", id: "breakdown" },
    ...["from", "to", "last"].map((path) => ({ path, id: "range" })),
  ];
  const steps: StepSpec[] = [];
  const specIndex = new Map<string, number>();
  for (const step of question.steps) {
    const chosen = step.matches.filter((match) => match.event !== "");
    if (chosen.length === 0) continue;
    const path = `steps[${steps.length}]`;
    specIndex.set(step.id, steps.length);
    steps.push(compileStep(step, chosen, path, places));
  }
  if (steps.length === 0) return NO_QUESTION;

  const problems = [...windowProblems(question), ...rangeProblems(question.range)];
  const spec: FunnelSpec = {
    kind: "funnel",
    ...compileRange(question.range),
    timezone: question.timezone,
    steps,
    ...("window" in question.carried ? {} : { window: printWindow(question.window) }),
  };
  const where = compileConditions(question.where, "where", places);
  if (where.length > 0) spec.where = where;
  const { property, stepId, limit } = question.breakdown;
  if (property.trim() !== "") {
    spec.breakdown = { property: property.trim(), step: (specIndex.get(stepId) ?? 0) + 1 };
    if (limit !== null) spec.breakdown.limit = limit;
  }
  Object.assign(spec, question.carried);
  return { spec: problems.length > 0 ? null : spec, key: JSON.stringify(spec), places, problems };
}

function compileStep(step: Step, chosen: Match[], path: string, places: Place[]): StepSpec {
  const label = step.label === "" ? {} : { label: step.label };
  const only = chosen[0]!;
  places.push({ path, id: only.id });
  if (chosen.length === 1 && Object.keys(only.carried).length === 0) {
    return { ...compileMatch(only, path, places), ...label, ...step.carried };
  }
  const any = chosen.map((match, index) => {
    places.push({ path: `${path}.any[${index}]`, id: match.id });
    return compileMatch(match, `${path}.any[${index}]`, places);
  });
  return { any, ...label, ...step.carried };
}

function compileMatch(match: Match, path: string, places: Place[]): MatchSpec {
  const where = compileConditions(match.where, `${path}.where`, places);
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

function compileRange(range: Range): { from?: string; to?: string; last?: string } {
  if (range.kind === "all") return {};
  if (range.kind === "last") return { last: range.last };
  return { ...(range.from ? { from: range.from } : {}), ...(range.to ? { to: range.to } : {}) };
}

export function printWindow(window: Window): string {
  return `${Number(window.amount)}${window.unit}`;
}

function windowProblems({ window, carried }: Question): Problem[] {
  if ("window" in carried || /^[1-9]\d{0,11}$/.test(window.amount)) return [];
  return [{ field: "window", message: "Write a whole number of at least 1." }];
}

function rangeProblems(range: Range): Problem[] {
  const dates = range.kind === "dates" && isDate(range.from) && isDate(range.to);
  if (!dates || range.from <= range.to) return [];
  return [{ field: "to", message: "The last day is before the first." }];
}

export function isDate(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text);
}

/** Sorts problems by the control they concern; those of no control come under the empty id. */
export function problemsById(problems: readonly Problem[], places: readonly Place[]): Map<string, Problem[]> {
  const sorted = new Map<string, Problem[]>();
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

// Reading.

/** A spec that this page cannot show. */
export class UnreadableSpec extends Error {}

/** Makes a question of a spec. Throws `UnreadableSpec`. */
export function readSpec(value: unknown, timezone: string): Question {
  const spec = asObject(value, "the question");
  if (spec.kind !== undefined && spec.kind !== "funnel") {
    throw new UnreadableSpec(`kind ${JSON.stringify(spec.kind)} is not one this page shows; it shows "funnel"`);
  }
  const blank = blankQuestion(timezone);
  const steps = asArray(spec.steps, "steps").map((step, index) => readStep(step, `steps[${index}]`));
  if (steps.length === 0) throw new UnreadableSpec("steps is empty; a funnel needs at least one");
  const carried = rest(spec, ["kind", "from", "to", "last", "timezone", "steps", "window", "where", "breakdown"]);
  const window = readWindow(spec.window);
  return {
    steps,
    window: window ?? blank.window,
    range: readRange(spec),
    timezone: spec.timezone === undefined ? timezone : asText(spec.timezone, "timezone"),
    where: readConditions(spec.where, "where"),
    breakdown: readBreakdown(spec.breakdown, steps),
    carried: window === null ? { ...carried, window: spec.window } : carried,
  };
}

function readStep(value: unknown, path: string): Step {
  const step = asObject(value, path);
  const label = step.label === undefined ? "" : asText(step.label, `${path}.label`);
  if (step.any === undefined) {
    const carried = rest(step, ["event", "where", "label"]);
    const match = newMatch(asText(step.event, `${path}.event`), readConditions(step.where, `${path}.where`));
    return newStep([match], label, carried);
  }
  const shared = readConditions(step.where, `${path}.where`);
  const matches = asArray(step.any, `${path}.any`).map((item, index) => {
    const at = `${path}.any[${index}]`;
    const match = asObject(item, at);
    const own = readConditions(match.where, `${at}.where`);
    const all = [...own, ...shared.map(({ property, op, text }) => newCondition(property, op, text))];
    return newMatch(asText(match.event, `${at}.event`), all, rest(match, ["event", "where"]));
  });
  if (matches.length === 0) throw new UnreadableSpec(`${path}.any is empty; name at least one event`);
  return newStep(matches, label, rest(step, ["any", "where", "label"]));
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

function printValue(op: Op, value: unknown, path: string): string {
  if (op === "in" || op === "not in") {
    const values = asArray(value, path);
    if (values.length === 0) throw new UnreadableSpec(`${path} is empty; name at least one value`);
    return printList(values.map((item, index) => asScalar(item, `${path}[${index}]`)));
  }
  if (op === "matches") return asText(value, path);
  if (op === "starts with" || op === "ends with") return printText(asText(value, path));
  return printScalar(asScalar(value, path));
}

/** Null for a window this page has no control for, such as `session`. */
function readWindow(value: unknown): Window | null {
  if (value === undefined) return { amount: "14", unit: "d" };
  const [, amount, suffix] = /^([1-9]\d{0,11})([a-z]+)$/.exec(typeof value === "string" ? value : "") ?? [];
  const unit = WINDOW_UNITS.find((known) => known === suffix);
  return amount === undefined || unit === undefined ? null : { amount, unit };
}

function readRange(spec: Record<string, unknown>): Range {
  if (spec.last !== undefined) {
    if (spec.from !== undefined || spec.to !== undefined) {
      throw new UnreadableSpec("last stands beside from or to; keep one of them");
    }
    return { kind: "last", last: asText(spec.last, "last") };
  }
  if (spec.from === undefined && spec.to === undefined) return { kind: "all" };
  return {
    kind: "dates",
    from: spec.from === undefined ? "" : asText(spec.from, "from"),
    to: spec.to === undefined ? "" : asText(spec.to, "to"),
  };
}

function readBreakdown(value: unknown, steps: Step[]): Question["breakdown"] {
  const first = steps[0]!;
  if (value === undefined) return { property: "", stepId: first.id, limit: null };
  const breakdown = asObject(value, "breakdown");
  const unknown = Object.keys(rest(breakdown, ["property", "step", "limit"]))[0];
  if (unknown !== undefined) throw new UnreadableSpec(`breakdown.${unknown} is not a field of a breakdown`);
  const step = steps[asCount(breakdown.step ?? 1, "breakdown.step") - 1];
  if (step === undefined) throw new UnreadableSpec(`breakdown.step names step ${breakdown.step}, there are ${steps.length}`);
  return {
    property: asText(breakdown.property, "breakdown.property"),
    stepId: step.id,
    limit: breakdown.limit === undefined ? null : asCount(breakdown.limit, "breakdown.limit"),
  };
}

function rest(object: Record<string, unknown>, known: string[]): Carried {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !known.includes(name)));
}

function asObject(value: unknown, path: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UnreadableSpec(`${path} must be a JSON object`);
}

function asArray(value: unknown, path: string): unknown[] {
  if (Array.isArray(value)) return value;
  throw new UnreadableSpec(`${path} must be a list`);
}

function asText(value: unknown, path: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw new UnreadableSpec(`${path} must be text`);
}

function asScalar(value: unknown, path: string): Scalar {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  throw new UnreadableSpec(`${path} must be text, a number, true or false`);
}

function asCount(value: unknown, path: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1) return value;
  throw new UnreadableSpec(`${path} must be a whole number of at least 1`);
}

// The address. `#q=` and the spec as percent-encoded JSON: the part after # never reaches a server's log.

/** The part of the address that holds a spec; only letters, digits and `-_.~%` follow `#q=`. */
export function toHash(spec: FunnelSpec): string {
  return `#q=${encode(JSON.stringify(spec))}`;
}

/** The question in an address (`#q=…` or `?q=…`); null where there is none. Throws `UnreadableSpec`. */
export function fromAddress(address: { hash: string; search: string }, timezone: string): Question | null {
  const found = /^[#?](?:.*&)?q=([^&]*)/.exec(address.hash) ?? /^[#?](?:.*&)?q=([^&]*)/.exec(address.search);
  if (found === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(decodeURIComponent(found[1]!));
  } catch {
    throw new UnreadableSpec("it is cut short or damaged");
  }
  return readSpec(value, timezone);
}

function encode(text: string): string {
  // Unpaired surrogates cannot be encoded; JSON.stringify has escaped them already.
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
