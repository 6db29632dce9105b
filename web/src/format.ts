/** Numbers, shares, durations and times for people, by locale. */

import type { Interval, WindowUnit } from "./question/model";

export interface Format {
  locale: string;
  /** 25,123 */
  number(value: number): string;
  /** 12.3: one digit behind the point at most. */
  decimal(value: number): string;
  /** A measured number: whole where it is, else with as many digits as tell something. */
  value(value: number): string;
  /** 1.2M, for an axis. */
  compact(value: number): string;
  /** 0.178 as 17.8%. What is not all is never written 100%, what is not nothing never 0%. */
  share(value: number): string;
  /** Milliseconds in their two largest units: 2 hr 5 min. */
  duration(ms: number): string;
  /** 14 days */
  span(amount: number, unit: WindowUnit): string;
  /** An instant as date and time in a zone. */
  instant(iso: string, timezone: string): string;
  /** The start of a bucket of time, as short as its size allows. */
  bucket(iso: string, interval: Interval, timezone: string): string;
  /** A date (`2026-01-31`) as people write it; other text stays as it is. */
  date(text: string): string;
  /** 1.5 MB */
  bytes(value: number): string;
  /** An amount of money: to the cent, and what is less with two digits that tell something. */
  money(value: number, currency: string): string;
}

const UNIT_NAMES: Record<WindowUnit, string> = {
  ms: "millisecond", s: "second", m: "minute", h: "hour", d: "day", w: "week",
};
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const BUCKET_STYLES: Record<Interval, Intl.DateTimeFormatOptions> = {
  hour: { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" },
  day: { month: "short", day: "numeric" },
  week: { month: "short", day: "numeric" },
  month: { year: "numeric", month: "short" },
};

export function createFormat(locale: string): Format {
  const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
  const tenth = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
  const measured = new Intl.NumberFormat(locale, { maximumSignificantDigits: 4 });
  const short = new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 });
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
  const dates = new Map<string, Intl.DateTimeFormat | null>();
  /** Made once: a chart asks for hundreds. Null for a zone this browser does not know. */
  const dateFormat = (key: string, style: Intl.DateTimeFormatOptions, timeZone: string): Intl.DateTimeFormat | null => {
    const known = dates.get(key + timeZone);
    if (known !== undefined) return known;
    let made: Intl.DateTimeFormat | null = null;
    try {
      made = new Intl.DateTimeFormat(locale, { ...style, timeZone });
    } catch {
      // The instant is shown as it came.
    }
    dates.set(key + timeZone, made);
    return made;
  };
  const written = (iso: string, key: string, style: Intl.DateTimeFormatOptions, timezone: string) => {
    const time = new Date(iso);
    return Number.isNaN(time.getTime()) ? iso : (dateFormat(key, style, timezone)?.format(time) ?? iso);
  };

  return {
    locale,
    number: (value) => whole.format(value),
    decimal: (value) => tenth.format(value),
    value: (value) => (Number.isInteger(value) ? whole.format(value) : Math.abs(value) >= 10_000 ? tenth.format(value) : measured.format(value)),
    compact: (value) => (Math.abs(value) < 1000 ? measured.format(value) : short.format(value)),
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
    span: (amount, name) => unit(amount, UNIT_NAMES[name], "long"),
    instant: (iso, timezone) => written(iso, "instant", { dateStyle: "medium", timeStyle: "medium" }, timezone),
    bucket: (iso, interval, timezone) => written(iso, interval, BUCKET_STYLES[interval], timezone),
    date(text) {
      if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return text;
      return written(`${text}T00:00:00Z`, "date", { dateStyle: "medium" }, "UTC");
    },
    bytes(value) {
      const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
      const size = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(value, 1)) / 3)));
      return unit(value / 1000 ** size, units[size]!, "short", size === 0 ? 0 : 1);
    },
    money: (value, currency) => moneyText(value, currency, locale),
  };
}

function moneyText(value: number, currency: string, locale: string): string {
  const digits = value === 0 || Math.abs(value) >= 0.1 ? { minimumFractionDigits: 2, maximumFractionDigits: 2 } : { maximumSignificantDigits: 2 };
  try {
    return new Intl.NumberFormat(locale, { style: "currency", currency, ...digits }).format(value);
  } catch {
    return `${new Intl.NumberFormat(locale, digits).format(value)} ${currency}`; // no currency that this browser knows
  }
}

/** The reader's own variant of the language the page is written in: `en-GB` for a page in `en`. */
export function chooseLocale(pageLanguage: string, preferred: readonly string[]): string {
  return preferred.find((locale) => locale.split("-")[0] === pageLanguage) ?? pageLanguage;
}
