//! Makes a catalogue out of rows, while they are written.
//!
//! ```text
//! {"tab":"new","cart":{"sum":5}}     shape of the event before: tab ▶ cart ▶ (sum)
//!   │            └ as expected: one comparison of bytes, and the property is known
//!   └ as expected
//! ```
//!
//! Events of one name mostly have the same keys in the same order, so each key is first compared with the one that came there
//! last time. Users' rows lie together, so a context is mostly that of a row a little before, and then is only
//! counted. The rows of a batch are looked at event by event.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{Array, AsArray, Int32Array, RecordBatch, StringArray, StringViewArray};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use twox_hash::XxHash3_64;
use weir_core::time::DAY_MS;

use super::shape::{EventShape, Room, Walk};
use super::{Catalogue, EventEntry, Limits, widest};
use crate::schema::{CONTEXT, EVENT, PROPERTIES, RECEIVED_AT, SOURCE, TIME};

/// Contexts that are remembered: a power of two.
const REMEMBERED: usize = 4096;
/// The longest of them, in bytes.
const MAX_REMEMBERED_BYTES: usize = 1024;
/// The text of so many rows ahead is asked for, so that it has come when it is read: rows lie in memory as they arrived.
const AHEAD: usize = 8;
/// The range of days that is counted in a list.
const LISTED_DAYS: usize = 1024;
/// A number that is not known yet, or is none.
const NONE: u32 = u32::MAX;

/// Collects what rows have.
pub struct Observer {
    limits: Limits,
    events: Vec<Observed>,
    event_numbers: HashMap<Box<str>, u32>,
    other_events: u64,
    sources: Vec<Box<str>>,
    source_numbers: HashMap<Box<str>, u32>,
    room: Room,
    days: usize,
    contexts: Vec<Remembered>,
}

/// The events of one name.
struct Observed {
    count: u64,
    time: (i64, i64),
    received: (i64, i64),
    days: DayCounts,
    /// Numbers of sources.
    sources: Vec<(u32, u64)>,
    other_sources: u64,
    shape: EventShape,
}

/// A context that some events of a name have.
#[derive(Clone, Default)]
struct Remembered {
    hash: u64,
    event: u32,
    /// How many, that are not counted yet.
    rows: u64,
    text: String,
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observer").field("events", &self.events.len()).finish_non_exhaustive()
    }
}

/// The columns of a batch.
struct Columns<'a> {
    events: Dictionary<'a>,
    sources: Dictionary<'a>,
    /// Microseconds.
    times: &'a [i64],
    received: &'a [i64],
    properties: &'a StringViewArray,
    contexts: &'a StringViewArray,
}

struct Dictionary<'a> {
    keys: &'a Int32Array,
    texts: &'a StringArray,
    /// What the observer calls each, once it was asked.
    numbers: Vec<Option<u32>>,
}

impl<'a> Dictionary<'a> {
    fn of(batch: &'a RecordBatch, name: &str) -> Option<Self> {
        let column = batch.column_by_name(name)?.as_dictionary_opt::<Int32Type>()?;
        let texts = column.values().as_string_opt::<i32>()?;
        Some(Self { keys: column.keys(), texts, numbers: vec![None; texts.len()] })
    }

    /// The number of a row's text.
    fn number(&mut self, row: usize, number: impl FnOnce(&str) -> u32) -> u32 {
        let Ok(key) = usize::try_from(self.keys.value(row)) else { return NONE };
        match self.numbers.get_mut(key) {
            Some(Some(known)) => *known,
            Some(unknown) => *unknown.insert(number(self.texts.value(key))),
            None => NONE,
        }
    }
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Option<Self> {
        let times = |name: &str| {
            let column = batch.column_by_name(name)?.as_primitive_opt::<TimestampMicrosecondType>()?;
            Some(column.values().as_ref())
        };
        Some(Self {
            events: Dictionary::of(batch, EVENT)?,
            sources: Dictionary::of(batch, SOURCE)?,
            times: times(TIME)?,
            received: times(RECEIVED_AT)?,
            properties: batch.column_by_name(PROPERTIES)?.as_string_view_opt()?,
            contexts: batch.column_by_name(CONTEXT)?.as_string_view_opt()?,
        })
    }
}

