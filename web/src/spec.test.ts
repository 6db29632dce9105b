import { describe, expect, test } from "vitest";
import {
  addStep, blankQuestion, changeConditions, chooseEvent, moveStep, newCondition, newMatch, newStep, removeStep,
} from "./model";
import { type FunnelSpec, UnreadableSpec, compile, fromAddress, problemsById, readSpec, toHash } from "./spec";

const ZONE = "Asia/Seoul";
const SPECS: Record<string, FunnelSpec> = {
  "one step": { kind: "funnel", timezone: ZONE, steps: [{ event: "view_job" }], window: "14d" },
  "everything this page has a control for": {
    kind: "funnel",
    from: "2026-01-01",
    to: "2026-01-31",
    timezone: ZONE,
    steps: [
      { event: "view_item" },
      { any: [{ event: "add_to_cart" }, { event: "*", where: [{ property: "x", op: "exists" }] }], label: "wants it" },
      {
        event: "purchase",
        where: [
          { property: "price", op: ">=", value: 100 },
          { property: "sku", op: "=", value: "100" },
          { property: "gift", op: "!=", value: true },
          { property: "country", op: "in", value: ["KR", "a,b", 5, "5"] },
          { property: "path", op: "matches", value: ' ^/jobs/"\\d+"$' },
          { property: "name", op: "starts with", value: "100" },
        ],
      },
    ],
    window: "36h",
    where: [{ property: "context.platform", op: "not in", value: ["ios"] }],
    breakdown: { property: "country", step: 3, limit: 10 },
  },
  "the last days": { kind: "funnel", last: "24h", timezone: "UTC", steps: [{ event: "*" }], window: "1w" },
  "an open end": { kind: "funnel", from: "2026-01-01T00:00:00Z", timezone: "UTC", steps: [{ event: "a" }], window: "1ms" },
  "names with markup, quotes, spaces, emoji and another direction": {
    kind: "funnel",
    timezone: "UTC",
    steps: [{ event: "<b>'&\"%#+ ?=" }, { event: "مشاهدة" }, { event: "🎉 공고 조회" }, { event: "\ud800" }, { event: "x".repeat(200) }],
    window: "14d",
  },
  "fields without a control": {
    kind: "funnel",
    timezone: "UTC",
    steps: [{ event: "a" }, { event: "b", optional: true }, { any: [{ event: "c", weight: 2 }] }],
    window: "session",
    order: "strict",
    ties: "arrival",
    exclude: [{ event: "x", from: 1, to: 2 }],
  },
};

