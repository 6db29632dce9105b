import { expect, test } from "vitest";
import { createFormat } from "./format";
import type { Range } from "./model";
import { sentence } from "./sentence";
import { readSpec } from "./spec";
import { type Row, answerOf } from "./testing";

const format = createFormat("en-US");
const question = readSpec({ steps: [{ event: "a" }] }, "UTC");

function say(range: Range, ...rows: Row[]): string {
  const parts = sentence(answerOf(...rows), { ...question, range }, format);
  return parts.map((part) => (typeof part === "string" ? part : `[${part.name}]`)).join("");
}

const ALL: Range = { kind: "all" };

test("says what a funnel of three steps says", () =>
  expect(say(ALL, ["view_job", 1203], ["apply_start", 503, 37], ["apply_submit", 214])).toBe(
    "Of 1,203 people who did [view_job], 214 (17.8%) went on to [apply_submit] within 14 days, half of them in 2 hr 5 min or less." +
      " Most leave between [view_job] and [apply_start]: 663 of 1,203 (55.1%). 37 people still have time to go on.",
  ));

test("two steps", () =>
  expect(say({ kind: "last", last: "30d" }, ["a", 10], ["b", 1, 1])).toBe(
    "Of 10 people who did [a] in the last 30 days, 1 (10%) went on to [b] within 14 days. 8 of 10 (80%) left in between." +
      " 1 person still has time to go on.",
  ));

test("one step, and nobody", () => {
  expect(say({ kind: "dates", from: "2026-01-01", to: "" }, ["a", 1])).toBe("1 person did [a] since Jan 1, 2026.");
  expect(say({ kind: "dates", from: "", to: "2026-01-31" }, ["a", 0])).toBe("Nobody did [a] until Jan 31, 2026.");
  expect(say(ALL, ["a", 5], ["b", 0])).toBe("Of 5 people who did [a], nobody went on to [b] within 14 days. 5 of 5 (100%) left in between.");
});

test("everybody", () =>
  expect(say(ALL, ["a", 5], ["b", 5], ["c", 5])).toBe(
    "Of 5 people who did [a], 5 (100%) went on to [c] within 14 days, half of them in 2 hr 5 min or less.",
  ));
