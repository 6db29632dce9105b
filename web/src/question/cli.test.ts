import { expect, test } from "vitest";
import { cliLine, quote } from "./cli";
import type { SelectionSpec, Spec } from "./compile";

const spec = (...steps: SelectionSpec[]): Spec => ({ kind: "funnel", timezone: "UTC", steps, window: "14d" });

test("a word is quoted for the shell", () => expect(quote("it's $HOME")).toBe("'it'\\''s $HOME'"));

test("a funnel becomes flags", () => {
  const where = [
    { property: "price", op: ">=" as const, value: 100 },
    { property: "country", op: "in" as const, value: ["KR", "it's"] },
    { property: "gift", op: "exists" as const },
  ];
  const question: Spec = {
    ...spec({ event: "view_job" }, { event: "Order Completed", where, optional: true }, { event: "c" }),
    from: "2026-01-01",
    to: "2026-01-31",
    order: "strict",
    exclude: [{ event: "x", from: 1, to: 3 }, { event: "y" }],
    hold: ["item"],
    where: [{ property: "context.platform", op: "=", value: "100" }],
    breakdown: { property: "country", step: 2, limit: 5 },
    cohort: { event: "buy", at_least: 3, last: "90d" },
  };
  expect(cliLine(question)).toBe(
    `weir funnel --lake "$WEIR_LAKE" --step 'view_job' ` +
      `--step 'Order Completed where price >= 100 and country in ["KR","it'\\''s"] and gift exists' --step 'c' --optional 2 ` +
      `--window '14d' --order 'strict' --exclude 'x between 1 and 3' --exclude 'y' --hold 'item' ` +
      `--breakdown 'country' --breakdown-step 2 --breakdown-limit 5 ` +
      `--from '2026-01-01' --to '2026-01-31' --timezone 'UTC' --where 'context.platform = "100"' --cohort 'buy at least 3 last 90d'`,
  );
});

test.each<[string, Spec, string]>([
  [
    "trends",
    {
      kind: "trends", last: "7d", timezone: "UTC", interval: "week",
      series: [{ event: "buy", measure: "sum", property: "price" }, { event: "buy", measure: "users" }, { event: "a" }],
      formulas: ["A / B"], cumulative: true, moving_average: 3, breakdown: "plan",
    },
    `weir trends --lake "$WEIR_LAKE" --series 'sum of price: buy' --series 'users: buy' --series 'a' --formula 'A / B' --interval 'week' ` +
      `--breakdown 'plan' --cumulative --moving-average 3 --last '7d' --timezone 'UTC'`,
  ],
  [
    "retention",
    { kind: "retention", timezone: "UTC", start: { event: "a" }, return: { event: "b" }, brackets: [[0, 0], [1, 3]], mode: "on_or_after" },
    `weir retention --lake "$WEIR_LAKE" --start 'a' --return 'b' --brackets '0,1-3' --mode 'on_or_after' --timezone 'UTC'`,
  ],
  [
    "paths",
    { kind: "paths", timezone: "UTC", end: { event: "buy" }, depth: 3, collapse: false, hide: ["page where"], count: "every" },
    `weir paths --lake "$WEIR_LAKE" --end 'buy' --depth 3 --repeats --hide '"page where"' --count 'every' --timezone 'UTC'`,
  ],
])("%s become flags", (_, question, line) => expect(cliLine(question)).toBe(line));

test.each<[string, SelectionSpec, string]>([
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

test.each<[string, Spec]>([
  ["a field of an alternative without a word", spec({ any: [{ event: "a", weight: 1 }] })],
  ["a field without a flag", { ...spec({ event: "a" }), tomorrow: 1 }],
  ["an exclusion with one end", { ...spec({ event: "a" }, { event: "b" }), exclude: [{ event: "x", from: 1 }] }],
  ["a cohort of a report", { ...spec({ event: "a" }), cohort: { report: "r1" } }],
  ["a named formula", { kind: "trends", timezone: "UTC", series: [{ event: "a" }], formulas: [{ formula: "A", label: "b" }] }],
  ["a series whose name has a colon", { kind: "trends", timezone: "UTC", series: [{ event: "users: a" }] }],
])("%s goes over as the whole spec", (_, question) =>
  expect(cliLine(question)).toBe(
    `printf %s ${quote(JSON.stringify(question))} | weir ${question.kind} --lake "$WEIR_LAKE" --spec -`,
  ));
