/** What answers say of kinds that the page does not build, as facts; how it is said in a language stands in `messages/`. */

import type { ExperimentAnswer, Interval, LifecycleAnswer, LifecycleBucket, SessionsAnswer, ShownAnswer, StickinessAnswer } from "./answers-others";
import type { Format } from "./format";
import type { Messages } from "./messages";
import type { OtherMessages } from "./messages/others";
import type { Interval as BucketSize } from "./question/model";
import type { OtherQuestion } from "./question/others";
import { type Part, rangeText, selectionName } from "./words";

export interface LifecycleWords {
  /** The last bucket that is over, and when that was; null where none is. */
  last: LifecycleBucket | null;
  at: string;
  interval: BucketSize;
  /** What makes a user active; null is anything. */
  of: string | null;
  isEmpty: boolean;
  when: string;
  format: Format;
}

export interface StickinessWords {
  answer: StickinessAnswer;
  interval: BucketSize;
  of: string | null;
  when: string;
  format: Format;
}

export interface SessionsWords {
  answer: SessionsAnswer;
  first: { event: string; share: number } | null;
  last: { event: string; share: number } | null;
  when: string;
  format: Format;
}

export function sentenceOfShown(answer: ShownAnswer, question: OtherQuestion, m: Messages, own: OtherMessages, format: Format): Part[] {
  const when = rangeText(question.range, m, format);
  const of = question.of === null ? null : selectionName(question.of, m);
  switch (answer.kind) {
    case "lifecycle":
      return own.sentences.lifecycle(lifecycleWords(answer, question, of, when, format));
    case "stickiness":
      return own.sentences.stickiness({ answer, interval: question.interval ?? "day", of, when, format });
    case "sessions":
      return own.sentences.sessions({ answer, first: mostOf(answer.first_events), last: mostOf(answer.last_events), when, format });
    case "experiment":
      return own.verdict(answer, format);
  }
}

export function lastClosed({ buckets }: LifecycleAnswer): LifecycleBucket | null {
  return buckets.filter(({ open }) => !open).at(-1) ?? null;
}

export function activeIn(bucket: LifecycleBucket): number {
  return bucket.new + bucket.returning + bucket.resurrecting;
}

function lifecycleWords(answer: LifecycleAnswer, question: OtherQuestion, of: string | null, when: string, format: Format): LifecycleWords {
  const last = lastClosed(answer);
  const interval = question.interval ?? "day";
  const isEmpty = answer.buckets.every((bucket) => activeIn(bucket) + bucket.dormant === 0);
  return { last, at: last === null ? "" : format.bucket(last.start, interval, question.timezone), interval, of, isEmpty, when, format };
}

function mostOf(events: SessionsAnswer["first_events"]): { event: string; share: number } | null {
  const named = events.find(({ event }) => event !== undefined);
  return named === undefined ? null : { event: named.event!, share: named.share };
}

// Figures of an experiment have as many digits as their intervals give a meaning.

/** Behind the point: one, or enough for two that differ between the ends. */
function digitsOf(interval: Interval | null): number {
  const width = interval === null ? 1 : (interval.high - interval.low) * 100;
  return width > 0 ? Math.min(6, Math.max(1, 1 - Math.floor(Math.log10(width)))) : 1;
}

/** `12.0%` */
export function shareWithin(share: number, interval: Interval | null): string {
  return `${(share * 100).toFixed(digitsOf(interval))}%`;
}

/** A difference of shares in percentage points with a sign: `+2.0`. */
export function pointsWithin(difference: number, interval: Interval | null): string {
  return signed(difference * 100, digitsOf(interval));
}

/** A share of another with a sign: `−2.7%`. */
export function liftWithin(lift: number, interval: Interval | null): string {
  return `${signed(lift * 100, digitsOf(interval))}%`;
}

/** What is rounded to nothing has no sign. */
function signed(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return text;
  return `${value < 0 ? "−" : "+"}${text}`;
}

const LEAST_P = 0.0001;

/** `0.012`, `0.48`, `< 0.0001` */
export function pText(p: number): string {
  if (p < LEAST_P) return `< ${LEAST_P}`;
  if (p < 0.001) return p.toFixed(4);
  if (p < 0.1) return p.toFixed(3);
  // Only certainty is 1.
  return p >= 0.995 && p < 1 ? "> 0.99" : p.toFixed(2);
}

/** `p = 0.012`, `p < 0.0001` */
export function pIs(p: number): string {
  const text = pText(p);
  return /^[<>]/.test(text) ? `p ${text}` : `p = ${text}`;
}

/** Two digits that count. */
export function significant(value: number): string {
  return value >= 10 ? value.toFixed(0) : value.toFixed(Math.min(3, Math.max(0, 1 - Math.floor(Math.log10(value)))));
}

/** `95%` */
export function confidenceOf({ confidence }: ExperimentAnswer): string {
  return `${Math.round(confidence * 1000) / 10}%`;
}
