//! Reading a shard: pages behind a position, out of their envelopes, until enough is there or the shard has no more.
//!
//! A page of a stream may be empty with more behind it (a long time without records is several such pages), so only a page
//! that says so is the end.

use bytes::Bytes;
use tokio::time::{sleep, timeout};
use weir_core::event::envelope::unpack;
use weir_core::ports::{Ids, LogError, LogRecord, SequenceNumber, ShardId};

use super::KinesisSettings;
use super::api::{Api, CallError, Failure};
use super::pause::Pauses;

/// The most records of a page; Kinesis gives no more.
const PAGE_RECORDS: usize = 10_000;
/// A read asks for one record at most for so many bytes that it may give: records are seldom smaller.
const SMALL_RECORD_BYTES: usize = 64;

/// Reads one stream.
pub(super) struct Reader<'a> {
    pub(super) api: &'a Api,
    pub(super) ids: &'a dyn Ids,
    pub(super) settings: &'a KinesisSettings,
}

impl Reader<'_> {
    /// Makes a call, again after a pause while it fails with what may pass.
    pub(super) async fn patiently<T, F>(&self, call: impl Fn() -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let mut tries = 0;
        loop {
            let done = timeout(self.settings.read_timeout, call()).await.unwrap_or_else(|_| {
                let problem = format!("the stream did not answer within {:?}", self.settings.read_timeout);
                Err(CallError { kind: Failure::Passing, problem })
            });
            tries += 1;
            match done {
                Err(error) if error.kind == Failure::Passing && tries < self.settings.read_tries => {
                    tracing::debug!(%error, tries, "a call is made again");
                    sleep(Pauses::new(self.settings).after(tries, self.ids)).await;
                }
                done => return done,
            }
        }
    }

    /// Records behind `after`, up to `max_bytes` of what they are unpacked, but at least one if there is one.
    pub(super) async fn read(
        &self,
        shard: &ShardId,
        after: Option<&SequenceNumber>,
        max_bytes: usize,
    ) -> Result<Vec<LogRecord>, LogError> {
        let limit = i32::try_from((max_bytes / SMALL_RECORD_BYTES).clamp(1, PAGE_RECORDS)).unwrap_or(i32::MAX);
        let first = self.patiently(|| self.api.iterator(shard, after)).await;
        let mut iterator = match first {
            Ok(iterator) => Some(iterator),
            Err(error) => return Err(self.no_iterator(shard, after, error).await),
        };
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while let Some(at) = iterator {
            let page = match self.patiently(|| self.api.page(&at, limit)).await {
                Ok(page) => page,
                // What there is so far is in order and whole; the rest is read next time.
                Err(_) if !taken.is_empty() => break,
                Err(error) => return Err(LogError::Unavailable(error.problem)),
            };
            for record in page.records {
                let sequence = SequenceNumber::parse(&record.sequence_number).ok_or_else(|| {
                    LogError::Corrupt(format!(
                        "shard `{shard}` gave a record with the sequence number `{}`, which is no number",
                        record.sequence_number
                    ))
                })?;
                let payload = unpacked(record.data.into_inner());
                bytes += payload.len();
                if !taken.is_empty() && bytes > max_bytes {
                    return Ok(taken);
                }
                taken.push(LogRecord { sequence, payload });
            }
            iterator = page.next.filter(|_| !page.is_last);
        }
        Ok(taken)
    }

    /// "Not found" is said of a stream and of a shard alike, and by some servers of a position too.
    async fn no_iterator(&self, shard: &ShardId, after: Option<&SequenceNumber>, error: CallError) -> LogError {
        let is_there = match error.kind {
            Failure::Argument => true,
            Failure::NotFound => match self.patiently(|| self.api.shards()).await {
                Ok(shards) if !shards.contains(shard) => return LogError::NoShard(shard.clone()),
                listed => listed.is_ok(),
            },
            _ => false,
        };
        match after {
            Some(after) if is_there => LogError::Corrupt(format!(
                "position {after} is not one of shard `{shard}`: the stream was made again under its name; bring back the \
                 stream that gave the position, or have its reader start again from the oldest record"
            )),
            _ => LogError::Unavailable(error.problem),
        }
    }
}

/// What cannot be unpacked is handed on as it is, so that whoever decodes it says which record it is, and goes on.
fn unpacked(data: Vec<u8>) -> Bytes {
    match unpack(&data) {
        Ok(std::borrow::Cow::Owned(text)) => text.into(),
        _ => data.into(),
    }
}
