//! The lake: events as Parquet files under a Delta Lake log, on an object store.
//!
//! Words: a *commit* is one numbered entry of the log; a *snapshot* is the state after a commit: which data files are live,
//! how far the event log has been landed, and up to when the lake is complete. A *landed* file is what one landing wrote; a
//! *compacted* file is the merge of others. Both are sorted by (bucket, user, time, arrival), where the *bucket* of a user
//! is the first six bits of a hash of their id, so that a range of buckets is a range of rows in every file.
//!
//! Roles:
//! - [`schema`] is the table's columns; [`rows`] collects events as columns; [`writer`] writes a sorted file.
//! - [`table`] reads and commits the log; [`snapshot`] is a state of it, with its invariants; [`actions`] the log's entries.
//! - [`reader`] reads files, [`merge`] merges sorted files into one sorted stream.
//! - [`links`] knows which anonymous ids are which users, and what files say of it; [`resolve`] finds rows that lie under
//!   another user than they are now, and gives them where they belong.
//! - [`notes`] are what a data file says of its rows beside them.
//! - [`failed`] is the columns and rows of what was sent and not taken: a table of its own.
//! - [`known_ids`] knows the event ids of the deduplication horizon.
//! - [`file_log`] is the event log of one machine.
//!
//! The object store, its names and the settings are `weir-store`'s.

pub mod actions;
pub mod error;
pub mod failed;
pub mod file_log;
pub mod known_ids;
pub mod links;
pub mod merge;
pub mod notes;
pub mod object_reader;
pub mod reader;
pub mod resolve;
pub mod rows;
pub mod schema;
pub mod snapshot;
pub mod table;
pub mod writer;

pub use error::LakeError;
pub use snapshot::{DataFile, Snapshot};
pub use table::Table;
pub use weir_store::names::TableName;
pub use weir_store::{Overflow, Settings, Store, StoreError, names, overflow, settings, store};
