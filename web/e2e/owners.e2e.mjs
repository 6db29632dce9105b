/** Who looks after an event and what it is, from the tracking plan. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import { Stage } from "./support.mjs";

const PLAN = {
  weir_plan: 1,
  events: {
    view: { owner: "growth", description: "Somebody saw a job of <b>any</b> kind." },
    apply: { owner: "jobs" },
    pay: {},
  },
};
const event = (name, id) => ({ event: name, user_id: "ann", event_id: id, timestamp: new Date(Date.now() - 3_600_000).toISOString() });

const stage = new Stage({
  lines: () => ["view", "view", "apply", "pay", "unplanned"].map((name, index) => event(name, `m${index}`)),
  prepare: async (lake) => {
    const file = `${lake}.plan.json`;
    await writeFile(file, JSON.stringify(PLAN));
    await promisify(execFile)(process.env.WEIR_BIN, ["plan", "set", file, "--lake", lake]);
    await rm(file);
  },
});

test("events are found by who looks after them, and the page of one says what it is", async () => {
  const { page } = stage;
  await page.getByRole("link", { name: "Events", exact: true }).click();
  const names = () => page.locator("tbody th button").allInnerTexts();
  await page.locator("tbody tr").nth(3).waitFor();
  await page.getByRole("searchbox").fill("grow");
  assert.deepEqual(await names(), ["view"]);
  await page.getByRole("searchbox").fill("");
  await page.getByLabel("Owner", { exact: true }).selectOption("jobs");
  assert.deepEqual(await names(), ["apply"]);
  await page.getByLabel("Owner", { exact: true }).selectOption("nobody's");
  assert.deepEqual((await names()).sort(), ["pay", "unplanned"]);
  await page.getByLabel("Owner", { exact: true }).selectOption("all owners");
  await page.getByRole("button", { name: "view", exact: true }).click();
  await page.getByText("Somebody saw a job of <b>any</b> kind.").waitFor();
  await page.locator(".figures", { hasText: "growth" }).waitFor();
});
