/** A lake with ten thousand names of events and two thousand properties, and with names that are a trial. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Stage, field, option, readFunnel } from "./support.mjs";

const NAMES = 10_000;
const PROPERTIES = 2_000;
const TRIALS = [`<img src=x onerror="alert(1)">`, "مشاهدة الوظيفة", "🎉🎊 축하".repeat(8), "x".repeat(200), "a\tb  c"];

function lines() {
  const events = [];
  const at = Date.now() - 86_400_000;
  for (let i = 0; i < NAMES; i++) events.push({ event: `event_${String(i).padStart(5, "0")}`, user_id: `u${i % 50}`, timestamp: at + i, event_id: `n${i}` });
  const properties = Object.fromEntries(Array.from({ length: PROPERTIES }, (_, i) => [`property_${String(i).padStart(4, "0")}`, i % 7]));
  // A hundred of them to an event, which happens often enough to come first.
  const names = Object.keys(properties);
  for (let i = 0; i < names.length; i += 100) {
    const part = Object.fromEntries(names.slice(i, i + 100).map((name) => [name, properties[name]]));
    for (let n = 0; n < 3; n++) events.push({ event: `wide_${i / 100}`, user_id: "u1", timestamp: at + i, event_id: `w${i}-${n}`, properties: part });
  }
  TRIALS.forEach((event, i) => events.push({ event, user_id: "u1", timestamp: at + i, event_id: `t${i}`, properties: { [event]: event } }));
  return events;
}

const stage = new Stage({ lines });

/** The longest that a key kept the page from drawing, over some keys, in milliseconds. */
async function slowestKey(page, keys) {
  await page.evaluate(() => {
    window.slow = [];
    new PerformanceObserver((list) => window.slow.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: "event", durationThreshold: 16 });
  });
  for (const key of keys) {
    await page.keyboard.press(key);
    await page.waitForTimeout(60);
  }
  await page.waitForTimeout(300);
  return page.evaluate(() => Math.max(0, ...window.slow));
}

test("the list of ten thousand events is quick, and drawn as far as it is seen", async (t) => {
  const { page } = stage;
  await page.locator(".suggestion").first().waitFor();
  await field(page, 1).click();
  await page.locator("[role=option]").first().waitFor();
  const drawn = await page.locator("[role=option]").count();
  assert.ok(drawn < 60, `${drawn} lines are drawn`);
  assert.equal(await page.locator("[role=option]").first().getAttribute("aria-setsize"), String(NAMES + PROPERTIES / 100 + TRIALS.length + 1));
  const slowest = await slowestKey(page, [..."event_0", "ArrowDown", "ArrowDown", "Backspace", "Backspace", "5"]);
  t.diagnostic(`slowest key ${slowest} ms`);
  // The last line of all is reached by one key, and is the right one.
  await field(page, 1).fill("event_0999");
  await page.keyboard.press("ArrowUp");
  const active = await field(page, 1).getAttribute("aria-activedescendant");
  assert.equal(await page.locator(`[id="${active}"]`).getAttribute("aria-selected"), "true");
  await field(page, 1).fill("event_09999");
  await page.keyboard.press("Enter");
  const [step] = await readFunnel(page, 1);
  assert.deepEqual([step.label, step.count], ["event_09999", "1"]);
});

test("the list can be scrolled to its end", async () => {
  const { page } = stage;
  await page.locator(".suggestion").first().waitFor();
  await field(page, 1).click();
  await page.locator("[role=option]").first().waitFor();
  await page.getByRole("listbox").evaluate((list) => (list.scrollTop = list.scrollHeight));
  await page.getByRole("option", { name: "any event" }).click();
  assert.equal(await field(page, 1).inputValue(), "any event");
});

test("two thousand properties", async (t) => {
  const { page } = stage;
  await stage.ask({ kind: "funnel", timezone: "UTC", steps: [{ event: "*" }] });
  await page.getByRole("button", { name: "Add a filter to every step" }).click();
  await page.getByRole("option", { name: /property_/ }).first().waitFor();
  const slowest = await slowestKey(page, [..."property_1", "ArrowDown", "Backspace"]);
  t.diagnostic(`slowest key ${slowest} ms`);
  await page.getByLabel("Property", { exact: true }).fill("property_1999");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  // The focus has gone on to the value.
  await page.locator("[aria-label=Value]:focus").waitFor();
  await page.keyboard.type("4");
  await page.locator(".type-tag", { hasText: "number" }).waitFor();
  await page.getByRole("combobox", { name: "Value" }).fill("many");
  await page.getByText("property_1999 holds number; this compares with text.").waitFor();
  await page.getByRole("combobox", { name: "Value" }).fill("4");
  await page.locator("#result[aria-busy=false] .source").waitFor();
});

test("names with markup, another direction, emoji or 200 bytes are text, and break no layout", async () => {
  const { page } = stage;
  page.on("dialog", () => assert.fail("a name was run"));
  const steps = TRIALS.map((event) => ({ event }));
  for (const kind of [
    { kind: "funnel", steps, breakdown: { property: TRIALS[0], step: 1 } },
    { kind: "trends", series: steps, breakdown: TRIALS[1] },
    { kind: "paths", start: { event: TRIALS[3] } },
    { kind: "retention", start: { event: TRIALS[2] }, return: { event: TRIALS[0] } },
  ]) {
    for (const width of [390, 1360]) {
      await page.setViewportSize({ width, height: 900 });
      await stage.ask({ timezone: "UTC", ...kind });
      assert.equal(await page.locator("#result img").count(), 0);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(overflow <= 0, `${kind.kind} at ${width} is ${overflow} px too wide`);
    }
  }
  await stage.visit("#/catalogue");
  await page.getByRole("searchbox").fill("<img");
  await page.getByRole("button", { name: TRIALS[0] }).click();
  await page.getByRole("heading", { name: TRIALS[0] }).waitFor();
});
