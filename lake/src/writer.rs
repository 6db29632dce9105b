//! Writes one sorted data file, and gathers what the log says about it.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::compute::{max, min};
use arrow::datatypes::{Int32Type, Schema, SchemaRef, TimestampMicrosecondType};
use bytes::Bytes;
use object_store::buffered::BufWriter;
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use tokio::io::AsyncWriteExt;

use crate::catalogue::{Catalogue, Limits, Observer, note};
use crate::error::LakeError;
use crate::failed::BODY;
use crate::links::{Collector, LinkCounts};
use crate::names::{self, TableName};
use crate::notes::{Note, key};
use crate::schema::{
    ANONYMOUS_ID, BUCKET, BUCKETS, CONTEXT, EVENT_ID, EVENT_UUID, PLACE, PROPERTIES, RECEIVED_AT, SESSION_ID, TIME,
    USER, USER_ID, columns_of,
};
use crate::snapshot::{DataFile, Level};
use crate::store::Store;
use crate::stored::{stored_columns, to_stored};
use crate::typed::{self, ColumnKind, Splitter, TypedColumn};
use weir_store::StoreError;

/// Rows of a row group: what a reader decodes and holds at a time.
const ROW_GROUP_ROWS: usize = 128 * 1024;
/// Bytes of a row group, compressed: reached where rows are large.
const ROW_GROUP_BYTES: usize = 16 * 1024 * 1024;
/// Bytes that wait for the store, of a landed file. One that is smaller is written in one request.
const LANDED_PART_BYTES: usize = 10 * 1024 * 1024;
/// The same of a compacted file, of which several are written at once: the smallest part that S3 takes.
const COMPACTED_PART_BYTES: usize = 5 * 1024 * 1024;
/// The same in a directory.
const DIRECTORY_PART_BYTES: usize = 1024 * 1024;
/// Parts of a file that are on their way at once, beside the one that is being filled.
const PARTS_AT_ONCE: usize = 1;

/// The largest dictionary of a typed column, in bytes.
const TYPED_DICTIONARY_BYTES: usize = 32 * 1024;

/// How much is spent on making a file small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Little, and in small pages: many such files are soon read side by side, to be merged.
    Landed,
    /// Little: the rows are likely to be merged again before long.
    Merged,
    /// Much: the rows are likely to stay in this file.
    Settled,
}

impl Packing {
    /// What the files of a level have, where nothing else is known of them.
    pub fn of(level: Level) -> Self {
        match level {
            Level::Landed => Self::Landed,
            Level::Compacted(_) => Self::Merged,
        }
    }
}

/// Writes batches of a table's columns, in sort order, into one new file.
pub struct DataFileWriter {
    store: Store,
    table: TableName,
    relative: String,
    level: Level,
    /// The columns as the file has them.
    stored: SchemaRef,
    /// Writes into memory; what is finished goes on to `target`.
    writer: ArrowWriter<Vec<u8>>,
    target: BufWriter,
    /// Takes properties out of the text, where the file has typed columns.
    splitter: Option<Splitter>,
    notes: Vec<(Note, Vec<u8>)>,
    /// Looks at the rows that pass, unless it is known what they have.
    observer: Option<Observer>,
    /// What the rows say of users; for events only.
    links: Option<Collector>,
    rows: u64,
    time: Option<(i64, i64)>,
    received: Option<(i64, i64)>,
    bucket_rows: Vec<u64>,
}

