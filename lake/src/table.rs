//! Opens the table, follows it, and commits to it.
//!
//! A commit is an object that is made if it is not there: exactly one writer makes version N + 1. Who loses reads the new
//! snapshot and plans again; a commit is never moved to another version behind its planner's back, because what it takes
//! away may be gone by then.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::time::Instant;

use crate::actions::{self, Action, MetaData};
use crate::checkpoint::{self, Pointer};
use crate::error::LakeError;
use crate::links::LinkCache;
use crate::log_state::{CHECKPOINT_INTERVAL, CHECKPOINT_INTERVAL_SETTING};
use crate::names;
use crate::names::TableName;
use crate::opening::{Log, Opened, WINDOW};
use crate::schema::{columns_of, delta_schema};
use crate::snapshot::{Change, FORMAT, FORMAT_SETTING, Snapshot, protocol};
use weir_store::{Store, StoreError};

/// A reader that follows the log and finds nothing new looks so often whether the log begins behind it by now.
const LOOK_AHEAD: Duration = Duration::from_secs(10 * 60);
/// A writer that finds the newest commit older than this makes sure that it is the newest: half of what the log is kept for,
/// at the very least.
const OLD_MS: i64 = 12 * 60 * 60 * 1000;

/// A table of a lake. Where nothing else is said, that of the events.
#[derive(Debug, Clone)]
pub struct Table {
    store: Store,
    name: TableName,
    snapshot: Arc<Snapshot>,
    /// Checkpoints were missed, so the next commit writes one, whatever its number.
    lacks_checkpoint: bool,
    /// The snapshot is known not to be the newest, though no commit follows it.
    is_overtaken: bool,
    /// When to look again where the log begins.
    pub(crate) look_at: Instant,
    /// When the log was last cleaned up, milliseconds since 1970.
    pub(crate) cleaned_ms: Option<i64>,
    links: Arc<LinkCache>,
}

impl Table {
    /// Opens the newest version of the events.
    ///
    /// # Errors
    /// [`StoreError::NoLake`] if there is no table; whatever is wrong with a commit, which is named.
    pub async fn open(store: &Store) -> Result<Self, LakeError> {
        Self::open_up_to(store, TableName::Events, None).await
    }

    /// Opens an older version of the events.
    ///
    /// # Errors
    /// [`LakeError::NoVersion`] if there is no such version, [`LakeError::VersionGone`] if it has been cleaned up.
    pub async fn open_at(store: &Store, version: u64) -> Result<Self, LakeError> {
        Self::open_up_to(store, TableName::Events, Some(version)).await
    }

