/**
 * The page against the real program: `weir dev` with generated events behind it, Chromium in front.
 *
 *     WEIR_BIN=/path/to/weir npm run e2e          (CHROMIUM names the browser, /usr/bin/chromium by default)
 */

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const WEIR = process.env.WEIR_BIN;
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const BROWSER_ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
const SCREENSHOTS = path.join(import.meta.dirname, "screenshots");
const STEPS = ["view_job", "apply_start", "apply_submit"];

let lake, server, origin, browser, context, page;
/** What must not happen on any page: errors on the console, requests to another host. */
let complaints = [];

before(async () => {
  assert.ok(WEIR, "set WEIR_BIN to the weir program");
  lake = await mkdtemp(path.join(tmpdir(), "weir-page-"));
  server = spawn(WEIR, ["dev", "--lake", lake, "--port", "0", "--demo", "5000"], { stdio: ["ignore", "ignore", "pipe"] });
  origin = await readOrigin(server);
  browser = await chromium.launch({ executablePath: CHROMIUM, args: BROWSER_ARGS });
  await mkdir(SCREENSHOTS, { recursive: true });
});

after(async () => {
  await browser?.close();
  if (server && server.exitCode === null) {
    const ended = new Promise((resolve) => server.once("exit", resolve));
    server.kill("SIGTERM");
    const late = setTimeout(() => server.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(late);
  }
  if (lake) await rm(lake, { recursive: true, force: true });
});

beforeEach(async () => {
  complaints = [];
  [context, page] = await openPage();
});

afterEach(async () => {
  await context?.close();
  assert.deepEqual(complaints, []);
});

/** The address that the program announces on stderr. */
function readOrigin(child) {
  return new Promise((resolve, reject) => {
    let seen = "";
    const late = setTimeout(() => reject(new Error(`no address on stderr after 120 s:\n${seen}`)), 120_000);
    child.stderr.setEncoding("utf8").on("data", (text) => {
      seen += text;
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(seen);
      if (found === null) return;
      clearTimeout(late);
      resolve(found[0]);
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`weir dev ended with ${code}:\n${seen}`)));
  });
}

async function openPage(options = {}) {
  const opened = await browser.newContext({ viewport: { width: 1360, height: 900 }, timezoneId: "Asia/Seoul", ...options });
  await opened.grantPermissions(["clipboard-read", "clipboard-write"]);
  const tab = await opened.newPage();
  tab.setDefaultTimeout(15_000);
  tab.on("console", (message) => {
    if (message.type() === "error") complaints.push(`console: ${message.text()}`);
  });
  tab.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  tab.on("request", (request) => {
    if (new URL(request.url()).origin !== origin) complaints.push(`request: ${request.url()}`);
  });
  await tab.goto(origin);
  return [opened, tab];
}

/** What `weir funnel` says to the same question. */
async function funnelByCommand(...args) {
  const { stdout } = await promisify(execFile)(WEIR, ["funnel", "--lake", lake, ...args, "--format", "json"]);
  return JSON.parse(stdout);
}

/** The numbers of the chart, once it has as many steps as asked for. */
async function readChart(tab, steps) {
  await tab.locator(`.funnel:not(.is-waiting) .funnel-step:nth-child(${steps})`).waitFor();
  return tab.locator(".funnel-step").evaluateAll((rows) =>
    rows.map((row) => {
      const text = (selector) => row.querySelector(selector)?.textContent ?? null;
      return {
        label: text(".funnel-name bdi"),
        count: text(".funnel-count b"),
        onward: text(".funnel-facts .go-on b"),
        lost: text(".funnel-facts .lost b"),
        open: text(".funnel-facts .still-open b"),
      };
    }),
  );
}

/** The same rows, from an answer of the command line. */
function chartOf(answer) {
  const number = (value) => value.toLocaleString("en-US");
  const share = (value) => value.toLocaleString("en-US", { style: "percent", maximumFractionDigits: 1 });
  return answer.steps.map((step, index) => {
    const before = answer.steps[index - 1];
    return {
      label: step.label,
      count: number(step.count),
      onward: before ? share(step.from_previous) : null,
      lost: before ? number(before.count - step.count - step.in_window) : null,
      open: before && step.in_window > 0 ? number(step.in_window) : null,
    };
  });
}

