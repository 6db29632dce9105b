/** Text with names in it. */

import { type TemplateResult, html } from "lit-html";
import type { GroupValue } from "../answers";
import type { Part } from "../words";
import type { Context } from "./context";

/** Names from data are set apart from the text around them, whichever direction they are written in. */
export function words(parts: readonly Part[]): (TemplateResult | string)[] {
  return parts.map((part) => (typeof part === "string" ? part : html`<bdi class="name" title=${part.name}>${part.name}</bdi>`));
}

export function groupName({ value, other }: GroupValue, { m }: Context): TemplateResult {
  if (other === true) return html`<i>${m.answer.allOthers}</i>`;
  if (value === null || value === undefined) return html`<i>${m.answer.notSet}</i>`;
  if (value === "") return html`<i>${m.answer.emptyText}</i>`;
  // A list or an object is a value like others: it is shown as it was sent.
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return html`<bdi class="group-name" title=${text}>${text}</bdi>`;
}

/** The same as text alone. */
export function groupLabel(group: GroupValue, { m }: Context): string {
  if (group.other === true) return m.answer.allOthers;
  if (group.value === null || group.value === undefined) return m.answer.notSet;
  if (group.value === "") return m.answer.emptyText;
  return typeof group.value === "object" ? JSON.stringify(group.value) : String(group.value);
}
