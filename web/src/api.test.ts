import { afterEach, expect, test, vi } from "vitest";
import { ApiError, api } from "./api";

afterEach(() => vi.unstubAllGlobals());

/** Answers the next requests in turn, and keeps what they were. */
function server(...answers: Response[]): { path: string; init: RequestInit }[] {
  const asked: { path: string; init: RequestInit }[] = [];
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    asked.push({ path, init });
    return answers.shift() ?? new Response("", { status: 500 });
  });
  return asked;
}

const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
const lines = (...each: unknown[]) => new Response(each.map((line) => JSON.stringify(line)).join("\n"), { headers: { "content-type": "application/x-ndjson" } });
const { signal } = new AbortController();

test("the answer of a link is asked with its token, and nothing in the body", async () => {
  const told: unknown[] = [];
  const asked = server(lines({ progress: { rows: 1, of: 2 } }, { answer: { kind: "funnel" } }));
  expect(await api.embeddedAnswer("we_1", signal, (progress) => told.push(progress))).toEqual({ kind: "funnel" });
  expect(told).toEqual([{ rows: 1, of: 2 }]);
  const { path, init } = asked[0]!;
  expect([path, init.method, init.body, init.headers]).toEqual([
    "api/embedded/query", "POST", undefined, { accept: "application/x-ndjson", "x-weir": "1", authorization: "Bearer we_1" },
  ]);
});

test("a link that is over is no login that is missing: its failure has the server's words", async () => {
  server(json({ error: { code: "unauthorized", message: "this link is disabled" } }, 401), json({ error: { code: "no_report", message: "removed" } }, 404));
  await expect(api.embedded("we_1", signal)).rejects.toMatchObject(new ApiError({ kind: "login", message: "this link is disabled" }));
  await expect(api.embedded("we_1", signal)).rejects.toMatchObject({ failure: { kind: "missing", message: "removed" } });
});

test("a session of a server that was not replaced yet has the ways in that it knows", async () => {
  server(json({ version: "0.1", auth: "token", name: null, role: null, lake: "demo" }));
  expect(await api.session()).toMatchObject({ auth: "token", logins: { token: true, openid: null }, user: null });
});

test("names are parts of a path, whatever is in them", async () => {
  const asked = server(json({ name: "a/b" }));
  await api.disableEmbed("a/b?c");
  expect(asked[0]!.path).toBe("api/embeds/a%2Fb%3Fc/disable");
});
