//! Looks at everything of a lake and says what is wrong with it: where, what that means for counts, and what to do.
//!
//! Nothing is changed, but for a probe object that is made and removed to see whether the store keeps its word. What can be
//! mended has a [`Mend`], which says how; mending itself is the work of who writes to tables.
//!
//! | looked at | how | finds |
//! |---|---|---|
//! | `log` | every commit and checkpoint of each table | what is missing, damaged, from another engine or a newer weir; clocks |
//! | `files`, `notes` | one listing, and footer and notes of each live file | what is missing, torn, or not what the log says of it; notes that cannot be used |
//! | `rows`, `copies` | every row, if asked for | wrong order, wrong buckets, events that are there twice, notes of other rows |
//! | `ids` | the newest manifest and its segments; if asked for, every id | an index of event ids that is damaged, of another table, or behind |
//! | `around` | settings, overflow, file log | what cannot be read, waits, or does not fit the lake |
//! | `saved` | reports, dashboards, annotations | what cannot be read |
//! | `probe` | one object, made twice | a store that is slow, or lets two writers make one object |
//!
//! For example, of a lake of which one file was deleted by hand:
//!
//! ```text
//! error  missing_file  events/landed/x.parquet
//!   found: version 3 needs it, and it is not there
//!   means: 1,234 events from … to … are missing; a question that needs the file fails
//!   do:    restore it from a backup; …
//! ```

mod around;
mod checkpoint;
mod copies;
mod files;
mod ids;
mod log;
mod notes;
mod probe;
mod rows;
mod saved;

use std::collections::BTreeMap;

use serde::Serialize;
use weir_core::ports::{Clock, Ids};
use weir_core::time::rfc3339;

use crate::error::LakeError;
use crate::names::TableName;
use crate::snapshot::DataFile;
use crate::store::Store;
use crate::table::Table;

pub use rows::sorted;

/// Objects that are looked at side by side.
const AT_ONCE: usize = 16;
/// Clocks may differ by so much, in milliseconds: as much as is put up with in events.
const CLOCKS_DIFFER_MS: i64 = 5 * 60 * 1000;

/// Findings in a log that may keep the table from opening: where there is one, it says why better.
const CLOSING: [&str; 7] = [
    "damaged_checkpoint",
    "damaged_commit",
    "foreign_table",
    "missing_commit",
    "newer_format",
    "store_failed",
    "unknown_feature",
];

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Counts are wrong, or questions or writers fail.
    Error,
    /// Somebody should look: it may become an error, or already be a loss.
    Warning,
    /// Good to know; nothing is wrong.
    Note,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// A short stable name of the kind of finding.
    pub code: &'static str,
    /// Where: the name of an object below the lake, or what it is about.
    pub object: String,
    /// What was found.
    pub found: String,
    /// What follows for counts and for those who write.
    pub means: String,
    /// What to do.
    pub remedy: String,
    /// How it is mended, if that can be done.
    #[serde(skip)]
    pub mend: Option<Mend>,
}

/// How a finding is mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mend {
    /// The rows of a file are written anew, as weir writes them.
    Rewrite {
        /// Which.
        file: Broken,
        /// Rows that are copies of other rows and are left out, by their place in the file; ascending.
        copies: Vec<u64>,
    },
    /// The log lets go of a file that cannot be read. Its rows are lost.
    Drop {
        /// Which.
        file: Broken,
    },
    /// A checkpoint is removed: the commits that it stands for are all there.
    RemoveCheckpoint {
        /// Its objects, relative to the lake.
        objects: Vec<String>,
    },
    /// The index of event ids is built anew from the table.
    RebuildIds,
}

/// A file that the log names and that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Of which table.
    pub table: TableName,
    /// As the log has it, relative to the table.
    pub path: String,
    /// The size that the store says; 0 where there is no such object.
    pub bytes: u64,
    /// Rows by the log, if it says so.
    pub rows: Option<u64>,
    /// Rows that are there, if that is known: 0 where the file cannot be read.
    pub rows_found: u64,
    /// The time range by the log, if it says so; milliseconds since 1970.
    pub range_ms: Option<(i64, i64)>,
    /// Another engine added it.
    pub is_foreign: bool,
    /// What is there is not what weir wrote under this name: nobody knows yet which events it has.
    pub is_replaced: bool,
}

impl Broken {
    /// Rows that the log has and that are there no more.
    pub fn rows_lost(&self) -> u64 {
        self.rows.unwrap_or(0).saturating_sub(self.rows_found)
    }
}

/// What to look at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Read all rows.
    pub deep: bool,
    /// Make an object to see how the store does it, and remove it.
    pub probe: bool,
}

/// What was looked at, and found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Examined {
    /// As it was given.
    pub lake: String,
    /// Neither errors nor warnings.
    pub healthy: bool,
    /// Whether all rows were read.
    pub deep: bool,
    /// The tables.
    pub tables: Vec<TableFigures>,
    /// The worst first.
    pub findings: Vec<Finding>,
}

/// A table, as far as its log can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableFigures {
    /// Its name.
    pub table: &'static str,
    /// The newest version.
    pub version: u64,
    /// Commits and checkpoints that were read.
    pub commits: u64,
    /// Live files.
    pub files: u64,
    /// Their rows, by the log.
    pub rows: u64,
}

