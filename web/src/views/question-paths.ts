/** What paths are made of. */

import { type TemplateResult, html, nothing } from "lit-html";
import { editPaths } from "../question/edit";
import { PATH_COUNTS, SIDES } from "../question/model";
import { eventName } from "../words";
import { type Context } from "./context";
import { choose, named, numberField, rangeField, tick, tokens, windowField } from "./controls";
import { eventField } from "./fields";
import { selectionFields } from "./selection";

export function pathsAnchor(context: Context): TemplateResult {
  const { state, actions, m } = context;
  const { side, anchor } = state.question.paths;
  return html`${choose(
      {
        id: "side",
        label: m.question.side,
        hideLabel: true,
        value: side,
        among: named(SIDES, m.question.sides),
        pick: (value) => actions.explore.change((question) => editPaths(question, { side: value })),
      },
      context,
    )}
    ${side === "none"
      ? nothing
      : html`<div class="field" role="group" aria-label=${m.question.eventOfAnchor}>
          ${selectionFields(anchor, { name: m.question.anchorName, label: () => m.question.eventOfAnchor, canBeNamed: true }, context)}
        </div>`}`;
}

export function pathsSettings(context: Context): TemplateResult {
  const { state, actions, m } = context;
  const { paths, range, carried } = state.question;
  const edit = (change: Partial<typeof paths>, typing = false) =>
    actions.explore.change((question) => editPaths(question, change), { typing });
  const number = (id: "depth" | "limit", label: string, least: number) =>
    numberField({ id, label, value: String(paths[id]), least, type: (text) => edit({ [id]: Math.max(least, Number.parseInt(text, 10) || least) }, true) }, context);
  return html`<div class="pair">${number("depth", m.question.depth, 2)} ${number("limit", m.question.perLevel, 1)}</div>
    ${rangeField(m.question.range, range, context)}
    ${"window" in carried ? nothing : windowField(m.question.pathsWindow, paths.window, (window, typing) => edit({ window }, typing), context)}
    ${eventTokens("hide", m.question.hide, m.question.hiddenEvent, context)}`;
}

export function pathsMore(context: Context): TemplateResult {
  const { state, actions, m } = context;
  const { paths } = state.question;
  const edit = (change: Partial<typeof paths>) => actions.explore.change((question) => editPaths(question, change));
  return html`${eventTokens("only", m.question.only, m.question.onlyEvent, context)}
    ${choose({ id: "count", label: m.question.countPaths, value: paths.count, among: named(PATH_COUNTS, m.question.counts), pick: (count) => edit({ count }) }, context)}
    ${tick({ id: "collapse", label: m.question.collapse, on: paths.collapse, set: (collapse) => edit({ collapse }) }, context)}`;
}

function eventTokens(field: "only" | "hide", legend: string, label: string, context: Context): TemplateResult {
  const { state, actions, m } = context;
  const events = state.question.paths[field];
  const set = (next: readonly string[]) => actions.explore.change((question) => editPaths(question, { [field]: next }));
  return tokens(
    events,
    {
      legend,
      about: field,
      name: (event) => eventName(event, m),
      remove: (event) => set(events.filter((each) => each !== event)),
      field: eventField(
        { id: `add-${field}`, about: field, label, value: "", any: false, pick: (event) => set(events.includes(event) ? events : [...events, event]) },
        context,
      ),
    },
    context,
  );
}
