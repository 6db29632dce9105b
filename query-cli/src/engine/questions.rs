//! Questions of all kinds, and their answers. What a question of a kind means is in `weir-core`; here it meets the rows.

use std::sync::Arc;

use datafusion::physical_plan::{ExecutionPlan, displayable};
use serde::Serialize;
use tokio::task::JoinSet;
use weir_core::activity::{self, LifecycleReport, LifecycleWalk, StickinessReport, StickinessWalk};
use weir_core::answer::{Scanned, Source};
use weir_core::experiment::ExperimentReport;
use weir_core::funnel::FunnelReport;
use weir_core::paths::{self, PathsReport, PathsWalk, TooManyPaths};
use weir_core::retention::{self, RetentionReport, RetentionWalk};
use weir_core::scan::{Walk, Wants};
use weir_core::sessions::{self, SessionsReport, SessionsWalk};
use weir_core::spec::{
    Cohort, FunnelSpec, LifecycleSpec, PathsSpec, RetentionSpec, Scope, SessionsSpec, Spec, SpecError, SpecProblem,
    StickinessSpec, TrendsSpec,
};
use weir_core::trends::{self, TrendsReport, TrendsWalk};
use weir_lake::Snapshot;

use super::cohorts::CohortSets;
use super::funnel_walk::FunnelPlan;
use super::progress::Meter;
use super::walk::{RowPlan, RowWalk, Take, Taker, WalkError};
use super::{Engine, EngineError, files_between};

/// The answer to a question, as its kind has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// Of a funnel.
    Funnel(Box<FunnelReport>),
    /// Of trends.
    Trends(Box<TrendsReport>),
    /// Of an experiment.
    Experiment(Box<ExperimentReport>),
    /// Of retention.
    Retention(Box<RetentionReport>),
    /// Of a lifecycle.
    Lifecycle(Box<LifecycleReport>),
    /// Of stickiness.
    Stickiness(Box<StickinessReport>),
    /// Of paths.
    Paths(Box<PathsReport>),
    /// Of sessions.
    Sessions(Box<SessionsReport>),
}

impl Engine {
    /// Answers a question of any kind.
    ///
    /// # Errors
    /// A damaged file is named: an answer is whole, or there is none.
    pub async fn answer(&self, spec: &Spec) -> Result<Answer, EngineError> {
        Ok(match spec {
            Spec::Funnel(spec) => Answer::Funnel(Box::new(self.funnel(spec).await?)),
            Spec::Trends(spec) => Answer::Trends(Box::new(self.trends(spec).await?)),
            Spec::Experiment(spec) => Answer::Experiment(Box::new(self.experiment(spec).await?)),
            Spec::Retention(spec) => Answer::Retention(Box::new(self.retention(spec).await?)),
            Spec::Lifecycle(spec) => Answer::Lifecycle(Box::new(self.lifecycle(spec).await?)),
            Spec::Stickiness(spec) => Answer::Stickiness(Box::new(self.stickiness(spec).await?)),
            Spec::Paths(spec) => Answer::Paths(Box::new(self.paths(spec).await?)),
            Spec::Sessions(spec) => Answer::Sessions(Box::new(self.sessions(spec).await?)),
        })
    }

    /// An engine that counts the rows of a question as it answers it, and where it counts them. How many there will be is known
    /// from the beginning.
    ///
    /// # Errors
    /// What is wrong with the log, or with a saved report that the question names.
    pub async fn metered(&self, spec: &Spec) -> Result<(Self, Arc<Meter>), EngineError> {
        let meter = Arc::new(Meter::default());
        let snapshot = self.snapshot(spec.version()).await?;
        let cohorts = self.with_reports(spec.cohorts()).await?;
        let rows_of = |plan: Arc<RowPlan>| {
            files_between(&snapshot, plan.all_bounds_ms()).iter().map(|file| file.rows).sum::<u64>()
        };
        meter.expect(plans(spec, &cohorts).into_iter().map(rows_of).sum());
        Ok((Self { meter: Some(Arc::clone(&meter)), ..self.clone() }, meter))
    }

