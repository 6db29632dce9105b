//! What the log says beside the files that weir reads: all that a checkpoint has to hold, and what it asks of writers.
//!
//! Words: a *tombstone* is a file that was live once, kept until nobody can need it any more; a *setting* is an entry of the
//! table's configuration, such as `delta.logRetentionDuration = interval 30 days`. What is not set is as Delta Lake has it.
//!
//! ```text
//! add a ▸ remove a at 09:00 ▸ …          a is a tombstone: whoever reads the version before may still open it
//!         … ▸ a commit a week later      the tombstone has expired
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weir_core::time::DAY_MS;

use crate::actions::{Add, DomainMetadata, MetaData, Protocol, Txn};
use crate::snapshot::{FORMAT, FORMAT_SETTING};
use crate::typed::{self, TypedColumn};

/// The setting that says how many commits lie between two checkpoints.
pub(crate) const CHECKPOINT_INTERVAL_SETTING: &str = "delta.checkpointInterval";
/// Commits between two checkpoints of a table that weir makes.
pub const CHECKPOINT_INTERVAL: u64 = 64;
/// How long commits are kept, at least.
const LOG_RETENTION_SETTING: &str = "delta.logRetentionDuration";
const LOG_RETENTION_MS: i64 = 30 * DAY_MS;
/// How long tombstones are kept.
const TOMBSTONE_SETTING: &str = "delta.deletedFileRetentionDuration";
const TOMBSTONE_MS: i64 = 7 * DAY_MS;
/// What weir knows of the features that a writer must know.
pub(crate) const WRITER_FEATURES: [&str; 1] = ["domainMetadata"];

/// What the log says beside the files that weir reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogState {
    /// What a reader and a writer must know.
    pub protocol: Option<Protocol>,
    /// What the table is.
    pub meta: Option<MetaData>,
    /// The properties that have columns of their own, from its schema.
    pub typed: Vec<TypedColumn>,
    /// Domains that are not weir's.
    pub domains: BTreeMap<String, DomainMetadata>,
    /// How far applications of other engines have come, by application.
    pub txns: BTreeMap<String, Txn>,
    /// Every live file as a checkpoint has it, by path.
    pub adds: BTreeMap<Arc<str>, Arc<Add>>,
    /// Files that were live.
    pub tombstones: Tombstones,
    /// When the version was committed, by the clock of who did; milliseconds since 1970.
    pub committed_ms: Option<i64>,
}

impl LogState {
    fn setting(&self, name: &str) -> Option<&str> {
        self.meta.as_ref()?.configuration.get(name).map(String::as_str)
    }

    /// What the table is with these typed columns; `None` if it has them. It is of the format that has such columns then, so that
    /// nobody takes the rest of the properties for all of them.
    ///
    /// # Errors
    /// A column that it cannot have, and why not.
    pub(crate) fn with_columns(&self, wanted: &[TypedColumn]) -> Result<Option<MetaData>, (String, String)> {
        if wanted.is_empty() {
            return Ok(None);
        }
        let missing = typed::missing(&self.typed, wanted)?;
        let Some(mut meta) = self.meta.clone().filter(|_| !missing.is_empty()) else { return Ok(None) };
        meta.schema_string = typed::extended(&meta.schema_string, &missing)
            .ok_or_else(|| (missing[0].name(), "its schema cannot be read".to_owned()))?;
        meta.configuration.insert(FORMAT_SETTING.to_owned(), FORMAT.to_string());
        Ok(Some(meta))
    }

    /// Commits between two checkpoints, at least 1.
    pub fn checkpoint_interval(&self) -> u64 {
        let set = self.setting(CHECKPOINT_INTERVAL_SETTING).and_then(|text| text.parse().ok());
        set.filter(|interval| *interval > 0).unwrap_or(CHECKPOINT_INTERVAL)
    }

    /// How long commits are kept, in milliseconds.
    pub fn log_retention_ms(&self) -> i64 {
        self.setting(LOG_RETENTION_SETTING).and_then(interval_ms).unwrap_or(LOG_RETENTION_MS)
    }

    /// How long tombstones are kept, in milliseconds.
    pub(crate) fn tombstone_ms(&self) -> i64 {
        self.setting(TOMBSTONE_SETTING).and_then(interval_ms).unwrap_or(TOMBSTONE_MS)
    }

