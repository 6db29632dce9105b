//! The checkpoints of a table: whether each can be read, and says what the commits say.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt};
use object_store::ObjectMeta;
use object_store::path::Path;
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use serde_json::Value;

use super::log::Log;
use super::{AT_ONCE, Examiner, Finding, Mend, Severity};
use crate::actions::{self, Action};
use crate::names::TableName;
use crate::object_reader::ObjectReader;
use crate::store::Store;

/// The object that says which checkpoint is the newest.
const POINTER: &str = "_last_checkpoint";

/// The checkpoints of a table, and what was found in them.
pub(super) struct Checkpoints {
    table: TableName,
    by_version: BTreeMap<u64, Checkpoint>,
    pointer: Option<ObjectMeta>,
    /// The version that the pointer names, or what is wrong with it.
    pointed: Option<Result<u64, String>>,
}

struct Checkpoint {
    parts: Vec<ObjectMeta>,
    actions: Vec<Action>,
    damage: Option<String>,
}

impl Checkpoints {
    /// Those among the objects of a table.
    pub(super) fn among(table: TableName, objects: &[ObjectMeta]) -> Self {
        let mut by_version: BTreeMap<u64, Checkpoint> = BTreeMap::new();
        let logged = || objects.iter().filter(|object| object.location.prefix_matches(&table.commits()));
        for object in logged() {
            if let Some(version) = version_of(&object.location) {
                let empty = || Checkpoint { parts: Vec::new(), actions: Vec::new(), damage: None };
                by_version.entry(version).or_insert_with(empty).parts.push(object.clone());
            }
        }
        let pointer = logged().find(|object| object.location.filename() == Some(POINTER)).cloned();
        Self { table, by_version, pointer, pointed: None }
    }

    pub(super) fn len(&self) -> u64 {
        self.by_version.len() as u64
    }

    fn good(&self) -> impl DoubleEndedIterator<Item = (u64, &Checkpoint)> {
        self.by_version.iter().filter(|(_, checkpoint)| checkpoint.damage.is_none()).map(|(version, c)| (*version, c))
    }

    /// The oldest that can be read.
    pub(super) fn first_good(&self) -> Option<(u64, Vec<Action>)> {
        self.good().next().map(|(version, checkpoint)| (version, checkpoint.actions.clone()))
    }

    /// The newest that can be read.
    pub(super) fn last_good(&self) -> Option<u64> {
        self.good().next_back().map(|(version, _)| version)
    }

    /// The newest version of which anything says that there is a checkpoint.
    pub(super) fn newest_named(&self) -> Option<u64> {
        let pointed = self.pointed.as_ref().and_then(|pointed| pointed.as_ref().ok()).copied();
        pointed.max(self.by_version.last_key_value().map(|(version, _)| *version))
    }
}

/// `00000000000000000010.checkpoint.parquet`, and the same in parts.
fn version_of(path: &Path) -> Option<u64> {
    let (digits, rest) = path.filename()?.split_at_checked(20)?;
    (rest.starts_with(".checkpoint.") && rest.ends_with(".parquet")).then(|| digits.parse().ok()).flatten()
}

impl Examiner<'_> {
    pub(super) async fn read_checkpoints(&mut self, checkpoints: &mut Checkpoints) {
        let store = self.store;
        let parts: Vec<(u64, ObjectMeta)> = checkpoints
            .by_version
            .iter()
            .flat_map(|(version, checkpoint)| checkpoint.parts.iter().map(|part| (*version, part.clone())))
            .collect();
        let mut reads = futures::stream::iter(parts)
            .map(|(version, part)| async move { (version, read(store, &part).await) })
            .buffered(AT_ONCE);
        while let Some((version, read)) = reads.next().await {
            self.step();
            let Some(checkpoint) = checkpoints.by_version.get_mut(&version) else { continue };
            match read {
                Ok(actions) => checkpoint.actions.extend(actions),
                Err(damage) => checkpoint.damage = Some(damage),
            }
        }
        if let Some(pointer) = &checkpoints.pointer {
            checkpoints.pointed = match store.read(&pointer.location).await {
                Ok(Some(bytes)) => Some(pointed(&bytes)),
                Ok(None) => None,
                Err(error) => Some(Err(error.to_string())),
            };
        }
    }

    /// Holds a checkpoint against the commits that it stands for.
    pub(super) fn compare_checkpoint(&mut self, checkpoints: &mut Checkpoints, version: u64, log: &Log) {
        let Some(checkpoint) = checkpoints.by_version.get_mut(&version).filter(|c| c.damage.is_none()) else { return };
        let mut named: Vec<&str> =
            checkpoint.actions.iter().filter_map(|a| a.add.as_ref()).map(|add| add.path.as_str()).collect();
        named.sort_unstable();
        let is_live = |path: &&&str| log.live.contains_key(**path);
        let (both, all) = (named.iter().filter(is_live).count(), named.len());
        if both != all || all != log.live.len() {
            let live = log.live.len();
            checkpoint.damage = Some(format!(
                "it names {all} live files, the commits up to version {version} name {live}, and {both} are the same"
            ));
        }
    }

    pub(super) fn damaged_checkpoints(&mut self, checkpoints: &Checkpoints, versions: &[u64]) {
        let table = checkpoints.table;
        for (version, checkpoint) in &checkpoints.by_version {
            let Some(damage) = &checkpoint.damage else { continue };
            let older = checkpoints.good().map(|(older, _)| older).rfind(|older| older < version);
            let begin = older.map_or(0, |older| older + 1);
            let needed = (begin..=*version).count();
            let is_replaceable = versions.iter().filter(|v| (begin..=*version).contains(*v)).count() == needed;
            let mut objects: Vec<String> = checkpoint.parts.iter().map(|part| part.location.to_string()).collect();
            if let (Some(Ok(pointed)), Some(pointer)) = (&checkpoints.pointed, &checkpoints.pointer)
                && pointed == version
            {
                objects.push(pointer.location.to_string());
            }
            self.findings.push(Finding {
                severity: Severity::Error,
                code: "damaged_checkpoint",
                object: checkpoint.parts.first().map_or_else(String::new, |part| part.location.to_string()),
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
        let pointer = table.commits().join(POINTER);
        let problem = match &checkpoints.pointed {
            Some(Err(problem)) => problem.clone(),
            Some(Ok(version)) if !checkpoints.by_version.contains_key(version) => {
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

fn pointed(bytes: &[u8]) -> Result<u64, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|e| format!("it is not JSON: {e}"))?;
    value["version"].as_u64().ok_or_else(|| "it names no version".to_owned())
}

/// The actions of a checkpoint. Its rows have the shape of the lines of a commit.
async fn read(store: &Store, part: &ObjectMeta) -> Result<Vec<Action>, String> {
    let object = ObjectReader::new(store.objects(), part.location.clone(), part.size);
    let damaged = |e: parquet::errors::ParquetError| format!("it cannot be read as Parquet: {e}");
    let stream = ParquetRecordBatchStreamBuilder::new(object).await.map_err(damaged)?.build().map_err(damaged)?;
    let batches: Vec<_> = stream.try_collect().await.map_err(damaged)?;
    let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
    for batch in &batches {
        writer.write(batch).map_err(|e| format!("its rows are no actions: {e}"))?;
    }
    writer.finish().map_err(|e| format!("its rows are no actions: {e}"))?;
    let actions = actions::read(&writer.into_inner()).map_err(|e| format!("its rows are no actions: {e}"))?;
    if actions.iter().all(|action| action.protocol.is_none()) {
        return Err("it has no protocol action".to_owned());
    }
    Ok(actions)
}
