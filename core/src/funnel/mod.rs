//! What a funnel means.
//!
//! Words: a *step* is a description of events; an *attempt* is a run of distinct events of one user that fill steps 1, 2,
//! …, each later than the one before, the last at most a *conversion window* after the first; the *depth* of a user is the
//! length of their longest attempt. `docs/SEMANTICS.md` has every rule with a drawn example.
//!
//! [`Matcher`] finds the depth and the chosen attempt in one pass, where steps are in order and nothing else is asked;
//! [`Journeys`] knows all rules. [`reference`](mod@reference) enumerates all attempts and is what both are tested against;
//! [`Sessions`] and [`HeldValues`] number what `Journeys` compares; [`FunnelTally`] turns users into the [`FunnelReport`] that people and programs read;
//! [`explain`] says of one user why.
//!
//! ```
//! use weir_core::funnel::{Matcher, Rules, StepEvent};
//! use weir_core::spec::{DateRange, Ties};
//!
//! // Steps: 1 view, 2 apply. The user views at 0 and at 50, and applies at 60; the window is 20 ms.
//! let rules = Rules { steps: 2, window_ms: 20, ties: Ties::Lenient, range: DateRange::default() };
//! let events = [(0, 0b01), (50, 0b01), (60, 0b10)].map(|(time_ms, steps)| StepEvent { time_ms, steps });
//! let mut matcher = Matcher::new(rules);
//! let outcome = matcher.run(&events).unwrap();
//! assert_eq!(*outcome.attempt, [1, 2]); // not the first view: that one is too long ago
//! ```

mod assign;
pub mod explain;
mod listed;
mod matcher;
mod members;
pub mod reference;
mod report;
mod rules;
mod sessions;
mod tally;
mod trend;

pub use matcher::Matcher;
pub use members::TooManyValues;
pub use report::{
    BreakdownGroup, ConversionTimes, FunnelReport, HistogramBin, ListedUser, PreviousPeriod, StepReport, TrendBucket,
    UsersAtStep,
};
pub use rules::{Between, Entangled, Journey, Journeys, RuleSet, UserEvent};
pub use sessions::{HeldValues, SESSION_GAP_MS, Sessions};
pub(crate) use tally::histogram;
pub use tally::{FunnelTally, ReportContext, UserResult};

use std::borrow::Cow;

use crate::spec::{DateRange, FunnelSpec, Ties};

/// The part of a funnel question that decides about a user's events once it is known which steps each event fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Number of steps, 1 to [`MAX_STEPS`](crate::spec::MAX_STEPS).
    pub steps: usize,
    /// Longest time from the first to the last event of an attempt, inclusive, in milliseconds.
    pub window_ms: i64,
    /// What *later* means.
    pub ties: Ties,
    /// Bounds of the first event of an attempt.
    pub range: DateRange,
}

impl From<&FunnelSpec> for Rules {
    fn from(spec: &FunnelSpec) -> Self {
        Self { steps: spec.steps.len(), window_ms: spec.window.most_ms(), ties: spec.ties, range: spec.range }
    }
}

/// One event of a user, reduced to what the rules look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepEvent {
    /// When it happened, milliseconds since 1970.
    pub time_ms: i64,
    /// Bit `n` is set where the event fills step `n + 1`.
    pub steps: u64,
}

/// How far one user came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome<'m> {
    /// The chosen attempt, as indices of the user's events. Its length is the user's depth, at least 1.
    pub attempt: Cow<'m, [usize]>,
    /// The latest first event of any attempt of that depth, in milliseconds: `window_ms` after it the user can come no
    /// further.
    pub latest_start_ms: i64,
}
