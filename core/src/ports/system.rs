//! The real clock and real randomness: the only place that asks the system for either. Programs choose them; library code
//! is given a [`Clock`] and [`Ids`].

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use super::{Clock, Ids};

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the port")]
    fn now_ms(&self) -> i64 {
        // A clock that is set before 1970 or after the year 292 million is as good as 1970.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or_default()
    }
}

/// Version 7 UUIDs: random, and in the order of time, so that new files sort behind old ones.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    #[allow(clippy::disallowed_methods, reason = "this is the port")]
    fn next_id(&self) -> [u8; 16] {
        Uuid::now_v7().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::conformance;

    #[test]
    fn the_system_conforms() {
        conformance::clock(&SystemClock);
        conformance::ids(&RandomIds);
    }
}
