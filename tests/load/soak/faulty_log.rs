//! A log that fails: it refuses before it stores, denies what it has stored, stalls, and is full for a while.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::{Instant, sleep};
use weir_core::ports::{EventLog, LogError, LogPosition, LogRecord, SequenceNumber, ShardId};
use weir_lake::file_log::FileLog;
use weir_tests::dice::Dice;

/// Faults before a real log.
pub struct FaultyLog {
    inner: Arc<FileLog>,
    dice: Mutex<Dice>,
    full_until: Mutex<Instant>,
    refused: AtomicU64,
    denied: AtomicU64,
    stalled: AtomicU64,
    full: AtomicU64,
}

/// How often each fault came.
#[derive(Debug)]
#[allow(dead_code, reason = "printed")]
pub struct FaultCounts {
    refused: u64,
    denied: u64,
    stalled: u64,
    full: u64,
}

enum Fault {
    None,
    Full,
    Refuse,
    /// Store, and report a failure that says so, or one that says nothing was stored.
    Deny {
        as_unavailable: bool,
    },
    Stall(Duration),
}

impl FaultyLog {
    /// Faults by these dice.
    pub fn new(inner: Arc<FileLog>, seed: u64) -> Self {
        Self {
            inner,
            dice: Mutex::new(Dice::new(seed)),
            full_until: Mutex::new(Instant::now()),
            refused: AtomicU64::default(),
            denied: AtomicU64::default(),
            stalled: AtomicU64::default(),
            full: AtomicU64::default(),
        }
    }

    /// How often each fault came so far.
    pub fn counts(&self) -> FaultCounts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        FaultCounts {
            refused: count(&self.refused),
            denied: count(&self.denied),
            stalled: count(&self.stalled),
            full: count(&self.full),
        }
    }

    fn draw(&self) -> Fault {
        let mut dice = self.dice.lock().unwrap();
        let mut full_until = self.full_until.lock().unwrap();
        let now = Instant::now();
        if now < *full_until {
            return Fault::Full;
        }
        match dice.below(10_000) {
            0..1 => {
                *full_until = now + Duration::from_millis(100 + dice.below(600) as u64);
                Fault::Full
            }
            1..16 => Fault::Refuse,
            16..36 => Fault::Deny { as_unavailable: dice.chance(50) },
            36..136 => Fault::Stall(Duration::from_millis(dice.below(100) as u64)),
            // Longer than clients have patience.
            136..138 => Fault::Stall(Duration::from_millis(2_500)),
            _ => Fault::None,
        }
    }
}

fn refusal<T>(counter: &AtomicU64, why: &str) -> Result<T, LogError> {
    counter.fetch_add(1, Ordering::Relaxed);
    Err(LogError::Unavailable(why.to_owned()))
}

#[async_trait]
impl EventLog for FaultyLog {
    async fn append(&self, payload: Bytes) -> Result<LogPosition, LogError> {
        match self.draw() {
            Fault::None => {}
            Fault::Full => return refusal(&self.full, "no space is left"),
            Fault::Refuse => return refusal(&self.refused, "refused by the dice"),
            Fault::Stall(time) => {
                self.stalled.fetch_add(1, Ordering::Relaxed);
                sleep(time).await;
            }
            Fault::Deny { as_unavailable } => {
                self.inner.append(payload).await?;
                let denied = refusal(&self.denied, "denied by the dice");
                let unsure = || Err(LogError::Corrupt("the answer was lost".to_owned()));
                return if as_unavailable { denied } else { unsure() };
            }
        }
        self.inner.append(payload).await
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
        if self.dice.lock().unwrap().chance(3) {
            return Err(LogError::Unavailable("unread by the dice".to_owned()));
        }
        self.inner.read(shard, after, max_bytes).await
    }

    async fn trim(&self, shard: &ShardId, through: &SequenceNumber) -> Result<(), LogError> {
        self.inner.trim(shard, through).await
    }
}
