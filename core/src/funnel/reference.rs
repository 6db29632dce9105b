//! The naive reference: every attempt, one by one, straight from the rules.
//!
//! It exists to be obviously right. Nothing but the types of the question and the answer is shared with the
//! [`Matcher`](super::Matcher) and [`Journeys`](super::Journeys); its time grows with the number of attempts, which can be
//! exponential. [`run`] has the plain funnel, [`journeys`] all rules.

use std::cmp::{Ordering, Reverse};

use crate::spec::{Count, Exclusion, Order, Ties};

use super::{Journey, Outcome, RuleSet, Rules, StepEvent, UserEvent};

/// The same answer as [`Matcher::run`](super::Matcher::run).
pub fn run(rules: &Rules, events: &[StepEvent]) -> Option<Outcome<'static>> {
    let mut search = Search { rules, events, best: None, latest_start_ms: i64::MIN };
    for (first, event) in events.iter().enumerate() {
        if fills(event, 0) && rules.range.contains(event.time_ms) {
            search.visit(&mut vec![first]);
        }
    }
    let latest_start_ms = search.latest_start_ms;
    search.best.map(|attempt| Outcome { attempt: attempt.into(), latest_start_ms })
}

fn fills(event: &StepEvent, step: usize) -> bool {
    event.steps >> step & 1 == 1
}

struct Search<'a> {
    rules: &'a Rules,
    events: &'a [StepEvent],
    best: Option<Vec<usize>>,
    /// Of all attempts as long as `best`.
    latest_start_ms: i64,
}

impl Search<'_> {
    fn visit(&mut self, attempt: &mut Vec<usize>) {
        self.consider(attempt);
        let step = attempt.len();
        if step == self.rules.steps {
            return;
        }
        let (first, last) = (attempt[0], attempt[step - 1]);
        for next in 0..self.events.len() {
            let in_window = self.events[next].time_ms - self.events[first].time_ms <= self.rules.window_ms;
            if in_window && fills(&self.events[next], step) && self.is_later(last, next) && !attempt.contains(&next) {
                attempt.push(next);
                self.visit(attempt);
                attempt.pop();
            }
        }
    }

    fn is_later(&self, before: usize, after: usize) -> bool {
        let (a, b) = (self.events[before].time_ms, self.events[after].time_ms);
        match self.rules.ties {
            Ties::Lenient => b >= a,
            Ties::Arrival => after > before,
            Ties::Strict => b > a,
        }
    }

    fn consider(&mut self, attempt: &[usize]) {
        let start_ms = self.events[attempt[0]].time_ms;
        let ordering = self.best.as_deref().map_or(Ordering::Greater, |best| attempt.len().cmp(&best.len()));
        match ordering {
            Ordering::Less => return,
            Ordering::Greater => self.latest_start_ms = start_ms,
            Ordering::Equal => self.latest_start_ms = self.latest_start_ms.max(start_ms),
        }
        if ordering.is_gt() || self.best.as_deref().is_some_and(|best| self.is_chosen_before(attempt, best)) {
            self.best = Some(attempt.to_vec());
        }
    }

    /// Of two attempts of one length: which is chosen. *Earlier* and *later* are by the funnel's own notion of it; where
    /// that leaves both alike, by arrival.
    fn is_chosen_before(&self, a: &[usize], b: &[usize]) -> bool {
        fn key<T: Copy + Ord>(attempt: &[usize], value: impl Fn(usize) -> T) -> (T, Reverse<T>, Vec<T>) {
            let last = attempt.len() - 1;
            let middle = (1..last).map(|step| value(attempt[step])).collect();
            (value(attempt[last]), Reverse(value(attempt[0])), middle)
        }
        let by_arrival = |attempt: &[usize]| key(attempt, |event| event);
        let by_time = |attempt: &[usize]| key(attempt, |event| self.events[event].time_ms);
        match self.rules.ties {
            Ties::Arrival => by_arrival(a) < by_arrival(b),
            Ties::Lenient | Ties::Strict => (by_time(a), by_arrival(a)) < (by_time(b), by_arrival(b)),
        }
    }
}

