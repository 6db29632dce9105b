//! Writes files anew without some of their rows: what erasing and expiring have in common.
//!
//! ```text
//! live files ─▶ those that may hold such rows ─▶ judge: which rows leave ─┬─ none: the file stays, and is not looked at again
//!                                                                         ├─ all:  the file goes
//!                                                                         └─ some: a new file with the others takes its place
//! ```
//!
//! A new file has the rows that stay in the order they had, and the level and the landing of the old one. So it stands in its
//! place for compaction, for queries and for who looks for new landings.
//!
//! Files are changed a group at a time, each group by one commit. Who runs beside it may merge a file meanwhile: then what was
//! made of that file is thrown away, and the file that has its rows now is looked at. A merge that began before a file was
//! changed finds its input gone, and begins again; so in the end no row is left, whoever is faster.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use futures::TryStreamExt;
use weir_core::event::uuid_text;
use weir_core::ports::{Clock, Ids};
use weir_lake::reader::{self, Batches, Read};
use weir_lake::schema::{BUCKETS, columns_of};
use weir_lake::snapshot::{Change, Level};
use weir_lake::writer::{DataFileWriter, Packing};
use weir_lake::{DataFile, LakeError, Table, TableName, names};

use crate::compact::discard;

/// The most files of one commit, and the most bytes that are read for it.
const GROUP_FILES: usize = 32;
/// A group is committed once it has so many bytes.
const GROUP_BYTES: u64 = 256 * 1024 * 1024;
/// Rows that are read at once: they may be large.
const BATCH_ROWS: usize = 1024;
/// Memory of an unfinished row group above which it is ended, in bytes.
const WRITER_BYTES: usize = 32 * 1024 * 1024;
/// Other writers may be first so many times in a row. Erasing must come to its end, so they are many.
const ATTEMPTS: usize = 1_000;

/// What becomes of the rows of a batch.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// Which rows leave, one for each row; empty where all stay.
    pub(crate) leaving: Vec<bool>,
    /// Columns with other values for rows that stay.
    pub(crate) columns: Vec<(&'static str, ArrayRef)>,
    /// How many rows stay with other values.
    pub(crate) changed: u64,
}

impl Judged {
    pub(crate) fn leaving_rows(&self) -> u64 {
        self.leaving.iter().filter(|leaves| **leaves).count() as u64
    }

    fn is_nothing(&self) -> bool {
        self.changed == 0 && !self.leaving.contains(&true)
    }

    /// The rows that stay, as they are from now on.
    pub(crate) fn apply(self, batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
        let mut columns = batch.columns().to_vec();
        for (name, column) in self.columns {
            columns[batch.schema().index_of(name)?] = column;
        }
        let batch = RecordBatch::try_new(batch.schema(), columns)?;
        if self.leaving.is_empty() {
            return Ok(batch);
        }
        let keep: BooleanArray = self.leaving.iter().map(|leaves| Some(!leaves)).collect();
        Ok(filter_record_batch(&batch, &keep)?)
    }
}

/// Says which rows leave.
pub(crate) trait Judge: Sync {
    /// Whether a file may hold rows that leave, by what the log says of it.
    fn may_hold(&self, file: &DataFile) -> bool;

    /// The columns that it takes to say which.
    fn columns(&self) -> &'static [&'static str];

    /// What becomes of rows, of which at least those columns are there.
    fn judge(&self, batch: &RecordBatch) -> Result<Judged, LakeError>;
}

/// What was changed, or would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Rewritten {
    /// Rows that are there no more.
    pub rows_removed: u64,
    /// Rows that stay, with something taken out of them.
    pub rows_changed: u64,
    /// Files that were written anew.
    pub files_rewritten: u64,
    /// Files that went whole.
    pub files_removed: u64,
    /// Bytes of all these files before.
    pub bytes_before: u64,
    /// Bytes of what took their place.
    pub bytes_after: u64,
}

impl Rewritten {
    /// Adds what was changed elsewhere.
    pub fn add(&mut self, other: Self) {
        self.rows_removed += other.rows_removed;
        self.rows_changed += other.rows_changed;
        self.files_rewritten += other.files_rewritten;
        self.files_removed += other.files_removed;
        self.bytes_before += other.bytes_before;
        self.bytes_after += other.bytes_after;
    }
}

/// Until when to go on, on the clock: milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// No commit is begun after this.
    pub until_ms: i64,
}

impl Deadline {
    /// It may take as long as it takes.
    pub const NEVER: Self = Self { until_ms: i64::MAX };

