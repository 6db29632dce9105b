//! [`MergeScanExec`]: the rows of a snapshot's files, sorted by user and time.
//!
//! ```text
//!   buckets   0 … 31                     32 … 63
//!   file 1   [rows]─┐                   [rows]─┐
//!   file 2   [rows]─┼─ merge ─▶ part 0  [rows]─┼─ merge ─▶ part 1
//!   file 3   [rows]─┘                   [rows]─┘
//! ```
//!
//! Each partition is a range of user buckets, which is a range of rows in every file. So all events of a user come out of one
//! partition, in order, without a sort or a shuffle.
//!
//! Rows of an anonymous id that has become a user's, and that no merge has moved yet, are left out where they lie and come in as
//! one more sorted input, under the user that they are now. They are looked for once, whichever partition begins.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, ReplaceChildrenOptions,
};
use futures::StreamExt;
use tokio::sync::OnceCell;
use weir_lake::links::Moves;
use weir_lake::merge::{ARRIVAL_COLUMNS, ID_COLUMNS, KEY_COLUMNS, Merge, Run, Runs, Select};
use weir_lake::reader::{self, Apart, Batches, Cost, Read};
use weir_lake::resolve::{self, Moved};
use weir_lake::schema::{BUCKET, BUCKETS, USER, columns};
use weir_lake::typed::TypedColumn;
use weir_lake::{DataFile, LakeError, Store};

use super::progress::Meter;
use super::wanted::Wanted;

/// Leaf operator over the live files of one version.
#[derive(Debug, Clone)]
pub struct MergeScanExec {
    store: Store,
    version: u64,
    files: Vec<Arc<DataFile>>,
    moves: Arc<Moves>,
    /// Found with the first batch of any partition.
    moved: Arc<OnceCell<Moved>>,
    /// Names of columns that are read, in the table's order. Those that only break ties are not read of every file.
    names: Vec<String>,
    /// Of each file, which ties its rows can be in.
    ties: Vec<Ties>,
    /// Properties with columns of their own, behind those, and which rows.
    wanted: Arc<Wanted>,
    partitions: Vec<Range<usize>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    /// Counts the rows that are read, for whoever waits.
    meter: Option<Arc<Meter>>,
}

impl MergeScanExec {
    /// Scans what is wanted, and the columns that the merge itself needs, in at most `partitions` partitions, with rows where they
    /// belong by `moves`.
    pub fn new(
        store: Store,
        version: u64,
        files: Vec<Arc<DataFile>>,
        wanted: Wanted,
        partitions: usize,
        moves: Arc<Moves>,
    ) -> Self {
        let mut needed: Vec<&str> = [BUCKET].iter().chain(&KEY_COLUMNS).chain(&wanted.columns).copied().collect();
        let ties = match wanted.any_order_of_ties {
            true => vec![Ties::default(); files.len()],
            // Rows that move meet rows of the file that they come from.
            false if !moves.is_empty() => vec![Ties { in_time: true, in_arrival: true }; files.len()],
            false => ties_of(&files),
        };
        needed.extend(ARRIVAL_COLUMNS.iter().filter(|_| ties.iter().any(|ties| ties.in_time)));
        needed.extend(ID_COLUMNS.iter().filter(|_| ties.iter().any(|ties| ties.in_arrival)));
        let columns = columns();
        let fields: Vec<_> = columns.fields().iter().filter(|f| needed.contains(&f.name().as_str())).cloned().collect();
        let names = fields.iter().map(|f| f.name().clone()).collect();
        let typed = wanted.typed.iter().map(|column| Arc::new(column.field()));
        let schema = Arc::new(Schema::new(fields.into_iter().chain(typed).collect::<Vec<_>>()));
        let partitions = bucket_ranges(partitions);
        let properties = Arc::new(properties(&schema, partitions.len()));
        let (moved, metrics) = (Arc::default(), ExecutionPlanMetricsSet::new());
        let wanted = Arc::new(wanted);
        let meter = None;
        Self { store, version, files, moves, moved, names, ties, wanted, partitions, properties, metrics, meter }
    }

    /// Counts the rows that are read.
    #[must_use]
    pub fn counted_by(self, meter: Option<Arc<Meter>>) -> Self {
        Self { meter, ..self }
    }

