//! A question read from its JSON document, straight from the meaning of each field, and the tests of properties.
//!
//! Nothing of weir's own reading is used: what both misread in the same way would go unseen.

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use regex::Regex;
use serde_json::Value;

use super::calendar::start_of_day_ms;
use super::data::Event;

const DAY_MS: i64 = 86_400_000;

/// A funnel question.
#[derive(Debug, Clone)]
pub struct Question {
    /// First instant of the range.
    pub from_ms: Option<i64>,
    /// First instant behind it.
    pub to_ms: Option<i64>,
    /// The same of the period before, where it is asked for.
    pub previous: Option<(i64, i64)>,
    pub zone: Tz,
    pub steps: Vec<Step>,
    /// `None` is the session.
    pub window_ms: Option<i64>,
    pub order: Order,
    pub ties: Ties,
    pub count: Count,
    pub excludes: Vec<Exclude>,
    pub drop_user: bool,
    pub hold: Vec<String>,
    pub filters: Vec<Condition>,
    pub breakdown: Option<Breakdown>,
    pub interval: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Ordered,
    Strict,
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    Lenient,
    Arrival,
    Strict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    Users,
    Sessions,
    Attempts,
}

#[derive(Debug, Clone)]
pub struct Step {
    pub label: String,
    pub any: Vec<Alternative>,
    pub optional: bool,
}

/// Events that must not happen between two steps, which are numbered from 1.
#[derive(Debug, Clone)]
pub struct Exclude {
    pub any: Vec<Alternative>,
    pub from: usize,
    pub to: usize,
}

#[derive(Debug, Clone)]
pub struct Alternative {
    event: String,
    filters: Vec<Condition>,
}

#[derive(Debug, Clone)]
pub struct Breakdown {
    pub property: String,
    pub step: usize,
    pub limit: usize,
}

#[derive(Debug, Clone)]
pub struct Condition {
    property: String,
    op: String,
    value: Value,
    /// Of `matches`.
    expression: Option<Regex>,
}

impl Question {
    /// Reads a document that is known to be right. `now_ms` is the instant of asking.
    pub fn read(spec: &Value, now_ms: i64) -> Self {
        let zone: Tz = spec["timezone"].as_str().unwrap_or("UTC").parse().expect("a time zone");
        let steps: Vec<Step> = spec["steps"].as_array().expect("steps").iter().map(Step::read).collect();
        let number = |value: &Value, default: usize| value.as_u64().map_or(default, |number| number as usize);
        let breakdown = spec.get("breakdown").map(|breakdown| Breakdown {
            property: breakdown["property"].as_str().or(breakdown.as_str()).expect("a property").to_owned(),
            step: number(&breakdown["step"], 1),
            limit: number(&breakdown["limit"], 10),
        });
        let exclude = |exclude: &Value| Exclude {
            any: alternatives(exclude),
            from: number(&exclude["from"], 1),
            to: number(&exclude["to"], steps.len()),
        };
        let ((from_ms, to_ms), previous) = periods(spec, zone, now_ms);
        Self {
            from_ms,
            to_ms,
            previous: previous.filter(|_| spec["compare"] == "previous"),
            zone,
            window_ms: Some(spec["window"].as_str().unwrap_or("14d")).filter(|w| *w != "session").map(duration_ms),
            order: match word(spec, "order", "ordered") {
                "ordered" => Order::Ordered,
                "strict" => Order::Strict,
                "any" => Order::Any,
                other => panic!("order `{other}`"),
            },
            ties: match word(spec, "ties", "lenient") {
                "lenient" => Ties::Lenient,
                "arrival" => Ties::Arrival,
                "strict" => Ties::Strict,
                other => panic!("ties `{other}`"),
            },
            count: match word(spec, "count", "users") {
                "users" => Count::Users,
                "sessions" => Count::Sessions,
                "attempts" => Count::Attempts,
                other => panic!("count `{other}`"),
            },
            excludes: list(&spec["exclude"]).iter().map(exclude).collect(),
            drop_user: spec["exclusion"] == "drop_user",
            hold: list(&spec["hold"]).iter().map(text).collect(),
            filters: conditions(&spec["where"]),
            breakdown,
            interval: spec["interval"].as_str().map(str::to_owned),
            steps,
        }
    }

