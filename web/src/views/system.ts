/** The figures of the lake: how much is in it, how far behind it is, and what it costs. */

import { type TemplateResult, html, nothing } from "lit-html";
import type { Cost, System } from "../answers";
import { hashOf } from "../routes";
import type { Context } from "./context";
import { failureView } from "./failure";

export function systemPage(context: Context): TemplateResult {
  const { state, m } = context;
  const { system } = state;
  return html`<section class="panel page">
    <h1>${m.nav.system}</h1>
    ${system === null || system.status === "loading" ? html`<p class="muted" role="status">${m.loading}</p>` : nothing}
    ${system?.status === "failed" ? failureView(system.failure, context) : nothing}
    ${system?.status === "ready" ? figures(system.value, context) : nothing}
  </section>`;
}

function figures(system: System, context: Context): TemplateResult {
  const { m, format } = context;
  const figure = (name: string, value: string) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  const behind = system.lag?.behind_ms ?? null;
  return html`<p class="muted"><bdi>${system.lake}</bdi></p>
    <dl class="figures">
      ${behind === null ? nothing : figure(m.system.fresh, m.system.ago(format.duration(Math.max(0, behind))))}
      ${figure(m.system.events, format.number(system.events))} ${figure(m.system.size, format.bytes(system.bytes))}
      ${figure(m.system.perEvent, system.bytes_per_event === null ? "–" : m.system.bytes(format.decimal(system.bytes_per_event)))}
      ${figure(m.system.files, format.number(system.files))} ${figure(m.system.waiting, format.number(system.queue.length))}
    </dl>
    ${times(system, context)} ${filesTable(system, context)} ${costPart(system.cost, context)}
    <p class="part"><a href=${hashOf({ page: "failed" })}>${m.failed.title}</a></p>`;
}

function times(system: System, { m, format, state }: Context): TemplateResult {
  const { timezone } = state.question;
  const time = (iso: string | null) => (iso === null ? "–" : format.instant(iso, timezone));
  const line = (name: string, value: string) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  return html`<dl class="properties system-times">
    ${line(m.system.complete, `${time(system.complete_to)} (${timezone})`)}
    ${system.lag === undefined ? nothing : line(m.system.received, time(system.lag.newest_received_at))}
    ${line(m.system.first, time(system.first_event))} ${line(m.system.last, time(system.last_event))}
    ${line(m.system.version, format.number(system.version))} ${line(m.system.linked, format.number(system.users.linked_ids))}
    ${state.session.status === "ready" ? line(m.system.program, `weir ${state.session.value.version}`) : nothing}
  </dl>`;
}

function filesTable(system: System, { m, format }: Context): TemplateResult {
  const levels: Record<string, string> = m.system.levels;
  return html`<h2>${m.system.files}</h2>
    <div class="table-scroll" role="region" aria-label=${m.system.files} tabindex="0">
      <table>
        <thead>
          <tr>
            <th scope="col">${m.system.level}</th>
            <th scope="col" class="number">${m.system.files}</th>
            <th scope="col" class="number">${m.system.events}</th>
            <th scope="col" class="number">${m.system.size}</th>
          </tr>
        </thead>
        <tbody>
          ${system.levels.map(
            ({ kind, files, events, bytes }) => html`<tr>
              <th scope="row">${levels[kind] ?? kind}</th>
              <td class="number">${format.number(files)}</td>
              <td class="number">${format.number(events)}</td>
              <td class="number">${format.bytes(bytes)}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
}

/** What a month costs, by what is paid for. */
function costPart(cost: Cost | null | undefined, { m, format }: Context): TemplateResult | typeof nothing {
  if (cost === undefined) return nothing;
  if (cost === null) return html`<h2>${m.system.cost}</h2> <p class="muted">${m.system.onThisMachine}</p>`;
  const money = (value: number) => format.money(value, cost.currency);
  const hasAmounts = cost.parts.some(({ amount }) => amount !== undefined);
  const row = (name: string, value: string, kind = "", amount = "") => html`<tr class=${kind}>
    <th scope="row">${name}</th>
    ${hasAmounts ? html`<td class="muted" lang="en">${amount}</td>` : nothing}
    <td class="number">${value}</td>
  </tr>`;
  return html`<h2 id="cost-title">${m.system.cost}</h2>
    <p class="muted">${m.system.costHint(format.value(cost.events_per_second), cost.region, format.date(cost.priced_on))}</p>
    <div class="table-scroll is-small" role="region" aria-labelledby="cost-title" tabindex="0">
      <table>
        <thead>
          <tr>
            <th scope="col">${m.system.part}</th>
            ${hasAmounts ? html`<th scope="col">${m.system.amount}</th>` : nothing}
            <th scope="col" class="number">${m.system.month}</th>
          </tr>
        </thead>
        <tbody>
          ${cost.parts.map(({ part, month, amount }) => row(m.system.parts[part] ?? part, money(month), "", amount))} ${row(m.system.whole, money(cost.month), "whole")}
          ${cost.per_million_events === null ? nothing : row(m.system.perMillion, money(cost.per_million_events))}
        </tbody>
      </table>
    </div>
    ${cost.assumptions.length === 0
      ? nothing
      : html`<details class="values">
          <summary>${m.system.assumptions}</summary>
          <ul class="assumptions" lang="en">
            ${cost.assumptions.map((each) => html`<li>${each}</li>`)}
          </ul>
        </details>`}`;
}
