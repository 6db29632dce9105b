//! [`FileScanExec`]: the rows of a snapshot's files for SQL, each file by itself, in no order.
//!
//! ```text
//!   part 0   file 1, buckets 0 … 31   ▸ rows that can pass ▸ columns of SQL
//!   part 1   file 1, buckets 32 … 63  ▸ …
//!            file 2  file 3           ▸ …
//! ```
//!
//! A *piece* is a file, or the rows of some of its buckets where it is large. Pieces are dealt out so that partitions have about
//! as many rows each. Files are read by the lake's own reader, as for funnels: so properties with columns are read from those, and
//! a damaged file is named.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::filter_record_batch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, ReplaceChildrenOptions,
};
use futures::{StreamExt, TryStreamExt};
use weir_core::identity::Links;
use weir_lake::links::Moves;
use weir_lake::reader::{self, BATCH_ROWS, Batches, Read};
use weir_lake::schema::{BUCKETS, USER, bucket_of};
use weir_lake::{DataFile, LakeError, Snapshot, Store, TableName};

use super::narrowed::Narrowed;
use super::sql_columns::Projection;
use super::wanted::WantedRows;

/// A piece is at least so large: to open a file once more costs as much as some thousands of rows.
const LEAST_PIECE_ROWS: u64 = 65_536;
/// Pieces of a partition that are open at once: while one is read, the footer of the next comes.
const OPEN_AT_ONCE: usize = 2;

/// Leaf operator over the live files of one version.
#[derive(Debug, Clone)]
pub struct FileScanExec {
    scan: Arc<FileScan>,
    partitions: Vec<Vec<Piece>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

/// What is read.
#[derive(Debug)]
pub struct FileScan {
    /// Where the files are.
    pub store: Store,
    /// Which they are.
    pub snapshot: Arc<Snapshot>,
    /// Which of their rows belong to others.
    pub moves: Arc<Moves>,
    /// The columns.
    pub columns: Projection,
    /// Which rows can pass.
    pub narrowed: Narrowed,
}

/// Rows of a file.
#[derive(Debug, Clone)]
struct Piece {
    file: Arc<DataFile>,
    /// All of them where the file has no buckets.
    buckets: Range<usize>,
}

impl FileScanExec {
    /// In at most so many partitions.
    pub fn new(scan: FileScan, partitions: usize) -> Self {
        let partitions = deal_out(scan.pieces(), partitions);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(scan.columns.schema())),
            Partitioning::UnknownPartitioning(partitions.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let metrics = ExecutionPlanMetricsSet::new();
        Self { scan: Arc::new(scan), partitions, properties: Arc::new(properties), metrics }
    }
}

impl Piece {
    fn rows(&self) -> u64 {
        self.file.bucket_rows.get(self.buckets.clone()).map_or(self.file.rows, |buckets| buckets.iter().sum())
    }

