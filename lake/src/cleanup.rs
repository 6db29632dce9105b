//! Clean-up of the log: old commits and checkpoints go, once a checkpoint stands for them and nobody needs them.
//!
//! ```text
//! now − retention ────────────────────────────────┐
//! 0.json … 63.json  64.checkpoint  64.json … 128.checkpoint  128.json  129.json …
//! └──────────── goes, in this order: ───────────┘ └── stays: the newest checkpoint that is old enough, and all behind it
//!   1. the checkpoints   2. the first commit   3. the other commits
//! ```
//!
//! The order is what makes it safe to be killed, and safe beside readers: where a checkpoint is left, so are all commits behind
//! it, and where commit 0 is left, a reader that begins there finds the commits behind it. Doing it again goes on with what is
//! left; two at once delete the same.
//!
//! Before anything goes, the table becomes one of the newest format: a weir that would begin with commit 0 is told to upgrade.

use futures::{StreamExt, TryStreamExt};
use object_store::ObjectMeta;
use object_store::path::Path;
use weir_core::ports::Clock;
use weir_core::time::DAY_MS;

use crate::checkpoint;
use crate::error::LakeError;
use crate::names;
use crate::table::Table;

/// What was committed so lately stays, whatever the table's settings say: questions of the last day, and writers that slept.
const LEAST_MS: i64 = DAY_MS;
/// Objects of the log that are listed at once.
const PAGE: usize = 10_000;
/// Objects that are deleted at once.
const DELETES_AT_ONCE: usize = 16;
/// Objects that one run from a loop deletes at most: well over what a loop commits in the pause.
const BUDGET: usize = 2000;
/// From one run of a loop to the next.
const PAUSE_MS: i64 = 60 * 60 * 1000;
/// Other writers may be first so many times in a row.
const ATTEMPTS: usize = 100;

/// What a clean-up did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CleanedUp {
    /// Objects that were deleted.
    pub objects: usize,
    /// Objects that may go too, and were beyond the budget.
    pub left: usize,
    /// The oldest version that can be asked for, where anything may go.
    pub oldest: Option<u64>,
}

/// Deletes commits and checkpoints that are older than the table keeps them (`delta.logRetentionDuration`, else 30 days) and
/// that a checkpoint stands for. Lists the log; deletes at most `budget` objects, the oldest first.
///
/// # Errors
/// What the store reports; nothing is harmed, and the next run goes on.
pub async fn clean_up(table: &mut Table, clock: &dyn Clock, budget: usize) -> Result<CleanedUp, LakeError> {
    let snapshot = table.refresh().await?;
    let now_ms = clock.now_ms();
    let before_ms = now_ms - snapshot.log.log_retention_ms().max(LEAST_MS);
    let old = old_objects(table, before_ms).await?;
    let Some(oldest) = newest_checkpoint(table, &old).await? else { return Ok(CleanedUp::default()) };
    let (mut others, mut commits): (Vec<Path>, Vec<Path>) = old
        .into_iter()
        .map(|object| object.location)
        .filter(|path| version_of(path).is_some_and(|version| version < oldest))
        .partition(|path| names::commit_version(path).is_none());
    let may_go = others.len() + commits.len();
    if may_go == 0 {
        return Ok(CleanedUp { oldest: Some(oldest), ..CleanedUp::default() });
    }
    upgrade(table, now_ms).await?;
    others.truncate(budget);
    commits.truncate(budget - others.len());
    let objects = others.len() + commits.len();
    delete(table, others).await?;
    if !commits.is_empty() {
        delete(table, vec![commits.remove(0)]).await?;
        delete(table, commits).await?;
    }
    Ok(CleanedUp { objects, left: may_go - objects, oldest: Some(oldest) })
}

/// As [`clean_up`], for a loop that comes by every few seconds: once an hour, a bounded number of objects, and failing is a
/// warning.
pub async fn clean_up_now_and_then(table: &mut Table, clock: &dyn Clock) {
    let now_ms = clock.now_ms();
    if table.cleaned_ms.is_some_and(|then_ms| now_ms.abs_diff(then_ms) < PAUSE_MS.unsigned_abs()) {
        return;
    }
    table.cleaned_ms = Some(now_ms);
    let name = table.name().as_str();
    match clean_up(table, clock, BUDGET).await {
        Ok(CleanedUp { objects: 0, .. }) => {}
        Ok(done) => tracing::info!(table = name, deleted = done.objects, left = done.left, "old commits were deleted"),
        Err(error) => tracing::warn!(%error, table = name, "old commits stay; they are deleted in an hour"),
    }
}

/// Objects of the log that were made before then, from the first on until one that was not, or until there is a checkpoint
/// among them.
async fn old_objects(table: &Table, before_ms: i64) -> Result<Vec<ObjectMeta>, LakeError> {
    let folder = table.name().commits();
    let mut old: Vec<ObjectMeta> = Vec::new();
    loop {
        let after = old.last().map(|object| object.location.clone());
        let page = table.store().list_first(&folder, after.as_ref(), PAGE).await?;
        let (listed, before) = (page.len(), old.len());
        let is_old = |object: &ObjectMeta| {
            version_of(&object.location).is_some() && object.last_modified.timestamp_millis() <= before_ms
        };
        old.extend(page.into_iter().take_while(is_old));
        let has_checkpoint = old.iter().any(|object| names::checkpoint_version(&object.location).is_some());
        if has_checkpoint || listed < PAGE || old.len() < before + listed {
            return Ok(old);
        }
    }
}

/// The newest checkpoint among them that can be read: what goes must not be needed again.
async fn newest_checkpoint(table: &Table, objects: &[ObjectMeta]) -> Result<Option<u64>, LakeError> {
    for version in objects.iter().rev().filter_map(|object| names::checkpoint_version(&object.location)) {
        match checkpoint::read(table.store(), table.name(), version).await {
            Ok(Some(_)) => return Ok(Some(version)),
            Ok(None) | Err(LakeError::Corrupt { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// The version that any object of the log belongs to, those of other engines too (`….crc`, checkpoints in parts).
fn version_of(path: &Path) -> Option<u64> {
    let (digits, _) = path.filename()?.split_once('.')?;
    if digits.len() == 20 { digits.parse().ok() } else { None }
}

async fn upgrade(table: &mut Table, now_ms: i64) -> Result<(), LakeError> {
    for _ in 0..ATTEMPTS {
        match table.upgrade(now_ms).await {
            Err(LakeError::Conflict { .. }) => table.refresh().await?,
            done => return done,
        };
    }
    Err(LakeError::Conflict { version: table.snapshot().version + 1 })
}

async fn delete(table: &Table, paths: Vec<Path>) -> Result<(), LakeError> {
    let delete = |path: Path| async move { table.store().delete(&path).await };
    Ok(futures::stream::iter(paths).map(delete).buffer_unordered(DELETES_AT_ONCE).try_collect().await?)
}

#[cfg(test)]
#[path = "cleanup_tests.rs"]
mod tests;
