//! Merges sorted files into one sorted stream: the k-way merge under queries and compaction.
//!
//! Roles: `keys` compares rows. [`Runs`] decides which rows are next, and says where they lie: a question walks over them there.
//! `gather` makes batches of them, with one dictionary for all files. Compaction writes rows to several files at once, by their
//! time: a merge [`by_part`](Merge::by_part) gives each batch for one of them.
//!
//! Memory: one batch of each file, and the batches that the next output batch refers to, of which those that are used up have
//! a bounded size; and below it what the reader holds of each file.

mod gather;
mod keys;
mod runs;

use std::collections::VecDeque;

use arrow::array::RecordBatch;

use crate::error::LakeError;
use crate::reader::Batches;
use crate::schema::{EVENT_ID, EVENT_UUID, PLACE, RECEIVED_AT, TIME, USER};
use gather::Gather;
use keys::Keys;
pub use runs::{Run, Runs, Select};

/// Columns that a merge compares always.
pub const KEY_COLUMNS: [&str; 2] = [USER, TIME];
/// Columns that a merge compares where files hold events of the same times.
pub const ARRIVAL_COLUMNS: [&str; 2] = [RECEIVED_AT, PLACE];
/// Columns that a merge compares where files hold events of the same times and receipts.
pub const ID_COLUMNS: [&str; 2] = [EVENT_UUID, EVENT_ID];

/// Text of used-up batches above which an output batch ends early, in bytes: rows may have 64 KiB each.
const SPENT_BYTES: usize = 8 * 1024 * 1024;

/// The part of a row with a time in microseconds; `None` leaves the row out.
type PartOf = Box<dyn Fn(i64) -> Option<i64> + Send>;

/// One sorted stream out of many.
pub struct Merge {
    runs: Runs,
    batch_rows: usize,
    gather: Gather,
    /// Batches and their parts.
    ready: VecDeque<(i64, RecordBatch)>,
    part_of: Option<PartOf>,
}

impl std::fmt::Debug for Merge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Merge").field("runs", &self.runs).finish_non_exhaustive()
    }
}

impl Merge {
    /// Merges inputs that are sorted by [`KEY_COLUMNS`] (and arrival, and id) inside of buckets and have at least those columns, all
    /// the same.
    ///
    /// # Errors
    /// What the inputs say.
    pub async fn new(inputs: Vec<Batches>, batch_rows: usize) -> Result<Self, LakeError> {
        Ok(Self::of(Runs::new(inputs, None).await?, batch_rows))
    }

    /// Makes batches of runs.
    pub fn of(runs: Runs, batch_rows: usize) -> Self {
        Self { runs, batch_rows, gather: Gather::default(), ready: VecDeque::new(), part_of: None }
    }

    /// Gives rows apart by what `part_of` says of their times, in microseconds. Rows of which it says `None` are left out.
    #[must_use]
    pub fn by_part(mut self, part_of: impl Fn(i64) -> Option<i64> + Send + 'static) -> Self {
        self.part_of = Some(Box::new(part_of));
        self
    }

    /// The next rows in order; `None` at the end.
    ///
    /// # Errors
    /// What the inputs say.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, LakeError> {
        Ok(self.next_part().await?.map(|(_, batch)| batch))
    }

    /// The next rows of any part, and which: the rows of each part come in order. Without parts, all are of part 0.
    ///
    /// # Errors
    /// What the inputs say.
    pub async fn next_part(&mut self) -> Result<Option<(i64, RecordBatch)>, LakeError> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Ok(Some(ready));
            }
            let most = match self.part_of {
                Some(_) => self.batch_rows.saturating_sub(self.gather.rows()),
                None => self.batch_rows,
            };
            let Some(run) = self.runs.next(most).await? else {
                if self.gather.is_empty() {
                    return Ok(None);
                }
                self.flush()?;
                continue;
            };
            match (&self.part_of, run.as_range()) {
                // A whole batch, or all that is left of one, is part of the output as it is.
                (None, Some(rows)) if run.is_last() && rows.len() > self.batch_rows / 2 => {
                    let rest = run.batch().slice(rows.start, rows.len());
                    self.flush()?;
                    self.ready.push_back((0, rest));
                }
                (None, _) => self.gather.take(&run, |_| Some(0)),
                (Some(part_of), _) => {
                    let times = &run.loaded.keys.time;
                    self.gather.take(&run, |row| part_of(times.value(row)));
                }
            }
            if self.gather.rows() >= self.batch_rows || self.gather.spent() > SPENT_BYTES {
                self.flush()?;
            }
        }
    }

    /// Turns what was picked into batches and lets go of used-up ones.
    fn flush(&mut self) -> Result<(), LakeError> {
        self.gather.flush(&mut self.ready)?;
        self.gather.keep(self.runs.open_inputs());
        Ok(())
    }
}

/// The places of a batch's rows in the order in which a merge gives them.
///
/// # Errors
/// [`LakeError::Invariant`] where a column that is compared always is not there.
pub fn sort_order(batch: &RecordBatch) -> Result<Vec<u32>, LakeError> {
    let keys = Keys::of(batch)?;
    let rows = u32::try_from(batch.num_rows())
        .map_err(|_| LakeError::Invariant(format!("{} rows to sort at once", batch.num_rows())))?;
    let mut order: Vec<(u128, u32)> = (0..rows).map(|row| (keys.head(row as usize), row)).collect();
    order.sort_unstable_by(|(head, a), (other, b)| {
        let (a, b) = (*a as usize, *b as usize);
        let users = head.cmp(other).then_with(|| keys.compare_user(a, &keys, b));
        users.then_with(|| keys.compare_event(a, &keys, b))
    });
    Ok(order.into_iter().map(|(_, row)| row).collect())
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
