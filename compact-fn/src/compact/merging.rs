//! One merge: files in, for each range of time one file out, in bounded memory.
//!
//! ```text
//! inputs   as many as fit into INPUT_BYTES, each read a slice at a time     ─┐
//! merged   one batch, of at most 8192 rows                                   ├─▶ does not grow with the rows or the files
//! outputs  at most OPEN_RANGES at once, their row groups in WRITER_BYTES    ─┘
//! ```
//!
//! Inputs that do not fit are left for the next merge. Ranges beyond those that are written at once get a pass of their own
//! over the inputs that touch them; and so does each range that is packed well.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int32Type;
use futures::{StreamExt, TryStreamExt};
use weir_core::event::uuid_text;
use weir_core::plan::Plan;
use weir_core::ports::{Clock, Ids};
use weir_core::time::{DAY_MS, rfc3339};
use weir_lake::merge::Merge;
use weir_lake::paged::Paged;
use weir_lake::reader::{BATCH_ROWS, Batches};
use weir_lake::schema::{BUCKET, BUCKETS};
use weir_lake::snapshot::Level;
use weir_lake::typed::TypedColumn;
use weir_lake::writer::{DataFileWriter, Packing};
use weir_lake::{DataFile, LakeError, Snapshot, Table, names};

use super::catalogues::Catalogues;
use super::columns;
use super::copies::Copies;
use super::queue::{FILE_BYTES, FILE_ROWS};
use crate::resolving;

/// Memory of all inputs, in bytes.
const INPUT_BYTES: usize = 112 * 1024 * 1024;
/// The compressed bytes of an input that are fetched at once, and the least of them where inputs are many.
const SLICE_BYTES: Range<usize> = 64 * 1024..4 * 1024 * 1024;
/// Footers that are read at once.
const OPENED_AT_ONCE: usize = 16;
/// Memory of unfinished row groups above which the largest is ended early, in bytes.
const WRITER_BYTES: usize = 24 * 1024 * 1024;
/// The same where files are packed lightly: they are merged again, and hundreds of inputs need the room.
const LIGHT_WRITER_BYTES: usize = 12 * 1024 * 1024;
/// Ranges that are written at once.
const OPEN_RANGES: i64 = 8;
/// Rows of a merge from which on its files are packed well: they are likely to stay.
const SETTLED_ROWS: u64 = 4 * 1024 * 1024;
/// Packing well takes tens of megabytes a file, so then ranges are written one after the other, each with a pass over the
/// inputs that touch it: it is done where they are so few.
const SETTLED_RANGES: i64 = 3;
/// After so many rows it is looked whether the inputs are still live.
const LOOK_ROWS: u64 = 1024 * 1024;

/// What a merge wrote.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// What went in: all that was asked for, or as many as memory has room for.
    pub(super) inputs: Vec<Arc<DataFile>>,
    /// What came out, not committed.
    pub(super) outputs: Vec<DataFile>,
    /// Rows that are copies of the one before.
    pub(super) copies: u64,
    /// The typed columns of what came out.
    pub(super) columns: Vec<TypedColumn>,
}

/// What a merge goes by.
pub(super) struct Merging<'a> {
    pub(super) table: &'a Table,
    pub(super) snapshot: &'a Snapshot,
    pub(super) clock: &'a dyn Clock,
    pub(super) ids: &'a dyn Ids,
    /// Days of the range of each file that comes out.
    pub(super) days: i64,
    /// The tracking plan in force.
    pub(super) plan: Option<&'a Plan>,
    /// When to give up.
    pub(super) until_ms: Option<i64>,
}

/// Why a merge ended early. What it wrote is not committed.
pub(super) enum Ended {
    /// Its time is over.
    OutOfTime(Vec<DataFile>),
    /// Something went wrong, or another writer was first.
    Failed(LakeError, Vec<DataFile>),
}

