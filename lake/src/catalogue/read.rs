//! The catalogue of a snapshot: the merge of what is noted of its files.
//!
//! ```text
//! version 7: a b c    read a, b, c                 merged a b c
//! version 8: a b c d  read d                       merged a b c + d
//! version 9: e d      read e (a, b and c merged)   merged anew of the notes that are held
//! ```
//!
//! Files never change, and neither do their notes; those that were read are held, up to a bound.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use super::{Catalogue, Limits, Observer, note};
use crate::error::LakeError;
use crate::names::TableName;
use crate::notes::{self, Note};
use crate::reader;
use crate::snapshot::{DataFile, Snapshot};
use crate::store::Store;

/// Files that are read at a time.
const AT_A_TIME: usize = 16;
/// Notes that are held, in bytes.
const HELD_BYTES: usize = 64 * 1024 * 1024;

/// Reads catalogues of the snapshots of one lake.
#[derive(Debug, Default)]
pub struct CatalogueReader {
    held: HashMap<String, Bytes>,
    merged: Option<(BTreeSet<String>, Arc<Catalogue>)>,
}

impl CatalogueReader {
    /// The catalogue of a snapshot of the events.
    ///
    /// # Errors
    /// A damaged or missing file is named.
    pub async fn of(&mut self, store: &Store, snapshot: &Snapshot) -> Result<Arc<Catalogue>, LakeError> {
        let begun = self.merged.take().filter(|(paths, _)| paths.iter().all(|path| snapshot.files.contains_key(path)));
        let (mut paths, catalogue) = begun.unwrap_or_default();
        let mut catalogue = Arc::unwrap_or_clone(catalogue);
        self.held.retain(|path, _| snapshot.files.contains_key(path));
        let mut room = HELD_BYTES.saturating_sub(self.held.values().map(Bytes::len).sum());
        let missing = snapshot.files.values().filter(|file| !paths.contains(&file.path));
        let missing: Vec<_> = missing.map(|file| (Arc::clone(file), self.held.get(&file.path).cloned())).collect();
        let reads = missing.into_iter().map(|(file, held)| async move {
            let noted = noted(store, snapshot.version, &file, held).await?;
            Ok::<_, LakeError>((file.path.clone(), noted))
        });
        let mut reads = futures::stream::iter(reads).buffered(AT_A_TIME);
        while let Some((path, (more, note))) = reads.try_next().await? {
            catalogue.merge(&more, &Limits::LAKE);
            if let Some(left) = room.checked_sub(note.len())
                && self.held.insert(path.clone(), note).is_none()
            {
                room = left;
            }
            paths.insert(path);
        }
        let catalogue = Arc::new(catalogue);
        self.merged = Some((paths, Arc::clone(&catalogue)));
        Ok(catalogue)
    }
}

/// The catalogue of a file, and its note: the one that is held, or the file's own, or one of its rows.
async fn noted(
    store: &Store,
    version: u64,
    file: &DataFile,
    held: Option<Bytes>,
) -> Result<(Catalogue, Bytes), LakeError> {
    let note = match held {
        Some(held) => Some(held),
        None => notes::read(store, TableName::Events, version, file, &[Note::Catalogue]).await?.pop().flatten(),
    };
    if let Some(note) = note
        && let Some(catalogue) = note::decode(&note, file.rows)
    {
        return Ok((catalogue, note));
    }
    let catalogue = observed(store, version, file).await?;
    let note = note::encode(catalogue.clone(), &Limits::NOTE);
    Ok((catalogue, note.into()))
}

/// The catalogue of the rows of a file that is live in `version`.
///
/// # Errors
/// The file is named if it is damaged or missing.
pub async fn observed(store: &Store, version: u64, file: &DataFile) -> Result<Catalogue, LakeError> {
    let mut observer = Observer::new(Limits::NOTE);
    let mut batches = reader::open_all(store, TableName::Events, version, file, &Observer::COLUMNS).await?;
    while let Some(batch) = batches.try_next().await? {
        observer.observe(&batch);
    }
    Ok(observer.finish())
}

/// What is noted of files whose rows go into one file, all of them: the note of that. `None` if one of them has none, or it
/// cannot be used; then the rows have to be looked at.
///
/// # Errors
/// A damaged or missing file is named.
pub async fn merged(store: &Store, version: u64, files: &[Arc<DataFile>]) -> Result<Option<Catalogue>, LakeError> {
    let reads = files.iter().cloned().map(|file| async move {
        let note = notes::read(store, TableName::Events, version, &file, &[Note::Catalogue]).await?.pop().flatten();
        Ok::<_, LakeError>(note.and_then(|note| note::decode(&note, file.rows)))
    });
    let mut reads = futures::stream::iter(reads).buffered(AT_A_TIME);
    let mut merged = Catalogue::default();
    while let Some(catalogue) = reads.try_next().await? {
        let Some(catalogue) = catalogue else { return Ok(None) };
        merged.merge(&catalogue, &Limits::NOTE);
    }
    Ok(Some(merged))
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
