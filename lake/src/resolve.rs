//! Rows that lie under another user than they are now, given where they belong.
//!
//! ```text
//!   file 3       kiosk kiosk phone phone tab        without those:   kiosk kiosk tab
//!   phone is ana ─────────────┬──┘
//!                             └─▶ in memory, sorted: ana ana         one more input of the merge
//! ```
//!
//! [`Moved::collect`] finds such rows and reads them; [`open`] gives a file without them; [`Moved::rows`] gives them with the
//! user and the bucket that they have now. Queries and compactions merge the same inputs, so they agree.
//!
//! In a file that has some, the ids of the buckets concerned are read once, and then the rows that were found and nothing
//! else. Memory: the wanted columns of the rows that are moved, twice while they are sorted.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int32Array, RecordBatch, StringViewBuilder, UInt32Array};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::DataType;
use futures::{StreamExt, TryStreamExt};

use crate::error::LakeError;
use crate::links::{FileMoves, Moves};
use crate::merge::sort_order;
use crate::reader::{self, Apart, BATCH_ROWS, Batches, Read};
use crate::schema::{ANONYMOUS_ID, BUCKET, BUCKETS, USER, USER_ID, bucket_of};
use crate::snapshot::DataFile;
use crate::store::Store;

/// What a row takes at least while it is looked for, in bytes.
const FOUND_BYTES: usize = 16;

/// Rows that were taken from where they lie.
#[derive(Debug, Clone, Default)]
pub struct Moved {
    rows: Option<Arc<SortedRows>>,
    /// By path: places of the rows that were taken, ascending.
    taken: HashMap<String, Arc<[u64]>>,
}

#[derive(Debug)]
struct SortedRows {
    batch: RecordBatch,
    order: Vec<u32>,
}

/// Rows of a file that belong to others than they lie under.
#[derive(Debug, Default)]
struct Found {
    /// Their places, ascending.
    rows: Vec<u64>,
    /// Whose each is.
    users: Vec<Arc<str>>,
}