    /// Opens the newest version of a table; `None` if the lake does not have it.
    ///
    /// # Errors
    /// Whatever is wrong with a commit, which is named.
    pub async fn open_if_there(store: &Store, name: TableName) -> Result<Option<Self>, LakeError> {
        match Self::open_up_to(store, name, None).await {
            Err(LakeError::Store(StoreError::NoLake { .. })) => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Opens the table of events, or makes an empty one. `id` is a new UUID.
    pub async fn open_or_create(store: &Store, id: &str, now_ms: i64) -> Result<Self, LakeError> {
        Self::open_or_create_named(store, TableName::Events, id, now_ms).await
    }

    /// As [`open_or_create`](Self::open_or_create), for any table.
    pub async fn open_or_create_named(
        store: &Store,
        name: TableName,
        id: &str,
        now_ms: i64,
    ) -> Result<Self, LakeError> {
        if let Some(table) = Self::open_if_there(store, name).await? {
            return Ok(table);
        }
        let text = actions::write(&first_actions(name, id, now_ms)).map_err(|e| LakeError::Invariant(e.to_string()))?;
        // If another process makes it at the same time, that one's is as good.
        store.create(&name.commit(0), Bytes::from(text)).await?;
        Self::open_up_to(store, name, None).await
    }

    /// Whether the lake has a table of events, without reading it.
    ///
    /// # Errors
    /// [`StoreError::NoLake`] if there is none.
    pub async fn must_exist(store: &Store) -> Result<(), LakeError> {
        let name = TableName::Events;
        if store.has(&name.commit(0)).await? || store.has(&name.last_checkpoint()).await? {
            return Ok(());
        }
        let found = store.list(&name.commits(), None).await?;
        match found.iter().any(|path| names::commit_version(path).or(names::checkpoint_version(path)).is_some()) {
            true => Ok(()),
            false => Err(StoreError::NoLake { url: store.url().to_owned() }.into()),
        }
    }

    async fn open_up_to(store: &Store, name: TableName, wanted: Option<u64>) -> Result<Self, LakeError> {
        let Opened { snapshot, checkpoint } = Log { store, name }.open(wanted).await?;
        let behind = snapshot.version - checkpoint.unwrap_or(0);
        Ok(Self {
            store: store.clone(),
            name,
            lacks_checkpoint: behind >= 2 * snapshot.log.checkpoint_interval(),
            snapshot: Arc::new(snapshot),
            is_overtaken: false,
            look_at: Instant::now() + LOOK_AHEAD,
            cleaned_ms: None,
            links: Arc::default(),
        })
    }

    /// The state that was last read or committed.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot)
    }

    /// Which table it is.
    pub fn name(&self) -> TableName {
        self.name
    }

    /// Where the table is.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What is remembered of the links that its files declare.
    pub fn links(&self) -> Arc<LinkCache> {
        Arc::clone(&self.links)
    }

    /// Reads commits that came since. One that is far behind goes on with the newest checkpoint.
    ///
    /// # Errors
    /// Whatever is wrong with a commit, which is named; the snapshot is as before then.
    pub async fn refresh(&mut self) -> Result<Arc<Snapshot>, LakeError> {
        if self.is_overtaken {
            return self.reopen().await;
        }
        let log = Log { store: &self.store, name: self.name };
        let (mut next, mut at_once) = (None, 1);
        loop {
            let snapshot: &Snapshot = next.as_ref().unwrap_or(&self.snapshot);
            let first = snapshot.version + 1;
            let commits = log.window(first, at_once).await?;
            let found = commits.iter().take_while(|commit| commit.is_some()).count();
            for (version, actions) in (first..).zip(commits.into_iter().take(found).flatten()) {
                next.get_or_insert_with(|| Snapshot::clone(&self.snapshot)).apply(version, actions)?;
            }
            if (found as u64) < at_once {
                break;
            }
            at_once = (2 * at_once).min(WINDOW);
            if at_once == WINDOW / 2
                && let Pointer::To(newest) = checkpoint::pointer(&self.store, self.name).await?
                && newest >= first + WINDOW
            {
                return self.reopen().await;
            }
        }
        match next {
            Some(next) => self.snapshot = Arc::new(next),
            // A commit that is not there is the end of the log, or one that was cleaned up long ago.
            None if Instant::now() >= self.look_at => {
                self.look_at = Instant::now() + LOOK_AHEAD;
                let first = self.snapshot.version + 1;
                let is_overtaken = match checkpoint::pointer(&self.store, self.name).await? {
                    Pointer::To(newest) => newest >= first,
                    Pointer::None | Pointer::Unusable => self.something_lies_behind().await?,
                };
                if is_overtaken {
                    return self.reopen().await;
                }
            }
            None => {}
        }
        Ok(self.snapshot())
    }

    async fn reopen(&mut self) -> Result<Arc<Snapshot>, LakeError> {
        let opened = Self::open_up_to(&self.store, self.name, None).await?;
        if opened.snapshot.version >= self.snapshot.version {
            let cleaned_ms = self.cleaned_ms;
            *self = Self { cleaned_ms, ..opened };
        }
        Ok(self.snapshot())
    }

    /// Commits a change that was planned on [`snapshot`](Self::snapshot), as the next version. Every so many versions it
    /// writes a checkpoint too, which may fail: the commit is made all the same.
    ///
    /// # Errors
    /// [`LakeError::Conflict`] if another writer was first: refresh, plan again. Whatever [`Snapshot::check`] finds.
    pub async fn commit(&mut self, change: &Change, now_ms: i64) -> Result<Arc<Snapshot>, LakeError> {
        self.snapshot.check(change)?;
        let actions = self.snapshot.actions(change, now_ms);
        self.commit_actions(actions, now_ms).await
    }

    async fn commit_actions(&mut self, actions: Vec<Action>, now_ms: i64) -> Result<Arc<Snapshot>, LakeError> {
        let version = self.snapshot.version + 1;
        if self.snapshot.log.committed_ms.is_none_or(|then_ms| now_ms.abs_diff(then_ms) > OLD_MS.unsigned_abs()) {
            self.must_be_newest().await?;
        }
        let text = actions::write(&actions).map_err(|e| LakeError::Invariant(e.to_string()))?;
        if !self.store.create(&self.name.commit(version), Bytes::from(text)).await? {
            return Err(LakeError::Conflict { version });
        }
        Arc::make_mut(&mut self.snapshot).apply(version, actions)?;
        if self.lacks_checkpoint || version.is_multiple_of(self.snapshot.log.checkpoint_interval()) {
            self.lacks_checkpoint = !checkpoint::write_beside_commit(&self.store, &self.snapshot).await;
        }
        Ok(self.snapshot())
    }

    /// Who slept for as long as commits are kept would find the next number free, and commit where nobody reads. So an old
    /// snapshot is committed on only if nothing lies behind it.
    async fn must_be_newest(&mut self) -> Result<(), LakeError> {
        self.is_overtaken = self.something_lies_behind().await?;
        let version = self.snapshot.version + 1;
        if self.is_overtaken { Err(LakeError::Conflict { version }) } else { Ok(()) }
    }

    /// Whether the log has anything that is newer than the snapshot, by listing.
    async fn something_lies_behind(&self) -> Result<bool, LakeError> {
        let version = self.snapshot.version;
        let behind = Some(self.name.commit(version));
        // Other engines put objects between commits: one of a few is a commit, or a checkpoint.
        let found = self.store.list_first(&self.name.commits(), behind.as_ref(), 8).await?;
        let numbered = |path| names::commit_version(path).or(names::checkpoint_version(path));
        Ok(found.iter().filter_map(|object| numbered(&object.location)).any(|found| found > version))
    }

    /// Makes the table one of the format that this weir writes, if it is of an older one.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub(crate) async fn upgrade(&mut self, now_ms: i64) -> Result<(), LakeError> {
        let format = FORMAT.to_string();
        let is_current = |meta: &MetaData| meta.configuration.get(FORMAT_SETTING) == Some(&format);
        let Some(mut meta) = self.snapshot.log.meta.clone().filter(|meta| !is_current(meta)) else { return Ok(()) };
        self.snapshot.check(&Change::default())?;
        // What somebody has set stays.
        meta.configuration.remove(FORMAT_SETTING);
        let set = std::mem::replace(&mut meta.configuration, settings_of_new_tables());
        meta.configuration.extend(set);
        let info = info("SET TBLPROPERTIES", now_ms);
        let actions = vec![
            Action { commit_info: Some(info), ..Action::default() },
            Action { meta_data: Some(meta), ..Action::default() },
        ];
        self.commit_actions(actions, now_ms).await.map(drop)
    }
}

