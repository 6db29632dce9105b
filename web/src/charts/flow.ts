/**
 * Paths as a flow: a function from the levels and links of an answer to a DOM node. A column is a step of the paths, a
 * node an event there, as tall as its count; between them the streams. Paths that end with an event run towards it, from
 * left to right as time does.
 */

import { type SankeyLink, type SankeyNode, sankey, sankeyLinkHorizontal } from "d3-sankey";
import type { PathNode, PathsAnswer } from "../answers";
import type { Format } from "../format";
import type { Messages } from "../messages";
import { html, svg } from "./dom";
import { cut } from "./text";

interface FlowNode {
  key: string;
  level: number;
  node: PathNode;
  count: number;
  share: number;
  order: number;
}

interface FlowLink {
  count: number;
  median: number | null;
}

type Node = SankeyNode<FlowNode, FlowLink>;
type Link = SankeyLink<FlowNode, FlowLink>;

export interface FlowOptions {
  format: Format;
  m: Messages;
  /** Whether level 1 is where paths end. */
  backwards: boolean;
  width: number;
}

const COLUMN = 170;
const NODE = 12;

export function flowChart(answer: PathsAnswer, options: FlowOptions): HTMLElement {
  const { m } = options;
  const levels = answer.levels.length;
  const width = Math.max(options.width, levels * COLUMN);
  const tallest = Math.max(1, ...answer.levels.map(({ nodes }) => nodes.length));
  const height = Math.max(240, tallest * 58);
  const graph = laidOut(answer, options.backwards, width - COLUMN + 30, height);
  const picture = svg("svg", {
    class: "flow", width: String(width), height: String(height + 30), viewBox: `0 -26 ${width} ${height + 30}`, role: "group", "aria-label": m.kinds.paths,
  });
  const readout = html("p", { class: "flow-readout", "aria-live": "polite" });
  for (let level = 1; level <= levels; level++) {
    const at = graph.nodes.find((node) => node.level === level)?.x0 ?? 0;
    picture.append(svg("text", { class: "tick-date", x: String(Math.round(at)), y: "-12" }, m.answer.level(level)));
  }
  const path = sankeyLinkHorizontal<FlowNode, FlowLink>();
  for (const link of graph.links) {
    const d = path(link);
    if (d === null) continue;
    const stream = svg("path", { class: `flow-link${isEnd(target(link)) ? " is-end" : ""}`, d, "stroke-width": String(Math.max(1, Math.round((link.width ?? 1) * 10) / 10)) });
    told(stream, readout, linkText(link, options));
    picture.append(stream);
  }
  for (const node of graph.nodes) picture.append(drawnNode(node, readout, options));
  return html("div", { class: "chart flow-chart" }, readout, html("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": m.kinds.paths }, picture));
}

function laidOut(answer: PathsAnswer, backwards: boolean, width: number, height: number): { nodes: Node[]; links: Link[] } {
  const nodes: FlowNode[] = answer.levels.flatMap(({ level, nodes }) =>
    nodes.map((node, order) => ({ key: `${level}:${keyOf(node)}`, level, node, count: node.count, share: node.share, order })),
  );
  const known = new Set(nodes.map(({ key }) => key));
  const links = answer.links.flatMap(({ level, from, to, count, median_ms }) => {
    const [earlier, later] = [`${level}:${keyOf(from)}`, `${level + 1}:${keyOf(to)}`];
    if (!known.has(earlier) || !known.has(later) || count === 0) return [];
    const [source, target] = backwards ? [later, earlier] : [earlier, later];
    return [{ source, target, value: count, count, median: median_ms }];
  });
  const last = answer.levels.length;
  const layout = sankey<FlowNode, FlowLink>()
    .nodeId(({ key }) => key)
    .nodeAlign((node) => (backwards ? last - node.level : node.level - 1))
    .nodeSort((a, b) => a.order - b.order)
    .nodeWidth(NODE)
    .nodePadding(30)
    .extent([[4, 4], [width, height - 4]]);
  return layout({ nodes, links });
}

function keyOf(node: PathNode): string {
  return node.event !== undefined ? `e${node.event}` : node.other === true ? "other" : `end:${node.end}`;
}

function isEnd({ node }: FlowNode): boolean {
  return node.event === undefined && node.other !== true;
}

function target(link: Link): FlowNode {
  return link.target as Node;
}

function nameOf({ node }: FlowNode, m: Messages): string {
  if (node.event !== undefined) return node.event;
  return node.other === true ? m.answer.otherEvents : (m.answer.ends[node.end ?? ""] ?? node.end ?? "");
}

function drawnNode(node: Node, readout: HTMLElement, { format, m }: FlowOptions): SVGElement {
  const { x0 = 0, x1 = 0, y0 = 0, y1 = 0 } = node;
  const name = nameOf(node, m);
  const numbers = `${format.number(node.count)} (${format.share(node.share)})`;
  const kind = isEnd(node) ? " is-end" : node.node.other === true ? " is-other" : "";
  const box = svg(
    "g",
    { class: `flow-node${kind}`, tabindex: "0", role: "img", "aria-label": `${m.answer.level(node.level)}: ${name}, ${numbers}` },
    svg("rect", { x: String(Math.round(x0)), y: round(y0), width: String(NODE), height: round(Math.max(2, y1 - y0)), rx: "2" }),
    svg("text", { class: "flow-name", x: String(Math.round(x1 + 6)), y: round((y0 + y1) / 2 - 1) }, cut(name, COLUMN - 34, 13)),
    svg("text", { class: "flow-count", x: String(Math.round(x1 + 6)), y: round((y0 + y1) / 2 + 14) }, numbers),
  );
  told(box, readout, `${m.answer.level(node.level)}: ${name}, ${numbers}`);
  return box;
}

function linkText(link: Link, { format, m }: FlowOptions): string {
  const [from, to] = [link.source as Node, link.target as Node];
  const time = link.median === null ? "" : `, ${format.duration(link.median)} ${m.answer.median}`;
  return `${nameOf(from, m)} → ${nameOf(to, m)}: ${format.number(link.count)}${time}`;
}

/** Says something while the pointer or the focus is on it. */
function told(element: SVGElement, readout: HTMLElement, text: string): void {
  const say = (words: string) => () => {
    readout.textContent = words;
  };
  element.append(svg("title", {}, text));
  element.addEventListener("pointerenter", say(text));
  element.addEventListener("pointerleave", say(""));
  element.addEventListener("focus", say(text));
  element.addEventListener("blur", say(""));
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}
