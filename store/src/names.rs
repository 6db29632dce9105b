//! Every object name of a lake, in one place.
//!
//! ```text
//! LAKE/events/_delta_log/00000000000000000042.json    commits of the events table
//! LAKE/events/landed/{id}.parquet                     what one landing wrote
//! LAKE/events/compacted/{first day}/{id}.parquet      merges, by the first day of their time range
//! LAKE/settings/00000000000000000003.json             settings, one document a change
//! LAKE/overflow/{39 digits}.weir                      records that the event log did not take, until they are landed
//! LAKE/log/…                                          the file log of a lake on one machine (see `file_log`)
//! ```

use object_store::path::Path;

/// The events table, below the lake. Any engine that reads Delta Lake opens this folder.
pub const EVENTS: &str = "events";
/// The settings, below the lake.
const SETTINGS: &str = "settings";
/// Records that the event log did not take, below the lake.
const OVERFLOW: &str = "overflow";
/// The file log, below a lake on one machine.
pub const FILE_LOG: &str = "log";

/// The log of the events table.
pub fn commits() -> Path {
    Path::from_iter([EVENTS, "_delta_log"])
}

/// One commit.
pub fn commit(version: u64) -> Path {
    commits().join(numbered(version))
}

/// The version that an object of the log commits; `None` for other objects (checkpoints, checksums).
pub fn commit_version(path: &Path) -> Option<u64> {
    number(path)
}

/// The documents of the settings.
pub fn all_settings() -> Path {
    Path::from(SETTINGS)
}

/// One document of the settings.
pub fn settings(number: u64) -> Path {
    all_settings().join(numbered(number))
}

/// The number of a document of the settings; `None` for other objects.
pub fn settings_number(path: &Path) -> Option<u64> {
    number(path)
}

/// One record of the overflow. Numbers have as many digits as the greatest, so that names sort as numbers do.
pub fn overflow(number: u128) -> Path {
    Path::from_iter([OVERFLOW, &format!("{number:039}.weir")])
}

fn numbered(number: u64) -> String {
    format!("{number:020}.json")
}

fn number(path: &Path) -> Option<u64> {
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
    fn commits_and_settings_are_numbered_with_twenty_digits() {
        assert_eq!(settings(3).as_ref(), "settings/00000000000000000003.json");
        assert_eq!(settings_number(&settings(3)), Some(3));
        assert_eq!(settings_number(&all_settings().join("notes.json")), None);
        assert_eq!(commit(42).as_ref(), "events/_delta_log/00000000000000000042.json");
        assert_eq!(commit_version(&commit(42)), Some(42));
        assert_eq!(commit_version(&commits().join("00000000000000000042.checkpoint.parquet")), None);
        assert_eq!(commit_version(&commits().join("_last_checkpoint")), None);
        assert_eq!(data("landed/x.parquet").as_ref(), "events/landed/x.parquet");
    }

    #[test]
    fn overflow_objects_are_numbered_with_thirty_nine_digits() {
        assert_eq!(overflow(42).as_ref(), "overflow/000000000000000000000000000000000000042.weir");
        assert_eq!(overflow(u128::MAX).as_ref(), "overflow/340282366920938463463374607431768211455.weir");
    }
}
