//! Byte ranges of an object, for the Parquet reader.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

/// Read at once from the end of a file: the footer of all but very large files.
const FOOTER_BYTES: usize = 64 * 1024;

/// One object of known size.
#[derive(Debug, Clone)]
pub struct ObjectReader {
    objects: Arc<dyn ObjectStore>,
    path: Path,
    bytes: u64,
}

impl ObjectReader {
    /// `bytes` is the object's size, as the log has it.
    pub fn new(objects: Arc<dyn ObjectStore>, path: Path, bytes: u64) -> Self {
        Self { objects, path, bytes }
    }

    /// Where it is.
    pub(crate) fn place(&self) -> (&dyn ObjectStore, &Path) {
        (&*self.objects, &self.path)
    }
}

fn external(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for ObjectReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        self.objects.get_range(&self.path, range).map_err(external).boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        async move { self.objects.get_ranges(&self.path, &ranges).await.map_err(external) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        let bytes = self.bytes;
        async move {
            let reader =
                ParquetMetaDataReader::new().with_arrow_reader_options(options).with_prefetch_hint(Some(FOOTER_BYTES));
            Ok(Arc::new(reader.load_and_finish(self, bytes).await?))
        }
        .boxed()
    }
}
