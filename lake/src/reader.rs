//! Reads columns and a range of buckets of a data file.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection, RowSelector};
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::errors::ParquetError;

use crate::error::LakeError;
use crate::names::TableName;
use crate::object_reader::ObjectReader;
use crate::schema::{BUCKETS, USER, bucket_of};
use crate::snapshot::DataFile;
use crate::store::Store;
pub use crate::stored::Apart;
use crate::stored::{Layout, columns_in_file, from_stored, in_memory};
use crate::typed::{ColumnNote, noted};
use weir_store::{S3Error, StoreError};

/// Rows of a batch where nothing else is asked for.
pub const BATCH_ROWS: usize = 8192;

/// Rows of a batch of whole files: rows may be large there, a body of 64 KiB each.
const WHOLE_BATCH_ROWS: usize = 512;

/// What to read of a file.
#[derive(Debug, Clone)]
pub struct Read<'a> {
    /// Names of columns. They come in the table's order, whatever order they are named in.
    pub columns: &'a [&'a str],
    /// Which buckets.
    pub buckets: Range<usize>,
    /// Rows of a batch.
    pub batch_rows: usize,
}

/// Batches of a file, in the table's sort order.
pub type Batches = BoxStream<'static, Result<RecordBatch, LakeError>>;

/// Opens a file that is live in `version`.
///
/// # Errors
/// [`LakeError::Missing`] or [`LakeError::Corrupt`], naming the file; also later, from the stream.
pub async fn open(store: &Store, version: u64, file: &DataFile, read: &Read<'_>) -> Result<Batches, LakeError> {
    open_apart(store, version, file, read, None).await
}

/// As [`open`], with some properties apart from the text.
///
/// # Errors
/// As there.
pub async fn open_apart(
    store: &Store,
    version: u64,
    file: &DataFile,
    read: &Read<'_>,
    apart: Option<Apart<'_>>,
) -> Result<Batches, LakeError> {
    let before: u64 = file.bucket_rows[..read.buckets.start.min(BUCKETS)].iter().sum();
    let wanted: u64 = file.bucket_rows[read.buckets.start.min(BUCKETS)..read.buckets.end.min(BUCKETS)].iter().sum();
    if wanted == 0 {
        return Ok(futures::stream::empty().boxed());
    }
    let opening = Opening::of(store, TableName::Events, version, file, read.columns, read.batch_rows, apart).await?;
    if wanted == file.rows {
        return opening.stream();
    }
    opening.selecting(|builder| select_rows(builder, before, wanted)).stream()
}

/// Opens all rows of a file that is live in `version` of a table.
///
/// # Errors
/// As [`open`].
pub async fn open_all(
    store: &Store,
    table: TableName,
    version: u64,
    file: &DataFile,
    columns: &[&str],
) -> Result<Batches, LakeError> {
    Opening::of(store, table, version, file, columns, WHOLE_BATCH_ROWS, None).await?.stream()
}

/// What it takes to read some columns of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Bytes of the columns, as they lie in the file.
    pub bytes: u64,
    /// Requests to the store: one for the footer, and one for each stretch of bytes that is read as a whole.
    pub requests: u64,
}

/// Two stretches of bytes that are so near are read as one.
const NEAR_BYTES: u64 = 1024 * 1024;

/// What it takes to read columns of all rows of a file, by its footer.
///
/// # Errors
/// As [`open`].
pub async fn cost(
    store: &Store,
    version: u64,
    file: &DataFile,
    columns: &[&str],
    apart: Option<Apart<'_>>,
) -> Result<Cost, LakeError> {
    let opening = Opening::of(store, TableName::Events, version, file, columns, BATCH_ROWS, apart).await?;
    let metadata = opening.builder.metadata();
    let schema = metadata.file_metadata().schema_descr();
    let read = &opening.layout.read;
    let is_read: Vec<bool> =
        schema.columns().iter().map(|column| read.iter().any(|name| *name == column.path().parts()[0])).collect();
    let mut cost = Cost { bytes: 0, requests: 1 };
    for group in metadata.row_groups() {
        let chunks = group.columns().iter().zip(&is_read).filter(|(_, is_read)| **is_read);
        let mut stretches: Vec<(u64, u64)> = chunks.map(|(chunk, _)| chunk.byte_range()).collect();
        stretches.sort_unstable();
        let mut end = None;
        for (start, length) in stretches {
            cost.bytes += length;
            cost.requests += u64::from(end.is_none_or(|end: u64| start > end.saturating_add(NEAR_BYTES)));
            end = Some(start + length);
        }
    }
    Ok(cost)
}

