//! A first plan, drafted from a profile: something to correct, instead of an empty page.
//!
//! A property is `required` where every one of enough events has it, and gets an `enum` where enough events share a few
//! values. Objects are planned by their members, unless these look like data themselves. What was counted goes into notes,
//! beside the document: a plan keeps to what is true next month too.
//!
//! ```text
//! view_job:                # 41,204 events
//!   properties:
//!     tab:                 # 100% of events, 2 values
//!       type: string
//!       required: true
//!       enum: [new, all]
//! ```

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::model::{JsonType, VERSION};
use super::profile::{EventProfile, Profile, PropertyProfile, types_value};

/// From so many events on, what all of them have is taken for a rule.
const ENOUGH_EVENTS: u64 = 20;
/// From so many occurrences of each value on, on average, few values are taken for all there are.
const ENOUGH_OF_A_VALUE: u64 = 20;
/// More values than that are no `enum`.
const MOST_VALUES: usize = 12;
/// An object with more different members than that is planned as a whole: its keys are data.
const MOST_MEMBERS: usize = 30;
/// The most events and properties that a plan may have.
const MOST_EVENTS: usize = super::parse::MAX_EVENTS;
const MOST_PROPERTIES: usize = super::parse::MAX_PROPERTIES;

/// A plan as a document, with notes.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// What [`parse`](super::parse()) takes.
    pub document: Value,
    /// What was counted, by the path of names that leads to it.
    pub notes: BTreeMap<Vec<String>, String>,
    /// Properties that were left out: a plan may have only so many of an event.
    pub properties_cut: u64,
}

/// Drafts a plan. `totals` says how many events of each name there are, where only some were looked at.
pub fn draft(profile: &Profile, totals: &BTreeMap<String, u64>) -> Draft {
    let mut draft = Draft { document: Value::Null, notes: BTreeMap::new(), properties_cut: 0 };
    let mut by_count: Vec<(&String, &EventProfile)> =
        profile.events.iter().filter(|(name, _)| !name.is_empty() && *name != "*").collect();
    let total = |name: &str, event: &EventProfile| totals.get(name).copied().unwrap_or(event.count);
    by_count.sort_by_key(|(name, event)| std::cmp::Reverse(total(name, event)));
    let mut events = Map::new();
    for (name, event) in by_count.into_iter().take(MOST_EVENTS) {
        let note = match total(name, event) {
            total if total == event.count => format!("{} events", count(total)),
            total => format!("{} events, of which {} were looked at", count(total), count(event.count)),
        };
        draft.notes.insert(vec!["events".to_owned(), name.clone()], note);
        let properties = draft.properties(name, event);
        let planned = if properties.is_empty() { Map::new() } else { one("properties", Value::Object(properties)) };
        events.insert(name.clone(), Value::Object(planned));
    }
    let mut document = one("weir_plan", Value::from(VERSION));
    document.insert("events".to_owned(), Value::Object(events));
    draft.document = Value::Object(document);
    draft
}

impl Draft {
    fn properties(&mut self, name: &str, event: &EventProfile) -> Map<String, Value> {
        let mut properties = Map::new();
        let mut closed: Option<String> = None;
        for (property, profile) in &event.properties {
            if closed.as_ref().is_some_and(|object| property.starts_with(object.as_str())) || may_be_element(property) {
                continue;
            }
            if profile.types.contains_key(&JsonType::Object) {
                let inside = format!("{property}.");
                let members =
                    event.properties.range(inside.clone()..).take_while(|(name, _)| name.starts_with(&inside));
                let members = members.take(MOST_MEMBERS + 1).count();
                if profile.types.len() == 1 && (1..=MOST_MEMBERS).contains(&members) {
                    continue;
                }
                closed = Some(inside);
            }
            if properties.len() >= MOST_PROPERTIES {
                self.properties_cut += 1;
                continue;
            }
            let path = ["events", name, "properties", property].map(str::to_owned).to_vec();
            self.notes.insert(path, note(event, profile));
            properties.insert(property.clone(), rule(event, profile));
        }
        properties
    }
}

/// Whether a name may also be that of an element of a list, as `items.0` is: what lists have is in no profile.
fn may_be_element(property: &str) -> bool {
    let is_place = |key: &str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
    property.split('.').skip(1).any(is_place)
}

fn rule(event: &EventProfile, profile: &PropertyProfile) -> Value {
    let mut rule = one("type", types_value(&profile.planned_types()));
    if profile.present == event.count && event.count >= ENOUGH_EVENTS {
        rule.insert("required".to_owned(), Value::Bool(true));
    }
    if let Some(values) = few_values(profile) {
        rule.insert("enum".to_owned(), values.keys().map(|value| Value::from(value.as_str())).collect());
    }
    Value::Object(rule)
}

/// The values of a property of which there seem to be no others.
fn few_values(profile: &PropertyProfile) -> Option<&BTreeMap<String, u64>> {
    let values = profile.values.as_ref().filter(|values| (1..=MOST_VALUES).contains(&values.len()))?;
    (profile.present >= ENOUGH_OF_A_VALUE * values.len() as u64).then_some(values)
}

fn note(event: &EventProfile, profile: &PropertyProfile) -> String {
    let mut note = format!("{} of events", percent(profile.present, event.count));
    if profile.types.len() > 1 {
        let kinds = profile.types.iter().map(|(kind, n)| format!("{kind} {}", percent(*n, profile.present)));
        note = format!("{note}: {}", kinds.collect::<Vec<_>>().join(", "));
    }
    if let Some(values) = &profile.values {
        let plural = if values.len() == 1 { "" } else { "s" };
        note = format!("{note}, {} value{plural}", values.len());
    }
    note
}

fn one(name: &str, value: Value) -> Map<String, Value> {
    Map::from_iter([(name.to_owned(), value)])
}

/// A share in whole percent, rounded down: only all of them are 100%.
fn percent(part: u64, whole: u64) -> String {
    match (u128::from(part) * 100).checked_div(u128::from(whole)) {
        Some(0) if part > 0 => "<1%".to_owned(),
        share => format!("{}%", share.unwrap_or(0)),
    }
}

/// `41204` as `41,204`.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
#[path = "draft_tests.rs"]
mod tests;
