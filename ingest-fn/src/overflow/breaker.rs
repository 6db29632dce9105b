//! Leaves a log alone that is plainly down, so that not every request waits for it in vain.
//!
//! ```text
//!           N failures in a row                 a while later
//!  closed ─────────────────────▶ open ───────────────────────▶ probing
//!    ▲ everything goes to         │ nothing goes               │ one append goes to the log, the others to the overflow
//!    │ the log                    │ to the log                 │
//!    └────────────── success ◀────┴──◀── failure: open ◀───────┤
//!    ▲                                                         │
//!    └────────────────────────── success ◀─────────────────────┘
//! ```
//!
//! For example with 5 failures and 5 s: the fifth request that fails in a row opens it; for 5 s all requests go to the overflow
//! at once; then one finds out whether the log is back. A probe that is never heard of again, since its client hung up, is
//! followed by another one after the log's deadline. An append that was on its way when it opened, and succeeds, closes it.

use std::time::Duration;

use tokio::time::Instant;

/// Counts failures, and says whether the log is asked.
#[derive(Debug)]
pub(super) struct Breaker {
    failures_to_open: u32,
    open_for: Duration,
    probe_for: Duration,
    /// In a row.
    failures: u32,
    /// Until then the log is left alone. `None` while it is closed.
    until: Option<Instant>,
}

impl Breaker {
    /// Closed. A probe that is not heard of for `probe_for` is given up.
    pub(super) fn new(failures_to_open: u32, open_for: Duration, probe_for: Duration) -> Self {
        Self { failures_to_open, open_for, probe_for, failures: 0, until: None }
    }

    /// Whether the log is asked now. Where the answer makes this the probe, the others wait for it.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        match self.until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                self.until = Some(now + self.probe_for);
                true
            }
        }
    }

    /// The log took a record. Whether that closed it.
    pub(super) fn succeeded(&mut self) -> bool {
        self.failures = 0;
        self.until.take().is_some()
    }

    /// The log did not take a record. Whether that opened it, having been closed.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        self.failures = self.failures.saturating_add(1);
        if self.failures < self.failures_to_open {
            return false;
        }
        self.until.replace(now + self.open_for).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn breaker() -> (Breaker, Instant) {
        (Breaker::new(3, 5 * SECOND, 4 * SECOND), Instant::now())
    }

    /// Open since `now`.
    fn open() -> (Breaker, Instant) {
        let (mut breaker, now) = breaker();
        assert_eq!([1, 2, 3].map(|_| breaker.failed(now)), [false, false, true]);
        (breaker, now)
    }

    #[test]
    fn it_opens_after_so_many_failures_in_a_row_and_not_before() {
        let (mut breaker, now) = breaker();
        for _ in 0..10 {
            breaker.failed(now);
            breaker.failed(now);
            assert!(!breaker.succeeded(), "it was closed");
        }
        assert!(breaker.admits(now));
        breaker.failed(now);
        breaker.failed(now);
        assert!(breaker.admits(now));
        assert!(breaker.failed(now));
        assert!(!breaker.admits(now));
        assert!(!breaker.admits(now + 5 * SECOND - Duration::from_millis(1)));
    }

    #[test]
    fn one_probe_at_a_time_finds_out_whether_the_log_is_back() {
        let (mut breaker, now) = open();
        let later = now + 5 * SECOND;
        assert!(breaker.admits(later), "the probe");
        assert!(!breaker.admits(later) && !breaker.admits(later + 3 * SECOND), "the others");
        assert!(!breaker.failed(later + 3 * SECOND), "it was open");
        assert!(!breaker.admits(later + 7 * SECOND), "as long as the first time");
        let again = later + 8 * SECOND;
        assert!(breaker.admits(again));
        assert!(breaker.succeeded());
        assert!(breaker.admits(again) && breaker.admits(again));
        assert!(!breaker.failed(again), "the count begins anew");
    }

    #[test]
    fn a_probe_that_is_never_heard_of_again_is_followed_by_another() {
        let (mut breaker, now) = open();
        let later = now + 5 * SECOND;
        assert!(breaker.admits(later));
        assert!(!breaker.admits(later + 4 * SECOND - Duration::from_millis(1)));
        assert!(breaker.admits(later + 4 * SECOND));
    }

    #[test]
    fn a_success_of_an_older_append_closes_it() {
        let (mut breaker, now) = open();
        assert!(breaker.succeeded());
        assert!(breaker.admits(now));
    }
}
