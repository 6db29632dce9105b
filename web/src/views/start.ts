/** What stands where the answer will be, before there is a question: a way in. */

import { type TemplateResult, html } from "lit-html";
import { shareBar } from "../charts/share";
import type { CatalogueEvent } from "../answers";
import { eventsOf, isBlank } from "../question/model";
import type { Context } from "./context";
import { codeBlock } from "./copy";
import { failureView } from "./failure";

const SUGGESTIONS = 8;

export function startView(context: Context): TemplateResult {
  const { m, state } = context;
  const { catalogue, question } = state;
  if (catalogue.status === "loading") return html`<p class="muted">${m.start.looking}</p>`;
  if (catalogue.status === "failed") return failureView(catalogue.failure, context);
  const { events } = catalogue.value;
  if (events.length === 0) return emptyLake(context);
  if (!isBlank(question)) return html`<p class="muted">${m.start.incomplete}</p>`;
  return html`<h2>${m.start.titles[question.kind]}</h2>
    <p class="muted">${m.start.hints[question.kind]}</p>
    ${suggestions(events, m.start.startWith, context)}`;
}

/** What else happens, offered as the second step. */
export function nextStep(context: Context): TemplateResult | null {
  const { catalogue, question } = context.state;
  const { m } = context;
  if (catalogue.status !== "ready") return null;
  const used = new Set(eventsOf(question));
  const others = catalogue.value.events.filter(({ event }) => !used.has(event));
  if (others.length === 0) return null;
  return html`<section class="next">
    <h2>${m.start.nextTitle}</h2>
    <p class="muted">${m.start.nextHint}</p>
    ${suggestions(others, m.start.then, context)}
  </section>`;
}

function suggestions(events: readonly CatalogueEvent[], verb: string, { actions, format, m }: Context): TemplateResult {
  const shown = events.slice(0, SUGGESTIONS);
  const most = Math.max(1, ...shown.map(({ count }) => count));
  return html`<ul class="suggestions">
    ${shown.map(
      ({ event, count }) => html`<li>
        <button type="button" class="suggestion" title=${event} @click=${() => actions.explore.suggest(event)}>
          <span class="suggestion-verb">${verb}</span>
          <bdi class="suggestion-name">${event}</bdi>
          <span class="suggestion-count">${m.start.events(count, format)}</span>
          ${shareBar(count / most)}
        </button>
      </li>`,
    )}
  </ul>`;
}

function emptyLake(context: Context): TemplateResult {
  const { m } = context;
  const line = [
    `curl -X POST ${context.origin}/v1/events`,
    `-H 'content-type: application/json'`,
    `-d '{"event":"sign_up","user_id":"ann"}'`,
  ].join(" \\\n  ");
  return html`<h2>${m.start.emptyTitle}</h2>
    <p>${m.start.emptyBody}</p>
    ${codeBlock("curl", m.start.emptyCommand, line, context)}
    <p class="muted">${m.start.emptyNote}</p>`;
}
