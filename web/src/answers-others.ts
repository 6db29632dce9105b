/** Shapes of answers to kinds of questions that the page shows and does not build. */

import type { Answer, Answered, GroupValue, HistogramBar, OtherAnswer } from "./answers";
import type { OtherKind } from "./question/others";
import { OTHER_KINDS } from "./question/others";

export interface LifecycleBucket {
  start: string;
  end: string;
  open: boolean;
  new: number;
  returning: number;
  resurrecting: number;
  dormant: number;
}

export interface LifecycleAnswer extends Answered {
  kind: "lifecycle";
  interval: string;
  buckets: LifecycleBucket[];
}

export interface StickinessRow {
  /** So many buckets. */
  periods: number;
  users: number;
  share: number;
  at_least: number;
  at_least_share: number;
}

export interface StickinessAnswer extends Answered {
  kind: "stickiness";
  interval: string;
  users: number;
  buckets_in_range: number;
  /** Whether the range is not over. */
  open: boolean;
  active: StickinessRow[];
  average: number | null;
}

export interface Spread {
  n: number;
  mean: number | null;
  median: number | null;
  p90: number | null;
}

export interface SessionFigures {
  sessions: number;
  users: number;
  open: number;
  per_user: number | null;
  events: Spread;
  duration_ms: Spread & { histogram?: HistogramBar[] };
  bounces: number;
  bounce_share: number;
}

export interface EventShare {
  event?: string;
  other?: boolean;
  count: number;
  share: number;
}

export interface SessionBucket {
  start: string;
  end: string;
  sessions: number;
  users: number;
  open: number;
  median_ms: number | null;
  /** Whether more sessions may come in that begin in it. */
  partial: boolean;
}

export interface SessionsAnswer extends Answered, SessionFigures {
  kind: "sessions";
  first_events: EventShare[];
  last_events: EventShare[];
  trend?: SessionBucket[] | null;
  breakdown?: (SessionFigures & GroupValue)[] | null;
}

export interface Interval {
  low: number;
  high: number;
}

export interface Variant {
  value: unknown;
  control: boolean;
  users: number;
  converted: number;
  rate: number | null;
  rate_interval: Interval | null;
  open: number;
  mixed: number;
  median_ms: number | null;
  expected: number;
}

/** A variant against the control. */
export interface Comparison {
  value: unknown;
  difference: number | null;
  difference_interval: Interval | null;
  lift: number | null;
  lift_interval: Interval | null;
  p: number | null;
  p_adjusted: number | null;
  test: string | null;
  detectable: number | null;
}

export interface ExperimentAnswer extends Answered {
  kind: "experiment";
  exposure: { step: number; label: string };
  metric: { step: number; label: string };
  confidence: number;
  /** The control first. */
  variants: Variant[];
  comparisons: Comparison[];
  split: { p: number | null; mismatch: boolean };
  mixed: { users: number; handling: string };
  apart: { missing: number; other: number; not_exposed: number };
  verdict: { code: string; sentence: string };
  caveats: { code: string; sentence: string }[];
}

export type ShownAnswer = LifecycleAnswer | StickinessAnswer | SessionsAnswer | ExperimentAnswer;

/** An answer of these kinds; null for one that is drawn, and for one that is not known. */
export function shownOf(answer: Answer | OtherAnswer): ShownAnswer | null {
  return OTHER_KINDS.includes(answer.kind as OtherKind) ? (answer as unknown as ShownAnswer) : null;
}
