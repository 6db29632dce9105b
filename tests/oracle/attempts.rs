//! All attempts of one user, enumerated, and those that are chosen: written straight from the rules, with no thought of
//! speed.
//!
//! ```text
//!   events of a user ──▶ what the question sees ──▶ units: the user, or each session ──▶ every attempt ──▶ the chosen
//! ```
//!
//! An attempt is a list with the place of the event that took each step, or nothing for a step that was passed over. In
//! any order it is the list of its events as they happened.

use std::cmp::Ordering;
use std::collections::HashMap;

use serde_json::Value;

use super::data::Event;
use super::question::{Count, Order, Question, Ties, value_of};

/// An event without a session id goes into another session after a longer pause; a session may go on for so long.
const PAUSE_MS: i64 = 30 * 60_000;

/// Places of events in [`Unit::seen`].
pub type Attempt = Vec<Option<usize>>;

/// An event as the question sees it.
#[derive(Debug)]
pub struct Seen<'e> {
    pub event: &'e Event,
    /// The steps that it fills, as bits; none where a held property has no value.
    steps: u64,
    /// The exclusions that it is one of, as bits.
    excludes: u64,
    held: Vec<String>,
    session: usize,
    /// The last instant at which something may still belong to it.
    session_end_ms: i64,
}

/// What is counted as one user: all that the question sees of a user or of a session, in order.
#[derive(Debug)]
pub struct Unit<'q, 'e> {
    question: &'q Question,
    pub seen: Vec<Seen<'e>>,
    /// Places of events that fill a step.
    candidates: Vec<usize>,
}

/// An attempt that speaks for a user.
#[derive(Debug)]
pub struct Chosen {
    pub attempt: Attempt,
    /// The last instant at which one of that depth may go on.
    pub open_until_ms: i64,
}

/// Which attempts are looked at.
#[derive(Debug, Clone, Copy)]
struct Scope {
    /// Their first events; each of them is tried.
    starts: (usize, usize),
    /// Earlier events are used up.
    floor: usize,
    session: Option<usize>,
}

/// The units of a user.
pub fn units<'q, 'e>(question: &'q Question, events: &'e [Event]) -> Vec<Unit<'q, 'e>> {
    let by_session = question.count == Count::Sessions || question.window_ms.is_none();
    // Else an event that fills nothing makes no difference.
    let all_matter = by_session || question.order == Order::Strict;
    let fills = |event: &Event| question.steps_of(event) != 0 || question.excludes_of(event) != 0;
    let seen = events.iter().filter(|event| (all_matter || fills(event)) && question.sees(event));
    let seen: Vec<&Event> = seen.collect();
    let sessions = if by_session { sessions(&seen) } else { vec![(0, 0); seen.len()] };
    let seen = seen.into_iter().zip(sessions).map(|(event, (session, session_end_ms))| {
        let held: Option<Vec<String>> = question.hold.iter().map(|property| held_value(event, property)).collect();
        let steps = held.as_ref().map_or(0, |_| question.steps_of(event));
        let (excludes, held) = (question.excludes_of(event), held.unwrap_or_default());
        Seen { event, steps, excludes, held, session, session_end_ms }
    });
    let mut parts: Vec<Vec<Seen<'e>>> = Vec::new();
    for event in seen {
        let part = if question.count == Count::Sessions { event.session } else { 0 };
        parts.resize_with(parts.len().max(part + 1), Vec::new);
        parts[part].push(event);
    }
    let unit = |seen: Vec<Seen<'e>>| {
        let candidates = (0..seen.len()).filter(|at| seen[*at].steps != 0).collect();
        Unit { question, seen, candidates }
    };
    parts.into_iter().map(unit).collect()
}

/// A number for the session of each event, and the last instant at which something may still belong to it.
fn sessions(events: &[&Event]) -> Vec<(usize, i64)> {
    let (mut pauses, mut pause) = (Vec::new(), 0);
    for (at, event) in events.iter().enumerate() {
        let before_ms = events[at.saturating_sub(1)].time_ms;
        pause += usize::from(event.time_ms - before_ms > PAUSE_MS);
        pauses.push(pause);
    }
    let mut numbers = HashMap::new();
    let session = |(at, event): (usize, &&Event)| {
        let next = numbers.len();
        let number = *numbers.entry(event.session.clone().ok_or(pauses[at])).or_insert(next);
        // Whatever the user does keeps one without an id alive.
        let alive = |(other, of): (usize, &&Event)| match &event.session {
            Some(id) => of.session.as_ref() == Some(id),
            None => pauses[other] == pauses[at],
        };
        let last = events.iter().enumerate().filter(|(other, of)| alive((*other, *of))).map(|(_, of)| of.time_ms).max();
        (number, last.unwrap_or(event.time_ms) + PAUSE_MS)
    };
    events.iter().enumerate().map(session).collect()
}

/// One text for each value that can be held; a list or an object equals nothing.
fn held_value(event: &Event, property: &str) -> Option<String> {
    match value_of(event, property)? {
        Value::Array(_) | Value::Object(_) => None,
        Value::Number(number) => number.as_f64().map(|number| format!("number {number}")),
        value => Some(value.to_string()),
    }
}

