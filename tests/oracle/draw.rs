//! Random questions about the data that there is: names as often as they happen, values that occur, and conditions that
//! leave something over.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};
use weir_tests::dice::Dice;

use super::data::{Data, Event};
use super::question::{Condition, value_of};

/// Events that a condition is tried on before it is used.
const SAMPLE: usize = 150;

/// Draws questions.
pub struct Drawer<'d> {
    data: &'d Data,
    dice: Dice,
}

impl<'d> Drawer<'d> {
    pub fn new(data: &'d Data, seed: u64) -> Self {
        Self { data, dice: Dice::new(seed) }
    }

    /// A question, and what it is made of.
    pub fn question(&mut self) -> (Value, BTreeSet<String>) {
        let mut features = BTreeSet::new();
        let mut spec = Map::from_iter([("kind".to_owned(), json!("funnel"))]);
        let number = *self.dice.pick(&[1, 2, 2, 3, 3, 3, 4, 4]);
        features.insert(format!("{number} steps"));
        let steps: Vec<Value> = (0..number).map(|_| self.step(&mut features)).collect();
        spec.insert("steps".to_owned(), steps.into());
        let window = *self.dice.pick(&["1m", "10m", "90m", "6h", "1d", "2d", "3d", "86399999ms"]);
        features.insert(format!("window {window}"));
        spec.insert("window".to_owned(), json!(window));
        // Left out where it is the default, now and then.
        let ties = *self.dice.pick(&["lenient", "arrival", "strict"]);
        features.insert(format!("ties {ties}"));
        if ties != "lenient" || self.dice.chance(50) {
            spec.insert("ties".to_owned(), json!(ties));
        }
        self.range(&mut spec, &mut features);
        if self.dice.chance(30) {
            let filters = self.conditions(None, 40, &mut features);
            if !filters.is_empty() {
                features.insert("where".to_owned());
                spec.insert("where".to_owned(), filters.into());
            }
        }
        if self.dice.chance(45) {
            let breakdown = self.breakdown(number, &mut features);
            spec.insert("breakdown".to_owned(), breakdown);
        }
        (Value::Object(spec), features)
    }

