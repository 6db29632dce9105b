//! The rows of `funnel_users(…)`: how far each user came, who took the first step at least.
//!
//! | column | type | |
//! |---|---|---|
//! | `user` | string | whose it is, as in `events` |
//! | `depth` | int64 | how many steps the chosen attempt has, those that were passed over with them |
//! | `times` | list of timestamps | when its events happened; null for a step that was passed over |
//! | `open_until` | timestamp | the last instant at which an attempt of that depth may go on |
//! | `group` | string, nullable | the breakdown value, a JSON string as what it says |
//!
//! Where sessions or attempts are counted, a user has a row for each. It is the scan and the walk of `weir funnel`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Builder, ListBuilder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::TryStreamExt;
use weir_core::funnel::UserResult;
use weir_core::spec::FunnelSpec;
use weir_lake::schema::timestamp_type;

use super::EngineError;
use super::functions::{Over, text_of};
use super::funnel_exec::external;
use super::funnel_walk::{FunnelPlan, FunnelWalk};
use super::merge_scan::MergeScanExec;

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

/// The users of a funnel, in the partitions of its scan.
///
/// # Errors
/// What is wrong with the lake.
pub async fn parts(over: &Over, spec: &FunnelSpec) -> std::result::Result<Vec<Arc<dyn PartitionStream>>, EngineError> {
    let snapshot = over.engine.snapshot_of(spec, &over.snapshot).await?;
    let sets = over.engine.users_of_cohorts(&snapshot, &spec.cohorts).await?;
    let plan = Arc::new(FunnelPlan::new(spec, sets).naming_users());
    let (scan, _) = over.engine.scan(&snapshot, &plan.rows).await?;
    let scan = Arc::new(scan);
    let partitions = 0..scan.properties().output_partitioning().partition_count();
    let part = |partition| Users { scan: Arc::clone(&scan), partition, plan: Arc::clone(&plan), schema: schema() };
    Ok(partitions.map(|partition| Arc::new(part(partition)) as Arc<dyn PartitionStream>).collect())
}

/// The users of one partition.
#[derive(Debug)]
struct Users {
    scan: Arc<MergeScanExec>,
    partition: usize,
    plan: Arc<FunnelPlan>,
    schema: SchemaRef,
}

impl PartitionStream for Users {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let run = self.scan.execute(self.partition, context).map(|input| Run {
            input: Some(input),
            walk: FunnelWalk::new(Arc::clone(&self.plan)),
            rows: Rows::default(),
        });
        let batches = futures::stream::once(std::future::ready(run)).map_ok(|run| {
            futures::stream::try_unfold(run, |mut run| async move { Ok(run.next().await?.map(|batch| (batch, run))) })
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), Box::pin(batches.try_flatten())))
    }
}

/// One running partition.
struct Run {
    /// `None` once it has ended.
    input: Option<SendableRecordBatchStream>,
    walk: FunnelWalk,
    rows: Rows,
}

impl Run {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        while self.rows.count < BATCH_USERS {
            let Some(input) = self.input.as_mut() else { break };
            if let Some(batch) = input.try_next().await? {
                self.walk.take(&batch).map_err(external)?;
            } else {
                self.walk.finish().map_err(external)?;
                self.input = None;
            }
            self.walk.results().drain(..).for_each(|result| self.rows.push(&result));
        }
        if self.rows.count == 0 { Ok(None) } else { self.rows.take().map(Some) }
    }
}

/// Rows that wait for a batch.
struct Rows {
    count: usize,
    user: StringBuilder,
    depth: Int64Builder,
    times: ListBuilder<TimestampMicrosecondBuilder>,
    open_until: TimestampMicrosecondBuilder,
    group: StringBuilder,
}

impl Default for Rows {
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

impl Rows {
    fn push(&mut self, result: &UserResult) {
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
    }

    fn take(&mut self) -> Result<RecordBatch> {
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
