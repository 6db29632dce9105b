//! Every rule of a funnel: what [`Matcher`] does not know.
//!
//! ```text
//!   user's events ──▶ units ──▶ parts ──▶ search ──▶ best attempt of the part ──▶ best of the unit
//!                     │         │         │
//!                     │         │         ordered.rs (with tie_group.rs), adjacent.rs, any_order.rs: by `order`
//!                     │         events with the same held values, and in the same session where that is the window
//!                     the user, or each of their sessions where those are counted
//! ```
//!
//! Words:
//! - *unit*: what is counted as one user.
//! - *part*: events of a unit of which one attempt may consist, as far as `hold` and a session as window go.
//! - *mark*: an event that matches an exclusion, whatever part it belongs to.
//! - *fixed start*: the first event of an attempt, where attempts are counted.
//!
//! All searches are linear in the events and polynomial in the steps, but for one case: see [`Entangled`].

mod adjacent;
mod any_order;
mod choose;
mod ordered;
mod tie_group;
mod unit;

use std::collections::BTreeMap;

use crate::spec::{Count, Exclusion, FunnelSpec, Order, Window};

use super::{Matcher, Rules, StepEvent};
use adjacent::Adjacent;
use any_order::AnyOrder;
use ordered::Ordered;
use unit::{Part, Parts, Unit, part_of};

/// All of a funnel question that decides about a user's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSet {
    /// Number of steps, window (of any length where it is a session), ties, and the bounds of the first event.
    pub base: Rules,
    /// In which order steps happen.
    pub order: Order,
    /// Bit `n` is set where step `n + 1` may be passed over; never the first.
    pub optional: u64,
    /// The steps of each exclusion.
    pub exclude: Vec<Between>,
    /// What follows where an excluded event happens.
    pub exclusion: Exclusion,
    /// Whether all events of an attempt lie in one session.
    pub in_one_session: bool,
    /// What is counted.
    pub count: Count,
    /// Whether all events of an attempt carry the same values of some properties.
    pub hold: bool,
}

/// The steps of an exclusion, numbered from 0. Neither may be passed over by an attempt that comes as far as `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Between {
    /// After the event of this step.
    pub from: usize,
    /// Before the event of this one.
    pub to: usize,
}

impl From<&FunnelSpec> for RuleSet {
    fn from(spec: &FunnelSpec) -> Self {
        let optional = spec.steps.iter().enumerate().filter(|(_, step)| step.optional);
        Self {
            base: Rules::from(spec),
            order: spec.order,
            optional: optional.fold(0, |mask, (at, _)| mask | 1 << at),
            exclude: spec.exclude.iter().map(|e| Between { from: e.from - 1, to: e.to - 1 }).collect(),
            exclusion: spec.exclusion,
            in_one_session: spec.window == Window::Session,
            count: spec.count,
            hold: !spec.hold.is_empty(),
        }
    }
}

impl RuleSet {
    /// Whether the [`Matcher`] knows all that is asked.
    pub fn is_plain(&self) -> bool {
        self.order == Order::Ordered
            && self.optional == 0
            && self.exclude.is_empty()
            && !self.in_one_session
            && self.count == Count::Users
            && !self.hold
    }

    /// Whether it matters to which session an event belongs.
    pub fn needs_sessions(&self) -> bool {
        self.in_one_session || self.count == Count::Sessions
    }

    /// Whether events that fill no step and match no exclusion matter: they stand between others.
    pub fn needs_all_events(&self) -> bool {
        self.order == Order::Strict
    }
}

/// One event of a user, reduced to what the rules look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserEvent {
    /// When it happened, milliseconds since 1970.
    pub time_ms: i64,
    /// Bit `n` is set where the event fills step `n + 1`.
    pub steps: u64,
    /// Bit `n` is set where the event matches exclusion `n`.
    pub excludes: u64,
    /// The number of its session among the user's; 0 where sessions do not matter.
    pub session: usize,
    /// A number for its held values, the same for equal ones; `None` where one is missing or equals nothing. `Some(0)`
    /// where nothing is held.
    pub held: Option<usize>,
}

/// How far one unit came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journey {
    /// The chosen attempt: for each step up to the depth the index of its event, or `None` where it was passed over.
    /// Never ends with `None`. In any order, the events as they happened.
    pub attempt: Vec<Option<usize>>,
    /// The last instant at which an attempt of that depth may go on, in milliseconds.
    pub open_until_ms: i64,
}

/// A question that cannot be answered within bounds: events of one millisecond, which may fill several steps each, and
/// several exclusions between those steps. Finding out which event fills which step is then a search through all
/// combinations, and it was given up. Nothing is counted wrong instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "events of one millisecond fill several steps with exclusions between them, in more combinations than can be \
     looked at; ask with `\"ties\": \"arrival\"`, which gives them an order"
)]
pub struct Entangled;

/// The best attempt of a part, or of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Best {
    attempt: Vec<Option<usize>>,
    /// Of all attempts of that depth.
    latest_start_ms: i64,
}

/// A start that is given, and the place in the unit from which on events may be used.
#[derive(Debug, Clone, Copy)]
struct Fixed {
    start: usize,
    usable_from: usize,
}

