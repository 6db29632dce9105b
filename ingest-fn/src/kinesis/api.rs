//! The calls of the Kinesis API that weir makes, one function each, and what their failures mean.
//!
//! A failure is *passing* where the same call may succeed in a moment (throttling, a failure inside Kinesis, a timeout, a
//! connection that breaks), and *lasting* where somebody has to do something first (no such stream, no permission).

use std::error::Error;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::timeout::TimeoutConfig;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, PutRecordsResultEntry, Record, ShardIteratorType};
use bytes::Bytes;
use weir_core::ports::{LogPosition, SequenceNumber, ShardId};

use super::KinesisSettings;

/// One record of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its bytes.
    pub(super) data: Bytes,
    /// Its hash chooses the shard.
    pub(super) partition_key: String,
}

/// What became of one record of a call: its place, or why it was not stored.
pub(super) type Put = Result<LogPosition, String>;

/// Puts records into a stream; the batcher's tests have another one.
#[async_trait]
pub(super) trait Puts: Send + Sync + 'static {
    /// Stores records, each for itself. The results are in the order of the entries.
    async fn put(&self, entries: Vec<Entry>) -> Result<Vec<Put>, CallError>;
}

/// Why a whole call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub(super) struct CallError {
    pub(super) kind: Failure,
    /// What happened, and what to do about it.
    pub(super) problem: String,
}

/// What to do about a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// Try again.
    Passing,
    /// Somebody has to mend something first.
    Lasting,
    /// There is no such stream, or no such shard.
    NotFound,
    /// An argument is refused, such as a position of another stream.
    Argument,
}

/// Records as they are read.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) records: Vec<Record>,
    /// Where to go on; `None` at the end of a closed shard.
    pub(super) next: Option<String>,
    /// Whether the stream holds nothing behind this page.
    pub(super) is_last: bool,
}

/// A client for one stream.
#[derive(Debug, Clone)]
pub(super) struct Api {
    client: Client,
    name: Option<String>,
    arn: Option<String>,
}

impl Api {
    /// Takes region, credentials, endpoint and HTTP client from `sdk`. The SDK does not try again by itself: it would send
    /// records again that are stored.
    pub(super) fn new(sdk: &SdkConfig, settings: &KinesisSettings) -> Self {
        let timeouts = TimeoutConfig::builder().connect_timeout(settings.connect_timeout).build();
        let config = aws_sdk_kinesis::config::Builder::from(sdk)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .build();
        let stream = settings.stream.clone();
        let (name, arn) = if stream.starts_with("arn:") { (None, Some(stream)) } else { (Some(stream), None) };
        Self { client: Client::from_conf(config), name, arn }
    }

    fn failed<E>(&self, doing: &'static str, error: SdkError<E, HttpResponse>) -> CallError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let stream = self.name.as_deref().or(self.arn.as_deref()).unwrap_or_default();
        let status = error.raw_response().map(|response| response.status().as_u16());
        let kind = kind_of(&error, status);
        let said = match error.as_service_error() {
            Some(service) => match (service.code(), service.message()) {
                (Some(code), Some(message)) => format!("{code}: {message}"),
                (Some(code), None) => code.to_owned(),
                (None, _) => format!("status {}", status.unwrap_or_default()),
            },
            None => causes(&error),
        };
        let advice = advice(error.code().unwrap_or_default(), doing);
        CallError { kind, problem: format!("{doing} on the stream `{stream}` failed: {said}{advice}") }
    }

    /// All shards that can be read, closed ones too, in the order of their names: a parent before its children.
    pub(super) async fn shards(&self) -> Result<Vec<ShardId>, CallError> {
        let mut shards = Vec::new();
        let mut next: Option<String> = None;
        loop {
            // A token stands for the stream as well, and Kinesis refuses to be told both.
            let call = self.client.list_shards();
            let call = match next {
                Some(token) => call.next_token(token),
                None => call.set_stream_name(self.name.clone()).set_stream_arn(self.arn.clone()),
            };
            let listed = call.send().await.map_err(|error| self.failed("ListShards", error))?;
            shards.extend(listed.shards().iter().map(|shard| ShardId(shard.shard_id().to_owned())));
            next = listed.next_token;
            if next.is_none() {
                shards.sort();
                return Ok(shards);
            }
        }
    }

    /// Where reading begins: behind a position, or at the oldest record.
    pub(super) async fn iterator(&self, shard: &ShardId, after: Option<&SequenceNumber>) -> Result<String, CallError> {
        let kind =
            if after.is_some() { ShardIteratorType::AfterSequenceNumber } else { ShardIteratorType::TrimHorizon };
        let call = self.client.get_shard_iterator();
        let call = call.set_stream_name(self.name.clone()).set_stream_arn(self.arn.clone());
        let call = call.shard_id(&shard.0).shard_iterator_type(kind);
        let call = call.set_starting_sequence_number(after.map(|after| after.as_str().to_owned()));
        let given = call.send().await.map_err(|error| self.failed("GetShardIterator", error))?;
        given.shard_iterator.ok_or_else(|| nothing_in("GetShardIterator"))
    }

    /// Up to `limit` records.
    pub(super) async fn page(&self, iterator: &str, limit: i32) -> Result<Page, CallError> {
        let call = self.client.get_records().set_stream_arn(self.arn.clone()).shard_iterator(iterator).limit(limit);
        let read = call.send().await.map_err(|error| self.failed("GetRecords", error))?;
        let is_last = read.millis_behind_latest == Some(0);
        Ok(Page { records: read.records, next: read.next_shard_iterator, is_last })
    }
}

