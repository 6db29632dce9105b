//! How many events a second a key may bring: a token bucket that counts events, not requests.
//!
//! A bucket holds up to `burst` tokens and gains `events_per_second` of them each second. Every event of a request costs
//! one, whether it is good or not. A request that costs more than the bucket can ever hold is taken when the bucket is full,
//! and leaves a debt that the following requests wait for: so no batch is refused for ever, and the rate holds on average.
//!
//! ```text
//! rate 10, burst 20    request of  15   5   8    50 (after 3 s)   1 (at once)
//! tokens               20          5    0   0    20 -> -30        -30
//! answer                           ok   ok  1 s  ok               4 s
//! ```

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

/// Tokens are counted in thousandths, which makes the arithmetic of milliseconds exact.
const TOKEN: i64 = 1_000;

/// How fast a key may bring events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In the long run.
    pub events_per_second: NonZeroU32,
    /// At once, after a pause.
    pub burst: NonZeroU32,
}

impl Rate {
    fn most(self) -> i64 {
        i64::from(self.burst.get()) * TOKEN
    }

    /// What `ms` milliseconds bring; a clock that was set back brings nothing.
    fn gained(self, ms: i64) -> i64 {
        ms.max(0).saturating_mul(i64::from(self.events_per_second.get()))
    }

    /// Whole seconds, at least 1, until `missing` more are there.
    fn seconds_until(self, missing: i64) -> u64 {
        let a_second = i64::from(self.events_per_second.get()) * TOKEN;
        missing.max(1).unsigned_abs().div_ceil(a_second.unsigned_abs())
    }
}

/// The tokens of one key.
#[derive(Debug)]
pub struct Bucket {
    rate: Rate,
    level: Mutex<Level>,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    /// In thousandths; below zero is a debt.
    tokens: i64,
    /// When that was so, in milliseconds since 1970. `None` before the first request.
    at_ms: Option<i64>,
}

impl Bucket {
    /// A full bucket.
    pub fn full(rate: Rate) -> Self {
        Self { rate, level: Mutex::new(Level { tokens: rate.most(), at_ms: None }) }
    }

    /// A bucket of another rate that has used as much as this one: reloading keys is no way around a limit.
    #[must_use]
    pub fn with_rate(&self, rate: Rate) -> Self {
        let mut level = *self.level.lock().unwrap_or_else(PoisonError::into_inner);
        level.tokens = level.tokens.saturating_add(rate.most() - self.rate.most()).min(rate.most());
        Self { rate, level: Mutex::new(level) }
    }

    /// What the bucket was made with.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes a token for each of `events`, or none at all. 0 stands for a number that is not known yet: it takes nothing, and
    /// is refused where not even one event could be taken.
    ///
    /// # Errors
    /// After how many seconds to try again, at least 1.
    pub fn take(&self, events: usize, now_ms: i64) -> Result<(), u64> {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = level.at_ms.map_or(0, |at| now_ms.saturating_sub(at));
        level.tokens = level.tokens.saturating_add(self.rate.gained(passed)).min(self.rate.most());
        level.at_ms = Some(now_ms);
        let cost = i64::try_from(events).unwrap_or(i64::MAX).saturating_mul(TOKEN);
        let needed = cost.clamp(TOKEN, self.rate.most());
        if level.tokens < needed {
            return Err(self.rate.seconds_until(needed - level.tokens));
        }
        level.tokens = level.tokens.saturating_sub(cost);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(events_per_second: u32, burst: u32) -> Rate {
        Rate { events_per_second: events_per_second.try_into().unwrap(), burst: burst.try_into().unwrap() }
    }

    #[test]
    fn the_drawn_example_is_true() {
        let bucket = Bucket::full(rate(10, 20));
        assert_eq!(bucket.take(15, 0), Ok(()));
        assert_eq!(bucket.take(5, 0), Ok(()));
        assert_eq!(bucket.take(8, 0), Err(1));
        assert_eq!(bucket.take(50, 3_000), Ok(()));
        assert_eq!(bucket.take(1, 3_000), Err(4));
    }

    #[test]
    fn waiting_as_long_as_told_is_enough_and_a_second_less_is_not() {
        for (events_per_second, burst, first, next) in
            [(1, 1, 1, 1), (3, 10, 10, 10), (7, 1, 5_000, 3), (1_000, 5_000, 5_000, 4_999), (3, 2, 4_999, 5_000)]
        {
            let bucket = Bucket::full(rate(events_per_second, burst));
            bucket.take(first, 0).unwrap();
            let wait = i64::try_from(bucket.take(next, 1).unwrap_err()).unwrap();
            let copy = bucket.with_rate(bucket.rate());
            assert_eq!(copy.take(next, 1 + wait * 1_000), Ok(()));
            assert!(wait == 1 || bucket.take(next, 1 + (wait - 1) * 1_000).is_err(), "{wait}");
        }
    }

    #[test]
    fn in_the_long_run_no_more_comes_in_than_the_rate_and_one_burst() {
        let bucket = Bucket::full(rate(100, 50));
        let taken: usize = (0..100_000).map(|ms| if bucket.take(3, ms).is_ok() { 3 } else { 0 }).sum();
        assert!((10_000..=10_050).contains(&taken), "{taken} events in 100 s");
    }

    #[test]
    fn an_unknown_number_takes_nothing() {
        let bucket = Bucket::full(rate(1, 2));
        for _ in 0..100 {
            assert_eq!(bucket.take(0, 0), Ok(()));
        }
        bucket.take(2, 0).unwrap();
        assert_eq!(bucket.take(0, 999), Err(1));
        assert_eq!(bucket.take(0, 1_000), Ok(()));
    }

    #[test]
    fn a_clock_that_is_set_back_neither_fills_nor_stops_the_bucket() {
        let bucket = Bucket::full(rate(1, 1));
        bucket.take(1, 10_000_000).unwrap();
        assert_eq!(bucket.take(1, 0), Err(1));
        assert_eq!(bucket.take(1, 1_000), Ok(()));
        assert_eq!(bucket.take(usize::MAX, i64::MAX), Ok(()));
    }

    #[test]
    fn another_rate_keeps_what_was_used() {
        let bucket = Bucket::full(rate(1, 10));
        bucket.take(8, 0).unwrap();
        assert_eq!(bucket.with_rate(rate(1, 10)).take(3, 0), Err(1));
        assert_eq!(bucket.with_rate(rate(1, 20)).take(12, 0), Ok(()));
        assert_eq!(bucket.with_rate(rate(1, 4)).take(1, 0), Err(5));
    }
}
