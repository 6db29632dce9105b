//! In which buckets of time users were active, and what follows from that.
//!
//! ```text
//!            Mon  Tue  Wed  Thu        lifecycle, by day
//!   ana       ●    ●         ●         Mon new   Tue returning   Wed dormant   Thu resurrecting
//!   ben            ●                             Tue new         Wed dormant
//!
//!                                      stickiness: ana on 3 of 4 days, ben on 1
//! ```
//!
//! A user is *active* in a bucket who did there what the question names. `reference`, in tests, finds the same by looking through all
//! events for each figure.

mod lifecycle;
#[cfg(test)]
mod reference;
mod stickiness;

pub use lifecycle::{LifecycleBucket, LifecycleReport, LifecycleWalk, wants as lifecycle_wants};
pub use stickiness::{StickinessReport, StickinessRow, StickinessWalk, wants as stickiness_wants};

/// The bit of events that make a user active.
const ACTIVE: usize = 0;

/// The buckets in which a user was active, by first instant, in order.
#[derive(Debug, Clone, Default)]
struct ActiveBuckets(Vec<i64>);

impl ActiveBuckets {
    /// The user is active in this bucket, which is none before the last.
    fn take(&mut self, start_ms: i64) {
        if self.0.last() != Some(&start_ms) {
            self.0.push(start_ms);
        }
    }
}

#[cfg(test)]
#[path = "activity_tests.rs"]
mod tests;
