import { describe, expect, test } from "vitest";
import { specOf, toHash } from "./address";
import { type Spec, compile, labelId, problemsById } from "./compile";
import {
  addMatch, addStep, changeConditions, changeKind, chooseEvent, editFunnel, moveTo, nameSelection, narrow, newExclude, removeMatch, removeSeries, removeStep,
} from "./edit";
import { type Kind, KINDS, blankQuestion, newCondition, newMatch, newSelection, newStep } from "./model";
import { UnreadableSpec, readSpec } from "./read";

const ZONE = "Asia/Seoul";
const ONE_STEP: Spec = { kind: "funnel", timezone: ZONE, steps: [{ event: "view_job" }], window: "14d" };
const SPECS: Record<string, Spec> = {
  "one step": ONE_STEP,
  "a funnel with everything": {
    kind: "funnel",
    from: "2026-01-01",
    to: "2026-01-31",
    timezone: ZONE,
    steps: [
      { event: "view_item" },
      { any: [{ event: "add_to_cart" }, { event: "*", where: [{ property: "x", op: "exists" }] }], label: "wants it", optional: true },
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
    order: "strict",
    ties: "arrival",
    count: "sessions",
    exclude: [{ event: "remove_from_cart", from: 1, to: 3 }, { any: [{ event: "x" }, { event: "y" }], from: 2 }],
    exclusion: "drop_user",
    where: [{ property: "context.platform", op: "not in", value: ["ios"] }],
    breakdown: { property: "country", step: 3, limit: 10 },
    hold: ["item_id", "shop.id"],
    interval: "week",
    compare: "previous",
    cohort: { event: "purchase", at_least: 3, last: "90d" },
  },
  "in one session, of several cohorts": {
    kind: "funnel",
    timezone: "UTC",
    steps: [{ event: "a" }, { event: "b" }],
    window: "session",
    cohort: [
      { event: "a", at_most: 2 },
      { report: "r1", step: 2, state: "dropped" },
      { funnel: { steps: [{ event: "x" }] }, state: "open" },
      { any: [{ event: "a" }, { event: "b" }], at_least: 0, at_most: 0, from: "2026-01-01" },
    ],
  },
  trends: {
    kind: "trends",
    last: "90d",
    timezone: ZONE,
    interval: "week",
    series: [
      { event: "purchase", measure: "sum", property: "price" },
      { any: [{ event: "a" }, { event: "b" }], label: "either", measure: "users" },
      { event: "c", measure: "p75", property: "ms" },
    ],
    formulas: ["A / B", { formula: "A + 1", label: "more" }],
    breakdown: "country",
    cumulative: true,
    moving_average: 7,
    compare: "previous",
  },
  "trends, plain": { kind: "trends", last: "7d", timezone: "UTC", series: [{ event: "*" }], breakdown: { property: "p", limit: 5 } },
  retention: {
    kind: "retention",
    last: "90d",
    timezone: ZONE,
    start: { event: "signup", label: "began" },
    return: { any: [{ event: "view" }, { event: "buy", where: [{ property: "price", op: ">", value: 1 }] }] },
    interval: "week",
    periods: 8,
    mode: "on_or_after",
    occurrence: "any",
    breakdown: "country",
  },
  "retention in brackets": { kind: "retention", timezone: "UTC", start: { event: "a" }, brackets: [[0, 0], [1, 3], [4, 7]] },
  paths: {
    kind: "paths",
    last: "30d",
    timezone: ZONE,
    end: { event: "purchase", where: [{ property: "price", op: ">", value: 1 }] },
    depth: 8,
    limit: 3,
    collapse: false,
    only: ["a", "b"],
    hide: ["page_view"],
    window: "2h",
    count: "every",
    where: [{ property: "p", op: "exists" }],
  },
  "paths from the first event": { kind: "paths", timezone: "UTC" },
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
    steps: [{ event: "a", tomorrow: 1 }, { any: [{ event: "c", weight: 2 }] }],
    window: "a while",
    version: 7,
  },
  "listed events with conditions": { kind: "paths", timezone: "UTC", start: { event: "a" }, hide: [{ event: "b", where: [] }], top: 50 },
};

