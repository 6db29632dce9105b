//! A commit whose answer is lost may have been made: its files must stay.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use weir_core::event::{EventId, parse};
use weir_core::ports::{CountingIds, ManualClock};
use weir_lake::rows::EventRows;
use weir_lake::{DataFile, Store, Table, names};

use crate::compact::{Extent, compact};
use crate::land::Lander;

const NOW: i64 = 1_767_225_600_000;

/// Stores a commit and says something else, while it is told to.
#[derive(Debug, Default)]
struct Denying {
    inner: InMemory,
    denial: Mutex<Option<Denial>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Denial {
    /// The answer is lost.
    Failure,
    /// The answer is lost, and a second try within the store finds the object there.
    Conflict,
}

impl Denying {
    fn set(&self, denial: Option<Denial>) {
        *self.denial.lock().unwrap() = denial;
    }
}

impl fmt::Display for Denying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("denying")
    }
}

#[async_trait]
impl ObjectStore for Denying {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let stored = self.inner.put_opts(location, payload, options).await?;
        let denial =
            self.denial.lock().unwrap().filter(|_| location.prefix_matches(&names::TableName::Events.commits()));
        match denial {
            Some(Denial::Failure) => Err(Error::Generic { store: "denying", source: "the answer was lost".into() }),
            Some(Denial::Conflict) => Err(Error::AlreadyExists { path: location.to_string(), source: "there".into() }),
            None => Ok(stored),
        }
    }

    async fn put_multipart_opts(&self, at: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

async fn land(lander: &mut Lander, id: &str) -> std::result::Result<u64, weir_lake::LakeError> {
    let receipt = weir_core::event::Receipt { received_ms: NOW, place: 0, correct_skew: true };
    let event = parse(r#"{"event":"a","user_id":"u"}"#, receipt).unwrap();
    let mut rows = EventRows::default();
    rows.push("app", &event, &EventId::Text(id.into()));
    Ok(lander.land(rows.freeze(), vec![], None, "import").await?.accepted)
}

/// Asserts that every live file is there, and gives how many rows there are.
async fn rows(store: &Store) -> u64 {
    let snapshot = Table::open(store).await.unwrap().snapshot();
    for DataFile { path, .. } in snapshot.files.values().map(AsRef::as_ref) {
        assert!(store.read(&names::TableName::Events.data(path)).await.unwrap().is_some(), "{path} is live, and gone");
    }
    snapshot.rows()
}

#[tokio::test]
async fn a_landing_that_may_have_been_committed_keeps_its_file() {
    for denial in [Denial::Failure, Denial::Conflict] {
        let objects = Arc::new(Denying::default());
        let store = Store::over(Arc::clone(&objects) as _);
        let (clock, ids) = (Arc::new(ManualClock::new(NOW)), Arc::new(CountingIds::default()));
        let mut lander = Lander::open(&store, clock, ids).await.unwrap();
        objects.set(Some(denial));
        // An answer that says nothing is an error; a conflict is looked into, and found to be the landing itself.
        assert_eq!(land(&mut lander, "a").await.ok(), (denial == Denial::Conflict).then_some(1));
        assert_eq!(rows(&store).await, 1);
        objects.set(None);
        assert_eq!(land(&mut lander, "a").await.unwrap(), 0, "it is a copy now");
        assert_eq!(land(&mut lander, "b").await.unwrap(), 1);
        assert_eq!(rows(&store).await, 2);
    }
}

#[tokio::test]
async fn a_merge_that_may_have_been_committed_keeps_its_files() {
    for denial in [Denial::Failure, Denial::Conflict] {
        let objects = Arc::new(Denying::default());
        let store = Store::over(Arc::clone(&objects) as _);
        let (clock, ids) = (Arc::new(ManualClock::new(NOW)), Arc::new(CountingIds::default()));
        let mut lander = Lander::open(&store, clock.clone(), ids.clone()).await.unwrap();
        land(&mut lander, "a").await.unwrap();
        land(&mut lander, "b").await.unwrap();
        let mut table = Table::open(&store).await.unwrap();
        objects.set(Some(denial));
        let merged = compact(&mut table, clock.as_ref(), ids.as_ref(), Extent::Everything).await;
        assert_eq!(merged.is_ok(), denial == Denial::Conflict, "{merged:?}");
        assert_eq!(rows(&store).await, 2);
    }
}
