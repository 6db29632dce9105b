//! What the router serves: the parts that a request meets, and the steps that need them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use axum::http::{Extensions, HeaderMap, HeaderName};
use bytes::Bytes;
use weir_core::ports::{Clock, EventLog, Ids, LogError, LogPosition};
use weir_store::StoreError;

use crate::accept::{Checked, accept, accept_none};
use crate::answer::{BatchAnswer, Failure, ReceiptAnswer};
use crate::body::BodyProblem;
use crate::enrich::{Agents, COUNTRY_HEADERS, RequestFacts};
use crate::keys::{self, KeyPolicy, KeyProblem, Sender, Source};
use crate::plan::Plans;
use crate::privacy::PrivacyRules;
use crate::protocol::{Batch, Protocol};
use crate::receipt::ReceiptToken;
use crate::terms::Terms;

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
    country_headers: Vec<HeaderName>,
    agents: Agents,
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
        Self {
            log,
            clock,
            ids,
            keys,
            progress,
            plans: Plans::default(),
            privacy: PrivacyRules::default(),
            country_headers: COUNTRY_HEADERS.to_vec(),
            agents: Agents::default(),
            log_failed: AtomicBool::new(false),
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

    /// With the headers in which a CDN says the country; without this [`COUNTRY_HEADERS`].
    #[must_use]
    pub fn with_country_headers(self, country_headers: Vec<HeaderName>) -> Self {
        Self { country_headers, ..self }
    }

    /// Where a request comes from.
    pub fn facts(&self, headers: &HeaderMap, extensions: &Extensions) -> RequestFacts {
        RequestFacts::of(headers, extensions, &self.country_headers)
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
        Ok(accept(batch, &self.terms(&source, sender), self.clock.now_ms(), self.ids.as_ref())?)
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
        let terms = self.terms(&source, sender);
        Ok(Some(accept_none(raw, protocol, problem, &terms, self.clock.now_ms(), self.ids.as_ref())?))
    }

    fn terms<'a>(&'a self, source: &'a Source, sender: &'a Sender) -> Terms<'a> {
        let terms = Terms::new(source, self.privacy.current(), &sender.facts, &self.agents);
        terms.with_plan(self.plans.guard(source.plan))
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
