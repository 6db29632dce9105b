//! A trend: users by when their chosen attempt began.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::report::TrendBucket;
use crate::calendar;
use crate::spec::{DateRange, Interval};

/// The most buckets that are listed with the empty ones between them.
const MOST_BUCKETS: usize = 20_000;

/// Counts users by bucket.
#[derive(Debug)]
pub(super) struct Trend {
    interval: Interval,
    zone: Tz,
    range: DateRange,
    /// By first instant.
    buckets: BTreeMap<i64, Bucket>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    /// First instant behind it.
    end_ms: i64,
    entered: u64,
    converted: u64,
    open: u64,
}

impl Trend {
    pub fn new(interval: Interval, zone: Tz, range: DateRange) -> Self {
        Self { interval, zone, range, buckets: BTreeMap::new() }
    }

    /// Counts a user who began at an instant.
    pub fn add(&mut self, start_ms: i64, is_converted: bool, is_open: bool) {
        let known = self.buckets.range_mut(..=start_ms).next_back().filter(|(_, bucket)| start_ms < bucket.end_ms);
        let bucket = match known {
            Some((_, bucket)) => bucket,
            None => {
                let first_ms = calendar::start_ms(self.interval, self.zone, start_ms);
                let end_ms = calendar::end_ms(self.interval, self.zone, first_ms);
                self.buckets.entry(first_ms).or_insert(Bucket { end_ms, ..Bucket::default() })
            }
        };
        bucket.entered += 1;
        bucket.converted += u64::from(is_converted);
        bucket.open += u64::from(is_open && !is_converted);
    }

    /// All buckets of the range, or, where it is open, from the first to the last with a user; empty ones too, unless
    /// there are too many of them.
    pub fn report(self) -> Vec<TrendBucket> {
        let first_ms = self.range.from_ms.or_else(|| self.buckets.keys().next().copied());
        let end_ms = self.range.to_ms.or_else(|| self.buckets.keys().next_back().map(|last| last + 1));
        let all = first_ms
            .zip(end_ms)
            .and_then(|(first, end)| calendar::buckets(self.interval, self.zone, first, end, MOST_BUCKETS));
        let starts = all.unwrap_or_else(|| self.buckets.keys().copied().collect());
        let bucket = |start_ms: i64| {
            let Bucket { entered, converted, open, .. } = self.buckets.get(&start_ms).copied().unwrap_or_default();
            TrendBucket { start: calendar::with_offset(self.zone, start_ms), entered, converted, open }
        };
        starts.into_iter().map(bucket).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
