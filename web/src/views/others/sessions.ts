/** How many sessions there were, how long they were, and what they began and ended with. */

import { type TemplateResult, html, nothing } from "lit-html";
import { guard } from "lit-html/directives/guard.js";
import type { EventShare, SessionBucket, SessionsAnswer } from "../../answers-others";
import { histogram } from "../../charts/histogram";
import { lineChart } from "../../charts/line";
import { shareBar } from "../../charts/share";
import { notesAt } from "../notes";
import { tableDetails } from "../result-funnel";
import { groupName, words } from "../text";
import type { OtherContext, Tools } from ".";

export function sessionsResult(answer: SessionsAnswer, tools: Tools, context: OtherContext): TemplateResult {
  const { format, own } = context;
  if (answer.sessions === 0) return html`<div class="figures-bar"><p class="muted">${own.sessions.none}</p> ${tools}</div>`;
  return html`${figures(answer, tools, context)} ${trendPart(answer, context)} ${durations(answer, context)}
    <div class="two-parts">
      ${listed("first", own.sessions.first, answer.first_events, context)} ${listed("last", own.sessions.last, answer.last_events, context)}
    </div>
    ${groups(answer, context)} ${answer.open === 0 ? nothing : html`<p class="hint">${own.sessions.open(answer.open, format)}</p>`}`;
}

/** Lines over time, where sessions are counted by it; else how long they last. */
export function sessionsTile(answer: SessionsAnswer, context: OtherContext): TemplateResult {
  if (answer.sessions === 0) return html``;
  const buckets = answer.trend ?? [];
  return buckets.length > 0 ? html`${lines(buckets, context)}` : html`${bars(answer, context)}`;
}

function figures(answer: SessionsAnswer, tools: Tools, { format, own }: OtherContext): TemplateResult {
  const { sessions } = own;
  const { events, duration_ms, per_user } = answer;
  const duration = (value: number | null) => (value === null ? "–" : format.duration(value));
  const number = (value: number | null) => (value === null ? "–" : format.value(value));
  const spread = (mean: string, p90: string) => `${sessions.mean(mean)}, ${sessions.p90(p90)}`;
  const figure = (name: string, value: string, more = "") => html`<div><dt>${name}</dt><dd>${value}</dd>${more === "" ? nothing : html`<dd class="figure-more">${more}</dd>`}</div>`;
  return html`<div class="figures-bar">
    <dl class="figures">
      ${figure(sessions.sessions, format.number(answer.sessions))} ${figure(sessions.users, format.number(answer.users), `${sessions.perUser}: ${number(per_user)}`)}
      ${figure(sessions.duration, duration(duration_ms.median), spread(duration(duration_ms.mean), duration(duration_ms.p90)))}
      ${figure(sessions.events, number(events.median), spread(number(events.mean), number(events.p90)))}
      ${figure(sessions.bounces, format.share(answer.bounce_share), format.number(answer.bounces))}
    </dl>
    ${tools}
  </div>`;
}

function trendPart(answer: SessionsAnswer, context: OtherContext): TemplateResult | typeof nothing {
  const { format, m, own } = context;
  const buckets = answer.trend ?? [];
  if (buckets.length === 0) return nothing;
  const { sessions } = own;
  return html`<section class="part">
    <h2>${sessions.trend}</h2>
    ${lines(buckets, context)} ${buckets.some(({ partial }) => partial) ? html`<p class="hint">${sessions.more}</p>` : nothing}
    ${tableDetails(
      [m.answer.time, sessions.sessions, sessions.users, sessions.median],
      buckets.map((bucket) => [
        `${timeOf(bucket, context)}${bucket.partial ? ` (${m.answer.stillRunning})` : ""}`, format.number(bucket.sessions), format.number(bucket.users),
        bucket.median_ms === null ? "–" : format.duration(bucket.median_ms),
      ]),
      context,
    )}
  </section>`;
}

