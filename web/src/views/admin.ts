/** Pages for those who run the lake: events as they land, failed events, write keys. */

import { type TemplateResult, html, nothing } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { live as bound } from "lit-html/directives/live.js";
import type { FailedChoice, FailedEvent, FailedGroup, LiveEvent, WriteKey } from "../answers";
import type { FailedView, KeysView, Sheet } from "../state";
import { type Context, typed } from "./context";
import { codeBlock } from "./copy";
import { failureView } from "./failure";
import { failed as notDone } from "./save";

// Live.

export function livePage(context: Context): TemplateResult {
  const { state, actions, m } = context;
  const { live } = state;
  const wanted = live.search.trim().toLocaleLowerCase();
  const shown = live.events.filter(({ event, user }) => `${event} ${user}`.toLocaleLowerCase().includes(wanted));
  return html`<section class="panel page">
    <h1>${m.nav.live}</h1>
    <div class="search">
      <input
        type="search" dir="auto" aria-label=${m.live.search} placeholder=${m.live.search} .value=${bound(live.search)}
        @input=${(event: Event) => actions.admin.setLive({ search: typed(event) })}
      />
      <button
        type="button" class="copy" aria-pressed=${live.paused ? "true" : "false"} @click=${() => actions.admin.setLive({ paused: !live.paused })}
      >${live.paused ? m.live.goOn : m.live.pause}</button>
    </div>
    ${live.failure === null ? nothing : notDone(live.failure, context)}
    <p class="muted" role="status">${live.version === null ? m.loading : shown.length === 0 ? m.live.none : m.live.hint}</p>
    <ol class="live">
      ${repeat(shown, ({ source, event_id }) => `${source} ${event_id}`, (event) => liveRow(event, context))}
    </ol>
  </section>`;
}

function liveRow(event: LiveEvent, { format, state }: Context): TemplateResult {
  const { timezone } = state.question;
  return html`<li>
    <details>
      <summary>
        <time datetime=${event.received_at}>${format.instant(event.received_at, timezone)}</time>
        <bdi class="name">${event.event}</bdi> <bdi class="muted">${event.user}</bdi> <span class="type-tag-inline"><bdi>${event.source}</bdi></span>
      </summary>
      <pre tabindex="0"><code>${JSON.stringify({ time: event.time, event_id: event.event_id, properties: event.properties ?? {}, context: event.context ?? {} }, null, 2)}</code></pre>
    </details>
  </li>`;
}

// Failed events.

export function failedPage(context: Context): TemplateResult {
  const { state, m } = context;
  const { failed } = state;
  return html`<section class="panel page">
    <h1>${m.failed.title}</h1>
    <p class="muted">${m.failed.hint}</p>
    ${failed === null || failed.status === "loading" ? html`<p class="muted" role="status">${m.loading}</p>` : nothing}
    ${failed?.status === "failed" ? failureView(failed.failure, context) : nothing}
    ${failed?.status === "ready" ? failedGroups(failed.value, context) : nothing}
  </section>`;
}

function choiceOf({ code, event, source }: FailedGroup): FailedChoice {
  return { code, ...(event === null ? {} : { event }), ...(source === null ? {} : { source }) };
}

function failedGroups(view: FailedView, context: Context): TemplateResult {
  const { m, format } = context;
  const { done, failure, groups } = view;
  return html`${done === null
    ? nothing
    : html`<p class="notice" role="status">${"dropped" in done ? m.failed.dropped(done.dropped, format) : m.failed.replayed(done.replayed, done.duplicates, done.failing, format)}</p>`}
  ${failure === null ? nothing : notDone(failure, context)}
  ${groups.length === 0
    ? html`<p role="status">${m.failed.none}</p>`
    : html`<ul class="failed">
        ${groups.map((group) => failedGroup(group, view, context))}
      </ul>`}`;
}

function failedGroup(group: FailedGroup, view: FailedView, context: Context): TemplateResult {
  const { m, actions, format, state } = context;
  const { timezone } = state.question;
  const choice = choiceOf(group);
  const isShown = view.shown !== null && JSON.stringify(view.shown.choice) === JSON.stringify(choice);
  const about = `${group.code} ${group.event ?? ""}`;
  return html`<li>
    <div class="failed-head">
      <b class="failed-count">${format.number(group.count)}</b>
      <div>
        <p><code>${group.code}</code> <bdi class="name">${group.event ?? ""}</bdi> ${group.source === null ? nothing : html`<span class="type-tag-inline"><bdi>${group.source}</bdi></span>`}</p>
        <p><bdi>${group.message}</bdi></p>
        <p class="muted">${format.instant(group.first_seen, timezone)} – ${format.instant(group.last_seen, timezone)}</p>
      </div>
      <span class="report-tools">
        <button type="button" class="quiet" aria-expanded=${isShown ? "true" : "false"} aria-label="${m.failed.show}: ${about}" @click=${() => actions.admin.showFailed(isShown ? null : choice)}>${m.failed.show}</button>
        <button type="button" class="quiet" ?disabled=${view.busy} aria-label="${m.failed.replay}: ${about}" @click=${() => actions.admin.replay(choice)}>${m.failed.replay}</button>
        <button type="button" class="quiet" ?disabled=${view.busy} aria-label="${m.failed.drop}: ${about}" @click=${() => actions.admin.askToDrop(choice, group.count)}>${m.failed.drop}</button>
      </span>
    </div>
    ${isShown && view.shown !== null
      ? view.shown.each.status === "ready"
        ? eachFailed(view.shown.each.value, view.one, context)
        : view.shown.each.status === "failed"
          ? notDone(view.shown.each.failure, context)
          : html`<p class="muted" role="status">${m.loading}</p>`
      : nothing}
  </li>`;
}

