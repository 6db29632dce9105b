//! Finds the state of a table in its log, with few requests and without listing.
//!
//! ```text
//! _last_checkpoint ─▶ 128 ─┬─▶ 128.checkpoint.parquet
//!                          └─▶ 129.json 130.json 131.json ·  ·  ·  … at once, until they end
//! ```
//!
//! - An older version begins with the checkpoint that an interval before it has; a young table with commit 0.
//! - Only where something is not as it should be (a checkpoint that is damaged, or gone, or not named) is the log listed, and
//!   the newest checkpoint that can be read is taken. A wrong state is never the answer: the commits behind any checkpoint
//!   give the same state, and where one of those is missing, that is the answer.
//! - Where the commits end, a few more names are tried: a commit that is missing from the middle is not the end.

use futures::{StreamExt, TryStreamExt};

use crate::actions::{self, Action};
use crate::checkpoint::{self, Pointer};
use crate::error::LakeError;
use crate::log_state::CHECKPOINT_INTERVAL;
use crate::names::{self, TableName};
use crate::snapshot::Snapshot;
use weir_store::{Store, StoreError};

/// Commits that are asked for at once behind a checkpoint.
const FIRST_WINDOW: u64 = 32;
/// Commits that are asked for at once in a long log.
pub(crate) const WINDOW: u64 = 64;
/// Commits that are asked for at once of a table that may not be there.
const PROBE: u64 = 4;
/// So many commits behind the last one must be missing too.
const BEYOND: usize = 8;

/// Commits, from a first version on; `None` where there is none.
type Window = Vec<Option<Vec<Action>>>;

/// What opening a table found.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) snapshot: Snapshot,
    /// The checkpoint that it began with.
    pub(crate) checkpoint: Option<u64>,
}

/// The log of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Log<'a> {
    pub(crate) store: &'a Store,
    pub(crate) name: TableName,
}

