//! Every object name of a lake, in one place.
//!
//! ```text
//! LAKE/events/_delta_log/00000000000000000042.json    commits of the events table
//! LAKE/events/_delta_log/00000000000000000064.checkpoint.parquet   all that commits 0 to 64 come to
//! LAKE/events/_delta_log/_last_checkpoint             which checkpoint is the newest
//! LAKE/events/landed/{id}.parquet                     what one landing wrote
//! LAKE/events/compacted/{first day}/{id}.parquet      merges, by the first day of their time range
//! LAKE/failed/…                                       the same for the table of failed events, where anything has failed
//! LAKE/settings/00000000000000000003.json             settings, one document a change
//! LAKE/saved/{kind}/{id}/00000000000000000003.json    reports, dashboards and annotations, one document a revision
//! LAKE/checks/{report id}/00000001767225600000.json   how the check of a report went, by the time that it was for
//! LAKE/ids/00000000000000000042.json                  which segments the index of event ids has, one document a change
//! LAKE/ids/{id}.ids                                   such a segment
//! LAKE/overflow/{39 digits}.weir                      records that the event log could not take, until they are landed
//! LAKE/overflow/unreadable/{39 digits}.weir           such records that could not be read, kept to be looked at
//! LAKE/erasures/open/{id}.json                        users who are to be erased, as hashes
//! LAKE/erasures/done/{id}.json                        how far that is, in figures
//! LAKE/maintenance/vacuum.json                        the oldest versions that can be read; each vacuum writes it
//! LAKE/unreadable/{shard}/{first}-{last}.ndjson       records of the event log that could not be read, kept to be looked at
//! LAKE/doctor/{id}                                    for a moment, while `weir doctor` sees what the store does
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

    /// Its folder.
    pub fn folder(self) -> Path {
        Path::from(self.as_str())
    }

    /// Its log.
    pub fn commits(self) -> Path {
        Path::from_iter([self.as_str(), "_delta_log"])
    }

    /// One commit.
    pub fn commit(self, version: u64) -> Path {
        self.commits().join(numbered(version))
    }

    /// The checkpoint of a version.
    pub fn checkpoint(self, version: u64) -> Path {
        self.commits().join(format!("{version:020}{CHECKPOINT}"))
    }

    /// What names the newest checkpoint.
    pub fn last_checkpoint(self) -> Path {
        self.commits().join("_last_checkpoint")
    }

    /// A data file, from the path that the log has for it (relative to the table).
    pub fn data(self, relative: &str) -> Path {
        Path::from_iter([self.as_str()].into_iter().chain(relative.split('/')))
    }
}

/// What can be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SavedKind {
    /// Questions under a name.
    Reports,
    /// Reports side by side.
    Dashboards,
    /// What to know of a day.
    Annotations,
}

impl SavedKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Reports, Self::Dashboards, Self::Annotations];

    /// Its folder below `saved`, which is also its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reports => "reports",
            Self::Dashboards => "dashboards",
            Self::Annotations => "annotations",
        }
    }
}

/// The tag of `_last_checkpoint` that has the landed positions: what the collector needs, which reads no Parquet.
pub const POSITIONS_TAG: &str = "weir.positions";
/// What the name of a checkpoint ends in.
const CHECKPOINT: &str = ".checkpoint.parquet";
/// The settings, below the lake.
const SETTINGS: &str = "settings";
/// What was saved, below the lake.
const SAVED: &str = "saved";
/// How checks of reports went, below the lake.
const CHECKS: &str = "checks";
/// The index of event ids, below the lake.
const IDS: &str = "ids";
/// Records that the event log could not take, below the lake.
const OVERFLOW: &str = "overflow";
/// Erasures of users, below the lake.
const ERASURES: &str = "erasures";
/// What is done now and then, below the lake.
const MAINTENANCE: &str = "maintenance";
/// The file log, below a lake on one machine.
pub const FILE_LOG: &str = "log";

/// The version that an object of the log commits; `None` for other objects (checkpoints, checksums).
pub fn commit_version(path: &Path) -> Option<u64> {
    number(path)
}

