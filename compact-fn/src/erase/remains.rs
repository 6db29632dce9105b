//! Where ids of an erased user still are after an erasure, and until when.

use serde::Serialize;
use weir_core::time::rfc3339;
use weir_lake::file_log::SHARD;
use weir_lake::overflow::Waiting;
use weir_lake::{LakeError, Overflow, TableName, names};

use super::IN_FLIGHT_MS;
use crate::tables::Tables;
use crate::vacuum::Keep;

/// The most records of the overflow that are counted.
const COUNTED: usize = 10_000;

/// A place where ids of the user may still be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remains {
    /// Below the lake, or what it is.
    pub place: String,
    /// What is there.
    pub what: String,
    /// Until when, or what ends it.
    pub until: String,
}

fn one(place: impl ToString, what: impl ToString, until: impl ToString) -> Remains {
    Remains { place: place.to_string(), what: what.to_string(), until: until.to_string() }
}

/// `1 segment`, `2 segments`.
fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// Says where ids of a user that was erased up to `until_ms`, and at `erased_ms`, still may be. `old_versions` says whether
/// there are files that no version needs any more.
///
/// # Errors
/// Where the store fails.
pub async fn remains(
    tables: &mut Tables,
    until_ms: i64,
    erased_ms: i64,
    keep: Keep,
    old_versions: bool,
) -> Result<Vec<Remains>, LakeError> {
    let mut found = Vec::new();
    if old_versions {
        let until = format!("a vacuum after {}", rfc3339(erased_ms.saturating_add(keep.removed_ms)));
        found.push(one("old versions", "the files as they were before", until));
    }
    let store = tables.store().clone();
    let waiting = Overflow::new(&store).list(None, COUNTED).await?;
    let received_ms = |record: &Waiting| i64::try_from(record.number >> 80).unwrap_or(i64::MAX);
    let in_time = waiting.iter().filter(|record| received_ms(record) <= until_ms).count();
    if in_time > 0 {
        let what = counted(in_time, "waiting record") + " of any user";
        found.push(one(names::overflow(), what, "a record lands, and is looked at then"));
    }
    let unreadable = store.list_all(&names::unreadable_overflow()).await?.len();
    if unreadable > 0 {
        let what = counted(unreadable, "record") + " that cannot be read, without the user as far as that goes";
        found.push(one(names::unreadable_overflow(), what, "you remove what is there"));
    }
    let kept = store.list_all(&names::all_unreadable()).await?.len();
    if kept > 0 {
        let what = counted(kept, "object") + " of log records that cannot be read, of any user";
        found.push(one(names::all_unreadable(), what, "you remove what is there"));
    }
    if let Some(directory) = store.directory() {
        let segments = std::fs::read_dir(directory.join(names::FILE_LOG)).into_iter().flatten().flatten();
        let is_segment = |name: &str| name.ends_with(".log") || name.ends_with(".torn");
        let segments = segments.filter(|entry| is_segment(&entry.file_name().to_string_lossy())).count();
        if segments > 0 {
            let what = counted(segments, "segment") + " of the event log, of any user";
            found.push(one(names::FILE_LOG, what, "a segment is full and landed; a .torn file until you remove it"));
        }
    }
    let shards = tables.opened().await?.iter().filter(|table| table.name() == TableName::Events);
    if shards.flat_map(|table| table.snapshot().positions.clone()).any(|(shard, _)| shard.0 != SHARD) {
        let until = "the retention of the stream, 24 hours where nothing else is set";
        found.push(one("the stream", "records as they were sent, of any user", until));
    }
    let mut until = rfc3339(until_ms.saturating_add(IN_FLIGHT_MS));
    let foreign: usize = tables.opened().await?.iter().map(|table| table.snapshot().foreign.len()).sum();
    if foreign > 0 {
        let what = counted(foreign, "file") + " that weir does not read, of any user";
        found.push(one("another engine's files", what, "`weir repair` takes them over; they are looked at then"));
        until += ", and until there are no files of another engine";
    }
    found.push(one("erasures/open", "hashes of the ids, to know what lands late", until));
    Ok(found)
}
