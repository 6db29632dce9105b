/** The server's answers and how they fail. Shapes are those of the HTTP API. */

import type { FunnelSpec, Problem } from "./spec";

export interface CatalogueEvent {
  event: string;
  count: number;
}

/** The event names of the lake, most frequent first. */
export interface Catalogue {
  version: number;
  complete_to: string | null;
  events: CatalogueEvent[];
}

export interface StepAnswer {
  step: number;
  label: string;
  count: number;
  from_first: number;
  from_previous: number;
  median_ms: number | null;
  p90_ms: number | null;
  in_window: number;
}

export interface Conversion {
  n: number;
  median: number | null;
}

/** One group of a breakdown. An absent value is null; `{ other: true }` sums the values past the limit. */
export interface Group {
  value?: string | number | boolean | null | object;
  other?: boolean;
  steps: StepAnswer[];
  conversion_ms?: Conversion | null;
}

export interface Answer {
  kind: "funnel";
  version: number;
  complete_to: string | null;
  steps: StepAnswer[];
  conversion_ms?: Conversion | null;
  breakdown?: Group[] | null;
  scanned: { files: number; bytes: number; rows: number; elapsed_ms: number };
}

/** Why there is no answer, by what a person can do about it: change the question, or try again. */
export type Failure =
  | { kind: "invalid"; message: string; problems: Problem[] }
  | { kind: "refused"; message: string }
  | { kind: "unreachable" };

export class ApiError extends Error {
  constructor(readonly failure: Failure) {
    super(failure.kind);
  }
}

export interface Api {
  events(signal?: AbortSignal): Promise<Catalogue>;
  query(spec: FunnelSpec, signal: AbortSignal): Promise<Answer>;
}

/** The API of the server this page came from. */
export const api: Api = {
  events: (signal) => request<Catalogue>("/api/events", signal ? { signal } : {}),
  query: (spec, signal) =>
    request<Answer>("/api/query", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(spec),
      signal,
    }),
};

async function request<T>(path: string, init: RequestInit): Promise<T> {
  let response: Response;
  let body: unknown = null;
  try {
    response = await fetch(path, init);
    const text = await response.text();
    body = parse(text);
  } catch (error) {
    if (init.signal?.aborted) throw error;
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
  if (status === 400) {
    const problems = Array.isArray(error?.problems) ? (error.problems as Problem[]) : [];
    return { kind: "invalid", message, problems };
  }
  return { kind: "refused", message };
}

/** The failure behind whatever was thrown. */
export function failureFrom(error: unknown): Failure {
  if (error instanceof ApiError) return error.failure;
  return { kind: "refused", message: error instanceof Error ? error.message : String(error) };
}
