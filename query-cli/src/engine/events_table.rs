//! The tables `events` and `failed` for SQL: the live files of one snapshot each, with the columns that people ask for.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder, StringViewBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, Result};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::{TableProvider, TableType, ViewTable, provider_as_source};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlanBuilder, ScalarUDF, TableProviderFilterPushDown, Volatility, create_udf,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::{col, ident, when};
use weir_core::event::uuid_text;
use weir_core::identity::Links;
use weir_lake::failed::FAILED_ID;
use weir_lake::links::Moves;
use weir_lake::schema::{ANONYMOUS_ID, EVENT_ID, EVENT_UUID, PROPERTIES, USER_ID, columns_of};
use weir_lake::typed::{TypedColumn, completed, join};
use weir_lake::{Snapshot, TableName};

/// Where DataFusion finds the lake's store.
pub const STORE_URL: &str = "weir://lake/";

/// The raw columns of the live files.
#[derive(Debug)]
struct LiveFiles {
    snapshot: Arc<Snapshot>,
    schema: SchemaRef,
    partitions: usize,
}

/// The table `events`: one `event_id` column, and none that only the lake needs. Where rows of anonymous ids are still to be
/// moved to their users, `user` is the user that they are now. `properties` is whole, and a property that has a column has it in
/// every row, also of files that do not have the column.
///
/// # Errors
/// Only if the plan of the view cannot be built, which would be a defect.
pub fn events_table(snapshot: Arc<Snapshot>, moves: &Moves, partitions: usize) -> Result<Arc<dyn TableProvider>> {
    let typed = snapshot.typed_columns().to_vec();
    let files = Arc::new(LiveFiles { schema: sql_schema(snapshot.table, &typed), snapshot, partitions });
    let event_id = when(col(EVENT_UUID).is_null(), col(EVENT_ID))
        .otherwise(uuid_to_text().call(vec![col(EVENT_UUID)]))?
        .alias("event_id");
    let plain = ["user", "event", "time", "received_at", "source", "user_id", "anonymous_id", "session_id"];
    let mut shown: Vec<Expr> = plain.iter().map(|name| col(*name)).collect();
    shown.insert(5, event_id);
    if !moves.is_empty() {
        let belongs_to = user_now(Arc::clone(&moves.links));
        shown[0] = belongs_to.call(["user", USER_ID, ANONYMOUS_ID].map(col).to_vec()).alias("user");
    }
    let property_columns = typed.iter().map(|column| ident(column.name()));
    let properties = match typed.is_empty() {
        true => col(PROPERTIES),
        false => whole_properties(&typed).call(std::iter::once(col(PROPERTIES)).chain(property_columns).collect()),
    };
    shown.extend([properties.alias(PROPERTIES), col("context")]);
    for column in &typed {
        let name = column.name();
        shown.push(typed_value(column).call(vec![ident(&name), col(PROPERTIES)]).alias(name));
    }
    let plan = LogicalPlanBuilder::scan("files", provider_as_source(files), None)?.project(shown)?.build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// The table `failed`. A row that is there twice, under one id, counts once.
///
/// # Errors
/// As [`events_table`].
pub fn failed_table(snapshot: Arc<Snapshot>, partitions: usize) -> Result<Arc<dyn TableProvider>> {
    let schema = sql_schema(snapshot.table, &[]);
    let shown = schema.fields().iter().map(|field| col(field.name())).collect();
    let files = Arc::new(LiveFiles { snapshot, schema, partitions });
    let scan = LogicalPlanBuilder::scan("files", provider_as_source(files), None)?;
    let plan = scan.distinct_on(vec![col(FAILED_ID)], shown, None)?.build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// As the lake has them; names as plain text, which is what SQL functions like best.
fn sql_schema(table: TableName, typed: &[TypedColumn]) -> SchemaRef {
    let fields = columns_of(table)
        .fields()
        .iter()
        .map(|field| match field.data_type() {
            DataType::Dictionary(..) => Arc::new(Field::new(field.name(), DataType::Utf8View, field.is_nullable())),
            _ => Arc::clone(field),
        })
        .chain(typed.iter().map(|column| Arc::new(column.field())))
        .collect::<Vec<_>>();
    Arc::new(Schema::new(fields))
}

/// Whose a row is by the links: of `user`, as the file has it, `user_id` and `anonymous_id`, as sent.
fn user_now(links: Arc<Links>) -> ScalarUDF {
    let function = move |args: &[ColumnarValue]| -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(args)?;
        let [users, user_ids, ids] = [0, 1, 2].map(|at| arrays[at].as_string_view());
        let mut now = StringViewBuilder::with_capacity(users.len()).with_deduplicate_strings();
        for row in 0..users.len() {
            let is_anonymous = user_ids.is_null(row) && ids.is_valid(row);
            now.append_value(if is_anonymous { links.user_of(ids.value(row)) } else { users.value(row) });
        }
        Ok(ColumnarValue::Array(Arc::new(now.finish()) as ArrayRef))
    };
    let arguments = vec![DataType::Utf8View; 3];
    create_udf("user_now", arguments, DataType::Utf8View, Volatility::Immutable, Arc::new(function))
}

/// Properties as one text, of the rest and the typed columns.
fn whole_properties(typed: &[TypedColumn]) -> ScalarUDF {
    let arguments = std::iter::once(DataType::Utf8View).chain(typed.iter().map(|column| column.kind.data_type()));
    let (arguments, typed): (Vec<_>, _) = (arguments.collect(), typed.to_vec());
    let function = move |args: &[ColumnarValue]| -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(args)?;
        let columns: Vec<_> = typed.iter().zip(&arrays[1..]).collect();
        Ok(ColumnarValue::Array(Arc::new(join(arrays[0].as_string_view(), &columns)) as ArrayRef))
    };
    create_udf("whole_properties", arguments, DataType::Utf8View, Volatility::Immutable, Arc::new(function))
}

