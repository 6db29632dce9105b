/** Answers and a world for tests. */

import type {
  Annotation, Answer, Catalogue, Dashboard, DashboardSummary, Embed, Embedded, EventDetail, Explanation, FailedChoice, FailedGroup, FunnelAnswer, LiveEvent,
  OtherAnswer, PathsAnswer, Report,
  ReportSummary, RetentionAnswer, Revision, Session, StepAnswer, Timeline, TrendsAnswer,
} from "./answers";
import { type Api, ApiError, type Progress, type SavedApi, type TimelineQuery } from "./api";
import { Actions } from "./actions/page";
import type { Spec } from "./question/compile";
import { type State, initialState } from "./state";
import type { World } from "./world";

/** A step's answer: [label, count, still open, median, p90]. */
export type Row = [label: string, count: number, open?: number, median?: number, p90?: number];

const ANSWERED = {
  version: 42,
  complete_to: "2026-01-31T14:59:58.120Z",
  scanned: { files: 1, bytes: 1, rows: 100_000, elapsed_ms: 85 },
};

export function stepsOf(...rows: Row[]): StepAnswer[] {
  return rows.map(([label, count, in_window = 0, median_ms = null, p90_ms = null], index) => {
    const share = (whole: number | undefined) => (whole ? count / whole : 0);
    const [from_first, from_previous] = index === 0 ? [1, 1] : [share(rows[0]?.[1]), share(rows[index - 1]?.[1])];
    return { step: index + 1, label, count, from_first, from_previous, median_ms, p90_ms, in_window };
  });
}

export function answerOf(...rows: Row[]): FunnelAnswer {
  const steps = stepsOf(...rows);
  return { kind: "funnel", ...ANSWERED, steps, conversion_ms: { n: steps.at(-1)?.count ?? 0, median: 7_500_000 } };
}

/** Days from the first of January on; the last is not over. */
export function trendsOf(...series: { label: string; values: (number | null)[] }[]): TrendsAnswer {
  const days = series[0]?.values.length ?? 0;
  const day = (index: number) => `2026-01-${String(index + 1).padStart(2, "0")}T00:00:00+00:00`;
  return {
    kind: "trends",
    ...ANSWERED,
    buckets: Array.from({ length: days }, (_, index) => ({ start: day(index), end: day(index + 1), open: index === days - 1 })),
    series: series.map(({ label, values }, index) => ({
      id: String.fromCharCode(65 + index),
      label,
      measure: "events",
      values,
      total: values.reduce<number>((sum, value) => sum + (value ?? 0), 0),
    })),
  };
}

export function retentionOf(): RetentionAnswer {
  const cell = (count: number, users: number, open = false) => ({ count, share: count / users, open });
  return {
    kind: "retention",
    ...ANSWERED,
    interval: "day",
    columns: [{ from: 0, to: 0 }, { from: 1, to: 1 }, { from: 2, to: 6 }],
    cohorts: [
      { start: "2026-01-30T00:00:00+00:00", users: 40, returned: [cell(40, 40), cell(10, 40), cell(3, 40, true)] },
      { start: "2026-01-31T00:00:00+00:00", users: 20, returned: [cell(20, 20), cell(2, 20, true), null] },
    ],
    whole: { users: 60, returned: [{ users: 60, ...cell(60, 60) }, { users: 60, ...cell(12, 60, true) }, { users: 40, ...cell(3, 40, true) }] },
  };
}

export function pathsOf(): PathsAnswer {
  return {
    kind: "paths",
    ...ANSWERED,
    count: "users",
    total: 10,
    levels: [
      { level: 1, nodes: [{ event: "view", count: 10, share: 1 }] },
      { level: 2, nodes: [{ event: "apply", count: 5, share: 0.5 }, { other: true, count: 2, share: 0.2 }, { end: "stopped", count: 3, share: 0.3 }] },
    ],
    links: [
      { level: 1, from: { event: "view" }, to: { event: "apply" }, count: 5, median_ms: 60_000 },
      { level: 1, from: { event: "view" }, to: { other: true }, count: 2, median_ms: 1000 },
      { level: 1, from: { event: "view" }, to: { end: "stopped" }, count: 3, median_ms: null },
    ],
    paths: [
      { events: ["view", "apply"], count: 5, share: 0.5 },
      { other: true, count: 5, share: 0.5 },
    ],
  };
}