    /// The same question about another period.
    pub fn about(&self, (from_ms, to_ms): (i64, i64)) -> Self {
        Self { from_ms: Some(from_ms), to_ms: Some(to_ms), previous: None, ..self.clone() }
    }

    /// Whether a first step may happen then.
    pub fn in_range(&self, time_ms: i64) -> bool {
        self.from_ms.is_none_or(|from| time_ms >= from) && self.to_ms.is_none_or(|to| time_ms < to)
    }

    /// Whether the question looks at an event at all.
    pub fn sees(&self, event: &Event) -> bool {
        self.filters.iter().all(|condition| condition.holds(event))
    }

    /// The steps that an event fills, as bits.
    pub fn steps_of(&self, event: &Event) -> u64 {
        bits(self.steps.iter().map(|step| &step.any), event)
    }

    /// The exclusions that an event is one of, as bits.
    pub fn excludes_of(&self, event: &Event) -> u64 {
        bits(self.excludes.iter().map(|exclude| &exclude.any), event)
    }
}

fn bits<'a>(lists: impl Iterator<Item = &'a Vec<Alternative>>, event: &Event) -> u64 {
    let taken = lists.enumerate().filter(|(_, any)| any.iter().any(|one| one.takes(event)));
    taken.fold(0, |bits, (at, _)| bits | 1 << at)
}

/// A range, each of whose ends may be open.
type Range = (Option<i64>, Option<i64>);

/// The range of a question, and the one before it if both its ends are there.
fn periods(spec: &Value, zone: Tz, now_ms: i64) -> (Range, Option<(i64, i64)>) {
    if let Some(last) = spec["last"].as_str() {
        // Up to and including now.
        let (from, to) = (now_ms - duration_ms(last), now_ms + 1);
        return ((Some(from), Some(to)), Some((from - (to - from), from)));
    }
    let (first, last) = (Bound::read(&spec["from"]), Bound::read(&spec["to"]));
    let from_ms = first.as_ref().map(|bound| bound.start_ms(zone, 0));
    let to_ms = last.as_ref().map(|bound| bound.start_ms(zone, 1));
    let before = from_ms.zip(to_ms).map(|(from, to)| match (first, last) {
        (Some(Bound::Day(first)), Some(Bound::Day(last))) => {
            let days = (last - first).num_days() as u64 + 1;
            (start_of_day_ms(zone, first - Days::new(days)), from)
        }
        _ => (from - (to - from), from),
    });
    ((from_ms, to_ms), before)
}

/// A date or an instant.
enum Bound {
    Day(NaiveDate),
    Instant(i64),
}

impl Bound {
    fn read(value: &Value) -> Option<Self> {
        let text = value.as_str()?;
        Some(match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            Ok(date) => Self::Day(date),
            Err(_) => Self::Instant(weir_tests::instant_ms(text)),
        })
    }

    /// The first instant of the date that comes so many days later; an instant is itself.
    fn start_ms(&self, zone: Tz, days_later: u64) -> i64 {
        match self {
            Self::Day(date) => start_of_day_ms(zone, *date + Days::new(days_later)),
            Self::Instant(ms) => *ms,
        }
    }
}

impl Step {
    fn read(step: &Value) -> Self {
        let any = alternatives(step);
        let label = step["label"].as_str().map_or_else(|| label(&any), str::to_owned);
        Self { label, any, optional: step["optional"] == true }
    }
}

