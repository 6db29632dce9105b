//! The checkpoints of a table: whether each can be read, and says what the commits say.
//!
//! They are read one at a time, as the replay of the commits comes by, and let go of again: a table has hundreds of them, and
//! each names all files that were live.
//!
//! ```text
//! commits        62 ── 63 ── 64 ──────────────── 65 ── 67 ── … ── 128 ──────────────
//! replay         live files ─┤ the same?           66 is missing   ├ go on with these
//! checkpoint                 64: live files                        128: live files
//! ```

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use object_store::ObjectMeta;

use super::log::{Live, Log};
use super::{Examiner, Finding, Mend, Severity, counted};
use crate::checkpoint::{self, LastCheckpoint};
use crate::error::LakeError;
use crate::names::{self, TableName};
use crate::snapshot::Snapshot;

/// The checkpoints of a table, and what was found in them.
pub(super) struct Checkpoints {
    table: TableName,
    by_version: BTreeMap<u64, State>,
    /// Objects of checkpoints that other engines have laid out in ways that weir does not read.
    others: Vec<String>,
    /// What the pointer names, or what is wrong with it; `None` where there is none.
    pointed: Option<Result<LastCheckpoint, String>>,
}

/// What is known of a checkpoint.
enum State {
    Unread,
    Good,
    Damaged(String),
    /// It needs what this weir does not know.
    Newer(String),
}

impl Checkpoints {
    /// Those among the objects of a table.
    pub(super) fn among(table: TableName, objects: &[ObjectMeta]) -> Self {
        let mut found = Self { table, by_version: BTreeMap::new(), others: Vec::new(), pointed: None };
        for object in objects.iter().filter(|object| object.location.prefix_matches(&table.commits())) {
            if let Some(version) = names::checkpoint_version(&object.location) {
                found.by_version.insert(version, State::Unread);
            } else if object.location.filename().is_some_and(|name| name.contains(".checkpoint.")) {
                found.others.push(object.location.to_string());
            }
        }
        found
    }

    pub(super) fn len(&self) -> u64 {
        self.by_version.len() as u64
    }

    fn good(&self) -> impl DoubleEndedIterator<Item = u64> {
        self.by_version.iter().filter(|(_, state)| matches!(state, State::Good)).map(|(version, _)| *version)
    }

    /// The oldest that can be read, once all were looked at.
    pub(super) fn first_good(&self) -> Option<u64> {
        self.good().next()
    }

    /// The newest that can be read, once all were looked at.
    pub(super) fn last_good(&self) -> Option<u64> {
        self.good().next_back()
    }

    /// The newest version of which anything says that there is a checkpoint.
    pub(super) fn newest_named(&self) -> Option<u64> {
        self.pointed_to().max(self.by_version.last_key_value().map(|(version, _)| *version))
    }

    fn pointed_to(&self) -> Option<u64> {
        self.pointed.as_ref().and_then(|pointed| pointed.as_ref().ok()).map(|pointer| pointer.version)
    }
}

