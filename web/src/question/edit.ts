/** Edits of a question: each takes one and returns a new one. */

import {
  type Carried, type Cohort, type Condition, type Exclude, type Formula, type FunnelDraft, type FunnelStep, type Kind, type Match,
  type PathsDraft, type Question, type RetentionDraft, type Selection, type Series, type TrendsDraft, copySelection, eventsOf,
  isBlank, isChosen, mainSelections, newId, newMatch, newSelection, newSeries, newStep,
} from "./model";

export function editFunnel(question: Question, change: Partial<FunnelDraft>): Question {
  return { ...question, funnel: { ...question.funnel, ...change } };
}

export function editTrends(question: Question, change: Partial<TrendsDraft>): Question {
  return { ...question, trends: { ...question.trends, ...change } };
}

export function editRetention(question: Question, change: Partial<RetentionDraft>): Question {
  return { ...question, retention: { ...question.retention, ...change } };
}

export function editPaths(question: Question, change: Partial<PathsDraft>): Question {
  return { ...question, paths: { ...question.paths, ...change } };
}

/** Asks another kind of question. One that nothing was chosen for yet begins with the events of the present one. */
export function changeKind(question: Question, kind: Kind): Question {
  const next = { ...question, kind, carried: kind === question.kind ? question.carried : {} };
  if (!isBlank(next) || kind === question.kind) return next;
  const chosen = mainSelections(question).filter((each) => isChosen(each) && each.matches[0]!.event !== "*").map(copySelection);
  const [first, second] = chosen;
  if (first === undefined) return next;
  switch (kind) {
    case "funnel": {
      const steps = chosen.map((each) => newStep(each));
      return editFunnel(next, { steps, breakdown: { ...next.funnel.breakdown, stepId: steps[0]!.id } });
    }
    case "trends":
      return editTrends(next, { series: chosen.map((each) => newSeries(each)) });
    case "retention":
      return editRetention(next, { start: first, back: second ?? next.retention.back });
    case "paths":
      return editPaths(next, { anchor: first });
  }
}

// Selections, wherever they are.

/** Changes the selection that holds `id`, its own or that of one of its matches. */
export function changeSelection(question: Question, id: string, change: <S extends Selection>(selection: S) => S): Question {
  const one = <S extends Selection>(selection: S): S => {
    const holds = selection.id === id || selection.matches.some((match) => match.id === id);
    return holds ? change(selection) : selection;
  };
  const { funnel, trends, retention, paths } = question;
  return {
    ...question,
    cohorts: question.cohorts.map((cohort) => (cohort.how === "did" ? one(cohort) : cohort)),
    funnel: { ...funnel, steps: funnel.steps.map(one), exclude: funnel.exclude.map(one) },
    trends: { ...trends, series: trends.series.map(one) },
    retention: { ...retention, start: one(retention.start), back: one(retention.back) },
    paths: { ...paths, anchor: one(paths.anchor) },
  };
}

/** Chooses the event of a match. A label goes with the event that it named, if that was the only one. */
export function chooseEvent(question: Question, matchId: string, event: string): Question {
  return changeSelection(question, matchId, (selection) => {
    const others = selection.matches.some((match) => match.id !== matchId && match.event !== "");
    const was = selection.matches.find((match) => match.id === matchId)?.event ?? "";
    return {
      ...selection,
      label: others || was === "" || was === event ? selection.label : "",
      matches: selection.matches.map((match) => (match.id === matchId ? { ...match, event } : match)),
    };
  });
}

/** What people read for a step, a series, or what a question begins with; empty is the names of its events. */
export function nameSelection(question: Question, id: string, label: string): Question {
  return changeSelection(question, id, (selection) => ({ ...selection, label }));
}

export function addMatch(question: Question, selectionId: string, match: Match): Question {
  return changeSelection(question, selectionId, (selection) => ({
    ...selection,
    matches: [...selection.matches, match],
  }));
}

/** Takes one of several matches away. */
export function removeMatch(question: Question, matchId: string): Question {
  return changeSelection(question, matchId, (selection) => ({
    ...selection,
    matches: selection.matches.length > 1 ? selection.matches.filter((match) => match.id !== matchId) : selection.matches,
  }));
}

/** Where a condition belongs: a match by its id, or the whole question. */
export type Owner = string | "question";

export function changeConditions(
  question: Question,
  owner: Owner,
  change: (where: readonly Condition[]) => readonly Condition[],
): Question {
  if (owner === "question") return { ...question, where: change(question.where) };
  return changeSelection(question, owner, (selection) => ({
    ...selection,
    matches: selection.matches.map((match) => (match.id === owner ? { ...match, where: change(match.where) } : match)),
  }));
}

/** Forgets a field that has no control: of the question, or of a selection or match named by its id. */
export function dropCarried(question: Question, owner: Owner, field: string): Question {
  const without = (carried: Carried) => Object.fromEntries(Object.entries(carried).filter(([name]) => name !== field));
  if (owner === "question") return { ...question, carried: without(question.carried) };
  return changeSelection(question, owner, (selection) => ({
    ...selection,
    carried: selection.id === owner ? without(selection.carried) : selection.carried,
    matches: selection.matches.map((match) => (match.id === owner ? { ...match, carried: without(match.carried) } : match)),
  }));
}

