/** The words about answers of kinds that the page does not build. They come with the views that need them. */

import type { Language } from ".";
import { type OtherMessages, enOthers } from "./en-others";
import { koOthers } from "./ko-others";

export type { OtherMessages } from "./en-others";

export const OTHER_MESSAGES: Record<Language, OtherMessages> = { en: enOthers, ko: koOthers };
