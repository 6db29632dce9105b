/** Answers of kinds that the page does not build, for tests. */

import type { ExperimentAnswer, LifecycleAnswer, SessionsAnswer, StickinessAnswer, Variant } from "./answers-others";

const ANSWERED = { version: 42, complete_to: "2026-01-31T14:59:58.120Z", scanned: { files: 1, bytes: 1, rows: 100, elapsed_ms: 5 } };
const day = (number: number) => `2026-01-${String(number).padStart(2, "0")}T00:00:00+00:00`;

export function lifecycleOf(...rows: [fresh: number, returning: number, resurrecting: number, dormant: number][]): LifecycleAnswer {
  const buckets = rows.map(([fresh, returning, resurrecting, dormant], index) => ({
    start: day(index + 1), end: day(index + 2), open: index === rows.length - 1, new: fresh, returning, resurrecting, dormant,
  }));
  return { kind: "lifecycle", ...ANSWERED, interval: "day", buckets };
}

/** How many users were active in one bucket, in two, and so on. */
export function stickinessOf(...users: number[]): StickinessAnswer {
  const all = users.reduce((sum, each) => sum + each, 0);
  const active = users.map((each, index) => {
    const atLeast = users.slice(index).reduce((sum, other) => sum + other, 0);
    return { periods: index + 1, users: each, share: each / all, at_least: atLeast, at_least_share: atLeast / all };
  });
  const average = all === 0 ? null : users.reduce((sum, each, index) => sum + each * (index + 1), 0) / all;
  return { kind: "stickiness", ...ANSWERED, interval: "day", users: all, buckets_in_range: users.length, open: true, active, average };
}

export function sessionsOf(): SessionsAnswer {
  const figures = (sessions: number) => ({
    sessions, users: 2, open: 1, per_user: sessions / 2, bounces: 1, bounce_share: 1 / sessions,
    events: { n: 6, mean: 2, median: 2, p90: 2.8 },
    duration_ms: { n: sessions, mean: 860_000, median: 180_000, p90: 1_956_000, histogram: [{ from: 0, to: 1000, count: 1 }, { from: 1000, to: 60_000, count: 2 }] },
  });
  return {
    kind: "sessions", ...ANSWERED, ...figures(3),
    first_events: [{ event: "view", count: 2, share: 2 / 3 }, { other: true, count: 1, share: 1 / 3 }],
    last_events: [{ event: "=apply", count: 3, share: 1 }],
    trend: [
      { start: day(1), end: day(2), sessions: 2, users: 2, open: 0, median_ms: 1000, partial: false },
      { start: day(2), end: day(3), sessions: 1, users: 1, open: 1, median_ms: null, partial: true },
    ],
    breakdown: [{ value: "<ios>", ...figures(2) }, { value: null, ...figures(1) }, { other: true, ...figures(1) }],
  };
}

/** The example of the documentation: 500 of 5,000 against 570 of 5,040. */
export function experimentOf(change: Partial<ExperimentAnswer> = {}): ExperimentAnswer {
  const variant = (value: unknown, users: number, converted: number, low: number, high: number): Variant => ({
    value, control: value === "old", users, converted, rate: converted / users, rate_interval: { low, high }, open: 12, mixed: 0, median_ms: 90_000, expected: 0.5,
  });
  return {
    kind: "experiment", ...ANSWERED,
    exposure: { step: 1, label: "see_checkout" }, metric: { step: 2, label: "purchase" }, confidence: 0.95,
    variants: [variant("old", 5000, 500, 0.09199, 0.10862), variant("new", 5040, 570, 0.10465, 0.12214)],
    comparisons: [
      {
        value: "new", difference: 0.0131, difference_interval: { low: 0.00102, high: 0.02517 }, lift: 0.13095, lift_interval: { low: 0.00956, high: 0.26694 },
        p: 0.03349, p_adjusted: 0.03349, test: "z", detectable: 0.01741,
      },
    ],
    split: { p: 0.68974, mismatch: false }, mixed: { users: 4, handling: "exclude" }, apart: { missing: 7, other: 0, not_exposed: 0 },
    verdict: { code: "difference", sentence: "Users of new converted more often." },
    caveats: [{ code: "open", sentence: "24 users still have time." }, { code: "mixed", sentence: "4 users were seen with several." }, { code: "peeking", sentence: "One look." }],
    ...change,
  };
}