/** Takes a filter on one value into the question, as a click on a group does. One that is there already is replaced. */
export function narrow(question: Question, condition: Condition): Question {
  const others = question.where.filter(({ property, op }) => property !== condition.property || op !== condition.op);
  return { ...question, where: [...others, condition] };
}

// Lists: steps, series, exclusions.

/** The list with an item moved to a place; places past the ends are the ends. */
export function moved<T>(list: readonly T[], from: number, to: number): readonly T[] {
  const item = list[from];
  if (item === undefined) return list;
  const rest = list.filter((_, index) => index !== from);
  rest.splice(Math.min(Math.max(to, 0), rest.length), 0, item);
  return rest;
}

/** Moves a step or a series to a place, counted from 0. */
export function moveTo(question: Question, id: string, place: number): Question {
  const { funnel, trends } = question;
  const at = (list: readonly Selection[]) => list.findIndex((each) => each.id === id);
  if (at(funnel.steps) >= 0) return editFunnel(question, { steps: moved(funnel.steps, at(funnel.steps), place) });
  if (at(trends.series) >= 0) return editTrends(question, { series: moved(trends.series, at(trends.series), place) });
  return question;
}

export function addStep(question: Question, step: FunnelStep): Question {
  return editFunnel(question, { steps: [...question.funnel.steps, step] });
}

/** Takes a step away; the last one is emptied instead. What named it names what is left. */
export function removeStep(question: Question, stepId: string): Question {
  const { steps, exclude, breakdown } = question.funnel;
  const left = steps.filter((step) => step.id !== stepId);
  const kept = left.length > 0 ? left : [newStep()];
  const named = (id: string | null) => (id === stepId ? null : id);
  return editFunnel(question, {
    steps: kept,
    exclude: exclude.map((each) => ({ ...each, fromId: named(each.fromId), toId: named(each.toId) })),
    breakdown: breakdown.stepId === stepId ? { ...breakdown, stepId: kept[0]!.id } : breakdown,
  });
}

export function editStep(question: Question, stepId: string, change: Partial<FunnelStep>): Question {
  const steps = question.funnel.steps.map((step) => (step.id === stepId ? { ...step, ...change } : step));
  return editFunnel(question, { steps });
}

export function addSeries(question: Question, series: Series): Question {
  return editTrends(question, { series: [...question.trends.series, series] });
}

/** Takes a series away; the last one is emptied instead. */
export function removeSeries(question: Question, id: string): Question {
  const left = question.trends.series.filter((each) => each.id !== id);
  return editTrends(question, { series: left.length > 0 ? left : [newSeries()] });
}

export function editSeries(question: Question, id: string, change: Partial<Series>): Question {
  const series = question.trends.series.map((each) => (each.id === id ? { ...each, ...change } : each));
  return editTrends(question, { series });
}

export function addFormula(question: Question): [Question, Formula] {
  const formula: Formula = { id: newId("f"), formula: "", label: "" };
  return [editTrends(question, { formulas: [...question.trends.formulas, formula] }), formula];
}

export function editFormula(question: Question, id: string, change: Partial<Formula> | null): Question {
  const formulas = question.trends.formulas.flatMap((each) => {
    if (each.id !== id) return [each];
    return change === null ? [] : [{ ...each, ...change }];
  });
  return editTrends(question, { formulas });
}

export function newExclude(): Exclude {
  return { ...newSelection(), fromId: null, toId: null };
}

/** Changes an exclusion, or takes it away. */
export function editExclude(question: Question, id: string, change: Partial<Exclude> | null): Question {
  const exclude = question.funnel.exclude.flatMap((each) => {
    if (each.id !== id) return [each];
    return change === null ? [] : [{ ...each, ...change }];
  });
  return editFunnel(question, { exclude });
}

export function newCohort(): Cohort {
  return { ...newSelection([newMatch()]), how: "did", atLeast: "1", atMost: "", range: { kind: "all" } };
}

/** Changes a cohort, or takes it away. */
export function editCohort(question: Question, id: string, change: ((cohort: Cohort) => Cohort) | null): Question {
  const cohorts = question.cohorts.flatMap((each) => {
    if (each.id !== id) return [each];
    return change === null ? [] : [change(each)];
  });
  return { ...question, cohorts };
}

/** The events whose properties a filter of this owner may name; none is all of them. */
export function eventsOfOwner(question: Question, owner: Owner): string[] {
  if (owner === "question") {
    const events = eventsOf(question);
    return events.includes("*") ? [] : events;
  }
  let found: string[] = [];
  changeSelection(question, owner, (selection) => {
    found = selection.matches.filter(({ id }) => id === owner || selection.id === owner).map(({ event }) => event);
    return selection;
  });
  return found.filter((event) => event !== "" && event !== "*");
}
