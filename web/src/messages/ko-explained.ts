/** 왜 셈에 들어가고 들어가지 않는지. */

import type { Format } from "../format";
import type { Part } from "../words";
import type { EventAt, ReasonWords, StepName, VerdictWords } from "../words-explained";

const name = (text: string): Part => ({ name: text });

/** 자세히 알 수 없을 때 하는 말. */
const SHORT: Record<string, string> = {
  chosen: "셈에 들어감",
  filtered: "조건 때문에 빠짐",
  unmet: "단계의 조건에 맞지 않음",
  unnamed: "어느 단계에도 맞지 않음",
  no_held_value: "같아야 하는 값이 없음",
  dropped: "셈에 들어갔겠지만 사용자가 빠짐",
  drops: "제외 이벤트: 이것 때문에 사용자가 빠짐",
  blocks: "제외 이벤트: 시도가 이 뒤로 이어지지 못함",
  harmless: "제외 이벤트지만 영향을 주지 않는 자리",
  outside_range: "첫 단계가 일어나야 하는 기간의 밖",
  no_first_step: "앞에 첫 단계가 없음",
  other_session: "다른 세션",
  other_value: "같아야 하는 값이 다름",
  too_early: "따라야 할 단계보다 앞",
  too_late: "기한이 지난 뒤",
  excluded: "제외 이벤트 뒤",
  not_adjacent: "사이에 다른 이벤트가 있음",
  step_missing: "앞 단계가 빠짐",
  window_too_short: "여기서 시작하면 기한이 모자람",
  later_start: "더 늦게 시작한 쪽이 더 가까움",
  ends_later: "다른 시도가 더 일찍 끝남",
  occupied: "이미 다른 이벤트가 채운 단계",
  all_taken: "맞는 단계를 다른 이벤트들이 이미 채움",
  passed_over: "지나침",
  under_way: "다른 시도가 진행 중",
};

export function koReason(words: ReasonWords, timezone: string, f: Format): Part[] | null {
  const full = about(words, f) ?? around(words, timezone, f);
  const short = SHORT[words.reason];
  return full ?? (short === undefined ? null : [short]);
}

const step = ({ number, label }: StepName): Part[] => [`${number}단계(`, name(label), ")"];

/** 그 이벤트 하나로 말할 수 있는 것. */
function about(words: ReasonWords, f: Format): Part[] | null {
  const { step: own, fits, attempt, held, unmet } = words;
  const of = attempt === null ? "" : `, ${f.number(attempt)}번째 시도`;
  switch (words.reason) {
    case "chosen":
      if (own === null) return null;
      return words.inAnyOrder ? [name(fits.join(" 또는 ")), ` 단계로 셈, 시간 순으로 ${own.number}번째${of}`] : [...step(own), of];
    case "dropped":
      return own && [...step(own), "가 되었겠지만, 제외 이벤트 때문에 사용자가 빠짐"];
    case "filtered":
      return unmet.length === 0 ? null : ["조건 때문에 빠짐: ", ...conditions(words)];
    case "unmet":
      return unmet.length === 0 ? null : ["단계의 조건에 맞지 않음: ", ...conditions(words)];
    case "no_held_value":
      return held.length === 0 ? null : ["같아야 하는 값이 없음: ", name(held.join(", "))];
    case "no_first_step":
      return ["이어 갈 시도가 없음: 앞에 ", name(words.first), " 단계가 없음"];
    case "step_missing":
      return own && ["앞의 ", ...step(own), "를 하지 않음"];
    case "harmless":
      return words.excluded && [
        "제외 이벤트지만(", ...step(words.excluded.from), "와 ", ...step(words.excluded.to),
        ` 사이) 여기서는 ${words.excluded.dropsUser ? "이것 때문에 빠지는 사람이 없음" : "막는 것이 없음"}`,
      ];
    default:
      return null;
  }
}

