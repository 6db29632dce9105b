//! The state of the table after a commit, and what must hold of every commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use weir_core::ports::{SequenceNumber, ShardId};
use weir_core::time::rfc3339;

use crate::actions::{Action, Add, DomainMetadata, Protocol, Remove};
use crate::error::LakeError;
use crate::foreign::{self, ForeignFile, TAG_ADDED_IN};
use crate::links::LinkCounts;
use crate::log_state::{LogState, Tombstones};
use crate::names::TableName;
use crate::schema::{BUCKETS, RECEIVED_AT, TIME};
use crate::typed::{self, TypedColumn};

/// Version of what weir itself writes: tags, sort order, buckets, which commits there are. A lake with a newer one is not
/// opened. A reader of format 1 begins with commit 0; in a table of format 2 it may be gone, and a checkpoint stands for it. A
/// reader of format 2 finds all properties in their text; in a table of format 3 some have columns of their own.
pub const FORMAT: u32 = 3;
/// The setting of the table that holds [`FORMAT`].
pub(crate) const FORMAT_SETTING: &str = "weir.format";
/// The domain of weir's own metadata.
pub(crate) const DOMAIN: &str = "weir";
pub(crate) const TAG_LEVEL: &str = "weir.level";
const TAG_LANDED_IN: &str = "weir.landedIn";
const TAG_BUCKET_ROWS: &str = "weir.bucketRows";
const TAG_LINKS: &str = "weir.links";

/// Which kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Written by a landing.
    Landed,
    /// Written by a compaction: so many merges lie behind it, at least 1.
    Compacted(u8),
}

impl Level {
    /// The number that is stored: 0 for landed.
    pub fn number(self) -> u8 {
        match self {
            Self::Landed => 0,
            Self::Compacted(merges) => merges,
        }
    }

    fn from_number(number: u8) -> Self {
        if number == 0 { Self::Landed } else { Self::Compacted(number) }
    }
}

/// One live Parquet file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// Relative to the table.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its events.
    pub rows: u64,
    /// Earliest time, milliseconds since 1970.
    pub min_time_ms: i64,
    /// Latest time.
    pub max_time_ms: i64,
    /// Earliest receipt.
    pub min_received_ms: i64,
    /// Latest receipt.
    pub max_received_ms: i64,
    /// Landed or compacted.
    pub level: Level,
    /// Rows of each bucket; rows are sorted by bucket, so this says where each begins. Empty in a table without buckets.
    pub bucket_rows: Vec<u64>,
    /// The newest version whose landing brought events that are in this file.
    pub landed_in: u64,
    /// What its notes say of users. `None` for a file without such notes: its rows say it.
    pub links: Option<LinkCounts>,
}

/// How far a commit lands a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Which shard.
    pub shard: ShardId,
    /// What the landing was built on: must be what the snapshot says.
    pub from: Option<SequenceNumber>,
    /// The last record that is in the commit.
    pub through: SequenceNumber,
}

/// What a commit is to change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Files that become live.
    pub adds: Vec<DataFile>,
    /// Paths of files that are live no more.
    pub removes: Vec<String>,
    /// How far shards are landed.
    pub progress: Vec<Progress>,
    /// Everything received up to then is in the table now. Does not go back.
    pub complete_to_ms: Option<i64>,
    /// Typed columns that the new files may have. Those that the table does not have yet, it has from then on.
    pub columns: Vec<TypedColumn>,
    /// Whether events come in or go; false for a compaction.
    pub changes_data: bool,
    /// For people: `land`, `import`, `compact`.
    pub operation: &'static str,
}

/// The table as it is after a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Of which table.
    pub table: TableName,
    /// The commit.
    pub version: u64,
    /// Live files by path.
    pub files: BTreeMap<String, Arc<DataFile>>,
    /// The last landed record of each shard.
    pub positions: BTreeMap<ShardId, SequenceNumber>,
    /// Everything received up to then is here; milliseconds since 1970.
    pub complete_to_ms: Option<i64>,
    /// Live files that another engine added, by path: no answer has them.
    pub foreign: BTreeMap<String, Arc<ForeignFile>>,
    /// What else the log says.
    pub log: Arc<LogState>,
}

