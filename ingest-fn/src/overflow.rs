//! The overflow: where records go that the event log does not take, so that a bad day of the log never becomes lost events.
//!
//! Words: the *log* is the event log behind an [`OverflowingLog`], usually a stream. The *overflow* is a folder of the lake's
//! store, an object a record; whoever lands the log lands these objects too, and removes them. The *number* of a record
//! names its object: 128 bits, from a fresh identifier. A record in the overflow has the place (`overflow`, number).
//!
//! ```text
//!   append ──▶ log ── took it ─────────────────────▶ its place in the log
//!               │ did not, in time; is too large for it;
//!               │ or failed so often that it is left alone for a moment
//!               ▼
//!            overflow/{number}.weir ── is stored ──▶ (overflow, number)
//!               │ cannot be stored either
//!               ▼
//!            unavailable: 503
//! ```
//!
//! # Metrics
//!
//! Through the `metrics` facade; whoever runs the collector says where they go.
//!
//! | name | kind | |
//! |---|---|---|
//! | `weir_log_appends_total` | counter | records, by `outcome`: `log`, `overflow`, `refused` (503), `too_large` |
//! | `weir_overflow_puts_total` | counter | objects, by `outcome`: `stored`, `failed` |

mod breaker;
pub mod conformance;
mod log;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use weir_core::ports::LogError;
use weir_store::{Store, StoreError};

pub use self::log::{OverflowSettings, OverflowingLog, SHARD};

/// A place for single records. [`conformance::overflow`] checks the contract.
#[async_trait]
pub trait Overflow: Send + Sync {
    /// Stores a record under a number. Returns when it is durable. The same record may be stored again under its number.
    ///
    /// # Errors
    /// [`LogError::Unavailable`] where it cannot be stored, or another record has the number.
    async fn put(&self, number: u128, record: Bytes) -> Result<(), LogError>;

    /// Whether the record of a number is there, and nobody has landed and removed it yet.
    ///
    /// # Errors
    /// [`LogError::Unavailable`].
    async fn is_waiting(&self, number: u128) -> Result<bool, LogError>;
}

/// The overflow of a lake.
#[derive(Debug, Clone)]
pub struct StoreOverflow {
    records: weir_store::overflow::Overflow,
}

impl StoreOverflow {
    /// In a lake.
    pub fn new(store: &Store) -> Self {
        Self { records: weir_store::overflow::Overflow::new(store) }
    }
}

#[async_trait]
impl Overflow for StoreOverflow {
    async fn put(&self, number: u128, record: Bytes) -> Result<(), LogError> {
        self.records.put(number, record).await.map_err(unavailable)
    }

    async fn is_waiting(&self, number: u128) -> Result<bool, LogError> {
        self.records.is_there(number).await.map_err(unavailable)
    }
}

fn unavailable(error: StoreError) -> LogError {
    LogError::Unavailable(error.to_string())
}

/// An overflow in memory: the reference for the conformance suite, and the overflow of unit tests.
#[derive(Debug, Default)]
pub struct MemoryOverflow {
    records: Mutex<BTreeMap<u128, Bytes>>,
}

impl MemoryOverflow {
    /// All records, by their numbers.
    pub fn records(&self) -> BTreeMap<u128, Bytes> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Overflow for MemoryOverflow {
    async fn put(&self, number: u128, record: Bytes) -> Result<(), LogError> {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = records.entry(number).or_insert_with(|| record.clone());
        match *kept == record {
            true => Ok(()),
            false => Err(LogError::Unavailable(format!("number {number} is that of another record"))),
        }
    }

    async fn is_waiting(&self, number: u128) -> Result<bool, LogError> {
        Ok(self.records.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&number))
    }
}

/// Another overflow that can be switched to refuse, as a store does that cannot be reached.
#[derive(Debug)]
pub struct FaultyOverflow<O> {
    inner: O,
    refusing: AtomicBool,
}

impl<O> FaultyOverflow<O> {
    /// Passes everything on until [`refuse`](Self::refuse) is called.
    pub fn new(inner: O) -> Self {
        Self { inner, refusing: AtomicBool::new(false) }
    }

    /// From now on everything fails (`true`) or passes (`false`).
    pub fn refuse(&self, refusing: bool) {
        self.refusing.store(refusing, Ordering::SeqCst);
    }

    /// The other one.
    pub fn inner(&self) -> &O {
        &self.inner
    }

    fn check(&self) -> Result<(), LogError> {
        if self.refusing.load(Ordering::SeqCst) {
            return Err(LogError::Unavailable("refusing, as told".to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl<O: Overflow> Overflow for FaultyOverflow<O> {
    async fn put(&self, number: u128, record: Bytes) -> Result<(), LogError> {
        self.check()?;
        self.inner.put(number, record).await
    }

    async fn is_waiting(&self, number: u128) -> Result<bool, LogError> {
        self.check()?;
        self.inner.is_waiting(number).await
    }
}

#[cfg(test)]
#[path = "overflow_tests.rs"]
mod tests;
