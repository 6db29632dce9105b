/** The command line that asks the same as a spec. */

import type { ConditionSpec, MatchSpec, SelectionSpec, Spec } from "./compile";

/** Names that the shorthand takes without quotes; all others are written as JSON texts. */
const PLAIN_NAME = /^(?:\*|[\p{L}\p{N}_$.:/-]+(?: [\p{L}\p{N}_$.:/-]+)*)$/u;
const KEYWORD = /(?:^| )(?:where|and|as|between|at|last|never|least|most)(?: |$)/i;
const PLAIN_PROPERTY = /^[\p{L}\p{N}_$.-]+$/u;

/** A flag, with its value; null where flags cannot say it. */
type Flag = string | null;
type Writer = (value: never) => Flag[];

const text = (flag: string) => (value: string) => [`${flag} ${quote(value)}`];
const number = (flag: string) => (value: number) => [`${flag} ${value}`];
const present = (flag: string, when: unknown) => (value: unknown) => [value === when ? flag : null];
const list = (flag: string, write: (item: never) => string | null) => (items: never[]) =>
  items.map((item) => {
    const written = write(item);
    return written === null ? null : `${flag} ${quote(written)}`;
  });

const COMMON: Record<string, Writer> = {
  from: text("--from"),
  to: text("--to"),
  last: text("--last"),
  timezone: text("--timezone"),
  where: list("--where", conditionText),
  cohort: (value: unknown) => list("--cohort", cohortText)((Array.isArray(value) ? value : [value]) as never[]),
};

const SPLIT: Writer = (value: string | { property: string; limit?: number; step?: number }) => {
  if (typeof value === "string") return [`--breakdown ${quote(value)}`];
  return [
    `--breakdown ${quote(value.property)}`,
    ...((value.step ?? 1) === 1 ? [] : [`--breakdown-step ${value.step}`]),
    ...(value.limit === undefined ? [] : [`--breakdown-limit ${value.limit}`]),
  ];
};

const KINDS: Record<string, Record<string, Writer>> = {
  funnel: {
    ...COMMON,
    steps: (steps: SelectionSpec[]) => [
      ...steps.map(({ optional: _, ...step }) => flagged("--step", selectionText(step))),
      ...steps.flatMap((step, index) => (step.optional === true ? [`--optional ${index + 1}`] : [])),
    ],
    window: text("--window"),
    order: text("--order"),
    ties: text("--ties"),
    count: text("--count"),
    exclude: list("--exclude", excludeText),
    exclusion: text("--exclusion"),
    hold: list("--hold", (property: string) => property),
    breakdown: SPLIT,
    interval: text("--interval"),
    compare: text("--compare"),
  },
  trends: {
    ...COMMON,
    series: list("--series", seriesText),
    formulas: list("--formula", formulaText),
    interval: text("--interval"),
    breakdown: SPLIT,
    cumulative: present("--cumulative", true),
    moving_average: number("--moving-average"),
    compare: text("--compare"),
  },
  retention: {
    ...COMMON,
    start: (start: SelectionSpec) => [flagged("--start", selectionText(start))],
    return: (back: SelectionSpec) => [flagged("--return", selectionText(back))],
    interval: text("--interval"),
    periods: number("--periods"),
    brackets: (pairs: [number, number][]) => [
      `--brackets ${quote(pairs.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(","))}`,
    ],
    mode: text("--mode"),
    occurrence: text("--occurrence"),
    breakdown: SPLIT,
  },
  paths: {
    ...COMMON,
    start: (start: SelectionSpec) => [flagged("--start", selectionText(start))],
    end: (end: SelectionSpec) => [flagged("--end", selectionText(end))],
    depth: number("--depth"),
    limit: number("--limit"),
    collapse: present("--repeats", false),
    only: list("--only", (event: string) => nameText(event)),
    hide: list("--hide", (event: string) => nameText(event)),
    window: text("--window"),
    count: text("--count"),
  },
};

