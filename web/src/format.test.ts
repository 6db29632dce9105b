import { describe, expect, test } from "vitest";
import { chooseLocale, createFormat } from "./format";

const en = createFormat("en-US");
const ko = createFormat("ko-KR");
const plain = (text: string) => text.replace(/[\u202f\u00a0]/g, " ");

test("numbers", () => {
  expect(en.number(25123)).toBe("25,123");
  expect(createFormat("de").number(25123)).toBe("25.123");
});

test("measured numbers keep what tells something", () => {
  expect([0.36784, 12345.678, 1234, 3.1].map(en.value)).toEqual(["0.3678", "12,345.7", "1,234", "3.1"]);
  expect([950, 1234, 1_250_000].map(en.compact)).toEqual(["950", "1.2K", "1.3M"]);
  expect([0, 999, 1500, 2_500_000].map(en.bytes)).toEqual(["0 byte", "999 byte", "1.5 kB", "2.5 MB"]);
});

test.each([
  [0, "0%"],
  [0.0000001, "<0.1%"],
  [0.178, "17.8%"],
  [0.42, "42%"],
  [0.9996, ">99.9%"],
  [1, "100%"],
])("a share of %d is %s", (share, text) => expect(en.share(share)).toBe(text));

describe("durations", () => {
  const s = 1000;
  const m = 60 * s;
  const h = 60 * m;
  test.each([
    [0, "0 ms"],
    [850, "850 ms"],
    [4200, "4.2 sec"],
    [59.4 * s, "59 sec"],
    [59.7 * s, "1 min"],
    [2 * m + 5 * s, "2 min 5 sec"],
    [h - 1, "1 hr"],
    [2 * h + 5 * m + 29 * s, "2 hr 5 min"],
    [24 * h - 1, "1 day"],
    [27 * h, "1 day 3 hr"],
  ])("%d ms is %s", (ms, text) => expect(en.duration(ms)).toBe(text));

  test("in Korean", () => expect(ko.duration(2 * h + 5 * m)).toBe("2시간 5분"));
  test("of a window", () => {
    expect(en.span(1, "d")).toBe("1 day");
    expect(en.span(14, "d")).toBe("14 days");
  });
});

test("times and dates", () => {
  const time = "2026-01-31T14:59:58.120Z";
  expect(plain(en.instant(time, "Asia/Seoul"))).toBe("Jan 31, 2026, 11:59:58 PM");
  expect(en.instant(time, "Mars/Base")).toBe(time);
  expect(en.instant("soon", "UTC")).toBe("soon");
  expect(en.date("2026-01-31")).toBe("Jan 31, 2026");
  expect(en.date("2026-01-31T00:00:00Z")).toBe("2026-01-31T00:00:00Z");
});

test("buckets of time are as short as their size allows", () => {
  const start = "2026-01-31T15:00:00Z";
  expect((["hour", "day", "month"] as const).map((interval) => plain(en.bucket(start, interval, "Asia/Seoul")))).toEqual([
    "Feb 1, 12:00 AM", "Feb 1", "Feb 2026",
  ]);
});

test("money is to the cent, and what is less with what tells something of it", () => {
  expect([12.34, 1234.5, 0.1, 0.0912, 0.00041, 0].map((value) => en.money(value, "USD"))).toEqual(["$12.34", "$1,234.50", "$0.10", "$0.091", "$0.00041", "$0.00"]);
  expect(en.money(1.5, "no currency")).toBe("1.50 no currency");
});

test("the reader's variant of the page's language", () => {
  expect(chooseLocale("en", ["ko-KR", "en-GB", "en-US"])).toBe("en-GB");
  expect(chooseLocale("en", ["ko-KR"])).toBe("en");
});
