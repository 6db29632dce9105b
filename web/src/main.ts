/** Puts the parts together: state, actions, views and the browser. */

import { render } from "lit-html";
import { Actions, type World, initialState } from "./actions";
import { api } from "./api";
import { chooseLocale, createFormat } from "./format";
import { stepIsChosen, stepName } from "./model";
import { problemsById } from "./spec";
import { page } from "./views/page";

const root = document.querySelector<HTMLElement>("#page")!;
const timezone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const timezones = Intl.supportedValuesOf("timeZone");
const format = createFormat(chooseLocale(document.documentElement.lang, navigator.languages));
const wide = matchMedia("(min-width: 62.01rem)");
const state = initialState(timezone);

const world: World = {
  api,
  timezone,
  day(zone, daysBack) {
    const date = new Date(Date.now() - daysBack * 86_400_000);
    return new Intl.DateTimeFormat("en-CA", { timeZone: zone, dateStyle: "short" }).format(date);
  },
  draw,
  address: () => ({ hash: location.hash, search: location.search }),
  visit(hash, how) {
    const url = location.pathname + hash;
    if (how === "push") history.pushState(null, "", url);
    else history.replaceState(null, "", url);
  },
  copy,
  after(ms, act) {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
  visible: () => document.visibilityState === "visible",
};
const actions = new Actions(state, world);
let drawing = false;

/** Draws once for all changes of one turn, and never in the middle of a drawing, where a lost focus may ask for it. */
function draw(): void {
  if (drawing) return;
  drawing = true;
  queueMicrotask(() => {
    drawing = false;
    drawNow();
  });
}

function drawNow(): void {
  const { answer, compiled } = state;
  const refused = answer.status === "failed" && answer.failure.kind === "invalid" ? answer.failure.problems : [];
  const problems = problemsById([...compiled.problems, ...refused], compiled.places);
  render(
    page({ state, actions, format, problems, timezones, wide: wide.matches, origin: location.origin, url: location.href }),
    root,
  );
  const chosen = state.question.steps.filter(stepIsChosen).map(stepName);
  document.title = [...(chosen.length > 0 ? [chosen.join(" → ")] : []), "weir"].join(" · ");
  moveFocus();
}

function moveFocus(): void {
  if (state.focus !== null) {
    const wanted = state.focus;
    state.focus = null;
    const element = document.getElementById(wanted);
    element?.focus({ preventScroll: element.tabIndex < 0 });
  }
  if (state.list?.active != null) root.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
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

wide.addEventListener("change", draw);
addEventListener("popstate", () => actions.openAddress());
actions.start();
