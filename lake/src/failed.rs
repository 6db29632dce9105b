//! What was sent and not taken, as a table of its own: its columns, and rows on their way in and out.
//!
//! | column | type | |
//! |---|---|---|
//! | `failed_id` | string | a UUID, given at receipt |
//! | `source` | string | the source whose key sent it |
//! | `received_at` | timestamp | time of receipt |
//! | `place` | long | place in the request; null where the request's whole body is meant |
//! | `protocol` | string | in which the body is written: `weir`, `segment`, `segment/track`, …, `posthog` |
//! | `code`, `field`, `message` | string | why it was not taken |
//! | `event` | string | the name of the event, where it could be read |
//! | `sent_at` | string | the client's clock at sending, where the request said it for all its events: JSON |
//! | `body` | string | what was sent, cut at 64 KiB |
//! | `body_bytes` | long | the length of what was sent |
//!
//! A row may be there twice, under one `failed_id`: a log may give a record twice, and failures are not looked up when they
//! land, as events are. So whoever reads counts a `failed_id` once; [`Scan`] does.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, Int64Builder, RecordBatch, StringViewBuilder, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimestampMicrosecondType};
use futures::TryStreamExt;
use weir_core::event::Failed;

use crate::error::LakeError;
use crate::names::TableName;
use crate::reader::{self, Batches};
use crate::schema::{EVENT, PLACE, RECEIVED_AT, SOURCE, timestamp_type};
use crate::snapshot::{DataFile, Snapshot};
use crate::store::Store;

/// The id of a row.
pub const FAILED_ID: &str = "failed_id";
/// The protocol of its body.
pub const PROTOCOL: &str = "protocol";
/// A short stable name of the problem.
pub const CODE: &str = "code";
/// The field that has the problem.
pub const FIELD: &str = "field";
/// Every problem.
pub const MESSAGE: &str = "message";
/// The client's clock at sending.
pub const SENT_AT: &str = "sent_at";
/// What was sent.
pub const BODY: &str = "body";
/// Its length.
pub const BODY_BYTES: &str = "body_bytes";

