/** The whole page: its head, the part that the address names, and what lies over it. */

import { type TemplateResult, html, nothing } from "lit-html";
import { LANGUAGES, type Language } from "../messages";
import { ADMIN_PAGES, EXPLORE, type Route, hashOf } from "../routes";
import { THEMES, type Theme, isAdmin } from "../state";
import { failedPage, livePage, settingsPage } from "./admin";
import { cataloguePage } from "./catalogue";
import { type Context, typed } from "./context";
import { dashboardsPage } from "./dashboards";
import { logo } from "./icons";
import { embeddedPage } from "./embedded";
import { loginPage, sessionView } from "./login";
import { questionPanel } from "./question";
import { reportsPage } from "./reports";
import { resultPanel } from "./result";
import { sheetView } from "./sheet";
import { systemPage } from "./system";
import { usersPage } from "./users";

export function page(context: Context): TemplateResult {
  const { route } = context.state;
  const isSingle = route.page !== "explore" || isOutside(context);
  if (isAlone(route)) return html`<main id="main" class="layout is-embedded">${part(context)}</main> ${sheetView(context)}`;
  return html`${head(context)}
    <main id="main" class="layout ${isSingle ? "is-single" : ""}" tabindex="-1">${part(context)}</main>
    ${sheetView(context)}`;
}

/** Whether an answer stands alone, with nothing around it. */
function isAlone(route: Route): boolean {
  return route.page === "embedded" || (route.page === "explore" && route.embed);
}

/** Whether the server asks for a login, and nobody is logged in. */
function isOutside({ state: { session } }: Context): boolean {
  return session.status === "ready" && session.value.role === null;
}

function part(context: Context): TemplateResult {
  const { m, state } = context;
  const { route } = state;
  if (route.page === "embedded") return embeddedPage(context);
  if (isOutside(context) || route.page === "login") return html`<section class="panel page is-narrow">${loginPage(context)}</section>`;
  switch (route.page) {
    case "explore":
      if (route.embed) return html`<h1 class="spoken">${m.answer.label}</h1> ${resultPanel(context)}`;
      return html`<h1 class="spoken">${m.nav.explore}</h1>
        ${questionPanel(context)} ${resultPanel(context)}`;
    case "reports":
      return reportsPage(context);
    case "dashboards":
      return dashboardsPage(context);
    case "catalogue":
      return cataloguePage(context);
    case "users":
      return usersPage(context);
    case "live":
      return livePage(context);
    case "failed":
      return failedPage(context);
    case "settings":
      return settingsPage(context);
    case "system":
      return systemPage(context);
  }
}

function head(context: Context): TemplateResult {
  const { m, state } = context;
  const link = (name: string, to: Route) => html`<li>
    <a href=${hashOf(to)} aria-current=${state.route.page === to.page ? "page" : nothing}>${name}</a>
  </li>`;
  return html`<header class="top">
    <a class="brand" href="./" aria-label=${m.startPage}>${logo}<span class="wordmark">weir</span></a>
    <nav aria-label=${m.nav.label}>
      <ul class="nav">
        ${link(m.nav.explore, EXPLORE)} ${link(m.nav.reports, { page: "reports" })}
        ${link(m.nav.dashboards, { page: "dashboards", id: null })} ${link(m.nav.catalogue, { page: "catalogue", event: null })}
        ${link(m.nav.users, { page: "users", id: null })} ${isAdmin(state) ? ADMIN_PAGES.map((page) => link(m.nav[page], { page })) : nothing}
      </ul>
    </nav>
    ${looks(context)}
  </header>`;
}

function looks(context: Context): TemplateResult {
  const { state, actions, m } = context;
  return html`<div class="looks">
    ${sessionView(context)}
    <select aria-label=${m.look.language} @change=${(event: Event) => actions.setLanguage(typed(event) as Language)}>
      ${Object.entries(LANGUAGES).map(
        ([code, { language }]) => html`<option value=${code} lang=${code} ?selected=${code === state.language}>${language}</option>`,
      )}
    </select>
    <select aria-label=${m.look.theme} @change=${(event: Event) => actions.setTheme(typed(event) as Theme)}>
      ${THEMES.map((theme) => html`<option value=${theme} ?selected=${theme === state.theme}>${m.look[theme]}</option>`)}
    </select>
  </div>`;
}
