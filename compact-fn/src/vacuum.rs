//! Vacuum: files that nobody needs any more go from the store.
//!
//! | file | goes |
//! |---|---|
//! | live in the newest version | never |
//! | removed by a commit | once that commit is an hour old, or as long as is asked for: readers hold a version at most so long |
//! | named by no commit | once it is 24 hours old, never earlier: a running import may be about to commit it |
//! | an unfinished write in the directory of a lake | the same |
//! | anything that is not called as weir calls its data files | never |
//!
//! Versions whose files are gone can be read no more. Which is the oldest that can is written down before the first file
//! goes, so that who asks for an older one is told.
//!
//! All ages are told by the store's own clock, from the times of its objects: a machine with a wrong clock takes nothing away. If
//! this machine's clock and the store's are far apart, one of them is wrong, and nothing is removed at all.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use weir_core::ports::Clock;
use weir_core::time::{DAY_MS, rfc3339};
use weir_lake::upkeep::Leftover;
use weir_lake::{LakeError, Store, Table, TableName, actions, names};

use crate::tables::Tables;

/// A reader may hold a version for so long, in milliseconds: an hour.
pub const OLD_VERSIONS_MS: i64 = 3_600_000;
/// A file that no commit names is taken for one that a crash left after so long, in milliseconds.
const ORPHAN_MS: i64 = DAY_MS;
/// How far apart the clocks of this machine and of the store may be, in milliseconds.
const SKEW_MS: i64 = 15 * 60 * 1000;
/// Commits that are read, or objects that are removed, at once.
const AT_ONCE: usize = 16;
/// The document that says what was vacuumed.
const STATE: &str = "vacuum";
/// The object by which the store is asked what time it is.
const CLOCK: &str = "clock";

/// How long files are left alone that a commit removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Milliseconds.
    pub removed_ms: i64,
}

impl Default for Keep {
    fn default() -> Self {
        Self { removed_ms: OLD_VERSIONS_MS }
    }
}

/// What is known of vacuums.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The oldest version of each table that has all its files.
    #[serde(default)]
    pub oldest: BTreeMap<String, u64>,
    /// What a newer version has added.
    #[serde(flatten)]
    other: serde_json::Map<String, serde_json::Value>,
}

impl State {
    /// That of a lake, and when it was written by the store's clock, in milliseconds since 1970.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn read(store: &Store) -> Result<Option<(Self, i64)>, LakeError> {
        let Some((bytes, at_ms)) = store.read_with_time(&names::maintenance(STATE)).await? else { return Ok(None) };
        // What a crash left half written says nothing.
        Ok(Some((serde_json::from_slice(&bytes).unwrap_or_default(), at_ms)))
    }

    /// Writes it down, and gives the store's time of that.
    async fn write(&self, store: &Store) -> Result<i64, LakeError> {
        let bytes = serde_json::to_vec(self).map_err(|error| LakeError::Invariant(error.to_string()))?;
        Ok(store.replace_timed(&names::maintenance(STATE), Bytes::from(bytes)).await?)
    }

    /// # Errors
    /// [`LakeError::Vacuumed`] where a version of a table is older than the oldest that can be read.
    pub fn must_have(&self, table: TableName, wanted: u64) -> Result<(), LakeError> {
        match self.oldest.get(table.as_str()) {
            Some(oldest) if wanted < *oldest => Err(LakeError::Vacuumed { wanted, oldest: *oldest }),
            _ => Ok(()),
        }
    }
}

/// What a vacuum removed, or would.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Vacuumed {
    /// Files that commits removed.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that no commit names, and unfinished writes.
    pub orphans: u64,
    /// Their bytes.
    pub orphan_bytes: u64,
    /// Files that are not needed either, and are too young to go.
    pub waiting: u64,
    /// Their bytes.
    pub waiting_bytes: u64,
    /// Of `waiting`, those that no commit names.
    pub waiting_orphans: u64,
    /// The oldest version of each table that can be read.
    pub oldest: BTreeMap<String, u64>,
}

/// Whether a vacuum removes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// It does.
    Remove,
    /// It only says what it would remove.
    Look,
}

/// Asks the store what time it is, and checks that this machine's clock is not far from that.
///
/// # Errors
/// [`LakeError::Clock`]; where the store fails.
pub(crate) async fn store_time(store: &Store, clock: &dyn Clock) -> Result<i64, LakeError> {
    let store_ms = store.replace_timed(&names::maintenance(CLOCK), Bytes::new()).await?;
    let here_ms = clock.now_ms();
    if here_ms.abs_diff(store_ms) > SKEW_MS.unsigned_abs() {
        return Err(LakeError::Clock { here: rfc3339(here_ms), store: rfc3339(store_ms) });
    }
    Ok(store_ms)
}

