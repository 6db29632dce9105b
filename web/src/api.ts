/** The server's API, and how it fails. Shapes of answers are in `answers.ts`. */

import type { Answer, Catalogue, EventDetail, Explanation, OtherAnswer, Property, PropertyValue, Timeline } from "./answers";
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

export interface Api {
  catalogue(signal?: AbortSignal): Promise<Catalogue>;
  event(name: string, signal?: AbortSignal): Promise<EventDetail>;
  /** Properties of these events; of all where none is named. */
  properties(events: readonly string[]): Promise<Property[]>;
  /** What values a property has in these events, the most frequent first. */
  values(property: string, events: readonly string[]): Promise<PropertyValue[]>;
  query(spec: Spec, signal: AbortSignal, told: (progress: Progress) => void): Promise<Answer | OtherAnswer>;
  user(query: TimelineQuery, signal?: AbortSignal): Promise<Timeline>;
  explain(user: string, spec: Spec, signal?: AbortSignal): Promise<Explanation>;
}

/** The API of the server this page came from. Paths are relative, so that the page works behind a prefix. */
export const api: Api = {
  catalogue: (signal) => get<Catalogue>("api/catalogue", {}, signal),
  event: (name, signal) => get<EventDetail>("api/catalogue", { event: [name] }, signal),
  properties: (events) => properties({ event: events }),
  values: async (property, events) => (await properties({ property: [property], event: events }))[0]?.values ?? [],
  query: (spec, signal, told) => query(spec, signal, told),
  user: ({ id, timezone, to, limit }, signal) =>
    get<Timeline>("api/user", { id: [id], timezone: [timezone], ...(to === undefined ? {} : { to: [to] }), limit: [String(limit)], newest_first: ["true"] }, signal),
  explain: (user, spec, signal) => post<Explanation>("api/explain", { user, spec }, signal),
};

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
async function query(spec: Spec, signal: AbortSignal, told: (progress: Progress) => void): Promise<Answer | OtherAnswer> {
  const response = await send("api/query", { ...jsonBody(spec, "application/x-ndjson"), signal });
  if (!response.ok || response.body === null || !isLines(response)) return read<Answer>(response, signal);
  try {
    for await (const line of linesOf(response.body)) {
      const told_ = parse(line) as { progress?: Progress; answer?: Answer; error?: unknown } | null;
      if (told_?.progress !== undefined) told(told_.progress);
      else if (told_?.answer !== undefined) return told_.answer;
      else if (told_?.error !== undefined) throw new ApiError(failureOf(statusIn(told_.error), told_));
    }
  } catch (error) {
    if (error instanceof ApiError || signal.aborted) throw error;
  }
  // The connection ended before the answer did: half an answer is none.
  throw new ApiError({ kind: "unreachable" });
}

function isLines(response: Response): boolean {
  return response.headers.get("content-type")?.startsWith("application/x-ndjson") === true;
}

/** An error in the middle of an answer has its status beside its code, since the answer's own was sent long before. */
function statusIn(error: unknown): number {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === "number" ? status : 500;
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

export function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return request<T>(path, { ...jsonBody(body), ...(signal ? { signal } : {}) });
}

/** A header of the page's own says that no form of another site sent it. */
function jsonBody(body: unknown, accept = "application/json"): RequestInit {
  return {
    method: "POST",
    headers: { "content-type": "application/json", accept, "x-weir": "1" },
    body: JSON.stringify(body),
  };
}

async function request<T>(path: string, init: RequestInit): Promise<T> {
  return read<T>(await send(path, init), init.signal ?? null);
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

function failureOf(status: number, body: unknown): Failure {
  const error = (body as { error?: { message?: unknown; problems?: unknown } } | null)?.error;
  const message = typeof error?.message === "string" ? error.message : `the server answered ${status}`;
  switch (status) {
    case 400: {
      const problems = Array.isArray(error?.problems) ? (error.problems as Problem[]) : [];
      return { kind: "invalid", message, problems };
    }
    case 401:
      return { kind: "login", message };
    case 403:
      return { kind: "forbidden", message };
    case 404:
      return { kind: "missing", message };
    case 408:
    case 413:
    case 422:
      return { kind: "tooLarge", message };
    case 429:
      return { kind: "busy", message };
    default:
      return { kind: "refused", message };
  }
}

/** The failure behind whatever was thrown. */
export function failureFrom(error: unknown): Failure {
  if (error instanceof ApiError) return error.failure;
  return { kind: "refused", message: error instanceof Error ? error.message : String(error) };
}
