import { expect, test } from "vitest";
import type { System } from "../answers";
import { settled, startedPage } from "../testing";
import { drawnPage, textOf } from "../testing-views";

const SYSTEM: System = {
  lake: "s3://b/lake", version: 7, complete_to: "2026-01-31T00:00:00Z", events: 3, files: 1, bytes: 10, bytes_per_event: 3.3, first_event: null, last_event: null,
  levels: [], queue: [], users: { linked_ids: 0, refused_links: 0 },
};
const COST: NonNullable<System["cost"]> = {
  priced_on: "2026-11-01", region: "us-east-1", currency: "USD", month: 12.34, per_million_events: 0.09, events_per_second: 3.2,
  parts: [{ part: "kinesis", month: 10.95 }, { part: "telepathy", month: 0.004 }], assumptions: ["One shard."],
};

async function systemPage(more: Partial<System>, language: "en" | "ko" = "en"): Promise<HTMLElement> {
  const { state, actions } = await startedPage((world) => {
    world.hash = "#/system";
    world.api.system = async () => ({ ...SYSTEM, ...more });
  });
  return drawnPage(state, actions, language);
}

const rows = (page: HTMLElement) => [...page.querySelectorAll(".is-small tbody tr")].map((row) => [...row.children].map(textOf));

test("the figures say how far behind the lake is, and what it costs", async () => {
  const lag = { complete_to: SYSTEM.complete_to, behind_ms: 12_300, newest_received_at: "2026-01-30T23:00:00Z" };
  const page = await systemPage({ lag, cost: COST });
  expect(textOf(page.querySelector(".figures"))).toMatch(/^Complete up to12 sec ago/);
  expect(textOf(page.querySelector(".system-times"))).toContain("Last event receivedJan 30, 2026, 11:00:00 PM");
  expect(rows(page)).toEqual([
    ["Stream (Kinesis)", "$10.95"], ["telepathy", "$0.004"], ["All together", "$12.34"], ["A million events", "$0.09"],
  ]);
  expect(textOf(page)).toContain("An estimate, not a bill: for 3.2 events a second in us-east-1, at the prices of Nov 1, 2026.");
  expect(page.querySelector(".assumptions")?.getAttribute("lang")).toBe("en");
  expect(rows(await systemPage({ lag, cost: COST }, "ko"))[0]).toEqual(["스트림 (Kinesis)", "US$10.95"]);
});

test("how much there is of what is paid for is said where it is known", async () => {
  const page = await systemPage({ cost: { ...COST, per_million_events: null, parts: [{ part: "store requests", month: 1, amount: "2.1 million" }, { part: "edge", month: 0.5 }] } }, "ko");
  expect(rows(page)).toEqual([["저장소 요청", "2.1 million", "US$1.00"], ["밖으로 나가는 길", "", "US$0.50"], ["모두", "", "US$12.34"]]);
  expect(page.querySelector(".is-small td")?.getAttribute("lang")).toBe("en");
});

test("a directory costs nothing, and a lake without events is behind by nothing that is known", async () => {
  const page = await systemPage({ lag: { complete_to: null, behind_ms: null, newest_received_at: null }, cost: null });
  expect(textOf(page)).toContain("there is nothing to pay for");
  expect([rows(page), textOf(page.querySelector(".figures"))]).toEqual([[], expect.stringMatching(/^Events3/)]);
  const million = await systemPage({ cost: { ...COST, per_million_events: null, assumptions: [] } });
  expect([rows(million).length, million.querySelector(".assumptions")]).toEqual([3, null]);
});

const EVENTS = [
  { event: "view", count: 9, owner: "growth", description: "A page was seen." },
  { event: "apply", count: 5, owner: null, description: null },
  { event: "pay", count: 4, owner: "money" },
];

test("events are listed with who looks after them, and found by it", async () => {
  const { state, actions } = await startedPage((world) => {
    world.hash = "#/catalogue";
    world.catalogue = { ...world.catalogue, events: EVENTS };
  });
  const shown = () => [...drawnPage(state, actions).querySelectorAll("tbody tr")].map((row) => textOf(row.querySelector("button")));
  const page = drawnPage(state, actions);
  expect(textOf(page.querySelector("thead"))).toContain("Owner");
  expect([textOf(page.querySelector("tbody .about")), textOf(page.querySelector("tbody tr td:last-child"))]).toEqual(["A page was seen.", "growth"]);
  expect([...page.querySelectorAll(".search option")].map(textOf)).toEqual(["all owners", "growth", "money", "nobody's"]);
  actions.searchEvents("mon");
  expect(shown()).toEqual(["pay"]);
  actions.searchEvents("");
  actions.chooseOwner("growth");
  expect(shown()).toEqual(["view"]);
  actions.chooseOwner("");
  expect(shown()).toEqual(["apply"]);
  actions.chooseOwner(null);
  expect(shown()).toHaveLength(3);
});

test("a lake without owners has neither column nor choice", async () => {
  const { state, actions } = await startedPage((world) => (world.hash = "#/catalogue"));
  actions.chooseOwner("growth");
  const page = drawnPage(state, actions);
  expect([page.querySelectorAll("tbody tr").length, page.querySelector(".search select"), textOf(page.querySelector("thead"))]).toEqual([
    2, null, "Event Events First seen Last seen",
  ]);
});

test("the page of an event says what it is, and whose", async () => {
  const { state, actions } = await startedPage((world) => {
    world.hash = "#/catalogue/view";
    world.api.event = async () => ({ ...EVENTS[0]!, version: 1, days_utc: [], sources: [], properties: [] });
  });
  await settled();
  const page = drawnPage(state, actions);
  expect([textOf(page.querySelector(".described")), textOf(page.querySelector(".figures"))]).toEqual(["A page was seen.", "Events9 Ownergrowth"]);
});
