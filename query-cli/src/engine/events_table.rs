//! The tables `events` and `failed` for SQL: the live files of one snapshot each, with the columns that people ask for.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::datasource::{TableProvider, TableType, ViewTable, provider_as_source};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::col;
use weir_lake::failed::FAILED_ID;
use weir_lake::links::Moves;
use weir_lake::{Snapshot, Store};

use super::file_scan::{FileScan, FileScanExec};
use super::narrowed::Narrowed;
use super::sql_columns::SqlColumns;

/// The live files of a snapshot.
#[derive(Debug)]
struct LiveFiles {
    store: Store,
    snapshot: Arc<Snapshot>,
    moves: Arc<Moves>,
    columns: SqlColumns,
    partitions: usize,
}

/// The table `events`: one `event_id` column, and none that only the lake needs. Where rows of anonymous ids are still to be
/// moved to their users, `user` is the user that they are now. `properties` is whole, and a property that has a column has it in
/// every row, also of files that do not have the column.
pub fn events_table(
    store: &Store,
    snapshot: &Arc<Snapshot>,
    moves: Arc<Moves>,
    partitions: usize,
) -> Arc<dyn TableProvider> {
    Arc::new(LiveFiles {
        store: store.clone(),
        columns: SqlColumns::of(snapshot),
        snapshot: Arc::clone(snapshot),
        moves,
        partitions,
    })
}

/// The table `failed`. A row that is there twice, under one id, counts once.
///
/// # Errors
/// Only if the plan of the view cannot be built, which would be a defect.
pub fn failed_table(store: &Store, snapshot: &Arc<Snapshot>, partitions: usize) -> Result<Arc<dyn TableProvider>> {
    let files = events_table(store, snapshot, Arc::default(), partitions);
    let shown = files.schema().fields().iter().map(|field| col(field.name())).collect();
    let scan = LogicalPlanBuilder::scan("files", provider_as_source(files), None)?;
    let plan = scan.distinct_on(vec![col(FAILED_ID)], shown, None)?.build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

#[async_trait]
impl TableProvider for LiveFiles {
    fn schema(&self) -> SchemaRef {
        self.columns.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let narrows = |filter: &&Expr| match Narrowed::of(filter).is_everything() {
            true => TableProviderFilterPushDown::Unsupported,
            // What is left is filtered again above.
            false => TableProviderFilterPushDown::Inexact,
        };
        Ok(filters.iter().map(narrows).collect())
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let scan = FileScan {
            store: self.store.clone(),
            snapshot: Arc::clone(&self.snapshot),
            moves: Arc::clone(&self.moves),
            columns: self.columns.project(projection),
            narrowed: Narrowed::by(filters),
        };
        Ok(Arc::new(FileScanExec::new(scan, self.partitions)))
    }
}