    pub(crate) fn is_over(self, clock: &dyn Clock) -> bool {
        clock.now_ms() >= self.until_ms
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) done: Rewritten,
    /// The version of which no live file holds such a row; `None` where the deadline came before.
    pub(crate) version: Option<u64>,
}

/// Counts what [`rewrite()`] would change.
pub(crate) async fn look(table: &Table, judge: &dyn Judge) -> Result<Rewritten, LakeError> {
    let snapshot = table.snapshot();
    let mut total = Rewritten::default();
    for file in snapshot.files.values().filter(|file| judge.may_hold(file)) {
        let found = look_into(table, snapshot.version, file, judge, false).await?;
        let goes = found.rows_removed == file.rows;
        if found != Rewritten::default() {
            let (removed, rewritten) = (u64::from(goes), u64::from(!goes));
            let files = Rewritten { files_removed: removed, files_rewritten: rewritten, ..found };
            total.add(Rewritten { bytes_before: file.bytes, ..files });
        }
    }
    Ok(total)
}

/// Counts rows of one file that would change; stops at the first batch that has one, if that is all there is to know.
async fn look_into(
    table: &Table,
    version: u64,
    file: &DataFile,
    judge: &dyn Judge,
    first: bool,
) -> Result<Rewritten, LakeError> {
    let mut found = Rewritten::default();
    let mut batches = open(table, version, file, judge.columns()).await?;
    while let Some(batch) = batches.try_next().await? {
        let judged = judge.judge(&batch)?;
        found.rows_removed += judged.leaving_rows();
        found.rows_changed += judged.changed;
        if first && !judged.is_nothing() {
            break;
        }
    }
    Ok(found)
}

async fn open(table: &Table, version: u64, file: &DataFile, columns: &[&str]) -> Result<Batches, LakeError> {
    match table.name() {
        TableName::Events => {
            let read = Read { columns, buckets: 0..BUCKETS, batch_rows: BATCH_ROWS };
            reader::open(table.store(), version, file, &read).await
        }
        TableName::Failed => reader::open_all(table.store(), TableName::Failed, version, file, columns).await,
    }
}

/// A file, and what takes its place.
struct Replaced {
    old: Arc<DataFile>,
    new: Option<DataFile>,
    rows_changed: u64,
}

impl Replaced {
    fn figures(&self) -> Rewritten {
        let rows = self.new.as_ref().map_or(0, |new| new.rows);
        Rewritten {
            rows_removed: self.old.rows - rows,
            rows_changed: self.rows_changed,
            files_rewritten: u64::from(self.new.is_some()),
            files_removed: u64::from(self.new.is_none()),
            bytes_before: self.old.bytes,
            bytes_after: self.new.as_ref().map_or(0, |new| new.bytes),
        }
    }
}

/// Writes files anew until no live one holds a row that leaves.
///
/// # Errors
/// A damaged file is named. After an error the table is as after the last group, but where the store failed: then that commit
/// may have been made. Doing it again goes on.
pub(crate) async fn rewrite(
    table: &mut Table,
    judge: &dyn Judge,
    operation: &'static str,
    clock: &dyn Clock,
    ids: &dyn Ids,
    deadline: Deadline,
) -> Result<Outcome, LakeError> {
    let (mut done, mut clean) = (Rewritten::default(), HashSet::new());
    let mut group_files = GROUP_FILES;
    for _ in 0..ATTEMPTS {
        let snapshot = table.refresh().await?;
        let is_open = |file: &&Arc<DataFile>| !clean.contains(&file.path) && judge.may_hold(file);
        let open: Vec<_> = snapshot.files.values().filter(is_open).cloned().collect();
        if open.is_empty() {
            return Ok(Outcome { done, version: Some(snapshot.version) });
        }
        let (mut group, mut overtaken) = (Vec::new(), false);
        let mut open = open.into_iter().peekable();
        while let Some(file) = open.next() {
            if deadline.is_over(clock) {
                let written: Vec<_> = group.into_iter().filter_map(|replaced: Replaced| replaced.new).collect();
                discard(table, &written).await;
                return Ok(Outcome { done, version: None });
            }
            match replace(table, snapshot.version, &file, judge, ids).await {
                Ok(None) => drop(clean.insert(file.path.clone())),
                Ok(Some(replaced)) => group.push(replaced),
                // It was merged into another one, and taken away since.
                Err(LakeError::Missing { .. }) if !table.refresh().await?.files.contains_key(&file.path) => {
                    overtaken = true;
                }
                Err(error) => return Err(error),
            }
            let bytes: u64 = group.iter().map(|replaced| replaced.old.bytes).sum();
            let is_full = group.len() >= group_files || bytes >= GROUP_BYTES || open.peek().is_none();
            if is_full && !group.is_empty() {
                let of = group.len();
                let (made, committed) = commit(table, std::mem::take(&mut group), operation, clock).await?;
                done.add(made);
                overtaken |= committed < of;
            }
        }
        if overtaken {
            // Somebody merges files while they are written anew here: the next ones are committed as soon as they are.
            group_files = 1;
        }
    }
    Err(LakeError::Conflict { version: table.snapshot().version + 1 })
}

