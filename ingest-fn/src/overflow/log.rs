//! An event log that falls back to the overflow.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use metrics::counter;
use tokio::time::{Instant, timeout};
use weir_core::event::envelope::{MAX_RECORD_BYTES, pack};
use weir_core::ports::{EventLog, Ids, LogError, LogPosition, LogRecord, SequenceNumber, ShardId};

use super::Overflow;
use super::breaker::Breaker;

/// The name of the shard that records in the overflow belong to. It is not read as a shard: its records have no order.
pub const SHARD: &str = "overflow";

/// When a record goes to the overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverflowSettings {
    /// How long the log may take. Longer than a deadline of the log's own, which knows better what went wrong.
    pub log_deadline: Duration,
    /// How long the overflow may take.
    pub overflow_deadline: Duration,
    /// After so many failures of the log in a row, records go to the overflow at once.
    pub failures_to_open: u32,
    /// For so long. Then one record finds out whether the log is back.
    pub open_for: Duration,
}

impl Default for OverflowSettings {
    /// 4 s for the log, 5 s for the overflow; after 5 failures the log is left alone for 5 s.
    fn default() -> Self {
        Self {
            log_deadline: Duration::from_secs(4),
            overflow_deadline: Duration::from_secs(5),
            failures_to_open: 5,
            open_for: Duration::from_secs(5),
        }
    }
}

/// An [`EventLog`] whose appends succeed while the log or the overflow is there.
///
/// - A record that the log refuses, does not take in time, or finds too large becomes an object of the overflow.
/// - Only where that fails too, the append is [`LogError::Unavailable`]. A log that is being left alone is asked first.
/// - [`LogError::TooLarge`] is for records above [`MAX_RECORD_BYTES`], which no reader would unpack.
///
/// Reading is the log's: the overflow is landed object by object.
///
/// A record may be in both, where the log took it and could not say so in time. Its events have the same ids in both, and
/// copies of an event count once.
pub struct OverflowingLog<L> {
    log: L,
    overflow: Arc<dyn Overflow>,
    ids: Arc<dyn Ids>,
    settings: OverflowSettings,
    breaker: Mutex<Breaker>,
}

impl<L: std::fmt::Debug> std::fmt::Debug for OverflowingLog<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { log, settings, breaker, .. } = self;
        f.debug_struct("OverflowingLog")
            .field("log", log)
            .field("settings", settings)
            .field("breaker", breaker)
            .finish_non_exhaustive()
    }
}

impl<L: EventLog> OverflowingLog<L> {
    /// Puts an overflow behind a log. The numbers of records come from `ids`.
    pub fn new(log: L, overflow: Arc<dyn Overflow>, ids: Arc<dyn Ids>, settings: OverflowSettings) -> Self {
        let breaker = Breaker::new(settings.failures_to_open, settings.open_for, settings.log_deadline);
        Self { log, overflow, ids, settings, breaker: Mutex::new(breaker) }
    }

    /// The log.
    pub fn log(&self) -> &L {
        &self.log
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn store(&self, payload: Bytes) -> Result<LogPosition, LogError> {
        if payload.len() > MAX_RECORD_BYTES {
            return Err(LogError::TooLarge { bytes: payload.len(), limit: MAX_RECORD_BYTES });
        }
        let is_asked = self.breaker().admits(Instant::now());
        let mut log_problem = "it is left alone, since it failed again and again".to_owned();
        if is_asked {
            match self.in_log(payload.clone()).await {
                Ok(position) => return Ok(position),
                Err(error) => log_problem = problem(error),
            }
        }
        let overflow_problem = match self.in_overflow(&payload).await {
            Ok(position) => {
                tracing::debug!(log_problem, "a record went to the overflow");
                return Ok(position);
            }
            Err(error) => problem(error),
        };
        if !is_asked {
            match self.in_log(payload).await {
                Ok(position) => return Ok(position),
                Err(error) => log_problem = problem(error),
            }
        }
        Err(LogError::Unavailable(format!("the log: {log_problem}; the overflow: {overflow_problem}")))
    }

    async fn in_log(&self, payload: Bytes) -> Result<LogPosition, LogError> {
        let deadline = self.settings.log_deadline;
        let appended = timeout(deadline, self.log.append(payload)).await;
        let appended =
            appended.unwrap_or_else(|_| Err(LogError::Unavailable(format!("it did not answer within {deadline:?}"))));
        match &appended {
            Ok(_) => {
                if self.breaker().succeeded() {
                    tracing::info!("the event log takes records again");
                }
            }
            // That says nothing about the next record.
            Err(LogError::TooLarge { .. }) => {}
            Err(error) => {
                let opened = self.breaker().failed(Instant::now());
                if opened {
                    let pause = self.settings.open_for;
                    tracing::warn!(%error, ?pause, "the event log fails again and again; records go to the overflow");
                }
            }
        }
        appended
    }

    async fn in_overflow(&self, payload: &[u8]) -> Result<LogPosition, LogError> {
        let number = u128::from_be_bytes(self.ids.next_id());
        let deadline = self.settings.overflow_deadline;
        let put = timeout(deadline, self.overflow.put(number, pack(payload).into())).await;
        let put = put.unwrap_or_else(|_| Err(LogError::Unavailable(format!("it did not answer within {deadline:?}"))));
        counter!("weir_overflow_puts_total", "outcome" => if put.is_ok() { "stored" } else { "failed" }).increment(1);
        put?;
        let sequence = SequenceNumber::parse(&number.to_string())
            .ok_or_else(|| LogError::Corrupt(format!("the overflow number {number} is no sequence number")))?;
        Ok(LogPosition { shard: ShardId(SHARD.to_owned()), sequence })
    }
}

/// What is wrong, without what is said around it.
fn problem(error: LogError) -> String {
    match error {
        LogError::Unavailable(problem) => problem,
        other => other.to_string(),
    }
}

#[async_trait]
impl<L: EventLog> EventLog for OverflowingLog<L> {
    async fn append(&self, payload: Bytes) -> Result<LogPosition, LogError> {
        let stored = self.store(payload).await;
        let outcome = match &stored {
            Ok(position) if position.shard.0 == SHARD => "overflow",
            Ok(_) => "log",
            Err(LogError::TooLarge { .. }) => "too_large",
            Err(_) => "refused",
        };
        counter!("weir_log_appends_total", "outcome" => outcome).increment(1);
        stored
    }

    /// One of the two is enough.
    async fn check(&self) -> Result<(), LogError> {
        match self.log.check().await {
            Ok(()) => Ok(()),
            Err(_) => self.overflow.is_waiting(0).await.map(drop),
        }
    }

    async fn shards(&self) -> Result<Vec<ShardId>, LogError> {
        self.log.shards().await
    }

    async fn read(
        &self,
        shard: &ShardId,
        after: Option<&SequenceNumber>,
        max_bytes: usize,
    ) -> Result<Vec<LogRecord>, LogError> {
        self.log.read(shard, after, max_bytes).await
    }

    async fn trim(&self, shard: &ShardId, through: &SequenceNumber) -> Result<(), LogError> {
        self.log.trim(shard, through).await
    }
}