impl Merging<'_> {
    /// Merges files.
    pub(super) async fn run(&self, files: &[Arc<DataFile>]) -> Result<Merged, Ended> {
        let mut merged = Merged::default();
        match self.passes(files, &mut merged).await {
            Ok(true) => Ok(merged),
            Ok(false) => Err(Ended::OutOfTime(merged.outputs)),
            Err(error) => Err(Ended::Failed(error, merged.outputs)),
        }
    }

    /// `false` when time is over.
    async fn passes(&self, files: &[Arc<DataFile>], merged: &mut Merged) -> Result<bool, LakeError> {
        // The same for each pass: then later ones have room for what the first one had.
        let slice_bytes = (INPUT_BYTES / 8 / files.len().max(1)).clamp(SLICE_BYTES.start, SLICE_BYTES.end);
        let mut opened = self.open(files, slice_bytes).await?;
        merged.inputs = files.iter().take(opened.len()).cloned().collect();
        let inputs = merged.inputs.clone();
        let landed_in = inputs.iter().map(|file| file.landed_in).max().unwrap_or(0);
        let level = level_of(&inputs);
        let typed = typed_of(&opened);
        merged.columns = columns::choose(self.table, self.snapshot, &inputs, self.plan).await?;
        let moved = resolving::moved(self.table, self.snapshot, &inputs, &typed).await?;
        let touched: BTreeSet<i64> =
            inputs.iter().flat_map(|f| self.range_of(f.min_time_ms)..=self.range_of(f.max_time_ms)).collect();
        let touched: Vec<i64> = touched.into_iter().collect();
        let (store, version) = (self.table.store(), self.snapshot.version);
        let mut catalogues = Catalogues::read(store, version, &inputs, self.days).await?;
        let is_settled = inputs.iter().map(|file| file.rows).sum::<u64>() >= SETTLED_ROWS;
        let is_few = touched.len() <= as_usize(SETTLED_RANGES);
        let (packing, at_once) =
            if is_settled && is_few { (Packing::Settled, 1) } else { (Packing::Merged, as_usize(OPEN_RANGES)) };
        for ranges in touched.chunks(at_once) {
            let ranges = ranges.first().copied().unwrap_or(0)..ranges.last().map_or(0, |last| last + 1);
            let touches = |file: &DataFile| {
                self.range_of(file.min_time_ms) < ranges.end && self.range_of(file.max_time_ms) >= ranges.start
            };
            if opened.is_empty() {
                let again: Vec<_> = inputs.iter().filter(|file| touches(file)).cloned().collect();
                opened = self.open(&again, slice_bytes).await?;
            }
            let streams = opened
                .drain(..)
                .filter(|(file, _)| touches(file))
                .map(|(file, paged)| moved.left_out(&file, catalogues.watch(&file, &ranges, paged.stream(&typed))));
            let streams: Vec<Batches> = streams.chain([moved.rows(&(0..BUCKETS))]).collect();
            let mut outputs = Outputs {
                merging: self,
                level,
                packing,
                columns: merged.columns.clone(),
                catalogues: &mut catalogues,
                writers: BTreeMap::new(),
                done: Vec::new(),
            };
            let all = touched.len() <= at_once;
            let going = self.pass(streams, (!all).then_some(&ranges), &mut outputs, merged).await;
            let (files, ended) = match going {
                Ok(true) => (outputs.finish().await?, None),
                Ok(false) => (outputs.done, Some(Ok(false))),
                Err(error) => (outputs.done, Some(Err(error))),
            };
            merged.outputs.extend(files.into_iter().map(|file| DataFile { landed_in, ..file }));
            if let Some(ended) = ended {
                return ended;
            }
        }
        Ok(true)
    }

    /// Opens inputs, as many as memory has room for, but at least two.
    async fn open(
        &self,
        files: &[Arc<DataFile>],
        slice_bytes: usize,
    ) -> Result<Vec<(Arc<DataFile>, Paged)>, LakeError> {
        let (store, version) = (self.table.store(), self.snapshot.version);
        let opening: Vec<_> = files.iter().map(|file| Paged::open(store, version, file, slice_bytes)).collect();
        let mut opening = futures::stream::iter(opening).buffered(OPENED_AT_ONCE);
        let (mut opened, mut bytes) = (Vec::with_capacity(files.len()), 0);
        while let Some(paged) = opening.try_next().await? {
            bytes += paged.memory();
            if bytes > INPUT_BYTES && opened.len() >= 2 {
                break;
            }
            opened.push((Arc::clone(&files[opened.len()]), paged));
        }
        tracing::debug!(inputs = opened.len(), bytes, "opened");
        Ok(opened)
    }

    /// Merges into the outputs those rows that lie in `ranges`, or all. `false` when time is over.
    async fn pass(
        &self,
        streams: Vec<Batches>,
        ranges: Option<&Range<i64>>,
        outputs: &mut Outputs<'_>,
        merged: &mut Merged,
    ) -> Result<bool, LakeError> {
        let (range_micros, ranges) = (self.days * DAY_MS * 1000, ranges.cloned());
        let range_of = move |micros: i64| micros.div_euclid(range_micros);
        let merge = Merge::new(streams, BATCH_ROWS).await?;
        let mut merge = merge.by_part(move |micros| {
            Some(range_of(micros)).filter(|range| ranges.as_ref().is_none_or(|ranges| ranges.contains(range)))
        });
        let (mut copies, mut since_look) = (Copies::default(), 0);
        while let Some((range, rows)) = merge.next_part().await? {
            since_look += rows.num_rows() as u64;
            outputs.write(range, &rows, &mut copies).await?;
            if self.until_ms.is_some_and(|until_ms| self.clock.now_ms() > until_ms) {
                return Ok(false);
            }
            if since_look >= LOOK_ROWS {
                since_look = 0;
                self.still_live(&merged.inputs).await?;
            }
        }
        merged.copies += copies.found();
        Ok(true)
    }

    /// The number of the range that an instant lies in.
    fn range_of(&self, time_ms: i64) -> i64 {
        time_ms.div_euclid(self.days * DAY_MS)
    }

    /// Another compactor, or an erasure, may have taken inputs away: what is written from here on would be for nothing.
    async fn still_live(&self, inputs: &[Arc<DataFile>]) -> Result<(), LakeError> {
        let snapshot = self.table.clone().refresh().await?;
        match inputs.iter().find(|file| !snapshot.files.contains_key(&file.path)) {
            Some(gone) => Err(LakeError::NotLive { path: gone.path.clone(), version: snapshot.version }),
            None => Ok(()),
        }
    }
}

