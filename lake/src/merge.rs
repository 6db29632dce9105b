//! Merges sorted files into one sorted stream: the k-way merge under queries and compaction.
//!
//! ```text
//!   file 1   u1 u1 u1 u4          emits runs: while the user of the front cursor is smaller than that of the next one,
//!   file 2   u1 u2 u2 u4    ──▶   whole users are taken without comparing their events; only where two files hold one
//!   file 3   u3 u3                user are events compared by (time, arrival, id)
//! ```
//!
//! Memory: one batch of each file, and the batches that the next output batch refers to, of which those that are used up have
//! a bounded size; and below it what the reader holds of each file.

use std::cmp::Ordering;
use std::collections::VecDeque;

use arrow::array::{
    Array, AsArray, BinaryViewArray, Int32Array, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use futures::TryStreamExt;

use crate::error::LakeError;
use crate::reader::Batches;
use crate::rows::id_order;
use crate::schema::{BUCKET, EVENT_ID, EVENT_UUID, PLACE, RECEIVED_AT, TIME, USER};

/// Columns that a merge compares always.
pub const KEY_COLUMNS: [&str; 3] = [BUCKET, USER, TIME];
/// Columns that a merge compares where files hold events of the same times.
pub const ARRIVAL_COLUMNS: [&str; 2] = [RECEIVED_AT, PLACE];
/// Columns that a merge compares where files hold events of the same times and receipts.
pub const ID_COLUMNS: [&str; 2] = [EVENT_UUID, EVENT_ID];

/// Text of used-up batches above which an output batch ends early, in bytes: rows may have 64 KiB each.
const SPENT_BYTES: usize = 8 * 1024 * 1024;

/// One sorted stream out of many.
pub struct Merge {
    cursors: Vec<Cursor>,
    /// A binary heap of cursors that have rows, the smallest first.
    heap: Vec<usize>,
    batch_rows: usize,
    /// Batches that `picks` refers to: of each cursor the current one, and those that were used up since.
    held: Vec<RecordBatch>,
    /// Text of those that were used up since, in bytes.
    spent: usize,
    picks: Vec<(usize, usize)>,
    ready: VecDeque<RecordBatch>,
}

impl std::fmt::Debug for Merge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Merge").field("inputs", &self.cursors.len()).finish_non_exhaustive()
    }
}

impl Merge {
    /// Merges inputs that are sorted by [`KEY_COLUMNS`] (and arrival, and id) and have at least those columns, all the same.
    pub async fn new(inputs: Vec<Batches>, batch_rows: usize) -> Result<Self, LakeError> {
        let mut merge = Self {
            cursors: Vec::with_capacity(inputs.len()),
            heap: Vec::new(),
            batch_rows,
            held: Vec::new(),
            spent: 0,
            picks: Vec::with_capacity(batch_rows),
            ready: VecDeque::new(),
        };
        for mut input in inputs {
            if let Some(batch) = next_with_rows(&mut input).await? {
                let keys = Keys::of(&batch)?;
                merge.held.push(batch.clone());
                let slot = merge.held.len() - 1;
                merge.cursors.push(Cursor { input, batch, keys, row: 0, slot });
            }
        }
        merge.heap = (0..merge.cursors.len()).collect();
        (0..merge.heap.len() / 2).rev().for_each(|at| merge.sift_down(at));
        Ok(merge)
    }

    /// The next rows in order; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, LakeError> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            match self.heap.as_slice() {
                [] => return self.flush().map(|()| self.ready.pop_front()),
                [last] => {
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
        self.ready.push_back(cursor.batch.slice(cursor.row, cursor.batch.num_rows() - cursor.row));
        match next_with_rows(&mut cursor.input).await? {
            Some(batch) => {
                cursor.batch = batch;
                cursor.row = 0;
            }
            None => self.heap.clear(),
        }
        Ok(())
    }

