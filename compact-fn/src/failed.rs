//! The table of failed events: how they land, are taken away again, and come into fewer files.
//!
//! ```text
//! record 7 ─┬─ failed lines ─▶ 1 LAKE/failed, with the position of its own   ─┐ a crash here, and both are read again:
//!           └─ events ───────▶ 2 LAKE/events, with the position of its own   ◀┘ 1 finds its position taken, 2 goes on
//! ```
//!
//! Each table has the landed positions of its own, so each lands a record once, and nothing has to be done in both at the same
//! moment. Failed events come first: the log is trimmed by the position of the events, so what is trimmed is in both.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use futures::TryStreamExt;
use weir_core::event::{Failed, uuid_text};
use weir_core::ports::{Clock, Ids, SequenceNumber, ShardId};
use weir_core::time::rfc3339;
use weir_lake::cleanup::clean_up_now_and_then;
use weir_lake::failed::{FAILED_ID, FailedRow, FailedRows, columns, rows_of};
use weir_lake::snapshot::{Change, Level, Progress};
use weir_lake::writer::{DataFileWriter, write_landed};
use weir_lake::{DataFile, LakeError, Snapshot, Store, Table, TableName, names, reader};

use crate::compact::{Extent, commit, discard};

/// Other writers may be first so many times in a row before a change is given up.
const ATTEMPTS: usize = 100;
/// A file below so many bytes is small.
const SMALL_BYTES: u64 = 16 * 1024 * 1024;
/// So many small files are worth a merge.
const WORTHWHILE: usize = 8;
/// The most files of one merge.
const FAN_IN: usize = 64;
/// Memory of an unfinished row group above which it is ended, in bytes: bodies are large.
const WRITER_BYTES: usize = 32 * 1024 * 1024;

/// Failed events of a shard's records, in their order.
#[derive(Debug, Default)]
pub struct FailedOfLog {
    rows: FailedRows,
    /// Of which record each row is.
    sequences: Vec<SequenceNumber>,
}

impl FailedOfLog {
    /// Adds one.
    pub fn push(&mut self, sequence: &SequenceNumber, source: &str, received_ms: i64, failed: &Failed<'_>) {
        self.rows.push(source, received_ms, failed);
        self.sequences.push(sequence.clone());
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// Lands failed events. The table is made with the first of them.
pub struct FailedLander {
    store: Store,
    table: Option<Table>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl std::fmt::Debug for FailedLander {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FailedLander").field("table", &self.table).finish_non_exhaustive()
    }
}

impl FailedLander {
    /// Opens the table, if the lake has it.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub async fn open(store: &Store, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Result<Self, LakeError> {
        let table = Table::open_if_there(store, TableName::Failed).await?;
        Ok(Self { store: store.clone(), table, clock, ids })
    }

    /// The last record of a shard that has landed here, as far as was seen. It may be older than that of the events, since
    /// records without failures are not written down.
    pub fn position(&self, shard: &ShardId) -> Option<SequenceNumber> {
        self.table.as_ref()?.snapshot().positions.get(shard).cloned()
    }

    /// Lands what is not there yet of records up to `through`, a place in a shard. Nothing is committed where that is nothing.
    ///
    /// Records that have no place in a log, `None`, are landed as often as they come: their rows have the ids that they had, and
    /// count once.
    ///
    /// # Errors
    /// Whatever goes wrong, named. Nothing of it is visible then, but where the store failed: then the commit may have been
    /// made, and the next landing finds its position taken.
    pub async fn land(
        &mut self,
        failed: FailedOfLog,
        through: Option<(&ShardId, &SequenceNumber)>,
    ) -> Result<(), LakeError> {
        let FailedOfLog { rows, sequences } = failed;
        if rows.is_empty() {
            return Ok(());
        }
        let all = rows.batch()?;
        let (clock, ids) = (Arc::clone(&self.clock), Arc::clone(&self.ids));
        let table = self.table().await?;
        for _ in 0..ATTEMPTS {
            // What others have committed is looked at only after a commit that met them: it is one request less for most landings.
            let snapshot = table.snapshot();
            let from = through.and_then(|(shard, _)| snapshot.positions.get(shard).cloned());
            let new = |sequence: &SequenceNumber| from.as_ref().is_none_or(|from| sequence > from);
            let keep: BooleanArray = sequences.iter().map(|sequence| Some(new(sequence))).collect();
            if keep.true_count() == 0 {
                return Ok(());
            }
            let batch: RecordBatch = filter_record_batch(&all, &keep)?;
            let id = uuid_text(&ids.next_id());
            let file = write_landed(table.store(), TableName::Failed, &id, &batch).await?;
            let progress = through.into_iter().map(|(shard, through)| Progress {
                shard: shard.clone(),
                from: from.clone(),
                through: through.clone(),
            });
            let change = Change {
                adds: vec![file.clone()],
                progress: progress.collect(),
                changes_data: true,
                operation: "land",
                ..Change::default()
            };
            match table.commit(&change, clock.now_ms()).await {
                Ok(_) => return Ok(()),
                // It may have been made, and name the file.
                Err(error) if error.leaves_doubt() => return Err(error),
                Err(error) => {
                    // Where the store tried again by itself, the other writer's commit may be this one: what is live stays.
                    table.refresh().await?;
                    discard(table, &[file]).await;
                    if !error.is_conflict() {
                        return Err(error);
                    }
                }
            }
        }
        Err(LakeError::Conflict { version: table.snapshot().version + 1 })
    }

    /// The table, if the lake has it by now.
    pub(crate) async fn table_if_there(&mut self) -> Result<Option<&mut Table>, LakeError> {
        if self.table.is_none() {
            self.table = Table::open_if_there(&self.store, TableName::Failed).await?;
        }
        Ok(self.table.as_mut())
    }

    async fn table(&mut self) -> Result<&mut Table, LakeError> {
        let table = match self.table.take() {
            Some(table) => table,
            None => {
                let id = uuid_text(&self.ids.next_id());
                Table::open_or_create_named(&self.store, TableName::Failed, &id, self.clock.now_ms()).await?
            }
        };
        Ok(self.table.insert(table))
    }
}

/// What becomes of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It leaves the table.
    Remove,
    /// It stays, with another reason: code, field and message.
    Reason(String, String, String),
}

