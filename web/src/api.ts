/** The server's API, and how it fails. Shapes of answers are in `answers.ts`. */

import type {
  Annotation, Answer, Catalogue, CheckResult, Dashboard, DashboardSummary, Embed, Embedded, Embeds, EventDetail, Explanation, FailedChoice, FailedEvent,
  FailedGroup, LiveEvent,
  OtherAnswer, Property, PropertyValue, Report,
  ReportSummary, Revision, Session, System, Timeline, WriteKey,
} from "./answers";
import type { Problem, Spec } from "./question/compile";

/** Why there is no answer, by what a person can do about it. */
export type Failure =
  /** Change the question. */
  | { kind: "invalid"; message: string; problems: Problem[] }
  /** Log in. */
  | { kind: "login"; message: string }
  /** Ask somebody with another role. */
  | { kind: "forbidden"; message: string }
  /** Wait, and try again. */
  | { kind: "busy"; message: string }
  /** Ask for less. */
  | { kind: "tooLarge"; message: string }
  /** Somebody else saved it first: this is what they saved. */
  | { kind: "changed"; message: string; current: unknown }
  /** It is not there. */
  | { kind: "missing"; message: string }
  /** Try again, or look at the server. */
  | { kind: "refused"; message: string }
  | { kind: "unreachable" };

export class ApiError extends Error {
  constructor(readonly failure: Failure) {
    super(failure.kind);
  }
}

export interface Progress {
  rows: number;
  of: number;
}

export interface TimelineQuery {
  id: string;
  timezone: string;
  /** Events before this instant. */
  to?: string;
  limit: number;
}

/** What is kept in the lake: the same requests for each kind. */
export interface SavedApi<Summary, Document extends { id: string; revision: number }> {
  list(removed?: boolean): Promise<Summary[]>;
  get(id: string, revision?: number): Promise<Document>;
  /** Saves a document: a new one, or over the revision that it is based on. */
  save(document: Omit<Document, "id" | "revision" | Stamps>, over: { id: string; revision: number } | null): Promise<Document>;
  remove(id: string, revision: number): Promise<void>;
  history(id: string): Promise<Revision[]>;
}

/** What the server writes on a document. */
type Stamps = "format" | "saved_at" | "saved_by" | "removed" | "newer";

export interface Api {
  session(): Promise<Session>;
  login(token: string): Promise<Session>;
  logout(): Promise<void>;
  reports: SavedApi<ReportSummary, Report>;
  dashboards: SavedApi<DashboardSummary, Dashboard>;
  annotations: SavedApi<Annotation, Annotation>;
  checks(): Promise<CheckResult[]>;
  runCheck(report: string): Promise<CheckResult>;
  /** The last events, or those that landed after a version. */
  live(after: number | null): Promise<{ version: number; events: LiveEvent[] }>;
  failed(): Promise<{ count: number; groups: FailedGroup[] }>;
  failedEach(choice: FailedChoice): Promise<FailedEvent[]>;
  failedOne(id: string): Promise<FailedEvent>;
  replayFailed(choice: FailedChoice): Promise<{ replayed: number; duplicates: number; failing: number }>;
  dropFailed(choice: FailedChoice): Promise<{ dropped: number }>;
  keys(): Promise<WriteKey[]>;
  addKey(source: string): Promise<{ key: string; source: string }>;
  disableKey(key: string): Promise<void>;
  rotateKey(key: string): Promise<{ key: string; source: string }>;
  system(): Promise<System>;
  catalogue(signal?: AbortSignal): Promise<Catalogue>;
  event(name: string, signal?: AbortSignal): Promise<EventDetail>;
  /** Properties of these events; of all where none is named. */
  properties(events: readonly string[]): Promise<Property[]>;
  /** What values a property has in these events, the most frequent first. */
  values(property: string, events: readonly string[]): Promise<PropertyValue[]>;
  query(spec: Spec, signal: AbortSignal, told: (progress: Progress) => void): Promise<Answer | OtherAnswer>;
  user(query: TimelineQuery, signal?: AbortSignal): Promise<Timeline>;
  explain(user: string, spec: Spec, signal?: AbortSignal): Promise<Explanation>;
  embeds(): Promise<Embeds>;
  /** Makes a link to the answer of a report. Its token is seen this once. */
  addEmbed(report: string, name: string): Promise<{ name: string; report: string; token: string }>;
  disableEmbed(name: string): Promise<Embed>;
  /** What such a link opens: for whoever has its token, without a login. */
  embedded(token: string, signal: AbortSignal): Promise<Embedded>;
  embeddedAnswer(token: string, signal: AbortSignal, told: (progress: Progress) => void): Promise<Answer | OtherAnswer>;
}

