import { expect, test } from "vitest";
import type { FunnelAnswer } from "./answers";
import { createFormat } from "./format";
import { LANGUAGES, type Language, chooseLanguage } from "./messages";
import type { Range } from "./question/model";
import { readSpec } from "./question/read";
import { type Row, answerOf, pathsOf, retentionOf, trendsOf } from "./testing";
import { type Part, funnelSentence, pathsSentence, retentionSentence, trendsSentence } from "./words";

const formats = { en: createFormat("en-US"), ko: createFormat("ko-KR") };
const ALL: Range = { kind: "all" };
const text = (parts: Part[]) => parts.map((part) => (typeof part === "string" ? part : `[${part.name}]`)).join("");

function say(range: Range, answer: FunnelAnswer, language: Language = "en", spec: object = {}): string {
  const question = readSpec({ steps: [{ event: "a" }], ...spec }, "UTC");
  return text(funnelSentence(answer, { ...question, range }, LANGUAGES[language], formats[language]));
}

const funnel = (...rows: Row[]) => answerOf(...rows);

test("says what a funnel of three steps says", () =>
  expect(say(ALL, funnel(["view_job", 1203], ["apply_start", 503, 37], ["apply_submit", 214]))).toBe(
    "Of 1,203 people who did [view_job], 214 (17.8%) went on to [apply_submit] within 14 days, half of them in 2 hr 5 min or less." +
      " Most leave between [view_job] and [apply_start]: 663 of 1,203 (55.1%). 37 people still have time to go on.",
  ));

test("two steps", () =>
  expect(say({ kind: "last", last: "30d" }, funnel(["a", 10], ["b", 1, 1]))).toBe(
    "Of 10 people who did [a] in the last 30 days, 1 (10%) went on to [b] within 14 days. 8 of 10 (80%) left in between." +
      " 1 person still has time to go on.",
  ));

test("one step, and nobody", () => {
  expect(say({ kind: "dates", from: "2026-01-01", to: "" }, funnel(["a", 1]))).toBe("1 person did [a] since Jan 1, 2026.");
  expect(say({ kind: "dates", from: "", to: "2026-01-31" }, funnel(["a", 0]))).toBe("Nobody did [a] until Jan 31, 2026.");
  expect(say(ALL, funnel(["a", 5], ["b", 0]))).toBe("Of 5 people who did [a], nobody went on to [b] within 14 days. 5 of 5 (100%) left in between.");
});

test("everybody, and sessions in one session", () => {
  expect(say(ALL, funnel(["a", 5], ["b", 5], ["c", 5]))).toBe(
    "Of 5 people who did [a], 5 (100%) went on to [c] within 14 days, half of them in 2 hr 5 min or less.",
  );
  expect(say(ALL, funnel(["a", 5], ["b", 1]), "en", { count: "sessions", window: "session" })).toBe(
    "Of 5 sessions with [a], 1 (20%) went on to [b] in the same session. 4 of 5 (80%) left in between.",
  );
});

test("against the period before", () => {
  const { steps } = answerOf(["a", 10], ["b", 2]);
  const answer = { ...answerOf(["a", 10], ["b", 5]), previous: { from: "", to: "", steps } };
  expect(say(ALL, answer)).toMatch(/Conversion is 50%, up 30 points from 20% in the period before\.$/);
});

test("in Korean", () =>
  expect(say({ kind: "last", last: "30d" }, funnel(["view_job", 1203], ["apply_start", 503, 37], ["apply_submit", 214]), "ko")).toBe(
    "최근 30일 동안 [view_job] 이벤트를 한 1,203명 중 14일 안에 [apply_submit] 이벤트까지 간 것은 214명(17.8%)입니다." +
      " 그 절반은 2시간 5분 이내에 갔습니다. 가장 많이 떠난 곳은 [view_job]에서 [apply_start] 사이입니다: 1,203명 중 663명(55.1%). 37명은 아직 시간이 있습니다.",
  ));

test("trends: the whole, the most and the least of what is over, the change", () => {
  const question = readSpec({ kind: "trends", series: [{ event: "a" }], last: "7d" }, "UTC");
  const answer = { ...trendsOf({ label: "a", values: [5, 9, 3, 4, 1] }), previous: { from: "", to: "", ...trendsOf({ label: "a", values: [20] }) } };
  expect(text(trendsSentence(answer, question, LANGUAGES.en, formats.en))).toBe(
    "[a]: 22 in the last 7 days. The most was 9 (Jan 2), the least 3 (Jan 3). That is up 10% on the period before.",
  );
});

test("retention and paths", () => {
  const retention = readSpec({ kind: "retention", start: { event: "signup" } }, "UTC");
  expect(text(retentionSentence(retentionOf(), retention, LANGUAGES.en, formats.en))).toBe(
    "60 people began with [signup]. 20% of those who had the time came back with [any event] in day 1.",
  );
  const paths = readSpec({ kind: "paths", start: "view" }, "UTC");
  expect(text(pathsSentence(pathsOf(), paths, LANGUAGES.en, formats.en))).toBe("10 people with [view]. Most often the next is [apply]: 50%.");
});

test("the reader's first language that there is", () => {
  expect(chooseLanguage(["de-DE", "ko-KR", "en"])).toBe("ko");
  expect(chooseLanguage(["de-DE"])).toBe("en");
});

test("every language has its own words for everything", () => {
  // Names of formats and of percentiles are the same everywhere.
  const alike = new Set(["language", "p90", "bracketsPlaceholder", "formulaPlaceholder", "valuesPlaceholder", "null", "checks.usual.trends", "checks.usual.retention"]);
  const same: string[] = [];
  const compare = (a: object, b: object, path: string) => {
    for (const [key, value] of Object.entries(a)) {
      const other = (b as Record<string, unknown>)[key];
      if (typeof value === "object" && value !== null) compare(value, other as object, `${path}${key}.`);
      else if (typeof value === "string" && value === other && !alike.has(key) && !alike.has(path + key)) same.push(path + key);
    }
  };
  compare(LANGUAGES.en, LANGUAGES.ko, "");
  expect(same).toEqual([]);
});
