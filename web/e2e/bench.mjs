/**
 * What the page costs, in a real browser against the release: how much it loads, how soon it can be used, what it adds to
 * the engine's time when a question changes, and how long a key waits where there are ten thousand names.
 *
 *     WEIR_BIN=… [BENCH_LAKE=…] [BENCH_STEPS="a b c"] node e2e/bench.mjs       (or `make bench-page`)
 *
 * Without BENCH_LAKE it asks a lake of a million generated events, made for it and merged.
 */

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { openBrowser, readOrigin } from "./program.mjs";

const WEIR = process.env.WEIR_BIN;
assert.ok(WEIR, "set WEIR_BIN to the weir program");
const ROUNDS = 15;
const NAMES = 10_000;
const scratch = mkdtempSync(path.join(tmpdir(), "weir-bench-page-"));

function weir(...args) {
  return execFileSync(WEIR, args, { maxBuffer: 1 << 30, stdio: ["ignore", "pipe", "ignore"] });
}

function lakeOf(name, lines) {
  const [file, lake] = [path.join(scratch, `${name}.ndjson`), path.join(scratch, name)];
  writeFileSync(file, lines);
  weir("import", file, "--lake", lake);
  weir("compact", "--lake", lake);
  rmSync(file);
  return lake;
}

async function serve(lake) {
  const child = spawn(WEIR, ["serve", "--lake", lake, "--port", "0"], { stdio: ["ignore", "ignore", "pipe"] });
  const origin = await readOrigin(child);
  return { origin, end: () => child.kill("SIGTERM") };
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const results = [];
const report = (what, value, bar, unit) => results.push({ what, seen: `${Math.round(value * 10) / 10} ${unit}`, bar: `at most ${bar} ${unit}`, met: value <= bar });

const browser = await openBrowser();
try {
  const lake = process.env.BENCH_LAKE ?? lakeOf("demo", weir("demo", "--events", "1000000"));
  const server = await serve(lake);

  // A first visit, with nothing kept: everything that comes over the wire, and when the first field can be typed into.
  const loads = [];
  for (let round = 0; round < 5; round++) {
    const context = await browser.newContext();
    const page = await context.newPage();
    const network = await context.newCDPSession(page);
    await network.send("Network.enable");
    let bytes = 0;
    network.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
    const start = performance.now();
    await page.goto(server.origin);
    await page.locator(".suggestion").first().waitFor();
    loads.push({ ms: performance.now() - start, bytes });
    await context.close();
  }
  report("first load, with the list of events", median(loads.map(({ bytes }) => bytes)) / 1024, 200, "KiB");
  report("first load to usable", median(loads.map(({ ms }) => ms)), 1000, "ms");

  // A question that changes: from the press to the chart, less what the engine says that it took.
  const context = await browser.newContext();
  const page = await context.newPage();
  // What the engine says of itself is read beside the page, from a copy of the answer.
  await page.addInitScript(() => {
    const ask = window.fetch;
    window.fetch = async (...request) => {
      const response = await ask(...request);
      if (String(request[0]).endsWith("api/query")) window.answer = response.clone().text();
      return response;
    };
  });
  const steps = (process.env.BENCH_STEPS ?? "view_job apply_start apply_submit").split(" ").map((event) => ({ event }));
  const spec = { kind: "funnel", timezone: "UTC", steps, window: "1d" };
  await page.goto(`${server.origin}/#q=${encodeURIComponent(JSON.stringify(spec))}`);
  await page.locator("#result[aria-busy=false] .funnel-step").first().waitFor();
  const [added, engine] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    const unit = round % 2 === 0 ? "h" : "d";
    const took = await page.evaluate(async (value) => {
      const field = document.querySelector('select[aria-label="Unit of the window"]');
      field.value = value;
      const start = performance.now();
      field.dispatchEvent(new Event("change", { bubbles: true }));
      await new Promise((resolve) => requestAnimationFrame(resolve));
      while (document.querySelector("#result[aria-busy=false] .funnel:not(.is-waiting)") === null) {
        await new Promise((resolve) => requestAnimationFrame(resolve));
      }
      return performance.now() - start;
    }, unit);
    const text = await page.evaluate(() => window.answer);
    const line = JSON.parse(text.trim().split("\n").at(-1));
    const { elapsed_ms } = (line.answer ?? line).scanned;
    engine.push(elapsed_ms);
    added.push(took - elapsed_ms);
  }
  report(`a changed question, beside the engine's ${median(engine)} ms`, median(added), 100, "ms");
  await context.close();
  server.end();

  // Ten thousand names: the longest that a key waits until the page is drawn.
  const at = Date.now() - 86_400_000;
  const many = Array.from({ length: NAMES }, (_, i) => JSON.stringify({ event: `event_${String(i).padStart(5, "0")}`, user_id: `u${i % 50}`, timestamp: at + i }));
  const large = await serve(lakeOf("names", many.join("\n")));
  const tab = await (await browser.newContext()).newPage();
  await tab.goto(large.origin);
  await tab.locator(".suggestion").first().waitFor();
  const field = tab.getByRole("combobox", { name: "Event of step 1" });
  await field.click();
  await tab.locator("[role=option]").first().waitFor();
  const listed = Number(await tab.locator("[role=option]").first().getAttribute("aria-setsize")) - 1;
  await tab.evaluate(() => {
    window.delays = [];
    new PerformanceObserver((list) => window.delays.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: "event", durationThreshold: 16, buffered: false });
  });
  for (const key of [..."event_0", "ArrowDown", "ArrowUp", "Backspace", "Backspace", "Backspace", ..."t_09"]) {
    await tab.keyboard.press(key);
    await tab.waitForTimeout(80);
  }
  await tab.waitForTimeout(300);
  report(`slowest key over a list of ${listed} names`, await tab.evaluate(() => Math.max(0, ...window.delays)), 50, "ms");
  large.end();
} finally {
  await browser.close();
  rmSync(scratch, { recursive: true, force: true });
}
console.table(results);
