/** Dashboards: the list of them, and one with its tiles. */

import { type TemplateResult, html, nothing } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { live } from "lit-html/directives/live.js";
import type { Dashboard, DashboardSummary, Tile } from "../answers";
import { hashOf } from "../routes";
import { type OpenDashboard, type TileState, mayEdit } from "../state";
import { type Context, typed } from "./context";
import { failureView } from "./failure";
import { cross, down, up } from "./icons";
import { failed } from "./save";
import { tileChart } from "./tile";

const SPANS = ["7d", "30d", "90d"];

export function dashboardsPage(context: Context): TemplateResult {
  const { route, dashboard } = context.state;
  if (route.page !== "dashboards" || route.id === null) return listView(context);
  const { m } = context;
  if (dashboard === null || dashboard.status === "loading") return html`<section class="panel page"><p class="muted" role="status">${m.loading}</p></section>`;
  if (dashboard.status === "failed") return html`<section class="panel page">${failureView(dashboard.failure, context)}</section>`;
  return dashboardView(dashboard.value, context);
}

function listView(context: Context): TemplateResult {
  const { state, actions, m } = context;
  const { dashboards } = state;
  const make = (event: SubmitEvent) => {
    event.preventDefault();
    const name = new FormData(event.target as HTMLFormElement).get("name");
    if (typeof name === "string" && name.trim() !== "") void actions.dashboards.create(name.trim());
  };
  return html`<section class="panel page">
    <h1>${m.nav.dashboards}</h1>
    <div class="search">
      ${mayEdit(state)
        ? html`<form @submit=${make}>
            <input name="name" type="text" dir="auto" maxlength="200" required aria-label=${m.dashboards.name} placeholder=${m.dashboards.name} />
            <button type="submit" class="primary">${m.dashboards.make}</button>
          </form>`
        : nothing}
      <button
        type="button" class="quiet toggle" aria-pressed=${state.removedDashboards ? "true" : "false"}
        @click=${() => actions.dashboards.loadList(!state.removedDashboards)}
      >${m.reports.removedOnes}</button>
    </div>
    ${dashboards === null || dashboards.status === "loading" ? html`<p class="muted" role="status">${m.loading}</p>` : nothing}
    ${dashboards?.status === "failed" ? failureView(dashboards.failure, context) : nothing}
    ${dashboards?.status === "ready" ? summaries(dashboards.value, context) : nothing}
  </section>`;
}

function summaries(dashboards: readonly DashboardSummary[], context: Context): TemplateResult {
  const { m, actions, format, state } = context;
  if (dashboards.length === 0) return html`<p class="muted">${state.removedDashboards ? m.reports.noneRemoved : m.dashboards.none}</p>`;
  return html`<ul class="reports">
    ${dashboards.map(
      (each) => html`<li>
        <div class="report-name">
          <a href=${hashOf({ page: "dashboards", id: each.id })}><bdi>${each.name}</bdi></a>
          ${each.description === "" ? nothing : html`<p class="muted"><bdi>${each.description}</bdi></p>`}
        </div>
        <span class="muted report-when">${format.instant(each.saved_at, state.question.timezone)}${each.saved_by === null ? nothing : html`, <bdi>${each.saved_by}</bdi>`}</span>
        <span class="report-tools">
          <button type="button" class="quiet" aria-label="${m.reports.history}: ${each.name}" @click=${() => actions.reports.openHistory("dashboards", each)}>${m.reports.history}</button>
          ${mayEdit(state) && each.newer !== true && !state.removedDashboards
            ? html`<button type="button" class="quiet" aria-label="${m.remove}: ${each.name}" @click=${() => actions.reports.askToRemove(each, "dashboards")}>${m.remove}</button>`
            : nothing}
        </span>
      </li>`,
    )}
  </ul>`;
}