impl std::fmt::Debug for DataFileWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataFileWriter")
            .field("relative", &self.relative)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl DataFileWriter {
    /// Begins the file `relative` (see [`names`]), which must be new. Nothing is visible in the store before
    /// [`finish`](Self::finish).
    pub fn new(store: &Store, table: TableName, relative: String, level: Level) -> Result<Self, LakeError> {
        Self::packed(store, table, relative, level, Packing::of(level), &[])
    }

    /// As [`new`](Self::new), with a packing that is not the level's own, and with typed columns: the properties that have one
    /// are taken out of the text. They must be among those of the table once the file is live.
    pub fn packed(
        store: &Store,
        table: TableName,
        relative: String,
        level: Level,
        packing: Packing,
        typed: &[TypedColumn],
    ) -> Result<Self, LakeError> {
        let part = match level {
            Level::Landed => LANDED_PART_BYTES,
            Level::Compacted(_) if store.directory().is_some() => DIRECTORY_PART_BYTES,
            Level::Compacted(_) => COMPACTED_PART_BYTES,
        };
        let target = BufWriter::with_capacity(store.objects(), table.data(&relative), part);
        let target = target.with_max_concurrency(PARTS_AT_ONCE);
        let stored = stored_columns(table, typed);
        // Readers know the columns; a copy of the arrow schema in each footer would only cost bytes.
        let options = ArrowWriterOptions::new().with_properties(properties(table, packing, typed));
        let options = options.with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(&stored), options)?;
        Ok(Self {
            store: store.clone(),
            table,
            relative,
            level,
            stored,
            writer,
            target,
            splitter: (!typed.is_empty()).then(|| Splitter::new(typed.to_vec())),
            notes: Vec::new(),
            observer: (table == TableName::Events).then(|| Observer::new(Limits::NOTE)),
            links: if table == TableName::Events { Some(Collector::new()?) } else { None },
            rows: 0,
            time: None,
            received: None,
            bucket_rows: if table == TableName::Events { vec![0; BUCKETS] } else { Vec::new() },
        })
    }

    /// Adds rows, which follow those before in the table's sort order. They have the table's columns, and may have typed columns
    /// of the file behind them already.
    pub async fn write(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        self.rows += batch.num_rows() as u64;
        widen(&mut self.time, batch, TIME);
        widen(&mut self.received, batch, RECEIVED_AT);
        let buckets = batch.column_by_name(BUCKET).map(|column| column.as_primitive::<Int32Type>().values().as_ref());
        for bucket in buckets.unwrap_or(&[]) {
            if let Some(rows) = usize::try_from(*bucket).ok().and_then(|b| self.bucket_rows.get_mut(b)) {
                *rows += 1;
            }
        }
        if let Some(observer) = &mut self.observer {
            observer.observe(batch);
        }
        if let Some(links) = &mut self.links {
            links.take(batch)?;
        }
        let finished = self.writer.flushed_row_groups().len();
        let split = match &mut self.splitter {
            Some(splitter) => &split(batch, splitter)?,
            None => batch,
        };
        self.writer.write(&to_stored(split, &self.stored)?)?;
        if self.writer.flushed_row_groups().len() > finished {
            self.pass_on().await?;
        }
        Ok(())
    }

    /// Notes this catalogue, instead of looking at the rows: it must be that of all rows that will be written. One that counts
    /// other rows is not used by readers.
    #[must_use]
    pub fn with_catalogue(self, catalogue: Catalogue) -> Self {
        let mut writer = self.without_catalogue();
        writer.note_catalogue(catalogue);
        writer
    }

    /// Does not look at the rows: their catalogue comes later, with [`note_catalogue`](Self::note_catalogue). Of a file without
    /// one readers look at the rows.
    #[must_use]
    pub fn without_catalogue(mut self) -> Self {
        self.observer = None;
        self
    }

    /// As [`with_catalogue`](Self::with_catalogue), after rows were written.
    pub fn note_catalogue(&mut self, catalogue: Catalogue) {
        self.note(Note::Catalogue, note::encode(catalogue, &Limits::NOTE));
    }

    /// Adds a note, which readers find with [`notes::read`](crate::notes::read). A later one of the same name counts.
    pub fn note(&mut self, note: Note, text: Vec<u8>) {
        self.notes.retain(|(other, _)| *other != note);
        self.notes.push((note, text));
    }

    /// Hands finished bytes to the store.
    async fn pass_on(&mut self) -> Result<(), LakeError> {
        let bytes = Bytes::from(std::mem::take(self.writer.inner_mut()));
        let name = self.table.data(&self.relative);
        Ok(self.target.put(bytes).await.map_err(|e| StoreError::failed(&name, e))?)
    }

    /// Rows written so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes of the file so far, without the row group that is not full yet.
    pub fn bytes(&self) -> u64 {
        self.writer.bytes_written() as u64
    }

    /// Bytes of memory that the file holds until its row group is full.
    pub fn memory(&self) -> usize {
        self.writer.memory_size()
    }

    /// Ends the row group, and so lets the memory go.
    pub async fn flush(&mut self) -> Result<(), LakeError> {
        self.writer.flush()?;
        self.pass_on().await
    }

    /// Makes the file durable. It is live once a commit adds it; for a merge, the caller sets `landed_in`.
    pub async fn finish(mut self) -> Result<DataFile, LakeError> {
        let links = self.note_links()?;
        // What is left of the rows goes before the notes, and the notes before the footer that names them.
        self.writer.flush()?;
        if let Some(observer) = self.observer.take() {
            self.note(Note::Catalogue, note::encode(observer.finish(), &Limits::NOTE));
        }
        for (note, text) in std::mem::take(&mut self.notes) {
            let offset = self.writer.bytes_written();
            self.writer.write_all(&text).map_err(|e| LakeError::Write(e.into()))?;
            let place = format!("{offset},{}", text.len());
            self.writer.append_key_value_metadata(KeyValue { key: key(note), value: Some(place) });
        }
        if let Some(splitter) = &self.splitter {
            self.writer.append_key_value_metadata(typed::footer_entry(&splitter.notes()));
        }
        self.writer.finish()?;
        self.pass_on().await?;
        let name = self.table.data(&self.relative);
        self.target.shutdown().await.map_err(|e| StoreError::failed(&name, store_error(e)))?;
        self.store.sync(&name).await?;
        let (min_received, max_received) = self.received.unwrap_or_default();
        let (min_time, max_time) = self.time.unwrap_or((min_received, max_received));
        Ok(DataFile {
            path: self.relative,
            bytes: self.writer.bytes_written() as u64,
            rows: self.rows,
            min_time_ms: min_time.div_euclid(1000),
            max_time_ms: max_time.div_euclid(1000),
            min_received_ms: min_received.div_euclid(1000),
            max_received_ms: max_received.div_euclid(1000),
            level: self.level,
            bucket_rows: self.bucket_rows,
            landed_in: 0,
            links,
        })
    }

    fn note_links(&mut self) -> Result<Option<LinkCounts>, LakeError> {
        let Some(collector) = self.links.take() else { return Ok(None) };
        let found = collector.finish()?;
        if found.counts.declared > 0 {
            self.note(Note::Links, found.declared);
        }
        if found.counts.moved + found.counts.unmoved > 0 {
            self.note(Note::Users, found.users);
        }
        Ok(Some(found.counts))
    }
}

