//! Holds events against a plan. The plan is compiled once; an event that has no rules costs one lookup of its name.
//!
//! ```text
//! rules of apply_submit                       event                                    violations
//! job_id   string, required                   {"channel": "tv", "price": -1}           missing_property: job_id
//! channel  enum web ios                                                                value_not_allowed: channel
//! price    number, minimum 0                                                           out_of_range: price
//! ```
//!
//! A property that is `null` counts as missing, as it does in every question: it is a violation where the property is
//! required and `null` is not among its types, and none anywhere else.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;
use serde_json::{Number, Value};

use super::members::{Found, Members, find, members, text};
use super::model::{JsonType, Plan, PlannedEvent, PlannedProperty, is_whole};
use crate::event::{excerpt, found};
use crate::property::compare_numbers;

/// What a violation can be called.
pub const CODES: [&str; 6] = [
    "unplanned_event",
    "missing_property",
    "wrong_property_type",
    "value_not_allowed",
    "out_of_range",
    "unplanned_property",
];
/// The most violations that are listed of one event; there may be more.
pub const MAX_VIOLATIONS: usize = 32;
/// Allowed values that a message lists.
const SHOWN_VALUES: usize = 10;

/// One thing in which an event departs from the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// A short stable name, for programs: `unplanned_event`, `missing_property`, `wrong_property_type`,
    /// `value_not_allowed`, `out_of_range` or `unplanned_property`.
    pub code: &'static str,
    /// The property, as the plan names it; empty where the event as a whole is meant.
    pub property: String,
    /// What was found and what is expected.
    pub message: String,
}

impl Violation {
    /// Code and property as one short text, such as `missing_property: job_id`.
    pub fn flag(&self) -> String {
        if self.property.is_empty() {
            self.code.to_owned()
        } else {
            format!("{}: {}", self.code, excerpt(&self.property))
        }
    }
}

/// A plan, ready to hold events against.
#[derive(Debug, Clone, Default)]
pub struct CompiledPlan {
    /// Whether other events are a violation.
    is_closed: bool,
    events: HashMap<Box<str>, EventRules>,
}

#[derive(Debug, Clone, Default)]
struct EventRules {
    /// Whether other properties are a violation.
    is_closed: bool,
    rules: Vec<Rule>,
    /// Rules by the whole name.
    by_name: HashMap<Box<str>, usize>,
    /// Every beginning of a name, up to a dot, that may be a key: `cart` and `cart.sum` for `cart.sum.net`.
    beginnings: HashSet<Box<str>>,
}

#[derive(Debug, Clone)]
struct Rule {
    name: Box<str>,
    types: Vec<JsonType>,
    required: bool,
    /// The allowed strings; `others` has the numbers and booleans.
    texts: HashSet<Box<str>>,
    others: Vec<Value>,
    /// The allowed values, as a message lists them; empty: any value.
    expected: String,
    minimum: Option<Number>,
    maximum: Option<Number>,
}

impl CompiledPlan {
    /// Prepares a plan.
    pub fn new(plan: &Plan) -> Self {
        let events = plan.events.iter().map(|event| (Box::from(event.name.as_str()), EventRules::new(event)));
        Self { is_closed: !plan.additional_events, events: events.collect() }
    }

    /// What an event violates: its name, and its properties as the text of a JSON object. The first [`MAX_VIOLATIONS`],
    /// rules first and then what is not planned; at most one of a property.
    pub fn check(&self, event: &str, properties: Option<&str>) -> Vec<Violation> {
        match self.events.get(event) {
            Some(rules) => rules.check(properties),
            None if self.is_closed => vec![Violation {
                code: "unplanned_event",
                property: String::new(),
                message: format!("the plan has no event `{}`", excerpt(event)),
            }],
            None => Vec::new(),
        }
    }
}

impl EventRules {
    fn new(event: &PlannedEvent) -> Self {
        let mut rules = Self { is_closed: !event.additional_properties, ..Self::default() };
        for property in &event.properties {
            for (dot, _) in property.name.match_indices('.') {
                rules.beginnings.insert(property.name.get(..dot).unwrap_or_default().into());
            }
            rules.by_name.insert(property.name.as_str().into(), rules.rules.len());
            rules.rules.push(Rule::new(property));
        }
        rules
    }

    fn check(&self, properties: Option<&str>) -> Vec<Violation> {
        if self.rules.is_empty() && !self.is_closed {
            return Vec::new();
        }
        let members = members(properties.unwrap_or("{}"));
        // Of a key that occurs twice the last counts.
        let mut whole: Vec<Option<&str>> = vec![None; self.rules.len()];
        let mut beginnings = Members::new();
        for (key, raw) in &members {
            if let Some(slot) = self.by_name.get(key.as_ref()).and_then(|at| whole.get_mut(*at)) {
                *slot = Some(raw);
            }
            if self.beginnings.contains(key.as_ref()) {
                beginnings.push((Cow::clone(key), raw));
            }
        }
        let mut violations = Vec::new();
        for (rule, raw) in self.rules.iter().zip(whole) {
            let found = match raw.map_or(Found::Missing, Found::of) {
                Found::Value(raw) => Found::Value(raw),
                // A whole name with a value goes first; only without one the shorter literals count.
                none if rule.name.contains('.') => match find(&beginnings, &rule.name) {
                    Found::Missing => none,
                    found => found,
                },
                none => none,
            };
            violations.extend(rule.check(found));
        }
        if self.is_closed {
            self.find_unplanned(&members, "", &mut violations);
        }
        violations.truncate(MAX_VIOLATIONS);
        violations
    }

