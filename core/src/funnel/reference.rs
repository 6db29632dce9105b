//! The naive reference: every attempt, one by one, straight from the rules.
//!
//! It exists to be obviously right. Nothing but the types of the question and the answer is shared with the
//! [`Matcher`](super::Matcher); its time grows with the number of attempts, which can be exponential.

use std::cmp::{Ordering, Reverse};

use crate::spec::Ties;

use super::{Outcome, Rules, StepEvent};

/// The same answer as [`Matcher::run`](super::Matcher::run).
pub fn run(rules: &Rules, events: &[StepEvent]) -> Option<Outcome> {
    let mut search = Search { rules, events, best: None, latest_start_ms: i64::MIN };
    for (first, event) in events.iter().enumerate() {
        if fills(event, 0) && rules.range.contains(event.time_ms) {
            search.visit(&mut vec![first]);
        }
    }
    let latest_start_ms = search.latest_start_ms;
    search.best.map(|attempt| Outcome { attempt, latest_start_ms })
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
