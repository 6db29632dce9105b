/** The answer as a file. */

import { type TemplateResult, html } from "lit-html";
import type { Answer } from "../answers";
import { pngOf, svgText } from "../charts/export";
import { funnelPicture } from "../charts/funnel-picture";
import { csvOf, markdownOf, tableOf } from "../tables";
import type { Context } from "./context";

const KINDS = ["png", "svg", "csv", "markdown"] as const;
type Kind = (typeof KINDS)[number];

export function exportMenu(answer: Answer, context: Context): TemplateResult {
  const { m } = context;
  return html`<details class="menu">
    <summary class="copy">${m.exporting.label}</summary>
    <ul class="menu-list">
      ${KINDS.map(
        (kind) => html`<li>
          <button
            type="button"
            @click=${(event: Event) => {
              (event.target as HTMLElement).closest("details")?.removeAttribute("open");
              void save(kind, answer, context);
            }}
          >${m.exporting[kind]}</button>
        </li>`,
      )}
    </ul>
  </details>`;
}

async function save(kind: Kind, answer: Answer, context: Context): Promise<void> {
  const name = `weir-${answer.kind}-${answer.version}`;
  const { actions } = context;
  if (kind === "csv") return actions.download(`${name}.csv`, new Blob([csvOf(tableOf(answer))], { type: "text/csv;charset=utf-8" }));
  if (kind === "markdown") return actions.download(`${name}.md`, new Blob([markdownOf(tableOf(answer))], { type: "text/markdown;charset=utf-8" }));
  try {
    await withDrawing(answer, context, async (drawing) => {
      if (kind === "svg") return actions.download(`${name}.svg`, new Blob([svgText(drawing)], { type: "image/svg+xml" }));
      const ground = getComputedStyle(document.documentElement).getPropertyValue("background-color");
      actions.download(`${name}.png`, await pngOf(drawing, ground));
    });
  } catch {
    actions.explore.notify(context.m.exporting.failed);
  }
}

/** The drawing of an answer, on the page for as long as it is needed, so that it has the page's looks. Fails where there is none. */
async function withDrawing(answer: Answer, context: Context, use: (drawing: SVGSVGElement) => Promise<void>): Promise<void> {
  if (answer.kind !== "funnel") {
    const shown = document.querySelector<SVGSVGElement>("#result svg.line-chart, #result svg.flow");
    // Nobody was there, and nothing is drawn.
    if (shown === null) throw new Error("no drawing");
    return use(shown);
  }
  const drawing = funnelPicture(answer.steps, context.format, context.m);
  const place = document.createElement("div");
  place.className = "offstage";
  place.setAttribute("aria-hidden", "true");
  place.append(drawing);
  document.body.append(place);
  try {
    await use(drawing);
  } finally {
    place.remove();
  }
}
