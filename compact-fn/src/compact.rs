//! Compaction: many files become few, large and sorted, and every event stays where its time belongs.
//!
//! ```text
//!   landed    ▪▪▪▪▪▪▪▪   each sorted in itself, any times
//!                │ merge of eight to 256, split by range of 30 days
//!   compacted ■ ■ ■ ■    one file a range and merge
//!                │ merge of eight or more of one range and about one size
//!   compacted ███        …
//!                │ ranges that are settled and small become one of 90, then of 360 days
//! ```
//!
//! Which merges are worth it says the [`queue()`], from a snapshot alone. Each merge commits by itself, so a run can end after
//! any of them, and the next one goes on: see [`Budget`]. [`Extent::Everything`] merges until each range has one file, beside
//! those that are full.
//!
//! Rows of an anonymous id that has become a user's move to that user on the way: see [`resolving`](crate::resolving).
//!
//! Rows are unique since their landing, so a compaction neither drops nor adds one; the commit checks that, and what
//! looks like a copy is reported.

mod catalogues;
mod copies;
mod merging;
mod queue;

use std::sync::Arc;

use weir_core::ports::{Clock, Ids};
use weir_lake::cleanup::clean_up_now_and_then;
use weir_lake::snapshot::Change;
use weir_lake::{DataFile, LakeError, Snapshot, Table, ids};

use merging::{Ended, Merging};
pub use queue::{FILE_BYTES, FILE_ROWS, Kind, RANGE_DAYS, Why, Work, queue};

use crate::resolving::Resolving;

/// Other writers may be first so many times in a row before a merge is given up.
const ATTEMPTS: usize = 100;
/// Rows of one merge, where nothing else is said.
const MERGE_ROWS: u64 = 64 * 1024 * 1024;
/// Milliseconds that a million rows take, as long as no merge was measured: of a function with a third of a processor.
const MS_PER_MILLION: u64 = 8_000;

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What saves more in queries than it costs: for a loop in the background.
    Worthwhile,
    /// Until each range of time has one file that is not full.
    Everything,
}

/// What a run may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Until when, milliseconds since 1970. A merge that is not likely to be done by then is not begun, and one that is not
    /// done is given up.
    pub until_ms: Option<i64>,
    /// The most rows of one merge.
    pub merge_rows: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { until_ms: None, merge_rows: MERGE_ROWS }
    }
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
    /// Rows that looked like copies of their neighbours. They are kept.
    pub copies: u64,
    /// Merges that were given up, because another writer was first.
    pub overtaken: u64,
    /// Merges that are left to do, for which the budget was too small.
    pub left: u64,
}

/// Compacts as far as `extent` says.
///
/// # Errors
/// A damaged file is named; after an error the table is as after the last finished merge.
pub async fn compact(
    table: &mut Table,
    clock: &dyn Clock,
    ids: &dyn Ids,
    extent: Extent,
) -> Result<Compacted, LakeError> {
    compact_within(table, clock, ids, extent, Budget::default(), |_| ()).await
}

/// As [`compact`], within a budget. `progress` is told after each merge what is done until then.
///
/// # Errors
/// As [`compact`].
pub async fn compact_within(
    table: &mut Table,
    clock: &dyn Clock,
    ids: &dyn Ids,
    extent: Extent,
    budget: Budget,
    mut progress: impl FnMut(&Compacted),
) -> Result<Compacted, LakeError> {
    let mut resolving = Resolving::default();
    let mut run = Run { clock, ids, budget, total: Compacted::default(), merge_ms: 0, overtaken: 0 };
    if !queue(&*table.refresh().await?, extent, budget.merge_rows).is_empty() {
        advance_ids(table, clock, ids).await;
    }
    loop {
        let snapshot = table.refresh().await?;
        let works = queue(&snapshot, extent, run.rows_at_most());
        let mut chosen = run.choose(&works).cloned();
        if works.is_empty() {
            let has_merged = run.total.merges > 0;
            chosen = resolving.next(table, &snapshot, extent, has_merged).await?.filter(|work| run.has_time_for(work));
        }
        let Some(work) = chosen else {
            run.total.left = works.len() as u64;
            clean_up_now_and_then(table, clock).await;
            return Ok(run.total);
        };
        if !run.merge(table, &snapshot, &work).await? {
            run.total.left = works.len() as u64;
            clean_up_now_and_then(table, clock).await;
            return Ok(run.total);
        }
        progress(&run.total);
    }
}