    /// What it would take to answer a question: files, and the columns of them that are read.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub async fn estimate(&self, spec: &Spec) -> Result<Estimate, EngineError> {
        let snapshot = self.snapshot(spec.version()).await?;
        let mut estimate = Estimate { version: snapshot.version, ..Estimate::default() };
        let cohorts = self.with_reports(spec.cohorts()).await?;
        for plan in plans(spec, &cohorts) {
            let (scan, scanned) = self.scan(&snapshot, &plan).await?;
            let cost = scan.cost().await?;
            estimate.files += scanned.files;
            estimate.rows += scanned.rows;
            estimate.bytes += cost.bytes;
            estimate.requests += cost.requests;
        }
        Ok(estimate)
    }

    /// How a question would be answered: the scans that it takes, and what they read.
    ///
    /// # Errors
    /// What is wrong with the log.
    pub async fn plan_text(&self, spec: &Spec) -> Result<String, EngineError> {
        let snapshot = self.snapshot(spec.version()).await?;
        let mut text = String::new();
        let cohorts = self.with_reports(spec.cohorts()).await?;
        for plan in plans(spec, &cohorts) {
            let (scan, _) = self.scan(&snapshot, &plan).await?;
            text.push_str(&displayable(&scan).indent(true).to_string());
        }
        Ok(text)
    }

    /// Answers trends.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub async fn trends(&self, spec: &TrendsSpec) -> Result<TrendsReport, EngineError> {
        let started_ms = self.now_ms();
        let snapshot = self.snapshot(spec.scope.version).await?;
        let sets = self.users_of_cohorts(&snapshot, &spec.scope.cohorts).await?;
        let mut report = self.trends_of_period(&snapshot, spec, &sets).await?;
        if let Some(range) = spec.previous {
            let mut earlier = spec.clone();
            earlier.scope.range = range;
            let earlier = self.trends_of_period(&snapshot, &earlier, &sets).await?;
            report = report.with_previous(earlier, spec, range);
        }
        report.scanned.elapsed_ms = self.now_ms().abs_diff(started_ms);
        Ok(report)
    }

    async fn trends_of_period(
        &self,
        snapshot: &Snapshot,
        spec: &TrendsSpec,
        sets: &CohortSets,
    ) -> Result<TrendsReport, EngineError> {
        let spec = Arc::new(spec.clone());
        let new = || TrendsWalk::new(Arc::clone(&spec));
        let (walk, source) = self.walk(snapshot, trends::wants(&spec), &spec.scope, sets.clone(), new).await?;
        Ok(walk.report(source))
    }

    /// Answers who came back.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub async fn retention(&self, spec: &RetentionSpec) -> Result<RetentionReport, EngineError> {
        let spec = Arc::new(spec.clone());
        let new = |_| RetentionWalk::new(Arc::clone(&spec));
        let (walk, source) = self.ask(retention::wants(&spec), &spec.scope, new).await?;
        Ok(walk.report(source))
    }

    /// Answers which active users are new.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub async fn lifecycle(&self, spec: &LifecycleSpec) -> Result<LifecycleReport, EngineError> {
        let spec = Arc::new(spec.clone());
        let new = |_| LifecycleWalk::new(Arc::clone(&spec));
        let (walk, source) = self.ask(activity::lifecycle_wants(&spec), &spec.scope, new).await?;
        Ok(walk.report(source))
    }

    /// Answers in how many buckets users were active.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub async fn stickiness(&self, spec: &StickinessSpec) -> Result<StickinessReport, EngineError> {
        let spec = Arc::new(spec.clone());
        let new = |_| StickinessWalk::new(Arc::clone(&spec));
        let (walk, source) = self.ask(activity::stickiness_wants(&spec), &spec.scope, new).await?;
        Ok(walk.report(source))
    }

    /// Walks once over the version that a question asks for. A new walk is told up to when everything received is known.
    async fn ask<W: Walk>(
        &self,
        wants: Wants,
        scope: &Scope,
        new: impl Fn(Option<i64>) -> W,
    ) -> Result<(W, Source), EngineError> {
        let started_ms = self.now_ms();
        let snapshot = self.snapshot(scope.version).await?;
        let sets = self.users_of_cohorts(&snapshot, &scope.cohorts).await?;
        let new = || new(snapshot.complete_to_ms);
        let (walk, mut source) = self.walk(&snapshot, wants, scope, sets, new).await?;
        source.scanned.elapsed_ms = self.now_ms().abs_diff(started_ms);
        Ok((walk, source))
    }

    /// Answers a question about paths.
    ///
    /// # Errors
    /// As [`answer`](Self::answer), and where there are more paths than an answer holds.
    pub async fn paths(&self, spec: &PathsSpec) -> Result<PathsReport, EngineError> {
        let spec = Arc::new(spec.clone());
        let new = |complete_to_ms| PathsWalk::new(Arc::clone(&spec), complete_to_ms);
        let (walk, source) = self.ask(paths::wants(&spec), &spec.scope, new).await?;
        Ok(walk.report(source)?)
    }

    /// Answers a question about sessions.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub async fn sessions(&self, spec: &SessionsSpec) -> Result<SessionsReport, EngineError> {
        let spec = Arc::new(spec.clone());
        let new = |complete_to_ms| SessionsWalk::new(Arc::clone(&spec), complete_to_ms);
        let (walk, source) = self.ask(sessions::wants(&spec), &spec.scope, new).await?;
        Ok(walk.report(source))
    }

    /// Runs walks over what is wanted, one for each range of buckets, side by side, and merges them.
    async fn walk<W: Walk>(
        &self,
        snapshot: &Snapshot,
        wants: Wants,
        scope: &Scope,
        sets: CohortSets,
        new: impl Fn() -> W,
    ) -> Result<(W, Source), EngineError> {
        let plan = Arc::new(RowPlan::new(wants, &scope.cohorts, sets));
        let (takers, scanned) = self.take_all(snapshot, &plan, || Taker::new(Arc::clone(&plan), new())).await?;
        let mut whole = new();
        takers.into_iter().for_each(|taker| whole.merge(taker.walk));
        let Snapshot { version, complete_to_ms, .. } = *snapshot;
        Ok((whole, Source { version, complete_to_ms, scanned }))
    }

    /// Gives all rows that a plan wants, one range of buckets to each taker, side by side.
    pub(super) async fn take_all<T: Take + Send + 'static>(
        &self,
        snapshot: &Snapshot,
        plan: &Arc<RowPlan>,
        new: impl Fn() -> T,
    ) -> Result<(Vec<T>, Scanned), EngineError> {
        let (scan, scanned) = self.scan(snapshot, plan).await?;
        let scan = Arc::new(scan);
        // Who gives up on the answer drops this, and with it every task.
        let mut tasks = JoinSet::new();
        for partition in 0..scan.properties().partitioning.partition_count() {
            let (scan, mut walk, mut taker) = (Arc::clone(&scan), RowWalk::new(Arc::clone(plan)), new());
            tasks.spawn(async move {
                let mut rows = scan.rows(partition).await?;
                while let Some(run) = rows.next().await? {
                    walk.take(&run, &mut taker)?;
                }
                walk.finish(&mut taker)?;
                Ok::<T, EngineError>(taker)
            });
        }
        let mut takers = Vec::new();
        while let Some(taker) = tasks.join_next().await {
            takers.push(taker.map_err(|error| EngineError::Internal(error.to_string()))??);
        }
        Ok((takers, scanned))
    }
}