/// Runs all rules of one funnel over the events of one user after another.
#[derive(Debug)]
pub struct Journeys {
    rules: RuleSet,
    /// As `rules`, with `block` in force or without exclusions: what attempts are looked for.
    searched: RuleSet,
    /// Where steps are in order and none is optional: it finds the best attempt without regard to exclusions, and takes a
    /// third of the time. Mostly they do not touch that one.
    plain: Option<Matcher>,
    step_events: Vec<StepEvent>,
    ordered: Ordered,
    adjacent: Adjacent,
    any_order: AnyOrder,
    parts: Parts,
    /// The attempt that was found last.
    found: Vec<Option<usize>>,
}

impl Journeys {
    /// For the funnel that `rules` describe.
    pub fn new(rules: RuleSet) -> Self {
        let mut searched = rules.clone();
        if rules.exclusion == Exclusion::DropUser {
            searched.exclude.clear();
        }
        let ordered = Ordered::new(&searched);
        let adjacent = Adjacent::new(&searched);
        let is_plain = searched.order == Order::Ordered && searched.optional == 0;
        let plain = is_plain.then(|| Matcher::new(searched.base));
        Self {
            rules,
            searched,
            plain,
            step_events: Vec::new(),
            ordered,
            adjacent,
            any_order: AnyOrder::default(),
            parts: Parts::default(),
            found: Vec::new(),
        }
    }

    /// The journeys of one user: at most one where users are counted, one for each session or attempt otherwise.
    ///
    /// `events` are those that fill a step or match an exclusion, or all where
    /// [`needs_all_events`](RuleSet::needs_all_events), in the order of (timestamp, arrival, event id).
    /// `session_ends_ms` has the end of each session, where sessions are the window.
    ///
    /// # Errors
    /// [`Entangled`]
    pub fn run(&mut self, events: &[UserEvent], session_ends_ms: &[i64]) -> Result<Vec<Journey>, Entangled> {
        match self.rules.count {
            Count::Users => {
                let unit = Unit::new(events, session_ends_ms, &self.rules);
                Ok(self.of_unit(&unit)?.into_iter().collect())
            }
            Count::Attempts => self.attempts(&Unit::new(events, session_ends_ms, &self.rules)),
            Count::Sessions => self.sessions(events, session_ends_ms),
        }
    }

    fn sessions(&mut self, events: &[UserEvent], session_ends_ms: &[i64]) -> Result<Vec<Journey>, Entangled> {
        let mut places: Vec<usize> = (0..events.len()).collect();
        places.sort_by_key(|place| events[*place].session);
        let (mut own, mut journeys) = (Vec::new(), Vec::new());
        for places in places.chunk_by(|a, b| events[*a].session == events[*b].session) {
            own.clear();
            own.extend(places.iter().map(|place| events[*place]));
            let journey = self.of_unit(&Unit::new(&own, session_ends_ms, &self.rules))?;
            journeys.extend(journey.map(|mut journey| {
                journey.attempt.iter_mut().flatten().for_each(|event| *event = places[*event]);
                journey
            }));
        }
        Ok(journeys)
    }

    fn of_unit(&mut self, unit: &Unit<'_>) -> Result<Option<Journey>, Entangled> {
        let mut parts = std::mem::take(&mut self.parts);
        parts.fill(unit, &self.rules);
        let best = self.best_of(unit, &parts);
        self.parts = parts;
        Ok(best?.filter(|journey| !self.drops(unit, &journey.attempt)))
    }

    fn best_of(&mut self, unit: &Unit<'_>, parts: &Parts) -> Result<Option<Journey>, Entangled> {
        let mut whole: Option<Journey> = None;
        for part in parts.iter() {
            if whole.as_ref().is_some_and(|whole| whole.attempt.len() > part.most) {
                break;
            }
            let Some(latest_start_ms) = self.search(unit, &part, None)? else { continue };
            let open_until_ms = self.open_until_ms(unit, latest_start_ms, part.session);
            match &mut whole {
                Some(whole) => self.improve(unit, whole, open_until_ms),
                None => whole = Some(Journey { attempt: self.found.clone(), open_until_ms }),
            }
        }
        Ok(whole)
    }

    /// Holds what was found against the best so far.
    fn improve(&self, unit: &Unit<'_>, whole: &mut Journey, open_until_ms: i64) {
        let is_before = |found, best| choose::is_before(unit.events, self.rules.base.ties, found, best);
        match self.found.len().cmp(&whole.attempt.len()) {
            std::cmp::Ordering::Less => return,
            std::cmp::Ordering::Greater => whole.open_until_ms = open_until_ms,
            std::cmp::Ordering::Equal => {
                whole.open_until_ms = whole.open_until_ms.max(open_until_ms);
                if !is_before(&self.found, &whole.attempt) {
                    return;
                }
            }
        }
        whole.attempt.clone_from(&self.found);
    }

