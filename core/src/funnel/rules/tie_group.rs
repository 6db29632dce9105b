//! Events of one millisecond that have no order: which steps they can fill together, each step with an event of its own,
//! and no mark between the two steps of an exclusion.
//!
//! ```text
//!   steps A B C, exclusion X from A to B           A  X  B  A  C
//!                                                  ✗     ▲  ▲  ▲    the second A: no X between it and B
//! ```
//!
//! Without exclusions that have both steps here, this is a matching of steps to events. With them, the events that a step may
//! have are narrowed down until each of them agrees with some event of the other step (arc consistency). "No mark between" is
//! a relation that is closed under taking the smaller of each, so the first events that are left then agree with each other, all
//! at once. Only where two steps have the same first event is there something to try.

use super::unit::Unit;
use super::{Between, Entangled};

/// So many events are looked at in trials before a group is given up. Real ones take a handful.
const MOST_LOOKS: usize = 20_000_000;

/// The marks of one exclusion in an instant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    pub exclusion: usize,
    pub between: Between,
    /// Places in the unit.
    pub first: usize,
    pub last: usize,
}

impl Marks {
    /// The steps that an event at `place` must not fill, where an attempt uses no other event of the instant.
    pub fn barred(&self, place: usize) -> u64 {
        let Between { from, to } = self.between;
        let mut barred = (from + 1..to).fold(0, |mask, step| mask | 1 << step);
        if place > self.first {
            barred |= 1 << to;
        }
        if place < self.last {
            barred |= 1 << from;
        }
        barred
    }
}

/// What is asked of a group: to fill these steps, of `first..end`, for an attempt that has what is before `first`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filling {
    pub steps: u64,
    pub first: usize,
    pub end: usize,
}

/// The events of one instant that an attempt may use.
#[derive(Debug)]
pub(super) struct TieGroup<'a> {
    /// Places in the unit, in order, and the steps that each fills.
    events: Vec<(usize, u64)>,
    steps: u64,
    unit: &'a Unit<'a>,
    marks: &'a [Marks],
}

/// For each step the events that it may have, as indices of the group's, in order.
#[derive(Debug, Clone)]
struct Domains {
    steps: Vec<(usize, Vec<usize>)>,
    /// Pairs of these steps with no mark of an exclusion between.
    pairs: Vec<(usize, usize, usize)>,
}

impl<'a> TieGroup<'a> {
    pub fn new(events: Vec<(usize, u64)>, unit: &'a Unit<'a>, marks: &'a [Marks]) -> Self {
        let events: Vec<(usize, u64)> = events.into_iter().filter(|(_, steps)| *steps != 0).collect();
        let steps = events.iter().fold(0, |all, (_, steps)| all | steps);
        Self { events, steps, unit, marks }
    }

    /// All steps that any event fills.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// The steps that are filled: those asked for and, of the optional ones, as many as can be had, earlier ones first.
    pub fn fill(&self, filling: Filling, optional: u64) -> Result<Option<u64>, Entangled> {
        if !self.is_possible(filling)? {
            return Ok(None);
        }
        let mut steps = filling.steps;
        for step in filling.first..filling.end {
            let more = steps | 1 << step;
            let is_wanted = optional & self.steps & !steps & 1 << step != 0;
            let has_room = (more.count_ones() as usize) <= self.events.len();
            if is_wanted && has_room && self.is_possible(Filling { steps: more, ..filling })? {
                steps = more;
            }
        }
        Ok(Some(steps))
    }

    fn is_possible(&self, filling: Filling) -> Result<bool, Entangled> {
        let Some(domains) = self.domains(filling) else { return Ok(false) };
        let mut looks = MOST_LOOKS;
        Ok(self.solve(domains, &mut looks)?.is_some())
    }

    /// Of all ways to fill the steps, the one that rule 5 prefers by arrival: the end earliest, then the start latest, then
    /// the middle steps earliest. `depth` is that of the whole attempt.
    pub fn preferred(&self, filling: Filling, depth: usize) -> Result<Vec<(usize, usize)>, Entangled> {
        let Some(mut domains) = self.domains(filling) else { return Ok(Vec::new()) };
        let steps: Vec<usize> = domains.steps.iter().map(|(step, _)| *step).collect();
        let last = steps.iter().position(|step| *step == depth - 1);
        let first = steps.iter().position(|step| *step == 0).filter(|first| Some(*first) != last);
        let middle = (0..steps.len()).filter(|at| Some(*at) != last && Some(*at) != first);
        for at in last.into_iter().chain(first).chain(middle) {
            let mut events = domains.steps[at].1.clone();
            if Some(at) == first {
                events.reverse();
            }
            for event in events {
                let mut trial = domains.clone();
                trial.assign(at, event);
                let mut looks = MOST_LOOKS;
                if self.solve(trial, &mut looks)?.is_some() {
                    domains.assign(at, event);
                    break;
                }
            }
        }
        let place = |events: &Vec<usize>| events.first().map(|event| self.events[*event].0);
        Ok(domains.steps.iter().filter_map(|(step, events)| Some((*step, place(events)?))).collect())
    }

