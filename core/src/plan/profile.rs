//! What a lot of events have in fact, in bounded memory: the material of a draft and of a comparison.
//!
//! ```text
//! {"event": "view", "properties": {"tab": "new", "cart": {"sum": 5}}}     view: 2 events
//! {"event": "view", "properties": {"tab": "all"}}                         ├ tab       2  string   new 1, all 1
//!                                                                         ├ cart      1  object
//!                                                                         └ cart.sum  1  integer
//! ```
//!
//! Names and values count as the checker sees them: `null` is missing, and of two ways to read a name the one that a plan
//! would look at. What goes beyond the limits below is left out, and counted.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Number, Value};

use super::members::{Found, Members, find, members, text};
use super::model::{JsonType, is_whole};
use crate::event::MAX_NAME_BYTES;

/// Names of events.
const MAX_EVENTS: usize = 2_000;
/// Properties of all events together.
const MAX_PROPERTIES: usize = 50_000;
/// Different values of a property.
const MAX_VALUES: usize = 20;
/// The longest value that is kept, in bytes.
const MAX_VALUE_BYTES: usize = 64;
/// How deep objects are looked into.
const MAX_DEPTH: usize = 4;

/// Events by name, and what was left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile {
    /// By name.
    pub events: BTreeMap<String, EventProfile>,
    /// Events that were left out, because there are too many names.
    pub events_cut: u64,
    /// Properties of events that were left out, because there are too many, or because their names are too long.
    pub properties_cut: u64,
    properties: usize,
}

/// The events of one name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventProfile {
    /// How many were looked at.
    pub count: u64,
    /// By name.
    pub properties: BTreeMap<String, PropertyProfile>,
}

/// One property of the events of one name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PropertyProfile {
    /// How many of the events have it.
    pub present: u64,
    /// How many of these have it in which type. A whole number counts as an integer.
    pub types: BTreeMap<JsonType, u64>,
    /// Its texts, each with a count; `None` where they are too many or too long to keep, or are none.
    pub values: Option<BTreeMap<String, u64>>,
}

impl Profile {
    /// Takes in one event: its name, and its properties as the text of a JSON object.
    pub fn add(&mut self, event: &str, properties: Option<&str>) {
        if !self.events.contains_key(event) && self.events.len() >= MAX_EVENTS {
            self.events_cut += 1;
            return;
        }
        let profile = match self.events.get_mut(event) {
            Some(profile) => profile,
            None => self.events.entry(event.to_owned()).or_default(),
        };
        profile.count += 1;
        let Some(properties) = properties else { return };
        let members = members(properties);
        let (mut names, mut cut) = (BTreeSet::new(), 0);
        collect(&members, "", MAX_DEPTH, &mut names, &mut cut);
        self.properties_cut += cut;
        for name in &names {
            let Found::Value(raw) = find(&members, name) else { continue };
            match profile.properties.get_mut(name.as_ref()) {
                Some(property) => property.add(raw),
                None if self.properties >= MAX_PROPERTIES => self.properties_cut += 1,
                None => {
                    self.properties += 1;
                    let values = Some(BTreeMap::new());
                    let mut property = PropertyProfile { values, ..PropertyProfile::default() };
                    property.add(raw);
                    profile.properties.insert(name.clone().into_owned(), property);
                }
            }
        }
    }
}

impl PropertyProfile {
    fn add(&mut self, raw: &str) {
        self.present += 1;
        let kind = type_of(raw);
        *self.types.entry(kind).or_default() += 1;
        let Some(values) = &mut self.values else { return };
        let Some(text) = (kind == JsonType::String).then(|| text(raw)).flatten() else {
            self.values = None;
            return;
        };
        let has_room = values.len() < MAX_VALUES && text.len() <= MAX_VALUE_BYTES;
        match values.get_mut(text.as_ref()) {
            Some(count) => *count += 1,
            None if has_room => {
                values.insert(text.into_owned(), 1);
            }
            None => self.values = None,
        }
    }
}

fn type_of(raw: &str) -> JsonType {
    match raw.as_bytes().first() {
        Some(b'"') => JsonType::String,
        Some(b'{') => JsonType::Object,
        Some(b'[') => JsonType::Array,
        Some(b't' | b'f') => JsonType::Boolean,
        _ if serde_json::from_str::<Number>(raw).is_ok_and(|number| is_whole(&number)) => JsonType::Integer,
        _ => JsonType::Number,
    }
}

/// The names of all members, and of the members of objects among them.
fn collect<'a>(members: &Members<'a>, inside: &str, depth: usize, names: &mut BTreeSet<Cow<'a, str>>, cut: &mut u64) {
    for (key, raw) in members {
        let name = if inside.is_empty() { Cow::clone(key) } else { Cow::Owned(format!("{inside}.{key}")) };
        if key.is_empty() || name.len() > MAX_NAME_BYTES {
            *cut += 1;
            continue;
        }
        if depth > 1 && raw.starts_with('{') {
            collect(&super::members::members(raw), &name, depth - 1, names, cut);
        }
        names.insert(name);
    }
}

/// `string` or a list of types, as a plan writes it.
pub(super) fn types_value(types: &[JsonType]) -> Value {
    match types {
        [one] => Value::from(one.name()),
        several => several.iter().map(|kind| Value::from(kind.name())).collect(),
    }
}

impl PropertyProfile {
    /// The types of a plan that all values so far keep to, the most general number only.
    pub fn planned_types(&self) -> Vec<JsonType> {
        let has_fractions = self.types.contains_key(&JsonType::Number);
        let kinds = self.types.keys().copied();
        kinds.filter(|kind| !(has_fractions && *kind == JsonType::Integer)).collect()
    }
}

#[cfg(test)]
#[path = "profile_tests.rs"]
mod tests;
