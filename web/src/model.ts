/**
 * The question a person builds, and the state of the page around it. Pure: no DOM, no network, no clock.
 *
 * A *question* is a draft: it may hold steps without an event and filters without a value. `spec.ts` turns what is
 * complete in it into the query spec that the server, a URL and the command line share. Every edit here takes a
 * question and returns a new one.
 */

import type { Answer, Catalogue, CatalogueEvent, Failure } from "./api";
import type { Compiled } from "./spec";

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

/** A step: any of its matches fills it. There is always at least one. */
export interface Step {
  readonly id: string;
  readonly label: string;
  readonly matches: readonly Match[];
  readonly carried: Carried;
}

export const WINDOW_UNITS = ["ms", "s", "m", "h", "d", "w"] as const;
export type WindowUnit = (typeof WINDOW_UNITS)[number];

export interface Window {
  readonly amount: string;
  readonly unit: WindowUnit;
}

/** When step 1 may happen. `last` is a spec duration such as `30d`; `from` and `to` are dates or instants, or empty. */
export type Range =
  | { readonly kind: "all" }
  | { readonly kind: "last"; readonly last: string }
  | { readonly kind: "dates"; readonly from: string; readonly to: string };

/** Splits people by a property (empty: not at all) of the event at a step, named by the step's id. */
export interface Breakdown {
  readonly property: string;
  readonly stepId: string;
  readonly limit: number | null;
}

export interface Question {
  readonly steps: readonly Step[];
  readonly window: Window;
  readonly range: Range;
  readonly timezone: string;
  readonly where: readonly Condition[];
  readonly breakdown: Breakdown;
  readonly carried: Carried;
}

/** Something that comes from the server. */
export type Loading<T> =
  | { readonly status: "loading" }
  | { readonly status: "ready"; readonly value: T }
  | { readonly status: "failed"; readonly failure: Failure };

/** The answer belongs to the question whose key it carries, and is never shown for another. */
export type AnswerState =
  | { readonly status: "none"; readonly key: string }
  | { readonly status: "asking"; readonly key: string }
  | { readonly status: "ready"; readonly key: string; readonly answer: Answer }
  | { readonly status: "failed"; readonly key: string; readonly failure: Failure };

/** The open list of a combobox: which, what is typed (null: nothing yet), and the event the keys point at. */
export interface OpenList {
  readonly matchId: string;
  readonly typed: string | null;
  readonly active: string | null;
}

export interface State {
  catalogue: Loading<Catalogue>;
  question: Question;
  compiled: Compiled;
  answer: AnswerState;
  list: OpenList | null;
  /** What was copied last, for the button's "Copied". */
  copied: string | null;
  /** Why the question in the address could not be read. */
  notice: string | null;
  /** Element to focus after the next drawing. */
  focus: string | null;
}

let lastId = 0;
function newId(prefix: string): string {
  lastId += 1;
  return `${prefix}${lastId}`;
}

export function newCondition(property = "", op: Op = "=", text = ""): Condition {
  return { id: newId("c"), property, op, text };
}

export function newMatch(event = "", where: readonly Condition[] = [], carried: Carried = {}): Match {
  return { id: newId("m"), event, where, carried };
}

export function newStep(matches: readonly Match[] = [newMatch()], label = "", carried: Carried = {}): Step {
  return { id: newId("s"), label, matches, carried };
}

