//! Events collected as columns, on their way into a data file.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryViewArray, BinaryViewBuilder, DictionaryArray, Int32Array, Int64Array, RecordBatch,
    StringArray, StringViewArray, StringViewBuilder, TimestampMicrosecondArray, UInt32Array, new_null_array,
};
use arrow::compute::{TakeOptions, take};
use arrow::datatypes::Int32Type;
use twox_hash::XxHash3_64;
use weir_core::event::{Event, EventId};

use crate::error::LakeError;
use crate::ids::fingerprint;
use crate::schema::{bucket_of, columns};

/// Collects events in the order in which they arrived.
#[derive(Default)]
pub struct EventRows {
    users: Interner,
    events: Interner,
    sources: Interner,
    rows: Vec<Row>,
    fingerprints: Vec<u128>,
    uuids: BinaryViewBuilder,
    ids: StringViewBuilder,
    anonymous_ids: StringViewBuilder,
    session_ids: StringViewBuilder,
    properties: StringViewBuilder,
    contexts: StringViewBuilder,
    text_bytes: usize,
}

/// The fixed-width part of an event.
#[derive(Clone, Copy)]
struct Row {
    user: u32,
    event: u32,
    source: u32,
    is_known_user: bool,
    time_ms: i64,
    received_ms: i64,
    place: i64,
}

impl std::fmt::Debug for EventRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventRows").field("rows", &self.rows.len()).finish_non_exhaustive()
    }
}

impl EventRows {
    /// Adds an event and the id it was sent with or given.
    pub fn push(&mut self, source: &str, event: &Event<'_>, id: &EventId<'_>) {
        self.rows.push(Row {
            user: self.users.intern(event.user()),
            event: self.events.intern(&event.event),
            source: self.sources.intern(source),
            is_known_user: event.user_id.is_some(),
            time_ms: event.time_ms,
            received_ms: event.received_ms,
            place: i64::try_from(event.place).unwrap_or(i64::MAX),
        });
        self.fingerprints.push(fingerprint(source, id));
        match id {
            EventId::Uuid(bytes) => {
                self.uuids.append_value(bytes);
                self.ids.append_null();
            }
            EventId::Text(text) => {
                self.uuids.append_null();
                self.ids.append_value(text);
            }
        }
        self.anonymous_ids.append_option(event.anonymous_id.as_deref());
        self.session_ids.append_option(event.session_id.as_deref());
        self.properties.append_option(event.properties);
        self.contexts.append_option(event.context);
        let texts = [event.properties, event.context, event.session_id.as_deref(), event.anonymous_id.as_deref()];
        self.text_bytes += texts.into_iter().flatten().map(str::len).sum::<usize>();
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// About so many bytes of memory are held.
    pub fn bytes(&self) -> usize {
        const FIXED: usize = size_of::<Row>() + size_of::<u128>() + 6 * size_of::<u128>() + 16;
        self.text_bytes + self.rows.len() * FIXED
    }

    /// What tells copies apart, an event each, in the order of arrival.
    pub fn fingerprints(&self) -> &[u128] {
        &self.fingerprints
    }

    /// Ends collecting.
    pub fn freeze(mut self) -> FrozenRows {
        let (uuids, ids) = (self.uuids.finish(), self.ids.finish());
        let order = self.order(&uuids, &ids);
        let texts = [
            Arc::new(uuids) as ArrayRef,
            Arc::new(ids),
            Arc::new(self.anonymous_ids.finish()),
            Arc::new(self.session_ids.finish()),
            Arc::new(self.properties.finish()),
            Arc::new(self.contexts.finish()),
        ];
        FrozenRows {
            users: self.users,
            events: self.events,
            sources: self.sources,
            rows: self.rows,
            fingerprints: self.fingerprints,
            texts,
            order,
        }
    }

    /// Row numbers in the table's sort order.
    fn order(&self, uuids: &BinaryViewArray, ids: &StringViewArray) -> Vec<u32> {
        let rank = self.users.ranks();
        let mut keys: Vec<(u32, i64, u32)> =
            (0_u32..).zip(&self.rows).map(|(number, row)| (rank[row.user as usize], row.time_ms, number)).collect();
        let id = |row: usize| id_order(ids.is_valid(row).then(|| ids.value(row).as_bytes()), uuids.value(row));
        keys.sort_unstable_by(|a, b| {
            (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| {
                let (a, b) = (a.2 as usize, b.2 as usize);
                let arrival = |row: &Row| (row.received_ms, row.place);
                arrival(&self.rows[a]).cmp(&arrival(&self.rows[b])).then_with(|| id(a).cmp(&id(b)))
            })
        });
        keys.into_iter().map(|(_, _, number)| number).collect()
    }
}

/// Ids in the order of their text.
pub(crate) fn id_order(text: Option<&[u8]>, uuid: &[u8]) -> Vec<u8> {
    match (text, <&[u8; 16]>::try_from(uuid)) {
        (Some(text), _) => text.to_vec(),
        (None, Ok(uuid)) => weir_core::event::uuid_text(uuid).into_bytes(),
        (None, Err(_)) => Vec::new(),
    }
}

/// Collected events that can be written, all or some of them.
pub struct FrozenRows {
    users: Interner,
    events: Interner,
    sources: Interner,
    rows: Vec<Row>,
    fingerprints: Vec<u128>,
    texts: [ArrayRef; 6],
    order: Vec<u32>,
}

impl std::fmt::Debug for FrozenRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrozenRows").field("rows", &self.rows.len()).finish_non_exhaustive()
    }
}

