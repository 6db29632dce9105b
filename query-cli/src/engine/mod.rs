//! The query engine: a checked question in, an answer out.
//!
//! ```text
//!   FunnelSpec ──▶ snapshot of the table ──▶ FunnelExec ──▶ tally ──▶ FunnelReport
//!                  files that can matter      │ one walk over sorted rows, a user at a time
//!                                             MergeScanExec
//!                                               k-way merge of the files' rows, by ranges of buckets, side by side
//! ```
//!
//! [`merge_scan`] and [`funnel_exec`] are DataFusion operators with declared ordering and distribution; [`walk`] is what a
//! funnel does with the rows; [`events_table`] gives the same snapshot, and that of failed events, to SQL.

pub mod events_table;
pub mod funnel_exec;
pub mod merge_scan;
pub mod sql;
pub mod walk;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int32Type;
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::execute_stream;
use futures::TryStreamExt;
use serde::Serialize;
use tokio::sync::Mutex;
use weir_core::funnel::{FunnelReport, FunnelTally, ReportContext, Scanned};
use weir_core::ports::Clock;
use weir_core::spec::{FunnelSpec, SpecError};
use weir_core::time::rfc3339;
use weir_lake::links::{IdentityReport, LinkCache};
use weir_lake::reader::{self, Read};
use weir_lake::schema::{BUCKETS, EVENT};
use weir_lake::{DataFile, LakeError, Snapshot, Store, Table};

use funnel_exec::FunnelExec;
use merge_scan::MergeScanExec;
use walk::FunnelPlan;

/// What goes wrong with a question.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The lake.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The question.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The SQL.
    #[error("{0}")]
    Sql(String),
    /// A defect.
    #[error("the query engine failed: {0}; please report this")]
    Internal(String),
}

impl From<DataFusionError> for EngineError {
    fn from(error: DataFusionError) -> Self {
        match error.find_root() {
            DataFusionError::External(_) => {}
            _ => return Self::Internal(error.strip_backtrace()),
        }
        match unwrap_external(error) {
            Ok(lake) => Self::Lake(lake),
            Err(message) => Self::Internal(message),
        }
    }
}

/// The lake's error inside of DataFusion's.
fn unwrap_external(error: DataFusionError) -> Result<LakeError, String> {
    match error {
        DataFusionError::External(source) => source.downcast::<LakeError>().map(|e| *e).map_err(|e| e.to_string()),
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => unwrap_external(*inner),
        other => Err(other.strip_backtrace()),
    }
}

/// Names of events and how often they happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventCounts {
    /// Version of the table.
    pub version: u64,
    /// Everything received up to then is in it.
    pub complete_to: Option<String>,
    /// By count, descending; then by name.
    pub events: Vec<EventCount>,
}

/// One name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventCount {
    /// The name.
    pub event: String,
    /// How often.
    pub count: u64,
}

