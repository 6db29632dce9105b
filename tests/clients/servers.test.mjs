/** The client libraries of servers, as they are published, against the collector's own router. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import Rudder from "@rudderstack/rudder-sdk-node";
import { Analytics } from "@segment/analytics-node";
import { PostHog } from "posthog-node";

import { KEY, RUNS, check, startCollector } from "./harness.mjs";

const PYTHON = process.env.WEIR_CLIENTS_PYTHON;
let collector;

before(async () => {
  collector = await startCollector();
});
after(() => collector?.stop());

async function withSegment(use) {
  const analytics = new Analytics({ writeKey: KEY, host: collector.origin, flushInterval: 100 });
  analytics.on("error", () => {});
  await use(analytics);
  await analytics.closeAndFlush({ timeout: 30_000 });
}

async function withRudder(use) {
  // Without a handler a batch that is refused for good is thrown at the program.
  const analytics = new Rudder(KEY, { dataPlaneUrl: collector.origin, flushAt: 5, flushInterval: 100, errorHandler: () => {} });
  await use(analytics);
  for (let waited = 0; waited < 5; waited += 1) await analytics.flush();
}

async function withPostHog(use) {
  const posthog = new PostHog(KEY, { host: collector.origin, flushAt: 5, flushInterval: 100, fetchRetryDelay: 100 });
  posthog.on("error", () => {});
  await use(posthog);
  await posthog.shutdown(30_000).catch(() => {});
}

/** Runs the script beside this file, which sends its arguments. */
function withPython(...names) {
  assert.ok(PYTHON, "set WEIR_CLIENTS_PYTHON to a Python that has the packages of requirements.txt");
  const script = path.join(import.meta.dirname, "segment_client.py");
  const client = spawn(PYTHON, [script, collector.origin, KEY, ...names], { stdio: ["ignore", "inherit", "inherit"] });
  return new Promise((resolve, reject) => {
    client.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`the Python client ended with ${code}`))));
  });
}

const CLIENTS = {
  "analytics-node": (names) =>
    withSegment((a) => names.forEach((event, i) => a.track({ userId: "u", event, properties: { i } }))),
  "rudder-sdk-node": (names) =>
    withRudder((a) => names.forEach((event, i) => a.track({ userId: 7, event, properties: { i } }))),
  "posthog-node": (names) =>
    withPostHog((p) => names.forEach((event, i) => p.capture({ distinctId: "u", event, properties: { i } }))),
  "segment-analytics-python": (names) => withPython(...names),
};

for (const [client, send] of Object.entries(CLIENTS)) {
  describe(client, () => {
    for (const run of RUNS) {
      test(run.name, () => check(collector, client, run, send));
    }
  });
}

/** What is stored of one user: names, ids and what each call adds to the properties. */
async function stored(user) {
  const events = (await collector.received("")).filter((e) => e.user_id === user || e.anonymous_id === user);
  return new Map(events.map((event) => [event.event, event]));
}

describe("every call becomes its event", () => {
  for (const [client, use] of [["analytics-node", withSegment], ["rudder-sdk-node", withRudder]]) {
    test(client, async () => {
      const userId = `every-${client}`;
      await use((a) => {
        a.track({ userId, event: "bought", properties: { price: 1.5 }, context: { sessionId: 5 } });
        a.page({ userId, name: "Home" });
        a.screen({ userId, name: "Start" });
        a.identify({ userId, traits: { plan: "pro" } });
        a.group({ userId, groupId: "g", traits: { size: 3 } });
        a.alias({ userId, previousId: "before" });
      });
      const events = await stored(userId);
      assert.deepEqual([...events.keys()].sort(), ["alias", "bought", "group", "identify", "page", "screen"]);
      assert.equal(events.get("bought").session_id, "5");
      assert.equal(events.get("page").properties.name, "Home");
      assert.equal(events.get("screen").properties.name, "Start");
      assert.equal(events.get("identify").properties.plan, "pro");
      assert.deepEqual(events.get("group").properties, { groupId: "g", size: 3 });
      assert.equal(events.get("alias").properties.previousId, "before");
    });
  }

  test("posthog-node, which asks for flags and goes on without", async () => {
    const distinctId = "every-posthog";
    await withPostHog(async (p) => {
      p.capture({ distinctId, event: "bought", properties: { price: 1.5, $session_id: "s" } });
      p.identify({ distinctId, properties: { plan: "pro" } });
      p.alias({ distinctId, alias: "before" });
      const flags = await p.evaluateFlags(distinctId);
      assert.equal(flags.getFlag("new-page"), undefined);
    });
    const events = await stored(distinctId);
    assert.equal(events.get("bought").session_id, "s");
    assert.equal(events.get("identify").user_id, distinctId);
    assert.deepEqual(events.get("identify").properties.$set, { plan: "pro" });
    assert.equal(events.get("alias").properties.previousId, "before");
  });

  test("segment-analytics-python", async () => {
    await withPython("--every", "every-python");
    const events = await stored("every-python");
    assert.deepEqual([...events.keys()].sort(), ["alias", "bought", "group", "identify", "page", "screen"]);
    assert.equal(events.get("page").properties.name, "Home");
    assert.equal(events.get("group").properties.groupId, "g");
  });
});