function field(tab, step) {
  return tab.getByRole("combobox", { name: `Event of step ${step}`, exact: true });
}

function option(tab, event) {
  return tab.getByRole("option").filter({ has: tab.getByText(event, { exact: true }) });
}

async function buildWithMouse(tab) {
  for (const [index, event] of STEPS.entries()) {
    if (index === 0) await field(tab, 1).click();
    else await tab.getByRole("button", { name: "Add a step" }).click();
    await option(tab, event).click();
  }
  await tab.getByText("All time", { exact: true }).click();
  return readChart(tab, STEPS.length);
}

test("two suggestions make the first chart", async () => {
  await page.getByRole("button", { name: /^Start with/ }).first().click();
  await page.getByRole("button", { name: /^Then/ }).first().click();
  const chart = await readChart(page, 2);
  assert.equal(chart.length, 2);
  assert.match(await page.locator(".sentence").innerText(), /^(Of|Nobody)/);
});

test("a funnel built with the mouse has the numbers of the command line", async () => {
  const chart = await buildWithMouse(page);
  const answer = await funnelByCommand(...STEPS.flatMap((step) => ["--step", step]));
  assert.ok(answer.steps[2].count > 0, "the generated events hold conversions");
  assert.deepEqual(chart, chartOf(answer));
  const [first, last] = [answer.steps[0].count, answer.steps[2].count].map((n) => n.toLocaleString("en-US"));
  const sentence = await page.locator(".sentence").innerText();
  assert.ok(sentence.startsWith(`Of ${first} people who did view_job, ${last} (`), sentence);
  assert.match(await page.locator(".source").innerText(), /^Table version \d+, complete to .+\(Asia\/Seoul\), scanned [\d,]+ events in /);
});

test("the spec on the page answers the same on the command line", async () => {
  const chart = await buildWithMouse(page);
  await page.getByText("This question as JSON and as a command").click();
  const spec = await page.getByLabel("Query spec").innerText();
  const answer = await new Promise((resolve, reject) => {
    const args = ["funnel", "--lake", lake, "--spec", "-", "--format", "json"];
    const child = execFile(WEIR, args, (error, stdout) => (error ? reject(error) : resolve(JSON.parse(stdout))));
    child.stdin.end(spec);
  });
  assert.deepEqual(chart, chartOf(answer));
});

test("the command on the page answers the same in a shell", async () => {
  const chart = await buildWithMouse(page);
  await page.getByText("This question as JSON and as a command").click();
  const line = await page.getByLabel("Command line").innerText();
  const script = `weir() { "$WEIR_BIN" "$@" --format json; }; ${line}`;
  const { stdout } = await promisify(execFile)("sh", ["-c", script], { env: { ...process.env, WEIR_LAKE: lake } });
  assert.deepEqual(chart, chartOf(JSON.parse(stdout)));
});

test("a filter, moving and removing steps change the answer", async () => {
  const chart = await buildWithMouse(page);
  await page.getByRole("button", { name: "Move step 3 up" }).click();
  await page.locator(".funnel-step:nth-child(2)", { hasText: "apply_submit" }).waitFor();
  await page.getByRole("button", { name: "Remove step 2" }).click();
  await page.locator(".funnel:not(.is-waiting) .funnel-step:nth-child(2)", { hasText: "apply_start" }).waitFor();
  assert.deepEqual((await readChart(page, 2)).map(({ count }) => count), chart.slice(0, 2).map(({ count }) => count));
  await page.getByRole("button", { name: "Add a filter to step 2" }).click();
  await page.getByLabel("Property", { exact: true }).fill("no_such_property");
  await page.getByLabel("Value", { exact: true }).fill("1");
  await page.locator(".funnel-step:nth-child(2) .funnel-count b", { hasText: /^0$/ }).waitFor();
});

