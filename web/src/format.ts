/** Numbers, shares, durations and times for people, by locale. */

import type { Window, WindowUnit } from "./model";

export interface Format {
  locale: string;
  /** 25,123 */
  number(value: number): string;
  /** 0.178 as 17.8%. What is not all is never written 100%, what is not nothing never 0%. */
  share(value: number): string;
  /** Milliseconds in their two largest units: 2 hr 5 min. */
  duration(ms: number): string;
  /** 14 days */
  window(window: Window): string;
  /** An instant as date and time in a zone. */
  instant(iso: string, timezone: string): string;
  /** A date (`2026-01-31`) as people write it; other text stays as it is. */
  date(text: string): string;
}

const UNIT_NAMES: Record<WindowUnit, string> = {
  ms: "millisecond", s: "second", m: "minute", h: "hour", d: "day", w: "week",
};
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export function createFormat(locale: string): Format {
  const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
  const percent = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 });
  const unit = (value: number, name: string, unitDisplay: "short" | "long", maximumFractionDigits = 0) =>
    new Intl.NumberFormat(locale, { style: "unit", unit: name, unitDisplay, maximumFractionDigits }).format(value);

  /** `ms` in `large` and the `small` that make it up, rounded to `small`. */
  const pair = (ms: number, large: [number, string], small: [number, string]) => {
    const smalls = Math.round(ms / small[0]);
    const perLarge = large[0] / small[0];
    const rest = smalls % perLarge;
    const parts = [unit(Math.floor(smalls / perLarge), large[1], "short")];
    if (rest > 0) parts.push(unit(rest, small[1], "short"));
    return parts.join(" ");
  };

  return {
    locale,
    number: (value) => whole.format(value),
    share(value) {
      if (value > 0 && value < 0.001) return `<${percent.format(0.001)}`;
      if (value < 1 && value > 0.999) return `>${percent.format(0.999)}`;
      return percent.format(value);
    },
    duration(ms) {
      if (ms < SECOND) return unit(ms, "millisecond", "short");
      if (ms < 10 * SECOND) return unit(ms / SECOND, "second", "short", 1);
      if (Math.round(ms / SECOND) < 60) return unit(ms / SECOND, "second", "short");
      if (Math.round(ms / SECOND) < 3600) return pair(ms, [MINUTE, "minute"], [SECOND, "second"]);
      if (Math.round(ms / MINUTE) < 24 * 60) return pair(ms, [HOUR, "hour"], [MINUTE, "minute"]);
      return pair(ms, [DAY, "day"], [HOUR, "hour"]);
    },
    window: ({ amount, unit: name }) => unit(Number(amount), UNIT_NAMES[name], "long"),
    instant(iso, timezone) {
      const time = new Date(iso);
      if (Number.isNaN(time.getTime())) return iso;
      try {
        const style = { dateStyle: "medium", timeStyle: "medium", timeZone: timezone } as const;
        return new Intl.DateTimeFormat(locale, style).format(time);
      } catch {
        return iso; // a zone this browser does not know
      }
    },
    date(text) {
      const time = /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(`${text}T00:00:00Z`) : new Date(Number.NaN);
      if (Number.isNaN(time.getTime())) return text;
      return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: "UTC" }).format(time);
    },
  };
}

/** The reader's own variant of the language the page is written in: `en-GB` for a page in `en`. */
export function chooseLocale(pageLanguage: string, preferred: readonly string[]): string {
  return preferred.find((locale) => locale.split("-")[0] === pageLanguage) ?? pageLanguage;
}