describe("a question in the address", () => {
  test.each(Object.entries(SPECS))("%s comes back the same", (_, spec) => {
    const hash = toHash(spec);
    expect(hash).toMatch(/^#q=[\w.~%-]+$/);
    expect(compile(readSpec(specOf({ hash, search: "" }), "Europe/Berlin")).spec).toEqual(spec);
  });

  test("is found in a query string and behind other fields too", () => {
    const search = toHash(ONE_STEP).replace("#", "?x=1&");
    expect(compile(readSpec(specOf({ hash: "", search }), ZONE)).spec).toEqual(ONE_STEP);
  });

  test("is none where there is none", () => expect(specOf({ hash: "#top", search: "?a=1" })).toBeNull());

  test("that is damaged is refused", () => {
    for (const hash of ["#q=%7B%22ki", "#q=%E0%A4%A", "#q="]) {
      expect(() => specOf({ hash, search: "" })).toThrow(UnreadableSpec);
    }
  });
});

describe("reading a spec", () => {
  test("fills in the defaults of the query spec", () =>
    expect(compile(readSpec({ steps: [{ event: "a" }] }, ZONE)).spec).toEqual({
      kind: "funnel", timezone: ZONE, steps: [{ event: "a" }], window: "14d",
    }));

  test("takes null for a field that is not there", () =>
    expect(compile(readSpec({ steps: [{ event: "a", any: null, where: null, label: null }], last: null, cohort: null, order: null }, ZONE)).spec).toEqual({
      kind: "funnel", timezone: ZONE, steps: [{ event: "a" }], window: "14d",
    }));

  test("takes the short forms", () => {
    expect(compile(readSpec({ kind: "paths", start: "a" }, ZONE)).spec).toMatchObject({ start: { event: "a" } });
    expect(compile(readSpec({ steps: [{ event: "a" }], breakdown: "p" }, ZONE)).spec).toMatchObject({ breakdown: { property: "p", step: 1 } });
  });

  test("gives conditions beside `any` to each alternative", () => {
    const where = [{ property: "p", op: "=" as const, value: 1 }];
    const { spec } = compile(readSpec({ steps: [{ any: [{ event: "a" }, { event: "b" }], where }] }, ZONE));
    expect(spec!.steps).toEqual([{ any: [{ event: "a", where }, { event: "b", where }] }]);
  });

  test.each([
    [[], "the question must be a JSON object"],
    [{ kind: "sessions" }, 'kind "sessions" is not one this page builds'],
    [{ steps: [] }, "steps is empty"],
    [{ steps: [{ event: 5 }] }, "steps[0].event must be text"],
    [{ steps: [{ event: "a", where: [{ property: "p", op: "~", value: 1 }] }] }, 'steps[0].where[0].op is "~"'],
    [{ steps: [{ event: "a", where: [{ property: "p", op: "=", value: null }] }] }, "steps[0].where[0].value"],
    [{ steps: [{ event: "a", where: [{ property: "p", op: "in", value: [] }] }] }, "steps[0].where[0].value is empty"],
    [{ steps: [{ event: "a" }], from: "2026-01-01", last: "7d" }, "last stands beside from"],
    [{ steps: [{ event: "a" }], breakdown: { property: "p", step: 2 } }, "breakdown.step names step 2"],
    [{ steps: [{ event: "a" }], exclude: [{ event: "b", to: 3 }] }, "exclude[0].to names step 3"],
    [{ steps: [{ event: "a" }], order: "sideways" }, 'order is "sideways"; it is one of ordered, strict, any'],
    [{ steps: [{ event: "a" }], compare: "next" }, 'compare is "next"'],
    [{ kind: "trends", series: [] }, "series is empty"],
    [{ kind: "retention" }, "start must be a JSON object"],
    [{ kind: "paths", start: "a", end: "b" }, "start stands beside end"],
    [{ steps: [{ event: "a" }], cohort: { report: "r", times: 2 } }, "cohort.times is not a field of a cohort"],
  ])("refuses %j and says why", (spec, message) => expect(() => readSpec(spec, ZONE)).toThrow(message));
});

describe("a draft", () => {
  const blank = blankQuestion(ZONE);
  const match = blank.funnel.steps[0]!.matches[0]!;

  test.each(KINDS.map((kind) => [kind]))("of %s without an event asks nothing", (kind: Kind) =>
    expect(compile(blankQuestion(ZONE, kind))).toMatchObject({ spec: null, key: "", problems: [] }));

  test("leaves out what is not complete", () => {
    let question = addStep(chooseEvent(blank, match.id, "a"), newStep());
    question = editFunnel(question, { exclude: [newExclude()] });
    question = changeConditions(question, match.id, () => [newCondition("p"), newCondition("", "exists"), newCondition("q", "exists")]);
    expect(compile(question).spec).toMatchObject({ steps: [{ event: "a", where: [{ property: "q", op: "exists" }] }] });
    expect(compile(question).spec).not.toHaveProperty("exclude");
  });

  test("asks the same while only something incomplete is added", () => {
    const question = chooseEvent(blank, match.id, "a");
    expect(compile(addStep(question, newStep())).key).toBe(compile(question).key);
  });

  test("with a number or dates that cannot be asks nothing and says why", () => {
    const question = chooseEvent(blank, match.id, "a");
    for (const amount of ["", "0", "1.5", "-1", "x"]) {
      const { spec, problems } = compile(editFunnel(question, { window: { amount, unit: "d" } }));
      expect([spec, problems[0]?.field]).toEqual([null, "window"]);
    }
    const { spec, problems } = compile({ ...question, range: { kind: "dates", from: "2026-02-01", to: "2026-01-01" } });
    expect([spec, problems[0]?.field]).toEqual([null, "to"]);
    const retention = readSpec(SPECS["retention in brackets"], ZONE);
    const broken = compile({ ...retention, retention: { ...retention.retention, brackets: "0, x" } });
    expect([broken.spec, broken.problems]).toEqual([null, [{ field: "brackets", what: "brackets" }]]);
  });

  test("moves and removes steps, and what names a step stays with it", () => {
    let question = readSpec(
      { steps: [{ event: "a" }, { event: "b" }, { event: "c" }], breakdown: { property: "p", step: 3 }, exclude: [{ event: "x", from: 1, to: 3 }] },
      ZONE,
    );
    const steps = question.funnel.steps;
    question = moveTo(question, steps[2]!.id, 1);
    expect(compile(question).spec).toMatchObject({
      steps: [{ event: "a" }, { event: "c" }, { event: "b" }], breakdown: { step: 2 }, exclude: [{ event: "x", from: 1, to: 2 }],
    });
    question = removeStep(question, steps[0]!.id);
    expect(compile(question).spec).toMatchObject({ steps: [{ event: "c" }, { event: "b" }], breakdown: { step: 1 }, exclude: [{ event: "x", to: 1 }] });
    question = removeStep(removeStep(question, steps[2]!.id), steps[1]!.id);
    expect(compile(question).spec).toBeNull();
    expect(compile(chooseEvent(question, question.funnel.steps[0]!.matches[0]!.id, "z")).spec).toMatchObject({ breakdown: { step: 1 } });
  });

  test("moved past an end stays at the end", () => {
    const question = readSpec({ steps: [{ event: "a" }, { event: "b" }] }, ZONE);
    const [a, b] = question.funnel.steps;
    expect(compile(moveTo(question, a!.id, -1)).key).toBe(compile(question).key);
    expect(compile(moveTo(question, b!.id, 9)).key).toBe(compile(question).key);
  });

  test("keeps its events when another kind is looked at, and its own when it is looked at again", () => {
    const funnel = readSpec({ steps: [{ event: "a", where: [{ property: "p", op: "exists" }] }, { event: "b" }], last: "7d" }, ZONE);
    const where = [{ property: "p", op: "exists" }];
    expect(compile(changeKind(funnel, "trends")).spec).toMatchObject({ last: "7d", series: [{ event: "a", where }, { event: "b" }] });
    expect(compile(changeKind(funnel, "retention")).spec).toMatchObject({ start: { event: "a", where }, return: { event: "b" } });
    expect(compile(changeKind(funnel, "paths")).spec).toMatchObject({ start: { event: "a", where } });
    const trends = changeKind(funnel, "trends");
    const fewer = removeSeries(trends, trends.trends.series[1]!.id);
    const back = changeKind(fewer, "funnel");
    expect(compile(back).key).toBe(compile(funnel).key);
    expect(changeKind(back, "trends").trends.series).toHaveLength(1);
  });

  test("has names for its steps, which stay while events join them and go with the event that they named", () => {
    const named = (question: typeof blank) => (compile(question).spec?.steps as { label?: string }[])[0]?.label;
    const step = blank.funnel.steps[0]!;
    let question = nameSelection(chooseEvent(blank, match.id, "a"), step.id, " wants it ");
    expect(named(question)).toBe("wants it");
    const other = newMatch();
    question = chooseEvent(addMatch(question, step.id, other), other.id, "b");
    expect(named(question)).toBe("wants it");
    expect(named(chooseEvent(question, other.id, "c"))).toBe("wants it");
    question = removeMatch(question, other.id);
    expect([named(question), named(chooseEvent(question, match.id, "c"))]).toEqual(["wants it", undefined]);
    expect(named(nameSelection(question, step.id, "  "))).toBeUndefined();
    // A name typed before its event is chosen is one all the same.
    expect(named(chooseEvent(nameSelection(blank, step.id, "first"), match.id, "a"))).toBe("first");
  });

  test("whose name the server refuses says so at the name", () => {
    const step = blank.funnel.steps[0]!;
    const { places } = compile(nameSelection(chooseEvent(blank, match.id, "a"), step.id, "x".repeat(2000)));
    expect([...problemsById([{ field: "steps[0].label" }], places).keys()]).toEqual([labelId(step.id)]);
  });

  test("is narrowed to one group, and to another in its place", () => {
    const question = narrow(narrow(blank, newCondition("plan", "=", "pro")), newCondition("plan", "=", "free"));
    expect(question.where.map(({ text }) => text)).toEqual(["free"]);
  });
});

test("a problem goes to the nearest control", () => {
  const where = [newCondition(), newCondition("p", "=", "1")];
  const blank = newStep();
  const step = newStep(newSelection([newMatch("a", where), newMatch("b")]));
  const { places } = compile(editFunnel(blankQuestion(ZONE), { steps: [blank, step] }));
  const problems = ["steps[0].any[0].where[0].op", "steps[0].any[1].event", "steps[0].label", "steps[10]", "from", "order", "version"];
  const found = problemsById(problems.map((field) => ({ field, message: "no" })), places);
  expect(Object.fromEntries([...found].map(([id, list]) => [id, list.map(({ field }) => field)]))).toEqual({
    [where[1]!.id]: ["steps[0].any[0].where[0].op"],
    [step.matches[1]!.id]: ["steps[0].any[1].event"],
    [step.matches[0]!.id]: ["steps[0].label"],
    range: ["from"],
    order: ["order"],
    "": ["steps[10]", "version"],
  });
});
