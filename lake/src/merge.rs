//! Merges sorted files into one sorted stream: the k-way merge under queries and compaction.
//!
//! ```text
//!   file 1   u1 u1 u1 u4          emits runs: while the user of the front cursor is smaller than that of the next one,
//!   file 2   u1 u2 u2 u4    ──▶   whole users are taken without comparing their events; only where two files hold one
//!   file 3   u3 u3                user are events compared by (time, arrival, id)
//! ```
//!
//! Roles: `keys` compares rows. This module decides which row is next. `gather` makes batches of them, with one
//! dictionary for all files. Compaction writes rows to several files at once, by their time: a merge
//! [`by_part`](Merge::by_part) gives each batch for one of them.
//!
//! Memory: one batch of each file, and the batches that the next output batch refers to, of which those that are used up have
//! a bounded size; and below it what the reader holds of each file.

mod gather;
mod keys;

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::RecordBatch;
use futures::TryStreamExt;

use crate::error::LakeError;
use crate::reader::Batches;
use crate::schema::{BUCKET, EVENT_ID, EVENT_UUID, PLACE, RECEIVED_AT, TIME, USER};
use gather::{Gather, Loaded};
use keys::Keys;

/// Columns that a merge compares always.
pub const KEY_COLUMNS: [&str; 3] = [BUCKET, USER, TIME];
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
    cursors: Vec<Cursor>,
    /// A binary heap of cursors that have rows, the smallest first, each with the head of its next row.
    heap: Vec<(u128, usize)>,
    batch_rows: usize,
    gather: Gather,
    /// Batches and their parts.
    ready: VecDeque<(i64, RecordBatch)>,
    part_of: Option<PartOf>,
}

impl std::fmt::Debug for Merge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Merge").field("inputs", &self.cursors.len()).finish_non_exhaustive()
    }
}

struct Cursor {
    input: Batches,
    loaded: Arc<Loaded>,
    row: usize,
    /// Where the gathering has the batch.
    slot: usize,
}

impl Cursor {
    fn keys(&self) -> &Keys {
        &self.loaded.keys
    }

    fn rows(&self) -> usize {
        self.loaded.batch.num_rows()
    }
}

impl Merge {
    /// Merges inputs that are sorted by [`KEY_COLUMNS`] (and arrival, and id) and have at least those columns, all the same.
    pub async fn new(inputs: Vec<Batches>, batch_rows: usize) -> Result<Self, LakeError> {
        let mut merge = Self {
            cursors: Vec::with_capacity(inputs.len()),
            heap: Vec::with_capacity(inputs.len()),
            batch_rows,
            gather: Gather::default(),
            ready: VecDeque::new(),
            part_of: None,
        };
        for mut input in inputs {
            if let Some(batch) = next_with_rows(&mut input).await? {
                let loaded = Arc::new(Loaded { keys: Keys::of(&batch)?, batch });
                let slot = merge.gather.hold(&loaded, None);
                merge.heap.push((loaded.keys.head(0), merge.cursors.len()));
                merge.cursors.push(Cursor { input, loaded, row: 0, slot });
            }
        }
        (0..merge.heap.len() / 2).rev().for_each(|at| merge.sift_down(at));
        Ok(merge)
    }

    /// Gives rows apart by what `part_of` says of their times, in microseconds. Rows of which it says `None` are left out.
    #[must_use]
    pub fn by_part(mut self, part_of: impl Fn(i64) -> Option<i64> + Send + 'static) -> Self {
        self.part_of = Some(Box::new(part_of));
        self
    }

