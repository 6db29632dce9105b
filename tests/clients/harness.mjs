/**
 * What the client tests share: a collector to send to, and the runs that every client has to go through.
 *
 *     WEIR_COLLECTOR=/path/to/examples/collector npm test
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

export const KEY = "test-key";
/** The browser, and how it is started. */
export const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
export const BROWSER_ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
/** Events of one run. */
export const EVENTS = 10;

/**
 * How the collector answers the first batches of a run, and how many of the run's events are there in the end. After
 * "500 stored" a client sends again what is stored already.
 */
export const RUNS = [
  { name: "a good run", answers: [], arrive: true },
  { name: "a 429 with Retry-After", answers: [429], arrive: true },
  { name: "a 500", answers: [500], arrive: true },
  { name: "a 500 for a batch that was stored", answers: ["500 stored"], arrive: true },
  { name: "a 400", answers: Array(EVENTS).fill(400), arrive: false },
];

/** Starts a collector that knows `KEY`; `stop` ends it. */
export async function startCollector() {
  const program = process.env.WEIR_COLLECTOR;
  assert.ok(program, "set WEIR_COLLECTOR to the example program `collector` of ingest-fn");
  const server = spawn(program, [KEY], { stdio: ["ignore", "pipe", "inherit"] });
  const origin = await new Promise((resolve, reject) => {
    server.stdout.once("data", (line) => resolve(String(line).trim()));
    server.once("error", reject);
    server.once("exit", (code) => reject(new Error(`the collector ended with ${code}`)));
  });
  return {
    origin,
    stop: () => server.kill("SIGTERM"),
    /** Tells the collector how to answer the next batches. */
    answer: async (answers) => {
      const body = JSON.stringify(answers);
      const told = await fetch(`${origin}/__next`, { method: "POST", body, headers: { "content-type": "application/json" } });
      assert.equal(told.status, 200);
    },
    /** The batches so far. */
    requests: async () => (await fetch(`${origin}/__requests`)).json(),
    /** All events of the log whose name or id begins with `prefix`, copies and all. */
    received: async (prefix) => {
      const text = await (await fetch(`${origin}/__received`)).text();
      const events = text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
      return events.filter((event) => event.event.startsWith(prefix));
    },
  };
}

/** Waits until `test` gives something, or fails. */
export async function until(what, test, seconds = 60) {
  for (let waited = 0; waited < seconds * 20; waited += 1) {
    const found = await test();
    if (found) return found;
    await sleep(50);
  }
  throw new Error(`${what} did not happen within ${seconds} s`);
}

/** The events as they count: the first of each `event_id`. */
export function once(events) {
  const ids = new Set();
  return events.filter((event) => event.event_id && !ids.has(event.event_id) && ids.add(event.event_id));
}

/**
 * One run: `send` is given the names of its events, and returns when its client has sent them or given up. In the end
 * each accepted event is there once.
 */
export async function check(collector, client, run, send) {
  const before = (await collector.requests()).length;
  const prefix = `${client}: ${run.name} `;
  const names = Array.from({ length: EVENTS }, (_, i) => `${prefix}${i}`);
  await collector.answer(run.answers);
  await send(names);
  const wanted = run.arrive ? names : [];
  const sendsAgain = run.answers.includes("500 stored");
  const stored = await until(`${prefix}: ${wanted.length} events${sendsAgain ? ", and a copy" : ""}`, async () => {
    const events = await collector.received(prefix);
    return once(events).length >= wanted.length && (!sendsAgain || events.length > wanted.length) && events;
  });
  const seen = (await collector.requests()).slice(before).map((request) => request.status);
  await collector.answer([]);
  assert.deepEqual(once(stored).map((event) => event.event).sort(), [...wanted].sort());
  assert.ok(stored.every((event) => event.source === "test"));
  if (run.answers.length > 0) {
    const status = Number.parseInt(run.answers[0], 10);
    assert.ok(seen.includes(status), `the client never saw ${status}: ${seen}`);
    assert.equal(seen.includes(200), run.arrive, `${seen}`);
  }
  return stored;
}