    /// In pieces of about so many rows.
    fn split(self, rows: u64) -> Vec<Self> {
        let (mut pieces, mut from, mut sum) = (Vec::new(), self.buckets.start, 0);
        for bucket in self.buckets.clone() {
            sum += self.file.bucket_rows.get(bucket).copied().unwrap_or_default();
            if sum >= rows {
                pieces.push(Self { file: Arc::clone(&self.file), buckets: from..bucket + 1 });
                (from, sum) = (bucket + 1, 0);
            }
        }
        if from < self.buckets.end || pieces.is_empty() {
            pieces.push(Self { buckets: from..self.buckets.end, ..self });
        }
        pieces
    }
}

/// Pieces, so that partitions have about as many rows each. At least one partition.
fn deal_out(pieces: Vec<Piece>, partitions: usize) -> Vec<Vec<Piece>> {
    let partitions = partitions.max(1);
    let all: u64 = pieces.iter().map(Piece::rows).sum();
    let share = (all / partitions as u64).max(LEAST_PIECE_ROWS);
    let mut pieces: Vec<(u64, Piece)> = pieces
        .into_iter()
        .flat_map(|piece| if piece.rows() > share { piece.split(share) } else { vec![piece] })
        .map(|piece| (piece.rows(), piece))
        .filter(|(rows, _)| *rows > 0)
        .collect();
    pieces.sort_by_key(|(rows, _)| std::cmp::Reverse(*rows));
    let mut dealt = vec![(0, Vec::new()); partitions.clamp(1, pieces.len().max(1))];
    for (rows, piece) in pieces {
        if let Some((sum, partition)) = dealt.iter_mut().min_by_key(|(sum, _)| *sum) {
            *sum += rows;
            partition.push(piece);
        }
    }
    dealt.into_iter().map(|(_, pieces)| pieces).collect()
}

impl FileScan {
    /// Where rows that can pass may lie.
    fn pieces(&self) -> Vec<Piece> {
        let overlaps = |span: (i64, i64), min_ms: i64, max_ms: i64| {
            span.0 <= max_ms.saturating_mul(1000).saturating_add(999) && min_ms.saturating_mul(1000) <= span.1
        };
        let is_wanted = |file: &&Arc<DataFile>| {
            let Narrowed { time, received, .. } = self.narrowed;
            overlaps(received, file.min_received_ms, file.max_received_ms)
                && (self.snapshot.table == TableName::Failed || overlaps(time, file.min_time_ms, file.max_time_ms))
        };
        let files = self.snapshot.files.values().filter(is_wanted);
        files
            .flat_map(|file| self.buckets(file).into_iter().map(|buckets| Piece { file: Arc::clone(file), buckets }))
            .collect()
    }

    /// The buckets that are read of a file.
    fn buckets(&self, file: &DataFile) -> Vec<Range<usize>> {
        let Some(users) = self.narrowed.users.as_ref().filter(|_| self.links_of(file).is_none()) else {
            return std::iter::once(0..BUCKETS).collect();
        };
        let mut buckets: Vec<usize> = users.iter().map(|user| usize::from(bucket_of(user))).collect();
        buckets.sort_unstable();
        buckets.dedup();
        buckets.into_iter().map(|bucket| bucket..bucket + 1).collect()
    }

    /// For a file whose rows may belong to others than they lie under: whose they are.
    fn links_of(&self, file: &DataFile) -> Option<&Links> {
        self.moves.of(&file.path).map(|_| self.moves.links.as_ref())
    }

    async fn open(&self, piece: &Piece) -> std::result::Result<Batches, LakeError> {
        let Snapshot { table, version, .. } = *self.snapshot;
        let columns = self.columns.read(self.links_of(&piece.file).is_some());
        match table {
            TableName::Events => {
                let read = Read { columns: &columns, buckets: piece.buckets.clone(), batch_rows: BATCH_ROWS };
                reader::open_apart(&self.store, version, &piece.file, &read, Some(self.columns.apart())).await
            }
            TableName::Failed => reader::open_all(&self.store, table, version, &piece.file, &columns).await,
        }
    }

    /// The columns that are asked for, of rows that can pass; `None` where there are none.
    fn give(&self, batch: RecordBatch, piece: &Piece) -> std::result::Result<Option<RecordBatch>, LakeError> {
        let links = self.links_of(&piece.file);
        let time_micros = (self.narrowed.time != Narrowed::default().time).then_some(self.narrowed.time);
        let batch = match self.snapshot.table {
            TableName::Events => WantedRows { events: self.narrowed.events.clone(), time_micros }.of(batch)?,
            TableName::Failed => batch,
        };
        let batch = match (&self.narrowed.users, batch.column_by_name(USER)) {
            (Some(wanted), Some(users)) if links.is_none() => {
                let users = users.as_string_view();
                let is_wanted = BooleanBuffer::collect_bool(users.len(), |row| wanted.contains(users.value(row)));
                filter_record_batch(&batch, &BooleanArray::new(is_wanted, None))?
            }
            _ => batch,
        };
        if batch.num_rows() == 0 {
            return Ok(None);
        }
        self.columns.give(&batch, links).map(Some)
    }
}

impl DisplayAs for FileScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Snapshot { table, version, .. } = *self.scan.snapshot;
        let pieces = || self.partitions.iter().flatten();
        let rows: u64 = pieces().map(Piece::rows).sum();
        let columns: Vec<&str> =
            self.scan.columns.schema().fields().iter().map(|field| field.name().as_str()).collect();
        write!(f, "FileScanExec: {}, version={version}, pieces={}, rows={rows}", table.as_str(), pieces().count())?;
        write!(f, ", columns=[{}]", columns.join(", "))
    }
}

