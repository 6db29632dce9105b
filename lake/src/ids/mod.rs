//! Which event ids the lake has taken within the deduplication horizon.
//!
//! An event is a copy if the same source has sent its id before. Copies are found when they are landed, against all files
//! of the horizon and not only those of the event's day or user: so every live row is counted once by every query, and
//! neither queries nor compaction have to look at ids again.
//!
//! An id is kept as a 128-bit hash of source and id. With 10^12 events the chance that any two share a hash is below 10^-14.
//!
//! Words: *recent* ids are in memory; a `segment` is an object with the sorted ids of what was landed before; a
//! `sketch` of each segment is in memory, and says of most ids that they are not in it; a `manifest` says which segments
//! there are, and up to which version they hold all ids.
//!
//! ```text
//!   versions       1 ………………………………………………… 40 │ 41 … 57 │ 58: being landed
//!   ids in         segments, named by a manifest │ recent   │ looked up: recent ▸ sketches ▸ blocks of segments
//! ```
//!
//! The index is derived: the table has all ids, so whatever is lost or damaged of the index is built again from the data files,
//! with the same bound on memory. Who starts reads the manifest, and the ids of files that were landed behind its version. When
//! the recent ids pass a bound they become a segment, small segments are merged, those behind the horizon fall out, and the next
//! manifest is made; if another process made that first, its manifest is taken over, and the ids behind its version are read.
//!
//! Ids are kept a little longer than the horizon, since whole segments fall out: a copy that comes later than that is taken for
//! one, or for a new event.

mod check;
mod known;
mod manifest;
mod recent;
mod segment;
mod sketch;
mod trouble;
mod upkeep;

pub use check::{Wrong, check};
pub use known::{At, Bounds, KnownIds};
pub use recent::fingerprint;
pub use upkeep::{advance, clean_up, live_names, rebuild};

use weir_core::time::DAY_MS;

/// Copies are recognised for so long after the first, in milliseconds: 7 days.
pub const HORIZON_MS: i64 = 7 * DAY_MS;
