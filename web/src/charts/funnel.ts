/**
 * The funnel chart: a function from the steps of an answer to a DOM node.
 *
 * One row a step, from top to bottom, so that long names and many steps stay legible:
 *
 *     1  view_job        ██████████████████████████████████   1,203
 *        2 min median    ▒ 41.8% go on · 663 lost · 37 still open
 *     2  apply_start     ██████████████░                        503
 *
 * A bar is as long as its step's share of the first step. Hatched behind it: those who may still arrive. Between two
 * bars the stream narrows from one to the next. All widths are SVG attributes; nothing needs an inline style. Numbers
 * that stand for users are buttons, where there is somebody to show.
 */

import type { StepAnswer } from "../answers";
import type { Format } from "../format";
import type { Messages } from "../messages";
import type { FunnelState } from "../question/model";
import { largestLoss, lostBefore } from "../words";
import { html, svg } from "./dom";

const HATCH = "weir-still-open";

export interface FunnelChartOptions {
  format: Format;
  m: Messages;
  /** What is counted: users, sessions or attempts. */
  count: "users" | "sessions" | "attempts";
  /** The same steps in the period before. */
  previous?: readonly StepAnswer[] | null;
  /** Shows the users behind a number. */
  onUsers?: (step: number, label: string, state: FunnelState) => void;
}

export function funnelChart(steps: readonly StepAnswer[], options: FunnelChartOptions): HTMLElement {
  const total = steps[0]?.count ?? 0;
  const worst = largestLoss(steps)?.to ?? null;
  const rows = steps.map((step, index) => {
    const before = steps[index - 1] ?? null;
    const row = html("li", { class: "funnel-step" });
    if (before !== null) row.append(passage(before, step, total, step === worst && steps.length > 2, options));
    row.append(name(step), bar(step, options.previous?.[index] ?? null, total, options.previous?.[0]?.count ?? 0), count(step, index, options));
    return row;
  });
  return html("div", { class: "funnel" }, hatch(), html("ol", { class: "funnel-steps" }, ...rows));
}

/** The chart's shape while the answer is on its way: the steps of the new question and no number. */
export function funnelSkeleton(labels: readonly string[]): HTMLElement {
  const rows = labels.map((label, index) => {
    const row = html("li", { class: "funnel-step" });
    if (index > 0) row.append(html("div", { class: "funnel-passage" }));
    const empty = svg("svg", { class: "funnel-bar" }, svg("rect", { class: "funnel-track", width: "100%", height: "100%", rx: "6" }));
    row.append(name({ step: index + 1, label }), empty, html("div", { class: "funnel-count" }));
    return row;
  });
  return html("div", { class: "funnel is-waiting", "aria-hidden": "true" }, html("ol", { class: "funnel-steps" }, ...rows));
}

function name({ step, label }: { step: number; label: string }): HTMLElement {
  return html(
    "div",
    { class: "funnel-name" },
    html("span", { class: "funnel-number", "aria-hidden": "true" }, String(step)),
    html("bdi", { title: label }, label),
  );
}

function bar(step: StepAnswer, previous: StepAnswer | null, total: number, previousTotal: number): SVGElement {
  const reached = percent(step.count, total);
  const node = svg(
    "svg",
    { class: "funnel-bar", "aria-hidden": "true" },
    svg("rect", { class: "funnel-track", width: "100%", height: "100%", rx: "6" }),
  );
  if (step.in_window > 0) {
    const open = percent(step.in_window, total);
    node.append(svg("rect", { class: "funnel-open", x: `${reached}%`, width: `${open}%`, height: "100%", fill: `url(#${HATCH})` }));
  }
  if (step.count > 0) node.append(svg("rect", { class: "funnel-fill", width: `${reached}%`, height: "100%", rx: "6" }));
  if (previous !== null && step.step > 1) {
    // Where the bar would end at the conversion of the period before.
    const at = `${percent(previous.count, previousTotal)}%`;
    node.append(svg("line", { class: "funnel-previous", x1: at, x2: at, y1: "0", y2: "100%" }));
  }
  return node;
}

