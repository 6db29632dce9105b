//! Sessions by looking at all events for each figure: what [`SessionsWalk`](super::SessionsWalk) is tested against.

use std::collections::BTreeSet;

use crate::answer::group_key;
use crate::calendar;
use crate::paths::reference::{session_end_ms, sessions};
use crate::scan::hand::Event;
use crate::spec::SessionsSpec;

/// One session.
#[derive(Debug, Clone)]
pub struct Session {
    pub user: usize,
    pub events: Vec<Event>,
    pub end_ms: i64,
}

impl Session {
    pub fn first(&self) -> &Event {
        &self.events[0]
    }

    pub fn duration_ms(&self) -> i64 {
        self.events[self.events.len() - 1].time_ms - self.events[0].time_ms
    }

    pub fn group(&self) -> String {
        group_key(self.first().values.first().filter(|value| !value.is_null()))
    }

    pub fn bucket(&self, spec: &SessionsSpec) -> i64 {
        calendar::start_ms(spec.interval.unwrap(), spec.scope.timezone, self.first().time_ms)
    }
}

/// The sessions in the range, of the events that are nearer to it than `around_ms`.
pub fn in_range(spec: &SessionsSpec, users: &[Vec<Event>], around_ms: i64) -> Vec<Session> {
    let range = spec.scope.range;
    let is_near = |event: &&Event| {
        range.from_ms.is_none_or(|from| event.time_ms >= from - around_ms)
            && range.to_ms.is_none_or(|to| event.time_ms < to + around_ms)
    };
    let mut found = Vec::new();
    for (user, events) in users.iter().enumerate() {
        let events: Vec<Event> = events.iter().filter(is_near).cloned().collect();
        let of = sessions(&events);
        for first in of.iter().copied().collect::<BTreeSet<usize>>() {
            let of_session = events.iter().zip(&of).filter(|(_, session)| **session == first);
            let end_ms = session_end_ms(&events, &of, first);
            found.push(Session { user, events: of_session.map(|(event, _)| event.clone()).collect(), end_ms });
        }
    }
    found.retain(|session| range.contains(session.first().time_ms));
    found
}

/// How many users some sessions are of.
pub fn users(sessions: &[Session]) -> u64 {
    sessions.iter().map(|session| session.user).collect::<BTreeSet<_>>().len() as u64
}

/// A quantile by linear interpolation.
pub fn quantile(mut numbers: Vec<i64>, share: f64) -> Option<f64> {
    numbers.sort_unstable();
    let at = numbers.len().checked_sub(1)? as f64 * share;
    let (below, above) = (numbers[at.floor() as usize] as f64, numbers[at.ceil() as usize] as f64);
    Some(below + (above - below) * at.fract())
}
