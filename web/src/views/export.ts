/** The answer as a file. */

import { type TemplateResult, html } from "lit-html";
import type { Answer, FunnelAnswer } from "../answers";
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
  await withDrawing(answer, context, async (drawing) => {
    if (kind === "svg") return actions.download(`${name}.svg`, new Blob([svgText(drawing)], { type: "image/svg+xml" }));
    const ground = getComputedStyle(document.documentElement).getPropertyValue("background-color");
    try {
      actions.download(`${name}.png`, await pngOf(drawing, ground));
    } catch {
      actions.explore.notify(context.m.exporting.failed);
    }
  });
}

/** The drawing of an answer, on the page for as long as it is needed, so that it has the page's looks. */
async function withDrawing(answer: Answer, context: Context, use: (drawing: SVGSVGElement) => Promise<void>): Promise<void> {
  const shown = document.querySelector<SVGSVGElement>("#result svg.line-chart, #result svg.flow");
  if (answer.kind !== "funnel" && answer.kind !== "retention" && shown !== null) return use(shown);
  if (answer.kind !== "funnel") return shown === null ? undefined : use(shown);
  const drawing = funnelPicture((answer as FunnelAnswer).steps, context.format, context.m);
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