/// Rows with properties in typed columns, and in the text what is left.
fn split(batch: &RecordBatch, splitter: &mut Splitter) -> Result<RecordBatch, LakeError> {
    let at = batch.schema_ref().index_of(PROPERTIES)?;
    let given = given(batch, splitter);
    let split = splitter.split(batch.column(at).as_string_view(), &given);
    let others = batch.num_columns() - given.iter().flatten().count();
    let mut columns = batch.columns()[..others].to_vec();
    columns[at] = Arc::new(split.rest);
    columns.extend(split.columns);
    let fields = batch.schema_ref().fields()[..others].iter().cloned();
    let typed = splitter.columns().iter().map(|column| Arc::new(column.field()));
    let schema = Schema::new(fields.chain(typed).collect::<Vec<_>>());
    Ok(RecordBatch::try_new(Arc::new(schema), columns)?)
}

/// Those typed columns of the file that a batch has already.
fn given<'a>(batch: &'a RecordBatch, splitter: &Splitter) -> Vec<Option<&'a ArrayRef>> {
    splitter.columns().iter().map(|column| batch.column_by_name(&column.name())).collect()
}

/// What the store said, out of what a writer of bytes can say.
fn store_error(error: std::io::Error) -> object_store::Error {
    error
        .downcast::<object_store::Error>()
        .unwrap_or_else(|source| object_store::Error::Generic { store: "lake", source: Box::new(source) })
}

fn widen(range: &mut Option<(i64, i64)>, batch: &RecordBatch, column: &str) {
    let Some(values) = batch.column_by_name(column) else { return };
    let values = values.as_primitive::<TimestampMicrosecondType>();
    if let (Some(low), Some(high)) = (min(values), max(values)) {
        *range = Some(range.map_or((low, high), |(l, h)| (l.min(low), h.max(high))));
    }
}

