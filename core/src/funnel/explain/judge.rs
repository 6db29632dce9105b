//! From the chosen attempts to a reason for each event.
//!
//! ```text
//!   steps A B C, window 10        A 0     B 3     A 4     B 6     C 15
//!   chosen: A 4, B 6              │       │       1       2       │
//!                                 │       │                       too late: 11 after A 4
//!                                 │       too early: before A 4
//!                                 later start: A 4 comes closer
//! ```
//!
//! An event is held against the attempt of its user, of its session where those are counted, or, where attempts are, against the
//! one that was under way when it happened.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use crate::funnel::assign::Matching;
use crate::funnel::{Between, Entangled, Journey, Journeys, RuleSet, StepEvent, UserEvent};
use crate::spec::{Count, Exclusion, Order, Ties};

use super::Reason;

/// The attempts of a user, and a reason for each event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Chosen attempts, by when they begin, and whether each is one for which the user leaves the funnel.
    pub attempts: Vec<(Journey, bool)>,
    /// For each event why it counts or does not, with places of events as numbers.
    pub reasons: Vec<Reason>,
}

/// Runs the rules over the events of one user, as [`Journeys::run`] does, and says of each event what became of it.
///
/// # Errors
/// [`Entangled`]
pub fn judge(rules: &RuleSet, events: &[UserEvent], session_ends_ms: &[i64]) -> Result<Judgement, Entangled> {
    let counted = Journeys::new(rules.clone()).run(events, session_ends_ms)?;
    let mut dropped = Vec::new();
    if rules.exclusion == Exclusion::DropUser && !rules.exclude.is_empty() {
        // What is chosen without regard to exclusions, and does not count, is what the user leaves for.
        let regardless = RuleSet { exclude: Vec::new(), ..rules.clone() };
        dropped = Journeys::new(regardless).run(events, session_ends_ms)?;
        let counted: HashSet<&[Option<usize>]> = counted.iter().map(|journey| journey.attempt.as_slice()).collect();
        dropped.retain(|journey| !counted.contains(journey.attempt.as_slice()));
    }
    let counted = counted.into_iter().map(|journey| (journey, false));
    let mut attempts: Vec<(Journey, bool)> =
        counted.chain(dropped.into_iter().map(|journey| (journey, true))).collect();
    attempts.sort_by_key(|(journey, _)| journey.attempt.first().copied());
    let judge = Judge::new(rules, events, &attempts);
    let reasons = (0..events.len()).map(|event| judge.reason(event)).collect();
    Ok(Judgement { attempts, reasons })
}

/// Steps of an attempt in any order that its events do not fill, numbered from 0; and for each event the step that it fills.
pub(super) fn filled_in_any_order(
    steps: usize,
    events: &[UserEvent],
    attempt: &[Option<usize>],
) -> (Vec<usize>, Vec<usize>) {
    let group: Vec<StepEvent> =
        attempt.iter().flatten().map(|event| StepEvent { time_ms: 0, steps: events[*event].steps }).collect();
    let mut matching = Matching::new(&group);
    let missing = (0..steps).filter(|step| !matching.add(*step)).collect();
    let fills = (0..group.len()).map(|event| matching.step_of(event).unwrap_or_default()).collect();
    (missing, fills)
}

struct Judge<'a> {
    rules: &'a RuleSet,
    events: &'a [UserEvent],
    attempts: &'a [(Journey, bool)],
    /// For each event its attempt, step and what it fills there, all from 0.
    chosen: Vec<Option<(usize, usize, usize)>>,
    /// Places of events by session where those are counted, else of all under 0.
    units: BTreeMap<usize, Vec<usize>>,
    /// Places of events that match an exclusion, by unit and exclusion.
    marks: BTreeMap<(usize, usize), Vec<usize>>,
    /// For each event the attempt that it is held against.
    own: Vec<Option<usize>>,
}

impl<'a> Judge<'a> {
    fn new(rules: &'a RuleSet, events: &'a [UserEvent], attempts: &'a [(Journey, bool)]) -> Self {
        let mut chosen = vec![None; events.len()];
        for (at, (journey, _)) in attempts.iter().enumerate() {
            let fills = match rules.order {
                Order::Any => filled_in_any_order(rules.base.steps, events, &journey.attempt).1,
                Order::Ordered | Order::Strict => (0..journey.attempt.len()).collect(),
            };
            for (step, event) in journey.attempt.iter().enumerate() {
                if let Some(event) = event {
                    chosen[*event] = Some((at, step, fills[step]));
                }
            }
        }
        let mut judge =
            Self { rules, events, attempts, chosen, units: BTreeMap::new(), marks: BTreeMap::new(), own: Vec::new() };
        for (place, event) in events.iter().enumerate() {
            let unit = judge.unit_of(place);
            judge.units.entry(unit).or_default().push(place);
            for exclusion in (0..rules.exclude.len()).filter(|exclusion| event.excludes >> exclusion & 1 == 1) {
                judge.marks.entry((unit, exclusion)).or_default().push(place);
            }
        }
        judge.own = judge.held_against();
        judge
    }

