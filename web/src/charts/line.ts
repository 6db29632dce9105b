/**
 * Lines over time: a function from series to a DOM node.
 *
 * Each bucket of time is a point. The last ones may still grow; the way to them is dashed, and they are rings. The pointer
 * or, once the chart has the focus, the arrow keys choose a point in time; what every series has there is written above
 * the chart, and read aloud.
 */

import { scaleLinear, scalePoint } from "d3-scale";
import { line } from "d3-shape";
import { html, svg } from "./dom";
import { cut, widthOf } from "./text";

export interface Line {
  label: string;
  values: readonly (number | null)[];
  /** Colour, from 0. */
  colour: number;
  /** Drawn thin and dashed: the period before, or an average. */
  faint?: boolean;
}

/** Something to know of a point of time. */
export interface ChartNote {
  index: number;
  text: string;
}

export interface LineChartOptions {
  /** What the chart is about, for those who listen. */
  label: string;
  lines: readonly Line[];
  /** A name for each point of time. */
  times: readonly string[];
  /** Whether a point is not over yet. */
  open: readonly boolean[];
  /** What is known of points. */
  notes?: readonly ChartNote[];
  /** So many pixels wide. */
  width: number;
  value: (value: number) => string;
  axis: (value: number) => string;
  /** The greatest value that the axis shows at least, such as 1 for shares. */
  atLeast?: number;
  /** Whether values are whole, and ticks with them. */
  whole?: boolean;
  /** What is said of a point that is not over, and how keys are used. */
  words: { open: string; keys: string };
}

const HEIGHT = 260;
const [TOP, RIGHT, BOTTOM] = [10, 14, 26];
export const COLOURS = 8;

export function lineChart(options: LineChartOptions): HTMLElement {
  const { lines, times, width } = options;
  const values = lines.flatMap((each) => each.values.filter((value) => value !== null));
  const highest = Math.max(options.atLeast ?? 0, ...values, 0);
  const lowest = Math.min(0, ...values);
  const y = scaleLinear([lowest, highest === lowest ? lowest + 1 : highest], [HEIGHT - BOTTOM, TOP]).nice(5);
  const ticks = y.ticks(5).filter((tick) => options.whole !== true || Number.isInteger(tick));
  const left = Math.ceil(Math.max(...ticks.map((tick) => widthOf(options.axis(tick), 12)), 16)) + 12;
  const x = scalePoint(times.map((_, index) => index), [left, width - RIGHT]);
  const at = (index: number) => x(index) ?? left;
  const picture = svg("svg", {
    class: "line-chart", width: String(width), height: String(HEIGHT), viewBox: `0 0 ${width} ${HEIGHT}`, "aria-hidden": "true",
  });
  picture.append(...grid(ticks, y, left, width, options.axis), ...dates(times, at, width, left));
  picture.append(...(options.notes ?? []).map((note) => noteMark(note, at)));
  for (const each of [...lines].reverse()) picture.append(...drawn(each, options.open, at, y));
  return interactive(picture, options, at, y);
}

function grid(ticks: number[], y: (value: number) => number, left: number, width: number, axis: (value: number) => string): SVGElement[] {
  return ticks.map((tick) =>
    svg(
      "g",
      { class: "tick" },
      svg("line", { x1: String(left), x2: String(width - RIGHT), y1: round(y(tick)), y2: round(y(tick)) }),
      svg("text", { x: String(left - 8), y: round(y(tick)), "text-anchor": "end", "dominant-baseline": "central" }, axis(tick)),
    ),
  );
}

/** As many dates as have room, the first and evenly from there. */
function dates(times: readonly string[], at: (index: number) => number, width: number, left: number): SVGElement[] {
  const widest = Math.max(...times.map((time) => widthOf(time, 12)), 1) + 18;
  const fit = Math.max(1, Math.floor((width - left - RIGHT) / widest));
  const every = Math.max(1, Math.ceil(times.length / fit));
  return times.flatMap((time, index) => {
    if (index % every !== 0) return [];
    const edge = index === 0 ? "start" : at(index) + widest / 2 > width ? "end" : "middle";
    const place = edge === "start" ? Math.max(at(index) - widest / 2 + 9, 0) : edge === "end" ? width - 2 : at(index);
    const anchor = edge === "start" && times.length > 1 ? "start" : edge === "start" ? "middle" : edge;
    return [
      svg("text", { class: "tick-date", x: round(times.length > 1 ? place : at(index)), y: String(HEIGHT - 8), "text-anchor": anchor }, cut(time, 160, 12)),
    ];
  });
}

/** A line at a point of time, with a flag on it that says what happened. */
function noteMark({ index, text }: ChartNote, at: (index: number) => number): SVGElement {
  const x = round(at(index));
  return svg(
    "g",
    { class: "note" },
    svg("title", {}, text),
    svg("line", { x1: x, x2: x, y1: String(TOP), y2: String(HEIGHT - BOTTOM) }),
    svg("circle", { cx: x, cy: String(TOP), r: "5" }),
  );
}