/// A compaction under way.
struct Run<'a> {
    clock: &'a dyn Clock,
    ids: &'a dyn Ids,
    budget: Budget,
    total: Compacted,
    /// What the merges took that are counted in `total`.
    merge_ms: u64,
    /// Merges in a row that came to nothing.
    overtaken: usize,
}

impl Run<'_> {
    /// Rows that are likely to be merged in the time that is left.
    fn rows_at_most(&self) -> u64 {
        let Some(until_ms) = self.budget.until_ms else { return self.budget.merge_rows };
        let left_ms = u64::try_from(until_ms.saturating_sub(self.clock.now_ms())).unwrap_or(0);
        let per_million = match self.total.rows {
            0 => MS_PER_MILLION,
            rows => (self.merge_ms.saturating_mul(1_000_000) / rows).max(1),
        };
        (left_ms.saturating_mul(1_000_000) / per_million).min(self.budget.merge_rows)
    }

    fn has_time_for(&self, work: &Work) -> bool {
        self.budget.until_ms.is_none() || work.rows() <= self.rows_at_most()
    }

    /// The first of the queue; after another writer was first, any of it, so that two compactors part.
    fn choose<'w>(&self, works: &'w [Work]) -> Option<&'w Work> {
        let works: Vec<&Work> = works.iter().filter(|work| self.has_time_for(work)).collect();
        let at = match self.overtaken {
            0 => 0,
            _ => usize::from(self.ids.next_id()[15]) % works.len().max(1),
        };
        works.get(at).copied()
    }

    /// `false` when time is over.
    async fn merge(&mut self, table: &mut Table, snapshot: &Snapshot, work: &Work) -> Result<bool, LakeError> {
        let (clock, ids, until_ms) = (self.clock, self.ids, self.budget.until_ms);
        let started_ms = clock.now_ms();
        let days = match work.kind {
            Kind::Landed => RANGE_DAYS,
            Kind::Range { days, .. } => days,
        };
        let merged = match (Merging { table, snapshot, clock, ids, days, until_ms }).run(&work.files).await {
            Ok(merged) => merged,
            Err(Ended::OutOfTime(written)) => {
                discard(table, &written).await;
                return Ok(false);
            }
            Err(Ended::Failed(error, written)) => {
                discard(table, &written).await;
                return self.after(error).map(|()| true);
            }
        };
        let change = Change {
            removes: merged.inputs.iter().map(|f| f.path.clone()).collect(),
            adds: merged.outputs.clone(),
            operation: "compact",
            ..Change::default()
        };
        match commit(table, &change, clock).await {
            Ok(()) => {
                if merged.copies > 0 {
                    tracing::warn!(
                        copies = merged.copies,
                        "events that look like copies of others; `weir doctor` names them"
                    );
                }
                self.total.copies += merged.copies;
                self.total.count(&merged.inputs, &merged.outputs);
                self.merge_ms += clock.now_ms().abs_diff(started_ms);
                self.overtaken = 0;
                Ok(true)
            }
            // It may have been made, and name the files.
            Err(error) if error.leaves_doubt() => Err(error),
            Err(error) => {
                discard(table, &merged.outputs).await;
                self.after(error).map(|()| true)
            }
        }
    }

    /// Another writer was first: that is planned again, unless it goes on for ever. Any other error ends the run.
    fn after(&mut self, error: LakeError) -> Result<(), LakeError> {
        self.overtaken += 1;
        self.total.overtaken += 1;
        if error.is_conflict() && self.overtaken < ATTEMPTS { Ok(()) } else { Err(error) }
    }
}

/// Merged files are large, and count as landed when the newest of their rows were: so the index of event ids takes those first.
async fn advance_ids(table: &mut Table, clock: &dyn Clock, ids: &dyn Ids) {
    if let Err(error) = ids::advance(table, ids, clock.now_ms()).await {
        tracing::warn!(%error, "the index of event ids could not be brought up to date; who lands next reads more");
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
