//! The whole answer to a question, worked out from the attempts that speak for users.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::attempts::{Unit, units};
use super::calendar;
use super::data::Data;
use super::question::{Question, value_of};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Where bins of times begin, up to the last from which on each is twice the one before.
const EDGES: [i64; 22] = [
    0,
    SECOND,
    5 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    4 * DAY,
    7 * DAY,
    14 * DAY,
    30 * DAY,
    90 * DAY,
    180 * DAY,
];

/// What an answer says of one user; or of a session or an attempt, where those are counted.
#[derive(Debug)]
pub struct Journey {
    /// Of the chosen attempt; nothing for a step that was passed over.
    times_ms: Vec<Option<i64>>,
    open_until_ms: i64,
    /// The breakdown value.
    group: Option<Value>,
}

/// About how many events have to be looked at; more than `most` is not counted on.
pub fn cost(question: &Question, data: &Data, most: f64) -> f64 {
    let mut cost = 0.0;
    for events in &data.users {
        cost += units(question, events).iter().map(|unit| unit.cost(most)).sum::<f64>();
        if cost > most {
            break;
        }
    }
    cost
}

/// Of all users who are in the funnel.
pub fn journeys(question: &Question, data: &Data) -> Vec<Journey> {
    let of_unit = |unit: &Unit<'_, '_>| {
        let journey = |chosen: super::attempts::Chosen| {
            let time = |place: &Option<usize>| place.map(|place| unit.seen[place].event.time_ms);
            let group = question.breakdown.as_ref().map(|breakdown| {
                // Of a step that was passed over, or was not reached, the one before it.
                let taken = chosen.attempt.iter().take(breakdown.step).flatten().next_back().expect("a first step");
                group_value(value_of(unit.seen[*taken].event, &breakdown.property))
            });
            let times_ms = chosen.attempt.iter().map(time).collect();
            Journey { times_ms, open_until_ms: chosen.open_until_ms, group }
        };
        unit.chosen().into_iter().map(journey).collect::<Vec<_>>()
    };
    data.users.iter().flat_map(|events| units(question, events)).flat_map(|unit| of_unit(&unit)).collect()
}

/// The answer; `complete_to` is the report's own.
pub fn answer(question: &Question, data: &Data, complete_to: &Value) -> Value {
    answer_of(question, &journeys(question, data), data, complete_to)
}

/// As [`answer`], with the journeys of the period that is asked about.
pub fn answer_of(question: &Question, journeys: &[Journey], data: &Data, complete_to: &Value) -> Value {
    let complete_to_ms = complete_to.as_str().map(weir_tests::instant_ms);
    let mut fields = figures(question, journeys, complete_to_ms);
    fields.insert("kind".to_owned(), json!("funnel"));
    fields.insert("complete_to".to_owned(), complete_to.clone());
    if let Some(period) = question.previous {
        let before = question.about(period);
        let mut previous = figures(&before, &self::journeys(&before, data), complete_to_ms);
        previous.insert("from".to_owned(), json!(calendar::text(question.zone, period.0)));
        previous.insert("to".to_owned(), json!(calendar::text(question.zone, period.1)));
        fields.insert("previous".to_owned(), previous.into());
    }
    Value::Object(fields)
}

/// What the answer has for each period.
fn figures(question: &Question, journeys: &[Journey], complete_to_ms: Option<i64>) -> Map<String, Value> {
    let mut fields = of_users(question, &journeys.iter().collect::<Vec<_>>(), complete_to_ms);
    if let Some(breakdown) = &question.breakdown {
        let groups = groups(question, journeys, breakdown.limit, complete_to_ms);
        fields.insert("breakdown".to_owned(), groups.into());
    }
    if let Some(interval) = &question.interval {
        fields.insert("trend".to_owned(), trend(question, interval, journeys, complete_to_ms));
    }
    fields
}

/// What the answer has for each group of users.
fn of_users(question: &Question, users: &[&Journey], complete_to_ms: Option<i64>) -> Map<String, Value> {
    let last = question.steps.len();
    let count = |step: usize| users.iter().filter(|user| user.times_ms.len() >= step).count() as u64;
    let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    let steps = (1..=last).map(|step| {
        let open = |user: &&&Journey| user.times_ms.len() + 1 == step && user.is_open(complete_to_ms);
        let mut times: Vec<i64> = users.iter().filter_map(|user| user.time_to(step)).collect();
        times.sort_unstable();
        let mut report = json!({
            "step": step,
            "label": question.steps[step - 1].label,
            "count": count(step),
            "from_first": share(count(step), count(1)),
            "from_previous": share(count(step), count((step - 1).max(1))),
            "median_ms": quantile(&times, 0.5),
            "p90_ms": quantile(&times, 0.9),
            "in_window": if step == 1 { 0 } else { users.iter().filter(open).count() },
        });
        if question.steps[step - 1].optional {
            let took = |user: &&&Journey| user.times_ms.get(step - 1).is_some_and(Option::is_some);
            report["taken"] = json!(users.iter().filter(took).count());
        }
        report
    });
    let mut whole: Vec<i64> = users.iter().filter_map(|user| user.conversion(last)).collect();
    whole.sort_unstable();
    let mean = whole.iter().sum::<i64>() as f64 / whole.len() as f64;
    let conversion = json!({
        "n": whole.len(),
        "median": quantile(&whole, 0.5),
        "mean": (!whole.is_empty()).then_some(mean),
        "histogram": histogram(&whole),
    });
    Map::from_iter([("steps".to_owned(), steps.collect()), ("conversion_ms".to_owned(), conversion)])
}

impl Journey {
    fn is_open(&self, complete_to_ms: Option<i64>) -> bool {
        complete_to_ms.is_none_or(|complete_to| self.open_until_ms >= complete_to)
    }

