//! Writing an object in parts, for what is too large to be sent at once. Nobody sees it before it is complete.
//!
//! An upload that was begun and neither completed nor aborted costs storage until a lifecycle rule of the bucket
//! (`AbortIncompleteMultipartUpload`) removes it.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use futures::FutureExt;
use object_store::path::Path;
use object_store::{GetOptions, MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use super::S3;
use super::error::{Action, S3Error};

/// One upload.
#[derive(Debug)]
pub(super) struct Upload {
    shared: Arc<Shared>,
    /// The number of the next part, from 1.
    next: i32,
    bytes: u64,
}

#[derive(Debug)]
struct Shared {
    store: S3,
    location: Path,
    id: String,
    sent: Mutex<Vec<CompletedPart>>,
}

impl Upload {
    pub(super) async fn begin(store: &S3, location: &Path) -> Result<Self> {
        let begin = store.client.create_multipart_upload().bucket(&store.place.bucket).key(store.key(location));
        // S3 refuses parts with checksums of a kind that was not said at the beginning.
        let begun = begin
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .send()
            .await
            .map_err(|error| store.failed(Action::Write, location, &error))?;
        let Some(id) = begun.upload_id else {
            let said = "S3 gave the upload no id".to_owned();
            return Err(S3Error::broken(Action::Write, &store.place, store.key(location), said).at(location));
        };
        let (store, location) = (store.clone(), location.clone());
        let shared = Arc::new(Shared { store, location, id, sent: Mutex::default() });
        Ok(Self { shared, next: 1, bytes: 0 })
    }
}

impl Shared {
    async fn send(&self, number: i32, bytes: Bytes) -> Result<()> {
        let store = &self.store;
        let part = store.client.upload_part().bucket(&store.place.bucket).key(store.key(&self.location));
        let part = part.upload_id(&self.id).part_number(number).checksum_algorithm(ChecksumAlgorithm::Crc32);
        let part = part.body(ByteStream::from(bytes)).send().await;
        let part = part.map_err(|error| store.failed(Action::Write, &self.location, &error))?;
        let sent =
            CompletedPart::builder().part_number(number).set_e_tag(part.e_tag).set_checksum_crc32(part.checksum_crc32);
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(sent.build());
        Ok(())
    }

    fn parts(&self) -> Vec<CompletedPart> {
        let mut parts = self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone();
        parts.sort_by_key(|part| part.part_number);
        parts
    }
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (shared, number) = (Arc::clone(&self.shared), self.next);
        self.next += 1;
        self.bytes += data.content_length() as u64;
        async move { shared.send(number, data.into()).await }.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        if self.next == 1 {
            // An object without bytes is one part without bytes.
            self.put_part(PutPayload::new()).await?;
        }
        let Shared { store, location, id, .. } = self.shared.as_ref();
        let parts = CompletedMultipartUpload::builder().set_parts(Some(self.shared.parts())).build();
        let complete = store.client.complete_multipart_upload().bucket(&store.place.bucket).key(store.key(location));
        match complete.upload_id(id).multipart_upload(parts).send().await {
            Ok(done) => Ok(PutResult { e_tag: done.e_tag, version: done.version_id }),
            // The SDK tried again after an answer was lost: the first try may have ended the upload.
            Err(error) if error.code() == Some("NoSuchUpload") => {
                match store.head(location, &GetOptions::default()).await {
                    Ok(found) if found.meta.size == self.bytes => {
                        Ok(PutResult { e_tag: found.meta.e_tag, version: found.meta.version })
                    }
                    _ => Err(store.failed(Action::Write, location, &error)),
                }
            }
            Err(error) => Err(store.failed(Action::Write, location, &error)),
        }
    }

    async fn abort(&mut self) -> Result<()> {
        let Shared { store, location, id, .. } = self.shared.as_ref();
        let abort = store.client.abort_multipart_upload().bucket(&store.place.bucket).key(store.key(location));
        let aborted = abort.upload_id(id).send().await;
        aborted.map(drop).map_err(|error| store.failed(Action::Write, location, &error))
    }
}
