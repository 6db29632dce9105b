/** Trends, retention and paths: built by hand, with the numbers of the program; and what can be taken away. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Stage, option, readTable, share } from "./support.mjs";

const stage = new Stage();

async function choose(page, name, event) {
  await page.getByRole("combobox", { name, exact: true }).click();
  await option(page, event).click();
}

function specOf(page) {
  return JSON.parse(decodeURIComponent(new URL(page.url()).hash.slice(3)));
}

async function answered(page) {
  await page.locator("#result[aria-busy=false] .source").waitFor();
}

/** The command on the page, asked in a shell, answers as its JSON does. */
async function commandAgrees(page, answer) {
  await page.getByText("This question as JSON and as a command").click();
  const { scanned: _, ...inShell } = await stage.inShell(await page.getByLabel("Command line").innerText());
  const { scanned: __, ...expected } = answer;
  assert.deepEqual(inShell, expected);
}

test("trends of two series, a formula and groups", async () => {
  const { page } = stage;
  await page.getByText("Trends", { exact: true }).click();
  await choose(page, "Event of series A", "view_job");
  await page.getByRole("button", { name: "Add a series" }).click();
  await option(page, "apply_submit").click();
  await page.getByLabel("Measure of series B").selectOption("users");
  await page.getByRole("button", { name: "Add a formula" }).click();
  await page.getByRole("textbox", { name: "Formula 1", exact: true }).fill("B / A");
  await page.getByLabel("One point for each").selectOption("week");
  await page.locator(".legend", { hasText: "B / A" }).waitFor();
  await answered(page);
  const spec = specOf(page);
  assert.deepEqual(spec, {
    kind: "trends", last: "30d", timezone: "Asia/Seoul", interval: "week",
    series: [{ event: "view_job" }, { event: "apply_submit", measure: "users" }], formulas: ["B / A"],
  });
  const fixed = { ...spec, last: undefined, from: "2026-01-01" };
  await stage.ask(fixed);
  const answer = await stage.asked(fixed);
  const figures = await page.locator(".figures dd").allInnerTexts();
  assert.deepEqual(figures.slice(0, 2), answer.series.slice(0, 2).map(({ total }) => total.toLocaleString("en-US")));
  await page.getByText("Values as a table").click();
  const rows = await readTable(page.locator(".values"));
  assert.deepEqual(rows.map(([, views]) => views), answer.series[0].values.map((value) => value.toLocaleString("en-US")));
  await commandAgrees(page, answer);
  // A chart is read with the keys, and its values are said.
  await page.locator(".chart-stage").first().focus();
  await page.keyboard.press("Home");
  assert.match(await page.locator(".chart .spoken").first().innerText(), /view_job: [\d,]+/);
});

test("a group of a breakdown can be looked at alone", async () => {
  const { page } = stage;
  await stage.ask({ kind: "trends", timezone: "UTC", series: [{ event: "view_job" }], breakdown: "context.platform" });
  await page.locator(".breakdown tbody th button", { hasText: "ios" }).click();
  await answered(page);
  const spec = specOf(page);
  assert.deepEqual(spec.where, [{ property: "context.platform", op: "=", value: "ios" }]);
  const answer = await stage.asked(spec);
  await page.locator(".figures dd", { hasText: answer.series[0].total.toLocaleString("en-US") }).waitFor();
});

test("retention", async () => {
  const { page } = stage;
  await page.getByText("Retention", { exact: true }).click();
  await choose(page, "Event they begin with", "app_open");
  await choose(page, "Event they come back with", "view_job");
  await page.getByLabel("Cohorts by").selectOption("week");
  await page.getByLabel("Periods").fill("4");
  await page.getByText("All time", { exact: true }).click();
  await page.locator(".retention thead th").nth(6).waitFor();
  const spec = specOf(page);
  assert.deepEqual(spec, {
    kind: "retention", timezone: "Asia/Seoul", start: { event: "app_open" }, return: { event: "view_job" }, interval: "week", periods: 4,
  });
  const answer = await stage.asked(spec);
  const [whole, ...cohorts] = await readTable(page.locator(".retention"));
  assert.deepEqual(whole.slice(1), [answer.whole.users.toLocaleString("en-US"), ...answer.whole.returned.map((cell) => share(cell.share))]);
  assert.deepEqual(
    cohorts.map((row) => row.slice(1)),
    answer.cohorts.map(({ users, returned }) => [users.toLocaleString("en-US"), ...returned.map((cell) => (cell === null ? "" : share(cell.share)))]),
  );
  await commandAgrees(page, answer);
});

test("paths, on from an event and towards one", async () => {
  const { page } = stage;
  await page.getByText("Paths", { exact: true }).click();
  await choose(page, "Event of the paths", "view_job");
  await page.locator("svg.flow").waitFor();
  await page.getByRole("combobox", { name: "Paths", exact: true }).selectOption("end");
  await page.locator(".flow-node[aria-label^='Step 1: view_job']").waitFor();
  await page.getByText("All time", { exact: true }).click();
  await answered(page);
  const spec = specOf(page);
  assert.deepEqual(spec, { kind: "paths", timezone: "Asia/Seoul", end: { event: "view_job" } });
  const answer = await stage.asked(spec);
  const nodes = await page.locator(".flow-node").evaluateAll((found) => found.map((node) => node.getAttribute("aria-label")));
  const named = answer.levels.flatMap(({ level, nodes }) =>
    nodes.filter(({ event }) => event !== undefined).map(({ event, count, share: part }) => `Step ${level}: ${event}, ${count.toLocaleString("en-US")} (${share(part)})`),
  );
  for (const label of named) assert.ok(nodes.includes(label), `${label} is not among ${nodes.join("; ")}`);
  await commandAgrees(page, answer);
});

