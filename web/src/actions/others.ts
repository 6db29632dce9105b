/** The part of the page that shows answers of the kinds that it does not build: fetched when it is first wanted. */

import type { Loading, State } from "../state";
import type { OtherViews, World } from "../world";

export class Others {
  constructor(
    private readonly state: State,
    private readonly world: World,
  ) {}

  views(): Loading<OtherViews> {
    if (this.state.others === null) {
      this.state.others = { status: "loading" };
      void this.load();
    }
    return this.state.others;
  }

  /** Asks again for what could not be had. */
  retry(): void {
    if (this.state.others?.status === "failed") this.state.others = null;
    this.world.draw();
  }

  private async load(): Promise<void> {
    try {
      this.state.others = { status: "ready", value: await this.world.others() };
    } catch {
      // Its name changes with each build: a page that is older than its server has to be loaded again.
      this.state.others = { status: "failed", failure: { kind: "unreachable" } };
    }
    this.world.draw();
  }
}
