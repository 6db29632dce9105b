/** Answers for tests. */

import type { Answer, StepAnswer } from "./api";

/** A step's answer: [label, count, still open, median, p90]. */
export type Row = [label: string, count: number, open?: number, median?: number, p90?: number];

export function stepsOf(...rows: Row[]): StepAnswer[] {
  return rows.map(([label, count, in_window = 0, median_ms = null, p90_ms = null], index) => {
    const share = (whole: number | undefined) => (whole ? count / whole : 0);
    const [from_first, from_previous] = index === 0 ? [1, 1] : [share(rows[0]?.[1]), share(rows[index - 1]?.[1])];
    return { step: index + 1, label, count, from_first, from_previous, median_ms, p90_ms, in_window };
  });
}

export function answerOf(...rows: Row[]): Answer {
  const steps = stepsOf(...rows);
  return {
    kind: "funnel",
    version: 42,
    complete_to: "2026-01-31T14:59:58.120Z",
    steps,
    conversion_ms: { n: steps.at(-1)?.count ?? 0, median: 7_500_000 },
    scanned: { files: 1, bytes: 1, rows: 100_000, elapsed_ms: 85 },
  };
}
