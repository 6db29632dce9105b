//! What the router serves: the parts that a request meets, and the steps that need them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::HeaderName;
use axum::http::request::Parts;
use bytes::Bytes;
use weir_core::ports::{Clock, EventLog, Ids, LogError, LogPosition};
use weir_store::StoreError;

use crate::accept::{Checked, accept, accept_none};
use crate::answer::{BatchAnswer, Failure, ReceiptAnswer};
use crate::body::BodyProblem;
use crate::enrich::{Agents, COUNTRY_HEADERS, RequestFacts};
use crate::keys::{self, KeyPolicy, KeyProblem, Sender, Source};
use crate::load::{Lane, Load, LoadSettings, Permit, Shed};
use crate::metrics::Meters;
use crate::plan::Plans;
use crate::privacy::PrivacyRules;
use crate::protocol::{Batch, Protocol};
use crate::receipt::ReceiptToken;
use crate::receive::Discards;
use crate::refusals::Refusals;
use crate::sink::{Sink, Verdict};
use crate::terms::Terms;

/// The log has so long to say whether it takes appends.
const PROBE_TIME: Duration = Duration::from_secs(2);

/// How far the event log has come into the table.
#[async_trait]
pub trait LandedProgress: Send + Sync {
    /// The first version of the table that holds a record, as far as it is known: at least a version that does. `None` while
    /// there is none.
    ///
    /// # Errors
    /// Where it cannot be told.
    async fn landed_in(&self, record: &LogPosition) -> Result<Option<u64>, ProgressError>;
}

/// Why it cannot be told how far the log has come into the table.
#[derive(Debug, thiserror::Error)]
pub enum ProgressError {
    /// The lake does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A commit of the table is not what weir wrote.
    #[error("the commit `{object}` cannot be read: {problem}")]
    Commit {
        /// Its name below the lake.
        object: String,
        /// What the parser says.
        problem: String,
    },
}

/// Takes events: the log they go to, and what it takes to check, name and place them.
pub struct Collector {
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    keys: KeyPolicy,
    plans: Plans,
    progress: Arc<dyn LandedProgress>,
    privacy: PrivacyRules,
    refusals: Refusals,
    country_headers: Vec<HeaderName>,
    agents: Agents,
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
            plans: Plans::default(),
            privacy: PrivacyRules::default(),
            refusals: Refusals::default(),
            country_headers: COUNTRY_HEADERS.to_vec(),
            agents: Agents::default(),
            load: Load::new(LoadSettings::default()),
            sink: Sink::default(),
            asking: tokio::sync::Mutex::default(),
            discards: Discards::default(),
            meters: Meters::new(),
        }
    }

    /// With rules of privacy, which somebody else may replace. Without this there are none.
    #[must_use]
    pub fn with_privacy(self, privacy: PrivacyRules) -> Self {
        Self { privacy, ..self }
    }

    /// With a tracking plan, which somebody else may replace. Without this there is none.
    #[must_use]
    pub fn with_plans(self, plans: Plans) -> Self {
        Self { plans, ..self }
    }

    /// With users whose events are refused, whom somebody else may replace. Without this there are none.
    #[must_use]
    pub fn with_refusals(self, refusals: Refusals) -> Self {
        Self { refusals, ..self }
    }

    /// With the headers in which a CDN says the country; without this [`COUNTRY_HEADERS`].
    #[must_use]
    pub fn with_country_headers(self, country_headers: Vec<HeaderName>) -> Self {
        Self { country_headers, ..self }
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
    pub fn check(&self, sender: &Sender, head: &Parts, batch: Batch<'_>) -> Result<Checked, Failure> {
        let source = self.authorize(sender, batch.candidates.len())?;
        let facts = self.facts(&source, head);
        Ok(accept(batch, &self.terms(&source, &facts), self.clock.now_ms(), self.ids.as_ref())?)
    }

    /// Lets a request in, before its body is read.
    ///
    /// # Errors
    /// [`Shed`], where too much is under way already.
    pub fn admit(&self, lane: Lane, announced: Option<u64>) -> Result<Permit, Shed> {
        // Live goes by its own use alone, and need not know.
        let log_struggles = lane == Lane::Bulk && self.sink.struggles();
        self.load.admit(lane, announced, log_struggles, self.ids())
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

    /// Makes the record of a body of which nothing can be taken. `None` where it is not kept: there is nothing in the body to
    /// look at, or the sender may not bring it.
    ///
    /// # Errors
    /// [`Failure::Frame`], which does not happen in practice.
    pub fn refuse(
        &self,
        sender: &Sender,
        head: &Parts,
        protocol: Protocol,
        raw: &[u8],
        problem: &BodyProblem,
    ) -> Result<Option<Checked>, Failure> {
        if !problem.is_kept() {
            return Ok(None);
        }
        // A body that is stored costs what an event costs.
        let Ok(source) = self.authorize(sender, 1) else { return Ok(None) };
        let facts = self.facts(&source, head);
        let terms = self.terms(&source, &facts);
        Ok(Some(accept_none(raw, protocol, problem, &terms, self.clock.now_ms(), self.ids.as_ref())?))
    }

    /// Where a request comes from.
    fn facts(&self, source: &Source, head: &Parts) -> RequestFacts {
        RequestFacts::of(&head.headers, &head.extensions, &self.country_headers, source.store_ip)
    }

    fn terms<'a>(&'a self, source: &'a Source, facts: &'a RequestFacts) -> Terms<'a> {
        let terms = Terms::new(source, self.privacy.current(), facts, &self.agents);
        terms.with_plan(self.plans.guard(source.plan)).with_refused(self.refusals.current())
    }

    /// Appends the record of a request to the log, and says what became of it. Returns when it is durable.
    ///
    /// # Errors
    /// [`Failure::Log`], where events are not stored. A request without a good event is never to be sent again, so where only
    /// its reasons are lost, the answer is the same without a receipt.
    pub async fn store(&self, checked: Checked) -> Result<BatchAnswer, Failure> {
        let Checked { record, accepted, rejected } = checked;
        let append = self.sink.begin();
        let appended = self.log.append(Bytes::from(record)).await;
        // A record that is too large says nothing about the next one.
        let taken = matches!(appended, Ok(_) | Err(LogError::TooLarge { .. }));
        let took = append.ended(taken);
        self.meters.append(took, taken);
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
    ///
    /// # Errors
    /// [`Failure::Progress`].
    pub async fn progress_of(&self, receipt: &ReceiptToken) -> Result<ReceiptAnswer, Failure> {
        if receipt.is_rejected {
            return Ok(ReceiptAnswer::rejected(receipt));
        }
        Ok(ReceiptAnswer::new(receipt, self.progress.landed_in(&receipt.position).await?))
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Nothing ever lands.
    pub(crate) struct NothingLands;

    #[async_trait]
    impl LandedProgress for NothingLands {
        async fn landed_in(&self, _: &LogPosition) -> Result<Option<u64>, ProgressError> {
            Ok(None)
        }
    }
}
