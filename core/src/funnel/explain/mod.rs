//! Why a user did or did not convert, event by event.
//!
//! ```text
//!   events of a user ──▶ observe ──▶ what each fills, and which conditions it fails ──▶ Journeys ──▶ judge ──▶ Explanation
//!                                                                                        │
//!                                                                     the same that questions are answered with
//! ```
//!
//! Nothing is matched a second time: [`Journeys`](super::Journeys) says which attempt is chosen, and [`judge()`] only says of every other event by
//! which rule it is not in it. Most of these reasons follow from what the chosen attempt is: were an event that fills the next
//! step later than the last one and inside the window, the attempt would be longer.
//!
//! Words, beside those of the [funnel](super):
//! - *candidate*: an event that a step or an exclusion names, or any event where the order is strict. Only these are listed.
//! - *number*: the place of a candidate in the list, from 0. Reasons name other events by it.
//!
//! ```
//! use weir_core::funnel::explain::{Explainer, RawEvent, Reason, Verdict};
//! use weir_core::spec::parse;
//!
//! let json = r#"{"kind": "funnel", "steps": [{"event": "view"}, {"event": "apply"}], "window": "1s"}"#;
//! let spec = parse(json, 0).unwrap().into_funnel().unwrap();
//! let mut explainer = Explainer::new(&spec);
//! for (time_ms, event) in [(0, "view"), (1500, "apply")] {
//!     explainer.push(&RawEvent { time_ms, event, ..RawEvent::default() });
//! }
//! let explanation = explainer.finish().unwrap();
//! assert_eq!((explanation.verdict, explanation.depth), (Verdict::Incomplete, 1));
//! assert_eq!(explanation.events[1].reason, Reason::TooLate { start: 0, by_ms: 500 });
//! ```

mod judge;
mod observe;

pub use judge::{Judgement, judge};
pub use observe::{Explainer, RawEvent};

use serde_json::Value;

use super::Journey;
use crate::spec::Condition;

/// How far a user came, and what became of each event.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// In one word.
    pub verdict: Verdict,
    /// The depth of the deepest attempt that counts; 0 where there is none.
    pub depth: usize,
    /// The chosen attempt; or that of each session, or each of the attempts, where those are counted. By when they begin.
    pub attempts: Vec<ExplainedAttempt>,
    /// What is missing where there is no attempt at all.
    pub missing: Option<Missing>,
    /// The candidates, in order.
    pub events: Vec<ExplainedEvent>,
}

/// How far a user came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Some attempt took all steps.
    Converted,
    /// There is an attempt, and none took all steps.
    Incomplete,
    /// There is no first step.
    NotEntered,
    /// There is an attempt, and the user, or each session with one, leaves the funnel for an excluded event.
    Dropped,
}

impl Verdict {
    /// A name for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Converted => "converted",
            Self::Incomplete => "incomplete",
            Self::NotEntered => "not_entered",
            Self::Dropped => "dropped",
        }
    }
}

/// A chosen attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainedAttempt {
    /// As [`Journeys`](super::Journeys) gives it, with numbers of candidates as events.
    pub journey: Journey,
    /// Whether it does not count, as the user leaves the funnel for an excluded event.
    pub is_dropped: bool,
    /// What is missing, where it did not take all steps.
    pub missing: Option<Missing>,
}

/// What an attempt lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Steps, from 1: the next that cannot be passed over; in any order, those that no event of the attempt fills.
    pub steps: Vec<usize>,
    /// The candidate with the name of such a step that comes nearest: the first from the attempt's last event on, or else the last
    /// one. Its reason says why it did not do.
    pub nearest: Option<usize>,
}

/// One candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainedEvent {
    /// When it happened, milliseconds since 1970.
    pub time_ms: i64,
    /// Its name.
    pub event: String,
    /// The steps that it may fill, from 1.
    pub steps: Vec<usize>,
    /// The exclusions that it matches, from 1.
    pub exclusions: Vec<usize>,
    /// Conditions that it fails: of the question; or, where it fills nothing and matches nothing, of the steps and exclusions that
    /// name it.
    pub unmet: Vec<Unmet>,
    /// The values that are held, in the order of the question; empty where none are.
    pub held: Vec<Option<Value>>,
    /// Why it counts or does not.
    pub reason: Reason,
}

/// A condition that an event fails.
#[derive(Debug, Clone)]
pub struct Unmet {
    /// Whose condition.
    pub of: ConditionOf,
    /// The condition.
    pub condition: Condition,
    /// What the event has there; `None` where it is missing.
    pub found: Option<Value>,
}

/// Conditions are the same if they read the same.
impl PartialEq for Unmet {
    fn eq(&self, other: &Self) -> bool {
        let read = |condition: &Condition| (condition.property.clone(), condition.test.op(), condition.test.value());
        (self.of, &self.found, read(&self.condition)) == (other.of, &other.found, read(&other.condition))
    }
}

/// What has a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionOf {
    /// The question.
    Question,
    /// A step, from 1.
    Step(usize),
    /// An exclusion, from 1.
    Exclusion(usize),
}