fn settings_of_new_tables() -> BTreeMap<String, String> {
    let interval = (CHECKPOINT_INTERVAL_SETTING.to_owned(), CHECKPOINT_INTERVAL.to_string());
    BTreeMap::from([(FORMAT_SETTING.to_owned(), FORMAT.to_string()), interval])
}

fn info(operation: &str, now_ms: i64) -> serde_json::Value {
    json!({
        "timestamp": now_ms,
        "operation": operation,
        "operationParameters": {},
        "engineInfo": concat!("weir/", env!("CARGO_PKG_VERSION")),
    })
}

fn first_actions(name: TableName, id: &str, now_ms: i64) -> Vec<Action> {
    let meta = MetaData {
        id: id.to_owned(),
        name: Some(name.as_str().to_owned()),
        description: None,
        format: json!({"provider": "parquet", "options": {}}),
        schema_string: delta_schema(&columns_of(name)),
        partition_columns: Vec::new(),
        configuration: settings_of_new_tables(),
        created_time: Some(now_ms),
    };
    let info = info("CREATE TABLE", now_ms);
    vec![
        Action { commit_info: Some(info), ..Action::default() },
        Action { protocol: Some(protocol()), ..Action::default() },
        Action { meta_data: Some(meta), ..Action::default() },
    ]
}
