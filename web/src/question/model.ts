/**
 * The question a person builds. Pure: no DOM, no network, no clock.
 *
 * A *question* is a draft: it may hold steps without an event and filters without a value. `compile.ts` turns what is
 * complete in it into the query spec that the server, a URL and the command line share; `read.ts` goes the other way;
 * `edit.ts` has the edits. A draft is kept for each kind of question, so that looking at another kind loses nothing.
 *
 * A *selection* is what every kind is made of: one event or any of several, with conditions. A step of a funnel is one,
 * so are a series of trends, the start of a retention, an exclusion and what makes a cohort.
 */

export const KINDS = ["funnel", "trends", "retention", "paths"] as const;
export type Kind = (typeof KINDS)[number];

export const OPS = [
  "=", "!=", "in", "not in", "<", "<=", ">", ">=", "contains", "not contains",
  "starts with", "ends with", "matches", "exists", "not exists",
] as const;
export type Op = (typeof OPS)[number];

/** Fields this page has no control for. They stay in the question, so that the server judges them. */
export type Carried = Readonly<Record<string, unknown>>;

/** One test of one property. `text` is the value as typed; `values.ts` gives it a type. */
export interface Condition {
  readonly id: string;
  readonly property: string;
  readonly op: Op;
  readonly text: string;
}

/** An event by name (`*` is any, empty is not chosen yet) and conditions. */
export interface Match {
  readonly id: string;
  readonly event: string;
  readonly where: readonly Condition[];
  readonly carried: Carried;
}

/** Any of its matches is it. There is always at least one. */
export interface Selection {
  readonly id: string;
  readonly label: string;
  readonly matches: readonly Match[];
  readonly carried: Carried;
}

export const WINDOW_UNITS = ["ms", "s", "m", "h", "d", "w"] as const;
export type WindowUnit = (typeof WINDOW_UNITS)[number];

/** A span of time, or the session. */
export interface Window {
  readonly amount: string;
  readonly unit: WindowUnit | "session";
}

/** `last` is a spec duration such as `30d`; `from` and `to` are dates or instants, or empty. */
export type Range =
  | { readonly kind: "all" }
  | { readonly kind: "last"; readonly last: string }
  | { readonly kind: "dates"; readonly from: string; readonly to: string };

export const INTERVALS = ["hour", "day", "week", "month"] as const;
export type Interval = (typeof INTERVALS)[number];

/** Splits by a property; empty is not at all. */
export interface Split {
  readonly property: string;
  readonly limit: number | null;
}

export interface FunnelStep extends Selection {
  readonly optional: boolean;
}

/** Must not happen between two steps, named by their ids. Null is the first, and the last. */
export interface Exclude extends Selection {
  readonly fromId: string | null;
  readonly toId: string | null;
}

export const ORDERS = ["ordered", "strict", "any"] as const;
export const TIES = ["lenient", "arrival", "strict"] as const;
export const COUNTS = ["users", "sessions", "attempts"] as const;
export const EXCLUSIONS = ["block", "drop_user"] as const;

export interface FunnelDraft {
  readonly steps: readonly FunnelStep[];
  readonly window: Window;
  readonly order: (typeof ORDERS)[number];
  readonly ties: (typeof TIES)[number];
  readonly count: (typeof COUNTS)[number];
  readonly exclude: readonly Exclude[];
  readonly exclusion: (typeof EXCLUSIONS)[number];
  readonly hold: readonly string[];
  /** Of the event at a step, named by its id. */
  readonly breakdown: Split & { readonly stepId: string };
  readonly interval: Interval | null;
  readonly compare: boolean;
}

/** Percentiles from p1 to p99 are measures as well. */
export const MEASURES = ["events", "users", "per_user", "sum", "average", "median", "p90", "min", "max"] as const;

export interface Series extends Selection {
  readonly measure: string;
  readonly property: string;
}

export interface Formula {
  readonly id: string;
  readonly formula: string;
  readonly label: string;
}

export interface TrendsDraft {
  readonly series: readonly Series[];
  readonly formulas: readonly Formula[];
  readonly interval: Interval;
  readonly breakdown: Split;
  readonly cumulative: boolean;
  /** So many buckets, as typed; empty is none. */
  readonly movingAverage: string;
  readonly compare: boolean;
}

export const MODES = ["on", "on_or_after"] as const;
export const OCCURRENCES = ["first", "first_in_range", "any"] as const;

export interface RetentionDraft {
  readonly start: Selection;
  readonly back: Selection;
  readonly interval: Interval;
  /** How many, as typed; empty is the server's own number. */
  readonly periods: string;
  /** `0, 1-3, 4-7`, as typed; empty is none. */
  readonly brackets: string;
  readonly mode: (typeof MODES)[number];
  readonly occurrence: (typeof OCCURRENCES)[number];
  readonly breakdown: Split;
}

export const SIDES = ["start", "end", "none"] as const;
export const PATH_COUNTS = ["users", "sessions", "every"] as const;

export interface PathsDraft {
  /** Whether paths begin or end with the anchor, or have none. */
  readonly side: (typeof SIDES)[number];
  readonly anchor: Selection;
  readonly depth: number;
  readonly limit: number;
  readonly collapse: boolean;
  readonly only: readonly string[];
  readonly hide: readonly string[];
  readonly window: Window;
  readonly count: (typeof PATH_COUNTS)[number];
}

