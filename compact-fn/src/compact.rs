//! Compaction: many files become few, large and sorted, and every event stays where its time belongs.
//!
//! ```text
//!   landed    ▪▪▪▪▪▪▪▪   each sorted in itself, any times                level 0
//!                │ merge of up to 64, split by range of 30 days
//!   compacted ■ ■ ■ ■    one file a range and merge                      level 1
//!                │ merge of eight of one range and level
//!   compacted ███        …                                               level 2, 3, …
//! ```
//!
//! Eight files of a level make one of the next, so each event is written about log₈(n) times. [`Extent::Everything`] merges
//! until each range has one file.
//!
//! Rows of an anonymous id that has become a user's move to that user on the way: see [`resolving`].
//!
//! Rows are unique since their landing, so a compaction neither drops nor adds one; the commit checks that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampMicrosecondType;
use weir_core::event::uuid_text;
use weir_core::ports::{Clock, Ids};
use weir_core::time::{DAY_MS, rfc3339};
use weir_lake::merge::Merge;
use weir_lake::reader::{self, Read};
use weir_lake::schema::{BUCKETS, TIME, columns};
use weir_lake::snapshot::{Change, Level};
use weir_lake::writer::DataFileWriter;
use weir_lake::{DataFile, LakeError, Snapshot, Table, names};

use crate::resolving::{self, Resolving};

/// Length of the time range of a compacted file, in milliseconds: 30 days. A range begins at a multiple of it.
pub const RANGE_MS: i64 = 30 * DAY_MS;
/// The most files of one merge.
const FAN_IN: usize = 64;
/// So many files of a kind are worth a merge.
const WORTHWHILE: usize = 8;
/// Memory of unfinished row groups above which the largest is ended early, in bytes.
const WRITER_BYTES: usize = 96 * 1024 * 1024;
/// Other writers may be first so many times in a row before a merge is given up.
const ATTEMPTS: usize = 100;

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What saves more in queries than it costs: for a loop in the background.
    Worthwhile,
    /// Until each range of time has one file.
    Everything,
}

/// What a compaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compacted {
    /// Merges.
    pub merges: u64,
    /// Files that were merged, and their bytes.
    pub files_in: u64,
    /// Bytes of those.
    pub bytes_in: u64,
    /// Files that came out.
    pub files_out: u64,
    /// Bytes of those.
    pub bytes_out: u64,
    /// Rows that were written.
    pub rows: u64,
}

/// The next merge that is worth it; `None` if there is none.
pub fn plan(snapshot: &Snapshot, extent: Extent) -> Option<Vec<Arc<DataFile>>> {
    let least = if extent == Extent::Everything { 1 } else { WORTHWHILE };
    let files = || snapshot.files.values();
    let landed: Vec<_> = files().filter(|f| f.level == Level::Landed).take(FAN_IN).cloned().collect();
    if landed.len() >= least {
        return Some(with_ranges_they_touch(snapshot, landed, extent));
    }
    let mut ranges: BTreeMap<(i64, Option<Level>), Vec<Arc<DataFile>>> = BTreeMap::new();
    for file in files().filter(|f| f.level != Level::Landed) {
        let level = (extent == Extent::Worthwhile).then_some(file.level);
        ranges.entry((range_of(file.min_time_ms), level)).or_default().push(Arc::clone(file));
    }
    let enough = ranges.into_values().find(|files| files.len() >= least.max(2))?;
    Some(enough.into_iter().take(FAN_IN).collect())
}

/// When everything is merged anyway, what the landed files touch is best merged in the same pass.
fn with_ranges_they_touch(snapshot: &Snapshot, mut inputs: Vec<Arc<DataFile>>, extent: Extent) -> Vec<Arc<DataFile>> {
    if extent == Extent::Everything {
        let touched: BTreeSet<i64> =
            inputs.iter().flat_map(|f| range_of(f.min_time_ms)..=range_of(f.max_time_ms)).collect();
        let old = snapshot.files.values().filter(|f| f.level != Level::Landed);
        let old: Vec<_> = old.filter(|f| touched.contains(&range_of(f.min_time_ms))).cloned().collect();
        if inputs.len() + old.len() <= FAN_IN {
            inputs.extend(old);
        }
    }
    inputs
}

/// The number of the range that an instant lies in.
fn range_of(time_ms: i64) -> i64 {
    time_ms.div_euclid(RANGE_MS)
}

/// Merges until [`plan`] finds nothing more.
///
/// # Errors
/// A damaged file is named; after an error the table is as after the last finished merge.
pub async fn compact(
    table: &mut Table,
    clock: &dyn Clock,
    ids: &dyn Ids,
    extent: Extent,
) -> Result<Compacted, LakeError> {
    let mut total = Compacted::default();
    let mut overtaken = 0;
    let mut resolving = Resolving::default();
    loop {
        let snapshot = table.refresh().await?;
        let planned = match plan(&snapshot, extent) {
            None => resolving.next(table, &snapshot, extent, total.merges > 0).await?,
            planned => planned,
        };
        let Some(inputs) = planned else { return Ok(total) };
        let outputs = merge(table, &snapshot, &inputs, ids).await?;
        let change = Change {
            removes: inputs.iter().map(|f| f.path.clone()).collect(),
            adds: outputs.clone(),
            operation: "compact",
            ..Change::default()
        };
        match commit(table, &change, clock).await {
            Ok(()) => total.count(&inputs, &outputs),
            // It may have been made, and name the files.
            Err(error) if error.leaves_doubt() => return Err(error),
            Err(error) => {
                discard(table, &outputs).await;
                overtaken += 1;
                if !error.is_conflict() || overtaken >= ATTEMPTS {
                    return Err(error);
                }
            }
        }
    }
}

