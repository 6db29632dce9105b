//! Which event ids the lake has taken within the deduplication horizon.
//!
//! An event is a copy if the same source has sent its id before. Copies are found when they are landed, against all files
//! of the horizon and not only those of the event's day or user: so every live row is counted once by every query, and
//! neither queries nor compaction have to look at ids again.
//!
//! An id is kept as a 128-bit hash (xxh3) of source and id, 17 to 34 bytes of memory an event. With 10^12 events the chance
//! that any two share a hash is below 10^-14.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use futures::TryStreamExt;
use twox_hash::XxHash3_128;
use weir_core::event::EventId;
use weir_core::time::DAY_MS;

use crate::error::LakeError;
use crate::reader::{self, Read};
use crate::schema::{BUCKETS, EVENT_ID, EVENT_UUID, RECEIVED_AT, SOURCE};
use crate::snapshot::{DataFile, Snapshot};
use crate::store::Store;

/// Copies are recognised for so long after the first, in milliseconds: 7 days.
pub const HORIZON_MS: i64 = 7 * DAY_MS;

/// What tells events apart.
pub fn fingerprint(source: &str, id: &EventId<'_>) -> u128 {
    match id {
        EventId::Uuid(bytes) => hash(source.as_bytes(), 0, bytes),
        EventId::Text(text) => hash(source.as_bytes(), 1, text.as_bytes()),
    }
}

fn hash(source: &[u8], kind: u8, id: &[u8]) -> u128 {
    // The source comes with its length, so that no two pairs of source and id run into the same bytes.
    let mut bytes = Vec::with_capacity(source.len() + id.len() + 9);
    bytes.extend_from_slice(&(source.len() as u64).to_le_bytes());
    bytes.extend_from_slice(source);
    bytes.push(kind);
    bytes.extend_from_slice(id);
    XxHash3_128::oneshot(&bytes)
}

type Ids = HashSet<u128, BuildHasherDefault<AlreadyHashed>>;

/// The ids of the horizon, by day of receipt, so that old days can be let go whole.
#[derive(Debug, Default)]
pub struct KnownIds {
    days: BTreeMap<i64, Ids>,
    /// All ids up to this version are here.
    version: Option<u64>,
}

impl KnownIds {
    /// Takes the ids of what was landed since the version that was last taken, and forgets what lies behind the horizon.
    ///
    /// # Errors
    /// A file that cannot be read is named.
    pub async fn follow(&mut self, store: &Store, snapshot: &Snapshot, now_ms: i64) -> Result<(), LakeError> {
        let horizon_ms = now_ms - HORIZON_MS;
        self.forget_before(horizon_ms);
        let since = self.version;
        if since == Some(snapshot.version) {
            return Ok(());
        }
        for file in snapshot.files.values() {
            let is_new = since.is_none_or(|since| file.landed_in > since);
            if is_new && file.max_received_ms >= horizon_ms {
                self.take_file(store, snapshot.version, file).await?;
            }
        }
        // A file of the horizon may hold older rows too.
        self.forget_before(horizon_ms);
        self.version = Some(snapshot.version);
        Ok(())
    }

    /// Which of these events are the first of their id, in the order of arrival. Does not remember them: that is for
    /// [`remember`](Self::remember), once they are committed.
    pub fn firsts(&self, fingerprints: &[u128]) -> Vec<bool> {
        let mut seen = Ids::with_capacity_and_hasher(fingerprints.len(), BuildHasherDefault::default());
        let is_known = |id: &u128| self.days.values().any(|day| day.contains(id));
        fingerprints.iter().map(|id| !is_known(id) && seen.insert(*id)).collect()
    }

    /// Takes the ids of events that `version` has landed, all received about `received_ms`.
    pub fn remember(&mut self, version: u64, fingerprints: &[u128], kept: &[bool], received_ms: i64) {
        let day = self.days.entry(received_ms.div_euclid(DAY_MS)).or_default();
        day.extend(fingerprints.iter().zip(kept).filter(|(_, kept)| **kept).map(|(id, _)| *id));
        self.version = Some(version);
    }

    fn forget_before(&mut self, horizon_ms: i64) {
        self.days = self.days.split_off(&horizon_ms.div_euclid(DAY_MS));
    }

    async fn take_file(&mut self, store: &Store, version: u64, file: &DataFile) -> Result<(), LakeError> {
        let columns = [RECEIVED_AT, SOURCE, EVENT_UUID, EVENT_ID];
        let read = Read { columns: &columns, buckets: 0..BUCKETS, batch_rows: reader::BATCH_ROWS };
        let mut batches = reader::open(store, version, file, &read).await?;
        while let Some(batch) = batches.try_next().await? {
            self.take_batch(&batch);
        }
        Ok(())
    }

    fn take_batch(&mut self, batch: &RecordBatch) {
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
            let day = received.value(row).div_euclid(DAY_MS * 1000);
            self.days.entry(day).or_default().insert(id);
        }
    }
}

/// The hash of a hash is itself.
#[derive(Debug, Default)]
struct AlreadyHashed(u64);

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
    fn only_the_first_of_an_id_is_kept() {
        let mut known = KnownIds::default();
        known.remember(1, &[1, 2], &[true, true], 0);
        assert_eq!(known.firsts(&[2, 3, 3, 1, 4]), [false, true, false, false, true]);
        known.forget_before(DAY_MS);
        assert_eq!(known.firsts(&[2]), [true]);
    }
}