/// What weir keeps in its domain.
#[derive(Serialize, Deserialize)]
pub(crate) struct Domain {
    pub(crate) positions: BTreeMap<ShardId, SequenceNumber>,
    complete_to: Option<i64>,
}

impl Snapshot {
    /// A table before its first commit.
    pub fn of(table: TableName) -> Self {
        Self { table, ..Self::default() }
    }

    /// Live rows.
    pub fn rows(&self) -> u64 {
        self.files.values().map(|f| f.rows).sum()
    }

    /// Bytes of live files.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|f| f.bytes).sum()
    }

    /// Files that were live in some version before and are not now, until nobody can need them any more.
    pub fn tombstones(&self) -> &Tombstones {
        &self.log.tombstones
    }

    /// The properties that have columns of their own, in files that were written since they have.
    pub fn typed_columns(&self) -> &[TypedColumn] {
        &self.log.typed
    }

    /// What to say of an answer from this snapshot if it leaves files of another engine out.
    pub fn foreign_note(&self) -> Option<String> {
        foreign::note(&self.foreign)
    }

    /// Checks a change against everything that must hold. See the tests for each.
    ///
    /// # Errors
    /// [`LakeError::ReadOnly`] where the table asks more of writers than weir knows; [`LakeError::NotLive`] and [`LakeError::Position`] where another writer was first; [`LakeError::Invariant`]
    /// where the change is wrong in itself.
    pub fn check(&self, change: &Change) -> Result<(), LakeError> {
        let broken = |what: String| Err(LakeError::Invariant(what));
        if let Some(what) = self.log.unknown_to_writers() {
            return Err(LakeError::ReadOnly { what });
        }
        let mut removed_rows = 0;
        for (i, path) in change.removes.iter().enumerate() {
            if change.removes[..i].contains(path) {
                return broken(format!("`{path}` is removed twice"));
            }
            match self.files.get(path) {
                Some(file) => removed_rows += file.rows,
                // Its rows come in as new ones, if at all.
                None if self.foreign.contains_key(path) && change.changes_data => {}
                None => return Err(LakeError::NotLive { path: path.clone(), version: self.version }),
            }
        }
        let is_live = |path: &String| self.files.contains_key(path) || self.foreign.contains_key(path);
        for (i, file) in change.adds.iter().enumerate() {
            if is_live(&file.path) || change.adds[..i].iter().any(|other| other.path == file.path) {
                return broken(format!("`{}` is added twice", file.path));
            }
            let in_buckets = file.bucket_rows.iter().sum::<u64>();
            if file.rows == 0 || (self.table == TableName::Events && in_buckets != file.rows) {
                return broken(format!("`{}` says {} rows, its buckets another number", file.path, file.rows));
            }
            if file.min_time_ms > file.max_time_ms || file.min_received_ms > file.max_received_ms {
                return broken(format!("`{}` has a time range that ends before it begins", file.path));
            }
        }
        let added_rows: u64 = change.adds.iter().map(|f| f.rows).sum();
        if !change.changes_data && added_rows != removed_rows {
            return broken(format!("a compaction takes {removed_rows} rows and gives {added_rows}"));
        }
        if let Err((column, why)) = self.log.with_columns(&change.columns) {
            return Err(LakeError::Column { column, version: self.version, why });
        }
        for progress in &change.progress {
            let recorded = self.positions.get(&progress.shard);
            if recorded != progress.from.as_ref() {
                return Err(LakeError::Position {
                    shard: progress.shard.clone(),
                    recorded: recorded.cloned(),
                    offered: progress.from.clone(),
                });
            }
            if recorded.is_some_and(|recorded| progress.through <= *recorded) {
                return broken(format!("shard `{}` would go back to {}", progress.shard, progress.through));
            }
        }
        Ok(())
    }

    /// The actions of a checked change.
    pub(crate) fn actions(&self, change: &Change, now_ms: i64) -> Vec<Action> {
        let info = json!({
            "timestamp": now_ms,
            "operation": change.operation.to_uppercase(),
            "operationParameters": {},
            "engineInfo": concat!("weir/", env!("CARGO_PKG_VERSION")),
            "isBlindAppend": change.removes.is_empty(),
        });
        let mut actions = vec![Action { commit_info: Some(info), ..Action::default() }];
        // That it can be extended was checked.
        let meta_data = self.log.with_columns(&change.columns).ok().flatten();
        actions.extend(meta_data.map(|meta| Action { meta_data: Some(meta), ..Action::default() }));
        let removes = change.removes.iter().map(|path| Remove {
            path: path.clone(),
            deletion_timestamp: Some(now_ms),
            data_change: change.changes_data,
        });
        actions.extend(removes.map(|remove| Action { remove: Some(remove), ..Action::default() }));
        let adds = change.adds.iter().map(|file| add_action(self.table, file, now_ms, change.changes_data));
        actions.extend(adds.map(|add| Action { add: Some(add), ..Action::default() }));
        if !change.progress.is_empty() || change.complete_to_ms > self.complete_to_ms {
            let mut positions = self.positions.clone();
            positions.extend(change.progress.iter().map(|p| (p.shard.clone(), p.through.clone())));
            actions.push(domain_action(positions, self.complete_to_ms.max(change.complete_to_ms)));
        }
        actions
    }

    /// The actions that a checkpoint of this snapshot has; the same for everybody who writes one.
    ///
    /// # Errors
    /// [`LakeError::Invariant`] if the log never said what the table is.
    pub(crate) fn checkpoint_actions(&self) -> Result<Vec<Action>, LakeError> {
        let log = self.log.as_ref();
        if log.protocol.is_none() || log.meta.is_none() {
            return Err(LakeError::Invariant("a checkpoint of a table without metadata".to_owned()));
        }
        let mut actions = vec![
            Action { protocol: log.protocol.clone(), ..Action::default() },
            Action { meta_data: log.meta.clone(), ..Action::default() },
        ];
        let txns = log.txns.values().cloned();
        actions.extend(txns.map(|txn| Action { txn: Some(txn), ..Action::default() }));
        if !self.positions.is_empty() || self.complete_to_ms.is_some() {
            actions.push(domain_action(self.positions.clone(), self.complete_to_ms));
        }
        let domains = log.domains.values().cloned();
        actions.extend(domains.map(|domain| Action { domain_metadata: Some(domain), ..Action::default() }));
        let adds = log.adds.values().map(|add| Add::clone(add));
        actions.extend(adds.map(|add| Action { add: Some(add), ..Action::default() }));
        let removes = log.tombstones.iter().map(|(path, removed_ms)| Remove {
            path: path.to_owned(),
            deletion_timestamp: Some(removed_ms),
            data_change: false,
        });
        actions.extend(removes.map(|remove| Action { remove: Some(remove), ..Action::default() }));
        Ok(actions)
    }

    /// The snapshot that a checkpoint holds.
    ///
    /// # Errors
    /// As [`apply`](Self::apply), and [`LakeError::Corrupt`] where something is missing that every checkpoint has.
    pub(crate) fn of_checkpoint(
        table: TableName,
        version: u64,
        committed_ms: Option<i64>,
        actions: Vec<Action>,
    ) -> Result<Self, LakeError> {
        let mut snapshot = Self { version, ..Self::of(table) };
        let mut log = LogState { committed_ms, ..LogState::default() };
        for action in actions {
            snapshot.apply_action(&mut log, action, &Origin::checkpoint(table, version))?;
        }
        if log.protocol.is_none() || log.meta.is_none() {
            return Err(LakeError::corrupt(table.checkpoint(version), "it does not say what the table is"));
        }
        snapshot.log = Arc::new(log);
        Ok(snapshot)
    }

    /// The next snapshot.
    ///
    /// # Errors
    /// [`LakeError::Newer`] where the commit needs what this weir does not know, [`LakeError::Corrupt`] where it does not
    /// make sense.
    pub(crate) fn apply(&mut self, version: u64, actions: Vec<Action>) -> Result<(), LakeError> {
        let origin = Origin::commit(self.table, version, &actions);
        let mut log = std::mem::take(&mut self.log);
        let state = Arc::make_mut(&mut log);
        for action in actions {
            self.apply_action(state, action, &origin)?;
        }
        state.committed_ms = origin.committed_ms;
        let expired_ms = origin.committed_ms.map_or(i64::MIN, |now_ms| now_ms - state.tombstone_ms());
        if state.tombstones.any_before(expired_ms) {
            state.tombstones.expire(expired_ms);
        }
        self.log = log;
        self.version = version;
        Ok(())
    }

    fn apply_action(&mut self, log: &mut LogState, action: Action, origin: &Origin) -> Result<(), LakeError> {
        if let Some(protocol) = action.protocol {
            check_protocol(&protocol)?;
            log.protocol = Some(protocol);
        }
        if let Some(meta) = action.meta_data {
            let format = meta.configuration.get(FORMAT_SETTING).map(String::as_str);
            check_format(format).map_err(|problem| match problem {
                FormatProblem::Newer(what) => LakeError::Newer { what },
                FormatProblem::Foreign(what) => origin.corrupt(what),
            })?;
            log.typed = typed::of_schema(&meta.schema_string)
                .map_err(|e| origin.corrupt(format!("the table's schema cannot be read: {e}")))?;
            log.meta = Some(meta);
        }
        if let Some(remove) = action.remove {
            self.apply_remove(log, &remove, origin)?;
        }
        if let Some(add) = action.add {
            self.apply_add(log, add, origin)?;
        }
        if let Some(txn) = action.txn {
            log.txns.insert(txn.app_id.clone(), txn);
        }
        match action.domain_metadata {
            Some(domain) if domain.domain == DOMAIN => {
                let domain: Domain = serde_json::from_str(&domain.configuration)
                    .map_err(|e| origin.corrupt(format!("the landed positions cannot be read: {e}")))?;
                self.positions = domain.positions;
                self.complete_to_ms = domain.complete_to;
            }
            Some(domain) if domain.removed => drop(log.domains.remove(&domain.domain)),
            Some(domain) => drop(log.domains.insert(domain.domain.clone(), domain)),
            None => {}
        }
        Ok(())
    }

    /// A file becomes live: one that weir can read, or a foreign one.
    fn apply_add(&mut self, log: &mut LogState, mut add: Add, origin: &Origin) -> Result<(), LakeError> {
        let path = add.path.clone();
        // Tagged as a checkpoint has it, which knows no versions of its own.
        let (name, version) = if add.tags.as_ref().is_some_and(|tags| tags.contains_key(TAG_LEVEL)) {
            let file = data_file(self.table, &add, origin).map_err(|problem| origin.corrupt(problem))?;
            let landed_in = file.landed_in;
            self.foreign.remove(&path);
            self.files.insert(path.clone(), Arc::new(file));
            (TAG_LANDED_IN, landed_in)
        } else {
            let file = ForeignFile::of(&add, origin.version);
            let added_in = file.version;
            self.files.remove(&path);
            self.foreign.insert(path.clone(), Arc::new(file));
            (TAG_ADDED_IN, added_in)
        };
        add.tags.get_or_insert_default().insert(name.to_owned(), version.to_string());
        add.data_change = false;
        log.tombstones.remove(&path);
        log.adds.insert(Arc::from(path), Arc::new(add));
        Ok(())
    }

    /// A file is live no more. Weir removes only what is live. Of another engine's removals the protocol does not ask that,
    /// and one too many takes nothing away: it is noted and passed over, so that it does not close the table.
    fn apply_remove(&mut self, log: &mut LogState, remove: &Remove, origin: &Origin) -> Result<(), LakeError> {
        let path = remove.path.as_str();
        self.files.remove(path);
        self.foreign.remove(path);
        let was_live = log.adds.remove(path).is_some();
        if !was_live && origin.is_weirs {
            return Err(origin.corrupt(format!("it removes `{path}`, which is not live")));
        }
        if !was_live && !origin.is_checkpoint {
            tracing::warn!(path, version = origin.version, "another engine removed a file that is not live");
        }
        // Who does not say when is taken to have done it long ago, as other engines take it.
        let removed_ms = remove.deletion_timestamp.or(origin.committed_ms).unwrap_or_default();
        log.tombstones.insert(Arc::from(path), removed_ms);
        Ok(())
    }
}

