//! Every object name of a lake, in one place.
//!
//! ```text
//! LAKE/events/_delta_log/00000000000000000042.json    commits of the events table
//! LAKE/events/landed/{id}.parquet                     what one landing wrote
//! LAKE/events/compacted/{first day}/{id}.parquet      merges, by the first day of their time range
//! LAKE/failed/…                                       the same three for the table of failed events
//! LAKE/settings/00000000000000000003.json             settings, one document a change
//! LAKE/ids/00000000000000000042.json                  which segments the index of event ids has, one document a change
//! LAKE/ids/{id}.ids                                   such a segment
//! LAKE/overflow/{39 digits}.weir                      records that the event log could not take, until they are landed
//! LAKE/overflow/unreadable/{39 digits}.weir           such records that could not be read, kept to be looked at
//! LAKE/log/…                                          the file log of a lake on one machine (see `file_log`)
//! ```

use object_store::path::Path;

/// A table of a lake: a folder with a Delta Lake log of its own, which any engine that reads Delta Lake opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TableName {
    /// The events.
    #[default]
    Events,
    /// What was sent and not taken, with the reasons. A lake where nothing has failed does not have it.
    Failed,
}

impl TableName {
    /// Its folder below the lake, which is also its name in questions.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Failed => "failed",
        }
    }

    /// Its log.
    pub fn commits(self) -> Path {
        Path::from_iter([self.as_str(), "_delta_log"])
    }

    /// One commit.
    pub fn commit(self, version: u64) -> Path {
        self.commits().join(numbered(version))
    }

    /// A data file, from the path that the log has for it (relative to the table).
    pub fn data(self, relative: &str) -> Path {
        Path::from_iter([self.as_str()].into_iter().chain(relative.split('/')))
    }
}

/// The settings, below the lake.
const SETTINGS: &str = "settings";
/// The index of event ids, below the lake.
const IDS: &str = "ids";
/// Records that the event log could not take, below the lake.
const OVERFLOW: &str = "overflow";
/// The file log, below a lake on one machine.
pub const FILE_LOG: &str = "log";

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

/// The index of event ids.
pub fn all_ids() -> Path {
    Path::from(IDS)
}

/// A manifest of the index of event ids.
pub fn ids_manifest(number: u64) -> Path {
    all_ids().join(numbered(number))
}

/// The number of a manifest of the index of event ids; `None` for other objects.
pub fn ids_manifest_number(path: &Path) -> Option<u64> {
    number(path)
}

/// A segment of the index of event ids.
pub fn ids_segment(id: &str) -> Path {
    all_ids().join(format!("{id}.ids"))
}

fn numbered(number: u64) -> String {
    format!("{number:020}.json")
}

fn number(path: &Path) -> Option<u64> {
    let name = path.filename()?.strip_suffix(".json")?;
    if name.len() == 20 { name.parse().ok() } else { None }
}

/// The records that the event log could not take.
pub fn overflow() -> Path {
    Path::from(OVERFLOW)
}

/// One such record. The number is a UUID of version 7, so that names sort by time.
pub fn overflow_record(number: u128) -> Path {
    overflow().join(format!("{number:039}.weir"))
}

/// Where such a record is kept that cannot be read.
pub fn overflow_unreadable(number: u128) -> Path {
    overflow().join("unreadable").join(format!("{number:039}.weir"))
}

/// The number of a record that waits to be landed; `None` for other objects, also those that cannot be read.
pub fn overflow_number(path: &Path) -> Option<u128> {
    let digits = path.filename()?.strip_suffix(".weir")?;
    let waits = path.parts_count() == 2 && digits.len() == 39;
    waits.then(|| digits.parse().ok()).flatten()
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
    fn names_have_numbers_of_a_fixed_length() {
        assert_eq!(settings(3).as_ref(), "settings/00000000000000000003.json");
        assert_eq!(settings_number(&settings(3)), Some(3));
        assert_eq!(settings_number(&all_settings().join("notes.json")), None);
        assert_eq!(TableName::Events.commit(42).as_ref(), "events/_delta_log/00000000000000000042.json");
        assert_eq!(commit_version(&TableName::Events.commit(42)), Some(42));
        assert_eq!(commit_version(&TableName::Events.commits().join("00000000000000000042.checkpoint.parquet")), None);
        assert_eq!(commit_version(&TableName::Events.commits().join("_last_checkpoint")), None);
        assert_eq!(ids_manifest(42).as_ref(), "ids/00000000000000000042.json");
        assert_eq!(ids_manifest_number(&ids_manifest(42)), Some(42));
        assert_eq!(ids_manifest_number(&ids_segment("0190f3a1")), None);
        assert_eq!(overflow_record(7).as_ref(), "overflow/000000000000000000000000000000000000007.weir");
        assert_eq!(overflow_number(&overflow_record(u128::MAX)), Some(u128::MAX));
        assert_eq!(overflow_number(&overflow_unreadable(7)), None);
        assert!(overflow_record(u128::MAX) < overflow_unreadable(0), "what waits is listed first");
        assert_eq!(TableName::Events.data("landed/x.parquet").as_ref(), "events/landed/x.parquet");
    }
}