/// How columns are encoded: dictionaries where few values repeat, differences for times, and no compression of random ids.
/// Which is smallest was measured; see docs/adr/0012-compaction.md.
fn properties(table: TableName, packing: Packing, typed: &[TypedColumn]) -> WriterProperties {
    let path = |name: &str| ColumnPath::from(name);
    let sorted = (0..3).map(|column_idx| SortingColumn { column_idx, descending: false, nulls_first: false }).collect();
    let sorted = (table == TableName::Events).then_some(sorted);
    // Reading a column that is compressed with zstd holds 100 kB, which is too much for hundreds of landed files at once.
    let (small, large, page_rows, text_page_bytes) = match packing {
        Packing::Landed if table == TableName::Events => (Compression::SNAPPY, Compression::SNAPPY, 1024, 32 * 1024),
        Packing::Landed | Packing::Merged => (zstd(1), zstd(1), 20_000, 512 * 1024),
        Packing::Settled => (zstd(3), zstd(12), 20_000, 1024 * 1024),
    };
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("weir ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(small)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_data_page_row_count_limit(page_rows)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(Some(64))
        .set_sorting_columns(sorted);
    // Differences are small as long as rows lie as they came. Where those of many files are sorted together, each user begins anew, and
    // what stays the same in the bytes of two times is found by the compression. The time itself is read by every question, and
    // differences that are not compressed are read in a quarter of the time: that is worth a byte more.
    let received = if packing == Packing::Landed { Encoding::DELTA_BINARY_PACKED } else { Encoding::PLAIN };
    for (number, encoding) in [(TIME, Encoding::DELTA_BINARY_PACKED), (RECEIVED_AT, received)] {
        properties =
            properties.set_column_dictionary_enabled(path(number), false).set_column_encoding(path(number), encoding);
    }
    if packing != Packing::Landed {
        properties = properties.set_column_compression(path(TIME), Compression::UNCOMPRESSED);
    }
    // Bytes of a place that stay the same from row to row are found by the compression, and differences would hide them.
    properties = properties.set_column_dictionary_enabled(path(PLACE), false);
    for text in [PROPERTIES, EVENT_UUID, EVENT_ID, BODY, USER_ID, ANONYMOUS_ID, SESSION_ID] {
        properties = properties
            .set_column_dictionary_enabled(path(text), false)
            .set_column_encoding(path(text), Encoding::DELTA_LENGTH_BYTE_ARRAY)
            .set_column_statistics_enabled(path(text), EnabledStatistics::None);
    }
    for text in [PROPERTIES, BODY] {
        properties = properties
            .set_column_data_page_size_limit(path(text), text_page_bytes)
            .set_column_compression(path(text), large);
    }
    if packing == Packing::Settled {
        for text in [SESSION_ID, EVENT_ID] {
            properties = properties.set_column_encoding(path(text), Encoding::DELTA_BYTE_ARRAY);
        }
        for column in [USER, USER_ID, ANONYMOUS_ID, PLACE] {
            properties = properties.set_column_compression(path(column), zstd(6));
        }
    }
    for column in typed {
        // Values that are few are worth a dictionary. Of many it would only be read beside them.
        let name = path(&column.name());
        properties = properties.set_column_dictionary_page_size_limit(name.clone(), TYPED_DICTIONARY_BYTES);
        if column.kind == ColumnKind::Text {
            properties = properties.set_column_encoding(name, Encoding::DELTA_LENGTH_BYTE_ARRAY);
        }
    }
    properties
        // A larger dictionary holds all users of a row group.
        .set_column_dictionary_page_size_limit(path(USER), 4 * 1024 * 1024)
        .set_column_statistics_enabled(path(CONTEXT), EnabledStatistics::None)
        .set_column_compression(path(EVENT_UUID), Compression::UNCOMPRESSED)
        .build()
}

fn zstd(level: i32) -> Compression {
    Compression::ZSTD(ZstdLevel::try_new(level).unwrap_or_default())
}

/// Writes one batch as a landed file.
///
/// # Errors
/// As [`DataFileWriter`].
pub async fn write_landed(
    store: &Store,
    table: TableName,
    id: &str,
    batch: &RecordBatch,
) -> Result<DataFile, LakeError> {
    debug_assert_eq!(batch.schema().fields(), columns_of(table).fields());
    let mut writer = DataFileWriter::new(store, table, names::landed(id), Level::Landed)?;
    writer.write(batch).await?;
    writer.finish().await
}
