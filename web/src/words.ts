/**
 * What an answer says, as a plain sentence. Here it is worked out what to say; how it is said in a language stands in
 * `messages/`.
 */

import type { FunnelAnswer, PathsAnswer, RetentionAnswer, SeriesAnswer, StepAnswer, TrendsAnswer } from "./answers";
import type { Format } from "./format";
import type { Messages } from "./messages";
import { type Question, type Range, type Selection, type Window, WINDOW_UNITS } from "./question/model";

/** Plain text, or a name that came from data and must be set apart from the text around it. */
export type Part = string | { name: string };

/** The largest loss between two steps, and whether there were several to choose from. */
export interface Loss {
  from: StepAnswer;
  to: StepAnswer;
  lost: number;
}

export interface FunnelWords {
  first: StepAnswer;
  /** Null where there is one step. */
  last: StepAnswer | null;
  when: string;
  /** A span, `session`, or null where it is not known. */
  within: string | null;
  median: number | null;
  loss: (Loss & { several: boolean }) | null;
  open: number;
  format: Format;
  count: string;
}

export interface TrendsWords {
  label: string;
  total: number | null;
  /** Against the period before. */
  change: number | null;
  peak: { value: number; at: string } | null;
  low: { value: number; at: string } | null;
  when: string;
  format: Format;
}

export interface RetentionWords {
  start: string;
  back: string;
  users: number;
  first: { share: number; period: string } | null;
  when: string;
  format: Format;
}

export interface PathsWords {
  anchor: string | null;
  side: string;
  total: number;
  next: { name: Part; share: number } | null;
  when: string;
  format: Format;
  count: string;
}

/** What people read for a selection that is not answered yet. */
export function selectionName(selection: Selection, m: Messages): string {
  return selection.label.trim() || eventNames(selection, m);
}

/** The names of its events, which are what it is called where it has no name of its own. */
export function eventNames({ matches }: Selection, m: Messages): string {
  return matches.map(({ event }) => eventName(event, m)).filter((name) => name !== "").join(` ${m.question.or} `);
}

export function eventName(event: string, m: Messages): string {
  return event === "*" ? m.question.anyEvent : event;
}

/** Where most people leave: the step before which the most were lost. Null where nobody was. */
export function largestLoss(steps: readonly StepAnswer[]): Loss | null {
  let largest: Loss | null = null;
  steps.slice(1).forEach((to, index) => {
    const from = steps[index]!;
    const lost = lostBefore(from, to);
    if (lost > 0 && lost > (largest?.lost ?? 0)) largest = { from, to, lost };
  });
  return largest;
}

/** Those who left between two steps for good: still-open attempts are not among them. */
export function lostBefore(from: StepAnswer, to: StepAnswer): number {
  return Math.max(0, from.count - to.count - to.in_window);
}

export function funnelSentence(answer: FunnelAnswer, question: Question, m: Messages, format: Format): Part[] {
  const { steps } = answer;
  const [first, last] = [steps[0], steps.at(-1)];
  if (first === undefined || last === undefined) return [];
  const when = rangeText(question.range, m, format);
  if (first.count === 0) return m.sentences.nobody(first.label, when);
  const loss = largestLoss(steps);
  const parts = m.sentences.funnel({
    first,
    last: steps.length === 1 ? null : last,
    when,
    within: windowText(question, format),
    median: answer.conversion_ms?.median ?? null,
    loss: loss === null ? null : { ...loss, several: steps.length > 2 },
    open: steps.slice(1).reduce((sum, step) => sum + step.in_window, 0),
    format,
    count: question.funnel.count,
  });
  const before = answer.previous?.steps.at(-1);
  if (before === undefined || steps.length === 1) return parts;
  const points = m.sentences.points(Math.round((last.from_first - before.from_first) * 1000) / 1000, format);
  return [...parts, ...m.sentences.compared(format.share(last.from_first), format.share(before.from_first), points)];
}