/// The names of the events, each once.
fn label(any: &[Alternative]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for one in any {
        let name = if one.event == "*" { "any event" } else { &one.event };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(" or ")
}

/// The events of an object with `event` or `any`, and `where`.
fn alternatives(object: &Value) -> Vec<Alternative> {
    let read = |one: &Value| Alternative { event: text(&one["event"]), filters: conditions(&one["where"]) };
    match object.get("any") {
        None => vec![read(object)],
        Some(any) => {
            let shared = conditions(&object["where"]);
            let mut any: Vec<Alternative> = list(any).iter().map(read).collect();
            any.iter_mut().for_each(|one| one.filters.extend(shared.iter().cloned()));
            any
        }
    }
}

impl Alternative {
    fn takes(&self, event: &Event) -> bool {
        (self.event == "*" || self.event == event.name) && self.filters.iter().all(|condition| condition.holds(event))
    }
}

fn word<'v>(spec: &'v Value, name: &str, default: &'v str) -> &'v str {
    spec[name].as_str().unwrap_or(default)
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn conditions(value: &Value) -> Vec<Condition> {
    list(value).iter().map(Condition::read).collect()
}

/// A duration of a question, in milliseconds.
pub fn duration_ms(text: &str) -> i64 {
    let at = text.find(|c: char| !c.is_ascii_digit()).expect("a unit");
    let unit = match &text[at..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => DAY_MS,
        "w" => 7 * DAY_MS,
        other => panic!("unit `{other}`"),
    };
    text[..at].parse::<i64>().expect("a number") * unit
}

/// The value of a property of an event. JSON `null` is no value.
pub fn value_of<'e>(event: &'e Event, property: &str) -> Option<&'e Value> {
    match property.strip_prefix("context.") {
        Some(path) => look_up(&event.context, path),
        None => look_up(&event.properties, property),
    }
}

/// At each level the longest key that leads to a value; digits are an index where they meet a list.
fn look_up<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    let dots = path.match_indices('.').map(|(at, _)| at);
    let mut ends: Vec<usize> = dots.chain([path.len()]).collect();
    ends.reverse();
    ends.into_iter().find_map(|end| {
        let (key, rest) = (&path[..end], path.get(end + 1..));
        let below = match value {
            Value::Array(elements) => elements.get(key.parse::<usize>().ok()?),
            _ => value.get(key),
        };
        let below = below.filter(|below| !below.is_null())?;
        rest.map_or(Some(below), |rest| look_up(below, rest))
    })
}

impl Condition {
    /// Reads a condition that is known to be right.
    pub fn read(condition: &Value) -> Self {
        let (op, value) = (text(&condition["op"]), condition["value"].clone());
        let expression = (op == "matches").then(|| Regex::new(value.as_str().expect("a text")).expect("an expression"));
        Self { property: text(&condition["property"]), op, value, expression }
    }

    /// Whether an event passes.
    pub fn holds(&self, event: &Event) -> bool {
        let wanted = &self.value;
        let found = value_of(event, &self.property);
        let Some(found) = found else {
            return matches!(self.op.as_str(), "!=" | "not in" | "not contains" | "not exists");
        };
        let in_list = || wanted.as_array().expect("a list").iter().any(|wanted| equal(found, wanted));
        let both_texts = |test: fn(&str, &str) -> bool| match (found.as_str(), wanted.as_str()) {
            (Some(found), Some(wanted)) => test(found, wanted),
            _ => false,
        };
        let contains = || match found {
            Value::Array(elements) => elements.iter().any(|element| equal(element, wanted)),
            _ => both_texts(|text, part| text.contains(part)),
        };
        match self.op.as_str() {
            "=" => equal(found, wanted),
            "!=" => !equal(found, wanted),
            "in" => in_list(),
            "not in" => !in_list(),
            "<" => less(found, wanted),
            "<=" => less(found, wanted) || same_kind_equal(found, wanted),
            ">" => less(wanted, found),
            ">=" => less(wanted, found) || same_kind_equal(found, wanted),
            "contains" => contains(),
            "not contains" => !contains(),
            "starts with" => both_texts(|text, start| text.starts_with(start)),
            "ends with" => both_texts(|text, end| text.ends_with(end)),
            "matches" => found.as_str().is_some_and(|text| self.expression.as_ref().is_some_and(|e| e.is_match(text))),
            "exists" => true,
            "not exists" => false,
            op => panic!("op `{op}`"),
        }
    }
}

/// Number, text and boolean never equal each other; lists and objects equal nothing.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a == b,
        _ => same_kind_equal(a, b),
    }
}

/// Of what has an order.
fn same_kind_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(_), Value::Number(_)) => a.as_f64() == b.as_f64(),
        (Value::String(a), Value::String(b)) => a == b,
        _ => false,
    }
}

fn less(a: &Value, b: &Value) -> bool {
    match (a, b) {
        // The numbers of the tests are far below 2^53, so a double holds each exactly.
        (Value::Number(_), Value::Number(_)) => a.as_f64() < b.as_f64(),
        (Value::String(a), Value::String(b)) => a.chars().lt(b.chars()),
        _ => false,
    }
}
