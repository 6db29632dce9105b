//! What a report must say: every attempt of every user, enumerated, and a tally written straight from the rules.

use std::collections::BTreeMap;

use serde_json::Value;
use weir_core::funnel::{Rules, StepEvent, reference};
use weir_core::spec::{DateRange, Ties};

use super::data::{Data, Event};
use super::question::{Question, value_of};

/// How far one user came.
#[derive(Debug)]
pub struct Journey {
    /// Of the chosen attempt.
    pub times_ms: Vec<i64>,
    /// Of all attempts of that depth.
    pub latest_start_ms: i64,
    /// The breakdown value, as the text of [`group_name`].
    pub group: Option<String>,
}

/// Figures of a funnel, or of one group of it.
#[derive(Debug, Default)]
pub struct Figures {
    pub counts: Vec<u64>,
    pub in_window: Vec<u64>,
    pub medians: Vec<Option<f64>>,
    pub p90s: Vec<Option<f64>>,
    pub conversions: Vec<i64>,
}

/// All users' events that fill a step, with their places among the user's events.
pub struct Candidates {
    users: Vec<(usize, Vec<(usize, StepEvent)>)>,
}

fn rules(question: &Question) -> Rules {
    let range = DateRange { from_ms: question.from_ms, to_ms: question.to_ms };
    Rules { steps: question.steps.len(), window_ms: question.window_ms, ties: question.ties, range }
}

impl Candidates {
    /// Of all users.
    pub fn of(question: &Question, data: &Data) -> Self {
        let of_user = |events: &[Event]| {
            let events = events
                .iter()
                .enumerate()
                .map(|(at, event)| (at, StepEvent { time_ms: event.time_ms, steps: question.steps_of(event) }));
            events.filter(|(_, event)| event.steps != 0).collect::<Vec<_>>()
        };
        let users = data.users.iter().enumerate().map(|(user, events)| (user, of_user(events)));
        Self { users: users.filter(|(_, events)| !events.is_empty()).collect() }
    }

    /// About how many events the enumeration of all attempts looks at; more than `most` is not counted on.
    pub fn cost(&self, question: &Question, most: f64) -> f64 {
        let rules = rules(question);
        let mut cost = 0.0;
        for (_, events) in &self.users {
            let events: Vec<StepEvent> = events.iter().map(|(_, event)| *event).collect();
            for start in (0..events.len()).filter(|at| events[*at].steps & 1 == 1) {
                if rules.range.contains(events[start].time_ms) {
                    cost += cost_from(&rules, &events, start);
                }
            }
            if cost > most {
                break;
            }
        }
        cost
    }

    /// The journeys of all users who are in the funnel.
    pub fn journeys(&self, question: &Question, data: &Data) -> Vec<Journey> {
        let rules = rules(question);
        let journey = |(user, candidates): &(usize, Vec<(usize, StepEvent)>)| {
            let events: Vec<StepEvent> = candidates.iter().map(|(_, event)| *event).collect();
            let outcome = reference::run(&rules, &events)?;
            let group = question.breakdown.as_ref().map(|breakdown| {
                let step = breakdown.step.min(outcome.attempt.len()) - 1;
                let event = &data.users[*user][candidates[outcome.attempt[step]].0];
                group_name(value_of(event, &breakdown.property))
            });
            let times_ms = outcome.attempt.iter().map(|at| events[*at].time_ms).collect();
            Some(Journey { times_ms, latest_start_ms: outcome.latest_start_ms, group })
        };
        self.users.iter().filter_map(journey).collect()
    }
}

/// Attempts from one start, each with the events that are looked at to make it longer. Counts some that use an event
/// twice, so it is never too low.
fn cost_from(rules: &Rules, events: &[StepEvent], start: usize) -> f64 {
    let first = match rules.ties {
        Ties::Lenient => events.partition_point(|event| event.time_ms < events[start].time_ms),
        _ => start,
    };
    let end_ms = events[start].time_ms.saturating_add(rules.window_ms);
    let reach = &events[first..events.partition_point(|event| event.time_ms <= end_ms)];
    let mut attempts = vec![0.0; reach.len()];
    attempts[start - first] = 1.0;
    let mut cost = 0.0;
    for step in 0..rules.steps {
        let all: f64 = attempts.iter().sum();
        cost += all * 40.0;
        if step + 1 == rules.steps {
            break;
        }
        cost += all * events.len() as f64;
        let (mut next, mut before) = (vec![0.0; reach.len()], 0.0);
        let mut at = 0;
        while at < reach.len() {
            let group = at + reach[at..].iter().take_while(|event| event.time_ms == reach[at].time_ms).count();
            before += attempts[at..group].iter().sum::<f64>();
            for place in at..group {
                if reach[place].steps >> (step + 1) & 1 == 1 {
                    next[place] = before;
                }
            }
            at = group;
        }
        attempts = next;
    }
    cost
}

/// One text for each value, another one for every other: 1 and 1.0 are one number, and the text "1" is another value.
pub fn group_name(value: Option<&Value>) -> String {
    match value {
        None => "null".to_owned(),
        Some(Value::Number(number)) => format!("number {}", number.as_f64().expect("a double")),
        Some(value) => value.to_string(),
    }
}

impl Figures {
    /// Of some users.
    pub fn of<'j>(
        journeys: impl Iterator<Item = &'j Journey>,
        steps: usize,
        window_ms: i64,
        complete_to_ms: Option<i64>,
    ) -> Self {
        let mut figures = Self { counts: vec![0; steps], in_window: vec![0; steps], ..Self::default() };
        let mut durations: Vec<Vec<i64>> = vec![Vec::new(); steps];
        for journey in journeys {
            let depth = journey.times_ms.len();
            figures.counts[..depth].iter_mut().for_each(|count| *count += 1);
            for (times, pair) in durations[1..].iter_mut().zip(journey.times_ms.windows(2)) {
                times.push(pair[1] - pair[0]);
            }
            if depth == steps {
                figures.conversions.push(journey.times_ms[depth - 1] - journey.times_ms[0]);
            } else if complete_to_ms.is_some_and(|complete| journey.latest_start_ms + window_ms >= complete) {
                figures.in_window[depth] += 1;
            }
        }
        figures.conversions.sort_unstable();
        durations.iter_mut().for_each(|times| times.sort_unstable());
        figures.medians = durations.iter().map(|times| quantile(times, 0.5)).collect();
        figures.p90s = durations.iter().map(|times| quantile(times, 0.9)).collect();
        figures
    }

    /// Of the groups of a breakdown, each under its name, largest first.
    pub fn by_group(
        journeys: &[Journey],
        steps: usize,
        window_ms: i64,
        complete_to_ms: Option<i64>,
    ) -> Vec<(String, Self)> {
        let mut groups: BTreeMap<&str, Vec<&Journey>> = BTreeMap::new();
        for journey in journeys {
            groups.entry(journey.group.as_deref().expect("a breakdown")).or_default().push(journey);
        }
        let groups = groups.into_iter();
        groups.map(|(name, of)| (name.to_owned(), Self::of(of.into_iter(), steps, window_ms, complete_to_ms))).collect()
    }
}

/// Exact, with linear interpolation: half way between two values lies the middle of both.
pub fn quantile(sorted: &[i64], part: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let rank = part * last as f64;
    let (below, above) = (sorted[rank.floor() as usize] as f64, sorted[rank.ceil() as usize] as f64);
    Some(below * (1.0 - rank.fract()) + above * rank.fract())
}
