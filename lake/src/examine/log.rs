//! The log of a table, commit by commit: a replay that names what is wrong and goes on.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use futures::StreamExt;
use object_store::ObjectMeta;
use object_store::path::Path;
use serde_json::Value;
use weir_core::time::rfc3339;

use super::checkpoint::Checkpoints;
use super::{AT_ONCE, CLOCKS_DIFFER_MS, Examiner, Finding, Severity, counted, range_of};
use crate::actions::{self, Action, Add, MetaData, Protocol};
use crate::error::LakeError;
use crate::log_state::{LogState, WRITER_FEATURES};
use crate::names::{self, TableName};
use crate::snapshot::{DOMAIN, Domain, FORMAT, FORMAT_SETTING, Origin, TAG_LEVEL, data_file};
use crate::typed::{self, TypedColumn};

/// How weir signs its commits.
const SIGNATURE: &str = "weir/";

/// What the log of a table says, as far as it can be read.
#[derive(Default)]
pub(super) struct Log {
    /// There is no commit at all.
    pub(super) is_empty: bool,
    /// The newest version.
    pub(super) newest: u64,
    /// Commits and checkpoints that were read.
    pub(super) commits: u64,
    /// Live files by path.
    pub(super) live: BTreeMap<String, Live>,
    /// Every path that any commit names: the files of old versions too.
    pub(super) named: HashSet<String>,
    /// The properties that have columns of their own, by the newest metadata.
    pub(super) typed: Vec<TypedColumn>,
    /// Whether everything that led to `live` could be read.
    pub(super) is_intact: bool,
}

/// A live file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Live {
    /// The version that added it, or whose checkpoint has it.
    pub(super) version: u64,
    /// Its size, by the log.
    pub(super) bytes: u64,
    /// Its rows, by the log.
    pub(super) rows: Option<u64>,
    /// What weir says of its files. `None`: another engine added it.
    pub(super) file: Option<DataFileOf>,
}

/// The file, with its range.
pub(super) type DataFileOf = std::sync::Arc<crate::snapshot::DataFile>;

impl Live {
    pub(super) fn range_ms(&self, table: TableName) -> Option<(i64, i64)> {
        self.file.as_ref().map(|file| range_of(table, file))
    }
}

/// A commit of another engine.
struct Foreign {
    version: u64,
    by: String,
    adds: Vec<String>,
    removes: usize,
    operation: String,
}

