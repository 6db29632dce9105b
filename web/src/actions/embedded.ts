/** What a link to the answer of a report opens: that answer and nothing else, looked for anew every quarter of an hour. */

import { type Failure, failureFrom } from "../api";
import { type Spec, compile, compiledRaw } from "../question/compile";
import { blankQuestion } from "../question/model";
import { UnreadableSpec, readSpec } from "../question/read";
import type { State } from "../state";
import type { World } from "../world";

const MINUTE_MS = 60_000;
/** So many minutes an answer is shown before it is looked for anew. */
const MINUTES = 15;

export class EmbeddedActions {
  private asking: AbortController | null = null;

  constructor(
    private readonly state: State,
    private readonly world: World,
  ) {}

  async open(token: string): Promise<void> {
    this.leave();
    const asking = new AbortController();
    this.asking = asking;
    this.state.embedded = { status: "loading" };
    this.state.answer = { status: "none", key: "" };
    this.world.draw();
    await this.ask(token, asking);
    this.world.after(MINUTE_MS, () => this.wait(token, asking, 1));
  }

  leave(): void {
    this.asking?.abort();
    this.asking = null;
  }

  /** Counts the minutes. A page that nobody sees waits until somebody does. */
  private wait(token: string, asking: AbortController, minutes: number): void {
    if (asking.signal.aborted) return;
    const due = minutes >= MINUTES && this.world.visible();
    if (due) void this.ask(token, asking);
    this.world.after(MINUTE_MS, () => this.wait(token, asking, due ? 1 : minutes + 1));
  }

  private async ask(token: string, asking: AbortController): Promise<void> {
    const { state, world } = this;
    const keep = (change: () => void) => {
      if (asking.signal.aborted) return;
      change();
      world.draw();
    };
    try {
      const found = await world.api.embedded(token, asking.signal);
      const known = state.embedded?.status === "ready" ? state.embedded.value : null;
      const same = known !== null && known.report.revision === found.report.revision && state.answer.status === "ready";
      keep(() => {
        state.embedded = { status: "ready", value: { ...found, stale: known?.stale ?? null } };
        if (!same) this.show(found.report.question);
      });
      const { key } = state.compiled;
      const answer = await world.api.embeddedAnswer(token, asking.signal, (progress) =>
        // An answer stays on the page while a newer one is on its way.
        keep(() => (state.answer = state.answer.status === "asking" ? { status: "asking", key, progress } : state.answer)),
      );
      keep(() => {
        state.answer = { status: "ready", key, answer };
        state.embedded = { status: "ready", value: { ...found, stale: null } };
      });
    } catch (error) {
      keep(() => this.failed(failureFrom(error)));
    }
  }

  /** Makes the question of the report that of the page, which words are about. */
  private show(spec: unknown): void {
    const { state, world } = this;
    state.raw = null;
    state.question = blankQuestion(world.timezone);
    try {
      state.question = readSpec(spec, world.timezone);
      state.compiled = compile(state.question);
    } catch (error) {
      if (!(error instanceof UnreadableSpec)) throw error;
      state.raw = { spec, why: error.message };
      state.compiled = compiledRaw(spec as Spec);
    }
    state.answer = { status: "asking", key: state.compiled.key, progress: null };
  }

  /** A link that is no longer in force shows nothing; one whose server is not reached shows what it had. */
  private failed(failure: Failure): void {
    const { state } = this;
    const over = failure.kind === "login" || failure.kind === "missing";
    if (!over && state.embedded?.status === "ready" && state.answer.status === "ready") {
      state.embedded = { status: "ready", value: { ...state.embedded.value, stale: failure } };
    } else {
      state.embedded = { status: "failed", failure };
      state.answer = { status: "none", key: "" };
    }
  }
}