    /// From the step before a step, which is counted from 1 and was taken, to it.
    fn time_to(&self, step: usize) -> Option<i64> {
        let to = (*self.times_ms.get(step - 1)?)?;
        let from = self.times_ms[..step - 1].iter().flatten().next_back()?;
        Some(to - from)
    }

    fn conversion(&self, steps: usize) -> Option<i64> {
        let ends = (self.times_ms[0]?, (*self.times_ms.last()?)?);
        (self.times_ms.len() == steps).then_some(ends.1 - ends.0)
    }
}

/// Equal numbers are one value, and missing is null.
fn group_value(value: Option<&Value>) -> Value {
    match value {
        None => Value::Null,
        Some(Value::Number(number)) => {
            let double = number.as_f64().expect("a double");
            if double.fract() == 0.0 { json!(double as i64) } else { json!(double) }
        }
        Some(value) => value.clone(),
    }
}

fn groups(question: &Question, journeys: &[Journey], limit: usize, complete_to_ms: Option<i64>) -> Vec<Value> {
    let mut groups: BTreeMap<String, Vec<&Journey>> = BTreeMap::new();
    for journey in journeys {
        let value = journey.group.as_ref().expect("a breakdown");
        groups.entry(value.to_string()).or_default().push(journey);
    }
    let mut groups: Vec<(String, Vec<&Journey>)> = groups.into_iter().collect();
    // Stable: of equally large ones, that whose text comes first.
    groups.sort_by_key(|(_, users)| std::cmp::Reverse(users.len()));
    let others = groups.split_off(limit.min(groups.len()));
    let listed = groups.into_iter().map(|(text, users)| {
        let mut group = of_users(question, &users, complete_to_ms);
        group.insert("value".to_owned(), serde_json::from_str(&text).expect("a JSON text"));
        Value::Object(group)
    });
    let mut listed: Vec<Value> = listed.collect();
    if !others.is_empty() {
        let users: Vec<&Journey> = others.into_iter().flat_map(|(_, users)| users).collect();
        let mut group = of_users(question, &users, complete_to_ms);
        group.insert("other".to_owned(), json!(true));
        listed.push(group.into());
    }
    listed
}

fn trend(question: &Question, interval: &str, journeys: &[Journey], complete_to_ms: Option<i64>) -> Value {
    let starts = || journeys.iter().filter_map(|journey| journey.times_ms[0]);
    // Where the range is open, from the first user to the last.
    let range = match (question.from_ms, question.to_ms) {
        (Some(from), Some(to)) => Some((from, to)),
        (from, to) => {
            starts().min().zip(starts().max()).map(|(first, last)| (from.unwrap_or(first), to.unwrap_or(last + 1)))
        }
    };
    let buckets = range.map(|(from, to)| calendar::buckets(interval, question.zone, from, to)).unwrap_or_default();
    let bucket = |(at, start): (usize, &i64)| {
        let next = buckets.get(at + 1).copied().unwrap_or(i64::MAX);
        let inside = journeys.iter().filter(|journey| journey.times_ms[0].is_some_and(|t| (*start..next).contains(&t)));
        let converted = |journey: &&Journey| journey.times_ms.len() == question.steps.len();
        let open = |journey: &&Journey| !converted(journey) && journey.is_open(complete_to_ms);
        json!({
            "start": calendar::text(question.zone, *start),
            "entered": inside.clone().count(),
            "converted": inside.clone().filter(converted).count(),
            "open": inside.filter(open).count(),
        })
    };
    buckets.iter().enumerate().map(bucket).collect()
}

/// From the bin of the shortest time to that of the longest.
fn histogram(sorted: &[i64]) -> Vec<Value> {
    let (Some(least), Some(most)) = (sorted.first(), sorted.last()) else { return Vec::new() };
    let mut edges = EDGES.to_vec();
    while edges.last().is_some_and(|edge| edge <= most) {
        edges.push(edges[edges.len() - 1] * 2);
    }
    let bins = edges.windows(2).filter(|bin| bin[1] > *least && bin[0] <= *most);
    let count = |bin: &[i64]| sorted.iter().filter(|time| (bin[0]..bin[1]).contains(*time)).count();
    bins.map(|bin| json!({"from": bin[0], "to": bin[1], "count": count(bin)})).collect()
}

/// Exact, with linear interpolation: half way between two values lies the middle of both.
fn quantile(sorted: &[i64], part: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let rank = part * last as f64;
    let (below, above) = (sorted[rank.floor() as usize] as f64, sorted[rank.ceil() as usize] as f64);
    Some(below * (1.0 - rank.fract()) + above * rank.fract())
}

/// What occurs in an answer, so that a run can say what it saw.
pub fn features_of(answer: &Value) -> Vec<&'static str> {
    let list = |name: &str| answer[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let any_step = |has: &dyn Fn(&Value) -> bool| list("steps").iter().any(has);
    let passed = |step: &Value| step["taken"].as_u64().is_some_and(|taken| Some(taken) < step["count"].as_u64());
    let occurs = [
        ("still open", any_step(&|step| step["in_window"].as_u64() > Some(0))),
        ("conversions", answer["conversion_ms"]["n"].as_u64() > Some(0)),
        ("an optional step taken", any_step(&|step| step["taken"].as_u64() > Some(0))),
        ("an optional step passed over", any_step(&passed)),
        ("others", list("breakdown").iter().any(|group| group["other"] == true)),
        ("several buckets", list("trend").len() > 1),
        ("users in the period before", answer["previous"]["steps"][0]["count"].as_u64() > Some(0)),
    ];
    occurs.into_iter().filter_map(|(feature, occurs)| occurs.then_some(feature)).collect()
}
