/** Kinds of questions that the page shows and does not build: with the numbers of the program, in both languages. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Stage, readTable, share } from "./support.mjs";

const stage = new Stage();
const ZONE = { timezone: "Asia/Seoul" };
const LIFECYCLE = { kind: "lifecycle", ...ZONE, last: "14d", of: { event: "app_open" } };
const STICKINESS = { kind: "stickiness", ...ZONE, last: "30d" };
const SESSIONS = { kind: "sessions", ...ZONE, last: "14d", interval: "day", breakdown: "context.platform", limit: 4 };
const EXPERIMENT = { kind: "experiment", ...ZONE, steps: [{ event: "app_open" }, { event: "view_job" }], variant: "context.platform", window: "1d" };
const number = (value) => value.toLocaleString("en-US");

/** Asks, and waits until the views of these kinds are there. */
async function ask(spec, tab = stage.page) {
  await stage.ask(spec, tab);
  await tab.locator(".answer-tools .menu").waitFor();
}

async function take(page, what) {
  const waiting = page.waitForEvent("download");
  await page.getByText("Export", { exact: true }).click();
  await page.getByRole("button", { name: what }).click();
  const download = await waiting;
  return [download.suggestedFilename(), (await readFile(await download.path())).toString()];
}

test("lifecycle: who is new, who comes back, who has gone quiet", async () => {
  const { page } = stage;
  await ask(LIFECYCLE);
  const answer = await stage.asked(LIFECYCLE);
  const last = answer.buckets.filter(({ open }) => !open).at(-1);
  const shown = await page.locator(".figures dd").allInnerTexts();
  assert.deepEqual(shown, [last.new + last.returning + last.resurrecting, last.new, last.returning, last.resurrecting, last.dormant].map(number));
  assert.match(await page.locator(".sentence").innerText(), /did app_open \(.*the last day that is over\)/);
  await page.getByText("Values as a table").click();
  const rows = await readTable(page.locator(".values"));
  assert.deepEqual(rows.map((row) => row.slice(2)), answer.buckets.map((each) => [each.new, each.returning, each.resurrecting, each.dormant].map(number)));
  // It is read with the keys, as other charts are.
  await page.locator(".chart-stage").focus();
  await page.keyboard.press("Home");
  assert.match(await page.locator(".chart .spoken").innerText(), /New: [\d,]+, Returning: [\d,]+, Back after a pause: [\d,]+, Gone quiet: [\d,]+/);
  const [name, csv] = await take(page, "Table (CSV)");
  assert.match(name, /^weir-lifecycle-\d+\.csv$/);
  assert.equal(csv.split("\r\n")[1].split(",").slice(3).join(), [answer.buckets[0].new, answer.buckets[0].returning, answer.buckets[0].resurrecting, answer.buckets[0].dormant].join());
  const [, svg] = await take(page, "Drawing (SVG)");
  assert.ok(svg.startsWith("<svg"));
});

test("stickiness: on how many days", async () => {
  const { page } = stage;
  await ask(STICKINESS);
  const answer = await stage.asked(STICKINESS);
  const used = answer.active.filter(({ at_least }) => at_least > 0);
  assert.deepEqual(
    await readTable(page.locator("table")),
    used.map((row) => [String(row.periods), number(row.users), share(row.share), number(row.at_least), share(row.at_least_share)]),
  );
  const [, markdown] = await take(page, "Table (Markdown)");
  assert.ok(markdown.includes(`| 1 | ${used[0].users} |`), markdown);
});

