/** Building a funnel: by mouse, by keyboard, by its address. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Stage, field, funnelOf, option, readFunnel, readTable, share } from "./support.mjs";

const STEPS = ["view_job", "apply_start", "apply_submit"];
const stage = new Stage();

async function buildWithMouse(tab) {
  for (const [index, event] of STEPS.entries()) {
    if (index === 0) await field(tab, 1).click();
    else await tab.getByRole("button", { name: "Add a step" }).click();
    await option(tab, event).click();
  }
  await tab.getByText("All time", { exact: true }).click();
  return readFunnel(tab, STEPS.length);
}

test("two suggestions make the first chart", async () => {
  const { page } = stage;
  await page.getByRole("button", { name: /^Start with/ }).first().click();
  await page.getByRole("button", { name: /^Then/ }).first().click();
  const chart = await readFunnel(page, 2);
  assert.equal(chart.length, 2);
  assert.match(await page.locator(".sentence").innerText(), /^(Of|Nobody)/);
});

/** The question of the two long ones below, as the program takes it. */
const FIVE_STEPS = {
  kind: "funnel",
  timezone: "Asia/Seoul",
  steps: [
    { event: "app_open" },
    { event: "list_scroll" },
    { event: "view_job", where: [{ property: "context.platform", op: "in", value: ["android", "ios"] }] },
    { event: "apply_start" },
    { event: "apply_submit" },
  ],
  window: "7d",
  breakdown: { property: "context.platform", step: 3 },
};

async function sameAsTheProgram() {
  const { page } = stage;
  const answer = await stage.asked(FIVE_STEPS);
  assert.ok(answer.steps[2].count > 0, "the generated events go as far as step 3");
  assert.deepEqual(await readFunnel(page, 5), funnelOf(answer));
  await page.locator(".breakdown tbody tr").first().waitFor();
  const rows = await readTable(page.locator(".breakdown"));
  const expected = answer.breakdown.map(({ value, steps }) => [
    value ?? "not set", share(steps.at(-1).from_first), ...steps.map(({ count }) => count.toLocaleString("en-US")),
  ]);
  assert.deepEqual(rows.map((row) => row.slice(0, -1)), expected);
  const spec = JSON.parse(decodeURIComponent(new URL(page.url()).hash.slice(3)));
  assert.deepEqual(spec, FIVE_STEPS);
}

test("five steps with a filter and a breakdown, by mouse alone", async () => {
  const { page } = stage;
  for (const [index, { event }] of FIVE_STEPS.steps.entries()) {
    if (index === 0) await field(page, 1).click();
    else await page.getByRole("button", { name: "Add a step" }).click();
    await option(page, event).click();
  }
  await page.getByRole("button", { name: "Add a filter to step 3" }).click();
  await page.getByRole("option", { name: /^context\.platform/ }).click();
  await page.getByLabel("Operator").selectOption("in");
  for (const platform of ["android", "ios"]) {
    await page.getByRole("combobox", { name: "Value" }).click();
    await option(page, platform).click();
  }
  // A number field has its arrows for the mouse: seven from fourteen.
  const box = await page.getByLabel("Window", { exact: true }).boundingBox();
  await page.mouse.move(box.x + box.width - 12, box.y + box.height * 0.7);
  for (let presses = 0; presses < 7; presses++) await page.mouse.click(box.x + box.width - 12, box.y + box.height * 0.7);
  await page.getByText("All time", { exact: true }).click();
  await page.getByRole("combobox", { name: "Property to break down by" }).click();
  await page.getByRole("option", { name: /^context\.platform/ }).click();
  await page.getByLabel("Step that holds the property").selectOption({ index: 2 });
  await sameAsTheProgram();
});

