//! Repair: what an [examination](weir_lake::examine) has found is mended, where that is possible.
//!
//! ```text
//!   a file whose rows can be read  ──▶  the same rows, sorted, without copies, in new files  ┐ one commit takes the old file
//!   a file that cannot be read     ──▶  nothing; its rows are lost, and somebody agreed      ┘ away and adds the new ones
//!   a checkpoint that is wrong     ──▶  removed: its commits are all there
//!   the index of event ids         ──▶  built anew from the table
//! ```
//!
//! Rows of erased users whose events are refused do not come in with a file that is taken over.
//!
//! Each mend is a change of its own, and stands by itself: what is killed in between is found again by the next examination.
//! Files that the log lets go of stay in the store, for old versions and for whoever wants to look.

use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use futures::TryStreamExt;
use weir_core::event::uuid_text;
use weir_core::ports::{Clock, Ids};
use weir_lake::any_file::{self, AnyFile};
use weir_lake::examine::{Broken, Finding, Mend, sorted};
use weir_lake::schema::columns_of;
use weir_lake::snapshot::Change;
use weir_lake::{DataFile, LakeError, Store, Table, TableName, writer};

use crate::compact::{commit, discard};
use crate::erase::of_refused;
use crate::rewrite::Judge;

/// Rows of one new file: it is sorted in memory, and compaction merges it with others.
const CHUNK_ROWS: usize = 128 * 1024;
/// Or about so many bytes.
const CHUNK_BYTES: usize = 128 * 1024 * 1024;
/// Rows that are read at a time; those of failed events may be large.
const BATCH_ROWS: usize = 1024;

/// What a mend did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mended {
    /// Rows that were written anew.
    pub rows: u64,
    /// Copies that were left out.
    pub copies: u64,
    /// Rows of erased users whose events are refused, which were left out.
    pub erased: u64,
    /// Rows that the log had and that are there no more.
    pub lost: u64,
    /// The version that has it; `None` where nothing was committed.
    pub version: Option<u64>,
}

/// The mends of findings, each file once, and the index of event ids last: it is built from the files as they are then.
pub fn plan(findings: &[Finding]) -> Vec<Mend> {
    let mut plan: Vec<Mend> = Vec::new();
    for mend in findings.iter().filter_map(|finding| finding.mend.clone()) {
        let same = plan.iter_mut().find(|other| is_same(other, &mend));
        match (same, mend) {
            (None, mend) => plan.push(mend),
            // One says that it holds copies, the other what is wrong with the file itself.
            (Some(Mend::Rewrite { file, copies }), Mend::Rewrite { file: other, copies: more }) => {
                file.is_replaced |= other.is_replaced;
                copies.extend(more);
                copies.sort_unstable();
                copies.dedup();
            }
            (Some(_), _) => {}
        }
    }
    plan.sort_by_key(|mend| *mend == Mend::RebuildIds);
    plan
}

/// Whether two mends are of one thing.
fn is_same(one: &Mend, other: &Mend) -> bool {
    let file_of = |mend: &Mend| match mend {
        Mend::Rewrite { file, .. } | Mend::Drop { file } => Some((file.table, file.path.clone())),
        Mend::RemoveCheckpoint { .. } | Mend::RebuildIds => None,
    };
    match (file_of(one), file_of(other)) {
        (None, None) => one == other,
        (one, other) => one == other,
    }
}

/// Whether rows are lost by it.
pub fn loses(mend: &Mend) -> bool {
    match mend {
        Mend::Rewrite { file, .. } => file.rows_lost() > 0,
        Mend::Drop { .. } => true,
        Mend::RemoveCheckpoint { .. } | Mend::RebuildIds => false,
    }
}

/// Mends one thing.
///
/// # Errors
/// [`LakeError::NotLive`] where another writer took the file away meanwhile: examine again. Whatever else goes wrong, named.
/// After an error the lake is as it was, but where the store failed: then the commit may have been made.
pub async fn mend(store: &Store, mend: &Mend, clock: &dyn Clock, ids: &dyn Ids) -> Result<Mended, LakeError> {
    match mend {
        Mend::Rewrite { file, copies } => {
            let (mut table, old) = open(store, file).await?;
            // What an erasure has not looked at may have rows of users who are gone.
            let refused = if file.is_replaced { of_refused(&mut table).await? } else { None };
            let Anew { files: adds, copies, erased } =
                write_anew(&table, file, copies, refused.as_deref(), ids).await?;
            let rows = adds.iter().map(|add| add.rows).sum();
            // What weir wrote itself is known by its ids already, and was looked at by erasures. The rest counts as landed now.
            let known = old.as_ref().filter(|_| !file.is_replaced);
            let landed_in = known.map_or(0, |old| old.landed_in);
            let adds = adds.into_iter().map(|add| DataFile { landed_in, ..add }).collect();
            // Only where the same rows go on in other files is nothing changed for those who follow the table.
            let is_change = known.is_none_or(|old| old.rows != rows);
            let version = replace(&mut table, file, adds, is_change, "repair", clock).await?;
            Ok(Mended { rows, copies, erased, lost: file.rows_lost(), version: Some(version) })
        }
        Mend::Drop { file } => {
            let (mut table, _) = open(store, file).await?;
            let version = replace(&mut table, file, Vec::new(), true, "accept loss", clock).await?;
            Ok(Mended { lost: file.rows.unwrap_or(0), version: Some(version), ..Mended::default() })
        }
        Mend::RemoveCheckpoint { objects } => {
            // The pointer is the last of them, and goes first: nothing may point at what is not there.
            for object in objects.iter().rev() {
                store.delete(&object.as_str().into()).await?;
            }
            Ok(Mended::default())
        }
        Mend::RebuildIds => {
            if let Some(mut table) = Table::open_if_there(store, TableName::Events).await? {
                weir_lake::ids::rebuild(&mut table, ids, clock.now_ms()).await?;
            }
            Ok(Mended::default())
        }
    }
}

