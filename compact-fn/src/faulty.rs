//! For tests: a store in memory that fails when it is told to, and counts its requests.
//!
//! ```text
//! let faulty = Arc::new(Faulty::default());
//! let store = Store::over(Arc::clone(&faulty) as _);
//! Faulty::set(&faulty.deletes_fail, true);
//! ```

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};
use weir_lake::names;

/// A store in memory that fails when it is told to.
#[derive(Debug, Default)]
pub(crate) struct Faulty {
    inner: InMemory,
    pub(crate) deletes_fail: AtomicBool,
    /// Commits are made, and then reported as failed.
    pub(crate) commits_look_failed: AtomicBool,
    /// Nothing is made.
    pub(crate) puts_fail: AtomicBool,
    requests: AtomicUsize,
    /// Making an object replaces the one that is there.
    pub(crate) creates_replace: AtomicBool,
    /// Manifests of the index of event ids are not made.
    pub(crate) manifests_fail: AtomicBool,
}

impl Faulty {
    pub(crate) fn set(fault: &AtomicBool, on: bool) {
        fault.store(on, Ordering::SeqCst);
    }

    /// Requests since this was asked last. A listing counts once, as a page does, and so does each object that is deleted.
    pub(crate) fn requests(&self) -> usize {
        self.requests.swap(0, Ordering::SeqCst)
    }

    fn count(&self) {
        self.requests.fetch_add(1, Ordering::SeqCst);
    }

    fn failed() -> object_store::Error {
        object_store::Error::Generic { store: "faulty", source: "failing, as told".into() }
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.count();
        if self.puts_fail.load(Ordering::SeqCst) {
            return Err(Self::failed());
        }
        if path.prefix_matches(&names::all_ids()) {
            let fails = names::ids_manifest_number(path).is_some() && self.manifests_fail.load(Ordering::SeqCst);
            return if fails { Err(Self::failed()) } else { self.inner.put_opts(path, payload, options).await };
        }
        let options = if self.creates_replace.load(Ordering::SeqCst) { PutOptions::default() } else { options };
        let done = self.inner.put_opts(path, payload, options).await?;
        let is_commit = names::commit_version(path).is_some();
        if is_commit && self.commits_look_failed.load(Ordering::SeqCst) { Err(Self::failed()) } else { Ok(done) }
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.count();
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.count();
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.count();
        if self.deletes_fail.load(Ordering::SeqCst) {
            return paths.map(|_| Err(Self::failed())).boxed();
        }
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.count();
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.count();
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
