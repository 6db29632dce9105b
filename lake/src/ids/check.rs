//! What is wrong with the index, for somebody who looks at it and changes nothing.
//!
//! | found | what landings make of it |
//! |---|---|
//! | a manifest or a segment that cannot be used | they pass over the index and build it again: that takes time, and no copy is counted |
//! | an index of another table, or of another history of this one | the same |
//! | ids of the table that are not in segments which claim to have them | copies of those events count as new ones |
//! | many ids behind the newest manifest | who starts reads them all first |

use std::collections::BTreeMap;

use futures::TryStreamExt;
use object_store::path::Path;

use super::known::{Bounds, KnownIds, Segment, oldest_kept};
use super::manifest::Manifest;
use super::recent;
use super::trouble::Trouble;
use super::upkeep::{Unusable, usable};
use crate::error::LakeError;
use crate::names;
use crate::snapshot::DataFile;
use crate::table::Table;

/// Ids that are looked up at once.
const CHUNK_IDS: usize = 128 * 1024;
/// The index may be renewed while it is looked at so many times in a row.
const ATTEMPTS: usize = 3;

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// An object that the index needs cannot be used.
    Damaged {
        /// Which.
        object: Path,
        /// What was found.
        problem: String,
    },
    /// The index is of another table, or of another history of this one.
    Foreign {
        /// Its manifest.
        object: Path,
        /// What was found.
        problem: String,
    },
    /// Ids that the index should have are not in it.
    Lacks {
        /// The manifest that claims them.
        object: Path,
        /// How many.
        ids: u64,
        /// A data file that has some of them.
        file: String,
    },
    /// Who starts has many ids to read.
    Behind {
        /// The manifest, if there is one that can be used.
        object: Option<Path>,
        /// Events that are not in the index, about.
        events: u64,
    },
}

/// Looks at the index of a table of events. Every id is looked up if `deep`; else only the manifest and the sizes of segments
/// are.
///
/// # Errors
/// The store failed.
pub async fn check(table: &mut Table, now_ms: i64, deep: bool) -> Result<Vec<Wrong>, LakeError> {
    check_within(table, now_ms, deep, &Bounds::default()).await
}

pub(super) async fn check_within(
    table: &mut Table,
    now_ms: i64,
    deep: bool,
    bounds: &Bounds,
) -> Result<Vec<Wrong>, LakeError> {
    let mut number = Manifest::newest(table.store()).await?;
    let mut found = Vec::new();
    for _ in 0..ATTEMPTS {
        found = check_manifest(table, number, now_ms, deep, bounds).await?;
        // Segments of an older manifest may be removed once there is a newer one.
        let newest = Manifest::newest(table.store()).await?;
        if found.is_empty() || newest == number {
            break;
        }
        number = newest;
    }
    Ok(found)
}

async fn check_manifest(
    table: &mut Table,
    number: u64,
    now_ms: i64,
    deep: bool,
    bounds: &Bounds,
) -> Result<Vec<Wrong>, LakeError> {
    table.refresh().await?;
    if number == 0 {
        return Ok(behind(table, None, now_ms, bounds).into_iter().collect());
    }
    let object = names::ids_manifest(number);
    let manifest = match Manifest::read(table.store(), number).await? {
        Ok(manifest) => manifest,
        Err(problem) => return Ok(vec![Wrong::Damaged { object, problem }]),
    };
    let manifest = match usable(manifest, table, now_ms).await? {
        Ok(manifest) => manifest,
        Err(Unusable::Foreign(problem)) => return Ok(vec![Wrong::Foreign { object, problem }]),
        Err(Unusable::Old(_)) => return Ok(behind(table, None, now_ms, bounds).into_iter().collect()),
    };
    let damaged = damaged_segments(table, &manifest, deep).await?;
    if !damaged.is_empty() {
        return Ok(damaged);
    }
    let mut found: Vec<Wrong> = behind(table, Some((&object, &manifest)), now_ms, bounds).into_iter().collect();
    if deep {
        found.extend(lacking(table, &object, manifest, now_ms, bounds).await?);
    }
    Ok(found)
}