function eachFailed(each: readonly FailedEvent[], one: FailedEvent | null, { format, actions, state }: Context): TemplateResult {
  const { timezone } = state.question;
  return html`<ul class="failed-each">
    ${each.map(
      (event) => html`<li>
        <button type="button" class="number-button" aria-expanded=${one?.failed_id === event.failed_id ? "true" : "false"} @click=${() => actions.admin.showBody(event)}>
          ${format.instant(event.received_at, timezone)} <code>${event.failed_id.slice(0, 13)}</code>
        </button>
        <bdi>${event.message}</bdi>
        ${one?.failed_id === event.failed_id
          ? html`<pre tabindex="0"><code>${typeof one.body === "string" ? one.body : JSON.stringify(one.body, null, 2)}</code></pre>`
          : nothing}
      </li>`,
    )}
  </ul>`;
}

export function dropView(sheet: Extract<Sheet, { kind: "drop" }>, { m, actions, format }: Context): TemplateResult {
  return html`<p>${m.failed.dropHint(sheet.count, format)}</p>
    <p class="buttons">
      <button type="button" class="primary" @click=${() => actions.admin.drop(sheet.choice)}>${m.failed.drop}</button>
      <button type="button" class="copy" @click=${() => actions.closeSheet()}>${m.cancel}</button>
    </p>`;
}

// Write keys.

export function settingsPage(context: Context): TemplateResult {
  const { state, m } = context;
  const { keys } = state;
  return html`<section class="panel page">
    <h1>${m.nav.settings}</h1>
    <h2>${m.keys.title}</h2>
    <p class="muted">${m.keys.hint}</p>
    ${keys === null || keys.status === "loading" ? html`<p class="muted" role="status">${m.loading}</p>` : nothing}
    ${keys?.status === "failed" ? failureView(keys.failure, context) : nothing}
    ${keys?.status === "ready" ? keysView(keys.value, context) : nothing}
  </section>`;
}

function keysView({ keys, made, failure }: KeysView, context: Context): TemplateResult {
  const { m, actions } = context;
  const add = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const source = new FormData(form).get("source");
    if (typeof source === "string" && source.trim() !== "") void actions.admin.addKey(source.trim()).then(() => form.reset());
  };
  return html`<form class="search" @submit=${add}>
      <input name="source" type="text" required aria-label=${m.keys.source} placeholder=${m.keys.source} autocapitalize="off" spellcheck="false" />
      <button type="submit" class="primary">${m.keys.add}</button>
    </form>
    ${failure === null ? nothing : notDone(failure, context)}
    ${made === null ? nothing : html`<div class="notice" role="status"><p>${m.keys.made(made.source)}</p> ${codeBlock("key", m.keys.key, made.key, context)}</div>`}
    ${keys.length === 0
      ? html`<p class="muted">${m.keys.none}</p>`
      : html`<div class="table-scroll" role="region" aria-label=${m.keys.title} tabindex="0">
          <table>
            <thead>
              <tr>
                <th scope="col">${m.keys.source}</th>
                <th scope="col">${m.keys.key}</th>
                <th scope="col">${m.keys.state}</th>
                <th scope="col">${m.keys.created}</th>
                <th scope="col"><span class="spoken">${m.more}</span></th>
              </tr>
            </thead>
            <tbody>
              ${keys.map((key) => keyRow(key, context))}
            </tbody>
          </table>
        </div>`}`;
}

function keyRow(key: WriteKey, { m, actions, format, state }: Context): TemplateResult {
  const states: Record<string, string> = m.keys.states;
  return html`<tr>
    <th scope="row"><bdi>${key.source}</bdi></th>
    <td><code>${key.key}</code></td>
    <td>${states[key.state] ?? key.state}</td>
    <td class="time">${format.instant(key.created_at, state.question.timezone)}</td>
    <td>
      ${key.state === "active"
        ? html`<span class="report-tools">
            <button type="button" class="quiet" aria-label="${m.keys.rotate}: ${key.source}" @click=${() => actions.admin.rotateKey(key)}>${m.keys.rotate}</button>
            <button type="button" class="quiet" aria-label="${m.keys.disable}: ${key.source}" @click=${() => actions.admin.askToDisable(key)}>${m.keys.disable}</button>
          </span>`
        : nothing}
    </td>
  </tr>`;
}

export function disableView({ key }: Extract<Sheet, { kind: "disable" }>, { m, actions }: Context): TemplateResult {
  return html`<p>${m.keys.disableHint}</p>
    <p class="buttons">
      <button type="button" class="primary" @click=${() => actions.admin.disableKey(key)}>${m.keys.disable}</button>
      <button type="button" class="copy" @click=${() => actions.closeSheet()}>${m.cancel}</button>
    </p>`;
}
