/** The state of the page. Views read it, actions change it. */

import type {
  Annotation, Answer, Catalogue, CheckResult, Dashboard, DashboardSummary, Embed, Embedded, Embeds, EventDetail, Explanation, FailedChoice, FailedEvent,
  FailedGroup, LiveEvent,
  OtherAnswer, Property, PropertyValue, Report,
  ReportSummary, Revision, Session, System, Timeline, UserList, WriteKey,
} from "./answers";
import type { Failure, Progress } from "./api";
import type { Language } from "./messages";
import { type Compiled, compile } from "./question/compile";
import { type FunnelState, type Question, blankQuestion } from "./question/model";
import { EXPLORE, type Route } from "./routes";
import type { OtherViews } from "./world";

/** Something that comes from the server. */
export type Loading<T> =
  | { readonly status: "loading" }
  | { readonly status: "ready"; readonly value: T }
  | { readonly status: "failed"; readonly failure: Failure };

/** The answer belongs to the question whose key it carries, and is never shown for another. */
export type AnswerState =
  | { readonly status: "none"; readonly key: string }
  | { readonly status: "asking"; readonly key: string; readonly progress: Progress | null }
  | { readonly status: "ready"; readonly key: string; readonly answer: Answer | OtherAnswer }
  | { readonly status: "failed"; readonly key: string; readonly failure: Failure };

/** The open list of a combobox: of which field, what is typed (null: nothing yet), and the line the keys point at. */
export interface OpenList {
  readonly fieldId: string;
  readonly typed: string | null;
  /** A line, from 0; -1 is none. */
  readonly active: number;
  /** How far the list is scrolled, in pixels. */
  readonly top: number;
}

/** A question that the builder has no controls for: its JSON, and why. */
export interface RawQuestion {
  readonly spec: unknown;
  readonly why: string;
}

export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

/** A report or a dashboard that is about to be saved. */
export interface SaveDraft {
  readonly name: string;
  readonly folder: string;
  readonly description: string;
  /** What its answer is to be held against; null is nothing. */
  readonly check: CheckDraft | null;
}

/** A check as it is typed. Shares are typed in percent. */
export interface CheckDraft {
  readonly measure: string;
  /** The step, the series or the period that is looked at; empty is the usual one. */
  readonly at: string;
  readonly below: string;
  readonly above: string;
  readonly every: string;
  readonly webhook: string;
}

/** How a save goes. */
export type Saving =
  | { readonly status: "editing" }
  | { readonly status: "saving" }
  | { readonly status: "failed"; readonly failure: Failure }
  /** Somebody else saved it first. */
  | { readonly status: "changed"; readonly current: Report };

/** What has revisions, and a history of them. */
export type Kept = "reports" | "dashboards";

/** What lies over the page. */
export type Sheet =
  | {
      readonly kind: "save";
      readonly draft: SaveDraft;
      /** The revision that is saved over; null makes a new report. */
      readonly over: { readonly id: string; readonly revision: number } | null;
      readonly saving: Saving;
    }
  | { readonly kind: "history"; readonly of: Kept; readonly what: ReportSummary | DashboardSummary; readonly revisions: Loading<Revision[]> }
  | { readonly kind: "drop"; readonly choice: FailedChoice; readonly count: number }
  | { readonly kind: "disable"; readonly key: WriteKey }
  | { readonly kind: "disableEmbed"; readonly embed: Embed; readonly saving: Saving }
  | { readonly kind: "remove"; readonly what: ReportSummary | DashboardSummary; readonly of: Kept; readonly saving: Saving }
  | { readonly kind: "notes"; readonly date: string; readonly text: string; readonly saving: Saving }
  | { readonly kind: "people"; readonly step: number; readonly label: string; readonly state: FunnelState; readonly list: Loading<UserList> }
  | {
      readonly kind: "user";
      readonly id: string;
      readonly explanation: Loading<Explanation>;
      /** The list that the user was chosen from. */
      readonly from: Sheet | null;
    };

/** A report that the question began as. */
export interface OpenReport {
  readonly report: Report;
  /** The key of its question: while the present one has the same, nothing is to be saved. */
  readonly key: string;
}

/** A dashboard, as it is being looked at or changed. */
export interface OpenDashboard {
  readonly dashboard: Dashboard;
  /** The newest revision, where an older one is looked at. */
  readonly newest: number | null;
  readonly editing: boolean;
  /** Whether it differs from what is kept. */
  readonly changed: boolean;
  readonly saving: "no" | "saving" | { readonly failure: Failure };
}

/** What a tile shows: its report, and the answer to it. */
export interface TileState {
  readonly report: Loading<Report>;
  readonly answer: Loading<Answer | OtherAnswer> | null;
}

/** Events as they land. */
export interface Live {
  /** The newest first. */
  readonly events: readonly LiveEvent[];
  readonly version: number | null;
  readonly paused: boolean;
  /** Only events whose name has this. */
  readonly search: string;
  readonly failure: Failure | null;
}