/// What it would take to answer a question.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Version of the table.
    pub version: u64,
    /// Files that are opened; twice where two periods need them.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes of the columns that are read.
    pub bytes: u64,
    /// Requests to the store.
    pub requests: u64,
}

fn of_funnel(funnel: &FunnelSpec) -> Arc<RowPlan> {
    FunnelPlan::new(funnel, Vec::new()).rows
}

/// What the funnels of cohorts, and of the cohorts of those, want of rows.
fn plans_of_cohorts(cohorts: &[Cohort], plans: &mut Vec<Arc<RowPlan>>) {
    for cohort in cohorts {
        if let Cohort::InFunnel { funnel, .. } = cohort {
            plans_of_cohorts(&funnel.cohorts, plans);
            plans.push(of_funnel(funnel));
        }
    }
}

/// What a question, and the period before it and the funnels of its cohorts, want of rows. `cohorts` are those of the question,
/// with funnels in the place of reports.
fn plans(spec: &Spec, cohorts: &[Cohort]) -> Vec<Arc<RowPlan>> {
    let own = |wants: Wants| Arc::new(RowPlan::new(wants, spec.cohorts(), Vec::new()));
    let mut plans = Vec::new();
    plans_of_cohorts(cohorts, &mut plans);
    match spec {
        Spec::Funnel(spec) => {
            plans.push(of_funnel(spec));
            let before = spec.previous.map(|range| of_funnel(&FunnelSpec { range, ..spec.clone() }));
            plans.extend(before);
        }
        Spec::Trends(spec) => {
            plans.push(own(trends::wants(spec)));
            let before = spec.previous.map(|range| {
                let mut before = spec.clone();
                before.scope.range = range;
                trends::wants(&before)
            });
            plans.extend(before.map(own));
        }
        Spec::Experiment(spec) => plans.push(of_funnel(&spec.funnel)),
        Spec::Retention(spec) => plans.push(own(retention::wants(spec))),
        Spec::Lifecycle(spec) => plans.push(own(activity::lifecycle_wants(spec))),
        Spec::Stickiness(spec) => plans.push(own(activity::stickiness_wants(spec))),
        Spec::Paths(spec) => plans.push(own(paths::wants(spec))),
        Spec::Sessions(spec) => plans.push(own(sessions::wants(spec))),
    }
    plans
}