export const STATES = ["converted", "dropped", "open"] as const;
export type FunnelState = (typeof STATES)[number];

/** Users by what they did, or by where in a funnel they are: in a saved one, or in one that stands here as JSON. */
export type Cohort =
  | (Selection & { readonly how: "did"; readonly atLeast: string; readonly atMost: string; readonly range: Range })
  | { readonly how: "report"; readonly id: string; readonly report: string; readonly step: number | null; readonly state: FunnelState }
  | { readonly how: "funnel"; readonly id: string; readonly funnel: unknown; readonly step: number | null; readonly state: FunnelState };

export interface Question {
  readonly kind: Kind;
  readonly range: Range;
  readonly timezone: string;
  readonly where: readonly Condition[];
  readonly cohorts: readonly Cohort[];
  readonly carried: Carried;
  readonly funnel: FunnelDraft;
  readonly trends: TrendsDraft;
  readonly retention: RetentionDraft;
  readonly paths: PathsDraft;
}

let lastId = 0;
export function newId(prefix: string): string {
  lastId += 1;
  return `${prefix}${lastId}`;
}

export function newCondition(property = "", op: Op = "=", text = ""): Condition {
  return { id: newId("c"), property, op, text };
}

export function newMatch(event = "", where: readonly Condition[] = [], carried: Carried = {}): Match {
  return { id: newId("m"), event, where, carried };
}

export function newSelection(matches: readonly Match[] = [newMatch()], label = "", carried: Carried = {}): Selection {
  return { id: newId("s"), label, matches, carried };
}

/** The same under ids of its own. */
export function copySelection({ matches, label, carried }: Selection): Selection {
  const copied = matches.map((match) => newMatch(match.event, match.where.map(copyCondition), match.carried));
  return newSelection(copied, label, carried);
}

function copyCondition({ property, op, text }: Condition): Condition {
  return newCondition(property, op, text);
}

export function newStep(selection: Selection = newSelection(), optional = false): FunnelStep {
  return { ...selection, optional };
}

export function newSeries(selection: Selection = newSelection(), measure = "events", property = ""): Series {
  return { ...selection, measure, property };
}

export const DEFAULT_WINDOW: Window = { amount: "14", unit: "d" };
export const SESSION: Window = { amount: "", unit: "session" };
export const NO_SPLIT: Split = { property: "", limit: null };

export function blankFunnel(): FunnelDraft {
  const step = newStep();
  return {
    steps: [step],
    window: DEFAULT_WINDOW,
    order: "ordered",
    ties: "lenient",
    count: "users",
    exclude: [],
    exclusion: "block",
    hold: [],
    breakdown: { ...NO_SPLIT, stepId: step.id },
    interval: null,
    compare: false,
  };
}

export function blankTrends(): TrendsDraft {
  return {
    series: [newSeries()],
    formulas: [],
    interval: "day",
    breakdown: NO_SPLIT,
    cumulative: false,
    movingAverage: "",
    compare: false,
  };
}

export function blankRetention(): RetentionDraft {
  return {
    start: newSelection(),
    back: newSelection([newMatch("*")]),
    interval: "day",
    periods: "",
    brackets: "",
    mode: "on",
    occurrence: "first",
    breakdown: NO_SPLIT,
  };
}

export function blankPaths(): PathsDraft {
  return {
    side: "start",
    anchor: newSelection(),
    depth: 5,
    limit: 5,
    collapse: true,
    only: [],
    hide: [],
    window: SESSION,
    count: "users",
  };
}

export function blankQuestion(timezone: string, kind: Kind = "funnel"): Question {
  return {
    kind,
    range: { kind: "last", last: "30d" },
    timezone,
    where: [],
    cohorts: [],
    carried: {},
    funnel: blankFunnel(),
    trends: blankTrends(),
    retention: blankRetention(),
    paths: blankPaths(),
  };
}

export function needsValue(op: Op): boolean {
  return op !== "exists" && op !== "not exists";
}

/** Whether a condition says enough to be asked. */
export function isComplete(condition: Condition): boolean {
  return condition.property.trim() !== "" && (!needsValue(condition.op) || condition.text.trim() !== "");
}

/** Whether nothing was typed into a condition yet. */
export function isUntouched(condition: Condition): boolean {
  return condition.property === "" && condition.text === "";
}

export function isChosen({ matches }: Selection): boolean {
  return matches.some((match) => match.event !== "");
}

/** The selections of the kind that is asked, those that make it what it is first. */
export function mainSelections(question: Question): readonly Selection[] {
  switch (question.kind) {
    case "funnel":
      return question.funnel.steps;
    case "trends":
      return question.trends.series;
    case "retention":
      return [question.retention.start, question.retention.back];
    case "paths":
      return question.paths.side === "none" ? [] : [question.paths.anchor];
  }
}

/** Names of the events that the question asks about, each once; `*` is any. */
export function eventsOf(question: Question): string[] {
  const names = mainSelections(question).flatMap(({ matches }) => matches.map(({ event }) => event));
  return [...new Set(names.filter((event) => event !== ""))];
}

/** Whether nothing was asked yet. */
export function isBlank(question: Question): boolean {
  if (question.kind === "paths") return question.paths.side !== "none" && !isChosen(question.paths.anchor);
  if (question.kind === "retention") return !isChosen(question.retention.start);
  return !mainSelections(question).some(isChosen);
}
