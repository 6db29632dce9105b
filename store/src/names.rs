//! Every object name of a lake, in one place.
//!
//! ```text
//! LAKE/events/_delta_log/00000000000000000042.json    commits of the events table
//! LAKE/events/landed/{id}.parquet                     what one landing wrote
//! LAKE/events/compacted/{first day}/{id}.parquet      merges, by the first day of their time range
//! LAKE/failed/…                                       the same three for the table of failed events
//! LAKE/settings/00000000000000000003.json             settings, one document a change
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

fn numbered(number: u64) -> String {
    format!("{number:020}.json")
}

fn number(path: &Path) -> Option<u64> {
    let name = path.filename()?.strip_suffix(".json")?;
    if name.len() == 20 { name.parse().ok() } else { None }
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
        let events = TableName::Events;
        assert_eq!(events.commit(42).as_ref(), "events/_delta_log/00000000000000000042.json");
        assert_eq!(commit_version(&events.commit(42)), Some(42));
        assert_eq!(commit_version(&events.commits().join("00000000000000000042.checkpoint.parquet")), None);
        assert_eq!(commit_version(&events.commits().join("_last_checkpoint")), None);
        assert_eq!(events.data("landed/x.parquet").as_ref(), "events/landed/x.parquet");
        assert_eq!(TableName::Failed.commit(0).as_ref(), "failed/_delta_log/00000000000000000000.json");
        assert_eq!(TableName::Failed.data("landed/x.parquet").as_ref(), "failed/landed/x.parquet");
    }
}
