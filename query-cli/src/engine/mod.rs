//! The query engine: a checked question in, an answer out.
//!
//! ```text
//!   Spec ──▶ snapshot of the table ──▶ MergeScanExec ──▶ a walk for each range of buckets, side by side ──▶ merged: the report
//!            files that can matter     k-way merge of the files' rows
//! ```
//!
//! [`merge_scan`] is a DataFusion operator with declared ordering and distribution, over rows that are sorted by user and time.
//! [`walk`] goes over them, and knows which of them matter, and whose; `funnel_walk` is what a funnel does with them, and
//! [`questions`] has all other kinds, whose meaning is in `weir-core`; [`user`] reads those of one user. [`sql`] runs a statement
//! over the same snapshot: [`events_table`] gives it and that of failed events as tables, read by [`file_scan`]; [`functions`] gives
//! questions as tables, of which the users of a funnel come from an operator of their own, [`funnel_exec`]. [`progress`] says how far a
//! question is.

mod cohorts;
pub mod events_table;
pub mod experiment;
pub mod file_scan;
pub mod functions;
pub mod funnel_exec;
pub mod funnel_walk;
pub mod live;
pub mod merge_scan;
pub mod narrowed;
pub mod progress;
pub mod questions;
mod reports;
mod rows;
pub mod sql;
pub mod sql_columns;
pub mod user;
pub mod walk;
pub mod wanted;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use compact_fn::vacuum;
use datafusion::error::DataFusionError;
use futures::FutureExt;
use futures::future::BoxFuture;
use ingest_fn::settings_watch::PLAN;
use serde::Serialize;
use tokio::sync::Mutex;
use weir_core::answer::Scanned;
use weir_core::funnel::{Entangled, FunnelReport, FunnelTally, ReportContext, TooManyValues, UserResult};
use weir_core::plan::{self, PlannedEvent};
use weir_core::ports::Clock;
use weir_core::spec::{Cohort, FunnelSpec, FunnelUsers, SpecError, SpecProblem};
use weir_lake::catalogue::CatalogueReader;
use weir_lake::links::{IdentityReport, LinkCache};
use weir_lake::schema::BUCKETS;
use weir_lake::{DataFile, LakeError, Settings, Snapshot, Store, Table, TableName};

use crate::catalogue::{LakeCatalogue, PlannedAs};
use crate::saved::Library;
use cohorts::CohortSets;
use funnel_walk::{FunnelPlan, FunnelTaker, TakeUsers};
use merge_scan::MergeScanExec;
use progress::Meter;
pub use sql::{SqlLimits, SqlRows};
use sql_columns::SqlColumns;
use walk::{RowPlan, WalkError};

/// What goes wrong with a question.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The lake.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The question.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A statement that cannot be understood, or that does not only read.
    #[error("{0}")]
    Sql(String),
    /// A statement that could not go on.
    #[error("{0}")]
    Statement(String),
    /// A statement that needs more memory than it may use, in bytes.
    #[error("the statement needs more than the {} that it may use", mebibytes(*.0))]
    Memory(usize),
    /// A defect.
    #[error("the query engine failed: {0}; please report this")]
    Internal(String),
}

impl From<TooManyValues> for EngineError {
    fn from(error: TooManyValues) -> Self {
        let problem = SpecProblem { field: "breakdown".to_owned(), message: error.to_string() };
        Self::Spec(SpecError { problems: vec![problem] })
    }
}

impl From<DataFusionError> for EngineError {
    fn from(error: DataFusionError) -> Self {
        own(error).unwrap_or_else(|error| Self::Internal(error.strip_backtrace()))
    }
}

/// The error of weir's own inside of one of DataFusion's; else that one.
fn own(error: DataFusionError) -> Result<EngineError, DataFusionError> {
    let source = match error {
        DataFusionError::External(source) => source,
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => return own(*inner),
        // Several partitions are told of one error: the last one has it for itself, others its text.
        DataFusionError::Shared(shared) => match Arc::try_unwrap(shared) {
            Ok(inner) => return own(inner),
            Err(shared) => match shared.find_root() {
                DataFusionError::External(source) => return Ok(EngineError::Statement(source.to_string())),
                _ => return Err(DataFusionError::Shared(shared)),
            },
        },
        other => return Err(other),
    };
    let source = match source.downcast::<EngineError>() {
        Ok(error) => return Ok(*error),
        Err(source) => source,
    };
    let source = match source.downcast::<LakeError>() {
        Ok(error) => return Ok(EngineError::Lake(*error)),
        Err(source) => source,
    };
    match source.downcast::<SpecError>() {
        Ok(error) => Ok(EngineError::Spec(*error)),
        Err(source) => Err(DataFusionError::External(source)),
    }
}

