/** What answers say of kinds that the page does not build, in English. */

import type { ExperimentAnswer } from "../answers-others";
import type { Format } from "../format";
import type { Part } from "../words";
import { type LifecycleWords, type SessionsWords, type StickinessWords, activeIn } from "../words-others";

const name = (text: string): Part => ({ name: text });
const things = (n: number, one: string, many: string, f: Format) => `${f.number(n)} ${n === 1 ? one : many}`;
const people = (n: number, f: Format) => things(n, "person", "people", f);
const bucket = { hour: "hour", day: "day", week: "week", month: "month" };
const buckets = (n: number, interval: keyof typeof bucket, f: Format) => `${f.value(n)} ${bucket[interval]}${n === 1 ? "" : "s"}`;
const were = (n: number, of: string | null): Part[] => (of === null ? [n === 1 ? " was active" : " were active"] : [" did ", name(of)]);

export const enOthers = {
  lifecycle: {
    active: "Active",
    new: "New",
    returning: "Returning",
    resurrecting: "Back after a pause",
    dormant: "Gone quiet",
    lastOver: (at: string) => `Figures of ${at}, the last that is over`,
    note: "New: never active before. Returning: active right before as well. Back after a pause: active earlier, and not right before. Gone quiet, below zero: active right before, and not here.",
    open: "Who has gone quiet in a time that is not over yet may still be active in it.",
    chart: "Who is active",
  },
  stickiness: {
    users: "Users",
    average: "On average",
    ofBuckets: (n: number, interval: keyof typeof bucket, f: Format) => `of ${buckets(n, interval, f)}`,
    periods: { hour: "Hours", day: "Days", week: "Weeks", month: "Months" },
    share: "Share",
    atLeast: "So many or more",
    curve: "Active so often, or more often",
    point: (n: number, interval: keyof typeof bucket, f: Format) => buckets(n, interval, f),
    table: "On how many of them users were active",
    open: "The time that is asked is not over: users may yet be active in more of it.",
  },
  sessions: {
    sessions: "Sessions",
    users: "Users",
    perUser: "A user",
    events: "Events, median",
    duration: "Duration, median",
    bounces: "One event only",
    mean: (value: string) => `mean ${value}`,
    p90: (value: string) => `nine of ten up to ${value}`,
    durations: "How long they last",
    first: "They begin with",
    last: "They end with",
    event: "Event",
    trend: "Sessions over time, by when they begin",
    more: "More sessions may come in that begin at a ring.",
    open: (n: number, f: Format) => `${things(n, "session", "sessions", f)} may still go on; they count with what they have.`,
    median: "Median duration",
    meanEvents: "Events, mean",
    none: "No session began in this time.",
  },
  experiment: {
    variants: "Variants",
    control: "control",
    users: "Users",
    converted: "Converted",
    rate: "Rate",
    interval: (confidence: string) => `${confidence} interval`,
    to: (low: string, high: string) => `${low} to ${high}`,
    median: "Median time",
    open: "Still open",
    mixed: "Seen with several",
    expected: "Expected",
    comparisons: (control: string): Part[] => ["Against ", name(control), ", in percentage points and relative to its rate"],
    points: "Points",
    picture: "Below ┊ above",
    relative: "Relative",
    p: "p",
    adjusted: "p, adjusted",
    test: "Test",
    tests: { z: "z", fisher: "Fisher's exact" } as Record<string, string>,
    mind: "To keep in mind",
    metric: (from: string, to: string): Part[] => ["From ", name(from), " to ", name(to), "."],
    apart: (parts: string[]) => `Not compared: ${parts.join(", ")}.`,
    missing: (n: number, property: string, f: Format) => `${things(n, "user", "users", f)} without ${property}`,
    other: (n: number, f: Format) => `${things(n, "user", "users", f)} with other values`,
    notExposed: (n: number, step: string, f: Format) => `${things(n, "user", "users", f)} who did not come to ${step}`,
    nobody: "Nobody was shown a variant.",
  },

  sentences: {
    lifecycle: ({ last, at, interval, of, isEmpty, when, format: f }: LifecycleWords): Part[] => {
      if (isEmpty) return of === null ? [`Nobody was active${when}.`] : ["Nobody did ", name(of), `${when}.`];
      if (last === null) return [`No ${bucket[interval]} of this time is over yet.`];
      const active = activeIn(last);
      const parts: Part[] = [people(active, f), ...were(active, of), ` (${at}, the last ${bucket[interval]} that is over)`];
      if (active > 0) parts.push(`: ${f.number(last.new)} for the first time, ${f.number(last.returning)} also the ${bucket[interval]} before, ${f.number(last.resurrecting)} after a pause`);
      parts.push(`. ${f.number(last.dormant)} of the ${bucket[interval]} before did not come.`);
      return parts;
    },
    stickiness: ({ answer, interval, of, when, format: f }: StickinessWords): Part[] => {
      const { users, average, buckets_in_range, active } = answer;
      if (users === 0 || average === null) return of === null ? [`Nobody was active${when}.`] : ["Nobody did ", name(of), `${when}.`];
      const often = active.find(({ periods }) => periods === 2);
      return [
        people(users, f), ...were(users, of), `${when}, in ${f.value(average)} of ${buckets(buckets_in_range, interval, f)} on average`,
        often === undefined ? "." : `, and ${f.share(often.at_least_share)} of them in 2 or more.`,
      ];
    },
    sessions: ({ answer, first, last, when, format: f }: SessionsWords): Part[] => {
      if (answer.sessions === 0) return [`There was no session${when}.`];
      const half = answer.duration_ms.median === null ? "" : `, half of them of ${f.duration(answer.duration_ms.median)} or less`;
      const parts: Part[] = [`${things(answer.sessions, "session", "sessions", f)} of ${people(answer.users, f)}${when}${half}. ${f.share(answer.bounce_share)} have one event only.`];
      if (first !== null && last !== null) {
        parts.push(" Most often they begin with ", name(first.event), ` (${f.share(first.share)}) and end with `, name(last.event), ` (${f.share(last.share)}).`);
      }
      return parts;
    },
  },

  /** What can be said of an experiment, and what has to be kept in mind: the server's own words, which are English. */
  verdict: ({ verdict }: ExperimentAnswer, _f: Format): Part[] => [verdict.sentence],
  caveat: (_answer: ExperimentAnswer, caveat: { code: string; sentence: string }, _f: Format): string => caveat.sentence,
};

/** What a language has to say there. */
export type OtherMessages = typeof enOthers;
