//! Reads whole files a few pages at a time, for merges of many files in bounded memory.
//!
//! The reader for queries fetches the wanted columns of a row group at once, which is quick and takes as much memory as the
//! row group has bytes. A merge reads all columns of up to hundreds of files side by side, so here a row group that is large
//! is read in *slices*: as many rows as fit into an allowance of bytes, found through the offset index of its footer.
//!
//! ```text
//! row group   properties │ page │ page │ page │ page │ page │     the column with most bytes says where slices begin
//!             user       │      page      │     page         │     a page of another column that two slices share is read twice
//! slice                  ├─────────────┼─────────────┼──────┤
//! ```
//!
//! What a file holds in memory is said before any of it is read: see [`Paged::memory`].

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use object_store::{ObjectStoreExt, coalesce_ranges};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection, RowSelector};
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::basic::{Compression, Type};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, RowGroupMetaData};
use parquet::file::page_index::offset_index::PageLocation;

use crate::error::LakeError;
use crate::names::TableName;
use crate::object_reader::ObjectReader;
use crate::reader::{Apart, BATCH_ROWS, Batches, Explained, metadata_of, notes_of};
use crate::schema::columns_of;
use crate::snapshot::DataFile;
use crate::store::Store;
use crate::stored::{Layout, from_stored, in_memory};
use crate::typed::TypedColumn;

/// What the decompression of a column holds, in bytes: the decoder's tables.
const ZSTD_BYTES: usize = 100 * 1024;
/// What a value of a batch takes in memory, in bytes.
const VALUE_BYTES: usize = 16;
/// Ranges that are so close to each other are fetched as one, in bytes. What lies between them is held in memory with them.
const GAP_BYTES: u64 = 16 * 1024;

/// A file whose footer has been read.
pub struct Paged {
    object: ObjectReader,
    is_directory: bool,
    metadata: ArrowReaderMetadata,
    slices: VecDeque<Slice>,
    memory: usize,
    failed: Explained,
}

impl std::fmt::Debug for Paged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Paged")
            .field("slices", &self.slices.len())
            .field("memory", &self.memory)
            .finish_non_exhaustive()
    }
}

/// Rows of one row group that are fetched at once.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Slice {
    group: usize,
    rows: Range<usize>,
    /// Rows of a batch: as many as one page of the widest column has, so that a batch refers to few pages.
    batch_rows: usize,
}

impl Paged {
    /// Reads the footer of a file of the events that is live in `version`. Slices have about `slice_bytes` compressed bytes, or
    /// one page where that has more.
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
        let (slices, memory) = plan(metadata.metadata(), slice_bytes);
        let is_directory = store.directory().is_some();
        Ok(Self { object, is_directory, metadata, slices, memory, failed })
    }

    /// The most bytes that reading the file holds at a time, reckoned from its footer: a slice as it is stored, and of each
    /// column its dictionary and two pages decompressed.
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
        let apart = Apart { columns: typed, text_for_these: false };
        let layout = Layout::new(TableName::Events, &names, &notes_of(&self.metadata), Some(apart));
        let slices = futures::stream::try_unfold(self, |mut paged| async move {
            let Some(slice) = paged.slices.pop_front() else { return Ok::<_, LakeError>(None) };
            let batches = paged.read(&slice).map_err(|e| paged.failed.explain(e))?;
            let failed = paged.failed.clone();
            Ok(Some((batches.map_err(move |e| failed.explain(e)), paged)))
        });
        slices.try_flatten().map(move |batch| layout.give(from_stored(batch?, &memory)?)).boxed()
    }

    fn read(
        &self,
        slice: &Slice,
    ) -> ParquetResult<impl futures::Stream<Item = ParquetResult<arrow::array::RecordBatch>> + use<>> {
        let group_rows = rows_of(self.metadata.metadata().row_group(slice.group));
        let object = Thrifty { object: self.object.clone(), is_directory: self.is_directory };
        let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(object, self.metadata.clone())
            .with_batch_size(slice.batch_rows)
            .with_row_groups(vec![slice.group]);
        let builder = if slice.rows.len() == group_rows {
            builder
        } else {
            builder.with_row_selection(RowSelection::from(vec![
                RowSelector::skip(slice.rows.start),
                RowSelector::select(slice.rows.len()),
                RowSelector::skip(group_rows - slice.rows.end),
            ]))
        };
        builder.build()
    }
}