    /// What a writer of the table would have to know and weir does not.
    pub fn unknown_to_writers(&self) -> Option<String> {
        if self.meta.as_ref().is_some_and(|meta| !meta.partition_columns.is_empty()) {
            return Some("files in partitions".to_owned());
        }
        let protocol = self.protocol.as_ref()?;
        let unknown = |feature: &&String| !WRITER_FEATURES.contains(&feature.as_str());
        let unknown: Vec<&str> =
            protocol.writer_features.iter().flatten().filter(unknown).map(String::as_str).collect();
        match protocol.min_writer_version {
            _ if !unknown.is_empty() => Some(format!("the table features {}", unknown.join(", "))),
            7 => None,
            version => Some(format!("Delta writer version {version}")),
        }
    }
}

/// Files that were live, by path and by when they were removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tombstones {
    by_path: BTreeMap<Arc<str>, i64>,
    by_time: BTreeSet<(i64, Arc<str>)>,
}

impl Tombstones {
    /// All of them: path, and when it was removed, in milliseconds since 1970.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        self.by_path.iter().map(|(path, removed_ms)| (path.as_ref(), *removed_ms))
    }

    /// Those that were removed then or later: what a reader may hold who opened the table then, beside what is live.
    pub fn since(&self, then_ms: i64) -> impl Iterator<Item = &str> {
        self.by_time.range((then_ms, Arc::from(""))..).map(|(_, path)| path.as_ref())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_path.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_path.is_empty()
    }

    pub(crate) fn insert(&mut self, path: Arc<str>, removed_ms: i64) {
        self.remove(&path);
        self.by_time.insert((removed_ms, Arc::clone(&path)));
        self.by_path.insert(path, removed_ms);
    }

    pub(crate) fn remove(&mut self, path: &str) {
        if let Some((path, removed_ms)) = self.by_path.remove_entry(path) {
            self.by_time.remove(&(removed_ms, path));
        }
    }

    /// Forgets what was removed before then.
    pub(crate) fn expire(&mut self, before_ms: i64) {
        let kept = self.by_time.split_off(&(before_ms, Arc::from("")));
        for (_, path) in std::mem::replace(&mut self.by_time, kept) {
            self.by_path.remove(&path);
        }
    }

    /// Whether [`expire`](Self::expire) would forget any.
    pub(crate) fn any_before(&self, before_ms: i64) -> bool {
        self.by_time.first().is_some_and(|(removed_ms, _)| *removed_ms < before_ms)
    }
}

/// The milliseconds of a text such as `interval 30 days`; `None` for what is none.
fn interval_ms(text: &str) -> Option<i64> {
    let mut words = text.split_whitespace().skip_while(|word| word.eq_ignore_ascii_case("interval"));
    let (number, unit) = (words.next()?.parse::<i64>().ok()?, words.next()?.to_ascii_lowercase());
    let unit_ms = match unit.trim_end_matches('s') {
        "millisecond" => 1,
        "second" => 1000,
        "minute" => 60 * 1000,
        "hour" => 60 * 60 * 1000,
        "day" => DAY_MS,
        "week" => 7 * DAY_MS,
        _ => return None,
    };
    (words.next().is_none() && number >= 0).then(|| number.checked_mul(unit_ms)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_a_number_and_a_unit() {
        assert_eq!(interval_ms("interval 30 days"), Some(30 * DAY_MS));
        assert_eq!(interval_ms("INTERVAL 1 week"), Some(7 * DAY_MS));
        assert_eq!(interval_ms("12 hours"), Some(DAY_MS / 2));
        for wrong in ["", "interval", "interval days", "interval -1 days", "interval 1 month", "interval 1 day 2 hours"]
        {
            assert_eq!(interval_ms(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn tombstones_are_found_by_time_and_expire() {
        let mut tombstones = Tombstones::default();
        for (path, removed_ms) in [("a", 10), ("b", 20), ("c", 20), ("d", 30), ("a", 25)] {
            tombstones.insert(Arc::from(path), removed_ms);
        }
        assert_eq!(tombstones.iter().collect::<Vec<_>>(), [("a", 25), ("b", 20), ("c", 20), ("d", 30)]);
        assert_eq!(tombstones.since(20).collect::<Vec<_>>(), ["b", "c", "a", "d"]);
        assert!(!tombstones.any_before(20) && tombstones.any_before(21));
        tombstones.expire(25);
        tombstones.remove("d");
        assert_eq!((tombstones.iter().collect::<Vec<_>>(), tombstones.since(0).count()), (vec![("a", 25)], 1));
    }
}
