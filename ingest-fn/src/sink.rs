//! How the event log is doing, as far as its appends tell: whether it takes them, and how fast.
//!
//! | what was seen | ready? | |
//! |---|---|---|
//! | an append, or a probe, that was taken in the last 10 s | yes | |
//! | one that failed in the last 2 s | no | |
//! | appends that wait, and none that ended for 10 s | no | the log hangs |
//! | nothing as recent as that | ask | [`EventLog::check`](weir_core::ports::EventLog::check) is the probe |
//!
//! So a log that has recovered is found ready again without traffic, and one that breaks while nobody sends is found out.
//!
//! The log *struggles* while appends take long (over a second, smoothed) or have failed lately; bulk then waits.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What was taken tells for so long that more would be.
const GOOD_FOR: Duration = Duration::from_secs(10);
/// What failed tells for so long that more would.
const BAD_FOR: Duration = Duration::from_secs(2);
/// Appends that wait for so long, while none ends, say that the log hangs.
const HANGS_AFTER: Duration = Duration::from_secs(10);
/// Bulk waits for so long after a failure, and after an append that was slow.
const STRUGGLES_FOR: Duration = Duration::from_secs(5);
/// A smoothed time of appends that is slow, in seconds.
const SLOW_S: f64 = 1.0;
/// How much of the smoothed time is the newest append's.
const NEWEST_PART: f64 = 0.125;

/// What is known of the log.
#[derive(Debug, Default)]
pub struct Sink(Mutex<Seen>);

/// Whether the log takes appends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Ready,
    /// It does not.
    Failing,
    /// It has not been seen for a while: ask it.
    Unknown,
}

#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// Appends under way.
    pending: u64,
    /// When the first of them came, or the last one before it ended.
    moved_at: Option<Instant>,
    /// The newest outcome.
    last: Option<(Instant, bool)>,
    failed_at: Option<Instant>,
    smoothed_s: f64,
}

impl Seen {
    fn begin(&mut self, now: Instant) {
        if self.pending == 0 {
            self.moved_at = Some(now);
        }
        self.pending += 1;
    }

    fn end(&mut self, now: Instant) {
        self.pending = self.pending.saturating_sub(1);
        self.moved_at = Some(now);
    }

    fn outcome(&mut self, now: Instant, taken: bool) {
        self.last = Some((now, taken));
        if !taken {
            self.failed_at = Some(now);
        }
    }

    fn took(&mut self, now: Instant, seconds: f64) {
        // After a pause the past tells nothing.
        let is_fresh = self.last.is_some_and(|(at, _)| since(at, now) < STRUGGLES_FOR);
        self.smoothed_s =
            if is_fresh { self.smoothed_s + (seconds - self.smoothed_s) * NEWEST_PART } else { seconds * NEWEST_PART };
    }

    fn hangs(&self, now: Instant) -> bool {
        self.pending > 0 && self.moved_at.is_some_and(|at| since(at, now) >= HANGS_AFTER)
    }

    fn verdict(&self, now: Instant) -> Verdict {
        match self.last {
            _ if self.hangs(now) => Verdict::Failing,
            Some((at, true)) if since(at, now) < GOOD_FOR => Verdict::Ready,
            Some((at, false)) if since(at, now) < BAD_FOR => Verdict::Failing,
            _ => Verdict::Unknown,
        }
    }

    fn struggles(&self, now: Instant) -> bool {
        let is_recent = |at: Instant| since(at, now) < STRUGGLES_FOR;
        let was_slow = self.smoothed_s > SLOW_S && self.last.is_some_and(|(at, _)| is_recent(at));
        was_slow || self.failed_at.is_some_and(is_recent) || self.hangs(now)
    }
}

fn since(at: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(at)
}

impl Sink {
    /// An append begins.
    pub fn begin(&self) -> Append<'_> {
        let now = Instant::now();
        self.lock().begin(now);
        Append { sink: self, began: now }
    }

    /// What a probe found.
    pub fn probed(&self, taken: bool) {
        self.lock().outcome(Instant::now(), taken);
    }

    /// Whether the log takes appends, as far as is known.
    pub fn verdict(&self) -> Verdict {
        self.lock().verdict(Instant::now())
    }

    /// Whether what can wait should.
    pub fn struggles(&self) -> bool {
        self.lock().struggles(Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // Figures, of which each stands for itself: a panic cannot leave them half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An append under way. Dropped without an outcome, where the request was given up, it tells nothing about the log.
#[derive(Debug)]
pub struct Append<'a> {
    sink: &'a Sink,
    began: Instant,
}

impl Append<'_> {
    /// The append has ended. Gives back how long it took.
    pub fn ended(self, taken: bool) -> Duration {
        let now = Instant::now();
        let took = since(self.began, now);
        let mut seen = self.sink.lock();
        seen.took(now, took.as_secs_f64());
        seen.outcome(now, taken);
        took
    }
}

impl Drop for Append<'_> {
    fn drop(&mut self) {
        self.sink.lock().end(Instant::now());
    }
}

#[cfg(test)]
#[path = "sink_tests.rs"]
mod tests;
