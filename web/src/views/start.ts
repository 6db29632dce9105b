/** What stands where the answer will be, before there is a question: a way in. */

import { type TemplateResult, html } from "lit-html";
import { shareBar } from "../charts/share";
import type { CatalogueEvent } from "../api";
import type { Context } from "./context";
import { codeBlock } from "./copy";
import { failureView } from "./failure";

const SUGGESTIONS = 8;

export function startView(context: Context): TemplateResult {
  const { catalogue } = context.state;
  if (catalogue.status === "loading") return html`<p class="muted">Looking at the events…</p>`;
  if (catalogue.status === "failed") return failureView(catalogue.failure, context);
  const { events } = catalogue.value;
  if (events.length === 0) return emptyLake(context);
  return html`<h2>Where do people start?</h2>
    <p class="muted">Pick the first step. The next one makes it a funnel.</p>
    ${suggestions(events, "Start with", context)}`;
}

/** What else happens, offered as the second step. */
export function nextStep(context: Context): TemplateResult | null {
  const { catalogue, question } = context.state;
  if (catalogue.status !== "ready") return null;
  const used = new Set(question.steps.flatMap(({ matches }) => matches.map(({ event }) => event)));
  const others = catalogue.value.events.filter(({ event }) => !used.has(event));
  if (others.length === 0) return null;
  return html`<section class="next">
    <h2>And then?</h2>
    <p class="muted">Pick what they should do next.</p>
    ${suggestions(others, "Then", context)}
  </section>`;
}

function suggestions(events: readonly CatalogueEvent[], verb: string, { actions, format }: Context): TemplateResult {
  const shown = events.slice(0, SUGGESTIONS);
  const most = Math.max(1, ...shown.map(({ count }) => count));
  return html`<ul class="suggestions">
    ${shown.map(
      ({ event, count }) => html`<li>
        <button type="button" class="suggestion" title=${event} @click=${() => actions.addStep(event)}>
          <span class="suggestion-verb">${verb}</span>
          <bdi class="suggestion-name">${event}</bdi>
          <span class="suggestion-count">${format.number(count)} ${count === 1 ? "event" : "events"}</span>
          ${shareBar(count / most)}
        </button>
      </li>`,
    )}
  </ul>`;
}

function emptyLake(context: Context): TemplateResult {
  const line = [
    `curl -X POST ${context.origin}/v1/events`,
    `-H 'content-type: application/json'`,
    `-d '{"event":"sign_up","user_id":"ann"}'`,
  ].join(" \\\n  ");
  return html`<h2>No events yet</h2>
    <p>The lake is empty. Send the first event from a terminal:</p>
    ${codeBlock("curl", "Command that sends an event", line, context)}
    <p class="muted">This page looks again every few seconds. Where write keys are required, add one.</p>`;
}