/** 다른 이벤트에 견주어 말하는 것. */
function around(words: ReasonWords, timezone: string, f: Format): Part[] | null {
  const { step: own, other, second, byMs, held } = words;
  if (other === null) return null;
  const time = f.instant(other.time, timezone);
  const at = ({ event, time: when }: EventAt): Part[] => [name(event), ` (${f.instant(when, timezone)})`];
  switch (words.reason) {
    case "drops":
      return second && ["제외 이벤트: ", ...at(other), " 뒤, ", ...at(second), " 앞에 일어나서 사용자가 빠짐"];
    case "blocks":
      return own && ["제외 이벤트: ", ...at(other), "에서 시작한 시도가 이 뒤로 ", ...step(own), "까지 이어지지 못함"];
    case "excluded":
      return second && ["이것과 ", ...at(second), " 사이에 제외 이벤트가 있음: ", ...at(other)];
    case "other_session":
      return ["다른 세션에 있음: 시도는 ", ...at(other), "에서 시작"];
    case "other_value":
      return held.length === 0 ? null : ["같아야 하는 값(", name(held.join(", ")), ")이 시도를 시작한 ", ...at(other), "의 값과 다름"];
    case "too_early":
      return own && ["따라야 할 ", ...step(own), `(${time})보다 ${words.isSameInstant ? "늦지 않음: 같은 시각" : "앞"}`];
    case "too_late":
      return byMs === null ? null : [`기한을 ${f.duration(byMs)} 넘김: 기한은 `, ...at(other), "에서 시작"];
    case "not_adjacent":
      return own && [...step(own), " 바로 옆이 아님: 사이에 있는 것은 ", ...at(other)];
    case "window_too_short":
      return byMs === null ? null : ["여기서 시작하면 ", ...at(other), `보다 ${f.duration(byMs)} 먼저 기한이 끝남`];
    case "later_start":
      return ["더 늦게 시작한 쪽이 더 가까움: ", ...at(other)];
    case "ends_later":
      return [`여기서 시작하면 덜 가거나, ${time}에 끝나는 선택된 시도보다 늦게 끝남`];
    case "occupied":
      return own && [...step(own), `는 ${time}의 다른 이벤트가 채움`];
    case "passed_over":
      return own && [`지나침: 시도는 ${time}에 이미 `, ...step(own), "에 있었음"];
    case "under_way":
      return [`${time}부터 다른 시도가 진행 중`];
    default:
      return null;
  }
}

function conditions({ unmet }: ReasonWords): Part[] {
  const said = new Map<string, Part[]>();
  for (const { property, op, value, found } of unmet) {
    const asked = value === null || value === undefined ? op : `${op} ${JSON.stringify(value)}`;
    const has = found === null || found === undefined ? "값이 없는데" : `값이 ${JSON.stringify(found)}인데`;
    // 여러 단계에 같은 조건이 있으면 한 번만 말한다.
    said.set(JSON.stringify([property, asked, has]), [name(property), ` ${has} 조건은 ${asked}`]);
  }
  return [...said.values()].flatMap((parts, index) => (index === 0 ? parts : ["; ", ...parts]));
}

export function koVerdict({ verdict, depth, steps, count, attempts, converted, tookMs }: VerdictWords, f: Format): string | null {
  const all = count === "sessions" ? `세션 ${f.number(attempts)}개` : `시도 ${f.number(attempts)}회`;
  const several = count !== "users";
  switch (verdict) {
    case "converted":
      if (several) return `${all} 중 ${f.number(converted)}${count === "sessions" ? "개" : "회"}가 끝까지 갔습니다.`;
      return tookMs === null ? null : `${f.duration(tookMs)} 걸렸습니다.`;
    case "incomplete":
      return several ? `${all} 가운데 가장 멀리 간 것이 ${steps}단계 중 ${depth}단계까지입니다.` : `${steps}단계 중 ${depth}단계까지 갔습니다.`;
    case "not_entered":
    case "dropped":
      return "";
    default:
      return null;
  }
}
