//! The catalogue: which events there are, and which properties they have.
//!
//! Every data file of events carries a note with the catalogue of its rows (see [`notes`](crate::notes)). The catalogue of a
//! lake is the merge of the notes of its live files. So it belongs to a snapshot as the rows do, and nothing has to be kept
//! in step: whatever writes, merges or drops rows writes, merges or drops what is noted of them.
//!
//! ```text
//! landed/a   view 2  tab string 2: new 1, all 1  ─┐
//! landed/b   view 1  tab string 1: new 1         ─┴▶  view 3  tab string 3: new 2, all 1
//!                    cart.sum number 1: 5 to 5                 cart.sum number 1: 5 to 5
//! ```
//!
//! Words:
//! - *name* of a property: as a question writes it, `cart.total` for `total` inside `cart`, `context.os` for `os` of the
//!   context. Where an event has two values under one name, the one counts that [`property`](weir_core::property) finds.
//! - *other*: what does not fit into [`Limits`] is counted, but not by name. While nothing is there, every count is exact.
//!   Beyond it, a count by name is what is known for certain, and the true one is at most larger by what is under *other*.
//!   Sums are exact always: of events by name and *other*, of days, of sources.
//! - *top values*: texts with counts. See [`TopValues`] for what their counts mean where there are many.
//!
//! Roles: [`observe`] makes a catalogue out of rows, in one pass over the text of their properties. [`values`] counts
//! texts. [`note`] writes and reads the bytes of a note. [`read`] is the catalogue of a snapshot. [`across`] looks at properties
//! whichever events have them.

pub mod across;
pub mod note;
pub mod observe;
pub mod read;
mod shape;
mod table;
mod tree;
pub mod values;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use observe::Observer;
pub use read::CatalogueReader;
pub use values::{TopValue, TopValues};

/// How deep objects are looked into: `a.b.c.d.e` is the deepest name.
pub const MAX_DEPTH: usize = 5;
/// The longest text that is listed as a value, in bytes.
pub const MAX_VALUE_BYTES: usize = 128;

/// How much a catalogue names. What is beyond is counted under *other*.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Names of events.
    pub events: usize,
    /// Properties of one event.
    pub properties_of_event: usize,
    /// Properties of all events together.
    pub properties: usize,
    /// Values of one property.
    pub values: usize,
    /// Values of all properties together. Each property may have a few beyond.
    pub all_values: usize,
    /// Pairs of an event and a day.
    pub days: usize,
    /// Pairs of an event and a source.
    pub sources: usize,
    /// Bytes of a note.
    pub note_bytes: usize,
}

impl Limits {
    /// Of a note, and of what is held while rows are written.
    pub const NOTE: Self = Self {
        events: 12_000,
        properties_of_event: 500,
        properties: 8_000,
        values: 100,
        all_values: 50_000,
        days: 100_000,
        sources: 10_000,
        note_bytes: 256 * 1024,
    };
    /// Of a whole lake.
    pub const LAKE: Self = Self {
        events: 20_000,
        properties_of_event: 1_000,
        properties: 40_000,
        values: 100,
        all_values: 500_000,
        days: 1_000_000,
        sources: 50_000,
        note_bytes: usize::MAX,
    };
}

/// The events of some rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalogue {
    /// By name.
    pub events: BTreeMap<String, EventEntry>,
    /// Events under names that are not listed.
    #[serde(default, rename = "other", skip_serializing_if = "is_zero")]
    pub other_events: u64,
}

/// The events of one name. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventEntry {
    /// How many.
    #[serde(rename = "n")]
    pub count: u64,
    /// The earliest and the latest time.
    #[serde(rename = "t")]
    pub time_ms: (i64, i64),
    /// The earliest and the latest receipt.
    #[serde(rename = "r")]
    pub received_ms: (i64, i64),
    /// How many on each day in UTC, by its number since 1970-01-01.
    #[serde(rename = "d")]
    pub days_utc: BTreeMap<i32, u64>,
    /// How many on days that are not listed.
    #[serde(default, rename = "od", skip_serializing_if = "is_zero")]
    pub other_days: u64,
    /// How many of each source.
    #[serde(rename = "s")]
    pub sources: BTreeMap<String, u64>,
    /// How many of sources that are not listed.
    #[serde(default, rename = "os", skip_serializing_if = "is_zero")]
    pub other_sources: u64,
    /// By name.
    #[serde(rename = "p")]
    pub properties: BTreeMap<String, PropertyEntry>,
    /// Values under names that are not listed, or cannot be asked for.
    #[serde(default, rename = "op", skip_serializing_if = "is_zero")]
    pub other_properties: u64,
}

