//! Days that clocks shorten, lengthen or skip, and texts that are no time.

use chrono::{DateTime, NaiveDate, TimeZone};
use chrono_tz::Tz;
use proptest::prelude::*;

use super::{Bound, LONGEST_WINDOW_DAYS, duration_ms, zone};
use crate::calendar::start_of_day_ms;

fn start_of_day(date: &str, zone: &str) -> String {
    let ms = start_of_day_ms(date.parse().unwrap(), zone.parse().unwrap());
    DateTime::from_timestamp_millis(ms).unwrap().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[test]
fn a_day_begins_with_its_first_instant() {
    for (date, zone, expected) in [
        ("2026-01-01", "UTC", "2026-01-01T00:00:00Z"),
        ("2026-01-01", "Asia/Seoul", "2025-12-31T15:00:00Z"),
        ("2026-03-29", "Europe/Berlin", "2026-03-28T23:00:00Z"),
        ("2026-03-30", "Europe/Berlin", "2026-03-29T22:00:00Z"),
        ("2026-10-26", "Europe/Berlin", "2026-10-25T23:00:00Z"),
        // Clocks went from 24:00 to 01:00, so these days had no midnight.
        ("2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00Z"),
        ("2022-03-27", "Asia/Beirut", "2022-03-26T22:00:00Z"),
        ("2023-04-28", "Africa/Cairo", "2023-04-27T22:00:00Z"),
        // From 00:30 to 01:30 (Toronto, where the zone's history has it at 23:30 to 00:30: midnight is inside the gap).
        ("1919-03-31", "America/Toronto", "1919-03-31T04:30:00Z"),
        // From 01:00 back to 00:00: midnight came twice.
        ("2025-11-02", "America/Havana", "2025-11-02T04:00:00Z"),
        // From 24:00 back to 23:00: the day before came to its end twice, midnight came once.
        ("2018-02-18", "America/Sao_Paulo", "2018-02-18T03:00:00Z"),
        // From 00:01 back to 23:01: the first minute came first, and the rest of the night before once more.
        ("2010-11-07", "America/St_Johns", "2010-11-07T02:30:00Z"),
        // Samoa left the 30th out, Kwajalein the 21st.
        ("2011-12-30", "Pacific/Apia", "2011-12-30T10:00:00Z"),
        ("2011-12-31", "Pacific/Apia", "2011-12-30T10:00:00Z"),
        ("1993-08-21", "Pacific/Kwajalein", "1993-08-21T12:00:00Z"),
        // Local mean time, with seconds.
        ("1850-01-01", "Asia/Seoul", "1849-12-31T15:32:08Z"),
    ] {
        assert_eq!(start_of_day(date, zone), expected, "{date} in {zone}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// Whatever the zone does: at its start a day's clocks show that day or, where it is skipped, a later one, and a
    /// millisecond before they do not.
    #[test]
    fn a_day_begins_where_its_date_does(
        zone in prop::sample::select(chrono_tz::TZ_VARIANTS.to_vec()), day in 0..90_000_u64,
    ) {
        let date = NaiveDate::from_ymd_opt(1850, 1, 1).unwrap() + chrono::Days::new(day);
        let start = start_of_day_ms(date, zone);
        let shown = |ms: i64| zone.timestamp_millis_opt(ms).unwrap().naive_local();
        let midnight = date.and_hms_opt(0, 0, 0).unwrap();
        prop_assert!(shown(start) >= midnight);
        prop_assert!(shown(start - 1) < midnight);
    }
}

#[test]
fn every_change_of_clocks_of_every_zone_leaves_days_in_order() {
    // All days of years with many changes, in all zones: cheap, and no change is missed by chance.
    for zone in chrono_tz::TZ_VARIANTS {
        for year in [1945, 2011, 2018, 2026] {
            let mut before = i64::MIN;
            for day in 0..366 {
                let date = NaiveDate::from_ymd_opt(year, 1, 1).unwrap() + chrono::Days::new(day);
                let start = start_of_day_ms(date, zone);
                let shown = |ms: i64| zone.timestamp_millis_opt(ms).unwrap().naive_local().date();
                assert!(before <= start, "{zone} {date}");
                assert!(shown(start) >= date && shown(start - 1) < date, "{zone} {date} {start}");
                before = start;
            }
        }
    }
}

#[test]
fn a_duration_is_a_whole_number_and_a_unit() {
    for (text, expected) in [
        ("1ms", Ok(1)),
        ("90s", Ok(90_000)),
        ("30m", Ok(1_800_000)),
        ("1h", Ok(3_600_000)),
        ("14d", Ok(1_209_600_000)),
        ("2w", Ok(1_209_600_000)),
        ("007d", Ok(604_800_000)),
        ("3650d", Ok(315_360_000_000)),
        ("3651d", Err("found `3651d`; expected at most 10 years (`3650d`)")),
        ("9223372036854775807w", Err("found `9223372036854775807w`; expected at most 10 years (`3650d`)")),
        ("99999999999999999999ms", Err("found `99999999999999999999ms`; expected at most 10 years (`3650d`)")),
        ("0d", Err("found `0d`; expected more than nothing, such as `14d`")),
        ("", Err("found ``; expected a whole number and a unit (ms, s, m, h, d, w), such as `14d`")),
        ("d", Err("found `d`; expected a whole number and a unit (ms, s, m, h, d, w), such as `14d`")),
        ("14", Err("found `14`; expected a whole number and a unit (ms, s, m, h, d, w), such as `14d`")),
        ("-1d", Err("found `-1d`; expected a whole number and a unit (ms, s, m, h, d, w), such as `14d`")),
        ("1.5d", Err("found `1.5d`; expected a whole number and a unit (ms, s, m, h, d, w), such as `14d`")),
        ("14 days", Err("found `14 days`; expected a whole number and a unit (ms, s, m, h, d, w), such as `14d`")),
        ("1M", Err("found `1M`; expected a whole number and a unit (ms, s, m, h, d, w), such as `14d`")),
    ] {
        assert_eq!(duration_ms(text, LONGEST_WINDOW_DAYS), expected.map_err(str::to_owned), "{text}");
    }
}

#[test]
fn a_zone_is_known_by_its_exact_name() {
    assert_eq!(zone("Asia/Seoul"), Ok(Tz::Asia__Seoul));
    for (text, expected) in [
        ("asia/seoul", "unknown time zone `asia/seoul`; did you mean `Asia/Seoul`?"),
        ("Asia/Seul", "unknown time zone `Asia/Seul`; did you mean `Asia/Seoul`?"),
        ("new york", "unknown time zone `new york`; did you mean `America/New_York`?"),
        ("+09:00", "unknown time zone `+09:00`; expected an IANA name such as `Asia/Seoul` or `UTC`"),
        ("", "unknown time zone ``; expected an IANA name such as `Asia/Seoul` or `UTC`"),
    ] {
        assert_eq!(zone(text).unwrap_err(), expected);
    }
}

#[test]
fn a_bound_is_a_day_or_an_instant() {
    let ms = |text: &str| Bound::parse(text).map(|bound| bound.first_ms(Tz::UTC));
    for (text, expected) in [
        ("1970-01-02", Ok(86_400_000)),
        ("1970-01-01T00:00:01Z", Ok(1_000)),
        ("1970-01-01T09:00:00.5+09:00", Ok(500)),
        ("1970-01-01T00:00:00.0001Z", Ok(1)),
        ("1969-12-31T23:59:59.9991Z", Ok(0)),
        ("2026-02-30", Err("the calendar has no day `2026-02-30`")),
        ("2026-01-31T09:00:00", Err("`2026-01-31T09:00:00` has no offset; add `Z` for UTC: `2026-01-31T09:00:00Z`")),
        ("2026-01-31 09:00", Err("`2026-01-31 09:00` has no offset; add `Z` for UTC: `2026-01-31T09:00:00Z`")),
        (
            "31.1.2026",
            Err("found `31.1.2026`; expected a date such as `2026-01-31` or an instant such as `2026-01-31T09:00:00Z`"),
        ),
    ] {
        assert_eq!(ms(text), expected.map_err(str::to_owned), "{text}");
    }
    for extreme in ["0000-01-01", "9999-12-31", "9999-12-31T23:59:59Z"] {
        for zone in [Tz::UTC, Tz::Asia__Seoul, Tz::Pacific__Apia, Tz::America__New_York] {
            let bound = Bound::parse(extreme).unwrap();
            assert!(bound.first_ms(zone) <= bound.behind_ms(zone));
        }
    }
}
