//! Any order: as many steps as possible, each with an event of its own, inside one window.
//!
//! Sets of events that can fill different steps, one each, are the independent sets of a matroid (a transversal one). So
//! greedy choices are right ones:
//!
//! - Events are taken in order, and of each set of events that cannot all be used the oldest goes. What is left then has, for
//!   each instant, as many events behind it as any attempt could have: the steps that a window holds are counted by looking
//!   at it.
//! - When the end and the start of the chosen attempt are known, the events between are taken from the earliest on, as long as
//!   they leave each a step of its own.
//!
//! O(events × steps) time: an event meets at most as many others as there are steps.

use crate::spec::Ties;

use super::unit::{Part, Unit};
use super::{Best, Fixed, RuleSet};

/// Looks for attempts in any order.
#[derive(Debug, Default)]
pub(super) struct AnyOrder {
    filled: Filled,
    /// The events of `filled`, where they were added in order: from the oldest on.
    oldest_first: Vec<usize>,
    /// By depth, of the part that is looked at.
    known: Vec<Option<Known>>,
}

/// Events with a step of their own each.
#[derive(Debug, Default)]
struct Filled {
    /// For each step the event that fills it, and all steps that it could fill.
    by_step: Vec<Option<(usize, u64)>>,
    /// Bit `n` is set where step `n + 1` is filled.
    taken: u64,
}

impl Filled {
    fn clear(&mut self, steps: usize) {
        self.by_step.clear();
        self.by_step.resize(steps, None);
        self.taken = 0;
    }

    fn fill(&mut self, step: usize, event: usize, steps: u64) {
        self.by_step[step] = Some((event, steps));
        self.taken |= 1 << step;
    }

    /// The steps that are free, or would be if events moved, were one added that can fill `steps`: those of the set that are not
    /// taken.
    fn reached(&self, steps: u64) -> u64 {
        let (mut reached, mut open) = (steps, steps & self.taken);
        while open != 0 {
            let step = open.trailing_zeros() as usize;
            open &= open - 1;
            let others = self.by_step[step].map_or(0, |(_, others)| others);
            open |= others & !reached & self.taken;
            reached |= others;
        }
        reached
    }

    /// Adds an event, moving others to other steps if need be. `Err` where that is impossible: the steps of all events that
    /// stand in the way, of which any may go.
    fn add(&mut self, event: usize, steps: u64) -> Result<(), u64> {
        if let Some(free) = first_of(steps & !self.taken) {
            self.fill(free, event, steps);
            return Ok(());
        }
        let reached = self.reached(steps);
        if reached & !self.taken == 0 {
            return Err(reached);
        }
        // For each step that is reached, the step whose event could move there; itself where the new event could.
        let mut from = [usize::MAX; 64];
        let (mut reached, mut open) = (steps, steps);
        for (step, from) in from.iter_mut().enumerate() {
            if steps >> step & 1 == 1 {
                *from = step;
            }
        }
        while open != 0 {
            let step = open.trailing_zeros() as usize;
            open &= open - 1;
            let Some((_, others)) = self.by_step.get(step).copied().flatten() else {
                self.move_along(&from, step, event, steps);
                return Ok(());
            };
            let new = others & !reached;
            reached |= new;
            open |= new;
            for (other, from) in from.iter_mut().enumerate() {
                if new >> other & 1 == 1 {
                    *from = step;
                }
            }
        }
        Err(reached)
    }

    fn move_along(&mut self, from: &[usize; 64], free: usize, event: usize, steps: u64) {
        let mut step = free;
        while from[step] != step {
            self.by_step[step] = self.by_step[from[step]];
            step = from[step];
        }
        self.taken |= 1 << free;
        self.fill(step, event, steps);
    }

    /// Adds an event; where that is impossible, the oldest that stands in the way goes, and is returned.
    fn add_instead_of_oldest(&mut self, event: usize, steps: u64) -> Option<usize> {
        let reached = self.add(event, steps).err()?;
        let in_the_way = self.by_step.iter().enumerate().filter(|(step, _)| reached >> step & 1 == 1);
        let (step, oldest) = in_the_way.min_by_key(|(_, filled)| filled.map(|(event, _)| event))?;
        let oldest = oldest.map(|(event, _)| event);
        self.by_step[step] = None;
        self.taken &= !(1 << step);
        // There is room now, so it is added.
        let _ = self.add(event, steps);
        oldest
    }

    fn len(&self) -> usize {
        self.taken.count_ones() as usize
    }
}

/// The lowest bit that is set.
fn first_of(steps: u64) -> Option<usize> {
    (steps != 0).then(|| steps.trailing_zeros() as usize)
}

/// What is known of attempts of one depth.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// The first place with which such an attempt ends.
    end: usize,
    /// The latest start of such an attempt that ends there or, under ties by time, in the same millisecond.
    start: usize,
    latest_start_ms: i64,
}

impl AnyOrder {
    /// The best attempt of a part.
    pub fn best(&mut self, rules: &RuleSet, unit: &Unit<'_>, part: &Part<'_>, fixed: Option<Fixed>) -> Option<Best> {
        match fixed {
            Some(fixed) => Some(self.of_start(rules, unit, part, fixed)),
            None => self.over_all_starts(rules, unit, part),
        }
    }