    /// The properties that are given apart from the text, which then need not be put together from all that have columns.
    fn apart(&self) -> Option<Apart<'_>> {
        let Wanted { typed, known, text_for_these, of_kind, .. } = self.wanted.as_ref();
        Some(Apart { columns: typed, known, text_for_these: *text_for_these, of_kind })
    }

    /// The columns that a walk over [`Rows`] reads of a file: it sees to the order by itself.
    fn names_of_rows(&self, ties: Ties) -> Vec<&str> {
        let is_read = |name: &&str| {
            let breaks_ties =
                ARRIVAL_COLUMNS.contains(name) && !ties.in_time || ID_COLUMNS.contains(name) && !ties.in_arrival;
            *name != BUCKET && (!breaks_ties || self.wanted.columns.contains(name))
        };
        self.names.iter().map(String::as_str).filter(is_read).collect()
    }

    /// The rows of a partition where they lie: what [`execute`](ExecutionPlan::execute) gives, without the column of buckets
    /// and without copying any. Files are opened now.
    ///
    /// # Errors
    /// A file that cannot be read; also later, from the rows.
    pub async fn rows(&self, partition: usize) -> std::result::Result<Rows, LakeError> {
        let names: Vec<Vec<&str>> = self.ties.iter().map(|ties| self.names_of_rows(*ties)).collect();
        let runs = self.open(partition, &names).await?;
        Ok(Rows { runs, metrics: BaselineMetrics::new(&self.metrics, partition) })
    }

    /// Opens each file with the columns that are named for it.
    async fn open(&self, partition: usize, names: &[Vec<&str>]) -> std::result::Result<Runs, LakeError> {
        let buckets = self.partitions[partition].clone();
        let moved = self.moved().await?;
        let mut inputs = Vec::with_capacity(self.files.len() + 1);
        for (file, names) in self.files.iter().zip(names) {
            let (store, version, apart) = (&self.store, self.version, self.apart());
            let read = Read { columns: names, buckets: buckets.clone(), batch_rows: reader::BATCH_ROWS };
            let batches = match &self.wanted.user {
                Some(user) => resolve::open_user(store, version, file, names, apart, moved, user).await?,
                None => resolve::open(store, version, file, &read, apart, moved).await?,
            };
            inputs.push(in_turns(batches, self.meter.clone()));
        }
        if !moved.is_empty() {
            inputs.push(in_turns(moved.rows(&buckets), None));
        }
        let wanted = Arc::clone(&self.wanted);
        let select: Option<Select> = match wanted.rows.is_everything() {
            true => None,
            false => Some(Arc::new(move |batch| wanted.rows.rows(batch))),
        };
        Runs::new(inputs, select).await
    }

    /// What it takes to read all of it, by the footers of its files.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub async fn cost(&self) -> std::result::Result<Cost, LakeError> {
        let mut whole = Cost::default();
        for (file, ties) in self.files.iter().zip(&self.ties) {
            let names = self.names_of_rows(*ties);
            let cost = reader::cost(&self.store, self.version, file, &names, self.apart()).await?;
            whole.bytes += cost.bytes;
            whole.requests += cost.requests;
        }
        Ok(whole)
    }

    async fn moved(&self) -> std::result::Result<&Moved, LakeError> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let collect =
            || Moved::collect(&self.store, self.version, &self.files, &names, self.apart(), &self.moves, usize::MAX);
        self.moved.get_or_try_init(collect).await
    }
}

/// What rows of a file can have in common with rows of others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Ties {
    /// User and time.
    in_time: bool,
    /// These, and the time of receipt.
    in_arrival: bool,
}

/// The ties that rows of each file can be in. Files that have no bucket in common have no user in common.
fn ties_of(files: &[Arc<DataFile>]) -> Vec<Ties> {
    let overlap = |a: (i64, i64), b: (i64, i64)| a.0 <= b.1 && b.0 <= a.1;
    let mut ties = vec![Ties::default(); files.len()];
    for (i, a) in files.iter().enumerate() {
        for (j, b) in files.iter().enumerate().skip(i + 1) {
            let in_time = overlap((a.min_time_ms, a.max_time_ms), (b.min_time_ms, b.max_time_ms))
                && a.bucket_rows.iter().zip(&b.bucket_rows).any(|(a, b)| *a > 0 && *b > 0);
            let received = |file: &DataFile| (file.min_received_ms, file.max_received_ms);
            let in_arrival = in_time && overlap(received(a), received(b));
            for at in [i, j] {
                ties[at].in_time |= in_time;
                ties[at].in_arrival |= in_arrival;
            }
        }
    }
    ties
}

/// The buckets in so many ranges, as equal as can be.
fn bucket_ranges(partitions: usize) -> Vec<Range<usize>> {
    let n = partitions.clamp(1, BUCKETS);
    (0..n).map(|i| i * BUCKETS / n..(i + 1) * BUCKETS / n).collect()
}

fn properties(schema: &SchemaRef, partitions: usize) -> PlanProperties {
    let column = |name: &str| schema.index_of(name).map(|at| Arc::new(Column::new(name, at)) as Arc<dyn PhysicalExpr>);
    let key: Vec<_> = [BUCKET].iter().chain(&KEY_COLUMNS).filter_map(|name| column(name).ok()).collect();
    let order = key.iter().map(|c| PhysicalSortExpr::new(Arc::clone(c), SortOptions::default()));
    let mut equivalence = EquivalenceProperties::new(Arc::clone(schema));
    equivalence.add_orderings([order.collect::<Vec<_>>()]);
    let partitioning = match column(USER) {
        Ok(user) => Partitioning::Hash(vec![user], partitions),
        Err(_) => Partitioning::UnknownPartitioning(partitions),
    };
    PlanProperties::new(equivalence, partitioning, EmissionType::Incremental, Boundedness::Bounded)
}

