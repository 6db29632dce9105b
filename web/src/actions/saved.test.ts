import { beforeEach, describe, expect, test } from "vitest";
import type { Report } from "../answers";
import type { Spec } from "../question/compile";
import { ApiError } from "../api";
import { type OpenDashboard, type State, mayEdit } from "../state";
import { type TestWorld, answerOf, settled, startedPage } from "../testing";
import { drawnPage, textOf } from "../testing-views";
import { withLast } from "./dashboards";
import type { Actions } from "./page";

const SPEC = { kind: "funnel", timezone: "UTC", steps: [{ event: "a" }], window: "14d" };

let world: TestWorld;
let state: State;
let actions: Actions;

beforeEach(async () => {
  ({ world, state, actions } = await startedPage());
});

async function keep(name: string, spec: object = SPEC): Promise<Report> {
  return world.reports.save({ name, folder: "", description: "", spec }, null);
}

async function open(hash: string): Promise<void> {
  world.hash = hash;
  actions.openAddress();
  await settled();
  world.rest(0);
}

function opened(): Report | null {
  return state.report?.status === "ready" ? state.report.value.report : null;
}

describe("a report", () => {
  test("is opened by its address, which stays while nothing is changed", async () => {
    const { id } = await keep("Buyers");
    await open(`#/reports/${id}`);
    expect(world.asked.at(-1)!.spec).toEqual(SPEC);
    expect([opened()?.name, world.history]).toEqual(["Buyers", []]);
    actions.explore.setRange({ kind: "last", last: "7d" });
    world.rest(0);
    expect(world.hash).toMatch(new RegExp(`&report=${id}\\.1$`));
  });

  test("that is changed and reloaded is still based on its revision", async () => {
    const { id } = await keep("Buyers");
    await open(`#/reports/${id}`);
    actions.explore.setRange({ kind: "last", last: "7d" });
    world.rest(0);
    await world.reports.save({ name: "Newer", spec: SPEC }, { id, revision: 1 });
    await open(world.hash);
    expect([opened()?.revision, state.question.range]).toEqual([1, { kind: "last", last: "7d" }]);
  });

  test("that there is not says so, and leaves the builder", async () => {
    await open("#/reports/nothing");
    expect(state.report).toMatchObject({ status: "failed", failure: { kind: "missing" } });
  });

  test("is saved under a name, and then is what is on the page", async () => {
    actions.explore.suggest("view_job");
    world.rest(0);
    actions.reports.askToSave(false, "view_job");
    actions.reports.changeDraft({ folder: "growth" });
    await actions.reports.save(null);
    await settled();
    expect(await world.reports.get("id1")).toMatchObject({ name: "view_job", folder: "growth", spec: { steps: [{ event: "view_job" }] } });
    expect([state.sheet, world.hash, opened()?.id]).toEqual([null, "#/reports/id1", "id1"]);
  });

  test("that somebody else saved first is not lost, and neither is what they saved", async () => {
    const { id } = await keep("Buyers");
    await open(`#/reports/${id}`);
    actions.explore.setRange({ kind: "last", last: "7d" });
    world.rest(0);
    world.reports.who = "ben";
    await world.reports.save({ name: "Ben's", spec: SPEC }, { id, revision: 1 });
    world.reports.who = "ana";
    actions.reports.askToSave(false, "");
    await actions.reports.save({ id, revision: 1 });
    expect(state.sheet).toMatchObject({ kind: "save", saving: { status: "changed", current: { saved_by: "ben", revision: 2 } } });
    expect(state.question.range).toEqual({ kind: "last", last: "7d" });
    await actions.reports.save({ id, revision: 2 });
    const saved = world.reports.kept.get(id)!;
    expect(saved.map(({ revision, saved_by }) => [revision, saved_by])).toEqual([[1, null], [2, "ben"], [3, "ana"]]);
    expect(saved[2]!.spec).toMatchObject({ last: "7d" });
  });

  test("keeps its check when it is saved again", async () => {
    const report = await world.reports.save({ name: "Checked", folder: "", description: "", spec: SPEC, check: { measure: "conversion", below: 0.5 } }, null);
    await open(`#/reports/${report.id}`);
    actions.explore.setRange({ kind: "last", last: "7d" });
    actions.reports.askToSave(false, "");
    await actions.reports.save({ id: report.id, revision: 1 });
    actions.reports.askToSave(true, "");
    actions.reports.changeDraft({ check: null });
    await actions.reports.save(null);
    expect([(await world.reports.get(report.id)).check, (await world.reports.get("id2")).check]).toEqual([{ measure: "conversion", below: 0.5 }, undefined]);
  });

  test("is restored from its history, and removed", async () => {
    const first = await keep("One");
    await world.reports.save({ name: "Two", spec: SPEC }, { id: first.id, revision: 1 });
    await actions.reports.load();
    const [summary] = state.reports?.status === "ready" ? state.reports.value : [];
    await actions.reports.openHistory("reports", summary!);
    await actions.reports.restore(state.sheet as never, 1);
    expect(await world.reports.get(first.id)).toMatchObject({ revision: 3, name: "One" });
    const [again] = state.reports?.status === "ready" ? state.reports.value : [];
    actions.reports.askToRemove(again!, "reports");
    await actions.reports.remove(state.sheet as never);
    expect(state.reports).toEqual({ status: "ready", value: [] });
    await actions.reports.load(true);
    expect(state.reports).toMatchObject({ status: "ready", value: [{ id: first.id }] });
  });
});