/// The same answer as [`Journeys::run`](super::Journeys::run), in any order.
pub fn journeys(rules: &RuleSet, events: &[UserEvent], session_ends_ms: &[i64]) -> Vec<Journey> {
    let everything: Vec<usize> = (0..events.len()).collect();
    let by_session = || {
        let mut sessions: Vec<usize> = events.iter().map(|event| event.session).collect();
        sessions.sort_unstable();
        sessions.dedup();
        let of = |session: usize| everything.iter().copied().filter(|at| events[*at].session == session).collect();
        sessions.into_iter().map(of).collect::<Vec<Vec<usize>>>()
    };
    match rules.count {
        Count::Users => of_unit(&Naive { rules, events, unit: &everything, session_ends_ms }).into_iter().collect(),
        Count::Sessions => {
            let sessions = by_session();
            sessions.iter().filter_map(|unit| of_unit(&Naive { rules, events, unit, session_ends_ms })).collect()
        }
        Count::Attempts => {
            let naive = Naive { rules, events, unit: &everything, session_ends_ms };
            let walks = if rules.in_one_session { by_session() } else { vec![everything.clone()] };
            let all: Vec<Journey> = walks.iter().flat_map(|walk| walk_through(&naive, walk)).collect();
            let is_dropped =
                rules.exclusion == Exclusion::DropUser && all.iter().any(|one| naive.has_mark(&one.attempt));
            if is_dropped { Vec::new() } else { all }
        }
    }
}

/// An attempt as [`Journey`] has it.
type Attempt = Vec<Option<usize>>;

/// What counts as one user.
struct Naive<'a> {
    rules: &'a RuleSet,
    events: &'a [UserEvent],
    /// The places of its events, in order.
    unit: &'a [usize],
    session_ends_ms: &'a [i64],
}

fn of_unit(naive: &Naive<'_>) -> Option<Journey> {
    let attempts: Vec<Attempt> = naive.unit.iter().flat_map(|start| naive.attempts_from(*start, naive.unit)).collect();
    let journey = naive.chosen(&attempts)?;
    let leaves = naive.rules.exclusion == Exclusion::DropUser && naive.has_mark(&journey.attempt);
    (!leaves).then_some(journey)
}

/// Attempts in turn, for `count` = attempts.
fn walk_through(naive: &Naive<'_>, walk: &[usize]) -> Vec<Journey> {
    let mut journeys = Vec::new();
    // What the walk has passed with an attempt cannot be used again; what has only been looked at can, as events of one
    // millisecond may have no order.
    let (mut usable, mut looked_at) = (walk, 0);
    while let Some(start) = usable.get(looked_at).copied() {
        let attempts = naive.attempts_from(start, usable);
        let Some(journey) = naive.chosen(&attempts) else {
            looked_at += 1;
            continue;
        };
        let time = |at: usize| naive.events[at].time_ms;
        let last = journey.attempt.iter().flatten().copied().max();
        let is_behind = |at: usize| {
            if journey.attempt.len() == naive.rules.base.steps {
                Some(at) > last
            } else {
                !naive.rules.in_one_session && time(at) - time(start) > naive.rules.base.window_ms
            }
        };
        usable = &usable[usable.iter().position(|at| is_behind(*at)).unwrap_or(usable.len())..];
        looked_at = 0;
        journeys.push(journey);
    }
    journeys
}