impl Observer {
    /// Nothing yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            events: Vec::new(),
            event_numbers: HashMap::new(),
            other_events: 0,
            sources: Vec::new(),
            source_numbers: HashMap::new(),
            room: Room::new(&limits),
            days: 0,
            contexts: Vec::new(),
        }
    }

    /// The columns that rows must have to be looked at.
    pub const COLUMNS: [&str; 6] = [TIME, EVENT, RECEIVED_AT, SOURCE, PROPERTIES, CONTEXT];

    /// Takes in rows, in any order, that have at least [`COLUMNS`](Self::COLUMNS); rows without these are left out.
    pub fn observe(&mut self, batch: &RecordBatch) {
        self.observe_some(batch, |_| true);
    }

    /// As [`observe`](Self::observe), those rows of which `is_wanted` says so.
    pub fn observe_some(&mut self, batch: &RecordBatch, is_wanted: impl Fn(usize) -> bool) {
        let Some(mut columns) = Columns::of(batch) else { return };
        let mut others = 0;
        let mut number = |row: usize| {
            if !is_wanted(row) {
                return NONE;
            }
            let number = columns.events.number(row, |name| self.event_number(name));
            others += u64::from(number == NONE);
            number
        };
        let events: Vec<u32> = (0..batch.num_rows()).map(&mut number).collect();
        let order = by_event(&events, self.events.len());
        for (at, row) in order.iter().enumerate() {
            if let Some(ahead) = order.get(at + AHEAD) {
                begin_to_fetch(columns.properties, *ahead as usize);
                begin_to_fetch(columns.contexts, *ahead as usize);
            }
            let row = *row as usize;
            let event = events[row];
            let source = columns.sources.number(row, |name| self.source_number(name));
            self.count(event, source, columns.times[row], columns.received[row]);
            if columns.properties.is_valid(row) {
                let shape = &mut self.events[event as usize].shape;
                Walk::properties(shape, &mut self.room).take(columns.properties.value(row), 1);
            }
            if columns.contexts.is_valid(row) {
                self.remember_context(event, columns.contexts.value(row));
            }
        }
        self.other_events += others;
    }

    fn event_number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.event_numbers.get(name) {
            return *number;
        }
        if self.events.len() >= self.limits.events {
            return NONE;
        }
        let number = u32::try_from(self.events.len()).unwrap_or(NONE);
        self.event_numbers.insert(name.into(), number);
        self.events.push(Observed {
            count: 0,
            time: (i64::MAX, i64::MIN),
            received: (i64::MAX, i64::MIN),
            days: DayCounts::default(),
            sources: Vec::new(),
            other_sources: 0,
            shape: EventShape::new(),
        });
        number
    }

    fn source_number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.source_numbers.get(name) {
            return *number;
        }
        if self.sources.len() >= self.limits.sources {
            return NONE;
        }
        let number = u32::try_from(self.sources.len()).unwrap_or(NONE);
        self.source_numbers.insert(name.into(), number);
        self.sources.push(name.into());
        number
    }

    fn count(&mut self, event: u32, source: u32, time: i64, received: i64) {
        let event = &mut self.events[event as usize];
        event.count += 1;
        event.time = widest(event.time, (time, time));
        event.received = widest(event.received, (received, received));
        let has_room = self.days < self.limits.days;
        self.days += usize::from(event.days.add(time.div_euclid(DAY_MS * 1000), has_room));
        match event.sources.iter_mut().find(|(number, _)| *number == source) {
            _ if source == NONE => event.other_sources += 1,
            Some((_, count)) => *count += 1,
            None => event.sources.push((source, 1)),
        }
    }

    /// Counts a context later, together with equal ones.
    fn remember_context(&mut self, event: u32, text: &str) {
        if text.len() > MAX_REMEMBERED_BYTES {
            return self.take_context(event, text, 1);
        }
        if self.contexts.is_empty() {
            self.contexts.resize_with(REMEMBERED, Remembered::default);
        }
        let hash = XxHash3_64::oneshot(text.as_bytes()).wrapping_add(u64::from(event));
        let slot = hash as usize % REMEMBERED;
        let remembered = &mut self.contexts[slot];
        if remembered.hash == hash && remembered.event == event && remembered.text == text {
            remembered.rows += 1;
            return;
        }
        let mut old = std::mem::take(remembered);
        self.take_context(old.event, &old.text, old.rows);
        old.text.clear();
        old.text.push_str(text);
        self.contexts[slot] = Remembered { hash, event, rows: 1, text: old.text };
    }

    fn take_context(&mut self, event: u32, text: &str, rows: u64) {
        if let Some(event) = self.events.get_mut(event as usize).filter(|_| rows > 0) {
            Walk::context(&mut event.shape, &mut self.room).take(text, rows);
        }
    }

    /// The catalogue of the rows.
    pub fn finish(mut self) -> Catalogue {
        for Remembered { event, rows, text, .. } in std::mem::take(&mut self.contexts) {
            self.take_context(event, &text, rows);
        }
        let mut catalogue = Catalogue { events: BTreeMap::new(), other_events: self.other_events };
        let mut events: Vec<Option<Observed>> = self.events.into_iter().map(Some).collect();
        for (name, number) in self.event_numbers {
            let Some(event) = events.get_mut(number as usize).and_then(Option::take) else { continue };
            let to_ms = |(first, last): (i64, i64)| (first.div_euclid(1000), last.div_euclid(1000));
            let source = |(number, count)| Some((self.sources.get(number as usize)?.to_string(), count));
            let (days_utc, other_days) = event.days.finish();
            let (properties, other_properties) = event.shape.finish();
            let entry = EventEntry {
                count: event.count,
                time_ms: to_ms(event.time),
                received_ms: to_ms(event.received),
                days_utc,
                other_days,
                sources: event.sources.into_iter().filter_map(source).collect(),
                other_sources: event.other_sources,
                properties,
                other_properties,
            };
            catalogue.events.insert(name.into(), entry);
        }
        catalogue.shrink(&self.limits);
        catalogue
    }
}

