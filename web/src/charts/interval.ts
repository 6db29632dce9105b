/** An interval with its middle, on a scale that several share, and where nothing is: for a table cell, beside its numbers. */

import { svg } from "./dom";

export interface Scale {
  low: number;
  high: number;
}

/** From the lowest to the highest end of several intervals, and zero. */
export function scaleOf(intervals: readonly Scale[]): Scale {
  return { low: Math.min(0, ...intervals.map(({ low }) => low)), high: Math.max(0, ...intervals.map(({ high }) => high)) };
}

export function intervalPicture({ low, high }: Scale, middle: number, scale: Scale): SVGElement {
  const span = scale.high - scale.low;
  // The ends have some room, so that marks at them are whole.
  const at = (value: number) => `${Math.round((span > 0 ? 4 + ((value - scale.low) / span) * 92 : 50) * 100) / 100}%`;
  return svg(
    "svg",
    { class: "interval", "aria-hidden": "true" },
    svg("line", { class: "interval-zero", x1: at(0), x2: at(0), y1: "0", y2: "100%" }),
    svg("line", { class: "interval-span", x1: at(low), x2: at(high), y1: "50%", y2: "50%" }),
    ...[low, high].map((end) => svg("line", { class: "interval-span", x1: at(end), x2: at(end), y1: "25%", y2: "75%" })),
    svg("circle", { class: "interval-middle", cx: at(middle), cy: "50%", r: "4" }),
  );
}
