import { beforeEach, describe, expect, test } from "vitest";
import { ApiError } from "../api";
import { toHash } from "../question/address";
import type { Spec } from "../question/compile";
import { editFunnel } from "../question/edit";
import type { State } from "../state";
import { type TestWorld, answerOf, settled, startedPage } from "../testing";
import { drawnPage } from "../testing-views";
import type { Actions } from "./page";

let world: TestWorld;
let state: State;
let actions: Actions;

beforeEach(async () => {
  ({ world, state, actions } = await startedPage());
});

const setWindow = (amount: string) =>
  actions.explore.change((question) => editFunnel(question, { window: { amount, unit: "d" } }), { typing: true });

test("a step is named in a field that opens at a press, and goes where nothing was written", () => {
  actions.explore.suggest("view_job");
  const { id } = state.question.funnel.steps[0]!;
  const field = () => drawnPage(state, actions).querySelector<HTMLInputElement>(`#label-${id}`);
  expect(field()).toBeNull();
  actions.explore.beginNaming(id);
  expect([state.focus, field()?.placeholder]).toEqual([`label-${id}`, "view_job"]);
  actions.explore.endNaming(id);
  expect([state.focus, field()]).toEqual([`name-${id}`, null]);
  actions.explore.name(id, "Looked");
  actions.explore.endNaming(id);
  expect([field()?.getAttribute("aria-label"), state.compiled.spec?.steps]).toEqual(["Name of step 1", [{ event: "view_job", label: "Looked" }]]);
});

describe("asking", () => {
  test("two suggestions make a funnel", async () => {
    actions.explore.suggest("view_job");
    actions.explore.suggest("apply");
    world.rest(0);
    expect(world.asked.map(({ spec }) => spec.steps)).toEqual([[{ event: "view_job" }, { event: "apply" }]]);
    expect(state.answer.status).toBe("asking");
    world.asked[0]!.answer(answerOf(["view_job", 9], ["apply", 5]));
    await settled();
    expect(state.answer.status).toBe("ready");
  });

  test("an answer that comes late is not shown for a newer question", async () => {
    actions.explore.suggest("view_job");
    world.rest(0);
    actions.explore.suggest("apply");
    expect(world.asked[0]!.signal.aborted).toBe(true);
    world.asked[0]!.told({ rows: 1, of: 2 });
    world.asked[0]!.answer(answerOf(["view_job", 9]));
    await settled();
    expect(state.answer).toEqual({ status: "asking", key: state.compiled.key, progress: null });
    world.rest(0);
    world.asked[1]!.answer(answerOf(["view_job", 9], ["apply", 5]));
    await settled();
    expect(state.answer).toMatchObject({ status: "ready", key: state.compiled.key });
  });

  test("an answer goes from the page as soon as the question changes, and typing is asked once it rests", async () => {
    actions.explore.suggest("view_job");
    world.rest(0);
    world.asked[0]!.answer(answerOf(["view_job", 9]));
    await settled();
    setWindow("1");
    setWindow("10");
    expect(state.answer.status).toBe("asking");
    world.rest(0);
    expect(world.asked).toHaveLength(1);
    world.rest(400);
    expect(world.asked.map(({ spec }) => spec.window)).toEqual(["14d", "10d"]);
  });

  test("a draft that asks the same keeps its answer", async () => {
    actions.explore.suggest("view_job");
    world.rest(0);
    world.asked[0]!.answer(answerOf(["view_job", 9]));
    await settled();
    actions.explore.addSelection();
    actions.explore.addCondition(state.question.funnel.steps[0]!.matches[0]!.id);
    world.rest(400);
    expect([state.answer.status, world.asked.length]).toEqual(["ready", 1]);
  });

  test("a failure is kept for its question, and asked again on demand", async () => {
    actions.explore.suggest("view_job");
    world.rest(0);
    world.asked[0]!.fail(new ApiError({ kind: "unreachable" }));
    await settled();
    expect(state.answer).toMatchObject({ status: "failed", failure: { kind: "unreachable" } });
    actions.retry();
    world.rest(0);
    expect(world.asked).toHaveLength(2);
  });

  test("progress is told, and a question that takes too long can be called off and asked again", () => {
    actions.explore.suggest("view_job");
    world.rest(0);
    world.asked[0]!.told({ rows: 5, of: 10 });
    expect(state.answer).toMatchObject({ status: "asking", progress: { rows: 5, of: 10 } });
    actions.explore.cancel();
    expect([world.asked[0]!.signal.aborted, state.answer.status]).toEqual([true, "none"]);
    world.asked[0]!.told({ rows: 9, of: 10 });
    expect(state.answer.status).toBe("none");
    actions.retry();
    world.rest(0);
    expect(world.asked[1]!.spec).toEqual(world.asked[0]!.spec);
  });

  test("another kind asks about the same events", () => {
    actions.explore.suggest("view_job");
    actions.explore.setKind("trends");
    world.rest(0);
    expect(world.asked.at(-1)!.spec).toMatchObject({ kind: "trends", series: [{ event: "view_job" }] });
  });
});