/// One property of the events of one name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PropertyEntry {
    /// How many events have it in each type.
    #[serde(rename = "k")]
    pub types: Types,
    /// The smallest and the largest number, as doubles.
    #[serde(default, rename = "m", skip_serializing_if = "Option::is_none")]
    pub numbers: Option<(f64, f64)>,
    /// Its texts.
    #[serde(default, rename = "v", skip_serializing_if = "TopValues::is_empty")]
    pub values: TopValues,
}

/// A type of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A text.
    String,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// `null`, which questions take for a property that is missing.
    Null,
    /// A list. What is in it is not looked at.
    List,
    /// An object. Its members have names of their own.
    Object,
}

impl Kind {
    /// All of them, in the order of their counts.
    pub const ALL: [Self; 6] = [Self::String, Self::Number, Self::Boolean, Self::Null, Self::List, Self::Object];

    /// The type of the value that begins so.
    fn of(first: u8) -> Self {
        match first {
            b'"' => Self::String,
            b'{' => Self::Object,
            b'[' => Self::List,
            b't' | b'f' => Self::Boolean,
            b'n' => Self::Null,
            _ => Self::Number,
        }
    }

    /// As answers name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Null => "null",
            Self::List => "list",
            Self::Object => "object",
        }
    }
}

/// Counts by type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Types([u64; 6]);

impl Types {
    /// The count of a type.
    pub fn of(&self, kind: Kind) -> u64 {
        self.0[kind as usize]
    }

    /// Counts more.
    pub fn add(&mut self, kind: Kind, count: u64) {
        self.0[kind as usize] += count;
    }

    /// The types that occur, the most frequent first.
    pub fn by_count(&self) -> Vec<(Kind, u64)> {
        let mut types: Vec<_> =
            Kind::ALL.map(|kind| (kind, self.of(kind))).into_iter().filter(|(_, n)| *n > 0).collect();
        types.sort_by_key(|(kind, count)| (std::cmp::Reverse(*count), *kind));
        types
    }

    /// All of them, `null` too.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl PropertyEntry {
    /// How many events have it, with a value other than `null`.
    pub fn present(&self) -> u64 {
        self.types.total() - self.types.of(Kind::Null)
    }

    /// Takes in what others have; `unnamed` is how many of the others' events may have it without a name.
    fn merge(&mut self, other: Option<&Self>, unnamed: u64, limits: &Limits) {
        if let Some(other) = other {
            Kind::ALL.into_iter().for_each(|kind| self.types.add(kind, other.types.of(kind)));
            self.numbers = match (self.numbers, other.numbers) {
                (Some((low, high)), Some((l, h))) => Some((low.min(l), high.max(h))),
                (mine, theirs) => mine.or(theirs),
            };
        }
        self.values.merge(other.map(|other| &other.values), unnamed, limits.values);
    }
}

impl EventEntry {
    /// Takes in other events of the name.
    fn merge(&mut self, other: &Self, limits: &Limits) {
        self.count += other.count;
        self.time_ms = widest(self.time_ms, other.time_ms);
        self.received_ms = widest(self.received_ms, other.received_ms);
        for (day, count) in &other.days_utc {
            *self.days_utc.entry(*day).or_default() += count;
        }
        for (source, count) in &other.sources {
            *self.sources.entry(source.clone()).or_default() += count;
        }
        for (name, property) in &mut self.properties {
            property.merge(other.properties.get(name), other.other_properties, limits);
        }
        for (name, property) in &other.properties {
            if !self.properties.contains_key(name) {
                let mut property = property.clone();
                property.merge(None, self.other_properties, limits);
                self.properties.insert(name.clone(), property);
            }
        }
        self.other_days += other.other_days;
        self.other_sources += other.other_sources;
        self.other_properties += other.other_properties;
    }

