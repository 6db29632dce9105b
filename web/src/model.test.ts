import { expect, test } from "vitest";
import { LIST_LIMIT, listOptions } from "./model";

const events = [
  { event: "view_job", count: 90 },
  { event: "apply_start", count: 50 },
  { event: "job_alert", count: 40 },
  { event: "enjoy", count: 30 },
  { event: "Job", count: 1 },
];
const names = (typed: string | null) => listOptions(events, typed).map(({ event }) => event);

test("the list begins with all events, and ends with any event", () =>
  expect(names(null)).toEqual(["view_job", "apply_start", "job_alert", "enjoy", "Job", "*"]));

test("typing ranks whole names, beginnings, words, then the rest", () =>
  expect(names("JO")).toEqual(["job_alert", "Job", "view_job", "enjoy", "JO"]));

test("a name that is not there can be used all the same", () => {
  expect(listOptions(events, " new one ")).toEqual([{ event: "new one", count: null }]);
  expect(names("view_job")).toEqual(["view_job"]);
});

test("a long list is cut", () => {
  const many = Array.from({ length: 500 }, (_, i) => ({ event: `e${i}`, count: 1 }));
  expect(listOptions(many, null)).toHaveLength(LIST_LIMIT + 1);
});