/// The table, and what the log says of the file, if weir added it.
async fn open(store: &Store, file: &Broken) -> Result<(Table, Option<Arc<DataFile>>), LakeError> {
    let Some(table) = Table::open_if_there(store, file.table).await? else {
        return Err(LakeError::NotLive { path: file.path.clone(), version: 0 });
    };
    let old = table.snapshot().files.get(&file.path).cloned();
    match old {
        None if !file.is_foreign => {
            Err(LakeError::NotLive { path: file.path.clone(), version: table.snapshot().version })
        }
        old => Ok((table, old)),
    }
}

/// One commit: the old file goes, the new ones come.
async fn replace(
    table: &mut Table,
    file: &Broken,
    adds: Vec<DataFile>,
    changes_data: bool,
    operation: &'static str,
    clock: &dyn Clock,
) -> Result<u64, LakeError> {
    let removes = vec![file.path.clone()];
    let change = Change { adds, removes, changes_data, operation, ..Change::default() };
    match commit(table, &change, clock).await {
        Ok(()) => Ok(table.snapshot().version),
        Err(error) => {
            if !error.leaves_doubt() {
                discard(table, &change.adds).await;
            }
            Err(error)
        }
    }
}

/// The rows of a file in new files.
struct Anew {
    files: Vec<DataFile>,
    /// How many copies were left out.
    copies: u64,
    /// How many rows a judge had leave.
    erased: u64,
}

async fn write_anew(
    table: &Table,
    file: &Broken,
    copies: &[u64],
    judge: Option<&dyn Judge>,
    ids: &dyn Ids,
) -> Result<Anew, LakeError> {
    let columns = columns_of(file.table);
    let names: Vec<&str> = columns.fields().iter().map(|field| field.name().as_str()).collect();
    let from = AnyFile { table: file.table, path: file.path.clone(), bytes: file.bytes, is_foreign: file.is_foreign };
    let snapshot = table.snapshot();
    let mut batches = any_file::open(table.store(), &from, &names, snapshot.typed_columns(), BATCH_ROWS).await?;
    let mut written = Written { table, ids, files: Vec::new(), waiting: Vec::new(), rows: 0, bytes: 0 };
    let (mut row, mut left_out, mut erased) = (0_u64, 0, 0);
    while let Some(batch) = batches.try_next().await? {
        let keep: BooleanArray =
            (row..).take(batch.num_rows()).map(|row| Some(copies.binary_search(&row).is_err())).collect();
        row += batch.num_rows() as u64;
        left_out += (batch.num_rows() - keep.true_count()) as u64;
        let mut kept = filter_record_batch(&batch, &keep)?;
        if let Some(judge) = judge {
            let judged = judge.judge(&kept)?;
            erased += judged.leaving_rows();
            kept = judged.apply(&kept)?;
        }
        written.take(kept).await?;
    }
    written.flush().await?;
    Ok(Anew { files: written.files, copies: left_out, erased })
}

/// New files, and the rows that wait for the next one.
struct Written<'a> {
    table: &'a Table,
    ids: &'a dyn Ids,
    files: Vec<DataFile>,
    waiting: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

impl Written<'_> {
    async fn take(&mut self, batch: RecordBatch) -> Result<(), LakeError> {
        self.rows += batch.num_rows();
        self.bytes += batch.get_array_memory_size();
        self.waiting.push(batch);
        if self.rows >= CHUNK_ROWS || self.bytes >= CHUNK_BYTES { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), LakeError> {
        let (waiting, rows) = (std::mem::take(&mut self.waiting), std::mem::take(&mut self.rows));
        self.bytes = 0;
        if rows == 0 {
            return Ok(());
        }
        let name = self.table.name();
        let all = concat_batches(&columns_of(name), &waiting)?;
        drop(waiting);
        let all = if name == TableName::Events { sorted(&all)? } else { all };
        let id = uuid_text(&self.ids.next_id());
        self.files.push(writer::write_landed(self.table.store(), name, &id, &all).await?);
        Ok(())
    }
}

#[cfg(test)]
#[path = "repair_around_tests.rs"]
mod around_tests;
#[cfg(test)]
#[path = "repair_erased_tests.rs"]
mod erased_tests;
#[cfg(test)]
#[path = "repair_log_tests.rs"]
mod log_tests;
#[cfg(test)]
#[path = "repair_notes_tests.rs"]
mod notes_tests;
#[cfg(test)]
#[path = "repair_tests.rs"]
mod tests;
#[cfg(test)]
#[path = "repair_world.rs"]
mod world;
