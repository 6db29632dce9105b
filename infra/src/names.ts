/**
 * Names that more than one part uses: stacks, functions, alarms, and the folders of a lake.
 *
 * The folders are those of `store/src/names.rs`. Rights are given by them, so a folder that is new there is not reachable until
 * it is named here.
 */

/** The folders of a lake that functions have to do with. */
export const FOLDER = {
  /** The events table as a whole. */
  events: "events",
  /** Commits of the events table: JSON without an event in it, and checkpoints. */
  eventsLog: "events/_delta_log",
  /** Data files as they landed. */
  eventsLanded: "events/landed",
  /** Data files that were merged. */
  eventsCompacted: "events/compacted",
  failed: "failed",
  failedLanded: "failed/landed",
  ids: "ids",
  settings: "settings",
  saved: "saved",
  checks: "checks",
  overflow: "overflow",
  erasures: "erasures",
  /** Requests; their figures stay. */
  openErasures: "erasures/open",
  maintenance: "maintenance",
  unreadable: "unreadable",
} as const;

export type Folder = (typeof FOLDER)[keyof typeof FOLDER];

export const EVENTS: readonly Folder[] = [FOLDER.eventsLog, FOLDER.eventsLanded, FOLDER.eventsCompacted];

export const STACKS = ["data", "compute", "operations"] as const;

export function stackName(environment: string, stack: (typeof STACKS)[number]): string {
  return `weir-${environment}-${stack}`;
}

/** A name rather than a reference: a stack that refers to a secret of another one would keep it from being replaced. */
export function sessionKeyName(environment: string, number: number): string {
  return `weir-${environment}-session-key-${number}`;
}

/** The alias that everything calls; a new version gets its share of it. */
export const LIVE = "live";

/** Where figures of one environment are: those that functions write themselves have no name of an environment. */
export function namespaceOf(environment: string): string {
  return `weir/${environment}`;
}

/** How functions write their figures: as lines of log. As metrics of their own each would cost $0.30 a month, and tell no environment. */
export const METRICS = "log";

/** Figures that are taken out of the logs of functions, because an alarm needs them for one environment alone. */
export const FIGURE = {
  accepted: "EventsAccepted",
  rejected: "EventsRejected",
  overflowed: "RecordsOverflowed",
  landed: "RecordsLanded",
  landingFailures: "LandingFailures",
  serverErrors: "ServerErrors",
} as const;

/** Functions, by the part that each is; the last word of their names. */
export const FUNCTION = {
  live: "ingest-live",
  bulk: "ingest-bulk",
  landing: "landing",
  maintenance: "maintenance",
  query: "query",
} as const;

export function functionName(environment: string, name: (typeof FUNCTION)[keyof typeof FUNCTION]): string {
  return `weir-${environment}-${name}`;
}

/**
 * Every alarm, without the `weir-ENV-` in front. docs/OPERATIONS.md has a section for each, and a test holds it to that.
 */
export const ALARM = {
  iteratorAge: "iterator-age",
  freshness: "freshness",
  landingFailures: "landing-failures",
  landingErrors: "landing-errors",
  landingQueue: "landing-queue",
  scheduleQueue: "schedule-queue",
  maintenanceErrors: "maintenance-errors",
  maintenanceSilent: "maintenance-silent",
  collector5xx: "collector-5xx",
  collectorErrors: "collector-errors",
  collectorThrottles: "collector-throttles",
  streamThrottles: "stream-throttles",
  overflow: "overflow",
  rejectedShare: "rejected-share",
  query5xx: "query-5xx",
  queryErrors: "query-errors",
  cost: "cost",
} as const;

export type AlarmName = (typeof ALARM)[keyof typeof ALARM];

export function alarmName(environment: string, alarm: AlarmName): string {
  return `weir-${environment}-${alarm}`;
}
