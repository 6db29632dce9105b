import { describe, expect, test } from "vitest";
import type { ExplainedEvent, Explanation } from "./answers";
import { createFormat } from "./format";
import { LANGUAGES } from "./messages";
import type { Spec } from "./question/compile";
import { reasonWords, verdictWords } from "./words-explained";

const ko = LANGUAGES.ko;
// Of a runtime that has the day's halves in Korean or not: hours alone are compared.
const format = { ...createFormat("ko-KR"), instant: (iso: string) => iso.slice(11, 16) };
const SPEC: Spec = { kind: "funnel", timezone: "UTC", steps: [{ event: "view" }, { event: "apply" }, { event: "hired" }], window: "60m" };

const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
const event = (number: number, minute: number, name: string, more: Partial<ExplainedEvent> = {}): ExplainedEvent => ({
  number, time: at(minute), event: name, event_id: String(number), steps: [], exclusions: [], reason: "unnamed", attempt: null, step: null, other: null, unmet: [],
  text: "in English", ...more,
});

/** view at 4 and apply at 12 are an attempt; the events given come behind them, from number 2 on. */
function explained(...events: ExplainedEvent[]): Explanation {
  return {
    verdict: "incomplete", depth: 2, text: "did not convert: 2 of 3 steps", missing: null,
    steps: [{ step: 1, label: "view" }, { step: 2, label: "apply" }, { step: 3, label: "hired" }],
    attempts: [{ attempt: 1, depth: 2, converted: false, dropped: false, events: [0, 1], missing: { steps: [3], nearest: null } }],
    events: [
      event(0, 4, "view", { reason: "chosen", steps: [1], attempt: 1, step: 1 }), event(1, 12, "apply", { reason: "chosen", steps: [2], attempt: 1, step: 2 }), ...events,
    ],
  };
}

function say(one: ExplainedEvent, spec: Partial<Spec> = {}, before: ExplainedEvent[] = []): string {
  const parts = ko.reason(reasonWords(one, explained(...before, one), { ...SPEC, ...spec }), "UTC", format) ?? ["(none)"];
  return parts.map((part) => (typeof part === "string" ? part : `[${part.name}]`)).join("");
}

