//! A trend: users by when their chosen attempt began.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::report::TrendBucket;
use crate::buckets::Buckets;
use crate::spec::{DateRange, Interval};

/// Counts users by bucket.
#[derive(Debug)]
pub(super) struct Trend {
    buckets: Buckets,
    range: DateRange,
    /// By first instant.
    counts: BTreeMap<i64, Counts>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    entered: u64,
    converted: u64,
    open: u64,
}

impl Trend {
    pub fn new(interval: Interval, zone: Tz, range: DateRange) -> Self {
        Self { buckets: Buckets::new(interval, zone), range, counts: BTreeMap::new() }
    }

    /// Counts a user who began at an instant.
    pub fn add(&mut self, start_ms: i64, is_converted: bool, is_open: bool) {
        let counts = self.counts.entry(self.buckets.start_ms(start_ms)).or_default();
        counts.entered += 1;
        counts.converted += u64::from(is_converted);
        counts.open += u64::from(is_open && !is_converted);
    }

    /// Adds what another trend of the same funnel has counted.
    pub fn merge(&mut self, other: Self) {
        for (start_ms, other) in other.counts {
            let counts = self.counts.entry(start_ms).or_default();
            counts.entered += other.entered;
            counts.converted += other.converted;
            counts.open += other.open;
        }
    }

    /// All buckets of the range, or, where an end of it is open, from the first or to the last with a user; empty ones
    /// too, unless there are too many of them.
    pub fn report(self) -> Vec<TrendBucket> {
        let bucket = |start_ms: i64| {
            let Counts { entered, converted, open } = self.counts.get(&start_ms).copied().unwrap_or_default();
            TrendBucket { start: self.buckets.text(start_ms), entered, converted, open }
        };
        self.buckets.list(self.range, self.counts.keys().copied()).into_iter().map(bucket).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar;

    const HOUR_MS: i64 = 3_600_000;

    fn ms(text: &str) -> i64 {
        chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
    }

    fn starts(interval: Interval, zone: &str, from: &str, to: &str) -> Vec<String> {
        let zone = zone.parse().unwrap();
        let range = DateRange { from_ms: Some(ms(from)), to_ms: Some(ms(to)) };
        Trend::new(interval, zone, range).report().into_iter().map(|bucket| bucket.start).collect()
    }

    #[test]
    fn days_follow_the_clocks_of_the_zone() {
        assert_eq!(
            starts(Interval::Day, "America/New_York", "2026-03-07T05:00:00Z", "2026-03-10T04:00:00Z"),
            ["2026-03-07T00:00:00-05:00", "2026-03-08T00:00:00-05:00", "2026-03-09T00:00:00-04:00"]
        );
        // No midnight on the 7th.
        assert_eq!(
            starts(Interval::Day, "America/Santiago", "2025-09-06T12:00:00Z", "2025-09-08T12:00:00Z"),
            ["2025-09-06T00:00:00-04:00", "2025-09-07T01:00:00-03:00", "2025-09-08T00:00:00-03:00"]
        );
        // No 30th of December at all.
        assert_eq!(
            starts(Interval::Day, "Pacific/Apia", "2011-12-29T12:00:00Z", "2011-12-31T00:00:00Z"),
            ["2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00"]
        );
    }

    #[test]
    fn a_day_goes_on_where_clocks_go_back_over_its_midnight() {
        // At 0:01 of the 7th clocks go back to 23:01 of the 6th.
        let mut trend = Trend::new(Interval::Day, "America/St_Johns".parse().unwrap(), DateRange::default());
        for instant in ["2010-11-07T02:29:59Z", "2010-11-07T02:30:00Z", "2010-11-07T02:31:00Z", "2010-11-07T03:30:00Z"]
        {
            trend.add(ms(instant), false, false);
        }
        let counted: Vec<_> = trend.report().into_iter().map(|bucket| (bucket.start, bucket.entered)).collect();
        let expected = [("2010-11-06T00:00:00-02:30", 1), ("2010-11-07T00:00:00-02:30", 3)];
        assert_eq!(counted, expected.map(|(start, entered)| (start.to_owned(), entered)));
    }

    #[test]
    fn an_hour_that_comes_twice_is_two_hours() {
        assert_eq!(
            starts(Interval::Hour, "America/New_York", "2025-11-02T05:00:00Z", "2025-11-02T07:30:00Z"),
            ["2025-11-02T01:00:00-04:00", "2025-11-02T01:00:00-05:00", "2025-11-02T02:00:00-05:00"]
        );
        // Clocks go half an hour: back from 2:00 to 1:30.
        assert_eq!(
            starts(Interval::Hour, "Australia/Lord_Howe", "2026-04-04T14:00:00Z", "2026-04-04T16:30:00Z"),
            ["2026-04-05T01:00:00+11:00", "2026-04-05T01:30:00+10:30", "2026-04-05T02:00:00+10:30"]
        );
    }

    #[test]
    fn weeks_begin_on_monday_and_months_with_their_first_day() {
        assert_eq!(
            starts(Interval::Week, "Asia/Seoul", "2026-01-01T00:00:00Z", "2026-01-12T00:00:00Z"),
            ["2025-12-29T00:00:00+09:00", "2026-01-05T00:00:00+09:00", "2026-01-12T00:00:00+09:00"]
        );
        assert_eq!(
            starts(Interval::Month, "UTC", "2026-01-31T00:00:00Z", "2026-03-01T00:00:00Z"),
            ["2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00"]
        );
    }

    #[test]
    fn every_user_is_in_the_bucket_of_their_start() {
        let mut trend = Trend::new(Interval::Hour, Tz::UTC, DateRange::default());
        trend.add(0, true, true);
        trend.add(HOUR_MS - 1, false, true);
        trend.add(2 * HOUR_MS, false, false);
        let counted: Vec<_> = trend.report().iter().map(|b| (b.entered, b.converted, b.open)).collect();
        assert_eq!(counted, [(2, 1, 1), (0, 0, 0), (1, 0, 0)]);
    }

    #[test]
    fn users_in_the_bucket_in_which_an_open_range_begins_are_listed() {
        let range = DateRange { from_ms: Some(HOUR_MS / 2), to_ms: None };
        let mut trend = Trend::new(Interval::Hour, Tz::UTC, range);
        assert_eq!(trend.report(), []);
        trend = Trend::new(Interval::Hour, Tz::UTC, range);
        trend.add(HOUR_MS / 2, false, false);
        assert_eq!(trend.report().iter().map(|bucket| bucket.entered).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn buckets_of_every_zone_follow_each_other() {
        // Around every change of clocks of ten years each instant is in the bucket that begins before it.
        for zone in chrono_tz::TZ_VARIANTS.iter().step_by(7) {
            for interval in [Interval::Hour, Interval::Day, Interval::Week, Interval::Month] {
                let (from, to) = (ms("2024-01-01T00:00:00Z"), ms("2024-12-31T00:00:00Z"));
                let starts = calendar::buckets(interval, *zone, from, to, 10_000).unwrap();
                assert!(starts.windows(2).all(|pair| pair[0] < pair[1]), "{zone} {interval:?}");
                for pair in starts.windows(2) {
                    for at in [pair[0], pair[1] - 1, (pair[0] + pair[1]) / 2] {
                        assert_eq!(calendar::start_ms(interval, *zone, at), pair[0], "{zone} {interval:?} {at}");
                    }
                }
            }
        }
    }
}