impl Unit<'_, '_> {
    /// The attempts that speak for this unit: one, or one for each attempt that is counted; none where it is not in the
    /// funnel.
    pub fn chosen(&self) -> Vec<Chosen> {
        let chosen = match self.question.count {
            Count::Attempts => self.walks(),
            _ => self.best(Scope { starts: (0, self.seen.len()), floor: 0, session: None }).into_iter().collect(),
        };
        let is_left_out = self.question.drop_user && chosen.iter().any(|one| self.is_excluded(&one.attempt));
        if is_left_out { Vec::new() } else { chosen }
    }

    /// The attempts one after the other; those of each session, where that is the window.
    fn walks(&self) -> Vec<Chosen> {
        if self.question.window_ms.is_some() {
            return self.walk(None);
        }
        let mut sessions: Vec<usize> = self.seen.iter().map(|event| event.session).collect();
        sessions.sort_unstable();
        sessions.dedup();
        sessions.into_iter().flat_map(|session| self.walk(Some(session))).collect()
    }

    fn walk(&self, session: Option<usize>) -> Vec<Chosen> {
        let (mut found, mut floor) = (Vec::new(), 0);
        let mut start = 0;
        while start < self.seen.len() {
            let Some(chosen) = self.best(Scope { starts: (start, start + 1), floor, session }) else {
                start += 1;
                continue;
            };
            floor = if self.is_converted(&chosen.attempt) {
                chosen.attempt.iter().flatten().max().map_or(0, |last| last + 1)
            } else {
                match self.question.window_ms {
                    Some(window) => self.seen.partition_point(|e| e.event.time_ms <= self.time(start) + window),
                    None => self.seen.len(),
                }
            };
            found.push(chosen);
            start = floor;
        }
        found
    }

    /// Whether all steps were taken, or passed over.
    pub fn is_converted(&self, attempt: &[Option<usize>]) -> bool {
        attempt.len() == self.question.steps.len()
    }

    /// The deepest attempt of a scope; of several the chosen one.
    fn best(&self, scope: Scope) -> Option<Chosen> {
        let mut best: Option<Chosen> = None;
        self.each_attempt(scope, &mut |attempt| {
            let open_until_ms = self.open_until_ms(attempt);
            match &mut best {
                Some(best) if best.attempt.len() > attempt.len() => {}
                Some(best) if best.attempt.len() == attempt.len() => {
                    best.open_until_ms = best.open_until_ms.max(open_until_ms);
                    if self.compare(attempt, &best.attempt) == Ordering::Less {
                        best.attempt.clear();
                        best.attempt.extend_from_slice(attempt);
                    }
                }
                _ => best = Some(Chosen { attempt: attempt.to_vec(), open_until_ms }),
            }
        });
        best
    }

    fn time(&self, place: usize) -> i64 {
        self.seen[place].event.time_ms
    }

    fn open_until_ms(&self, attempt: &[Option<usize>]) -> i64 {
        let start = first(attempt);
        match self.question.window_ms {
            Some(window) => self.time(start) + window,
            None => self.seen[start].session_end_ms,
        }
    }

    /// Less is the one that speaks for the user, of two of one depth.
    fn compare(&self, a: &[Option<usize>], b: &[Option<usize>]) -> Ordering {
        let by_arrival = || compare_by(a, b, |place| place as i64);
        match self.question.ties {
            Ties::Arrival => by_arrival(),
            _ => compare_by(a, b, |place| self.time(place)).then_with(by_arrival),
        }
    }

    fn each_attempt(&self, scope: Scope, visit: &mut dyn FnMut(&[Option<usize>])) {
        for start in scope.starts.0..scope.starts.1 {
            let event = &self.seen[start];
            let fills = if self.question.order == Order::Any { event.steps != 0 } else { event.steps & 1 == 1 };
            let in_session = scope.session.is_none_or(|session| session == event.session);
            if !fills || !in_session || !self.question.in_range(event.event.time_ms) {
                continue;
            }
            if self.question.order == Order::Any {
                for step in steps_in(event.steps) {
                    self.add_any(&mut vec![Some(start)], 1 << step, visit);
                }
            } else {
                self.add_next(&mut vec![Some(start)], scope.floor, visit);
            }
        }
    }

    /// This attempt, and all that begin with it.
    fn add_next(&self, attempt: &mut Attempt, floor: usize, visit: &mut dyn FnMut(&[Option<usize>])) {
        visit(attempt);
        let depth = attempt.len();
        for step in depth..self.question.steps.len() {
            for place in self.within_window(first(attempt)) {
                if place >= floor && self.may_follow(attempt, step, place) {
                    attempt.resize(step, None);
                    attempt.push(Some(place));
                    self.add_next(attempt, floor, visit);
                    attempt.truncate(depth);
                }
            }
            if !self.question.steps[step].optional {
                break;
            }
        }
    }