    /// The events that each step may have by itself; `None` where a mark makes it impossible.
    fn domains(&self, filling: Filling) -> Option<Domains> {
        let inside = |step: usize| (filling.first..filling.end).contains(&step);
        let mut pairs = Vec::new();
        let steps = (filling.first..filling.end).filter(|step| filling.steps >> step & 1 == 1);
        let mut domains: Vec<(usize, Vec<usize>)> = steps
            .map(|step| (step, (0..self.events.len()).filter(|at| self.events[*at].1 >> step & 1 == 1).collect()))
            .collect();
        for mark in self.marks {
            let Between { from, to } = mark.between;
            let at = |step: usize| domains.iter().position(|(other, _)| *other == step);
            if to < filling.first || from >= filling.end {
                continue;
            }
            match (inside(from), inside(to)) {
                (true, true) => pairs.push((at(from)?, at(to)?, mark.exclusion)),
                (false, true) => {
                    let to = at(to)?;
                    domains[to].1.retain(|event| self.events[*event].0 <= mark.first);
                }
                (true, false) => {
                    let from = at(from)?;
                    domains[from].1.retain(|event| self.events[*event].0 >= mark.last);
                }
                (false, false) => return None,
            }
        }
        Some(Domains { steps: domains, pairs })
    }

    /// An event for each step, if there is a way.
    fn solve(&self, mut domains: Domains, looks: &mut usize) -> Result<Option<Vec<usize>>, Entangled> {
        let size: usize = domains.steps.iter().map(|(_, events)| events.len()).sum();
        *looks = looks.checked_sub(size + 1).ok_or(Entangled)?;
        self.narrow(&mut domains);
        if !domains.can_be_told_apart() {
            return Ok(None);
        }
        if domains.pairs.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let firsts: Vec<usize> = domains.steps.iter().filter_map(|(_, events)| events.first().copied()).collect();
        let shared = (0..firsts.len()).find(|at| firsts[..*at].contains(&firsts[*at]));
        let Some(event) = shared.map(|at| firsts[at]) else { return Ok(Some(firsts)) };
        // One of the steps whose first it is has it, or none of those. Another step may have it even so.
        for at in (0..firsts.len()).filter(|at| firsts[*at] == event) {
            let mut with = domains.clone();
            with.assign(at, event);
            if let Some(found) = self.solve(with, looks)? {
                return Ok(Some(found));
            }
        }
        for ((_, events), first) in domains.steps.iter_mut().zip(&firsts) {
            if *first == event {
                events.retain(|other| *other != event);
            }
        }
        self.solve(domains, looks)
    }

    /// Takes away events that agree with none of the other step's, until nothing changes.
    fn narrow(&self, domains: &mut Domains) {
        let mut changed = true;
        while changed {
            changed = false;
            for (from, to, exclusion) in domains.pairs.clone() {
                for (of, by) in [(from, to), (to, from)] {
                    let by = std::mem::take(&mut domains.steps[by].1);
                    let of_events = &mut domains.steps[of].1;
                    let count = of_events.len();
                    of_events.retain(|event| self.agrees(exclusion, *event, &by));
                    changed |= of_events.len() != count;
                    let other = if of == from { to } else { from };
                    domains.steps[other].1 = by;
                }
            }
        }
    }

    /// Whether no mark lies between an event and the nearest of `others`, on either side. They are other events.
    fn agrees(&self, exclusion: usize, event: usize, others: &[usize]) -> bool {
        let at = others.partition_point(|other| *other < event);
        let before = at.checked_sub(1).map(|at| others[at]);
        let behind = others[at..].iter().find(|other| **other != event).copied();
        let place = |event: usize| self.events[event].0;
        let no_mark = |other: usize| !self.unit.has_mark_between(exclusion, place(event), place(other));
        before.into_iter().chain(behind).any(no_mark)
    }
}

impl Domains {
    /// Gives an event to the step at `at`, and to no other.
    fn assign(&mut self, at: usize, event: usize) {
        for (other, (_, events)) in self.steps.iter_mut().enumerate() {
            if other == at {
                events.clear();
                events.push(event);
            } else {
                events.retain(|one| *one != event);
            }
        }
    }

    /// Whether each step can have an event of its own, exclusions apart (Kuhn's algorithm).
    fn can_be_told_apart(&self) -> bool {
        let most = self.steps.iter().filter_map(|(_, events)| events.last()).max().map_or(0, |last| last + 1);
        let mut step_of = vec![None; most];
        (0..self.steps.len()).all(|step| self.augment(step, &mut step_of, &mut vec![false; most]))
    }

    fn augment(&self, step: usize, step_of: &mut [Option<usize>], seen: &mut [bool]) -> bool {
        // A free event first: most often there is one.
        if let Some(event) = self.steps[step].1.iter().find(|event| step_of[**event].is_none()) {
            step_of[*event] = Some(step);
            return true;
        }
        for event in &self.steps[step].1 {
            if std::mem::replace(&mut seen[*event], true) {
                continue;
            }
            if step_of[*event].is_none_or(|other| self.augment(other, step_of, seen)) {
                step_of[*event] = Some(step);
                return true;
            }
        }
        false
    }
}
