//! Ids that are in memory as they are: what was landed since the index was last written.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use twox_hash::XxHash3_128;
use weir_core::event::EventId;

use crate::reader::{self, Batches, Read};
use crate::schema::{BUCKETS, EVENT_ID, EVENT_UUID, RECEIVED_AT, SOURCE};
use crate::snapshot::DataFile;
use crate::store::Store;

use super::trouble::Trouble;

/// What tells events apart: a 128-bit hash (xxh3) of source and id.
pub fn fingerprint(source: &str, id: &EventId<'_>) -> u128 {
    match id {
        EventId::Uuid(bytes) => hash(source.as_bytes(), 0, bytes),
        EventId::Text(text) => hash(source.as_bytes(), 1, text.as_bytes()),
    }
}

fn hash(source: &[u8], kind: u8, id: &[u8]) -> u128 {
    // The source comes with its length, so that no two pairs of source and id run into the same bytes.
    const ON_STACK: usize = 256;
    let (mut short, mut long);
    let bytes = if source.len() + id.len() + 9 <= ON_STACK {
        short = [0; ON_STACK];
        &mut short[..source.len() + id.len() + 9]
    } else {
        long = vec![0; source.len() + id.len() + 9];
        &mut long[..]
    };
    bytes[..8].copy_from_slice(&(source.len() as u64).to_le_bytes());
    bytes[8..8 + source.len()].copy_from_slice(source);
    bytes[8 + source.len()] = kind;
    bytes[9 + source.len()..].copy_from_slice(id);
    XxHash3_128::oneshot(bytes)
}

/// Ids are sorted in so many parts, told by their top bits.
const SORTED_PARTS: u128 = 16;
const SORTED_SHIFT: u32 = 124;

/// A set of ids.
pub(super) type Ids = HashSet<u128, BuildHasherDefault<AlreadyHashed>>;

/// The hash of a hash is itself.
#[derive(Debug, Default)]
pub(super) struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for (i, byte) in bytes.iter().enumerate() {
            self.0 ^= u64::from(*byte) << (8 * (i % 8));
        }
    }

    fn write_u128(&mut self, hash: u128) {
        // The low half: any 64 bits of a good hash are as good as the others.
        self.0 = (hash & u128::from(u64::MAX)) as u64;
    }
}

/// A set of ids with the latest receipt among them.
#[derive(Debug, Default)]
pub(super) struct Recent {
    ids: Ids,
    last_received_ms: Option<i64>,
}

impl Recent {
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn contains(&self, id: u128) -> bool {
        self.ids.contains(&id)
    }

    pub(super) fn add(&mut self, ids: impl Iterator<Item = u128>, last_received_ms: i64) {
        self.ids.extend(ids);
        self.last_received_ms = self.last_received_ms.max(Some(last_received_ms));
    }

    pub(super) fn clear(&mut self) {
        self.ids.clear();
        self.last_received_ms = None;
    }

    /// The latest receipt; `None` if there are no ids.
    pub(super) fn last_received_ms(&self) -> Option<i64> {
        self.last_received_ms.filter(|_| !self.ids.is_empty())
    }

    /// The ids in their order, a part at a time: sorting them all at once would take as much memory again.
    pub(super) fn sorted(&self) -> impl Iterator<Item = Vec<u128>> {
        (0..SORTED_PARTS).map(|part| {
            let mut ids: Vec<u128> = Vec::with_capacity(self.ids.len() / SORTED_PARTS as usize * 9 / 8);
            ids.extend(self.ids.iter().filter(|id| **id >> SORTED_SHIFT == part));
            ids.sort_unstable();
            ids
        })
    }
}

/// Opens what [`for_each`] needs of a data file that is live in `version`.
pub(super) async fn open(store: &Store, version: u64, file: &DataFile) -> Result<Batches, Trouble> {
    let columns = [RECEIVED_AT, SOURCE, EVENT_UUID, EVENT_ID];
    let read = Read { columns: &columns, buckets: 0..BUCKETS, batch_rows: reader::BATCH_ROWS };
    Ok(reader::open(store, version, file, &read).await?)
}

/// Calls `each` with receipt, in milliseconds, and id of each event of a batch.
pub(super) fn for_each(batch: &RecordBatch, mut each: impl FnMut(i64, u128)) {
    let received = batch.column(0).as_primitive::<TimestampMicrosecondType>();
    let sources = batch.column(1).as_dictionary::<Int32Type>();
    let names = sources.values().as_string::<i32>();
    let (uuids, ids) = (batch.column(2).as_binary_view(), batch.column(3).as_string_view());
    for row in 0..batch.num_rows() {
        let source = sources.key(row).map_or("", |key| names.value(key)).as_bytes();
        let id = if ids.is_valid(row) {
            hash(source, 1, ids.value(row).as_bytes())
        } else {
            hash(source, 0, uuids.value(row))
        };
        each(received.value(row).div_euclid(1000), id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_belong_to_their_source_and_form() {
        let text = |t: &'static str| EventId::Text(t.into());
        assert_ne!(fingerprint("a", &text("bc")), fingerprint("ab", &text("c")));
        assert_ne!(fingerprint("a", &text("x")), fingerprint("b", &text("x")));
        let sixteen = "0123456789abcdef";
        assert_ne!(fingerprint("a", &text(sixteen)), fingerprint("a", &EventId::Uuid(*b"0123456789abcdef")));
    }

    #[test]
    fn fingerprints_never_change() {
        // Segments on disk have these.
        let long = "x".repeat(600);
        let of = |id: &str| format!("{:032x}", fingerprint("app", &EventId::Text(id.to_owned().into())));
        assert_eq!(of("order-1"), "b1cf9d1ca3b50b16a59b27b05ac60f58");
        assert_eq!(of(&long), "3f178bab19a9582da81420b25234b214");
        let uuid = fingerprint("app", &EventId::Uuid([7; 16]));
        assert_eq!(format!("{uuid:032x}"), "b91ece8098f3384ec3db176f4a21e643");
    }
}
