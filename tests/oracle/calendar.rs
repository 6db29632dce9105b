//! Days, hours, weeks and months of a time zone, found by looking at every minute.

use std::cell::RefCell;
use std::collections::HashMap;

use chrono::{DateTime, Datelike, Days, NaiveDate, Offset, SecondsFormat, TimeZone, Timelike};
use chrono_tz::Tz;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

thread_local! {
    /// Days that were looked for before.
    static DAYS: RefCell<HashMap<(Tz, NaiveDate), i64>> = RefCell::default();
}

/// An instant on the clocks of a zone.
pub fn local(zone: Tz, ms: i64) -> DateTime<Tz> {
    zone.timestamp_millis_opt(ms).single().expect("an instant that a calendar has")
}

/// As a question and an answer write it.
pub fn text(zone: Tz, ms: i64) -> String {
    local(zone, ms).to_rfc3339_opts(SecondsFormat::AutoSi, false)
}

/// The first instant that a zone calls by a date, or by a later one where it skips that day.
pub fn start_of_day_ms(zone: Tz, date: NaiveDate) -> i64 {
    if let Some(known) = DAYS.with_borrow(|days| days.get(&(zone, date)).copied()) {
        return known;
    }
    // No zone is more than 14 hours before UTC; since 2000 clocks were changed at whole minutes.
    let utc = date.and_hms_opt(0, 0, 0).expect("a midnight").and_utc().timestamp_millis();
    let minutes = (0..3 * 24 * 60).map(|minute| utc - 15 * 60 * MINUTE_MS + minute * MINUTE_MS);
    let first = minutes.into_iter().find(|ms| local(zone, *ms).date_naive() >= date).expect("each day begins");
    DAYS.with_borrow_mut(|days| days.insert((zone, date), first));
    first
}

/// The first instants of all intervals that have a part in `from_ms` ≤ time < `to_ms`.
pub fn buckets(interval: &str, zone: Tz, from_ms: i64, to_ms: i64) -> Vec<i64> {
    if from_ms >= to_ms {
        return Vec::new();
    }
    if interval == "hour" {
        return hours(zone, from_ms, to_ms);
    }
    let begins = |date: &NaiveDate| match interval {
        "day" => true,
        "week" => date.weekday() == chrono::Weekday::Mon,
        _ => date.day() == 1,
    };
    // A month and some days before, so that the interval of `from` is among them.
    let first = local(zone, from_ms).date_naive() - Days::new(40);
    let days = first.iter_days().take(((to_ms - from_ms) / DAY_MS + 50) as usize);
    let mut starts: Vec<i64> = days.filter(begins).map(|date| start_of_day_ms(zone, date)).collect();
    starts.dedup();
    let first = starts.iter().rposition(|start| *start <= from_ms).expect("40 days have any beginning");
    starts.into_iter().skip(first).filter(|start| *start < to_ms).collect()
}

/// An hour lasts while clocks show it, and do not change.
fn hours(zone: Tz, from_ms: i64, to_ms: i64) -> Vec<i64> {
    let shown = |ms: i64| {
        let time = local(zone, ms);
        (time.date_naive(), time.hour(), time.offset().fix())
    };
    let mut at = from_ms.div_euclid(MINUTE_MS) * MINUTE_MS;
    while shown(at - MINUTE_MS) == shown(at) {
        at -= MINUTE_MS;
    }
    let mut starts = vec![at];
    while at < to_ms {
        if shown(at) != shown(at - MINUTE_MS) && at > starts[0] {
            starts.push(at);
        }
        at += MINUTE_MS;
    }
    starts
}
