import { expect, test } from "vitest";
import { fitting, fittingEvents, fittingOrTyped, ownersOf } from "./options";

const events = ["view_job", "apply_start", "job_alert", "enjoy", "Job"].map((value) => ({ value, count: 1 }));
const names = (typed: string | null) => fittingOrTyped(events, typed).map(({ value }) => value);

test("nothing typed offers everything in its order", () =>
  expect(names(null)).toEqual(["view_job", "apply_start", "job_alert", "enjoy", "Job"]));

test("typing ranks whole names, beginnings, words, then the rest", () =>
  expect(names("JO")).toEqual(["job_alert", "Job", "view_job", "enjoy", "JO"]));

test("a name that is not there can be used all the same, one that is there is not offered twice", () => {
  expect(fittingOrTyped(events, " new one ")).toEqual([{ value: "new one", count: null, unknown: true }]);
  expect(names("view_job")).toEqual(["view_job"]);
  expect(fitting(events, "nothing like it")).toEqual([]);
});

test("letters are compared whatever their case and their form", () =>
  expect(fitting([{ value: "Caf\u00e9", count: 1 }], "cafe\u0301")).toHaveLength(1));

test("events are found by their owner as well, and told apart by it", () => {
  const owned = [{ event: "view", count: 1, owner: "growth" }, { event: "grow", count: 1, owner: null }, { event: "pay", count: 1 }];
  const found = (typed: string, owner: string | null) => fittingEvents(owned, typed, owner).map(({ event }) => event);
  expect([ownersOf(owned), found("grow", null), found("", "growth"), found("", ""), found("pay", "growth")]).toEqual([
    ["growth"], ["grow", "view"], ["view"], ["grow", "pay"], [],
  ]);
});
