//! Keeps the index: writes segments, merges them, makes manifests, takes those of others over, and clears away what none names.
//!
//! ```text
//!   recent ids pass 786,432 ─▶ segment ─▶ four of a size become one, up to 16.8 million ids ─▶ next manifest
//! ```
//!
//! A segment is durable before a manifest names it, and a manifest is made only if its number is free. So a process may be
//! killed at any point, and several may do all of this at once: what no manifest names is not part of the index, and whoever
//! comes second takes the first one's manifest.

use std::collections::{BTreeMap, BTreeSet};

use object_store::path::Path;
use weir_core::event::uuid_text;
use weir_core::ports::Ids as NewIds;

use super::HORIZON_MS;
use super::known::{ATTEMPTS, At, KnownIds, Segment, oldest_kept};
use super::manifest::{Manifest, witness};
use super::segment::{self, SegmentMeta, SegmentWriter};
use super::trouble::Trouble;
use crate::error::LakeError;
use crate::names;
use crate::store::Store;
use crate::table::Table;

/// What no manifest names is removed when it is so old: an hour, in milliseconds. Until then it may be about to be named.
const UNNAMED_MS: i64 = 60 * 60 * 1000;
/// Segments below this part of the bound of recent ids count as of one size.
const SMALLEST: u64 = 64;

/// Brings the index up to the table's version. To be called before files are merged: who starts afterwards does not have to
/// read the ids of a large file for the sake of the few that were landed last.
///
/// # Errors
/// A data file that cannot be read is named; or the store failed. The table does not depend on it: merging may go on.
pub async fn advance(table: &mut Table, ids: &dyn NewIds, now_ms: i64) -> Result<(), LakeError> {
    let mut known = KnownIds::default();
    known.advance(&mut At { table, ids, now_ms }).await
}

/// Builds the index again from the data files, whatever there is of it, and makes that the newest manifest. Processes that land
/// take it over when they make a manifest themselves, or find a segment gone.
///
/// # Errors
/// As [`advance`].
pub async fn rebuild(table: &mut Table, ids: &dyn NewIds, now_ms: i64) -> Result<(), LakeError> {
    let mut known = KnownIds::default();
    known.rebuild(&mut At { table, ids, now_ms }).await
}

/// The objects of the index that are in use: the newest manifest and what it names. Others are garbage, or about to be named.
///
/// # Errors
/// The store failed.
pub async fn live_names(store: &Store) -> Result<BTreeSet<Path>, LakeError> {
    let number = Manifest::newest(store).await?;
    if number == 0 {
        return Ok(BTreeSet::new());
    }
    let segments = Manifest::read(store, number).await?.map_or_else(|_| Vec::new(), |manifest| manifest.segments);
    let segments = segments.iter().map(|meta| names::ids_segment(&meta.id));
    Ok(segments.chain([names::ids_manifest(number)]).collect())
}

/// Removes objects of the index that are not in use, and have not been written within the last hour. Gives their number.
///
/// # Errors
/// The store failed. What was removed by then was not in use.
pub async fn clean_up(store: &Store, now_ms: i64) -> Result<u64, LakeError> {
    // Listed first: what is named by then, and not any more by the manifest that is read next, may go as well.
    let found = store.list_first(&names::all_ids(), None, usize::MAX).await?;
    let live = live_names(store).await?;
    let mut removed = 0;
    for object in found {
        let is_old = object.last_modified.timestamp_millis() <= now_ms - UNNAMED_MS;
        if is_old && !live.contains(&object.location) {
            store.delete(&object.location).await?;
            removed += 1;
        }
    }
    Ok(removed)
}

