//! Durations, days and instants of a question, as milliseconds since 1970. What a day is, [`calendar`](crate::calendar) says.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime};
use chrono_tz::{TZ_VARIANTS, Tz};

use super::fields::{Fields, Problems, shorten};
use super::model::DateRange;
use crate::calendar::start_of_day_ms;
use crate::nearest::nearest;
use crate::time::DAY_MS;

/// The units of a duration and their milliseconds: a day is 24 hours, a week 7 days.
const UNITS: [(&str, i64); 6] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", DAY_MS), ("w", 7 * DAY_MS)];

/// The longest `window`, in days.
pub(super) const LONGEST_WINDOW_DAYS: i64 = 3_650;

/// The longest `last`, in days.
pub(super) const LONGEST_LAST_DAYS: i64 = 36_500;

const EXPECTED_DURATION: &str = "a whole number and a unit (ms, s, m, h, d, w), such as `14d`";

const EXPECTED_INSTANT: &str = "a date such as `2026-01-31` or an instant such as `2026-01-31T09:00:00Z`";

/// A duration such as `14d`, in milliseconds: more than nothing, and at most so many days.
///
/// # Errors
/// What was found, and what was expected.
pub fn duration_ms(text: &str, longest_days: i64) -> Result<i64, String> {
    let expected = || format!("found `{}`; expected {EXPECTED_DURATION}", shorten(text));
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_ms = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, ms)| *ms);
    let (Some(unit_ms), false) = (unit_ms, number.is_empty()) else {
        return Err(expected());
    };
    // Digits that do not fit are too many, not malformed.
    let number = number.parse::<i64>().unwrap_or(i64::MAX);
    match number.checked_mul(unit_ms) {
        Some(0) => Err(format!("found `{}`; expected more than nothing, such as `14d`", shorten(text))),
        Some(ms) if ms <= longest_days * DAY_MS => Ok(ms),
        _ => {
            Err(format!("found `{}`; expected at most {} years (`{longest_days}d`)", shorten(text), longest_days / 365))
        }
    }
}

/// An IANA time zone by its exact name.
pub(super) fn zone(text: &str) -> Result<Tz, String> {
    text.parse().map_err(|_| {
        let names = || TZ_VARIANTS.iter().map(|zone| zone.name());
        let place = text.trim().replace(' ', "_");
        let same_place = |name: &&str| name.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(&place));
        let near = names()
            .find(|name| name.eq_ignore_ascii_case(text))
            .or_else(|| names().find(same_place))
            .or_else(|| nearest(text, names()));
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "expected an IANA name such as `Asia/Seoul` or `UTC`".to_owned(),
        };
        format!("unknown time zone `{}`; {hint}", shorten(text))
    })
}

/// Which instants a first step may have, from the fields `from`, `to` and `last`.
pub(super) fn range(fields: &Fields<'_>, zone: Tz, now_ms: i64, problems: &mut Problems) -> DateRange {
    let mut bound = |name: &str| {
        let text = fields.text(name, EXPECTED_INSTANT, problems)?;
        Bound::parse(text).map_err(|message| problems.add(fields.path_of(name), message)).ok()
    };
    let (from, to) = (bound("from"), bound("to"));
    if let (Some(from), Some(to)) = (&from, &to)
        && to.is_before(from, zone)
    {
        let (from, to) = (from.text(), to.text());
        problems.add(fields.path_of("from"), format!("`{from}` is after `to`, `{to}`; expected the earlier one first"));
    }
    let Some(last) = fields.text("last", EXPECTED_DURATION, problems) else {
        return DateRange { from_ms: from.map(|from| from.first_ms(zone)), to_ms: to.map(|to| to.behind_ms(zone)) };
    };
    if fields.get("from").is_some() || fields.get("to").is_some() {
        problems.add(fields.path_of("last"), "stands beside `from` or `to`; expected either `last` or those two");
    }
    match duration_ms(last, LONGEST_LAST_DAYS) {
        Ok(ms) => DateRange { from_ms: Some(now_ms.saturating_sub(ms)), to_ms: Some(now_ms.saturating_add(1)) },
        Err(message) => {
            problems.add(fields.path_of("last"), message);
            DateRange::default()
        }
    }
}

/// One end of a range.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Bound<'t> {
    Day(NaiveDate, &'t str),
    Instant(i64, &'t str),
}

impl<'t> Bound<'t> {
    pub fn parse(text: &'t str) -> Result<Self, String> {
        if has_shape_of_date(text) {
            let date = NaiveDate::parse_from_str(text, "%Y-%m-%d");
            return date.map(|date| Self::Day(date, text)).map_err(|_| format!("the calendar has no day `{text}`"));
        }
        if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
            // Events have whole milliseconds, so an instant between two bounds them as the later one does.
            let part = i64::from(instant.timestamp_subsec_nanos() % 1_000_000 != 0);
            return Ok(Self::Instant(instant.timestamp_millis() + part, text));
        }
        if let Some(whole) = without_offset(text) {
            return Err(format!("`{text}` has no offset; add `Z` for UTC: `{whole}Z`"));
        }
        Err(format!("found `{}`; expected {EXPECTED_INSTANT}", shorten(text)))
    }

    /// The first instant of a range that begins here.
    pub fn first_ms(&self, zone: Tz) -> i64 {
        match self {
            Self::Day(date, _) => start_of_day_ms(*date, zone),
            Self::Instant(ms, _) => *ms,
        }
    }

    /// The first instant behind a range that ends here.
    pub fn behind_ms(&self, zone: Tz) -> i64 {
        match self {
            Self::Day(date, _) => {
                date.checked_add_days(Days::new(1)).map_or(i64::MAX, |next| start_of_day_ms(next, zone))
            }
            Self::Instant(ms, _) => *ms,
        }
    }

    /// As the end of a range that begins with `from`. An empty range is no mistake where it is written with instants,
    /// or as one day that the zone skipped.
    fn is_before(&self, from: &Self, zone: Tz) -> bool {
        match (from, self) {
            (Self::Day(from, _), Self::Day(to, _)) => to < from,
            (_, Self::Day(..)) => self.behind_ms(zone) <= from.first_ms(zone),
            (_, Self::Instant(to, _)) => *to < from.first_ms(zone),
        }
    }

    fn text(&self) -> &'t str {
        match self {
            Self::Day(_, text) | Self::Instant(_, text) => text,
        }
    }
}

fn has_shape_of_date(text: &str) -> bool {
    let matches = |(at, byte): (usize, u8)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() };
    text.len() == 10 && text.bytes().enumerate().all(matches)
}

/// An instant whose offset is missing, with its seconds.
fn without_offset(text: &str) -> Option<String> {
    let text = text.replacen(' ', "T", 1);
    if NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f").is_ok() {
        return Some(text);
    }
    NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M").is_ok().then(|| format!("{text}:00"))
}

/// The first day of a range that is written as two dates, and how many days it has.
pub(super) fn days_between(fields: &Fields<'_>, from: &str, to: &str) -> Option<(NaiveDate, u64)> {
    let day = |name: &str| match Bound::parse(fields.get(name)?.as_str()?) {
        Ok(Bound::Day(date, _)) => Some(date),
        _ => None,
    };
    let (from, to) = (day(from)?, day(to)?);
    u64::try_from((to - from).num_days() + 1).ok().map(|days| (from, days))
}

#[cfg(test)]
#[path = "time_tests.rs"]
mod tests;
