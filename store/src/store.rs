//! The object store that a lake URL names.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_config::SdkConfig;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use url::Url;

use crate::aws;
use crate::error::{StoreError, said};
use crate::s3::{Place, S3};

/// The objects of one lake, by names relative to it.
#[derive(Debug, Clone)]
pub struct Store {
    url: String,
    objects: Arc<dyn ObjectStore>,
    /// Where the lake is a directory: that directory.
    directory: Option<PathBuf>,
    /// Whether listings come in the order of their names.
    lists_in_order: bool,
}

/// Whether a store for a directory that is not there is an error or makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMissing {
    /// Report [`StoreError::NoLake`].
    Fail,
    /// Make the directory. On S3 a lake begins with its first object; the bucket must be there.
    Create,
}

impl Store {
    /// Opens `s3://bucket/prefix`, `file:///path`, or a plain path. On S3, with the configuration of this process.
    ///
    /// # Errors
    /// [`StoreError::Url`] for other URLs, [`StoreError::NoLake`] for a directory that is not there, or a prefix without
    /// objects; [`StoreError::Unreachable`] for a bucket that is not there or not allowed.
    pub async fn open(url: &str, if_missing: IfMissing) -> Result<Self, StoreError> {
        match place_of(url)? {
            Some(place) => Self::open_s3(url, place, if_missing, &aws::config().await).await,
            None => Self::open_directory(url, if_missing),
        }
    }

    /// As [`open`](Self::open), with the configuration that a program shares among its clients of AWS.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_with(url: &str, if_missing: IfMissing, aws: &SdkConfig) -> Result<Self, StoreError> {
        match place_of(url)? {
            Some(place) => Self::open_s3(url, place, if_missing, aws).await,
            None => Self::open_directory(url, if_missing),
        }
    }

    async fn open_s3(url: &str, place: Place, if_missing: IfMissing, aws: &SdkConfig) -> Result<Self, StoreError> {
        let unreachable = |problem: String| StoreError::Unreachable { url: url.to_owned(), problem };
        if aws.region().is_none() {
            return Err(unreachable(
                "no region is set; set AWS_REGION to that of the bucket, or AWS_PROFILE".to_owned(),
            ));
        }
        let objects = S3::new(place, aws);
        // This asks, too, whether the bucket is there and may be asked.
        let has_objects = objects.has_objects().await.map_err(|error| unreachable(said(&error)))?;
        if !has_objects && if_missing == IfMissing::Fail {
            return Err(StoreError::NoLake { url: url.to_owned() });
        }
        Ok(Self { url: url.to_owned(), objects: Arc::new(objects), directory: None, lists_in_order: true })
    }

    fn open_directory(url: &str, if_missing: IfMissing) -> Result<Self, StoreError> {
        let directory = directory_of(url)?;
        if if_missing == IfMissing::Create {
            std::fs::create_dir_all(&directory).map_err(|e| StoreError::Url {
                url: url.to_owned(),
                problem: format!("cannot make the directory: {e}"),
            })?;
        }
        if !directory.exists() {
            return Err(StoreError::NoLake { url: url.to_owned() });
        }
        if !directory.is_dir() {
            return Err(StoreError::Url { url: url.to_owned(), problem: "it is a file, not a directory".to_owned() });
        }
        let objects = LocalFileSystem::new_with_prefix(&directory).map_err(|e| StoreError::failed(url, e))?;
        Ok(Self { url: url.to_owned(), objects: Arc::new(objects), directory: Some(directory), lists_in_order: false })
    }

    /// A store in memory, for tests.
    pub fn in_memory() -> Self {
        Self::over(Arc::new(InMemory::new()))
    }

    /// A store over another one, for tests with faults.
    pub fn over(objects: Arc<dyn ObjectStore>) -> Self {
        Self { url: "memory:".to_owned(), objects, directory: None, lists_in_order: false }
    }

    /// As it was given.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The directory of a lake on one machine.
    pub fn directory(&self) -> Option<&FilePath> {
        self.directory.as_deref()
    }

    /// The store itself, for readers and writers of data files.
    pub fn objects(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.objects)
    }

    /// The bytes of an object; `None` if there is none.
    pub async fn read(&self, path: &Path) -> Result<Option<Bytes>, StoreError> {
        let read = async { self.objects.get(path).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(StoreError::failed(path, error)),
        }
    }

    /// Makes an object durable if there is none of that name. `false`, and nothing changed, if there is one. Nobody sees it
    /// before it is durable.
    ///
    /// # Errors
    /// [`StoreError::Failed`]: whether it was made may not be known then.
    pub async fn create(&self, path: &Path, bytes: Bytes) -> Result<bool, StoreError> {
        if let Some(file) = self.file(path) {
            return in_background(path, move || create_file(&file, &bytes)).await;
        }
        let options = PutOptions::from(PutMode::Create);
        match self.objects.put_opts(path, PutPayload::from(bytes), options).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(StoreError::failed(path, error)),
        }
    }

    /// Makes an object or replaces the one of its name. Readers see the old bytes or the new ones; a power cut may leave
    /// either, or an object that is cut off: for what can be done without.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn replace(&self, path: &Path, bytes: Bytes) -> Result<(), StoreError> {
        let put = self.objects.put(path, PutPayload::from(bytes)).await;
        put.map(drop).map_err(|error| StoreError::failed(path, error))
    }

    /// Names of objects below `prefix` that sort behind `after`, sorted.
    pub async fn list(&self, prefix: &Path, after: Option<&Path>) -> Result<Vec<Path>, StoreError> {
        let found = match after {
            Some(after) => self.objects.list_with_offset(Some(prefix), after),
            None => self.objects.list(Some(prefix)),
        };
        let mut names: Vec<Path> =
            found.map_ok(|o| o.location).try_collect().await.map_err(|e| StoreError::failed(prefix, e))?;
        names.sort();
        Ok(names)
    }

    /// The first objects below `prefix` that sort behind `after`, at most `most`, sorted. On S3 it lists no more than that.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn list_first(
        &self,
        prefix: &Path,
        after: Option<&Path>,
        most: usize,
    ) -> Result<Vec<ObjectMeta>, StoreError> {
        let found = match after {
            Some(after) => self.objects.list_with_offset(Some(prefix), after),
            None => self.objects.list(Some(prefix)),
        };
        let at_once = if self.lists_in_order { most } else { usize::MAX };
        let found = found.take(at_once).try_collect::<Vec<_>>().await;
        let mut found = found.map_err(|e| StoreError::failed(prefix, e))?;
        found.sort_by(|a, b| a.location.cmp(&b.location));
        found.truncate(most);
        Ok(found)
    }

    /// Whether there is an object of that name.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn has(&self, path: &Path) -> Result<bool, StoreError> {
        Ok(self.size(path).await?.is_some())
    }

    /// The bytes that an object has; `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn size(&self, path: &Path) -> Result<Option<u64>, StoreError> {
        match self.objects.head(path).await {
            Ok(object) => Ok(Some(object.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(StoreError::failed(path, error)),
        }
    }

    /// Removes an object that no snapshot needs. Removing what is not there is no error.
    pub async fn delete(&self, path: &Path) -> Result<(), StoreError> {
        match self.objects.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(StoreError::failed(path, error)),
        }
    }

    /// Makes an object durable that was written through [`objects`](Self::objects). A local file system keeps a new file in
    /// memory until it is told to write it; object stores answer when it is safe.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn sync(&self, path: &Path) -> Result<(), StoreError> {
        let Some(file) = self.file(path) else { return Ok(()) };
        in_background(path, move || {
            File::open(&file)?.sync_all()?;
            sync_folder_of(&file)
        })
        .await
    }

    /// The file of an object, where the lake is a directory.
    fn file(&self, path: &Path) -> Option<PathBuf> {
        let directory = self.directory.clone()?;
        Some(path.parts().fold(directory, |to, part| to.join(part.as_ref())))
    }
}

