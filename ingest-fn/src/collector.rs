//! What the router serves: the parts that a request meets, and the steps that need them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use weir_core::ports::{Clock, EventLog, Ids, LogError, SequenceNumber, ShardId};

use crate::accept::{Checked, accept};
use crate::answer::{Failure, ReceiptAnswer};
use crate::keys::{self, KeyPolicy, KeyProblem, Sender, Source};
use crate::plan::Plans;
use crate::protocol::Batch;
use crate::receipt::ReceiptToken;

/// How far the event log has come into the table.
pub trait LandedProgress: Send + Sync {
    /// The newest position of `shard` whose record is in the table, and the newest version of the table, which holds it.
    /// `None` while nothing of the shard has landed.
    fn landed(&self, shard: &ShardId) -> Option<(SequenceNumber, u64)>;
}

/// Takes events: the log they go to, and what it takes to check, name and place them.
pub struct Collector {
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    keys: KeyPolicy,
    plans: Plans,
    progress: Arc<dyn LandedProgress>,
    /// Whether the last append failed.
    log_failed: AtomicBool,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector")
            .field("keys", &self.keys)
            .field("log_failed", &self.log_failed)
            .finish_non_exhaustive()
    }
}

impl Collector {
    /// Puts a collector together.
    pub fn new(
        log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        keys: KeyPolicy,
        progress: Arc<dyn LandedProgress>,
    ) -> Self {
        Self { log, clock, ids, keys, plans: Plans::default(), progress, log_failed: AtomicBool::new(false) }
    }

    /// Holds events against the tracking plan that is in force.
    #[must_use]
    pub fn with_plans(self, plans: Plans) -> Self {
        Self { plans, ..self }
    }

    /// Whether a sender may bring so many events; 0 while their number is not known (see [`keys::authorize`]).
    ///
    /// # Errors
    /// Why not.
    pub fn authorize(&self, sender: &Sender, events: usize) -> Result<Source, KeyProblem> {
        keys::authorize(&self.keys, sender.key.as_ref(), sender.origin.as_deref(), events, self.clock.as_ref())
    }

    /// Checks the events of a body. All of them are received at this moment, and count against what the sender may bring.
    ///
    /// # Errors
    /// [`Failure::Key`] where the sender may not bring that many; [`Failure::Frame`], which does not happen in practice.
    pub fn check(&self, sender: &Sender, batch: Batch<'_>) -> Result<Checked, Failure> {
        let source = self.authorize(sender, batch.candidates.len())?;
        let guard = self.plans.guard(source.plan);
        Ok(accept(batch, &source.name, &guard, self.clock.now_ms(), self.ids.as_ref())?)
    }

    /// Appends a record to the log. Returns when it is durable.
    ///
    /// # Errors
    /// [`Failure::Log`].
    pub async fn store(&self, record: Vec<u8>) -> Result<ReceiptToken, Failure> {
        let appended = self.log.append(Bytes::from(record)).await;
        // A record that is too large says nothing about the next one.
        let failed = !matches!(appended, Ok(_) | Err(LogError::TooLarge { .. }));
        self.log_failed.store(failed, Ordering::Relaxed);
        Ok(ReceiptToken(appended?))
    }

    /// Whether the log takes appends, as far as the last one tells. True before the first.
    pub fn is_ready(&self) -> bool {
        !self.log_failed.load(Ordering::Relaxed)
    }

    /// Whether queries see the record of a receipt. That such a record was ever written is the receipt's own word: the log
    /// is not asked.
    pub fn progress_of(&self, receipt: &ReceiptToken) -> ReceiptAnswer {
        let version = match self.progress.landed(&receipt.0.shard) {
            Some((landed, version)) if landed >= receipt.0.sequence => Some(version),
            _ => None,
        };
        ReceiptAnswer::new(receipt, version)
    }
}