/// Cuts row groups into slices, and reckons what reading them holds in memory.
fn plan(metadata: &ParquetMetaData, slice_bytes: usize) -> (VecDeque<Slice>, usize) {
    let mut slices = VecDeque::new();
    let mut memory = 0;
    for (number, group) in metadata.row_groups().iter().enumerate() {
        let pages = |column: usize| -> &[PageLocation] {
            let index = metadata.offset_index().and_then(|groups| groups.get(number)?.get(column));
            index.map_or(&[], |index| index.page_locations())
        };
        let (cut, fetched) = cut(number, group, pages, slice_bytes);
        let batch_rows = cut.iter().map(|slice| slice.batch_rows.min(slice.rows.len())).max().unwrap_or(0);
        slices.extend(cut);
        let batch = batch_rows * group.num_columns() * VALUE_BYTES;
        memory = memory.max(fetched + decoded_bytes(group, pages) + batch);
    }
    (slices, memory)
}

/// The slices of a row group, and the bytes of the largest.
fn cut<'a>(
    number: usize,
    group: &RowGroupMetaData,
    pages: impl Fn(usize) -> &'a [PageLocation],
    slice_bytes: usize,
) -> (Vec<Slice>, usize) {
    let rows = rows_of(group);
    let stored = as_usize(group.compressed_size());
    let decoded = |column: usize| group.column(column).uncompressed_size();
    let stored_of = |column: usize| as_usize(group.column(column).compressed_size());
    let columns = 0..group.num_columns();
    let widest = columns.clone().max_by_key(|column| decoded(*column)).unwrap_or(0);
    let largest = columns.max_by_key(|column| stored_of(*column)).unwrap_or(0);
    let batch_rows = |rows: &Range<usize>| {
        let starts = pages(widest).iter().map(|page| as_usize(page.first_row_index));
        let borders: Vec<usize> =
            starts.chain([rows.end]).filter(|row| rows.contains(row) || *row == rows.end).collect();
        let smallest = borders.windows(2).map(|pair| pair[1] - pair[0]).filter(|rows| *rows > 0).min();
        // The last page of a row group may have one row: it says nothing of the others.
        let usual = borders.windows(2).rev().skip(1).map(|pair| pair[1] - pair[0]).filter(|rows| *rows > 0).min();
        usual.or(smallest).unwrap_or(rows.len()).clamp(1, BATCH_ROWS)
    };
    let whole = 0..rows;
    if stored <= slice_bytes || pages(largest).len() < 2 {
        let batch_rows = batch_rows(&whole);
        return (vec![Slice { group: number, rows: whole, batch_rows }], stored);
    }
    // What a page of the largest column stands for, with the other columns.
    let share = stored as f64 / stored_of(largest).max(1) as f64;
    let (mut slices, mut most, mut start, mut bytes) = (Vec::new(), 0, 0, 0);
    for page in pages(largest) {
        let page_bytes = (f64::from(page.compressed_page_size) * share) as usize;
        let row = as_usize(page.first_row_index);
        if bytes > 0 && bytes + page_bytes > slice_bytes && row > start {
            slices.push(start..row);
            (start, bytes) = (row, 0);
        }
        bytes += page_bytes;
        most = most.max(bytes);
    }
    slices.push(start..rows);
    let slice = |rows: Range<usize>| Slice { group: number, batch_rows: batch_rows(&rows), rows };
    (slices.into_iter().map(slice).collect(), most)
}

/// Of each column the dictionary, the page that is being read, for text also the one that the last batch refers to, and what
/// its decompression holds.
fn decoded_bytes<'a>(group: &RowGroupMetaData, pages: impl Fn(usize) -> &'a [PageLocation]) -> usize {
    let of_column = |number: usize| {
        let column = group.column(number);
        let codec = if matches!(column.compression(), Compression::ZSTD(_)) { ZSTD_BYTES } else { 0 };
        let (stored, decoded) = (column.compressed_size().max(1), column.uncompressed_size());
        let Some(first) = pages(number).first() else { return codec + as_usize(decoded) };
        let growth = decoded as f64 / stored as f64;
        let largest = pages(number).iter().map(|page| page.compressed_page_size).max().unwrap_or(0);
        let dictionary = column.dictionary_page_offset().map_or(0, |offset| (first.offset - offset).max(0));
        let held = if column.column_type() == Type::BYTE_ARRAY { 2.0 } else { 1.0 };
        codec + ((dictionary as f64 + held * f64::from(largest)) * growth) as usize
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
