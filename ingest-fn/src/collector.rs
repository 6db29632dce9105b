//! What the router serves: the parts that a request meets, and the steps that need them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use weir_core::ports::{Clock, EventLog, Ids, LogError, LogPosition, SequenceNumber, ShardId};

use crate::accept::{Checked, accept, accept_none};
use crate::answer::{BatchAnswer, Failure, ReceiptAnswer};
use crate::body::BodyProblem;
use crate::keys::{self, KeyPolicy, KeyProblem, Sender, Source};
use crate::protocol::{Batch, Protocol};
use crate::receipt::ReceiptToken;

/// How far the event log has come into the table.
pub trait LandedProgress: Send + Sync {
    /// The first version of the table that is known to hold a record; of records that landed long ago, the oldest one that is
    /// still known to hold them. `None` while the record has not landed.
    fn landed_in(&self, shard: &ShardId, sequence: &SequenceNumber) -> Option<u64>;
}

/// Takes events: the log they go to, and what it takes to check, name and place them.
pub struct Collector {
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    keys: KeyPolicy,
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
        Self { log, clock, ids, keys, progress, log_failed: AtomicBool::new(false) }
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
        Ok(accept(batch, &source.name, self.clock.now_ms(), self.ids.as_ref())?)
    }

    /// Makes the record of a body of which nothing can be taken. `None` where it is not kept: there is nothing in the body to
    /// look at, or the sender may not bring it.
    ///
    /// # Errors
    /// [`Failure::Frame`], which does not happen in practice.
    pub fn refuse(
        &self,
        sender: &Sender,
        protocol: Protocol,
        raw: &[u8],
        problem: &BodyProblem,
    ) -> Result<Option<Checked>, Failure> {
        if !problem.is_kept() {
            return Ok(None);
        }
        // A body that is stored costs what an event costs.
        let Ok(source) = self.authorize(sender, 1) else { return Ok(None) };
        Ok(Some(accept_none(raw, protocol, problem, &source.name, self.clock.now_ms(), self.ids.as_ref())?))
    }

    /// Appends the record of a request to the log, and says what became of it. Returns when it is durable.
    ///
    /// # Errors
    /// [`Failure::Log`], where events are not stored. A request without a good event is never to be sent again, so where only
    /// its reasons are lost, the answer is the same without a receipt.
    pub async fn store(&self, checked: Checked) -> Result<BatchAnswer, Failure> {
        let Checked { record, accepted, rejected } = checked;
        let appended = self.log.append(Bytes::from(record)).await;
        // A record that is too large says nothing about the next one.
        let failed = !matches!(appended, Ok(_) | Err(LogError::TooLarge { .. }));
        self.log_failed.store(failed, Ordering::Relaxed);
        match appended {
            Ok(position) if accepted > 0 => {
                Ok(BatchAnswer::stored(accepted, rejected, &ReceiptToken { position, is_rejected: false }))
            }
            Ok(position) => Ok(BatchAnswer::refused(rejected, &ReceiptToken { position, is_rejected: true })),
            Err(error) if accepted > 0 => Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, events = rejected.len(), "rejected events were not kept");
                Ok(BatchAnswer::none(rejected))
            }
        }
    }

    /// Whether the log takes appends, as far as the last one tells. True before the first.
    pub fn is_ready(&self) -> bool {
        !self.log_failed.load(Ordering::Relaxed)
    }

    /// Whether queries see the record of a receipt. That such a record was ever written is the receipt's own word: the log
    /// is not asked.
    pub fn progress_of(&self, receipt: &ReceiptToken) -> ReceiptAnswer {
        if receipt.is_rejected {
            return ReceiptAnswer::rejected(receipt);
        }
        let LogPosition { shard, sequence } = &receipt.position;
        ReceiptAnswer::new(receipt, self.progress.landed_in(shard, sequence))
    }
}