/// Where actions are from.
pub(crate) struct Origin {
    table: TableName,
    version: u64,
    is_checkpoint: bool,
    /// A commit that weir wrote.
    is_weirs: bool,
    /// When it was committed.
    committed_ms: Option<i64>,
}

impl Origin {
    pub(crate) fn checkpoint(table: TableName, version: u64) -> Self {
        Self { table, version, is_checkpoint: true, is_weirs: false, committed_ms: None }
    }

    fn commit(table: TableName, version: u64, actions: &[Action]) -> Self {
        let info = actions.iter().find_map(|action| action.commit_info.as_ref()).unwrap_or(&Value::Null);
        let is_weirs = info["engineInfo"].as_str().is_some_and(|engine| engine.starts_with("weir/"));
        Self { table, version, is_checkpoint: false, is_weirs, committed_ms: info["timestamp"].as_i64() }
    }

    fn corrupt(&self, problem: impl ToString) -> LakeError {
        let object = match self.is_checkpoint {
            true => self.table.checkpoint(self.version),
            false => self.table.commit(self.version),
        };
        LakeError::corrupt(object, problem)
    }
}

/// Weir's own entry of the domains.
fn domain_action(positions: BTreeMap<ShardId, SequenceNumber>, complete_to: Option<i64>) -> Action {
    let configuration = json!(Domain { positions, complete_to }).to_string();
    let domain = DomainMetadata { domain: DOMAIN.to_owned(), configuration, removed: false };
    Action { domain_metadata: Some(domain), ..Action::default() }
}