test("the address holds the whole question", async () => {
  const chart = await buildWithMouse(page);
  const address = page.url();
  await page.getByRole("button", { name: "Copy link" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), address);
  await page.reload();
  assert.deepEqual(await readChart(page, 3), chart);
  assert.equal(page.url(), address);
  await page.goBack();
  await page.locator(".choice input:checked + label", { hasText: "Last 30 days" }).waitFor();
  await page.goForward();
  assert.deepEqual(await readChart(page, 3), chart);
});

test("a step can be built with the keyboard alone", async () => {
  const chart = await buildWithMouse(page);
  await page.goto(origin);
  await page.reload();
  await page.locator(".suggestion").first().waitFor();
  for (let presses = 0; presses < 5; presses++) {
    if (await field(page, 1).evaluate((input) => input === document.activeElement)) break;
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("ArrowDown");
  assert.equal(await field(page, 1).getAttribute("aria-expanded"), "true");
  await page.keyboard.type("view_j");
  const active = await field(page, 1).getAttribute("aria-activedescendant");
  assert.equal(await page.locator(`[id="${active}"] bdi`).innerText(), "view_job");
  await page.keyboard.press("Enter");
  assert.equal(await field(page, 1).inputValue(), "view_job");
  assert.equal(await field(page, 1).getAttribute("aria-expanded"), "false");
  await readChart(page, 1);
  await page.getByRole("button", { name: "Add a step" }).focus();
  await page.keyboard.press("Enter");
  await page.keyboard.type("apply_start");
  await page.keyboard.press("Enter");
  await page.getByLabel("Last 30 days").focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  const built = await readChart(page, 2);
  assert.deepEqual(built.map(({ label }) => label), STEPS.slice(0, 2));
  await page.locator(".choice input:checked + label", { hasText: "All time" }).waitFor();
  assert.deepEqual((await readChart(page, 2)).map(({ count }) => count), chart.slice(0, 2).map(({ count }) => count));
});

test("an event that was just sent is in the list", async () => {
  const name = `<b>just "now"</b> & 지금 🎉`;
  const response = await fetch(`${origin}/v1/events`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ event: name, user_id: "ann" }),
  });
  assert.equal(response.status, 200);
  const deadline = Date.now() + 10_000;
  for (;;) {
    await page.reload();
    await page.locator(".suggestion").first().waitFor();
    await field(page, 1).click();
    if ((await option(page, name).count()) > 0) break;
    assert.ok(Date.now() < deadline, "the event is not in the list after 10 s");
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  await option(page, name).click();
  const [step] = await readChart(page, 1);
  assert.deepEqual([step.label, step.count], [name, "1"]);
});

test("a question the server refuses shows the reason beside it", async () => {
  const spec = { kind: "funnel", timezone: "Mars/Base", steps: [{ event: "view_job" }] };
  await page.goto(`${origin}/#q=${encodeURIComponent(JSON.stringify(spec))}`);
  await page.reload();
  await page.getByRole("heading", { name: "The question needs a change" }).waitFor();
  await page.locator("#problems-timezone").waitFor();
  complaints = complaints.filter((complaint) => !complaint.includes("status of 400"));
});

test("pictures", async () => {
  await buildWithMouse(page);
  await page.getByLabel("Property to break down by").fill("category");
  await page.locator(".breakdown").waitFor();
  const address = page.url();
  const looks = {
    "desktop-light": { colorScheme: "light" },
    "desktop-dark": { colorScheme: "dark" },
    phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
  };
  for (const [name, look] of Object.entries(looks)) {
    const [opened, tab] = await openPage(look);
    await tab.locator(".suggestion").first().waitFor();
    await tab.screenshot({ path: path.join(SCREENSHOTS, `${name}-start.png`), fullPage: true });
    await tab.goto(address);
    await tab.reload();
    await readChart(tab, 3);
    await tab.waitForTimeout(500);
    const overflow = await tab.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(overflow <= 0, `${name} is ${overflow} px too wide`);
    await tab.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`), fullPage: true });
    await opened.close();
  }
});
