/**
 * The page against the real program: `weir dev` with generated events behind it, Chromium in front.
 *
 *     WEIR_BIN=/path/to/weir npm run e2e          (CHROMIUM names the browser, /usr/bin/chromium by default)
 */

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, afterEach, before, beforeEach } from "node:test";
import { promisify } from "node:util";
import { openBrowser, readOrigin } from "./program.mjs";

const WEIR = process.env.WEIR_BIN;
export const SCREENSHOTS = path.join(import.meta.dirname, "screenshots");

/** One program and one browser for the tests of a file, and a fresh page for each. */
export class Stage {
  lake;
  origin;
  page;
  /** What must not happen on any page: errors on the console, requests to another host. */
  complaints = [];
  #server;
  #browser;
  #context;

  /** Tokens by the name of their role, where the program asks for them. */
  tokens = {};

  /**
   * Sets the stage. `demo` is how many events are generated; `lines` are events to begin with instead. With `serve` the
   * program answers as `weir serve` does, to those who have a token. `port` is where it listens, `flags` are more of its own, `prepare` is called with the lake
   * before it starts, `ready` once all is up.
   */
  constructor({ demo = 5000, lines = null, locale = "en-US", serve = false, port = 0, flags = [], prepare = async () => {}, ready = async () => {} } = {}) {
    before(async () => {
      assert.ok(WEIR, "set WEIR_BIN to the weir program");
      this.lake = await mkdtemp(path.join(tmpdir(), "weir-page-"));
      if (lines !== null) await this.#import(lines());
      if (serve) {
        const { stdout } = await promisify(execFile)(WEIR, ["demo", "--events", String(demo)], { maxBuffer: 1 << 28 });
        await this.#import(stdout);
        for (const role of ["viewer", "editor", "admin"]) {
          const made = await promisify(execFile)(WEIR, ["tokens", "add", "--name", `the ${role}`, "--role", role, "--lake", this.lake, "--format", "json"]);
          this.tokens[role] = JSON.parse(made.stdout).token;
        }
      }
      await prepare(this.lake);
      const more = [...flags, ...(lines === null && !serve ? ["--demo", String(demo)] : [])];
      this.#server = spawn(WEIR, [serve ? "serve" : "dev", "--lake", this.lake, "--port", String(port), ...more], { stdio: ["ignore", "ignore", "pipe"] });
      this.origin = await readOrigin(this.#server);
      this.#browser = await openBrowser();
      await mkdir(SCREENSHOTS, { recursive: true });
      await ready();
    });
    after(async () => {
      await this.#browser?.close();
      await end(this.#server);
      if (this.lake) await rm(this.lake, { recursive: true, force: true });
    });
    beforeEach(async () => {
      this.complaints = [];
      [this.#context, this.page] = await this.open({ locale });
      await this.page.goto(this.origin);
    });
    afterEach(async () => {
      await this.#context?.close();
      assert.deepEqual(this.complaints, []);
    });
  }

  async #import(lines) {
    const file = path.join(this.lake, "..", `${path.basename(this.lake)}.ndjson`);
    await writeFile(file, typeof lines === "string" ? lines : lines.map((line) => JSON.stringify(line)).join("\n"));
    await promisify(execFile)(WEIR, ["import", file, "--lake", this.lake]);
    await rm(file);
  }

  /** Another window, with a look of its own. */
  async open(options = {}) {
    const opened = await this.#browser.newContext({ viewport: { width: 1360, height: 900 }, timezoneId: "Asia/Seoul", acceptDownloads: true, ...options });
    await opened.grantPermissions(["clipboard-read", "clipboard-write"]);
    const tab = await opened.newPage();
    tab.setDefaultTimeout(15_000);
    tab.on("console", (message) => {
      if (message.type() === "error") this.complaints.push(`console: ${message.text()}`);
    });
    tab.on("pageerror", (error) => this.complaints.push(`error: ${error.message}`));
    tab.on("request", (request) => {
      const url = new URL(request.url());
      // A picture that the page draws for itself comes from nowhere.
      if (url.origin !== this.origin && !["data:", "blob:"].includes(url.protocol)) this.complaints.push(`request: ${request.url()}`);
    });
    return [opened, tab];
  }

  /** A question that the server refuses is on the console of the browser, too. */
  forgive(text) {
    this.complaints = this.complaints.filter((complaint) => !complaint.includes(text));
  }

  /** Goes to an address of the page, as a link does. */
  async visit(hash, tab = this.page) {
    await tab.goto("about:blank");
    await tab.goto(`${this.origin}/${hash}`);
  }

  /** Asks a question by its address. */
  async ask(spec, tab = this.page) {
    await this.visit(`#q=${encodeURIComponent(JSON.stringify(spec))}`, tab);
    await tab.locator("#result[aria-busy=false] .source").waitFor();
  }

  /** What the program answers to a command with `--format json`. */
  async command(...args) {
    const { stdout } = await promisify(execFile)(WEIR, [args[0], "--lake", this.lake, ...args.slice(1), "--format", "json"], { maxBuffer: 1 << 26 });
    return JSON.parse(stdout);
  }

  /** What it answers to a spec. */
  async asked(spec) {
    const args = [spec.kind, "--lake", this.lake, "--spec", "-", "--format", "json"];
    return new Promise((resolve, reject) => {
      const child = execFile(WEIR, args, { maxBuffer: 1 << 26 }, (error, stdout) => (error ? reject(error) : resolve(JSON.parse(stdout))));
      child.stdin.end(JSON.stringify(spec));
    });
  }

  /** What a command line as the page shows it answers in a shell. */
  async inShell(line) {
    const script = `weir() { "$WEIR_BIN" "$@" --format json; }; ${line}`;
    const { stdout } = await promisify(execFile)("sh", ["-c", script], { env: { ...process.env, WEIR_LAKE: this.lake }, maxBuffer: 1 << 26 });
    return JSON.parse(stdout);
  }
}

async function end(server) {
  if (!server || server.exitCode !== null) return;
  const ended = new Promise((resolve) => server.once("exit", resolve));
  server.kill("SIGTERM");
  const late = setTimeout(() => server.kill("SIGKILL"), 10_000);
  await ended;
  clearTimeout(late);
}

// What is on the page.

export function field(tab, step) {
  return tab.getByRole("combobox", { name: `Event of step ${step}`, exact: true });
}

export function option(tab, name) {
  return tab.getByRole("option").filter({ has: tab.getByText(name, { exact: true }) });
}

/** The numbers of the funnel, once it has as many steps as asked for. */
export async function readFunnel(tab, steps) {
  await tab.locator(`.funnel:not(.is-waiting) .funnel-step:nth-child(${steps})`).waitFor();
  return tab.locator(".funnel-step").evaluateAll((rows) =>
    rows.map((row) => {
      const text = (selector) => row.querySelector(selector)?.textContent ?? null;
      return {
        label: text(".funnel-name bdi"),
        count: text(".funnel-count b"),
        onward: text(".funnel-facts .go-on b"),
        lost: text(".funnel-facts .lost b"),
        open: text(".funnel-facts .still-open b"),
      };
    }),
  );
}

/** The same rows, from an answer of the command line. */
export function funnelOf(answer) {
  const number = (value) => value.toLocaleString("en-US");
  return answer.steps.map((step, index) => {
    const before = answer.steps[index - 1];
    return {
      label: step.label,
      count: number(step.count),
      onward: before ? share(step.from_previous) : null,
      lost: before ? number(before.count - step.count - step.in_window) : null,
      open: before && step.in_window > 0 ? number(step.in_window) : null,
    };
  });
}

/** A share as the page writes it. */
export function share(value) {
  const percent = (part) => part.toLocaleString("en-US", { style: "percent", maximumFractionDigits: 1 });
  if (value > 0 && value < 0.001) return `<${percent(0.001)}`;
  if (value < 1 && value > 0.999) return `>${percent(0.999)}`;
  return percent(value);
}

/** The cells of a table, row by row. */
export async function readTable(table) {
  return table.locator("tbody tr").evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent.replace(/\s+/g, " ").trim())));
}
