/** What is known of days, marked in charts over time. */

import { type TemplateResult, html, nothing } from "lit-html";
import type { ChartNote } from "../charts/line";
import { mayEdit } from "../state";
import type { Context } from "./context";

/** The notes that fall into buckets of time, each with the bucket that has its day. */
export function notesAt(buckets: readonly { start: string }[], { state }: Context): ChartNote[] {
  const { annotations } = state;
  if (annotations?.status !== "ready" || buckets.length === 0) return [];
  // A bucket begins with a local time and its offset from UTC: the first ten letters are its day.
  const days = buckets.map(({ start }) => start.slice(0, 10));
  return annotations.value.flatMap(({ date, text }) => {
    const after = days.findIndex((day) => day > date);
    const index = after < 0 ? days.length - 1 : after - 1;
    const inside = index >= 0 && (after >= 0 || date <= lastDay(days));
    return inside ? [{ index, text }] : [];
  });
}

/** The last day that can belong to the last bucket: as far from its start as that is from the one before. */
function lastDay(days: readonly string[]): string {
  const [last, before] = [days.at(-1)!, days.at(-2) ?? days.at(-1)!];
  const length = Math.max(1, (Date.parse(last) - Date.parse(before)) / 86_400_000);
  return new Date(Date.parse(last) + (length - 1) * 86_400_000).toISOString().slice(0, 10);
}

export function notesButton({ state, actions, m, isAlone }: Context): TemplateResult | typeof nothing {
  if (isAlone || !mayEdit(state)) return nothing;
  return html`<button type="button" class="quiet" @click=${() => actions.reports.openNotes()}>${m.notes.open}</button>`;
}
