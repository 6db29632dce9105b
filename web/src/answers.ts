/** Shapes of the server's answers, as the HTTP API gives them. */

/** What every answer says of itself. */
export interface Answered {
  version: number;
  complete_to: string | null;
  scanned: { files: number; bytes: number; rows: number; elapsed_ms: number };
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

export interface HistogramBar {
  from: number;
  to: number;
  count: number;
}

export interface Conversion {
  n: number;
  median: number | null;
  mean?: number | null;
  histogram?: HistogramBar[];
}

/** The value of one group of a breakdown. An absent one is null; `{ other: true }` sums the values past the limit. */
export interface GroupValue {
  value?: string | number | boolean | null | object;
  other?: boolean;
}

export interface FunnelGroup extends GroupValue {
  steps: StepAnswer[];
  conversion_ms?: Conversion | null;
}

export interface FunnelBucket {
  start: string;
  entered: number;
  converted: number;
  open: number;
}

/** What both periods of a comparison have. */
export interface FunnelPeriod {
  steps: StepAnswer[];
  conversion_ms?: Conversion | null;
  breakdown?: FunnelGroup[] | null;
  trend?: FunnelBucket[] | null;
}

export interface ListedUser {
  user: string;
  times: (string | null)[];
  open_until?: string | null;
}

export interface UserList {
  step: number;
  state: string;
  total: number;
  listed: ListedUser[];
}

export interface FunnelAnswer extends Answered, FunnelPeriod {
  kind: "funnel";
  previous?: (FunnelPeriod & { from: string; to: string }) | null;
  users?: UserList | null;
}

export interface Bucket {
  start: string;
  end: string;
  open: boolean;
}

export interface SeriesAnswer {
  id: string;
  label: string;
  measure?: string;
  formula?: string;
  values: (number | null)[];
  total: number | null;
  moving_average?: (number | null)[];
}

export interface TrendsPeriod {
  buckets: Bucket[];
  series: SeriesAnswer[];
  breakdown?: (GroupValue & { series: SeriesAnswer[] })[] | null;
}

export interface TrendsAnswer extends Answered, TrendsPeriod {
  kind: "trends";
  previous?: (TrendsPeriod & { from: string; to: string }) | null;
}

export interface Returned {
  /** Users whose period is over or has begun; of the whole and of groups. */
  users?: number;
  count: number;
  share: number | null;
  open: boolean;
}

export interface RetentionAnswer extends Answered {
  kind: "retention";
  interval: string;
  columns: { from: number; to: number }[];
  /** A period that has not begun is null. */
  cohorts: { start: string; users: number; returned: (Returned | null)[] }[];
  whole: { users: number; returned: Returned[] };
  breakdown?: (GroupValue & { users: number; returned: Returned[] })[] | null;
}

/** An event, the others summed, or why a path goes no further. */
export interface PathNode {
  event?: string;
  other?: boolean;
  end?: string;
}

export interface PathsAnswer extends Answered {
  kind: "paths";
  count: string;
  total: number;
  levels: { level: number; nodes: (PathNode & { count: number; share: number })[] }[];
  links: { level: number; from: PathNode; to: PathNode; count: number; median_ms: number | null }[];
  paths?: { events?: (string | PathNode)[]; other?: boolean; count: number; share: number; open?: number }[];
}

export type Answer = FunnelAnswer | TrendsAnswer | RetentionAnswer | PathsAnswer;

/** An answer to a kind of question that this page does not draw. */
export interface OtherAnswer extends Answered {
  kind: string;
  [field: string]: unknown;
}

export interface CatalogueEvent {
  event: string;
  count: number;
  first_seen?: string;
  last_seen?: string;
  planned?: boolean;
  /** Who looks after it, and what it is, as the tracking plan has it. */
  owner?: string | null;
  description?: string | null;
}

/** The event names of the lake, most frequent first. */
export interface Catalogue {
  version: number;
  complete_to: string | null;
  count?: number;
  events: CatalogueEvent[];
}

export interface PropertyValue {
  value: string | number | boolean | null;
  count: number;
  at_most?: number;
}

export interface Property {
  property: string;
  /** How many values of each JSON type. */
  types: Record<string, number>;
  present: number;
  events?: number;
  values?: PropertyValue[];
}

/** One event of the catalogue, with all that is known of it. */
export interface EventDetail extends CatalogueEvent {
  version: number;
  days_utc: { day: string; count: number }[];
  sources: { source: string; count: number }[];
  properties: Property[];
}

export interface TimelineEvent {
  event: string;
  time: string;
  event_id: string;
  session: number;
  source: string;
  user_id?: string | null;
  anonymous_id?: string | null;
  received_at: string;
  properties?: Record<string, unknown> | null;
  context?: Record<string, unknown> | null;
}

/** What one user did, the newest first. `user` is null where there is none of that id. */
export interface Timeline {
  user: string | null;
  asked_for: string;
  anonymous_ids: string[];
  events_total: number;
  events_matching: number;
  first: string | null;
  last: string | null;
  events: TimelineEvent[];
}

/** Why a user did or did not convert: each event that could count, with its reason. */
export interface Explanation {
  verdict: string;
  depth: number;
  text: string;
  steps: { step: number; label: string }[];
  attempts: ExplainedAttempt[];
  missing: unknown;
  events: ExplainedEvent[];
}

export interface ExplainedAttempt {
  /** From 1. */
  attempt: number;
  depth: number;
  converted: boolean;
  dropped: boolean;
  /** For each step the number of its event; null where one was passed over. */
  events: (number | null)[];
  missing: { steps: number[]; nearest: number | null } | null;
}

/** A condition that an event fails. */
export interface UnmetCondition {
  of: string;
  number: number | null;
  property: string;
  op: string;
  value?: unknown;
  /** What the event has there; null where it is missing. */
  found?: unknown;
}

export interface ExplainedEvent {
  number: number;
  time: string;
  event: string;
  event_id: string;
  /** The steps and the exclusions that it fits, from 1. */
  steps: number[];
  exclusions?: number[];
  reason: string;
  attempt: number | null;
  step: number | null;
  /** The number of the event that the reason is about. */
  other?: number | null;
  unmet?: UnmetCondition[];
  text: string;
}

export const ROLES = ["viewer", "editor", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** Who asks. Name and role are null for who is not logged in. */
export interface Session {
  version: string;
  auth: "none" | "token" | "openid";
  name: string | null;
  role: Role | null;
  lake: string;
  /** The ways in: with a token, and at a provider of identities, to whose `url` the browser goes. */
  logins: { token: boolean; openid: { name: string; url: string } | null };
  /** Of somebody who logged in at the provider. */
  user: { email: string } | null;
}

/** What every kept document says of itself. */
interface Kept {
  id: string;
  revision: number;
  saved_at: string;
  saved_by: string | null;
  /** A newer weir saved it: it is shown as far as it can be told, and not saved over. */
  newer?: boolean;
  removed?: boolean;
  format?: number;
}

export interface ReportSummary extends Kept {
  name: string;
  folder: string;
  description: string;
  /** Of its question. */
  kind: string;
}

/** A question under a name. */
export interface Report extends Kept {
  name: string;
  folder: string;
  description: string;
  /** Null where a newer weir saved what this one cannot tell. */
  spec: Record<string, unknown> | null;
  check?: Check | null;
}

/** What the answer of a report is held against, on a schedule. */
export interface Check {
  measure: string;
  step?: number;
  series?: string;
  period?: number;
  below?: number;
  above?: number;
  every?: string;
  webhook?: string;
}

/** How a check went last. */
export interface CheckResult {
  report: string;
  state: "ok" | "failing" | "none" | "error" | "waiting";
  value: number | null;
  checked_at: string | null;
  message: string;
  webhook: "sent" | "failed" | "not_allowed" | null;
}

export interface DashboardSummary extends Kept {
  name: string;
  folder: string;
  description: string;
}

export type Tile = { report: string; wide?: boolean } | { text: string; wide?: boolean };

/** Reports side by side. */
export interface Dashboard extends Kept {
  name: string;
  folder: string;
  description: string;
  tiles: Tile[];
  /** Stands in for the time of each question, where it is set. */
  last?: string;
}

/** What to know of a day. */
export interface Annotation extends Kept {
  date: string;
  text: string;
}

export interface Revision {
  revision: number;
  saved_at: string;
  saved_by: string | null;
  name?: string;
  removed: boolean;
}

/** A report that is shown on another site to whoever has the link. */
export interface Embed {
  name: string;
  report: string;
  state: "active" | "disabled";
  created_at: string;
  created_by: string | null;
}

export interface Embeds {
  embeds: Embed[];
  /** The sites that may frame this server. */
  allowed: string[];
}

/** What a link to a report's answer opens. */
export interface Embedded {
  report: { id: string; name: string; question: Record<string, unknown>; revision: number };
  lake: string;
}

/** An event that landed. */
export interface LiveEvent {
  event: string;
  user: string;
  time: string;
  received_at: string;
  source: string;
  event_id: string;
  properties?: Record<string, unknown> | null;
  context?: Record<string, unknown> | null;
}

/** Failed events of one reason. */
export interface FailedGroup {
  code: string;
  field: string | null;
  source: string | null;
  event: string | null;
  count: number;
  first_seen: string;
  last_seen: string;
  message: string;
}

export interface FailedEvent {
  failed_id: string;
  received_at: string;
  source: string | null;
  event: string | null;
  code: string;
  field: string | null;
  message: string;
  body_bytes: number;
  /** As it was sent; only of one that was asked for by its id. */
  body?: unknown;
}

/** Which failed events: those of one reason, event and source. */
export type FailedChoice = Partial<Record<"code" | "event" | "source", string>>;

export interface WriteKey {
  key: string;
  source: string;
  state: string;
  created_at: string;
  disabled_at?: string | null;
  origins?: string[];
  events_per_second?: number | null;
  plan?: string;
}

/** The figures of the lake. */
export interface System {
  lake: string;
  version: number;
  complete_to: string | null;
  events: number;
  files: number;
  bytes: number;
  bytes_per_event: number | null;
  first_event: string | null;
  last_event: string | null;
  levels: { level: number; kind: string; files: number; events: number; bytes: number }[];
  queue: unknown[];
  shards?: unknown[];
  users: { linked_ids: number; refused_links: number };
  lag?: Lag;
  /** What the lake costs, about; null where it is a directory. */
  cost?: Cost | null;
}

/** How far what can be asked is behind what is sent. */
export interface Lag {
  complete_to: string | null;
  behind_ms: number | null;
  newest_received_at: string | null;
}

export interface Cost {
  priced_on: string;
  region: string;
  currency: string;
  month: number;
  per_million_events: number | null;
  events_per_second: number;
  /** `amount` is how much of it there is, in English. */
  parts: { part: string; month: number; amount?: string }[];
  /** In English. */
  assumptions: string[];
}
