import { expect, test } from "vitest";
import { EXPLORE, type Route, hashOf, routeOf } from "./routes";

test.each<[string, Route]>([
  ["#/reports", { page: "reports" }],
  ["#/reports/id1", { ...EXPLORE, report: { id: "id1", revision: null } }],
  ["#/dashboards", { page: "dashboards", id: null }],
  ["#/dashboards/id1", { page: "dashboards", id: "id1" }],
  ["#/dashboards/id1?revision=2", { page: "dashboards", id: "id1", revision: 2 }],
  ["#/catalogue/a%2Fb%3Fc", { page: "catalogue", event: "a/b?c" }],
  ["#/users/ann", { page: "users", id: "ann" }],
  ["#/system", { page: "system" }],
  ["#/login?then=%23%2Freports", { page: "login", failed: null, then: "#/reports" }],
  ["#embed=we_a-b", { page: "embedded", token: "we_a-b" }],
])("%s is a page, whose address is that", (hash, route) => {
  expect(routeOf(hash)).toEqual(route);
  expect(hashOf(route)).toBe(hash);
});

test("a login that failed says why, and goes on to an address of this page only", () => {
  expect(routeOf("#/login?failed=no_role&then=%23q%3D%257B%257D")).toEqual({ page: "login", failed: "no_role", then: "#q=%7B%7D" });
  for (const then of ["", "https%3A%2F%2Fevil.example", "%2F%2Fevil.example", "javascript%3Aalert(1)", "%23%2Flogin%3Ffailed%3Dx"]) {
    expect(routeOf(`#/login?failed=denied&then=${then}`)).toEqual({ page: "login", failed: "denied", then: "#" });
  }
});

test("the answer of a question alone is another thing than that of a link", () =>
  expect(routeOf("#q=%7B%7D&embed")).toEqual({ ...EXPLORE, embed: true }));

test("a revision that is none is the newest, and a page that there is not is the builder", () => {
  expect(routeOf("#/dashboards/id1?revision=x")).toEqual({ page: "dashboards", id: "id1" });
  expect(routeOf("#/nothing")).toEqual(EXPLORE);
});