/// Called as objects are looked at: with how many were, and how many there are, as far as is known by then.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// Looks at a lake.
///
/// # Errors
/// [`StoreError::NoLake`](weir_store::StoreError::NoLake) where there is none. All else that goes wrong is a finding.
pub async fn examine(
    store: &Store,
    clock: &dyn Clock,
    ids: &dyn Ids,
    options: Options,
    progress: Progress<'_>,
) -> Result<Examined, LakeError> {
    let mut examiner =
        Examiner { store, clock, options, progress, done: 0, of: 0, findings: Vec::new(), positions: BTreeMap::new() };
    let mut tables = Vec::new();
    for table in [TableName::Events, TableName::Failed] {
        match examiner.table(table).await {
            Ok(figures) => tables.extend(figures),
            Err(error @ LakeError::Store(weir_store::StoreError::NoLake { .. })) => return Err(error),
            Err(error) => examiner.store_failed(table.as_str(), &error),
        }
    }
    examiner.ids().await;
    examiner.around().await;
    if options.probe {
        examiner.probe(ids).await;
    }
    let mut findings = examiner.findings;
    findings.sort_by(|a, b| (a.severity, a.code, &a.object).cmp(&(b.severity, b.code, &b.object)));
    let healthy = findings.iter().all(|finding| finding.severity == Severity::Note);
    Ok(Examined { lake: store.url().to_owned(), healthy, deep: options.deep, tables, findings })
}

/// What looks, and what it has found so far.
struct Examiner<'a> {
    store: &'a Store,
    clock: &'a dyn Clock,
    options: Options,
    progress: Progress<'a>,
    done: u64,
    of: u64,
    findings: Vec<Finding>,
    /// How far shards have landed in the events, by the newest commit that says so.
    positions: BTreeMap<weir_core::ports::ShardId, weir_core::ports::SequenceNumber>,
}

impl Examiner<'_> {
    /// `None` where the lake does not have the table.
    async fn table(&mut self, table: TableName) -> Result<Option<TableFigures>, LakeError> {
        let objects = self.store.list_first(&table.folder(), None, usize::MAX).await?;
        let log = self.log(table, &objects).await?;
        if log.is_empty {
            return self.without_log(table, &objects);
        }
        let commits = table.commits().to_string();
        let is_known = self.findings.iter().any(|f| CLOSING.contains(&f.code) && f.object.starts_with(&commits));
        if !is_known && let Err(error) = Table::open_if_there(self.store, table).await {
            self.findings.push(Finding {
                severity: Severity::Error,
                code: "does_not_open",
                object: table.as_str().to_owned(),
                found: error.to_string(),
                means: "nothing can be asked of the table, and nothing lands in it".to_owned(),
                remedy: "do what the message says".to_owned(),
                mend: None,
            });
        }
        self.files(table, &log, &objects).await?;
        Ok(Some(TableFigures {
            table: table.as_str(),
            version: log.newest,
            commits: log.commits,
            files: log.live.len() as u64,
            rows: log.live.values().filter_map(|live| live.rows).sum(),
        }))
    }

    /// A table without commits is none, unless there is something of it.
    fn without_log(
        &mut self,
        table: TableName,
        objects: &[object_store::ObjectMeta],
    ) -> Result<Option<TableFigures>, LakeError> {
        match (objects, table) {
            ([], TableName::Events) => Err(weir_store::StoreError::NoLake { url: self.store.url().to_owned() }.into()),
            ([], TableName::Failed) => Ok(None),
            (objects, _) => {
                self.findings.push(Finding {
                    severity: Severity::Error,
                    code: "missing_commit",
                    object: table.commits().to_string(),
                    found: format!("{} of the table are there, and no commit", counted(objects.len() as u64, "object")),
                    means: "which of its files are live, nobody can say; the table counts as not there".to_owned(),
                    remedy: format!("restore `{}` from a backup", table.commits()),
                    mend: None,
                });
                Ok(None)
            }
        }
    }

    fn store_failed(&mut self, object: &str, error: &impl ToString) {
        self.findings.push(Finding {
            severity: Severity::Error,
            code: "store_failed",
            object: object.to_owned(),
            found: error.to_string(),
            means: "what could not be read was not looked at; whoever asks or writes may fail there too".to_owned(),
            remedy: "see to the store, and look again".to_owned(),
            mend: None,
        });
    }

    fn expect(&mut self, more: u64) {
        self.of += more;
        (self.progress)(self.done, self.of);
    }

    fn step(&mut self) {
        self.done += 1;
        (self.progress)(self.done, self.of);
    }

    /// The arguments of a repair that finds what was found.
    fn arguments(&self) -> String {
        format!("{}--lake {}", if self.options.deep { "--deep " } else { "" }, self.store.url())
    }
}

/// `1 object`, `2 objects`.
fn counted(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn range_text(range: Option<(i64, i64)>) -> String {
    range.map_or_else(String::new, |(from, to)| format!(" from {} to {}", rfc3339(from), rfc3339(to)))
}

/// What rows of a table are called.
fn row_name(table: TableName) -> &'static str {
    match table {
        TableName::Events => "event",
        TableName::Failed => "failed event",
    }
}

fn range_of(table: TableName, file: &DataFile) -> (i64, i64) {
    match table {
        TableName::Events => (file.min_time_ms, file.max_time_ms),
        TableName::Failed => (file.min_received_ms, file.max_received_ms),
    }
}
