//! An object store that fails, before it has done what it was asked or after.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use weir_lake::store::Store;
use weir_tests::dice::Dice;

/// Faults before a real store.
#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    dice: Mutex<Dice>,
}

#[derive(PartialEq, Eq)]
enum Fault {
    None,
    Before,
    After,
}

impl FaultyStore {
    /// The same objects, with faults by these dice.
    pub fn over(store: &Store, seed: u64) -> Store {
        Store::over(Arc::new(Self { inner: store.objects(), dice: Mutex::new(Dice::new(seed)) }))
    }

    fn draw_write(&self) -> Fault {
        match self.dice.lock().unwrap().below(100) {
            0..5 => Fault::Before,
            5..10 => Fault::After,
            _ => Fault::None,
        }
    }

    /// A table is opened by a read for each of its commits, thousands of them, and must be opened now and then.
    fn fails_read(&self) -> bool {
        self.dice.lock().unwrap().below(3_000) == 0
    }
}

fn failure(what: &str) -> Error {
    Error::Generic { store: "faulty", source: format!("{what} by the dice").into() }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let fault = self.draw_write();
        if fault == Fault::Before {
            return Err(failure("not stored"));
        }
        let creates = options.mode == PutMode::Create;
        let stored = self.inner.put_opts(location, payload, options).await?;
        if fault != Fault::After {
            return Ok(stored);
        }
        // What a store says whose answer was lost, and that tried again by itself.
        if creates && self.dice.lock().unwrap().chance(50) {
            return Err(Error::AlreadyExists { path: location.to_string(), source: "stored and denied".into() });
        }
        Err(failure("stored and denied"))
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if self.fails_read() {
            return Err(failure("not read"));
        }
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
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
