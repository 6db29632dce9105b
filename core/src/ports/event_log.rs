//! The event log: where an accepted request becomes durable before it is answered, and from where it is landed.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering as Atomic};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// One ordered part of a log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShardId(pub String);

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The place of a record in its shard: a decimal number of any length (a Kinesis sequence number has 56 digits, too
/// many for any integer type). Ordered by value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SequenceNumber(String);

impl SequenceNumber {
    /// Takes decimal digits; leading zeros are dropped, so that equal values are equal. `None` if `digits` is empty or
    /// has anything but `0`..`9`.
    pub fn parse(digits: &str) -> Option<Self> {
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let short = digits.trim_start_matches('0');
        Some(Self(if short.is_empty() { "0" } else { short }.to_owned()))
    }

    /// The digits, without leading zeros.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value where it fits 64 bits.
    pub fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }
}

impl From<u64> for SequenceNumber {
    fn from(value: u64) -> Self {
        Self(value.to_string())
    }
}

impl Ord for SequenceNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0.len(), &self.0).cmp(&(other.0.len(), &other.0))
    }
}

impl PartialOrd for SequenceNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a record stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LogPosition {
    /// The shard that took the record.
    pub shard: ShardId,
    /// Its place there.
    pub sequence: SequenceNumber,
}

/// One record as it was appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// Its place in the shard that was read.
    pub sequence: SequenceNumber,
    /// The bytes that were appended.
    pub payload: Bytes,
}

/// Why the log did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Nothing was stored; the same call may succeed later. The caller answers 503.
    #[error("the event log is not available: {0}; nothing was stored, try again")]
    Unavailable(String),
    /// The record is larger than the log takes.
    #[error("a record of {bytes} bytes is larger than the log's limit of {limit}")]
    TooLarge {
        /// What was offered.
        bytes: usize,
        /// What is taken.
        limit: usize,
    },
    /// Stored bytes are not what was written. Names the object, the place in it and what to do.
    #[error("{0}")]
    Corrupt(String),
    /// There is no such shard.
    #[error("the event log has no shard `{0}`")]
    NoShard(ShardId),
}

/// An ordered, durable log of records in one or more shards.
///
/// Contract, which [`conformance::event_log`](super::conformance::event_log) checks:
/// - when [`append`](EventLog::append) returns a position, the record survives a crash and is read back byte for byte;
/// - sequence numbers of a shard grow strictly in the order in which records are read;
/// - reading is repeatable until the records are trimmed.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Appends one record. Returns when it is durable.
    async fn append(&self, payload: Bytes) -> Result<LogPosition, LogError>;

    /// Whether an append would be taken, as far as can be told without one. Stores nothing, and is quick. A log that can only
    /// tell by an append says yes.
    async fn check(&self) -> Result<(), LogError> {
        Ok(())
    }

    /// The shards that can be read, in a stable order.
    async fn shards(&self) -> Result<Vec<ShardId>, LogError>;

    /// Records of `shard` behind `after` (all, if `None`), in order: as many as fit `max_bytes` of payload, but at least
    /// one if there is one. Empty at the end.
    async fn read(
        &self,
        shard: &ShardId,
        after: Option<&SequenceNumber>,
        max_bytes: usize,
    ) -> Result<Vec<LogRecord>, LogError>;

    /// Says that records up to and including `through` are no longer needed. They may be kept for a while.
    async fn trim(&self, shard: &ShardId, through: &SequenceNumber) -> Result<(), LogError>;
}

/// A log in memory, of one shard. The reference for the conformance suite, and the log of unit tests.
#[derive(Debug, Default)]
pub struct MemoryLog {
    inner: Mutex<MemoryShard>,
}

#[derive(Debug, Default)]
struct MemoryShard {
    next: u64,
    records: VecDeque<LogRecord>,
}

impl MemoryLog {
    const SHARD: &str = "memory-0";

    fn lock(&self) -> std::sync::MutexGuard<'_, MemoryShard> {
        // A panic while the lock is held cannot leave the deque half changed.
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn check(shard: &ShardId) -> Result<(), LogError> {
        if shard.0 == Self::SHARD { Ok(()) } else { Err(LogError::NoShard(shard.clone())) }
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    async fn append(&self, payload: Bytes) -> Result<LogPosition, LogError> {
        let mut log = self.lock();
        log.next += 1;
        let sequence = SequenceNumber::from(log.next);
        log.records.push_back(LogRecord { sequence: sequence.clone(), payload });
        Ok(LogPosition { shard: ShardId(Self::SHARD.to_owned()), sequence })
    }

    async fn shards(&self) -> Result<Vec<ShardId>, LogError> {
        Ok(vec![ShardId(Self::SHARD.to_owned())])
    }

    async fn read(
        &self,
        shard: &ShardId,
        after: Option<&SequenceNumber>,
        max_bytes: usize,
    ) -> Result<Vec<LogRecord>, LogError> {
        Self::check(shard)?;
        let log = self.lock();
        let mut taken = Vec::new();
        let mut bytes = 0;
        for record in log.records.iter().filter(|r| after.is_none_or(|a| r.sequence > *a)) {
            bytes += record.payload.len();
            if !taken.is_empty() && bytes > max_bytes {
                break;
            }
            taken.push(record.clone());
        }
        Ok(taken)
    }

    async fn trim(&self, shard: &ShardId, through: &SequenceNumber) -> Result<(), LogError> {
        Self::check(shard)?;
        self.lock().records.retain(|r| r.sequence > *through);
        Ok(())
    }
}

/// Another log that can be switched to refuse appends, as a full disk or a throttled stream does.
#[derive(Debug)]
pub struct FaultyLog<L> {
    inner: L,
    refusing: AtomicBool,
}

impl<L> FaultyLog<L> {
    /// Passes everything on until [`refuse`](Self::refuse) is called.
    pub fn new(inner: L) -> Self {
        Self { inner, refusing: AtomicBool::new(false) }
    }

    /// From now on appends fail (`true`) or pass (`false`).
    pub fn refuse(&self, refusing: bool) {
        self.refusing.store(refusing, Atomic::SeqCst);
    }
}

#[async_trait]
impl<L: EventLog> EventLog for FaultyLog<L> {
    async fn append(&self, payload: Bytes) -> Result<LogPosition, LogError> {
        if self.refusing.load(Atomic::SeqCst) {
            return Err(LogError::Unavailable("refusing, as told".to_owned()));
        }
        self.inner.append(payload).await
    }

    async fn check(&self) -> Result<(), LogError> {
        if self.refusing.load(Atomic::SeqCst) {
            return Err(LogError::Unavailable("refusing, as told".to_owned()));
        }
        self.inner.check().await
    }

    async fn shards(&self) -> Result<Vec<ShardId>, LogError> {
        self.inner.shards().await
    }

    async fn read(
        &self,
        shard: &ShardId,
        after: Option<&SequenceNumber>,
        max_bytes: usize,
    ) -> Result<Vec<LogRecord>, LogError> {
        self.inner.read(shard, after, max_bytes).await
    }

    async fn trim(&self, shard: &ShardId, through: &SequenceNumber) -> Result<(), LogError> {
        self.inner.trim(shard, through).await
    }
}
