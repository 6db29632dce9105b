/** The program and the browser, as tests and measurements start them. */

import { chromium } from "playwright-core";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const BROWSER_ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
  // A site that frames the page is one of this test's own, and the program is on this machine.
  "--disable-features=LocalNetworkAccessChecks",
];

export function openBrowser() {
  return chromium.launch({ executablePath: CHROMIUM, args: BROWSER_ARGS });
}

/** The address that the program announces on stderr. */
export function readOrigin(child) {
  return new Promise((resolve, reject) => {
    let seen = "";
    const late = setTimeout(() => reject(new Error(`no address on stderr after 120 s:\n${seen}`)), 120_000);
    child.stderr.setEncoding("utf8").on("data", (text) => {
      seen += text;
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(seen);
      if (found === null) return;
      clearTimeout(late);
      resolve(found[0]);
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`weir ended with ${code}:\n${seen}`)));
  });
}
