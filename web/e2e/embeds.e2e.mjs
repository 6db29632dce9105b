/** The answer of a report on another site: made by an editor, seen by whoever has the link, ended. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Stage, readFunnel } from "./support.mjs";

const SITE = "https://wiki.example";
const stage = new Stage({ serve: true, flags: ["--frame-ancestor", SITE] });
const SPEC = {
  kind: "funnel", timezone: "Asia/Seoul", steps: [{ event: "view_job" }, { event: "apply_start" }], window: "14d", breakdown: "context.platform", interval: "day",
};
const SECTION = "This answer on another site";

/** Comes in, and saves the question as a report. */
async function saved(tab, name) {
  await stage.visit(`#q=${encodeURIComponent(JSON.stringify(SPEC))}`, tab);
  await tab.getByLabel("Token").fill(stage.tokens.editor);
  await tab.getByRole("button", { name: "Log in" }).click();
  await readFunnel(tab, 2);
  await tab.getByText(SECTION).click();
  await tab.getByText("Save this question as a report first").waitFor();
  await tab.getByRole("button", { name: "Save", exact: true }).click();
  await tab.getByLabel("Name", { exact: true }).fill(name);
  await tab.getByRole("dialog").getByRole("button", { name: "Save as new" }).click();
  await tab.locator(".report-bar", { hasText: name }).waitFor();
  return tab.url().split("/").at(-1);
}

/** Makes a link to the answer, and gives back its address. */
async function link(tab, name) {
  await tab.getByLabel("Name of the link, such as wiki").fill(name);
  await tab.getByRole("button", { name: "Make a link" }).click();
  await tab.getByText("It is shown only this once").waitFor();
  return tab.getByRole("group", { name: "Address" }).innerText();
}

/** A server takes up within seconds who may see what: until then, a link is tried again. */
async function untilThere(tab, place) {
  const deadline = Date.now() + 10_000;
  for (;;) {
    await tab.locator("#result[aria-busy=false]").waitFor();
    if ((await place.count()) > 0) return;
    assert.ok(Date.now() < deadline, await tab.locator("#main").innerText());
    await tab.waitForTimeout(500);
    await tab.reload();
  }
}

/** Opens an address as somebody who has no login, and tells what was asked of the server. */
async function asStranger(address) {
  const [opened, tab] = await stage.open({ locale: "en-US" });
  const asked = [];
  tab.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.startsWith("/api")) asked.push(`${request.method()} ${pathname}`);
  });
  await tab.goto(address);
  return [opened, tab, asked];
}

test("a link shows one answer to whoever has it, and nothing else, until it is ended", async () => {
  const { page } = stage;
  await saved(page, "Viewers who begin");
  const chart = await readFunnel(page, 2);
  const address = await link(page, "wiki");
  assert.match(address, new RegExp(`^${stage.origin}/#embed=we_`));
  await page.getByText(`These sites may frame it: ${SITE}.`).waitFor();
  await page.getByRole("button", { name: "Copy" }).last().click();
  const frame = await page.evaluate(() => navigator.clipboard.readText());
  assert.ok(frame.includes(`src="${address}"`) && frame.includes('title="Viewers who begin"'), frame);

  const [opened, tab, asked] = await asStranger(address);
  await untilThere(tab, tab.getByRole("heading", { name: "Viewers who begin" }));
  assert.deepEqual(await readFunnel(tab, 2), chart);
  await tab.locator(".breakdown tbody tr").first().waitFor();
  assert.equal(await tab.locator("header, form, a, button").count(), 0);
  assert.deepEqual([...new Set(asked)], ["GET /api/embedded", "POST /api/embedded/query"]);
  // The token opens nothing but that.
  const token = address.split("=").at(-1);
  const statuses = await tab.evaluate(async (given) => {
    const headers = { authorization: `Bearer ${given}`, "x-weir": "1", "content-type": "application/json" };
    const gets = ["reports", "catalogue", "user?id=a", "system", "embeds"].map((at) => fetch(`api/${at}`, { headers }));
    const query = fetch("api/query", { method: "POST", headers, body: JSON.stringify({ kind: "funnel", steps: [{ event: "view_job" }] }) });
    return (await Promise.all([...gets, query])).map(({ status }) => status);
  }, token);
  assert.deepEqual(statuses, [401, 401, 401, 401, 401, 401]);

  // It is not shown again to who comes back, and it can be ended.
  await page.reload();
  await page.getByText(SECTION).click();
  await page.getByRole("button", { name: "Disable: wiki" }).waitFor();
  assert.equal(await page.getByText("It is shown only this once").count(), 0);
  await page.getByRole("button", { name: "Disable: wiki" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Disable" }).click();
  await page.locator(".embeds-list", { hasText: "disabled" }).waitFor();
  await tab.reload();
  await untilThere(tab, tab.getByRole("heading", { name: "This link is no longer in force" }));
  await opened.close();
  stage.forgive("status of 401");
});

test("a name is used once, and a report that is removed says so", async () => {
  const { page } = stage;
  const id = await saved(page, "Gone soon");
  const address = await link(page, "soon gone");
  await page.getByLabel("Name of the link, such as wiki").fill("soon gone");
  await page.getByRole("button", { name: "Make a link" }).click();
  await page.getByText("There is a link called “soon gone” already").waitFor();
  await page.getByRole("link", { name: "Reports" }).click();
  await page.getByRole("button", { name: "Remove: Gone soon" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await page.getByRole("link", { name: "Gone soon" }).waitFor({ state: "detached" });
  const [opened, tab] = await asStranger(address);
  await untilThere(tab, tab.getByRole("heading", { name: "This report was removed" }));
  await opened.close();
  assert.ok(id.length > 0);
  stage.forgive("status of 40");
});

test("a viewer sees no links", async () => {
  const { page } = stage;
  await stage.visit(`#q=${encodeURIComponent(JSON.stringify(SPEC))}`);
  await page.getByLabel("Token").fill(stage.tokens.viewer);
  await page.getByRole("button", { name: "Log in" }).click();
  await readFunnel(page, 2);
  assert.equal(await page.getByText(SECTION).count(), 0);
  stage.forgive("status of 401");
});

test("a site that is named may frame it, another one may not", async () => {
  const { page } = stage;
  await saved(page, "Framed");
  const address = await link(page, "framed");
  const [straight, alone] = await asStranger(address);
  await untilThere(alone, alone.getByRole("heading", { name: "Framed" }));
  await straight.close();
  for (const [site, mayFrame] of [[SITE, true], ["https://other.example", false]]) {
    const [opened, tab] = await stage.open({ locale: "en-US" });
    await tab.route(`${site}/**`, (route) => route.fulfill({ contentType: "text/html", body: `<iframe src="${address}" width="900" height="600"></iframe>` }));
    await tab.goto(`${site}/page`);
    const steps = tab.frameLocator("iframe").locator(".funnel-step");
    if (mayFrame) await steps.nth(1).waitFor();
    else await tab.waitForTimeout(1500);
    assert.equal(await steps.count(), mayFrame ? 2 : 0, site);
    await opened.close();
  }
  stage.forgive(`request: ${SITE}`);
  stage.forgive("request: https://other.example");
  stage.forgive("frame-ancestors");
  stage.forgive("status of 401");
});
