//! Reads whole files a few pages at a time, for merges of many files in bounded memory.
//!
//! The reader for queries fetches the wanted columns of a row group at once, which is quick and takes as much memory as the
//! row group has bytes. A merge reads all columns of up to hundreds of files side by side, so here a row group is fetched in
//! *slices*: as many rows as fit into an allowance of bytes, found through the offset index of its footer.
//!
//! ```text
//! row group   properties │ page │ page │ page │ page │ page │
//!             user       │      page      │     page         │
//! batches                │    │    │    │    │    │    │    │
//! slice                  ├─────────┼──────────────┼─────────┤     fetches the pages that begin in it
//! ```
//!
//! Each page is fetched once and decoded once, whatever rows the pages of other columns have: a slice ends where a batch ends, and
//! the decoders of a row group go on from slice to slice (`pages`).
//!
//! What a file holds in memory is said before any of it is read: see [`Paged::memory`].

mod pages;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef, Schema};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryFutureExt};
use object_store::{ObjectStoreExt, coalesce_ranges};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::arrow::{FieldLevels, ProjectionMask, parquet_to_arrow_field_levels};
use parquet::basic::{Compression, Type};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, RowGroupMetaData};

use crate::error::LakeError;
use crate::names::TableName;
use crate::object_reader::ObjectReader;
use crate::reader::{Apart, BATCH_ROWS, Batches, Explained, metadata_of, notes_of};
use crate::schema::columns_of;
use crate::snapshot::DataFile;
use crate::store::Store;
use crate::stored::{Layout, from_stored, in_memory};
use crate::typed::TypedColumn;
use pages::{Chunk, GroupPages, Piece, locations, pieces};

/// What the decompression of a column holds, in bytes: the decoder's tables.
const ZSTD_BYTES: usize = 100 * 1024;
/// What a value of a text takes in a batch, in bytes, beside the page that it lies in.
const VIEW_BYTES: usize = 16;
/// What a key of a dictionary takes there.
const KEY_BYTES: usize = 4;
/// Ranges that are so close to each other are fetched as one, in bytes. What lies between them is held in memory with them.
const GAP_BYTES: u64 = 16 * 1024;
/// The widest column of a batch has about so many bytes, or one page where that has more: each batch costs some
/// microseconds, and refers to its pages as long as it is there.
const BATCH_BYTES: usize = 64 * 1024;

/// A file whose footer has been read.
pub struct Paged {
    object: Thrifty,
    metadata: ArrowReaderMetadata,
    groups: VecDeque<Group>,
    memory: usize,
    failed: Explained,
}

impl std::fmt::Debug for Paged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Paged").field("groups", &self.groups).field("memory", &self.memory).finish_non_exhaustive()
    }
}

/// How a row group is read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    number: usize,
    batch_rows: usize,
    /// The rows with which slices end.
    slices: VecDeque<usize>,
}

impl Paged {
    /// Reads the footer of a file of the events that is live in `version`. Slices have about `slice_bytes` compressed bytes, or
    /// those of one batch where that has more.
    ///
    /// # Errors
    /// As [`reader::open`](crate::reader::open).
    pub async fn open(store: &Store, version: u64, file: &DataFile, slice_bytes: usize) -> Result<Self, LakeError> {
        let table = TableName::Events;
        let name = table.data(&file.path);
        let failed = Explained::new(&name, version);
        let mut object = ObjectReader::new(store.objects(), name.clone(), file.bytes);
        let options = ArrowReaderOptions::new()
            .with_offset_index_policy(PageIndexPolicy::Optional)
            .with_column_index_policy(PageIndexPolicy::Skip);
        let metadata = metadata_of(&mut object, table, options).await.map_err(|e| failed.explain(e))?;
        let rows = metadata.metadata().file_metadata().num_rows();
        if u64::try_from(rows) != Ok(file.rows) {
            return Err(LakeError::corrupt(name, format!("it has {rows} rows, the log says {}", file.rows)));
        }
        let (groups, memory) = plan(metadata.metadata(), row_bytes(metadata.schema()), slice_bytes);
        let object = Thrifty { object, is_directory: store.directory().is_some() };
        Ok(Self { object, metadata, groups, memory, failed })
    }

    /// The most bytes that reading the file holds at a time, reckoned from its footer: a slice as it is stored, and of each
    /// column its dictionary and decompressed the pages that a batch refers to.
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// The typed columns of the file.
    pub fn typed(&self) -> Vec<TypedColumn> {
        notes_of(&self.metadata).into_iter().map(|note| note.column).collect()
    }