#[async_trait]
impl Puts for Api {
    async fn put(&self, entries: Vec<Entry>) -> Result<Vec<Put>, CallError> {
        let records = entries.into_iter().map(|entry| {
            let record = PutRecordsRequestEntry::builder().partition_key(entry.partition_key);
            record.data(Blob::new(entry.data)).build().map_err(|error| CallError {
                kind: Failure::Lasting,
                problem: format!("a record cannot be sent: {error}"),
            })
        });
        let records = records.collect::<Result<Vec<_>, _>>()?;
        let call = self.client.put_records().set_stream_name(self.name.clone()).set_stream_arn(self.arn.clone());
        let done = call.set_records(Some(records)).send().await.map_err(|error| self.failed("PutRecords", error))?;
        Ok(done.records().iter().map(put_of).collect())
    }
}

/// An answer that has no error code and no place says nothing, and is taken for a failure.
fn put_of(entry: &PutRecordsResultEntry) -> Put {
    if let Some(code) = entry.error_code() {
        return Err(format!("{code}: {}", entry.error_message().unwrap_or_default()));
    }
    let shard = entry.shard_id().map(|shard| ShardId(shard.to_owned()));
    let sequence = entry.sequence_number().and_then(SequenceNumber::parse);
    match (shard, sequence) {
        (Some(shard), Some(sequence)) => Ok(LogPosition { shard, sequence }),
        _ => Err("PutRecords gave neither a place nor an error for a record".to_owned()),
    }
}

fn nothing_in(doing: &str) -> CallError {
    CallError { kind: Failure::Passing, problem: format!("the answer to {doing} is empty") }
}

fn kind_of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>, status: Option<u16>) -> Failure {
    match error {
        SdkError::ConstructionFailure(_) => Failure::Lasting,
        SdkError::ServiceError(_) => kind_of_code(error.code().unwrap_or_default(), status.unwrap_or_default()),
        // Timeouts, connections that break, answers that are cut short.
        _ => Failure::Passing,
    }
}

/// What Kinesis means by an error code and an HTTP status. Codes that are not known go by the status.
fn kind_of_code(code: &str, status: u16) -> Failure {
    // `LimitExceededException` is what ListShards says when it is asked too often.
    const PASSING: [&str; 6] = [
        "Throttl",
        "ThroughputExceeded",
        "RequestLimitExceeded",
        "LimitExceededException",
        "InternalFailure",
        "Unavailable",
    ];
    match code {
        "ResourceNotFoundException" => Failure::NotFound,
        "InvalidArgumentException" => Failure::Argument,
        _ if status >= 500 || status == 429 || PASSING.iter().any(|part| code.contains(part)) => Failure::Passing,
        _ => Failure::Lasting,
    }
}

fn advice(code: &str, doing: &str) -> String {
    match code {
        "AccessDeniedException" => format!("; allow this role kinesis:{doing} on it"),
        "ResourceNotFoundException" => "; make the stream, or correct its name and region".to_owned(),
        "UnrecognizedClientException" | "InvalidSignatureException" | "ExpiredTokenException" => {
            "; look at the credentials and the clock of this machine".to_owned()
        }
        code if code.starts_with("KMS") => {
            "; look at the key that encrypts the stream, and at who may use it".to_owned()
        }
        _ => String::new(),
    }
}

/// An error with what caused it, outermost first.
fn causes(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        said.push_str(": ");
        said.push_str(&error.to_string());
        cause = error.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for (code, status, expected) in [
            ("ProvisionedThroughputExceededException", 400, Failure::Passing),
            ("ThrottlingException", 400, Failure::Passing),
            ("KMSThrottlingException", 400, Failure::Passing),
            ("LimitExceededException", 400, Failure::Passing),
            ("InternalFailureException", 500, Failure::Passing),
            ("ServiceUnavailable", 503, Failure::Passing),
            ("SomethingNew", 500, Failure::Passing),
            ("", 429, Failure::Passing),
            ("AccessDeniedException", 400, Failure::Lasting),
            ("KMSAccessDeniedException", 400, Failure::Lasting),
            ("ExpiredTokenException", 400, Failure::Lasting),
            ("SomethingNew", 400, Failure::Lasting),
            ("ResourceNotFoundException", 400, Failure::NotFound),
            ("InvalidArgumentException", 400, Failure::Argument),
        ] {
            assert_eq!(kind_of_code(code, status), expected, "{code} {status}");
        }
    }

    #[test]
    fn a_failure_says_what_to_do_where_that_is_known() {
        assert_eq!(advice("AccessDeniedException", "PutRecords"), "; allow this role kinesis:PutRecords on it");
        assert!(advice("KMSDisabledException", "PutRecords").contains("the key that encrypts the stream"));
        assert_eq!(advice("InternalFailureException", "PutRecords"), "");
    }

    #[test]
    fn an_entry_without_a_place_is_not_taken_for_stored() {
        let entry = PutRecordsResultEntry::builder;
        let whole = entry().shard_id("shardId-0").sequence_number("42");
        assert_eq!(put_of(&whole.clone().build()).unwrap().sequence, SequenceNumber::from(42));
        assert_eq!(put_of(&whole.error_code("InternalFailure").build()), Err("InternalFailure: ".to_owned()));
        for half in [entry(), entry().shard_id("shardId-0"), entry().shard_id("s").sequence_number("x")] {
            assert!(put_of(&half.build()).is_err());
        }
    }
}
