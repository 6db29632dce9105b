/** The field in which a step's event is chosen: an ARIA combobox with a list of the lake's events. */

import { type TemplateResult, html, nothing } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { inputId } from "../actions";
import { type ListOption, LIST_LIMIT, type Match, type OpenList, eventName, listOptions } from "../model";
import type { Context } from "./context";
import { chevron } from "./icons";
import { describedBy } from "./problems";

export function combobox(match: Match, label: string, context: Context): TemplateResult {
  const { state, actions } = context;
  const list = state.list?.matchId === match.id ? state.list : null;
  const listId = `list-${match.id}`;
  const events = state.catalogue.status === "ready" ? state.catalogue.value.events : [];
  const options = list === null ? [] : listOptions(events, list.typed);
  const active = options.findIndex(({ event }) => event === list?.active);
  return html`<div class="combobox">
    <input
      id=${inputId(match.id)}
      type="text"
      role="combobox"
      dir="auto"
      placeholder="Choose an event"
      aria-label=${label}
      aria-autocomplete="list"
      aria-expanded=${list === null ? "false" : "true"}
      aria-controls=${listId}
      aria-activedescendant=${active >= 0 ? `${listId}-${active}` : nothing}
      aria-describedby=${describedBy(match.id, context)}
      aria-invalid=${context.problems.has(match.id) ? "true" : nothing}
      autocomplete="off"
      autocapitalize="off"
      spellcheck="false"
      title=${match.event}
      .value=${live(list?.typed ?? eventName(match.event))}
      @click=${() => actions.openList(match.id)}
      @input=${(event: InputEvent) => actions.typeInList(match.id, (event.target as HTMLInputElement).value)}
      @keydown=${(event: KeyboardEvent) => onKey(event, match, list, context)}
      @blur=${() => actions.leaveList(match.id)}
    />
    <span class="combobox-sign">${chevron}</span>
    <ul id=${listId} class="list" role="listbox" aria-label="Events" ?hidden=${list === null} @mousedown=${keepFocus}>
      ${options.map((option, index) =>
        line(option, `${listId}-${index}`, index === active, () => actions.pick(match.id, option.event), context),
      )}
      ${list !== null && list.typed === null && events.length > LIST_LIMIT
        ? html`<li class="list-note" role="presentation">${events.length - LIST_LIMIT} more: type to find them</li>`
        : nothing}
    </ul>
  </div>`;
}

function line(option: ListOption, id: string, active: boolean, pick: () => void, { format }: Context): TemplateResult {
  const { event, count } = option;
  const known = count !== null || event === "*";
  return html`<li id=${id} role="option" class="list-line" aria-selected=${active ? "true" : "false"} @click=${pick}>
    ${known
      ? html`<bdi class="list-name">${eventName(event)}</bdi>`
      : html`<span class="list-name">Use “<bdi>${event}</bdi>”, not seen yet</span>`}
    ${count === null ? nothing : html`<span class="list-count">${format.number(count)}</span>`}
  </li>`;
}

function onKey(event: KeyboardEvent, match: Match, list: OpenList | null, { actions }: Context): void {
  if (event.isComposing) return; // the key belongs to the input method
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    if (event.altKey && event.key === "ArrowUp") actions.closeList();
    else actions.stepInList(match.id, event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter" && list !== null) actions.pickActive();
  else if (event.key === "Enter") actions.openList(match.id);
  else if (event.key === "Escape" && list !== null) actions.closeList();
  else return;
  event.preventDefault();
}

/** A press on the list must not take the focus from the field, or the list would close before the click. */
function keepFocus(event: Event): void {
  event.preventDefault();
}