impl ExecutionPlan for FileScanExec {
    fn name(&self) -> &'static str {
        "FileScanExec"
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
        let pieces = self.partitions.get(partition).cloned().unwrap_or_default();
        let scan = Arc::clone(&self.scan);
        let opened = futures::stream::iter(pieces).then(move |piece| {
            let scan = Arc::clone(&scan);
            async move {
                let batches = scan.open(&piece).await?;
                let given = batches.map(move |batch| batch.and_then(|batch| scan.give(batch, &piece)).transpose());
                Ok::<_, LakeError>(given.filter_map(std::future::ready).boxed())
            }
        });
        let batches = opened.boxed().try_flatten_unordered(OPEN_AT_ONCE);
        let batches = batches.map(move |batch| match batch {
            Ok(batch) => Ok(batch.record_output(&metrics)),
            Err(error) => Err(DataFusionError::External(Box::new(error))),
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, bucket_rows: Vec<u64>) -> Arc<DataFile> {
        Arc::new(DataFile {
            path: path.to_owned(),
            bytes: 1,
            rows: bucket_rows.iter().sum(),
            min_time_ms: 0,
            max_time_ms: 0,
            min_received_ms: 0,
            max_received_ms: 0,
            level: weir_lake::snapshot::Level::Landed,
            bucket_rows,
            landed_in: 0,
            links: None,
        })
    }

    fn piece(path: &str, bucket_rows: Vec<u64>) -> Piece {
        Piece { file: file(path, bucket_rows), buckets: 0..BUCKETS }
    }

    #[test]
    fn large_files_are_shared_and_every_row_is_in_one_piece() {
        let large: Vec<u64> = (0..BUCKETS as u64).map(|bucket| 10_000 + bucket * 100).collect();
        let all: u64 = large.iter().sum::<u64>() + 640;
        for partitions in [1, 2, 3, 8] {
            let dealt = deal_out(vec![piece("large", large.clone()), piece("small", vec![10; BUCKETS])], partitions);
            assert_eq!(dealt.len(), partitions);
            assert_eq!(dealt.iter().flatten().map(Piece::rows).sum::<u64>(), all, "{partitions}");
            let mut buckets: Vec<usize> =
                dealt.iter().flatten().filter(|p| p.file.path == "large").flat_map(|p| p.buckets.clone()).collect();
            buckets.sort_unstable();
            assert_eq!(buckets, (0..BUCKETS).collect::<Vec<_>>(), "{partitions}");
            let most = dealt.iter().map(|part| part.iter().map(Piece::rows).sum::<u64>()).max().unwrap();
            assert!(most <= all / partitions as u64 + LEAST_PIECE_ROWS, "{partitions}: {most}");
        }
        // Small files stay whole, and no file at all is one partition without rows.
        assert_eq!(deal_out(vec![piece("a", vec![1; BUCKETS]), piece("b", vec![1; BUCKETS])], 8).len(), 2);
        assert_eq!(deal_out(Vec::new(), 8).len(), 1);
    }

    #[test]
    fn a_file_without_buckets_is_one_piece() {
        let mut file = DataFile::clone(&file("failed", Vec::new()));
        file.rows = 1_000_000;
        let dealt = deal_out(vec![Piece { file: Arc::new(file), buckets: 0..BUCKETS }], 1);
        assert_eq!(dealt[0].iter().map(Piece::rows).collect::<Vec<_>>(), [1_000_000]);
    }
}
