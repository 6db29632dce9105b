/** Dashboards: reports side by side, each answered on its own. */

import type { Dashboard, Tile } from "../answers";
import { failureFrom } from "../api";
import { moved } from "../question/edit";
import type { Spec } from "../question/compile";
import type { OpenDashboard, State } from "../state";
import type { World } from "../world";

/** So many questions of a dashboard are asked at once. */
const AT_ONCE = 3;

export class Dashboards {
  private asking: AbortController | null = null;

  constructor(
    private readonly state: State,
    private readonly world: World,
    /** A dashboard was made, or an old revision of it made again. */
    private readonly made: (id: string) => void,
  ) {}

  async loadList(removed = this.state.removedDashboards): Promise<void> {
    this.state.removedDashboards = removed;
    this.state.dashboards ??= { status: "loading" };
    this.world.draw();
    try {
      const value = await this.world.api.dashboards.list(removed);
      if (this.state.removedDashboards === removed) this.state.dashboards = { status: "ready", value };
    } catch (error) {
      this.state.dashboards = { status: "failed", failure: failureFrom(error) };
    }
    this.world.draw();
  }

  /** Opens one: as it is now, or an old revision of it to look at. */
  async open(id: string, revision?: number): Promise<void> {
    this.leave();
    const asking = new AbortController();
    this.asking = asking;
    this.state.dashboard = { status: "loading" };
    this.state.tiles.clear();
    this.world.draw();
    try {
      const now = await this.world.api.dashboards.get(id);
      const isOld = revision !== undefined && revision !== now.revision;
      const dashboard = isOld ? await this.world.api.dashboards.get(id, revision) : now;
      if (asking.signal.aborted) return;
      this.state.dashboard = { status: "ready", value: { dashboard, newest: isOld ? now.revision : null, editing: false, changed: false, saving: "no" } };
      void this.askAll(dashboard);
    } catch (error) {
      if (asking.signal.aborted) return;
      this.state.dashboard = { status: "failed", failure: failureFrom(error) };
    }
    this.world.draw();
  }

  /** Stops what is asked for a dashboard that is not looked at any more. */
  leave(): void {
    this.asking?.abort();
    this.asking = null;
  }

  async create(name: string): Promise<void> {
    try {
      const dashboard = await this.world.api.dashboards.save({ name, folder: "", description: "", tiles: [] }, null);
      this.made(dashboard.id);
    } catch (error) {
      this.state.dashboards = { status: "failed", failure: failureFrom(error) };
      this.world.draw();
    }
  }

  // Changing it.

  edit(editing: boolean): void {
    this.update((open) => ({ ...open, editing }));
    if (editing && this.state.reports === null) void this.listReports();
  }

  /** Goes back to what is kept. */
  async discard(): Promise<void> {
    const open = this.opened();
    if (open !== null) await this.open(open.dashboard.id);
  }

  change(change: Partial<Pick<Dashboard, "name" | "folder" | "description">> & { last?: string | undefined }): void {
    this.update((open) => {
      const { last: _, ...rest } = { ...open.dashboard, ...change };
      const last = "last" in change ? change.last : open.dashboard.last;
      return { ...open, changed: true, dashboard: { ...rest, ...(last === undefined ? {} : { last }) } };
    });
    const open = this.opened();
    if ("last" in change && open !== null) {
      this.asking?.abort();
      this.asking = new AbortController();
      this.state.tiles.clear();
      void this.askAll(open.dashboard);
    }
  }

  addTile(tile: Tile): void {
    this.tiles((tiles) => [...tiles, tile]);
    const open = this.opened();
    if (open !== null) void this.askAll(open.dashboard);
  }

  changeTile(place: number, tile: Tile | null): void {
    this.tiles((tiles) => tiles.flatMap((each, index) => (index !== place ? [each] : tile === null ? [] : [tile])));
  }

  moveTile(from: number, to: number): void {
    this.tiles((tiles) => [...moved(tiles, from, to)]);
  }

  private tiles(change: (tiles: Tile[]) => Tile[]): void {
    this.update((open) => ({ ...open, changed: true, dashboard: { ...open.dashboard, tiles: change(open.dashboard.tiles) } }));
  }

  /** Makes the old revision that is looked at the newest one again. */
  async restore(): Promise<void> {
    const open = this.opened();
    if (open === null || open.newest === null) return;
    await this.save(open.newest);
    if (this.opened()?.newest === null) this.made(open.dashboard.id);
  }

  async save(over?: number): Promise<void> {
    const open = this.opened();
    if (open === null) return;
    this.update((each) => ({ ...each, saving: "saving" }));
    const { id, revision, name, folder, description, tiles, last } = open.dashboard;
    try {
      const document = { name, folder, description, tiles, ...(last === undefined ? {} : { last }) };
      const dashboard = await this.world.api.dashboards.save(document, { id, revision: over ?? revision });
      this.update(() => ({ dashboard, newest: null, editing: false, changed: false, saving: "no" }));
    } catch (error) {
      this.update((each) => ({ ...each, saving: { failure: failureFrom(error) } }));
    }
  }

  private async listReports(): Promise<void> {
    try {
      this.state.reports = { status: "ready", value: await this.world.api.reports.list() };
    } catch (error) {
      this.state.reports = { status: "failed", failure: failureFrom(error) };
    }
    this.world.draw();
  }

  // Asking.

  /** Asks the questions of all tiles that have no answer yet, a few at once. */
  private async askAll(dashboard: Dashboard): Promise<void> {
    const asking = this.asking;
    if (asking === null) return;
    const ids = [...new Set(dashboard.tiles.flatMap((tile) => ("report" in tile ? [tile.report] : [])))];
    const waiting = ids.filter((id) => !this.state.tiles.has(id));
    for (const id of waiting) this.state.tiles.set(id, { report: { status: "loading" }, answer: null });
    const next = async (): Promise<void> => {
      const id = waiting.shift();
      if (id === undefined || asking.signal.aborted) return;
      await this.askTile(id, dashboard.last, asking.signal);
      return next();
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
  }

  private async askTile(id: string, last: string | undefined, signal: AbortSignal): Promise<void> {
    const keep = (tile: Parameters<State["tiles"]["set"]>[1]) => {
      if (signal.aborted) return;
      this.state.tiles.set(id, tile);
      this.world.draw();
    };
    let report;
    try {
      report = await this.world.api.reports.get(id);
    } catch (error) {
      return keep({ report: { status: "failed", failure: failureFrom(error) }, answer: null });
    }
    const loaded = { status: "ready", value: report } as const;
    keep({ report: loaded, answer: { status: "loading" } });
    try {
      const value = await this.world.api.query(withLast(report.spec as Spec, last), signal, () => {});
      keep({ report: loaded, answer: { status: "ready", value } });
    } catch (error) {
      keep({ report: loaded, answer: { status: "failed", failure: failureFrom(error) } });
    }
  }

  private opened(): OpenDashboard | null {
    return this.state.dashboard?.status === "ready" ? this.state.dashboard.value : null;
  }

  private update(change: (open: OpenDashboard) => OpenDashboard): void {
    const open = this.opened();
    if (open === null) return;
    this.state.dashboard = { status: "ready", value: change(open) };
    this.world.draw();
  }
}

/** A question about the last days, whatever its own time is. */
export function withLast(spec: Spec, last: string | undefined): Spec {
  if (last === undefined) return spec;
  const { from: _, to: __, ...rest } = spec;
  return { ...rest, kind: spec.kind, last };
}
