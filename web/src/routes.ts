/** Which page an address shows. `#q=…` and nothing are the builder; everything else begins with `#/`. */

import { encode } from "./question/address";

export type Route =
  | { page: "explore"; embed: boolean }
  | { page: "catalogue"; event: string | null }
  | { page: "users"; id: string | null };

export function routeOf(hash: string): Route {
  if (!hash.startsWith("#/")) return { page: "explore", embed: /[#&]embed(&|$)/.test(hash) };
  const [page, ...rest] = hash.slice(2).split("/");
  const name = decoded(rest.join("/"));
  if (page === "catalogue") return { page, event: name };
  if (page === "users") return { page, id: name };
  return { page: "explore", embed: false };
}

export function hashOf(route: Route): string {
  switch (route.page) {
    case "explore":
      return "#";
    case "catalogue":
      return route.event === null ? "#/catalogue" : `#/catalogue/${encode(route.event)}`;
    case "users":
      return route.id === null ? "#/users" : `#/users/${encode(route.id)}`;
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