interface Asked {
  spec: Spec;
  /** Of a link to an answer, where it is asked by one. */
  token?: string;
  signal: AbortSignal;
  told: (progress: Progress) => void;
  answer: (answer: Answer | OtherAnswer) => void;
  fail: (error: unknown) => void;
}

/** What is kept, as the server keeps it: a revision for each save, and none over a newer one. */
export class TestSaved<Summary extends { id: string }, Document extends { id: string; revision: number; removed?: boolean }>
  implements SavedApi<Summary, Document>
{
  readonly kept = new Map<string, Document[]>();
  /** Who saves next. */
  who: string | null = null;

  async list(removed = false) {
    return [...this.kept.values()].map((all) => all.at(-1)!).filter((document) => (document.removed === true) === removed) as unknown as Summary[];
  }
  async get(id: string, revision?: number) {
    const all = this.kept.get(id) ?? [];
    const found = revision === undefined ? all.at(-1) : all[revision - 1];
    if (found === undefined) throw new ApiError({ kind: "missing", message: `no ${id}` });
    return found;
  }
  async save(document: object, over: { id: string; revision: number } | null) {
    const id = over?.id ?? `id${this.kept.size + 1}`;
    const all = this.kept.get(id) ?? [];
    if (over !== null && over.revision !== all.length) throw new ApiError({ kind: "changed", message: "changed", current: all.at(-1) });
    const saved = { ...document, id, revision: all.length + 1, saved_at: "2026-01-31T00:00:00Z", saved_by: this.who, removed: false } as unknown as Document;
    this.kept.set(id, [...all, saved]);
    return saved;
  }
  async remove(id: string, revision: number) {
    await this.save({ ...(await this.get(id)) }, { id, revision });
    const all = this.kept.get(id)!;
    all.push({ ...all.pop()!, removed: true });
  }
  async history(id: string): Promise<Revision[]> {
    const all = this.kept.get(id) ?? [];
    return all.map(({ revision, removed }) => ({ revision, saved_at: "", saved_by: null, removed: removed === true })).reverse();
  }
}

