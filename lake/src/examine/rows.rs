//! Every row of a file: whether it can be read, is in order, in the bucket of its user, and what the file notes it to be.

use std::cmp::Ordering;

use arrow::array::{
    Array, AsArray, BinaryViewArray, Int32Array, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray,
    UInt32Array,
};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use futures::TryStreamExt;

use super::files::Flaw;
use super::notes::{FileNotes, OfRows};
use crate::error::LakeError;
use crate::names::TableName;
use crate::reader;
use crate::rows::id_order;
use crate::schema::{BUCKET, BUCKETS, EVENT_ID, EVENT_UUID, PLACE, RECEIVED_AT, TIME, USER, bucket_of, columns_of};
use crate::snapshot::DataFile;
use crate::store::Store;

/// What is wrong with the rows of a file of which nothing else is, or with what it notes of them, as far as notes are given.
pub(super) async fn flaw(
    store: &Store,
    table: TableName,
    file: &DataFile,
    version: u64,
    noted: Option<&FileNotes>,
) -> Option<Flaw> {
    match first_flaw(store, table, file, version, noted).await {
        Ok(flaw) => flaw,
        Err(LakeError::Corrupt { problem, .. }) => Some(Flaw::Torn(problem)),
        Err(LakeError::Missing { .. }) => Some(Flaw::Missing),
        Err(error) => Some(Flaw::Store(error.to_string())),
    }
}

async fn first_flaw(
    store: &Store,
    table: TableName,
    file: &DataFile,
    version: u64,
    noted: Option<&FileNotes>,
) -> Result<Option<Flaw>, LakeError> {
    let columns = columns_of(table);
    let names: Vec<&str> = columns.fields().iter().map(|field| field.name().as_str()).collect();
    let mut batches = reader::open_all(store, table, version, file, &names).await?;
    let mut check = Check { before: None, row: 0, bucket_rows: vec![0; BUCKETS] };
    let mut of_rows = OfRows::new()?;
    let mut found = None;
    // To the end, even behind a flaw: that all rows can be read is worth knowing too.
    while let Some(batch) = batches.try_next().await? {
        if table == TableName::Events && found.is_none() {
            found = check.batch(&batch);
            of_rows.take(&batch)?;
        }
    }
    if table == TableName::Events && found.is_none() && check.bucket_rows != file.bucket_rows {
        let problem = "its buckets have other numbers of rows than the log says".to_owned();
        found = Some(("wrong_buckets", problem));
    }
    if let (TableName::Events, Some(noted), None) = (table, noted, &found) {
        found = of_rows.flaw(file, noted)?;
    }
    Ok(found.map(|(code, problem)| Flaw::Other(code, problem, file.rows)))
}

/// Brings the rows of a batch into the order of a file.
///
/// # Errors
/// If the batch does not have the sort columns.
pub fn sorted(batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
    let keys = Keys::of(batch).ok_or_else(|| LakeError::Invariant("rows without sort columns".to_owned()))?;
    let mut order: Vec<usize> = (0..batch.num_rows()).collect();
    order.sort_by(|a, b| keys.compare(*a, *b));
    let order = UInt32Array::from_iter_values(order.into_iter().map(|row| u32::try_from(row).unwrap_or(u32::MAX)));
    Ok(take_record_batch(batch, &order)?)
}

/// The rows of a file as they come.
struct Check {
    before: Option<Key>,
    row: u64,
    bucket_rows: Vec<u64>,
}

/// Where a row belongs.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    bucket: i32,
    user: String,
    time: i64,
    received: i64,
    place: i64,
    id: Vec<u8>,
}

/// The sort columns of a batch.
struct Keys<'a> {
    bucket: &'a Int32Array,
    user: &'a StringViewArray,
    time: &'a TimestampMicrosecondArray,
    received: &'a TimestampMicrosecondArray,
    place: &'a Int64Array,
    uuid: &'a BinaryViewArray,
    id: &'a StringViewArray,
}

impl<'a> Keys<'a> {
    /// `None` if the batch does not have all of them.
    fn of(batch: &'a RecordBatch) -> Option<Self> {
        let column = |name: &str| batch.column_by_name(name);
        let times = |name: &str| column(name)?.as_primitive_opt::<TimestampMicrosecondType>();
        Some(Self {
            bucket: column(BUCKET)?.as_primitive_opt::<Int32Type>()?,
            user: column(USER)?.as_string_view_opt()?,
            time: times(TIME)?,
            received: times(RECEIVED_AT)?,
            place: column(PLACE)?.as_primitive_opt::<Int64Type>()?,
            uuid: column(EVENT_UUID)?.as_binary_view_opt()?,
            id: column(EVENT_ID)?.as_string_view_opt()?,
        })
    }

    fn id(&self, row: usize) -> Vec<u8> {
        id_order(self.id.is_valid(row).then(|| self.id.value(row).as_bytes()), self.uuid.value(row))
    }

    fn key(&self, row: usize) -> Key {
        Key {
            bucket: self.bucket.value(row),
            user: self.user.value(row).to_owned(),
            time: self.time.value(row),
            received: self.received.value(row),
            place: self.place.value(row),
            id: self.id(row),
        }
    }

    /// The order of two rows in a file.
    fn compare(&self, a: usize, b: usize) -> Ordering {
        let users = (self.bucket.value(a), self.user.value(a)).cmp(&(self.bucket.value(b), self.user.value(b)));
        let event = |row| (self.time.value(row), self.received.value(row), self.place.value(row));
        users.then_with(|| event(a).cmp(&event(b))).then_with(|| self.id(a).cmp(&self.id(b)))
    }
}

impl Check {
    fn batch(&mut self, batch: &RecordBatch) -> Option<(&'static str, String)> {
        let keys = Keys::of(batch)?;
        for row in 0..batch.num_rows() {
            let (bucket, user) = (keys.bucket.value(row), keys.user.value(row));
            // Users come in runs.
            let is_new = row == 0 || user != keys.user.value(row - 1);
            if is_new && bucket != i32::from(bucket_of(user)) {
                let right = bucket_of(user);
                return Some((
                    "wrong_buckets",
                    format!("row {} is in bucket {bucket}, its user is of {right}", self.row),
                ));
            }
            if let Some(rows) = usize::try_from(bucket).ok().and_then(|bucket| self.bucket_rows.get_mut(bucket)) {
                *rows += 1;
            }
            let is_behind = match &self.before {
                Some(before) if row == 0 => *before > keys.key(row),
                _ => row > 0 && keys.compare(row - 1, row).is_gt(),
            };
            if is_behind {
                return Some(("wrong_order", format!("row {} sorts before the row that it follows", self.row)));
            }
            self.row += 1;
        }
        self.before = batch.num_rows().checked_sub(1).map(|last| keys.key(last)).or(self.before.take());
        None
    }
}