/// The columns, as they are held in memory.
pub fn columns() -> SchemaRef {
    static COLUMNS: LazyLock<SchemaRef> = LazyLock::new(|| {
        let text = |name, nullable| Field::new(name, DataType::Utf8View, nullable);
        Arc::new(Schema::new(vec![
            text(FAILED_ID, false),
            text(SOURCE, false),
            Field::new(RECEIVED_AT, timestamp_type(), false),
            Field::new(PLACE, DataType::Int64, true),
            text(PROTOCOL, false),
            text(CODE, false),
            text(FIELD, false),
            text(MESSAGE, false),
            text(EVENT, true),
            text(SENT_AT, true),
            text(BODY, false),
            Field::new(BODY_BYTES, DataType::Int64, false),
        ]))
    });
    Arc::clone(&COLUMNS)
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedRow {
    /// The source whose key sent it.
    pub source: String,
    /// Milliseconds since 1970.
    pub received_ms: i64,
    /// What it is, and why it was not taken.
    pub failed: Failed<'static>,
}

/// Collects rows as columns.
#[derive(Debug, Default)]
pub struct FailedRows {
    texts: [StringViewBuilder; 9],
    received: Vec<i64>,
    places: Int64Builder,
    bytes: Vec<i64>,
}

impl FailedRows {
    /// Adds a row.
    pub fn push(&mut self, source: &str, received_ms: i64, failed: &Failed<'_>) {
        let Failed { id, protocol, code, field, message, event, sent_at, body, bytes, place } = failed;
        let texts = [
            Some(&**id),
            Some(source),
            Some(&**protocol),
            Some(&**code),
            Some(&**field),
            Some(&**message),
            event.as_deref(),
            sent_at.as_deref(),
            Some(&**body),
        ];
        for (column, text) in self.texts.iter_mut().zip(texts) {
            column.append_option(text);
        }
        self.received.push(received_ms.saturating_mul(1000));
        self.places.append_option(place.map(|place| i64::try_from(place).unwrap_or(i64::MAX)));
        self.bytes.push(i64::try_from(*bytes).unwrap_or(i64::MAX));
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.received.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.received.is_empty()
    }

    /// The rows, in the order in which they were added.
    ///
    /// # Errors
    /// Only if columns cannot be built, which would be a defect.
    pub fn batch(mut self) -> Result<RecordBatch, LakeError> {
        let received = TimestampMicrosecondArray::from(self.received).with_timezone("UTC");
        let [id, source, protocol, code, field, message, event, sent_at, body] =
            self.texts.each_mut().map(|column| Arc::new(column.finish()) as ArrayRef);
        let (received, places) = (Arc::new(received), Arc::new(self.places.finish()));
        let bytes = Arc::new(Int64Array::from(self.bytes));
        let all = vec![id, source, received, places, protocol, code, field, message, event, sent_at, body, bytes];
        Ok(RecordBatch::try_new(columns(), all)?)
    }
}

/// The rows of a batch of all columns; those that were not read are empty.
pub fn rows_of(batch: &RecordBatch) -> Vec<FailedRow> {
    let text = |name: &str, row: usize| {
        let column = batch.column_by_name(name)?.as_string_view();
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    let number = |name: &str, row: usize| {
        let column = batch.column_by_name(name)?.as_primitive::<Int64Type>();
        column.is_valid(row).then(|| column.value(row).cast_unsigned())
    };
    let received = |row: usize| {
        let column = batch.column_by_name(RECEIVED_AT)?.as_primitive::<TimestampMicrosecondType>();
        Some(column.value(row).div_euclid(1000))
    };
    let row = |row: usize| {
        let must = |name: &str| text(name, row).unwrap_or_default();
        let failed = Failed {
            id: must(FAILED_ID).into(),
            protocol: must(PROTOCOL).into(),
            code: must(CODE).into(),
            field: must(FIELD).into(),
            message: must(MESSAGE).into(),
            event: text(EVENT, row).map(Into::into),
            sent_at: text(SENT_AT, row).map(Into::into),
            body: must(BODY).into(),
            bytes: number(BODY_BYTES, row).unwrap_or_default(),
            place: number(PLACE, row),
        };
        FailedRow { source: must(SOURCE), received_ms: received(row).unwrap_or_default(), failed }
    };
    (0..batch.num_rows()).map(row).collect()
}

/// Whether a scan reads what was sent, which is most of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bodies {
    /// It does.
    Read,
    /// It leaves them empty.
    Left,
}

/// Reads every row once, file by file in the order of receipt, and holds one batch at a time, and all ids.
pub struct Scan<'a> {
    store: &'a Store,
    version: u64,
    columns: Vec<String>,
    /// The next file last.
    files: Vec<Arc<DataFile>>,
    open: Option<Batches>,
    seen: HashSet<String>,
}

impl std::fmt::Debug for Scan<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan").field("version", &self.version).field("files", &self.files.len()).finish_non_exhaustive()
    }
}

impl<'a> Scan<'a> {
    /// Begins at the first file of `snapshot`, which is one of the table of failed events.
    pub fn new(store: &'a Store, snapshot: &Snapshot, bodies: Bodies) -> Self {
        let columns = columns();
        let names = columns.fields().iter().map(|field| field.name().clone());
        let columns = names.filter(|name| bodies == Bodies::Read || name != BODY).collect();
        let mut files: Vec<_> = snapshot.files.values().cloned().collect();
        files.sort_by_key(|file| std::cmp::Reverse((file.min_received_ms, file.path.clone())));
        Self { store, version: snapshot.version, columns, files, open: None, seen: HashSet::new() }
    }

    /// Some more rows; `None` at the end.
    ///
    /// # Errors
    /// A file that is missing or damaged is named.
    pub async fn next(&mut self) -> Result<Option<Vec<FailedRow>>, LakeError> {
        loop {
            let batches = match &mut self.open {
                Some(batches) => batches,
                none => {
                    let Some(file) = self.files.pop() else { return Ok(None) };
                    let columns: Vec<&str> = self.columns.iter().map(String::as_str).collect();
                    let opened = reader::open_all(self.store, TableName::Failed, self.version, &file, &columns);
                    none.insert(opened.await?)
                }
            };
            match batches.try_next().await? {
                Some(batch) => {
                    let mut rows = rows_of(&batch);
                    rows.retain(|row| self.seen.insert(row.failed.id.clone().into_owned()));
                    return Ok(Some(rows));
                }
                None => self.open = None,
            }
        }
    }
}

#[cfg(test)]
#[path = "failed_tests.rs"]
mod tests;