function count(step: StepAnswer, index: number, { format, m, count, previous, onUsers }: FunnelChartOptions): HTMLElement {
  const number = format.number(step.count);
  const shown = html("b", {}, number);
  const node = html("div", { class: "funnel-count" });
  node.append(
    onUsers && step.count > 0
      ? button(m.answer.seeUsers(number, step.label), shown, () => onUsers(step.step, step.label, "converted"))
      : shown,
  );
  const before = previous?.[index];
  if (index > 0) node.append(html("span", {}, m.answer.ofFirst(format.share(step.from_first))));
  else node.append(html("span", {}, (step.count === 1 ? m.answer.one : m.answer.many)[count]));
  if (before) node.append(html("span", { class: "before" }, m.answer.before(index > 0 ? format.share(before.from_first) : format.number(before.count))));
  return node;
}

/** What happens between two steps: who goes on, who is lost, who may still come, and how long it takes. */
function passage(from: StepAnswer, to: StepAnswer, total: number, worst: boolean, options: FunnelChartOptions): HTMLElement {
  const { format, m, onUsers } = options;
  const lost = lostBefore(from, to);
  const share = (part: number) => (from.count > 0 ? format.share(part / from.count) : format.share(0));
  const facts = [fact("go-on", format.share(to.from_previous), m.answer.goOn)];
  const see = (state: FunnelState) => onUsers && (() => onUsers(to.step, to.label, state));
  const left = m.answer.lost(share(lost));
  const open = m.answer.stillOpen;
  facts.push(
    fact(worst ? "lost is-worst" : "lost", format.number(lost), left, lost > 0 && see("dropped"), (shown) => m.answer.seeLost(shown, to.label)),
  );
  if (to.in_window > 0) {
    facts.push(fact("still-open", format.number(to.in_window), open, see("open"), (shown) => m.answer.seeOpen(shown, to.label)));
  }
  const times = html("ul", { class: "funnel-times" });
  if (to.median_ms !== null) times.append(fact("median", format.duration(to.median_ms), m.answer.median));
  if (to.p90_ms !== null) times.append(fact("p90", format.duration(to.p90_ms), m.answer.p90));
  const stream = html("div", { class: "funnel-stream" }, flow(from, to, total), html("ul", { class: "funnel-facts" }, ...facts));
  return html("div", { class: "funnel-passage" }, stream, times);
}

function flow(from: StepAnswer, to: StepAnswer, total: number): SVGElement {
  const [above, below] = [percent(from.count, total), percent(to.count, total)];
  return svg(
    "svg",
    { class: "funnel-flow", viewBox: "0 0 100 1", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("path", { d: `M0 0H${above}C${above} .6 ${below} .4 ${below} 1H0Z` }),
  );
}

/** A number and what it counts. `name` is what a button is called that shows who they are; it holds what is shown. */
function fact(
  kind: string,
  value: string,
  what: string,
  act: (() => void) | false | undefined = undefined,
  name: (shown: string) => string = String,
): HTMLElement {
  const content = [html("b", {}, value), ` ${what}`];
  return html("li", { class: kind }, ...(act ? [button(name(`${value} ${what}`), html("span", {}, ...content), act)] : content));
}

function button(label: string, content: Node, act: () => void): HTMLElement {
  const node = html("button", { type: "button", class: "number-button", "aria-label": label, title: label }, content);
  node.addEventListener("click", act);
  return node;
}

function hatch(): SVGElement {
  const pattern = svg(
    "pattern",
    { id: HATCH, width: "6", height: "6", patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    svg("rect", { class: "hatch-ground", width: "6", height: "6" }),
    svg("rect", { class: "hatch-line", width: "2.5", height: "6" }),
  );
  return svg("svg", { class: "chart-defs", width: "0", height: "0", "aria-hidden": "true" }, svg("defs", {}, pattern));
}

function percent(part: number, total: number): number {
  return total > 0 ? Math.round((part / total) * 10_000) / 100 : 0;
}
