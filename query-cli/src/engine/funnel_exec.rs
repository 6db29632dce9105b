//! [`FunnelExec`]: how far each user came, one row a user, or one a session or attempt where those are counted.
//!
//! Input: rows sorted by bucket, user and time, all of a user in one partition. Output, in the same partitions:
//!
//! | column | type | |
//! |---|---|---|
//! | `user` | string, nullable | who it is; null where nobody asks |
//! | `times` | list of int64, nullable | times of the chosen attempt's events, in milliseconds; null where a step was passed over |
//! | `open_until` | int64 | the last instant at which an attempt of that depth may go on, in milliseconds |
//! | `group` | string, nullable | breakdown value as JSON |
//!
//! Memory: the events of one user that fill any step or match an exclusion; all of them for a strict order.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, Int64Builder, ListBuilder, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, LexRequirement, OrderingRequirements, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{CardinalityEffect, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties, InputDistributionRequirements,
    Partitioning, PlanProperties, ReplaceChildrenOptions,
};
use futures::TryStreamExt;
use weir_core::funnel::UserResult;

use super::funnel_walk::{FunnelPlan, FunnelWalk};
use super::merge_scan::MergeScanExec;
use super::walk::WalkError;

/// Rows of an output batch.
const BATCH_USERS: usize = 8192;

/// Walks sorted events.
#[derive(Debug)]
pub struct FunnelExec {
    input: Arc<dyn ExecutionPlan>,
    plan: Arc<FunnelPlan>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl FunnelExec {
    /// Over a scan that reads the plan's columns.
    pub fn new(input: Arc<MergeScanExec>, plan: Arc<FunnelPlan>) -> Self {
        Self::over(input, plan)
    }

    fn over(input: Arc<dyn ExecutionPlan>, plan: Arc<FunnelPlan>) -> Self {
        let partitioning = Partitioning::UnknownPartitioning(input.output_partitioning().partition_count());
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema()),
            partitioning,
            EmissionType::Incremental,
            input.boundedness(),
        );
        Self { input, plan, properties: Arc::new(properties), metrics: ExecutionPlanMetricsSet::new() }
    }
}

fn schema() -> SchemaRef {
    let item = Field::new_list_field(DataType::Int64, true);
    Arc::new(Schema::new(vec![
        Field::new("user", DataType::Utf8, true),
        Field::new("times", DataType::List(Arc::new(item)), false),
        Field::new("open_until", DataType::Int64, false),
        Field::new("group", DataType::Utf8, true),
    ]))
}

impl DisplayAs for FunnelExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FunnelExec: {:?}", self.plan)
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
        vec![&self.input]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        let distribution = match self.input.output_partitioning() {
            Partitioning::Hash(keys, _) => Distribution::KeyPartitioned(keys.clone()),
            _ => Distribution::SinglePartition,
        };
        InputDistributionRequirements::new(vec![distribution])
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let ordering = self.input.output_ordering().cloned();
        vec![ordering.map(|ordering| OrderingRequirements::new(LexRequirement::from(ordering)))]
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.pop().ok_or_else(|| DataFusionError::Internal("FunnelExec without input".to_owned()))?;
        Ok(Arc::new(Self::over(input, Arc::clone(&self.plan))))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let mode = datafusion::physical_plan::ChildrenPropertiesMode::Recompute;
        self.replace_children(children, ReplaceChildrenOptions::new(mode))
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::LowerEqual
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let run =
            Run { input: Some(self.input.execute(partition, context)?), walk: FunnelWalk::new(Arc::clone(&self.plan)) };
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
    /// `None` once it has ended.
    input: Option<SendableRecordBatchStream>,
    walk: FunnelWalk,
}

impl Run {
    async fn next(&mut self, metrics: &BaselineMetrics) -> Result<Option<RecordBatch>> {
        while self.walk.results().len() < BATCH_USERS {
            let Some(input) = self.input.as_mut() else { break };
            let batch = input.try_next().await?;
            let _timer = metrics.elapsed_compute().timer();
            if let Some(batch) = batch {
                self.walk.take(&batch).map_err(external)?;
            } else {
                self.walk.finish().map_err(external)?;
                self.input = None;
            }
        }
        let users = std::mem::take(self.walk.results());
        if users.is_empty() {
            return Ok(None);
        }
        batch_of(&users).map(Some)
    }
}

/// An error of a walk as one of DataFusion's.
pub(super) fn external(error: WalkError) -> DataFusionError {
    match error {
        WalkError::Lake(error) => DataFusionError::External(Box::new(error)),
        WalkError::Entangled(error) => DataFusionError::External(Box::new(error)),
    }
}

fn batch_of(users: &[UserResult]) -> Result<RecordBatch> {
    let names = StringArray::from_iter(users.iter().map(|u| u.user.as_deref()));
    let mut times = ListBuilder::new(Int64Builder::new());
    for user in users {
        user.times_ms.iter().for_each(|time| times.values().append_option(*time));
        times.append(true);
    }
    let open_until = Int64Array::from_iter_values(users.iter().map(|u| u.open_until_ms));
    let groups = StringArray::from_iter(users.iter().map(|u| u.group.as_deref()));
    let columns: Vec<ArrayRef> =
        vec![Arc::new(names), Arc::new(times.finish()), Arc::new(open_until), Arc::new(groups)];
    Ok(RecordBatch::try_new(schema(), columns)?)
}

/// The users of an output batch.
pub fn results(batch: &RecordBatch) -> impl Iterator<Item = UserResult> + '_ {
    let users = batch.column(0).as_string::<i32>();
    let times = batch.column(1).as_list::<i32>();
    let open_until = batch.column(2).as_primitive::<Int64Type>();
    let groups = batch.column(3).as_string::<i32>();
    (0..batch.num_rows()).map(move |row| UserResult {
        user: users.is_valid(row).then(|| users.value(row).to_owned()),
        times_ms: times.value(row).as_primitive::<Int64Type>().iter().collect(),
        open_until_ms: open_until.value(row),
        group: groups.is_valid(row).then(|| groups.value(row).to_owned()),
    })
}
