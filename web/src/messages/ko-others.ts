/** 페이지에서 만들지 않는 질문의 답. */

import type { Comparison, ExperimentAnswer, Variant } from "../answers-others";
import type { Format } from "../format";
import { variantName } from "../tables-others";
import type { Part } from "../words";
import { activeIn, confidenceOf, pIs, pointsWithin, shareWithin, significant } from "../words-others";
import type { OtherMessages } from "./en-others";

const name = (text: string): Part => ({ name: text });
const people = (n: number, f: Format) => `${f.number(n)}명`;
/** 시간의 한 구간, 그리고 구간을 세는 말. */
const one = { hour: "한 시간", day: "하루", week: "한 주", month: "한 달" };
const unit = { hour: "시간", day: "일", week: "주", month: "개월" };
const lead = (when: string) => (when === "" ? "" : `${when.trim()} `);

export const koOthers: OtherMessages = {
  lifecycle: {
    active: "활동",
    new: "처음",
    returning: "이어서",
    resurrecting: "쉬었다가",
    dormant: "오지 않음",
    lastOver: (at) => `끝난 마지막 구간인 ${at}의 수`,
    note: "처음: 전에 활동한 적 없음. 이어서: 바로 앞 구간에도 활동. 쉬었다가: 바로 앞은 아니지만 그 전에 활동. 오지 않음(0 아래): 바로 앞에는 활동했지만 이번에는 아님.",
    open: "아직 끝나지 않은 구간에서 ‘오지 않음’인 사람은 앞으로 활동할 수 있습니다.",
    chart: "누가 활동했는지",
  },
  stickiness: {
    users: "사용자",
    average: "평균",
    ofBuckets: (n, interval, f) => `/ ${f.number(n)}${unit[interval]}`,
    periods: { hour: "시간 수", day: "일수", week: "주 수", month: "개월 수" },
    share: "비율",
    atLeast: "그만큼 이상",
    curve: "그만큼 이상 활동한 비율",
    point: (n, interval, f) => `${f.number(n)}${unit[interval]}`,
    table: "몇 번의 구간에 활동했는지",
    open: "물은 기간이 아직 끝나지 않아, 더 활동할 수 있습니다.",
  },
  sessions: {
    sessions: "세션",
    users: "사용자",
    perUser: "사용자당",
    events: "이벤트 수 (중앙값)",
    duration: "길이 (중앙값)",
    bounces: "이벤트 하나뿐",
    mean: (value) => `평균 ${value}`,
    p90: (value) => `열에 아홉은 ${value} 이내`,
    durations: "세션의 길이",
    first: "시작하는 이벤트",
    last: "끝나는 이벤트",
    event: "이벤트",
    trend: "시작한 때에 따른 세션 수",
    more: "빈 고리로 그린 때에는 세션이 더 들어올 수 있습니다.",
    open: (n, f) => `세션 ${f.number(n)}개는 더 이어질 수 있으며, 지금까지의 것으로 셈했습니다.`,
    median: "길이 (중앙값)",
    meanEvents: "이벤트 수 (평균)",
    none: "이 기간에 시작한 세션이 없습니다.",
  },
  experiment: {
    variants: "변형",
    control: "대조",
    users: "사용자",
    converted: "전환",
    rate: "전환율",
    interval: (confidence) => `${confidence} 구간`,
    to: (low, high) => `${low} ~ ${high}`,
    median: "시간 (중앙값)",
    open: "진행 중",
    mixed: "여러 변형을 본 사람",
    expected: "예상",
    comparisons: (control) => [name(control), "에 견준 차이 (%포인트, 그 전환율에 대한 비율)"],
    points: "%포인트",
    picture: "낮음 ┊ 높음",
    relative: "비율",
    p: "p",
    adjusted: "p (보정)",
    test: "검정",
    tests: { z: "z", fisher: "피셔의 정확 검정" },
    mind: "염두에 둘 것",
    metric: (from, to) => [name(from), "에서 ", name(to), "까지."],
    apart: (parts) => `비교하지 않음: ${parts.join(", ")}.`,
    missing: (n, property, f) => `${property} 값이 없는 ${people(n, f)}`,
    other: (n, f) => `다른 값을 가진 ${people(n, f)}`,
    notExposed: (n, step, f) => `${step}까지 오지 않은 ${people(n, f)}`,
    nobody: "변형을 본 사람이 없습니다.",
  },

  sentences: {
    lifecycle: ({ last, at, interval, of, isEmpty, when, format: f }) => {
      if (isEmpty) return of === null ? [`${lead(when)}활동한 사람이 없습니다.`] : [lead(when), name(of), " 이벤트를 한 사람이 없습니다."];
      if (last === null) return ["이 기간에는 아직 끝난 구간이 없습니다."];
      const active = activeIn(last);
      const did: Part[] = of === null ? [" 활동한 사람은 "] : [" ", name(of), " 이벤트를 한 사람은 "];
      const parts: Part[] = [`끝난 마지막 ${one[interval]}(${at})에`, ...did, `${people(active, f)}입니다`];
      if (active > 0) parts.push(`: 처음 ${people(last.new, f)}, 바로 앞에 이어서 ${people(last.returning, f)}, 쉬었다가 ${people(last.resurrecting, f)}`);
      parts.push(`. 바로 앞 ${one[interval]}에 활동한 사람 중 ${people(last.dormant, f)}은 오지 않았습니다.`);
      return parts;
    },
    stickiness: ({ answer, interval, of, when, format: f }) => {
      const { users, average, buckets_in_range, active } = answer;
      if (users === 0 || average === null) return of === null ? [`${lead(when)}활동한 사람이 없습니다.`] : [lead(when), name(of), " 이벤트를 한 사람이 없습니다."];
      const often = active.find(({ periods }) => periods === 2);
      const did: Part[] = of === null ? [lead(when), `활동한 ${people(users, f)}은 `] : [lead(when), name(of), ` 이벤트를 한 ${people(users, f)}은 `];
      const all = `${f.number(buckets_in_range)}${unit[interval]} 가운데 평균 ${f.value(average)}${unit[interval]} 그랬습니다.`;
      return [...did, all, often === undefined ? "" : ` 2${unit[interval]} 이상은 ${f.share(often.at_least_share)}입니다.`];
    },
    sessions: ({ answer, first, last, when, format: f }) => {
      if (answer.sessions === 0) return [`${lead(when)}세션이 없습니다.`];
      const half = answer.duration_ms.median === null ? "" : ` 그 절반은 ${f.duration(answer.duration_ms.median)} 이내입니다.`;
      const parts: Part[] = [`${lead(when)}${people(answer.users, f)}의 세션이 ${f.number(answer.sessions)}개 있었습니다.${half} ${f.share(answer.bounce_share)}는 이벤트가 하나뿐입니다.`];
      if (first !== null && last !== null) {
        parts.push(" 가장 흔한 시작은 ", name(first.event), `(${f.share(first.share)}), 가장 흔한 끝은 `, name(last.event), `(${f.share(last.share)})입니다.`);
      }
      return parts;
    },
  },

  verdict,
  caveat: (answer, { code, sentence }, f) => caveat(answer, code, f) ?? sentence,
};

