//! A segment: an immutable object of sorted ids, with its sketch behind them.
//!
//! ```text
//! ┌─ 4096 bytes ──────────────────┬─ … ─┬────────┬────────────────────────────────────────┐
//! │ 255 ids │ block number │ seal │     │ sketch │ magic │ ids │ buckets of sketch │ seal │
//! └───────────────────────────────┴─────┴────────┴────────────────────────────────────────┘
//! ```
//!
//! Ids are 16 bytes, big-endian, without repetition; the last block is filled up with zeros. So the id of rank `r` lies in
//! block `r / 255`, and can be read without the rest. A *seal* is xxh3-64 of what stands before it in its block (or of footer
//! and sketch), seeded with the segment's own id: another segment's bytes, or another place's, do not pass. All other numbers are
//! 8 bytes, little-endian.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;
use object_store::buffered::BufWriter;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use twox_hash::XxHash3_64;
use weir_store::{StoreError, names};

use super::sketch::{Sketch, SketchBuilder};
use super::trouble::Trouble;
use crate::reader::failed_itself;
use crate::store::Store;

/// Ids of a block.
const BLOCK_IDS: u64 = 255;
const BLOCK_BYTES: u64 = 4096;
/// Bytes of a block before its seal.
const SEALED: usize = BLOCK_BYTES as usize - 8;
const FOOTER_BYTES: u64 = 32;
const MAGIC: &[u8; 8] = b"weirids1";
/// Blocks that are handed to the store at once, or read at once by a merge: 1 MiB.
const CHUNK_BLOCKS: u64 = 256;
/// Bytes of a part of an upload. S3 takes none that are smaller, but for the last.
const PART_BYTES: usize = 5 * 1024 * 1024;
/// Blocks that one read of a lookup may span: 512 KiB.
const SPAN_BLOCKS: u64 = 128;
/// Blocks that lie no further apart are read with those between them.
const GAP_BLOCKS: u64 = 4;
/// Reads of a lookup that are under way at once.
const READS_AT_ONCE: usize = 8;

/// What a manifest says of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SegmentMeta {
    /// Its own id, which names the object.
    pub(super) id: String,
    /// How many ids it holds.
    pub(super) ids: u64,
    /// The size of the object.
    pub(super) bytes: u64,
    /// The latest receipt of any of its events, milliseconds since 1970.
    pub(super) last_received_ms: i64,
}

impl SegmentMeta {
    fn blocks(&self) -> u64 {
        self.ids.div_ceil(BLOCK_IDS)
    }

    fn seed(&self) -> u64 {
        seed_of(&self.id)
    }

    fn broken(&self, problem: impl ToString) -> Trouble {
        Trouble::Segment { name: names::ids_segment(&self.id).to_string(), problem: problem.to_string() }
    }

    /// A segment that cannot be read is damaged, unless it is the store that failed.
    fn unreadable(&self, error: object_store::Error) -> Trouble {
        if failed_itself(&error) {
            let name = names::ids_segment(&self.id);
            return Trouble::Lake(StoreError::failed(&name, error).into());
        }
        self.broken(error)
    }

    /// Reads the sketch.
    pub(super) async fn sketch(&self, store: &Store) -> Result<Sketch, Trouble> {
        let start = self.blocks().saturating_mul(BLOCK_BYTES);
        if self.bytes < start.saturating_add(FOOTER_BYTES) {
            return Err(self.broken(format_args!("{} bytes are too few for {} ids", self.bytes, self.ids)));
        }
        let read = store.objects().get_range(&names::ids_segment(&self.id), start..self.bytes).await;
        let tail = read.map_err(|e| self.unreadable(e))?;
        let footer_at = tail.len().saturating_sub(FOOTER_BYTES as usize);
        let number = |at: usize| tail.get(footer_at + at..footer_at + at + 8).map_or(0, little_endian);
        let is_whole = tail.len() as u64 == self.bytes - start
            && tail.get(footer_at..footer_at + 8) == Some(MAGIC)
            && number(8) == self.ids;
        let sketch = is_whole.then(|| Sketch::from_bytes(number(16), self.ids, tail.slice(..footer_at))).flatten();
        let is_sealed = |sketch: &Sketch| number(24) == seal_of(self.seed(), sketch, &tail[footer_at..tail.len() - 8]);
        sketch.filter(is_sealed).ok_or_else(|| self.broken("its sketch is damaged"))
    }