describe("the address", () => {
  const spec: Spec = { kind: "funnel", timezone: "UTC", steps: [{ event: "a" }], window: "14d" };

  test("follows the question, one entry for each one asked", () => {
    actions.explore.suggest("view_job");
    world.rest(0);
    actions.explore.setRange({ kind: "all" });
    world.rest(0);
    actions.explore.startOver();
    const asked = (range: string) => `push #q={"kind":"funnel",${range}"timezone":"UTC","steps":[{"event":"view_job"}],"window":"14d"}`;
    expect(world.history).toEqual([asked('"last":"30d",'), asked(""), "push #"]);
    expect(state.answer.status).toBe("none");
  });

  test("gives the question back, without a new entry", () => {
    world.hash = toHash(spec);
    actions.openAddress();
    world.rest(0);
    expect(world.asked.map(({ spec }) => spec)).toEqual([spec]);
    expect(world.history).toEqual([]);
  });

  test("that leaves out defaults is written out in place", () => {
    world.hash = '#q={"steps":[{"event":"a"}]}';
    actions.openAddress();
    world.rest(0);
    expect(world.history).toEqual([`replace #q=${JSON.stringify(spec)}`]);
  });

  test("of an answer alone stays one", () => {
    world.hash = `${toHash(spec)}&embed`;
    actions.openAddress();
    world.rest(0);
    expect([state.route, world.history]).toEqual([{ page: "explore", embed: true, report: null }, []]);
  });

  test("that is damaged leaves a notice and the way to begin", () => {
    world.hash = "#q={";
    actions.openAddress();
    expect([state.notice, state.raw, state.answer.status]).toEqual(["it is cut short or damaged", null, "none"]);
  });

  test("with a question that the builder lacks asks it as it stands, and an edit of its JSON is built again", () => {
    const unknown = { kind: "telepathy", last: "7d" };
    world.hash = toHash(unknown);
    actions.openAddress();
    world.rest(0);
    expect(world.asked[0]!.spec).toEqual(unknown);
    expect(state.notice).toContain('kind "telepathy"');
    actions.explore.editJson(JSON.stringify(spec));
    actions.explore.applyJson();
    world.rest(0);
    expect([world.asked[1]!.spec, state.raw, state.notice, state.json]).toEqual([spec, null, null, null]);
  });

  test("with a question of a kind that is shown and not built asks it without a notice, and its JSON is opened at a press", () => {
    world.hash = toHash({ kind: "sessions", last: "7d" });
    actions.openAddress();
    world.rest(0);
    expect([world.asked[0]!.spec, state.notice]).toEqual([{ kind: "sessions", last: "7d" }, null]);
    expect(drawnPage(state, actions).querySelector("textarea")).toBeNull();
    actions.explore.openJson();
    const page = drawnPage(state, actions);
    expect([page.querySelector<HTMLDetailsElement>(".share")?.open, page.querySelector("textarea")?.id, state.focus]).toEqual([true, "question-json", "question-json"]);
    actions.explore.setKind("trends");
    expect([state.raw, drawnPage(state, actions).querySelectorAll(".carried").length]).toEqual([null, 0]);
  });

  test("of another page keeps the question in the history", () => {
    actions.explore.suggest("view_job");
    world.rest(0);
    const asked = world.hash;
    actions.go({ page: "catalogue", event: "a/b c" });
    expect([state.route, world.hash]).toEqual([{ page: "catalogue", event: "a/b c" }, "#/catalogue/a%2Fb%20c"]);
    world.hash = asked;
    actions.openAddress();
    expect(state.question.funnel.steps[0]!.matches[0]!.event).toBe("view_job");
  });
});

