//! [`FunnelExec`]: how far each user came who took the first step at least, one row a user, or one a session or attempt where those
//! are counted. These are the rows of `funnel_users(…)`.
//!
//! ```text
//!   MergeScanExec, part 0  ▸ walk ▸ users of buckets  0 … 31
//!   MergeScanExec, part 1  ▸ walk ▸ users of buckets 32 … 63
//! ```
//!
//! | column | type | |
//! |---|---|---|
//! | `user` | string | whose it is, as in `events` |
//! | `depth` | int64 | how many steps the chosen attempt has, those that were passed over with them |
//! | `times` | list of timestamps | when its events happened; null for a step that was passed over |
//! | `open_until` | timestamp | the last instant at which an attempt of that depth may go on |
//! | `group` | string, nullable | the breakdown value, a JSON string as what it says |
//!
//! Memory: the events of one user that fill any step or match an exclusion, all of them for a strict order; and a batch of users.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Builder, ListBuilder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, LexRequirement, OrderingRequirements, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, InputDistributionRequirements, Partitioning,
    PlanProperties, ReplaceChildrenOptions,
};
use weir_core::funnel::UserResult;
use weir_core::spec::FunnelSpec;
use weir_lake::schema::timestamp_type;

use super::EngineError;
use super::functions::{Over, text_of};
use super::funnel_walk::{FunnelPlan, FunnelTaker, TakeUsers};
use super::merge_scan::{self, MergeScanExec};
use super::walk::{RowWalk, WalkError};

/// Rows of an output batch, about.
const BATCH_USERS: usize = 8192;

/// The columns.
pub fn schema() -> SchemaRef {
    let time = Field::new_list_field(timestamp_type(), true);
    Arc::new(Schema::new(vec![
        Field::new("user", DataType::Utf8, false),
        Field::new("depth", DataType::Int64, false),
        Field::new("times", DataType::List(Arc::new(time)), false),
        Field::new("open_until", timestamp_type(), true),
        Field::new("group", DataType::Utf8, true),
    ]))
}

