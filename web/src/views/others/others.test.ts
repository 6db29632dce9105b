import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Actions } from "../../actions/page";
import type { OtherAnswer } from "../../answers";
import type { ShownAnswer } from "../../answers-others";
import { intervalPicture, scaleOf } from "../../charts/interval";
import type { Language } from "../../messages";
import { toHash } from "../../question/address";
import type { State } from "../../state";
import { type TestWorld, settled, startedPage } from "../../testing";
import { experimentOf, lifecycleOf, sessionsOf, stickinessOf } from "../../testing-others";
import { drawnPage, textOf } from "../../testing-views";

let world: TestWorld;
let state: State;
let actions: Actions;

// Once it is here, it is had within a turn.
beforeAll(() => import("."));

beforeEach(async () => {
  ({ world, state, actions } = await startedPage());
});

/** The page with an answer to a question of its kind. */
async function shown(answer: ShownAnswer, spec: object = {}, language: Language = "en"): Promise<HTMLElement> {
  world.hash = toHash({ kind: answer.kind, timezone: "UTC", ...spec });
  actions.openAddress();
  world.rest(0);
  world.asked.at(-1)!.answer(answer as unknown as OtherAnswer);
  await settled();
  drawnPage(state, actions, language);
  await settled();
  return drawnPage(state, actions, language);
}

const rows = (table: Element | null) => [...(table?.querySelectorAll("tbody tr") ?? [])].map((row) => [...row.children].map(textOf));
const tables = (page: HTMLElement) => [...page.querySelectorAll("table")].map(rows);