impl Examiner<'_> {
    pub(super) async fn log(&mut self, table: TableName, objects: &[ObjectMeta]) -> Result<Log, LakeError> {
        let versions: Vec<u64> = objects.iter().filter_map(|o| names::commit_version(&o.location)).collect();
        let mut checkpoints = Checkpoints::among(table, objects);
        let Some(newest) = versions.last().copied() else { return Ok(Log { is_empty: true, ..Log::default() }) };
        self.expect(versions.len() as u64 + checkpoints.len());
        self.read_pointer(&mut checkpoints).await;
        let commits = versions.len() as u64 + checkpoints.len();
        let mut log = Log { newest, commits, is_intact: true, ..Log::default() };
        // Where the first commits were cleared away, a checkpoint stands for them.
        let first = versions.first().copied().unwrap_or_default();
        let mut next = match first {
            0 => 0,
            _ => self.begin_at_checkpoint(&mut checkpoints, &mut log).await.map_or(first, |version| version + 1),
        };
        let mut foreign = Vec::new();
        let mut last_time: Option<(u64, i64)> = None;
        let store = self.store;
        let mut reads =
            futures::stream::iter(versions.iter().copied().filter(|version| *version >= next).collect::<Vec<_>>())
                .map(|version| async move { (version, store.read(&table.commit(version)).await) })
                .buffered(AT_ONCE);
        while let Some((version, read)) = reads.next().await {
            self.step();
            if version > next {
                log.is_intact = false;
                self.check(&mut checkpoints, next..version, &mut log).await;
            }
            match read {
                Ok(Some(bytes)) => {
                    let actions = self.commit(table, version, &bytes, &mut log, &mut foreign);
                    last_time = self.time_of(table, version, &actions, last_time);
                }
                Ok(None) => log.is_intact = false,
                Err(error) => {
                    log.is_intact = false;
                    self.store_failed(table.commit(version).as_ref(), &error);
                }
            }
            self.check(&mut checkpoints, version..version + 1, &mut log).await;
            next = version + 1;
        }
        drop(reads);
        log.is_intact &= checkpoints.newest_named().is_none_or(|named| named < next);
        self.check(&mut checkpoints, next..u64::MAX, &mut log).await;
        self.gaps(table, &versions, &checkpoints);
        self.foreign_commits(table, &foreign, &log);
        self.of_checkpoints(&checkpoints, &versions);
        Ok(log)
    }

    /// Versions between the first and the newest that are not there.
    fn gaps(&mut self, table: TableName, versions: &[u64], checkpoints: &Checkpoints) {
        let (first, newest) = (versions[0], versions[versions.len() - 1]);
        let there: HashSet<u64> = versions.iter().copied().collect();
        let begin = match checkpoints.first_good() {
            _ if first == 0 => 0,
            // Older commits are what a clean-up has left that was cut off.
            Some(version) => version + 1,
            None => 0,
        };
        let needed_from = checkpoints.last_good().map_or(0, |version| version + 1);
        let missing: Vec<u64> = (begin..newest).filter(|version| !there.contains(version)).collect();
        let runs = missing.chunk_by(|a, b| a + 1 == *b);
        for run in runs {
            let (from, to) = (run[0], run[run.len() - 1]);
            let is_needed = to >= needed_from;
            self.findings.push(Finding {
                severity: if is_needed { Severity::Error } else { Severity::Warning },
                code: "missing_commit",
                object: table.commit(from).to_string(),
                found: match run.len() {
                    1 => format!("there are older and newer commits (up to {newest}), and this one is missing"),
                    n => format!(
                        "there are older and newer commits (up to {newest}), and {n} from here to {to} are missing"
                    ),
                },
                means: if is_needed {
                    "which files are live since then, nobody can say: the table does not open".to_owned()
                } else {
                    "newer versions rest on a checkpoint and are not touched; older ones cannot be asked for".to_owned()
                },
                remedy: "restore it from a backup".to_owned(),
                mend: None,
            });
        }
        if let Some(version) = checkpoints.newest_named().filter(|version| *version > newest) {
            self.findings.push(Finding {
                severity: Severity::Error,
                code: "missing_commit",
                object: table.commit(version).to_string(),
                found: format!("there is a checkpoint of version {version}, but commits only up to {newest}"),
                means: "what was committed behind that may be lost, and may be committed again under the same numbers"
                    .to_owned(),
                remedy: "let nothing write to the lake, and restore the commits from a backup".to_owned(),
                mend: None,
            });
        }
    }

    /// One commit. Gives its actions, as far as they can be read.
    fn commit(
        &mut self,
        table: TableName,
        version: u64,
        bytes: &Bytes,
        log: &mut Log,
        foreign: &mut Vec<Foreign>,
    ) -> Vec<Action> {
        let (actions, damage) = match actions::read(bytes) {
            Ok(actions) if actions.is_empty() => (actions, Some("it is empty".to_owned())),
            Ok(actions) => (actions, None),
            Err(error) => {
                let lines = bytes.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty());
                (lines.filter_map(|line| serde_json::from_slice(line).ok()).collect(), Some(error.to_string()))
            }
        };
        if let Some(damage) = damage {
            log.is_intact = false;
            self.damaged_commit(table, version, &damage);
        }
        let info = actions.iter().find_map(|action| action.commit_info.as_ref());
        let engine = info.and_then(|info| info["engineInfo"].as_str());
        let is_own = engine.is_some_and(|engine| engine.starts_with(SIGNATURE));
        if !is_own && !actions.is_empty() {
            let text = |field: &str| info.and_then(|info| info[field].as_str()).map(str::to_owned);
            foreign.push(Foreign {
                version,
                by: text("engineInfo")
                    .or_else(|| text("clientVersion"))
                    .unwrap_or_else(|| "an engine without a name".into()),
                adds: actions.iter().filter_map(|a| a.add.as_ref()).map(|add| add.path.clone()).collect(),
                removes: actions.iter().filter(|a| a.remove.is_some()).count(),
                operation: text("operation").unwrap_or_else(|| "something".to_owned()),
            });
        }
        actions.iter().for_each(|action| self.apply(table, version, action, log));
        actions
    }

    fn apply(&mut self, table: TableName, version: u64, action: &Action, log: &mut Log) {
        if let Some(protocol) = &action.protocol {
            self.check_protocol(&table.commit(version), protocol);
        }
        if let Some(meta) = &action.meta_data {
            self.check_meta(table, version, meta);
            match typed::of_schema(&meta.schema_string) {
                Ok(typed) => log.typed = typed,
                Err(error) => {
                    log.is_intact = false;
                    self.damaged_commit(table, version, &format!("the table's schema cannot be read: {error}"));
                }
            }
        }
        if let Some(remove) = &action.remove {
            log.named.insert(remove.path.clone());
            log.live.remove(&remove.path);
        }
        if let Some(add) = &action.add {
            log.named.insert(add.path.clone());
            // By its tags, wherever it is written: that is all that is asked for here.
            let file = match data_file(table, add, &Origin::checkpoint(table, version)) {
                Ok(file) => Some(file.into()),
                Err(problem) if is_tagged(add) => {
                    log.is_intact = false;
                    self.damaged_commit(table, version, &problem);
                    None
                }
                Err(_) => None,
            };
            log.live.insert(add.path.clone(), Live { version, bytes: add.size, rows: rows_of(add), file });
        }
        if table == TableName::Events
            && let Some(domain) = action.domain_metadata.as_ref().filter(|domain| domain.domain == DOMAIN)
        {
            match serde_json::from_str::<Domain>(&domain.configuration) {
                Ok(domain) => self.positions = domain.positions,
                Err(error) => {
                    log.is_intact = false;
                    self.damaged_commit(table, version, &format!("the landed positions cannot be read: {error}"));
                }
            }
        }
    }

    fn damaged_commit(&mut self, table: TableName, version: u64, problem: &str) {
        self.findings.push(Finding {
            severity: Severity::Error,
            code: "damaged_commit",
            object: table.commit(version).to_string(),
            found: problem.to_owned(),
            means: "what it added and removed cannot be known: the table does not open behind it".to_owned(),
            remedy: format!(
                "restore it from a backup; version {} opens with `weir funnel --at-version {0}`",
                version.saturating_sub(1)
            ),
            mend: None,
        });
    }

    pub(super) fn check_protocol(&mut self, object: &Path, found: &Protocol) {
        let of_readers = found.reader_features.as_deref().unwrap_or_default();
        let reads = matches!((found.min_reader_version, of_readers), (1, _) | (3, []));
        let of_writers = LogState { protocol: Some(found.clone()), ..LogState::default() }.unknown_to_writers();
        if reads && of_writers.is_none() {
            return;
        }
        let mut features: Vec<&str> = of_readers.iter().map(String::as_str).collect();
        let of_writer = found.writer_features.iter().flatten().map(String::as_str);
        let is_new = |feature: &&str| !WRITER_FEATURES.contains(feature) && !of_readers.iter().any(|f| f == feature);
        features.extend(of_writer.filter(is_new));
        let what = if features.is_empty() { String::new() } else { format!(", features {}", features.join(", ")) };
        self.findings.push(Finding {
            severity: Severity::Error,
            code: "unknown_feature",
            object: object.to_string(),
            found: format!(
                "the table needs Delta reader version {}, writer version {}{what}",
                found.min_reader_version, found.min_writer_version
            ),
            means: if reads {
                "this weir reads the table, and does not write to it: nothing lands".to_owned()
            } else {
                "this weir does not know how to read the table, and so does not open it".to_owned()
            },
            remedy: "upgrade weir; if another engine switched it on, restore the commits before this one from a backup"
                .to_owned(),
            mend: None,
        });
    }

    fn check_meta(&mut self, table: TableName, version: u64, meta: &MetaData) {
        let setting = meta.configuration.get(FORMAT_SETTING);
        let (code, found) = match setting.map(|text| text.parse::<u32>()) {
            Some(Ok(format)) if format <= FORMAT => return,
            Some(Ok(format)) => ("newer_format", format!("the table is of format {format}; this weir knows {FORMAT}")),
            _ => ("foreign_table", format!("the table has no setting `{FORMAT_SETTING}`: weir did not make it")),
        };
        self.findings.push(Finding {
            severity: Severity::Error,
            code,
            object: table.commit(version).to_string(),
            found,
            means: "this weir does not open the table".to_owned(),
            remedy: match code {
                "newer_format" => "upgrade weir".to_owned(),
                _ => "name the lake that weir made; or restore the commit from a backup".to_owned(),
            },
            mend: None,
        });
    }

    /// Commits of other engines: bad as long as files of theirs are live, and good to know afterwards.
    fn foreign_commits(&mut self, table: TableName, foreign: &[Foreign], log: &Log) {
        for commit in foreign {
            let is_live =
                |path: &&String| log.live.get(*path).is_some_and(|l| l.version == commit.version && l.file.is_none());
            let live = commit.adds.iter().filter(is_live).count() as u64;
            self.findings.push(Finding {
                severity: if live > 0 { Severity::Error } else { Severity::Note },
                code: "foreign_commit",
                object: table.commit(commit.version).to_string(),
                found: format!(
                    "{} made it ({}): {} added, {} removed",
                    commit.by,
                    commit.operation,
                    counted(commit.adds.len() as u64, "file"),
                    counted(commit.removes as u64, "file"),
                ),
                means: match live {
                    0 => "what it removed is gone since then; none of its files is live any more".to_owned(),
                    live => format!("live files of it: {live}; weir does not count their rows, other engines do"),
                },
                remedy: match live {
                    0 => "let only weir write to the lake".to_owned(),
                    _ => format!(
                        "let only weir write to the lake; `weir repair {}` takes over the rows",
                        self.arguments()
                    ),
                },
                mend: None,
            });
        }
    }

    /// Commits from the future, and clocks that went back.
    fn time_of(
        &mut self,
        table: TableName,
        version: u64,
        actions: &[Action],
        before: Option<(u64, i64)>,
    ) -> Option<(u64, i64)> {
        let time = actions.iter().find_map(|a| a.commit_info.as_ref()).and_then(|info| info["timestamp"].as_i64());
        let Some(time) = time else { return before };
        let now = self.clock.now_ms();
        if time > now.saturating_add(CLOCKS_DIFFER_MS) {
            self.clock(table, version, format!("it says {}, and now it is {}", rfc3339(time), rfc3339(now)));
        } else if let Some((other, earlier)) = before
            && time < earlier.saturating_sub(CLOCKS_DIFFER_MS)
        {
            let what = format!("it says {}, and version {other} before it {}", rfc3339(time), rfc3339(earlier));
            self.clock(table, version, what);
        }
        Some((version, time))
    }

    fn clock(&mut self, table: TableName, version: u64, found: String) {
        self.findings.push(Finding {
            severity: Severity::Warning,
            code: "clock_off",
            object: table.commit(version).to_string(),
            found,
            means: "a clock was wrong: times of receipt may be wrong too, and copies are looked for by them".to_owned(),
            remedy: "see to the clocks (NTP) of all that write to the lake".to_owned(),
            mend: None,
        });
    }
}

/// Whether it says of itself that weir wrote it.
fn is_tagged(add: &Add) -> bool {
    add.tags.as_ref().is_some_and(|tags| tags.contains_key(TAG_LEVEL))
}

fn rows_of(add: &Add) -> Option<u64> {
    let stats: Value = serde_json::from_str(add.stats.as_deref()?).ok()?;
    stats["numRecords"].as_u64()
}
