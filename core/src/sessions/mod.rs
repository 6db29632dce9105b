//! How many sessions there were, how long they were, and what they began and ended with.
//!
//! ```text
//!   V        A               C  V        two sessions of one user: 3 events in 40 minutes, one event
//!   0        20             40  85 min   the second has one event: a bounce
//! ```
//!
//! Words:
//! - *session*: events that belong together, as [`Sessions`] has it, of those that pass the conditions of the
//!   question.
//! - *in the range*: a session whose first event is. To know which that is, events of [`LOOK_AROUND_MS`] before the range are looked at
//!   too; and so that sessions are whole, those of as long behind it.
//! - *duration*: from the first to the last event; 0 for a session of one event, which is a *bounce*.
//! - *open*: a session that may go on, by what has been received.
//!
//! The length of each session is kept, four bytes, and once more for a trend and for groups: percentiles are no estimates.
//!
//! `reference`, in tests, does the same by looking at all events for each figure.

#[cfg(test)]
mod reference;
mod report;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::answer::{Groups, group_key};
use crate::buckets::Buckets;
use crate::funnel::Sessions;
use crate::property::PropertyValue;
use crate::scan::{Seen, Walk, Wants};
use crate::spec::SessionsSpec;
use crate::tallies::Times;
use crate::time::DAY_MS;

pub use report::{
    EventShare, EventsPerSession, ListedEvent, SessionBucket, SessionFigures, SessionGroup, SessionTimes,
    SessionsReport,
};

/// So long before the range, and behind it, events are looked at too: a day, in milliseconds.
pub const LOOK_AROUND_MS: i64 = DAY_MS;

/// Counts the sessions of one user after another.
#[derive(Debug)]
pub struct SessionsWalk {
    spec: Arc<SessionsSpec>,
    complete_to_ms: Option<i64>,
    buckets: Option<Buckets>,
    numbers: Sessions,
    names: Groups,
    groups: Groups,
    /// Of the user whose events are coming, by their numbers.
    current: Vec<OneSession>,
    counts: Counts,
}

/// A session that is coming.
#[derive(Debug, Clone, Copy)]
struct OneSession {
    first_ms: i64,
    last_ms: i64,
    events: u64,
    first_name: u32,
    last_name: u32,
    group: u32,
    is_in_range: bool,
}

/// What is counted of all sessions.
#[derive(Debug, Default)]
struct Counts {
    whole: Cell,
    /// By the first instant of the bucket that a session begins in.
    trend: BTreeMap<i64, Cell>,
    by_group: HashMap<u32, Cell>,
    first_names: HashMap<u32, u64>,
    last_names: HashMap<u32, u64>,
}

/// What is counted of some sessions.
#[derive(Debug, Clone, Default)]
struct Cell {
    sessions: u64,
    users: u64,
    open: u64,
    /// Sessions by how many events they have.
    events: BTreeMap<u64, u64>,
    durations: Times,
}

/// What a question wants of the events: all of them, in its range and around it.
pub fn wants(spec: &SessionsSpec) -> Wants {
    let range = spec.scope.range;
    let from = range.from_ms.map_or(i64::MIN, |from| from.saturating_sub(LOOK_AROUND_MS));
    let to = range.to_ms.map_or(i64::MAX, |to| to.saturating_sub(1).saturating_add(LOOK_AROUND_MS));
    Wants {
        filters: spec.scope.filters.clone(),
        properties: spec.breakdown.iter().map(|breakdown| breakdown.property.clone()).collect(),
        needs_sessions: true,
        needs_every_event: true,
        bounds_ms: Some((from, to)),
        ..Wants::default()
    }
}

impl SessionsWalk {
    /// Has counted nothing. `complete_to_ms` says up to when everything received is known.
    pub fn new(spec: Arc<SessionsSpec>, complete_to_ms: Option<i64>) -> Self {
        Self {
            buckets: spec.interval.map(|interval| Buckets::new(interval, spec.scope.timezone)),
            spec,
            complete_to_ms,
            numbers: Sessions::default(),
            names: Groups::default(),
            groups: Groups::default(),
            current: Vec::new(),
            counts: Counts::default(),
        }
    }