/// Answers questions about one lake.
pub struct Engine {
    store: Store,
    clock: Arc<dyn Clock>,
    table: Mutex<Option<Table>>,
    links: LinkCache,
    /// Names and counts of data files, which never change.
    counted: Mutex<HashMap<String, Arc<BTreeMap<String, u64>>>>,
    /// Work that goes on side by side in one question.
    partitions: usize,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("lake", &self.store.url()).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine over the lake in `store`. The lake is opened with the first question.
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        let partitions = std::thread::available_parallelism().map_or(1, usize::from).min(BUCKETS);
        Self {
            store,
            clock,
            table: Mutex::default(),
            links: LinkCache::default(),
            counted: Mutex::default(),
            partitions,
        }
    }

    /// The newest snapshot, or the one of a version.
    ///
    /// # Errors
    /// [`StoreError::NoLake`](weir_lake::StoreError::NoLake), [`LakeError::NoVersion`], or what is wrong with the log.
    pub async fn snapshot(&self, version: Option<u64>) -> Result<Arc<Snapshot>, LakeError> {
        let mut table = self.table.lock().await;
        let newest = match table.as_mut() {
            Some(table) => table.refresh().await?,
            None => table.insert(Table::open(&self.store).await?).snapshot(),
        };
        match version {
            Some(version) if version != newest.version => Ok(Table::open_at(&self.store, version).await?.snapshot()),
            _ => Ok(newest),
        }
    }

    /// Milliseconds since 1970, for questions that say `last`.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Answers a funnel.
    ///
    /// # Errors
    /// A damaged file is named: an answer is whole, or there is none.
    pub async fn funnel(&self, spec: &FunnelSpec) -> Result<FunnelReport, EngineError> {
        let started_ms = self.clock.now_ms();
        let snapshot = self.snapshot(spec.version).await?;
        let files = relevant_files(&snapshot, spec);
        let mut scanned = Scanned {
            files: files.len() as u64,
            bytes: files.iter().map(|f| f.bytes).sum(),
            rows: files.iter().map(|f| f.rows).sum(),
            elapsed_ms: 0,
        };
        let plan = Arc::new(FunnelPlan::new(spec));
        let moves = self.links.moves(&self.store, &snapshot, &files).await?;
        let columns = plan.columns();
        let scan = MergeScanExec::moving(self.store.clone(), snapshot.version, files, &columns, self.partitions, moves);
        let operator = Arc::new(FunnelExec::new(Arc::new(scan), Arc::clone(&plan)));
        let mut users = execute_stream(operator, Arc::new(TaskContext::default()))?;
        let mut tally = FunnelTally::new(spec.steps.len(), spec.window_ms, snapshot.complete_to_ms);
        while let Some(batch) = users.try_next().await? {
            for user in funnel_exec::results(&batch) {
                tally.add(&user);
            }
        }
        scanned.elapsed_ms = self.clock.now_ms().abs_diff(started_ms);
        let labels: Vec<String> = spec.steps.iter().map(|s| s.label.clone()).collect();
        Ok(tally.report(&ReportContext {
            version: snapshot.version,
            complete_to_ms: snapshot.complete_to_ms,
            labels: &labels,
            group_limit: spec.breakdown.as_ref().map(|b| b.limit),
            scanned,
        }))
    }

    /// Names of events and how often they happened.
    ///
    /// # Errors
    /// A damaged file is named.
    pub async fn events(&self) -> Result<EventCounts, EngineError> {
        let snapshot = self.snapshot(None).await?;
        let mut counted = self.counted.lock().await;
        counted.retain(|path, _| snapshot.files.contains_key(path));
        let mut total: BTreeMap<String, u64> = BTreeMap::new();
        for file in snapshot.files.values() {
            let counts = match counted.get(&file.path) {
                Some(counts) => Arc::clone(counts),
                None => {
                    let counts = Arc::new(count_events(&self.store, snapshot.version, file).await?);
                    counted.insert(file.path.clone(), Arc::clone(&counts));
                    counts
                }
            };
            for (event, count) in counts.iter() {
                *total.entry(event.clone()).or_default() += count;
            }
        }
        let mut events: Vec<EventCount> = total.into_iter().map(|(event, count)| EventCount { event, count }).collect();
        events.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.event.cmp(&b.event)));
        Ok(EventCounts { version: snapshot.version, complete_to: snapshot.complete_to_ms.map(rfc3339), events })
    }

    /// How many anonymous ids are users', and which links were refused.
    ///
    /// # Errors
    /// A damaged file is named.
    pub async fn identity(&self) -> Result<IdentityReport, EngineError> {
        let snapshot = self.snapshot(None).await?;
        Ok(self.links.report(&self.store, &snapshot).await?)
    }

    /// Runs one read-only statement over the tables `events` and `failed`.
    ///
    /// # Errors
    /// [`EngineError::Sql`] with what is wrong with it.
    pub async fn sql(&self, query: &str) -> Result<sql::SqlRows, EngineError> {
        let snapshot = self.snapshot(None).await?;
        let moves = self.links.moves(&self.store, &snapshot, snapshot.files.values()).await?;
        sql::run(&self.store, snapshot, &moves, query, self.partitions).await
    }
}

/// Files with events that can be part of an attempt: from the start of the range to a window behind its end.
fn relevant_files(snapshot: &Snapshot, spec: &FunnelSpec) -> Vec<Arc<DataFile>> {
    let from = spec.range.from_ms.unwrap_or(i64::MIN);
    let to = spec.range.to_ms.map_or(i64::MAX, |to| to.saturating_add(spec.window_ms));
    let files = snapshot.files.values();
    files.filter(|f| f.max_time_ms >= from && f.min_time_ms <= to).cloned().collect()
}

async fn count_events(store: &Store, version: u64, file: &DataFile) -> Result<BTreeMap<String, u64>, LakeError> {
    let read = Read { columns: &[EVENT], buckets: 0..BUCKETS, batch_rows: reader::BATCH_ROWS };
    let mut batches = reader::open(store, version, file, &read).await?;
    let mut counts = BTreeMap::new();
    while let Some(batch) = batches.try_next().await? {
        let events = batch.column(0).as_dictionary::<Int32Type>();
        let names = events.values().as_string::<i32>();
        let mut by_key = vec![0_u64; names.len()];
        for key in events.keys().values() {
            // A key that is not in its dictionary cannot come out of the reader.
            if let Some(count) = usize::try_from(*key).ok().and_then(|key| by_key.get_mut(key)) {
                *count += 1;
            }
        }
        for (key, count) in by_key.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            *counts.entry(names.value(key).to_owned()).or_default() += count;
        }
    }
    Ok(counts)
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