/// The protocol of a new table: plain to read for every engine; writers must keep weir's positions.
pub(crate) fn protocol() -> Protocol {
    Protocol {
        min_reader_version: 1,
        min_writer_version: 7,
        reader_features: None,
        writer_features: Some(vec!["domainMetadata".to_owned()]),
    }
}

fn check_protocol(protocol: &Protocol) -> Result<(), LakeError> {
    let features = protocol.reader_features.as_deref().unwrap_or_default();
    match (protocol.min_reader_version, features) {
        (1, _) | (3, []) => Ok(()),
        (3, features) => Err(LakeError::Newer { what: format!("the table features {}", features.join(", ")) }),
        (version, _) => Err(LakeError::Newer { what: format!("Delta reader version {version}") }),
    }
}

enum FormatProblem {
    Newer(String),
    Foreign(String),
}

fn check_format(setting: Option<&str>) -> Result<(), FormatProblem> {
    match setting.map(str::parse::<u32>) {
        Some(Ok(format)) if format <= FORMAT => Ok(()),
        Some(Ok(format)) => Err(FormatProblem::Newer(format!("format {format}"))),
        _ => Err(FormatProblem::Foreign(format!("the table has no setting `{FORMAT_SETTING}`: weir did not make it"))),
    }
}

/// The columns whose range the log has for each file. A file of a table without times of events has those of its receipts.
fn ranged(table: TableName) -> &'static [&'static str] {
    match table {
        TableName::Events => &[TIME, RECEIVED_AT],
        TableName::Failed => &[RECEIVED_AT],
    }
}

