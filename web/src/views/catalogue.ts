/** The catalogue: which events there are, and what each carries. */

import { type TemplateResult, html, nothing } from "lit-html";
import { guard } from "lit-html/directives/guard.js";
import { live } from "lit-html/directives/live.js";
import type { CatalogueEvent, EventDetail, Property } from "../answers";
import { lineChart } from "../charts/line";
import { shareBar } from "../charts/share";
import { toHash } from "../question/address";
import { compile } from "../question/compile";
import { type Kind, blankQuestion } from "../question/model";
import { chooseEvent } from "../question/edit";
import { fittingEvents, ownersOf } from "../question/options";
import { printScalar } from "../question/values";
import { type Context, typed } from "./context";
import { failureView } from "./failure";
import { typeNames } from "./fields";

/** So many rows are drawn; a search narrows them. */
const MOST_ROWS = 300;

export function cataloguePage(context: Context): TemplateResult {
  const { state } = context;
  const event = state.route.page === "catalogue" ? state.route.event : null;
  return html`<section class="panel page">${event === null ? listView(context) : detailView(event, context)}</section>`;
}

function listView(context: Context): TemplateResult {
  const { state, actions, m, format } = context;
  const { catalogue } = state;
  if (catalogue.status === "loading") return html`<h1>${m.catalogue.title}</h1><p class="muted" role="status">${m.loading}</p>`;
  if (catalogue.status === "failed") return html`<h1>${m.catalogue.title}</h1>${failureView(catalogue.failure, context)}`;
  const { events } = catalogue.value;
  const owners = ownersOf(events);
  const shown = fittingEvents(events, state.eventSearch, owners.length === 0 ? null : state.eventOwner).slice(0, MOST_ROWS);
  const search = owners.length === 0 ? m.catalogue.search : m.catalogue.searchOwned;
  const columns: Columns = {
    most: Math.max(1, ...events.map(({ count }) => count)),
    planned: events.some((event) => event.planned !== undefined),
    owned: owners.length > 0,
  };
  return html`<h1>${m.catalogue.title}</h1>
    <div class="search">
      <input
        type="search" dir="auto" aria-label=${search} placeholder=${search} autocapitalize="off" spellcheck="false"
        .value=${live(state.eventSearch)} @input=${(event: Event) => actions.searchEvents(typed(event))}
      />
      ${owners.length === 0 ? nothing : ownerChoice(owners, context)}
      <span class="muted" role="status">${m.catalogue.shown(shown.length, events.length, format)}</span>
    </div>
    ${shown.length === 0
      ? html`<p class="muted">${events.length === 0 ? m.start.emptyTitle : m.catalogue.none}</p>`
      : html`<div class="table-scroll" role="region" aria-label=${m.catalogue.title} tabindex="0">
          <table>
            <thead>
              <tr>
                <th scope="col">${m.catalogue.event}</th>
                <th scope="col" class="conversion">${m.catalogue.count}</th>
                <th scope="col">${m.catalogue.first}</th>
                <th scope="col">${m.catalogue.last}</th>
                ${columns.owned ? html`<th scope="col">${m.catalogue.owner}</th>` : nothing}
                ${columns.planned ? html`<th scope="col">${m.catalogue.plan}</th>` : nothing}
              </tr>
            </thead>
            <tbody>
              ${shown.map((event) => eventRow(event, columns, context))}
            </tbody>
          </table>
        </div>`}`;
}

/** What a row is drawn with: the greatest count, and the columns that not every lake has. */
interface Columns {
  readonly most: number;
  readonly planned: boolean;
  readonly owned: boolean;
}

function ownerChoice(owners: readonly string[], { state, actions, m }: Context): TemplateResult {
  // The names are those of people: a number is what tells them from the two choices that are no owner.
  const choices = [null, ...owners, ""];
  const name = (owner: string | null) => (owner === null ? m.catalogue.allOwners : owner === "" ? m.catalogue.noOwner : owner);
  return html`<select aria-label=${m.catalogue.owner} @change=${(event: Event) => actions.chooseOwner(choices[Number(typed(event))] ?? null)}>
    ${choices.map((owner, index) => html`<option value=${index} ?selected=${owner === state.eventOwner}>${name(owner)}</option>`)}
  </select>`;
}

