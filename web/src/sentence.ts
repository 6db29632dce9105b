/** What the chart says, as a plain sentence. */

import type { Answer, StepAnswer } from "./api";
import type { Format } from "./format";
import type { Question, Range } from "./model";

/** Plain text, or a name that came from data and must be set apart from the text around it. */
export type Part = string | { name: string };

/** Where most people leave: the step before which the most were lost. Null where nobody was. */
export function largestLoss(steps: readonly StepAnswer[]): { from: StepAnswer; to: StepAnswer; lost: number } | null {
  let largest: { from: StepAnswer; to: StepAnswer; lost: number } | null = null;
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

export function sentence(answer: Answer, question: Question, format: Format): Part[] {
  const { steps } = answer;
  const first = steps[0];
  const last = steps.at(-1);
  if (first === undefined || last === undefined) return [];
  const when = rangeText(question.range, format);
  if (first.count === 0) return [`Nobody did `, { name: first.label }, `${when}.`];
  if (steps.length === 1) return [`${people(first.count, format)} did `, { name: first.label }, `${when}.`];

  const parts: Part[] = [
    `Of ${people(first.count, format)} who did `, { name: first.label }, `${when}, `,
    last.count === 0 ? "nobody" : `${format.number(last.count)} (${format.share(last.from_first)})`,
    ` went on to `, { name: last.label }, windowText(question, format),
  ];
  const median = answer.conversion_ms?.median;
  if (last.count > 1 && median != null) parts.push(`, half of them in ${format.duration(median)} or less`);
  return [...parts, ".", ...lossText(steps, format)];
}

function lossText(steps: readonly StepAnswer[], format: Format): Part[] {
  const parts: Part[] = [];
  const loss = largestLoss(steps);
  if (loss !== null) {
    const share = format.share(loss.lost / loss.from.count);
    const number = `${format.number(loss.lost)} of ${format.number(loss.from.count)} (${share})`;
    if (steps.length > 2) parts.push(" Most leave between ", { name: loss.from.label }, " and ", { name: loss.to.label }, `: ${number}.`);
    else parts.push(` ${number} left in between.`);
  }
  const open = steps.slice(1).reduce((sum, step) => sum + step.in_window, 0);
  if (open > 0) parts.push(` ${people(open, format)} still ${open === 1 ? "has" : "have"} time to go on.`);
  return parts;
}

function people(count: number, format: Format): string {
  return count === 1 ? "1 person" : `${format.number(count)} people`;
}

function windowText(question: Question, format: Format): string {
  return "window" in question.carried ? "" : ` within ${format.window(question.window)}`;
}

/** When step 1 happened, to stand behind its name. */
export function rangeText(range: Range, format: Format): string {
  if (range.kind === "all") return "";
  if (range.kind === "last") return ` in the last ${lastText(range.last, format)}`;
  if (range.from && range.to) return ` between ${format.date(range.from)} and ${format.date(range.to)}`;
  if (range.from) return ` since ${format.date(range.from)}`;
  return range.to ? ` until ${format.date(range.to)}` : "";
}

/** `30d` as 30 days; what is not such a duration stays as it is. */
export function lastText(last: string, format: Format): string {
  const [, amount, unit] = /^(\d+)(ms|s|m|h|d|w)$/.exec(last) ?? [];
  return amount === undefined ? last : format.window({ amount, unit: unit as "d" });
}
