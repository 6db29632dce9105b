import { expect, test } from "vitest";
import type { Check } from "../answers";
import { checkOf, draftOf, newCheck } from "./check";

test.each<Check>([
  { measure: "conversion", below: 0.185 },
  { measure: "count", step: 2, above: 1000, every: "1h" },
  { measure: "latest", series: "F1", below: 1, above: 2, webhook: "https://hooks.example/x" },
  { measure: "returned", period: 7, below: 0.07 },
])("a check that is kept comes back the same: %j", (check) => expect(checkOf(draftOf(check))).toEqual(check));

test("a share is typed in percent, a count as it is", () => {
  const draft = newCheck("funnel")!;
  expect(checkOf({ ...draft, below: "18.5 %" })).toEqual({ measure: "conversion", below: 0.185 });
  expect(checkOf({ ...draft, measure: "count", below: "18.5" })).toEqual({ measure: "count", below: 18.5 });
});

test("what is no number is left to the server, and paths have no check", () => {
  expect(checkOf({ ...newCheck("trends")!, below: "many" })).toEqual({ measure: "latest", below: "many" });
  expect(newCheck("paths")).toBeNull();
});