    fn unit_of(&self, event: usize) -> usize {
        if self.rules.count == Count::Sessions { self.events[event].session } else { 0 }
    }

    fn time_ms(&self, event: usize) -> i64 {
        self.events[event].time_ms
    }

    /// Events that each attempt has passed, as the walk through attempts does: up to its end if it took all steps, else up to the
    /// end of its window or session.
    fn spans(&self) -> Vec<Range<usize>> {
        let mut behind: BTreeMap<usize, usize> = BTreeMap::new();
        let span = |(at, start): (usize, usize)| {
            let journey = &self.attempts[at].0;
            let walk = if self.rules.in_one_session { self.events[start].session } else { 0 };
            let usable_from = behind.get(&walk).copied().unwrap_or(0);
            // Events of one millisecond may have no order, so that those before the start can follow it.
            let first = match self.rules.base.ties {
                Ties::Lenient => self.events[..start].partition_point(|e| e.time_ms < self.time_ms(start)),
                Ties::Arrival | Ties::Strict => start,
            };
            let end = if journey.attempt.len() == self.rules.base.steps {
                journey.attempt.iter().flatten().max().map_or(start + 1, |last| last + 1)
            } else if self.rules.in_one_session {
                self.events.len()
            } else {
                let end_ms = self.time_ms(start).saturating_add(self.rules.base.window_ms);
                self.events.partition_point(|event| event.time_ms <= end_ms)
            };
            behind.insert(walk, end);
            first.max(usable_from)..end
        };
        self.starts().map(span).collect()
    }

    /// For each event the attempt that it is held against.
    fn held_against(&self) -> Vec<Option<usize>> {
        let mut own = vec![None; self.events.len()];
        match self.rules.count {
            Count::Users => own.fill((!self.attempts.is_empty()).then_some(0)),
            Count::Sessions => {
                for (at, start) in self.starts() {
                    let places = self.units.get(&self.unit_of(start)).into_iter().flatten();
                    places.for_each(|place| own[*place] = Some(at));
                }
            }
            Count::Attempts => {
                let mut walks: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
                for (place, event) in self.events.iter().enumerate().filter(|_| self.rules.in_one_session) {
                    walks.entry(event.session).or_default().push(place);
                }
                for ((at, start), span) in self.starts().zip(self.spans()) {
                    let walk = walks.get(&self.events[start].session).filter(|_| self.rules.in_one_session);
                    match walk {
                        None => own[span].fill(Some(at)),
                        Some(walk) => {
                            walk.iter().filter(|at| span.contains(at)).for_each(|place| own[*place] = Some(at))
                        }
                    }
                }
            }
        }
        own
    }