/** Failed events: in groups, and those of the group that is looked at. */
export interface FailedView {
  readonly groups: readonly FailedGroup[];
  readonly shown: { readonly choice: FailedChoice; readonly each: Loading<FailedEvent[]> } | null;
  /** The one whose body is shown. */
  readonly one: FailedEvent | null;
  /** What became of the last replay or drop. */
  readonly done: { readonly replayed: number; readonly duplicates: number; readonly failing: number } | { readonly dropped: number } | null;
  readonly busy: boolean;
  readonly failure: Failure | null;
}

/** The links to answers of reports on other sites. */
export interface EmbedsView extends Embeds {
  /** One that was just made: its token is seen this once. */
  readonly made: { readonly name: string; readonly report: string; readonly token: string } | null;
  /** A name that was asked for and is in use already. */
  readonly taken: string | null;
  readonly saving: Saving;
}

/** What a link to an answer opens. */
export interface EmbeddedView extends Embedded {
  /** Why the last look for a newer answer found none; what is shown is the one of before. */
  readonly stale: Failure | null;
}

export interface KeysView {
  readonly keys: readonly WriteKey[];
  /** A key that was just made. */
  readonly made: { readonly key: string; readonly source: string } | null;
  readonly failure: Failure | null;
}

export interface State {
  live: Live;
  failed: Loading<FailedView> | null;
  keys: Loading<KeysView> | null;
  system: Loading<System> | null;
  route: Route;
  session: Loading<Session>;
  /** Said of a login that did not succeed. */
  login: Saving;
  reports: Loading<ReportSummary[]> | null;
  /** How the checks of reports went, by report. */
  checks: Map<string, CheckResult>;
  embeds: Loading<EmbedsView> | null;
  embedded: Loading<EmbeddedView> | null;
  reportSearch: string;
  /** Whether the list is of those that were removed. */
  removedReports: boolean;
  report: Loading<OpenReport> | null;
  dashboards: Loading<DashboardSummary[]> | null;
  removedDashboards: boolean;
  dashboard: Loading<OpenDashboard> | null;
  /** By the id of a report. */
  tiles: Map<string, TileState>;
  /** What to know of days, marked in charts over time. */
  annotations: Loading<Annotation[]> | null;
  language: Language;
  theme: Theme;
  catalogue: Loading<Catalogue>;
  /** Properties by the events they are of, see `listKey`. */
  properties: Map<string, Loading<Property[]>>;
  /** Values by property and events. */
  values: Map<string, Loading<PropertyValue[]>>;
  question: Question;
  /** Set where the question of the address cannot be built; it is asked as it stands. */
  raw: RawQuestion | null;
  compiled: Compiled;
  /** The views of answers of kinds that the page does not build, once one of them was wanted. */
  others: Loading<OtherViews> | null;
  answer: AnswerState;
  list: OpenList | null;
  /** The step or series that is about to be given a name, by its id. */
  naming: string | null;
  /** The JSON that is being edited, null while none is. */
  json: string | null;
  /** The series whose groups are drawn. */
  splitSeries: string | null;
  sheet: Sheet | null;
  eventSearch: string;
  /** Only events of this owner, empty for those that nobody owns; null is all. */
  eventOwner: string | null;
  eventDetail: Loading<EventDetail> | null;
  timeline: Loading<Timeline> | null;
  /** What was copied last, for the button's "Copied". */
  copied: string | null;
  /** Why the question in the address could not be read. */
  notice: string | null;
  /** Element to focus after the next drawing. */
  focus: string | null;
}

export function initialState(timezone: string, language: Language, theme: Theme): State {
  const question = blankQuestion(timezone);
  return {
    live: { events: [], version: null, paused: false, search: "", failure: null },
    failed: null,
    keys: null,
    system: null,
    route: EXPLORE,
    session: { status: "loading" },
    login: { status: "editing" },
    reports: null,
    checks: new Map(),
    embeds: null,
    embedded: null,
    reportSearch: "",
    removedReports: false,
    report: null,
    dashboards: null,
    removedDashboards: false,
    dashboard: null,
    tiles: new Map(),
    annotations: null,
    language,
    theme,
    catalogue: { status: "loading" },
    properties: new Map(),
    values: new Map(),
    question,
    raw: null,
    compiled: compile(question),
    others: null,
    answer: { status: "none", key: "" },
    list: null,
    naming: null,
    json: null,
    splitSeries: null,
    sheet: null,
    eventSearch: "",
    eventOwner: null,
    eventDetail: null,
    timeline: null,
    copied: null,
    notice: null,
    focus: null,
  };
}

/** Whether the person may save. */
export function mayEdit({ session }: State): boolean {
  return session.status === "ready" && (session.value.role === "editor" || session.value.role === "admin");
}

/** Whether the person runs the lake. */
export function isAdmin({ session }: State): boolean {
  return session.status === "ready" && session.value.role === "admin";
}

/** The key of a list that belongs to events, whichever their order. */
export function listKey(events: readonly string[], property = ""): string {
  return JSON.stringify([property, ...[...events].sort()]);
}
