//! Looks ids up, and follows the table.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use futures::{FutureExt, StreamExt, TryStreamExt};
use weir_core::ports::Ids as NewIds;

use super::HORIZON_MS;
use super::recent::{self, Ids, Recent};
use super::segment::{self, SegmentMeta, Wanted};
use super::sketch::Sketch;
use super::trouble::Trouble;
use crate::error::LakeError;
use crate::snapshot::DataFile;
use crate::store::Store;
use crate::table::Table;

/// Ids are kept so much longer than the horizon, so that clocks may differ: an hour.
const SLACK_MS: i64 = 60 * 60 * 1000;
/// The index may be found damaged, or taken over, so many times in a row before that is an error.
pub(super) const ATTEMPTS: usize = 100;
/// Sketches that are read at once.
const SKETCHES_AT_ONCE: usize = 4;

/// How much is held in memory, and when segments are written and merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// So many recent ids become a segment.
    pub recent_ids: usize,
    /// So many segments of a size become one.
    pub fan_in: usize,
    /// No merge makes a segment of more ids.
    pub most_ids: u64,
    /// Bytes of sketches that are kept. Others are read for each lookup.
    pub sketch_bytes: usize,
}

impl Default for Bounds {
    /// For up to 70 million ids in about 200 MB. With a batch of 131,072 the recent ids just fit a table of 2^20 places.
    fn default() -> Self {
        Self { recent_ids: 3 << 18, fan_in: 4, most_ids: 1 << 24, sketch_bytes: 160 << 20 }
    }
}

/// Where and when ids are looked up.
pub struct At<'a> {
    /// The table. It is refreshed where the index is ahead of it.
    pub table: &'a mut Table,
    /// Names of new segments.
    pub ids: &'a dyn NewIds,
    /// Now, milliseconds since 1970.
    pub now_ms: i64,
}

impl std::fmt::Debug for At<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("At").field("table", &self.table).field("now_ms", &self.now_ms).finish_non_exhaustive()
    }
}

/// A segment that lookups ask.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) meta: SegmentMeta,
    /// Once it was needed, and while there is room.
    pub(super) sketch: Option<Sketch>,
}

impl Segment {
    /// Its sketch, read if it is not in memory.
    async fn with_sketch(&mut self, store: &Store) -> Result<(&mut Self, Sketch), Trouble> {
        let sketch = match &self.sketch {
            Some(sketch) => sketch.clone(),
            None => self.meta.sketch(store).await?,
        };
        Ok((self, sketch))
    }
}

/// The ids of the horizon.
#[derive(Debug, Default)]
pub struct KnownIds {
    pub(super) bounds: Bounds,
    pub(super) recent: Recent,
    pub(super) segments: Vec<Segment>,
    /// All ids that were landed up to this version, and received since `since_ms`, are here.
    pub(super) version: Option<u64>,
    pub(super) since_ms: i64,
    /// The newest manifest that was seen.
    pub(super) manifest: u64,
    /// Whether the manifests were looked at.
    pub(super) has_looked: bool,
    /// Whether the next manifest should be made soon: segments were written that none names, or the newest is of no use.
    pub(super) owes_manifest: bool,
}

