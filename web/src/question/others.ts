/** Kinds of questions that the page shows the answer of, and does not build: they are written and changed as JSON. */

import { type Interval, type Range, type Selection, INTERVALS } from "./model";
import { UnreadableSpec, readRange, readSelection } from "./read";

export const OTHER_KINDS = ["lifecycle", "stickiness", "sessions", "experiment"] as const;
export type OtherKind = (typeof OTHER_KINDS)[number];

/** What words and tables about an answer need of its question. */
export interface OtherQuestion {
  readonly kind: OtherKind;
  readonly range: Range;
  readonly timezone: string;
  readonly interval: Interval | null;
  /** What makes a user active; null is anything. */
  readonly of: Selection | null;
  /** The property of groups, or of variants; empty where there is none. */
  readonly property: string;
}

/** The kind of a spec, if it is one of these. */
export function otherKindOf(spec: unknown): OtherKind | null {
  const kind = typeof spec === "object" && spec !== null ? (spec as { kind?: unknown }).kind : undefined;
  return OTHER_KINDS.find((known) => known === kind) ?? null;
}

/** Reads as much as words need; the server judges the rest. Null for a spec of another kind. */
export function readOther(spec: unknown): OtherQuestion | null {
  const kind = otherKindOf(spec);
  if (kind === null) return null;
  const fields = Object.fromEntries(Object.entries(spec as object).filter(([, value]) => value !== null));
  return {
    kind,
    range: readable(() => readRange(fields, ""), { kind: "all" }),
    // What the program takes for a question that names no zone.
    timezone: typeof fields.timezone === "string" ? fields.timezone : "UTC",
    interval: INTERVALS.find((known) => known === fields.interval) ?? (kind === "lifecycle" || kind === "stickiness" ? "day" : null),
    of: fields.of === undefined ? null : readable(() => readSelection(fields.of, "of", [])[0], null),
    property: propertyOf(fields[kind === "experiment" ? "variant" : "breakdown"]),
  };
}

function propertyOf(value: unknown): string {
  if (typeof value === "string") return value;
  const { property } = (value ?? {}) as { property?: unknown };
  return typeof property === "string" ? property : "";
}

function readable<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UnreadableSpec)) throw error;
    return otherwise;
  }
}