/** Goes on with Tab until something has the focus. */
async function tabTo(page, locator) {
  for (let presses = 0; presses < 80; presses++) {
    if (await locator.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail("80 presses of Tab did not get there");
}

test("the same by keyboard alone", async () => {
  const { page } = stage;
  const { keyboard } = page;
  await page.locator(".suggestion").first().waitFor();
  await tabTo(page, field(page, 1));
  for (const [index, { event }] of FIVE_STEPS.steps.entries()) {
    if (index > 0) {
      await tabTo(page, page.getByRole("button", { name: "Add a step" }));
      await keyboard.press("Enter");
    }
    // Typing opens the list, and its first line is taken.
    await keyboard.type(event);
    const active = await field(page, index + 1).getAttribute("aria-activedescendant");
    assert.equal(await page.locator(`[id="${active}"] bdi`).innerText(), event);
    await keyboard.press("Enter");
    assert.equal(await field(page, index + 1).inputValue(), event);
  }
  // One too far, and back with Shift.
  const filter = page.getByRole("button", { name: "Add a filter to step 3" });
  for (let presses = 0; presses < 80 && !(await filter.evaluate((element) => element === document.activeElement)); presses++) {
    await keyboard.press("Shift+Tab");
  }
  await keyboard.press("Enter");
  await keyboard.type("context.platform");
  await keyboard.press("Tab");
  await keyboard.type("is one of");
  await keyboard.press("Tab");
  await keyboard.type("android, ios");
  await tabTo(page, page.getByLabel("Window", { exact: true }));
  await keyboard.press("Control+A");
  await keyboard.type("7");
  await tabTo(page, page.getByLabel("Last 30 days"));
  await keyboard.press("ArrowRight");
  await keyboard.press("ArrowRight");
  await tabTo(page, page.getByRole("combobox", { name: "Property to break down by" }));
  await keyboard.type("context.platform");
  await keyboard.press("Escape");
  await keyboard.press("Tab");
  await page.getByLabel("Step that holds the property").waitFor();
  await tabTo(page, page.getByLabel("Step that holds the property"));
  await keyboard.press("ArrowDown");
  await keyboard.press("ArrowDown");
  await sameAsTheProgram();
});

test("the spec and the command on the page answer the same elsewhere", async () => {
  const { page } = stage;
  const chart = await buildWithMouse(page);
  await page.getByText("This question as JSON and as a command").click();
  const spec = JSON.parse(await page.getByLabel("Query spec").innerText());
  assert.deepEqual(chart, funnelOf(await stage.asked(spec)));
  const line = await page.getByLabel("Command line").innerText();
  assert.deepEqual(chart, funnelOf(await stage.inShell(line)));
});

test("the JSON can be edited in place", async () => {
  const { page } = stage;
  await buildWithMouse(page);
  await page.getByText("This question as JSON and as a command").click();
  await page.getByRole("button", { name: "Edit the JSON" }).click();
  const json = page.getByRole("textbox", { name: "Query spec" });
  await json.fill("{");
  await page.getByText("This is not JSON").waitFor();
  assert.ok(await page.getByRole("button", { name: "Ask this" }).isDisabled());
  await json.fill(JSON.stringify({ kind: "funnel", steps: [{ event: "search" }, { event: "view_job" }] }));
  await page.getByRole("button", { name: "Ask this" }).click();
  const chart = await readFunnel(page, 2);
  assert.deepEqual(chart.map(({ label }) => label), ["search", "view_job"]);
  assert.equal(await field(page, 1).inputValue(), "search");
});

test("a filter, moving and removing steps change the answer", async () => {
  const { page } = stage;
  const chart = await buildWithMouse(page);
  await page.getByRole("button", { name: "Move step 3 up" }).click();
  await page.locator(".funnel-step:nth-child(2)", { hasText: "apply_submit" }).waitFor();
  // And back by dragging its number.
  await page.locator(".step:nth-child(2) .step-number").dragTo(page.locator(".step:nth-child(3)"));
  await page.locator(".funnel:not(.is-waiting) .funnel-step:nth-child(3)", { hasText: "apply_submit" }).waitFor();
  assert.deepEqual(await readFunnel(page, 3), chart);
  await page.getByRole("button", { name: "Remove step 3" }).click();
  await page.locator(".funnel-step:nth-child(3)").waitFor({ state: "detached" });
  assert.deepEqual((await readFunnel(page, 2)).map(({ count }) => count), chart.slice(0, 2).map(({ count }) => count));
  await page.getByRole("button", { name: "Add a filter to step 2" }).click();
  await page.getByLabel("Property", { exact: true }).fill("no_such_property");
  await page.getByRole("combobox", { name: "Value" }).fill("1");
  await page.locator(".funnel-step:nth-child(2) .funnel-count b", { hasText: /^0$/ }).waitFor();
});

test("a step is given a name by keyboard, and answers, links and commands have it", async () => {
  const { page } = stage;
  await stage.ask({ kind: "funnel", timezone: "UTC", steps: [{ event: "view_job" }, { event: "apply_start" }], window: "14d" });
  await page.getByRole("button", { name: "Give step 2 a name" }).focus();
  await page.keyboard.press("Enter");
  const name = page.getByLabel("Name of step 2");
  assert.ok(await name.evaluate((element) => element === document.activeElement), "the field has the focus");
  // Nothing written is no name, and the way back is where it was.
  await page.keyboard.press("Escape");
  await name.waitFor({ state: "detached" });
  await page.keyboard.press("Enter");
  await page.keyboard.type("Begins <b>to</b> apply");
  await page.locator(".sentence", { hasText: "went on to Begins <b>to</b> apply" }).waitFor();
  await page.reload();
  assert.equal(await name.inputValue(), "Begins <b>to</b> apply");
  await page.getByText("This question as JSON and as a command").click();
  const spec = { kind: "funnel", timezone: "UTC", steps: [{ event: "view_job" }, { event: "apply_start", label: "Begins <b>to</b> apply" }], window: "14d" };
  const answer = await stage.inShell(await page.getByLabel("Command line").innerText());
  assert.equal(answer.steps[1].label, "Begins <b>to</b> apply");
  assert.deepEqual(await readFunnel(page, 2), funnelOf(await stage.asked(spec)));
});

test("an exclusion, an optional step, a trend, a comparison and a cohort answer as the program does", async () => {
  const { page } = stage;
  await buildWithMouse(page);
  await page.getByRole("button", { name: "Exclude an event" }).click();
  await page.getByRole("combobox", { name: "Event of exclusion 1" }).fill("search");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "optional" }).first().click();
  await page.getByText("Last 30 days", { exact: true }).click();
  await page.getByLabel("Trend by").selectOption("week");
  await page.getByLabel("Compare with the period before").check();
  await page.getByText("More", { exact: true }).click();
  await page.getByRole("button", { name: "Add a condition on people" }).click();
  await page.getByRole("combobox", { name: "Event of condition 1 on people" }).fill("app_open");
  await page.keyboard.press("Enter");
  await page.locator(".funnel-count .before").first().waitFor();
  await page.locator("svg.line-chart").waitFor();
  const spec = JSON.parse(decodeURIComponent(new URL(page.url()).hash.slice(3)));
  assert.deepEqual(
    [spec.exclude, spec.steps[1].optional, spec.interval, spec.compare, spec.cohort],
    [[{ event: "search" }], true, "week", "previous", { event: "app_open" }],
  );
  assert.deepEqual(await readFunnel(page, 3), funnelOf(await stage.asked(spec)));
});