impl Examiner<'_> {
    pub(super) async fn read_pointer(&mut self, checkpoints: &mut Checkpoints) {
        let name = checkpoints.table.last_checkpoint();
        checkpoints.pointed = match self.store.read(&name).await {
            Ok(bytes) => bytes.map(|bytes| {
                serde_json::from_slice(&bytes).map_err(|error| format!("it does not name a checkpoint: {error}"))
            }),
            Err(error) => {
                self.store_failed(name.as_ref(), &error);
                None
            }
        };
        // One that was made since the objects were listed is no concern of this examination.
        if let Some(newer) = checkpoints.pointed_to().filter(|version| !checkpoints.by_version.contains_key(version))
            && self.store.has(&checkpoints.table.checkpoint(newer)).await.is_ok_and(|is_there| is_there)
        {
            checkpoints.pointed = None;
        }
    }

    /// Takes the oldest checkpoint that can be read for what the log begins with. Gives its version.
    pub(super) async fn begin_at_checkpoint(&mut self, checkpoints: &mut Checkpoints, log: &mut Log) -> Option<u64> {
        log.is_intact = false;
        let versions: Vec<u64> = checkpoints.by_version.keys().copied().collect();
        for version in versions {
            self.check(checkpoints, version..version + 1, log).await;
            if log.is_intact {
                return Some(version);
            }
        }
        None
    }

    /// Reads checkpoints, and holds each against the commits that it stands for. Where these are not all known, the replay goes
    /// on with what the checkpoint says.
    pub(super) async fn check(&mut self, checkpoints: &mut Checkpoints, versions: Range<u64>, log: &mut Log) {
        let table = checkpoints.table;
        for (version, state) in checkpoints.by_version.range_mut(versions) {
            self.step();
            *state = match checkpoint::read(self.store, table, *version).await {
                Ok(None) => State::Unread,
                Ok(Some(snapshot)) if log.is_intact => self.compare(&snapshot, log).map_or(State::Good, State::Damaged),
                Ok(Some(snapshot)) => {
                    self.go_on_with(&snapshot, log);
                    State::Good
                }
                Err(LakeError::Corrupt { problem, .. }) => State::Damaged(problem),
                Err(LakeError::Newer { what }) => State::Newer(what),
                Err(error) => {
                    self.store_failed(table.checkpoint(*version).as_ref(), &error);
                    State::Unread
                }
            };
        }
    }

    /// In what the checkpoint differs from the commits.
    fn compare(&self, snapshot: &Snapshot, log: &Log) -> Option<String> {
        let (version, live) = (snapshot.version, log.live.len());
        let named = snapshot.files.keys().chain(snapshot.foreign.keys());
        let both = named.filter(|path| log.live.contains_key(*path)).count();
        let all = snapshot.files.len() + snapshot.foreign.len();
        if both != all || all != live {
            return Some(format!(
                "it names {all} live files, the commits up to version {version} name {live}, and {both} are the same"
            ));
        }
        let differs = snapshot.table == TableName::Events && snapshot.positions != self.positions;
        differs.then(|| format!("the commits up to version {version} have landed the event log up to elsewhere"))
    }

    fn go_on_with(&mut self, snapshot: &Snapshot, log: &mut Log) {
        let object = snapshot.table.checkpoint(snapshot.version);
        if let Some(protocol) = &snapshot.log.protocol {
            self.check_protocol(&object, protocol);
        }
        let files = snapshot.files.iter().map(|(path, file)| {
            let (bytes, rows) = (file.bytes, Some(file.rows));
            (path.clone(), Live { version: snapshot.version, bytes, rows, file: Some(Arc::clone(file)) })
        });
        let foreign = snapshot.foreign.iter().map(|(path, file)| {
            (path.clone(), Live { version: file.version, bytes: file.bytes, rows: file.rows, file: None })
        });
        log.live = files.chain(foreign).collect();
        log.typed = snapshot.typed_columns().to_vec();
        log.named.extend(log.live.keys().cloned());
        log.named.extend(snapshot.tombstones().iter().map(|(path, _)| path.to_owned()));
        if snapshot.table == TableName::Events {
            self.positions.clone_from(&snapshot.positions);
        }
        log.is_intact = true;
    }

    /// What is to be said of the checkpoints, once all were looked at. `versions` are those of the commits.
    pub(super) fn of_checkpoints(&mut self, checkpoints: &Checkpoints, versions: &[u64]) {
        self.damaged_checkpoints(checkpoints, versions);
        self.damaged_pointer(checkpoints);
        let newer = checkpoints.by_version.iter().find_map(|(version, state)| match state {
            State::Newer(what) => Some((*version, what)),
            _ => None,
        });
        // Where commits are left that say it, they say it better.
        if versions.first() != Some(&0)
            && let Some((version, what)) = newer
        {
            self.findings.push(Finding {
                severity: Severity::Error,
                code: "unknown_feature",
                object: checkpoints.table.checkpoint(version).to_string(),
                found: format!("the table needs {what}"),
                means: "this weir does not know how to read the table, and so does not open it".to_owned(),
                remedy: "upgrade weir".to_owned(),
                mend: None,
            });
        }
        if let Some(first) = checkpoints.others.first() {
            let number = counted(checkpoints.others.len() as u64, "object");
            self.findings.push(Finding {
                severity: Severity::Note,
                code: "foreign_checkpoint",
                object: first.clone(),
                found: format!("{number} of checkpoints in a layout that weir does not read, and did not write"),
                means: "weir reads the commits instead, or a checkpoint of its own".to_owned(),
                remedy: "let only weir write to the lake".to_owned(),
                mend: None,
            });
        }
    }

    fn damaged_checkpoints(&mut self, checkpoints: &Checkpoints, versions: &[u64]) {
        let table = checkpoints.table;
        for (version, state) in &checkpoints.by_version {
            let State::Damaged(damage) = state else { continue };
            let older = checkpoints.good().rfind(|older| older < version);
            let begin = older.map_or(0, |older| older + 1);
            let there = versions.iter().filter(|v| (begin..=*version).contains(*v)).count();
            let is_replaceable = there == (begin..=*version).count();
            let object = table.checkpoint(*version).to_string();
            let mut objects = vec![object.clone()];
            if checkpoints.pointed_to() == Some(*version) {
                objects.push(table.last_checkpoint().to_string());
            }
            self.findings.push(Finding {
                severity: Severity::Error,
                code: "damaged_checkpoint",
                object,
                found: damage.clone(),
                means: match is_replaceable {
                    true => {
                        "the commits that it stands for are there, so nothing is lost; engines that begin at it fail"
                            .to_owned()
                    }
                    false => {
                        "commits that it stands for were cleared away: what was live then cannot be known".to_owned()
                    }
                },
                remedy: match is_replaceable {
                    true => format!("`weir repair {}` removes it; the next one is made in time", self.arguments()),
                    false => "restore it from a backup".to_owned(),
                },
                mend: is_replaceable.then_some(Mend::RemoveCheckpoint { objects }),
            });
        }
    }

    fn damaged_pointer(&mut self, checkpoints: &Checkpoints) {
        let pointer = checkpoints.table.last_checkpoint();
        let problem = match &checkpoints.pointed {
            Some(Err(problem)) => problem.clone(),
            Some(Ok(LastCheckpoint { version, parts: None, .. })) if !checkpoints.by_version.contains_key(version) => {
                format!("it names the checkpoint of version {version}, which is not there")
            }
            _ => return,
        };
        self.findings.push(Finding {
            severity: Severity::Error,
            code: "damaged_checkpoint",
            object: pointer.to_string(),
            found: problem,
            means: "engines that begin at the checkpoint that it names fail, or read all commits".to_owned(),
            remedy: format!("`weir repair {}` removes it; the next checkpoint makes it anew", self.arguments()),
            mend: Some(Mend::RemoveCheckpoint { objects: vec![pointer.to_string()] }),
        });
    }
}
