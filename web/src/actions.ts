/**
 * What a person can do on the page, and what follows from it: the state changes, the page is drawn, the address is
 * kept, and the question is asked once it has settled. The outside world comes in as `World`, so tests can be one.
 */

import { type Api, failureFrom } from "./api";
import {
  type ConditionOwner, type Op, type Question, type Range, type State, type Window, addMatch, addStep, blankQuestion,
  changeConditions, chooseEvent, dropCarried, listOptions, moveStep, newCondition, newMatch, newStep, removeMatch,
  removeStep, stepIsChosen,
} from "./model";
import { UnreadableSpec, compile, fromAddress, toHash } from "./spec";

export interface World {
  api: Api;
  timezone: string;
  /** Today as `YYYY-MM-DD` in a zone, `daysBack` days ago. */
  day(timezone: string, daysBack: number): string;
  /** Draws the state; called after every change. */
  draw(): void;
  address(): { hash: string; search: string };
  /** Makes `hash` the address: a new entry of the history, or in place of the present one. */
  visit(hash: string, how: "push" | "replace"): void;
  copy(text: string): Promise<boolean>;
  /** Runs `act` after some time; the returned function calls it off. */
  after(ms: number, act: () => void): () => void;
  visible(): boolean;
}

/** How long typing has to rest before it is asked. A click is asked at once. */
const TYPING_REST_MS = 350;
/** How long the list of events is taken as new, so that opening a field does not ask for it every time. */
const CATALOGUE_REST_MS = 10_000;
const EMPTY_LAKE_RETRY_MS = 4000;
const COPIED_MS = 2000;

export function initialState(timezone: string): State {
  const question = blankQuestion(timezone);
  return {
    catalogue: { status: "loading" },
    question,
    compiled: compile(question),
    answer: { status: "none", key: "" },
    list: null,
    copied: null,
    notice: null,
    focus: null,
  };
}

export class Actions {
  private asking: AbortController | null = null;
  private callOff: () => void = () => {};
  private callOffCopied: () => void = () => {};
  private catalogueTurn = 0;
  private catalogueIsFresh = false;
  /** Whether the question differs from the one the address brought. */
  private edited = false;

  constructor(
    private readonly state: State,
    private readonly world: World,
  ) {}

  // The page as a whole.

  start(): void {
    this.openAddress();
    void this.loadCatalogue();
  }

  /** Takes the question of the address, at the start and when the person goes back or forward. */
  openAddress(): void {
    let question: Question | null = null;
    this.state.notice = null;
    try {
      question = fromAddress(this.world.address(), this.world.timezone);
    } catch (error) {
      if (!(error instanceof UnreadableSpec)) throw error;
      this.state.notice = error.message;
    }
    this.state.list = null;
    this.state.question = question ?? blankQuestion(this.world.timezone);
    this.edited = false;
    this.settle(0);
  }

  async loadCatalogue(): Promise<void> {
    const turn = ++this.catalogueTurn;
    if (this.state.catalogue.status === "failed") this.state.catalogue = { status: "loading" };
    this.world.draw();
    try {
      const value = await this.world.api.events();
      if (turn !== this.catalogueTurn) return;
      this.state.catalogue = { status: "ready", value };
      this.catalogueIsFresh = true;
      this.world.after(CATALOGUE_REST_MS, () => (this.catalogueIsFresh = false));
      if (value.events.length === 0) this.world.after(EMPTY_LAKE_RETRY_MS, () => this.lookAgain(turn));
    } catch (error) {
      if (turn !== this.catalogueTurn) return;
      // A list that is a little old serves better than none.
      if (this.state.catalogue.status !== "ready") {
        this.state.catalogue = { status: "failed", failure: failureFrom(error) };
      }
    }
    this.world.draw();
  }

  private lookAgain(turn: number): void {
    if (turn !== this.catalogueTurn) return;
    if (this.world.visible()) void this.loadCatalogue();
    else this.world.after(EMPTY_LAKE_RETRY_MS, () => this.lookAgain(turn));
  }

  startOver(): void {
    this.state.notice = null;
    this.edit(blankQuestion(this.state.question.timezone));
    this.world.visit("", "push");
  }

  retry(): void {
    if (this.state.catalogue.status === "failed") void this.loadCatalogue();
    this.settle(0, true);
  }

  // Steps.

  /** Adds a step: with an event from a suggestion, or empty with its list open. */
  addStep(event = ""): void {
    const step = newStep([newMatch(event)]);
    const blank = event !== "" ? this.state.question.steps.find((other) => !stepIsChosen(other)) : undefined;
    if (event === "") this.open(step.matches[0]!.id);
    else this.state.focus = RESULT_ID;
    if (blank === undefined) this.edit(addStep(this.state.question, step));
    else this.pick(blank.matches[0]!.id, event, false);
  }

  removeStep(stepId: string): void {
    const steps = this.state.question.steps;
    const at = steps.findIndex((step) => step.id === stepId);
    const neighbour = steps[at + 1] ?? steps[at - 1];
    const question = removeStep(this.state.question, stepId);
    this.state.focus = inputId((neighbour ?? question.steps[0]!).matches[0]!.id);
    this.edit(question);
  }

  moveStep(stepId: string, by: -1 | 1): void {
    this.state.focus = `${by < 0 ? "up" : "down"}-${stepId}`;
    this.edit(moveStep(this.state.question, stepId, by));
  }

  addMatch(stepId: string): void {
    const match = newMatch();
    this.open(match.id);
    this.edit(addMatch(this.state.question, stepId, match));
  }

  removeMatch(matchId: string): void {
    const step = this.state.question.steps.find(({ matches }) => matches.some(({ id }) => id === matchId));
    const other = step?.matches.find(({ id }) => id !== matchId);
    this.state.focus = other ? inputId(other.id) : null;
    this.edit(removeMatch(this.state.question, matchId));
  }

