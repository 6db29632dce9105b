//! Saved things: reports, dashboards and annotations, as documents that are made once and never replaced.
//!
//! ```text
//! saved/reports/0190f3a1-…/00000000000000000001.json    the first revision of a report
//! saved/reports/0190f3a1-…/00000000000000000002.json    what somebody made of it
//! ```
//!
//! A change makes the next revision of its document, whole, if it is not there: so exactly one writer makes number N + 1, of
//! what they saw as N. Who loses is told, and nothing of theirs is written. The highest number counts; a document that is
//! removed is one more revision, which says so.
//!
//! What a document says is up to who reads it.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::error::StoreError;
use crate::names::{self, SavedKind};
use crate::store::Store;

/// The newest revision of every document of a kind, by id.
///
/// # Errors
/// [`StoreError::Failed`].
pub async fn newest(store: &Store, kind: SavedKind) -> Result<BTreeMap<String, u64>, StoreError> {
    let mut newest = BTreeMap::new();
    for path in store.list(&names::all_saved(kind), None).await? {
        if let Some((id, revision)) = names::saved_place(&path) {
            let known: &mut u64 = newest.entry(id.to_owned()).or_default();
            *known = revision.max(*known);
        }
    }
    Ok(newest)
}

/// The revisions of one document, in order; none where there is no such document.
///
/// # Errors
/// [`StoreError::Failed`].
pub async fn revisions(store: &Store, kind: SavedKind, id: &str) -> Result<Vec<u64>, StoreError> {
    if !names::is_saved_id(id) {
        return Ok(Vec::new());
    }
    let found = store.list(&names::saved(kind, id), None).await?;
    let mut revisions: Vec<u64> = found.iter().filter_map(names::saved_place).map(|(_, revision)| revision).collect();
    revisions.sort_unstable();
    Ok(revisions)
}

/// The bytes of a revision; `None` if there is none.
///
/// # Errors
/// [`StoreError::Failed`].
pub async fn read(store: &Store, kind: SavedKind, id: &str, revision: u64) -> Result<Option<Bytes>, StoreError> {
    if !names::is_saved_id(id) {
        return Ok(None);
    }
    store.read(&names::saved_revision(kind, id, revision)).await
}

/// Makes a revision, which is durable then. False, and nothing changed, if there is one of that number.
///
/// # Errors
/// [`StoreError::Failed`]: whether it was made may not be known then.
pub async fn create(store: &Store, kind: SavedKind, id: &str, revision: u64, bytes: Bytes) -> Result<bool, StoreError> {
    store.create(&names::saved_revision(kind, id, revision), bytes).await
}

/// What saved things must do on every store; run by the tests of each.
pub mod conformance {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a suite of assertions")]

    use super::{Bytes, SavedKind, Store, create, newest, read, revisions};

    const IDS: [&str; 2] = ["0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e", "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5f"];
    const WRITERS: u64 = 12;

    /// Adds a number to the list that the newest revision holds, however often others are first.
    async fn add(store: &Store, number: u64) {
        let (kind, id) = (SavedKind::Reports, IDS[0]);
        loop {
            let last = revisions(store, kind, id).await.unwrap().last().copied().unwrap_or(0);
            let before = if last == 0 { Bytes::new() } else { read(store, kind, id, last).await.unwrap().unwrap() };
            let after = format!("{}{number} ", String::from_utf8(before.to_vec()).unwrap());
            if create(store, kind, id, last + 1, Bytes::from(after)).await.unwrap() {
                return;
            }
        }
    }

    /// Runs the suite on an empty store.
    pub async fn saved(store: &Store) {
        let kind = SavedKind::Reports;
        assert!(newest(store, kind).await.unwrap().is_empty(), "a lake where nothing was saved");
        assert_eq!(revisions(store, kind, IDS[0]).await.unwrap(), Vec::<u64>::new());
        assert_eq!(read(store, kind, IDS[0], 1).await.unwrap(), None);

        let writers: Vec<_> = (1..=WRITERS)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move { add(&store, number).await })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        let all: Vec<u64> = (1..=WRITERS).collect();
        assert_eq!(revisions(store, kind, IDS[0]).await.unwrap(), all, "one revision a change");
        let last = read(store, kind, IDS[0], WRITERS).await.unwrap().unwrap();
        let text = String::from_utf8(last.to_vec()).unwrap();
        let mut kept: Vec<u64> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
        kept.sort_unstable();
        assert_eq!(kept, all, "a change of a writer is lost");

        // What is there stays as it is.
        let first = read(store, kind, IDS[0], 1).await.unwrap().unwrap();
        assert!(!create(store, kind, IDS[0], 1, Bytes::from_static(b"other")).await.unwrap());
        assert_eq!(read(store, kind, IDS[0], 1).await.unwrap().unwrap(), first);

        // Kinds and documents know nothing of each other.
        assert!(create(store, SavedKind::Dashboards, IDS[0], 1, Bytes::from_static(b"d")).await.unwrap());
        assert!(create(store, kind, IDS[1], 1, Bytes::from_static(b"r")).await.unwrap());
        let listed: Vec<_> = newest(store, kind).await.unwrap().into_iter().collect();
        assert_eq!(listed, [(IDS[0].to_owned(), WRITERS), (IDS[1].to_owned(), 1)]);
        assert_eq!(newest(store, SavedKind::Dashboards).await.unwrap().len(), 1);
        assert!(newest(store, SavedKind::Annotations).await.unwrap().is_empty());

        // An id is a name of its own folder and nothing else.
        for id in ["..", "../reports", "", "a/b", "reports"] {
            assert_eq!(revisions(store, kind, id).await.unwrap(), Vec::<u64>::new(), "{id}");
            assert_eq!(read(store, kind, id, 1).await.unwrap(), None, "{id}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::IfMissing;

    #[tokio::test(flavor = "multi_thread")]
    async fn memory_conforms() {
        conformance::saved(&Store::in_memory()).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_directory_conforms() {
        let dir = tempfile::tempdir().unwrap();
        let lake = dir.path().join("lake");
        conformance::saved(&Store::open(lake.to_str().unwrap(), IfMissing::Create).await.unwrap()).await;
    }

    #[tokio::test]
    async fn what_is_called_otherwise_is_passed_over() {
        let store = Store::in_memory();
        for name in ["saved/reports/notes.json", "saved/reports/x/00000000000000000001.json", "saved/other/1.json"] {
            store.create(&object_store::path::Path::from(name), Bytes::new()).await.unwrap();
        }
        assert!(newest(&store, SavedKind::Reports).await.unwrap().is_empty());
    }
}