function drawn(each: Line, open: readonly boolean[], at: (index: number) => number, y: (value: number) => number): SVGElement[] {
  const { values, faint = false } = each;
  const colour = `c${each.colour % COLOURS}`;
  const path = line<number | null>((_, index) => at(index), (value) => y(value ?? 0)).digits(1);
  const isOpen = (index: number) => !faint && open[index] === true;
  const solid = path.defined((value, index) => value !== null && !isOpen(index))(values);
  // The way into an open point begins at the one before it.
  const dashed = path.defined((value, index) => value !== null && (isOpen(index) || isOpen(index + 1)))(values);
  const nodes: SVGElement[] = [];
  if (solid !== null) nodes.push(svg("path", { class: `line ${colour}${faint ? " is-faint" : ""}`, d: solid }));
  if (dashed !== null && !faint) nodes.push(svg("path", { class: `line ${colour} is-open`, d: dashed }));
  if (faint) return nodes;
  const alone = (index: number) => (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null;
  values.forEach((value, index) => {
    // Points are drawn where they are few, where a line would not show them, and where they are open.
    if (value === null || (values.length > 40 && !alone(index) && !isOpen(index))) return;
    nodes.push(svg("circle", { class: `point ${colour}${isOpen(index) ? " is-open" : ""}`, cx: round(at(index)), cy: round(y(value)), r: values.length > 40 && !isOpen(index) ? "2" : "3.2" }));
  });
  return nodes;
}

function interactive(picture: SVGSVGElement, options: LineChartOptions, at: (index: number) => number, y: (value: number) => number): HTMLElement {
  const { lines, times, open, words } = options;
  const cursor = svg("line", { class: "cursor", y1: String(TOP), y2: String(HEIGHT - BOTTOM), visibility: "hidden" });
  const dots = svg("g", { class: "cursor-dots" });
  picture.append(cursor, dots);
  const when = html("span", { class: "readout-time" });
  const numbers = lines.map(() => html("b", {}));
  const legend = html(
    "ul",
    { class: "legend" },
    ...lines.map((each, index) =>
      html(
        "li",
        { class: `c${each.colour % COLOURS}${each.faint ? " is-faint" : ""}` },
        html("span", { class: "swatch", "aria-hidden": "true" }),
        html("bdi", { title: each.label }, each.label),
        numbers[index]!,
      ),
    ),
  );
  const spoken = html("p", { class: "spoken", "aria-live": "polite" });
  const stage = html("div", { class: "chart-stage", tabindex: "0", role: "group", "aria-label": `${options.label}. ${words.keys}` }, picture);
  let chosen: number | null = null;
  const choose = (index: number | null, speak: boolean) => {
    chosen = index;
    cursor.setAttribute("visibility", index === null ? "hidden" : "visible");
    dots.replaceChildren();
    if (index === null) {
      when.textContent = "";
      for (const number of numbers) number.textContent = "";
      return;
    }
    cursor.setAttribute("x1", round(at(index)));
    cursor.setAttribute("x2", round(at(index)));
    const known = (options.notes ?? []).filter((note) => note.index === index).map(({ text }) => ` · ${text}`);
    when.textContent = times[index]! + (open[index] === true ? ` (${words.open})` : "") + known.join("");
    const said = lines.map((each, place) => {
      const value = each.values[index] ?? null;
      const text = value === null ? "–" : options.value(value);
      numbers[place]!.textContent = text;
      if (value !== null) dots.append(svg("circle", { class: `point c${each.colour % COLOURS}`, cx: round(at(index)), cy: round(y(value)), r: "4.5" }));
      return `${each.label}: ${text}`;
    });
    if (speak) spoken.textContent = `${when.textContent}. ${said.join(", ")}`;
  };
  stage.addEventListener("pointermove", (event) => {
    const box = picture.getBoundingClientRect();
    const place = ((event.clientX - box.left) / Math.max(box.width, 1)) * options.width;
    choose(nearest(times.length, at, place), false);
  });
  stage.addEventListener("pointerleave", () => choose(null, false));
  stage.addEventListener("blur", () => choose(null, false));
  stage.addEventListener("keydown", (event) => {
    const last = times.length - 1;
    const places: Record<string, number> = { ArrowLeft: (chosen ?? last + 1) - 1, ArrowRight: (chosen ?? -1) + 1, Home: 0, End: last };
    const next = places[event.key];
    if (event.key === "Escape" && chosen !== null) choose(null, false);
    else if (next === undefined) return;
    else choose(Math.min(Math.max(next, 0), last), true);
    event.preventDefault();
  });
  return html("div", { class: "chart" }, html("div", { class: "readout" }, legend, when), stage, spoken);
}

function nearest(count: number, at: (index: number) => number, place: number): number {
  let best = 0;
  for (let index = 1; index < count; index++) if (Math.abs(at(index) - place) < Math.abs(at(best) - place)) best = index;
  return best;
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}