export function blankQuestion(timezone: string): Question {
  const step = newStep();
  return {
    steps: [step],
    window: { amount: "14", unit: "d" },
    range: { kind: "last", last: "30d" },
    timezone,
    where: [],
    breakdown: { property: "", stepId: step.id, limit: null },
    carried: {},
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

export function stepIsChosen(step: Step): boolean {
  return step.matches.some((match) => match.event !== "");
}

/** What people read for a step that is not answered yet. */
export function stepName(step: Step): string {
  if (step.label !== "") return step.label;
  return step.matches.map((match) => eventName(match.event)).filter((name) => name !== "").join(" or ");
}

export function eventName(event: string): string {
  return event === "*" ? "any event" : event;
}

// Edits of a question.

export function addStep(question: Question, step: Step): Question {
  return { ...question, steps: [...question.steps, step] };
}

/** Takes a step away; the last one is emptied instead. */
export function removeStep(question: Question, stepId: string): Question {
  const left = question.steps.filter((step) => step.id !== stepId);
  return { ...question, steps: left.length > 0 ? left : [newStep()] };
}

/** Moves a step up (-1) or down (+1); at the edge nothing happens. */
export function moveStep(question: Question, stepId: string, by: -1 | 1): Question {
  const from = question.steps.findIndex((step) => step.id === stepId);
  const to = from + by;
  const step = question.steps[from];
  if (step === undefined || to < 0 || to >= question.steps.length) return question;
  const steps = question.steps.filter((other) => other.id !== stepId);
  steps.splice(to, 0, step);
  return { ...question, steps };
}

/** Changes the step that holds `id`, its own or that of one of its matches. */
function changeStep(question: Question, id: string, change: (step: Step) => Step): Question {
  const holds = (step: Step) => step.id === id || step.matches.some((match) => match.id === id);
  return { ...question, steps: question.steps.map((step) => (holds(step) ? change(step) : step)) };
}

/** Chooses the event of a match. A label that named the old choice goes with it. */
export function chooseEvent(question: Question, matchId: string, event: string): Question {
  return changeStep(question, matchId, (step) => ({
    ...step,
    label: "",
    matches: step.matches.map((match) => (match.id === matchId ? { ...match, event } : match)),
  }));
}

export function addMatch(question: Question, stepId: string, match: Match): Question {
  return changeStep(question, stepId, (step) => ({ ...step, label: "", matches: [...step.matches, match] }));
}

export function removeMatch(question: Question, matchId: string): Question {
  return changeStep(question, matchId, (step) => ({
    ...step,
    label: "",
    matches: step.matches.length > 1 ? step.matches.filter((match) => match.id !== matchId) : step.matches,
  }));
}

/** Where a condition belongs: a match by its id, or the whole question. */
export type ConditionOwner = string | "question";

export function changeConditions(
  question: Question,
  owner: ConditionOwner,
  change: (where: readonly Condition[]) => readonly Condition[],
): Question {
  if (owner === "question") return { ...question, where: change(question.where) };
  return changeStep(question, owner, (step) => ({
    ...step,
    matches: step.matches.map((match) => (match.id === owner ? { ...match, where: change(match.where) } : match)),
  }));
}

/** Forgets a field that has no control: of the question, or of a step or match named by its id. */
export function dropCarried(question: Question, owner: ConditionOwner, field: string): Question {
  const without = (carried: Carried) => Object.fromEntries(Object.entries(carried).filter(([name]) => name !== field));
  if (owner === "question") return { ...question, carried: without(question.carried) };
  return changeStep(question, owner, (step) => ({
    ...step,
    carried: step.id === owner ? without(step.carried) : step.carried,
    matches: step.matches.map((match) => (match.id === owner ? { ...match, carried: without(match.carried) } : match)),
  }));
}

// The list of a combobox.

/** One line of the list. `count` is null for a name the catalogue does not have. */
export interface ListOption {
  readonly event: string;
  readonly count: number | null;
}

/** The longest list that is drawn; typing narrows it. */
export const LIST_LIMIT = 80;

/**
 * The events that fit what is typed: names that begin with it, then those with a word that does, then those that
 * hold it, each by count. `*` closes a list that nothing was typed for, the typed name itself one that lacks it.
 */
export function listOptions(events: readonly CatalogueEvent[], typed: string | null): ListOption[] {
  const wanted = fold(typed ?? "").trim();
  if (wanted === "") return [...events.slice(0, LIST_LIMIT), { event: "*", count: null }];
  const ranked = events
    .map((event) => ({ event, rank: rank(fold(event.event), wanted) }))
    .filter(({ rank }) => rank > 0)
    .sort((a, b) => b.rank - a.rank);
  const options: ListOption[] = ranked.slice(0, LIST_LIMIT).map(({ event }) => event);
  const name = typed!.trim();
  if (!ranked.some(({ event }) => event.event === name)) options.push({ event: name, count: null });
  return options;
}

function rank(name: string, wanted: string): number {
  const at = name.indexOf(wanted);
  if (at < 0) return 0;
  if (name === wanted) return 4;
  if (at === 0) return 3;
  return /[^\p{L}\p{N}]/u.test(name[at - 1] ?? "") ? 2 : 1;
}

function fold(text: string): string {
  return text.normalize("NFC").toLocaleLowerCase();
}
