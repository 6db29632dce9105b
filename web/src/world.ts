/** The world outside of the page, as actions see it. Tests have one of their own. */

import { type Api, api } from "./api";
import type { Address } from "./question/address";

/** Views of answers that are rarely looked at. */
export type OtherViews = typeof import("./views/others");

export interface World {
  api: Api;
  /** Fetches a part of the page. */
  others(): Promise<OtherViews>;
  timezone: string;
  /** Today as `YYYY-MM-DD` in a zone, `daysBack` days ago. */
  day(timezone: string, daysBack: number): string;
  /** Draws the state; called after every change. */
  draw(): void;
  address(): Address;
  /** Makes `hash` the address: a new entry of the history, or in place of the present one. */
  visit(hash: string, how: "push" | "replace"): void;
  copy(text: string): Promise<boolean>;
  /** Gives a file to the person. */
  download(name: string, content: Blob): void;
  /** Keeps a choice in this browser, such as the language. */
  keep(name: string, value: string): void;
  /** Runs `act` after some time; the returned function calls it off. */
  after(ms: number, act: () => void): () => void;
  visible(): boolean;
}

const KEPT = "weir.";

/** What was kept in this browser. */
export function kept(name: string): string | null {
  try {
    return localStorage.getItem(KEPT + name);
  } catch {
    return null; // a browser that keeps nothing
  }
}

export function browserWorld(timezone: string, draw: () => void): World {
  return {
    api,
    others: () => import("./views/others"),
    timezone,
    draw,
    day(zone, daysBack) {
      const date = new Date(Date.now() - daysBack * 86_400_000);
      return new Intl.DateTimeFormat("en-CA", { timeZone: zone, dateStyle: "short" }).format(date);
    },
    address: () => ({ hash: location.hash, search: location.search }),
    visit(hash, how) {
      const url = location.pathname + hash;
      if (how === "push") history.pushState(null, "", url);
      else history.replaceState(null, "", url);
    },
    copy,
    download(name, content) {
      const url = URL.createObjectURL(content);
      const link = document.createElement("a");
      link.href = url;
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
    },
    keep(name, value) {
      try {
        localStorage.setItem(KEPT + name, value);
      } catch {
        // Then it holds until the page is closed.
      }
    },
    after(ms, act) {
      const timer = setTimeout(act, ms);
      return () => clearTimeout(timer);
    },
    visible: () => document.visibilityState === "visible",
  };
}

/** Copies; where the page came over plain HTTP and has no clipboard, through a selection. */
async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "copy-area";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