describe("a dashboard", () => {
  const current = () => (state.dashboard?.status === "ready" ? state.dashboard.value : null) as OpenDashboard;

  test("asks its reports one by one, and fails one by one", async () => {
    const [one, two] = [await keep("One"), await keep("Two")];
    const { id } = await world.dashboards.save({ name: "D", tiles: [{ report: one.id }, { report: "gone" }, { report: two.id }, { text: "x" }], last: "7d" }, null);
    await open(`#/dashboards/${id}`);
    await settled();
    expect(world.asked.map(({ spec }) => spec)).toEqual([{ ...SPEC, last: "7d" }, { ...SPEC, last: "7d" }]);
    world.asked[0]!.answer(answerOf(["a", 1]));
    world.asked[1]!.fail(new ApiError({ kind: "unreachable" }));
    await settled();
    expect([...state.tiles].map(([tile, { report, answer }]) => [tile, report.status, answer?.status])).toEqual([
      [one.id, "ready", "ready"], ["gone", "failed", undefined], [two.id, "ready", "failed"],
    ]);
  });

  test("that is left is asked no further", async () => {
    const one = await keep("One");
    const { id } = await world.dashboards.save({ name: "D", tiles: [{ report: one.id }] }, null);
    await open(`#/dashboards/${id}`);
    actions.go({ page: "reports" });
    expect(world.asked[0]!.signal.aborted).toBe(true);
  });

  test("is changed, saved over its revision only, and left as it was", async () => {
    const one = await keep("One");
    const { id } = await world.dashboards.save({ name: "D", folder: "", description: "", tiles: [] }, null);
    await open(`#/dashboards/${id}`);
    actions.dashboards.edit(true);
    actions.dashboards.addTile({ text: "a" });
    actions.dashboards.addTile({ report: one.id });
    actions.dashboards.moveTile(1, 0);
    actions.dashboards.changeTile(0, { report: one.id, wide: true });
    await actions.dashboards.save();
    expect(await world.dashboards.get(id)).toMatchObject({ revision: 2, tiles: [{ report: one.id, wide: true }, { text: "a" }] });
    await world.dashboards.save({ name: "Theirs", tiles: [] }, { id, revision: 2 });
    actions.dashboards.change({ name: "Mine" });
    await actions.dashboards.save();
    expect(current()).toMatchObject({ changed: true, saving: { failure: { kind: "changed" } }, dashboard: { name: "Mine" } });
    await actions.dashboards.discard();
    expect(current()).toMatchObject({ changed: false, dashboard: { name: "Theirs" } });
  });

  describe("with a history", () => {
    let id: string;
    beforeEach(async () => {
      ({ id } = await world.dashboards.save({ name: "First", folder: "", description: "", tiles: [{ text: "a" }], last: "7d" }, null));
      await world.dashboards.save({ name: "Second", folder: "", description: "", tiles: [] }, { id, revision: 1 });
    });
    const listed = () => (state.dashboards?.status === "ready" ? state.dashboards.value : []);

    test("is looked at as it was, and not changed there", async () => {
      await open(`#/dashboards/${id}?revision=1`);
      expect(current()).toMatchObject({ dashboard: { name: "First", revision: 1 }, newest: 2 });
      const page = drawnPage(state, actions);
      expect(textOf(page.querySelector(".old-revision p"))).toMatch(/^This is revision 1 of 2/);
      expect([...page.querySelectorAll(".dashboard-head button")].map(textOf)).toEqual(["History"]);
      await open(`#/dashboards/${id}?revision=2`);
      expect(current()).toMatchObject({ dashboard: { name: "Second" }, newest: null });
    });

    test("is restored from where it is looked at, and is the newest from there on", async () => {
      await open(`#/dashboards/${id}?revision=1`);
      await actions.dashboards.restore();
      await settled();
      expect(await world.dashboards.get(id)).toMatchObject({ revision: 3, name: "First", tiles: [{ text: "a" }], last: "7d" });
      expect([world.hash, current().newest, current().dashboard.revision]).toEqual([`#/dashboards/${id}`, null, 3]);
    });

    test("that was saved while an old revision was looked at is not saved over", async () => {
      await open(`#/dashboards/${id}?revision=1`);
      await world.dashboards.save({ name: "Third", tiles: [] }, { id, revision: 2 });
      await actions.dashboards.restore();
      expect(current()).toMatchObject({ newest: 2, saving: { failure: { kind: "changed" } } });
      expect(await world.dashboards.get(id)).toMatchObject({ revision: 3, name: "Third" });
    });

    test("is restored from its list, also after it was removed", async () => {
      await world.dashboards.remove(id, 2);
      await actions.dashboards.loadList();
      expect(listed()).toEqual([]);
      await actions.dashboards.loadList(true);
      await actions.reports.openHistory("dashboards", listed()[0]!);
      expect(state.sheet).toMatchObject({ kind: "history", revisions: { value: [{ revision: 3, removed: true }, { revision: 2 }, { revision: 1 }] } });
      await actions.reports.restore(state.sheet as never, 1);
      await actions.dashboards.loadList(false);
      expect(listed()).toMatchObject([{ id, name: "First", revision: 4 }]);
    });

    test("is restored from its history while it is open, and then looked at", async () => {
      await open(`#/dashboards/${id}`);
      await actions.reports.openHistory("dashboards", { ...current().dashboard });
      await actions.reports.restore(state.sheet as never, 1);
      await settled();
      expect([state.sheet, current().dashboard.name]).toEqual([null, "First"]);
    });

    test("has no revision that there is not", async () => {
      await open(`#/dashboards/${id}?revision=9`);
      expect(state.dashboard).toMatchObject({ status: "failed", failure: { kind: "missing" } });
    });

    test("is looked at by a viewer, who restores nothing", async () => {
      state.session = { status: "ready", value: { ...world.session, role: "viewer" } };
      await open(`#/dashboards/${id}?revision=1`);
      expect(drawnPage(state, actions).querySelectorAll(".old-revision button")).toHaveLength(0);
    });
  });

  test("puts its time in the place of a question's own", () =>
    expect(withLast({ ...SPEC, from: "2026-01-01", to: "2026-01-31" } as Spec, "7d")).toEqual({ ...SPEC, last: "7d" }));
});