impl DisplayAs for MergeScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: u64 = self.files.iter().map(|file| file.rows).sum();
        write!(f, "MergeScanExec: version={}, files={}, rows={rows}, ", self.version, self.files.len())?;
        let columns: Vec<String> =
            self.names.iter().cloned().chain(self.wanted.typed.iter().map(TypedColumn::name)).collect();
        write!(f, "columns=[{}]", columns.join(", "))?;
        if let Some(events) = &self.wanted.rows.events {
            write!(f, ", events=[{}]", events.iter().map(String::as_str).collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }
}

impl ExecutionPlan for MergeScanExec {
    fn name(&self) -> &'static str {
        "MergeScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let scan = Scan { exec: self.clone(), partition, merge: None };
        let batches = futures::stream::try_unfold((scan, metrics), |(mut scan, metrics)| async move {
            let next = scan.next().await.map_err(|e| DataFusionError::External(Box::new(e)))?;
            Ok(next.map(|batch| (batch.record_output(&metrics), (scan, metrics))))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// One running partition: files are opened with the first batch.
struct Scan {
    exec: MergeScanExec,
    partition: usize,
    merge: Option<Merge>,
}

impl Scan {
    async fn next(&mut self) -> Result<Option<arrow::array::RecordBatch>, LakeError> {
        let merge = match &mut self.merge {
            Some(merge) => merge,
            None => {
                let names: Vec<&str> = self.exec.names.iter().map(String::as_str).collect();
                let runs = self.exec.open(self.partition, &vec![names; self.exec.files.len()]).await?;
                self.merge.insert(Merge::of(runs, reader::BATCH_ROWS))
            }
        };
        merge.next().await
    }
}

/// The rows of one partition, in order, where they lie.
#[derive(Debug)]
pub struct Rows {
    runs: Runs,
    metrics: BaselineMetrics,
}

impl Rows {
    /// The next rows; `None` at the end.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub async fn next(&mut self) -> std::result::Result<Option<Run<'_>>, LakeError> {
        let run = self.runs.next(usize::MAX).await?;
        if let Some(run) = &run {
            self.metrics.record_output(run.rows().len());
        }
        Ok(run)
    }
}

/// Between two batches others have their turn, and a question whose asker is gone ends.
fn in_turns(batches: Batches, meter: Option<Arc<Meter>>) -> Batches {
    let batches = batches.then(move |batch| {
        if let (Some(meter), Ok(batch)) = (&meter, &batch) {
            meter.add(batch.num_rows() as u64);
        }
        async move {
            tokio::task::yield_now().await;
            batch
        }
    });
    batches.boxed()
}

#[cfg(test)]
mod tests {
    use weir_lake::snapshot::Level;

    use super::*;

    /// A file with events between two instants, received at one, in some buckets.
    fn file(time_ms: (i64, i64), received_ms: i64, buckets: Range<usize>) -> Arc<DataFile> {
        Arc::new(DataFile {
            path: "compacted/2026-01-01/x.parquet".to_owned(),
            bytes: 1,
            rows: buckets.len() as u64,
            min_time_ms: time_ms.0,
            max_time_ms: time_ms.1,
            min_received_ms: received_ms,
            max_received_ms: received_ms,
            level: Level::Compacted(1),
            bucket_rows: (0..BUCKETS).map(|bucket| u64::from(buckets.contains(&bucket))).collect(),
            landed_in: 1,
            links: None,
        })
    }

    #[test]
    fn files_can_tie_that_have_times_and_a_bucket_in_common() {
        let ties = |in_time, in_arrival| Ties { in_time, in_arrival };
        let (all, low, high) = (0..64, 0..32, 32..64);
        let early = file((0, 9), 100, all.clone());
        assert_eq!(ties_of(&[Arc::clone(&early), file((10, 19), 100, all.clone())]), [ties(false, false); 2]);
        assert_eq!(ties_of(&[file((0, 9), 100, low.clone()), file((0, 9), 100, high)]), [ties(false, false); 2]);
        // The third one has nothing to do with the others.
        let files = [Arc::clone(&early), file((9, 12), 200, low.clone()), file((20, 29), 100, all)];
        assert_eq!(ties_of(&files), [ties(true, false), ties(true, false), ties(false, false)]);
        assert_eq!(ties_of(&[early, file((9, 12), 100, low)]), [ties(true, true); 2]);
    }

    #[test]
    fn every_bucket_is_in_one_range() {
        for partitions in [0, 1, 2, 3, 7, 64, 1000] {
            let ranges = bucket_ranges(partitions);
            let buckets: Vec<usize> = ranges.into_iter().flatten().collect();
            assert_eq!(buckets, (0..BUCKETS).collect::<Vec<_>>(), "{partitions}");
        }
    }
}
