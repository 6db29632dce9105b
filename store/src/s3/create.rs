//! Making an object if there is none of its name: the request on which commits rest.
//!
//! S3 answers `If-None-Match: *` with one of three: made; already there (412); or, where the connection breaks, the time is
//! over or S3 fails, nothing that can be relied on. Then the object is read back:
//!
//! ```text
//! the same bytes    made, by the request whose answer was lost
//! other bytes       already there, another writer's
//! nothing           not made, or not yet: the request is sent again
//! ```
//!
//! Two writers of the same bytes may both hear "made", which is as true as it can be: what both wanted is there. The SDK's own
//! retries are off here, because it takes the 412 of a second try for an answer, though it may be the first try that was made.

use std::time::Duration;

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{GetOptions, PutResult, Result};

use super::S3;
use super::error::{Action, Kind, S3Error};

/// Requests that are sent for one object before giving up.
const TRIES: u32 = 6;
/// The pause before the second request; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

impl S3 {
    pub(super) async fn create(&self, location: &Path, bytes: Bytes) -> Result<PutResult> {
        // Whether a request that came before may have made the object.
        let mut in_doubt = false;
        let mut last = None;
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(attempt - 1)).await;
            }
            let error = match self.send_create(location, bytes.clone()).await {
                Ok(put) => return Ok(PutResult { e_tag: put.e_tag, version: put.version_id }),
                Err(error) => S3Error::new(Action::Write, &self.place, self.key(location), &error),
            };
            match error.kind {
                Kind::Taken if !in_doubt => return Err(error.at(location)),
                Kind::Taken => {}
                // Another request for the same name was under way; this one did nothing.
                Kind::Busy => {
                    last = Some(error);
                    continue;
                }
                Kind::Unknown => in_doubt = true,
                _ => return Err(error.at(location)),
            }
            match self.read_back(location).await {
                Ok(Some(found)) if found == bytes => return Ok(PutResult { e_tag: None, version: None }),
                Ok(Some(_)) => return Err(error.taken(location)),
                Ok(None) => last = Some(error),
                Err(_) => return Err(error.in_doubt().at(location)),
            }
        }
        // There was at least one try, and each that came here left its error.
        Err(last.map_or_else(|| Self::not_done("no tries"), |error| error.at(location)))
    }

    async fn send_create(
        &self,
        location: &Path,
        bytes: Bytes,
    ) -> Result<PutObjectOutput, aws_sdk_s3::error::SdkError<PutObjectError>> {
        let once = aws_sdk_s3::config::Builder::new().retry_config(RetryConfig::disabled());
        let put = self.client.put_object().bucket(&self.place.bucket).key(self.key(location)).if_none_match("*");
        put.body(ByteStream::from(bytes)).customize().config_override(once).send().await
    }

    async fn read_back(&self, location: &Path) -> Result<Option<Bytes>> {
        let read = async { self.read(location, GetOptions::default()).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