function windowText({ funnel, carried }: Question, format: Format): string | null {
  if ("window" in carried) return null;
  return spanText(funnel.window, format);
}

/** A window as people say it; the session stays `session`. */
export function spanText(window: Window, format: Format): string {
  return window.unit === "session" ? "session" : format.span(Number(window.amount), window.unit);
}

export function trendsSentence(answer: TrendsAnswer, question: Question, m: Messages, format: Format): Part[] {
  const series = answer.series[0];
  if (series === undefined) return [];
  // A bucket that is not over yet is no low.
  const points = series.values.flatMap((value, index) => {
    const bucket = answer.buckets[index];
    return value === null || bucket === undefined ? [] : [{ value, open: bucket.open, at: format.bucket(bucket.start, question.trends.interval, question.timezone) }];
  });
  const [peak, low] = points.length > 2 ? [extreme(points, 1), extreme(points.filter(({ open }) => !open), -1)] : [null, null];
  const before = answer.previous?.series[0]?.total ?? null;
  return m.sentences.trends({
    label: series.label,
    total: series.total,
    change: series.total === null || before === null || before === 0 ? null : series.total / before - 1,
    peak,
    low: peak !== null && low?.value === peak.value ? null : low,
    when: rangeText(question.range, m, format),
    format,
  });
}

function extreme<P extends { value: number }>(points: readonly P[], sign: 1 | -1): P | null {
  return points.reduce<P | null>((best, point) => (best === null || (point.value - best.value) * sign > 0 ? point : best), null);
}

export function retentionSentence(answer: RetentionAnswer, question: Question, m: Messages, format: Format): Part[] {
  const column = answer.columns.findIndex(({ from }) => from >= 1);
  const cell = column < 0 ? undefined : answer.whole.returned[column];
  const { from, to } = answer.columns[column] ?? { from: 0, to: 0 };
  const known = cell !== undefined && cell.share !== null && (cell.users ?? 0) > 0;
  return m.sentences.retention({
    start: selectionName(question.retention.start, m),
    back: selectionName(question.retention.back, m) || m.question.anyEvent,
    users: answer.whole.users,
    first: known ? { share: cell.share!, period: m.answer.period(m.question.intervals[question.retention.interval], from, to) } : null,
    when: rangeText(question.range, m, format),
    format,
  });
}

export function pathsSentence(answer: PathsAnswer, question: Question, m: Messages, format: Format): Part[] {
  const { side, anchor, count } = question.paths;
  const nodes = answer.levels[side === "none" ? 0 : 1]?.nodes ?? [];
  const next = nodes.find(({ event }) => event !== undefined);
  return m.sentences.paths({
    anchor: side === "none" ? null : selectionName(anchor, m),
    side,
    total: answer.total,
    next: next === undefined ? null : { name: { name: next.event! }, share: next.share },
    when: rangeText(question.range, m, format),
    format,
    count,
  });
}

/** When it happened, to stand behind a name. */
export function rangeText(range: Range, m: Messages, format: Format): string {
  if (range.kind === "all") return "";
  if (range.kind === "last") return m.sentences.inLast(lastText(range.last, format));
  if (range.from && range.to) return m.sentences.between(format.date(range.from), format.date(range.to));
  if (range.from) return m.sentences.since(format.date(range.from));
  return range.to ? m.sentences.until(format.date(range.to)) : "";
}

/** `30d` as 30 days; what is not such a duration stays as it is. */
export function lastText(last: string, format: Format): string {
  const [, amount, suffix] = /^(\d+)(ms|s|m|h|d|w)$/.exec(last) ?? [];
  const unit = WINDOW_UNITS.find((known) => known === suffix);
  return amount === undefined || unit === undefined ? last : format.span(Number(amount), unit);
}

/** The value that a series has as a whole, for a legend. */
export function totalText({ total }: SeriesAnswer, format: Format): string {
  return total === null ? "–" : format.value(total);
}
