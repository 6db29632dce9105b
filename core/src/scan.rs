//! The seam between a question and an engine: what a question wants of the events, and what takes them.
//!
//! ```text
//!   spec ──▶ Wants    which events, which of their properties, between which instants
//!        └─▶ Walk     takes the events of one user after another, in order; walks of several parts of a lake are merged
//! ```
//!
//! An engine reads what is wanted and nothing else, and gives each event that matters as a [`Seen`]: when it happened, which
//! selectors it fits, and its properties on demand. A [`Walk`] knows nothing of files, rows or columns, so that the meaning of a
//! question can be tested without any. Funnels have a way of their own, which keeps less of each event.
//!
//! Words:
//! - *selector*: a description of events, and the bits that an event gets that fits it.
//! - *in order*: by (timestamp, arrival, event id), as everywhere.

use crate::property::PropertyValue;
use crate::spec::{Condition, EventMatch, PropertyPath};

/// Bits of selectors that a question may use: from 0 up to here. Those above are an engine's own.
pub const QUESTION_BITS: u32 = 96;

/// What a question wants of the events.
#[derive(Debug, Clone, Default)]
pub struct Wants {
    /// Which events matter.
    pub selectors: Vec<Selector>,
    /// Conditions on every event, before anything else.
    pub filters: Vec<Condition>,
    /// Properties that the walk looks at, by the numbers by which it asks for them.
    pub properties: Vec<PropertyPath>,
    /// Whether session ids are looked at.
    pub needs_sessions: bool,
    /// Whether events matter that fit no selector.
    pub needs_every_event: bool,
    /// First and last instant of events that matter, in milliseconds since 1970.
    pub bounds_ms: Option<(i64, i64)>,
}

/// Events, and the bits that they get.
#[derive(Debug, Clone)]
pub struct Selector {
    /// One bit or more of the first [`QUESTION_BITS`].
    pub bits: u128,
    /// Which events.
    pub event: EventMatch,
}

impl Selector {
    /// A selector for each alternative, all with the same bit.
    pub fn each(bit: usize, any: &[EventMatch]) -> impl Iterator<Item = Self> + '_ {
        any.iter().map(move |event| Self { bits: 1 << bit, event: event.clone() })
    }
}

/// Properties of one event, by the numbers that [`Wants::properties`] gives them.
pub trait Properties {
    /// The value of a property; `None` where it is missing.
    fn get(&self, number: usize) -> Option<PropertyValue<'_>>;
}

/// One event, as a walk sees it.
#[derive(Clone, Copy)]
pub struct Seen<'e> {
    /// When it happened, milliseconds since 1970.
    pub time_ms: i64,
    /// The bits of all selectors that it fits.
    pub bits: u128,
    /// Its name.
    pub event: &'e str,
    /// Its session, where sessions are wanted and it names one.
    pub session_id: Option<&'e str>,
    /// Its properties.
    pub properties: &'e dyn Properties,
}

impl std::fmt::Debug for Seen<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { time_ms, bits, event, .. } = self;
        write!(f, "{event} at {time_ms} ({bits:b})")
    }
}

impl Seen<'_> {
    /// Whether it fits a selector of this bit.
    pub fn fits(&self, bit: usize) -> bool {
        self.bits >> bit & 1 == 1
    }
}

/// Takes the events of one user after another.
pub trait Walk: Send + Sized + 'static {
    /// Takes the user's next event, in order.
    fn take(&mut self, event: &Seen<'_>);

    /// The user has no more events. Where they are not to be counted, everything of theirs is forgotten.
    fn end_user(&mut self, is_counted: bool);

    /// Adds what another walk has counted of other users.
    fn merge(&mut self, other: Self);
}

/// Runs a walk over events that are at hand, for tests and examples.
#[cfg(test)]
pub mod hand {
    use serde_json::Value;

    use super::*;

    /// An event with its properties as JSON, by their numbers.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Event {
        /// As in [`Seen`].
        pub time_ms: i64,
        /// As in [`Seen`].
        pub bits: u128,
        /// As in [`Seen`].
        pub name: String,
        /// As in [`Seen`].
        pub session_id: Option<String>,
        /// By the numbers of properties.
        pub values: Vec<Value>,
    }

    impl Properties for Event {
        fn get(&self, number: usize) -> Option<PropertyValue<'_>> {
            self.values.get(number).and_then(PropertyValue::from_value)
        }
    }

    /// An event without session or properties.
    pub fn event(time_ms: i64, name: &str, bits: u128) -> Event {
        Event { time_ms, bits, name: name.to_owned(), session_id: None, values: Vec::new() }
    }

    /// Gives the events of users, each in order, to as many walks as there are lists, and merges those.
    pub fn run<W: Walk>(new: impl Fn() -> W, parts: &[Vec<Vec<Event>>]) -> W {
        let mut whole = new();
        for part in parts {
            let mut walk = new();
            for user in part {
                for event in user {
                    walk.take(&Seen {
                        time_ms: event.time_ms,
                        bits: event.bits,
                        event: &event.name,
                        session_id: event.session_id.as_deref(),
                        properties: event,
                    });
                }
                walk.end_user(true);
            }
            whole.merge(walk);
        }
        whole
    }
}