    /// For events of other rows, `unnamed` of which may have this name too.
    fn beside(&mut self, unnamed: u64, limits: &Limits) {
        if unnamed > 0 {
            self.properties.values_mut().for_each(|property| property.merge(None, unnamed, limits));
        }
    }

    fn keep_properties(&mut self, most: usize) {
        let dropped = keep_largest(&mut self.properties, most, |property| property.types.total());
        self.other_properties += dropped.iter().map(|property| property.types.total()).sum::<u64>();
    }
}

fn widest(a: (i64, i64), b: (i64, i64)) -> (i64, i64) {
    (a.0.min(b.0), a.1.max(b.1))
}

impl Catalogue {
    /// All events.
    pub fn count(&self) -> u64 {
        self.events.values().map(|event| event.count).sum::<u64>() + self.other_events
    }

    /// Takes in other rows. Counts are the same in whatever order catalogues are merged, as long as all fits `limits`.
    pub fn merge(&mut self, other: &Self, limits: &Limits) {
        for (name, event) in &mut self.events {
            match other.events.get(name) {
                Some(more) => event.merge(more, limits),
                None => event.beside(other.other_events, limits),
            }
        }
        for (name, event) in &other.events {
            if !self.events.contains_key(name) {
                let mut event = event.clone();
                event.beside(self.other_events, limits);
                self.events.insert(name.clone(), event);
            }
        }
        self.other_events += other.other_events;
        self.shrink(limits);
    }

    /// Leaves the most frequent names, as many as fit.
    pub fn shrink(&mut self, limits: &Limits) {
        let dropped = keep_largest(&mut self.events, limits.events, |event| event.count);
        self.other_events += dropped.iter().map(|event| event.count).sum::<u64>();
        for event in self.events.values_mut() {
            event.keep_properties(limits.properties_of_event);
        }
        self.level(limits.properties, |event| event.properties.len(), EventEntry::keep_properties);
        let keep_sources = |event: &mut EventEntry, most: usize| {
            event.other_sources += keep_largest(&mut event.sources, most, |count| *count).iter().sum::<u64>();
        };
        self.level(limits.sources, |event| event.sources.len(), keep_sources);
        // The newest days are those that are looked at.
        let keep_days = |event: &mut EventEntry, most: usize| {
            while event.days_utc.len() > most {
                event.other_days += event.days_utc.pop_first().map_or(0, |(_, count)| count);
            }
        };
        self.level(limits.days, |event| event.days_utc.len(), keep_days);
        let properties = || self.events.values().flat_map(|event| event.properties.values());
        let most = most_each(limits.all_values, properties().map(|property| property.values.listed().len()));
        let most = most.min(limits.values);
        for property in self.events.values_mut().flat_map(|event| event.properties.values_mut()) {
            property.values.keep(most);
        }
    }

    /// Cuts what the events with most have of something, until all together have at most `limit`.
    fn level(&mut self, limit: usize, size: impl Fn(&EventEntry) -> usize, keep: impl Fn(&mut EventEntry, usize)) {
        let most = most_each(limit, self.events.values().map(&size));
        self.events.values_mut().filter(|event| size(event) > most).for_each(|event| keep(event, most));
    }
}

/// The largest number to which each of `sizes` has to be cut for a sum of at most `limit`.
fn most_each(limit: usize, sizes: impl Iterator<Item = usize>) -> usize {
    let mut sizes: Vec<usize> = sizes.collect();
    if sizes.iter().sum::<usize>() <= limit {
        return usize::MAX;
    }
    sizes.sort_unstable();
    let (mut left, mut count) = (limit, sizes.len());
    for size in sizes {
        if size.saturating_mul(count) > left {
            return left / count;
        }
        left -= size;
        count -= 1;
    }
    usize::MAX
}

/// Leaves the `most` entries of the largest size, of equal ones the first by name, and gives the others.
fn keep_largest<V>(map: &mut BTreeMap<String, V>, most: usize, size: impl Fn(&V) -> u64) -> Vec<V> {
    if map.len() <= most {
        return Vec::new();
    }
    let mut order: Vec<(u64, String)> = map.iter().map(|(name, value)| (size(value), name.clone())).collect();
    order.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    order.split_off(most).iter().filter_map(|(_, name)| map.remove(name)).collect()
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
