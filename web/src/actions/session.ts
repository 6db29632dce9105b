/** Who is there: coming and going. What was being built stays where it is. */

import { failureFrom } from "../api";
import type { State } from "../state";
import type { World } from "../world";

export class SessionActions {
  constructor(
    private readonly state: State,
    private readonly world: World,
    /** Asks again for what could not be had without a login. */
    private readonly entered: () => void,
  ) {}

  async load(): Promise<void> {
    try {
      this.state.session = { status: "ready", value: await this.world.api.session() };
    } catch (error) {
      this.state.session = { status: "failed", failure: failureFrom(error) };
    }
    this.world.draw();
  }

  async login(token: string): Promise<void> {
    this.state.login = { status: "saving" };
    this.world.draw();
    try {
      this.state.session = { status: "ready", value: await this.world.api.login(token) };
      this.state.login = { status: "editing" };
      this.entered();
    } catch (error) {
      this.state.login = { status: "failed", failure: failureFrom(error) };
    }
    this.world.draw();
  }

  async logout(): Promise<void> {
    try {
      await this.world.api.logout();
    } finally {
      await this.load();
    }
  }

  /** A session that ended elsewhere is noticed by the first request that needs one. */
  ended(): void {
    const { session } = this.state;
    if (session.status !== "ready" || session.value.role === null) return;
    this.state.session = { status: "ready", value: { ...session.value, name: null, role: null } };
  }
}
