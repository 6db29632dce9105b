/**
 * Which page an address shows. `#q=…` and nothing are the builder; everything else begins with `#/`.
 *
 *     #q=…&report=ID.3          a question that began as revision 3 of a report
 *     #/reports/ID              a report as it is now
 */

import { encode } from "./question/address";

export type Route =
  | { page: "explore"; embed: boolean; report: { id: string; revision: number | null } | null }
  | { page: "reports" }
  | { page: "dashboards"; id: string | null }
  | { page: "catalogue"; event: string | null }
  | { page: "users"; id: string | null }
  | { page: AdminPage };

/** Pages for those who run the lake. */
export const ADMIN_PAGES = ["live", "failed", "settings", "system"] as const;
export type AdminPage = (typeof ADMIN_PAGES)[number];

export const EXPLORE: Extract<Route, { page: "explore" }> = { page: "explore", embed: false, report: null };

export function routeOf(hash: string): Route {
  if (!hash.startsWith("#/")) {
    const [, id, revision] = /[#&]report=([\w-]+)\.(\d{1,9})(?:&|$)/.exec(hash) ?? [];
    const report = id === undefined ? null : { id, revision: Number(revision) };
    return { page: "explore", embed: /[#&]embed(?:&|$)/.test(hash), report };
  }
  const [page, ...rest] = hash.slice(2).split("/");
  const name = decoded(rest.join("/"));
  switch (page) {
    case "reports":
      return name === null ? { page } : { ...EXPLORE, report: { id: name, revision: null } };
    case "dashboards":
      return { page, id: name };
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
      return under("dashboards", route.id);
    case "catalogue":
      return under("catalogue", route.event);
    case "users":
      return under("users", route.id);
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
