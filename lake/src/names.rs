//! Every object name of a lake, in one place.
//!
//! ```text
//! LAKE/events/_delta_log/00000000000000000042.json    commits of the events table
//! LAKE/events/landed/{id}.parquet                     what one landing wrote
//! LAKE/events/compacted/{first day}/{id}.parquet      merges, by the first day of their time range
//! LAKE/log/…                                          the file log of a lake on one machine (see `file_log`)
//! ```

use object_store::path::Path;

/// The events table, below the lake. Any engine that reads Delta Lake opens this folder.
pub const EVENTS: &str = "events";
/// The file log, below a lake on one machine.
pub const FILE_LOG: &str = "log";

/// The log of the events table.
pub fn commits() -> Path {
    Path::from_iter([EVENTS, "_delta_log"])
}

/// One commit.
pub fn commit(version: u64) -> Path {
    commits().join(format!("{version:020}.json"))
}

/// The version that an object of the log commits; `None` for other objects (checkpoints, checksums).
pub fn commit_version(path: &Path) -> Option<u64> {
    let name = path.filename()?.strip_suffix(".json")?;
    if name.len() == 20 { name.parse().ok() } else { None }
}

/// A data file, from the path that the log has for it (relative to the table).
pub fn data(relative: &str) -> Path {
    Path::from_iter([EVENTS].into_iter().chain(relative.split('/')))
}

/// A new file of a landing, relative to the table.
pub fn landed(id: &str) -> String {
    format!("landed/{id}.parquet")
}

/// A new file of a compaction, relative to the table. `first_day` is the first day (UTC) of its time range.
pub fn compacted(first_day: &str, id: &str) -> String {
    format!("compacted/{first_day}/{id}.parquet")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_numbered_with_twenty_digits() {
        assert_eq!(commit(42).as_ref(), "events/_delta_log/00000000000000000042.json");
        assert_eq!(commit_version(&commit(42)), Some(42));
        assert_eq!(commit_version(&commits().join("00000000000000000042.checkpoint.parquet")), None);
        assert_eq!(commit_version(&commits().join("_last_checkpoint")), None);
        assert_eq!(data("landed/x.parquet").as_ref(), "events/landed/x.parquet");
    }
}
