import { beforeEach, describe, expect, test } from "vitest";
import { Actions, type World, initialState } from "./actions";
import { type Answer, ApiError, type Catalogue } from "./api";
import type { State } from "./model";
import { type FunnelSpec, toHash } from "./spec";
import { answerOf } from "./testing";

/** A world without a clock or a network: the test lets timers run and answers arrive. */
class TestWorld implements World {
  timezone = "UTC";
  hash = "";
  history: string[] = [];
  timers: { ms: number; act: () => void }[] = [];
  asked: { spec: FunnelSpec; signal: AbortSignal; answer: (answer: Answer) => void; fail: (error: unknown) => void }[] = [];
  catalogue: Catalogue = { version: 1, complete_to: null, events: [{ event: "view_job", count: 9 }, { event: "apply", count: 5 }] };
  api = {
    events: async () => this.catalogue,
    query: (spec: FunnelSpec, signal: AbortSignal) =>
      new Promise<Answer>((answer, fail) => this.asked.push({ spec, signal, answer, fail })),
  };
  day = (_: string, daysBack: number) => `2026-01-${31 - daysBack}`;
  draw() {}
  address() {
    return { hash: this.hash, search: "" };
  }
  visit(hash: string, how: "push" | "replace") {
    this.history.push(`${how} ${hash === "" ? "nothing" : decodeURIComponent(hash)}`);
    this.hash = hash;
  }
  async copy() {
    return true;
  }
  after(ms: number, act: () => void) {
    const timer = { ms, act };
    this.timers.push(timer);
    return () => void (this.timers = this.timers.filter((other) => other !== timer));
  }
  visible = () => true;

  /** Runs what waits no longer than `ms`. */
  rest(ms: number) {
    const due = this.timers.filter((timer) => timer.ms <= ms);
    this.timers = this.timers.filter((timer) => timer.ms > ms);
    for (const timer of due) timer.act();
  }
}

const settled = () => new Promise((resolve) => setTimeout(resolve));
let world: TestWorld;
let state: State;
let actions: Actions;

beforeEach(async () => {
  world = new TestWorld();
  state = initialState("UTC");
  actions = new Actions(state, world);
  actions.start();
  await settled();
});

function firstMatch() {
  return state.question.steps[0]!.matches[0]!.id;
}

describe("asking", () => {
  test("two suggestions make a funnel", async () => {
    actions.addStep("view_job");
    actions.addStep("apply");
    world.rest(0);
    expect(world.asked.map(({ spec }) => spec.steps)).toEqual([[{ event: "view_job" }, { event: "apply" }]]);
    expect(state.answer.status).toBe("asking");
    world.asked[0]!.answer(answerOf(["view_job", 9], ["apply", 5]));
    await settled();
    expect(state.answer.status).toBe("ready");
  });

  test("an answer that comes late is not shown for a newer question", async () => {
    actions.addStep("view_job");
    world.rest(0);
    actions.addStep("apply");
    expect(world.asked[0]!.signal.aborted).toBe(true);
    world.asked[0]!.answer(answerOf(["view_job", 9]));
    await settled();
    expect(state.answer).toEqual({ status: "asking", key: state.compiled.key });
    world.rest(0);
    world.asked[1]!.answer(answerOf(["view_job", 9], ["apply", 5]));
    await settled();
    expect(state.answer).toMatchObject({ status: "ready", key: state.compiled.key });
  });

  test("an answer goes from the page as soon as the question changes, and typing is asked once it rests", async () => {
    actions.addStep("view_job");
    world.rest(0);
    world.asked[0]!.answer(answerOf(["view_job", 9]));
    await settled();
    actions.changeWindow({ amount: "1" });
    actions.changeWindow({ amount: "10" });
    expect(state.answer.status).toBe("asking");
    world.rest(0);
    expect(world.asked).toHaveLength(1);
    world.rest(400);
    expect(world.asked.map(({ spec }) => spec.window)).toEqual(["14d", "10d"]);
  });

  test("a draft that asks the same keeps its answer", async () => {
    actions.addStep("view_job");
    world.rest(0);
    world.asked[0]!.answer(answerOf(["view_job", 9]));
    await settled();
    actions.addStep();
    actions.addCondition(firstMatch());
    world.rest(400);
    expect([state.answer.status, world.asked.length]).toEqual(["ready", 1]);
  });

  test("a failure is kept for its question, and asked again on demand", async () => {
    actions.addStep("view_job");
    world.rest(0);
    world.asked[0]!.fail(new ApiError({ kind: "unreachable" }));
    await settled();
    expect(state.answer).toMatchObject({ status: "failed", failure: { kind: "unreachable" } });
    actions.retry();
    world.rest(0);
    expect(world.asked).toHaveLength(2);
  });
});

describe("the address", () => {
  const spec: FunnelSpec = { kind: "funnel", timezone: "UTC", steps: [{ event: "a" }], window: "14d" };

  test("follows the question, one entry for each one asked", () => {
    actions.addStep("view_job");
    world.rest(0);
    actions.setRange({ kind: "all" });
    world.rest(0);
    actions.startOver();
    const asked = (range: string) => `push #q={"kind":"funnel",${range}"timezone":"UTC","steps":[{"event":"view_job"}],"window":"14d"}`;
    expect(world.history).toEqual([asked('"last":"30d",'), asked(""), "push nothing"]);
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

  test("that is damaged leaves a notice and the way to begin", () => {
    world.hash = "#q={";
    actions.openAddress();
    expect([state.notice, state.answer.status]).toEqual(["it is cut short or damaged", "none"]);
  });
});

describe("the list of events", () => {
  test("is walked with the keys, round its ends", () => {
    actions.stepInList(firstMatch(), 1);
    expect(state.list).toEqual({ matchId: firstMatch(), typed: null, active: null });
    const seen = [1, 1, 1, 1, -1].map((by) => {
      actions.stepInList(firstMatch(), by as 1 | -1);
      return state.list?.active;
    });
    expect(seen).toEqual(["view_job", "apply", "*", "view_job", "*"]);
    actions.pickActive();
    expect([state.list, state.question.steps[0]!.matches[0]!.event]).toEqual([null, "*"]);
  });

  test("takes the best fit of what is typed", () => {
    actions.typeInList(firstMatch(), "app");
    actions.pickActive();
    expect(state.question.steps[0]!.matches[0]!.event).toBe("apply");
  });

  test("left without a choice falls back, left with a whole name takes it", () => {
    actions.typeInList(firstMatch(), "app");
    actions.leaveList(firstMatch());
    expect(state.question.steps[0]!.matches[0]!.event).toBe("");
    actions.typeInList(firstMatch(), "apply");
    actions.leaveList(firstMatch());
    expect(state.question.steps[0]!.matches[0]!.event).toBe("apply");
  });
});

test("an empty lake is looked at again until something is in it", async () => {
  world.catalogue = { ...world.catalogue, events: [] };
  await actions.loadCatalogue();
  world.catalogue = { ...world.catalogue, events: [{ event: "first", count: 1 }] };
  world.rest(5000);
  await settled();
  expect(state.catalogue).toMatchObject({ status: "ready", value: { events: [{ event: "first" }] } });
});
