import { expect, test } from "vitest";
import { createFormat } from "../format";
import { type Row, stepsOf } from "../testing";
import { LANGUAGES } from "../messages";
import { funnelChart, funnelSkeleton } from "./funnel";
import { funnelPicture } from "./funnel-picture";

const format = createFormat("en-US");
const m = LANGUAGES.en;
const draw = (...rows: Row[]) => funnelChart(stepsOf(...rows), { format, m, count: "users" });

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

test("numbers that stand for somebody can be looked behind", () => {
  const seen: unknown[] = [];
  const chart = funnelChart(stepsOf(["a", 8], ["b", 2, 6], ["c", 0]), {
    format, m, count: "users", onUsers: (...place) => seen.push(place),
  });
  for (const button of chart.querySelectorAll<HTMLElement>("button")) button.click();
  // Nobody was lost before b, and nobody is at c.
  expect(seen).toEqual([[1, "a", "converted"], [2, "b", "open"], [2, "b", "converted"], [3, "c", "dropped"]]);
});

test("the period before is marked beside the bars", () => {
  const chart = funnelChart(stepsOf(["a", 8], ["b", 2]), { format, m, count: "sessions", previous: stepsOf(["a", 10], ["b", 5]) });
  expect(chart.querySelector(".funnel-previous")?.getAttribute("x1")).toBe("50%");
  expect([...chart.querySelectorAll(".before")].map((node) => node.textContent)).toEqual(["10 before", "50% before"]);
});

test("a picture to take away", () =>
  expect(funnelPicture(stepsOf(["view_job", 1203], [`<b>${"공고".repeat(40)}`, 503, 37, 125_000]), format, m)).toMatchSnapshot());