describe("lists", () => {
  test("are walked with the keys, round their ends and into sight", () => {
    actions.lists.open("field");
    const seen = [1, 1, -1, -1].map((by) => {
      actions.lists.step(state.list!, by as 1 | -1, 100);
      return [state.list!.active, state.list!.top];
    });
    expect(seen).toEqual([[0, 0], [1, 0], [0, 0], [99, 3060]]);
  });

  test("ask for properties once, whatever the order of events", async () => {
    actions.lists.properties(["b", "a"]);
    actions.lists.properties(["a", "b"]);
    await settled();
    expect(actions.lists.properties(["a", "b"])).toMatchObject({ status: "ready", value: [{ property: "wage" }] });
    expect(world.propertiesAsked).toHaveLength(1);
  });
});

describe("people", () => {
  test("at a step are asked of the version that the number stands in, and only of what decides who they are", async () => {
    world.hash = toHash({ kind: "funnel", timezone: "UTC", steps: [{ event: "a" }, { event: "b" }], window: "1d", breakdown: "plan", interval: "day", compare: "previous" });
    actions.openAddress();
    world.rest(0);
    world.asked[0]!.answer(answerOf(["a", 9], ["b", 5]));
    await settled();
    actions.people.openStep(2, "b", "dropped");
    expect(world.asked[1]!.spec).toEqual({
      kind: "funnel", timezone: "UTC", steps: [{ event: "a" }, { event: "b" }], window: "1d", count: "users",
      users: { step: 2, state: "dropped", limit: 200 }, version: 42,
    });
    const listed = [{ user: "ana", times: ["2026-01-01T00:00:00Z", null] }];
    world.asked[1]!.answer({ ...answerOf(["a", 9], ["b", 5]), users: { step: 2, state: "dropped", total: 1, listed } });
    await settled();
    expect(state.sheet).toMatchObject({ kind: "people", list: { status: "ready", value: { total: 1 } } });
    actions.people.openUser("ana");
    await settled();
    expect(state.sheet).toMatchObject({ kind: "user", explanation: { status: "ready" } });
    actions.people.back();
    expect(state.sheet).toMatchObject({ kind: "people", step: 2 });
  });

  test("have a timeline, whose older events join it once", async () => {
    const event = (id: string, time: string) => ({ event: "a", time, event_id: id, session: 1, source: "s", received_at: time });
    const timeline = { user: "ana", asked_for: "ana", anonymous_ids: [], events_total: 3, events_matching: 3, first: null, last: null };
    world.timeline = { ...timeline, events: [event("3", "2026-01-03T00:00:00.000Z"), event("2", "2026-01-02T00:00:00.000Z")] };
    await actions.people.loadTimeline("ana");
    world.timeline = { ...timeline, events: [event("2", "2026-01-02T00:00:00.000Z"), event("1", "2026-01-02T00:00:00.000Z")] };
    await actions.people.loadTimeline("ana", true);
    expect(state.timeline).toMatchObject({ status: "ready", value: { events: [{ event_id: "3" }, { event_id: "2" }, { event_id: "1" }] } });
    expect(world.timelines[1]!.to).toBe("2026-01-02T00:00:00.001Z");
  });
});

test("an empty lake is looked at again until something is in it", async () => {
  world.catalogue = { ...world.catalogue, version: 2, events: [] };
  await actions.lists.loadCatalogue();
  world.catalogue = { ...world.catalogue, version: 3, events: [{ event: "first", count: 1 }] };
  world.rest(5000);
  await settled();
  expect(state.catalogue).toMatchObject({ status: "ready", value: { events: [{ event: "first" }] } });
});

test("language and look are kept", () => {
  actions.setLanguage("ko");
  actions.setTheme("dark");
  expect([state.language, state.theme, world.kept]).toEqual(["ko", "dark", { language: "ko", theme: "dark" }]);
});
