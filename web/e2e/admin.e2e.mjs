/** Pages for those who run the lake. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Stage } from "./support.mjs";

const stage = new Stage();

async function send(...events) {
  const response = await fetch(`${stage.origin}/v1/events`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(events) });
  return response.json();
}

test("events are seen as they arrive, and stand still while it is paused", async () => {
  const { page } = stage;
  await page.getByRole("link", { name: "Live" }).click();
  await page.locator(".live li").first().waitFor();
  await send({ event: "<i>landed</i>", user_id: "ann", properties: { plan: "pro" } });
  const row = page.locator(".live li", { hasText: "<i>landed</i>" });
  await row.waitFor();
  await row.locator("summary").click();
  await row.getByText('"plan": "pro"').waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  await send({ event: "while_paused", user_id: "ann" });
  await page.waitForTimeout(3500);
  assert.equal(await page.locator(".live li", { hasText: "while_paused" }).count(), 0);
  await page.getByRole("button", { name: "Go on" }).click();
  await page.locator(".live li", { hasText: "while_paused" }).waitFor();
  await page.getByRole("searchbox").fill("paused");
  assert.equal(await page.locator(".live li").count(), 1);
});

test("failed events: the reason, what was sent, another try, and away with them", async () => {
  const { page } = stage;
  await send({ event: "bad_time", user_id: "ann", timestamp: 12 }, { event: "nobody" });
  await page.getByRole("link", { name: "Failed" }).click();
  const deadline = Date.now() + 15_000;
  while ((await page.locator(".failed > li").count()) < 2) {
    assert.ok(Date.now() < deadline, "failed events are not listed after 15 s");
    await page.waitForTimeout(500);
    await page.reload();
    await page.locator(".page [role=status], .failed").first().waitFor();
  }
  const group = page.locator(".failed > li", { hasText: "bad_time" });
  await group.getByRole("button", { name: /^Show/ }).click();
  await group.locator(".failed-each button").click();
  await group.locator("pre", { hasText: '"timestamp"' }).waitFor();
  await group.getByRole("button", { name: /^Try again/ }).click();
  await page.getByText("Failed again: 1").waitFor();
  await page.getByRole("button", { name: /^Drop: .*bad_time/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Drop" }).click();
  await page.getByText("Dropped: 1.").waitFor();
  await group.waitFor({ state: "detached" });
  assert.equal(await page.locator(".failed > li", { hasText: "nobody" }).count(), 1);
});

test("a write key is made, works, is replaced and switched off", async () => {
  const { page } = stage;
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByLabel("Source, such as web").fill("x".repeat(300));
  await page.getByRole("button", { name: "Make a key" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Source, such as web").fill("shop");
  await page.getByRole("button", { name: "Make a key" }).click();
  await page.getByText("The key of shop:").waitFor();
  const key = await page.getByRole("group", { name: "Key" }).innerText();
  assert.match(key, /^wk_/);
  const row = page.locator("tbody tr", { hasText: "shop" }).first();
  await row.getByRole("button", { name: /^Switch off/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Switch off" }).click();
  await page.locator("tbody tr", { hasText: "off" }).waitFor();
  stage.forgive("status of 400");
});

test("the figures of the lake", async () => {
  const { page } = stage;
  await page.getByRole("link", { name: "System" }).click();
  await page.locator(".figures dd").first().waitFor();
  const stats = await stage.command("stats");
  const shown = await page.locator(".figures > div", { hasText: /^Events/ }).locator("dd").innerText();
  assert.equal(shown, stats.events.toLocaleString("en-US"));
  await page.getByText("as they landed").waitFor();
  // A directory costs nothing; how far behind it is, is known.
  await page.getByText("there is nothing to pay for").waitFor();
  assert.match(await page.locator(".figures").innerText(), /Complete up to\s+[\d.,]+ (ms|sec|min|hr|day)\S* ?.*ago/);
  assert.doesNotMatch(await page.locator(".system-times").innerText(), /Last event received\s+–/);
});
