/** What fields offer: the events of the lake, their properties and the values of these; and the list that is open. */

import type { Property, PropertyValue } from "../answers";
import { failureFrom } from "../api";
import { type Loading, type OpenList, type State, listKey } from "../state";
import type { World } from "../world";

/** How long the list of events is taken as new, so that opening a field does not ask for it every time. */
const CATALOGUE_REST_MS = 10_000;
const EMPTY_LAKE_RETRY_MS = 4000;
/** A line of a list is so high; the sheet says the same. */
export const LINE_PX = 34;
/** So much of a list is seen at once. */
export const LIST_PX = 340;

export class Lists {
  private catalogueTurn = 0;
  private catalogueIsFresh = false;

  constructor(
    private readonly state: State,
    private readonly world: World,
  ) {}

  async loadCatalogue(): Promise<void> {
    const turn = ++this.catalogueTurn;
    if (this.state.catalogue.status === "failed") this.state.catalogue = { status: "loading" };
    this.world.draw();
    try {
      const value = await this.world.api.catalogue();
      if (turn !== this.catalogueTurn) return;
      // The same version has the same names: what hangs on the list needs no new drawing.
      const known = this.state.catalogue;
      if (known.status !== "ready" || known.value.version !== value.version) {
        this.state.catalogue = { status: "ready", value };
        this.state.properties.clear();
        this.state.values.clear();
      }
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

  /** The properties of events; asked for when they are first wanted. */
  properties(events: readonly string[]): Loading<Property[]> {
    return this.fetched(this.state.properties, listKey(events), () => this.world.api.properties(events));
  }

  /** The values of a property in events. */
  values(property: string, events: readonly string[]): Loading<PropertyValue[]> {
    return this.fetched(this.state.values, listKey(events, property), () => this.world.api.values(property, events));
  }

  private fetched<T>(known: Map<string, Loading<T>>, key: string, fetch: () => Promise<T>): Loading<T> {
    const found = known.get(key);
    if (found !== undefined) return found;
    const loading: Loading<T> = { status: "loading" };
    known.set(key, loading);
    const keep = (loaded: Loading<T>) => {
      if (known.get(key) !== loading) return; // cleared since
      known.set(key, loaded);
      this.world.draw();
    };
    fetch().then(
      (value) => keep({ status: "ready", value }),
      (error: unknown) => keep({ status: "failed", failure: failureFrom(error) }),
    );
    return loading;
  }

  // The open list.

  /** Opens the list of a field; with `focus`, of one that is about to be drawn. */
  open(fieldId: string, focus = false): void {
    if (focus) this.state.focus = fieldId;
    if (this.state.list?.fieldId === fieldId) return;
    this.state.list = { fieldId, typed: null, active: -1, top: 0 };
    if (this.catalogueIsFresh) this.world.draw();
    else void this.loadCatalogue();
  }

  /** What is typed narrows the list; `first` is whether its first line becomes the active one. */
  type(fieldId: string, typed: string, first: boolean): void {
    this.state.list = { fieldId, typed, active: first && typed.trim() !== "" ? 0 : -1, top: 0 };
    this.world.draw();
  }

  /** Moves the active line by one, round the ends, and into sight. */
  step(list: OpenList, by: -1 | 1, lines: number): void {
    if (lines === 0) return;
    const active = list.active < 0 ? (by > 0 ? 0 : lines - 1) : (list.active + by + lines) % lines;
    const [least, most] = [(active + 1) * LINE_PX - LIST_PX, active * LINE_PX];
    this.state.list = { ...list, active, top: Math.min(Math.max(list.top, least, 0), most) };
    this.world.draw();
  }

  scroll(list: OpenList, top: number): void {
    if (this.state.list?.fieldId !== list.fieldId || Math.abs(list.top - top) < 1) return;
    this.state.list = { ...this.state.list, top };
    this.world.draw();
  }

  close(): void {
    if (this.state.list === null) return;
    this.state.list = null;
    this.world.draw();
  }
}