function timeOf({ start }: SessionBucket, { format, question }: OtherContext): string {
  return format.bucket(start, question.interval ?? "day", question.timezone);
}

function lines(buckets: readonly SessionBucket[], context: OtherContext): unknown {
  const { format, m, own, chartWidth, state } = context;
  const draw = () =>
    lineChart({
      label: own.sessions.trend,
      lines: [
        { label: own.sessions.sessions, values: buckets.map(({ sessions }) => sessions), colour: 0 },
        { label: own.sessions.users, values: buckets.map(({ users }) => users), colour: 1 },
      ],
      times: buckets.map((bucket) => timeOf(bucket, context)),
      open: buckets.map(({ partial }) => partial),
      notes: notesAt(buckets, context),
      width: chartWidth,
      value: format.number,
      axis: format.compact,
      whole: true,
      words: { open: m.answer.stillRunning, keys: m.answer.chartKeys },
    });
  return guard([buckets, format, m, chartWidth, state.annotations], draw);
}

function durations(answer: SessionsAnswer, context: OtherContext): TemplateResult | typeof nothing {
  if ((answer.duration_ms.histogram ?? []).length === 0) return nothing;
  return html`<section class="part"><h2>${context.own.sessions.durations}</h2> ${bars(answer, context)}</section>`;
}

function bars({ duration_ms }: SessionsAnswer, { format, m, own }: OtherContext): unknown {
  const all = duration_ms.histogram ?? [];
  return guard([all, format, m], () => histogram(all, { format, label: own.sessions.durations }));
}

function listed(id: string, title: string, events: readonly EventShare[], { format, m, own }: OtherContext): TemplateResult {
  const most = Math.max(...events.map(({ share }) => share), 0);
  return html`<section class="part">
    <h2 id="${id}-events">${title}</h2>
    <div class="table-scroll" role="region" aria-labelledby="${id}-events" tabindex="0">
      <table>
        <thead>
          <tr>
            <th scope="col">${own.sessions.event}</th>
            <th scope="col" class="conversion">${own.sessions.sessions}</th>
            <th scope="col" class="number">${own.stickiness.share}</th>
          </tr>
        </thead>
        <tbody>
          ${events.map(
            ({ event, count, share }) => html`<tr>
              <th scope="row">${event === undefined ? html`<i>${m.answer.allOthers}</i>` : html`<bdi class="group-name" title=${event}>${event}</bdi>`}</th>
              <td class="conversion"><span class="conversion-cell">${shareBar(most > 0 ? share / most : 0)}<span>${format.number(count)}</span></span></td>
              <td class="number">${format.share(share)}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}

function groups(answer: SessionsAnswer, context: OtherContext): TemplateResult | typeof nothing {
  const { format, m, own, question } = context;
  const found = answer.breakdown ?? [];
  if (found.length === 0) return nothing;
  const { sessions } = own;
  const heads = [sessions.sessions, sessions.users, sessions.meanEvents, sessions.median, sessions.bounces];
  return html`<section class="breakdown">
    <h2 id="breakdown-title">${words(m.answer.by(question.property))}</h2>
    <div class="table-scroll" role="region" aria-labelledby="breakdown-title" tabindex="0">
      <table>
        <thead>
          <tr>
            <th scope="col"><bdi class="cut">${question.property}</bdi></th>
            ${heads.map((head) => html`<th scope="col" class="number">${head}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${found.map(
            (group) => html`<tr>
              <th scope="row">${groupName(group, context)}</th>
              <td class="number">${format.number(group.sessions)}</td>
              <td class="number">${format.number(group.users)}</td>
              <td class="number">${group.events.mean === null ? "–" : format.value(group.events.mean)}</td>
              <td class="number">${group.duration_ms.median === null ? "–" : format.duration(group.duration_ms.median)}</td>
              <td class="number">${format.share(group.bounce_share)}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}
