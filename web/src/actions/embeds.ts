/** Links that show the answer of a report on another site: which there are, making one, and ending one. */

import type { Embed } from "../answers";
import { failureFrom } from "../api";
import type { EmbedsView, Saving, State } from "../state";
import type { World } from "../world";

/** The id of what the focus goes to, once a link has ended and its button is gone. */
export const EMBEDS_ID = "embeds";

export class EmbedsActions {
  constructor(
    private readonly state: State,
    private readonly world: World,
  ) {}

  /** Asks for them, each time they are about to be looked at. */
  async load(): Promise<void> {
    const { embeds } = this.state;
    if (embeds?.status !== "ready") this.state.embeds = { status: "loading" };
    this.world.draw();
    try {
      const value = await this.world.api.embeds();
      const made = embeds?.status === "ready" ? embeds.value.made : null;
      this.state.embeds = { status: "ready", value: { ...value, made, taken: null, saving: { status: "editing" } } };
    } catch (error) {
      this.state.embeds = { status: "failed", failure: failureFrom(error) };
    }
    this.world.draw();
  }

  /** What was just made is seen once: not again by who comes back to its report. */
  forget(): void {
    if (this.state.embeds?.status === "ready") this.change({ made: null });
  }

  /** Makes one. Whether it could be: a name that was not taken stays in its field. */
  async add(report: string, name: string): Promise<boolean> {
    const { embeds } = this.state;
    // A name is used once, also that of a link that has ended: said without a way to the server and in the reader's language.
    if (embeds?.status === "ready" && embeds.value.embeds.some((each) => each.name === name)) {
      this.change({ taken: name, saving: { status: "editing" } });
      return false;
    }
    this.change({ taken: null, saving: { status: "saving" } });
    let done = false;
    try {
      const made = await this.world.api.addEmbed(report, name);
      done = true;
      // Shown at once: whatever becomes of the list, its token is not to be had again.
      this.change({ made, saving: { status: "editing" } });
      this.change(await this.world.api.embeds());
    } catch (error) {
      this.change({ saving: { status: "failed", failure: failureFrom(error) } });
    }
    return done;
  }

  askToDisable(embed: Embed): void {
    this.show(embed, { status: "editing" });
  }

  async disable(embed: Embed): Promise<void> {
    this.show(embed, { status: "saving" });
    try {
      const ended = await this.world.api.disableEmbed(embed.name);
      const { embeds } = this.state;
      this.state.sheet = null;
      this.state.focus = EMBEDS_ID;
      if (embeds?.status !== "ready") return this.world.draw();
      const { made } = embeds.value;
      this.change({
        embeds: embeds.value.embeds.map((each) => (each.name === ended.name ? ended : each)),
        made: made?.name === ended.name ? null : made,
      });
    } catch (error) {
      this.show(embed, { status: "failed", failure: failureFrom(error) });
    }
  }

  private show(embed: Embed, saving: Saving): void {
    this.state.sheet = { kind: "disableEmbed", embed, saving };
    this.world.draw();
  }

  private change(change: Partial<EmbedsView>): void {
    const { embeds } = this.state;
    if (embeds?.status === "ready") this.state.embeds = { status: "ready", value: { ...embeds.value, ...change } };
    this.world.draw();
  }
}
