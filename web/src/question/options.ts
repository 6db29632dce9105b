/** What a list offers for what is typed. Pure, and quick for ten thousand names. */

import type { CatalogueEvent } from "../answers";

/** One line of a list. */
export interface ListOption {
  readonly value: string;
  /** What is shown instead of the value. */
  readonly label?: string;
  /** A number behind it; null where there is none. */
  readonly count: number | null;
  /** A word behind it. */
  readonly note?: string;
  /** A name that the lake does not have, taken as it is typed. */
  readonly unknown?: boolean;
}

/** Names as they are compared; a catalogue of ten thousand is folded once, not with each letter typed. */
const folded = new WeakMap<readonly ListOption[], string[]>();

/**
 * The options that fit what is typed: names that begin with it, then those with a word that does, then those that hold
 * it, each in the order they have.
 */
export function fitting(options: readonly ListOption[], typed: string | null): readonly ListOption[] {
  const wanted = fold(typed ?? "").trim();
  if (wanted === "") return options;
  let names = folded.get(options);
  if (names === undefined) {
    names = options.map(({ value, label }) => fold(label ?? value));
    folded.set(options, names);
  }
  const ranks: ListOption[][] = [[], [], [], []];
  options.forEach((option, index) => {
    const found = rank(names[index]!, wanted);
    if (found > 0) ranks[4 - found]!.push(option);
  });
  return ranks.flat();
}

/** As `fitting`, with the typed name at the end where the list lacks it. */
export function fittingOrTyped(options: readonly ListOption[], typed: string | null): readonly ListOption[] {
  const found = fitting(options, typed);
  const name = (typed ?? "").trim();
  if (name === "" || options.some(({ value }) => value === name)) return found;
  return [...found, { value: name, count: null, unknown: true }];
}

/** Who looks after events, each once. */
export function ownersOf(events: readonly CatalogueEvent[]): string[] {
  return [...new Set(events.flatMap(({ owner }) => owner ?? []))].sort((a, b) => a.localeCompare(b));
}

/** The events whose name, or whose owner's, fits what is typed. Only those of one owner, empty for nobody's; null is all. */
export function fittingEvents(events: readonly CatalogueEvent[], typed: string, owner: string | null): readonly CatalogueEvent[] {
  const owned = owner === null ? events : events.filter((event) => (event.owner ?? "") === owner);
  const byName = new Map(owned.map((event) => [event.event, event]));
  const lines = owned.map((event) => ({ value: event.event, label: `${event.event} ${event.owner ?? ""}`.trim(), count: null }));
  return fitting(lines, typed).flatMap(({ value }) => byName.get(value) ?? []);
}

function rank(name: string, wanted: string): number {
  const at = name.indexOf(wanted);
  if (at < 0) return 0;
  if (name === wanted) return 4;
  if (at === 0) return 3;
  return /[^\p{L}\p{N}]/u.test(name[at - 1] ?? "") ? 2 : 1;
}

function fold(text: string): string {
  return text.normalize("NFC").toLocaleLowerCase();
}
