//! The state of the table after a commit, and what must hold of every commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use weir_core::ports::{SequenceNumber, ShardId};
use weir_core::time::rfc3339;

use crate::actions::{Action, Add, DomainMetadata, Protocol, Remove};
use crate::error::LakeError;
use crate::links::LinkCounts;
use crate::names::TableName;
use crate::schema::{BUCKETS, RECEIVED_AT, TIME};

/// Version of what weir itself writes: tags, sort order, buckets. A lake with a newer one is not opened.
pub const FORMAT: u32 = 1;
/// The setting of the table that holds [`FORMAT`].
pub(crate) const FORMAT_SETTING: &str = "weir.format";
/// The domain of weir's own metadata.
const DOMAIN: &str = "weir";
const TAG_LEVEL: &str = "weir.level";
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
}

/// What weir keeps in its domain.
#[derive(Serialize, Deserialize)]
struct Domain {
    positions: BTreeMap<ShardId, SequenceNumber>,
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

    /// Checks a change against everything that must hold. See the tests for each.
    ///
    /// # Errors
    /// [`LakeError::NotLive`] and [`LakeError::Position`] where another writer was first; [`LakeError::Invariant`]
    /// where the change is wrong in itself.
    pub fn check(&self, change: &Change) -> Result<(), LakeError> {
        let broken = |what: String| Err(LakeError::Invariant(what));
        let mut removed_rows = 0;
        for (i, path) in change.removes.iter().enumerate() {
            let Some(file) = self.files.get(path) else {
                return Err(LakeError::NotLive { path: path.clone(), version: self.version });
            };
            if change.removes[..i].contains(path) {
                return broken(format!("`{path}` is removed twice"));
            }
            removed_rows += file.rows;
        }
        for (i, file) in change.adds.iter().enumerate() {
            if self.files.contains_key(&file.path) || change.adds[..i].iter().any(|other| other.path == file.path) {
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
            let complete_to = self.complete_to_ms.max(change.complete_to_ms);
            let configuration = json!(Domain { positions, complete_to }).to_string();
            let domain = DomainMetadata { domain: DOMAIN.to_owned(), configuration, removed: false };
            actions.push(Action { domain_metadata: Some(domain), ..Action::default() });
        }
        actions
    }

    /// The next snapshot.
    ///
    /// # Errors
    /// [`LakeError::Newer`] where the commit needs what this weir does not know, [`LakeError::Corrupt`] where it does not
    /// make sense.
    pub(crate) fn apply(&mut self, version: u64, actions: Vec<Action>) -> Result<(), LakeError> {
        let table = self.table;
        let corrupt = |problem: String| LakeError::corrupt(table.commit(version), problem);
        for action in actions {
            if let Some(protocol) = action.protocol {
                check_protocol(&protocol)?;
            }
            if let Some(meta) = action.meta_data {
                check_format(meta.configuration.get(FORMAT_SETTING).map(String::as_str)).map_err(|problem| {
                    match problem {
                        FormatProblem::Newer(what) => LakeError::Newer { what },
                        FormatProblem::Foreign(what) => corrupt(what),
                    }
                })?;
            }
            if let Some(remove) = action.remove
                && self.files.remove(&remove.path).is_none()
            {
                return Err(corrupt(format!("it removes `{}`, which is not live", remove.path)));
            }
            if let Some(add) = action.add {
                let file = data_file(table, &add, version).map_err(corrupt)?;
                self.files.insert(file.path.clone(), Arc::new(file));
            }
            if let Some(domain) = action.domain_metadata.filter(|d| d.domain == DOMAIN) {
                let domain: Domain = serde_json::from_str(&domain.configuration)
                    .map_err(|e| corrupt(format!("the landed positions cannot be read: {e}")))?;
                self.positions = domain.positions;
                self.complete_to_ms = domain.complete_to;
            }
        }
        self.version = version;
        Ok(())
    }
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
    // A landing's own version is known only once it is committed, and then from the commit itself.
    if !data_change {
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

fn data_file(table: TableName, add: &Add, version: u64) -> Result<DataFile, String> {
    let tag = |name: &str| {
        let tag = add.tags.as_ref().and_then(|tags| tags.get(name));
        tag.ok_or_else(|| format!("`{}` has no tag `{name}`: another engine added it", add.path))
    };
    let level = tag(TAG_LEVEL)?.parse().map(Level::from_number).map_err(|e| format!("tag `{TAG_LEVEL}`: {e}"))?;
    let landed_in = if add.data_change {
        version
    } else {
        tag(TAG_LANDED_IN)?.parse().map_err(|e| format!("tag `{TAG_LANDED_IN}` of `{}`: {e}", add.path))?
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
mod tests;
