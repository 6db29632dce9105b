//! Strict order: the events of an attempt follow each other directly among all events of the unit.
//!
//! From each start there are two runs to look at: the events behind it in the order of (timestamp, arrival, event id), and,
//! where events of one millisecond have no order, those before it in the same millisecond. Without optional steps the
//! n-th event of a run must fill step n. With them, a set of steps is carried along: those that the event may fill.

use crate::spec::Ties;

use super::unit::{Part, Unit};
use super::{Best, Fixed, RuleSet, choose};

/// Looks for attempts of adjacent events.
#[derive(Debug)]
pub(super) struct Adjacent {
    lanes: Vec<Lane>,
    /// `next[n]`: the steps that may come next after step n.
    next: Vec<u64>,
    /// For the run that is looked at: which steps each of its events may fill.
    reached: Vec<u64>,
}

/// Exclusions that are in force for attempts of some depths.
#[derive(Debug)]
struct Lane {
    /// Depths, from 1.
    depths: std::ops::RangeInclusive<usize>,
    /// For each exclusion of the lane: the steps between its two, which a matching event must not fill.
    between: Vec<(usize, u64)>,
}

impl Adjacent {
    pub fn new(rules: &RuleSet) -> Self {
        let n = rules.base.steps;
        let lanes = super::ordered::depths(rules).into_iter().map(|depths| {
            let in_force = rules.exclude.iter().enumerate().filter(|(_, e)| e.to < *depths.start());
            let between = in_force.map(|(at, e)| (at, (e.from + 1..e.to).fold(0, |mask, step| mask | 1 << step)));
            Lane { between: between.collect(), depths }
        });
        let next = |step: usize| {
            let mut steps = 0;
            for after in step + 1..n {
                steps |= 1 << after;
                if rules.optional >> after & 1 == 0 {
                    break;
                }
            }
            steps
        };
        Self { lanes: lanes.collect(), next: (0..n).map(next).collect(), reached: Vec::new() }
    }

    /// The best attempt of a part.
    pub fn best(&mut self, rules: &RuleSet, unit: &Unit<'_>, part: &Part<'_>, fixed: Option<Fixed>) -> Option<Best> {
        let mut best: Option<Best> = None;
        let starts = match &fixed {
            Some(fixed) => std::slice::from_ref(&fixed.start),
            None => part.members,
        };
        for start in starts {
            let event = &unit.events[*start];
            if event.steps & 1 == 0 || !rules.base.range.contains(event.time_ms) {
                continue;
            }
            let usable_from = fixed.map_or(0, |fixed| fixed.usable_from);
            for forwards in [true, false] {
                if !forwards && rules.base.ties != Ties::Lenient {
                    continue;
                }
                let found = self.run(rules, unit, *start, usable_from, forwards, best.as_ref());
                let Some(attempt) = found else { continue };
                let start_ms = event.time_ms;
                best = Some(match best {
                    Some(best) if best.attempt.len() == attempt.len() => {
                        let latest_start_ms = best.latest_start_ms.max(start_ms);
                        let is_before = choose::is_before(unit.events, rules.base.ties, &attempt, &best.attempt);
                        Best { attempt: if is_before { attempt } else { best.attempt }, latest_start_ms }
                    }
                    _ => Best { attempt, latest_start_ms: start_ms },
                });
            }
        }
        best
    }

    /// The best attempt of one run, if it is as deep as `best`.
    fn run(
        &mut self,
        rules: &RuleSet,
        unit: &Unit<'_>,
        start: usize,
        usable_from: usize,
        forwards: bool,
        best: Option<&Best>,
    ) -> Option<Vec<Option<usize>>> {
        let least = best.map_or(1, |best| best.attempt.len());
        for lane in (0..self.lanes.len()).rev() {
            if *self.lanes[lane].depths.end() < least {
                return None;
            }
            if let Some((depth, length)) = self.deepest(rules, unit, start, usable_from, forwards, lane)
                && depth >= least
            {
                return Some(self.of_all_lengths(rules, unit, start, forwards, depth, length));
            }
        }
        None
    }

