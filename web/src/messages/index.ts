/** The languages of this page. Adding one is adding a file with the keys of `en.ts`, and a line here. */

import { type Messages, en } from "./en";
import { ko } from "./ko";

export type { Messages } from "./en";

export const LANGUAGES = { en, ko } as const satisfies Record<string, Messages>;
export type Language = keyof typeof LANGUAGES;

export function isLanguage(text: string | null): text is Language {
  return text !== null && Object.hasOwn(LANGUAGES, text);
}

/** The first of the reader's languages that this page has. */
export function chooseLanguage(preferred: readonly string[]): Language {
  const found = preferred.map((locale) => locale.split("-")[0] ?? "").find(isLanguage);
  return found ?? "en";
}
