//! Reads and writes the saved things of a lake.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{StreamExt, TryStreamExt};
use weir_core::event::uuid_text;
use weir_core::ports::Ids;
use weir_core::saved::MAX_DOCUMENTS;
use weir_lake::names::SavedKind;
use weir_lake::{Store, saved};

use super::SavedError;
use super::document::{Body, Document};

/// So many documents are read at once.
const AT_ONCE: usize = 16;
/// So many bytes of documents are remembered; where more are read, all are forgotten and read again.
const KNOWN_BYTES: usize = 64 * 1024 * 1024;

/// Who saves, and when.
#[derive(Debug, Clone, Copy)]
pub struct Saving<'a> {
    /// The name, where it is known.
    pub by: Option<&'a str>,
    /// The present, in milliseconds since 1970.
    pub now_ms: i64,
}

/// The newest revision of each document that was read.
#[derive(Debug, Default)]
struct Known {
    documents: HashMap<(SavedKind, String), Arc<Document>>,
    /// About so many bytes.
    bytes: usize,
}

/// The saved things of one lake. Clones share what they have read.
#[derive(Debug, Clone)]
pub struct Library {
    store: Store,
    known: Arc<Mutex<Known>>,
}

impl Library {
    /// Of the lake in `store`. Nothing is read yet.
    pub fn new(store: Store) -> Self {
        Self { store, known: Arc::default() }
    }

    /// The newest revision of all documents of a kind, in the order of their ids; removed ones too. What cannot be read is
    /// left out, and the log says so.
    ///
    /// # Errors
    /// [`SavedError::Store`].
    pub async fn list(&self, kind: SavedKind) -> Result<Vec<Arc<Document>>, SavedError> {
        let newest = saved::newest(&self.store, kind).await?;
        let reads = newest.into_iter().map(|(id, revision)| async move {
            match self.newest_of(kind, &id, revision).await {
                // Somebody took the object away just now.
                Err(SavedError::NotThere { .. }) => Ok(None),
                Err(error @ SavedError::Damaged { .. }) => {
                    tracing::warn!(%error, "a saved document is left out");
                    Ok(None)
                }
                read => read.map(Some),
            }
        });
        let read: Vec<_> = futures::stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
        Ok(read.into_iter().flatten().collect())
    }

    /// The newest revision of a document, also where it is removed.
    ///
    /// # Errors
    /// [`SavedError::NotThere`], [`SavedError::Damaged`] and [`SavedError::Store`].
    pub async fn get(&self, kind: SavedKind, id: &str) -> Result<Arc<Document>, SavedError> {
        match saved::revisions(&self.store, kind, id).await?.last() {
            Some(revision) => self.newest_of(kind, id, *revision).await,
            None => Err(SavedError::NotThere { kind, id: id.to_owned() }),
        }
    }

    /// A revision of a document.
    ///
    /// # Errors
    /// As [`get`](Self::get), and [`SavedError::NoRevision`].
    pub async fn revision(&self, kind: SavedKind, id: &str, revision: u64) -> Result<Document, SavedError> {
        match self.read(kind, id, revision).await {
            Err(SavedError::NotThere { .. }) => {
                let newest = self.get(kind, id).await?.revision;
                Err(SavedError::NoRevision { kind, id: id.to_owned(), revision, newest })
            }
            read => read,
        }
    }

