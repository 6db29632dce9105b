//! Days, weeks, months and hours of a time zone, as instants.
//!
//! A *day* runs from the first instant that its zone calls by that date to the first instant of the next one: 23, 24 or
//! 25 hours where clocks change. A midnight that the clocks skip is replaced by the first instant behind the gap; of a
//! midnight that comes twice the first begins the day. A *week* begins on Monday, and a *month* with its first day. An
//! *hour* begins where the clock shows a full one, or where clocks are changed inside of one: an hour that comes twice is
//! two hours.

use chrono::{DateTime, Datelike, Days, LocalResult, Months, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone};
use chrono::{SecondsFormat, Utc};
use chrono_tz::Tz;

use crate::spec::Interval;
use crate::time::DAY_MS;

const HOUR_MS: i64 = 3_600_000;

/// More than the clocks of any zone have ever been away from UTC.
const MOST_OFFSET_MS: i64 = DAY_MS;

/// The first instant of a day.
pub fn start_of_day_ms(date: NaiveDate, zone: Tz) -> i64 {
    let midnight = date.and_time(NaiveTime::MIN);
    match zone.from_local_datetime(&midnight) {
        LocalResult::Single(instant) => instant.timestamp_millis(),
        LocalResult::Ambiguous(one, other) => one.timestamp_millis().min(other.timestamp_millis()),
        LocalResult::None => end_of_gap_ms(midnight, zone),
    }
}

/// The first instant at which the clocks of `zone` show more than `midnight`, which they skip: by halving, as no table
/// of changes is public.
fn end_of_gap_ms(midnight: NaiveDateTime, zone: Tz) -> i64 {
    let as_utc = midnight.and_utc().timestamp_millis();
    let is_behind = |ms: i64| zone.timestamp_millis_opt(ms).single().is_none_or(|at| at.naive_local() >= midnight);
    first_ms(as_utc - MOST_OFFSET_MS, as_utc + MOST_OFFSET_MS, is_behind)
}

/// The first instant of `before + 1 ..= behind` for which `holds`, which stays so from there on.
fn first_ms(mut before: i64, mut behind: i64, holds: impl Fn(i64) -> bool) -> i64 {
    while behind - before > 1 {
        let middle = before + (behind - before) / 2;
        if holds(middle) {
            behind = middle;
        } else {
            before = middle;
        }
    }
    behind
}

/// The first instant of so many days before a day; `None` beyond the calendar.
pub fn days_before_ms(date: NaiveDate, days: u64, zone: Tz) -> Option<i64> {
    date.checked_sub_days(Days::new(days)).map(|date| start_of_day_ms(date, zone))
}

/// The first instant of the bucket that an instant lies in. Instants beyond the calendar are buckets of their own.
pub fn start_ms(interval: Interval, zone: Tz, time_ms: i64) -> i64 {
    let Some(date) = day(zone, time_ms) else { return time_ms };
    let first_day = match interval {
        Interval::Hour => return start_of_hour_ms(zone, time_ms),
        Interval::Day => Some(date),
        Interval::Week => date.checked_sub_days(Days::new(u64::from(date.weekday().num_days_from_monday()))),
        Interval::Month => date.with_day(1),
    };
    first_day.map_or(time_ms, |day| start_of_day_ms(day, zone))
}

/// The first instant behind the bucket that begins with `start_ms`.
pub fn end_ms(interval: Interval, zone: Tz, start_ms: i64) -> i64 {
    let Some(local) = local(zone, start_ms) else { return start_ms.saturating_add(HOUR_MS) };
    let date = local.date();
    let next_day = match interval {
        Interval::Hour => return end_of_hour_ms(zone, start_ms),
        Interval::Day => date.checked_add_days(Days::new(1)),
        Interval::Week => date.checked_add_days(Days::new(7)),
        Interval::Month => date.checked_add_months(Months::new(1)),
    };
    let end = next_day.map_or(i64::MAX, |day| start_of_day_ms(day, zone));
    // A day that the zone skips has no length, and is not a bucket.
    if end > start_ms { end } else { start_ms.saturating_add(DAY_MS) }
}

/// The starts of all buckets with an instant of `from_ms` ≤ time < `to_ms`; `None` where there are more than `most`.
pub fn buckets(interval: Interval, zone: Tz, from_ms: i64, to_ms: i64, most: usize) -> Option<Vec<i64>> {
    let mut starts = Vec::new();
    if from_ms >= to_ms {
        return Some(starts);
    }
    let mut start = start_ms(interval, zone, from_ms);
    while start < to_ms {
        if starts.len() == most {
            return None;
        }
        starts.push(start);
        start = end_ms(interval, zone, start);
    }
    Some(starts)
}

/// An instant as the clocks of a zone show it, with their offset: `2026-01-01T00:00:00+09:00`.
pub fn with_offset(zone: Tz, time_ms: i64) -> String {
    match zone.timestamp_millis_opt(time_ms) {
        LocalResult::Single(instant) => {
            let fixed = instant.with_timezone(&instant.offset().fix());
            let parts = if time_ms.rem_euclid(1000) == 0 { SecondsFormat::Secs } else { SecondsFormat::Millis };
            fixed.to_rfc3339_opts(parts, false)
        }
        _ => time_ms.to_string(),
    }
}

/// The day that an instant lies in. Where clocks go back over midnight, they show yesterday's date again, and it is still the
/// new day.
fn day(zone: Tz, time_ms: i64) -> Option<NaiveDate> {
    let date = local(zone, time_ms)?.date();
    let next = date.checked_add_days(Days::new(1))?;
    Some(if start_of_day_ms(next, zone) <= time_ms { next } else { date })
}

fn local(zone: Tz, time_ms: i64) -> Option<NaiveDateTime> {
    // The last years of the calendar have no date behind them.
    let utc = DateTime::<Utc>::from_timestamp_millis(time_ms).filter(|utc| utc.year().abs() < 200_000)?;
    Some(utc.with_timezone(&zone).naive_local())
}

fn offset_ms(zone: Tz, time_ms: i64) -> i64 {
    let instant = zone.timestamp_millis_opt(time_ms).single();
    instant.map_or(0, |instant| i64::from(instant.offset().fix().local_minus_utc()) * 1000)
}

fn start_of_hour_ms(zone: Tz, time_ms: i64) -> i64 {
    let offset = offset_ms(zone, time_ms);
    let full = time_ms - (time_ms + offset).rem_euclid(HOUR_MS);
    if offset_ms(zone, full) == offset {
        return full;
    }
    first_ms(full, time_ms, |at| offset_ms(zone, at) == offset)
}

fn end_of_hour_ms(zone: Tz, start_ms: i64) -> i64 {
    let offset = offset_ms(zone, start_ms);
    let full = start_ms - (start_ms + offset).rem_euclid(HOUR_MS) + HOUR_MS;
    if offset_ms(zone, full - 1) == offset {
        return full;
    }
    first_ms(start_ms, full - 1, |at| offset_ms(zone, at) != offset)
}