const called = ({ value }: { value: unknown }) => name(variantName(value));

/** 실험에서 말할 수 있는 것. 숫자가 감당하는 만큼만 말한다. */
function verdict(answer: ExperimentAnswer, f: Format): Part[] {
  const { variants, comparisons } = answer;
  const [control] = variants;
  switch (answer.verdict.code) {
    case "nothing_to_compare": {
      if (control === undefined) return ["비교할 것이 없습니다: 변형을 본 사용자가 없습니다."];
      if (variants.length === 1) return control.users > 0 ? ["비교할 것이 없습니다: 모든 사용자가 ", called(control), "만 보았습니다."] : ["비교할 것이 없습니다: 변형을 본 사용자가 없습니다."];
      return ["비교할 것이 없습니다: ", called(variants.find(({ users }) => users === 0) ?? control), " 변형을 본 사용자가 없습니다."];
    }
    case "split_mismatch":
      return mismatch(answer, f);
    case "difference": {
      const differ = comparisons.filter(({ p_adjusted }) => p_adjusted !== null && p_adjusted < 1 - answer.confidence);
      const rest = comparisons.length - differ.length;
      const others = rest === 0 ? "" : rest === 1 ? " 나머지 변형에서는 차이가 확인되지 않았습니다." : ` 나머지 변형 ${f.number(rest)}개에서는 차이가 확인되지 않았습니다.`;
      return [...differ.flatMap((comparison, index) => [index === 0 ? "" : " ", ...difference(comparison, answer)]), others];
    }
    case "no_difference":
      return noDifference(answer);
    default:
      return [answer.verdict.sentence];
  }
}

/** `+2.0%포인트(95% 구간 +0.4 ~ +3.6)` */
function howMuch({ difference: found, difference_interval: interval }: Comparison, answer: ExperimentAnswer): string {
  const ends = interval === null ? "" : `(${confidenceOf(answer)} 구간 ${pointsWithin(interval.low, interval)} ~ ${pointsWithin(interval.high, interval)})`;
  return `${pointsWithin(found ?? 0, interval)}%포인트${ends}`;
}