test("lifecycle: the figures of the last day that is over, four lines, and their table", async () => {
  const page = await shown(lifecycleOf([112, 0, 0, 0], [81, 5, 38, 145], [3, 0, 1, 90]));
  expect(textOf(page.querySelector(".sentence"))).toMatch(/^124 people were active \(Jan 2/);
  expect([...page.querySelectorAll(".figures dd")].map(textOf)).toEqual(["124", "81", "5", "38", "145"]);
  expect([...page.querySelectorAll(".legend bdi")].map(textOf)).toEqual(["New", "Returning", "Back after a pause", "Gone quiet"]);
  expect(tables(page)[0]![2]).toEqual(["Jan 3 (not over yet)", "4", "3", "0", "1", "90"]);
  expect(textOf(page.querySelector(".question"))).toContain("Who is new, who comes back, and who has gone quiet?");
});

test("stickiness: a row for each number of days that there was, and a curve where it says more", async () => {
  let page = await shown(stickinessOf(6, 3, 1, 0));
  expect(tables(page)[0]).toEqual([["1", "6", "60%", "10", "100%"], ["2", "3", "30%", "4", "40%"], ["3", "1", "10%", "1", "10%"]]);
  expect([page.querySelectorAll("svg.line-chart").length, textOf(page.querySelector(".figures"))]).toEqual([1, expect.stringContaining("1.5 of 4 days")]);
  page = await shown(stickinessOf(6, 3), { last: "2d" });
  expect(page.querySelectorAll("svg.line-chart")).toHaveLength(0);
});

test("sessions: how long, over time, from what to what, and by groups", async () => {
  const page = await shown(sessionsOf(), { breakdown: "context.platform", interval: "day" });
  expect(textOf(page.querySelector(".figures"))).toContain("3 minmean 14 min 20 sec, nine of ten up to 32 min 36 sec");
  expect([page.querySelectorAll("svg.line-chart").length, page.querySelectorAll(".histogram-row").length]).toEqual([1, 2]);
  const [, first, last, groups] = tables(page);
  expect([first, last]).toEqual([[["view", "2", "66.7%"], ["all others", "1", "33.3%"]], [["=apply", "3", "100%"]]]);
  expect(groups!.map(([name]) => name)).toEqual(["<ios>", "not set", "all others"]);
  // A group cannot be asked about alone here: its question is JSON.
  expect(page.querySelectorAll(".breakdown button")).toHaveLength(0);
});

test("an experiment: the verdict, the variants, the differences, and what to keep in mind", async () => {
  const page = await shown(experimentOf(), { steps: ["a", "b"], variant: "flag" });
  expect(textOf(page.querySelector(".sentence"))).toBe("Users of new converted more often.");
  const [variants, comparisons] = tables(page);
  expect(variants).toEqual([
    ["old control", "5,000", "500", "10.0%", "9.2% to 10.9%", "1 min 30 sec", "12"], ["new", "5,040", "570", "11.3%", "10.5% to 12.2%", "1 min 30 sec", "12"],
  ]);
  expect(comparisons).toEqual([["new", "", "+1.3", "+0.1 to +2.5", "+13.1%", "+1.0% to +26.7%", "0.033", "z"]]);
  expect([...page.querySelectorAll(".caveats li")].map(textOf)).toContain("Not compared: 7 users without flag.");
});

test.each<[string, ShownAnswer]>([
  ["lifecycle", lifecycleOf()],
  ["stickiness", stickinessOf(0)],
  ["sessions", { ...sessionsOf(), sessions: 0, first_events: [], last_events: [], trend: null, breakdown: null }],
  ["experiment", experimentOf({ variants: [], comparisons: [], caveats: [], apart: { missing: 0, other: 0, not_exposed: 0 }, verdict: { code: "nothing_to_compare", sentence: "Nothing." } })],
])("%s of nobody says so, in both languages, and nothing that is no number", async (_, answer) => {
  for (const language of ["en", "ko"] as const) {
    const page = await shown(answer, {}, language);
    expect(textOf(page.querySelector(".sentence"))).not.toBe("");
    expect(page.innerHTML).not.toMatch(/NaN|Infinity|undefined/);
  }
});

describe("on the rest of the page", () => {
  test("it is saved under the name of its kind, and taken away as a table", async () => {
    const page = await shown(stickinessOf(6, 3, 1));
    page.querySelector<HTMLButtonElement>(".answer-tools > button")!.click();
    expect(state.sheet).toMatchObject({ kind: "save", draft: { name: "Stickiness" } });
    const buttons = [...page.querySelectorAll<HTMLButtonElement>(".menu-list button")];
    expect(buttons.map(textOf)).toEqual(["Picture (PNG)", "Drawing (SVG)", "Table (CSV)", "Table (Markdown)"]);
    buttons[2]!.click();
    expect(world.files).toEqual(["weir-stickiness-42.csv"]);
    const tablesOnly = await shown(experimentOf());
    expect([...tablesOnly.querySelectorAll(".menu-list button")].map(textOf)).toEqual(["Table (CSV)", "Table (Markdown)"]);
  });

  test("a tile of a dashboard shows it small, about the dashboard's time", async () => {
    const report = await world.reports.save({ name: "Quiet", folder: "", description: "", spec: { kind: "lifecycle", last: "30d" } }, null);
    const { id } = await world.dashboards.save({ name: "D", tiles: [{ report: report.id }], last: "7d" }, null);
    world.hash = `#/dashboards/${id}`;
    actions.openAddress();
    await settled();
    expect(world.asked.at(-1)!.spec).toEqual({ kind: "lifecycle", last: "7d" });
    world.asked.at(-1)!.answer(lifecycleOf([0, 0, 0, 0]) as unknown as OtherAnswer);
    await settled();
    drawnPage(state, actions);
    await settled();
    const tile = drawnPage(state, actions).querySelector(".tile")!;
    expect([textOf(tile.querySelector(".tile-sentence")), tile.querySelectorAll("svg.line-chart").length]).toEqual(["Nobody was active in the last 7 days.", 1]);
  });

  test("a link shows it alone", async () => {
    world.links.set("we_1", { report: { id: "r", name: "Sticky", question: { kind: "stickiness" }, revision: 1 }, lake: "demo" });
    world.hash = "#embed=we_1";
    actions.openAddress();
    await settled();
    world.asked.at(-1)!.answer(stickinessOf(6, 3, 1) as unknown as OtherAnswer);
    await settled();
    drawnPage(state, actions);
    await settled();
    const page = drawnPage(state, actions);
    expect([textOf(page.querySelector("h1")), page.querySelectorAll("table").length, page.querySelectorAll("a, button, form").length]).toEqual(["Sticky", 1, 0]);
  });

  test("where its views cannot be had it says so, and tries again on demand", async () => {
    const { others } = world;
    world.others = async () => Promise.reject(new Error("gone"));
    const page = await shown(stickinessOf(6, 3, 1));
    expect(textOf(page.querySelector(".failure h2"))).toBe("This part of the page could not be loaded");
    world.others = others;
    actions.others.retry();
    drawnPage(state, actions);
    await settled();
    expect(drawnPage(state, actions).querySelectorAll("table")).toHaveLength(1);
  });
});

test("intervals share a scale that has zero in it", () => {
  const scale = scaleOf([{ low: 0.01, high: 0.03 }, { low: -0.01, high: 0.02 }]);
  expect([scale, scaleOf([])]).toEqual([{ low: -0.01, high: 0.03 }, { low: 0, high: 0 }]);
  const picture = intervalPicture({ low: -0.01, high: 0.03 }, 0.01, scale);
  expect([...picture.querySelectorAll("line, circle")].map((mark) => mark.getAttribute("x1") ?? mark.getAttribute("cx"))).toEqual(["27%", "4%", "4%", "96%", "50%"]);
  expect(intervalPicture({ low: 0, high: 0 }, 0, scaleOf([])).outerHTML).not.toMatch(/NaN|style=/);
});
