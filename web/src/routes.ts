/**
 * Which page an address shows. `#q=…` and nothing are the builder; everything else begins with `#/`.
 *
 *     #q=…&report=ID.3          a question that began as revision 3 of a report
 *     #/reports/ID              a report as it is now
 *     #/dashboards/ID?revision=2
 *     #/login?failed=no_role&then=%23%2Freports
 *     #embed=we_…               the answer of a report alone, for whoever has the link
 */

import { encode } from "./question/address";

export type Route =
  | { page: "explore"; embed: boolean; report: { id: string; revision: number | null } | null }
  | { page: "reports" }
  | { page: "dashboards"; id: string | null; revision?: number }
  | { page: "catalogue"; event: string | null }
  | { page: "users"; id: string | null }
  /** The way in, after a login at a provider failed; `then` is the address that the person wanted. */
  | { page: "login"; failed: string | null; then: string }
  | { page: "embedded"; token: string }
  | { page: AdminPage };

/** Pages for those who run the lake. */
export const ADMIN_PAGES = ["live", "failed", "settings", "system"] as const;
export type AdminPage = (typeof ADMIN_PAGES)[number];

export const EXPLORE: Extract<Route, { page: "explore" }> = { page: "explore", embed: false, report: null };

export function routeOf(hash: string): Route {
  if (!hash.startsWith("#/")) {
    const [, token] = /^#embed=([^&]+)/.exec(hash) ?? [];
    if (token !== undefined) return { page: "embedded", token: decoded(token) ?? token };
    const [, id, revision] = /[#&]report=([\w-]+)\.(\d{1,9})(?:&|$)/.exec(hash) ?? [];
    const report = id === undefined ? null : { id, revision: Number(revision) };
    return { page: "explore", embed: /[#&]embed(?:&|$)/.test(hash), report };
  }
  if (/^#\/login(?:\?|$)/.test(hash)) return loginRoute(hash.slice("#/login?".length));
  const [page, ...rest] = hash.slice(2).split("/");
  const name = decoded(rest.join("/"));
  switch (page) {
    case "reports":
      return name === null ? { page } : { ...EXPLORE, report: { id: name, revision: null } };
    case "dashboards":
      return dashboardRoute(rest.join("/"));
    case "catalogue":
      return { page, event: name };
    case "users":
      return { page, id: name };
    default: {
      const admin = ADMIN_PAGES.find((known) => known === page);
      return admin === undefined ? EXPLORE : { page: admin };
    }
  }
}

function dashboardRoute(text: string): Route {
  const [name, parameters] = text.split("?");
  const revision = Number(new URLSearchParams(parameters).get("revision"));
  const id = decoded(name ?? "");
  return { page: "dashboards", id, ...(id !== null && Number.isInteger(revision) && revision > 0 ? { revision } : {}) };
}

/** What a login goes on to is an address of this page, and not the login again. */
function loginRoute(text: string): Route {
  const parameters = new URLSearchParams(text);
  const then = parameters.get("then") ?? "";
  return { page: "login", failed: parameters.get("failed"), then: then.startsWith("#") && !then.startsWith("#/login") ? then : "#" };
}

export function hashOf(route: Route): string {
  const under = (page: string, name: string | null) => (name === null ? `#/${page}` : `#/${page}/${encode(name)}`);
  switch (route.page) {
    case "explore":
      return route.report === null ? "#" : under("reports", route.report.id);
    case "reports":
    case "live":
    case "failed":
    case "settings":
    case "system":
      return `#/${route.page}`;
    case "dashboards":
      return under("dashboards", route.id) + (route.revision === undefined ? "" : `?revision=${route.revision}`);
    case "catalogue":
      return under("catalogue", route.event);
    case "users":
      return under("users", route.id);
    case "login":
      return `#/login?then=${encode(route.then)}`;
    case "embedded":
      return `#embed=${encode(route.token)}`;
  }
}

/** Null for nothing, and for what cannot be read. */
function decoded(text: string): string | null {
  if (text === "") return null;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

export function isAdminPage(route: Route): route is { page: AdminPage } {
  return ADMIN_PAGES.some((page) => page === route.page);
}