function difference(comparison: Comparison, answer: ExperimentAnswer): Part[] {
  const control = answer.variants[0]!;
  const variant = answer.variants.find(({ value }) => JSON.stringify(value) === JSON.stringify(comparison.value)) ?? control;
  const rate = ({ rate: found, rate_interval }: Variant) => shareWithin(found ?? 0, rate_interval);
  const p = comparison.p_adjusted ?? 1;
  const single = answer.comparisons.length === 1;
  const more = (comparison.difference ?? 0) > 0 ? "더 많이" : "더 적게";
  const rarely = p < 0.0001 ? "0.01%도 되지 않습니다" : `${significant(p * 100)}%입니다`;
  return [
    called(variant), " 사용자가 ", called(control), ` 사용자보다 ${more} 전환했습니다: ${rate(variant)} 대 ${rate(control)}, ${howMuch(comparison, answer)}`,
    single ? `. 차이가 없는데 우연만으로 이만큼 벌어지는 것은 실험의 ${rarely}(${pIs(p)}).` : `, 보정한 ${pIs(p)}.`,
  ];
}

function noDifference(answer: ExperimentAnswer): Part[] {
  const control = answer.variants[0]!;
  const found = answer.comparisons.flatMap(({ detectable }) => detectable ?? []);
  const power = found.length === 0
    ? ""
    : ` 사용자가 이만큼이면 전환율이 ${significant(Math.max(...found) * 100)}%포인트 높을 때 실험 다섯 번에 네 번 찾아내고, 그보다 작은 차이는 더 드물게 찾아냅니다.`;
  const [only] = answer.comparisons;
  if (only === undefined || answer.comparisons.length > 1) {
    return ["어느 변형에서도 ", called(control), `에 견준 차이가 확인되지 않았습니다. 차이가 없다는 뜻은 아닙니다.${power}`];
  }
  const p = only.p_adjusted === null ? "" : `; ${pIs(only.p_adjusted)}`;
  return [called(only), ", ", called(control), ` 사이의 차이가 확인되지 않았습니다: ${howMuch(only, answer)}${p}. 차이가 없다는 뜻은 아닙니다.${power}`];
}

function mismatch({ variants, split }: ExperimentAnswer, f: Format): Part[] {
  const users = variants.reduce((sum, variant) => sum + variant.users, 0);
  const percent = (share: number) => `${(share * 100).toFixed(2)}%`;
  const parts = variants.flatMap((variant, index): Part[] => [
    index === 0 ? "" : "; ", called(variant), ` ${people(variant.users, f)}(${percent(variant.users / users)}, 예상은 ${percent(variant.expected)})`,
  ]);
  return [
    "이 비교를 믿지 마세요: 사용자가 예상대로 나뉘지 않았습니다. ", ...parts,
    `. 우연만으로는 실험 1,000번에 한 번도 일어나지 않을 일입니다${split.p === null ? "" : `(${pIs(split.p)})`}. 변형을 나누는 방식이나 이벤트를 보내는 방식이 어느 한쪽으로 치우쳐 있습니다.`,
  ];
}

function caveat({ variants, mixed, comparisons }: ExperimentAnswer, code: string, f: Format): string | null {
  const total = (of: (variant: Variant) => number) => variants.reduce((sum, variant) => sum + of(variant), 0);
  switch (code) {
    case "open": {
      const [open, users] = [total((variant) => variant.open), total((variant) => variant.users)];
      return open / users >= 0.1
        ? `아직 전환할 시간이 있는 사람이 ${people(open, f)}으로 전체의 ${Math.round((open / users) * 100)}%입니다. 지금 전환율은 마지막 값이 아니니, 기한이 끝난 뒤 다시 물어보세요.`
        : `${people(open, f)}은 아직 전환할 시간이 있어서, 전환율이 더 오를 수 있습니다.`;
    }
    case "mixed":
      return `여러 변형을 본 사람이 ${people(mixed.users, f)}이며, ${mixed.handling === "exclude" ? "셈에서 뺐습니다" : "선택된 시도의 변형에 넣었습니다"}.`;
    case "several":
      return `비교가 ${f.number(comparisons.length)}개라서 p값을 올려 잡았습니다(홀름). 구간은 저마다 따로 섭니다.`;
    case "peeking":
      return "미리 정한 때에 한 번 볼 때만 맞는 값입니다. 자꾸 보다가 차이가 나타날 때 멈추면, 없는 차이를 찾게 됩니다.";
    default:
      return null;
  }
}