    /// Reads all of it: every seal, the order of the ids, and that there are as many as there should be.
    pub(super) async fn verify(&self, store: &Store) -> Result<(), Trouble> {
        self.sketch(store).await?;
        let mut cursor = Cursor::new(self);
        let (mut last, mut ids) = (None, 0);
        while cursor.refill(store).await? {
            ids += cursor.ids.len() as u64;
            if cursor.ids.first().copied() <= last || !cursor.ids.is_sorted_by(|a, b| a < b) {
                return Err(self.broken("its ids are out of order"));
            }
            last = cursor.ids.last().copied();
        }
        if ids == self.ids { Ok(()) } else { Err(self.broken(format_args!("it has {ids} ids of {}", self.ids))) }
    }

    /// The bytes of whole blocks, checked.
    async fn blocks_of(&self, store: &Store, ranges: &[Range<u64>]) -> Result<BTreeMap<u64, Bytes>, Trouble> {
        let bytes: Vec<_> = ranges.iter().map(|r| r.start * BLOCK_BYTES..r.end * BLOCK_BYTES).collect();
        let read = store.objects().get_ranges(&names::ids_segment(&self.id), &bytes).await;
        let mut blocks = BTreeMap::new();
        for (range, bytes) in ranges.iter().zip(read.map_err(|e| self.unreadable(e))?) {
            for (number, at) in range.clone().zip((0..bytes.len()).step_by(BLOCK_BYTES as usize)) {
                let block = bytes.slice(at..(at + BLOCK_BYTES as usize).min(bytes.len()));
                if !is_sealed(&block, number, self.seed()) {
                    return Err(self.broken(format_args!("block {number} is damaged")));
                }
                blocks.insert(number, block);
            }
        }
        Ok(blocks)
    }

    /// Which events of a span (see [`spans`]) are there. Reads only their blocks.
    async fn holds(&self, store: &Store, span: &[Wanted]) -> Result<Vec<usize>, Trouble> {
        let blocks = self.blocks_of(store, &ranges_of(span)).await?;
        let is_there = |wanted: &&Wanted| {
            let at = usize::try_from(wanted.rank % BLOCK_IDS).unwrap_or_default() * 16;
            let block = blocks.get(&wanted.block());
            block.and_then(|block| block.get(at..at + 16)) == Some(&wanted.id.to_be_bytes())
        };
        Ok(span.iter().filter(is_there).map(|wanted| wanted.event).collect())
    }
}

/// An id that may be in a segment, and where it would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wanted {
    /// Its place among the ids of the segment.
    pub(super) rank: u64,
    /// The id.
    pub(super) id: u128,
    /// Whose id it is: the place of an event in what is looked up.
    pub(super) event: usize,
}

impl Wanted {
    fn block(&self) -> u64 {
        self.rank / BLOCK_IDS
    }
}

/// Which events have their id in the segment where it may be; `wanted` is sorted, for each segment.
pub(super) async fn found(store: &Store, wanted: &[(SegmentMeta, Vec<Wanted>)]) -> Result<Vec<usize>, Trouble> {
    let mut reads = Vec::new();
    for (meta, wanted) in wanted {
        reads.extend(spans(wanted).into_iter().map(|span| meta.holds(store, span).boxed()));
    }
    let found: Vec<Vec<usize>> = futures::stream::iter(reads).buffer_unordered(READS_AT_ONCE).try_collect().await?;
    Ok(found.concat())
}

/// Parts that span no more blocks than one read may.
fn spans(mut wanted: &[Wanted]) -> Vec<&[Wanted]> {
    let mut spans = Vec::new();
    while let Some(first) = wanted.first() {
        let (span, rest) = wanted.split_at(wanted.partition_point(|next| next.block() < first.block() + SPAN_BLOCKS));
        spans.push(span);
        wanted = rest;
    }
    spans
}

