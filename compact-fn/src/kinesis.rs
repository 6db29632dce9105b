//! Asks a stream how far it has landed: the instant before which nothing waits in any of its shards.
//!
//! Landing alone cannot know that. A batch tells of its own shard, a shard that is quiet looks like one that is stuck, and one
//! that has never landed a record is not even known. So each shard that the stream lists is asked for the first record behind
//! its landed position:
//!
//! ```text
//! shard 0   landed ━━━━━━━━━▶ │ a record of 09:00:07 waits       09:00:07
//! shard 1   landed ━━━━━━━━━━━━━━━━━━━━━━━▶ │ nothing            the moment of asking, 09:01:00
//! shard 2   closed by a split, landed to its end                 the moment of asking
//!                                                                ⇒ everything that came before 09:00:07 has landed
//! ```
//!
//! Shards that are made after the stream was asked hold later records only.

use std::collections::BTreeMap;
use std::error::Error;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::DisplayErrorContext;
use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_sdk_kinesis::types::ShardIteratorType;
use futures::{StreamExt, TryStreamExt};
use weir_core::ports::{SequenceNumber, ShardId};
use weir_store::aws::SdkConfig;

/// Shards that are asked at once.
const AT_ONCE: usize = 8;
/// Pages that a shard is asked for. A page may be empty with more behind it, and a shard answers five questions a second.
const PAGES: usize = 4;

/// The stream did not answer. The message says what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{call} on the stream `{stream}` failed: {problem}; the role of the function needs kinesis:{call} on it")]
pub struct StreamError {
    call: &'static str,
    stream: String,
    problem: String,
}

/// A stream whose records are landed.
#[derive(Debug, Clone)]
pub struct Stream {
    client: Client,
    named: String,
}

impl Stream {
    /// A stream by its name or its ARN.
    pub fn new(sdk: &SdkConfig, named: &str) -> Self {
        Self { client: Client::new(sdk), named: named.to_owned() }
    }

    /// Whether records of the event source `arn` are of this stream.
    pub fn is_source(&self, arn: &str) -> bool {
        // A consumer with a throughput of its own stands behind its stream.
        let stream = arn.split_once("/consumer/").map_or(arn, |(stream, _)| stream);
        stream == self.named || stream.rsplit_once(":stream/").is_some_and(|(_, name)| name == self.named)
    }

    /// As it was given.
    pub fn named(&self) -> &str {
        &self.named
    }

    fn name(&self) -> Option<String> {
        (!self.named.starts_with("arn:")).then(|| self.named.clone())
    }

    fn arn(&self) -> Option<String> {
        self.named.starts_with("arn:").then(|| self.named.clone())
    }

    fn failed(&self, call: &'static str, error: impl Error) -> StreamError {
        StreamError { call, stream: self.named.clone(), problem: DisplayErrorContext(error).to_string() }
    }

    /// An instant before which the stream took nothing that is behind these positions, milliseconds since 1970; at most
    /// `asked_ms`, which is now.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn landed_before(
        &self,
        positions: &BTreeMap<ShardId, SequenceNumber>,
        asked_ms: i64,
    ) -> Result<i64, StreamError> {
        let shards = self.shards().await?;
        let asked = shards.into_iter().map(|shard| async move {
            let after = positions.get(&shard);
            self.waits_since(&shard, after, asked_ms).await
        });
        let waits: Vec<i64> = futures::stream::iter(asked).buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(waits.into_iter().fold(asked_ms, i64::min))
    }

    async fn shards(&self) -> Result<Vec<ShardId>, StreamError> {
        let mut shards = Vec::new();
        let mut next: Option<String> = None;
        loop {
            // A token stands for the stream as well, and Kinesis refuses to be told both.
            let call = self.client.list_shards();
            let call = match next {
                Some(token) => call.next_token(token),
                None => call.set_stream_name(self.name()).set_stream_arn(self.arn()),
            };
            let listed = call.send().await.map_err(|error| self.failed("ListShards", error))?;
            shards.extend(listed.shards().iter().map(|shard| ShardId(shard.shard_id().to_owned())));
            next = listed.next_token;
            if next.is_none() {
                return Ok(shards);
            }
        }
    }

    /// Since when something waits behind a position of a shard, or `asked_ms`.
    async fn waits_since(
        &self,
        shard: &ShardId,
        after: Option<&SequenceNumber>,
        asked_ms: i64,
    ) -> Result<i64, StreamError> {
        let kind = match after {
            Some(_) => ShardIteratorType::AfterSequenceNumber,
            None => ShardIteratorType::TrimHorizon,
        };
        let call = self.client.get_shard_iterator().set_stream_name(self.name()).set_stream_arn(self.arn());
        let call = call.shard_id(&shard.0).shard_iterator_type(kind);
        let call = call.set_starting_sequence_number(after.map(|after| after.as_str().to_owned()));
        let given = call.send().await.map_err(|error| self.failed("GetShardIterator", error))?;
        let mut iterator = given.shard_iterator;
        let mut since_ms = asked_ms;
        for _ in 0..PAGES {
            let Some(at) = iterator else { return Ok(asked_ms) };
            let page = self.client.get_records().set_stream_arn(self.arn()).shard_iterator(at).limit(1);
            let page = page.send().await.map_err(|error| self.failed("GetRecords", error))?;
            match look(&page, asked_ms) {
                Look::Waits(ms) => return Ok(ms),
                Look::Nothing => return Ok(asked_ms),
                Look::Behind(ms) => since_ms = ms,
            }
            iterator = page.next_shard_iterator;
        }
        Ok(since_ms)
    }
}