fn add_action(table: TableName, file: &DataFile, now_ms: i64, data_change: bool) -> Add {
    let range = |time: i64, received: i64| -> Map<String, Value> {
        let of = |column: &str| if column == TIME { time } else { received };
        ranged(table).iter().map(|column| ((*column).to_owned(), json!(rfc3339(of(column))))).collect()
    };
    let nulls: Map<String, Value> = ranged(table).iter().map(|column| ((*column).to_owned(), json!(0))).collect();
    let stats = json!({
        "numRecords": file.rows,
        "minValues": range(file.min_time_ms, file.min_received_ms),
        "maxValues": range(file.max_time_ms, file.max_received_ms),
        "nullCount": nulls,
    });
    let mut tags = BTreeMap::from([(TAG_LEVEL.to_owned(), file.level.number().to_string())]);
    if table == TableName::Events {
        let bucket_rows = file.bucket_rows.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
        tags.insert(TAG_BUCKET_ROWS.to_owned(), bucket_rows);
    }
    if let Some(links) = file.links {
        tags.insert(TAG_LINKS.to_owned(), links.to_string());
    }
    // A landing's own version is known only once it is committed, and then from the commit itself. Rows that stay where others
    // were taken away were landed before.
    if !data_change || file.landed_in > 0 {
        tags.insert(TAG_LANDED_IN.to_owned(), file.landed_in.to_string());
    }
    Add {
        path: file.path.clone(),
        partition_values: BTreeMap::new(),
        size: file.bytes,
        modification_time: now_ms,
        data_change,
        stats: Some(stats.to_string()),
        tags: Some(tags),
    }
}