/// The blocks of some ranks, as ranges.
fn ranges_of(span: &[Wanted]) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for block in span.iter().map(Wanted::block) {
        match ranges.last_mut() {
            Some(last) if block < last.end + GAP_BLOCKS => last.end = last.end.max(block + 1),
            _ => ranges.push(block..block + 1),
        }
    }
    ranges
}

fn seed_of(id: &str) -> u64 {
    XxHash3_64::oneshot(id.as_bytes())
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}

/// The seal of sketch and footer: a hash of the hashes of the sketch's parts, and what the footer has before the seal.
fn seal_of(seed: u64, sketch: &Sketch, footer: &[u8]) -> u64 {
    let mut bytes = Vec::with_capacity(FOOTER_BYTES as usize + 16);
    for part in sketch.parts() {
        bytes.extend_from_slice(&XxHash3_64::oneshot(&part).to_le_bytes());
    }
    bytes.extend_from_slice(footer);
    XxHash3_64::oneshot_with_seed(seed, &bytes)
}

fn is_sealed(block: &[u8], number: u64, seed: u64) -> bool {
    block.len() as u64 == BLOCK_BYTES
        && little_endian(&block[SEALED - 8..SEALED]) == number
        && little_endian(&block[SEALED..]) == XxHash3_64::oneshot_with_seed(seed, &block[..SEALED])
}

/// Writes a segment.
pub(super) struct SegmentWriter {
    store: Store,
    id: String,
    seed: u64,
    target: BufWriter,
    /// Whole blocks that are not handed on yet, and the ids of the next.
    buffer: Vec<u8>,
    ids: u64,
    last: Option<u128>,
    sketch: SketchBuilder,
}

impl SegmentWriter {
    /// Begins the segment `id`, which must be new, for at most so many ids.
    pub(super) fn new(store: &Store, id: String, most_ids: u64) -> Self {
        let target = BufWriter::with_capacity(store.objects(), names::ids_segment(&id), PART_BYTES);
        Self {
            store: store.clone(),
            seed: seed_of(&id),
            id,
            target: target.with_max_concurrency(2),
            buffer: Vec::new(),
            ids: 0,
            last: None,
            sketch: SketchBuilder::new(most_ids),
        }
    }

    /// Adds ids, which are not smaller than those before. One that is there already is left out.
    pub(super) async fn push(&mut self, ids: &[u128]) -> Result<(), Trouble> {
        for id in ids {
            if self.last == Some(*id) {
                continue;
            }
            self.last = Some(*id);
            self.sketch.push(*id);
            self.buffer.extend_from_slice(&id.to_be_bytes());
            self.ids += 1;
            if self.ids.is_multiple_of(BLOCK_IDS) {
                self.seal();
                if self.buffer.len() as u64 >= CHUNK_BLOCKS * BLOCK_BYTES {
                    let chunk = std::mem::take(&mut self.buffer);
                    self.put(Bytes::from(chunk)).await?;
                }
            }
        }
        Ok(())
    }

    /// Ends a block.
    fn seal(&mut self) {
        let number = self.ids.div_ceil(BLOCK_IDS) - 1;
        let begins = self.buffer.len() / BLOCK_BYTES as usize * BLOCK_BYTES as usize;
        self.buffer.resize(begins + SEALED - 8, 0);
        self.buffer.extend_from_slice(&number.to_le_bytes());
        let seal = XxHash3_64::oneshot_with_seed(self.seed, &self.buffer[begins..]);
        self.buffer.extend_from_slice(&seal.to_le_bytes());
    }

    async fn put(&mut self, bytes: Bytes) -> Result<(), Trouble> {
        let name = names::ids_segment(&self.id);
        Ok(self.target.put(bytes).await.map_err(|e| StoreError::failed(&name, e))?)
    }

