import { expect, test } from "vitest";
import { createFormat } from "../format";
import { type Row, stepsOf } from "../testing";
import { funnelChart, funnelSkeleton } from "./funnel";

const format = createFormat("en-US");
const draw = (...rows: Row[]) => funnelChart(stepsOf(...rows), format);

test("three steps", () =>
  expect(draw(["view_job", 1203], ["apply_start", 503, 37, 125_000, 7_200_000], ["apply_submit", 214, 5, 900_000, 9e6])).toMatchSnapshot());

test("one step", () => expect(draw(["view_job", 1])).toMatchSnapshot());

test("nobody goes on", () => expect(draw(["a", 10], ["b", 0], ["c", 0])).toMatchSnapshot());

test("waiting", () => expect(funnelSkeleton(["view_job", "apply_submit"])).toMatchSnapshot());

test("a name with markup is text", () => {
  const label = `<img src=x onerror="alert(1)"><b>&amp;`;
  const chart = draw([label, 1]);
  expect(chart.querySelector("img, b b")).toBeNull();
  expect(chart.querySelector("bdi")?.textContent).toBe(label);
});

test("nothing needs an inline style, which the content policy forbids", () => {
  expect(draw(["a", 10, 0], ["b", 5, 2, 1, 2]).outerHTML).not.toContain("style=");
});

test("bars and what is open behind them add up to the previous step at most", () => {
  const [, second] = draw(["a", 8], ["b", 2, 6]).querySelectorAll(".funnel-bar");
  expect(second!.querySelector(".funnel-fill")!.getAttribute("width")).toBe("25%");
  expect(second!.querySelector(".funnel-open")!.getAttribute("x")).toBe("25%");
  expect(second!.querySelector(".funnel-open")!.getAttribute("width")).toBe("75%");
});
