import { expect, test } from "vitest";
import { createFormat } from "../format";
import { LANGUAGES } from "../messages";
import { pathsOf } from "../testing";
import { flowChart } from "./flow";
import { histogram } from "./histogram";
import { lineChart } from "./line";
import { cut, widthOf } from "./text";

const format = createFormat("en-US");
const m = LANGUAGES.en;
const words = { open: "not over yet", keys: "Arrow keys move." };
const line = (values: (number | null)[], more = {}) =>
  lineChart({
    label: "Trends",
    lines: [{ label: "view", values, colour: 0 }, { label: "before", values: values.map(() => 2), colour: 0, faint: true }],
    times: values.map((_, index) => `Jan ${index + 1}`),
    open: values.map((_, index) => index === values.length - 1),
    width: 480,
    value: format.value,
    axis: format.compact,
    whole: true,
    words,
    ...more,
  });

test("lines over time", () => expect(line([3, 1, null, 4])).toMatchSnapshot());
test("one point", () => expect(line([3])).toMatchSnapshot());

test("nothing but zeros and holes is drawn without a number that is none", () => {
  for (const values of [[0, 0], [null, null], [-5, -2]]) expect(line(values).outerHTML).not.toMatch(/NaN|Infinity/);
});

test("a year of hours has no more dates than have room", () => {
  const chart = line(Array.from({ length: 8760 }, (_, index) => index));
  expect(chart.querySelectorAll(".tick-date").length).toBeLessThan(12);
});

test("arrow keys choose a point, and its values are said", () => {
  const chart = line([3, 1, null, 4]);
  const stage = chart.querySelector<HTMLElement>(".chart-stage")!;
  const said = (key: string) => {
    stage.dispatchEvent(new KeyboardEvent("keydown", { key }));
    return chart.querySelector(".spoken")!.textContent;
  };
  expect(said("ArrowRight")).toBe("Jan 1. view: 3, before: 2");
  expect(said("End")).toBe("Jan 4 (not over yet). view: 4, before: 2");
  expect(said("ArrowLeft")).toBe("Jan 3. view: –, before: 2");
});

test("the time it took", () =>
  expect(histogram([{ from: 0, to: 1000, count: 1 }, { from: 1000, to: 60_000, count: 3 }], { format, label: "Time" })).toMatchSnapshot());

test("paths flow on, and towards their end", () => {
  expect(flowChart(pathsOf(), { format, m, backwards: false, width: 600 })).toMatchSnapshot();
  const places = (backwards: boolean) =>
    [...flowChart(pathsOf(), { format, m, backwards, width: 600 }).querySelectorAll(".flow-node rect")].map((node) => Number(node.getAttribute("x")));
  expect(places(false)[0]).toBeLessThan(places(false)[1]!);
  expect(places(true)[0]).toBeGreaterThan(places(true)[1]!);
});

test("nothing needs an inline style, which the content policy forbids", () => {
  expect(line([1, 2]).outerHTML + flowChart(pathsOf(), { format, m, backwards: false, width: 600 }).outerHTML).not.toContain("style=");
});

test("text is cut where it would not fit, wide letters earlier", () => {
  expect(cut("apply_start", 100, 10)).toBe("apply_start");
  expect(cut("x".repeat(50), 100, 10).endsWith("…")).toBe(true);
  expect(widthOf("공고", 10)).toBeGreaterThan(widthOf("ab", 10));
});