/// Opens the rows that lie under one user, which are neighbours, and says at which place of the file they begin. Of the user's bucket
/// one column is read to find them, and of the others only the pages that they lie in.
///
/// # Errors
/// As [`open`].
pub async fn open_user(
    store: &Store,
    version: u64,
    file: &DataFile,
    columns: &[&str],
    apart: Option<Apart<'_>>,
    user: &str,
) -> Result<(u64, Batches), LakeError> {
    let bucket = usize::from(bucket_of(user));
    let mut at: u64 = file.bucket_rows[..bucket.min(file.bucket_rows.len())].iter().sum();
    let read = Read { columns: &[USER], buckets: bucket..bucket + 1, batch_rows: BATCH_ROWS };
    let mut batches = open(store, version, file, &read).await?;
    let (mut first, mut count) = (at, 0_u64);
    while let Some(batch) = batches.try_next().await? {
        let Some(users) = batch.column_by_name(USER).map(|column| column.as_string_view()) else { break };
        let is_theirs = |row: &usize| users.value(*row) == user;
        let here = (0..users.len()).filter(is_theirs).count() as u64;
        if count == 0 {
            first = at + (0..users.len()).position(|row| is_theirs(&row)).unwrap_or_default() as u64;
        }
        count += here;
        at += users.len() as u64;
        // Behind the last of them come other users.
        if count > 0 && here < users.len() as u64 && !users.is_empty() && !is_theirs(&(users.len() - 1)) {
            break;
        }
    }
    if count == 0 {
        return Ok((first, futures::stream::empty().boxed()));
    }
    let opening = Opening::of(store, TableName::Events, version, file, columns, BATCH_ROWS, apart).await?;
    Ok((first, opening.selecting(|builder| select_rows(builder, first, count)).stream()?))
}

/// Reads a footer. Times are in the unit that the file has.
pub(crate) async fn metadata_of(
    object: &mut ObjectReader,
    table: TableName,
    options: ArrowReaderOptions,
) -> Result<ArrowReaderMetadata, ParquetError> {
    let footer = object.get_metadata(Some(&options)).await?;
    let columns = columns_in_file(table, footer.file_metadata());
    ArrowReaderMetadata::try_new(footer, options.with_skip_arrow_metadata(true).with_schema(columns))
}

/// Opens some rows of a file that is live in `version`: `rows` are their places in it, ascending.
///
/// # Errors
/// As [`open`].
pub async fn open_rows(
    store: &Store,
    version: u64,
    file: &DataFile,
    columns: &[&str],
    apart: Option<Apart<'_>>,
    rows: &[u64],
) -> Result<Batches, LakeError> {
    let opening = Opening::of(store, TableName::Events, version, file, columns, BATCH_ROWS, apart).await?;
    let metadata = Arc::clone(opening.builder.metadata());
    let (mut groups, mut selectors) = (Vec::new(), Vec::new());
    let (mut start, mut rest) = (0_u64, rows);
    for (number, group) in metadata.row_groups().iter().enumerate() {
        let end = start + u64::try_from(group.num_rows()).unwrap_or_default();
        let (here, behind) = rest.split_at(rest.partition_point(|row| *row < end));
        if !here.is_empty() {
            groups.push(number);
            let mut next = start;
            let as_usize = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
            for run in here.chunk_by(|a, b| a + 1 == *b) {
                selectors.push(RowSelector::skip(as_usize(run[0] - next)));
                selectors.push(RowSelector::select(run.len()));
                next = run[0] + run.len() as u64;
            }
            selectors.push(RowSelector::skip(as_usize(end - next)));
        }
        (start, rest) = (end, behind);
    }
    let selection = RowSelection::from(selectors);
    opening.selecting(|builder| builder.with_row_groups(groups).with_row_selection(selection)).stream()
}

pub(crate) type Builder = ParquetRecordBatchStreamBuilder<ObjectReader>;

/// A file whose footer has been read.
struct Opening {
    builder: Builder,
    layout: Layout,
    failed: Explained,
}