describe("a reason in Korean says what the server's words say", () => {
  test.each<[string, ExplainedEvent, Partial<Spec>, string]>([
    ["a step", explained().events[1]!, {}, "2단계([apply])"],
    ["a step of one of several attempts", explained().events[1]!, { count: "attempts" }, "2단계([apply]), 1번째 시도"],
    ["a step in any order", explained().events[1]!, { order: "any" }, "[apply] 단계로 셈, 시간 순으로 2번째"],
    ["what does not fit", event(2, 6, "apply", { reason: "unmet", unmet: [
      { of: "step", number: 2, property: "wage", op: ">=", value: 10_000, found: 9000 }, { of: "step", number: 3, property: "wage", op: ">=", value: 10_000, found: 9000 },
      { of: "step", number: 2, property: "kind", op: "exists", value: null, found: null },
    ] }), {}, "단계의 조건에 맞지 않음: [wage] 값이 9000인데 조건은 >= 10000; [kind] 값이 없는데 조건은 exists"],
    ["too late", event(2, 100, "hired", { reason: "too_late", steps: [3], other: 0 }), {}, "기한을 36분 넘김: 기한은 [view] (00:04)에서 시작"],
    ["too early", event(2, 3, "hired", { reason: "too_early", steps: [3], other: 1 }), {}, "따라야 할 2단계([apply])(00:12)보다 앞"],
    ["in the same instant", event(2, 12, "hired", { reason: "too_early", steps: [3], other: 1 }), {}, "따라야 할 2단계([apply])(00:12)보다 늦지 않음: 같은 시각"],
    ["a later start", event(2, 0, "view", { reason: "later_start", steps: [1], other: 0 }), {}, "더 늦게 시작한 쪽이 더 가까움: [view] (00:04)"],
    ["a window that is too short", event(2, -60, "view", { reason: "window_too_short", steps: [1], other: 1 }), {}, "여기서 시작하면 [apply] (00:12)보다 12분 먼저 기한이 끝남"],
    ["what is filled", event(2, 13, "apply", { reason: "occupied", steps: [2], other: 1 }), {}, "2단계([apply])는 00:12의 다른 이벤트가 채움"],
    ["a step that is missing", event(2, 13, "late", { reason: "step_missing", steps: [3] }), {}, "앞의 3단계([hired])를 하지 않음"],
    ["a value that is held", event(2, 13, "hired", { reason: "other_value", steps: [3], other: 0 }), { hold: ["job.id"] }, "같아야 하는 값([job.id])이 시도를 시작한 [view] (00:04)의 값과 다름"],
    ["an exclusion that does no harm", event(2, 1, "x", { reason: "harmless", exclusions: [1] }), { exclude: [{ event: "x", to: 2 }] }, "제외 이벤트지만(1단계([view])와 2단계([apply]) 사이) 여기서는 막는 것이 없음"],
    ["an exclusion past which nothing goes on", event(2, 13, "x", { reason: "blocks", exclusions: [1], other: 1 }), { exclude: [{ event: "x", from: 2 }] }, "제외 이벤트: [apply] (00:12)에서 시작한 시도가 이 뒤로 3단계([hired])까지 이어지지 못함"],
    ["an exclusion for which one leaves", event(2, 8, "x", { reason: "drops", exclusions: [1], other: 0 }), { exclude: [{ event: "x", to: 2 }], exclusion: "drop_user" }, "제외 이벤트: [view] (00:04) 뒤, [apply] (00:12) 앞에 일어나서 사용자가 빠짐"],
    ["no first step", event(2, 1, "hired", { reason: "no_first_step", steps: [3] }), {}, "이어 갈 시도가 없음: 앞에 [view] 단계가 없음"],
  ])("%s", (_, one, spec, text) => expect(say(one, spec)).toBe(text));

  test("what lies between in strict order, and the step that it lies beside", () =>
    expect(say(event(3, 14, "hired", { reason: "not_adjacent", steps: [3], other: 2 }), { order: "strict" }, [event(2, 13, "other")])).toBe(
      "2단계([apply]) 바로 옆이 아님: 사이에 있는 것은 [other] (00:13)",
    ));

  test("an excluded event between two others names both", () => {
    const mark = event(2, 13, "x", { reason: "blocks", exclusions: [1], other: 1 });
    expect(say(event(3, 14, "hired", { reason: "excluded", steps: [3], other: 2 }), { exclude: [{ event: "x", from: 2, to: 3 }] }, [mark])).toBe(
      "이것과 [apply] (00:12) 사이에 제외 이벤트가 있음: [x] (00:13)",
    );
  });
});

test("a reason that cannot be worked out in full is said in short, and one that is not known in the server's words", () => {
  expect(say(event(2, 100, "hired", { reason: "too_late", steps: [3], other: 0 }), { window: "session" })).toBe("기한이 지난 뒤");
  expect(say(event(2, 100, "hired", { reason: "excluded", steps: [3], other: null }))).toBe("제외 이벤트 뒤");
  expect(say(event(2, 100, "hired", { reason: "something_new" }))).toBe("(none)");
});

test("in English the server's own words stand", () =>
  expect(LANGUAGES.en.reason(reasonWords(explained().events[0]!, explained(), SPEC), "UTC", format)).toBeNull());

test("how far somebody came", () => {
  const far = (answer: Explanation, spec: Partial<Spec> = {}) => ko.verdict(verdictWords(answer, { ...SPEC, ...spec }), format);
  const answer = explained();
  expect(far(answer)).toBe("3단계 중 2단계까지 갔습니다.");
  expect(far(answer, { count: "sessions" })).toBe("세션 1개 가운데 가장 멀리 간 것이 3단계 중 2단계까지입니다.");
  const whole = { ...answer, verdict: "converted", attempts: [{ ...answer.attempts[0]!, converted: true }] };
  expect([far(whole), far(whole, { count: "attempts" })]).toEqual(["8분 걸렸습니다.", "시도 1회 중 1회가 끝까지 갔습니다."]);
  expect(far({ ...answer, verdict: "not_entered", attempts: [] })).toBe("");
});