impl Moved {
    /// Reads `columns` of the rows that are to be moved in files which are live in `version`, and typed columns `apart`, up to a
    /// bound of about `most_bytes`: what does not fit stays where it lies. The columns have at least those that a merge compares.
    ///
    /// # Errors
    /// A file that cannot be read is named.
    pub async fn collect(
        store: &Store,
        version: u64,
        files: &[Arc<DataFile>],
        columns: &[&str],
        apart: Option<Apart<'_>>,
        moves: &Moves,
        most_bytes: usize,
    ) -> Result<Self, LakeError> {
        let (mut batches, mut taken, mut room) = (Vec::new(), HashMap::new(), most_bytes);
        for file in files {
            let Some(wanted) = moves.of(&file.path).filter(|_| room > 0) else { continue };
            let found = find(store, version, file, wanted, moves, (room / FOUND_BYTES).max(1)).await?;
            if found.rows.is_empty() {
                continue;
            }
            let mut rows = reader::open_rows(store, version, file, columns, apart, &found.rows).await?;
            let mut count = 0;
            while let Some(batch) = rows.try_next().await? {
                let users = found.users.get(count..count + batch.num_rows()).unwrap_or_default();
                count += batch.num_rows();
                let batch = belonging_to(&batch, users)?;
                room = room.saturating_sub(batch.get_array_memory_size() + batch.num_rows() * FOUND_BYTES);
                batches.push(batch);
                if room == 0 {
                    break;
                }
            }
            taken.insert(file.path.clone(), found.rows.get(..count).unwrap_or_default().into());
        }
        let Some(first) = batches.first() else { return Ok(Self::default()) };
        let batch = concat_batches(&first.schema(), &batches)?;
        drop(batches);
        let order = sort_order(&batch)?;
        Ok(Self { rows: Some(Arc::new(SortedRows { batch, order })), taken })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.as_ref().map_or(0, |rows| rows.order.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_none()
    }

    /// All rows of a file, without those that were taken.
    pub fn left_out(&self, file: &DataFile, batches: Batches) -> Batches {
        self.without(file, 0, batches)
    }

    /// Rows of a file from the place `at` on, without those that were taken.
    fn without(&self, file: &DataFile, mut at: u64, batches: Batches) -> Batches {
        let Some(taken) = self.taken.get(&file.path).cloned() else { return batches };
        let rest = batches.map(move |batch| {
            let batch = batch?;
            let end = at + batch.num_rows() as u64;
            let here = &taken[taken.partition_point(|row| *row < at)..taken.partition_point(|row| *row < end)];
            let begin = std::mem::replace(&mut at, end);
            if here.is_empty() {
                return Ok(batch);
            }
            let mut stays = vec![true; batch.num_rows()];
            here.iter().for_each(|row| stays[(row - begin) as usize] = false);
            Ok(filter_record_batch(&batch, &BooleanArray::from(stays))?)
        });
        rest.boxed()
    }

    /// The rows of a range of buckets, in the table's sort order.
    pub fn rows(&self, buckets: &Range<usize>) -> Batches {
        let Some(rows) = self.rows.clone() else { return futures::stream::empty().boxed() };
        let part = rows.part(buckets);
        let pieces = futures::stream::iter(part.clone().step_by(BATCH_ROWS));
        let batches = pieces.map(move |at| {
            let order = UInt32Array::from(rows.order[at..(at + BATCH_ROWS).min(part.end)].to_vec());
            Ok(take_record_batch(&rows.batch, &order)?)
        });
        batches.boxed()
    }
}

impl SortedRows {
    fn part(&self, buckets: &Range<usize>) -> Range<usize> {
        let Some(users) = self.batch.column_by_name(USER).map(|column| column.as_string_view()) else { return 0..0 };
        let bucket = |row: &u32| usize::from(bucket_of(users.value(*row as usize)));
        let before = |end: usize| self.order.partition_point(|row| bucket(row) < end);
        before(buckets.start)..before(buckets.end)
    }
}

/// As [`reader::open_apart`], without the rows that were taken.
///
/// # Errors
/// As there.
pub async fn open(
    store: &Store,
    version: u64,
    file: &DataFile,
    read: &Read<'_>,
    apart: Option<Apart<'_>>,
    moved: &Moved,
) -> Result<Batches, LakeError> {
    let batches = reader::open_apart(store, version, file, read, apart).await?;
    Ok(moved.without(file, rows_before(file, read.buckets.start), batches))
}

/// As [`open`], of the rows that lie under one user alone: see [`reader::open_user`].
///
/// # Errors
/// As there.
pub async fn open_user(
    store: &Store,
    version: u64,
    file: &DataFile,
    columns: &[&str],
    apart: Option<Apart<'_>>,
    moved: &Moved,
    user: &str,
) -> Result<Batches, LakeError> {
    let (first, batches) = reader::open_user(store, version, file, columns, apart, user).await?;
    Ok(moved.without(file, first, batches))
}

fn rows_before(file: &DataFile, bucket: usize) -> u64 {
    file.bucket_rows[..bucket.min(BUCKETS)].iter().sum()
}

async fn find(
    store: &Store,
    version: u64,
    file: &DataFile,
    wanted: &FileMoves,
    moves: &Moves,
    most: usize,
) -> Result<Found, LakeError> {
    let mut found = Found::default();
    for buckets in &wanted.buckets {
        let mut at = rows_before(file, buckets.start);
        let read = Read { columns: &[USER, USER_ID, ANONYMOUS_ID], buckets: buckets.clone(), batch_rows: BATCH_ROWS };
        let mut batches = reader::open(store, version, file, &read).await?;
        // What the row before told: rows of one user and id come one after the other.
        let (mut last_user, mut may_hold) = (String::new(), wanted.may_hold(""));
        let mut last_id: Option<(String, Option<Arc<str>>)> = None;
        while let Some(batch) = batches.try_next().await? {
            let [users, user_ids, ids] = [USER, USER_ID, ANONYMOUS_ID].map(|name| batch.column_by_name(name));
            let (Some(users), Some(user_ids), Some(ids)) = (users, user_ids, ids) else { continue };
            let (users, ids) = (users.as_string_view(), ids.as_string_view());
            for row in (0..batch.num_rows()).filter(|row| user_ids.is_null(*row) && ids.is_valid(*row)) {
                let (user, id) = (users.value(row), ids.value(row));
                if user != last_user {
                    user.clone_into(&mut last_user);
                    may_hold = wanted.may_hold(user);
                    last_id = None;
                }
                if !may_hold {
                    continue;
                }
                if last_id.as_ref().is_none_or(|(last, _)| last != id) {
                    let now = Some(moves.links.user_of(id)).filter(|now| *now != user && moves.concern(user, now));
                    last_id = Some((id.to_owned(), now.map(Arc::from)));
                }
                if let Some((_, Some(now))) = &last_id {
                    found.rows.push(at + row as u64);
                    found.users.push(Arc::clone(now));
                }
            }
            at += batch.num_rows() as u64;
            if found.rows.len() >= most {
                return Ok(found);
            }
        }
    }
    Ok(found)
}

/// The rows with other users, and nothing held of the batch that they were read in.
fn belonging_to(batch: &RecordBatch, users: &[Arc<str>]) -> Result<RecordBatch, LakeError> {
    if users.len() != batch.num_rows() {
        return Err(LakeError::Invariant(format!("{} rows for {} users", batch.num_rows(), users.len())));
    }
    let mut names = StringViewBuilder::new().with_deduplicate_strings();
    users.iter().for_each(|user| names.append_value(user));
    let buckets = Int32Array::from_iter_values(users.iter().map(|user| i32::from(bucket_of(user))));
    let (names, buckets): (ArrayRef, ArrayRef) = (Arc::new(names.finish()), Arc::new(buckets));
    let columns = batch.schema_ref().fields().iter().zip(batch.columns()).map(|(field, column)| {
        match (field.name().as_str(), field.data_type()) {
            (USER, _) => Arc::clone(&names),
            (BUCKET, _) => Arc::clone(&buckets),
            (_, DataType::Utf8View) => Arc::new(column.as_string_view().gc()),
            (_, DataType::BinaryView) => Arc::new(column.as_binary_view().gc()),
            _ => Arc::clone(column),
        }
    });
    Ok(RecordBatch::try_new(batch.schema(), columns.collect())?)
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
