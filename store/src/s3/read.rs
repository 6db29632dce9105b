//! Reading an object, whole or in part.
//!
//! An answer of S3 is read as it comes. Where the connection breaks in the middle, the rest is asked for in a new request:
//! of the same object, because it goes by its ETag.

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use bytes::Bytes;
use chrono::Utc;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{Attributes, GetOptions, GetRange, GetResult, GetResultPayload, ObjectMeta, Result};

use super::S3;
use super::error::{Action, S3Error, chain};

/// So often the rest of one answer is asked for again.
const RESUMES: usize = 3;

impl S3 {
    pub(super) async fn read(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if let Some(range) = &options.range {
            range.is_valid().map_err(|e| object_store::Error::Generic { store: "S3", source: Box::new(e) })?;
        }
        let got = self.request(location, options).await?;
        let length = u64::try_from(got.content_length.unwrap_or_default()).unwrap_or_default();
        let (start, size) = match got.content_range.as_deref() {
            None => (0, length),
            Some(range) => {
                let problem = || format!("S3 answers with the range `{range}`, which is none");
                content_range(range).ok_or_else(|| self.broken(location, problem()))?
            }
        };
        let meta = ObjectMeta {
            location: location.clone(),
            last_modified: instant(got.last_modified.as_ref()),
            size,
            e_tag: got.e_tag.clone(),
            version: got.version_id,
        };
        let range = start..start + length;
        let reading = Reading {
            store: self.clone(),
            location: location.clone(),
            e_tag: got.e_tag,
            at: start,
            end: range.end,
            body: got.body,
            resumes: RESUMES,
        };
        let payload = GetResultPayload::Stream(reading.stream());
        Ok(GetResult { payload, meta, range, attributes: Attributes::default() })
    }

    pub(super) async fn head(&self, location: &Path, options: &GetOptions) -> Result<GetResult> {
        let head = self.client.head_object().bucket(&self.place.bucket).key(self.key(location));
        let head = head.set_version_id(options.version.clone()).send().await;
        let head = head.map_err(|error| self.failed(Action::Read, location, &error))?;
        let size = u64::try_from(head.content_length.unwrap_or_default()).unwrap_or_default();
        let meta = ObjectMeta {
            location: location.clone(),
            last_modified: instant(head.last_modified.as_ref()),
            size,
            e_tag: head.e_tag,
            version: head.version_id,
        };
        options.check_preconditions(&meta)?;
        let payload = GetResultPayload::Stream(futures::stream::empty().boxed());
        Ok(GetResult { payload, range: 0..size, meta, attributes: Attributes::default() })
    }

    async fn request(&self, location: &Path, options: GetOptions) -> Result<GetObjectOutput> {
        let seconds = |time: chrono::DateTime<Utc>| DateTime::from_secs(time.timestamp());
        let get = self.client.get_object().bucket(&self.place.bucket).key(self.key(location));
        let get = get
            .set_range(options.range.map(|range| range.to_string()))
            .set_version_id(options.version)
            .set_if_match(options.if_match)
            .set_if_none_match(options.if_none_match)
            .set_if_modified_since(options.if_modified_since.map(seconds))
            .set_if_unmodified_since(options.if_unmodified_since.map(seconds));
        get.send().await.map_err(|error| self.failed(Action::Read, location, &error))
    }

    fn broken(&self, location: &Path, said: String) -> object_store::Error {
        S3Error::broken(Action::Read, &self.place, self.key(location), said).at(location)
    }
}

/// The bytes of an answer, some of which have come.
struct Reading {
    store: S3,
    location: Path,
    e_tag: Option<String>,
    /// The next byte of the object.
    at: u64,
    end: u64,
    body: ByteStream,
    resumes: usize,
}

impl Reading {
    fn stream(self) -> BoxStream<'static, Result<Bytes>> {
        futures::stream::try_unfold(self, |mut reading| async move {
            Ok(reading.next().await?.map(|bytes| (bytes, reading)))
        })
        .boxed()
    }

    /// The next bytes; `None` at the end, once the SDK has compared the checksum, where S3 gave one.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let problem = match self.body.next().await {
                Some(Ok(bytes)) => {
                    self.at += bytes.len() as u64;
                    return Ok(Some(bytes));
                }
                None if self.at >= self.end => return Ok(None),
                None => format!("the answer ended before byte {} of {}", self.at, self.end),
                Some(Err(error)) => chain(&error),
            };
            if self.at >= self.end || self.resumes == 0 {
                return Err(self.store.broken(&self.location, problem));
            }
            self.resumes -= 1;
            tracing::debug!(object = %self.location, at = self.at, %problem, "a read broke off, and goes on");
            let rest = GetOptions {
                range: Some(GetRange::Bounded(self.at..self.end)),
                if_match: self.e_tag.clone(),
                ..GetOptions::default()
            };
            self.body = self.store.request(&self.location, rest).await?.body;
        }
    }
}

/// First byte, and size of the object, of `bytes 0-99/1234`.
fn content_range(text: &str) -> Option<(u64, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.parse().ok()?, size.parse().ok()?))
}

/// When an object was written; 1970 where S3 does not say.
pub(super) fn instant(time: Option<&DateTime>) -> chrono::DateTime<Utc> {
    time.and_then(|time| chrono::DateTime::from_timestamp(time.secs(), time.subsec_nanos())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::content_range;

    #[test]
    fn a_content_range_is_a_start_and_a_size() {
        assert_eq!(content_range("bytes 5-9/1234"), Some((5, 1234)));
        assert_eq!(content_range("bytes */1234"), None);
        assert_eq!(content_range("5-9/12"), None);
    }
}
