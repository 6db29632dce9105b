/** Answers of kinds that the page does not build, as tables to take away: the rows that `--format csv` has. */

import type { Comparison, ExperimentAnswer, Interval, LifecycleAnswer, SessionFigures, SessionsAnswer, ShownAnswer, StickinessAnswer } from "./answers-others";
import { type Table, groupText } from "./tables";

type Row = Table["rows"][number];

export function tableOfShown(answer: ShownAnswer): Table {
  switch (answer.kind) {
    case "lifecycle":
      return lifecycleTable(answer);
    case "stickiness":
      return stickinessTable(answer);
    case "sessions":
      return sessionsTable(answer);
    case "experiment":
      return experimentTable(answer);
  }
}

function lifecycleTable({ buckets }: LifecycleAnswer): Table {
  return {
    header: ["start", "end", "open", "new", "returning", "resurrecting", "dormant"],
    rows: buckets.map((bucket) => [bucket.start, bucket.end, String(bucket.open), bucket.new, bucket.returning, bucket.resurrecting, bucket.dormant]),
  };
}

function stickinessTable({ active }: StickinessAnswer): Table {
  const fields = ["periods", "users", "share", "at_least", "at_least_share"] as const;
  return { header: [...fields], rows: active.map((row) => fields.map((field) => row[field])) };
}

/** `part` says what a row is. */
function sessionsTable(answer: SessionsAnswer): Table {
  const header = [
    "part", "value", "sessions", "users", "open", "bounces", "events", "events_median", "events_p90", "duration_mean_ms", "duration_median_ms", "duration_p90_ms",
  ];
  const figures = (part: string, value: string, of: SessionFigures): Row => [
    part, value, of.sessions, of.users, of.open, of.bounces, of.events.n, of.events.median, of.events.p90, of.duration_ms.mean, of.duration_ms.median, of.duration_ms.p90,
  ];
  const none = (count: number): null[] => Array.from({ length: count }, () => null);
  const events = (part: string, listed: SessionsAnswer["first_events"]): Row[] => listed.map(({ event, count }) => [part, event ?? "", count, ...none(9)]);
  return {
    header,
    rows: [
      figures("all", "", answer),
      ...(answer.trend ?? []).map(({ start, sessions, users, open, median_ms }): Row => ["bucket", start, sessions, users, open, ...none(5), median_ms, null]),
      ...(answer.breakdown ?? []).map((group) => figures(group.other === true ? "other" : group.value == null ? "none" : "value", group.other === true ? "" : groupText(group), group)),
      ...events("first_event", answer.first_events),
      ...events("last_event", answer.last_events),
    ],
  };
}

function experimentTable({ variants, comparisons }: ExperimentAnswer): Table {
  const ends = (name: string) => [`${name}_low`, `${name}_high`];
  const of = (interval: Interval | null | undefined) => [interval?.low ?? null, interval?.high ?? null];
  const header = [
    "value", "control", "users", "converted", "rate", ...ends("rate"), "open", "mixed", "median_ms", "expected", "difference", ...ends("difference"), "lift", ...ends("lift"),
    "p", "p_adjusted", "test", "detectable",
  ];
  const compared = (comparison: Comparison | undefined): Row => [
    comparison?.difference ?? null, ...of(comparison?.difference_interval), comparison?.lift ?? null, ...of(comparison?.lift_interval),
    comparison?.p ?? null, comparison?.p_adjusted ?? null, comparison?.test ?? null, comparison?.detectable ?? null,
  ];
  const rows = variants.map(({ value, control, users, converted, rate, rate_interval, open, mixed, median_ms, expected }): Row => [
    variantName(value), String(control), users, converted, rate, ...of(rate_interval), open, mixed, median_ms, expected,
    ...compared(control ? undefined : comparisons.find((other) => JSON.stringify(other.value) === JSON.stringify(value))),
  ]);
  return { header, rows };
}

/** A text as it is, a number or yes and no as JSON writes them. */
export function variantName(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