    /// All revisions of a document, the newest first.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn history(&self, kind: SavedKind, id: &str) -> Result<Vec<Document>, SavedError> {
        let mut revisions = saved::revisions(&self.store, kind, id).await?;
        if revisions.is_empty() {
            return Err(SavedError::NotThere { kind, id: id.to_owned() });
        }
        revisions.reverse();
        let reads = revisions.into_iter().map(|revision| self.read(kind, id, revision));
        futures::stream::iter(reads).buffered(AT_ONCE).try_collect().await
    }

    /// Keeps something new.
    ///
    /// # Errors
    /// [`SavedError::TooMany`] and [`SavedError::Store`].
    pub async fn create(
        &self,
        kind: SavedKind,
        body: Body,
        ids: &dyn Ids,
        saving: Saving<'_>,
    ) -> Result<Arc<Document>, SavedError> {
        // Which are removed is read only where it matters.
        if saved::newest(&self.store, kind).await?.len() >= MAX_DOCUMENTS
            && self.list(kind).await?.iter().filter(|document| !document.removed).count() >= MAX_DOCUMENTS
        {
            return Err(SavedError::TooMany { kind });
        }
        loop {
            let id = uuid_text(&ids.next_id());
            let document = Document::new(id, 1, body.clone(), saving.by, saving.now_ms);
            // Ids are not made twice; where one was, another is as good.
            if let Some(written) = self.write(kind, document).await? {
                return Ok(written);
            }
        }
    }

    /// Keeps what somebody made of a revision. A removed document comes back.
    ///
    /// # Errors
    /// [`SavedError::Changed`] if that revision is not the newest, [`SavedError::Newer`], and those of [`get`](Self::get).
    pub async fn update(
        &self,
        kind: SavedKind,
        (id, expected): (&str, u64),
        body: Body,
        saving: Saving<'_>,
    ) -> Result<Arc<Document>, SavedError> {
        self.current(kind, id, expected).await?;
        let next = Document::new(id.to_owned(), expected + 1, body, saving.by, saving.now_ms);
        self.write_next(kind, next, expected).await
    }

    /// Removes a document; what it was stays in its history. One that is removed stays as it is.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn remove(
        &self,
        kind: SavedKind,
        (id, expected): (&str, u64),
        saving: Saving<'_>,
    ) -> Result<Arc<Document>, SavedError> {
        let current = self.current(kind, id, expected).await?;
        if current.removed {
            return Ok(current);
        }
        let mut next = Document::new(id.to_owned(), expected + 1, current.body.clone(), saving.by, saving.now_ms);
        next.removed = true;
        self.write_next(kind, next, expected).await
    }

    /// The newest revision, where it is the expected one and may be followed by another.
    async fn current(&self, kind: SavedKind, id: &str, expected: u64) -> Result<Arc<Document>, SavedError> {
        let current = self.get(kind, id).await?;
        if let Some(format) = current.newer_format() {
            return Err(SavedError::Newer { kind, id: id.to_owned(), format });
        }
        if current.revision != expected {
            return Err(SavedError::Changed { kind, expected, current });
        }
        Ok(current)
    }

    async fn write_next(&self, kind: SavedKind, next: Document, expected: u64) -> Result<Arc<Document>, SavedError> {
        let id = next.id.clone();
        match self.write(kind, next).await? {
            Some(written) => Ok(written),
            None => Err(SavedError::Changed { kind, expected, current: self.get(kind, &id).await? }),
        }
    }

    /// Writes a revision, if there is none of its number.
    async fn write(&self, kind: SavedKind, document: Document) -> Result<Option<Arc<Document>>, SavedError> {
        let (Document { id, revision, .. }, bytes) = (&document, document.bytes());
        let size = bytes.len();
        let is_written = saved::create(&self.store, kind, id, *revision, bytes).await?;
        Ok(is_written.then(|| self.keep(kind, document, size)))
    }

    async fn newest_of(&self, kind: SavedKind, id: &str, revision: u64) -> Result<Arc<Document>, SavedError> {
        let known = self.known().documents.get(&(kind, id.to_owned())).cloned();
        if let Some(known) = known.filter(|known| known.revision == revision) {
            return Ok(known);
        }
        let (document, size) = self.read_sized(kind, id, revision).await?;
        Ok(self.keep(kind, document, size))
    }

    async fn read(&self, kind: SavedKind, id: &str, revision: u64) -> Result<Document, SavedError> {
        Ok(self.read_sized(kind, id, revision).await?.0)
    }

    /// A revision, and how many bytes it has.
    async fn read_sized(&self, kind: SavedKind, id: &str, revision: u64) -> Result<(Document, usize), SavedError> {
        match saved::read(&self.store, kind, id, revision).await? {
            Some(bytes) => Ok((Document::read(kind, id, revision, &bytes)?, bytes.len())),
            None => Err(SavedError::NotThere { kind, id: id.to_owned() }),
        }
    }

    /// Remembers a document, unless a later revision of it is known.
    fn keep(&self, kind: SavedKind, document: Document, size: usize) -> Arc<Document> {
        let document = Arc::new(document);
        let mut known = self.known();
        if known.bytes.saturating_add(size) > KNOWN_BYTES {
            *known = Known::default();
        }
        known.bytes += size;
        let kept = known.documents.entry((kind, document.id.clone())).or_insert_with(|| Arc::clone(&document));
        if kept.revision < document.revision {
            *kept = Arc::clone(&document);
        }
        document
    }

    /// Bytes of documents that are remembered.
    #[cfg(test)]
    pub(super) fn known_bytes(&self) -> usize {
        self.known().bytes
    }

    /// Where it is kept.
    #[cfg(test)]
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
