//! The buckets of time of a chart: which one an instant is in, and the list of them, the empty ones too.

use chrono_tz::Tz;

use crate::calendar;
use crate::spec::{DateRange, Interval};

/// The most buckets that are listed with the empty ones between them.
const MOST_BUCKETS: usize = 20_000;

/// Hours, days, weeks or months of a zone, found once each.
#[derive(Debug, Clone)]
pub struct Buckets {
    interval: Interval,
    zone: Tz,
    /// First instants and first instants behind, in order.
    known: Vec<(i64, i64)>,
    /// The one that was found last.
    last: usize,
}

impl Buckets {
    /// Buckets of a zone.
    pub fn new(interval: Interval, zone: Tz) -> Self {
        Self { interval, zone, known: Vec::new(), last: 0 }
    }

    /// The first instant of the bucket that an instant is in.
    pub fn start_ms(&mut self, time_ms: i64) -> i64 {
        self.of(time_ms).0
    }

    /// The first instant behind the bucket that begins with this one.
    pub fn end_ms(&mut self, start_ms: i64) -> i64 {
        self.of(start_ms).1
    }

    fn of(&mut self, time_ms: i64) -> (i64, i64) {
        let holds = |(start, end): (i64, i64)| start <= time_ms && time_ms < end;
        if let Some(bucket) = self.known.get(self.last).copied().filter(|bucket| holds(*bucket)) {
            return bucket;
        }
        let behind = self.known.partition_point(|(start, _)| *start <= time_ms);
        if let Some(at) = behind.checked_sub(1)
            && holds(self.known[at])
        {
            self.last = at;
            return self.known[at];
        }
        let start = calendar::start_ms(self.interval, self.zone, time_ms);
        let bucket = (start, calendar::end_ms(self.interval, self.zone, start));
        self.known.insert(behind, bucket);
        self.last = behind;
        bucket
    }

    /// First instants of all buckets of a range, or, where it is open, from the first to the last of `used`; empty ones too,
    /// unless there are too many of them. `used` is in order.
    pub fn list(&self, range: DateRange, used: impl DoubleEndedIterator<Item = i64> + Clone) -> Vec<i64> {
        let first_ms = range.from_ms.or_else(|| used.clone().next());
        // The bucket that the range begins in may begin before it, and be the last.
        let last_ms = used.clone().next_back().map(|last| last.max(first_ms.unwrap_or(last)));
        let end_ms = range.to_ms.or(last_ms.map(|last| last.saturating_add(1)));
        let all = first_ms
            .zip(end_ms)
            .and_then(|(first, end)| calendar::buckets(self.interval, self.zone, first, end, MOST_BUCKETS));
        all.unwrap_or_else(|| used.collect())
    }

    /// An instant as the clocks of the zone show it.
    pub fn text(&self, time_ms: i64) -> String {
        calendar::with_offset(self.zone, time_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 86_400_000;

    #[test]
    fn instants_are_in_the_bucket_that_the_calendar_says() {
        let zone = Tz::America__New_York;
        let mut buckets = Buckets::new(Interval::Day, zone);
        // Backwards, forwards and again, over a day of 23 hours.
        let times = (0..400).map(|n| 1_741_000_000_000 + (n * 7_919_i64 % 400) * 3_600_000);
        for time_ms in times {
            let start = buckets.start_ms(time_ms);
            assert_eq!(start, calendar::start_ms(Interval::Day, zone, time_ms));
            assert_eq!(buckets.end_ms(start), calendar::end_ms(Interval::Day, zone, start));
        }
        assert!(buckets.known.is_sorted());
    }

    #[test]
    fn empty_buckets_are_listed_where_the_range_or_its_neighbours_say_so() {
        let buckets = Buckets::new(Interval::Day, Tz::UTC);
        let used = [DAY_MS, 3 * DAY_MS];
        let open = DateRange::default();
        assert_eq!(buckets.list(open, used.into_iter()), [DAY_MS, 2 * DAY_MS, 3 * DAY_MS]);
        let closed = DateRange { from_ms: Some(0), to_ms: Some(2 * DAY_MS) };
        assert_eq!(buckets.list(closed, used.into_iter()), [0, DAY_MS]);
        assert!(buckets.list(open, std::iter::empty()).is_empty());
        // A range that begins inside of a bucket, the only one.
        let begins_at_noon = DateRange { from_ms: Some(DAY_MS + DAY_MS / 2), to_ms: None };
        assert_eq!(buckets.list(begins_at_noon, [DAY_MS].into_iter()), [DAY_MS]);
        // Of too many only those that are used.
        assert_eq!(buckets.list(open, [0, 30_000 * DAY_MS].into_iter()), [0, 30_000 * DAY_MS]);
    }
}
