/** Views for tests: drawn into an element, as `main.ts` draws the page. */

import { render } from "lit-html";
import type { Actions } from "./actions/page";
import { createFormat } from "./format";
import { LANGUAGES, type Language } from "./messages";
import type { State } from "./state";
import type { Context } from "./views/context";
import { page } from "./views/page";

const FORMATS = { en: createFormat("en-US"), ko: createFormat("ko-KR") };

export function contextFor(state: State, actions: Actions, language: Language = "en"): Context {
  return {
    state: { ...state, language },
    actions,
    m: LANGUAGES[language],
    format: FORMATS[language],
    problems: new Map(),
    wide: true,
    chartWidth: 640,
    timezones: ["UTC"],
    isAlone: false,
    origin: "https://weir.example",
    url: "https://weir.example/#/reports",
  };
}

/** The page as it is now. */
export function drawnPage(state: State, actions: Actions, language: Language = "en"): HTMLElement {
  const place = document.createElement("div");
  render(page(contextFor(state, actions, language)), place);
  return place;
}

/** Its text, each run of space as one. */
export function textOf(element: Element | null): string {
  return element?.textContent?.replace(/\s+/g, " ").trim() ?? "";
}
