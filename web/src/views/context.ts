/** What every view gets: the state to show, the actions to offer, and how to write numbers. */

import type { Actions } from "../actions";
import type { Format } from "../format";
import type { State } from "../model";
import type { Problem } from "../spec";

export interface Context {
  state: State;
  actions: Actions;
  format: Format;
  /** What is wrong with the question, by the control it concerns. */
  problems: Map<string, Problem[]>;
  /** Whether the screen has room for the settings beside the answer. */
  wide: boolean;
  /** The zones this browser knows. */
  timezones: readonly string[];
  /** This page's address, without the question. */
  origin: string;
  /** This page's address with the question. */
  url: string;
}