  // The list of events under a step's field.

  openList(matchId: string): void {
    if (this.state.list?.matchId === matchId) return;
    this.state.list = { matchId, typed: null, active: null };
    if (this.catalogueIsFresh) this.world.draw();
    else void this.loadCatalogue();
  }

  private open(matchId: string): void {
    this.state.focus = inputId(matchId);
    this.state.list = { matchId, typed: null, active: null };
  }

  typeInList(matchId: string, typed: string): void {
    this.state.list = { matchId, typed, active: null };
    const best = typed.trim() === "" ? null : (this.options()[0]?.event ?? null);
    this.state.list = { matchId, typed, active: best };
    this.world.draw();
  }

  /** Moves the active option by one, round the ends. */
  stepInList(matchId: string, by: -1 | 1): void {
    if (this.state.list?.matchId !== matchId) return this.openList(matchId);
    const events = this.options().map(({ event }) => event);
    const at = this.state.list.active === null ? -1 : events.indexOf(this.state.list.active);
    const next = at < 0 ? (by > 0 ? 0 : events.length - 1) : (at + by + events.length) % events.length;
    this.state.list = { ...this.state.list, active: events[next] ?? null };
    this.world.draw();
  }

  closeList(): void {
    this.state.list = null;
    this.world.draw();
  }

  /** Takes the active option. */
  pickActive(): void {
    const { list } = this.state;
    if (list?.active != null) this.pick(list.matchId, list.active);
  }

  /** Focus leaves the field: a name typed in full is taken, anything else falls back to what was chosen. */
  leaveList(matchId: string): void {
    const list = this.state.list;
    if (list?.matchId !== matchId) return;
    const exact = this.options().find(({ event, count }) => count !== null && event === list.typed?.trim());
    if (exact !== undefined) this.pick(matchId, exact.event, false);
    else this.closeList();
  }

  pick(matchId: string, event: string, focus = true): void {
    this.state.list = null;
    if (focus) this.state.focus = inputId(matchId);
    this.edit(chooseEvent(this.state.question, matchId, event));
  }

  private options() {
    const { catalogue, list } = this.state;
    return listOptions(catalogue.status === "ready" ? catalogue.value.events : [], list?.typed ?? null);
  }

  // Filters, time, groups.

  addCondition(owner: ConditionOwner): void {
    const condition = newCondition();
    this.state.focus = condition.id;
    this.edit(changeConditions(this.state.question, owner, (where) => [...where, condition]));
  }

  removeCondition(owner: ConditionOwner, id: string): void {
    this.state.focus = `filter-${owner}`;
    this.edit(changeConditions(this.state.question, owner, (where) => where.filter((other) => other.id !== id)));
  }

  changeCondition(owner: ConditionOwner, id: string, change: { property?: string; op?: Op; text?: string }): void {
    const wait = change.op === undefined ? TYPING_REST_MS : 0;
    const apply = (where: Question["where"]) => where.map((other) => (other.id === id ? { ...other, ...change } : other));
    this.edit(changeConditions(this.state.question, owner, apply), wait);
  }

  changeWindow(change: Partial<Window>): void {
    const { question } = this.state;
    this.edit({ ...question, window: { ...question.window, ...change } }, TYPING_REST_MS);
  }

  setRange(range: Range): void {
    this.edit({ ...this.state.question, range }, range.kind === "dates" ? TYPING_REST_MS : 0);
  }

  /** Goes over to dates, beginning with the last 30 days. */
  chooseDates(): void {
    const { timezone } = this.state.question;
    this.setRange({ kind: "dates", from: this.world.day(timezone, 29), to: this.world.day(timezone, 0) });
  }

  setTimezone(timezone: string): void {
    this.edit({ ...this.state.question, timezone });
  }

  changeBreakdown(change: { property?: string; stepId?: string }): void {
    const { question } = this.state;
    const wait = change.property === undefined ? 0 : TYPING_REST_MS;
    this.edit({ ...question, breakdown: { ...question.breakdown, ...change } }, wait);
  }

  dropCarried(owner: ConditionOwner, field: string): void {
    this.edit(dropCarried(this.state.question, owner, field));
  }

  async copy(what: string, text: string): Promise<void> {
    this.callOffCopied();
    this.state.copied = (await this.world.copy(text)) ? what : null;
    this.world.draw();
    this.callOffCopied = this.world.after(COPIED_MS, () => {
      this.state.copied = null;
      this.world.draw();
    });
  }

  // Asking.

  private edit(question: Question, wait = 0): void {
    this.state.question = question;
    this.edited = true;
    this.settle(wait);
  }

  /** Makes the answer follow the question: what is on the page for another question goes at once. */
  private settle(wait: number, again = false): void {
    const { state } = this;
    state.compiled = compile(state.question);
    if (again || state.compiled.key !== state.answer.key) {
      this.callOff();
      this.asking?.abort();
      const { key, spec } = state.compiled;
      state.answer = { status: spec === null ? "none" : "asking", key };
      if (spec !== null) this.callOff = this.world.after(wait, () => void this.ask());
    }
    this.world.draw();
  }

  private async ask(): Promise<void> {
    const { spec, key } = this.state.compiled;
    if (spec === null) return;
    const hash = toHash(spec);
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
      keep({ status: "ready", key, answer: await this.world.api.query(spec, asking.signal) });
    } catch (error) {
      keep({ status: "failed", key, failure: failureFrom(error) });
    }
  }
}

/** The id of the region that shows the answer. */
export const RESULT_ID = "result";

/** The id of the field in which a match's event is chosen. */
export function inputId(matchId: string): string {
  return `event-${matchId}`;
}
