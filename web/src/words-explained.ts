/**
 * Why one user counts or does not, as facts to make words of in another language than the server's. What its answer has
 * only in words, such as by how much an event is too late, is worked out again from the attempt and the question.
 */

import type { ExplainedAttempt, ExplainedEvent, Explanation, UnmetCondition } from "./answers";
import type { Spec } from "./question/compile";

export interface StepName {
  number: number;
  label: string;
}

/** Another event that a reason is about. */
export interface EventAt {
  event: string;
  time: string;
}

export interface ReasonWords {
  /** By the name that the server gives it. */
  reason: string;
  /** The step that it is about; in any order, which of the events of the attempt it is. */
  step: StepName | null;
  /** Labels of the steps that the event fits. */
  fits: string[];
  inAnyOrder: boolean;
  /** Which attempt, where a user may have several. */
  attempt: number | null;
  other: EventAt | null;
  /** The other end, where something lies between two events. */
  second: EventAt | null;
  /** By how many milliseconds a window was missed. */
  byMs: number | null;
  unmet: readonly UnmetCondition[];
  /** Properties that are held equal. */
  held: string[];
  /** The steps between which an exclusion must not happen, and whether users leave for it. */
  excluded: { from: StepName; to: StepName; dropsUser: boolean } | null;
  /** Whether it happened in the same instant as the other. */
  isSameInstant: boolean;
  /** The label of the first step. */
  first: string;
}

export interface VerdictWords {
  verdict: string;
  depth: number;
  steps: number;
  /** `users`, `sessions` or `attempts`. */
  count: string;
  attempts: number;
  converted: number;
  /** From the first event of the attempt to its last, milliseconds. */
  tookMs: number | null;
}

export function verdictWords({ verdict, depth, steps, attempts, events }: Explanation, spec: Spec | null): VerdictWords {
  const whole = attempts.filter(({ converted }) => converted);
  const times = (whole[0]?.events ?? []).flatMap((number) => (number === null ? [] : Date.parse(events[number]?.time ?? "")));
  return {
    verdict,
    depth,
    steps: steps.length,
    count: countOf(spec),
    attempts: attempts.length,
    converted: whole.length,
    tookMs: times.length === 0 || times.some(Number.isNaN) ? null : Math.max(...times) - Math.min(...times),
  };
}

export function reasonWords(event: ExplainedEvent, explanation: Explanation, spec: Spec | null): ReasonWords {
  const { events, steps } = explanation;
  const step = (number: number | null | undefined): StepName | null => {
    const found = number == null ? undefined : steps[number - 1];
    return found === undefined ? null : { number: found.step, label: found.label };
  };
  const other = event.other == null ? undefined : events[event.other];
  const facts = placeOf(event, other, explanation, spec);
  return {
    reason: event.reason,
    step: step(facts.step),
    fits: event.steps.flatMap((number) => step(number)?.label ?? []),
    inAnyOrder: spec?.order === "any",
    attempt: countOf(spec) === "users" ? null : event.attempt,
    other: at(other),
    second: at(facts.second == null ? undefined : events[facts.second]),
    byMs: missedBy(event, other, spec),
    unmet: event.unmet ?? [],
    held: Array.isArray(spec?.hold) ? spec.hold.map(String) : [],
    excluded: facts.exclusion === undefined ? null : excludedOf(facts.exclusion, step, spec),
    isSameInstant: other?.time === event.time,
    first: steps[0]?.label ?? "",
  };
}

function at(event: ExplainedEvent | undefined): EventAt | null {
  return event === undefined ? null : { event: event.event, time: event.time };
}

function countOf(spec: Spec | null): string {
  return typeof spec?.count === "string" ? spec.count : "users";
}

/** An exclusion, with its ends as numbers of steps. */
interface Between {
  from: number;
  to: number;
}

interface PlaceFacts {
  step?: number | null;
  /** The number of the second event. */
  second?: number | null | undefined;
  exclusion?: Between;
}

