//! Opens the table, follows it, and commits to it.
//!
//! A commit is an object that is made if it is not there: exactly one writer makes version N + 1. Who loses reads the new
//! snapshot and plans again; a commit is never moved to another version behind its planner's back, because what it takes
//! away may be gone by then.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use serde_json::json;

use crate::actions::{self, Action, MetaData};
use crate::error::LakeError;
use crate::links::LinkCache;
use crate::names;
use crate::names::TableName;
use crate::schema::{columns_of, delta_schema};
use crate::snapshot::{Change, FORMAT, FORMAT_SETTING, Snapshot, protocol};
use weir_store::{Store, StoreError};

/// Commits that are read at once when a table is opened.
const READS_AT_ONCE: usize = 16;

/// A table of a lake. Where nothing else is said, that of the events.
#[derive(Debug, Clone)]
pub struct Table {
    store: Store,
    name: TableName,
    snapshot: Arc<Snapshot>,
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
    /// [`LakeError::NoVersion`] if there is no such version.
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
        let found = store.list(&TableName::Events.commits(), None).await?;
        match found.iter().any(|path| names::commit_version(path).is_some()) {
            true => Ok(()),
            false => Err(StoreError::NoLake { url: store.url().to_owned() }.into()),
        }
    }

    async fn open_up_to(store: &Store, name: TableName, wanted: Option<u64>) -> Result<Self, LakeError> {
        let found = store.list(&name.commits(), None).await?;
        let versions: Vec<u64> = found.iter().filter_map(names::commit_version).collect();
        let Some(newest) = versions.last().copied() else {
            return Err(StoreError::NoLake { url: store.url().to_owned() }.into());
        };
        let up_to = wanted.unwrap_or(newest);
        if up_to > newest {
            return Err(LakeError::NoVersion { wanted: up_to, newest });
        }
        if let Some((expected, _)) = (0..).zip(&versions).find(|(expected, version)| expected != *version) {
            return Err(LakeError::Missing { object: name.commit(expected).to_string(), version: newest });
        }
        let mut snapshot = Snapshot::of(name);
        let mut commits = futures::stream::iter(0..=up_to)
            .map(|version| async move { read_commit(store, name, version).await.map(|actions| (version, actions)) })
            .buffered(READS_AT_ONCE);
        while let Some((version, actions)) = commits.try_next().await? {
            let actions = actions
                .ok_or_else(|| LakeError::Missing { object: name.commit(version).to_string(), version: up_to })?;
            snapshot.apply(version, actions)?;
        }
        Ok(Self { store: store.clone(), name, snapshot: Arc::new(snapshot), links: Arc::default() })
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

    /// Reads commits that came since.
    pub async fn refresh(&mut self) -> Result<Arc<Snapshot>, LakeError> {
        while let Some(actions) = read_commit(&self.store, self.name, self.snapshot.version + 1).await? {
            let next = self.snapshot.version + 1;
            Arc::make_mut(&mut self.snapshot).apply(next, actions)?;
        }
        Ok(self.snapshot())
    }

    /// Commits a change that was planned on [`snapshot`](Self::snapshot), as the next version.
    ///
    /// # Errors
    /// [`LakeError::Conflict`] if another writer was first: refresh, plan again. Whatever [`Snapshot::check`] finds.
    pub async fn commit(&mut self, change: &Change, now_ms: i64) -> Result<Arc<Snapshot>, LakeError> {
        self.snapshot.check(change)?;
        let version = self.snapshot.version + 1;
        let actions = self.snapshot.actions(change, now_ms);
        let text = actions::write(&actions).map_err(|e| LakeError::Invariant(e.to_string()))?;
        if !self.store.create(&self.name.commit(version), Bytes::from(text)).await? {
            return Err(LakeError::Conflict { version });
        }
        Arc::make_mut(&mut self.snapshot).apply(version, actions)?;
        Ok(self.snapshot())
    }
}

async fn read_commit(store: &Store, table: TableName, version: u64) -> Result<Option<Vec<Action>>, LakeError> {
    let name = table.commit(version);
    let Some(bytes) = store.read(&name).await? else { return Ok(None) };
    actions::read(&bytes).map(Some).map_err(|e| LakeError::corrupt(name, e))
}

fn first_actions(name: TableName, id: &str, now_ms: i64) -> Vec<Action> {
    let meta = MetaData {
        id: id.to_owned(),
        name: Some(name.as_str().to_owned()),
        format: json!({"provider": "parquet", "options": {}}),
        schema_string: delta_schema(&columns_of(name)),
        partition_columns: Vec::new(),
        configuration: BTreeMap::from([(FORMAT_SETTING.to_owned(), FORMAT.to_string())]),
        created_time: Some(now_ms),
    };
    let info = json!({
        "timestamp": now_ms,
        "operation": "CREATE TABLE",
        "operationParameters": {},
        "engineInfo": concat!("weir/", env!("CARGO_PKG_VERSION")),
    });
    vec![
        Action { commit_info: Some(info), ..Action::default() },
        Action { protocol: Some(protocol()), ..Action::default() },
        Action { meta_data: Some(meta), ..Action::default() },
    ]
}
