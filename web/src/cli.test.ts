import { expect, test } from "vitest";
import { cliLine, quote } from "./cli";
import type { FunnelSpec, StepSpec } from "./spec";

const spec = (...steps: StepSpec[]): FunnelSpec => ({ kind: "funnel", timezone: "UTC", steps, window: "14d" });

test("a word is quoted for the shell", () => expect(quote("it's $HOME")).toBe("'it'\\''s $HOME'"));

test("a question becomes flags", () => {
  const where = [
    { property: "price", op: ">=" as const, value: 100 },
    { property: "country", op: "in" as const, value: ["KR", "it's"] },
    { property: "gift", op: "exists" as const },
  ];
  const question: FunnelSpec = {
    ...spec({ event: "view_job" }, { event: "Order Completed", where }),
    from: "2026-01-01",
    to: "2026-01-31",
    where: [{ property: "context.platform", op: "=", value: "100" }],
    breakdown: { property: "country", step: 1 },
  };
  expect(cliLine(question)).toBe(
    `weir funnel --lake "$WEIR_LAKE" --step 'view_job' ` +
      `--step 'Order Completed where price >= 100 and country in ["KR","it'\\''s"] and gift exists' ` +
      `--window '14d' --from '2026-01-01' --to '2026-01-31' --timezone 'UTC' ` +
      `--where 'context.platform = "100"' --breakdown 'country'`,
  );
});

test.each<[string, StepSpec, string]>([
  ["a name like a filter", { event: "a where b" }, `'"a where b"'`],
  ["quotes in a name", { event: `it's "hi"` }, `'"it'\\''s \\"hi\\""'`],
  ["a bar in a name", { event: "a|b" }, `'"a|b"'`],
  ["any event", { event: "*" }, `'*'`],
  ["another script", { event: "공고 조회" }, `'공고 조회'`],
  ["a property with a space", { event: "a", where: [{ property: "a b", op: "exists" }] }, `'a where "a b" exists'`],
  [
    "alternatives and a label",
    { any: [{ event: "a", where: [{ property: "p", op: "=", value: "x and y" }] }, { event: "b" }], label: "as one" },
    `'a where p = "x and y" | b as "as one"'`,
  ],
])("%s is written in the shorthand", (_, step, text) =>
  expect(cliLine(spec(step))).toBe(`weir funnel --lake "$WEIR_LAKE" --step ${text} --window '14d' --timezone 'UTC'`),
);

test.each<[string, FunnelSpec]>([
  ["a breakdown at another step", { ...spec({ event: "a" }, { event: "b" }), breakdown: { property: "p", step: 2 } }],
  ["a field of a step without a word", spec({ event: "a" }, { event: "b", optional: true })],
  ["a field of an alternative without a word", spec({ any: [{ event: "a", weight: 1 }] })],
  ["a field without a flag", { ...spec({ event: "a" }), order: "strict" }],
])("%s goes over as the whole spec", (_, question) =>
  expect(cliLine(question)).toBe(
    `printf %s ${quote(JSON.stringify(question))} | weir funnel --lake "$WEIR_LAKE" --spec -`,
  ));