    /// The attempts with their first events.
    fn starts(&self) -> impl Iterator<Item = (usize, usize)> + 'a {
        let attempts = self.attempts.iter().enumerate();
        attempts.filter_map(|(at, (journey, _))| Some((at, journey.attempt.first().copied()??)))
    }

    fn reason(&self, event: usize) -> Reason {
        let own = &self.events[event];
        if let Some((attempt, step, fills)) = self.chosen[event] {
            let (is_dropped, attempt, step) = (self.attempts[attempt].1, attempt + 1, step + 1);
            return match is_dropped {
                true => Reason::Dropped { attempt, step },
                false => Reason::Chosen { attempt, step, fills: fills + 1 },
            };
        }
        let attempt = self.own[event].map(|at| self.attempts[at].0.attempt.as_slice());
        if let Some(mark) = self.as_mark(event, attempt) {
            return mark;
        }
        if own.steps == 0 {
            let exclusion = own.excludes.trailing_zeros() as usize;
            return if own.excludes == 0 { Reason::Unnamed } else { Reason::Harmless { exclusion: exclusion + 1 } };
        }
        let is_start_only = self.rules.order != Order::Any && own.steps == 1;
        if is_start_only && !self.rules.base.range.contains(own.time_ms) {
            return Reason::OutsideRange;
        }
        if own.held.is_none() {
            return Reason::NoHeldValue;
        }
        let Some((attempt, start)) = attempt.and_then(|attempt| Some((attempt, attempt.first().copied().flatten()?)))
        else {
            let may_start = self.rules.order == Order::Any || own.steps & 1 == 1;
            let is_inside = self.rules.base.range.contains(own.time_ms);
            return if may_start && !is_inside { Reason::OutsideRange } else { Reason::NoFirstStep };
        };
        if self.rules.in_one_session && own.session != self.events[start].session {
            return Reason::OtherSession { start };
        }
        if own.held != self.events[start].held {
            return Reason::OtherValue { start };
        }
        match self.rules.order {
            Order::Any => self.in_any_order(event, attempt, start),
            Order::Ordered | Order::Strict => Ordered { judge: self, event, attempt, start }.reason(),
        }
    }

    /// What an event does as an excluded one, if anything.
    fn as_mark(&self, event: usize, attempt: Option<&[Option<usize>]>) -> Option<Reason> {
        let attempt = attempt?;
        let at = |step: usize| attempt.get(step).copied().flatten();
        let start_ms = self.time_ms(at(0)?);
        let in_window = self.time_ms(event).saturating_sub(start_ms) <= self.rules.base.window_ms;
        let matched = self.rules.exclude.iter().enumerate().filter(|(n, _)| self.events[event].excludes >> n & 1 == 1);
        matched.into_iter().find_map(|(n, between)| {
            let (exclusion, after) = (n + 1, at(between.from)?);
            match (at(between.to), self.rules.exclusion) {
                (Some(before), Exclusion::DropUser) => {
                    let is_inside = after.min(before) < event && event < after.max(before);
                    is_inside.then_some(Reason::Drops { exclusion, after, before })
                }
                (None, Exclusion::Block) if attempt.len() <= between.to && event > after && in_window => {
                    Some(Reason::Blocks { exclusion, after, step: between.to + 1 })
                }
                _ => None,
            }
        })
    }

    fn in_any_order(&self, event: usize, attempt: &[Option<usize>], start: usize) -> Reason {
        let end = attempt.iter().flatten().next_back().copied().unwrap_or(start);
        let window_ms = self.rules.base.window_ms;
        if event < start {
            let by_ms = self.time_ms(end).saturating_sub(self.time_ms(event)).saturating_sub(window_ms);
            return if !self.rules.base.range.contains(self.time_ms(event)) {
                Reason::OutsideRange
            } else if by_ms > 0 {
                Reason::WindowFromItTooShort { end, by_ms }
            } else {
                Reason::LaterStart { start }
            };
        }
        let by_ms = self.time_ms(event).saturating_sub(self.time_ms(start)).saturating_sub(window_ms);
        if attempt.len() < self.rules.base.steps && by_ms > 0 {
            return Reason::TooLate { start, by_ms };
        }
        if attempt.len() == self.rules.base.steps && event > end { Reason::EndsLater { end } } else { Reason::AllTaken }
    }

    fn is_later(&self, before: usize, after: usize) -> bool {
        let (a, b) = (self.time_ms(before), self.time_ms(after));
        match self.rules.base.ties {
            Ties::Lenient => b >= a,
            Ties::Arrival => after > before,
            Ties::Strict => b > a,
        }
    }

    /// The first event of an exclusion between two others, whichever of them comes first.
    fn mark_between(&self, exclusion: usize, a: usize, b: usize) -> Option<usize> {
        let marks = self.marks.get(&(self.unit_of(a), exclusion))?;
        let mark = marks.get(marks.partition_point(|mark| *mark <= a.min(b)))?;
        (*mark < a.max(b)).then_some(*mark)
    }

    /// Where the order is strict: the event next to `from` on the way to `to`, if that is not `to` itself.
    fn neighbour(&self, from: usize, to: usize) -> Option<usize> {
        if self.rules.order != Order::Strict {
            return None;
        }
        let unit = self.units.get(&self.unit_of(from))?;
        let at = unit.binary_search(&from).ok()?;
        let next = if to > from { unit.get(at + 1) } else { at.checked_sub(1).and_then(|before| unit.get(before)) };
        next.copied().filter(|next| *next != to)
    }
}

/// One event, held against an attempt whose steps are in order.
struct Ordered<'a> {
    judge: &'a Judge<'a>,
    event: usize,
    attempt: &'a [Option<usize>],
    start: usize,
}