/** A world without a clock or a network: the test lets timers run and answers arrive. */
export class TestWorld implements World {
  timezone = "UTC";
  hash = "";
  history: string[] = [];
  timers: { ms: number; act: () => void }[] = [];
  asked: Asked[] = [];
  kept: Record<string, string> = {};
  files: string[] = [];
  timelines: TimelineQuery[] = [];
  timeline: Timeline | Error = new Error("no timeline");
  propertiesAsked: (readonly string[])[] = [];
  catalogue: Catalogue = { version: 1, complete_to: null, events: [{ event: "view_job", count: 9 }, { event: "apply", count: 5 }] };
  session: Session = { version: "0", auth: "none", name: null, role: "admin", lake: "demo", logins: { token: false, openid: null }, user: null };
  embeds: Embed[] = [];
  allowed: string[] = [];
  /** What links open, by their tokens. */
  links = new Map<string, Embedded | Error>();
  isVisible = true;
  /** Names of requests, in the order in which they are made, of those that are told apart. */
  requests: string[] = [];
  landed: { version: number; events: LiveEvent[] }[] = [];
  liveAfter: (number | null)[] = [];
  failures: FailedGroup[] = [];
  replayed: FailedChoice[] = [];
  reports = new TestSaved<ReportSummary, Report>();
  dashboards = new TestSaved<DashboardSummary, Dashboard>();
  annotations = new TestSaved<Annotation, Annotation>();
  api: Api = {
    session: async () => {
      this.requests.push("session");
      return this.session;
    },
    login: async (token) => {
      if (token !== "right") throw new ApiError({ kind: "login", message: "there is no such token" });
      this.session = { ...this.session, auth: "token", name: "ana", role: "editor" };
      return this.session;
    },
    logout: async () => void (this.session = { ...this.session, name: null, role: null }),
    reports: this.reports,
    dashboards: this.dashboards,
    annotations: this.annotations,
    checks: async () => [],
    runCheck: async (report) => ({ report, state: "ok", value: 1, checked_at: null, message: "", webhook: null }),
    live: async (after) => {
      this.liveAfter.push(after);
      return this.landed.shift() ?? { version: 1, events: [] };
    },
    failed: async () => ({ count: this.failures.length, groups: this.failures }),
    failedEach: async () => [],
    failedOne: async () => Promise.reject(new ApiError({ kind: "missing", message: "no such event" })),
    replayFailed: async (choice) => {
      this.replayed.push(choice);
      this.failures = this.failures.filter(({ code }) => code !== choice.code);
      return { replayed: 1, duplicates: 0, failing: 0 };
    },
    dropFailed: async () => Promise.reject(new ApiError({ kind: "forbidden", message: "only an admin may" })),
    keys: async () => [],
    addKey: async (source) => ({ key: "wk_1", source }),
    disableKey: async () => {},
    rotateKey: async (key) => ({ key: "wk_2", source: key }),
    system: async () => Promise.reject(new ApiError({ kind: "unreachable" })),
    catalogue: async () => {
      this.requests.push("catalogue");
      return this.catalogue;
    },
    event: async (event) => ({ version: 1, event, count: 1, days_utc: [], sources: [], properties: [] }) as EventDetail,
    properties: async (events) => {
      this.propertiesAsked.push(events);
      return [{ property: "wage", types: { number: 5 }, present: 5 }];
    },
    values: async () => [{ value: "카페", count: 3 }],
    query: (spec, signal, told) => new Promise((answer, fail) => this.asked.push({ spec, signal, told, answer, fail })),
    user: async (query) => {
      this.timelines.push(query);
      if (this.timeline instanceof Error) throw this.timeline;
      return this.timeline;
    },
    embeds: async () => ({ embeds: this.embeds, allowed: this.allowed }),
    addEmbed: async (report, name) => {
      if (this.embeds.some((each) => each.name === name)) throw new ApiError({ kind: "refused", message: `there is an embed ${name}` });
      this.embeds = [...this.embeds, { name, report, state: "active", created_at: "2026-01-31T00:00:00Z", created_by: null }];
      return { name, report, token: `we_${name}` };
    },
    disableEmbed: async (name) => {
      this.embeds = this.embeds.map((each) => (each.name === name ? { ...each, state: "disabled" } : each));
      return this.embeds.find((each) => each.name === name)!;
    },
    embedded: async (token) => {
      this.requests.push("embedded");
      const found = this.links.get(token) ?? new ApiError({ kind: "login", message: "unknown token" });
      if (found instanceof Error) throw found;
      return found;
    },
    embeddedAnswer: (token, signal, told) =>
      new Promise((answer, fail) => this.asked.push({ spec: { kind: "embedded" }, token, signal, told, answer, fail })),
    explain: async () => ({ verdict: "incomplete", depth: 1, text: "did not convert", steps: [], attempts: [], missing: null, events: [] }) as Explanation,
  };
  others = () => import("./views/others");
  day = (_: string, daysBack: number) => `2026-01-${31 - daysBack}`;
  draw() {}
  address() {
    return { hash: this.hash, search: "" };
  }
  visit(hash: string, how: "push" | "replace") {
    this.history.push(`${how} ${decodeURIComponent(hash)}`);
    this.hash = hash;
  }
  async copy() {
    return true;
  }
  download(name: string) {
    this.files.push(name);
  }
  keep(name: string, value: string) {
    this.kept[name] = value;
  }
  after(ms: number, act: () => void) {
    const timer = { ms, act };
    this.timers.push(timer);
    return () => void (this.timers = this.timers.filter((other) => other !== timer));
  }
  visible = () => this.isVisible;

  /** Runs what waits no longer than `ms`. */
  rest(ms: number) {
    const due = this.timers.filter((timer) => timer.ms <= ms);
    this.timers = this.timers.filter((timer) => timer.ms > ms);
    for (const timer of due) timer.act();
  }
}

/** Lets everything that waits for nothing but its turn go on. */
export const settled = () => new Promise((resolve) => setTimeout(resolve));

/** A page that has started, in a world of its own that may be prepared. */
export async function startedPage(prepare: (world: TestWorld) => void = () => {}): Promise<{ world: TestWorld; state: State; actions: Actions }> {
  const world = new TestWorld();
  prepare(world);
  const state = initialState("UTC", "en", "auto");
  const actions = new Actions(state, world);
  actions.start();
  await settled();
  return { world, state, actions };
}