impl Opening {
    async fn of(
        store: &Store,
        table: TableName,
        version: u64,
        file: &DataFile,
        columns: &[&str],
        batch_rows: usize,
        apart: Option<Apart<'_>>,
    ) -> Result<Self, LakeError> {
        let name = table.data(&file.path);
        let failed = Explained::new(&name, version);
        let mut object = ObjectReader::new(store.objects(), name.clone(), file.bytes);
        let options = ArrowReaderOptions::new();
        let metadata = metadata_of(&mut object, table, options).await.map_err(|e| failed.explain(e))?;
        let rows = metadata.metadata().file_metadata().num_rows();
        if u64::try_from(rows) != Ok(file.rows) {
            return Err(LakeError::corrupt(name, format!("it has {rows} rows, the log says {}", file.rows)));
        }
        let layout = Layout::new(table, columns, &notes_of(&metadata), apart);
        let mask = ProjectionMask::columns(metadata.parquet_schema(), layout.read.iter().map(String::as_str));
        let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(object, metadata)
            .with_projection(mask)
            .with_batch_size(batch_rows);
        Ok(Self { builder, layout, failed })
    }

    fn selecting(self, select: impl FnOnce(Builder) -> Builder) -> Self {
        Self { builder: select(self.builder), ..self }
    }

    fn stream(self) -> Result<Batches, LakeError> {
        let Self { builder, layout, failed } = self;
        let stream = builder.build().map_err(|e| failed.explain(e))?;
        let memory = in_memory(stream.schema());
        let batches =
            stream.map(move |batch| layout.give(from_stored(batch.map_err(|e| failed.explain(e))?, &memory)?));
        Ok(batches.boxed())
    }
}

/// The typed columns of a file, from its footer.
pub(crate) fn notes_of(metadata: &ArrowReaderMetadata) -> Vec<ColumnNote> {
    noted(metadata.metadata().file_metadata())
}

/// What goes wrong with a file, said of the file.
#[derive(Clone)]
pub(crate) struct Explained {
    name: String,
    version: u64,
}

impl Explained {
    /// Of a file that `version` needs.
    pub(crate) fn new(name: impl ToString, version: u64) -> Self {
        Self { name: name.to_string(), version }
    }

    /// What it is that a file cannot be read: it is not there, the store failed, or else the file is damaged.
    pub(crate) fn explain(&self, error: ParquetError) -> LakeError {
        let source = match error {
            ParquetError::External(source) => source.downcast::<object_store::Error>(),
            damaged => return LakeError::corrupt(&self.name, damaged),
        };
        match source.map(|error| *error) {
            Ok(object_store::Error::NotFound { .. }) => {
                LakeError::Missing { object: self.name.clone(), version: self.version }
            }
            Ok(error) if failed_itself(&error) => StoreError::failed(&self.name, error).into(),
            Ok(damaged) => LakeError::corrupt(&self.name, damaged),
            Err(damaged) => LakeError::corrupt(&self.name, damaged),
        }
    }
}

/// Only row groups that hold wanted rows, and of these only the wanted rows.
fn select_rows<T>(
    builder: ParquetRecordBatchStreamBuilder<T>,
    before: u64,
    wanted: u64,
) -> ParquetRecordBatchStreamBuilder<T>
where
    T: AsyncFileReader + Send + 'static,
{
    let metadata = Arc::clone(builder.metadata());
    let (mut groups, mut selectors, mut start) = (Vec::new(), Vec::new(), 0_u64);
    for (number, group) in metadata.row_groups().iter().enumerate() {
        let rows = u64::try_from(group.num_rows()).unwrap_or_default();
        let skip = before.saturating_sub(start).min(rows);
        let take = (before + wanted).saturating_sub(start).min(rows).saturating_sub(skip);
        if take > 0 {
            groups.push(number);
            // Row counts of a row group fit the address space: the reader holds them as usize itself.
            let as_usize = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
            selectors.extend([
                RowSelector::skip(as_usize(skip)),
                RowSelector::select(as_usize(take)),
                RowSelector::skip(as_usize(rows - skip - take)),
            ]);
        }
        start += rows;
    }
    builder.with_row_groups(groups).with_row_selection(RowSelection::from(selectors))
}

/// Whether it is the store that failed, and not the object that is shorter than it should be.
pub(crate) fn failed_itself(error: &object_store::Error) -> bool {
    match error {
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => true,
        object_store::Error::Generic { source, .. } => {
            source.downcast_ref::<S3Error>().is_some_and(|error| !error.is_out_of_range())
        }
        _ => false,
    }
}
