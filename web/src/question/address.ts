/**
 * The address of this page. All of it stands behind `#`, which never reaches a server's log, and works under any path:
 *
 *     #q=…                 a question: the spec as percent-encoded JSON
 *     #q=…&embed           the same, the answer alone
 *     #/reports            another page, see `routes.ts`
 */

import type { Spec } from "./compile";
import { UnreadableSpec } from "./read";

export interface Address {
  hash: string;
  search: string;
}

/** The part of the address that holds a spec; only letters, digits and `-_.~%` follow `#q=`. */
export function toHash(spec: Spec): string {
  return `#q=${encode(JSON.stringify(spec))}`;
}

/** The spec in an address (`#q=…` or `?q=…`), null where there is none. Throws `UnreadableSpec`. */
export function specOf(address: Address): unknown {
  const found = /^[#?](?:.*&)?q=([^&]*)/.exec(address.hash) ?? /^[#?](?:.*&)?q=([^&]*)/.exec(address.search);
  if (found === null) return null;
  try {
    return JSON.parse(decodeURIComponent(found[1]!));
  } catch {
    throw new UnreadableSpec("it is cut short or damaged");
  }
}

export function encode(text: string): string {
  // Unpaired surrogates cannot be encoded; JSON.stringify has escaped them already.
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
