/** For those who run the lake: events as they land, failed events, write keys, the figures. */

import type { FailedChoice, FailedEvent, WriteKey } from "../answers";
import { failureFrom } from "../api";
import type { AdminPage } from "../routes";
import type { FailedView, KeysView, Live, State } from "../state";
import type { World } from "../world";

/** How often what landed is looked at. */
const LIVE_MS = 2000;
/** So many events are kept on the page. */
const MOST_LIVE = 500;

export class Admin {
  private turn = 0;

  constructor(
    private readonly state: State,
    private readonly world: World,
  ) {}

  load(page: AdminPage): void {
    this.turn += 1;
    if (page === "live") void this.lookLive(this.turn);
    if (page === "failed") void this.loadFailed();
    if (page === "settings") void this.loadKeys();
    if (page === "system") void this.loadSystem();
  }

  /** Stops looking at what lands. */
  leave(): void {
    this.turn += 1;
  }

  // Live.

  private async lookLive(turn: number): Promise<void> {
    if (turn !== this.turn) return;
    const { live } = this.state;
    if (!live.paused && this.world.visible()) {
      try {
        const { version, events } = await this.world.api.live(live.version);
        if (turn !== this.turn) return;
        // Some may come again, where few landed beside many that were merged.
        const known = new Set(this.state.live.events.map(idOf));
        const fresh = events.filter((event) => !known.has(idOf(event)));
        this.setLive({ version, events: [...fresh, ...this.state.live.events].slice(0, MOST_LIVE), failure: null });
      } catch (error) {
        if (turn !== this.turn) return;
        this.setLive({ failure: failureFrom(error) });
      }
    }
    this.world.after(LIVE_MS, () => void this.lookLive(turn));
  }

  setLive(change: Partial<Live>): void {
    this.state.live = { ...this.state.live, ...change };
    this.world.draw();
  }

  // Failed events.

  async loadFailed(done: FailedView["done"] = null): Promise<void> {
    this.state.failed ??= { status: "loading" };
    this.world.draw();
    try {
      const { groups } = await this.world.api.failed();
      this.state.failed = { status: "ready", value: { groups, shown: null, one: null, done, busy: false, failure: null } };
    } catch (error) {
      this.state.failed = { status: "failed", failure: failureFrom(error) };
    }
    this.world.draw();
  }

  async showFailed(choice: FailedChoice | null): Promise<void> {
    this.setFailed({ shown: choice === null ? null : { choice, each: { status: "loading" } }, one: null });
    if (choice === null) return;
    try {
      const value = await this.world.api.failedEach(choice);
      this.setFailed({ shown: { choice, each: { status: "ready", value } } });
    } catch (error) {
      this.setFailed({ shown: { choice, each: { status: "failed", failure: failureFrom(error) } } });
    }
  }

  async showBody(event: FailedEvent): Promise<void> {
    try {
      this.setFailed({ one: await this.world.api.failedOne(event.failed_id) });
    } catch (error) {
      this.setFailed({ failure: failureFrom(error) });
    }
  }

  async replay(choice: FailedChoice): Promise<void> {
    this.setFailed({ busy: true, failure: null });
    try {
      await this.loadFailed(await this.world.api.replayFailed(choice));
    } catch (error) {
      this.setFailed({ busy: false, failure: failureFrom(error) });
    }
  }

  askToDrop(choice: FailedChoice, count: number): void {
    this.state.sheet = { kind: "drop", choice, count };
    this.world.draw();
  }

  async drop(choice: FailedChoice): Promise<void> {
    this.state.sheet = null;
    this.setFailed({ busy: true, failure: null });
    try {
      await this.loadFailed(await this.world.api.dropFailed(choice));
    } catch (error) {
      this.setFailed({ busy: false, failure: failureFrom(error) });
    }
  }

  private setFailed(change: Partial<FailedView>): void {
    if (this.state.failed?.status === "ready") this.state.failed = { status: "ready", value: { ...this.state.failed.value, ...change } };
    this.world.draw();
  }

  // Write keys.

  private async loadKeys(change: Partial<KeysView> = {}): Promise<void> {
    this.state.keys ??= { status: "loading" };
    this.world.draw();
    try {
      this.state.keys = { status: "ready", value: { keys: await this.world.api.keys(), made: null, failure: null, ...change } };
    } catch (error) {
      this.state.keys = { status: "failed", failure: failureFrom(error) };
    }
    this.world.draw();
  }

  addKey(source: string): Promise<void> {
    return this.changeKeys(async () => ({ made: await this.world.api.addKey(source) }));
  }

  rotateKey(key: WriteKey): Promise<void> {
    return this.changeKeys(async () => ({ made: await this.world.api.rotateKey(key.key) }));
  }

  askToDisable(key: WriteKey): void {
    this.state.sheet = { kind: "disable", key };
    this.world.draw();
  }

  disableKey(key: WriteKey): Promise<void> {
    this.state.sheet = null;
    return this.changeKeys(async () => {
      await this.world.api.disableKey(key.key);
      return {};
    });
  }

  private async changeKeys(change: () => Promise<Partial<KeysView>>): Promise<void> {
    try {
      await this.loadKeys(await change());
    } catch (error) {
      await this.loadKeys({ failure: failureFrom(error) });
    }
  }

  // The figures.

  private async loadSystem(): Promise<void> {
    this.state.system ??= { status: "loading" };
    this.world.draw();
    try {
      this.state.system = { status: "ready", value: await this.world.api.system() };
    } catch (error) {
      this.state.system = { status: "failed", failure: failureFrom(error) };
    }
    this.world.draw();
  }
}

function idOf({ source, event_id }: { source: string; event_id: string }): string {
  return JSON.stringify([source, event_id]);
}