async fn damaged_segments(table: &Table, manifest: &Manifest, deep: bool) -> Result<Vec<Wrong>, LakeError> {
    let store = table.store();
    let listed = store.list_first(&names::all_ids(), None, usize::MAX).await?;
    let sizes: BTreeMap<Path, u64> = listed.into_iter().map(|object| (object.location, object.size)).collect();
    let mut found = Vec::new();
    for meta in &manifest.segments {
        let object = names::ids_segment(&meta.id);
        let problem = match sizes.get(&object) {
            None => Some("it is not there".to_owned()),
            Some(size) if *size != meta.bytes => Some(format!("it has {size} bytes, the manifest says {}", meta.bytes)),
            Some(_) if deep => match meta.verify(store).await {
                Ok(()) => None,
                Err(Trouble::Segment { problem, .. }) => Some(problem),
                Err(Trouble::Lake(error)) => return Err(error),
            },
            Some(_) => None,
        };
        found.extend(problem.map(|problem| Wrong::Damaged { object, problem }));
    }
    Ok(found)
}

/// Whether who starts has more to read than a process that runs holds before it makes a manifest, and that twice.
fn behind(table: &Table, index: Option<(&Path, &Manifest)>, now_ms: i64, bounds: &Bounds) -> Option<Wrong> {
    let manifest = index.map(|(_, manifest)| manifest);
    let since_ms = oldest_kept(now_ms).max(manifest.map_or(i64::MIN, |manifest| manifest.since_ms));
    let is_new = |file: &DataFile| {
        manifest.is_none_or(|manifest| file.landed_in > manifest.version) && file.max_received_ms >= since_ms
    };
    let snapshot = table.snapshot();
    let events: u64 = snapshot.files.values().filter(|file| is_new(file)).map(|file| file.rows).sum();
    let is_much = events > 2 * bounds.recent_ids as u64;
    is_much.then(|| Wrong::Behind { object: index.map(|(object, _)| object.clone()), events })
}

/// Looks every id up that the manifest claims.
async fn lacking(
    table: &Table,
    object: &Path,
    manifest: Manifest,
    now_ms: i64,
    bounds: &Bounds,
) -> Result<Option<Wrong>, LakeError> {
    let mut known = KnownIds::with_bounds(*bounds);
    let since_ms = oldest_kept(now_ms).max(manifest.since_ms);
    let claims = |file: &DataFile| file.landed_in <= manifest.version && file.max_received_ms >= since_ms;
    known.segments = manifest.segments.into_iter().map(|meta| Segment { meta, sketch: None }).collect();
    let snapshot = table.snapshot();
    let mut lacking: Option<(u64, String)> = None;
    for file in snapshot.files.values().filter(|file| claims(file)) {
        match lacking_of(table, snapshot.version, &mut known, file, since_ms).await {
            Ok(0) => {}
            Ok(ids) => lacking.get_or_insert_with(|| (0, file.path.clone())).0 += ids,
            // It has a finding of its own, or was merged into another one meanwhile.
            Err(Trouble::Lake(LakeError::Missing { .. } | LakeError::Corrupt { .. })) => {}
            Err(Trouble::Lake(error)) => return Err(error),
            Err(Trouble::Segment { name, problem }) => {
                return Ok(Some(Wrong::Damaged { object: name.into(), problem }));
            }
        }
    }
    Ok(lacking.map(|(ids, file)| Wrong::Lacks { object: object.clone(), ids, file }))
}

async fn lacking_of(
    table: &Table,
    version: u64,
    known: &mut KnownIds,
    file: &DataFile,
    since_ms: i64,
) -> Result<u64, Trouble> {
    let (mut lacking, mut ids) = (0, Vec::new());
    let mut batches = recent::open(table.store(), version, file).await?;
    loop {
        let batch = batches.try_next().await?;
        if let Some(batch) = &batch {
            recent::for_each(batch, |received_ms, id| {
                if received_ms >= since_ms {
                    ids.push(id);
                }
            });
        }
        if ids.len() >= CHUNK_IDS || batch.is_none() {
            let mut is_new = vec![true; ids.len()];
            known.look_up_in_segments(table.store(), since_ms, &ids, &mut is_new).await?;
            lacking += is_new.iter().filter(|is_new| **is_new).count() as u64;
            ids.clear();
        }
        if batch.is_none() {
            return Ok(lacking);
        }
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
