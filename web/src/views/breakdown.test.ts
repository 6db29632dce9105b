import { render } from "lit-html";
import { expect, test } from "vitest";
import type { Group } from "../api";
import { createFormat } from "../format";
import { answerOf, stepsOf } from "../testing";
import { breakdownTable } from "./breakdown";
import type { Context } from "./context";

function names(...values: Partial<Group>[]): string[] {
  const groups = values.map((value) => ({ ...value, steps: stepsOf(["a", 2], ["b", 1]) }) as Group);
  const answer = { ...answerOf(["a", 9], ["b", 4]), breakdown: groups };
  const page = document.createElement("div");
  render(breakdownTable(answer, "plan", { format: createFormat("en-US") } as Context), page);
  return [...page.querySelectorAll("tbody th")].map((cell) => cell.textContent ?? "");
}

test("every kind of value has a name, and only the rest is called so", () =>
  expect(names({ value: "<b>pro</b>" }, { value: 1 }, { value: true }, { value: null }, { value: "" })).toEqual([
    "<b>pro</b>",
    "1",
    "true",
    "not set",
    "empty text",
  ]));

test("a list or an object is a value, not the rest", () =>
  expect(names({ value: { other: true } }, { value: ["a", 1] }, { other: true })).toEqual(['{"other":true}', '["a",1]', "all others"]));
