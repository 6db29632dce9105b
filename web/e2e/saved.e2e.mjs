/** What is kept: reports, dashboards and notes; and two who save at once. */

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { Stage, readFunnel } from "./support.mjs";

const stage = new Stage();
const SPEC = { kind: "funnel", timezone: "Asia/Seoul", steps: [{ event: "view_job" }, { event: "apply_start" }], window: "14d" };

/** Saves a question under a name, and gives back its id. */
async function save(tab, name, folder = "") {
  await tab.getByRole("button", { name: "Save", exact: true }).click();
  await tab.getByLabel("Name", { exact: true }).fill(name);
  await tab.getByLabel("Folder").fill(folder);
  await tab.getByRole("dialog").getByRole("button", { name: /^Save/ }).first().click();
  await tab.locator(".report-bar", { hasText: name }).waitFor();
  return tab.url().split("/").at(-1);
}

test("a question is saved, found in the list, opened, changed and saved again", async () => {
  const { page } = stage;
  await stage.ask(SPEC);
  const chart = await readFunnel(page, 2);
  const id = await save(page, "Viewers who begin", "growth/weekly");
  await page.reload();
  assert.deepEqual(await readFunnel(page, 2), chart);
  await page.getByRole("link", { name: "Reports" }).click();
  await page.getByRole("heading", { name: "growth/weekly" }).waitFor();
  await page.getByRole("searchbox").fill("begin");
  await page.getByRole("link", { name: "Viewers who begin" }).click();
  assert.deepEqual(await readFunnel(page, 2), chart);
  assert.ok(page.url().endsWith(`#/reports/${id}`), page.url());
  await page.getByText("Last 30 days", { exact: true }).click();
  await page.getByText("changed, not saved").waitFor();
  // The address of a changed report is the whole question, and still knows where it came from.
  await page.reload();
  await page.getByText("changed, not saved").waitFor();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("changed, not saved").waitFor({ state: "detached" });
  const { revision, spec } = await (await fetch(`${stage.origin}/api/reports/${id}`)).json();
  assert.deepEqual([revision, spec], [2, { ...SPEC, last: "30d" }]);
});

test("two editors save at once: the second is told, sees both, and nothing is lost", async () => {
  const { page } = stage;
  await stage.ask(SPEC);
  const id = await save(page, "Shared");
  const [opened, other] = await stage.open({ locale: "en-US" });
  await stage.visit(`#/reports/${id}`, other);
  await readFunnel(other, 2);
  await page.getByText("Last 7 days", { exact: true }).click();
  await other.getByText("Last 90 days", { exact: true }).click();
  for (const tab of [page, other]) {
    await tab.getByText("changed, not saved").waitFor();
    await tab.getByRole("button", { name: "Save", exact: true }).click();
    await tab.getByLabel("Name", { exact: true }).waitFor();
  }
  // Both press at once; one of them is first.
  await Promise.all([page, other].map((tab) => tab.getByRole("dialog").getByRole("button", { name: "Save", exact: true }).click()));
  // One dialog closes, the other one says so.
  const open = (tab) => tab.locator("dialog[open]").count();
  const told = (tab) => tab.getByText("saved this while you worked on it").count();
  const tabs = [page, other];
  const deadline = Date.now() + 15_000;
  let second = -1;
  while (second < 0) {
    assert.ok(Date.now() < deadline, "nobody is told");
    const [seen, opens] = [await Promise.all(tabs.map(told)), await Promise.all(tabs.map(open))];
    if (seen[0] + seen[1] === 1 && opens[0] + opens[1] === 1) second = seen.indexOf(1);
    else await page.waitForTimeout(50);
  }
  const { spec: first } = await (await fetch(`${stage.origin}/api/reports/${id}`)).json();
  const lasts = ["7d", "90d"];
  assert.equal(first.last, lasts[1 - second]);
  const tab = tabs[second];
  await tab.getByRole("button", { name: "Save mine over it" }).click();
  await tab.locator("dialog[open]").waitFor({ state: "hidden" });
  const { revision, spec } = await (await fetch(`${stage.origin}/api/reports/${id}`)).json();
  assert.deepEqual([revision, spec.last], [3, lasts[second]]);
  await opened.close();
  stage.forgive("status of 412");
});

