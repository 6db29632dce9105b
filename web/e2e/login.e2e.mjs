/** `weir serve` for those who have a token: coming in, what a role may do, and a login that ends in the middle of work. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Stage, field, option, readFunnel } from "./support.mjs";

const stage = new Stage({ serve: true });
const SPEC = { kind: "funnel", timezone: "Asia/Seoul", steps: [{ event: "view_job" }, { event: "apply_start" }], window: "14d" };
const hash = `#q=${encodeURIComponent(JSON.stringify(SPEC))}`;

async function enter(tab, token) {
  await tab.getByLabel("Token").fill(token);
  await tab.getByRole("button", { name: "Log in" }).click();
}

test("a link is asked once the person is in, and a wrong token says so", async () => {
  const { page } = stage;
  await stage.visit(hash);
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  assert.equal(await page.locator("form.question").count(), 0);
  await enter(page, "wt_wrong");
  await page.getByRole("alert").waitFor();
  await enter(page, stage.tokens.viewer);
  await readFunnel(page, 2);
  assert.equal(await page.locator(".who").innerText(), "the viewer");
  const cookies = await page.context().cookies();
  assert.deepEqual(cookies.map(({ httpOnly, sameSite }) => [httpOnly, sameSite]), [[true, "Strict"]]);
  // It is not for scripts to read, and it lasts over a reload.
  assert.equal(await page.evaluate(() => document.cookie), "");
  await page.reload();
  await readFunnel(page, 2);
  stage.forgive("status of 401");
});

test("who comes back from a login that failed is told why, and still comes to where they wanted", async () => {
  const { page } = stage;
  await stage.visit(`#/login?failed=no_role&then=${encodeURIComponent("#/reports")}`);
  await page.getByRole("alert").getByText("You may not look in here yet").waitFor();
  await enter(page, "wt_wrong");
  await page.locator("#login-failed").waitFor();
  await enter(page, stage.tokens.viewer);
  await page.getByRole("heading", { name: "Reports" }).waitFor();
  assert.ok(page.url().endsWith("#/reports"), page.url());
  // The way in is not a page to come back to.
  await stage.visit(`#/login?then=${encodeURIComponent("#/catalogue")}`);
  await page.getByRole("heading", { name: "Events of this lake" }).waitFor();
  stage.forgive("status of 401");
});

test("a viewer looks, an editor saves, and who has left sees nothing", async () => {
  const { page } = stage;
  await stage.visit(hash);
  await enter(page, stage.tokens.viewer);
  await readFunnel(page, 2);
  assert.equal(await page.getByRole("button", { name: "Save", exact: true }).count(), 0);
  assert.equal(await page.getByRole("link", { name: "Settings" }).count(), 0);
  const refused = await page.evaluate(async (spec) => {
    const response = await fetch("api/reports", { method: "POST", headers: { "content-type": "application/json", "x-weir": "1" }, body: JSON.stringify({ name: "x", spec }) });
    return [response.status, (await response.json()).error.code];
  }, SPEC);
  assert.deepEqual(refused, [403, "wrong_role"]);
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  await enter(page, stage.tokens.editor);
  await readFunnel(page, 2);
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByLabel("Name", { exact: true }).fill("By the editor");
  await page.getByRole("dialog").getByRole("button", { name: "Save as new" }).click();
  await page.locator(".report-bar", { hasText: "By the editor" }).waitFor();
  await page.getByRole("link", { name: "Reports" }).click();
  await page.getByText("the editor").first().waitFor();
  stage.forgive("status of 40");
});

test("a login that ends in the middle of work loses nothing of the question", async () => {
  const { page } = stage;
  await stage.visit(hash);
  await enter(page, stage.tokens.editor);
  await readFunnel(page, 2);
  await page.context().clearCookies();
  await page.getByRole("button", { name: "Add a step" }).click();
  await field(page, 3).fill("apply_submit");
  await option(page, "apply_submit").click();
  await page.getByRole("heading", { name: "You are not logged in any more" }).waitFor();
  assert.equal(await field(page, 3).inputValue(), "apply_submit");
  await enter(page, stage.tokens.editor);
  const chart = await readFunnel(page, 3);
  assert.equal(chart[2].label, "apply_submit");
  stage.forgive("status of 401");
});
