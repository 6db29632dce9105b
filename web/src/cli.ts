/** The command line that asks the same as a spec. */

import type { ConditionSpec, FunnelSpec, MatchSpec, StepSpec } from "./spec";

/** Names that the shorthand of `--step` takes without quotes; all others are written as JSON texts. */
const PLAIN_NAME = /^(?:\*|[\p{L}\p{N}_$.:/-]+(?: [\p{L}\p{N}_$.:/-]+)*)$/u;
const KEYWORD = /(?:^| )(?:where|and|as)(?: |$)/i;
const PLAIN_PROPERTY = /^[\p{L}\p{N}_$.-]+$/u;
const FLAG_FIELDS = ["kind", "from", "to", "last", "timezone", "steps", "window", "where", "breakdown"];

/** A `weir funnel` line with flags; where flags cannot say it, one that takes the spec on stdin. */
export function cliLine(spec: FunnelSpec): string {
  const flags = flagsOf(spec);
  if (flags === null) {
    return `printf %s ${quote(JSON.stringify(spec))} | weir funnel --lake "$WEIR_LAKE" --spec -`;
  }
  return ['weir funnel --lake "$WEIR_LAKE"', ...flags].join(" ");
}

/** Quotes a word for a POSIX shell. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function flagsOf(spec: FunnelSpec): string[] | null {
  if (Object.keys(spec).some((field) => !FLAG_FIELDS.includes(field))) return null;
  if (spec.window !== undefined && typeof spec.window !== "string") return null;
  const steps = spec.steps.map(stepText);
  const where = (spec.where ?? []).map(conditionText);
  if (steps.includes(null)) return null;
  const { breakdown } = spec;
  if (breakdown && (breakdown.step !== 1 || breakdown.limit !== undefined)) return null;
  const optional = (flag: string, value: string | undefined) => (value === undefined ? [] : [`${flag} ${quote(value)}`]);
  return [
    ...steps.map((step) => `--step ${quote(step!)}`),
    ...optional("--window", spec.window),
    ...optional("--from", spec.from),
    ...optional("--to", spec.to),
    ...optional("--last", spec.last),
    ...optional("--timezone", spec.timezone),
    ...where.map((condition) => `--where ${quote(condition)}`),
    ...optional("--breakdown", breakdown?.property),
  ];
}

/** Null for a step with fields the shorthand cannot say. */
function stepText({ any, event, where, label, ...others }: StepSpec): string | null {
  const alone = event === undefined ? [] : [where === undefined ? { event } : { event, where }];
  const matches = (any ?? alone).map(matchText);
  if (Object.keys(others).length > 0 || matches.includes(null)) return null;
  return matches.join(" | ") + (label === undefined ? "" : ` as ${nameText(label)}`);
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