function dashboardView(open: OpenDashboard, context: Context): TemplateResult {
  const { m, actions, format } = context;
  const { dashboard, editing } = open;
  const last = dashboard.last ?? "";
  const spans = last === "" || SPANS.includes(last) ? SPANS : [last, ...SPANS];
  return html`<section class="dashboard">
    <div class="dashboard-head">
      ${editing
        ? html`<input
            class="dashboard-name" type="text" dir="auto" maxlength="200" aria-label=${m.dashboards.name} .value=${live(dashboard.name)}
            @input=${(event: Event) => actions.dashboards.change({ name: typed(event) })}
          />`
        : html`<h1><bdi>${dashboard.name}</bdi></h1>`}
      <select
        aria-label=${m.dashboards.last} @change=${(event: Event) => actions.dashboards.change({ last: typed(event) === "" ? undefined : typed(event) })}
      >
        <option value="" ?selected=${last === ""}>${m.dashboards.ownTimes}</option>
        ${spans.map((span) => html`<option value=${span} ?selected=${span === last}>${m.question.last(format.span(Number.parseInt(span, 10), "d"))}</option>`)}
      </select>
      ${tools(open, context)}
    </div>
    ${open.newest === null ? nothing : oldRevision(open, context)} ${typeof open.saving === "object" ? notSaved(open.saving.failure, context) : nothing}
    ${dashboard.tiles.length === 0 ? html`<p class="muted">${editing ? m.dashboards.emptyEditing : m.dashboards.empty}</p>` : nothing}
    <ul class="tiles">
      ${repeat(dashboard.tiles, (tile, place) => ("report" in tile ? tile.report : `text-${place}`), (tile, place) => tileView(tile, place, open, context))}
    </ul>
    ${editing ? addTile(dashboard, context) : nothing}
  </section>`;
}

/** An old revision is looked at, and made the newest again; it is changed from there on. */
function oldRevision({ dashboard, newest, saving }: OpenDashboard, { state, actions, m, format }: Context): TemplateResult {
  const { id, revision, saved_at, saved_by } = dashboard;
  return html`<div class="notice old-revision" role="status">
    <p>${m.dashboards.old(revision, newest ?? revision, format.instant(saved_at, state.question.timezone), saved_by)}</p>
    <p class="buttons">
      ${mayEdit(state) && dashboard.newer !== true
        ? html`<button type="button" class="copy" ?disabled=${saving === "saving"} @click=${() => actions.dashboards.restore()}>${m.saving.restore}</button>`
        : nothing}
      <a class="copy" href=${hashOf({ page: "dashboards", id })}>${m.dashboards.seeNewest}</a>
    </p>
  </div>`;
}

function tools({ editing, changed, saving, dashboard, newest }: OpenDashboard, { state, actions, m }: Context): TemplateResult | typeof nothing {
  const { name, revision } = dashboard;
  const kept = { ...dashboard, revision: newest ?? revision };
  const history = html`<button type="button" class="quiet" aria-label="${m.reports.history}: ${name}" @click=${() => actions.reports.openHistory("dashboards", kept)}>${m.reports.history}</button>`;
  if (!mayEdit(state) || dashboard.newer === true || newest !== null) return history;
  if (!editing && !changed) return html`${history} <button type="button" class="copy" @click=${() => actions.dashboards.edit(true)}>${m.dashboards.edit}</button>`;
  return html`<button type="button" class="primary" ?disabled=${saving === "saving"} @click=${() => actions.dashboards.save()}>${m.save}</button>
    <button type="button" class="copy" @click=${() => actions.dashboards.discard()}>${m.dashboards.discard}</button>`;
}

function notSaved(failure: Parameters<typeof failed>[0], context: Context): TemplateResult {
  const { m, actions, format, state } = context;
  if (failure.kind !== "changed") return failed(failure, context);
  const current = failure.current as Dashboard;
  return html`<div class="notice" role="alert">
    <p>${m.saving.changed(current.saved_by, format.instant(current.saved_at, state.question.timezone))}</p>
    <p class="buttons">
      <a class="copy" href=${hashOf({ page: "dashboards", id: current.id })} target="_blank" rel="noopener">${m.saving.seeTheirs}</a>
      <button type="button" class="copy" @click=${() => actions.dashboards.save(current.revision)}>${m.saving.saveAnyway}</button>
    </p>
  </div>`;
}

