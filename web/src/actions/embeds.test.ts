import { beforeEach, describe, expect, test } from "vitest";
import type { Embedded } from "../answers";
import { ApiError } from "../api";
import type { State } from "../state";
import { type TestWorld, answerOf, settled, startedPage } from "../testing";
import { drawnPage, textOf } from "../testing-views";
import { frameOf } from "../views/embeds";
import type { Actions } from "./page";

const SPEC = { kind: "funnel", timezone: "UTC", steps: [{ event: "a" }, { event: "b" }], window: "14d" };
const LINK: Embedded = { report: { id: "id1", name: "Buyers <i>", question: SPEC, revision: 1 }, lake: "demo" };
const MINUTE = 60_000;

let world: TestWorld;
let state: State;
let actions: Actions;

describe("a link to an answer", () => {
  beforeEach(async () => {
    ({ world, state, actions } = await startedPage((prepared) => {
      prepared.hash = "#embed=we_1";
      prepared.links.set("we_1", LINK);
    }));
  });

  async function minutes(count: number): Promise<void> {
    for (let each = 0; each < count; each += 1) {
      world.rest(MINUTE);
      await settled();
    }
  }

  test("shows that answer alone, and asks for nothing else", async () => {
    world.asked[0]!.told({ rows: 1, of: 2 });
    expect([world.requests, world.asked[0]!.token, state.answer.status]).toEqual([["embedded"], "we_1", "asking"]);
    world.asked[0]!.answer(answerOf(["a", 10], ["b", 4]));
    await settled();
    const page = drawnPage(state, actions);
    expect(textOf(page.querySelector("h1"))).toBe("Buyers <i>");
    expect(textOf(page.querySelector(".sentence"))).toMatch(/^Of 10 people who did a, 4 \(40%\) went on to b/);
    expect(page.querySelectorAll(".funnel-step")).toHaveLength(2);
    // Nothing leads away, and nothing can be pressed that asks.
    expect(page.querySelectorAll("a, button, form, header, select")).toHaveLength(0);
  });

  test("is looked at anew each quarter of an hour, with the old answer until then, and not while nobody sees it", async () => {
    world.asked[0]!.answer(answerOf(["a", 10]));
    await minutes(14);
    expect(world.asked).toHaveLength(1);
    world.isVisible = false;
    await minutes(20);
    expect(world.asked).toHaveLength(1);
    world.isVisible = true;
    await minutes(1);
    expect([world.asked.length, state.answer.status]).toEqual([2, "ready"]);
    world.asked[1]!.answer(answerOf(["a", 11]));
    await settled();
    expect(state.answer).toMatchObject({ answer: { steps: [{ count: 11 }] } });
    await minutes(15);
    expect(world.asked).toHaveLength(3);
  });

  test("of a report that was saved again is about its new question", async () => {
    world.asked[0]!.answer(answerOf(["a", 10]));
    await settled();
    world.links.set("we_1", { ...LINK, report: { ...LINK.report, revision: 2, question: { ...SPEC, steps: [{ event: "c" }] } } });
    await minutes(15);
    expect([state.answer.status, state.question.funnel.steps[0]!.matches[0]!.event]).toEqual(["asking", "c"]);
  });

  test("keeps its answer while the server is not reached, and says so", async () => {
    world.asked[0]!.answer(answerOf(["a", 10]));
    await settled();
    world.links.set("we_1", new ApiError({ kind: "unreachable" }));
    await minutes(15);
    expect(textOf(drawnPage(state, actions).querySelector(".notice"))).toMatch(/^A newer answer could not be had/);
    expect(drawnPage(state, actions).querySelectorAll(".funnel-step")).toHaveLength(1);
    world.links.set("we_1", LINK);
    await minutes(15);
    world.asked.at(-1)!.answer(answerOf(["a", 12]));
    await settled();
    expect(drawnPage(state, actions).querySelector(".notice")).toBeNull();
  });

  test.each([
    ["login", "This link is no longer in force"],
    ["missing", "This report was removed"],
  ] as const)("that is over (%s) shows nothing more", async (kind, title) => {
    world.asked[0]!.answer(answerOf(["a", 10]));
    await settled();
    world.links.set("we_1", new ApiError({ kind, message: "no" }));
    await minutes(15);
    const page = drawnPage(state, actions);
    expect(textOf(page.querySelector("[role=alert] h1"))).toBe(title);
    expect(page.querySelectorAll(".funnel-step, a, button, form")).toHaveLength(0);
  });

  test("whose server is not reached at first is tried again on demand", async () => {
    world.asked[0]!.fail(new ApiError({ kind: "unreachable" }));
    await settled();
    expect(textOf(drawnPage(state, actions).querySelector("[role=alert] h1"))).toBe("The server cannot be reached");
    actions.retry();
    await settled();
    world.asked[1]!.answer(answerOf(["a", 10]));
    await settled();
    expect(state.answer.status).toBe("ready");
  });

  test("that is left for the rest of the page asks for what that needs, once", async () => {
    world.hash = "#/reports";
    actions.openAddress();
    await settled();
    expect([world.requests, world.asked[0]!.signal.aborted]).toEqual([["embedded", "session", "catalogue"], true]);
  });
});

