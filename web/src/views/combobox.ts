/**
 * A field with a list under it: an ARIA combobox. The list is drawn only as far as it is seen, so that it stays quick with
 * ten thousand lines.
 */

import { type TemplateResult, html, nothing } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { repeat } from "lit-html/directives/repeat.js";
import { LINE_PX, LIST_PX } from "../actions/lists";
import type { ListOption } from "../question/options";
import type { OpenList } from "../state";
import { type Context, typed } from "./context";
import { chevron } from "./icons";
import { describedBy } from "./problems";

export interface ComboboxOptions {
  id: string;
  /** What problems of it are filed under, where that is not its id. */
  about?: string;
  /** Name of the field, for those who listen. */
  label: string;
  placeholder: string;
  value: string;
  /** What the list is called. */
  listLabel: string;
  /** The lines for what is typed; asked for only while the list is open. */
  lines: (typed: string | null) => readonly ListOption[];
  /** Said in place of lines, such as while they are on their way. */
  note?: (() => string | null) | undefined;
  pick: (value: string) => void;
  /** Where what is typed counts without a line being chosen: told at each letter. */
  type?: (text: string) => void;
  /** Stands in the field at its end. */
  tag?: TemplateResult | typeof nothing;
  kind?: string;
}

/** Lines that are drawn before and after those that are seen. */
const MARGIN = 6;

export function combobox(options: ComboboxOptions, context: Context): TemplateResult {
  const { state, actions } = context;
  const { id } = options;
  const about = options.about ?? id;
  const list = state.list?.fieldId === id ? state.list : null;
  const listId = `list-${id}`;
  const lines = list === null ? [] : options.lines(list.typed);
  const free = options.type !== undefined;
  return html`<div class="combobox ${options.kind ?? ""}">
    <input
      id=${id}
      type="text"
      role="combobox"
      dir="auto"
      placeholder=${options.placeholder}
      aria-label=${options.label}
      aria-autocomplete="list"
      aria-expanded=${list === null ? "false" : "true"}
      aria-controls=${list === null ? nothing : listId}
      aria-activedescendant=${list !== null && list.active >= 0 && list.active < lines.length ? `${listId}-${list.active}` : nothing}
      aria-describedby=${describedBy(about, context)}
      aria-invalid=${context.problems.has(about) ? "true" : nothing}
      autocomplete="off"
      autocapitalize="off"
      spellcheck="false"
      title=${options.value}
      .value=${live(free ? options.value : (list?.typed ?? options.value))}
      @click=${() => actions.lists.open(id)}
      @input=${(event: InputEvent) => {
        actions.lists.type(id, typed(event), !free);
        options.type?.(typed(event));
      }}
      @keydown=${(event: KeyboardEvent) => onKey(event, options, list, lines, context)}
      @blur=${() => leave(options, list, lines, context)}
    />
    ${options.tag ?? html`<span class="combobox-sign">${chevron}</span>`}
    ${list === null ? nothing : listOf(options, listId, list, lines, context)}
  </div>`;
}

function listOf(options: ComboboxOptions, listId: string, list: OpenList, lines: readonly ListOption[], context: Context): TemplateResult {
  const note = lines.length === 0 ? (options.note?.() ?? context.m.list.none) : null;
  const first = Math.max(0, Math.floor(list.top / LINE_PX) - MARGIN);
  const last = Math.min(lines.length, Math.ceil((list.top + LIST_PX) / LINE_PX) + MARGIN);
  return html`<ul
    id=${listId}
    class="list"
    role="listbox"
    aria-label=${options.listLabel}
    .scrollTop=${live(list.top)}
    @scroll=${(event: Event) => context.actions.lists.scroll(list, (event.target as HTMLElement).scrollTop)}
    @mousedown=${keepFocus}
  >
    ${gap(first)}
    ${repeat(
      lines.slice(first, last).map((option, place) => ({ option, index: first + place })),
      // A line stays the same element while the list is scrolled under a finger that is about to press it.
      ({ index }) => index,
      ({ option, index }) => html`<li
        id="${listId}-${index}"
        role="option"
        class="list-line"
        aria-selected=${index === list.active ? "true" : "false"}
        aria-posinset=${index + 1}
        aria-setsize=${lines.length}
        title=${option.label ?? option.value}
        @click=${() => pick(options, option, context)}
      >
        ${option.unknown === true
          ? html`<span class="list-name">${context.m.list.use} “<bdi>${option.value}</bdi>”, ${context.m.list.notSeen}</span>`
          : html`<bdi class="list-name">${option.label ?? option.value}</bdi>`}
        ${option.note === undefined ? nothing : html`<span class="list-note">${option.note}</span>`}
        ${option.count === null ? nothing : html`<span class="list-count">${context.format.number(option.count)}</span>`}
      </li>`,
    )}
    ${gap(lines.length - last)}
    ${note === null ? nothing : html`<li class="list-note is-alone" role="presentation">${note}</li>`}
  </ul>`;
}

/** The room of lines that are not drawn. */
function gap(lines: number): TemplateResult | typeof nothing {
  if (lines <= 0) return nothing;
  // A drawing has its height as an attribute; an element would need a style, which the content policy forbids.
  return html`<li role="presentation" class="list-gap"><svg width="1" height=${lines * LINE_PX} aria-hidden="true"></svg></li>`;
}

function pick(options: ComboboxOptions, option: ListOption, context: Context): void {
  context.state.focus = options.id;
  const { list } = context.state;
  // What is picked may depend on what was typed; it may also open the list of the next field.
  options.pick(option.value);
  if (context.state.list === list) context.state.list = null;
  context.actions.redraw();
}

function onKey(event: KeyboardEvent, options: ComboboxOptions, list: OpenList | null, lines: readonly ListOption[], context: Context): void {
  if (event.isComposing) return; // the key belongs to the input method
  const { lists } = context.actions;
  const active = list === null ? undefined : lines[list.active];
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    if (event.altKey && event.key === "ArrowUp") lists.close();
    else if (list === null) lists.open(options.id);
    else lists.step(list, event.key === "ArrowDown" ? 1 : -1, lines.length);
  } else if (event.key === "Enter" && active !== undefined) pick(options, active, context);
  else if (event.key === "Enter" && list === null) lists.open(options.id);
  else if ((event.key === "Escape" || event.key === "Enter") && list !== null) lists.close();
  else return;
  event.preventDefault();
}

/** Focus leaves the field: a name typed in full is taken, anything else falls back to what was chosen. */
function leave(options: ComboboxOptions, list: OpenList | null, lines: readonly ListOption[], context: Context): void {
  // The list may have been closed, or another one opened, in the same turn.
  if (list === null || context.state.list?.fieldId !== options.id) return;
  const exact = lines.find(({ value, unknown }) => unknown !== true && value === list.typed?.trim());
  context.state.list = null;
  if (exact !== undefined && options.type === undefined) options.pick(exact.value);
  else context.actions.lists.close();
  context.actions.redraw();
}

/** A press on the list must not take the focus from the field, or the list would close before the click. */
function keepFocus(event: Event): void {
  event.preventDefault();
}
