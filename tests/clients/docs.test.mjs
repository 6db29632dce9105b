/** Runs the examples of docs/SENDING.md as they stand there, with the address and the key of a collector. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, test } from "node:test";

import { chromium } from "playwright-core";

import { BROWSER_ARGS, CHROMIUM, KEY, startCollector, until } from "./harness.mjs";

const here = import.meta.dirname;
const SENDING = path.join(here, "../../docs/SENDING.md");

let collector, examples;

before(async () => {
  collector = await startCollector();
  const text = (await readFile(SENDING, "utf8")).replaceAll("https://events.example.com", collector.origin);
  const blocks = text.replaceAll("YOUR_WRITE_KEY", KEY).matchAll(/^```(\w+)\n(.*?)^```$/gms);
  examples = [...blocks].map(([, language, code]) => ({ language, code }));
});
after(() => collector?.stop());

function run(program, args) {
  const child = spawn(program, args, { cwd: here, stdio: ["ignore", "ignore", "inherit"] });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`${program} ended with ${code}`))));
  });
}

/** Runs every example of a language, and checks that each event that it names has landed. */
async function runAll(language, start) {
  const found = examples.filter((example) => example.language === language);
  assert.ok(found.length > 0, `no example in ${language}`);
  for (const { code } of found) {
    const name = /doc_\w+/.exec(code)[0];
    await start(code);
    const count = code.split(name).length - 1;
    await until(name, async () => (await collector.received(name)).length === count, 20);
  }
}

test("curl", () => runAll("sh", (code) => run("bash", ["-ec", code])));

test("Python", () => runAll("python", (code) => run(process.env.WEIR_CLIENTS_PYTHON, ["-c", code])));

test("Node", () =>
  runAll("js", async (code) => {
    // Beside the packages, so that they are found.
    const file = path.join(here, `.example-${process.pid}.mjs`);
    await writeFile(file, code);
    await run(process.execPath, [file]).finally(() => rm(file));
  }));

test("pages", async () => {
  const client = await readFile(createRequire(import.meta.url).resolve("@segment/analytics-next/dist/umd/index.js"));
  let page = "";
  const site = http.createServer((request, response) => {
    const isScript = request.url === "/client.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? client : `<!doctype html><title>Example</title>${page}`);
  });
  await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: BROWSER_ARGS });
  try {
    const tab = await browser.newPage();
    await runAll("html", async (code) => {
      page = code;
      await tab.goto(`http://127.0.0.1:${site.address().port}/`);
    });
  } finally {
    await browser.close();
    site.close();
  }
});