/// Writes a file anew; `None` where all its rows stay as they are.
async fn replace(
    table: &Table,
    version: u64,
    file: &Arc<DataFile>,
    judge: &dyn Judge,
    ids: &dyn Ids,
) -> Result<Option<Replaced>, LakeError> {
    if look_into(table, version, file, judge, true).await? == Rewritten::default() {
        return Ok(None);
    }
    let columns = columns_of(table.name());
    let all: Vec<&str> = columns.fields().iter().map(|field| field.name().as_str()).collect();
    let name = names::beside(&file.path, &uuid_text(&ids.next_id()));
    let typed = if file.level == Level::Landed { Vec::new() } else { table.snapshot().typed_columns().to_vec() };
    let (mut writer, mut rows_changed): (Option<DataFileWriter>, u64) = (None, 0);
    let mut batches = open(table, version, file, &all).await?;
    while let Some(batch) = batches.try_next().await? {
        let judged = judge.judge(&batch)?;
        rows_changed += judged.changed;
        let kept = judged.apply(&batch)?;
        if kept.num_rows() == 0 {
            continue;
        }
        let writer = match &mut writer {
            Some(writer) => writer,
            none => none.insert(DataFileWriter::packed(
                table.store(),
                table.name(),
                name.clone(),
                file.level,
                Packing::of(file.level),
                &typed,
            )?),
        };
        writer.write(&kept).await?;
        if writer.memory() > WRITER_BYTES {
            writer.flush().await?;
        }
    }
    let new = match writer {
        Some(writer) => Some(DataFile { landed_in: file.landed_in, ..writer.finish().await? }),
        None => None,
    };
    Ok(Some(Replaced { old: Arc::clone(file), new, rows_changed }))
}

/// Commits those of a group whose files are still live, and throws away what was made of the others. Gives what was changed,
/// and how many files that is.
async fn commit(
    table: &mut Table,
    mut group: Vec<Replaced>,
    operation: &'static str,
    clock: &dyn Clock,
) -> Result<(Rewritten, usize), LakeError> {
    let (mut done, mut committed) = (Rewritten::default(), 0);
    for _ in 0..ATTEMPTS {
        let snapshot = table.refresh().await?;
        // A store that tries again by itself may have taken this commit for another writer's.
        let is_made = |of: &Replaced| of.new.as_ref().is_some_and(|new| snapshot.files.contains_key(&new.path));
        let (made, rest): (Vec<_>, Vec<_>) = group.into_iter().partition(is_made);
        let (live, gone): (Vec<_>, Vec<_>) = rest.into_iter().partition(|of| snapshot.files.contains_key(&of.old.path));
        made.iter().for_each(|of| done.add(of.figures()));
        committed += made.len();
        discard(table, &gone.into_iter().filter_map(|of| of.new).collect::<Vec<_>>()).await;
        group = live;
        if group.is_empty() {
            return Ok((done, committed));
        }
        let change = Change {
            removes: group.iter().map(|of| of.old.path.clone()).collect(),
            adds: group.iter().filter_map(|of| of.new.clone()).collect(),
            changes_data: true,
            operation,
            ..Change::default()
        };
        match table.commit(&change, clock.now_ms()).await {
            Ok(_) => {
                group.iter().for_each(|of| done.add(of.figures()));
                return Ok((done, committed + group.len()));
            }
            Err(error) if error.is_conflict() => {}
            // It may have been made, and name the files.
            Err(error) if error.leaves_doubt() => return Err(error),
            Err(error) => {
                discard(table, &group.into_iter().filter_map(|of| of.new).collect::<Vec<_>>()).await;
                return Err(error);
            }
        }
    }
    Err(LakeError::Conflict { version: table.snapshot().version + 1 })
}