test("sessions: how many, how long, from what to what", async () => {
  const { page } = stage;
  await ask(SESSIONS);
  const answer = await stage.asked(SESSIONS);
  assert.equal(await page.locator(".figures dd").first().innerText(), number(answer.sessions));
  const first = await readTable(page.getByRole("region", { name: "They begin with" }));
  assert.deepEqual(first.map(([event, count]) => [event, count]), answer.first_events.map(({ event, count }) => [event ?? "all others", number(count)]));
  const groups = await readTable(page.locator(".breakdown"));
  assert.deepEqual(groups.map(([name, sessions]) => [name, sessions]), answer.breakdown.map(({ value, sessions }) => [value ?? "not set", number(sessions)]));
  await page.locator("svg.line-chart").waitFor();
  await page.locator(".histogram-row").first().waitFor();
});

test("an experiment: the verdict in words, and the numbers behind it", async () => {
  const { page } = stage;
  await ask(EXPERIMENT);
  const answer = await stage.asked(EXPERIMENT);
  assert.equal(await page.locator(".sentence").innerText(), answer.verdict.sentence);
  const [variants] = await page.locator("table").all();
  const rows = await readTable(variants);
  assert.deepEqual(rows.map(([name, users, converted]) => [name, users, converted]), answer.variants.map(({ value, control, users, converted }) => [control ? `${value} control` : value, number(users), number(converted)]));
  for (const { sentence } of answer.caveats) await page.getByText(sentence).waitFor();
  // The same in Korean, with the same numbers.
  const [opened, tab] = await stage.open({ locale: "ko-KR" });
  await ask(EXPERIMENT, tab);
  const sentence = await tab.locator(".sentence").innerText();
  assert.match(sentence, /[가-힣]/);
  if (answer.verdict.code === "split_mismatch") for (const { users } of answer.variants) assert.ok(sentence.includes(number(users)), sentence);
  for (const caveat of await tab.locator(".caveats li").allInnerTexts()) assert.match(caveat, /[가-힣]/);
  await opened.close();
});

test("such a question is changed as JSON, saved, opened again, and stands on a dashboard", async () => {
  const { page } = stage;
  await ask(STICKINESS);
  await page.locator("form.question").getByRole("button", { name: "Edit the JSON" }).click();
  const json = page.getByRole("textbox", { name: "Query spec" });
  assert.ok(await json.evaluate((element) => element === document.activeElement), "the field has the focus");
  await json.fill(JSON.stringify({ ...STICKINESS, last: "7d" }));
  await page.getByRole("button", { name: "Ask this" }).click();
  await page.locator(".sentence", { hasText: "in the last 7 days" }).waitFor();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Save as new" }).click();
  await page.locator(".report-bar", { hasText: "Stickiness" }).waitFor();
  const id = page.url().split("/").at(-1);
  await page.getByRole("link", { name: "Reports" }).click();
  await page.locator(".type-tag-inline", { hasText: "Stickiness" }).waitFor();
  await page.getByRole("link", { name: "Stickiness" }).click();
  await page.locator(".sentence", { hasText: "in the last 7 days" }).waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
  const made = await fetch(`${stage.origin}/api/dashboards`, {
    method: "POST", headers: { "content-type": "application/json", "x-weir": "1" }, body: JSON.stringify({ name: "D", tiles: [{ report: id }], last: "90d" }),
  });
  await stage.visit(`#/dashboards/${(await made.json()).id}`);
  await page.locator(".tile-sentence", { hasText: "in the last 90 days" }).waitFor();
  await page.locator(".tile svg.line-chart").waitFor();
  assert.equal(await page.locator(".tile pre").count(), 0);
});

test("the page is begun without the part that shows these", async () => {
  const [opened, tab] = await stage.open({ locale: "en-US" });
  const fetched = [];
  tab.on("response", (response) => fetched.push(new URL(response.url()).pathname));
  await stage.ask({ kind: "funnel", ...ZONE, steps: [{ event: "view_job" }], window: "14d" }, tab);
  const isOthers = (at) => /\/assets\/others-.*\.js$/.test(at);
  assert.deepEqual(fetched.filter(isOthers), []);
  await ask(STICKINESS, tab);
  assert.equal(fetched.filter(isOthers).length, 1);
  await opened.close();
});