/// Changes rows by their ids: the files that hold them are written anew, all others stay. Rows that came since, and rows
/// that are there no more, are nothing to wonder about.
///
/// # Errors
/// A damaged file is named; after an error the table is as it was, but where the store failed: then the commit may have been
/// made.
pub async fn rewrite(
    table: &mut Table,
    verdicts: &HashMap<String, Verdict>,
    clock: &dyn Clock,
    ids: &dyn Ids,
    operation: &'static str,
) -> Result<(), LakeError> {
    for _ in 0..ATTEMPTS {
        let snapshot = table.refresh().await?;
        let affected = files_with(table.store(), &snapshot, verdicts).await?;
        if affected.is_empty() {
            return Ok(());
        }
        let keep = |mut row: FailedRow| match verdicts.get(&*row.failed.id) {
            Some(Verdict::Remove) => None,
            Some(Verdict::Reason(code, field, message)) => {
                row.failed.code = code.clone().into();
                row.failed.field = field.clone().into();
                row.failed.message = message.clone().into();
                Some(row)
            }
            None => Some(row),
        };
        let written = write_anew(table, &snapshot, &affected, Level::Landed, ids, keep).await?;
        let change = Change {
            removes: affected.iter().map(|file| file.path.clone()).collect(),
            adds: written.iter().cloned().collect(),
            changes_data: true,
            operation,
            ..Change::default()
        };
        match commit(table, &change, clock).await {
            Ok(()) => return Ok(()),
            Err(error) if error.leaves_doubt() => return Err(error),
            Err(error) => {
                discard(table, written.as_slice()).await;
                if !error.is_conflict() {
                    return Err(error);
                }
            }
        }
    }
    Err(LakeError::Conflict { version: table.snapshot().version + 1 })
}