impl KnownIds {
    pub(super) async fn advance(&mut self, at: &mut At<'_>) -> Result<(), LakeError> {
        for _ in 0..ATTEMPTS {
            self.follow(at).await?;
            if self.recent.len() == 0 {
                return Ok(());
            }
            match self.persist(at).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(Trouble::Lake(error)) => return Err(error),
                Err(_) => self.forget(),
            }
        }
        // Others were first each time, so the index is about as new as it can be.
        Ok(())
    }

    pub(super) async fn rebuild(&mut self, at: &mut At<'_>) -> Result<(), LakeError> {
        for _ in 0..ATTEMPTS {
            self.begin_anew(at.now_ms);
            // Another process's manifest may have what is to be mended: this one is made behind it, and from nothing.
            self.manifest = Manifest::newest(at.table.store()).await?;
            at.table.refresh().await?;
            match self.build(at).await {
                Ok(true) => return Ok(()),
                Ok(false) | Err(Trouble::Segment { .. }) => {}
                Err(Trouble::Lake(error)) => return Err(error),
            }
        }
        Err(LakeError::Conflict { version: self.manifest + 1 })
    }

    /// `false` if another process made a manifest meanwhile.
    async fn build(&mut self, at: &mut At<'_>) -> Result<bool, Trouble> {
        self.take_new(at).await?;
        self.persist(at).await
    }

    /// Takes over the newest manifest, if it is newer than what was seen and holds for this table: its segments replace all
    /// ids that are here. Gives whether it was.
    pub(super) async fn adopt_newest(&mut self, at: &mut At<'_>) -> Result<bool, Trouble> {
        let store = at.table.store().clone();
        let newest = Manifest::newest(&store).await?;
        if newest == 0 || (newest <= self.manifest && self.version.is_some()) {
            return Ok(false);
        }
        self.manifest = self.manifest.max(newest);
        let usable = match Manifest::read(&store, newest).await? {
            Ok(manifest) => usable(manifest, at.table, at.now_ms).await?.map_err(|unusable| unusable.to_string()),
            Err(problem) => Err(problem),
        };
        match usable {
            Ok(manifest) => {
                let mut had: BTreeMap<String, Segment> =
                    self.segments.drain(..).map(|segment| (segment.meta.id.clone(), segment)).collect();
                let segments = manifest.segments.into_iter();
                self.segments =
                    segments.map(|meta| had.remove(&meta.id).unwrap_or(Segment { meta, sketch: None })).collect();
                self.recent.clear();
                self.version = Some(manifest.version);
                self.since_ms = manifest.since_ms;
                self.owes_manifest = false;
                Ok(true)
            }
            Err(problem) => {
                let manifest = names::ids_manifest(newest);
                tracing::warn!(%manifest, %problem, "a manifest of the index of event ids is passed over; the next one is made from the table");
                self.owes_manifest = true;
                Ok(false)
            }
        }
    }

    /// Writes the recent ids as a segment that no manifest names yet.
    pub(super) async fn spill(&mut self, at: &At<'_>) -> Result<(), Trouble> {
        let Some(last_received_ms) = self.recent.last_received_ms() else { return Ok(()) };
        let id = uuid_text(&at.ids.next_id());
        let mut writer = SegmentWriter::new(at.table.store(), id, self.recent.len() as u64);
        for ids in self.recent.sorted() {
            writer.push(&ids).await?;
        }
        let (meta, sketch) = writer.finish(last_received_ms).await?;
        self.keep(meta, sketch);
        self.recent.clear();
        self.owes_manifest = true;
        Ok(())
    }

    fn keep(&mut self, meta: SegmentMeta, sketch: super::sketch::Sketch) {
        let held: usize = self.segments.iter().filter_map(|s| s.sketch.as_ref()).map(|sketch| sketch.bytes()).sum();
        let sketch = (held + sketch.bytes() <= self.bounds.sketch_bytes).then_some(sketch);
        self.segments.push(Segment { meta, sketch });
    }

    /// Makes the next manifest, of everything up to `version`. `false` if another process's was taken over instead: then what
    /// was landed behind that has to be read.
    pub(super) async fn persist(&mut self, at: &mut At<'_>) -> Result<bool, Trouble> {
        for _ in 0..ATTEMPTS {
            if self.adopt_newest(at).await? {
                return Ok(false);
            }
            let Some(version) = self.version else { return Ok(true) };
            self.spill(at).await?;
            self.let_go(at.now_ms);
            self.merge_segments(at).await?;
            let store = at.table.store();
            let Some(witness) = witness(store, version).await? else {
                let object = crate::TableName::Events.commit(version).to_string();
                return Err(LakeError::Missing { object, version }.into());
            };
            let segments = self.segments.iter().map(|segment| segment.meta.clone()).collect();
            let manifest = Manifest::new(version, witness, self.since_ms, segments);
            if manifest.create(store, self.manifest + 1).await? {
                self.manifest += 1;
                self.owes_manifest = false;
                if let Err(error) = clean_up(store, at.now_ms).await {
                    tracing::warn!(%error, "what the index of event ids does not need any more is left in the lake");
                }
                return Ok(true);
            }
        }
        Err(LakeError::Conflict { version: self.manifest + 1 }.into())
    }

    /// Lets go of segments in which everything lies behind the horizon.
    fn let_go(&mut self, now_ms: i64) {
        let oldest_ms = oldest_kept(now_ms);
        self.segments.retain(|segment| segment.meta.last_received_ms >= oldest_ms);
        self.since_ms = self.since_ms.max(oldest_ms);
    }

    async fn merge_segments(&mut self, at: &At<'_>) -> Result<(), Trouble> {
        while let Some(chosen) = self.worth_merging() {
            let mut inputs = Vec::with_capacity(chosen.len());
            for number in &chosen {
                // Its sketch is not needed any more, and the memory is.
                self.segments[*number].sketch = None;
                inputs.push(self.segments[*number].meta.clone());
            }
            let id = uuid_text(&at.ids.next_id());
            let (meta, sketch) = segment::merge(at.table.store(), id, &inputs).await?;
            for number in chosen.iter().rev() {
                self.segments.remove(*number);
            }
            self.keep(meta, sketch);
            self.owes_manifest = true;
        }
        Ok(())
    }

    /// The places of segments of about one size, if there are enough: the smallest first.
    fn worth_merging(&self) -> Option<Vec<usize>> {
        let unit = (self.bounds.recent_ids as u64 / SMALLEST).max(1);
        let fan_in = self.bounds.fan_in.max(2);
        let mut sizes: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (number, segment) in self.segments.iter().enumerate() {
            let size = (segment.meta.ids / unit).max(1).ilog(fan_in as u64);
            sizes.entry(size).or_default().push(number);
        }
        let fits = |chosen: &[usize]| {
            chosen.iter().map(|number| self.segments[*number].meta.ids).sum::<u64>() <= self.bounds.most_ids
        };
        let mut enough = sizes.into_values().filter(|numbers| numbers.len() >= fan_in);
        enough.find_map(|mut numbers| {
            numbers.truncate(fan_in);
            fits(&numbers).then_some(numbers)
        })
    }
}