/// The version that a checkpoint in one part is of; `None` for other objects.
pub fn checkpoint_version(path: &Path) -> Option<u64> {
    let digits = path.filename()?.strip_suffix(CHECKPOINT)?;
    if digits.len() == 20 { digits.parse().ok() } else { None }
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

/// The saved documents of a kind.
pub fn all_saved(kind: SavedKind) -> Path {
    Path::from_iter([SAVED, kind.as_str()])
}

/// A saved document, by an id that [`is_saved_id`].
pub fn saved(kind: SavedKind, id: &str) -> Path {
    all_saved(kind).join(id)
}

/// One revision of a saved document.
pub fn saved_revision(kind: SavedKind, id: &str, revision: u64) -> Path {
    saved(kind, id).join(numbered(revision))
}

/// Whether a text can be the id of a saved document: a UUID.
pub fn is_saved_id(text: &str) -> bool {
    is_uuid(text)
}

/// The id and the revision of a saved document; `None` for other objects.
pub fn saved_place(path: &Path) -> Option<(&str, u64)> {
    let revision = number(path)?;
    let id = path.as_ref().rsplit('/').nth(1)?;
    (path.parts_count() == 4 && is_uuid(id)).then_some((id, revision))
}

/// How the check of a report went, each time; the id is one that [`is_saved_id`].
pub fn checks(report: &str) -> Path {
    Path::from_iter([CHECKS, report])
}

/// How the check of a report went for a time, in milliseconds since 1970.
pub fn check(report: &str, time_ms: u64) -> Path {
    checks(report).join(numbered(time_ms))
}

/// The time that a check was for; `None` for other objects.
pub fn check_time(path: &Path) -> Option<u64> {
    if path.parts_count() == 3 { number(path) } else { None }
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
    unreadable_overflow().join(format!("{number:039}.weir"))
}

/// All such records.
pub fn unreadable_overflow() -> Path {
    overflow().join("unreadable")
}

/// The number of a record that waits to be landed; `None` for other objects, also those that cannot be read.
pub fn overflow_number(path: &Path) -> Option<u128> {
    let digits = path.filename()?.strip_suffix(".weir")?;
    let waits = path.parts_count() == 2 && digits.len() == 39;
    waits.then(|| digits.parse().ok()).flatten()
}

/// Users who are to be erased.
pub fn open_erasures() -> Path {
    Path::from_iter([ERASURES, "open"])
}

/// A request to erase a user.
pub fn open_erasure(id: &str) -> Path {
    open_erasures().join(format!("{id}.json"))
}

/// How far erasures are.
pub fn done_erasures() -> Path {
    Path::from_iter([ERASURES, "done"])
}

/// How far a request is.
pub fn done_erasure(id: &str) -> Path {
    done_erasures().join(format!("{id}.json"))
}

/// The id of a request, open or done; `None` for other objects.
pub fn erasure_id(path: &Path) -> Option<&str> {
    let id = path.filename()?.strip_suffix(".json")?;
    is_uuid(id).then_some(id)
}

/// What is known of a thing that is done now and then, such as `vacuum`.
pub fn maintenance(what: &str) -> Path {
    Path::from_iter([MAINTENANCE, &format!("{what}.json")])
}

/// A new file in the place of another, relative to the table: in the same folder.
pub fn beside(relative: &str, id: &str) -> String {
    let folder = relative.rsplit_once('/').map_or("landed", |(folder, _)| folder);
    format!("{folder}/{id}.parquet")
}

/// The name relative to the table of an object that is called as weir calls data files; `None` for all others, which are
/// nothing of weir's.
pub fn data_file(table: TableName, path: &Path) -> Option<String> {
    let relative = path.as_ref().strip_prefix(table.as_str())?.strip_prefix('/')?;
    let is_file = |name: &str| name.strip_suffix(".parquet").is_some_and(is_uuid);
    let is_day = |day: &str| !day.is_empty() && day.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let is_named_so = match relative.split('/').collect::<Vec<_>>().as_slice() {
        ["landed", name] => is_file(name),
        ["compacted", day, name] => is_day(day) && is_file(name),
        _ => false,
    };
    is_named_so.then(|| relative.to_owned())
}

fn is_uuid(text: &str) -> bool {
    let is_dash = |at: usize| [8, 13, 18, 23].contains(&at);
    let fits = |(at, byte): (usize, u8)| if is_dash(at) { byte == b'-' } else { byte.is_ascii_hexdigit() };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}

/// Records of the event log that cannot be read.
pub fn all_unreadable() -> Path {
    Path::from("unreadable")
}

/// Where records of a shard of the event log are kept that cannot be read, by the first and the last of them.
pub fn unreadable(shard: &str, first: &str, last: &str) -> Path {
    all_unreadable().join(shard).join(format!("{first}-{last}.ndjson"))
}

/// Objects that are made to see what the store does, and removed.
pub fn probes() -> Path {
    Path::from("doctor")
}

/// One such object.
pub fn probe(id: &str) -> Path {
    probes().join(id)
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
    fn only_data_files_are_called_so() {
        let id = "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e";
        let of = |path: &str| data_file(TableName::Events, &Path::from(path));
        for relative in [landed(id), compacted("2026-01-01", id), compacted("-12345", id)] {
            assert_eq!(data_file(TableName::Events, &TableName::Events.data(&relative)), Some(relative));
        }
        for other in [
            "events/landed/x.parquet".to_owned(),
            format!("events/{id}.parquet"),
            format!("failed/landed/{id}.parquet"),
            format!("eventsx/landed/{id}.parquet"),
            format!("events/landed/mine/{id}.parquet"),
            format!("events/compacted/mine/{id}.parquet"),
            format!("events/landed/{id}.csv"),
            format!("events/_delta_log/{id}.parquet"),
        ] {
            assert_eq!(of(&other), None, "{other}");
        }
    }

    #[test]
    fn names_have_numbers_of_a_fixed_length() {
        assert_eq!(settings(3).as_ref(), "settings/00000000000000000003.json");
        assert_eq!(settings_number(&settings(3)), Some(3));
        assert_eq!(settings_number(&all_settings().join("notes.json")), None);
        assert_eq!(TableName::Events.commit(42).as_ref(), "events/_delta_log/00000000000000000042.json");
        assert_eq!(commit_version(&TableName::Events.commit(42)), Some(42));
        assert_eq!(commit_version(&TableName::Events.commits().join("00000000000000000042.checkpoint.parquet")), None);
        assert_eq!(commit_version(&TableName::Events.commits().join("_last_checkpoint")), None);
        assert_eq!(checkpoint_version(&TableName::Events.checkpoint(42)), Some(42));
        assert_eq!(checkpoint_version(&TableName::Events.commit(42)), None);
        assert!(TableName::Events.checkpoint(42) < TableName::Events.commit(42), "and behind the commit before");
        assert!(TableName::Events.last_checkpoint() > TableName::Events.commit(u64::MAX), "listed last");
        let saved_id = "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e";
        let saved_name = saved_revision(SavedKind::Reports, saved_id, 3);
        assert_eq!(saved_name.as_ref(), format!("saved/reports/{saved_id}/00000000000000000003.json"));
        assert_eq!(saved_place(&saved_name), Some((saved_id, 3)));
        assert_eq!(saved_place(&saved(SavedKind::Reports, saved_id)), None);
        assert_eq!(saved_place(&saved_revision(SavedKind::Reports, "x", 3)), None);
        assert_eq!(ids_manifest(42).as_ref(), "ids/00000000000000000042.json");
        assert_eq!(ids_manifest_number(&ids_manifest(42)), Some(42));
        assert_eq!(ids_manifest_number(&ids_segment("0190f3a1")), None);
        assert_eq!(overflow_record(7).as_ref(), "overflow/000000000000000000000000000000000000007.weir");
        assert_eq!(overflow_number(&overflow_record(u128::MAX)), Some(u128::MAX));
        assert_eq!(overflow_number(&overflow_unreadable(7)), None);
        assert!(overflow_record(u128::MAX) < overflow_unreadable(0), "what waits is listed first");
        let id = "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e";
        assert_eq!(erasure_id(&open_erasure(id)), Some(id));
        assert_eq!(erasure_id(&open_erasures().join("notes.json")), None);
        assert_eq!(beside(&compacted("2026-01-01", "x"), id), compacted("2026-01-01", id));
        assert_eq!(unreadable("shardId-0", "7", "11").as_ref(), "unreadable/shardId-0/7-11.ndjson");
        assert_eq!(TableName::Events.data("landed/x.parquet").as_ref(), "events/landed/x.parquet");
    }
}
