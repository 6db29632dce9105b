//! For tests: a store in memory that fails when it is told to, and counts its requests.
//!
//! ```text
//! let faulty = Arc::new(Faulty::default());
//! let store = Store::over(Arc::clone(&faulty) as _);
//! Faulty::set(&faulty.deletes_fail, true);            until it is set back
//! faulty.refuse_below(Some("failed/"));               what is made there is not made
//! Faulty::dying_after(objects, 7)                     seven writes, and then none
//! ```

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

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
    inner: Arc<InMemory>,
    pub(crate) deletes_fail: AtomicBool,
    /// Commits are made, and then reported as failed.
    pub(crate) commits_look_failed: AtomicBool,
    /// Commits are made, and then reported as there already: a try within the store has found them.
    pub(crate) commits_look_taken: AtomicBool,
    /// Nothing is made.
    pub(crate) puts_fail: AtomicBool,
    requests: AtomicUsize,
    /// Making an object replaces the one that is there.
    pub(crate) creates_replace: AtomicBool,
    /// Manifests of the index of event ids are not made.
    pub(crate) manifests_fail: AtomicBool,
    /// What is below this name is not made.
    refused: Mutex<Option<&'static str>>,
    /// So many writes are left, if that is bounded.
    left: Mutex<Option<usize>>,
}

impl Faulty {
    pub(crate) fn set(fault: &AtomicBool, on: bool) {
        fault.store(on, Ordering::SeqCst);
    }

    /// Over objects that outlive it: after so many writes it writes no more.
    pub(crate) fn dying_after(objects: Arc<InMemory>, writes: usize) -> Self {
        Self { inner: objects, left: Mutex::new(Some(writes)), ..Self::default() }
    }

    /// Refuses to make what is below a name, or nothing any more.
    pub(crate) fn refuse_below(&self, name: Option<&'static str>) {
        *self.refused.lock().unwrap() = name;
    }

    fn begin_write(&self, path: &Path) -> Result<()> {
        let mut left = self.left.lock().unwrap();
        let is_dead = *left == Some(0);
        *left = left.map(|left| left.saturating_sub(1));
        let is_refused = self.refused.lock().unwrap().is_some_and(|below| path.as_ref().starts_with(below));
        let fails = is_dead || is_refused || self.puts_fail.load(Ordering::SeqCst);
        if fails { Err(Self::failed()) } else { Ok(()) }
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
        self.begin_write(path)?;
        if path.prefix_matches(&names::all_ids()) {
            let fails = names::ids_manifest_number(path).is_some() && self.manifests_fail.load(Ordering::SeqCst);
            return if fails { Err(Self::failed()) } else { self.inner.put_opts(path, payload, options).await };
        }
        let options = if self.creates_replace.load(Ordering::SeqCst) { PutOptions::default() } else { options };
        let done = self.inner.put_opts(path, payload, options).await?;
        let looks = |how: &AtomicBool| names::commit_version(path).is_some() && how.load(Ordering::SeqCst);
        if looks(&self.commits_look_taken) {
            return Err(object_store::Error::AlreadyExists { path: path.to_string(), source: "there".into() });
        }
        if looks(&self.commits_look_failed) { Err(Self::failed()) } else { Ok(done) }
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.count();
        self.begin_write(path)?;
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