    fn begin(&mut self, event: &Seen<'_>, name: u32) -> OneSession {
        let is_in_range = self.spec.scope.range.contains(event.time_ms);
        let group = match &self.spec.breakdown {
            Some(_) if is_in_range => {
                let value = event.properties.get(0).map(PropertyValue::into_value);
                self.groups.number(&group_key(value.as_ref()))
            }
            _ => 0,
        };
        OneSession {
            first_ms: event.time_ms,
            last_ms: event.time_ms,
            events: 0,
            first_name: name,
            last_name: name,
            group,
            is_in_range,
        }
    }

    fn count_user(&mut self) {
        let Self { spec, counts, current, .. } = self;
        let mut groups: Vec<u32> = Vec::new();
        let mut last_bucket = None;
        let mut has_any = false;
        for (session, ends_ms) in current.iter().zip(self.numbers.ends_ms()).filter(|(session, _)| session.is_in_range)
        {
            let is_open = self.complete_to_ms.is_none_or(|complete_to| *ends_ms >= complete_to);
            counts.whole.add(session, is_open, !has_any);
            has_any = true;
            if let Some(buckets) = &mut self.buckets {
                // Sessions come in the order in which they begin.
                let start = buckets.start_ms(session.first_ms);
                counts.trend.entry(start).or_default().add(session, is_open, last_bucket != Some(start));
                last_bucket = Some(start);
            }
            if spec.breakdown.is_some() {
                let is_new = !groups.contains(&session.group);
                counts.by_group.entry(session.group).or_default().add(session, is_open, is_new);
                groups.extend(is_new.then_some(session.group));
            }
            *counts.first_names.entry(session.first_name).or_default() += 1;
            *counts.last_names.entry(session.last_name).or_default() += 1;
        }
    }
}

impl Walk for SessionsWalk {
    fn take(&mut self, event: &Seen<'_>) {
        let number = self.numbers.next(event.time_ms, event.session_id);
        if number == self.current.len() {
            let name = self.names.number(event.event);
            let session = self.begin(event, name);
            self.current.push(session);
        }
        let session = &mut self.current[number];
        if session.is_in_range {
            session.last_ms = event.time_ms;
            session.last_name = self.names.number(event.event);
        }
        session.events += 1;
    }

    fn end_user(&mut self, is_counted: bool) {
        if is_counted {
            self.count_user();
        }
        self.current.clear();
        self.numbers.clear();
    }

    fn merge(&mut self, other: Self) {
        let names: Vec<u32> = other.names.keys().iter().map(|name| self.names.number(name)).collect();
        let (mine, theirs) = (&mut self.counts, other.counts);
        mine.whole.merge(theirs.whole);
        for (start, cell) in theirs.trend {
            mine.trend.entry(start).or_default().merge(cell);
        }
        for (group, cell) in theirs.by_group {
            let group = self.groups.number(other.groups.key(group));
            mine.by_group.entry(group).or_default().merge(cell);
        }
        for (mine, theirs) in [(&mut mine.first_names, theirs.first_names), (&mut mine.last_names, theirs.last_names)] {
            for (name, count) in theirs {
                *mine.entry(names[name as usize]).or_default() += count;
            }
        }
    }
}

impl Cell {
    fn add(&mut self, session: &OneSession, is_open: bool, is_new_user: bool) {
        self.sessions += 1;
        self.users += u64::from(is_new_user);
        self.open += u64::from(is_open);
        *self.events.entry(session.events).or_default() += 1;
        self.durations.add(session.last_ms - session.first_ms);
    }

    fn merge(&mut self, other: Self) {
        self.sessions += other.sessions;
        self.users += other.users;
        self.open += other.open;
        for (events, count) in other.events {
            *self.events.entry(events).or_default() += count;
        }
        self.durations.merge(other.durations);
    }
}

#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;