impl KnownIds {
    /// With other bounds than usual, for tests.
    pub fn with_bounds(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// Reads what was landed since, and says which of these events are the first of their id, in the order of arrival, among
    /// all that was received since `since_ms`. Does not remember them: that is for [`remember`](Self::remember), once they are
    /// committed.
    ///
    /// # Errors
    /// A data file that cannot be read is named; or the store failed.
    pub async fn firsts(
        &mut self,
        at: &mut At<'_>,
        since_ms: i64,
        fingerprints: &[u128],
    ) -> Result<Vec<bool>, LakeError> {
        let mut damage = None;
        for _ in 0..ATTEMPTS {
            match self.firsts_once(at, since_ms, fingerprints).await {
                Ok(firsts) => return Ok(firsts),
                Err(Trouble::Lake(error)) => return Err(error),
                Err(trouble) => {
                    self.recover(at, &trouble).await?;
                    damage = Some(trouble);
                }
            }
        }
        Err(given_up(damage))
    }

    async fn firsts_once(
        &mut self,
        at: &mut At<'_>,
        since_ms: i64,
        fingerprints: &[u128],
    ) -> Result<Vec<bool>, Trouble> {
        self.follow_once(at).await?;
        self.look_up(at.table, since_ms, fingerprints).await
    }

    /// Takes the ids of events that `version` has landed, the last of them received at `last_received_ms`.
    pub fn remember(&mut self, version: u64, fingerprints: &[u128], kept: &[bool], last_received_ms: i64) {
        let kept = fingerprints.iter().zip(kept).filter(|(_, kept)| **kept).map(|(id, _)| *id);
        self.recent.add(kept, last_received_ms);
        self.version = Some(version);
    }

    /// Reads what was landed since, and keeps the recent ids within their bound.
    pub(super) async fn follow(&mut self, at: &mut At<'_>) -> Result<(), LakeError> {
        let mut damage = None;
        for _ in 0..ATTEMPTS {
            match self.follow_once(at).await {
                Ok(()) => return Ok(()),
                Err(Trouble::Lake(error)) => return Err(error),
                Err(trouble) => {
                    self.recover(at, &trouble).await?;
                    damage = Some(trouble);
                }
            }
        }
        Err(given_up(damage))
    }

    async fn follow_once(&mut self, at: &mut At<'_>) -> Result<(), Trouble> {
        if self.version.is_some() && self.since_ms > at.now_ms - HORIZON_MS {
            // The clock has been set back: what was let go of is within the horizon again.
            self.forget();
        }
        if !self.has_looked {
            self.has_looked = true;
            self.since_ms = oldest_kept(at.now_ms);
            self.adopt_newest(at).await?;
        }
        for _ in 0..ATTEMPTS {
            self.take_new(at).await?;
            let is_settled = self.recent.len() < self.bounds.recent_ids && !self.owes_manifest;
            if is_settled || self.persist(at).await? {
                return Ok(());
            }
        }
        Err(LakeError::Conflict { version: at.table.snapshot().version }.into())
    }

    /// Reads the ids of files that were landed since.
    pub(super) async fn take_new(&mut self, at: &mut At<'_>) -> Result<(), Trouble> {
        let mut snapshot = at.table.snapshot();
        if self.version >= Some(snapshot.version) {
            return Ok(());
        }
        let new_of = |known: &Self, file: &DataFile| {
            known.version.is_none_or(|version| file.landed_in > version) && file.max_received_ms >= known.since_ms
        };
        let rows: u64 = snapshot.files.values().filter(|file| new_of(self, file)).map(|file| file.rows).sum();
        // So many at once are in another process's index, most likely: a compaction has touched them.
        if self.version.is_some() && rows > self.bounds.recent_ids as u64 / 8 && self.adopt_newest(at).await? {
            snapshot = at.table.snapshot();
        }
        for file in snapshot.files.values() {
            if new_of(self, file) {
                self.take_file(at, snapshot.version, file).await?;
            }
        }
        self.version = self.version.max(Some(snapshot.version));
        Ok(())
    }

    async fn take_file(&mut self, at: &At<'_>, version: u64, file: &DataFile) -> Result<(), Trouble> {
        let mut batches = recent::open(at.table.store(), version, file).await?;
        while let Some(batch) = batches.try_next().await? {
            let mut new = Vec::with_capacity(batch.num_rows());
            let mut last_received_ms = self.since_ms;
            recent::for_each(&batch, |received_ms, id| {
                if received_ms >= self.since_ms {
                    last_received_ms = last_received_ms.max(received_ms);
                    new.push(id);
                }
            });
            if !new.is_empty() {
                self.recent.add(new.into_iter(), last_received_ms);
            }
            if self.recent.len() >= self.bounds.recent_ids {
                self.spill(at).await?;
            }
        }
        Ok(())
    }

    async fn look_up(&mut self, table: &Table, since_ms: i64, fingerprints: &[u128]) -> Result<Vec<bool>, Trouble> {
        let mut seen = Ids::with_capacity_and_hasher(fingerprints.len(), BuildHasherDefault::default());
        let is_new = |id: &u128| seen.insert(*id) && !self.recent.contains(*id);
        let mut firsts: Vec<bool> = fingerprints.iter().map(is_new).collect();
        drop(seen);
        self.look_up_in_segments(table.store(), since_ms, fingerprints, &mut firsts).await?;
        if since_ms < self.since_ms {
            self.look_up_before(table, since_ms, fingerprints, &mut firsts).await?;
        }
        Ok(firsts)
    }

    /// Sets `firsts` to `false` for the events whose id is in a segment that has ids received since `since_ms`.
    pub(super) async fn look_up_in_segments(
        &mut self,
        store: &Store,
        since_ms: i64,
        fingerprints: &[u128],
        firsts: &mut [bool],
    ) -> Result<(), Trouble> {
        let mut room = self.bounds.sketch_bytes;
        for segment in &mut self.segments {
            room = room.saturating_sub(segment.sketch.as_ref().map_or(0, Sketch::bytes));
        }
        let asked = self.segments.iter_mut().filter(|segment| segment.meta.last_received_ms >= since_ms);
        let reads: Vec<_> = asked.map(|segment| segment.with_sketch(store).boxed()).collect();
        let mut sketches = futures::stream::iter(reads).buffered(SKETCHES_AT_ONCE);
        let mut wanted = Vec::new();
        while let Some((segment, sketch)) = sketches.try_next().await? {
            let mut of_segment = Vec::new();
            for (event, id) in fingerprints.iter().enumerate().filter(|(event, _)| firsts[*event]) {
                sketch.ranks(*id, |rank| of_segment.push(Wanted { rank, id: *id, event }));
            }
            if segment.sketch.is_none() && sketch.bytes() <= room {
                room -= sketch.bytes();
                segment.sketch = Some(sketch);
            }
            if !of_segment.is_empty() {
                of_segment.sort_unstable();
                wanted.push((segment.meta.clone(), of_segment));
            }
        }
        for event in segment::found(store, &wanted).await? {
            firsts[event] = false;
        }
        Ok(())
    }

    /// Looks into the data files for what was received before all that is in the index: rarely asked for, and read anew each time.
    async fn look_up_before(
        &self,
        table: &Table,
        since_ms: i64,
        fingerprints: &[u128],
        firsts: &mut [bool],
    ) -> Result<(), Trouble> {
        let mut open: HashMap<u128, usize> =
            fingerprints.iter().enumerate().filter(|(n, _)| firsts[*n]).map(|(n, id)| (*id, n)).collect();
        let snapshot = table.snapshot();
        let is_old = |file: &DataFile| file.min_received_ms < self.since_ms && file.max_received_ms >= since_ms;
        for file in snapshot.files.values().filter(|file| is_old(file)) {
            if open.is_empty() {
                break;
            }
            let mut batches = recent::open(table.store(), snapshot.version, file).await?;
            while let Some(batch) = batches.try_next().await? {
                recent::for_each(&batch, |received_ms, id| {
                    if received_ms >= since_ms
                        && let Some(number) = open.remove(&id)
                    {
                        firsts[number] = false;
                    }
                });
            }
        }
        Ok(())
    }

    /// Forgets everything but the number of the manifest.
    pub(super) fn forget(&mut self) {
        let (bounds, manifest) = (self.bounds, self.manifest);
        *self = Self { bounds, manifest, ..Self::default() };
    }

    /// Goes on after a segment was found missing or damaged: with a newer manifest, or from the data files.
    async fn recover(&mut self, at: &mut At<'_>, trouble: &Trouble) -> Result<(), LakeError> {
        let had = self.manifest;
        self.begin_anew(at.now_ms);
        let adopted = self.adopt_newest(at).await;
        match adopted {
            Ok(true) if self.manifest > had => return Ok(()),
            Err(Trouble::Lake(error)) => return Err(error),
            _ => {}
        }
        tracing::warn!(%trouble, "the index of event ids is damaged; it is built again from the table");
        self.begin_anew(at.now_ms);
        self.owes_manifest = true;
        Ok(())
    }

    /// Forgets everything but the number of the manifest, and does not look for a manifest first.
    pub(super) fn begin_anew(&mut self, now_ms: i64) {
        self.forget();
        self.has_looked = true;
        self.since_ms = oldest_kept(now_ms);
    }
}

/// What was received before may be let go.
pub(super) fn oldest_kept(now_ms: i64) -> i64 {
    now_ms - HORIZON_MS - SLACK_MS
}

fn given_up(damage: Option<Trouble>) -> LakeError {
    let problem = damage.map_or_else(String::new, |damage| damage.to_string());
    LakeError::corrupt(crate::names::all_ids(), problem)
}

#[cfg(test)]
#[path = "known_tests.rs"]
pub(super) mod tests;
