/** The answer as a file. */

import { type TemplateResult, html } from "lit-html";
import type { Answer } from "../answers";
import { pngOf, svgText } from "../charts/export";
import { funnelPicture } from "../charts/funnel-picture";
import { type Table, csvOf, markdownOf, tableOf } from "../tables";
import type { Context } from "./context";

const PICTURES = ["png", "svg"] as const;
const TABLES = ["csv", "markdown"] as const;
type Kind = (typeof PICTURES)[number] | (typeof TABLES)[number];

/** What is taken away: the numbers of an answer, and its drawing where it has one. */
export interface Exported {
  name: string;
  table: () => Table;
  draw: ((use: (drawing: SVGSVGElement) => Promise<void>) => Promise<void>) | null;
}

export function exportedOf(answer: Answer, context: Context): Exported {
  return { name: `weir-${answer.kind}-${answer.version}`, table: () => tableOf(answer), draw: (use) => withDrawing(answer, context, use) };
}

export function exportMenu(exported: Exported, context: Context): TemplateResult {
  const { m } = context;
  const kinds: readonly Kind[] = exported.draw === null ? TABLES : [...PICTURES, ...TABLES];
  return html`<details class="menu">
    <summary class="copy">${m.exporting.label}</summary>
    <ul class="menu-list">
      ${kinds.map(
        (kind) => html`<li>
          <button
            type="button"
            @click=${(event: Event) => {
              (event.target as HTMLElement).closest("details")?.removeAttribute("open");
              void save(kind, exported, context);
            }}
          >${m.exporting[kind]}</button>
        </li>`,
      )}
    </ul>
  </details>`;
}

async function save(kind: Kind, { name, table, draw }: Exported, context: Context): Promise<void> {
  const { actions } = context;
  if (kind === "csv") return actions.download(`${name}.csv`, new Blob([csvOf(table())], { type: "text/csv;charset=utf-8" }));
  if (kind === "markdown") return actions.download(`${name}.md`, new Blob([markdownOf(table())], { type: "text/markdown;charset=utf-8" }));
  try {
    await draw?.(async (drawing) => {
      if (kind === "svg") return actions.download(`${name}.svg`, new Blob([svgText(drawing)], { type: "image/svg+xml" }));
      const ground = getComputedStyle(document.documentElement).getPropertyValue("background-color");
      actions.download(`${name}.png`, await pngOf(drawing, ground));
    });
  } catch {
    actions.explore.notify(context.m.exporting.failed);
  }
}

/** The drawing that is on the page. Fails where there is none. */
export async function withShown(use: (drawing: SVGSVGElement) => Promise<void>): Promise<void> {
  const shown = document.querySelector<SVGSVGElement>("#result svg.line-chart, #result svg.flow");
  // Nobody was there, and nothing is drawn.
  if (shown === null) throw new Error("no drawing");
  return use(shown);
}

/** The drawing of an answer, on the page for as long as it is needed, so that it has the page's looks. Fails where there is none. */
async function withDrawing(answer: Answer, context: Context, use: (drawing: SVGSVGElement) => Promise<void>): Promise<void> {
  if (answer.kind !== "funnel") return withShown(use);
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