test("a report comes back from its history, and goes and comes back from the list", async () => {
  const { page } = stage;
  await stage.ask(SPEC);
  const id = await save(page, "First name");
  await page.getByText("Last 7 days", { exact: true }).click();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByLabel("Name", { exact: true }).fill("Second name");
  await page.getByRole("dialog").getByRole("button", { name: "Save", exact: true }).click();
  await page.locator(".report-bar", { hasText: "Second name" }).waitFor();
  await page.getByRole("link", { name: "Reports" }).click();
  await page.getByRole("button", { name: "History: Second name" }).click();
  await page.getByRole("button", { name: "Restore" }).click();
  await page.getByRole("link", { name: "First name" }).waitFor();
  await page.getByRole("button", { name: "Remove: First name" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await page.getByRole("link", { name: "First name" }).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Removed" }).click();
  await page.getByRole("link", { name: "First name" }).waitFor();
  const { revision, removed } = await (await fetch(`${stage.origin}/api/reports/${id}`)).json();
  assert.deepEqual([revision, removed], [4, true]);
});

test("a dashboard is made, filled, arranged and looked at in another time", async () => {
  const { page } = stage;
  await stage.ask(SPEC);
  await save(page, "Funnel tile");
  await stage.ask({ kind: "trends", timezone: "Asia/Seoul", last: "30d", series: [{ event: "view_job" }] });
  await save(page, "Trend tile");
  await page.getByRole("link", { name: "Dashboards" }).click();
  await page.getByLabel("Name of the dashboard").fill("Morning");
  await page.getByRole("button", { name: "Make a dashboard" }).click();
  await page.getByRole("button", { name: "Change" }).click();
  await page.getByLabel("Add a report…").selectOption({ label: "Funnel tile" });
  await page.locator(".tile .funnel-step").nth(1).waitFor();
  await page.getByLabel("Add a report…").selectOption({ label: "Trend tile" });
  await page.locator(".tile svg.line-chart").waitFor();
  await page.getByRole("button", { name: "Add a text" }).click();
  await page.getByLabel("Text").fill("Look at <b>Monday</b>.");
  await page.getByRole("button", { name: "Move tile 2 up" }).click();
  await page.getByRole("button", { name: "wide" }).first().click();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("button", { name: "Change" }).waitFor();
  await page.reload();
  await page.locator(".tile svg.line-chart").waitFor();
  const titles = await page.locator(".tile h2").allInnerTexts();
  assert.deepEqual(titles, ["Trend tile", "Funnel tile"]);
  assert.equal(await page.locator(".tile").first().getAttribute("class"), "panel tile is-wide");
  await page.getByText("Look at <b>Monday</b>.").waitFor();
  await page.getByLabel("Time of all reports").selectOption("7d");
  await page.locator(".tile-sentence", { hasText: "in the last 7 days" }).first().waitFor();
  await page.locator(".tile h2 a").first().click();
  await page.locator(".report-bar", { hasText: "Trend tile" }).waitFor();
});

test("a dashboard's history: an old one is looked at, and made again; one that was removed comes back", async () => {
  const { page } = stage;
  await page.getByRole("link", { name: "Dashboards" }).click();
  await page.getByLabel("Name of the dashboard").fill("Was so");
  await page.getByRole("button", { name: "Make a dashboard" }).click();
  const save = async (text, name) => {
    await page.getByRole("button", { name: "Change" }).click();
    await page.getByRole("button", { name: "Add a text" }).click();
    await page.getByLabel("Text").last().fill(text);
    await page.getByLabel("Name of the dashboard").fill(name);
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByRole("button", { name: "Change" }).waitFor();
  };
  await save("the first text", "Was so");
  await save("the second text", "Is so");
  await page.getByRole("button", { name: "History: Is so" }).click();
  await page.getByRole("button", { name: "Look at revision 2" }).click();
  await page.getByText("This is revision 2 of 3").waitFor();
  await page.getByRole("heading", { name: "Was so" }).waitFor();
  assert.deepEqual(await page.locator(".tile-text").allInnerTexts(), ["the first text"]);
  assert.equal(await page.getByRole("button", { name: "Change" }).count(), 0);
  // It is an address like any other.
  await page.reload();
  await page.getByText("This is revision 2 of 3").waitFor();
  await page.getByRole("link", { name: "See it as it is now" }).click();
  await page.getByText("the second text").waitFor();
  await page.goBack();
  await page.getByRole("button", { name: "Restore" }).click();
  await page.getByText("This is revision 2 of 3").waitFor({ state: "detached" });
  await page.getByRole("heading", { name: "Was so" }).waitFor();
  const id = page.url().split("/").at(-1);
  const { revision, name } = await (await fetch(`${stage.origin}/api/dashboards/${id}`)).json();
  assert.deepEqual([revision, name], [4, "Was so"]);

  await page.getByRole("link", { name: "Dashboards" }).click();
  await page.getByRole("button", { name: "Remove: Was so" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await page.getByRole("link", { name: "Was so" }).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Removed" }).click();
  await page.getByRole("button", { name: "History: Was so" }).click();
  await page.getByRole("button", { name: "Restore revision 3" }).click();
  await page.getByRole("button", { name: "Removed" }).click();
  await page.getByRole("link", { name: "Is so" }).waitFor();
});

test("a note on a day marks the charts", async () => {
  const { page } = stage;
  await stage.ask({ kind: "trends", timezone: "Asia/Seoul", last: "7d", series: [{ event: "view_job" }] });
  await page.getByRole("button", { name: "Notes on days" }).click();
  await page.getByLabel("What happened").fill("launch of <i>search</i>");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("dialog").getByText("launch of <i>search</i>").waitFor();
  await page.keyboard.press("Escape");
  await page.locator(".note title", { hasText: "launch of" }).waitFor({ state: "attached" });
  await page.locator(".chart-stage").focus();
  await page.keyboard.press("End");
  assert.match(await page.locator(".readout-time").innerText(), /launch of <i>search<\/i>/);
});

test("a report as a cohort, and a report that is gone", async () => {
  const { page } = stage;
  await stage.ask(SPEC);
  const id = await save(page, "Cohort");
  const spec = { kind: "trends", timezone: "Asia/Seoul", series: [{ event: "view_job", measure: "users" }], cohort: { report: id, step: 2 } };
  await stage.ask(spec);
  const answer = await stage.asked(spec);
  await page.locator(".figures dd", { hasText: answer.series[0].total.toLocaleString("en-US") }).waitFor();
  assert.ok(answer.series[0].total > 0);
  await stage.visit("#/reports/no-such-report");
  await page.getByRole("heading", { name: "This is not here" }).waitFor();
  stage.forgive("status of 404");
});

test("a report that a newer weir saved is listed and shown, and not saved over", async () => {
  const { page } = stage;
  await stage.ask(SPEC);
  const id = await save(page, "From the future");
  // As a newer weir would: the next revision, of a format that this one does not know.
  const folder = path.join(stage.lake, "saved", "reports", id);
  const document = JSON.parse(await readFile(path.join(folder, "00000000000000000001.json"), "utf8"));
  const newer = { ...document, format: 99, revision: 2, spec: { kind: "telepathy", of: "users" }, hologram: true };
  await writeFile(path.join(folder, "00000000000000000002.json"), JSON.stringify(newer));
  await page.getByRole("link", { name: "Reports" }).click();
  await page.getByText("saved by a newer weir").waitFor();
  await stage.visit(`#/reports/${id}`);
  await page.locator(".report-bar", { hasText: "saved by a newer weir" }).waitFor();
  const refused = await page.evaluate(async (at) => {
    const response = await fetch(`api/reports/${at}`, {
      method: "PUT", headers: { "content-type": "application/json", "x-weir": "1", "if-match": '"2"' },
      body: JSON.stringify({ name: "x", spec: { kind: "funnel", steps: [{ event: "a" }] } }),
    });
    return response.status;
  }, id);
  assert.equal(refused, 409);
  stage.forgive("status of 40");
});

test("a report is checked on a schedule, and a check that cannot be says why", async () => {
  const { page } = stage;
  await stage.ask(SPEC);
  const answer = await stage.asked(SPEC);
  const conversion = answer.steps[1].from_first;
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByLabel("Name", { exact: true }).fill("Checked");
  await page.getByLabel("Check it on a schedule").check();
  await page.getByRole("dialog").getByRole("button", { name: "Save as new" }).click();
  await page.getByText("check.below").waitFor();
  await page.getByLabel("Fails below, in %").fill(String(Math.ceil(conversion * 100) + 1));
  await page.getByLabel("Call this address when that changes").fill("https://hooks.example/x");
  await page.getByRole("dialog").getByRole("button", { name: "Save as new" }).click();
  await page.locator(".report-bar", { hasText: "Checked" }).waitFor();
  await page.getByRole("link", { name: "Reports" }).click();
  await page.getByRole("button", { name: "Check now: Checked" }).click();
  const line = page.locator(".check-line", { hasText: "Fails." });
  await line.waitFor();
  assert.match(await line.innerText(), /conversion is [\d.]+\s?%, below/);
  await line.getByText("webhook not allowed").waitFor();
  const { checks } = await (await fetch(`${stage.origin}/api/checks`)).json();
  assert.deepEqual(checks.map(({ name, state, value }) => [name, state, value]), [["Checked", "failing", conversion]]);
  stage.forgive("status of 400");
});
