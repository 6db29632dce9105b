//! The catalogue as answers have it: the events of a lake, and one event in full.
//!
//! ```text
//! {"version":42,"complete_to":"…","count":3,"other":0,"events":[{"event":"view","count":3,"first_seen":"…","last_seen":"…"}]}
//! {"version":42,…,"event":"view","count":3,…,"days_utc":[{"day":"2026-01-01","count":3}],"properties":[{"property":"tab",…}]}
//! ```
//!
//! What a count means where a lake has more names than are listed is said in [`weir_lake::catalogue`].

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Number, Value, json};
use weir_core::nearest::nearest;
use weir_core::time::{DAY_MS, rfc3339};
use weir_lake::catalogue::across::{self, Across};
use weir_lake::catalogue::{Catalogue, EventEntry, Kind, Limits, PropertyEntry, Types};

/// The values of one event's properties that an answer lists, about.
const MOST_VALUES: usize = 10_000;
/// Of each property so many are listed in any case.
const LEAST_VALUES: usize = 5;

/// The catalogue of a lake in one version.
#[derive(Debug, Clone)]
pub struct LakeCatalogue {
    /// Version of the table.
    pub version: u64,
    /// Everything received up to then is in it; milliseconds since 1970.
    pub complete_to_ms: Option<i64>,
    /// What its events have.
    pub catalogue: Arc<Catalogue>,
    /// The events of the tracking plan, if there is one.
    pub planned: Option<Arc<BTreeMap<String, PlannedAs>>>,
}

/// What the tracking plan says of an event, beside its properties.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlannedAs {
    /// Who answers for it.
    pub owner: Option<String>,
    /// When it is sent.
    pub description: Option<String>,
}

/// All events in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventList {
    /// Version of the table.
    pub version: u64,
    /// Everything received up to then is in it.
    pub complete_to: Option<String>,
    /// All events.
    pub count: u64,
    /// Of these, events under names that are not listed, as there are too many.
    pub other: u64,
    /// By count, descending; then by name.
    pub events: Vec<EventSummary>,
}

/// One event in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventSummary {
    /// Its name.
    pub event: String,
    /// How often.
    pub count: u64,
    /// The earliest time.
    pub first_seen: String,
    /// The latest time.
    pub last_seen: String,
    /// Whether the tracking plan has it; absent without a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned: Option<bool>,
    /// Who answers for it, by the tracking plan.
    pub owner: Option<String>,
    /// When it is sent, by the tracking plan.
    pub description: Option<String>,
}

/// One event in full.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventDocument {
    /// Version of the table.
    pub version: u64,
    /// Everything received up to then is in it.
    pub complete_to: Option<String>,
    /// The event in short.
    #[serde(flatten)]
    pub summary: EventSummary,
    /// The earliest receipt.
    pub first_received: String,
    /// The latest receipt.
    pub last_received: String,
    /// Days in UTC on which it happened, in order.
    pub days_utc: Vec<DayCount>,
    /// How many on days that are not listed: the earliest.
    pub other_days: u64,
    /// By count, descending.
    pub sources: Vec<SourceCount>,
    /// How many of sources that are not listed.
    pub other_sources: u64,
    /// By name.
    pub properties: Vec<PropertyDocument>,
    /// Values under names that are not listed.
    pub other_properties: u64,
    /// Of all events of the lake.
    #[serde(skip)]
    pub total: u64,
}

/// A day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DayCount {
    /// As `2026-01-31`, in UTC.
    pub day: String,
    /// Events.
    pub count: u64,
}

/// A source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceCount {
    /// Its name.
    pub source: String,
    /// Events.
    pub count: u64,
}

