//! The events of what counts as one user, and the parts that attempts are looked for in.

use std::cell::OnceCell;
use std::ops::Range;

use super::{RuleSet, UserEvent};
use crate::spec::Order;

/// What counts as one user.
#[derive(Debug)]
pub(super) struct Unit<'a> {
    pub events: &'a [UserEvent],
    pub session_ends_ms: &'a [i64],
    /// For each exclusion the places of the events that match it, in order.
    pub marks: Vec<Vec<usize>>,
}

/// The parts of one unit after another: what room they take is used again.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Of each event that fills some step and has a value to hold: that value, its session, and its place. By part.
    sorted: Vec<(Option<usize>, usize, usize)>,
    /// The places alone.
    members: Vec<usize>,
    /// By how deep an attempt of theirs could be, the deepest first.
    parts: Vec<Outline>,
}

/// What is known of a part without looking for attempts.
#[derive(Debug)]
struct Outline {
    /// Of all places, those that are its.
    members: Range<usize>,
    session: usize,
    /// No attempt of its events is deeper.
    most: usize,
}

/// The most steps that an attempt can come to whose events fill these.
fn most_of(steps: u64, rules: &RuleSet) -> usize {
    let most = match rules.order {
        Order::Any => steps.count_ones(),
        Order::Ordered | Order::Strict if rules.optional == 0 => steps.trailing_ones(),
        Order::Ordered | Order::Strict => u64::BITS - steps.leading_zeros(),
    };
    most as usize
}

impl Parts {
    /// Takes the parts of another unit.
    pub fn fill(&mut self, unit: &Unit<'_>, rules: &RuleSet) {
        let fills = |event: &UserEvent| event.steps != 0 && event.held.is_some();
        let places = unit.events.iter().enumerate().filter(|(_, event)| fills(event));
        self.members.clear();
        self.parts.clear();
        if !rules.hold && !rules.in_one_session {
            self.members.extend(places.map(|(place, _)| place));
            self.parts.push(Outline { members: 0..self.members.len(), session: 0, most: usize::MAX });
            return;
        }
        let session = |event: &UserEvent| if rules.in_one_session { event.session } else { 0 };
        self.sorted.clear();
        self.sorted.extend(places.map(|(place, event)| (event.held, session(event), place)));
        self.sorted.sort_unstable();
        for part in self.sorted.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let steps = part.iter().fold(0, |all, (_, _, place)| all | unit.events[*place].steps);
            // In order, nothing begins without a first step.
            if rules.order == Order::Any || steps & 1 == 1 {
                let first = self.members.len();
                self.members.extend(part.iter().map(|(_, _, place)| *place));
                let (members, session) = (first..self.members.len(), part[0].1);
                self.parts.push(Outline { members, session, most: most_of(steps, rules) });
            }
        }
        self.parts.sort_by_key(|part| std::cmp::Reverse(part.most));
    }

    /// All parts.
    pub fn iter(&self) -> impl Iterator<Item = Part<'_>> {
        self.parts.iter().map(|Outline { members, session, most }| Part {
            members: &self.members[members.clone()],
            session: *session,
            most: *most,
            by_step: OnceCell::new(),
            runs: OnceCell::new(),
        })
    }
}

/// For each of so many events the part that it is in.
pub(super) fn part_of(parts: &[Part<'_>], events: usize) -> Vec<Option<usize>> {
    let mut part_of = vec![None; events];
    for (at, part) in parts.iter().enumerate() {
        part.members.iter().for_each(|member| part_of[*member] = Some(at));
    }
    part_of
}

/// Events of which one attempt may consist.
#[derive(Debug)]
pub(super) struct Part<'p> {
    /// Places in the unit, in order.
    pub members: &'p [usize],
    /// Their session, where that is the window.
    pub session: usize,
    /// No attempt is deeper.
    pub most: usize,
    /// For each step the places of the members that fill it; empty until [`Part::by_step`] is asked.
    by_step: OnceCell<Vec<Vec<usize>>>,
    /// Members that are neighbours and alike; empty until [`Part::runs`] is asked.
    runs: OnceCell<Vec<Range<usize>>>,
}

impl Part<'_> {
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
            for member in self.members {
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