    /// All rows and columns of the table, in order, and behind them `typed` columns, among which the file's own have to be. The
    /// text of properties has what is in none of these.
    pub fn stream(self, typed: &[TypedColumn]) -> Batches {
        let memory = in_memory(self.metadata.schema());
        let columns = columns_of(TableName::Events);
        let names: Vec<&str> = columns.fields().iter().map(|field| field.name().as_str()).collect();
        let apart = Apart { columns: typed, known: typed, text_for_these: false, of_kind: &[] };
        let layout = Layout::new(TableName::Events, &names, &notes_of(&self.metadata), Some(apart));
        let failed = self.failed.clone();
        let reading = Reading { paged: self, levels: None, group: None };
        let batches = futures::stream::try_unfold(reading, |mut reading| async move {
            Ok::<_, ParquetError>(reading.next().await?.map(|batch| (batch, reading)))
        });
        batches.map(move |batch| layout.give(from_stored(batch.map_err(|e| failed.explain(e))?, &memory)?)).boxed()
    }
}

/// A file that is being read.
struct Reading {
    paged: Paged,
    levels: Option<FieldLevels>,
    group: Option<OpenGroup>,
}

impl Reading {
    async fn next(&mut self) -> ParquetResult<Option<RecordBatch>> {
        loop {
            let Some(group) = &mut self.group else {
                let Some(group) = self.paged.groups.pop_front() else { return Ok(None) };
                self.group = Some(OpenGroup::new(&self.paged.metadata, &mut self.levels, group)?);
                continue;
            };
            if group.row >= group.fetched
                && let Some(end) = group.slices.pop_front()
            {
                group.fetch(&mut self.paged.object, end).await?;
            }
            if let Some(batch) = group.reader.next().transpose()? {
                group.row += batch.num_rows();
                return Ok(Some(batch));
            }
            self.group = None;
        }
    }
}

/// A row group that is being read.
struct OpenGroup {
    reader: ParquetRecordBatchReader,
    /// Of each column what was fetched, and what is still to be fetched.
    columns: Vec<(Arc<Chunk>, VecDeque<Piece>)>,
    slices: VecDeque<usize>,
    /// Rows that were read, and rows whose pages are there.
    row: usize,
    fetched: usize,
}

impl OpenGroup {
    fn new(metadata: &ArrowReaderMetadata, levels: &mut Option<FieldLevels>, group: Group) -> ParquetResult<Self> {
        let levels = match levels {
            Some(levels) => levels,
            None => {
                let columns = Some(metadata.schema().fields());
                let all = ProjectionMask::all();
                levels.insert(parquet_to_arrow_field_levels(metadata.parquet_schema(), all, columns)?)
            }
        };
        let Group { number, batch_rows, slices } = group;
        let pages = GroupPages::new(metadata.metadata(), number);
        let reader = ParquetRecordBatchReader::try_new_with_row_groups(levels, &pages, batch_rows, None)?;
        let pieces = |column| VecDeque::from(pieces(metadata.metadata(), number, column));
        let columns = pages.chunks.into_iter().enumerate().map(|(column, chunk)| (chunk, pieces(column))).collect();
        Ok(Self { reader, columns, slices, row: 0, fetched: 0 })
    }

    /// Fetches the pages that begin before row `end` and are not here yet.
    async fn fetch(&mut self, object: &mut Thrifty, end: usize) -> ParquetResult<()> {
        let (mut of, mut ranges) = (Vec::new(), Vec::<Range<u64>>::new());
        for (number, (_, pieces)) in self.columns.iter_mut().enumerate() {
            let mut is_first = true;
            while let Some((_, range)) = pieces.pop_front_if(|(row, _)| *row < end) {
                match ranges.last_mut() {
                    // Pages of one column follow each other.
                    Some(last) if !is_first && last.end == range.start => last.end = range.end,
                    _ => {
                        of.push(number);
                        ranges.push(range);
                    }
                }
                is_first = false;
            }
        }
        let fetched = object.get_byte_ranges(ranges.clone()).await?;
        for ((column, range), bytes) in of.into_iter().zip(ranges).zip(fetched) {
            if let Some((chunk, _)) = self.columns.get(column) {
                chunk.push(range.start, bytes);
            }
        }
        self.fetched = end;
        Ok(())
    }
}

/// What a row takes in a batch, in bytes, beside the pages that its texts lie in.
fn row_bytes(columns: &Schema) -> usize {
    let of_column = |field: &FieldRef| match field.data_type() {
        DataType::Dictionary(..) => KEY_BYTES,
        DataType::Boolean => 1,
        kind => kind.primitive_width().unwrap_or(VIEW_BYTES),
    };
    columns.fields().iter().map(of_column).sum()
}

/// Cuts row groups into slices, and reckons what reading them holds in memory.
fn plan(metadata: &ParquetMetaData, row_bytes: usize, slice_bytes: usize) -> (VecDeque<Group>, usize) {
    let mut groups = VecDeque::new();
    let mut memory = 0;
    for (number, group) in metadata.row_groups().iter().enumerate() {
        let batch_rows = batch_rows(metadata, number);
        let pieces = (0..group.num_columns()).flat_map(|column| pieces(metadata, number, column));
        let (slices, fetched) = cut(rows_of(group), batch_rows, pieces.collect(), slice_bytes);
        let rows = batch_rows.min(rows_of(group));
        let batch = rows * row_bytes;
        // Small columns are fetched whole, and stay until they are read.
        let small = group.columns().iter().map(|column| column.byte_range().1).filter(|bytes| *bytes <= GAP_BYTES);
        let small = usize::try_from(small.sum::<u64>()).unwrap_or(usize::MAX);
        memory = memory.max(fetched + small + decoded_bytes(metadata, number, rows) + batch);
        groups.push_back(Group { number, batch_rows, slices });
    }
    (groups, memory)
}

