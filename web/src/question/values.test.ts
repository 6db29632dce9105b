import { describe, expect, test } from "vitest";
import { parseList, parseScalar, parseText, printList, printScalar, printText } from "./values";

describe("a typed value", () => {
  test.each([
    ["100", 100],
    [" -2.5 ", -2.5],
    ["1e3", 1000],
    ["0", 0],
    ["true", true],
    ["false", false],
    ["True", "True"],
    ["007", "007"],
    ["1.", "1."],
    ["+1", "+1"],
    ["1e999", "1e999"],
    ["NaN", "NaN"],
    ["null", "null"],
    ['"100"', "100"],
    ['"true"', "true"],
    ['""', ""],
    ['"a \\"b\\""', 'a "b"'],
    ['"a\\d"', "a\\d"],
    ['"', '"'],
    ['5" disk', '5" disk'],
    ["서울", "서울"],
  ])("%s is %j", (typed, value) => expect(parseScalar(typed)).toBe(value));

  test.each([100, -2.5, 1e21, true, false, "", " ", "100", "true", "a", '"a"', '"', 'a "b"', "a\nb", "a\\d", "🎉", " a "])(
    "%j survives being written and read",
    (value) => {
      expect(parseScalar(printScalar(value))).toBe(value);
      if (typeof value === "string") expect(parseText(printText(value))).toBe(value);
    },
  );

  test("text is never a number where only text is taken", () => expect(parseText("100")).toBe("100"));
});

describe("a list of values", () => {
  test("cuts at commas outside quotes", () =>
    expect(parseList('KR, "US", 5, "5", "a,b", true,')).toEqual(["KR", "US", 5, "5", "a,b", true]));

  test("a quote inside a value opens nothing", () => expect(parseList('5" disk, 3" disk')).toEqual(['5" disk', '3" disk']));

  test.each([
    [["KR", "US"]],
    [["a,b", "100", 100, true, "true"]],
    [['say "hi", you', "", " x "]],
    [['"', "back\\slash", '",']],
    [['"open, never closed', "next"]],
  ])("%j survives being written and read", (values) => expect(parseList(printList(values))).toEqual(values));
});