/** A line with flags; where flags cannot say it, one that takes the spec on stdin. */
export function cliLine(spec: Spec): string {
  const flags = flagsOf(spec);
  if (flags === null) {
    return `printf %s ${quote(JSON.stringify(spec))} | weir ${spec.kind} --lake "$WEIR_LAKE" --spec -`;
  }
  return [`weir ${spec.kind} --lake "$WEIR_LAKE"`, ...flags].join(" ");
}

/** Quotes a word for a POSIX shell. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function flagsOf({ kind, ...fields }: Spec): string[] | null {
  const writers = KINDS[kind];
  if (writers === undefined) return null;
  const flags: Flag[] = [];
  // In the order of the table, which is that of the help.
  const order = Object.keys(writers);
  const entries = Object.entries(fields).sort(([a], [b]) => rank(order, a) - rank(order, b));
  for (const [field, value] of entries) {
    const write = writers[field];
    if (write === undefined) return null;
    if (["window", "order", "count"].includes(field) && typeof value !== "string") return null;
    flags.push(...write(value as never));
  }
  return flags.includes(null) ? null : (flags as string[]);
}

/** What is asked comes first, then time and filters. */
function rank(order: string[], field: string): number {
  const own = order.indexOf(field) - Object.keys(COMMON).length;
  return own >= 0 ? own : order.length + own;
}

function flagged(flag: string, written: string | null): Flag {
  return written === null ? null : `${flag} ${quote(written)}`;
}

/** Null for a selection with fields the shorthand cannot say. */
function selectionText({ any, event, where, label, ...others }: SelectionSpec): string | null {
  const alone = event === undefined ? [] : [where === undefined ? { event } : { event, where }];
  const matches = (any ?? alone).map(matchText);
  if (Object.keys(others).length > 0 || matches.includes(null)) return null;
  return matches.join(" | ") + (label === undefined ? "" : ` as ${nameText(label)}`);
}

function seriesText({ measure, property, ...selection }: SelectionSpec & { measure?: string; property?: string }): string | null {
  const written = selectionText(selection);
  if (written === null) return null;
  // Without a measure before it, a colon in a name would be taken for one.
  if (measure === undefined) return written.includes(":") ? null : written;
  if (property === undefined) return `${measure}: ${written}`;
  return PLAIN_PROPERTY.test(property) ? `${measure} of ${property}: ${written}` : null;
}

function excludeText({ from, to, ...selection }: SelectionSpec & { from?: number; to?: number }): string | null {
  const written = selectionText(selection);
  if (written === null || selection.label !== undefined) return null;
  if ((from === undefined && to === undefined)) return written;
  // The shorthand names both ends or none.
  return from === undefined || to === undefined ? null : `${written} between ${from} and ${to}`;
}

function formulaText(formula: string | { formula: string; label?: string }): string | null {
  return typeof formula === "string" ? formula : null;
}

function cohortText(cohort: SelectionSpec): string | null {
  const { at_least, at_most, last, ...selection } = cohort;
  const written = selection.any === undefined && selection.label === undefined ? selectionText(selection) : null;
  if (written === null) return null;
  const part = (value: unknown, words: string) => (value === undefined ? "" : ` ${words} ${String(value)}`);
  return `${written}${part(at_least, "at least")}${part(at_most, "at most")}${part(last, "last")}`;
}

function matchText({ event, where = [], ...others }: MatchSpec): string | null {
  if (Object.keys(others).length > 0) return null;
  return nameText(event) + (where.length === 0 ? "" : ` where ${where.map(conditionText).join(" and ")}`);
}

function nameText(name: string): string {
  return PLAIN_NAME.test(name) && !KEYWORD.test(name) ? name : JSON.stringify(name);
}

function conditionText({ property, op, value }: ConditionSpec): string {
  const test = `${PLAIN_PROPERTY.test(property) ? property : JSON.stringify(property)} ${op}`;
  return value === undefined ? test : `${test} ${JSON.stringify(value)}`;
}
