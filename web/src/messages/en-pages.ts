/** What the pages beside the builder say, in English. */

import type { Format } from "../format";

const things = (n: number, one: string, many: string, f: Format) => `${f.number(n)} ${n === 1 ? one : many}`;

export const enPages = {
  login: {
    title: "Log in",
    token: "Token",
    enter: "Log in",
    leave: "Log out",
    hint: "Whoever runs this server makes tokens, with weir tokens add.",
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
  },

  catalogue: {
    title: "Events of this lake",
    search: "Find an event",
    event: "Event",
    count: "Events",
    first: "First seen",
    last: "Last seen",
    plan: "Plan",
    planned: "planned",
    unplanned: "not in the plan",
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
    none: "No event's name fits.",
  },
};

/** What a language has to say there. */
export type PageMessages = typeof enPages;