/// Why a manifest does not hold for a table.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// It is of another table, or of another history of this one.
    #[error("{0}")]
    Foreign(String),
    /// Too much was forgotten since: of the index, or of the table's log.
    #[error("{0}")]
    Old(String),
}

/// Whether a manifest holds for this table, as it is now.
pub(super) async fn usable(
    manifest: Manifest,
    table: &mut Table,
    now_ms: i64,
) -> Result<Result<Manifest, Unusable>, LakeError> {
    let version = manifest.version;
    if manifest.since_ms > now_ms - HORIZON_MS {
        return Ok(Err(Unusable::Old("it does not reach back to the horizon".to_owned())));
    }
    if version > table.snapshot().version {
        table.refresh().await?;
    }
    if version > table.snapshot().version {
        return Ok(Err(Unusable::Foreign(format!("it is of version {version}, which the table does not have"))));
    }
    match witness(table.store(), version).await? {
        Some(witness) if witness == manifest.witness => Ok(Ok(manifest)),
        Some(_) => Ok(Err(Unusable::Foreign(format!("it is of another version {version} than the table's")))),
        None => Ok(Err(Unusable::Old(format!("the commit of version {version} is gone")))),
    }
}

#[cfg(test)]
#[path = "upkeep_tests.rs"]
mod tests;