/** The step that a reason is about, and what else lies around the event. */
function placeOf(event: ExplainedEvent, other: ExplainedEvent | undefined, explanation: Explanation, spec: Spec | null): PlaceFacts {
  const attempt = attemptOf(event, other, explanation);
  const exclusions = exclusionsOf(spec, explanation.steps.length);
  const own = (event.exclusions ?? []).flatMap((number) => exclusions[number - 1] ?? []);
  const taken = (step: number) => attempt?.events[step - 1] ?? null;
  switch (event.reason) {
    case "chosen":
    case "dropped":
      return { step: event.step };
    case "too_early":
    case "occupied":
    case "passed_over":
      return { step: other?.step ?? null };
    case "step_missing":
      return { step: missingStep(attempt === undefined ? explanation.attempts : [attempt]) };
    case "not_adjacent":
      return { step: neighbourOf(event, other, attempt) };
    case "drops": {
      const between = own.find(({ from, to }) => taken(from) === event.other && taken(to) !== null);
      return between === undefined ? {} : { second: taken(between.to) };
    }
    case "blocks": {
      const between = own.find(({ from, to }) => taken(from) === event.other && taken(to) === null);
      return { step: between?.to ?? null };
    }
    case "harmless":
      return own[0] === undefined ? {} : { exclusion: own[0] };
    case "excluded":
      return { second: otherEnd(event, other, exclusions, taken) };
    default:
      return {};
  }
}

/** The step that an attempt lacks; where several come in question, the one that all of them lack. */
function missingStep(attempts: readonly ExplainedAttempt[]): number | null {
  const steps = new Set(attempts.map(({ missing }) => missing?.steps[0] ?? null));
  return steps.size === 1 ? [...steps][0]! : null;
}

/** The attempt that an event is held against, where that can be told. */
function attemptOf(event: ExplainedEvent, other: ExplainedEvent | undefined, { attempts }: Explanation): ExplainedAttempt | undefined {
  const number = event.attempt ?? other?.attempt ?? (attempts.length === 1 ? attempts[0]!.attempt : null);
  return attempts.find((attempt) => attempt.attempt === number);
}

function exclusionsOf(spec: Spec | null, steps: number): Between[] {
  const listed = Array.isArray(spec?.exclude) ? (spec.exclude as { from?: unknown; to?: unknown }[]) : [];
  const number = (value: unknown, usual: number) => (typeof value === "number" ? value : usual);
  return listed.map(({ from, to }) => ({ from: number(from, 1), to: number(to, steps) }));
}

function excludedOf({ from, to }: Between, step: (number: number) => StepName | null, spec: Spec | null): ReasonWords["excluded"] {
  const [first, last] = [step(from), step(to)];
  return first === null || last === null ? null : { from: first, to: last, dropsUser: spec?.exclusion === "drop_user" };
}

/** In strict order: the step of the attempt next to which the event would have to be, on the side of what lies between. */
function neighbourOf(event: ExplainedEvent, between: ExplainedEvent | undefined, attempt: ExplainedAttempt | undefined): number | null {
  if (between === undefined || attempt === undefined) return null;
  const before = between.number < event.number;
  let nearest: { step: number; number: number } | null = null;
  attempt.events.forEach((number, index) => {
    if (number === null || (before ? number >= between.number : number <= between.number)) return;
    if (nearest === null || (before ? number > nearest.number : number < nearest.number)) nearest = { step: index + 1, number };
  });
  return (nearest as { step: number } | null)?.step ?? null;
}

/** The event on the other side of an excluded one. */
function otherEnd(
  event: ExplainedEvent,
  mark: ExplainedEvent | undefined,
  exclusions: readonly Between[],
  taken: (step: number) => number | null,
): number | null {
  const marked = (mark?.exclusions ?? []).flatMap((number) => exclusions[number - 1] ?? []);
  for (const { from, to } of marked) {
    if (event.steps.includes(to) && taken(from) !== null) return taken(from);
    if (event.steps.includes(from) && taken(to) !== null) return taken(to);
  }
  return null;
}

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** How far an event is outside of the window that opens with another, or with itself. */
function missedBy(event: ExplainedEvent, other: ExplainedEvent | undefined, spec: Spec | null): number | null {
  if (other === undefined || !["too_late", "window_too_short"].includes(event.reason)) return null;
  const window = spec?.window ?? "14d";
  const [, amount, unit] = /^(\d+)([a-z]+)$/.exec(typeof window === "string" ? window : "") ?? [];
  const length = Number(amount) * (UNITS[unit ?? ""] ?? Number.NaN);
  const by = Math.abs(Date.parse(event.time) - Date.parse(other.time)) - length;
  return by > 0 ? by : null;
}
