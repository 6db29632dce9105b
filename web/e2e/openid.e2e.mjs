/** Logging in at a provider of OpenID Connect: whom it knows, what their groups let them do, and answers that nobody should trust. */

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { CLIENT, freePort, startProvider } from "./openid.mjs";
import { Stage, readFunnel } from "./support.mjs";

const port = await freePort();
const provider = await startProvider(`http://127.0.0.1:${port}/api/login/openid/callback`);
after(() => provider.stop());
process.env.WEIR_OPENID_CLIENT_SECRET = CLIENT.secret;

const stage = new Stage({
  serve: true,
  port,
  flags: [
    "--url", `http://127.0.0.1:${port}`, "--openid-issuer", provider.issuer, "--openid-client", CLIENT.id, "--openid-name", "Acme",
    "--openid-scope", "profile", "--openid-scope", "email", "--openid-scope", "groups",
    "--openid-role", "staff=viewer", "--openid-role", "analysts=editor,admins=admin",
  ],
});
const SPEC = { kind: "funnel", timezone: "Asia/Seoul", steps: [{ event: "view_job" }, { event: "apply_start" }], window: "14d" };
const hash = `#q=${encodeURIComponent(JSON.stringify(SPEC))}`;

/** What happens at the provider is no request of the page. */
function forgiveProvider() {
  stage.forgive(`request: ${provider.issuer}`);
  stage.forgive("status of 401");
}

async function logIn(account, link = "Log in with Acme") {
  const { page } = stage;
  await page.getByRole("link", { name: link }).click();
  await page.getByRole("button", { name: account, exact: true }).click();
}

test("somebody comes back to the question they wanted, with the role of their groups", async () => {
  const { page } = stage;
  await stage.visit(hash);
  await logIn("ana");
  await readFunnel(page, 2);
  assert.equal(await page.locator(".who").innerText(), "Ana Kim");
  const session = await page.evaluate(async () => (await fetch("api/session")).json());
  assert.deepEqual([session.auth, session.role, session.user], ["openid", "editor", { email: "ana@acme.example" }]);
  const cookies = (await page.context().cookies()).filter(({ name }) => name.startsWith("weir_"));
  assert.deepEqual(cookies.map(({ name, httpOnly, sameSite }) => [name, httpOnly, sameSite]), [["weir_session", true, "Strict"]]);
  // It lasts over a reload, and what an editor may do works.
  await page.reload();
  await readFunnel(page, 2);
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByLabel("Name", { exact: true }).fill("By Ana");
  await page.getByRole("dialog").getByRole("button", { name: "Save as new" }).click();
  await page.locator(".report-bar", { hasText: "By Ana" }).waitFor();
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("link", { name: "Log in with Acme" }).waitFor();
  forgiveProvider();
});

test("who has a smaller group may do less, and who has none is told so", async () => {
  const { page } = stage;
  await stage.visit(hash);
  await logIn("ben");
  await readFunnel(page, 2);
  assert.equal(await page.getByRole("button", { name: "Save", exact: true }).count(), 0);
  await page.context().clearCookies();
  await stage.visit(hash);
  await logIn("cem");
  await page.getByText("has no role here").waitFor();
  assert.equal(await cookieNames(), "");
  // The provider remembers cem; as ana it goes on where it was meant to.
  await page.context().clearCookies();
  await logIn("ana", "Try again with Acme");
  await readFunnel(page, 2);
  forgiveProvider();
});

test("who turns back at the provider is not let in", async () => {
  await stage.visit(hash);
  await logIn("Cancel");
  await stage.page.getByText("did not let you in").waitFor();
  assert.equal(await cookieNames(), "");
  forgiveProvider();
});

test("a token goes on letting in programs and people beside it", async () => {
  const { page } = stage;
  const asked = await fetch(`${stage.origin}/api/reports`, { headers: { authorization: `Bearer ${stage.tokens.viewer}` } });
  assert.equal(asked.status, 200);
  await stage.visit(hash);
  await page.getByText("With a token").click();
  await page.getByLabel("Token").fill(stage.tokens.admin);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await readFunnel(page, 2);
  forgiveProvider();
});

for (const how of ["nonce", "signature", "claims", "unsigned"]) {
  test(`an ID token with a wrong ${how} opens nothing`, async () => {
    await stage.visit(hash);
    provider.spoil = how;
    await logIn("ana");
    await stage.page.getByText("cannot be trusted").waitFor();
    provider.spoil = null;
    assert.equal(await cookieNames(), "");
    forgiveProvider();
  });
}

test("a provider that is gone says so, and is tried again", async () => {
  const { page } = stage;
  await stage.visit(hash);
  provider.spoil = "down";
  await page.getByRole("link", { name: "Log in with Acme" }).click();
  await page.getByText("cannot be trusted").waitFor();
  provider.spoil = null;
  await logIn("ana", "Try again with Acme");
  await readFunnel(page, 2);
  forgiveProvider();
});

test("nobody ends a login that began elsewhere, or twice", async () => {
  const { page } = stage;
  const made = await fetch(`${stage.origin}/api/login/openid/callback?code=x&state=y`, { redirect: "manual" });
  assert.deepEqual([made.status, made.headers.get("location")], [303, "/#/login?failed=expired&then="]);
  await stage.visit(hash);
  let callback;
  page.on("request", (request) => (request.url().includes("/callback?") ? (callback = request.url()) : undefined));
  await logIn("ana");
  await readFunnel(page, 2);
  await page.context().clearCookies();
  await page.goto(callback);
  await page.getByText("took too long").waitFor();
  // Where it would lead is no other site.
  const begun = await fetch(`${stage.origin}/api/login/openid?then=https://evil.example/`, { redirect: "manual" });
  const sent = new URL(begun.headers.get("location"));
  assert.equal(sent.origin, provider.issuer);
  assert.equal(sent.searchParams.get("code_challenge_method"), "S256");
  assert.match(begun.headers.get("set-cookie"), /^weir_login=[^;]+; HttpOnly; SameSite=Lax; Path=\/api\/login\/openid; Max-Age=600$/);
  forgiveProvider();
});

async function cookieNames() {
  const cookies = await stage.page.context().cookies(stage.origin);
  return cookies.map(({ name }) => name).filter((name) => name.startsWith("weir_")).join();
}