    /// The next rows in order; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, LakeError> {
        Ok(self.next_part().await?.map(|(_, batch)| batch))
    }

    /// The next rows of any part, and which: the rows of each part come in order. Without parts, all are of part 0.
    pub async fn next_part(&mut self) -> Result<Option<(i64, RecordBatch)>, LakeError> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Ok(Some(ready));
            }
            match self.heap.as_slice() {
                [] if self.gather.is_empty() => return Ok(None),
                [] => self.flush()?,
                [(_, last)] if self.part_of.is_none() => {
                    let last = *last;
                    self.flush()?;
                    self.pass_on(last).await?;
                }
                _ => self.take_run().await?,
            }
        }
    }

    /// One input is left: its batches are the output as they are.
    async fn pass_on(&mut self, last: usize) -> Result<(), LakeError> {
        let cursor = &mut self.cursors[last];
        let rest = cursor.loaded.batch.slice(cursor.row, cursor.rows() - cursor.row);
        self.ready.push_back((0, rest));
        match next_with_rows(&mut cursor.input).await? {
            Some(batch) => {
                cursor.loaded = Arc::new(Loaded { keys: Keys::of(&batch)?, batch });
                cursor.row = 0;
            }
            None => self.heap.clear(),
        }
        Ok(())
    }

    /// Takes rows of the front cursor as long as they come before the next cursor's.
    async fn take_run(&mut self) -> Result<(), LakeError> {
        let (head, front) = self.heap[0];
        let next = match (self.heap.get(1), self.heap.get(2)) {
            (Some(one), Some(other)) if self.compare(*other, *one).is_lt() => Some(*other),
            (one, _) => one.copied(),
        };
        let cursor = &self.cursors[front];
        // Where the next cursor has the same user: its row, before which to stop.
        let limit = next.filter(|(other, _)| *other == head).map(|(_, next)| (next, &self.cursors[next]));
        let limit = limit.filter(|(_, limit)| cursor.keys().compare_user(cursor.row, limit.keys(), limit.row).is_eq());
        let (keys, rows) = (cursor.keys(), cursor.rows());
        let mut row = cursor.row;
        let mut is_same_user = true;
        loop {
            match &self.part_of {
                None => self.gather.pick(cursor.slot, row, 0),
                Some(part_of) => {
                    if let Some(part) = part_of(keys.time.value(row)) {
                        self.gather.pick(cursor.slot, row, part);
                    }
                }
            }
            row += 1;
            if row == rows {
                break;
            }
            is_same_user = keys.is_same_user(row - 1, row);
            // The last input has no other users to wait for.
            if self.gather.rows() >= self.batch_rows || !(is_same_user || next.is_none()) {
                break;
            }
            let is_behind = |(next, limit): (usize, &Cursor)| {
                keys.compare_event(row, limit.keys(), limit.row).then(front.cmp(&next)).is_gt()
            };
            if limit.is_some_and(is_behind) {
                break;
            }
        }
        self.cursors[front].row = row;
        if row == rows {
            self.load_next(front).await?;
        } else {
            if !is_same_user || next.is_none() {
                self.heap[0].0 = self.cursors[front].keys().head(row);
            }
            self.sift_down(0);
        }
        if self.gather.rows() >= self.batch_rows || self.gather.spent() > SPENT_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    async fn load_next(&mut self, front: usize) -> Result<(), LakeError> {
        let cursor = &mut self.cursors[front];
        self.gather.spend(&cursor.loaded);
        if let Some(batch) = next_with_rows(&mut cursor.input).await? {
            cursor.loaded = Arc::new(Loaded { keys: Keys::of(&batch)?, batch });
            cursor.row = 0;
            cursor.slot = self.gather.hold(&cursor.loaded, Some(cursor.slot));
            self.heap[0].0 = cursor.keys().head(0);
        } else {
            self.heap.swap_remove(0);
        }
        if !self.heap.is_empty() {
            self.sift_down(0);
        }
        Ok(())
    }

    /// Turns what was picked into batches and lets go of used-up ones.
    fn flush(&mut self) -> Result<(), LakeError> {
        self.gather.flush(&mut self.ready)?;
        let slots = self.heap.iter().map(|(_, at)| self.cursors[*at].slot);
        self.gather.keep(slots.collect());
        for (slot, (_, at)) in self.heap.iter().enumerate() {
            self.cursors[*at].slot = slot;
        }
        Ok(())
    }

    fn compare(&self, (head, a): (u128, usize), (other_head, b): (u128, usize)) -> Ordering {
        head.cmp(&other_head).then_with(|| {
            let (x, y) = (&self.cursors[a], &self.cursors[b]);
            let users = x.keys().compare_user(x.row, y.keys(), y.row);
            users.then_with(|| x.keys().compare_event(x.row, y.keys(), y.row)).then_with(|| a.cmp(&b))
        })
    }

    fn sift_down(&mut self, mut at: usize) {
        loop {
            let mut smallest = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if child < self.heap.len() && self.compare(self.heap[child], self.heap[smallest]).is_lt() {
                    smallest = child;
                }
            }
            if smallest == at {
                return;
            }
            self.heap.swap(at, smallest);
            at = smallest;
        }
    }
}

async fn next_with_rows(input: &mut Batches) -> Result<Option<RecordBatch>, LakeError> {
    while let Some(batch) = input.try_next().await? {
        if batch.num_rows() > 0 {
            return Ok(Some(batch));
        }
    }
    Ok(None)
}

/// The places of a batch's rows in the order in which a merge gives them.
///
/// # Errors
/// [`LakeError::Invariant`] where a column that is compared always is not there.
pub fn sort_order(batch: &RecordBatch) -> Result<Vec<u32>, LakeError> {
    let keys = Keys::of(batch)?;
    let rows = u32::try_from(batch.num_rows())
        .map_err(|_| LakeError::Invariant(format!("{} rows to sort at once", batch.num_rows())))?;
    let mut order: Vec<u32> = (0..rows).collect();
    order.sort_unstable_by(|a, b| {
        let (a, b) = (*a as usize, *b as usize);
        keys.compare_user(a, &keys, b).then_with(|| keys.compare_event(a, &keys, b))
    });
    Ok(order)
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
