//! Pages of a row group that are fetched while it is read, for the decoder that wants them one by one.
//!
//! ```text
//! fetched    [ p1 p2 ][ p3 ]  ─▶  decoder of the column asks for p1, p2, p3; what it has read is let go
//! ```
//!
//! The decoder cannot wait: all pages that the next batch touches have to be here before it is asked for.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::buf::Reader;
use bytes::{Buf, Bytes};
use parquet::arrow::arrow_reader::RowGroups;
use parquet::column::page::{PageIterator, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;

use super::{GAP_BYTES, as_usize};

/// Where the pages of a column lie, as far as the footer says.
pub(super) fn locations(metadata: &ParquetMetaData, group: usize, column: usize) -> &[PageLocation] {
    let index = metadata.offset_index().and_then(|groups| groups.get(group)?.get(column));
    index.map_or(&[], |index| index.page_locations())
}

/// What is fetched at once at the least: the first row that needs it, and where it lies.
pub(super) type Piece = (usize, Range<u64>);

/// What there is to fetch of a column. The dictionary is fetched with the
/// first page. A column without an index is one piece, and so is one that is smaller than what is read to save a request.
pub(super) fn pieces(metadata: &ParquetMetaData, group: usize, column: usize) -> Vec<Piece> {
    let (start, length) = metadata.row_group(group).column(column).byte_range();
    let pages = locations(metadata, group, column);
    if pages.is_empty() || length <= GAP_BYTES {
        return vec![(0, start..start + length)];
    }
    let piece = |(number, page): (usize, &PageLocation)| {
        let offset = u64::try_from(page.offset).unwrap_or(0);
        let end = offset + u64::try_from(page.compressed_page_size).unwrap_or(0);
        (as_usize(page.first_row_index), if number == 0 { start..end } else { offset..end })
    };
    pages.iter().enumerate().map(piece).collect()
}

/// The bytes of a column that have been fetched and are still to be read, in order.
#[derive(Debug)]
pub(super) struct Chunk {
    end: u64,
    parts: Mutex<VecDeque<(u64, Bytes)>>,
}

impl Chunk {
    fn new(end: u64) -> Self {
        Self { end, parts: Mutex::default() }
    }

    /// Adds what follows.
    pub(super) fn push(&self, offset: u64, bytes: Bytes) {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).push_back((offset, bytes));
    }

    /// What is here from `start` on. What lies before is let go, and if `read` bytes are all, that too.
    fn part(&self, start: u64, read: usize) -> Result<Bytes> {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let end = |(offset, bytes): &(u64, Bytes)| offset + bytes.len() as u64;
        while parts.front().is_some_and(|part| end(part) <= start) {
            parts.pop_front();
        }
        let missing = || ParquetError::General(format!("no page begins at byte {start}, where the index has one"));
        let front = parts.front().ok_or_else(missing)?;
        let skipped =
            start.checked_sub(front.0).and_then(|skipped| usize::try_from(skipped).ok()).ok_or_else(missing)?;
        let part = front.1.slice(skipped..);
        if part.len() == read {
            parts.pop_front();
        }
        Ok(part)
    }
}

impl Length for Chunk {
    fn len(&self) -> u64 {
        self.end
    }
}

impl ChunkReader for Chunk {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(self.part(start, 0)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let part = self.part(start, length)?;
        if part.len() < length {
            return Err(ParquetError::EOF(format!("a page at byte {start} has less than {length} bytes")));
        }
        Ok(part.slice(..length))
    }
}

/// One row group whose columns are filled while it is read.
pub(super) struct GroupPages<'a> {
    metadata: &'a ParquetMetaData,
    number: usize,
    pub(super) chunks: Vec<Arc<Chunk>>,
}

impl<'a> GroupPages<'a> {
    pub(super) fn new(metadata: &'a ParquetMetaData, number: usize) -> Self {
        let end = |(start, length): (u64, u64)| start + length;
        let columns = metadata.row_group(number).columns().iter();
        let chunks = columns.map(|column| Arc::new(Chunk::new(end(column.byte_range())))).collect();
        Self { metadata, number, chunks }
    }

    fn group(&self) -> &RowGroupMetaData {
        self.metadata.row_group(self.number)
    }
}

impl RowGroups for GroupPages<'_> {
    fn num_rows(&self) -> usize {
        as_usize(self.group().num_rows())
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        let chunk = self.chunks.get(column).ok_or_else(|| ParquetError::General(format!("no column {column}")))?;
        let pages = locations(self.metadata, self.number, column);
        let pages = (!pages.is_empty()).then(|| pages.to_vec());
        let reader = SerializedPageReader::new(Arc::clone(chunk), self.group().column(column), self.num_rows(), pages)?;
        Ok(Box::new(OneChunk(Some(Box::new(reader)))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.group()))
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.metadata
    }
}

/// The pages of a column of the only row group.
struct OneChunk(Option<Box<dyn PageReader>>);

impl Iterator for OneChunk {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(Ok)
    }
}

impl PageIterator for OneChunk {}
