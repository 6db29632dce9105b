/**
 * Building a question and asking it: the state changes, the page is drawn, the address is kept, and the question is asked
 * once it has settled. What is on the page for another question goes at once.
 */

import { failureFrom } from "../api";
import { specOf, toHash } from "../question/address";
import { type Spec, compile, compiledRaw, labelId } from "../question/compile";
import {
  type Owner, addMatch, addSeries, addStep, changeConditions, changeKind, chooseEvent, moveTo, nameSelection, removeMatch, removeSeries, removeStep,
} from "../question/edit";
import {
  type Condition, type Kind, type Question, type Range, blankQuestion, isBlank, mainSelections, newCondition, newMatch, newSelection,
  newSeries, newStep,
} from "../question/model";
import { otherKindOf } from "../question/others";
import { UnreadableSpec, readSpec } from "../question/read";
import { hashOf } from "../routes";
import type { OpenReport, State } from "../state";
import type { World } from "../world";

/** How long typing has to rest before it is asked. A click is asked at once. */
const TYPING_REST_MS = 350;

/** The id of the region that shows the answer. */
export const RESULT_ID = "result";

/** The id of the field in which a question is changed as JSON. */
export const JSON_ID = "question-json";

/** The id of the field in which a match's event is chosen. */
export function inputId(matchId: string): string {
  return `event-${matchId}`;
}

/** The id of the button that opens the field of a selection's name. */
export function nameButtonId(selectionId: string): string {
  return `name-${selectionId}`;
}

export interface ChangeOptions {
  /** Whether it is typing, which is asked once it rests. */
  typing?: boolean;
  /** Element to focus after the next drawing. */
  focus?: string;
}

export class Explore {
  private asking: AbortController | null = null;
  private callOff: () => void = () => {};
  /** Whether the question differs from the one the address brought. */
  private edited = false;

  constructor(
    private readonly state: State,
    private readonly world: World,
    /** Opens the list of a field that is about to be drawn. */
    private readonly openList: (fieldId: string) => void,
  ) {}

  /** Takes the question of the address, at the start and when the person goes back or forward. */
  openAddress(): void {
    const { state, world } = this;
    state.notice = null;
    state.raw = null;
    state.json = null;
    state.sheet = null;
    state.list = null;
    state.naming = null;
    this.edited = false;
    const report = state.route.page === "explore" ? state.route.report : null;
    if (report === null) state.report = null;
    else void this.loadReport(report.id, report.revision);
    let spec: unknown = null;
    let question: Question | null = null;
    try {
      spec = specOf(world.address());
      if (spec !== null) question = readSpec(spec, world.timezone);
    } catch (error) {
      if (!(error instanceof UnreadableSpec)) throw error;
      this.takeRaw(spec, error.message);
    }
    // Another kind of question looked at before keeps nothing of it: the address is the whole question.
    state.question = question ?? blankQuestion(world.timezone);
    this.settle(0);
  }