impl Answer {
    /// Version of the table.
    pub fn version(&self) -> u64 {
        match self {
            Self::Funnel(report) => report.version,
            Self::Trends(report) => report.version,
            Self::Experiment(report) => report.version,
            Self::Retention(report) => report.version,
            Self::Lifecycle(report) => report.version,
            Self::Stickiness(report) => report.version,
            Self::Paths(report) => report.version,
            Self::Sessions(report) => report.version,
        }
    }

    /// Everything received up to then is in it.
    pub fn complete_to(&self) -> Option<&str> {
        match self {
            Self::Funnel(report) => report.complete_to.as_deref(),
            Self::Trends(report) => report.complete_to.as_deref(),
            Self::Experiment(report) => report.complete_to.as_deref(),
            Self::Retention(report) => report.complete_to.as_deref(),
            Self::Lifecycle(report) => report.complete_to.as_deref(),
            Self::Stickiness(report) => report.complete_to.as_deref(),
            Self::Paths(report) => report.complete_to.as_deref(),
            Self::Sessions(report) => report.complete_to.as_deref(),
        }
    }

    /// What it took.
    pub fn scanned(&self) -> Scanned {
        match self {
            Self::Funnel(report) => report.scanned,
            Self::Trends(report) => report.scanned,
            Self::Experiment(report) => report.scanned,
            Self::Retention(report) => report.scanned,
            Self::Lifecycle(report) => report.scanned,
            Self::Stickiness(report) => report.scanned,
            Self::Paths(report) => report.scanned,
            Self::Sessions(report) => report.scanned,
        }
    }
}

impl From<TooManyPaths> for EngineError {
    fn from(too_many: TooManyPaths) -> Self {
        let problem = SpecProblem { field: "depth".to_owned(), message: too_many.to_string() };
        Self::Spec(SpecError { problems: vec![problem] })
    }
}

impl From<WalkError> for EngineError {
    fn from(error: WalkError) -> Self {
        match error {
            WalkError::Lake(error) => Self::Lake(error),
            WalkError::Entangled(error) => Self::from(error),
            WalkError::TooManyValues(error) => Self::from(error),
        }
    }
}