test("looking at another kind asks about the same events, and loses nothing", async () => {
  const { page } = stage;
  await stage.ask({ kind: "funnel", timezone: "UTC", steps: [{ event: "view_job" }, { event: "apply_start" }], window: "3d" });
  await page.getByText("Trends", { exact: true }).click();
  await page.locator("svg.line-chart").waitFor();
  assert.deepEqual(specOf(page).series, [{ event: "view_job" }, { event: "apply_start" }]);
  await page.getByText("Funnel", { exact: true }).click();
  await page.locator(".funnel-step").nth(1).waitFor();
  assert.equal(specOf(page).window, "3d");
});

test("an answer is taken away as CSV, Markdown, drawing and picture", async () => {
  const { page } = stage;
  const spec = { kind: "funnel", timezone: "UTC", steps: [{ event: "view_job" }, { event: "apply_start" }] };
  await stage.ask(spec);
  const answer = await stage.asked(spec);
  const take = async (what) => {
    const waiting = page.waitForEvent("download");
    await page.getByText("Export", { exact: true }).click();
    await page.getByRole("button", { name: what }).click();
    const download = await waiting;
    return [download.suggestedFilename(), await readFile(await download.path())];
  };
  const [csvName, csv] = await take("Table (CSV)");
  assert.match(csvName, /^weir-funnel-\d+\.csv$/);
  assert.deepEqual(
    csv.toString().split("\r\n").slice(1, 3).map((line) => line.split(",").slice(0, 3)),
    answer.steps.map(({ step, label, count }) => [String(step), label, String(count)]),
  );
  const [, markdown] = await take("Table (Markdown)");
  assert.ok(markdown.toString().includes(`| 1 | view\\_job | ${answer.steps[0].count} |`), markdown.toString());
  const [, svg] = await take("Drawing (SVG)");
  assert.ok(svg.toString().startsWith("<svg") && svg.toString().includes("view_job"));
  assert.ok(!svg.toString().includes("class="), "the drawing needs no sheet");
  const [pngName, png] = await take("Picture (PNG)");
  assert.match(pngName, /\.png$/);
  assert.deepEqual([...png.subarray(0, 4)], [0x89, 0x50, 0x4e, 0x47]);
  assert.ok(png.length > 4000, `a picture of ${png.length} bytes is empty`);
  // A chart of lines is taken as it is on the page.
  await stage.ask({ kind: "trends", timezone: "UTC", series: [{ event: "view_job" }] });
  const [, lines] = await take("Drawing (SVG)");
  assert.match(lines.toString(), /<path [^>]*stroke="rgb\(/);
});

test("the answer alone", async () => {
  const { page } = stage;
  const spec = { kind: "funnel", timezone: "UTC", steps: [{ event: "view_job" }], window: "14d" };
  await stage.visit(`#q=${encodeURIComponent(JSON.stringify(spec))}&embed`);
  await page.locator(".funnel-step").waitFor();
  assert.equal(await page.locator("header, form").count(), 0);
});

test("the catalogue leads to an event, and from there to a question about it", async () => {
  const { page } = stage;
  await page.getByRole("link", { name: "Events" }).click();
  await page.getByRole("searchbox", { name: "Find an event" }).fill("apply_s");
  await page.getByRole("button", { name: "apply_start" }).click();
  await page.getByRole("heading", { name: "apply_start" }).waitFor();
  await page.locator("svg.line-chart").waitFor();
  const catalogue = await stage.command("events", "apply_start");
  await page.locator(".figures dd", { hasText: catalogue.count.toLocaleString("en-US") }).first().waitFor();
  await page.getByRole("link", { name: "Ask a funnel that starts with it" }).click();
  await page.locator(".funnel-step").waitFor();
  assert.equal(specOf(page).steps[0].event, "apply_start");
});

test("a user's events, the newest first, and a user that there is not", async () => {
  const { page } = stage;
  const funnel = await stage.command("funnel", "--step", "apply_submit", "--users", "converted", "--users-limit", "1");
  const { user } = funnel.users.listed[0];
  await page.getByRole("link", { name: "Users" }).click();
  await page.getByRole("searchbox").fill(user);
  await page.getByRole("button", { name: "Look up" }).click();
  await page.locator(".timeline li").first().waitFor();
  const timeline = await stage.command("user", user, "--limit", "1000");
  const shown = await page.locator(".timeline .name").allInnerTexts();
  assert.deepEqual(shown, timeline.events.map(({ event }) => event).reverse());
  await page.getByText("Properties").first().click();
  await page.getByText("context.platform").first().waitFor();
  await page.getByRole("searchbox").fill("nobody at all");
  await page.getByRole("button", { name: "Look up" }).click();
  await page.getByText("Nobody here is called nobody at all.").waitFor();
});