    /// These events, and all that begin with them and fill steps which are not filled yet.
    fn add_any(&self, events: &mut Attempt, filled: u64, visit: &mut dyn FnMut(&[Option<usize>])) {
        visit(events);
        let (start, last) = (first(events), events.iter().flatten().copied().max().unwrap_or(0));
        for place in self.within_window(start).filter(|place| *place > last) {
            if !self.go_together(start, place) {
                continue;
            }
            for step in steps_in(self.seen[place].steps & !filled) {
                events.push(Some(place));
                self.add_any(events, filled | 1 << step, visit);
                events.pop();
            }
        }
    }

    /// Events that fill a step and lie inside the window of a start.
    fn within_window(&self, start: usize) -> impl Iterator<Item = usize> {
        let start_ms = self.time(start);
        let from = self.candidates.partition_point(|place| self.time(*place) < start_ms);
        let end_ms = self.question.window_ms.map_or(i64::MAX, |window| start_ms + window);
        self.candidates[from..].iter().copied().take_while(move |place| self.time(*place) <= end_ms)
    }

    fn may_follow(&self, attempt: &[Option<usize>], step: usize, place: usize) -> bool {
        let before = attempt.last().copied().flatten().expect("an attempt ends with a step that was taken");
        let is_later = match self.question.ties {
            Ties::Lenient => self.time(place) >= self.time(before),
            Ties::Arrival => place > before,
            Ties::Strict => self.time(place) > self.time(before),
        };
        let is_adjacent = self.question.order != Order::Strict || place.abs_diff(before) == 1;
        self.seen[place].steps >> step & 1 == 1
            && is_later
            && is_adjacent
            && !attempt.contains(&Some(place))
            && self.go_together(first(attempt), place)
            && (self.question.drop_user || !self.is_excluded_by(attempt, step, place))
    }

    /// Whether two events can be of one attempt, by what they hold and by session.
    fn go_together(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.seen[a], &self.seen[b]);
        a.held == b.held && (self.question.window_ms.is_some() || a.session == b.session)
    }

    /// Whether an exclusion forbids that an event takes a step, which is counted from 0.
    fn is_excluded_by(&self, attempt: &[Option<usize>], step: usize, place: usize) -> bool {
        let excludes = self.question.excludes.iter().enumerate();
        excludes.filter(|(_, exclude)| exclude.to == step + 1).any(|(bit, exclude)| {
            let from = attempt[exclude.from - 1].expect("a step that every attempt has");
            let between = from.min(place) + 1..from.max(place);
            self.seen[between].iter().any(|event| event.excludes >> bit & 1 == 1)
        })
    }

    fn is_excluded(&self, attempt: &[Option<usize>]) -> bool {
        let taken = attempt.iter().enumerate().filter_map(|(step, place)| Some((step, (*place)?)));
        taken.into_iter().any(|(step, place)| self.is_excluded_by(&attempt[..step], step, place))
    }

    /// About how many events the enumeration of a plain funnel looks at, at least `most` if it is more than that.
    pub fn cost(&self, most: f64) -> f64 {
        let mut cost = 0.0;
        for start in self.candidates.iter().copied().filter(|at| self.seen[*at].steps & 1 == 1) {
            if self.question.in_range(self.time(start)) {
                cost += self.cost_from(start);
            }
            if cost > most {
                break;
            }
        }
        cost
    }

    /// Of attempts from one start. Counts some that use an event twice, so it is never too low.
    fn cost_from(&self, start: usize) -> f64 {
        let reach: Vec<usize> = self.within_window(start).collect();
        let mut attempts: Vec<f64> = reach.iter().map(|place| f64::from(u8::from(*place == start))).collect();
        let mut cost = 0.0;
        for step in 0..self.question.steps.len() {
            cost += attempts.iter().sum::<f64>() * reach.len() as f64;
            let (mut next, mut before, mut at) = (vec![0.0; reach.len()], 0.0, 0);
            while at < reach.len() {
                let time = self.time(reach[at]);
                let group = at + reach[at..].iter().take_while(|place| self.time(**place) == time).count();
                before += attempts[at..group].iter().sum::<f64>();
                for place in at..group {
                    if self.seen[reach[place]].steps >> (step + 1) & 1 == 1 {
                        next[place] = before;
                    }
                }
                at = group;
            }
            attempts = next;
        }
        cost
    }
}

fn first(attempt: &[Option<usize>]) -> usize {
    attempt[0].expect("every attempt has its first step")
}

fn steps_in(bits: u64) -> impl Iterator<Item = usize> {
    (0..64).filter(move |step| bits >> step & 1 == 1)
}

/// Ends earlier, then starts later, then has earlier steps; one that is passed over comes later than all others.
fn compare_by(a: &[Option<usize>], b: &[Option<usize>], value: impl Fn(usize) -> i64) -> Ordering {
    let of = |place: &Option<usize>| place.map_or(i64::MAX, &value);
    let ends = of(&a[a.len() - 1]).cmp(&of(&b[b.len() - 1]));
    ends.then_with(|| of(&b[0]).cmp(&of(&a[0]))).then_with(|| a.iter().map(of).cmp(b.iter().map(of)))
}