fn as_usize(count: i64) -> usize {
    usize::try_from(count).unwrap_or(0)
}

/// The typed columns that inputs have, all of them. A file has what the table had when it was written, and the table's columns only
/// become more, so what the table has now has these too.
fn typed_of(inputs: &[(Arc<DataFile>, Paged)]) -> Vec<TypedColumn> {
    let mut all: Vec<TypedColumn> = Vec::new();
    for column in inputs.iter().flat_map(|(_, paged)| paged.typed()) {
        if !all.contains(&column) {
            all.push(column);
        }
    }
    all
}

/// A file that is only rewritten stays what it was.
fn level_of(inputs: &[Arc<DataFile>]) -> Level {
    match inputs {
        [one] if one.level != Level::Landed => one.level,
        _ => Level::Compacted(inputs.iter().map(|file| file.level.number()).max().unwrap_or(0).saturating_add(1)),
    }
}

/// The files that a merge writes side by side.
struct Outputs<'a> {
    merging: &'a Merging<'a>,
    level: Level,
    packing: Packing,
    /// The typed columns of each.
    columns: Vec<TypedColumn>,
    catalogues: &'a mut Catalogues,
    /// By range, with the bucket of the last row.
    writers: BTreeMap<i64, (DataFileWriter, i32)>,
    done: Vec<DataFile>,
}

impl Outputs<'_> {
    /// Writes rows of one range, and sees to it that what is not finished has room.
    async fn write(&mut self, range: i64, rows: &RecordBatch, copies: &mut Copies) -> Result<(), LakeError> {
        copies.look(rows)?;
        self.append(range, rows).await?;
        let most_bytes = if self.packing == Packing::Settled { WRITER_BYTES } else { LIGHT_WRITER_BYTES };
        while self.writers.values().map(|(writer, _)| writer.memory()).sum::<usize>() > most_bytes
            && let Some((largest, _)) = self.writers.values_mut().max_by_key(|(writer, _)| writer.memory())
        {
            largest.flush().await?;
        }
        Ok(())
    }

    /// Writes rows of one range. A file that has become full ends with its bucket, so that the next one has other users; one
    /// that has twice as much ends in any case.
    async fn append(&mut self, range: i64, rows: &RecordBatch) -> Result<(), LakeError> {
        let buckets =
            rows.column_by_name(BUCKET).map(|c| c.as_primitive::<Int32Type>().values().as_ref()).unwrap_or(&[]);
        let last = buckets.last().copied().unwrap_or(0);
        let mut rest = rows.clone();
        if let Some((writer, bucket)) = self.writers.get(&range)
            && let full = (writer.rows() / FILE_ROWS).max(writer.bytes() / FILE_BYTES)
            && full > 0
        {
            let same = if full > 1 { 0 } else { buckets.iter().take_while(|b| *b == bucket).count() };
            if same < rest.num_rows() {
                if let Some((mut writer, _)) = self.writers.remove(&range) {
                    // What is known is of both files. Readers look at the rows of one that has no note.
                    self.catalogues.take(range);
                    if same > 0 {
                        writer.write(&rest.slice(0, same)).await?;
                    }
                    self.done.push(writer.finish().await?);
                }
                rest = rest.slice(same, rest.num_rows() - same);
            }
        }
        let (writer, bucket) = self.writer(range)?;
        *bucket = last;
        writer.write(&rest).await
    }

    fn writer(&mut self, range: i64) -> Result<&mut (DataFileWriter, i32), LakeError> {
        if !self.writers.contains_key(&range) {
            let Merging { table, ids, days, .. } = self.merging;
            let first_day = rfc3339(range.saturating_mul(*days * DAY_MS));
            let name = names::compacted(first_day.get(..10).unwrap_or(&first_day), &uuid_text(&ids.next_id()));
            let writer =
                DataFileWriter::packed(table.store(), table.name(), name, self.level, self.packing, &self.columns)?;
            let writer = if self.catalogues.knows(range) { writer.without_catalogue() } else { writer };
            self.writers.insert(range, (writer, 0));
        }
        self.writers
            .get_mut(&range)
            .ok_or_else(|| LakeError::Invariant("a writer that was just made is gone".to_owned()))
    }

    async fn finish(mut self) -> Result<Vec<DataFile>, LakeError> {
        for (range, (mut writer, _)) in self.writers {
            if let Some(catalogue) = self.catalogues.take(range) {
                writer.note_catalogue(catalogue);
            }
            self.done.push(writer.finish().await?);
        }
        Ok(self.done)
    }
}
