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
pub mod wanted;

use std::collections::BTreeSet;
use std::sync::Arc;

use compact_fn::vacuum;
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::execute_stream;
use futures::TryStreamExt;
use ingest_fn::settings_watch::PLAN;
use serde::Serialize;
use tokio::sync::Mutex;
use weir_core::funnel::{Entangled, FunnelReport, FunnelTally, ReportContext, Scanned};
use weir_core::plan;
use weir_core::ports::Clock;
use weir_core::spec::{FunnelSpec, SpecError, SpecProblem};
use weir_lake::catalogue::CatalogueReader;
use weir_lake::links::{IdentityReport, LinkCache};
use weir_lake::schema::BUCKETS;
use weir_lake::{DataFile, LakeError, Settings, Snapshot, Store, Table, TableName};

use crate::catalogue::LakeCatalogue;
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
            Ok(source) => match source.downcast::<Entangled>() {
                Ok(entangled) => {
                    let problem = SpecProblem { field: "ties".to_owned(), message: entangled.to_string() };
                    Self::Spec(SpecError { problems: vec![problem] })
                }
                Err(source) => match source.downcast::<LakeError>() {
                    Ok(lake) => Self::Lake(*lake),
                    Err(other) => Self::Internal(other.to_string()),
                },
            },
            Err(message) => Self::Internal(message),
        }
    }
}

/// The error of weir's own inside of DataFusion's.
fn unwrap_external(error: DataFusionError) -> Result<Box<dyn std::error::Error + Send + Sync>, String> {
    match error {
        DataFusionError::External(source) => Ok(source),
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

/// Names of the events of a tracking plan; `None` where there is no plan.
type Planned = Option<Arc<BTreeSet<String>>>;

/// Answers questions about one lake.
pub struct Engine {
    store: Store,
    clock: Arc<dyn Clock>,
    table: Mutex<Option<Table>>,
    /// What is noted of data files.
    catalogues: Mutex<CatalogueReader>,
    /// The settings that were last seen, and the events of their tracking plan.
    planned: Mutex<Option<(Settings, Planned)>>,
    /// What files say of links.
    links: LinkCache,
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
            catalogues: Mutex::default(),
            planned: Mutex::default(),
            links: LinkCache::default(),
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
            Some(version) if version != newest.version => {
                // Better than naming the first file that is gone.
                if let Some((vacuumed, _)) = vacuum::State::read(&self.store).await? {
                    vacuumed.must_have(TableName::Events, version)?;
                }
                Ok(Table::open_at(&self.store, version).await?.snapshot())
            }
            _ => Ok(newest),
        }
    }

    /// The newest snapshot of the last question, without asking the lake; an empty one before the first.
    pub async fn last_snapshot(&self) -> Arc<Snapshot> {
        self.table.lock().await.as_ref().map(Table::snapshot).unwrap_or_default()
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
        let mut report = self.period(&snapshot, spec).await?;
        if let Some(range) = spec.previous {
            let earlier = self.period(&snapshot, &FunnelSpec { range, ..spec.clone() }).await?;
            let scanned = earlier.scanned;
            report = report.with_previous(earlier, range, spec.timezone);
            // Files that both periods need are read twice.
            report.scanned.files += scanned.files;
            report.scanned.bytes += scanned.bytes;
            report.scanned.rows += scanned.rows;
        }
        report.scanned.elapsed_ms = self.clock.now_ms().abs_diff(started_ms);
        Ok(report)
    }

    /// The answer for the range of a question alone.
    async fn period(&self, snapshot: &Snapshot, spec: &FunnelSpec) -> Result<FunnelReport, EngineError> {
        let files = relevant_files(snapshot, spec);
        let scanned = Scanned {
            files: files.len() as u64,
            bytes: files.iter().map(|f| f.bytes).sum(),
            rows: files.iter().map(|f| f.rows).sum(),
            elapsed_ms: 0,
        };
        let plan = Arc::new(FunnelPlan::new(spec));
        let moves = self.links.moves(&self.store, snapshot, &files).await?;
        let wanted = plan.columns(snapshot.typed_columns());
        let scan = MergeScanExec::new(self.store.clone(), snapshot.version, files, wanted, self.partitions, moves);
        let operator = Arc::new(FunnelExec::new(Arc::new(scan), Arc::clone(&plan)));
        let mut users = execute_stream(operator, Arc::new(TaskContext::default()))?;
        let mut tally = FunnelTally::new(spec, snapshot.complete_to_ms);
        while let Some(batch) = users.try_next().await? {
            for user in funnel_exec::results(&batch) {
                tally.add(&user);
            }
        }
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
        let list = self.catalogue_of(None).await?.list();
        let events = list.events.into_iter().map(|event| EventCount { event: event.event, count: event.count });
        Ok(EventCounts { version: list.version, complete_to: list.complete_to, events: events.collect() })
    }

    /// Which events and properties there are.
    ///
    /// # Errors
    /// A damaged file is named.
    pub async fn catalogue(&self) -> Result<LakeCatalogue, EngineError> {
        let planned = self.planned().await?.1;
        Ok(self.catalogue_of(planned).await?)
    }

    async fn catalogue_of(&self, planned: Option<Arc<BTreeSet<String>>>) -> Result<LakeCatalogue, LakeError> {
        let snapshot = self.snapshot(None).await?;
        let catalogue = self.catalogues.lock().await.of(&self.store, &snapshot).await?;
        Ok(LakeCatalogue { version: snapshot.version, complete_to_ms: snapshot.complete_to_ms, catalogue, planned })
    }

    /// What tells one [`catalogue`](Self::catalogue) from another: the version of the table, and the number of the settings
    /// with the tracking plan.
    ///
    /// # Errors
    /// What is wrong with the log or the settings.
    pub async fn catalogue_state(&self) -> Result<(u64, u64), EngineError> {
        Ok((self.snapshot(None).await?.version, self.planned().await?.0))
    }

    /// The events of the tracking plan in force, if there is one, and the number of the settings.
    async fn planned(&self) -> Result<(u64, Option<Arc<BTreeSet<String>>>), LakeError> {
        let mut known = self.planned.lock().await;
        let settings = match known.as_ref() {
            Some((settings, _)) => settings.newer(&self.store).await?,
            None => Some(Settings::newest(&self.store).await?),
        };
        if let Some(settings) = settings {
            let document = settings.get::<serde_json::Value>(PLAN)?.filter(|document| !document.is_null());
            let plan = document.and_then(|document| match plan::parse(&document) {
                Ok(plan) => Some(plan),
                Err(error) => {
                    tracing::warn!(%error, "the tracking plan cannot be read, so no event is said to be planned or not");
                    None
                }
            });
            let names = plan
                .map(|plan| Arc::new(plan.events.into_iter().map(|event| event.name).collect::<BTreeSet<String>>()));
            *known = Some((settings, names));
        }
        Ok(known.as_ref().map_or((0, None), |(settings, names)| (settings.number(), names.clone())))
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
    let to = spec.range.to_ms.map_or(i64::MAX, |to| to.saturating_add(spec.window.most_ms()));
    let files = snapshot.files.values();
    files.filter(|f| f.max_time_ms >= from && f.min_time_ms <= to).cloned().collect()
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
