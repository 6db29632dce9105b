/** The page of one user: everything they did, in order. */

import { type TemplateResult, html, nothing } from "lit-html";
import type { Timeline, TimelineEvent } from "../answers";
import type { Context } from "./context";
import { failureView } from "./failure";
import { words } from "./text";

export function usersPage(context: Context): TemplateResult {
  const { state, actions, m } = context;
  const id = state.route.page === "users" ? state.route.id : null;
  const { timeline } = state;
  const look = (event: SubmitEvent) => {
    event.preventDefault();
    const typed = new FormData(event.target as HTMLFormElement).get("id");
    if (typeof typed === "string" && typed.trim() !== "") actions.go({ page: "users", id: typed.trim() });
  };
  return html`<section class="panel page">
    <h1>${m.nav.users}</h1>
    <form class="search" role="search" @submit=${look}>
      <input id="user-id" name="id" type="search" dir="auto" aria-label=${m.people.search} placeholder=${m.people.search} .value=${id ?? ""} autocapitalize="off" spellcheck="false" />
      <button type="submit" class="primary">${m.people.searchButton}</button>
    </form>
    ${id === null ? html`<p class="muted">${m.people.searchHint}</p>` : nothing}
    ${timeline?.status === "loading" ? html`<p class="muted" role="status">${m.loading}</p>` : nothing}
    ${timeline?.status === "failed" ? failureView(timeline.failure, context) : nothing}
    ${timeline?.status === "ready" ? timelineView(timeline.value, context) : nothing}
  </section>`;
}

function timelineView(timeline: Timeline, context: Context): TemplateResult {
  const { m, format, actions, state } = context;
  if (timeline.user === null) return html`<p role="status">${words(m.people.noUser(timeline.asked_for))}</p>`;
  const others = timeline.anonymous_ids;
  const sessions: { session: number; events: TimelineEvent[] }[] = [];
  for (const event of timeline.events) {
    const last = sessions.at(-1);
    if (last?.session === event.session) last.events.push(event);
    else sessions.push({ session: event.session, events: [event] });
  }
  const { timezone } = state.question;
  return html`<h2><bdi class="name">${timeline.user}</bdi></h2>
    <p class="muted" role="status">
      ${m.people.events(timeline.events_total, format)}${timeline.first === null ? nothing : html`, ${format.instant(timeline.first, timezone)} – ${format.instant(timeline.last ?? timeline.first, timezone)} (${timezone})`}
    </p>
    ${others.length === 0 ? nothing : html`<p class="muted known">${m.people.known(others)}</p>`}
    ${sessions.map(
      ({ session, events }) => html`<section class="session">
        <h3>${m.people.session(session)}</h3>
        <ol class="timeline">
          ${events.map((event) => eventRow(event, timezone, context))}
        </ol>
      </section>`,
    )}
    ${timeline.events.length < timeline.events_total
      ? html`<button type="button" class="copy" @click=${() => actions.people.loadTimeline(timeline.asked_for, true)}>${m.people.olderEvents}</button>`
      : nothing}`;
}

function eventRow(event: TimelineEvent, timezone: string, { format, m }: Context): TemplateResult {
  const details = { ...event.properties };
  const context = event.context ?? {};
  const none = Object.keys(details).length === 0 && Object.keys(context).length === 0;
  return html`<li>
    <span class="timeline-step" aria-hidden="true"></span>
    <div>
      <bdi class="name">${event.event}</bdi>
      <time datetime=${event.time}>${format.instant(event.time, timezone)}</time>
      ${none
        ? nothing
        : html`<details>
            <summary>${m.people.properties}</summary>
            <dl class="properties">
              ${pairs(details, "").map(([name, value]) => html`<div><dt><bdi>${name}</bdi></dt><dd><bdi>${value}</bdi></dd></div>`)}
              ${pairs(context, "context.").map(([name, value]) => html`<div class="muted"><dt><bdi>${name}</bdi></dt><dd><bdi>${value}</bdi></dd></div>`)}
              <div class="muted"><dt>${m.people.source}</dt><dd><bdi>${event.source}</bdi></dd></div>
              <div class="muted"><dt>${m.people.received}</dt><dd>${format.instant(event.received_at, timezone)}</dd></div>
            </dl>
          </details>`}
    </div>
  </li>`;
}

/** Nested objects as dotted paths, which is how filters name them. */
function pairs(object: Record<string, unknown>, prefix: string): [string, string][] {
  return Object.entries(object).flatMap(([name, value]): [string, string][] => {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return pairs(value as Record<string, unknown>, `${prefix}${name}.`);
    }
    return [[prefix + name, typeof value === "string" ? value : JSON.stringify(value)]];
  });
}