function tileView(tile: Tile, place: number, open: OpenDashboard, context: Context): TemplateResult {
  const content = "text" in tile ? textTile(tile, place, open.editing, context) : reportTile(context.state.tiles.get(tile.report), tile.report, tile.wide === true, context);
  return html`<li class="panel tile ${tile.wide === true ? "is-wide" : ""}">${open.editing ? tileTools(tile, place, open.dashboard.tiles.length, context) : nothing} ${content}</li>`;
}

function tileTools(tile: Tile, place: number, count: number, { m, actions }: Context): TemplateResult {
  const name = m.dashboards.tile(place + 1);
  return html`<div class="tile-tools">
    <button type="button" class="icon-button" aria-label=${m.question.moveUp(name)} aria-disabled=${place === 0 ? "true" : nothing} @click=${() => actions.dashboards.moveTile(place, place - 1)}>${up}</button>
    <button type="button" class="icon-button" aria-label=${m.question.moveDown(name)} aria-disabled=${place === count - 1 ? "true" : nothing} @click=${() => actions.dashboards.moveTile(place, place + 1)}>${down}</button>
    <button
      type="button" class="quiet toggle" aria-pressed=${tile.wide === true ? "true" : "false"}
      @click=${() => actions.dashboards.changeTile(place, { ...tile, wide: tile.wide !== true })}
    >${m.dashboards.wide}</button>
    <button type="button" class="icon-button" aria-label=${m.question.removeIt(name)} @click=${() => actions.dashboards.changeTile(place, null)}>${cross}</button>
  </div>`;
}

function textTile(tile: Extract<Tile, { text: string }>, place: number, editing: boolean, { m, actions }: Context): TemplateResult {
  if (!editing) return html`<p class="tile-text"><bdi>${tile.text}</bdi></p>`;
  return html`<textarea
    rows="3" dir="auto" maxlength="2000" aria-label=${m.dashboards.text} .value=${live(tile.text)}
    @input=${(event: Event) => actions.dashboards.changeTile(place, { ...tile, text: typed(event) })}
  ></textarea>`;
}

function reportTile(state: TileState | undefined, id: string, wide: boolean, context: Context): TemplateResult {
  const { m } = context;
  if (state === undefined || state.report.status === "loading") return html`<p class="muted" role="status">${m.loading}</p>`;
  if (state.report.status === "failed") return failed(state.report.failure, context);
  const report = state.report.value;
  return html`<h2><a href=${hashOf({ page: "explore", embed: false, report: { id, revision: null } })}><bdi>${report.name}</bdi></a></h2>
    ${state.answer === null || state.answer.status === "loading" ? html`<p class="muted" role="status">${m.answer.asking}</p>` : nothing}
    ${state.answer?.status === "failed" ? failed(state.answer.failure, context) : nothing}
    ${state.answer?.status === "ready" ? tileChart(report, state.answer.value, wide, context) : nothing}`;
}

function addTile(dashboard: Dashboard, { m, actions, state }: Context): TemplateResult {
  const reports = state.reports?.status === "ready" ? state.reports.value : [];
  const here = new Set(dashboard.tiles.flatMap((tile) => ("report" in tile ? [tile.report] : [])));
  const others = reports.filter(({ id }) => !here.has(id));
  const add = (event: Event) => {
    const id = typed(event);
    if (id !== "") actions.dashboards.addTile({ report: id });
  };
  return html`<p class="buttons">
    <select aria-label=${m.dashboards.addReport} @change=${add}>
      <option value="" selected>${m.dashboards.addReport}</option>
      ${others.map(({ id, name, folder }) => html`<option value=${id}>${folder === "" ? name : `${folder} / ${name}`}</option>`)}
    </select>
    <button type="button" class="copy" @click=${() => actions.dashboards.addTile({ text: "" })}>${m.dashboards.addText}</button>
  </p>`;
}
