import { describe, expect, test } from "vitest";
import type { ShownAnswer } from "./answers-others";
import { createFormat } from "./format";
import { LANGUAGES, type Language } from "./messages";
import { OTHER_MESSAGES } from "./messages/others";
import { otherKindOf, readOther } from "./question/others";
import { csvOf } from "./tables";
import { tableOfShown } from "./tables-others";
import { experimentOf, lifecycleOf, sessionsOf, stickinessOf } from "./testing-others";
import type { Part } from "./words";
import { liftWithin, pIs, pText, pointsWithin, sentenceOfShown, shareWithin, significant } from "./words-others";

const FORMATS = { en: createFormat("en-US"), ko: createFormat("ko-KR") };
const text = (parts: Part[]) => parts.map((part) => (typeof part === "string" ? part : `[${part.name}]`)).join("");

function say(answer: ShownAnswer, language: Language = "en", spec: object = {}): string {
  const question = readOther({ kind: answer.kind, ...spec })!;
  return text(sentenceOfShown(answer, question, LANGUAGES[language], OTHER_MESSAGES[language], FORMATS[language]));
}

const APP = { of: { any: [{ event: "app_open" }, { event: "search" }] } };

describe("lifecycle", () => {
  const answer = lifecycleOf([112, 0, 0, 0], [81, 5, 38, 145], [3, 0, 1, 90]);

  test("says who was active in the last bucket that is over", () => {
    expect(say(answer)).toBe(
      "124 people were active (Jan 2, the last day that is over): 81 for the first time, 5 also the day before, 38 after a pause. 145 of the day before did not come.",
    );
    expect(say(answer, "en", APP)).toMatch(/^124 people did \[app_open or search\] \(Jan 2/);
    expect(say(answer, "ko", APP)).toBe(
      "끝난 마지막 하루(1월 2일)에 [app_open 또는 search] 이벤트를 한 사람은 124명입니다: 처음 81명, 바로 앞에 이어서 5명, 쉬었다가 38명." +
        " 바로 앞 하루에 활동한 사람 중 145명은 오지 않았습니다.",
    );
  });

  test("of nobody, and of a day that is not over", () => {
    expect(say(lifecycleOf([0, 0, 0, 0]), "en", { last: "7d" })).toBe("Nobody was active in the last 7 days.");
    expect(say(lifecycleOf(), "ko", { last: "7d", ...APP })).toBe("최근 7일 동안 [app_open 또는 search] 이벤트를 한 사람이 없습니다.");
    expect(say(lifecycleOf([1, 0, 0, 0]))).toBe("No day of this time is over yet.");
  });
});

test("stickiness", () => {
  expect(say(stickinessOf(6, 3, 1), "en", { last: "7d" })).toBe("10 people were active in the last 7 days, in 1.5 of 3 days on average, and 40% of them in 2 or more.");
  expect(say(stickinessOf(6, 3, 1), "ko", { last: "7d" })).toBe("최근 7일 동안 활동한 10명은 3일 가운데 평균 1.5일 그랬습니다. 2일 이상은 40%입니다.");
  expect(say(stickinessOf(1), "en", { interval: "week", of: "buy" })).toBe("1 person did [buy], in 1 of 1 week on average.");
  expect(say(stickinessOf(0))).toBe("Nobody was active.");
});

test("sessions", () => {
  expect(say(sessionsOf(), "en", { last: "7d" })).toBe(
    "3 sessions of 2 people in the last 7 days, half of them of 3 min or less. 33.3% have one event only. Most often they begin with [view] (66.7%) and end with [=apply] (100%).",
  );
  expect(say(sessionsOf(), "ko")).toBe("2명의 세션이 3개 있었습니다. 그 절반은 3분 이내입니다. 33.3%는 이벤트가 하나뿐입니다. 가장 흔한 시작은 [view](66.7%), 가장 흔한 끝은 [=apply](100%)입니다.");
  expect(say({ ...sessionsOf(), sessions: 0 }, "ko", { last: "7d" })).toBe("최근 7일 동안 세션이 없습니다.");
});

describe("an experiment", () => {
  const [old, fresh] = experimentOf().variants as [ReturnType<typeof experimentOf>["variants"][0], ReturnType<typeof experimentOf>["variants"][0]];
  const [comparison] = experimentOf().comparisons;
  const verdict = (code: string) => ({ verdict: { code, sentence: "In English." } });

  test("says in English what the server says", () => expect(say(experimentOf())).toBe("Users of new converted more often."));

  test.each([
    ["difference", experimentOf(), "[new] 사용자가 [old] 사용자보다 더 많이 전환했습니다: 11.3% 대 10.0%, +1.3%포인트(95% 구간 +0.1 ~ +2.5). 차이가 없는데 우연만으로 이만큼 벌어지는 것은 실험의 3.3%입니다(p = 0.033)."],
    [
      "difference of several",
      experimentOf({ comparisons: [{ ...comparison!, p_adjusted: 0.00001 }, { ...comparison!, value: "third", p_adjusted: 0.4 }], variants: [old, fresh, { ...fresh, value: "third" }] }),
      "[new] 사용자가 [old] 사용자보다 더 많이 전환했습니다: 11.3% 대 10.0%, +1.3%포인트(95% 구간 +0.1 ~ +2.5), 보정한 p < 0.0001. 나머지 변형에서는 차이가 확인되지 않았습니다.",
    ],
    ["no_difference", experimentOf(verdict("no_difference")), "[new], [old] 사이의 차이가 확인되지 않았습니다: +1.3%포인트(95% 구간 +0.1 ~ +2.5); p = 0.033. 차이가 없다는 뜻은 아닙니다. 사용자가 이만큼이면 전환율이 1.7%포인트 높을 때 실험 다섯 번에 네 번 찾아내고, 그보다 작은 차이는 더 드물게 찾아냅니다."],
    ["split_mismatch", experimentOf({ ...verdict("split_mismatch"), split: { p: 1e-9, mismatch: true } }), "이 비교를 믿지 마세요: 사용자가 예상대로 나뉘지 않았습니다. [old] 5,000명(49.80%, 예상은 50.00%); [new] 5,040명(50.20%, 예상은 50.00%). 우연만으로는 실험 1,000번에 한 번도 일어나지 않을 일입니다(p < 0.0001). 변형을 나누는 방식이나 이벤트를 보내는 방식이 어느 한쪽으로 치우쳐 있습니다."],
    ["nothing: one variant", experimentOf({ ...verdict("nothing_to_compare"), variants: [old] }), "비교할 것이 없습니다: 모든 사용자가 [old]만 보았습니다."],
    ["nothing: one that nobody saw", experimentOf({ ...verdict("nothing_to_compare"), variants: [old, { ...fresh, users: 0 }] }), "비교할 것이 없습니다: [new] 변형을 본 사용자가 없습니다."],
    ["nothing: none", experimentOf({ ...verdict("nothing_to_compare"), variants: [] }), "비교할 것이 없습니다: 변형을 본 사용자가 없습니다."],
    ["what is not known", experimentOf(verdict("something_new")), "In English."],
  ])("says in Korean %s", (_, answer, sentence) => expect(say(answer, "ko")).toBe(sentence));

  test("has caveats in both languages", () => {
    const answer = experimentOf();
    const caveats = (language: Language) => answer.caveats.map((caveat) => OTHER_MESSAGES[language].caveat(answer, caveat, FORMATS[language]));
    expect(caveats("en")[0]).toBe("24 users still have time.");
    expect(caveats("ko")).toEqual([
      "24명은 아직 전환할 시간이 있어서, 전환율이 더 오를 수 있습니다.", "여러 변형을 본 사람이 4명이며, 셈에서 뺐습니다.",
      "미리 정한 때에 한 번 볼 때만 맞는 값입니다. 자꾸 보다가 차이가 나타날 때 멈추면, 없는 차이를 찾게 됩니다.",
    ]);
    expect(OTHER_MESSAGES.ko.caveat(answer, { code: "something_new", sentence: "In English." }, FORMATS.ko)).toBe("In English.");
  });

  test("has figures with as many digits as their intervals give a meaning, as the program writes them", () => {
    const wide = { low: 0.1, high: 0.3 };
    const narrow = { low: 0.1, high: 0.1002 };
    expect([shareWithin(0.1234, wide), shareWithin(0.10012, narrow), shareWithin(0.5, null)]).toEqual(["12.3%", "10.012%", "50.0%"]);
    expect([pointsWithin(0.0131, { low: 0.001, high: 0.0252 }), pointsWithin(-0.002, null), pointsWithin(0.00001, null)]).toEqual(["+1.3", "−0.2", "0.0"]);
    expect(liftWithin(-0.0029, { low: -0.027, high: 0.022 })).toBe("−0.3%");
    expect([0.5, 0.0335, 0.00034, 0.00001, 0.997, 1].map(pText)).toEqual(["0.50", "0.034", "0.0003", "< 0.0001", "> 0.99", "1.00"]);
    expect([pIs(0.5), pIs(0.00001), significant(12.34), significant(1.234), significant(0.0123)]).toEqual(["p = 0.50", "p < 0.0001", "12", "1.2", "0.012"]);
  });
});

describe("as tables, these have the rows of the program", () => {
  const csv = (answer: ShownAnswer) => csvOf(tableOfShown(answer)).split("\r\n");

  test("lifecycle and stickiness", () => {
    expect(csv(lifecycleOf([1, 2, 3, 4]))).toEqual(["start,end,open,new,returning,resurrecting,dormant", "2026-01-01T00:00:00+00:00,2026-01-02T00:00:00+00:00,true,1,2,3,4", ""]);
    expect(csv(stickinessOf(3, 1))).toEqual(["periods,users,share,at_least,at_least_share", "1,3,0.75,4,1", "2,1,0.25,1,0.25", ""]);
  });

  test("sessions, with what a row is", () => {
    const rows = csv(sessionsOf());
    expect(rows[1]).toBe("all,,3,2,1,1,6,2,2.8,860000,180000,1956000");
    expect(rows.map((row) => row.split(",").slice(0, 3).join(",")).slice(2)).toEqual([
      "bucket,2026-01-01T00:00:00+00:00,2", "bucket,2026-01-02T00:00:00+00:00,1", "value,<ios>,2", "none,,1", "other,,1", "first_event,view,2", "first_event,,1", "last_event,'=apply,3", "",
    ]);
    expect(rows.slice(0, -1).every((row) => row.split(",").length === 12)).toBe(true);
  });

  test("an experiment, a row a variant", () => {
    const [header, control, fresh] = csv(experimentOf());
    expect([header!.split(",").length, control]).toEqual([21, "old,true,5000,500,0.1,0.09199,0.10862,12,0,90000,0.5,,,,,,,,,,"]);
    expect(fresh).toMatch(/,0\.0131,0\.00102,0\.02517,0\.13095,0\.00956,0\.26694,0\.03349,0\.03349,z,0\.01741$/);
  });
});

describe("what is read of such a question", () => {
  test("is what words need, and nothing that the server judges", () => {
    expect(readOther({ kind: "sessions", breakdown: { property: "p", limit: 3 }, last: "7d", timezone: "Asia/Seoul", interval: "week" })).toMatchObject({
      property: "p", range: { kind: "last", last: "7d" }, timezone: "Asia/Seoul", interval: "week", of: null,
    });
    expect(readOther({ kind: "experiment", variant: "context.flag", last: null })).toMatchObject({ property: "context.flag", timezone: "UTC", range: { kind: "all" } });
    expect(readOther({ kind: "lifecycle", of: 5, last: 7, from: true })).toMatchObject({ interval: "day", of: null, range: { kind: "all" } });
  });

  test("is nothing of other kinds", () => {
    expect([otherKindOf({ kind: "funnel" }), otherKindOf({ kind: "telepathy" }), otherKindOf(null), readOther("sessions")]).toEqual([null, null, null, null]);
  });
});

test("every language has its own words for everything", () => {
  const same: string[] = [];
  const compare = (a: object, b: object, path: string) => {
    for (const [key, value] of Object.entries(a)) {
      const other = (b as Record<string, unknown>)[key];
      if (typeof value === "object" && value !== null) compare(value, other as object, `${path}${key}.`);
      // Names of statistics are the same everywhere.
      else if (typeof value === "string" && value === other && !["p", "z"].includes(key)) same.push(path + key);
    }
  };
  compare(OTHER_MESSAGES.en, OTHER_MESSAGES.ko, "");
  expect(same).toEqual([]);
});