  /** Fetches the report that the question began as. Where the address has no question of its own, it is the report's. */
  private async loadReport(id: string, revision: number | null): Promise<void> {
    const { state, world } = this;
    const { hash } = world.address();
    const own = /[#&]q=/.test(hash);
    const same = () => world.address().hash === hash || this.edited;
    state.report = { status: "loading" };
    try {
      const report = await world.api.reports.get(id, revision ?? undefined);
      if (!same()) return;
      state.report = { status: "ready", value: { report, key: keyOf(report.spec, world.timezone) } };
      if (!own && !this.edited && report.spec !== null) this.show(report.spec);
    } catch (error) {
      if (!same()) return;
      state.report = { status: "failed", failure: failureFrom(error) };
    }
    world.draw();
  }

  /** Makes a spec the question without taking it for a change. */
  private show(spec: unknown): void {
    try {
      this.state.question = readSpec(spec, this.world.timezone);
    } catch (error) {
      if (!(error instanceof UnreadableSpec)) throw error;
      this.takeRaw(spec, error.message);
    }
    this.settle(0);
  }

  /** Keeps a question that cannot be built as it stands. Why is said, but of kinds that are never built and shown all the same. */
  private takeRaw(spec: unknown, why: string): void {
    if (isObject(spec)) this.state.raw = { spec, why };
    if (otherKindOf(spec) === null) this.state.notice = why;
  }

  /** The report that was just saved is the one that is on the page. */
  saved(report: OpenReport["report"]): void {
    this.state.report = { status: "ready", value: { report, key: this.state.compiled.key } };
    this.edited = false;
    this.state.route = { page: "explore", embed: false, report: { id: report.id, revision: null } };
    this.world.visit(hashOf(this.state.route), "push");
    this.world.draw();
  }

  /** Changes the question. */
  change(edit: (question: Question) => Question, { typing = false, focus }: ChangeOptions = {}): void {
    if (focus !== undefined) this.state.focus = focus;
    this.state.question = edit(this.state.question);
    this.state.raw = null;
    this.state.notice = null;
    this.edited = true;
    this.settle(typing ? TYPING_REST_MS : 0);
  }

  startOver(): void {
    this.state.json = null;
    this.state.report = null;
    this.change((question) => blankQuestion(question.timezone, question.kind));
    this.world.visit("#", "push");
  }

  retry(): void {
    this.settle(0, true);
  }

  /** Stops asking. The question stays; `retry` asks it again. */
  cancel(): void {
    this.callOff();
    this.asking?.abort();
    this.state.answer = { status: "none", key: this.state.compiled.key };
    this.world.draw();
  }

  /** Says something above the answer. */
  notify(text: string): void {
    this.state.notice = text;
    this.world.draw();
  }

  setKind(kind: Kind): void {
    this.change((question) => changeKind(question, kind));
    if (isBlank(this.state.question)) this.world.visit("#", "push");
  }

  // What a question is made of.

  /** Takes a suggested event: as what the kind begins with, or as the next step or series. */
  suggest(event: string): void {
    const selection = () => newSelection([newMatch(event)]);
    const blank = mainSelections(this.state.question).flatMap(({ matches }) => matches).find((match) => match.event === "");
    this.change(
      (question) => {
        if (blank !== undefined) return chooseEvent(question, blank.id, event);
        if (question.kind === "funnel") return addStep(question, newStep(selection()));
        if (question.kind === "trends") return addSeries(question, newSeries(selection()));
        return question;
      },
      { focus: RESULT_ID },
    );
  }

  /** Adds an empty step or series, with its list open. */
  addSelection(): void {
    const selection = newSelection();
    this.openList(inputId(selection.matches[0]!.id));
    this.change((question) =>
      question.kind === "trends" ? addSeries(question, newSeries(selection)) : addStep(question, newStep(selection)),
    );
  }

  removeSelection(id: string): void {
    const before = mainSelections(this.state.question);
    const at = before.findIndex((each) => each.id === id);
    this.change((question) => (question.kind === "trends" ? removeSeries(question, id) : removeStep(question, id)));
    const after = mainSelections(this.state.question);
    const neighbour = after[Math.min(at, after.length - 1)]!;
    this.state.focus = inputId(neighbour.matches[0]!.id);
  }

  /** Moves a step or series to a place, from 0. `control` keeps the focus on what moved it. */
  move(id: string, place: number, control?: "up" | "down"): void {
    this.change((question) => moveTo(question, id, place), control === undefined ? {} : { focus: `${control}-${id}` });
  }

  addMatch(selectionId: string): void {
    const match = newMatch();
    this.openList(inputId(match.id));
    this.change((question) => addMatch(question, selectionId, match));
  }

  removeMatch(selectionId: string, matchId: string): void {
    const selection = mainSelections(this.state.question).find(({ id }) => id === selectionId);
    const other = selection?.matches.find(({ id }) => id !== matchId);
    this.change((question) => removeMatch(question, matchId), other === undefined ? {} : { focus: inputId(other.id) });
  }

  pickEvent(matchId: string, event: string): void {
    this.change((question) => chooseEvent(question, matchId, event));
  }

  /** Opens the field in which a selection is named. */
  beginNaming(id: string): void {
    this.state.naming = id;
    this.state.focus = labelId(id);
    this.world.draw();
  }

  name(id: string, label: string): void {
    this.state.naming = id;
    this.change((question) => nameSelection(question, id, label), { typing: true });
  }

  /** Closes the field: it stays in sight only where there is a name in it. */
  endNaming(id: string): void {
    this.state.naming = null;
    this.state.focus = nameButtonId(id);
    this.world.draw();
  }

  addCondition(owner: Owner): void {
    const condition = newCondition();
    this.openList(condition.id);
    this.change((question) => changeConditions(question, owner, (where) => [...where, condition]));
  }

  removeCondition(owner: Owner, id: string): void {
    this.change((question) => changeConditions(question, owner, (where) => where.filter((other) => other.id !== id)), {
      focus: `filter-${owner}`,
    });
  }

  changeCondition(owner: Owner, id: string, change: Partial<Condition>, typing: boolean): void {
    const apply = (where: readonly Condition[]) => where.map((other) => (other.id === id ? { ...other, ...change } : other));
    this.change((question) => changeConditions(question, owner, apply), { typing });
  }

  setRange(range: Range): void {
    this.change((question) => ({ ...question, range }), { typing: range.kind === "dates" });
  }

  /** Dates to begin with: the last 30 days. */
  lastDates(): Range {
    const { timezone } = this.state.question;
    return { kind: "dates", from: this.world.day(timezone, 29), to: this.world.day(timezone, 0) };
  }

  // The question as JSON.

  editJson(text: string | null): void {
    this.state.json = text;
    this.world.draw();
  }

  /** Opens the JSON of the question, to be changed there. */
  openJson(): void {
    this.state.focus = JSON_ID;
    this.editJson(JSON.stringify(this.state.compiled.spec, null, 2));
  }

  /** Asks what was written as JSON. Says nothing where it is none: the view shows why. */
  applyJson(): void {
    const spec = parseJson(this.state.json ?? "").value;
    if (!isObject(spec)) return;
    this.openSpec(spec);
  }

  /** Makes a spec the question, built where this page can build it. */
  openSpec(spec: unknown): void {
    this.state.json = null;
    try {
      const question = readSpec(spec, this.world.timezone);
      this.change(() => question);
    } catch (error) {
      if (!(error instanceof UnreadableSpec)) throw error;
      this.state.notice = null;
      this.takeRaw(spec, error.message);
      this.edited = true;
      this.settle(0);
    }
  }

  // Asking.

  /** Makes the answer follow the question. */
  private settle(wait: number, again = false): void {
    const { state } = this;
    state.compiled = state.raw === null ? compile(state.question) : compiledRaw(state.raw.spec as Spec);
    if (again || state.compiled.key !== state.answer.key) {
      this.callOff();
      this.asking?.abort();
      const { key, spec } = state.compiled;
      state.answer = spec === null ? { status: "none", key } : { status: "asking", key, progress: null };
      state.splitSeries = null;
      if (spec !== null) this.callOff = this.world.after(wait, () => void this.ask());
    }
    this.world.draw();
  }

  /** The address of the question: a report's own as long as nothing was changed in it, else with the revision it began as. */
  private hashOf(spec: Spec): string {
    const { route, report } = this.state;
    const embed = route.page === "explore" && route.embed ? "&embed" : "";
    const named = route.page === "explore" && route.report !== null;
    // What the address brought stays as it is written, until something is changed.
    if (named && !this.edited) return this.world.address().hash;
    if (report?.status !== "ready") return toHash(spec) + embed;
    const { id, revision } = report.value.report;
    return `${toHash(spec)}&report=${id}.${revision}${embed}`;
  }

  private async ask(): Promise<void> {
    const { spec, key } = this.state.compiled;
    if (spec === null) return;
    const hash = this.hashOf(spec);
    // Writing an address out in full must not add an entry that "back" would fall into again and again.
    if (this.world.address().hash !== hash) this.world.visit(hash, this.edited ? "push" : "replace");
    const asking = new AbortController();
    this.asking = asking;
    const keep = (answer: State["answer"]) => {
      if (asking.signal.aborted || this.state.answer.key !== key) return;
      this.state.answer = answer;
      this.world.draw();
    };
    try {
      const told = (progress: { rows: number; of: number }) => keep({ status: "asking", key, progress });
      keep({ status: "ready", key, answer: await this.world.api.query(spec, asking.signal, told) });
    } catch (error) {
      keep({ status: "failed", key, failure: failureFrom(error) });
    }
  }
}

/** The key of the question that a spec is. */
function keyOf(spec: unknown, timezone: string): string {
  try {
    return compile(readSpec(spec, timezone)).key;
  } catch (error) {
    if (!(error instanceof UnreadableSpec)) throw error;
    return JSON.stringify(spec);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A text as JSON, or why it is none. */
export function parseJson(text: string): { value: unknown; why: string | null } {
  try {
    return { value: JSON.parse(text), why: null };
  } catch (error) {
    return { value: null, why: error instanceof Error ? error.message : String(error) };
  }
}
