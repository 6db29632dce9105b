import { beforeEach, expect, test } from "vitest";
import type { LiveEvent } from "../answers";
import type { State } from "../state";
import { type TestWorld, settled, startedPage } from "../testing";
import type { Actions } from "./page";

let world: TestWorld;
let state: State;
let actions: Actions;

beforeEach(async () => {
  ({ world, state, actions } = await startedPage());
});

const event = (event_id: string): LiveEvent => ({ event: "a", user: "u", time: "", received_at: "", source: "s", event_id });

async function look(): Promise<void> {
  world.rest(2000);
  await settled();
}

test("what lands is looked for again and again, joins once, and no longer once the page is left", async () => {
  world.landed = [{ version: 7, events: [event("1")] }, { version: 8, events: [event("2"), event("1")] }];
  actions.go({ page: "live" });
  await settled();
  await look();
  expect(state.live.events.map(({ event_id }) => event_id)).toEqual(["2", "1"]);
  actions.admin.setLive({ paused: true });
  await look();
  actions.admin.setLive({ paused: false });
  await look();
  expect(world.liveAfter).toEqual([null, 7, 8]);
  actions.go({ page: "system" });
  await look();
  expect(world.liveAfter).toHaveLength(3);
  expect(state.system).toMatchObject({ status: "failed", failure: { kind: "unreachable" } });
});

test("failed events are tried again by their reason, and a refusal keeps the list", async () => {
  world.failures = ["empty", "too_old"].map((code) => ({ code, field: null, source: "s", event: null, count: 1, first_seen: "", last_seen: "", message: code }));
  actions.go({ page: "failed" });
  await settled();
  await actions.admin.replay({ code: "empty", source: "s" });
  expect(state.failed).toMatchObject({ status: "ready", value: { groups: [{ code: "too_old" }], done: { replayed: 1 }, busy: false } });
  await actions.admin.drop({ code: "too_old" });
  expect(state.failed).toMatchObject({ status: "ready", value: { groups: [{ code: "too_old" }], failure: { kind: "forbidden" }, busy: false } });
});

test("a key that was just made is shown", async () => {
  actions.go({ page: "settings" });
  await settled();
  await actions.admin.addKey("web");
  expect(state.keys).toMatchObject({ status: "ready", value: { made: { key: "wk_1", source: "web" } } });
});