/// Walks over the rows of a scan, in its partitions.
#[derive(Debug)]
pub struct FunnelExec {
    scan: Arc<MergeScanExec>,
    /// The scan, as its place in a plan has it.
    child: Arc<dyn ExecutionPlan>,
    plan: Arc<FunnelPlan>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl FunnelExec {
    /// The users of a funnel.
    ///
    /// # Errors
    /// What is wrong with the lake.
    pub async fn new(over: &Over, spec: &FunnelSpec) -> std::result::Result<Self, EngineError> {
        let snapshot = over.engine.snapshot_of(spec, &over.snapshot).await?;
        let sets = over.engine.users_of_cohorts(&snapshot, &spec.cohorts).await?;
        let plan = FunnelPlan::new(spec, sets).naming_users();
        let (scan, _) = over.engine.scan(&snapshot, &plan.rows).await?;
        Ok(Self::over(Arc::new(scan), Arc::new(plan)))
    }

    fn over(scan: Arc<MergeScanExec>, plan: Arc<FunnelPlan>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema()),
            Partitioning::UnknownPartitioning(scan.properties().output_partitioning().partition_count()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let child = Arc::clone(&scan) as Arc<dyn ExecutionPlan>;
        Self { scan, child, plan, properties: Arc::new(properties), metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for FunnelExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FunnelExec: {:?}", self.plan.rules)
    }
}

impl ExecutionPlan for FunnelExec {
    fn name(&self) -> &'static str {
        "FunnelExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.child]
    }

    // It is asked for its rows where they lie, so no other operator can stand in its place.
    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match children.first().and_then(|child| child.downcast_ref::<MergeScanExec>()) {
            Some(scan) => Ok(Arc::new(Self::over(Arc::new(scan.clone()), Arc::clone(&self.plan)))),
            None => Err(DataFusionError::Internal("FunnelExec over another operator than MergeScanExec".to_owned())),
        }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let mode = datafusion::physical_plan::ChildrenPropertiesMode::Recompute;
        self.replace_children(children, ReplaceChildrenOptions::new(mode))
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        let distribution = match self.scan.properties().output_partitioning() {
            Partitioning::Hash(keys, _) => Distribution::KeyPartitioned(keys.clone()),
            _ => Distribution::SinglePartition,
        };
        InputDistributionRequirements::new(vec![distribution])
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let ordering = self.scan.properties().output_ordering().cloned();
        vec![ordering.map(|ordering| OrderingRequirements::new(LexRequirement::from(ordering)))]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let walk = RowWalk::new(Arc::clone(&self.plan.rows));
        let taker = FunnelTaker::new(Arc::clone(&self.plan), Users::default());
        let run = Run { scan: Arc::clone(&self.scan), partition, rows: None, is_over: false, walk, taker };
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let batches = futures::stream::try_unfold((run, metrics), |(mut run, metrics)| async move {
            Ok(run.next(&metrics).await?.map(|batch| (batch.record_output(&metrics), (run, metrics))))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema(), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// One running partition.
struct Run {
    scan: Arc<MergeScanExec>,
    partition: usize,
    /// `None` before the first batch.
    rows: Option<merge_scan::Rows>,
    is_over: bool,
    walk: RowWalk,
    taker: FunnelTaker<Users>,
}

impl Run {
    async fn next(&mut self, metrics: &BaselineMetrics) -> Result<Option<RecordBatch>> {
        let rows = match &mut self.rows {
            Some(rows) => rows,
            None => self.rows.insert(self.scan.rows(self.partition).await.map_err(|e| external(e.into()))?),
        };
        while !self.is_over && self.taker.users.count < BATCH_USERS {
            let run = rows.next().await.map_err(|e| external(e.into()))?;
            let _timer = metrics.elapsed_compute().timer();
            match run {
                Some(run) => self.walk.take(&run, &mut self.taker).map_err(external)?,
                None => {
                    self.walk.finish(&mut self.taker).map_err(external)?;
                    self.is_over = true;
                }
            }
        }
        let users = &mut self.taker.users;
        if users.count == 0 { Ok(None) } else { users.finish().map(Some) }
    }
}

/// An error of a walk as one of DataFusion's.
fn external(error: WalkError) -> DataFusionError {
    DataFusionError::External(Box::new(EngineError::from(error)))
}

/// Rows that wait for a batch.
#[derive(Debug)]
struct Users {
    count: usize,
    user: StringBuilder,
    depth: Int64Builder,
    times: ListBuilder<TimestampMicrosecondBuilder>,
    open_until: TimestampMicrosecondBuilder,
    group: StringBuilder,
}

impl Default for Users {
    fn default() -> Self {
        let times = || TimestampMicrosecondBuilder::new().with_data_type(timestamp_type());
        Self {
            count: 0,
            user: StringBuilder::new(),
            depth: Int64Builder::new(),
            times: ListBuilder::new(times()).with_field(Field::new_list_field(timestamp_type(), true)),
            open_until: times(),
            group: StringBuilder::new(),
        }
    }
}

impl TakeUsers for Users {
    fn take(&mut self, result: &UserResult) -> Result<(), WalkError> {
        self.count += 1;
        self.user.append_value(result.user.as_deref().unwrap_or_default());
        self.depth.append_value(i64::try_from(result.times_ms.len()).unwrap_or(i64::MAX));
        for time in &result.times_ms {
            self.times.values().append_option(time.map(|time| time.saturating_mul(1000)));
        }
        self.times.append(true);
        // An attempt that may go on for ever has no last instant.
        self.open_until.append_option(result.open_until_ms.checked_mul(1000));
        let group = result.group.as_deref().map(|key| serde_json::from_str(key).unwrap_or_default());
        self.group.append_option(group.as_ref().and_then(text_of));
        Ok(())
    }
}

impl Users {
    fn finish(&mut self) -> Result<RecordBatch> {
        self.count = 0;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.user.finish()),
            Arc::new(self.depth.finish()),
            Arc::new(self.times.finish()),
            Arc::new(self.open_until.finish()),
            Arc::new(self.group.finish()),
        ];
        Ok(RecordBatch::try_new(schema(), columns)?)
    }
}
