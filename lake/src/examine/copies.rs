//! Events that are there twice: within the deduplication horizon an id of a source counts once.
//!
//! Ids are compared by their fingerprints. So that memory is bounded, fingerprints are dealt into parts, and each part is a
//! pass of its own over the columns of the ids: 2 million events take one, 20 million ten.

use std::collections::BTreeMap;
use std::collections::hash_map::{Entry, HashMap};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use futures::TryStreamExt;
use weir_core::event::EventId;

use super::log::Log;
use super::{Broken, Examiner, Finding, Mend, Severity, counted};
use crate::any_file::{self, AnyFile};
use crate::error::LakeError;
use crate::ids::{HORIZON_MS, fingerprint};
use crate::reader::BATCH_ROWS;
use crate::schema::{EVENT_ID, EVENT_UUID, PLACE, RECEIVED_AT, SOURCE};
use crate::store::Store;

/// Events of one pass: about 150 MB of memory.
const PASS_ROWS: u64 = 2_000_000;

/// The first of an id, as far as was seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct First {
    /// What weir wrote stays before what another engine wrote.
    is_foreign: bool,
    /// Microseconds since 1970.
    received: i64,
    place: i64,
    file: usize,
    row: u64,
}

impl Examiner<'_> {
    /// `files` with their rows.
    pub(super) async fn copies(&mut self, files: &[(AnyFile, u64)], log: &Log) {
        let passes = files.iter().map(|(_, rows)| rows).sum::<u64>().div_ceil(PASS_ROWS).max(1);
        self.expect(passes * files.len() as u64);
        let mut copies: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        for pass in 0..passes {
            let mut firsts: HashMap<u128, First> = HashMap::new();
            for (number, (file, _)) in files.iter().enumerate() {
                let taken = take(self.store, file, number, (pass, passes), &mut firsts, &mut copies).await;
                if let Err(error) = taken {
                    self.store_failed(file.name().as_ref(), &error);
                }
                self.step();
            }
        }
        for (number, mut rows) in copies {
            rows.sort_unstable();
            let (file, file_rows) = &files[number];
            self.copies_of(file, *file_rows, rows, log);
        }
    }

    fn copies_of(&mut self, file: &AnyFile, rows_found: u64, copies: Vec<u64>, log: &Log) {
        let live = log.live.get(&file.path);
        let broken = Broken {
            table: file.table,
            path: file.path.clone(),
            bytes: file.bytes,
            rows: live.and_then(|live| live.rows),
            rows_found,
            range_ms: live.and_then(|live| live.range_ms(file.table)),
            is_foreign: file.is_foreign,
            is_replaced: file.is_foreign,
        };
        let number = copies.len() as u64;
        self.findings.push(Finding {
            severity: Severity::Error,
            code: "copies",
            object: file.name().to_string(),
            found: format!("{} of it came before with the same source and id", counted(number, "event")),
            means: match (file.is_foreign, number) {
                (true, 1) => "other engines count it twice; weir counts none of the file yet".to_owned(),
                (true, _) => "other engines count them twice; weir counts none of the file yet".to_owned(),
                (false, 1) => "it is counted twice".to_owned(),
                (false, _) => "they are counted twice".to_owned(),
            },
            remedy: format!("`weir repair {}` leaves the later ones out", self.arguments()),
            mend: Some(Mend::Rewrite { file: broken, copies }),
        });
    }
}

async fn take(
    store: &Store,
    file: &AnyFile,
    number: usize,
    (pass, passes): (u64, u64),
    firsts: &mut HashMap<u128, First>,
    copies: &mut BTreeMap<usize, Vec<u64>>,
) -> Result<(), LakeError> {
    let columns = [RECEIVED_AT, PLACE, SOURCE, EVENT_UUID, EVENT_ID];
    let mut batches = any_file::open(store, file, &columns, &[], BATCH_ROWS).await?;
    let mut row = 0;
    while let Some(batch) = batches.try_next().await? {
        for (id, received, place) in ids(&batch) {
            let this = First { is_foreign: file.is_foreign, received, place, file: number, row };
            row += 1;
            let Some(id) = id.filter(|id| (id >> 64) % u128::from(passes) == u128::from(pass)) else { continue };
            match firsts.entry(id) {
                Entry::Vacant(place) => drop(place.insert(this)),
                Entry::Occupied(mut other) => {
                    let first = *other.get();
                    if first.received.abs_diff(this.received) >= HORIZON_MS.unsigned_abs() * 1000 {
                        other.insert(first.max(this));
                        continue;
                    }
                    let copy = first.max(this);
                    copies.entry(copy.file).or_default().push(copy.row);
                    other.insert(first.min(this));
                }
            }
        }
    }
    Ok(())
}

/// Fingerprint, receipt and place of each row. A row without an id is a copy of none.
fn ids(batch: &RecordBatch) -> Vec<(Option<u128>, i64, i64)> {
    let received = batch.column(0).as_primitive::<TimestampMicrosecondType>();
    let places = batch.column(1).as_primitive::<Int64Type>();
    let sources = batch.column(2).as_dictionary::<Int32Type>();
    let names = sources.values().as_string::<i32>();
    let (uuids, texts) = (batch.column(3).as_binary_view(), batch.column(4).as_string_view());
    let of = |row: usize| {
        let source = sources.key(row).map_or("", |key| names.value(key));
        let uuid = || <[u8; 16]>::try_from(uuids.value(row)).ok().map(EventId::Uuid);
        let id = if texts.is_valid(row) { Some(EventId::Text(texts.value(row).into())) } else { uuid() };
        (id.map(|id| fingerprint(source, &id)), received.value(row), places.value(row))
    };
    (0..batch.num_rows()).map(of).collect()
}