describe("a question in the address", () => {
  test.each(Object.entries(SPECS))("%s comes back the same", (_, spec) => {
    const hash = toHash(spec);
    expect(hash).toMatch(/^#q=[\w.~%-]+$/);
    const question = fromAddress({ hash, search: "" }, "Europe/Berlin");
    expect(compile(question!).spec).toEqual(spec);
  });

  test("is found in a query string and behind other fields too", () => {
    const search = toHash(SPECS["one step"]!).replace("#", "?x=1&");
    expect(compile(fromAddress({ hash: "", search }, ZONE)!).spec).toEqual(SPECS["one step"]);
  });

  test("is none where there is none", () => expect(fromAddress({ hash: "#top", search: "?a=1" }, ZONE)).toBeNull());

  test("that is damaged is refused", () => {
    for (const hash of ["#q=%7B%22ki", "#q=%E0%A4%A", "#q="]) {
      expect(() => fromAddress({ hash, search: "" }, ZONE)).toThrow(UnreadableSpec);
    }
  });
});

describe("reading a spec", () => {
  test("fills in the defaults of the query spec", () =>
    expect(compile(readSpec({ steps: [{ event: "a" }] }, ZONE)).spec).toEqual({
      kind: "funnel", timezone: ZONE, steps: [{ event: "a" }], window: "14d",
    }));

  test("gives conditions beside `any` to each alternative", () => {
    const where = [{ property: "p", op: "=" as const, value: 1 }];
    const { spec } = compile(readSpec({ steps: [{ any: [{ event: "a" }, { event: "b" }], where }] }, ZONE));
    expect(spec!.steps).toEqual([{ any: [{ event: "a", where }, { event: "b", where }] }]);
  });

  test.each([
    [[], "the question must be a JSON object"],
    [{ kind: "trends", steps: [{ event: "a" }] }, "kind"],
    [{ steps: [] }, "steps is empty"],
    [{ steps: [{ event: 5 }] }, "steps[0].event must be text"],
    [{ steps: [{ event: "a", where: [{ property: "p", op: "~", value: 1 }] }] }, 'steps[0].where[0].op is "~"'],
    [{ steps: [{ event: "a", where: [{ property: "p", op: "=", value: null }] }] }, "steps[0].where[0].value"],
    [{ steps: [{ event: "a", where: [{ property: "p", op: "in", value: [] }] }] }, "steps[0].where[0].value is empty"],
    [{ steps: [{ event: "a" }], from: "2026-01-01", last: "7d" }, "last stands beside from"],
    [{ steps: [{ event: "a" }], breakdown: { property: "p", step: 2 } }, "breakdown.step names step 2"],
  ])("refuses %j and says why", (spec, message) => expect(() => readSpec(spec, ZONE)).toThrow(message));
});

describe("a draft", () => {
  const blank = blankQuestion(ZONE);
  const match = blank.steps[0]!.matches[0]!;

  test("without an event asks nothing", () => expect(compile(blank)).toMatchObject({ spec: null, key: "", problems: [] }));

  test("leaves out what is not complete", () => {
    let question = addStep(chooseEvent(blank, match.id, "a"), newStep());
    question = changeConditions(question, match.id, () => [newCondition("p"), newCondition("", "exists"), newCondition("q", "exists")]);
    expect(compile(question).spec!.steps).toEqual([{ event: "a", where: [{ property: "q", op: "exists" }] }]);
  });

  test("asks the same while only something incomplete is added", () => {
    const question = chooseEvent(blank, match.id, "a");
    expect(compile(addStep(question, newStep())).key).toBe(compile(question).key);
  });

  test("with a window or dates that cannot be asks nothing and says why", () => {
    const question = chooseEvent(blank, match.id, "a");
    for (const amount of ["", "0", "1.5", "-1", "x"]) {
      const { spec, problems } = compile({ ...question, window: { amount, unit: "d" } });
      expect([spec, problems[0]?.field]).toEqual([null, "window"]);
    }
    const { spec, problems } = compile({ ...question, range: { kind: "dates", from: "2026-02-01", to: "2026-01-01" } });
    expect([spec, problems[0]?.field]).toEqual([null, "to"]);
  });

  test("moves and removes steps, and the breakdown stays with its step", () => {
    let question = readSpec({ steps: [{ event: "a" }, { event: "b" }, { event: "c" }], breakdown: { property: "p", step: 3 } }, ZONE);
    question = moveStep(question, question.steps[2]!.id, -1);
    expect(compile(question).spec).toMatchObject({ steps: [{ event: "a" }, { event: "c" }, { event: "b" }], breakdown: { step: 2 } });
    question = removeStep(question, question.steps[0]!.id);
    expect(compile(question).spec).toMatchObject({ steps: [{ event: "c" }, { event: "b" }], breakdown: { step: 1 } });
    expect(moveStep(question, question.steps[0]!.id, -1)).toBe(question);
  });
});

test("a problem goes to the nearest control", () => {
  const where = [newCondition(), newCondition("p", "=", "1")];
  const blank = newStep();
  const step = newStep([newMatch("a", where), newMatch("b")]);
  const { places } = compile({ ...blankQuestion(ZONE), steps: [blank, step] });
  const problems = ["steps[0].any[0].where[0].op", "steps[0].any[1].event", "steps[0].label", "steps[10]", "from", "order"];
  const found = problemsById(problems.map((field) => ({ field, message: "no" })), places);
  expect(Object.fromEntries([...found].map(([id, list]) => [id, list.map(({ field }) => field)]))).toEqual({
    [where[1]!.id]: ["steps[0].any[0].where[0].op"],
    [step.matches[1]!.id]: ["steps[0].any[1].event"],
    [step.matches[0]!.id]: ["steps[0].label"],
    range: ["from"],
    "": ["steps[10]", "order"],
  });
});
