/** Every page in both languages, both themes and three widths: nothing wider than the screen, no finding of axe, and a picture. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { test } from "node:test";
import { SCREENSHOTS, Stage } from "./support.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const stage = new Stage({ ready: keepSome });

const q = (spec) => `#q=${encodeURIComponent(JSON.stringify({ timezone: "Asia/Seoul", ...spec }))}`;
const STEPS = [{ event: "view_job" }, { event: "apply_start", where: [{ property: "wage", op: ">", value: 10_000 }] }, { event: "apply_submit" }];
const PAGES = {
  start: "",
  funnel: q({
    kind: "funnel", last: "30d", steps: STEPS, window: "7d", breakdown: "category", interval: "day", compare: "previous",
    exclude: [{ event: "search" }], cohort: { event: "app_open", at_least: 2, last: "90d" },
  }),
  trends: q({ kind: "trends", last: "30d", series: [{ event: "view_job" }, { event: "apply_submit", measure: "users" }], formulas: ["B / A"], moving_average: 7 }),
  groups: q({ kind: "trends", last: "30d", series: [{ event: "view_job" }], breakdown: "category", interval: "week" }),
  retention: q({ kind: "retention", last: "30d", start: { event: "app_open" }, interval: "week", periods: 4, breakdown: "context.platform" }),
  paths: q({ kind: "paths", last: "30d", start: { event: "view_job" }, depth: 4 }),
  lifecycle: q({ kind: "lifecycle", last: "30d", of: { event: "app_open" } }),
  stickiness: q({ kind: "stickiness", last: "30d" }),
  sessions: q({ kind: "sessions", last: "7d", interval: "day", breakdown: "context.platform", limit: 5 }),
  experiment: q({ kind: "experiment", steps: STEPS, variant: "context.platform", window: "1d" }),
  // A question that the builder has no controls for.
  raw: q({ kind: "funnel", steps: [{ event: "view_job", where: [{ property: "wage", op: "in", value: [null] }] }] }),
  refused: q({ kind: "funnel", steps: STEPS, timezone: "Mars/Base" }),
  report: () => `#/reports/${kept.report}`,
  reports: "#/reports",
  dashboards: "#/dashboards",
  dashboard: () => `#/dashboards/${kept.dashboard}`,
  olddashboard: () => `#/dashboards/${kept.dashboard}?revision=1`,
  catalogue: "#/catalogue",
  event: "#/catalogue/view_job",
  users: "#/users",
  live: "#/live",
  failed: "#/failed",
  settings: "#/settings",
  system: "#/system",
};
/** What the pages of saved things show. */
const kept = {};

async function keepSome() {
  const post = async (kind, document) => {
    const response = await fetch(`${stage.origin}/api/${kind}`, {
      method: "POST", headers: { "content-type": "application/json", "x-weir": "1" }, body: JSON.stringify(document),
    });
    assert.equal(response.status, 201, await response.clone().text());
    return (await response.json()).id;
  };
  const spec = (question) => JSON.parse(decodeURIComponent(question.slice(3)));
  kept.report = await post("reports", { name: "Viewers who apply", folder: "growth", description: "Every Monday.", spec: spec(PAGES.funnel) });
  const tiles = [{ report: kept.report, wide: true }, { text: "What to look at." }];
  for (const name of ["groups", "retention", "paths"]) tiles.push({ report: await post("reports", { name, spec: spec(PAGES[name]) }) });
  tiles.push({ report: await post("reports", { name: "experiment", spec: spec(PAGES.experiment) }) });
  kept.dashboard = await post("dashboards", { name: "Yesterday", tiles: [{ text: "As it was." }] });
  await fetch(`${stage.origin}/api/dashboards/${kept.dashboard}`, {
    method: "PUT", headers: { "content-type": "application/json", "x-weir": "1", "if-match": '"1"' }, body: JSON.stringify({ name: "Morning", tiles }),
  });
  await post("keys", { source: "shop" });
  await fetch(`${stage.origin}/v1/events`, { method: "POST", headers: { "content-type": "application/json" }, body: '{"event":"bad","user_id":"u","timestamp":12}' });
  await post("annotations", { date: new Date(Date.now() - 5 * 86_400_000).toISOString().slice(0, 10), text: "launch" });
}

const SCREENS = {
  wide: { viewport: { width: 1360, height: 900 } },
  middle: { viewport: { width: 800, height: 900 } },
  phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
};

async function findings(tab) {
  // By evaluation rather than a script element, which the content policy would forbid.
  await tab.evaluate(axe);
  const { violations } = await tab.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, any }) => `${html.slice(0, 160)} ${any[0]?.message ?? ""}`).join(" | ")}`);
}

for (const [language, locale] of Object.entries({ en: "en-US", ko: "ko-KR" })) {
  for (const colorScheme of ["light", "dark"]) {
    for (const [screen, look] of Object.entries(SCREENS)) {
      test(`${language}, ${colorScheme}, ${screen}`, async () => {
        const [opened, tab] = await stage.open({ ...look, locale, colorScheme, reducedMotion: "reduce" });
        const wrong = [];
        for (const [name, hash] of Object.entries(PAGES)) {
          await stage.visit(typeof hash === "function" ? hash() : hash, tab);
          await tab.locator("#result[aria-busy=false], .page, .tiles").first().waitFor();
          await tab.locator("text=/^(Loading|Looking|Asking|불러오는|이벤트를 살펴|묻는)/").first().waitFor({ state: "detached" });
          await tab.waitForFunction(() => document.documentElement.lang !== "");
          assert.equal(await tab.evaluate(() => document.documentElement.lang), language);
          const overflow = await tab.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
          if (overflow > 0) wrong.push(`${name} is ${overflow} px too wide`);
          wrong.push(...(await findings(tab)).map((finding) => `${name}: ${finding}`));
          await tab.screenshot({ path: path.join(SCREENSHOTS, `${name}-${language}-${colorScheme}-${screen}.png`), fullPage: true });
        }
        stage.forgive("status of 400");
        await opened.close();
        assert.deepEqual(wrong, []);
      });
    }
  }
}

test("a list, the users behind a number and why one counts have no finding either", async () => {
  const { page } = stage;
  await stage.ask({ kind: "funnel", timezone: "UTC", steps: STEPS.slice(0, 1) });
  await page.getByRole("combobox", { name: "Event of step 1" }).click();
  assert.deepEqual(await findings(page), []);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: /^See the/ }).click();
  await page.locator(".people li").first().waitFor();
  assert.deepEqual(await findings(page), []);
  await page.locator(".people button").first().click();
  await page.locator(".verdict").waitFor();
  assert.deepEqual(await findings(page), []);
});

test("language and theme are chosen on the page, and kept", async () => {
  const { page } = stage;
  await page.getByLabel("Language").selectOption("ko");
  await page.getByText("사람들은 어디서 시작하나요?").waitFor();
  await page.getByLabel("화면", { exact: true }).selectOption("dark");
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await page.reload();
  await page.getByText("사람들은 어디서 시작하나요?").waitFor();
  assert.equal(await ground(), dark);
  await page.getByLabel("화면", { exact: true }).selectOption("light");
  assert.notEqual(await ground(), dark);
});
