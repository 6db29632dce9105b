//! What users did after an event, or before it: one path of each user or session, or one for every such event.
//!
//! ```text
//!   start view, depth 3, repeats are one step      V  V  C  A  S         path  view ▸ chat ▸ apply
//!                                                  ▲     ▲  ▲
//!   end apply, depth 3                             V  V  C  A  S         path  apply ◂ chat ◂ view
//!                                                     ▲  ▲  ▲
//! ```
//!
//! Words:
//! - *anchor*: the event that a path begins with, or, backwards, ends with. Without one, the first event that is looked at.
//! - *step*: an event of a path; where repeats are one step, its run of equal names, and of it the event nearest to the anchor.
//! - *level*: the number of a step, counted from the anchor, which is 1; backwards too.
//! - *reach*: the longest time between the anchor and another event of its path.
//! - *stopped*: a path of fewer steps than were asked for, to which nothing can be added any more. *Open*: one that may go on.
//!
//! Levels and links are counted as they come, and take no more room than there are pairs of names. Whole paths may be as many as
//! there are users: beyond [`MOST_DIFFERENT`] there is no answer, but an error that says what to ask for less of.
//!
//! `reference`, in tests, finds the same paths by looking at all events for each.

mod counts;
#[cfg(test)]
pub(crate) mod reference;
mod report;

use std::sync::Arc;

use crate::answer::Groups;
use crate::funnel::Sessions;
use crate::scan::{Seen, Selector, Walk, Wants};
use crate::spec::{PathCount, PathsSpec};
use counts::{Counts, Step};

pub use counts::{MOST_DIFFERENT, MOST_STEPS, TooManyPaths};
pub use report::{PathBranch, PathEnd, PathLevel, PathLink, PathNode, PathPlace, PathsReport, WholePath};

/// Bits of the events that a question names.
const ANCHOR: usize = 0;
const ONLY: usize = 1;
const HIDE: usize = 2;

/// Follows one user after another.
#[derive(Debug)]
pub struct PathsWalk {
    spec: Arc<PathsSpec>,
    complete_to_ms: Option<i64>,
    sessions: Sessions,
    names: Groups,
    /// Of the user whose events are coming, those that can be of a path.
    events: Vec<Taken>,
    counts: Counts,
}

/// One event of the user.
#[derive(Debug, Clone, Copy)]
struct Taken {
    time_ms: i64,
    name: u32,
    session: usize,
    /// Whether a path may begin here, or end, backwards.
    is_anchor: bool,
    /// Whether it can be a step of another event's path.
    is_step: bool,
}

/// What a question wants of the events. Sessions are made of all of them, whatever is looked at.
pub fn wants(spec: &PathsSpec) -> Wants {
    let anchors = spec.anchor.iter().flat_map(|anchor| Selector::each(ANCHOR, &anchor.any));
    let only = Selector::each(ONLY, &spec.only);
    let range = spec.scope.range;
    let (before, behind) = if spec.is_backward() { (spec.reach_ms(), 0) } else { (0, spec.reach_ms()) };
    let from = range.from_ms.map_or(i64::MIN, |from| from.saturating_sub(before));
    let to = range.to_ms.map_or(i64::MAX, |to| to.saturating_sub(1).saturating_add(behind));
    Wants {
        selectors: anchors.chain(only).chain(Selector::each(HIDE, &spec.hide)).collect(),
        filters: spec.scope.filters.clone(),
        needs_sessions: spec.is_by_session(),
        needs_every_event: spec.only.is_empty() || spec.is_by_session(),
        bounds_ms: Some((from, to)),
        ..Wants::default()
    }
}

impl PathsWalk {
    /// Has followed nobody. `complete_to_ms` says up to when everything received is known.
    pub fn new(spec: Arc<PathsSpec>, complete_to_ms: Option<i64>) -> Self {
        Self {
            counts: Counts::new(spec.top > 0),
            spec,
            complete_to_ms,
            sessions: Sessions::default(),
            names: Groups::default(),
            events: Vec::new(),
        }
    }

    /// Counts the paths of one user, or, where paths lie in sessions, of one session.
    fn follow(&mut self, events: &[Taken]) {
        let mut path = Path { spec: &self.spec, steps: Vec::with_capacity(self.spec.depth) };
        let mut behind = 0;
        while let Some(anchor) = events[behind..].iter().position(|event| event.is_anchor) {
            let anchor = behind + anchor;
            let start_ms = events[anchor].time_ms;
            let mut open_until_ms = start_ms;
            if self.spec.is_backward() {
                behind = path.go_back(events, behind, anchor);
            } else {
                behind = path.go_on(events, anchor);
                open_until_ms = start_ms.saturating_add(self.spec.reach_ms());
                if self.spec.is_by_session() {
                    open_until_ms = open_until_ms.min(self.sessions.ends_ms()[events[anchor].session]);
                }
            }
            let is_whole = path.steps.len() == self.spec.depth;
            let is_open = !is_whole && self.complete_to_ms.is_none_or(|complete_to| open_until_ms >= complete_to);
            self.counts.add(&path.steps, is_whole, is_open);
            if self.spec.count != PathCount::Every {
                break;
            }
        }
    }
}

