/** What the pages beside the builder say, in English. */

import type { Format } from "../format";
import type { Part } from "../words";

const name = (text: string): Part => ({ name: text });

const things = (n: number, one: string, many: string, f: Format) => `${f.number(n)} ${n === 1 ? one : many}`;

export const enPages = {
  login: {
    title: "Log in",
    token: "Token",
    enter: "Log in",
    leave: "Log out",
    hint: "Whoever runs this server makes tokens, with weir tokens add.",
    with: (provider: string): Part[] => ["Log in with ", name(provider)],
    again: (provider: string): Part[] => ["Try again with ", name(provider)],
    withToken: "With a token",
    provider: "the provider",
    /** Why a login at a provider failed, by the name that the server gives the reason. */
    failed: {
      denied: {
        title: "You were not logged in",
        body: (provider: string): Part[] => [name(provider), " did not let you in, or the login was called off there. Try again, perhaps with another account."],
      },
      no_role: {
        title: "You may not look in here yet",
        body: (provider: string): Part[] => [
          "You are logged in at ", name(provider), ", but your account has no role here. Ask whoever runs weir to put you into a group that has one, and then try again.",
        ],
      },
      expired: {
        title: "The login took too long",
        body: (): Part[] => ["It has to be done within ten minutes, and in the browser that it was begun in. Try again."],
      },
      provider: {
        title: "The login did not work out",
        body: (provider: string): Part[] => [
          name(provider), " did not answer, or answered something that cannot be trusted. Try again in a moment; if it stays so, tell whoever runs weir.",
        ],
      },
      other: { title: "The login did not work out", body: (): Part[] => ["Try again; if it stays so, tell whoever runs weir."] },
    } as Record<string, { title: string; body: (provider: string) => Part[] }>,
    roles: { viewer: "may ask and look", editor: "may also save", admin: "may do everything" },
  },

  saving: {
    title: "Save this question",
    name: "Name",
    folder: "Folder",
    description: "Description",
    saveOver: "Save",
    saveNew: "Save as new",
    saveAnyway: "Save mine over it",
    seeTheirs: "See theirs",
    changed: (who: string | null, when: string) =>
      `${who ?? "Somebody"} saved this while you worked on it (${when}). Nothing is lost: what you built is still here.`,
    edited: "changed, not saved",
    removed: "removed",
    newest: "now",
    restore: "Restore",
    restoreOf: (revision: number) => `Restore revision ${revision}`,
    look: "Look",
    lookAt: (revision: number) => `Look at revision ${revision}`,
    removeHint: "It goes from the list. Its history stays, and it can be brought back from there.",
  },

  reports: {
    search: "Find a report",
    removedOnes: "Removed",
    none: "No report yet. Build a question, and save it.",
    noneRemoved: "Nothing was removed.",
    history: "History",
    newer: "saved by a newer weir",
  },

  dashboards: {
    name: "Name of the dashboard",
    make: "Make a dashboard",
    none: "No dashboard yet.",
    empty: "Nothing on it yet.",
    emptyEditing: "Add a report or a text below.",
    edit: "Change",
    discard: "Leave it as it was",
    last: "Time of all reports",
    ownTimes: "each report's own time",
    tile: (n: number) => `tile ${n}`,
    wide: "wide",
    text: "Text",
    addReport: "Add a report…",
    addText: "Add a text",
    old: (revision: number, newest: number, when: string, who: string | null) =>
      `This is revision ${revision} of ${newest}, as it was saved on ${when}${who === null ? "" : ` by ${who}`}. Its reports are as they are now.`,
    seeNewest: "See it as it is now",
  },

  embeds: {
    title: "This answer on another site",
    hint: "A link shows the answer of this one report to whoever has it, without a login, and opens nothing else.",
    saveFirst: "Save this question as a report first: a link shows the answer of a report.",
    asSaved: "It shows the report as it is saved, without what was changed since.",
    list: "Links to this answer",
    name: "Name of the link, such as wiki",
    add: "Make a link",
    taken: (name: string) => `There is a link called “${name}” already, here or of another report. Give it another name.`,
    made: (name: string) => `The link “${name}”.`,
    once: "It is shown only this once: copy it now. It works within a few seconds.",
    address: "Address",
    frame: "Frame for a page",
    sites: (sites: string) => `These sites may frame it: ${sites}.`,
    noSite: "No site may frame this server yet, so the link works and a frame does not. Whoever runs weir names the sites, with --frame-ancestor.",
    disable: "Disable",
    disableHint: "Whoever has this link sees nothing with it, from a few seconds on. It cannot be switched on again; a new one can be made under another name.",
    ended: "disabled",
  },

  /** What somebody reads who has a link to an answer, and no more. */
  embedded: {
    overTitle: "This link is no longer in force",
    overBody: "Somebody ended it, or it was cut when it was copied. Ask whoever gave it to you for a new one.",
    removedTitle: "This report was removed",
    removedBody: "What the link showed is not there any more. Ask whoever gave it to you.",
    unreachableBody: "Check that the network is up, and try again.",
    stale: "A newer answer could not be had. This is the last one; it is looked for again in a while.",
  },

  notes: {
    open: "Notes on days",
    title: "Notes on days",
    hint: "Charts over time mark these days: a launch, a campaign, an outage.",
    date: "Day",
    text: "What happened",
    add: "Add",
  },

  checks: {
    title: "Check it on a schedule",
    measure: "Look at",
    measures: {
      conversion: "the conversion", count: "how many came", latest: "the last point that is over", total: "the total", returned: "the share that came back",
    } as Record<string, string>,
    at: { funnel: "At step", trends: "Of series", retention: "In period" } as Record<string, string>,
    usual: { funnel: "the last", trends: "A", retention: "1" } as Record<string, string>,
    below: (share: boolean): string => (share ? "Fails below, in %" : "Fails below"),
    above: (share: boolean): string => (share ? "Fails above, in %" : "Fails above"),
    every: "Every",
    webhook: "Call this address when that changes",
    hint: "Addresses are called only at hosts that whoever runs the server has named.",
    states: { ok: "Holds.", failing: "Fails.", none: "Has no value.", error: "Could not be checked.", waiting: "Not checked yet." },
    webhooks: { sent: "webhook called", failed: "webhook failed", not_allowed: "webhook not allowed" },
    runNow: "Check now",
  },

  live: {
    search: "Find by event or user",
    pause: "Pause",
    goOn: "Go on",
    none: "Nothing has landed yet.",
    hint: "Looks every two seconds. The newest first, as they landed.",
  },

  failed: {
    title: "Failed events",
    hint: "What was sent and not taken, and why. After a fix, try them again.",
    none: "Nothing failed.",
    show: "Show",
    replay: "Try again",
    drop: "Drop",
    dropHint: (n: number, f: Format) => `${things(n, "failed event goes", "failed events go", f)} for good.`,
    dropped: (n: number, f: Format) => `Dropped: ${f.number(n)}.`,
    replayed: (taken: number, copies: number, failing: number, f: Format) =>
      `Taken: ${f.number(taken)}. Were there already: ${f.number(copies)}. Failed again: ${f.number(failing)}.`,
  },

  keys: {
    title: "Write keys",
    hint: "Apps send events with these. A key lets events in, and lets nobody read.",
    source: "Source, such as web",
    key: "Key",
    state: "State",
    created: "Made",
    add: "Make a key",
    made: (source: string) => `The key of ${source}:`,
    none: "No keys yet.",
    rotate: "Replace",
    disable: "Switch off",
    disableHint: "Events that come with this key are refused from then on.",
    states: { active: "in use", disabled: "off", replaced: "replaced" },
  },

  system: {
    events: "Events",
    size: "Size",
    perEvent: "An event",
    bytes: (n: string) => `${n} bytes`,
    files: "Files",
    waiting: "Merges that wait",
    complete: "Complete to",
    first: "First event",
    last: "Last event",
    version: "Version of the table",
    linked: "Anonymous ids that became users",
    program: "Program",
    level: "Level",
    levels: { landed: "as they landed", compacted: "merged" },
    fresh: "Complete up to",
    ago: (span: string) => `${span} ago`,
    received: "Last event received",
    cost: "Estimated cost",
    costHint: (rate: string, region: string, priced: string) =>
      `An estimate, not a bill: for ${rate} events a second in ${region}, at the prices of ${priced}.`,
    onThisMachine: "This lake is a directory on this machine: there is nothing to pay for.",
    part: "For",
    month: "A month",
    amount: "How much",
    parts: {
      kinesis: "Stream (Kinesis)", stream: "Stream", lambda: "Functions (Lambda)", collector: "Taking events in", landing: "Writing them to the lake",
      schedules: "Schedules", compaction: "Merging files", questions: "Questions", requests: "Requests (S3)", "store requests": "Requests to the store",
      storage: "Storage", edge: "Way to the outside", "metrics and alarms": "Metrics and alarms", logs: "Logs", secrets: "Secrets",
    } as Record<string, string>,
    whole: "All together",
    perMillion: "A million events",
    assumptions: "What is taken for granted",
  },

  catalogue: {
    title: "Events of this lake",
    search: "Find an event",
    searchOwned: "Find an event or an owner",
    event: "Event",
    count: "Events",
    first: "First seen",
    last: "Last seen",
    plan: "Plan",
    planned: "planned",
    unplanned: "not in the plan",
    owner: "Owner",
    allOwners: "all owners",
    noOwner: "nobody's",
    shown: (n: number, total: number, f: Format) => `${f.number(n)} of ${things(total, "event", "events", f)}`,
    properties: "Properties",
    property: "Property",
    types: "Types",
    present: "Present",
    values: "Most frequent values",
    perDay: "Events a day, UTC",
    drift: "several types",
    ask: "Ask a funnel that starts with it",
    trend: "See its trend",
    back: "All events",
    none: "No event fits.",
  },
};

/** What a language has to say there. */
export type PageMessages = typeof enPages;