describe("a login", () => {
  test("that is wrong says so, one that is right asks again for what was missing, and nothing built is lost", async () => {
    world.session = { ...world.session, auth: "token", role: null };
    await actions.session.load();
    expect(mayEdit(state)).toBe(false);
    actions.explore.suggest("view_job");
    world.rest(0);
    world.asked[0]!.fail(new ApiError({ kind: "login", message: "the session is over" }));
    await settled();
    await actions.session.login("wrong");
    expect(state.login).toMatchObject({ status: "failed", failure: { message: "there is no such token" } });
    await actions.session.login("right");
    world.rest(0);
    expect([mayEdit(state), world.asked.length, world.asked[1]!.spec]).toEqual([true, 2, world.asked[0]!.spec]);
    await actions.session.logout();
    expect(state.session).toMatchObject({ status: "ready", value: { role: null } });
  });
});

test("notes on days are kept, and taken away", async () => {
  actions.reports.openNotes();
  actions.reports.changeNote({ date: "2026-01-05", text: " launch " });
  await actions.reports.addNote();
  expect(state.annotations).toMatchObject({ status: "ready", value: [{ date: "2026-01-05", text: "launch" }] });
  const note = state.annotations?.status === "ready" ? state.annotations.value[0]! : null;
  await actions.reports.removeNote(note!);
  expect(state.annotations).toEqual({ status: "ready", value: [] });
});