impl Log<'_> {
    /// Opens the newest version, or the one that is wanted.
    ///
    /// # Errors
    /// [`StoreError::NoLake`], [`LakeError::NoVersion`], [`LakeError::VersionGone`], [`LakeError::Missing`]; what is wrong
    /// with a commit.
    pub(crate) async fn open(self, wanted: Option<u64>) -> Result<Opened, LakeError> {
        let pointer = checkpoint::pointer(self.store, self.name).await?;
        let first = match (pointer, wanted) {
            (Pointer::To(version), None) => Some(version),
            (Pointer::To(version), Some(wanted)) if version <= wanted => Some(version),
            (Pointer::To(_), Some(wanted)) => Some(wanted - wanted % CHECKPOINT_INTERVAL),
            _ => None,
        };
        if let Some(version) = first.filter(|version| *version > 0) {
            let size = wanted.map_or(FIRST_WINDOW, |wanted| (wanted - version).min(FIRST_WINDOW));
            let (snapshot, ahead) = futures::join!(self.checkpoint(version), self.window(version + 1, size));
            if let Some(snapshot) = snapshot? {
                return self.replay(Some(snapshot), ahead?, wanted).await;
            }
            if pointer == Pointer::To(version) {
                tracing::warn!(table = self.name.as_str(), version, "the newest checkpoint is not there");
            }
        }
        let is_young = pointer == Pointer::None || wanted.is_some_and(|wanted| wanted < CHECKPOINT_INTERVAL);
        if is_young && let Some(opened) = self.begin_at_zero(wanted).await? {
            return Ok(opened);
        }
        self.by_listing(wanted).await
    }

    /// From commit 0; `None` if that is not there.
    async fn begin_at_zero(self, wanted: Option<u64>) -> Result<Option<Opened>, LakeError> {
        let window = self.window(0, wanted.map_or(PROBE, |wanted| PROBE.min(wanted + 1))).await?;
        match window.first() {
            Some(Some(_)) => self.replay(None, window, wanted).await.map(Some),
            _ => Ok(None),
        }
    }

    /// From the newest checkpoint that can be read, or commit 0, by a list of what there is.
    async fn by_listing(self, wanted: Option<u64>) -> Result<Opened, LakeError> {
        let found = self.store.list(&self.name.commits(), None).await?;
        let commits: Vec<u64> = found.iter().filter_map(names::commit_version).collect();
        let checkpoints: Vec<u64> = found.iter().filter_map(names::checkpoint_version).collect();
        let Some(newest) = commits.last().max(checkpoints.last()).copied() else {
            return Err(StoreError::NoLake { url: self.store.url().to_owned() }.into());
        };
        if let Some(wanted) = wanted.filter(|wanted| *wanted > newest) {
            return Err(LakeError::NoVersion { wanted, newest });
        }
        for version in checkpoints.iter().rev().copied().filter(|version| wanted.is_none_or(|w| *version <= w)) {
            if let Some(snapshot) = self.checkpoint(version).await? {
                let ahead = Vec::new();
                return self.replay(Some(snapshot), ahead, wanted).await;
            }
        }
        if let Some(opened) = self.begin_at_zero(wanted).await? {
            return Ok(opened);
        }
        match (wanted, checkpoints.iter().find(|version| wanted.is_some_and(|wanted| **version > wanted))) {
            (Some(wanted), Some(oldest)) => Err(LakeError::VersionGone { wanted, oldest: *oldest }),
            _ => Err(LakeError::Missing { object: self.name.commit(0).to_string(), version: newest }),
        }
    }

    /// A checkpoint; `None`, with a warning, if it is damaged, and without one if it is not there.
    async fn checkpoint(self, version: u64) -> Result<Option<Snapshot>, LakeError> {
        match checkpoint::read(self.store, self.name, version).await {
            Err(error @ LakeError::Corrupt { .. }) => {
                tracing::warn!(%error, "a checkpoint is passed over");
                Ok(None)
            }
            read => read,
        }
    }

    /// Applies commits until they end, or up to the version that is wanted. `window` is what has been read of them.
    async fn replay(
        self,
        checkpoint: Option<Snapshot>,
        mut window: Window,
        wanted: Option<u64>,
    ) -> Result<Opened, LakeError> {
        let began_with = checkpoint.as_ref().map(|snapshot| snapshot.version);
        let mut next = began_with.map_or(0, |version| version + 1);
        let mut snapshot = checkpoint.unwrap_or_else(|| Snapshot::of(self.name));
        loop {
            let found = window.iter().take_while(|commit| commit.is_some()).count();
            let later = window.iter().skip(found).position(Option::is_some);
            let missing = window.len() - found;
            for actions in window.drain(..found).flatten() {
                snapshot.apply(next, actions)?;
                next += 1;
            }
            if wanted.is_some_and(|wanted| next > wanted) {
                return Ok(Opened { snapshot, checkpoint: began_with });
            }
            let left = wanted.map_or(u64::MAX, |wanted| wanted + 1 - next);
            match later {
                // It may have been made while the others were read.
                Some(distance) => match self.commit(next).await? {
                    Some(actions) => window = vec![Some(actions)],
                    None => return Err(self.missing(next, next + distance as u64)),
                },
                None if missing == 0 => window = self.window(next, WINDOW.min(left)).await?,
                None if wanted.is_some() => return Err(self.not_there(next, wanted.unwrap_or(next)).await?),
                None if missing < BEYOND => window = self.window(next, BEYOND as u64).await?,
                None => return Ok(Opened { snapshot, checkpoint: began_with }),
            }
        }
    }

    fn missing(self, version: u64, needed_by: u64) -> LakeError {
        LakeError::Missing { object: self.name.commit(version).to_string(), version: needed_by }
    }

    /// What it means that a commit is not there that an older version would need: the table may end before it.
    async fn not_there(self, version: u64, wanted: u64) -> Result<LakeError, LakeError> {
        let later = self.store.list(&self.name.commits(), Some(&self.name.commit(version))).await?;
        match later.iter().any(|path| names::commit_version(path).is_some()) {
            true => Ok(self.missing(version, wanted)),
            false => Ok(LakeError::NoVersion { wanted, newest: version.saturating_sub(1) }),
        }
    }

    /// Commits that lie one behind the other, read at once.
    pub(crate) async fn window(self, first: u64, size: u64) -> Result<Window, LakeError> {
        let at_once = usize::try_from(size.max(1)).unwrap_or(1);
        futures::stream::iter(first..first + size)
            .map(|version| self.commit(version))
            .buffered(at_once)
            .try_collect()
            .await
    }

    pub(crate) async fn commit(self, version: u64) -> Result<Option<Vec<Action>>, LakeError> {
        let name = self.name.commit(version);
        let Some(bytes) = self.store.read(&name).await? else { return Ok(None) };
        actions::read(&bytes).map(Some).map_err(|e| LakeError::corrupt(name, e))
    }
}

#[cfg(test)]
#[path = "opening_tests.rs"]
mod tests;
