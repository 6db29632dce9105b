/** The answer of a report on another site: links to it, and a frame that shows it. */

import { type TemplateResult, html, nothing } from "lit-html";
import { EMBEDS_ID } from "../actions/embeds";
import type { Embed, Report } from "../answers";
import { type EmbedsView, type Sheet, mayEdit } from "../state";
import type { Context } from "./context";
import { codeBlock } from "./copy";
import { failed } from "./save";

export function embedsPart(context: Context): TemplateResult | typeof nothing {
  const { state, m, actions } = context;
  const { report, compiled, route } = state;
  if (!mayEdit(state) || (route.page === "explore" && route.embed)) return nothing;
  const open = report?.status === "ready" ? report.value : null;
  const toggled = (event: Event) => {
    if ((event.target as HTMLDetailsElement).open) void actions.embeds.load();
  };
  return html`<details class="share embeds" @toggle=${toggled}>
    <summary id=${EMBEDS_ID}>${m.embeds.title}</summary>
    <p class="hint">${open === null ? m.embeds.saveFirst : m.embeds.hint}${open === null || open.key === compiled.key ? "" : ` ${m.embeds.asSaved}`}</p>
    ${open === null ? nothing : embedsLoaded(open.report, context)}
  </details>`;
}

function embedsLoaded(report: Report, context: Context): TemplateResult | typeof nothing {
  const { embeds } = context.state;
  // They are asked for once this is unfolded.
  if (embeds === null) return nothing;
  if (embeds.status === "ready") return embedsOf(report, embeds.value, context);
  if (embeds.status === "failed") return failed(embeds.failure, context);
  return html`<p class="muted" role="status">${context.m.loading}</p>`;
}

function embedsOf(report: Report, view: EmbedsView, context: Context): TemplateResult {
  const { m, actions } = context;
  const { saving } = view;
  const own = view.embeds.filter((embed) => embed.report === report.id);
  const add = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const name = new FormData(form).get("name");
    if (typeof name !== "string" || name.trim() === "") return;
    void actions.embeds.add(report.id, name.trim()).then((done) => done && form.reset());
  };
  return html`${own.length === 0 ? nothing : html`<ul class="embeds-list" aria-label=${m.embeds.list}>${own.map((embed) => embedRow(embed, context))}</ul>`}
    <form class="search" @submit=${add}>
      <input name="name" type="text" required maxlength="200" dir="auto" aria-label=${m.embeds.name} placeholder=${m.embeds.name} autocapitalize="off" spellcheck="false" />
      <button type="submit" class="copy" ?disabled=${saving.status === "saving"}>${m.embeds.add}</button>
    </form>
    ${view.taken === null ? nothing : html`<p class="problems" role="alert">${m.embeds.taken(view.taken)}</p>`}
    ${saving.status === "failed" ? failed(saving.failure, context) : nothing}
    ${view.made?.report === report.id ? madePart(view.made, report, context) : nothing}
    <p class="hint">${view.allowed.length === 0 ? m.embeds.noSite : m.embeds.sites(view.allowed.join(", "))}</p>`;
}

function embedRow(embed: Embed, { m, actions, format, state }: Context): TemplateResult {
  const { name, created_at, created_by } = embed;
  const ended = embed.state !== "active";
  return html`<li class=${ended ? "is-ended" : ""}>
    <bdi class="embed-name">${name}</bdi>
    <span class="muted">${format.instant(created_at, state.question.timezone)}${created_by === null ? nothing : html`, <bdi>${created_by}</bdi>`}</span>
    ${ended
      ? html`<span class="muted">${m.embeds.ended}</span>`
      : html`<button type="button" class="quiet" aria-label="${m.embeds.disable}: ${name}" @click=${() => actions.embeds.askToDisable(embed)}>${m.embeds.disable}</button>`}
  </li>`;
}

/** A link that was just made, and the frame for a page that shows it. */
function madePart({ name, token }: { name: string; token: string }, report: Report, context: Context): TemplateResult {
  const { m } = context;
  const address = `${pageOf(context.url)}#embed=${encodeURIComponent(token)}`;
  return html`<div class="notice embed-made" role="status">
    <p><b>${m.embeds.made(name)}</b> ${m.embeds.once}</p>
    <h4>${m.embeds.address}</h4>
    ${codeBlock("embed-address", m.embeds.address, address, context)}
    <h4>${m.embeds.frame}</h4>
    ${codeBlock("embed-frame", m.embeds.frame, frameOf(address, report.name), context)}
  </div>`;
}

/** The address of the page itself, without a question. */
function pageOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

export function frameOf(address: string, title: string): string {
  const quoted = (text: string) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
  return `<iframe src="${quoted(address)}" title="${quoted(title)}" width="100%" height="600" loading="lazy"></iframe>`;
}

export function disableEmbedView({ embed, saving }: Extract<Sheet, { kind: "disableEmbed" }>, context: Context): TemplateResult {
  const { m, actions } = context;
  return html`<p>${m.embeds.disableHint}</p>
    ${saving.status === "failed" ? failed(saving.failure, context) : nothing}
    <p class="buttons">
      <button type="button" class="primary" ?disabled=${saving.status === "saving"} @click=${() => actions.embeds.disable(embed)}>${m.embeds.disable}</button>
      <button type="button" class="copy" @click=${() => actions.closeSheet()}>${m.cancel}</button>
    </p>`;
}
