import { expect, test } from "vitest";
import { LANGUAGES, type Language } from "../messages";
import { ApiError } from "../api";
import { type TestWorld, settled, startedPage } from "../testing";
import { drawnPage, textOf } from "../testing-views";

const OPENID = { name: "Acme SSO", url: "/api/login/openid" };
const outside = (hash: string, openid: typeof OPENID | null, token = true) =>
  startedPage((world: TestWorld) => {
    world.hash = hash;
    world.session = { ...world.session, auth: "openid", role: null, logins: { token, openid } };
  });

test("where there is a provider its button comes first, goes on to the address that was wanted, and the token is folded", async () => {
  const { state, actions } = await outside("#/reports", OPENID);
  const page = drawnPage(state, actions);
  expect(page.querySelector("a.primary")?.getAttribute("href")).toBe("/api/login/openid?then=%23%2Freports");
  expect(textOf(page.querySelector("a.primary"))).toBe("Log in with Acme SSO");
  const folded = page.querySelector("details")!;
  expect([folded.open, textOf(folded.querySelector("summary")), folded.querySelector("#token") !== null]).toEqual([false, "With a token", true]);
});

test("without a provider there is the token alone, and without tokens the provider alone", async () => {
  const tokens = await outside("", null);
  const page = drawnPage(tokens.state, tokens.actions);
  expect([page.querySelector("a.primary"), page.querySelector("details"), page.querySelector("#token") !== null]).toEqual([null, null, true]);
  const provider = await outside("", OPENID, false);
  expect(drawnPage(provider.state, provider.actions).querySelector("#token")).toBeNull();
});

test.each(["denied", "no_role", "expired", "provider", "something_new"])("a login that failed as %s says so, and offers to try again", async (code) => {
  const { state, actions } = await outside(`#/login?failed=${code}&then=%23%2Fdashboards%2Fx`, OPENID);
  for (const language of Object.keys(LANGUAGES) as Language[]) {
    const page = drawnPage(state, actions, language);
    const { failed } = LANGUAGES[language].login;
    expect(textOf(page.querySelector("[role=alert] h2"))).toBe((failed[code] ?? failed.other)!.title);
    expect(page.querySelector("a.primary")?.getAttribute("href")).toBe("/api/login/openid?then=%23%2Fdashboards%2Fx");
    expect(textOf(page.querySelector("a.primary"))).toContain("Acme SSO");
  }
});

test("who has no role is told whom to ask", async () => {
  const { state, actions } = await outside("#/login?failed=no_role&then=%23", OPENID);
  expect(textOf(drawnPage(state, actions).querySelector("[role=alert]"))).toMatch(/Ask whoever runs weir to put you into a group that has one/);
});

test("a token that is wrong is said where it was typed, unfolded", async () => {
  const { state, actions } = await outside("#/login?failed=denied&then=%23%2Freports", OPENID);
  await actions.session.login("wrong");
  const page = drawnPage(state, actions);
  expect([page.querySelector("details")!.open, textOf(page.querySelector("#login-failed"))]).toEqual([true, "there is no such token"]);
});

test("a token that is right goes on to where the person wanted, in place of the login", async () => {
  const { world, state, actions } = await outside("#/login?failed=denied&then=%23%2Freports", OPENID);
  await actions.session.login("right");
  await settled();
  expect([state.route, world.history]).toEqual([{ page: "reports" }, ["replace #/reports"]]);
});

test("who comes back from the provider logged in goes on at once", async () => {
  const { state } = await startedPage((world) => (world.hash = "#/login?then=%23%2Fsystem"));
  expect(state.route).toEqual({ page: "system" });
});

test("a session that ends in the middle of work offers the provider, with the question in its address", async () => {
  const { world, state, actions } = await startedPage((prepared) => (prepared.session = { ...prepared.session, auth: "openid", logins: { token: true, openid: OPENID } }));
  actions.explore.suggest("view_job");
  world.rest(0);
  world.asked[0]!.fail(new ApiError({ kind: "login", message: "the session is over" }));
  await settled();
  const link = drawnPage(state, actions).querySelector(".failure a.primary");
  expect(link?.getAttribute("href")).toMatch(/^\/api\/login\/openid\?then=%23/);
});

test("a server that is not reached is asked again on demand", async () => {
  const { world, state, actions } = await startedPage((prepared) => {
    prepared.hash = "#/login?then=%23";
    prepared.api = { ...prepared.api, session: async () => Promise.reject(new ApiError({ kind: "unreachable" })) };
  });
  expect(textOf(drawnPage(state, actions).querySelector("[role=alert] h2"))).toBe("The server cannot be reached");
  world.api.session = async () => world.session;
  actions.retry();
  await settled();
  expect(state.route.page).toBe("explore");
});

test("who is there has their address in a hint, where they have a name as well", async () => {
  const { state, actions } = await startedPage((world) => {
    world.session = { ...world.session, auth: "openid", name: "Ana", role: "editor", user: { email: "ana@acme.example" } };
  });
  const who = drawnPage(state, actions).querySelector(".who")!;
  expect([textOf(who), who.getAttribute("title")]).toEqual(["Ana", "ana@acme.example, may also save"]);
});