    /// Events of one millisecond end alike, so that a longer run to the same depth, which passes over less, may be better.
    fn of_all_lengths(
        &self,
        rules: &RuleSet,
        unit: &Unit<'_>,
        start: usize,
        forwards: bool,
        depth: usize,
        shortest: usize,
    ) -> Vec<Option<usize>> {
        let mut best = self.attempt(start, forwards, depth, shortest);
        if rules.base.ties != Ties::Lenient || rules.optional == 0 {
            return best;
        }
        let time_ms = |length: usize| {
            let place = if forwards { start + length - 1 } else { start + 1 - length };
            unit.events[place].time_ms
        };
        for length in shortest + 1..=self.reached.len() {
            if time_ms(length) != time_ms(shortest) {
                break;
            }
            if self.reached[length - 1] >> (depth - 1) & 1 == 1 {
                let longer = self.attempt(start, forwards, depth, length);
                if choose::is_before(unit.events, rules.base.ties, &longer, &best) {
                    best = longer;
                }
            }
        }
        best
    }

    /// The depth that a run reaches under the exclusions of a lane, and with how many events.
    fn deepest(
        &mut self,
        rules: &RuleSet,
        unit: &Unit<'_>,
        start: usize,
        usable_from: usize,
        forwards: bool,
        lane: usize,
    ) -> Option<(usize, usize)> {
        let lane = &self.lanes[lane];
        let first = &unit.events[start];
        self.reached.clear();
        self.reached.push(1);
        let mut deepest = lane.depths.contains(&1).then_some((1, 1));
        let mut place = start;
        while self.reached.len() < rules.base.steps {
            let before = &unit.events[place];
            let next = if forwards { Some(place + 1) } else { place.checked_sub(1) };
            let Some((next, event)) = next.and_then(|next| Some((next, unit.events.get(next)?))) else { break };
            let is_later = match rules.base.ties {
                Ties::Lenient if !forwards => event.time_ms == before.time_ms,
                Ties::Lenient | Ties::Arrival => true,
                Ties::Strict => event.time_ms > before.time_ms,
            };
            let in_window = event.time_ms.saturating_sub(first.time_ms) <= rules.base.window_ms;
            let in_part = event.held == first.held && (!rules.in_one_session || event.session == first.session);
            if !is_later || !in_window || !in_part || next < usable_from {
                break;
            }
            let mut steps = 0;
            let mut from = self.reached[self.reached.len() - 1];
            while from != 0 {
                steps |= self.next[from.trailing_zeros() as usize];
                from &= from - 1;
            }
            steps &= event.steps;
            for (exclusion, between) in &lane.between {
                if event.excludes >> exclusion & 1 == 1 {
                    steps &= !between;
                }
            }
            if steps == 0 {
                break;
            }
            self.reached.push(steps);
            place = next;
            // Steps of which an attempt of this lane may be the last.
            let most = u64::MAX >> (64 - *lane.depths.end());
            let depth = (64 - (steps & most).leading_zeros()) as usize;
            if lane.depths.contains(&depth) && deepest.is_none_or(|(deepest, _)| depth > deepest) {
                deepest = Some((depth, self.reached.len()));
            }
        }
        deepest
    }

    /// Of the ways in which the run fills steps up to `depth` with so many events, the one whose middle steps come
    /// earliest: each event fills the first step that leaves a way to the end.
    fn attempt(&self, start: usize, forwards: bool, depth: usize, length: usize) -> Vec<Option<usize>> {
        let mut leads = vec![0; length];
        leads[length - 1] = 1 << (depth - 1);
        for at in (0..length - 1).rev() {
            let mut steps = self.reached[at];
            while steps != 0 {
                let step = steps.trailing_zeros() as usize;
                if self.next[step] & leads[at + 1] != 0 {
                    leads[at] |= 1 << step;
                }
                steps &= steps - 1;
            }
        }
        let mut attempt = vec![None; depth];
        let mut possible = leads[0];
        for (at, _) in leads.iter().enumerate() {
            let step = possible.trailing_zeros() as usize;
            attempt[step] = Some(if forwards { start + at } else { start - at });
            possible = leads.get(at + 1).map_or(0, |next| next & self.next[step]);
        }
        attempt
    }
}
