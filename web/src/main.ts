/** Puts the parts together: state, actions, views and the browser. */

import { render } from "lit-html";
import { Actions } from "./actions/page";
import { type Format, chooseLocale, createFormat } from "./format";
import { LANGUAGES, type Language, chooseLanguage, isLanguage } from "./messages";
import { problemsById } from "./question/compile";
import { isChosen, mainSelections } from "./question/model";
import { otherKindOf } from "./question/others";
import { isAdminPage } from "./routes";
import { type State, THEMES, type Theme, initialState } from "./state";
import type { Context } from "./views/context";
import { page } from "./views/page";
import { SHEET_ID } from "./views/sheet";
import { selectionName } from "./words";
import { browserWorld, kept } from "./world";

/** Charts are drawn anew when the room for them changes by as much. */
const WIDTH_STEP = 24;
const WIDEST = 1250;

const root = document.querySelector<HTMLElement>("#page")!;
const timezone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const timezones = Intl.supportedValuesOf("timeZone");
const wide = matchMedia("(min-width: 62.01rem)");
const state = initialState(timezone, keptLanguage(), keptTheme());
const formats = new Map<Language, Format>();
let drawing = false;
let chartWidth = 640;
const actions = new Actions(state, browserWorld(timezone, draw));

function keptLanguage(): Language {
  const found = kept("language");
  return isLanguage(found) ? found : chooseLanguage(navigator.languages);
}

function keptTheme(): Theme {
  return THEMES.find((theme) => theme === kept("theme")) ?? "auto";
}

function formatOf(language: Language): Format {
  let format = formats.get(language);
  if (format === undefined) {
    format = createFormat(chooseLocale(language, navigator.languages));
    formats.set(language, format);
  }
  return format;
}

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
  const context = contextOf(state);
  const looks = document.documentElement;
  looks.lang = state.language;
  if (state.theme === "auto") delete looks.dataset.theme;
  else looks.dataset.theme = state.theme;
  render(page(context), root);
  document.title = titleOf(context);
  watchRoom();
  showSheet();
  moveFocus();
}

function contextOf(state: State): Context {
  const { answer, compiled } = state;
  const m = LANGUAGES[state.language];
  const refused = answer.status === "failed" && answer.failure.kind === "invalid" ? answer.failure.problems : [];
  const local = compiled.problems.map(({ field, what }) => ({ field, message: m.problems[what] }));
  return {
    state,
    actions,
    m,
    format: formatOf(state.language),
    problems: problemsById([...local, ...refused], compiled.places),
    wide: wide.matches,
    chartWidth,
    timezones,
    isAlone: false,
    origin: location.origin,
    url: location.href,
  };
}

function titleOf({ state, m }: Context): string {
  const { route } = state;
  if (route.page === "embedded") return state.embedded?.status === "ready" ? `${state.embedded.value.report.name} · weir` : "weir";
  if (route.page === "login") return `${m.login.title} · weir`;
  if (route.page === "reports") return `${m.nav.reports} · weir`;
  if (route.page === "dashboards") {
    const name = state.dashboard?.status === "ready" && route.id !== null ? state.dashboard.value.dashboard.name : m.nav.dashboards;
    return `${name} · weir`;
  }
  if (route.page === "catalogue") return `${route.event ?? m.nav.catalogue} · weir`;
  if (route.page === "users") return `${route.id ?? m.nav.users} · weir`;
  if (isAdminPage(route)) return `${m.nav[route.page]} · weir`;
  const other = otherKindOf(state.raw?.spec);
  if (other !== null) return `${m.kinds[other]} · weir`;
  const chosen = mainSelections(state.question).filter(isChosen).map((selection) => selectionName(selection, m));
  return [...(chosen.length > 0 ? [chosen.join(" → ")] : []), "weir"].join(" · ");
}

/** A dialog is opened and closed by calls, not by what it holds. */
function showSheet(): void {
  const sheet = document.getElementById(SHEET_ID);
  if (!(sheet instanceof HTMLDialogElement)) return;
  if (state.sheet !== null && !sheet.open) sheet.showModal();
  if (state.sheet === null && sheet.open) sheet.close();
}

function moveFocus(): void {
  if (state.focus === null) return;
  const wanted = state.focus;
  state.focus = null;
  const element = document.getElementById(wanted);
  element?.focus({ preventScroll: element.tabIndex < 0 });
}

const room = new ResizeObserver(([entry]) => {
  if (entry === undefined) return;
  const inner = Math.min(WIDEST, entry.contentRect.width);
  const width = Math.max(280, Math.floor(inner / WIDTH_STEP) * WIDTH_STEP);
  if (width === chartWidth) return;
  chartWidth = width;
  draw();
});

let watched: Element | null = null;

/** What a chart stands in changes with the page that is shown. */
function watchRoom(): void {
  const place = document.querySelector("#main > .result, #main > .page, #main > .dashboard");
  if (place === watched) return;
  watched = place;
  room.disconnect();
  if (place !== null) room.observe(place);
}

wide.addEventListener("change", draw);
addEventListener("popstate", () => actions.openAddress());
actions.start();