/// Why an event counts or does not. Steps, attempts and exclusions are numbered from 1, other events are numbers of candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It fails a condition of the question, so it is as good as not there.
    Filtered,
    /// It has the name of a step or an exclusion, and fails the conditions of all of them.
    Unmet,
    /// Nothing names it. It is there only because it may stand between others.
    Unnamed,
    /// It lacks a value that is held.
    NoHeldValue,
    /// It is in an attempt that counts.
    Chosen {
        /// Which.
        attempt: usize,
        /// As which step; in any order, as which of its events.
        step: usize,
        /// The step that it fills, which is another one only in any order.
        fills: usize,
    },
    /// It would be in an attempt, for which the user leaves the funnel.
    Dropped {
        /// Which.
        attempt: usize,
        /// As which step.
        step: usize,
    },
    /// An excluded event between two steps: for this the user leaves the funnel.
    Drops {
        /// Which exclusion.
        exclusion: usize,
        /// The event of the step after which it must not happen.
        after: usize,
        /// The event of the step before which it must not happen.
        before: usize,
    },
    /// An excluded event: past it, the attempt cannot go on to a step.
    Blocks {
        /// Which exclusion.
        exclusion: usize,
        /// The event of the step after which it must not happen.
        after: usize,
        /// The step before which it must not happen.
        step: usize,
    },
    /// An excluded event that is not where it would matter.
    Harmless {
        /// Which exclusion.
        exclusion: usize,
    },
    /// A first step outside of the date range.
    OutsideRange,
    /// A later step, and no attempt that it could carry on: no first step begins one.
    NoFirstStep,
    /// It lies in another session than the attempt.
    OtherSession {
        /// The first event of the attempt.
        start: usize,
    },
    /// It has other held values than the attempt.
    OtherValue {
        /// The first event of the attempt.
        start: usize,
    },
    /// It is not later than the step that it would have to follow.
    TooEarly {
        /// That step.
        step: usize,
        /// Its event.
        event: usize,
    },
    /// It comes after the window of the attempt.
    TooLate {
        /// The first event of the attempt.
        start: usize,
        /// How far behind the end of the window, in milliseconds.
        by_ms: i64,
    },
    /// An excluded event stands between it and another step.
    Excluded {
        /// Which exclusion.
        exclusion: usize,
        /// The excluded event.
        mark: usize,
        /// The event of the other step.
        other: usize,
    },
    /// Where the order is strict: another event stands between it and a step that it would have to be next to.
    NotAdjacent {
        /// That step.
        step: usize,
        /// The other event.
        between: usize,
    },
    /// A later step, and one before it was not taken.
    StepMissing {
        /// The one that was not taken.
        step: usize,
    },
    /// A first step from which the window closes before the attempt ends.
    WindowFromItTooShort {
        /// The last event of the attempt.
        end: usize,
        /// How far the end is behind the window, in milliseconds.
        by_ms: i64,
    },
    /// A first step, and the attempt that is chosen starts later.
    LaterStart {
        /// The first event of the attempt.
        start: usize,
    },
    /// A first step behind that of the attempt: from it, nothing comes as far as early.
    EndsLater {
        /// The last event of the attempt.
        end: usize,
    },
    /// Another event fills the step.
    Occupied {
        /// The step.
        step: usize,
        /// The other event.
        event: usize,
    },
    /// In any order: other events fill the steps that it may fill.
    AllTaken,
    /// An optional step, and the attempt is at a later one already.
    PassedOver {
        /// The later step.
        step: usize,
        /// Its event.
        event: usize,
    },
    /// A first step while another attempt is under way, where attempts are counted.
    UnderWay {
        /// The first event of the attempt.
        start: usize,
    },
}

impl Reason {
    /// A name for programs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Filtered => "filtered",
            Self::Unmet => "unmet",
            Self::Unnamed => "unnamed",
            Self::NoHeldValue => "no_held_value",
            Self::Chosen { .. } => "chosen",
            Self::Dropped { .. } => "dropped",
            Self::Drops { .. } => "drops",
            Self::Blocks { .. } => "blocks",
            Self::Harmless { .. } => "harmless",
            Self::OutsideRange => "outside_range",
            Self::NoFirstStep => "no_first_step",
            Self::OtherSession { .. } => "other_session",
            Self::OtherValue { .. } => "other_value",
            Self::TooEarly { .. } => "too_early",
            Self::TooLate { .. } => "too_late",
            Self::Excluded { .. } => "excluded",
            Self::NotAdjacent { .. } => "not_adjacent",
            Self::StepMissing { .. } => "step_missing",
            Self::WindowFromItTooShort { .. } => "window_too_short",
            Self::LaterStart { .. } => "later_start",
            Self::EndsLater { .. } => "ends_later",
            Self::Occupied { .. } => "occupied",
            Self::AllTaken => "all_taken",
            Self::PassedOver { .. } => "passed_over",
            Self::UnderWay { .. } => "under_way",
        }
    }

    /// The same reason with other numbers for the events that it names.
    fn renumbered(self, number: impl Fn(usize) -> usize) -> Self {
        let n = number;
        match self {
            Self::Drops { exclusion, after, before } => Self::Drops { exclusion, after: n(after), before: n(before) },
            Self::Blocks { exclusion, after, step } => Self::Blocks { exclusion, after: n(after), step },
            Self::OtherSession { start } => Self::OtherSession { start: n(start) },
            Self::OtherValue { start } => Self::OtherValue { start: n(start) },
            Self::TooEarly { step, event } => Self::TooEarly { step, event: n(event) },
            Self::TooLate { start, by_ms } => Self::TooLate { start: n(start), by_ms },
            Self::Excluded { exclusion, mark, other } => Self::Excluded { exclusion, mark: n(mark), other: n(other) },
            Self::NotAdjacent { step, between } => Self::NotAdjacent { step, between: n(between) },
            Self::WindowFromItTooShort { end, by_ms } => Self::WindowFromItTooShort { end: n(end), by_ms },
            Self::LaterStart { start } => Self::LaterStart { start: n(start) },
            Self::EndsLater { end } => Self::EndsLater { end: n(end) },
            Self::Occupied { step, event } => Self::Occupied { step, event: n(event) },
            Self::PassedOver { step, event } => Self::PassedOver { step, event: n(event) },
            Self::UnderWay { start } => Self::UnderWay { start: n(start) },
            other => other,
        }
    }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