test("the users behind a number, and why one of them counts", async () => {
  const { page } = stage;
  await buildWithMouse(page);
  const answer = await stage.command("funnel", ...STEPS.flatMap((step) => ["--step", step]), "--users", "converted", "--users-step", "3", "--users-limit", "200");
  await page.getByRole("button", { name: /^See the [\d,]+ at apply_submit$/ }).click();
  const dialog = page.getByRole("dialog");
  await dialog.locator(".people li").first().waitFor();
  const listed = await dialog.locator(".people .person").allInnerTexts();
  assert.deepEqual(listed, answer.users.listed.map(({ user }) => user));
  await dialog.locator(".people button").first().click();
  await dialog.getByText("Went all the way.").waitFor();
  assert.equal(await dialog.locator(".is-chosen").count(), 3);
  await dialog.getByRole("button", { name: "User", exact: true }).click();
  await dialog.getByText("Left before").click();
  await dialog.getByRole("status").waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
});

test("why somebody counts or not is said in Korean as fully as in English", async () => {
  const spec = { kind: "funnel", timezone: "Asia/Seoul", steps: [{ event: "view_job" }, { event: "apply_start", where: [{ property: "wage", op: ">", value: 12_000 }] }, { event: "apply_submit" }], window: "1h" };
  const [opened, tab] = await stage.open({ locale: "ko-KR" });
  await stage.ask({ ...spec, breakdown: undefined }, tab);
  await tab.locator(".funnel-facts .lost button").first().click();
  await tab.locator(".people button").first().waitFor();
  for (let index = 0; index < 3; index += 1) {
    const user = tab.locator(".people button").nth(index);
    const id = await user.locator(".person").innerText();
    await user.click();
    await tab.locator(".verdict").waitFor();
    const explained = await (await fetch(`${stage.origin}/api/explain`, {
      method: "POST", headers: { "content-type": "application/json", "x-weir": "1" }, body: JSON.stringify({ user: id, spec }),
    })).json();
    assert.match(await tab.locator(".verdict").innerText(), new RegExp(`3단계 중 ${explained.depth}단계까지`));
    const said = await tab.locator(".timeline p").allInnerTexts();
    assert.equal(said.length, explained.events.length);
    for (const [place, text] of said.entries()) {
      const { reason, other, unmet } = explained.events[place];
      assert.match(text, /[가-힣]/, `${reason} is said as ${text}`);
      // What the English words name, these name as well.
      if (reason === "unmet") assert.ok(text.includes(String(unmet[0].value)), `${reason}: ${text}`);
      if (reason === "too_late" || reason === "later_start") assert.ok(text.includes(explained.events[other].event), `${reason}: ${text}`);
    }
    await tab.getByRole("button", { name: "사용자" }).click();
  }
  await opened.close();
});

