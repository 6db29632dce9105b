//! A bucket on S3, or on what speaks its protocol, as an object store.
//!
//! One client of AWS's own SDK does everything: what reads Parquet sees it as an [`ObjectStore`], and the commits of the lake
//! see each answer of S3 as it is.
//!
//! - `create` makes an object if there is none of its name, and finds out what became of a request whose answer was lost.
//! - `read` gets bytes, and goes on where a connection broke; `list` pages through names; `upload` writes in parts.
//! - `error` says what S3 refused, and what to do about it.
//!
//! For the lake `s3://bucket/team/lake`, the object `settings/1.json` has the key `team/lake/settings/1.json`.

mod create;
mod error;
mod list;
mod read;
mod upload;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_types::service_config::ServiceConfigKey;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use self::error::Action;
pub use self::error::S3Error;

/// Objects that are deleted at once.
const DELETES_AT_ONCE: usize = 16;

/// Where a lake on S3 is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The bucket.
    pub bucket: String,
    /// What the key of every object of the lake begins with; empty for a whole bucket.
    pub prefix: Path,
}

impl Place {
    /// Takes `s3://bucket` or `s3://bucket/prefix` apart; `None` for another kind of URL.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(url: &str) -> Option<Result<Self, String>> {
        let rest = url.strip_prefix("s3://")?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if bucket.is_empty() || !bucket.chars().all(plain) {
            let problem =
                "the bucket is letters, digits, `-` and `.`: s3://bucket/prefix; an access point goes by its alias";
            return Some(Err(problem.to_owned()));
        }
        let parsed = Path::parse(prefix).map_err(|error| format!("the prefix behind the bucket: {error}"));
        Some(parsed.map(|prefix| Self { bucket: bucket.to_owned(), prefix }))
    }
}

/// The objects below a prefix of a bucket.
#[derive(Debug, Clone)]
pub struct S3 {
    client: Client,
    place: Place,
}

impl std::fmt::Display for S3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s3://{}/{}", self.place.bucket, self.place.prefix)
    }
}

impl S3 {
    /// The store at a place. Nothing is asked of S3 yet.
    pub fn new(place: Place, aws: &SdkConfig) -> Self {
        let mut config = aws_sdk_s3::config::Builder::from(aws);
        // What is not Amazon's own answers under one name for all buckets, as a rule.
        if has_endpoint(aws) {
            config = config.force_path_style(true);
        }
        Self { client: Client::from_conf(config.build()), place }
    }

    /// The key of an object.
    fn key(&self, location: &Path) -> String {
        if self.place.prefix.is_root() { location.to_string() } else { format!("{}/{location}", self.place.prefix) }
    }

    async fn put(&self, location: &Path, bytes: Bytes) -> Result<PutResult> {
        let put = self.client.put_object().bucket(&self.place.bucket).key(self.key(location));
        match put.body(ByteStream::from(bytes)).send().await {
            Ok(put) => Ok(PutResult { e_tag: put.e_tag, version: put.version_id }),
            Err(error) => Err(self.failed(Action::Write, location, &error)),
        }
    }

    async fn delete(&self, location: &Path) -> Result<()> {
        let delete = self.client.delete_object().bucket(&self.place.bucket).key(self.key(location));
        delete.send().await.map(drop).map_err(|error| self.failed(Action::Delete, location, &error))
    }

    fn not_done(operation: &str) -> object_store::Error {
        object_store::Error::NotImplemented { operation: operation.to_owned(), implementer: "weir on S3".to_owned() }
    }
}

/// Whether an endpoint is given explicitly: for everything, or for S3 alone (`AWS_ENDPOINT_URL_S3`).
fn has_endpoint(aws: &SdkConfig) -> bool {
    let key = ServiceConfigKey::builder().service_id("S3").env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let for_s3 = || key.ok().and_then(|key| aws.service_config()?.load_config(key));
    aws.endpoint_url().is_some() || for_s3().is_some()
}

#[async_trait]
impl ObjectStore for S3 {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        if !options.attributes.is_empty() {
            return Err(Self::not_done("attributes of an object"));
        }
        match options.mode {
            PutMode::Overwrite => self.put(location, payload.into()).await,
            PutMode::Create => self.create(location, payload.into()).await,
            PutMode::Update(_) => Err(Self::not_done("replacing one version of an object")),
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        if !options.attributes.is_empty() {
            return Err(Self::not_done("attributes of an object"));
        }
        Ok(Box::new(upload::Upload::begin(self, location).await?))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if options.head { self.head(location, &options).await } else { self.read(location, options).await }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let delete = move |location: Result<Path>| {
            let store = store.clone();
            async move {
                let location = location?;
                store.delete(&location).await?;
                Ok(location)
            }
        };
        locations.map(delete).buffered(DELETES_AT_ONCE).boxed()
    }

    /// In the order of the keys, as S3 lists them.
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.objects(prefix, None)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.objects(prefix, Some(offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.folder(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        if options.mode == CopyMode::Create {
            return Err(Self::not_done("copying to a name that is not taken"));
        }
        let source = format!("{}/{}", self.place.bucket, self.key(from));
        let copy = self.client.copy_object().bucket(&self.place.bucket).key(self.key(to));
        let copied = copy.copy_source(url_encoded(&source)).send().await;
        copied.map(drop).map_err(|error| self.failed(Action::Copy, from, &error))
    }
}

/// Bytes that mean something in a URL become `%` and two digits; `/` stays.
fn url_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_bucket_and_a_prefix() {
        let parse = |url: &str| Place::parse(url).map(|place| place.map(|p| (p.bucket, p.prefix.to_string())));
        assert_eq!(parse("s3://b/team/lake/"), Some(Ok(("b".to_owned(), "team/lake".to_owned()))));
        assert_eq!(parse("s3://b.c-1"), Some(Ok(("b.c-1".to_owned(), String::new()))));
        assert_eq!(parse("file:///b"), None);
        assert!(parse("s3:///lake").unwrap().unwrap_err().contains("s3://bucket/prefix"));
        assert!(parse("s3://user:word@b/x").unwrap().is_err());
        assert!(parse("s3://b/x//y").unwrap().unwrap_err().contains("the prefix behind the bucket"));
        assert!(parse("s3://b/../y").unwrap().is_err());
    }

    #[test]
    fn a_source_of_a_copy_is_written_as_a_url() {
        assert_eq!(url_encoded("b/a b+ü.json"), "b/a%20b%2B%C3%BC.json");
    }
}