    fn event(&mut self) -> &'d Event {
        let place = *self.dice.pick(&self.data.places);
        self.data.at(place)
    }

    /// A name as often as it happens.
    fn name(&mut self) -> String {
        self.event().name.clone()
    }

    fn step(&mut self, features: &mut BTreeSet<String>) -> Value {
        let mut step = match self.dice.below(10) {
            0 => {
                features.insert("*".to_owned());
                let mut step = json!({"event": "*"});
                self.add_conditions(&mut step, None, 40, features);
                step
            }
            1 | 2 => {
                features.insert("any".to_owned());
                let number = 2 + self.dice.below(2);
                let any: Vec<Value> = (0..number).map(|_| self.alternative(30, features)).collect();
                let mut step = json!({"any": any});
                self.add_conditions(&mut step, None, 10, features);
                step
            }
            _ => self.alternative(35, features),
        };
        if self.dice.chance(20) {
            features.insert("label".to_owned());
            step["label"] = json!("단계 \"1\" 🚪");
        }
        step
    }

    fn alternative(&mut self, percent: usize, features: &mut BTreeSet<String>) -> Value {
        let name = self.name();
        let mut step = json!({"event": name});
        self.add_conditions(&mut step, Some(&name), percent, features);
        step
    }

    fn add_conditions(&mut self, to: &mut Value, name: Option<&str>, percent: usize, features: &mut BTreeSet<String>) {
        if self.dice.chance(percent) {
            let conditions = self.conditions(name, 15, features);
            if !conditions.is_empty() {
                to["where"] = conditions.into();
            }
        }
    }

    /// One or two conditions that together leave at least `percent` of the events of a name over; none if that does not
    /// come about soon.
    fn conditions(&mut self, name: Option<&str>, percent: usize, features: &mut BTreeSet<String>) -> Vec<Value> {
        let sample: Vec<&Event> = (0..SAMPLE * 20)
            .map(|_| self.event())
            .filter(|event| name.is_none_or(|name| name == event.name))
            .take(SAMPLE)
            .collect();
        for _ in 0..20 {
            let number = 1 + self.dice.below(2);
            let mut seen = BTreeSet::new();
            let conditions: Vec<Value> = (0..number).filter_map(|_| self.condition(&sample, &mut seen)).collect();
            let read: Vec<Condition> = conditions.iter().map(Condition::read).collect();
            let left = sample.iter().filter(|event| read.iter().all(|condition| condition.holds(event))).count();
            if !conditions.is_empty() && left * 100 >= percent * sample.len() && left > 0 {
                features.extend(seen);
                return conditions;
            }
        }
        Vec::new()
    }

    /// A condition about a property that one of these events has.
    fn condition(&mut self, sample: &[&'d Event], features: &mut BTreeSet<String>) -> Option<Value> {
        let event = *self.dice.pick(sample);
        let mut paths = Vec::new();
        list_paths("", &event.properties, &mut paths);
        if self.dice.chance(35) || paths.is_empty() {
            list_paths("context.", &event.context, &mut paths);
        }
        if paths.is_empty() {
            return None;
        }
        let path = self.dice.pick(&paths).clone();
        let value = value_of(event, &path)?;
        let (kind, ops): (_, &[&str]) = match value {
            Value::Bool(_) => ("boolean", &["=", "!=", "in", "not in", "exists"]),
            Value::Number(_) => ("number", &["=", "!=", "in", "not in", "<", "<=", ">", ">=", "exists", "not exists"]),
            Value::Array(_) => ("list", &["contains", "not contains", "exists"]),
            Value::Object(_) => ("object", &["exists", "=", "!="]),
            _ => (
                "text",
                &[
                    "=",
                    "!=",
                    "in",
                    "not in",
                    "<",
                    ">=",
                    "contains",
                    "not contains",
                    "starts with",
                    "ends with",
                    "matches",
                    "exists",
                ],
            ),
        };
        let op = *self.dice.pick(ops);
        features.insert(format!("op {op}"));
        features.insert(kind.to_owned());
        note_path(&path, value, features);
        let mut condition = json!({"property": path, "op": op});
        if let Some(value) = self.operand(op, &path, value, sample, features) {
            condition["value"] = value;
        }
        Some(condition)
    }

    /// What the value of a property is tested against.
    fn operand(
        &mut self,
        op: &str,
        path: &str,
        value: &Value,
        sample: &[&Event],
        features: &mut BTreeSet<String>,
    ) -> Option<Value> {
        let scalar = |value: &Value| (!value.is_object() && !value.is_array()).then(|| value.clone());
        match op {
            "exists" | "not exists" => None,
            "in" | "not in" => {
                let mut list = vec![value.clone()];
                for _ in 0..1 + self.dice.below(3) {
                    list.extend(value_of(self.dice.pick::<&Event>(sample), path).and_then(scalar));
                }
                if self.dice.chance(30) {
                    features.insert("mixed list".to_owned());
                    list.extend([json!(true), json!("1"), json!(1)]);
                }
                Some(list.into())
            }
            "contains" | "not contains" => match value {
                Value::Array(elements) if elements.is_empty() => Some(json!("주말")),
                Value::Array(elements) => Some(self.dice.pick(elements).clone()),
                _ => Some(json!(self.part(value.as_str()?))),
            },
            "starts with" => Some(json!(value.as_str()?.chars().take(1 + self.dice.below(3)).collect::<String>())),
            "ends with" => {
                let chars: Vec<char> = value.as_str()?.chars().collect();
                let from = chars.len().saturating_sub(1 + self.dice.below(3));
                Some(json!(chars[from..].iter().collect::<String>()))
            }
            "matches" => {
                let part = regex::escape(&self.part(value.as_str()?));
                let patterns =
                    [part.clone(), format!("^.*{part}"), "[가-힣]{2}".to_owned(), format!("(?i)^{part}|\\d$")];
                Some(json!(self.dice.pick(&patterns)))
            }
            _ => match scalar(value) {
                None => Some(json!("{}")),
                // A number against its own text, and the other way round: never equal, and without an order.
                Some(value) if self.dice.chance(12) => {
                    features.insert("another type".to_owned());
                    Some(match value {
                        Value::String(text) => text.parse::<i64>().map_or(json!(0), |number| json!(number)),
                        other => json!(other.to_string()),
                    })
                }
                // 1 and 1.0 are one number.
                Some(Value::Number(number)) if self.dice.chance(30) => number.as_f64().map(Value::from),
                Some(value) => Some(value),
            },
        }
    }

    /// Some letters in a row.
    fn part(&mut self, text: &str) -> String {
        let chars: Vec<char> = text.chars().collect();
        if chars.is_empty() {
            return String::new();
        }
        let from = self.dice.below(chars.len());
        chars[from..].iter().take(1 + self.dice.below(3)).collect()
    }

    fn range(&mut self, spec: &mut Map<String, Value>, features: &mut BTreeSet<String>) {
        let (first, last) = self.data.period();
        let mut instants = [self.dice.between(first, last), self.dice.between(first, last)];
        instants.sort_unstable();
        let zone = *self.dice.pick(&["Asia/Seoul", "America/New_York", "UTC"]);
        let date =
            |ms: i64| instant(ms).with_timezone(&zone.parse::<Tz>().expect("a zone")).format("%Y-%m-%d").to_string();
        let time = |ms: i64| instant(ms).to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let fields = match self.dice.below(6) {
            0 => return,
            1 => vec![("from", time(instants[0])), ("to", time(instants[1]))],
            2 => vec![("from", date(instants[0]))],
            3 => vec![("to", date(instants[1]))],
            4 => vec![("from", date(instants[0])), ("to", date(instants[0] + 3 * 86_400_000))],
            _ => vec![("from", date(instants[0])), ("to", date(instants[1]))],
        };
        if fields.iter().any(|(_, text)| text.len() == 10) {
            features.insert(format!("days of {zone}"));
            spec.insert("timezone".to_owned(), json!(zone));
        } else {
            features.insert("instants".to_owned());
        }
        spec.extend(fields.into_iter().map(|(name, text)| (name.to_owned(), json!(text))));
    }

    fn breakdown(&mut self, steps: usize, features: &mut BTreeSet<String>) -> Value {
        let properties =
            ["category", "region", "context.platform", "wage", "is_urgent", "context.os.version", "distance_m"];
        let property = *self.dice.pick(&properties);
        features.insert(format!("breakdown by {property}"));
        if self.dice.chance(20) {
            return json!(property);
        }
        let mut breakdown = json!({"property": property});
        if self.dice.chance(70) {
            breakdown["step"] = json!(1 + self.dice.below(steps));
            features.insert("breakdown step".to_owned());
        }
        if self.dice.chance(70) {
            breakdown["limit"] = json!(*self.dice.pick(&[1, 3, 20, 1000]));
        }
        breakdown
    }
}

fn instant(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).expect("an instant of the demo data")
}

/// The paths of everything in an object, also of what holds other things.
fn list_paths(prefix: &str, object: &Value, paths: &mut Vec<String>) {
    for (key, value) in object.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        let path = format!("{prefix}{key}");
        list_paths(&format!("{path}."), value, paths);
        paths.push(path);
    }
}

fn note_path(path: &str, value: &Value, features: &mut BTreeSet<String>) {
    let below = path.strip_prefix("context.");
    if below.is_some() {
        features.insert("context".to_owned());
    }
    if below.unwrap_or(path).contains('.') {
        features.insert("nested".to_owned());
    }
    if let Some(text) = value.as_str() {
        if !text.is_ascii() {
            features.insert("Korean".to_owned());
        }
        if text.parse::<f64>().is_ok() || text == "true" || text == "false" {
            features.insert("mistyped".to_owned());
        }
    }
}