impl FrozenRows {
    /// As [`EventRows::fingerprints`].
    pub fn fingerprints(&self) -> &[u128] {
        &self.fingerprints
    }

    /// The latest time of receipt, milliseconds since 1970. `None` without events.
    pub fn last_received_ms(&self) -> Option<i64> {
        self.rows.iter().map(|row| row.received_ms).max()
    }

    /// The events for which `keep` (in the order of arrival) is true, in the table's sort order.
    ///
    /// # Errors
    /// Only if columns cannot be built, which would be a defect.
    pub fn sorted(&self, keep: &[bool]) -> Result<RecordBatch, LakeError> {
        let order: Vec<u32> = self.order.iter().copied().filter(|row| keep[*row as usize]).collect();
        let rows = || order.iter().map(|row| &self.rows[*row as usize]);
        let take_text = |array: &ArrayRef| -> Result<ArrayRef, LakeError> {
            if array.null_count() == array.len() {
                return Ok(new_null_array(array.data_type(), order.len()));
            }
            let unchecked = TakeOptions { check_bounds: false };
            Ok(take(array, &UInt32Array::from(order.clone()), Some(unchecked))?)
        };
        let user_names = self.users.names();
        let user_buckets: Vec<i32> = self.users.texts.iter().map(|user| i32::from(bucket_of(user))).collect();
        let users = UInt32Array::from_iter_values(rows().map(|r| r.user));
        let known = UInt32Array::from_iter(rows().map(|r| r.is_known_user.then_some(r.user)));
        let micros = |of: fn(&Row) -> i64| -> ArrayRef {
            let values = rows().map(|r| of(r).saturating_mul(1000));
            Arc::new(TimestampMicrosecondArray::from_iter_values(values).with_timezone("UTC"))
        };
        let [uuids, ids, anonymous_ids, session_ids, properties, contexts] = &self.texts;
        Ok(RecordBatch::try_new(
            columns(),
            vec![
                Arc::new(Int32Array::from_iter_values(rows().map(|r| user_buckets[r.user as usize]))),
                take(&user_names, &users, None)?,
                micros(|r| r.time_ms),
                self.events.dictionary(rows().map(|r| r.event))?,
                micros(|r| r.received_ms),
                Arc::new(Int64Array::from_iter_values(rows().map(|r| r.place))),
                self.sources.dictionary(rows().map(|r| r.source))?,
                take_text(uuids)?,
                take_text(ids)?,
                take(&user_names, &known, None)?,
                take_text(anonymous_ids)?,
                take_text(session_ids)?,
                take_text(properties)?,
                take_text(contexts)?,
            ],
        )?)
    }
}

/// Gives each distinct text a number.
#[derive(Default)]
struct Interner {
    numbers: HashMap<Arc<str>, u32, BuildHasherDefault<TextHasher>>,
    texts: Vec<Arc<str>>,
}

/// xxh3 over the bytes: names come from outside, but only as many as one landing holds.
#[derive(Default)]
struct TextHasher(u64);

impl Hasher for TextHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 ^= XxHash3_64::oneshot(bytes);
    }

    fn write_u8(&mut self, _end_of_text: u8) {}
}

impl Interner {
    fn intern(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        number
    }

    /// For each number, its place among all by (bucket, text).
    fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<(u8, u32)> = (0_u32..).zip(&self.texts).map(|(n, text)| (bucket_of(text), n)).collect();
        order.sort_unstable_by(|a, b| {
            a.0.cmp(&b.0).then_with(|| self.texts[a.1 as usize].cmp(&self.texts[b.1 as usize]))
        });
        let mut ranks = vec![0; order.len()];
        (0_u32..).zip(order).for_each(|(rank, (_, number))| ranks[number as usize] = rank);
        ranks
    }

    fn names(&self) -> ArrayRef {
        let mut names = StringViewBuilder::with_capacity(self.texts.len());
        self.texts.iter().for_each(|text| names.append_value(text));
        Arc::new(names.finish())
    }

    fn dictionary(&self, numbers: impl Iterator<Item = u32>) -> Result<ArrayRef, LakeError> {
        let keys = Int32Array::from_iter_values(numbers.map(u32::cast_signed));
        let values = StringArray::from_iter_values(&self.texts);
        Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, Arc::new(values))?))
    }
}