/// Rows of a batch of a row group: those of a few pages of the column that is the widest, by its page with the fewest.
fn batch_rows(metadata: &ParquetMetaData, number: usize) -> usize {
    let group = metadata.row_group(number);
    let decoded = |column: usize| as_usize(group.column(column).uncompressed_size());
    let widest = (0..group.num_columns()).max_by_key(|column| decoded(*column)).unwrap_or(0);
    let pages = locations(metadata, number, widest);
    let starts = pages.iter().map(|page| as_usize(page.first_row_index));
    let borders: Vec<usize> = starts.chain([rows_of(group)]).collect();
    let rows = |pair: &[usize]| pair[1].saturating_sub(pair[0]);
    let smallest = borders.windows(2).map(rows).filter(|rows| *rows > 0).min();
    // The last page of a row group may have one row: it says nothing of the others.
    let usual = borders.windows(2).rev().skip(1).map(rows).filter(|rows| *rows > 0).min();
    let page_bytes = decoded(widest) / pages.len().max(1);
    let pages = (BATCH_BYTES / page_bytes.max(1)).max(1);
    usual.or(smallest).unwrap_or(rows_of(group)).saturating_mul(pages).clamp(1, BATCH_ROWS)
}

/// Where slices end, which is where batches end, and the bytes of the largest. `pieces` are what is fetched: the first row
/// that needs it, and where it lies.
fn cut(rows: usize, batch_rows: usize, mut pieces: Vec<Piece>, slice_bytes: usize) -> (VecDeque<usize>, usize) {
    pieces.sort_unstable_by_key(|(row, _)| *row);
    let mut pieces = pieces.into_iter().peekable();
    let (mut ends, mut most, mut bytes, mut end) = (VecDeque::new(), 0, 0, 0);
    while end < rows {
        let next = (end + batch_rows).min(rows);
        let mut more = 0;
        while let Some((_, range)) = pieces.next_if(|(row, _)| *row < next) {
            more += usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        }
        if end > 0 && bytes + more > slice_bytes {
            ends.push_back(end);
            bytes = 0;
        }
        bytes += more;
        most = most.max(bytes);
        end = next;
    }
    ends.push_back(rows);
    (ends, most)
}

/// Of each column the dictionary, the page that is being read, for text also those that a batch refers to, and what its
/// decompression holds.
fn decoded_bytes(metadata: &ParquetMetaData, number: usize, batch_rows: usize) -> usize {
    let group = metadata.row_group(number);
    let of_column = |at: usize| {
        let column = group.column(at);
        let codec = if matches!(column.compression(), Compression::ZSTD(_)) { ZSTD_BYTES } else { 0 };
        let (stored, decoded) = (column.compressed_size().max(1), column.uncompressed_size());
        let pages = locations(metadata, number, at);
        let Some(first) = pages.first() else { return codec + as_usize(decoded) };
        let growth = decoded as f64 / stored as f64;
        let largest = pages.iter().map(|page| page.compressed_page_size).max().unwrap_or(0);
        let page = f64::from(largest) * growth;
        let dictionary = column.dictionary_page_offset().map_or(0, |offset| (first.offset - offset).max(0));
        let referred = match column.column_type() {
            Type::BYTE_ARRAY => page.max(decoded as f64 * batch_rows as f64 / rows_of(group).max(1) as f64),
            _ => 0.0,
        };
        codec + (dictionary as f64 * growth + page + referred) as usize
    };
    (0..group.num_columns()).map(of_column).sum()
}

fn rows_of(group: &RowGroupMetaData) -> usize {
    as_usize(group.num_rows())
}

/// Counts and sizes of a footer, which has them as signed numbers.
fn as_usize(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

/// Fetches what is asked for and next to nothing more. An object store's own way reads over gaps of a megabyte, and keeps
/// them; a directory's reads what it is asked for.
struct Thrifty {
    object: ObjectReader,
    is_directory: bool,
}

impl AsyncFileReader for Thrifty {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.object.get_bytes(range)
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        if self.is_directory {
            return self.object.get_byte_ranges(ranges);
        }
        let (objects, path) = self.object.place();
        async move {
            let fetch = |range| objects.get_range(path, range);
            coalesce_ranges(&ranges, fetch, GAP_BYTES).await
        }
        .map_err(|error: object_store::Error| ParquetError::External(Box::new(error)))
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        self.object.get_metadata(options)
    }
}

#[cfg(test)]
#[path = "paged_tests.rs"]
mod tests;
