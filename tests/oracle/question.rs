//! A question read from its JSON document, straight from the meaning of each field, and the tests of properties.
//!
//! Nothing of weir's own reading is used: what both misread in the same way would go unseen.

use chrono::{Days, NaiveDate, NaiveTime, TimeZone};
use chrono_tz::Tz;
use regex::Regex;
use serde_json::Value;
use weir_core::spec::Ties;

use super::data::Event;

/// A funnel question.
#[derive(Debug)]
pub struct Question {
    /// First instant of the range.
    pub from_ms: Option<i64>,
    /// First instant behind it.
    pub to_ms: Option<i64>,
    pub steps: Vec<Step>,
    pub window_ms: i64,
    pub ties: Ties,
    pub filters: Vec<Condition>,
    pub breakdown: Option<Breakdown>,
}

#[derive(Debug)]
pub struct Step {
    pub label: String,
    pub any: Vec<Alternative>,
}

#[derive(Debug)]
pub struct Alternative {
    event: String,
    filters: Vec<Condition>,
}

#[derive(Debug)]
pub struct Breakdown {
    pub property: String,
    pub step: usize,
    pub limit: usize,
}

#[derive(Debug)]
pub struct Condition {
    property: String,
    op: String,
    value: Value,
    /// Of `matches`.
    expression: Option<Regex>,
}

impl Question {
    /// Reads a document that is known to be right.
    pub fn read(spec: &Value) -> Self {
        let zone: Tz = spec["timezone"].as_str().unwrap_or("UTC").parse().expect("a time zone");
        let bound = |name: &str, days: u64| spec[name].as_str().map(|text| bound_ms(text, zone, days));
        let breakdown = spec.get("breakdown").map(|breakdown| Breakdown {
            property: breakdown["property"].as_str().or(breakdown.as_str()).expect("a property").to_owned(),
            step: breakdown["step"].as_u64().unwrap_or(1) as usize,
            limit: breakdown["limit"].as_u64().unwrap_or(10) as usize,
        });
        Self {
            from_ms: bound("from", 0),
            to_ms: bound("to", 1),
            steps: spec["steps"].as_array().expect("steps").iter().map(Step::read).collect(),
            window_ms: spec["window"].as_str().map_or(14 * 86_400_000, duration_ms),
            ties: match spec["ties"].as_str() {
                None | Some("lenient") => Ties::Lenient,
                Some("arrival") => Ties::Arrival,
                Some("strict") => Ties::Strict,
                Some(other) => panic!("ties `{other}`"),
            },
            filters: conditions(&spec["where"]),
            breakdown,
        }
    }

    /// The steps that an event fills, as bits.
    pub fn steps_of(&self, event: &Event) -> u64 {
        let names = |step: &Step| step.any.iter().any(|one| one.event == "*" || one.event == event.name);
        if !self.steps.iter().any(names) || !self.filters.iter().all(|condition| condition.holds(event)) {
            return 0;
        }
        let bits = self.steps.iter().enumerate().filter(|(_, step)| step.any.iter().any(|one| one.takes(event)));
        bits.fold(0, |bits, (at, _)| bits | 1 << at)
    }
}

impl Step {
    fn read(step: &Value) -> Self {
        let shared = || conditions(&step["where"]);
        let any: Vec<Alternative> = match step.get("any") {
            None => vec![Alternative { event: text(&step["event"]), filters: shared() }],
            Some(any) => {
                let read = |one: &Value| {
                    let filters = conditions(&one["where"]).into_iter().chain(shared()).collect();
                    Alternative { event: text(&one["event"]), filters }
                };
                any.as_array().expect("a list").iter().map(read).collect()
            }
        };
        // How a step without a label is shown is pinned elsewhere, but for the plain one.
        let label = match (step.get("label"), step.get("event")) {
            (Some(label), _) => text(label),
            (None, Some(event)) if event != "*" => text(event),
            _ => String::new(),
        };
        Self { label, any }
    }
}

impl Alternative {
    fn takes(&self, event: &Event) -> bool {
        (self.event == "*" || self.event == event.name) && self.filters.iter().all(|condition| condition.holds(event))
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn conditions(list: &Value) -> Vec<Condition> {
    list.as_array().map(|list| list.iter().map(Condition::read).collect()).unwrap_or_default()
}

/// A date is its first instant in `zone`, or that of so many days later; an instant is itself.
fn bound_ms(text: &str, zone: Tz, days_later: u64) -> i64 {
    match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        Ok(date) => {
            let midnight = (date + Days::new(days_later)).and_time(NaiveTime::MIN);
            // No zone of this test ever skips or repeats a midnight.
            zone.from_local_datetime(&midnight).single().expect("one midnight").timestamp_millis()
        }
        Err(_) => chrono::DateTime::parse_from_rfc3339(text).expect("an instant").timestamp_millis(),
    }
}

fn duration_ms(text: &str) -> i64 {
    let at = text.find(|c: char| !c.is_ascii_digit()).expect("a unit");
    let unit = match &text[at..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        other => panic!("unit `{other}`"),
    };
    text[..at].parse::<i64>().expect("a number") * unit
}

/// The value of a property of an event. JSON `null` is no value.
pub fn value_of<'e>(event: &'e Event, property: &str) -> Option<&'e Value> {
    let (mut value, path) = match property.strip_prefix("context.") {
        Some(path) => (&event.context, path),
        None => (&event.properties, property),
    };
    for key in path.split('.') {
        value = value.get(key)?;
    }
    Some(value).filter(|value| !value.is_null())
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
        // The numbers of the demo data are far below 2^53, so a double holds each exactly.
        (Value::Number(_), Value::Number(_)) => a.as_f64() < b.as_f64(),
        (Value::String(a), Value::String(b)) => a.chars().lt(b.chars()),
        _ => false,
    }
}