/// One property.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PropertyDocument {
    /// As a question writes it.
    pub property: String,
    /// Events that have it, with a value other than `null`.
    pub present: u64,
    /// How many have it in which type; types that do not occur are left out.
    pub types: Map<String, Value>,
    /// The smallest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<Number>,
    /// The largest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Number>,
    /// Texts, the most frequent first.
    pub values: Vec<ValueCount>,
    /// Any text that is not listed occurs at most so often; 0 if all are listed.
    pub unlisted_at_most: u64,
    /// Texts that are too long to be listed.
    pub too_long: u64,
}

/// A text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValueCount {
    /// The text.
    pub value: String,
    /// At least so often.
    pub count: u64,
    /// At most so often.
    pub at_most: u64,
}

/// Properties, whichever events have them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PropertyList {
    /// Version of the table.
    pub version: u64,
    /// By how many events have it, descending; then by name.
    pub properties: Vec<PropertySummary>,
}

/// A property of several events in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PropertySummary {
    /// As a question writes it.
    pub property: String,
    /// How many events have it in which type; types that do not occur are left out.
    pub types: Map<String, Value>,
    /// Of how many names these events are.
    pub events: u64,
    /// Events that have it, with a value other than `null`.
    pub present: u64,
}

/// One property of several events, or none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PropertyAcross {
    /// Version of the table.
    pub version: u64,
    /// One, or none where no event has it.
    pub properties: Vec<PropertyOfEvents>,
}

/// One property of several events in full.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PropertyOfEvents {
    /// As of one event.
    #[serde(flatten)]
    pub document: PropertyDocument,
    /// Of how many names the events are that have it.
    pub events: u64,
}

impl LakeCatalogue {
    /// The properties of some events, or of all where none is named.
    pub fn properties(&self, events: &[String]) -> PropertyList {
        let found = across::properties(self.entries(events));
        let summary = |(name, across): (&str, Across)| PropertySummary {
            property: name.to_owned(),
            types: types_of(&across.types),
            events: across.events,
            present: across.present(),
        };
        let mut properties: Vec<PropertySummary> = found.into_iter().map(summary).collect();
        properties.sort_by(|a, b| b.present.cmp(&a.present).then_with(|| a.property.cmp(&b.property)));
        PropertyList { version: self.version, properties }
    }

    /// One property of some events, or of all where none is named, with its values.
    pub fn property(&self, name: &str, events: &[String]) -> PropertyAcross {
        let found = across::property(name, self.entries(events), &Limits::LAKE);
        let full = |(entry, events)| PropertyOfEvents { document: document(name, &entry, MOST_VALUES), events };
        PropertyAcross { version: self.version, properties: found.map(full).into_iter().collect() }
    }

    fn entries<'c>(&'c self, events: &'c [String]) -> impl Iterator<Item = &'c EventEntry> + Clone {
        let entries = self.catalogue.events.iter();
        entries.filter(|(name, _)| events.is_empty() || events.contains(name)).map(|(_, entry)| entry)
    }