test("the address holds the whole question", async () => {
  const { page } = stage;
  const chart = await buildWithMouse(page);
  const address = page.url();
  await page.getByRole("button", { name: "Copy link" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), address);
  await page.reload();
  assert.deepEqual(await readFunnel(page, 3), chart);
  assert.equal(page.url(), address);
  await page.goBack();
  await page.locator(".choice input:checked + label", { hasText: "Last 30 days" }).waitFor();
  await page.goForward();
  assert.deepEqual(await readFunnel(page, 3), chart);
});

test("an event that was just sent is in the list", async () => {
  const { page } = stage;
  const name = `<b>just "now"</b> & 지금 🎉`;
  const response = await fetch(`${stage.origin}/v1/events`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ event: name, user_id: "ann" }),
  });
  assert.equal(response.status, 200);
  const deadline = Date.now() + 10_000;
  for (;;) {
    await page.reload();
    await page.locator(".suggestion").first().waitFor();
    await field(page, 1).fill("just");
    if ((await option(page, name).count()) > 0) break;
    assert.ok(Date.now() < deadline, "the event is not in the list after 10 s");
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  await option(page, name).click();
  const [step] = await readFunnel(page, 1);
  assert.deepEqual([step.label, step.count], [name, "1"]);
});

test("a question the server refuses shows the reason beside it, and keeps it", async () => {
  const { page } = stage;
  await stage.visit(`#q=${encodeURIComponent(JSON.stringify({ kind: "funnel", timezone: "Mars/Base", steps: [{ event: "view_job" }] }))}`);
  await page.getByRole("heading", { name: "The question needs a change" }).waitFor();
  assert.equal(await page.locator("#problems-timezone").count(), 1);
  assert.equal(await field(page, 1).inputValue(), "view_job");
  stage.forgive("status of 400");
});

test("a link from elsewhere, a broken one, and an event that is gone say so", async () => {
  const { page } = stage;
  const elsewhere = { kind: "funnel", timezone: "UTC", steps: [{ event: "view_job", where: [{ property: "wage", op: "~", value: 1 }] }] };
  await stage.visit(`#q=${encodeURIComponent(JSON.stringify(elsewhere))}`);
  await page.getByText("cannot be built here").waitFor();
  // It is kept as JSON, unfolded, to be changed there.
  await page.getByRole("group", { name: "Query spec" }).getByText('"op": "~"').waitFor();
  await stage.visit("#q=%7B%22ki");
  await page.getByText("it is cut short or damaged").waitFor();
  await page.locator(".suggestion").first().waitFor();
  await stage.visit(`#q=${encodeURIComponent(JSON.stringify({ steps: [{ event: "view_jobs" }] }))}`);
  await page.getByText("No event of this lake is called view_jobs.").waitFor();
  await page.getByText("Nobody did view_jobs.").waitFor();
  stage.forgive("status of 400");
});

test("without the server the question is kept, and asked again", async () => {
  const { page } = stage;
  await buildWithMouse(page);
  await page.route("**/api/query", (route) => route.abort());
  await page.getByText("Last 7 days", { exact: true }).click();
  await page.getByRole("heading", { name: "The server cannot be reached" }).waitFor();
  assert.equal(await field(page, 3).inputValue(), "apply_submit");
  await page.unroute("**/api/query");
  await page.getByRole("button", { name: "Retry" }).click();
  await readFunnel(page, 3);
  stage.forgive("ERR_FAILED");
});
