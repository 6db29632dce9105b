//! What the router serves: the parts that a request meets, and the steps that need them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use weir_core::ports::{Clock, EventLog, Ids, LogError, SequenceNumber, ShardId};

use crate::accept::{Checked, accept};
use crate::answer::{Failure, ReceiptAnswer};
use crate::keys::{self, KeyPolicy, KeyProblem, Sender, Source};
use crate::load::{Lane, Load, LoadSettings, Permit, Shed};
use crate::metrics::Meters;
use crate::protocol::Batch;
use crate::receipt::ReceiptToken;
use crate::receive::Discards;
use crate::sink::{Sink, Verdict};

/// The log has so long to say whether it takes appends.
const PROBE_TIME: Duration = Duration::from_secs(2);

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
    progress: Arc<dyn LandedProgress>,
    load: Arc<Load>,
    sink: Sink,
    /// Held by who asks the log whether it takes appends.
    asking: tokio::sync::Mutex<()>,
    discards: Discards,
    meters: Meters,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector")
            .field("keys", &self.keys)
            .field("load", &self.load)
            .field("sink", &self.sink)
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
        Self {
            log,
            clock,
            ids,
            keys,
            progress,
            load: Load::new(LoadSettings::default()),
            sink: Sink::default(),
            asking: tokio::sync::Mutex::default(),
            discards: Discards::default(),
            meters: Meters::new(),
        }
    }

    /// The same collector with other bounds of what may be under way.
    #[must_use]
    pub fn with_load(self, settings: LoadSettings) -> Self {
        Self { load: Load::new(settings), ..self }
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

    /// Lets a request in, before its body is read.
    ///
    /// # Errors
    /// [`Shed`], where too much is under way already.
    pub fn admit(&self, lane: Lane, announced: Option<u64>) -> Result<Permit, Shed> {
        self.load.admit(lane, announced, self.sink.struggles(), self.ids())
    }

    /// Moves a request that turned out to be historical.
    ///
    /// # Errors
    /// [`Shed`], where bulk does not take it.
    pub fn move_to_bulk(&self, permit: &mut Permit) -> Result<(), Shed> {
        permit.move_to_bulk(self.sink.struggles(), self.ids())
    }

    /// What spreads the times at which refused requests come back.
    pub fn ids(&self) -> &dyn Ids {
        self.ids.as_ref()
    }

    /// What is under way.
    pub fn load(&self) -> &Load {
        &self.load
    }

    /// What counts.
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// What reads refused bodies.
    pub fn discards(&self) -> &Discards {
        &self.discards
    }

    /// Appends a record to the log. Returns when it is durable.
    ///
    /// # Errors
    /// [`Failure::Log`].
    pub async fn store(&self, record: Vec<u8>) -> Result<ReceiptToken, Failure> {
        let append = self.sink.begin();
        let appended = self.log.append(Bytes::from(record)).await;
        // A record that is too large says nothing about the next one.
        let taken = matches!(appended, Ok(_) | Err(LogError::TooLarge { .. }));
        let took = append.ended(taken);
        self.meters.append(took, taken);
        Ok(ReceiptToken(appended?))
    }

    /// Whether a request with events would be taken now. The log is asked where it has not been seen lately, and at most once
    /// in a while, so this may be called often.
    ///
    /// # Errors
    /// [`Failure::Shed`] where too much is under way, [`Failure::NotReady`] where the log takes no events.
    pub async fn ready(&self) -> Result<(), Failure> {
        self.load.probe(self.ids())?;
        if self.sink.verdict() == Verdict::Unknown {
            // One asks, and the others that want to know wait for what it finds.
            let _asking = self.asking.lock().await;
            if self.sink.verdict() == Verdict::Unknown {
                self.ask_log().await;
            }
        }
        if self.sink.verdict() == Verdict::Ready { Ok(()) } else { Err(Failure::NotReady) }
    }

    async fn ask_log(&self) {
        let checked = tokio::time::timeout(PROBE_TIME, self.log.check()).await;
        let error = match checked {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {} s", PROBE_TIME.as_secs())),
        };
        if let Some(error) = &error {
            tracing::warn!(error, "the event log is not ready");
        }
        self.sink.probed(error.is_none());
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
