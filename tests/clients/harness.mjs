/**
 * What the client tests share: a collector to send to, and the runs that every client has to go through.
 *
 *     WEIR_BIN=/path/to/weir npm test
 *
 * The collector is `weir dev` over a lake of its own, behind a proxy that can be told to answer badly. What arrived is
 * counted in the lake.
 */

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const WEIR = process.env.WEIR_BIN;
/** The write key that the collector knows; there once it is started. */
export let KEY;
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

async function weir(...args) {
  assert.ok(WEIR, "set WEIR_BIN to the program `weir`");
  return (await promisify(execFile)(WEIR, args, { maxBuffer: 1 << 28 })).stdout;
}

/** Starts `weir dev` on a free port; gives its address and what ends it. */
async function startWeir(lake) {
  const server = spawn(WEIR, ["dev", "--lake", lake, "--port", "0"], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  const origin = await new Promise((resolve, reject) => {
    server.stderr.on("data", (data) => {
      said += data;
      const found = /ready at (http:\/\/[^\s]+)/.exec(said);
      if (found) resolve(found[1]);
    });
    server.once("error", reject);
    server.once("exit", (code) => reject(new Error(`weir dev ended with ${code}: ${said}`)));
  });
  const ended = new Promise((resolve) => server.once("exit", resolve));
  return {
    origin,
    stop: async () => {
      server.kill("SIGTERM");
      await ended;
    },
  };
}

/** With the headers that the collector gives every answer. */
function refuse(response, status) {
  const headers = { "content-type": "application/json", "access-control-allow-origin": "*", "access-control-expose-headers": "Retry-After" };
  if (status === 429 || status === 503) headers["retry-after"] = "1";
  response.writeHead(status, headers).end('{"error":{"code":"test","message":"as told"}}');
}

/** Passes a request on, under the name by which the client found the proxy, and gives the answer. */
function forward(origin, { method, url, headers }, body) {
  return new Promise((resolve, reject) => {
    const onward = http.request(origin + url, { method, headers }, async (answer) => {
      const chunks = await answer.toArray();
      resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) });
    });
    onward.once("error", reject);
    onward.end(body);
  });
}

/** Receipt and number of accepted events of an answer that has them. */
function takenBy(answer) {
  if (answer?.status !== 200) return { receipt: undefined, accepted: 0 };
  const { receipt, accepted } = JSON.parse(answer.body);
  return { receipt, accepted };
}

/** A proxy that writes down each batch and how it was answered, and answers the next ones as it is told. */
async function startProxy(origin, plan, requests) {
  const proxy = http.createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const isBatch = request.method === "POST" && !/^\/(flags|decide)/.test(request.url);
    const told = isBatch ? plan.shift() : undefined;
    const stores = told === undefined || /stored/.test(told);
    const answer = stores ? await forward(origin, request, body) : undefined;
    const status = told === undefined ? answer.status : Number.parseInt(told, 10);
    if (isBatch) requests.push({ path: request.url.split("?")[0], status, ...takenBy(answer) });
    if (told === undefined) response.writeHead(status, answer.headers).end(answer.body);
    else refuse(response, status);
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return { origin: `http://127.0.0.1:${proxy.address().port}`, stop: () => proxy.close() };
}

/** Starts a collector that knows `KEY`; `stop` ends it. */
export async function startCollector() {
  const folder = await mkdtemp(path.join(os.tmpdir(), "weir-clients-"));
  const lake = path.join(folder, "lake");
  const server = await startWeir(lake);
  KEY = JSON.parse(await weir("keys", "add", "--source", "test", "--format", "json", "--lake", lake)).key;
  const plan = [];
  const requests = [];
  const proxy = await startProxy(server.origin, plan, requests);
  const isKnown = async () => (await fetch(`${server.origin}/v1/projects/${KEY}/settings`)).status === 200;
  await until("the key is known", isKnown, 30);
  const landed = async () => {
    for (const { receipt } of requests.filter((request) => request.receipt)) {
      const isThere = async () =>
        (await (await fetch(`${server.origin}/v1/receipts/${receipt}`)).json()).status !== "stored";
      await until(`the receipt ${receipt} is queryable`, isThere, 20);
    }
  };
  return {
    origin: proxy.origin,
    stop: async () => {
      proxy.stop();
      await server.stop();
      await rm(folder, { recursive: true });
    },
    /** Tells how to answer the next batches: a status, or a status and "stored" for a batch that is taken all the same. */
    answer: (answers) => plan.splice(0, plan.length, ...answers),
    /** The batches so far: path, status, and of what was taken the receipt and the number of events. */
    requests: () => requests,
    /** All rows of the lake whose event begins with `prefix`, once everything that was taken has landed. */
    received: async (prefix) => {
      await landed();
      const rows = JSON.parse(await weir("sql", "SELECT * FROM events", "--lake", lake, "--format", "json"));
      const parsed = (text) => (text === null ? null : JSON.parse(text));
      const events = rows.map((row) => ({ ...row, properties: parsed(row.properties), context: parsed(row.context) }));
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

/**
 * One run: `send` is given the names of its events, and returns when its client has sent them or given up. In the end the
 * lake has each accepted event once, whatever was sent twice.
 */
export async function check(collector, client, run, send) {
  const before = collector.requests().length;
  const prefix = `${client}: ${run.name} `;
  const names = Array.from({ length: EVENTS }, (_, i) => `${prefix}${i}`);
  collector.answer(run.answers);
  await send(names);
  const wanted = run.arrive ? names : [];
  const taken = () => collector.requests().slice(before).reduce((sum, request) => sum + request.accepted, 0);
  const sendsAgain = run.answers.includes("500 stored");
  await until(`${prefix}: ${wanted.length} events${sendsAgain ? ", and a copy" : ""}`, async () => {
    const events = await collector.received(prefix);
    return events.length >= wanted.length && (!sendsAgain || taken() > wanted.length);
  });
  const seen = collector.requests().slice(before).map((request) => request.status);
  collector.answer([]);
  const stored = await collector.received(prefix);
  assert.deepEqual(stored.map((event) => event.event).sort(), [...wanted].sort());
  assert.ok(stored.every((event) => event.source === "test"));
  if (run.answers.length > 0) {
    const status = Number.parseInt(run.answers[0], 10);
    assert.ok(seen.includes(status), `the client never saw ${status}: ${seen}`);
    assert.equal(seen.includes(200), run.arrive, `${seen}`);
  }
  return stored;
}