    /// Takes rows of the front cursor as long as they come before the next cursor's.
    async fn take_run(&mut self) -> Result<(), LakeError> {
        let front = self.heap[0];
        let next = match self.heap.get(2) {
            Some(other) if self.compare(*other, self.heap[1]).is_lt() => *other,
            _ => self.heap[1],
        };
        let (cursor, limit) = (&self.cursors[front], &self.cursors[next]);
        let same_user = cursor.keys.compare_user(cursor.row, &limit.keys, limit.row).is_eq();
        let mut row = cursor.row;
        let rows = cursor.batch.num_rows();
        let room = self.batch_rows - self.picks.len();
        let mut taken = 0;
        loop {
            self.picks.push((cursor.slot, row));
            row += 1;
            taken += 1;
            if row == rows || taken >= room || !cursor.keys.is_same_user(row - 1, row) {
                break;
            }
            if same_user && cursor.keys.compare_event(row, &limit.keys, limit.row).is_gt() {
                break;
            }
        }
        self.cursors[front].row = row;
        if row == rows {
            self.load_next(front).await?;
        } else {
            self.sift_down(0);
        }
        if self.picks.len() >= self.batch_rows || self.spent > SPENT_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    async fn load_next(&mut self, front: usize) -> Result<(), LakeError> {
        let cursor = &mut self.cursors[front];
        self.spent += text_bytes(&cursor.batch);
        if let Some(batch) = next_with_rows(&mut cursor.input).await? {
            cursor.keys = Keys::of(&batch)?;
            cursor.batch = batch.clone();
            cursor.row = 0;
            cursor.slot = self.held.len();
            self.held.push(batch);
        } else {
            self.heap.swap_remove(0);
        }
        if !self.heap.is_empty() {
            self.sift_down(0);
        }
        Ok(())
    }

    /// Turns the picks into a batch and lets go of used-up batches.
    fn flush(&mut self) -> Result<(), LakeError> {
        if !self.picks.is_empty() {
            let held: Vec<&RecordBatch> = self.held.iter().collect();
            self.ready.push_back(interleave_record_batch(&held, &self.picks)?);
            self.picks.clear();
        }
        self.held.clear();
        self.spent = 0;
        for at in &self.heap {
            let cursor = &mut self.cursors[*at];
            cursor.slot = self.held.len();
            self.held.push(cursor.batch.clone());
        }
        Ok(())
    }

    fn compare(&self, a: usize, b: usize) -> Ordering {
        let (x, y) = (&self.cursors[a], &self.cursors[b]);
        let users = x.keys.compare_user(x.row, &y.keys, y.row);
        users.then_with(|| x.keys.compare_event(x.row, &y.keys, y.row)).then_with(|| a.cmp(&b))
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

/// The text of a batch, without that of dictionaries.
fn text_bytes(batch: &RecordBatch) -> usize {
    let views = batch.columns().iter().filter_map(|column| column.as_string_view_opt());
    // The first four bytes of a view are the length of its text.
    views.flat_map(|column| column.views().iter().map(|view| *view as u32 as usize)).sum()
}

struct Cursor {
    input: Batches,
    batch: RecordBatch,
    keys: Keys,
    row: usize,
    /// Where in `held` the current batch is.
    slot: usize,
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

/// The sort columns of a batch.
struct Keys {
    bucket: Int32Array,
    user: StringViewArray,
    time: TimestampMicrosecondArray,
    arrival: Option<(TimestampMicrosecondArray, Int64Array)>,
    id: Option<(BinaryViewArray, StringViewArray)>,
}

impl Keys {
    fn of(batch: &RecordBatch) -> Result<Self, LakeError> {
        let column = |name: &str| {
            batch.column_by_name(name).ok_or_else(|| LakeError::Invariant(format!("a merge without column `{name}`")))
        };
        let times = |name: &str| column(name).map(|c| c.as_primitive::<TimestampMicrosecondType>().clone());
        let arrival = match batch.column_by_name(PLACE) {
            Some(place) => Some((times(RECEIVED_AT)?, place.as_primitive::<Int64Type>().clone())),
            None => None,
        };
        let id = match batch.column_by_name(EVENT_UUID) {
            Some(uuid) => Some((uuid.as_binary_view().clone(), column(EVENT_ID)?.as_string_view().clone())),
            None => None,
        };
        Ok(Self {
            bucket: column(BUCKET)?.as_primitive::<Int32Type>().clone(),
            user: column(USER)?.as_string_view().clone(),
            time: times(TIME)?,
            arrival,
            id,
        })
    }

    fn compare_user(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
        let buckets = self.bucket.value(row).cmp(&other.bucket.value(other_row));
        buckets.then_with(|| self.user.value(row).cmp(other.user.value(other_row)))
    }

    fn is_same_user(&self, row: usize, other: usize) -> bool {
        let views = self.user.views();
        // Equal views are equal texts; unequal ones may still be, in two buffers.
        views[row] == views[other] || self.user.value(row) == self.user.value(other)
    }

    /// Events of one user.
    fn compare_event(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
        let times = self.time.value(row).cmp(&other.time.value(other_row));
        times.then_with(|| self.compare_arrival(row, other, other_row))
    }

    fn compare_arrival(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
        let (Some((received, place)), Some((other_received, other_place))) = (&self.arrival, &other.arrival) else {
            return Ordering::Equal;
        };
        let arrivals = (received.value(row), place.value(row))
            .cmp(&(other_received.value(other_row), other_place.value(other_row)));
        arrivals.then_with(|| match (&self.id, &other.id) {
            (Some(mine), Some(theirs)) => id_at(mine, row).cmp(&id_at(theirs, other_row)),
            _ => Ordering::Equal,
        })
    }
}

fn id_at((uuids, texts): &(BinaryViewArray, StringViewArray), row: usize) -> Vec<u8> {
    id_order(texts.is_valid(row).then(|| texts.value(row).as_bytes()), uuids.value(row))
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