impl Naive<'_> {
    /// All attempts that begin with one event, of those of a list.
    fn attempts_from(&self, start: usize, usable: &[usize]) -> Vec<Attempt> {
        let mut found = Vec::new();
        match self.rules.order {
            Order::Ordered | Order::Strict => {
                self.add_in_order(&vec![Some(start)], usable, &mut found);
            }
            Order::Any => {
                let behind: Vec<usize> = usable.iter().copied().filter(|at| *at > start).collect();
                self.add_in_any_order(&mut vec![start], &mut Vec::new(), &behind, &mut found);
            }
        }
        found
    }

    /// `attempt`, if it is one, and all that begin like it.
    fn add_in_order(&self, attempt: &Attempt, usable: &[usize], found: &mut Vec<Attempt>) {
        if !self.is_attempt(attempt) {
            return;
        }
        found.push(attempt.clone());
        let mut longer = attempt.clone();
        while longer.len() < self.rules.base.steps {
            for next in usable {
                longer.push(Some(*next));
                self.add_in_order(&longer, usable, found);
                longer.pop();
            }
            if self.rules.optional >> longer.len() & 1 == 0 {
                break;
            }
            longer.push(None);
        }
    }

    fn is_attempt(&self, attempt: &Attempt) -> bool {
        let filled: Vec<usize> = attempt.iter().flatten().copied().collect();
        let fills = |(step, at): (usize, &Option<usize>)| at.is_none_or(|at| self.events[at].steps >> step & 1 == 1);
        let is_distinct = (0..filled.len()).all(|at| !filled[..at].contains(&filled[at]));
        let is_later = |pair: &[usize]| {
            let (a, b) = (self.events[pair[0]].time_ms, self.events[pair[1]].time_ms);
            match self.rules.base.ties {
                Ties::Lenient => b >= a,
                Ties::Arrival => pair[1] > pair[0],
                Ties::Strict => b > a,
            }
        };
        let place = |at: usize| self.unit.iter().position(|one| *one == at);
        let is_adjacent = |pair: &[usize]| match (place(pair[0]), place(pair[1])) {
            (Some(a), Some(b)) => a.abs_diff(b) == 1,
            _ => false,
        };
        attempt.iter().enumerate().all(fills)
            && is_distinct
            && filled.windows(2).all(is_later)
            && (self.rules.order != Order::Strict || filled.windows(2).all(is_adjacent))
            && self.belong_together(&filled)
            && (self.rules.exclusion == Exclusion::DropUser || !self.has_mark(attempt))
    }

    /// Range, window, session and held values.
    fn belong_together(&self, filled: &[usize]) -> bool {
        let (first, last) = (&self.events[filled[0]], &self.events[filled[filled.len() - 1]]);
        self.rules.base.range.contains(first.time_ms)
            && last.time_ms - first.time_ms <= self.rules.base.window_ms
            && filled.iter().map(|at| &self.events[*at]).all(|event| {
                event.held.is_some()
                    && event.held == first.held
                    && (!self.rules.in_one_session || event.session == first.session)
            })
    }

    /// Whether an attempt goes from one step of an exclusion to the other past an event that matches it.
    fn has_mark(&self, attempt: &Attempt) -> bool {
        self.rules.exclude.iter().enumerate().any(|(exclusion, between)| {
            let event = |step: usize| attempt.get(step).copied().flatten();
            let (Some(from), Some(to)) = (event(between.from), event(between.to)) else { return false };
            let inside = from.min(to) + 1..from.max(to);
            self.unit.iter().any(|at| inside.contains(at) && self.events[*at].excludes >> exclusion & 1 == 1)
        })
    }

    /// Every way to take events in turn, each for a step that is still free.
    fn add_in_any_order(
        &self,
        events: &mut Vec<usize>,
        steps: &mut Vec<usize>,
        behind: &[usize],
        found: &mut Vec<Attempt>,
    ) {
        if !self.belong_together(events) {
            return;
        }
        let newest = events[events.len() - 1];
        for step in (0..self.rules.base.steps).filter(|step| self.events[newest].steps >> step & 1 == 1) {
            if steps.contains(&step) {
                continue;
            }
            steps.push(step);
            found.push(events.iter().copied().map(Some).collect());
            for (at, next) in behind.iter().enumerate() {
                events.push(*next);
                self.add_in_any_order(events, steps, &behind[at + 1..], found);
                events.pop();
            }
            steps.pop();
        }
    }

    /// What rule 5 says of all attempts.
    fn chosen(&self, attempts: &[Attempt]) -> Option<Journey> {
        let depth = attempts.iter().map(Vec::len).max()?;
        let deepest: Vec<&Attempt> = attempts.iter().filter(|attempt| attempt.len() == depth).collect();
        let open_until_ms = deepest.iter().filter_map(|attempt| {
            let first = &self.events[attempt[0]?];
            Some(match self.rules.in_one_session {
                true => self.session_ends_ms[first.session],
                false => first.time_ms.saturating_add(self.rules.base.window_ms),
            })
        });
        let open_until_ms = open_until_ms.max()?;
        let by_arrival = |attempt: &Attempt| preference(attempt, |at| at);
        let by_time = |attempt: &Attempt| preference(attempt, |at| self.events[at].time_ms);
        let attempt = match self.rules.base.ties {
            Ties::Arrival => deepest.into_iter().min_by_key(|one| by_arrival(one)),
            Ties::Lenient | Ties::Strict => deepest.into_iter().min_by_key(|one| (by_time(one), by_arrival(one))),
        };
        Some(Journey { attempt: attempt?.clone(), open_until_ms })
    }
}

/// End, start, and the steps between.
type Preference<T> = (Option<T>, Reverse<Option<T>>, Vec<(bool, Option<T>)>);

/// The end, earliest first; the start, latest first; the steps between, earliest first, and never last.
fn preference<T: Ord>(attempt: &Attempt, value: impl Fn(usize) -> T) -> Preference<T> {
    let at = |step: usize| attempt[step].map(&value);
    let last = attempt.len() - 1;
    let middle = (1..last).map(|step| (at(step).is_none(), at(step))).collect();
    (at(last), Reverse(at(0)), middle)
}