impl Compacted {
    fn count(&mut self, inputs: &[Arc<DataFile>], outputs: &[DataFile]) {
        self.merges += 1;
        self.files_in += inputs.len() as u64;
        self.bytes_in += inputs.iter().map(|f| f.bytes).sum::<u64>();
        self.files_out += outputs.len() as u64;
        self.bytes_out += outputs.iter().map(|f| f.bytes).sum::<u64>();
        self.rows += outputs.iter().map(|f| f.rows).sum::<u64>();
    }
}

/// Landings may come in between: they take nothing away, so as long as all inputs are live the merge stands.
pub(crate) async fn commit(table: &mut Table, change: &Change, clock: &dyn Clock) -> Result<(), LakeError> {
    for _ in 0..ATTEMPTS {
        match table.commit(change, clock.now_ms()).await {
            Err(LakeError::Conflict { .. }) => table.refresh().await?,
            done => return done.map(|_| ()),
        };
    }
    Err(LakeError::Conflict { version: table.snapshot().version + 1 })
}

/// Writes the merge of some files, one new file for each range of time that they touch.
async fn merge(
    table: &Table,
    snapshot: &Snapshot,
    inputs: &[Arc<DataFile>],
    ids: &dyn Ids,
) -> Result<Vec<DataFile>, LakeError> {
    let mut outputs = Outputs { table, ids, level: level_of(inputs), writers: BTreeMap::new() };
    let columns = columns();
    let names: Vec<&str> = columns.fields().iter().map(|f| f.name().as_str()).collect();
    let batch_rows = (reader::BATCH_ROWS * 4 / inputs.len().max(1)).clamp(512, reader::BATCH_ROWS);
    let read = Read { columns: &names, buckets: 0..BUCKETS, batch_rows };
    let streams = resolving::open(table, snapshot, inputs, &read).await?;
    let mut merged = Merge::new(streams, reader::BATCH_ROWS).await?;
    while let Some(batch) = merged.next().await? {
        outputs.write(&batch).await?;
    }
    let landed_in = inputs.iter().map(|f| f.landed_in).max().unwrap_or(0);
    let mut files = Vec::with_capacity(outputs.writers.len());
    for writer in outputs.writers.into_values() {
        files.push(DataFile { landed_in, ..writer.finish().await? });
    }
    Ok(files)
}

/// A file that is only rewritten stays what it was.
fn level_of(inputs: &[Arc<DataFile>]) -> Level {
    match inputs {
        [one] if one.level != Level::Landed => one.level,
        _ => Level::Compacted(inputs.iter().map(|f| f.level.number()).max().unwrap_or(0).saturating_add(1)),
    }
}

/// The files that a merge writes side by side.
struct Outputs<'a> {
    table: &'a Table,
    ids: &'a dyn Ids,
    level: Level,
    writers: BTreeMap<i64, DataFileWriter>,
}

impl Outputs<'_> {
    async fn write(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        let Some(times) = batch.column_by_name(TIME) else { return Ok(()) };
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let ranges: Vec<i64> = times.values().iter().map(|micros| range_of(micros.div_euclid(1000))).collect();
        let distinct: BTreeSet<i64> = ranges.iter().copied().collect();
        for range in &distinct {
            let part = if distinct.len() == 1 {
                batch.clone()
            } else {
                let mask: BooleanArray = ranges.iter().map(|r| Some(r == range)).collect();
                filter_record_batch(batch, &mask)?
            };
            self.writer(*range)?.write(&part).await?;
        }
        if self.writers.values().map(DataFileWriter::memory).sum::<usize>() > WRITER_BYTES
            && let Some(largest) = self.writers.values_mut().max_by_key(|w| w.memory())
        {
            largest.flush().await?;
        }
        Ok(())
    }

    fn writer(&mut self, range: i64) -> Result<&mut DataFileWriter, LakeError> {
        if !self.writers.contains_key(&range) {
            let first_day = rfc3339(range.saturating_mul(RANGE_MS));
            let name = names::compacted(first_day.get(..10).unwrap_or(&first_day), &uuid_text(&self.ids.next_id()));
            self.writers.insert(range, DataFileWriter::new(self.table.store(), self.table.name(), name, self.level)?);
        }
        self.writers
            .get_mut(&range)
            .ok_or_else(|| LakeError::Invariant("a writer that was just made is gone".to_owned()))
    }
}

/// Removes files that no commit names. A store that tries again by itself may have made the commit and then report it as
/// another writer's: so what is live stays.
pub(crate) async fn discard(table: &Table, files: &[DataFile]) {
    let snapshot = table.snapshot();
    for file in files.iter().filter(|file| !snapshot.files.contains_key(&file.path)) {
        if let Err(error) = table.store().delete(&table.name().data(&file.path)).await {
            tracing::warn!(%error, "a file that was not committed is left in the lake");
        }
    }
}

#[cfg(test)]
#[path = "compact_tests.rs"]
mod tests;
