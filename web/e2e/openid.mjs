/**
 * A provider of OpenID Connect for tests: `oidc-provider`, a certified one, with accounts to choose from and answers that can be
 * spoilt.
 *
 *     const provider = await startProvider(`${origin}/api/login/openid/callback`);
 *     provider.spoil = "nonce";   // the next ID tokens are those of another login
 */

import http from "node:http";
import Provider from "oidc-provider";

export const CLIENT = { id: "weir", secret: "a-secret-of-the-client" };

/** Accounts by their subject, with what the provider says of them. */
const ACCOUNTS = {
  ana: { name: "Ana Kim", email: "ana@acme.example", email_verified: true, groups: ["staff", "analysts"] },
  ben: { name: "Ben", email: "ben@acme.example", email_verified: false, groups: ["staff"] },
  cem: { name: "Cem", groups: ["golf"] },
};

/** A port that nobody listens on. */
export async function freePort() {
  const server = http.createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function startProvider(redirect) {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const told = { issuer, spoil: null, logins: 0 };
  const provider = new Provider(issuer, {
    clients: [{ client_id: CLIENT.id, client_secret: CLIENT.secret, redirect_uris: [redirect] }],
    claims: { openid: ["sub"], profile: ["name"], email: ["email", "email_verified"], groups: ["groups"] },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...ACCOUNTS[sub] }) }),
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    pkce: { required: () => true },
    cookies: { keys: ["a-key-of-the-cookies-of-the-provider"] },
    // Who has chosen an account has agreed to everything.
    loadExistingGrant: async (ctx) => {
      const { client, session } = ctx.oidc;
      const grant = new ctx.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope("openid profile email groups");
      await grant.save();
      return grant;
    },
  });
  let earlier = null;
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.path !== "/token" || typeof ctx.body?.id_token !== "string") return;
    const token = ctx.body.id_token;
    ctx.body.id_token = spoilt(told.spoil, token, earlier);
    earlier = token;
  });
  const answer = provider.callback();
  const server = http.createServer((request, response) => {
    if (told.spoil === "down") return request.socket.destroy();
    return request.url.startsWith("/interaction/") ? interact(provider, told, request, response) : answer(request, response);
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  told.stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return told;
}

/** Lets somebody choose an account, or turn back. */
async function interact(provider, told, request, response) {
  if (request.method === "POST") {
    let body = "";
    for await (const part of request) body += part;
    const account = new URLSearchParams(body).get("account");
    told.logins += 1;
    const result = account === "" ? { error: "access_denied" } : { login: { accountId: account } };
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  }
  const buttons = [...Object.keys(ACCOUNTS), ""].map((account) => `<button name="account" value="${account}">${account || "Cancel"}</button>`);
  response.setHeader("content-type", "text/html; charset=utf-8");
  response.end(`<!doctype html><link rel="icon" href="data:,"><title>Acme</title><h1>Acme</h1><form method="post">${buttons.join("")}</form>`);
}

/** An ID token that must not be taken. */
function spoilt(how, token, earlier) {
  const [head, claims, signature] = token.split(".");
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const told = JSON.parse(Buffer.from(claims, "base64url").toString());
  if (how === "nonce") return earlier;
  if (how === "signature") return `${head}.${claims}.${signature.slice(0, -4)}${signature.slice(-4) === "AAAA" ? "BBBB" : "AAAA"}`;
  if (how === "claims") return `${head}.${part({ ...told, groups: ["admins"] })}.${signature}`;
  if (how === "unsigned") return `${part({ alg: "none" })}.${part({ ...told, groups: ["admins"] })}.`;
  return token;
}
