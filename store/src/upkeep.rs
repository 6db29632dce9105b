//! What it takes to keep a lake tidy: the store's own time, objects with their ages, and what crashed writers left.
//!
//! Ages are told by the store's clock alone. A machine whose own clock is wrong must never take a young file for an old one,
//! so whoever removes things first asks the store what time it is, by making an object: [`Store::replace_timed`].

use std::path::{Path as FilePath, PathBuf};
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt, PutPayload};

use crate::error::StoreError;
use crate::store::Store;

/// An unfinished write that a crash left in the directory of a lake, which no listing of the store shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Where it is on this machine.
    pub file: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// When it was written last, in milliseconds since 1970.
    pub modified_ms: i64,
}

impl Store {
    /// Makes an object, or replaces it, durably, and gives the store's time of that, in milliseconds since 1970.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn replace_timed(&self, path: &Path, bytes: Bytes) -> Result<i64, StoreError> {
        let failed = |error| StoreError::failed(path, error);
        self.objects().put(path, PutPayload::from(bytes)).await.map_err(failed)?;
        self.sync(path).await?;
        Ok(self.objects().head(path).await.map_err(failed)?.last_modified.timestamp_millis())
    }

    /// As [`read`](Self::read), with the store's time of the object, in milliseconds since 1970.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn read_with_time(&self, path: &Path) -> Result<Option<(Bytes, i64)>, StoreError> {
        let read = async {
            let found = self.objects().get(path).await?;
            let modified_ms = found.meta.last_modified.timestamp_millis();
            Ok((found.bytes().await?, modified_ms))
        };
        match read.await {
            Ok(found) => Ok(Some(found)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(StoreError::failed(path, error)),
        }
    }

    /// All objects below `prefix`, with their sizes and times, in no order.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn list_all(&self, prefix: &Path) -> Result<Vec<ObjectMeta>, StoreError> {
        self.objects().list(Some(prefix)).try_collect().await.map_err(|error| StoreError::failed(prefix, error))
    }

    /// Unfinished writes below a folder of a lake that is a directory: files with a name of weir's that goes on with `#` and
    /// digits. Other stores show nothing of a write before its end.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn leftovers(&self, folder: &Path) -> Result<Vec<Leftover>, StoreError> {
        let Some(directory) = self.directory() else { return Ok(Vec::new()) };
        let top = folder.parts().fold(directory.to_owned(), |to, part| to.join(part.as_ref()));
        let found = tokio::task::spawn_blocking(move || {
            let mut found = Vec::new();
            visit(&top, &mut found).map(|()| found)
        });
        let failed = |e: Box<dyn std::error::Error + Send + Sync>| {
            StoreError::failed(folder, object_store::Error::Generic { store: "file", source: e })
        };
        found.await.map_err(|e| failed(e.into()))?.map_err(|e| failed(e.into()))
    }

    /// Removes an unfinished write. That it is gone already is no error.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn remove_leftover(&self, leftover: &Leftover) -> Result<(), StoreError> {
        match tokio::fs::remove_file(&leftover.file).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let source = object_store::Error::Generic { store: "file", source: Box::new(error) };
                Err(StoreError::failed(leftover.file.display(), source))
            }
            _ => Ok(()),
        }
    }
}

fn visit(folder: &FilePath, found: &mut Vec<Leftover>) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            visit(&entry.path(), found)?;
        } else if kind.is_file() && is_unfinished(&entry.file_name().to_string_lossy()) {
            let metadata = match entry.metadata() {
                // The write came to its end meanwhile.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                metadata => metadata?,
            };
            let since = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            let modified_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
            found.push(Leftover { file: entry.path(), bytes: metadata.len(), modified_ms });
        }
    }
    Ok(())
}

/// `…parquet#12`, `…json#12`: how writes are called before their end.
fn is_unfinished(name: &str) -> bool {
    let Some((name, number)) = name.rsplit_once('#') else { return false };
    let is_weirs = name.ends_with(".parquet") || name.ends_with(".json") || name.ends_with(".weir");
    is_weirs && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::IfMissing;

    async fn conforms(store: &Store) {
        let path = Path::from("maintenance/x.json");
        assert_eq!(store.read_with_time(&path).await.unwrap(), None);
        let first = store.replace_timed(&path, Bytes::from_static(b"1")).await.unwrap();
        let second = store.replace_timed(&path, Bytes::from_static(b"2")).await.unwrap();
        assert!(first > 1_700_000_000_000 && second >= first, "{first} {second}");
        assert_eq!(store.read_with_time(&path).await.unwrap(), Some((Bytes::from_static(b"2"), second)));
        let all = store.list_all(&Path::from("maintenance")).await.unwrap();
        assert_eq!(all.iter().map(|o| (o.location.clone(), o.size)).collect::<Vec<_>>(), [(path, 1)]);
    }

    #[tokio::test]
    async fn every_store_tells_its_time() {
        conforms(&Store::in_memory()).await;
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().to_str().unwrap(), IfMissing::Create).await.unwrap();
        conforms(&store).await;
    }

    #[tokio::test]
    async fn unfinished_writes_are_found_by_their_names() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().to_str().unwrap(), IfMissing::Create).await.unwrap();
        let folder = dir.path().join("events/landed");
        assert_eq!(store.leftovers(&Path::from("events")).await.unwrap(), []);
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["a.parquet", "a.parquet#1", "b.json#0712", "notes#1", "c.parquet#", "d.parquet#x"] {
            std::fs::write(folder.join(name), "12345").unwrap();
        }
        let mut found = store.leftovers(&Path::from("events")).await.unwrap();
        found.sort_by(|a, b| a.file.cmp(&b.file));
        let names: Vec<_> = found.iter().map(|l| l.file.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a.parquet#1", "b.json#0712"]);
        assert!(found.iter().all(|l| l.bytes == 5 && l.modified_ms > 1_700_000_000_000));
        store.remove_leftover(&found[0]).await.unwrap();
        store.remove_leftover(&found[0]).await.unwrap();
        assert_eq!(store.leftovers(&Path::from("events")).await.unwrap(), found[1..]);
        assert!(Store::in_memory().leftovers(&Path::from("events")).await.unwrap().is_empty());
    }
}