    /// Finds the best attempt of a part, and returns the latest start of any of that depth.
    fn search(&mut self, unit: &Unit<'_>, part: &Part<'_>, fixed: Option<Fixed>) -> Result<Option<i64>, Entangled> {
        if let (Some(matcher), None) = (&mut self.plain, fixed) {
            let event = |member: &usize| {
                let UserEvent { time_ms, steps, .. } = unit.events[*member];
                StepEvent { time_ms, steps }
            };
            self.step_events.clear();
            self.step_events.extend(part.members.iter().map(event));
            let Some(outcome) = matcher.run(&self.step_events) else { return Ok(None) };
            let place = |step: usize| outcome.attempt.get(step).map(|at| part.members[*at]);
            // It stands as it is if it has no mark between its own events, and none could take away a later start.
            let starts_latest = self.step_events[outcome.attempt[0]].time_ms == outcome.latest_start_ms;
            let touches = |(exclusion, between): (usize, &Between)| match (place(between.from), place(between.to)) {
                (Some(from), Some(to)) if starts_latest => unit.has_mark_between(exclusion, from, to),
                (Some(_), Some(_)) => !unit.marks[exclusion].is_empty(),
                // It does not come so far, and so the exclusion does not bind it.
                _ => false,
            };
            if !self.searched.exclude.iter().enumerate().any(touches) {
                self.found.clear();
                self.found.extend(outcome.attempt.iter().map(|at| Some(part.members[*at])));
                return Ok(Some(outcome.latest_start_ms));
            }
        }
        let best = match self.searched.order {
            Order::Ordered => self.ordered.best(&self.searched, unit, part, fixed)?,
            Order::Strict => self.adjacent.best(&self.searched, unit, part, fixed),
            Order::Any => self.any_order.best(&self.searched, unit, part, fixed),
        };
        let Some(Best { attempt, latest_start_ms }) = best else { return Ok(None) };
        self.found = attempt;
        Ok(Some(latest_start_ms))
    }

    /// Whether a user leaves the funnel for this attempt, which was found without regard to exclusions.
    fn drops(&self, unit: &Unit<'_>, attempt: &[Option<usize>]) -> bool {
        let event = |step: usize| attempt.get(step).copied().flatten();
        self.rules.exclusion == Exclusion::DropUser
            && self.rules.exclude.iter().enumerate().any(|(exclusion, between)| {
                match (event(between.from), event(between.to)) {
                    (Some(from), Some(to)) => unit.has_mark_between(exclusion, from, to),
                    _ => false,
                }
            })
    }

    fn open_until_ms(&self, unit: &Unit<'_>, latest_start_ms: i64, session: usize) -> i64 {
        if self.rules.in_one_session {
            return unit.session_ends_ms.get(session).copied().unwrap_or(i64::MAX);
        }
        latest_start_ms.saturating_add(self.rules.base.window_ms)
    }

    /// Attempts in turn: each begins with the next possible first event, and the next one lies behind it.
    fn attempts(&mut self, unit: &Unit<'_>) -> Result<Vec<Journey>, Entangled> {
        let mut parts = std::mem::take(&mut self.parts);
        parts.fill(unit, &self.rules);
        let journeys = self.attempts_in(unit, &parts.iter().collect::<Vec<_>>());
        self.parts = parts;
        journeys
    }

    fn attempts_in(&mut self, unit: &Unit<'_>, parts: &[Part<'_>]) -> Result<Vec<Journey>, Entangled> {
        let part_of = part_of(parts, unit.events.len());
        // Where the walk stands: for all events, or for those of each session where that is the window.
        let mut walks: BTreeMap<usize, usize> = BTreeMap::new();
        let mut journeys = Vec::new();
        let mut start = 0;
        while start < unit.events.len() {
            let event = &unit.events[start];
            let walk = if self.rules.in_one_session { event.session } else { 0 };
            let usable_from = walks.get(&walk).copied().unwrap_or(0);
            let begins = if self.rules.order == Order::Any { event.steps != 0 } else { event.steps & 1 == 1 };
            let part = part_of[start].filter(|_| begins && start >= usable_from);
            let Some(part) = part.filter(|_| self.rules.base.range.contains(event.time_ms)) else {
                start += 1;
                continue;
            };
            let part = &parts[part];
            let fixed = Fixed { start, usable_from };
            if self.search(unit, part, Some(fixed))?.is_none() {
                // There is at least the attempt of the start alone.
                start += 1;
                continue;
            }
            let attempt = std::mem::take(&mut self.found);
            if self.drops(unit, &attempt) {
                return Ok(Vec::new());
            }
            let behind = if attempt.len() == self.rules.base.steps {
                attempt.iter().flatten().max().map_or(start + 1, |last| last + 1)
            } else if self.rules.in_one_session {
                unit.events.len()
            } else {
                let end_ms = event.time_ms.saturating_add(self.rules.base.window_ms);
                start + unit.events[start..].partition_point(|event| event.time_ms <= end_ms)
            };
            let open_until_ms = self.open_until_ms(unit, event.time_ms, part.session);
            journeys.push(Journey { attempt, open_until_ms });
            walks.insert(walk, behind);
            start = if self.rules.in_one_session { start + 1 } else { behind.max(start + 1) };
        }
        Ok(journeys)
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
pub(super) mod tests;
