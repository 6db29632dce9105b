/** The funnel as one drawing, to take away: what `funnel.ts` lays out with the page's own boxes, drawn as SVG alone. */

import type { StepAnswer } from "../answers";
import type { Format } from "../format";
import type { Messages } from "../messages";
import { lostBefore } from "../words";
import { svg } from "./dom";
import { cut } from "./text";

const WIDTH = 960;
const ROW = 46;
const BETWEEN = 38;
const NAME = 250;
const COUNT = 150;
const PAD = 24;

export function funnelPicture(steps: readonly StepAnswer[], format: Format, m: Messages): SVGSVGElement {
  const total = steps[0]?.count ?? 0;
  const room = WIDTH - NAME - COUNT - 2 * PAD;
  const height = 2 * PAD + steps.length * ROW + (steps.length - 1) * BETWEEN;
  const width = (count: number) => (total > 0 ? (count / total) * room : 0);
  const picture = svg("svg", {
    xmlns: "http://www.w3.org/2000/svg", class: "picture", width: String(WIDTH), height: String(height), viewBox: `0 0 ${WIDTH} ${height}`,
  });
  picture.append(svg("rect", { class: "picture-ground", width: "100%", height: "100%" }));
  steps.forEach((step, index) => {
    const y = PAD + index * (ROW + BETWEEN);
    const middle = y + ROW / 2;
    const before = steps[index - 1];
    if (before !== undefined) {
      const [above, below, top, bottom] = [NAME + PAD + width(before.count), NAME + PAD + width(step.count), y - BETWEEN, y];
      const bend = `C${above} ${top + BETWEEN * 0.6} ${below} ${top + BETWEEN * 0.4} ${below} ${bottom}`;
      picture.append(
        svg("path", { class: "funnel-flow", d: `M${NAME + PAD} ${top}H${above}${bend}H${NAME + PAD}Z` }),
        text(NAME + PAD + 10, y - BETWEEN / 2, "picture-small", passageText(before, step, format, m)),
      );
    }
    picture.append(
      text(PAD, middle, "picture-name", `${step.step}  ${cut(step.label, NAME - 30, 15)}`),
      svg("rect", { class: "funnel-track", x: String(NAME + PAD), y: String(y), width: String(room), height: String(ROW), rx: "6" }),
      svg("rect", { class: "funnel-fill", x: String(NAME + PAD), y: String(y), width: String(width(step.count)), height: String(ROW), rx: "6" }),
      text(WIDTH - COUNT - PAD + 14, middle, "picture-count", format.number(step.count)),
    );
    if (index > 0) {
      const share = text(WIDTH - PAD, middle, "picture-small", format.share(step.from_first));
      share.setAttribute("text-anchor", "end");
      picture.append(share);
    }
  });
  return picture;
}

function passageText(from: StepAnswer, to: StepAnswer, format: Format, m: Messages): string {
  const lost = lostBefore(from, to);
  const share = from.count > 0 ? lost / from.count : 0;
  const parts = [`${format.share(to.from_previous)} ${m.answer.goOn}`, `${format.number(lost)} ${m.answer.lost(format.share(share))}`];
  if (to.in_window > 0) parts.push(`${format.number(to.in_window)} ${m.answer.stillOpen}`);
  if (to.median_ms !== null) parts.push(`${format.duration(to.median_ms)} ${m.answer.median}`);
  return parts.join("   ");
}

function text(x: number, y: number, kind: string, content: string): SVGTextElement {
  return svg("text", { class: kind, x: String(x), y: String(y), "dominant-baseline": "central" }, content);
}