pub(crate) fn data_file(table: TableName, add: &Add, origin: &Origin) -> Result<DataFile, String> {
    let tag = |name: &str| {
        let tag = add.tags.as_ref().and_then(|tags| tags.get(name));
        tag.ok_or_else(|| format!("`{}` has no tag `{name}`", add.path))
    };
    let level = tag(TAG_LEVEL)?.parse().map(Level::from_number).map_err(|e| format!("tag `{TAG_LEVEL}`: {e}"))?;
    let landed_in = match tag(TAG_LANDED_IN) {
        Ok(tag) => tag.parse().map_err(|e| format!("tag `{TAG_LANDED_IN}` of `{}`: {e}", add.path))?,
        // A landing says it by its version; so does one in a checkpoint of another engine, where later than it was does no harm.
        Err(_) if add.data_change || origin.is_checkpoint => origin.version,
        Err(missing) => return Err(missing),
    };
    let stats: Value = serde_json::from_str(add.stats.as_deref().unwrap_or("null"))
        .map_err(|e| format!("statistics of `{}`: {e}", add.path))?;
    let rows = stats["numRecords"].as_u64().unwrap_or_default();
    let bucket_rows: Vec<u64> = match table {
        TableName::Failed => Vec::new(),
        TableName::Events => tag(TAG_BUCKET_ROWS)?
            .split(',')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|e| format!("tag `{TAG_BUCKET_ROWS}` of `{}`: {e}", add.path))?,
    };
    let fits = bucket_rows.len() == BUCKETS && bucket_rows.iter().sum::<u64>() == rows;
    if table == TableName::Events && !fits {
        return Err(format!("`{}` says {rows} rows, its buckets another number", add.path));
    }
    let links = add.tags.as_ref().and_then(|tags| tags.get(TAG_LINKS)).map(|tag| tag.parse()).transpose();
    let links = links.map_err(|()| format!("tag `{TAG_LINKS}` of `{}` is not three numbers", add.path))?;
    let time = |bound: &str, column: &str| {
        let text = stats[bound][column].as_str().unwrap_or_default();
        chrono::DateTime::parse_from_rfc3339(text)
            .map(|t| t.timestamp_millis())
            .map_err(|e| format!("statistics of `{}`: {bound}.{column} is `{text}`: {e}", add.path))
    };
    let of_events = ranged(table).first().copied().unwrap_or(RECEIVED_AT);
    Ok(DataFile {
        path: add.path.clone(),
        bytes: add.size,
        rows,
        min_time_ms: time("minValues", of_events)?,
        max_time_ms: time("maxValues", of_events)?,
        min_received_ms: time("minValues", RECEIVED_AT)?,
        max_received_ms: time("maxValues", RECEIVED_AT)?,
        level,
        bucket_rows,
        landed_in,
        links,
    })
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
pub(crate) mod tests;