    /// All events in short.
    pub fn list(&self) -> EventList {
        let entries = self.catalogue.events.iter();
        let mut events: Vec<EventSummary> = entries.map(|(name, entry)| self.summary(name, entry)).collect();
        events.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.event.cmp(&b.event)));
        EventList {
            version: self.version,
            complete_to: self.complete_to_ms.map(rfc3339),
            count: self.catalogue.count(),
            other: self.catalogue.other_events,
            events,
        }
    }

    /// One event in full; `None` if no event of that name is listed.
    pub fn event(&self, name: &str) -> Option<EventDocument> {
        let entry = self.catalogue.events.get(name)?;
        let mut sources: Vec<SourceCount> =
            entry.sources.iter().map(|(source, count)| SourceCount { source: source.clone(), count: *count }).collect();
        sources.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.source.cmp(&b.source)));
        let days = entry.days_utc.iter().map(|(number, count)| DayCount { day: day(*number), count: *count });
        let most_values = (MOST_VALUES / entry.properties.len().max(1)).max(LEAST_VALUES);
        let properties = entry.properties.iter().map(|(name, property)| document(name, property, most_values));
        Some(EventDocument {
            version: self.version,
            complete_to: self.complete_to_ms.map(rfc3339),
            summary: self.summary(name, entry),
            first_received: rfc3339(entry.received_ms.0),
            last_received: rfc3339(entry.received_ms.1),
            days_utc: days.collect(),
            other_days: entry.other_days,
            sources,
            other_sources: entry.other_sources,
            properties: properties.collect(),
            other_properties: entry.other_properties,
            total: self.catalogue.count(),
        })
    }

    /// Why [`event`](Self::event) finds nothing, and what might have been meant.
    pub fn unknown(&self, name: &str) -> (String, Option<String>) {
        let unlisted = match self.catalogue.other_events {
            0 => String::new(),
            other => format!(", or it is one of {other} events of names that are too many to be listed"),
        };
        let message = format!("the lake has no event `{name}` in version {}{unlisted}", self.version);
        let near = nearest(name, self.catalogue.events.keys().map(String::as_str));
        (message, near.map(|near| format!("did you mean `{near}`?")))
    }

    /// The last day on which any event happened, in UTC, by its number since 1970-01-01.
    pub fn last_day(&self) -> Option<i32> {
        self.catalogue.events.values().filter_map(|entry| entry.days_utc.keys().next_back()).max().copied()
    }

    /// How often an event happened on each of so many days in UTC, the last of which is the last of the lake.
    pub fn last_days(&self, name: &str, days: i32) -> Vec<u64> {
        let (Some(entry), Some(last)) = (self.catalogue.events.get(name), self.last_day()) else { return Vec::new() };
        (last.saturating_sub(days) + 1..=last).map(|day| entry.days_utc.get(&day).copied().unwrap_or(0)).collect()
    }

    fn summary(&self, name: &str, entry: &EventEntry) -> EventSummary {
        let planned_as = self.planned.as_ref().and_then(|planned| planned.get(name));
        EventSummary {
            event: name.to_owned(),
            count: entry.count,
            first_seen: rfc3339(entry.time_ms.0),
            last_seen: rfc3339(entry.time_ms.1),
            planned: self.planned.as_ref().map(|planned| planned.contains_key(name)),
            owner: planned_as.and_then(|planned_as| planned_as.owner.clone()),
            description: planned_as.and_then(|planned_as| planned_as.description.clone()),
        }
    }
}

/// A day in UTC by its number since 1970-01-01.
pub fn day(number: i32) -> String {
    let instant = rfc3339(i64::from(number).saturating_mul(DAY_MS));
    instant.get(..10).unwrap_or(&instant).to_owned()
}

fn document(name: &str, property: &PropertyEntry, most_values: usize) -> PropertyDocument {
    let listed = property.values.listed();
    let values = listed.iter().take(most_values);
    let cut = listed.get(most_values).map_or(0, |value| value.at_most());
    let has_texts = property.types.of(Kind::String) > 0;
    PropertyDocument {
        property: name.to_owned(),
        present: property.present(),
        types: types_of(&property.types),
        min: property.numbers.and_then(|(min, _)| number(min)),
        max: property.numbers.and_then(|(_, max)| number(max)),
        values: values
            .map(|value| ValueCount { value: value.value.clone(), count: value.count, at_most: value.at_most() })
            .collect(),
        unlisted_at_most: if has_texts { property.values.unlisted().max(cut) } else { 0 },
        too_long: property.values.too_long(),
    }
}

fn types_of(types: &Types) -> Map<String, Value> {
    let occurring = Kind::ALL.into_iter().filter(|kind| types.of(*kind) > 0);
    occurring.map(|kind| (kind.name().to_owned(), json!(types.of(kind)))).collect()
}

/// A whole number without a fraction, where a double has it exactly.
fn number(double: f64) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if double.fract() == 0.0 && double.abs() < EXACT {
        return Some(Number::from(double as i64));
    }
    Number::from_f64(double)
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
