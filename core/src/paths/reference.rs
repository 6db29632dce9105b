//! Paths by looking at all events of a user for each: what [`PathsWalk`](super::PathsWalk) is tested against.

use std::collections::BTreeMap;

use crate::funnel::SESSION_GAP_MS;
use crate::scan::hand::Event;
use crate::spec::{PathCount, PathsSpec};

/// A path, its steps by level.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    pub events: Vec<String>,
    pub times_ms: Vec<i64>,
    /// Whether it has as many steps as were asked for.
    pub is_whole: bool,
    /// Until when it may go on.
    pub open_until_ms: i64,
}

/// For each event of a user the first one of its session.
pub fn sessions(events: &[Event]) -> Vec<usize> {
    let first = |at: usize| {
        let is_in = |before: usize| match (&events[before].session_id, &events[at].session_id) {
            (None, None) => {
                events[before..=at].windows(2).all(|pair| pair[1].time_ms - pair[0].time_ms <= SESSION_GAP_MS)
            }
            (before, now) => before == now,
        };
        (0..=at).find(|before| is_in(*before)).unwrap()
    };
    (0..events.len()).map(first).collect()
}

/// Until when the session that begins with an event may go on.
pub fn session_end_ms(events: &[Event], sessions: &[usize], first: usize) -> i64 {
    let last = sessions.iter().rposition(|session| *session == first).unwrap();
    let is_alive = |pair: &&[Event]| pair[1].time_ms - pair[0].time_ms <= SESSION_GAP_MS;
    let kept_alive = events[last..].windows(2).take_while(is_alive).count();
    let last = if events[first].session_id.is_none() { last + kept_alive } else { last };
    events[last].time_ms + SESSION_GAP_MS
}

/// The paths of a user. Bit 0 of an event is that of anchors, bit 1 that of `only`, bit 2 that of `hide`.
pub fn paths(spec: &PathsSpec, events: &[Event]) -> Vec<Path> {
    let has = |at: usize, bit: u32| events[at].bits >> bit & 1 == 1;
    let is_step = |at: usize| (spec.only.is_empty() || has(at, 1)) && !has(at, 2);
    let is_anchor = |at: usize| {
        (if spec.anchor.is_some() { has(at, 0) } else { is_step(at) }) && spec.scope.range.contains(events[at].time_ms)
    };
    let sessions = sessions(events);
    let mut units: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, session) in sessions.iter().enumerate() {
        units.entry(if spec.is_by_session() { *session } else { 0 }).or_default().push(at);
    }
    let mut found = Vec::new();
    for unit in units.values() {
        let mut used: Option<usize> = None;
        while let Some(anchor) = unit.iter().copied().find(|at| is_anchor(*at) && used.is_none_or(|used| used < *at)) {
            let near = |at: &usize| (events[*at].time_ms - events[anchor].time_ms).abs() <= spec.reach_ms();
            let steps = |is_there: &dyn Fn(usize) -> bool| -> Vec<usize> {
                unit.iter().copied().filter(|at| is_step(*at) && is_there(*at)).filter(near).collect()
            };
            let after = steps(&|at| at > anchor);
            let mut before = steps(&|at| at < anchor && used.is_none_or(|used| used < at));
            before.reverse();
            let others = if spec.is_backward() { before } else { after.clone() };
            let mut runs: Vec<Vec<usize>> = vec![vec![anchor]];
            for at in others {
                let last = runs.last_mut().unwrap();
                if spec.collapse && events[last[0]].name == events[at].name {
                    last.push(at);
                } else {
                    runs.push(vec![at]);
                }
            }
            runs.truncate(spec.depth);
            let repeats = after.iter().take_while(|at| spec.collapse && events[**at].name == events[anchor].name);
            let last = if spec.is_backward() { repeats.last() } else { runs.last().unwrap().last() };
            used = Some(last.copied().unwrap_or(anchor));
            let start_ms = events[anchor].time_ms;
            let end_ms = match (spec.is_backward(), spec.is_by_session()) {
                (true, _) => start_ms,
                (false, false) => start_ms + spec.reach_ms(),
                (false, true) => (start_ms + spec.reach_ms()).min(session_end_ms(events, &sessions, sessions[anchor])),
            };
            let path = Path {
                events: runs.iter().map(|run| events[run[0]].name.clone()).collect(),
                times_ms: runs.iter().map(|run| events[run[0]].time_ms).collect(),
                is_whole: runs.len() == spec.depth,
                open_until_ms: end_ms,
            };
            found.push((anchor, path));
            if spec.count != PathCount::Every {
                break;
            }
        }
    }
    found.sort_by_key(|(anchor, _)| *anchor);
    let most = if spec.count == PathCount::Users { 1 } else { usize::MAX };
    found.into_iter().map(|(_, path)| path).take(most).collect()
}