/// Reads a byte of each line of memory of a row's text and waits for none: the processor brings them near in the meantime.
#[inline]
fn begin_to_fetch(texts: &StringViewArray, row: usize) {
    let text = texts.value(row).as_bytes();
    for at in [0, 64, 128, 192] {
        std::hint::black_box(text.get(at).copied());
    }
}

/// The rows of each event together, and in their order: what is known of an event then stays near the processor. Rows
/// without an event are left out.
fn by_event(events: &[u32], names: usize) -> Vec<u32> {
    let mut ends = vec![0_usize; names + 1];
    for event in events.iter().filter(|event| **event != NONE) {
        ends[*event as usize + 1] += 1;
    }
    for event in 0..names {
        ends[event + 1] += ends[event];
    }
    let mut order = vec![0_u32; ends[names]];
    for (row, event) in (0..).zip(events).filter(|(_, event)| **event != NONE) {
        // What was the beginning of the event's rows is the place behind the last of them so far.
        let place = &mut ends[*event as usize];
        order[*place] = row;
        *place += 1;
    }
    order
}

/// Events by day: those of nearby days in a list, as most are.
#[derive(Default)]
struct DayCounts {
    first: i64,
    listed: Vec<u64>,
    elsewhere: BTreeMap<i64, u64>,
    other: u64,
}

impl DayCounts {
    /// Counts an event of a day; whether that is a day more.
    fn add(&mut self, day: i64, has_room: bool) -> bool {
        if let Some(count) = usize::try_from(day - self.first).ok().and_then(|at| self.listed.get_mut(at)) {
            *count += 1;
            return *count == 1;
        }
        if let Some(count) = self.elsewhere.get_mut(&day) {
            *count += 1;
            return false;
        }
        if !has_room {
            self.other += 1;
            return false;
        }
        if self.listed.is_empty() {
            self.first = day;
        }
        let first = self.first.min(day);
        let end = (self.first + self.listed.len() as i64).max(day + 1);
        match usize::try_from(end - first) {
            Ok(length) if length <= LISTED_DAYS => {
                let before = usize::try_from(self.first - first).unwrap_or(0);
                self.listed.splice(0..0, std::iter::repeat_n(0, before));
                self.listed.resize(length, 0);
                self.first = first;
                self.listed[usize::try_from(day - first).unwrap_or(0)] = 1;
            }
            _ => {
                self.elsewhere.insert(day, 1);
            }
        }
        true
    }

    fn finish(self) -> (BTreeMap<i32, u64>, u64) {
        let listed = (self.first..).zip(self.listed).filter(|(_, count)| *count > 0);
        // Days of 64 bits of microseconds fit 32 bits.
        let days = listed.chain(self.elsewhere).map(|(day, count)| (i32::try_from(day).unwrap_or(i32::MAX), count));
        (days.collect(), self.other)
    }
}

#[cfg(test)]
#[path = "observe_tests.rs"]
pub(crate) mod tests;