impl From<Entangled> for EngineError {
    fn from(entangled: Entangled) -> Self {
        let problem = SpecProblem { field: "ties".to_owned(), message: entangled.to_string() };
        Self::Spec(SpecError { problems: vec![problem] })
    }
}

fn mebibytes(bytes: usize) -> String {
    match bytes % (1 << 30) {
        0 => format!("{} GiB", bytes >> 30),
        _ => format!("{} MiB", bytes >> 20),
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

/// The users at a place of a funnel.
struct Placed {
    place: FunnelUsers,
    complete_to_ms: Option<i64>,
    users: HashSet<String>,
}

impl TakeUsers for Placed {
    fn take(&mut self, user: &UserResult) -> Result<(), WalkError> {
        if user.is_at(self.place, self.complete_to_ms) {
            self.users.extend(user.user.clone());
        }
        Ok(())
    }
}

/// Names of the events of a tracking plan; `None` where there is no plan.
type Planned = Option<Arc<BTreeMap<String, PlannedAs>>>;

/// Answers questions about one lake. Clones share what they know of it.
#[derive(Clone)]
pub struct Engine {
    store: Store,
    clock: Arc<dyn Clock>,
    table: Arc<Mutex<Option<Table>>>,
    /// What is noted of data files.
    catalogues: Arc<Mutex<CatalogueReader>>,
    /// The settings that were last seen, and the events of their tracking plan.
    planned: Arc<Mutex<Option<(Settings, Planned)>>>,
    /// What was saved.
    library: Library,
    /// What files say of links.
    links: Arc<LinkCache>,
    /// Work that goes on side by side in one question.
    partitions: usize,
    /// Counts the rows of a question that somebody waits for.
    meter: Option<Arc<Meter>>,
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
        let library = Library::new(store.clone());
        Self {
            store,
            clock,
            library,
            table: Arc::default(),
            catalogues: Arc::default(),
            planned: Arc::default(),
            links: Arc::default(),
            partitions,
            meter: None,
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

    /// Where the lake is.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What tells the time.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// What was saved in the lake.
    pub fn library(&self) -> &Library {
        &self.library
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
        self.periods(&snapshot, spec, started_ms).await
    }

    /// As [`funnel`](Self::funnel), over a snapshot where the question names no other.
    ///
    /// # Errors
    /// As there.
    pub async fn funnel_over(&self, snapshot: &Arc<Snapshot>, spec: &FunnelSpec) -> Result<FunnelReport, EngineError> {
        let started_ms = self.clock.now_ms();
        let snapshot = self.snapshot_of(spec, snapshot).await?;
        self.periods(&snapshot, spec, started_ms).await
    }

    async fn periods(
        &self,
        snapshot: &Snapshot,
        spec: &FunnelSpec,
        started_ms: i64,
    ) -> Result<FunnelReport, EngineError> {
        let sets = self.users_of_cohorts(snapshot, &spec.cohorts).await?;
        let mut report = self.period(snapshot, spec, &sets).await?;
        if let Some(range) = spec.previous {
            let earlier = self.period(snapshot, &FunnelSpec { range, ..spec.clone() }, &sets).await?;
            // Files that both periods need are read twice.
            let scanned = report.scanned.and(earlier.scanned);
            report = report.with_previous(earlier, range, spec.timezone);
            report.scanned = scanned;
        }
        report.scanned.elapsed_ms = self.clock.now_ms().abs_diff(started_ms);
        Ok(report)
    }

    /// The snapshot that a question names, or else this one.
    async fn snapshot_of(&self, spec: &FunnelSpec, snapshot: &Arc<Snapshot>) -> Result<Arc<Snapshot>, LakeError> {
        match spec.version {
            Some(version) if version != snapshot.version => self.snapshot(Some(version)).await,
            _ => Ok(Arc::clone(snapshot)),
        }
    }

    /// The answer for the range of a question alone.
    async fn period(
        &self,
        snapshot: &Snapshot,
        spec: &FunnelSpec,
        sets: &CohortSets,
    ) -> Result<FunnelReport, EngineError> {
        let mut plan = FunnelPlan::new(spec, sets.clone());
        if spec.users.is_some() {
            plan = plan.naming_users();
        }
        let new = || FunnelTally::new(spec, snapshot.complete_to_ms);
        let (tallies, scanned) = self.users_of(snapshot, plan, new).await?;
        let tally = tallies.into_iter().reduce(|mut whole, part| {
            whole.merge(part);
            whole
        });
        let tally = tally.unwrap_or_else(new);
        tally.check()?;
        let labels: Vec<String> = spec.steps.iter().map(|s| s.label.clone()).collect();
        Ok(tally.report(&ReportContext {
            version: snapshot.version,
            complete_to_ms: snapshot.complete_to_ms,
            labels: &labels,
            group_limit: spec.breakdown.as_ref().map(|b| b.limit),
            scanned,
        }))
    }

    /// Tells of the users of a funnel, those of one range of buckets each who is told.
    async fn users_of<U: TakeUsers + Send + 'static>(
        &self,
        snapshot: &Snapshot,
        plan: FunnelPlan,
        new: impl Fn() -> U,
    ) -> Result<(Vec<U>, Scanned), EngineError> {
        let plan = Arc::new(plan);
        let taker = || FunnelTaker::new(Arc::clone(&plan), new());
        let (takers, scanned) = self.take_all(snapshot, &plan.rows, taker).await?;
        Ok((takers.into_iter().map(|taker| taker.users).collect(), scanned))
    }

    /// For each cohort that is the result of a funnel, be it saved, the users in it.
    async fn users_of_cohorts(&self, snapshot: &Snapshot, cohorts: &[Cohort]) -> Result<CohortSets, EngineError> {
        let cohorts = self.with_reports(cohorts).await?;
        self.users_of_funnels(snapshot, &cohorts).await
    }

    /// The same of cohorts of which none is saved. Their funnels may have such cohorts of their own.
    fn users_of_funnels<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        cohorts: &'a [Cohort],
    ) -> BoxFuture<'a, Result<CohortSets, EngineError>> {
        async move {
            let mut sets = Vec::new();
            for cohort in cohorts {
                if let Cohort::InFunnel { funnel, users: place } = cohort {
                    let inner = self.users_of_funnels(snapshot, &funnel.cohorts).await?;
                    let plan = FunnelPlan::new(funnel, inner).naming_users();
                    let complete_to_ms = snapshot.complete_to_ms;
                    let new = || Placed { place: *place, complete_to_ms, users: HashSet::new() };
                    let (parts, _) = self.users_of(snapshot, plan, new).await?;
                    sets.push(Arc::new(parts.into_iter().flat_map(|part| part.users).collect()));
                }
            }
            Ok(sets)
        }
        .boxed()
    }

    /// A scan of what a plan wants, and what it costs.
    async fn scan(&self, snapshot: &Snapshot, plan: &RowPlan) -> Result<(MergeScanExec, Scanned), EngineError> {
        let files = files_between(snapshot, plan.all_bounds_ms());
        let scanned = Scanned {
            files: files.len() as u64,
            bytes: files.iter().map(|f| f.bytes).sum(),
            rows: files.iter().map(|f| f.rows).sum(),
            elapsed_ms: 0,
        };
        let moves = self.links.moves(&self.store, snapshot, &files).await?;
        let wanted = plan.wanted(snapshot.typed_columns());
        let scan = MergeScanExec::new(self.store.clone(), snapshot.version, files, wanted, self.partitions, moves);
        Ok((scan.counted_by(self.meter.clone()), scanned))
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

    async fn catalogue_of(&self, planned: Planned) -> Result<LakeCatalogue, LakeError> {
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
    async fn planned(&self) -> Result<(u64, Planned), LakeError> {
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
            let events = plan.map(|plan| {
                let planned = |event: PlannedEvent| {
                    (event.name, PlannedAs { owner: event.owner, description: event.description })
                };
                Arc::new(plan.events.into_iter().map(planned).collect())
            });
            *known = Some((settings, events));
        }
        Ok(known.as_ref().map_or((0, None), |(settings, events)| (settings.number(), events.clone())))
    }

    /// How many anonymous ids are users', and which links were refused.
    ///
    /// # Errors
    /// A damaged file is named.
    pub async fn identity(&self) -> Result<IdentityReport, EngineError> {
        let snapshot = self.snapshot(None).await?;
        Ok(self.links.report(&self.store, &snapshot).await?)
    }

    /// The columns of a table as statements see them.
    ///
    /// # Errors
    /// What is wrong with the log.
    pub async fn sql_columns(&self, table: TableName) -> Result<SchemaRef, EngineError> {
        let snapshot = match table {
            TableName::Events => self.snapshot(None).await?,
            TableName::Failed => Arc::new(Snapshot::of(table)),
        };
        Ok(SqlColumns::of(&snapshot).schema())
    }

    /// Runs one read-only statement over the tables `events` and `failed`, and the functions over them.
    ///
    /// # Errors
    /// As [`sql::run`].
    pub async fn sql(&self, query: &str, limits: SqlLimits) -> Result<SqlRows, EngineError> {
        sql::run(self, self.snapshot(None).await?, query, limits).await
    }
}

/// Files that can have events of these instants, both of which count.
fn files_between(snapshot: &Snapshot, (from_ms, to_ms): (i64, i64)) -> Vec<Arc<DataFile>> {
    let files = snapshot.files.values();
    files.filter(|f| f.max_time_ms >= from_ms && f.min_time_ms <= to_ms).cloned().collect()
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