impl Ordered<'_> {
    fn reason(&self) -> Reason {
        let (rules, steps) = (self.judge.rules, self.judge.events[self.event].steps);
        let depth = self.attempt.len();
        let required = (depth..rules.base.steps).find(|step| rules.optional >> step & 1 == 0);
        let last_next = required.or_else(|| rules.base.steps.checked_sub(1)).filter(|_| depth < rules.base.steps);
        let next = last_next.map_or(0, |last| (depth..=last).fold(0, |mask, step| mask | 1 << step));
        let as_next = || self.as_next(steps & next);
        let as_middle = || (1..depth).find(|step| steps >> step & 1 == 1).map(|step| self.as_taken(step));
        let as_start = || (steps & 1 == 1).then(|| self.as_start());
        let missing = last_next.map_or(depth, |step| step + 1);
        as_next().or_else(as_middle).or_else(as_start).unwrap_or(Reason::StepMissing { step: missing })
    }

    fn last(&self) -> usize {
        self.attempt.iter().rev().flatten().next().copied().unwrap_or(self.start)
    }

    /// As the step that the attempt lacks. One of these hindrances is there, or the attempt would be longer.
    fn as_next(&self, steps: u64) -> Option<Reason> {
        if steps == 0 {
            return None;
        }
        let (judge, event, last, step) = (self.judge, self.event, self.last(), self.attempt.len());
        if !judge.is_later(last, event) {
            return Some(Reason::TooEarly { step, event: last });
        }
        let from_start = judge.time_ms(event).saturating_sub(judge.time_ms(self.start));
        let by_ms = from_start.saturating_sub(judge.rules.base.window_ms);
        if by_ms > 0 {
            return Some(Reason::TooLate { start: self.start, by_ms });
        }
        if let Some(between) = judge.neighbour(last, event) {
            return Some(Reason::NotAdjacent { step, between });
        }
        self.excluded(|between| {
            let from = self.attempt.get(between.from).copied()??;
            (steps >> between.to & 1 == 1).then_some((from, event))
        })
    }

    /// An exclusion with an event between the two that `ends` gives for it.
    fn excluded(&self, ends: impl Fn(Between) -> Option<(usize, usize)>) -> Option<Reason> {
        let rules = self.judge.rules;
        if rules.exclusion != Exclusion::Block {
            return None;
        }
        rules.exclude.iter().enumerate().find_map(|(exclusion, between)| {
            let (a, b) = ends(*between)?;
            let mark = self.judge.mark_between(exclusion, a, b)?;
            Some(Reason::Excluded { exclusion: exclusion + 1, mark, other: if a == self.event { b } else { a } })
        })
    }

    /// An exclusion that would be broken if the event stood in the attempt for `step`, where that is the first of its two.
    fn excluded_behind(&self, step: usize) -> Option<Reason> {
        self.excluded(|between| {
            let end = self.attempt.get(between.to).copied()??;
            (between.from == step).then_some((self.event, end))
        })
    }

    /// As a step that the attempt has, or has passed over.
    fn as_taken(&self, step: usize) -> Reason {
        let (judge, event) = (self.judge, self.event);
        let filled = |steps: Range<usize>| steps.filter_map(|step| Some((step + 1, self.attempt.get(step).copied()??)));
        let (before, previous) = filled(0..step).next_back().unwrap_or((1, self.start));
        if !judge.is_later(previous, event) {
            return Reason::TooEarly { step: before, event: previous };
        }
        let next = filled(step + 1..self.attempt.len()).next();
        let apart =
            |(step, of): (usize, usize)| Some(Reason::NotAdjacent { step, between: judge.neighbour(of, event)? });
        let apart = || apart((before, previous)).or_else(|| next.and_then(apart));
        match self.attempt.get(step).copied().flatten() {
            Some(taken) if taken < event => Reason::Occupied { step: step + 1, event: taken },
            Some(taken) => {
                let hindered = apart().or_else(|| self.excluded_behind(step));
                hindered.unwrap_or(Reason::Occupied { step: step + 1, event: taken })
            }
            None => {
                let passed = next.map(|(step, event)| Reason::PassedOver { step, event });
                let is_behind = next.is_some_and(|(_, next)| !judge.is_later(event, next));
                let reason = if is_behind { passed } else { apart().or(passed) };
                reason.unwrap_or(Reason::StepMissing { step: step + 1 })
            }
        }
    }

    /// As a first step.
    fn as_start(&self) -> Reason {
        let (judge, event, start) = (self.judge, self.event, self.start);
        let end = self.last();
        if !judge.rules.base.range.contains(judge.time_ms(event)) {
            return Reason::OutsideRange;
        }
        if judge.rules.count == Count::Attempts {
            return Reason::UnderWay { start };
        }
        if event > start {
            return Reason::EndsLater { end };
        }
        let to_end = judge.time_ms(end).saturating_sub(judge.time_ms(event));
        let by_ms = to_end.saturating_sub(judge.rules.base.window_ms);
        if by_ms > 0 {
            return Reason::WindowFromItTooShort { end, by_ms };
        }
        self.excluded_behind(0).unwrap_or(Reason::LaterStart { start })
    }
}