    fn over_all_starts(&mut self, rules: &RuleSet, unit: &Unit<'_>, part: &Part<'_>) -> Option<Best> {
        let range = rules.base.range;
        let first = range.from_ms.map_or(0, |from| part.members.partition_point(|m| unit.events[*m].time_ms < from));
        let members = &part.members[first..];
        self.known.clear();
        self.known.resize(rules.base.steps, None);
        let mut possible_start = None;
        self.filled.clear(rules.base.steps);
        self.oldest_first.clear();
        for (at, member) in members.iter().enumerate() {
            let event = &unit.events[*member];
            if let Some(gone) = self.filled.add_instead_of_oldest(*member, event.steps) {
                self.oldest_first.retain(|event| *event != gone);
            }
            self.oldest_first.push(*member);
            if range.contains(event.time_ms) {
                possible_start = Some(*member);
            }
            let is_last_of_instant = rules.base.ties == Ties::Arrival
                || members.get(at + 1).is_none_or(|next| unit.events[*next].time_ms != event.time_ms);
            if let Some(possible_start) = possible_start.filter(|_| is_last_of_instant) {
                self.note(rules, unit, *member, possible_start);
            }
        }
        let depth = self.known.iter().rposition(Option::is_some)? + 1;
        let Known { end, start, latest_start_ms } = self.known[depth - 1]?;
        let places = match rules.base.ties {
            Ties::Arrival => start..end + 1,
            Ties::Lenient | Ties::Strict => unit.instant(start).start..unit.instant(end).end,
        };
        let inside = &members[members.partition_point(|m| *m < places.start)..];
        let inside = &inside[..inside.partition_point(|m| *m < places.end)];
        let attempt = self.chosen(unit, inside, depth);
        Some(Best { attempt: attempt.into_iter().map(Some).collect(), latest_start_ms })
    }

    /// Notes for each depth the attempts that end at `end` or just before.
    fn note(&mut self, rules: &RuleSet, unit: &Unit<'_>, end: usize, possible_start: usize) {
        let end_ms = unit.events[end].time_ms;
        let in_window = |place: usize| end_ms.saturating_sub(unit.events[place].time_ms) <= rules.base.window_ms;
        for (known, event) in self.known.iter_mut().zip(self.oldest_first.iter().rev()) {
            // A set of events without a possible start can swap one for it.
            let start = (*event).min(possible_start);
            if !in_window(start) {
                break;
            }
            let start_ms = unit.events[start].time_ms;
            match known {
                Some(known) => known.latest_start_ms = known.latest_start_ms.max(start_ms),
                none => *none = Some(Known { end, start, latest_start_ms: start_ms }),
            }
        }
    }

    /// Of `inside`, which spans the first and the last instant of the attempt, the events that are chosen, in order.
    ///
    /// Taken from the earliest on, the events give the times; which of an instant they are is decided by arrival: the end
    /// earliest, the start latest, the others earliest.
    fn chosen(&mut self, unit: &Unit<'_>, inside: &[usize], depth: usize) -> Vec<usize> {
        let steps = |place: usize| unit.events[place].steps;
        let time_ms = |place: usize| unit.events[place].time_ms;
        let n = self.filled.by_step.len();
        let mut filled = Filled::default();
        filled.clear(n);
        // From the earliest on: the last one taken is the earliest end.
        let taken = inside.iter().filter(|place| filled.add(**place, steps(**place)).is_ok());
        let taken: Vec<usize> = taken.copied().take(depth).collect();
        let (Some(first), Some(end)) = (taken.first().copied(), taken.last().copied()) else { return taken };
        let first_instant = inside.partition_point(|place| time_ms(*place) <= time_ms(first));
        let first_instant = &inside[..first_instant];
        // As many of the first instant as before, from the latest on; where that is the only instant, up to the end.
        let wanted = taken.iter().filter(|place| time_ms(**place) == time_ms(first)).count();
        filled.clear(n);
        let latest = first_instant.iter().rev().filter(|place| **place <= end);
        let latest = latest.filter(|place| filled.add(**place, steps(**place)).is_ok()).take(wanted).last();
        let start = latest.copied().unwrap_or(first);
        filled.clear(n);
        let attempt = inside.iter().filter(|place| **place >= start && **place <= end);
        attempt.copied().filter(|place| filled.add(*place, steps(*place)).is_ok()).take(depth).collect()
    }

    fn of_start(&mut self, rules: &RuleSet, unit: &Unit<'_>, part: &Part<'_>, fixed: Fixed) -> Best {
        let Fixed { start, usable_from } = fixed;
        let start_ms = unit.events[start].time_ms;
        let mut attempt = vec![Some(start)];
        self.filled.clear(rules.base.steps);
        // An empty set takes any event that fills a step.
        let _ = self.filled.add(start, unit.events[start].steps);
        let first = part.members.partition_point(|member| *member < usable_from.max(start + 1));
        for member in &part.members[first..] {
            let event = &unit.events[*member];
            let is_full = self.filled.len() == rules.base.steps;
            if is_full || event.time_ms.saturating_sub(start_ms) > rules.base.window_ms {
                break;
            }
            if self.filled.add(*member, event.steps).is_ok() {
                attempt.push(Some(*member));
            }
        }
        Best { attempt, latest_start_ms: start_ms }
    }
}