/// The path that is being found.
struct Path<'s> {
    spec: &'s PathsSpec,
    steps: Vec<Step>,
}

impl Path<'_> {
    /// The path that begins with an anchor. Gives the first event behind it.
    fn go_on(&mut self, events: &[Taken], anchor: usize) -> usize {
        self.begin(&events[anchor]);
        let mut behind = anchor + 1;
        for (at, event) in events.iter().enumerate().skip(anchor + 1) {
            if !self.is_within(&events[anchor], event) {
                break;
            }
            if event.is_step {
                if !self.repeats(event) && !self.push(event) {
                    break;
                }
                behind = at + 1;
            }
        }
        behind
    }

    /// The path that ends with an anchor, and begins with none of the events before the `first`. Gives the first event behind it:
    /// repeats of the anchor belong to it.
    fn go_back(&mut self, events: &[Taken], first: usize, anchor: usize) -> usize {
        self.begin(&events[anchor]);
        let before = events[first..anchor].iter().rev().take_while(|event| self.spec.reaches(&events[anchor], event));
        for event in before.filter(|event| event.is_step) {
            if !self.repeats(event) && !self.push(event) {
                break;
            }
        }
        let mut behind = anchor + 1;
        if self.spec.collapse {
            let after = events.iter().enumerate().skip(anchor + 1);
            let after = after.take_while(|(_, event)| self.is_within(&events[anchor], event));
            let steps = after.filter(|(_, event)| event.is_step);
            for (at, _) in steps.take_while(|(_, event)| event.name == events[anchor].name) {
                behind = at + 1;
            }
        }
        behind
    }

    fn begin(&mut self, anchor: &Taken) {
        self.steps.clear();
        self.steps.push(Step { name: anchor.name, time_ms: anchor.time_ms });
    }

    fn is_within(&self, anchor: &Taken, event: &Taken) -> bool {
        self.spec.reaches(anchor, event)
    }

    /// Whether an event is one with the last step.
    fn repeats(&self, event: &Taken) -> bool {
        self.spec.collapse && self.steps.last().is_some_and(|last| last.name == event.name)
    }

    /// Adds a step; not where there are enough.
    fn push(&mut self, event: &Taken) -> bool {
        let has_room = self.steps.len() < self.spec.depth;
        if has_room {
            self.steps.push(Step { name: event.name, time_ms: event.time_ms });
        }
        has_room
    }
}

impl PathsSpec {
    /// Whether an event is near enough to an anchor.
    fn reaches(&self, anchor: &Taken, event: &Taken) -> bool {
        anchor.time_ms.abs_diff(event.time_ms) <= self.reach_ms().unsigned_abs()
    }
}

impl Walk for PathsWalk {
    fn take(&mut self, event: &Seen<'_>) {
        let spec = &self.spec;
        let session = if spec.is_by_session() { self.sessions.next(event.time_ms, event.session_id) } else { 0 };
        let is_step = (spec.only.is_empty() || event.fits(ONLY)) && !event.fits(HIDE);
        let is_named = spec.anchor.as_ref().map_or(is_step, |_| event.fits(ANCHOR));
        let is_anchor = is_named && spec.scope.range.contains(event.time_ms);
        if is_step || is_anchor {
            let name = self.names.number(event.event);
            self.events.push(Taken { time_ms: event.time_ms, name, session, is_anchor, is_step });
        }
    }

    fn end_user(&mut self, is_counted: bool) {
        let mut events = std::mem::take(&mut self.events);
        if is_counted && self.spec.is_by_session() {
            if self.spec.count == PathCount::Users {
                let first = events.iter().find(|event| event.is_anchor).map(|event| event.session);
                events.retain(|event| Some(event.session) == first);
            }
            // Events of one session stay in order.
            events.sort_by_key(|event| event.session);
            for session in events.chunk_by(|a, b| a.session == b.session) {
                self.follow(session);
            }
        } else if is_counted {
            self.follow(&events);
        }
        events.clear();
        self.events = events;
        self.sessions.clear();
    }

    fn merge(&mut self, other: Self) {
        let numbers: Vec<u32> = other.names.keys().iter().map(|name| self.names.number(name)).collect();
        self.counts.merge(other.counts, &numbers);
    }
}

#[cfg(test)]
#[path = "paths_tests.rs"]
mod tests;