function eventRow(event: CatalogueEvent, { most, planned, owned }: Columns, context: Context): TemplateResult {
  const { actions, m, format, state } = context;
  const { timezone } = state.question;
  const time = (iso: string | undefined) => (iso === undefined ? "" : format.instant(iso, timezone));
  return html`<tr>
    <th scope="row">
      <button type="button" class="number-button" @click=${() => actions.go({ page: "catalogue", event: event.event })}>
        <bdi class="group-name" title=${event.event}>${event.event}</bdi>
      </button>
      ${event.description == null ? nothing : html`<p class="about"><bdi class="group-name" title=${event.description}>${event.description}</bdi></p>`}
    </th>
    <td class="conversion">
      <span class="conversion-cell">${shareBar(event.count / most)}<span>${format.number(event.count)}</span></span>
    </td>
    <td class="time">${time(event.first_seen)}</td>
    <td class="time">${time(event.last_seen)}</td>
    ${owned ? html`<td><bdi class="group-name">${event.owner ?? ""}</bdi></td>` : nothing}
    ${planned ? html`<td>${event.planned === true ? m.catalogue.planned : html`<span class="warn">${m.catalogue.unplanned}</span>`}</td>` : nothing}
  </tr>`;
}

function detailView(name: string, context: Context): TemplateResult {
  const { state, m } = context;
  const detail = state.eventDetail;
  const link = (kind: Kind, text: string) => html`<a class="copy" href=${questionAbout(name, kind, state.question.timezone)}>${text}</a>`;
  return html`<p><a href="#/catalogue">← ${m.catalogue.back}</a></p>
    <h1><bdi class="name">${name}</bdi></h1>
    <p class="buttons">${link("funnel", m.catalogue.ask)} ${link("trends", m.catalogue.trend)}</p>
    ${detail === null || detail.status === "loading" ? html`<p class="muted" role="status">${m.loading}</p>` : nothing}
    ${detail?.status === "failed" ? failureView(detail.failure, context) : nothing}
    ${detail?.status === "ready" ? eventView(detail.value, context) : nothing}`;
}

/** The address of a question that begins with an event. */
function questionAbout(event: string, kind: Kind, timezone: string): string {
  const blank = blankQuestion(timezone, kind);
  const selection = kind === "trends" ? blank.trends.series[0]! : blank.funnel.steps[0]!;
  const { spec } = compile(chooseEvent(blank, selection.matches[0]!.id, event));
  return spec === null ? "#" : toHash(spec);
}

function eventView(event: EventDetail, context: Context): TemplateResult {
  const { m, format, chartWidth } = context;
  const days = event.days_utc;
  const draw = () =>
    lineChart({
      label: m.catalogue.perDay,
      lines: [{ label: event.event, values: days.map(({ count }) => count), colour: 0 }],
      times: days.map(({ day }) => format.bucket(`${day}T00:00:00Z`, "day", "UTC")),
      open: days.map(() => false),
      width: chartWidth,
      value: format.value,
      axis: format.compact,
      whole: true,
      words: { open: m.answer.stillRunning, keys: m.answer.chartKeys },
    });
  return html`${event.description == null ? nothing : html`<p class="described"><bdi>${event.description}</bdi></p>`}
    <dl class="figures">
      <div><dt>${m.catalogue.count}</dt><dd>${format.number(event.count)}</dd></div>
      ${event.owner == null ? nothing : html`<div><dt>${m.catalogue.owner}</dt><dd><bdi>${event.owner}</bdi></dd></div>`}
      ${event.sources.slice(0, 4).map(({ source, count }) => html`<div><dt><bdi>${source}</bdi></dt><dd>${format.number(count)}</dd></div>`)}
    </dl>
    ${days.length === 0 ? nothing : html`<h2>${m.catalogue.perDay}</h2> ${guard([event, format, m, chartWidth], draw)}`}
    <section class="part">
      <h2 id="properties-title">${m.catalogue.properties}</h2>
      <div class="table-scroll" role="region" aria-labelledby="properties-title" tabindex="0">
        <table>
          <thead>
            <tr>
              <th scope="col">${m.catalogue.property}</th>
              <th scope="col">${m.catalogue.types}</th>
              <th scope="col" class="number">${m.catalogue.present}</th>
              <th scope="col">${m.catalogue.values}</th>
            </tr>
          </thead>
          <tbody>
            ${event.properties.map((property) => propertyRow(property, event.count, context))}
          </tbody>
        </table>
      </div>
    </section>`;
}

function propertyRow({ property, types, present, values = [] }: Property, count: number, { m, format }: Context): TemplateResult {
  const several = Object.keys(types).filter((type) => type !== "null").length > 1;
  const shown = values.filter(({ value }) => value === null || typeof value !== "object").slice(0, 6);
  return html`<tr>
    <th scope="row"><bdi class="group-name">${property}</bdi></th>
    <td>${typeNames(types, m.filter.types)}${several ? html` <span class="warn">${m.catalogue.drift}</span>` : nothing}</td>
    <td class="number">${format.share(count > 0 ? Math.min(1, present / count) : 0)}</td>
    <td class="sample">${shown.map(({ value }, index) => html`${index > 0 ? ", " : nothing}<bdi>${value === null ? "null" : printScalar(value)}</bdi>`)}</td>
  </tr>`;
}