describe("links to the answer of a report", () => {
  beforeEach(async () => {
    ({ world, state, actions } = await startedPage());
    const { id } = await world.reports.save({ name: "Buyers", folder: "", description: "", spec: SPEC }, null);
    world.hash = `#/reports/${id}`;
    actions.openAddress();
    await settled();
    world.rest(0);
    await actions.embeds.load();
  });

  test("are made, their token shown once, and ended", async () => {
    expect(await actions.embeds.add("id1", "wiki")).toBe(true);
    let part = drawnPage(state, actions).querySelector(".embeds")!;
    expect(textOf(part.querySelector("pre"))).toBe("https://weir.example/#embed=we_wiki");
    expect(textOf(part)).toContain("No site may frame this server yet");
    await actions.embeds.load();
    expect(state.embeds).toMatchObject({ value: { made: { token: "we_wiki" } } });
    actions.openAddress();
    expect(state.embeds).toMatchObject({ value: { made: null } });
    actions.embeds.askToDisable(world.embeds[0]!);
    await actions.embeds.disable(world.embeds[0]!);
    part = drawnPage(state, actions).querySelector(".embeds")!;
    expect([state.sheet, textOf(part.querySelector("li"))]).toEqual([null, "wiki Jan 31, 2026, 12:00:00 AM disabled"]);
  });

  test("have a name of their own, which is said before the server has to", async () => {
    await actions.embeds.add("id1", "wiki");
    expect(await actions.embeds.add("id1", "wiki")).toBe(false);
    expect([state.embeds, world.embeds.length]).toMatchObject([{ value: { taken: "wiki", made: { name: "wiki" } } }, 1]);
  });

  test("one that was made is shown, also where the list cannot be had", async () => {
    world.api.embeds = async () => Promise.reject(new ApiError({ kind: "unreachable" }));
    await actions.embeds.add("id1", "wiki");
    expect(state.embeds).toMatchObject({ value: { made: { token: "we_wiki" }, saving: { status: "failed" } } });
  });

  test("of another report are not listed, and a viewer sees none", async () => {
    await actions.embeds.add("other", "theirs");
    const part = drawnPage(state, actions).querySelector(".embeds")!;
    expect([part.querySelectorAll("li").length, part.querySelectorAll("pre").length]).toEqual([0, 0]);
    state.session = { status: "ready", value: { ...world.session, role: "viewer" } };
    expect(drawnPage(state, actions).querySelector(".embeds")).toBeNull();
  });

  test("need a report: a question that is not saved says so", async () => {
    world.hash = "#";
    actions.openAddress();
    actions.explore.suggest("view_job");
    const part = drawnPage(state, actions).querySelector(".embeds")!;
    expect([textOf(part.querySelector(".hint")), part.querySelector("form")]).toEqual([
      "Save this question as a report first: a link shows the answer of a report.", null,
    ]);
  });

  test("in a frame have a title that is text, whatever the report is called", () =>
    expect(frameOf("https://w.example/#embed=we_1", `"><script>&`)).toBe(
      `<iframe src="https://w.example/#embed=we_1" title="&quot;>&lt;script>&amp;" width="100%" height="600" loading="lazy"></iframe>`,
    ));
});