/** The API of the server this page came from. Paths are relative, so that the page works behind a prefix. */
export const api: Api = {
  session: async () => ({ ...SESSION_OF_BEFORE, ...(await get<Session>("api/session", {})) }),
  login: async (token) => ({ ...SESSION_OF_BEFORE, ...(await post<Session>("api/login", { token })) }),
  logout: () => nothing("api/logout", { method: "POST", headers: OWN }),
  reports: saved("reports"),
  dashboards: saved("dashboards"),
  annotations: saved("annotations"),
  checks: async () => (await get<{ checks: CheckResult[] }>("api/checks", {})).checks,
  runCheck: (report) => post(`api/checks/${encodeURIComponent(report)}`, {}),
  live: (after) => get("api/live", after === null ? {} : { after: [String(after)] }),
  failed: () => get("api/failed", {}),
  failedEach: async (choice) => {
    const given = Object.fromEntries(Object.entries(choice).map(([name, value]) => [name, [value]]));
    return (await get<{ failed: FailedEvent[] }>("api/failed", { each: ["true"], ...given })).failed;
  },
  failedOne: (id) => get(`api/failed/${encodeURIComponent(id)}`, {}),
  replayFailed: (choice) => post("api/failed/replay", chosen(choice)),
  dropFailed: (choice) => post("api/failed/drop", chosen(choice)),
  keys: async () => (await get<{ keys: WriteKey[] }>("api/keys", {})).keys,
  addKey: (source) => post("api/keys", { source }),
  disableKey: (key) => post(`api/keys/${encodeURIComponent(key)}/disable`, {}),
  rotateKey: (key) => post(`api/keys/${encodeURIComponent(key)}/rotate`, {}),
  system: () => get("api/system", {}),
  catalogue: (signal) => get<Catalogue>("api/catalogue", {}, signal),
  event: (name, signal) => get<EventDetail>("api/catalogue", { event: [name] }, signal),
  properties: (events) => properties({ event: events }),
  values: async (property, events) => (await properties({ property: [property], event: events }))[0]?.values ?? [],
  query: (spec, signal, told) => ask("api/query", { ...jsonBody(spec, LINES), signal }, signal, told),
  user: ({ id, timezone, to, limit }, signal) =>
    get<Timeline>("api/user", { id: [id], timezone: [timezone], ...(to === undefined ? {} : { to: [to] }), limit: [String(limit)], newest_first: ["true"] }, signal),
  explain: (user, spec, signal) => post<Explanation>("api/explain", { user, spec }, signal),
  embeds: () => get<Embeds>("api/embeds", {}),
  addEmbed: (report, name) => post("api/embeds", { report, name }),
  disableEmbed: (name) => post(`api/embeds/${encodeURIComponent(name)}/disable`, {}),
  embedded: (token, signal) => request("api/embedded", { headers: bearer(token), signal }),
  embeddedAnswer: (token, signal, told) =>
    ask("api/embedded/query", { method: "POST", headers: { accept: LINES, ...OWN, ...bearer(token) }, signal }, signal, told),
};

/** What a server says no word of that was not replaced yet, while others were. */
const SESSION_OF_BEFORE: Pick<Session, "logins" | "user"> = { logins: { token: true, openid: null }, user: null };

/** The requests for one kind of what is kept. A save names the revision that it is based on, so that nobody's work is lost. */
function saved<Summary, Document extends { id: string; revision: number }>(kind: string): SavedApi<Summary, Document> {
  const at = (id: string) => `api/${kind}/${encodeURIComponent(id)}`;
  const over = (revision: number) => ({ "if-match": `"${revision}"` });
  return {
    list: async (removed = false) => {
      const found = await get<Record<string, Summary[]>>(`api/${kind}`, removed ? { removed: ["true"] } : {});
      return (found[kind] ?? []).map(told);
    },
    get: async (id, revision) => told(await get<Document>(at(id), revision === undefined ? {} : { revision: [String(revision)] })),
    save(document, base) {
      const sent = jsonBody(document);
      if (base === null) return request<Document>(`api/${kind}`, sent);
      return request<Document>(at(base.id), { ...sent, method: "PUT", headers: { ...sent.headers, ...over(base.revision) } });
    },
    remove: (id, revision) => nothing(at(id), { method: "DELETE", headers: { ...OWN, ...over(revision) } }),
    history: async (id) => (await get<{ revisions: Revision[] }>(`${at(id)}/history`, {})).revisions,
  };
}

/** All is said outright: to leave out a word is not to mean everything. */
function chosen(choice: FailedChoice): object {
  return Object.keys(choice).length === 0 ? { all: true } : choice;
}