/// The value of a property that has a column: in the column, or else in the rest, where a file lacks the column.
fn typed_value(column: &TypedColumn) -> ScalarUDF {
    let (arguments, kind) = (vec![column.kind.data_type(), DataType::Utf8View], column.kind.data_type());
    let (name, column) = (format!("value_of_{}", column.name()), column.clone());
    let function = move |args: &[ColumnarValue]| -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(args)?;
        Ok(ColumnarValue::Array(completed(&column, arrays[1].as_string_view(), &arrays[0])))
    };
    create_udf(&name, arguments, kind, Volatility::Immutable, Arc::new(function))
}

/// 16 bytes as the text of a UUID.
fn uuid_to_text() -> ScalarUDF {
    let function = |args: &[ColumnarValue]| -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(args)?;
        let uuids = arrays[0].as_binary_view();
        let mut texts = StringBuilder::new();
        for row in 0..uuids.len() {
            let uuid = uuids.is_valid(row).then(|| <&[u8; 16]>::try_from(uuids.value(row)).ok()).flatten();
            texts.append_option(uuid.map(uuid_text));
        }
        Ok(ColumnarValue::Array(Arc::new(texts.finish()) as ArrayRef))
    };
    create_udf("uuid_text", vec![DataType::BinaryView], DataType::Utf8, Volatility::Immutable, Arc::new(function))
}

#[async_trait]
impl TableProvider for LiveFiles {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // Statistics leave out row groups; what is left is filtered again above.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut source =
            ParquetSource::new(Arc::clone(&self.schema)).with_table_parquet_options(parquet_options(state));
        if let Some(filter) = conjunction(filters.to_vec()) {
            let schema = DFSchema::try_from(Arc::clone(&self.schema))?;
            source = source.with_predicate(state.create_physical_expr(filter, &schema)?);
        }
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::parse(STORE_URL)?, Arc::new(source))
            .with_file_groups(self.file_groups())
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

fn parquet_options(state: &dyn Session) -> TableParquetOptions {
    TableParquetOptions { global: state.config_options().execution.parquet.clone(), ..TableParquetOptions::default() }
}

impl LiveFiles {
    /// The files, dealt out so that partitions have about as many rows each.
    fn file_groups(&self) -> Vec<FileGroup> {
        let mut files: Vec<_> = self.snapshot.files.values().collect();
        files.sort_by_key(|f| std::cmp::Reverse(f.rows));
        let mut groups = vec![(0, Vec::new()); self.partitions.clamp(1, files.len().max(1))];
        for file in files {
            if let Some((rows, group)) = groups.iter_mut().min_by_key(|(rows, _)| *rows) {
                *rows += file.rows;
                group.push(PartitionedFile::new(self.snapshot.table.data(&file.path).to_string(), file.bytes));
            }
        }
        groups.into_iter().map(|(_, files)| FileGroup::new(files)).collect()
    }
}
