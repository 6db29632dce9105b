//! The lake: events as Parquet files under a Delta Lake log, on an object store.
//!
//! Words: a *commit* is one numbered entry of the log; a *snapshot* is the state after a commit: which data files are live,
//! how far the event log has been landed, and up to when the lake is complete. A *landed* file is what one landing wrote; a
//! *compacted* file is the merge of others. Both are sorted by (bucket, user, time, arrival), where the *bucket* of a user
//! is the first six bits of a hash of their id, so that a range of buckets is a range of rows in every file.
//!
//! Roles:
//! - [`schema`] is the table's columns, `stored` how files have them; [`rows`] collects events as columns; [`writer`]
//!   writes a sorted file.
//! - [`table`] reads and commits the log; `opening` finds a state of it; [`snapshot`] is such a state, with its
//!   invariants; [`actions`] the log's entries.
//! - [`checkpoint`] is a snapshot as one file, so that nobody reads every commit; [`log_state`] what it has to hold beside
//!   live files; [`cleanup`] deletes commits that nobody needs any more; [`foreign`] are files of other engines.
//! - [`typed`] are properties with columns of their own; `json` is the reader of JSON text that is known to be sound.
//! - [`reader`] reads files, [`paged`] many of them in bounded memory, [`merge`] merges sorted files into one sorted stream.
//! - [`catalogue`] is which events, properties, types and values there are.
//! - [`links`] knows which anonymous ids are which users, and what files say of it; [`resolve`] finds rows that lie under
//!   another user than they are now, and gives them where they belong.
//! - [`notes`] are what a data file says of its rows beside them.
//! - [`examine`] looks for what is wrong with a lake; [`any_file`] reads files that another engine wrote.
//! - [`failed`] is the columns and rows of what was sent and not taken: a table of its own.
//! - [`ids`] knows the event ids of the deduplication horizon, by an index beside the table.
//! - [`file_log`] is the event log of one machine.
//!
//! The object store, its names and the settings are `weir-store`'s.

pub mod actions;
pub mod any_file;
pub mod catalogue;
pub mod checkpoint;
pub mod cleanup;
pub mod error;
pub mod examine;
pub mod failed;
pub mod file_log;
pub mod foreign;
pub mod ids;
mod json;
pub mod links;
pub mod log_state;
pub mod merge;
pub mod notes;
pub mod object_reader;
mod opening;
pub mod paged;
pub mod reader;
pub mod resolve;
pub mod rows;
pub mod schema;
pub mod snapshot;
mod stored;
pub mod table;
pub mod typed;
pub mod writer;

#[cfg(test)]
#[path = "../examples/counting/mod.rs"]
mod counting;

pub use error::LakeError;
pub use snapshot::{DataFile, Snapshot};
pub use table::Table;
pub use weir_store::names::TableName;
pub use weir_store::{Overflow, Settings, Store, StoreError, erased, names, overflow, saved, settings, store, upkeep};
