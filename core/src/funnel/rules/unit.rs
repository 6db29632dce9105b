//! The events of what counts as one user, and the parts that attempts are looked for in.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ops::Range;

use super::{RuleSet, UserEvent};

/// What counts as one user.
#[derive(Debug)]
pub(super) struct Unit<'a> {
    pub events: &'a [UserEvent],
    pub session_ends_ms: &'a [i64],
    /// For each exclusion the places of the events that match it, in order.
    pub marks: Vec<Vec<usize>>,
}

/// Events of which one attempt may consist.
#[derive(Debug)]
pub(super) struct Part {
    /// Places in the unit, in order.
    pub members: Vec<usize>,
    /// Their session, where that is the window.
    pub session: usize,
    /// For each step the places of the members that fill it; empty until [`Part::by_step`] is asked.
    by_step: OnceCell<Vec<Vec<usize>>>,
    /// Members that are neighbours and alike; empty until [`Part::runs`] is asked.
    runs: OnceCell<Vec<Range<usize>>>,
}

impl Part {
    /// Runs of members that are neighbours in the unit and alike in all but their place, as ranges of members.
    pub fn runs(&self, events: &[UserEvent]) -> &[Range<usize>] {
        self.runs.get_or_init(|| {
            let is_alike = |a: &usize, b: &usize| {
                let (one, other) = (&events[*a], &events[*b]);
                *b == a + 1 && (one.time_ms, one.steps, one.excludes) == (other.time_ms, other.steps, other.excludes)
            };
            let mut first = 0;
            let runs = self.members.chunk_by(is_alike).map(|run| {
                let range = first..first + run.len();
                first = range.end;
                range
            });
            runs.collect()
        })
    }

    /// For each step the places of the members that fill it.
    pub fn by_step(&self, events: &[UserEvent], steps: usize) -> &[Vec<usize>] {
        self.by_step.get_or_init(|| {
            let mut by_step = vec![Vec::new(); steps];
            for member in &self.members {
                for (step, list) in by_step.iter_mut().enumerate() {
                    if events[*member].steps >> step & 1 == 1 {
                        list.push(*member);
                    }
                }
            }
            by_step
        })
    }
}

impl<'a> Unit<'a> {
    pub fn new(events: &'a [UserEvent], session_ends_ms: &'a [i64], rules: &RuleSet) -> Self {
        let mut marks = vec![Vec::new(); rules.exclude.len()];
        if !marks.is_empty() {
            for (place, event) in events.iter().enumerate().filter(|(_, event)| event.excludes != 0) {
                for (exclusion, places) in marks.iter_mut().enumerate() {
                    if event.excludes >> exclusion & 1 == 1 {
                        places.push(place);
                    }
                }
            }
        }
        Self { events, session_ends_ms, marks }
    }

    /// The parts, each of events that fill some step. Events without a value to hold are in none.
    pub fn parts(&self, rules: &RuleSet) -> Vec<Part> {
        let part = |members, session| Part { members, session, by_step: OnceCell::new(), runs: OnceCell::new() };
        let fills = |event: &UserEvent| event.steps != 0 && event.held.is_some();
        let places = || self.events.iter().enumerate().filter(|(_, event)| fills(event));
        if !rules.hold && !rules.in_one_session {
            return vec![part(places().map(|(place, _)| place).collect(), 0)];
        }
        let mut parts: BTreeMap<(Option<usize>, usize), Vec<usize>> = BTreeMap::new();
        for (place, event) in places() {
            let session = if rules.in_one_session { event.session } else { 0 };
            parts.entry((event.held, session)).or_default().push(place);
        }
        parts.into_iter().map(|((_, session), members)| part(members, session)).collect()
    }

    /// For each event the part that it is in.
    pub fn part_of(&self, parts: &[Part]) -> Vec<Option<usize>> {
        let mut part_of = vec![None; self.events.len()];
        for (at, part) in parts.iter().enumerate() {
            part.members.iter().for_each(|member| part_of[*member] = Some(at));
        }
        part_of
    }

    /// Whether an event that matches an exclusion lies between two others, whichever of them comes first.
    pub fn has_mark_between(&self, exclusion: usize, a: usize, b: usize) -> bool {
        let (first, last) = (a.min(b), a.max(b));
        let marks = &self.marks[exclusion];
        marks.get(marks.partition_point(|mark| *mark <= first)).is_some_and(|mark| *mark < last)
    }

    /// The places of all events at the instant of the event at `place`.
    pub fn instant(&self, place: usize) -> Range<usize> {
        let time_ms = self.events[place].time_ms;
        let first = self.events[..place].partition_point(|event| event.time_ms < time_ms);
        first..place + self.events[place..].partition_point(|event| event.time_ms <= time_ms)
    }
}
