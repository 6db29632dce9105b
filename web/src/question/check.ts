/** What the answer of a report is held against: as it is typed, and as it is kept. */

import type { Check } from "../answers";
import type { CheckDraft } from "../state";

/** What can be measured of each kind of question. */
export const CHECK_MEASURES: Record<string, readonly string[]> = {
  funnel: ["conversion", "count"],
  trends: ["latest", "total"],
  retention: ["returned"],
};

export const CHECK_EVERY = ["1h", "6h", "1d", "7d"] as const;

/** Measures that are shares, which people type in percent. */
export function isShare(measure: string): boolean {
  return measure === "conversion" || measure === "returned";
}

export function newCheck(kind: string): CheckDraft | null {
  const measure = CHECK_MEASURES[kind]?.[0];
  return measure === undefined ? null : { measure, at: "", below: "", above: "", every: "1d", webhook: "" };
}

/** A check as it is kept. What is not a number goes as it is typed: the server says what is wrong with it. */
export function checkOf(draft: CheckDraft): Check {
  const bound = (field: "below" | "above"): Partial<Check> => {
    const text = draft[field].trim();
    if (text === "") return {};
    const number = Number(text.replace("%", ""));
    const value = Number.isFinite(number) ? (isShare(draft.measure) ? number / 100 : number) : text;
    return { [field]: value };
  };
  const at = draft.at.trim();
  const place = draft.measure === "returned" ? "period" : draft.measure === "conversion" || draft.measure === "count" ? "step" : "series";
  return {
    measure: draft.measure,
    ...(at === "" ? {} : { [place]: place === "series" ? at : Number(at) }),
    ...bound("below"),
    ...bound("above"),
    ...(draft.every === "1d" ? {} : { every: draft.every }),
    ...(draft.webhook.trim() === "" ? {} : { webhook: draft.webhook.trim() }),
  };
}

/** A check that is kept, to be changed. */
export function draftOf(check: Check): CheckDraft {
  const bound = (value: number | undefined) => {
    if (value === undefined) return "";
    return String(isShare(check.measure) ? Math.round(value * 1e6) / 1e4 : value);
  };
  return {
    measure: check.measure,
    at: String(check.step ?? check.series ?? check.period ?? ""),
    below: bound(check.below),
    above: bound(check.above),
    every: check.every ?? "1d",
    webhook: check.webhook ?? "",
  };
}
