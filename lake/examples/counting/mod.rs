//! A store that counts what is asked of it, and fails where it is told to: for tests, and for figures of requests.
//!
//! ```text
//! let objects = Arc::new(Counting::over(InMemory::new()));
//! let store = Store::over(Arc::clone(&objects) as _);
//! objects.fail_puts_of("_last_checkpoint");
//! assert_eq!(objects.take(), Requests { gets: 1, ..Requests::default() });
//! ```

use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};

/// Requests of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Requests {
    /// Reads, those of what is not there too.
    pub gets: usize,
    /// Writes.
    pub puts: usize,
    /// Listings.
    pub lists: usize,
    /// Deletions.
    pub deletes: usize,
}

/// Counts what is asked of another store.
#[derive(Debug)]
pub struct Counting<S> {
    inner: S,
    requests: Mutex<Requests>,
    failing: Mutex<Option<String>>,
}

impl<S> Counting<S> {
    /// Around a store.
    pub fn over(inner: S) -> Self {
        Self { inner, requests: Mutex::default(), failing: Mutex::default() }
    }

    /// What was asked since the last time.
    pub fn take(&self) -> Requests {
        std::mem::take(&mut self.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes of objects whose names contain this fail from now on.
    #[allow(dead_code, reason = "an example counts only")]
    pub fn fail_puts_of(&self, part: &str) {
        *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = Some(part.to_owned());
    }

    fn count(&self, count: impl FnOnce(&mut Requests)) {
        count(&mut self.requests.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl<S> fmt::Display for Counting<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("counting")
    }
}

#[async_trait]
impl<S: ObjectStore> ObjectStore for Counting<S> {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.count(|requests| requests.puts += 1);
        let failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if failing.is_some_and(|part| path.as_ref().contains(&part)) {
            return Err(object_store::Error::Generic { store: "counting", source: "failing, as told".into() });
        }
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.count(|requests| requests.gets += 1);
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        // Counted by call: weir deletes one by one.
        self.count(|requests| requests.deletes += 1);
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.count(|requests| requests.lists += 1);
        self.inner.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.count(|requests| requests.lists += 1);
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.count(|requests| requests.lists += 1);
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