/// What a page tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// A record waits, which came then.
    Waits(i64),
    /// Nothing waits.
    Nothing,
    /// Nothing waits that came before then; what is behind the page is not known.
    Behind(i64),
}

fn look(page: &GetRecordsOutput, asked_ms: i64) -> Look {
    if let Some(record) = page.records.first() {
        let arrived = record.approximate_arrival_timestamp.as_ref().and_then(|at| at.to_millis().ok());
        // A record of which it is not known when it came may have come at any time.
        return Look::Waits(arrived.unwrap_or(i64::MIN));
    }
    match page.millis_behind_latest {
        Some(0) => Look::Nothing,
        _ if page.next_shard_iterator.is_none() => Look::Nothing,
        Some(behind_ms) => Look::Behind(asked_ms.saturating_sub(behind_ms)),
        None => Look::Behind(i64::MIN),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_kinesis::primitives::{Blob, DateTime};
    use aws_sdk_kinesis::types::Record;

    use super::*;

    fn page(arrived_ms: Option<Option<i64>>, behind_ms: Option<i64>, has_next: bool) -> GetRecordsOutput {
        let record = |at: Option<i64>| {
            let record = Record::builder().sequence_number("1").data(Blob::new("x")).partition_key("p");
            record.set_approximate_arrival_timestamp(at.map(DateTime::from_millis)).build().unwrap()
        };
        let records = arrived_ms.into_iter().map(record).collect();
        let page = GetRecordsOutput::builder().set_records(Some(records)).set_millis_behind_latest(behind_ms);
        page.set_next_shard_iterator(has_next.then(|| "next".to_owned())).build().unwrap()
    }

    #[test]
    fn nothing_is_claimed_that_a_page_does_not_say() {
        assert_eq!(look(&page(Some(Some(700)), Some(0), true), 1_000), Look::Waits(700));
        assert_eq!(
            look(&page(Some(None), Some(0), true), 1_000),
            Look::Waits(i64::MIN),
            "it may have come at any time"
        );
        assert_eq!(look(&page(None, Some(0), true), 1_000), Look::Nothing);
        assert_eq!(look(&page(None, Some(50), false), 1_000), Look::Nothing, "a closed shard, read to its end");
        assert_eq!(look(&page(None, Some(50), true), 1_000), Look::Behind(950), "an empty page with more behind it");
        assert_eq!(look(&page(None, None, true), 1_000), Look::Behind(i64::MIN));
    }

    #[tokio::test]
    async fn a_stream_knows_its_own_records() {
        let sdk = SdkConfig::builder().behavior_version(aws_sdk_kinesis::config::BehaviorVersion::latest()).build();
        let arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/events";
        for named in ["events", arn] {
            let stream = Stream::new(&sdk, named);
            assert!(stream.is_source(arn) && stream.is_source(&format!("{arn}/consumer/c:1")), "{named}");
            assert!(!stream.is_source(&format!("{arn}-2")) && !stream.is_source("arn:aws:sqs:eu-central-1:1:events"));
        }
    }
}