/// Removes files that nobody needs any more.
///
/// # Errors
/// [`LakeError::Clock`]; where the store fails. What was removed by then is gone, and doing it again goes on.
pub async fn vacuum(tables: &mut Tables, keep: Keep, sweep: Sweep, clock: &dyn Clock) -> Result<Vacuumed, LakeError> {
    let store = tables.store().clone();
    let mut state = State::read(&store).await?.map(|(state, _)| state).unwrap_or_default();
    let now_ms = store_time(&store, clock).await?;
    let (mut vacuumed, mut garbage) = (Vacuumed::default(), Garbage::default());
    for table in [TableName::Events, TableName::Failed] {
        // Before the newest version is read: what is committed by then is live in it, and all else is in its log.
        let mut listed = Vec::new();
        for folder in ["landed", "compacted"] {
            listed.extend(store.list_all(&Path::from_iter([table.as_str(), folder])).await?);
        }
        let leftovers = store.leftovers(&Path::from(table.as_str())).await?;
        let Some(table) = tables.opened().await?.iter().find(|open| open.name() == table) else { continue };
        let found = sort_out(table, listed, leftovers, keep, now_ms, &mut vacuumed).await?;
        let oldest = state.oldest.entry(table.name().as_str().to_owned()).or_default();
        *oldest = (*oldest).max(found.oldest);
        garbage.objects.extend(found.objects);
        garbage.leftovers.extend(found.leftovers);
    }
    vacuumed.oldest = state.oldest.clone();
    if sweep == Sweep::Remove {
        // Before anything goes: who asks for an old version is told from then on.
        state.write(&store).await?;
        let removes = garbage.objects.into_iter().map(|object| {
            let store = store.clone();
            async move { store.delete(&object).await }
        });
        futures::stream::iter(removes).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        for leftover in &garbage.leftovers {
            store.remove_leftover(leftover).await?;
        }
    }
    Ok(vacuumed)
}

/// What is to go.
#[derive(Debug, Default)]
struct Garbage {
    objects: Vec<Path>,
    leftovers: Vec<Leftover>,
    /// The oldest version that can be read then.
    oldest: u64,
}

async fn sort_out(
    table: &Table,
    listed: Vec<object_store::ObjectMeta>,
    leftovers: Vec<Leftover>,
    keep: Keep,
    now_ms: i64,
    vacuumed: &mut Vacuumed,
) -> Result<Garbage, LakeError> {
    let snapshot = table.snapshot();
    let history = History::read(table, now_ms.saturating_sub(keep.removed_ms.max(ORPHAN_MS))).await?;
    let mut garbage = Garbage::default();
    for object in listed {
        let Some(relative) = names::data_file(table.name(), &object.location) else { continue };
        if snapshot.files.contains_key(&relative) {
            continue;
        }
        let removed = history.removed.get(&relative);
        let (age_ms, least_ms) = match removed {
            Some((_, at_ms)) => (now_ms - at_ms, keep.removed_ms),
            None => (now_ms - object.last_modified.timestamp_millis(), ORPHAN_MS),
        };
        if age_ms < least_ms {
            vacuumed.waiting += 1;
            vacuumed.waiting_bytes += object.size;
            vacuumed.waiting_orphans += u64::from(removed.is_none());
            continue;
        }
        match removed {
            Some((version, _)) => {
                garbage.oldest = garbage.oldest.max(*version);
                vacuumed.files += 1;
                vacuumed.bytes += object.size;
            }
            None => {
                // Removed by a commit before those that were read, or by none.
                garbage.oldest = garbage.oldest.max(history.first);
                vacuumed.orphans += 1;
                vacuumed.orphan_bytes += object.size;
            }
        }
        garbage.objects.push(object.location);
    }
    for leftover in leftovers {
        if now_ms - leftover.modified_ms < ORPHAN_MS {
            vacuumed.waiting += 1;
            vacuumed.waiting_bytes += leftover.bytes;
            vacuumed.waiting_orphans += 1;
            continue;
        }
        vacuumed.orphans += 1;
        vacuumed.orphan_bytes += leftover.bytes;
        garbage.leftovers.push(leftover);
    }
    Ok(garbage)
}

/// What commits removed since an instant, by the store's clock.
#[derive(Debug, Default)]
struct History {
    /// In which version a file was removed last, and when.
    removed: HashMap<String, (u64, i64)>,
    /// The oldest commit that was read.
    first: u64,
}

impl History {
    async fn read(table: &Table, since_ms: i64) -> Result<Self, LakeError> {
        let (store, name, newest) = (table.store(), table.name(), table.snapshot().version);
        let mut history = Self { first: newest, ..Self::default() };
        let mut commits = futures::stream::iter((0..=newest).rev())
            .map(|version| async move {
                let object = name.commit(version);
                let Some((bytes, at_ms)) = store.read_with_time(&object).await? else { return Ok(None) };
                let corrupt =
                    |e: serde_json::Error| LakeError::Corrupt { object: object.to_string(), problem: e.to_string() };
                Ok::<_, LakeError>(Some((version, at_ms, actions::read(&bytes).map_err(corrupt)?)))
            })
            .buffered(AT_ONCE);
        // A commit that is gone was cleaned away, with those before it.
        while let Some(Some((version, at_ms, actions))) = commits.try_next().await? {
            for remove in actions.into_iter().filter_map(|action| action.remove) {
                history.removed.entry(remove.path).or_insert((version, at_ms));
            }
            history.first = version;
            if at_ms < since_ms {
                break;
            }
        }
        Ok(history)
    }
}

#[cfg(test)]
#[path = "vacuum_tests.rs"]
mod tests;
