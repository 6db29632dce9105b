/**
 * How long it took: a function from the bars of a histogram to a DOM node. Bars have spans of different lengths (a second,
 * a minute, a day), so each stands by its name and is as long as its count.
 */

import type { HistogramBar } from "../answers";
import { html, svg } from "./dom";

export interface HistogramOptions {
  format: { number(value: number): string; share(value: number): string; duration(ms: number): string };
  label: string;
}

export function histogram(bars: readonly HistogramBar[], { format, label }: HistogramOptions): HTMLElement {
  const most = Math.max(1, ...bars.map(({ count }) => count));
  const all = Math.max(1, bars.reduce((sum, { count }) => sum + count, 0));
  const rows = bars.map(({ from, to, count }) => {
    const width = `${Math.round((count / most) * 1000) / 10}%`;
    return html(
      "li",
      { class: "histogram-row" },
      html("span", { class: "histogram-span" }, `${from === 0 ? "0" : format.duration(from)} – ${format.duration(to)}`),
      svg("svg", { class: "histogram-bar", "aria-hidden": "true" }, svg("rect", { class: "funnel-fill", width, height: "100%", rx: "3" })),
      html("span", { class: "histogram-count" }, html("b", {}, format.number(count)), ` ${format.share(count / all)}`),
    );
  });
  return html("ul", { class: "histogram", "aria-label": label }, ...rows);
}