async fn in_background<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let failed = |e: Box<dyn std::error::Error + Send + Sync>| {
        StoreError::failed(path, object_store::Error::Generic { store: "file", source: e })
    };
    tokio::task::spawn_blocking(work).await.map_err(|e| failed(e.into()))?.map_err(|e| failed(e.into()))
}

/// Writes and syncs a file under another name, then gives it its own: so a power cut leaves all of it or nothing. The
/// other name ends in `#` and digits, which a listing of the directory passes over.
fn create_file(file: &FilePath, bytes: &[u8]) -> io::Result<bool> {
    static STAGED: AtomicU64 = AtomicU64::new(0);
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut staged = file.as_os_str().to_owned();
    staged.push(format!("#{}{:06}", std::process::id(), STAGED.fetch_add(1, Ordering::Relaxed)));
    let staged = PathBuf::from(staged);
    let written = (|| {
        let mut target = File::create(&staged)?;
        target.write_all(bytes)?;
        target.sync_all()?;
        match std::fs::hard_link(&staged, file) {
            Ok(()) => sync_folder_of(file).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    })();
    let removed = std::fs::remove_file(&staged);
    written.and_then(|made| removed.map(|()| made))
}

fn sync_folder_of(file: &FilePath) -> io::Result<()> {
    file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// The place of a lake on S3; `None` for another kind of lake.
fn place_of(url: &str) -> Result<Option<Place>, StoreError> {
    // What stands before an `@` may be a password.
    let shown = || url.rsplit_once('@').map_or_else(|| url.to_owned(), |(_, rest)| format!("s3://…@{rest}"));
    Place::parse(url).transpose().map_err(|problem| StoreError::Url { url: shown(), problem })
}

fn directory_of(url: &str) -> Result<PathBuf, StoreError> {
    let wrong = |problem: &str| StoreError::Url { url: url.to_owned(), problem: problem.to_owned() };
    if url.is_empty() {
        return Err(wrong("it is empty; give a directory or file:///path"));
    }
    match Url::parse(url) {
        Ok(parsed) if parsed.scheme() == "file" => {
            parsed.to_file_path().map_err(|()| wrong("a file URL has an absolute path: file:///path"))
        }
        Ok(parsed) if url.contains("://") => Err(wrong(&format!(
            "weir opens s3://bucket/prefix, file:///path and plain paths, not {}://",
            parsed.scheme()
        ))),
        _ => std::path::absolute(url).map_err(|e| wrong(&e.to_string())),
    }
}

/// What every store must do for the lake to be right; run by the tests of each.
pub mod conformance {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a suite of assertions")]

    use super::{Bytes, Path, Store};

    /// Runs the suite on an empty store.
    pub async fn store(store: &Store) {
        let a = Path::from("dir/a");
        assert_eq!(store.read(&a).await.unwrap(), None, "an object that is not there reads as none");
        assert!(store.create(&a, Bytes::from_static(b"1")).await.unwrap());
        assert!(!store.create(&a, Bytes::from_static(b"2")).await.unwrap(), "create does not replace");
        assert_eq!(store.read(&a).await.unwrap().unwrap().as_ref(), b"1");
        for text in ["new", "other"] {
            store.replace(&Path::from("elsewhere/replaced"), Bytes::from(text)).await.unwrap();
            let read = store.read(&Path::from("elsewhere/replaced")).await.unwrap();
            assert_eq!(read.unwrap().as_ref(), text.as_bytes(), "replace makes and replaces");
        }

        store.create(&Path::from("dir/c"), Bytes::new()).await.unwrap();
        store.create(&Path::from("dir/b"), Bytes::new()).await.unwrap();
        store.create(&Path::from("dirt/d"), Bytes::new()).await.unwrap();
        let names = |found: Vec<Path>| found.into_iter().map(|p| p.to_string()).collect::<Vec<_>>();
        assert_eq!(names(store.list(&Path::from("dir"), None).await.unwrap()), ["dir/a", "dir/b", "dir/c"]);
        assert_eq!(names(store.list(&Path::from("dir"), Some(&a)).await.unwrap()), ["dir/b", "dir/c"]);
        assert!(store.list(&Path::from("nothing"), None).await.unwrap().is_empty());
        let firsts = store.list_first(&Path::from("dir"), Some(&a), 1).await.unwrap();
        assert_eq!(names(firsts.into_iter().map(|o| o.location).collect()), ["dir/b"]);
        assert!(store.has(&a).await.unwrap() && !store.has(&Path::from("dir")).await.unwrap());

        store.delete(&a).await.unwrap();
        store.delete(&a).await.unwrap();
        assert_eq!(store.read(&a).await.unwrap(), None);

        let contested = Path::from("dir/contested");
        let writers = (0..32_u8).map(|i| {
            let (store, path) = (store.clone(), contested.clone());
            tokio::spawn(async move { store.create(&path, Bytes::from(vec![i])).await.unwrap().then_some(i) })
        });
        let won: Vec<u8> = futures::future::join_all(writers).await.into_iter().filter_map(Result::unwrap).collect();
        assert_eq!(won.len(), 1, "exactly one of many writers of one name wins: {won:?}");
        assert_eq!(store.read(&contested).await.unwrap().unwrap().as_ref(), won);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn memory_conforms() {
        conformance::store(&Store::in_memory()).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_directory_conforms() {
        let dir = tempfile::tempdir().unwrap();
        let url = Url::from_file_path(dir.path().join("a lake")).unwrap();
        conformance::store(&Store::open(url.as_str(), IfMissing::Create).await.unwrap()).await;
    }

    #[tokio::test]
    async fn a_url_that_is_no_lake_says_why() {
        let message = async |url: &str| Store::open(url, IfMissing::Fail).await.unwrap_err().to_string();
        assert!(message("").await.contains("it is empty"));
        assert!(message("gs://bucket/x").await.contains("not gs://"));
        assert!(message("/no/such/directory").await.contains("weir import FILE --lake /no/such/directory"));
        assert!(message("/no/such/directory").await.contains("or `weir dev --lake /no/such/directory`"));
        assert!(message("/dev/null").await.contains("not a directory"));
        assert!(message("s3://").await.contains("s3://bucket/prefix"));
        let secret = message("s3://name:secret@bucket/lake").await;
        assert!(secret.contains("@bucket/lake") && !secret.contains("secret"), "{secret}");
    }
}
