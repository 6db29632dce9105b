/** What every view gets: the state to show, the actions to offer, and how to say it. */

import type { Actions } from "../actions/page";
import type { Format } from "../format";
import type { Messages } from "../messages";
import type { State } from "../state";

export interface Context {
  state: State;
  actions: Actions;
  /** What the page says, in the reader's language. */
  m: Messages;
  format: Format;
  /** What is wrong with the question, by the control it concerns. */
  problems: Map<string, { field: string; message: string }[]>;
  /** Whether the screen has room for the settings beside the answer. */
  wide: boolean;
  /** So many pixels wide is a chart. */
  chartWidth: number;
  /** The zones this browser knows. */
  timezones: readonly string[];
  /** Whether an answer stands alone, for those who may see nothing else: nothing in it asks further, or leads away. */
  isAlone: boolean;
  /** This page's address, without the question. */
  origin: string;
  /** This page's address with the question. */
  url: string;
}

/** What was typed into, or chosen in, the field that an event came from. */
export function typed(event: Event): string {
  return (event.target as HTMLInputElement | HTMLSelectElement).value;
}