    /// Makes the segment durable.
    pub(super) async fn finish(mut self, last_received_ms: i64) -> Result<(SegmentMeta, Sketch), Trouble> {
        if !self.ids.is_multiple_of(BLOCK_IDS) {
            self.seal();
        }
        let blocks = std::mem::take(&mut self.buffer);
        self.put(Bytes::from(blocks)).await?;
        let sketch = std::mem::replace(&mut self.sketch, SketchBuilder::new(0)).finish();
        let mut footer = Vec::with_capacity(FOOTER_BYTES as usize);
        footer.extend_from_slice(MAGIC);
        footer.extend_from_slice(&self.ids.to_le_bytes());
        footer.extend_from_slice(&sketch.buckets().to_le_bytes());
        let seal = seal_of(self.seed, &sketch, &footer);
        footer.extend_from_slice(&seal.to_le_bytes());
        for part in sketch.parts() {
            self.put(part).await?;
        }
        self.put(Bytes::from(footer)).await?;
        let name = names::ids_segment(&self.id);
        let ended = self.target.shutdown().await;
        let failed = |e| object_store::Error::Generic { store: "upload", source: Box::new(e) };
        ended.map_err(|e| StoreError::failed(&name, failed(e)))?;
        self.store.sync(&name).await?;
        let bytes = self.ids.div_ceil(BLOCK_IDS) * BLOCK_BYTES + sketch.bytes() as u64 + FOOTER_BYTES;
        Ok((SegmentMeta { id: self.id, ids: self.ids, bytes, last_received_ms }, sketch))
    }
}

impl std::fmt::Debug for SegmentWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SegmentWriter").field("id", &self.id).field("ids", &self.ids).finish_non_exhaustive()
    }
}

/// Writes one segment of the ids of several, holding a megabyte of each.
pub(super) async fn merge(store: &Store, id: String, inputs: &[SegmentMeta]) -> Result<(SegmentMeta, Sketch), Trouble> {
    let mut writer = SegmentWriter::new(store, id, inputs.iter().map(|meta| meta.ids).sum());
    let mut cursors = Vec::with_capacity(inputs.len());
    for meta in inputs {
        let mut cursor = Cursor::new(meta);
        if cursor.refill(store).await? {
            cursors.push(cursor);
        }
    }
    let mut merged = Vec::new();
    while let Some(limit) = cursors.iter().filter_map(|cursor| cursor.ids.last()).min().copied() {
        // Up to there every cursor has what it has in memory.
        for cursor in &mut cursors {
            let rest = &cursor.ids[cursor.at..];
            let taken = rest.partition_point(|id| *id <= limit);
            merged.extend_from_slice(&rest[..taken]);
            cursor.at += taken;
        }
        // Runs that are sorted each are what this sort is made for.
        merged.sort();
        writer.push(&merged).await?;
        merged.clear();
        let mut left = Vec::with_capacity(cursors.len());
        for mut cursor in cursors {
            if cursor.at < cursor.ids.len() || cursor.refill(store).await? {
                left.push(cursor);
            }
        }
        cursors = left;
    }
    writer.finish(inputs.iter().map(|meta| meta.last_received_ms).max().unwrap_or_default()).await
}

/// Reads a segment from its beginning.
struct Cursor<'a> {
    meta: &'a SegmentMeta,
    ids: Vec<u128>,
    at: usize,
    next_block: u64,
}

impl<'a> Cursor<'a> {
    fn new(meta: &'a SegmentMeta) -> Self {
        Self { meta, ids: Vec::new(), at: 0, next_block: 0 }
    }

    /// Reads the next ids; `false` at the end.
    async fn refill(&mut self, store: &Store) -> Result<bool, Trouble> {
        let range = self.next_block..self.meta.blocks().min(self.next_block + CHUNK_BLOCKS);
        self.ids.clear();
        self.at = 0;
        if range.is_empty() {
            return Ok(false);
        }
        for (number, block) in self.meta.blocks_of(store, std::slice::from_ref(&range)).await? {
            let ids = usize::try_from(BLOCK_IDS.min(self.meta.ids - number * BLOCK_IDS)).unwrap_or_default();
            self.ids.extend(block.as_chunks::<16>().0.iter().take(ids).map(|id| u128::from_be_bytes(*id)));
        }
        self.next_block = range.end;
        Ok(true)
    }
}

#[cfg(test)]
#[path = "segment_tests.rs"]
mod tests;
