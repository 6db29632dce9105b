/**
 * Answers of kinds that the page does not build: lifecycle, stickiness, sessions, experiment. They are rarely looked at, so
 * this part of the page, with its words, comes when one of them is first wanted: see `actions/others.ts`.
 */

import type { TemplateResult, nothing } from "lit-html";
import type { ShownAnswer } from "../../answers-others";
import { OTHER_MESSAGES, type OtherMessages } from "../../messages/others";
import { type OtherQuestion, readOther } from "../../question/others";
import type { Table } from "../../tables";
import { tableOfShown } from "../../tables-others";
import type { Part } from "../../words";
import { sentenceOfShown } from "../../words-others";
import type { Context } from "../context";
import { experimentResult, experimentTile } from "./experiment";
import { lifecycleResult, lifecycleTile } from "./lifecycle";
import { sessionsResult, sessionsTile } from "./sessions";
import { stickinessResult, stickinessTile } from "./stickiness";

/** What views of these kinds get, beside what all views get. */
export interface OtherContext extends Context {
  question: OtherQuestion;
  own: OtherMessages;
}

export type Tools = TemplateResult | typeof nothing;

/** The words and times of an answer are about its question, which is the one that is asked as it stands. */
function contextOf(context: Context): OtherContext | null {
  const question = readOther(context.state.raw?.spec);
  return question === null ? null : { ...context, question, own: OTHER_MESSAGES[context.state.language] };
}

export function sentenceOf(answer: ShownAnswer, context: Context): Part[] {
  const own = contextOf(context);
  return own === null ? [] : sentenceOfShown(answer, own.question, own.m, own.own, own.format);
}

export function resultOf(answer: ShownAnswer, tools: Tools, context: Context): TemplateResult | null {
  const own = contextOf(context);
  if (own === null) return null;
  switch (answer.kind) {
    case "lifecycle":
      return lifecycleResult(answer, tools, own);
    case "stickiness":
      return stickinessResult(answer, tools, own);
    case "sessions":
      return sessionsResult(answer, tools, own);
    case "experiment":
      return experimentResult(answer, tools, own);
  }
}

/** The same, small: with nothing to press. */
export function tileOf(answer: ShownAnswer, context: Context): TemplateResult | null {
  const own = contextOf(context);
  if (own === null) return null;
  switch (answer.kind) {
    case "lifecycle":
      return lifecycleTile(answer, own);
    case "stickiness":
      return stickinessTile(answer, own);
    case "sessions":
      return sessionsTile(answer, own);
    case "experiment":
      return experimentTile(answer, own);
  }
}

export function tableOf(answer: ShownAnswer): Table {
  return tableOfShown(answer);
}