    /// Properties that no rule names: neither they, nor what they are in, nor what is in them.
    fn find_unplanned(&self, members: &Members<'_>, inside: &str, violations: &mut Vec<Violation>) {
        for (key, raw) in members {
            if violations.len() >= MAX_VIOLATIONS {
                return;
            }
            let name = if inside.is_empty() { Cow::clone(key) } else { Cow::Owned(format!("{inside}.{key}")) };
            if self.by_name.contains_key(name.as_ref()) {
                continue;
            }
            if self.beginnings.contains(name.as_ref()) && raw.starts_with(['{', '[']) {
                self.find_unplanned(&parts(raw), &name, violations);
            } else if *raw != "null" && !violations.iter().any(|violation| violation.property == name) {
                let message = "is not planned".to_owned();
                violations.push(Violation { code: "unplanned_property", property: name.into_owned(), message });
            }
        }
    }
}

/// The members of an object, or the elements of a list under their indices.
fn parts(raw: &str) -> Members<'_> {
    if raw.starts_with('{') {
        return members(raw);
    }
    let elements: Vec<&RawValue> = serde_json::from_str(raw).unwrap_or_default();
    elements.iter().enumerate().map(|(at, element)| (Cow::Owned(at.to_string()), element.get())).collect()
}

impl Rule {
    fn new(property: &PlannedProperty) -> Self {
        let texts = property.allowed.iter().filter_map(Value::as_str).map(Box::from).collect();
        let others = property.allowed.iter().filter(|value| !value.is_string()).cloned().collect();
        Self {
            name: property.name.as_str().into(),
            types: property.types.clone(),
            required: property.required,
            texts,
            others,
            expected: listed(&property.allowed),
            minimum: property.minimum.clone(),
            maximum: property.maximum.clone(),
        }
    }

    fn check(&self, found: Found<'_>) -> Option<Violation> {
        let (code, message) = match found {
            Found::Missing => self.required.then(|| ("missing_property", "is missing, and required".to_owned())),
            Found::Null if self.types.contains(&JsonType::Null) => None,
            Found::Null => self.required.then(|| ("missing_property", "is null, and required".to_owned())),
            Found::Value(raw) => self.check_value(raw),
        }?;
        Some(Violation { code, property: self.name.to_string(), message })
    }

    fn check_value(&self, raw: &str) -> Option<(&'static str, String)> {
        let number = matches!(raw.as_bytes().first(), Some(b'-' | b'0'..=b'9'));
        let number: Option<Number> = number.then(|| serde_json::from_str(raw).ok()).flatten();
        let kind = match raw.as_bytes().first() {
            Some(b'"') => JsonType::String,
            Some(b'{') => JsonType::Object,
            Some(b'[') => JsonType::Array,
            Some(b't' | b'f') => JsonType::Boolean,
            _ if number.as_ref().is_some_and(is_whole) => JsonType::Integer,
            _ => JsonType::Number,
        };
        if !kind.is_in(&self.types) {
            let types: Vec<&str> = self.types.iter().map(|kind| kind.name()).collect();
            return Some(("wrong_property_type", format!("is {}, expected {}", found(raw), types.join(" or "))));
        }
        if !self.expected.is_empty() && !self.allows(raw, number.as_ref()) {
            return Some(("value_not_allowed", format!("is {}, expected one of {}", found(raw), self.expected)));
        }
        let number = number?;
        let beyond = |bound: &Option<Number>, side: Ordering| {
            bound.as_ref().filter(|bound| compare_numbers(&number, bound) == Some(side)).cloned()
        };
        let limit = match (beyond(&self.minimum, Ordering::Less), beyond(&self.maximum, Ordering::Greater)) {
            (Some(minimum), _) => format!("at least {minimum}"),
            (None, Some(maximum)) => format!("at most {maximum}"),
            (None, None) => return None,
        };
        Some(("out_of_range", format!("is {}, expected {limit}", found(raw))))
    }

    fn allows(&self, raw: &str, number: Option<&Number>) -> bool {
        if raw.starts_with('"') {
            return text(raw).is_some_and(|text| self.texts.contains(text.as_ref()));
        }
        self.others.iter().any(|allowed| match allowed {
            Value::Number(allowed) => {
                number.is_some_and(|number| compare_numbers(number, allowed) == Some(Ordering::Equal))
            }
            Value::Bool(allowed) => raw == if *allowed { "true" } else { "false" },
            _ => false,
        })
    }
}

/// `"web", "ios" and 3 more`
fn listed(values: &[Value]) -> String {
    let shown: Vec<String> =
        values.iter().take(SHOWN_VALUES).map(|value| excerpt(&value.to_string()).into_owned()).collect();
    let more = match values.len().saturating_sub(SHOWN_VALUES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    shown.join(", ") + &more
}

#[cfg(test)]
#[path = "checker_tests.rs"]
mod tests;
