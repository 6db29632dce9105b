/**
 * Segment's browser client in Chromium, on a page of another origin than the collector's, so that a browser's own rules
 * (CORS, keepalive, beacons) apply.
 *
 *     CHROMIUM names the browser, /usr/bin/chromium by default
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import http from "node:http";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";

import { chromium } from "playwright-core";

import { BROWSER_ARGS, CHROMIUM, KEY, RUNS, check, startCollector, until } from "./harness.mjs";

const PAGE = '<!doctype html><title>Shop</title><script src="/client.js"></script>';

let collector, site, origin, browser;

before(async () => {
  collector = await startCollector();
  const client = createRequire(import.meta.url).resolve("@segment/analytics-next/dist/umd/index.js");
  const script = await readFile(client);
  site = http.createServer((request, response) => {
    const isScript = request.url === "/client.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : PAGE);
  });
  await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${site.address().port}`;
  browser = await chromium.launch({ executablePath: CHROMIUM, args: BROWSER_ARGS });
});

after(async () => {
  await browser?.close();
  site?.close();
  collector?.stop();
});

/** Opens the page, and loads the client as an app does: only its key and the collector's address are given. */
async function openPage(deliveryStrategy) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(origin);
  await page.evaluate(
    async ([writeKey, cdnURL, strategy]) => {
      const integrations = strategy ? { "Segment.io": { deliveryStrategy: strategy } } : {};
      [window.analytics] = await window.AnalyticsNext.AnalyticsBrowser.load({ writeKey, cdnURL }, { integrations });
    },
    [KEY, collector.origin, deliveryStrategy],
  );
  return { page, close: () => context.close() };
}

const STRATEGIES = {
  "one request an event": undefined,
  "batches": { strategy: "batching", config: { size: 5, timeout: 200 } },
};

for (const [name, strategy] of Object.entries(STRATEGIES)) {
  describe(`analytics-next, ${name}`, () => {
    for (const run of RUNS) {
      test(run.name, async () => {
        const { page, close } = await openPage(strategy);
        const before = collector.requests().length;
        await check(collector, `analytics-next, ${name}`, run, async (events) => {
          await page.evaluate((names) => Promise.all(names.map((event) => window.analytics.track(event))), events);
          const refused = strategy ? 2 : events.length;
          const isDone = async () => run.arrive || collector.requests().length >= before + refused;
          await until("the last refusal", isDone);
        });
        await close();
      });
    }
  });
}

describe("a page", () => {
  test("is told where to send by the settings, and every call becomes its event", async () => {
    const { page, close } = await openPage();
    const before = collector.requests().length;
    await page.evaluate(async () => {
      await window.analytics.page("Docs", "Home");
      await window.analytics.identify("me", { plan: "pro" });
      await window.analytics.group("g", { size: 3 });
      await window.analytics.alias("me-now", "me");
      await window.analytics.screen("Start");
    });
    const paths = collector.requests().slice(before).map((request) => request.path);
    assert.deepEqual(paths, ["/v1/p", "/v1/i", "/v1/g", "/v1/a", "/v1/s"]);
    const events = new Map((await collector.received("")).map((event) => [event.event, event]));
    const { name, category, url } = events.get("page").properties;
    assert.deepEqual([name, category, url], ["Home", "Docs", `${origin}/`]);
    assert.ok(events.get("page").anonymous_id && !events.get("page").user_id);
    assert.equal(events.get("page").context.page.title, "Shop");
    // The browser of the tests has no window, and its agent says so.
    const { bot, browser: { name: browserName }, ip } = events.get("page").context;
    assert.deepEqual([bot, browserName, ip], [true, "HeadlessChrome", undefined]);
    assert.deepEqual([events.get("identify").user_id, events.get("identify").properties], ["me", { plan: "pro" }]);
    assert.equal(events.get("identify").anonymous_id, events.get("page").anonymous_id);
    assert.deepEqual(events.get("group").properties, { groupId: "g", size: 3 });
    assert.equal(events.get("alias").properties.previousId, "me");
    assert.equal(events.get("screen").properties.name, "Start");
    await close();
  });

  test("sends beacons and keepalive requests while it is left", async () => {
    const { page, close } = await openPage();
    await page.evaluate(
      ([host, writeKey]) => {
        addEventListener("pagehide", () => {
          const event = (name) => JSON.stringify({ event: name, userId: "u", messageId: name, writeKey });
          navigator.sendBeacon(`${host}/v1/track`, event("left: beacon"));
          const batch = { writeKey, batch: [{ ...JSON.parse(event("left: batch")), type: "track" }] };
          navigator.sendBeacon(`${host}/v1/batch`, new Blob([JSON.stringify(batch)], { type: "text/plain" }));
          const native = JSON.stringify({ event: "left: keepalive", user_id: "u", event_id: "k" });
          fetch(`${host}/v1/events`, { method: "POST", body: native, keepalive: true, headers: { "X-Write-Key": writeKey } });
        });
      },
      [collector.origin, KEY],
    );
    // The header of the last one needs a preflight, which a browser sends for a page that is gone only if it is cached.
    await page.evaluate(
      ([host, writeKey]) => fetch(`${host}/v1/events`, { method: "POST", headers: { "X-Write-Key": writeKey }, body: "[]" }),
      [collector.origin, KEY],
    );
    await page.goto("about:blank");
    const stored = await until("the last events of the page", async () => {
      const events = await collector.received("left: ");
      return events.length === 3 && events;
    }, 10);
    assert.deepEqual(stored.map((event) => event.event).sort(), ["left: batch", "left: beacon", "left: keepalive"]);
    await close();
  });

  test("reads answers and Retry-After of every kind of path", async () => {
    const { page, close } = await openPage();
    collector.answer([429]);
    const found = await page.evaluate(
      async ([host, writeKey]) => {
        const send = (path, body) => fetch(`${host}${path}`, { method: "POST", body: JSON.stringify(body) });
        const event = { writeKey, event: "read", userId: "u" };
        const refused = await send("/t", event);
        const taken = await (await send("/t", event)).json();
        const posthog = await (await send("/e/", { api_key: writeKey, event: "read", distinct_id: "d" })).json();
        const unknown = (await send("/t", { ...event, writeKey: "other" })).status;
        return { retry: refused.headers.get("Retry-After"), taken: taken.success, posthog: posthog.status, unknown };
      },
      [collector.origin, KEY],
    );
    assert.deepEqual(found, { retry: "1", taken: true, posthog: 1, unknown: 401 });
    await close();
  });
});