/** What a newer weir saved has null for what this one cannot tell: a name is its id then, a text is empty, a list has nothing. */
function told<T>(document: T): T {
  const { id, newer } = document as { id?: string; newer?: boolean };
  if (newer !== true) return document;
  const none = { name: id, folder: "", description: "", kind: "", text: "", tiles: [] };
  const known = Object.entries(document as object).filter(([field, value]) => value !== null || !(field in none));
  return { ...none, ...Object.fromEntries(known) } as T;
}

/** An event that the lake does not have has no properties. */
async function properties(parameters: Record<string, readonly string[]>): Promise<Property[]> {
  try {
    return (await get<{ properties: Property[] }>("api/properties", parameters)).properties;
  } catch (error) {
    if (error instanceof ApiError && error.failure.kind === "missing") return [];
    throw error;
  }
}

/** Asks, and tells of progress while it goes on. Aborting ends the work at the server as well. */
async function ask(path: string, init: RequestInit, signal: AbortSignal, told: (progress: Progress) => void): Promise<Answer | OtherAnswer> {
  const response = await send(path, init);
  if (!response.ok || response.body === null || !isLines(response)) return read<Answer>(response, signal);
  try {
    for await (const line of linesOf(response.body)) {
      const said = parse(line) as { progress?: Progress; answer?: Answer; error?: unknown } | null;
      if (said?.progress !== undefined) told(said.progress);
      else if (said?.answer !== undefined) return said.answer;
      else if (said?.error !== undefined) throw new ApiError(failureOf(200, said));
    }
  } catch (error) {
    if (error instanceof ApiError || signal.aborted) throw error;
  }
  // The connection ended before the answer did: half an answer is none.
  throw new ApiError({ kind: "unreachable" });
}

function isLines(response: Response): boolean {
  return response.headers.get("content-type")?.startsWith(LINES) === true;
}

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const parts = (rest + value).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
  if (rest !== "") yield rest;
}

function get<T>(path: string, parameters: Record<string, readonly string[]>, signal?: AbortSignal): Promise<T> {
  const pairs = Object.entries(parameters).flatMap(([name, values]) => values.map((value) => [name, value]));
  const query = new URLSearchParams(pairs).toString();
  return request<T>(query === "" ? path : `${path}?${query}`, signal ? { signal } : {});
}

function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return request<T>(path, { ...jsonBody(body), ...(signal ? { signal } : {}) });
}

/** A header of the page's own says that no form of another site sent it. */
const OWN = { "x-weir": "1" };

/** An answer with what is told of it on the way. */
const LINES = "application/x-ndjson";

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

function jsonBody(body: unknown, accept = "application/json"): RequestInit {
  return {
    method: "POST",
    headers: { "content-type": "application/json", accept, ...OWN },
    body: JSON.stringify(body),
  };
}

async function request<T>(path: string, init: RequestInit): Promise<T> {
  return read<T>(await send(path, init), init.signal ?? null);
}

/** For answers that are empty. */
async function nothing(path: string, init: RequestInit): Promise<void> {
  const response = await send(path, init);
  if (!response.ok) await read(response, null);
}

async function send(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError({ kind: "unreachable" });
  }
}

async function read<T>(response: Response, signal: AbortSignal | null): Promise<T> {
  let body: unknown;
  try {
    body = parse(await response.text());
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError({ kind: "unreachable" });
  }
  if (response.ok && body !== null) return body as T;
  throw new ApiError(failureOf(response.status, body));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Names of failures that say more than their status, which an error in the middle of an answer does not have. */
const CODES: Record<string, "login" | "forbidden" | "busy" | "tooLarge" | "missing"> = {
  unauthorized: "login",
  wrong_token: "login",
  wrong_role: "forbidden",
  too_many_queries: "busy",
  too_many_logins: "busy",
  query_too_long: "tooLarge",
};
const STATUSES: Record<number, "login" | "forbidden" | "busy" | "tooLarge" | "missing"> = {
  401: "login", 403: "forbidden", 404: "missing", 413: "tooLarge", 429: "busy",
};

function failureOf(status: number, body: unknown): Failure {
  const { error, current } = (body ?? {}) as { error?: { code?: unknown; message?: unknown; problems?: unknown }; current?: unknown };
  const message = typeof error?.message === "string" ? error.message : `the server answered ${status}`;
  const code = typeof error?.code === "string" ? error.code : "";
  if (status === 400 || code === "invalid_spec") {
    return { kind: "invalid", message, problems: Array.isArray(error?.problems) ? (error.problems as Problem[]) : [] };
  }
  if (code === "changed" && current !== undefined) return { kind: "changed", message, current };
  return { kind: CODES[code] ?? STATUSES[status] ?? "refused", message };
}

/** The failure behind whatever was thrown. */
export function failureFrom(error: unknown): Failure {
  if (error instanceof ApiError) return error.failure;
  return { kind: "refused", message: error instanceof Error ? error.message : String(error) };
}
