//! The ports: what the domain needs from the world, as small traits.
//!
//! | port | real | local | for tests |
//! |---|---|---|---|
//! | [`EventLog`] | a stream (one shard or many) | append-only segment files | [`MemoryLog`], [`FaultyLog`] |
//! | [`Clock`] | [`SystemClock`] | the same | [`ManualClock`] |
//! | [`Ids`] | [`RandomIds`] | the same | [`CountingIds`] |
//!
//! Each port has one conformance suite in [`conformance`]; every implementation runs it, wherever it lives.

mod clock;
pub mod conformance;
mod event_log;
mod ids;
mod system;

pub use clock::{Clock, ManualClock};
pub use event_log::{EventLog, FaultyLog, LogError, LogPosition, LogRecord, MemoryLog, SequenceNumber, ShardId};
pub use ids::{CountingIds, Ids};
pub use system::{RandomIds, SystemClock};
