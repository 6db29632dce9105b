/** Who is new, who was there before, who came back and who has gone quiet: lines over time, and their table. */

import { type TemplateResult, html, nothing } from "lit-html";
import { guard } from "lit-html/directives/guard.js";
import type { LifecycleAnswer, LifecycleBucket } from "../../answers-others";
import { lineChart } from "../../charts/line";
import { activeIn, lastClosed } from "../../words-others";
import { notesAt } from "../notes";
import { tableDetails } from "../result-funnel";
import type { OtherContext, Tools } from ".";

const FIGURES = ["new", "returning", "resurrecting", "dormant"] as const;

export function lifecycleResult(answer: LifecycleAnswer, tools: Tools, context: OtherContext): TemplateResult {
  const { format, m, own } = context;
  const last = lastClosed(answer);
  const figure = (name: string, value: number) => html`<div><dt>${name}</dt><dd>${format.number(value)}</dd></div>`;
  return html`<div class="figures-bar">
      ${last === null
        ? html`<span></span>`
        : html`<div>
            <dl class="figures">${figure(own.lifecycle.active, activeIn(last))} ${FIGURES.map((name) => figure(own.lifecycle[name], last[name]))}</dl>
            <p class="hint">${own.lifecycle.lastOver(timeOf(last, context))}</p>
          </div>`}
      ${tools}
    </div>
    ${answer.buckets.length === 0
      ? nothing
      : html`<section class="part">
          <h2>${own.lifecycle.chart}</h2>
          ${lines(answer, context)}
          <p class="hint">${own.lifecycle.note}${answer.buckets.some(({ open }) => open) ? ` ${own.lifecycle.open}` : ""}</p>
          ${tableDetails(
            [m.answer.time, own.lifecycle.active, ...FIGURES.map((name) => own.lifecycle[name])],
            answer.buckets.map((bucket) => [
              `${timeOf(bucket, context)}${bucket.open ? ` (${m.answer.stillRunning})` : ""}`, format.number(activeIn(bucket)),
              ...FIGURES.map((name) => format.number(bucket[name])),
            ]),
            context,
          )}
        </section>`}`;
}

export function lifecycleTile(answer: LifecycleAnswer, context: OtherContext): TemplateResult {
  return html`${answer.buckets.length === 0 ? nothing : lines(answer, context)}`;
}

function timeOf({ start }: LifecycleBucket, { format, question }: OtherContext): string {
  return format.bucket(start, question.interval ?? "day", question.timezone);
}

/** Who has gone quiet is drawn below zero: they are not among those who are active. */
function lines(answer: LifecycleAnswer, context: OtherContext): unknown {
  const { format, m, own, chartWidth, state } = context;
  const { buckets } = answer;
  const draw = () =>
    lineChart({
      label: own.lifecycle.chart,
      lines: FIGURES.map((name, colour) => ({
        label: own.lifecycle[name],
        values: buckets.map((bucket) => (name === "dormant" && bucket[name] > 0 ? -bucket[name] : bucket[name])),
        colour,
      })),
      times: buckets.map((bucket) => timeOf(bucket, context)),
      open: buckets.map(({ open }) => open),
      notes: notesAt(buckets, context),
      width: chartWidth,
      value: (value) => format.number(Math.abs(value)),
      axis: (value) => format.compact(Math.abs(value)),
      whole: true,
      words: { open: m.answer.stillRunning, keys: m.answer.chartKeys },
    });
  return guard([answer, format, m, chartWidth, state.annotations], draw);
}
