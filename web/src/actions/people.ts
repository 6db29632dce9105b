/** Users behind a number, one user's events, and why they count. */

import type { UserList } from "../answers";
import { failureFrom } from "../api";
import type { Spec } from "../question/compile";
import type { FunnelState } from "../question/model";
import type { Sheet, State } from "../state";
import type { World } from "../world";

const LISTED = 200;
const TIMELINE_PAGE = 200;

/** Fields of a funnel that do not change who is at a step, and cost time. */
const WITHOUT = ["breakdown", "interval", "compare", "users"];

type PeopleSheet = Extract<Sheet, { kind: "people" | "user" }>;

export class People {
  private asking: AbortController | null = null;

  constructor(
    private readonly state: State,
    private readonly world: World,
  ) {}

  /** Lists the users at a step of the funnel that is on the page. */
  openStep(step: number, label: string, of: FunnelState): void {
    const spec = this.funnel();
    if (spec === null) return;
    const sheet: PeopleSheet = { kind: "people", step, label, state: of, list: { status: "loading" } };
    this.show(sheet);
    void this.load(sheet, async (signal) => {
      // The version of the answer that the number stands in.
      const version = this.state.answer.status === "ready" ? { version: this.state.answer.answer.version } : {};
      const asked = { ...spec, count: "users", users: { step, state: of, limit: LISTED }, ...version };
      const answer = await this.world.api.query(asked, signal, () => {});
      const list = (answer as { users?: UserList | null }).users;
      return { ...sheet, list: { status: "ready", value: list ?? { step, state: of, total: 0, listed: [] } } };
    });
  }

  /** Shows why a user counts or does not. */
  openUser(id: string): void {
    const spec = this.funnel();
    if (spec === null) return;
    const from = this.state.sheet?.kind === "people" ? this.state.sheet : null;
    const sheet: PeopleSheet = { kind: "user", id, explanation: { status: "loading" }, from };
    this.show(sheet);
    void this.load(sheet, async (signal) => {
      const explanation = await this.world.api.explain(id, spec, signal);
      return { ...sheet, explanation: { status: "ready", value: explanation } };
    });
  }

  /** Goes back to the list, or closes what lies over the page. */
  back(): void {
    const { sheet } = this.state;
    this.asking?.abort();
    this.state.sheet = sheet?.kind === "user" ? sheet.from : null;
    this.world.draw();
  }

  close(): void {
    this.asking?.abort();
    this.state.sheet = null;
    this.world.draw();
  }

  /** Everything one user did, the newest first; with `older`, more of it. */
  async loadTimeline(id: string, older = false): Promise<void> {
    const known = this.state.timeline;
    const before = older && known?.status === "ready" ? known.value : null;
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    if (before === null) this.state.timeline = { status: "loading" };
    this.world.draw();
    const { timezone } = this.state.question;
    const last = before?.events.at(-1);
    try {
      // `to` leaves out its own instant, at which there may be more than what is shown.
      const to = last === undefined ? {} : { to: new Date(Date.parse(last.time) + 1).toISOString() };
      const value = await this.world.api.user({ id, timezone, limit: TIMELINE_PAGE, ...to }, asking.signal);
      const shown = new Set(before?.events.map(({ event_id }) => event_id));
      const events = [...(before?.events ?? []), ...value.events.filter(({ event_id }) => !shown.has(event_id))];
      this.keep(asking, () => (this.state.timeline = { status: "ready", value: { ...(before ?? value), events } }));
    } catch (error) {
      this.keep(asking, () => (this.state.timeline = { status: "failed", failure: failureFrom(error) }));
    }
  }

  private funnel(): Spec | null {
    const { spec } = this.state.compiled;
    if (spec === null || spec.kind !== "funnel") return null;
    return Object.fromEntries(Object.entries(spec).filter(([field]) => !WITHOUT.includes(field))) as Spec;
  }

  private show(sheet: Sheet): void {
    this.state.sheet = sheet;
    this.world.draw();
  }

  private async load(sheet: PeopleSheet, ask: (signal: AbortSignal) => Promise<Sheet>): Promise<void> {
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    try {
      const loaded = await ask(asking.signal);
      this.keep(asking, () => (this.state.sheet = loaded));
    } catch (error) {
      const failed = { status: "failed", failure: failureFrom(error) } as const;
      this.keep(asking, () => {
        this.state.sheet = sheet.kind === "people" ? { ...sheet, list: failed } : { ...sheet, explanation: failed };
      });
    }
  }

  private keep(asking: AbortController, change: () => void): void {
    if (asking.signal.aborted) return;
    change();
    this.world.draw();
  }
}