/// Merges small files until there is nothing more that is worth it. Gives how many merges that took.
///
/// # Errors
/// A damaged file is named; after an error the table is as after the last finished merge.
pub async fn compact_failed(
    table: &mut Table,
    clock: &dyn Clock,
    ids: &dyn Ids,
    extent: Extent,
) -> Result<u64, LakeError> {
    let (mut merges, mut overtaken) = (0, 0);
    loop {
        let snapshot = table.refresh().await?;
        let inputs = small_files(&snapshot);
        if inputs.len() < if extent == Extent::Everything { 2 } else { WORTHWHILE } {
            clean_up_now_and_then(table, clock).await;
            return Ok(merges);
        }
        let written = write_anew(table, &snapshot, &inputs, Level::Compacted(1), ids, Some).await?;
        let landed_in = inputs.iter().map(|file| file.landed_in).max().unwrap_or_default();
        let change = Change {
            removes: inputs.iter().map(|file| file.path.clone()).collect(),
            adds: written.iter().map(|file| DataFile { landed_in, ..file.clone() }).collect(),
            operation: "compact",
            ..Change::default()
        };
        match commit(table, &change, clock).await {
            Ok(()) => merges += 1,
            Err(error) if error.leaves_doubt() => return Err(error),
            Err(error) => {
                discard(table, written.as_slice()).await;
                overtaken += 1;
                if !error.is_conflict() || overtaken >= ATTEMPTS {
                    return Err(error);
                }
            }
        }
    }
}

/// Small files in the order of receipt, as many as one merge takes.
fn small_files(snapshot: &Snapshot) -> Vec<Arc<DataFile>> {
    let mut small: Vec<_> = snapshot.files.values().filter(|file| file.bytes < SMALL_BYTES).cloned().collect();
    small.sort_by_key(|file| (file.min_received_ms, file.path.clone()));
    small.truncate(FAN_IN);
    small
}

/// Files that hold a row of these ids, in the order of receipt.
async fn files_with(
    store: &Store,
    snapshot: &Snapshot,
    verdicts: &HashMap<String, Verdict>,
) -> Result<Vec<Arc<DataFile>>, LakeError> {
    let mut found = Vec::new();
    for file in snapshot.files.values() {
        let mut batches = reader::open_all(store, TableName::Failed, snapshot.version, file, &[FAILED_ID]).await?;
        while let Some(batch) = batches.try_next().await? {
            if rows_of(&batch).iter().any(|row| verdicts.contains_key(&*row.failed.id)) {
                found.push(Arc::clone(file));
                break;
            }
        }
    }
    found.sort_by_key(|file| (file.min_received_ms, file.path.clone()));
    Ok(found)
}

/// Writes the rows of files into one new file, as `keep` gives them back. `None` where that is no row.
async fn write_anew(
    table: &Table,
    snapshot: &Snapshot,
    files: &[Arc<DataFile>],
    level: Level,
    ids: &dyn Ids,
    keep: impl Fn(FailedRow) -> Option<FailedRow>,
) -> Result<Option<DataFile>, LakeError> {
    let columns = columns();
    let all: Vec<&str> = columns.fields().iter().map(|field| field.name().as_str()).collect();
    let first_day = rfc3339(files.iter().map(|file| file.min_received_ms).min().unwrap_or_default());
    let id = uuid_text(&ids.next_id());
    let name = match level {
        Level::Landed => names::landed(&id),
        Level::Compacted(_) => names::compacted(first_day.get(..10).unwrap_or(&first_day), &id),
    };
    let mut writer: Option<DataFileWriter> = None;
    for file in files {
        let mut batches = reader::open_all(table.store(), TableName::Failed, snapshot.version, file, &all).await?;
        while let Some(batch) = batches.try_next().await? {
            let mut kept = FailedRows::default();
            for row in rows_of(&batch).into_iter().filter_map(&keep) {
                kept.push(&row.source, row.received_ms, &row.failed);
            }
            if kept.is_empty() {
                continue;
            }
            let writer = match &mut writer {
                Some(writer) => writer,
                none => none.insert(DataFileWriter::new(table.store(), TableName::Failed, name.clone(), level)?),
            };
            writer.write(&kept.batch()?).await?;
            if writer.memory() > WRITER_BYTES {
                writer.flush().await?;
            }
        }
    }
    match writer {
        Some(writer) => writer.finish().await.map(Some),
        None => Ok(None),
    }
}

#[cfg(test)]
#[path = "failed_tests.rs"]
mod tests;
