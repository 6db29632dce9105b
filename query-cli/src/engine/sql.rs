//! SQL over a snapshot: read-only, and confined to the lake.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Builder, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::Result;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use serde_json::Value;
use url::Url;
use weir_core::property::lookup;
use weir_lake::links::Moves;
use weir_lake::reader;
use weir_lake::schema::columns_of;
use weir_lake::{LakeError, Snapshot, Store, Table, TableName};

use super::EngineError;
use super::events_table::{STORE_URL, events_table, failed_table};

/// What a statement gives.
pub struct SqlRows {
    /// Columns.
    pub schema: SchemaRef,
    /// Rows, as they come.
    pub batches: BoxStream<'static, Result<RecordBatch, EngineError>>,
}

impl std::fmt::Debug for SqlRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqlRows").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// Runs one statement.
///
/// # Errors
/// [`EngineError::Sql`] if it is not SQL, not read-only, or names what is not there; [`EngineError::Lake`], now or from
/// the stream, if a file is damaged.
pub async fn run(
    store: &Store,
    snapshot: Arc<Snapshot>,
    moves: &Moves,
    query: &str,
    partitions: usize,
) -> Result<SqlRows, EngineError> {
    let failed = match names(query, TableName::Failed) {
        true => Table::open_if_there(store, TableName::Failed).await?.map(|table| table.snapshot()),
        false => None,
    };
    let failed = failed.unwrap_or_else(|| Arc::new(Snapshot::of(TableName::Failed)));
    let context = context(store, &snapshot, moves, &failed, partitions)
        .map_err(|e| EngineError::Internal(e.strip_backtrace()))?;
    let read_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let say = |error: DataFusionError| EngineError::Sql(message_of(&error));
    let frame = context.sql_with_options(query, read_only).await.map_err(say)?;
    let plan = frame.create_physical_plan().await.map_err(say)?;
    let schema = plan.schema();
    let stream = execute_stream(plan, context.task_ctx()).map_err(say)?;
    let store = store.clone();
    let batches = stream.or_else(move |error| {
        let (store, snapshots) = (store.clone(), [Arc::clone(&snapshot), Arc::clone(&failed)]);
        async move { Err(explain(&store, &snapshots, &error).await) }
    });
    Ok(SqlRows { schema, batches: batches.boxed() })
}

/// Whether a statement asks for a table. One that cannot be understood asks for none, and is refused later.
fn names(query: &str, table: TableName) -> bool {
    let state = SessionContext::new().state();
    let statement = state.sql_to_statement(query, &state.config_options().sql_parser.dialect);
    let named = statement.and_then(|statement| state.resolve_table_references(&statement));
    named.is_ok_and(|named| named.iter().any(|name| name.table() == table.as_str()))
}

fn context(
    store: &Store,
    snapshot: &Arc<Snapshot>,
    moves: &Moves,
    failed: &Arc<Snapshot>,
    partitions: usize,
) -> Result<SessionContext> {
    let config = SessionConfig::new().with_target_partitions(partitions).with_parquet_page_index_pruning(false);
    let context = SessionContext::new_with_config(config);
    let url = Url::parse(STORE_URL).map_err(|e| DataFusionError::External(Box::new(e)))?;
    context.register_object_store(&url, store.objects());
    context.register_table(TableName::Events.as_str(), events_table(Arc::clone(snapshot), moves, partitions)?)?;
    context.register_table(TableName::Failed.as_str(), failed_table(Arc::clone(failed), partitions)?)?;
    context.register_udf(property_text());
    context.register_udf(property_number());
    Ok(context)
}

/// What DataFusion says, without its own stage names in front.
fn message_of(error: &DataFusionError) -> String {
    let message = error.strip_backtrace();
    let message = message.trim_start_matches("Error during planning: ").trim_start_matches("SQL error: ");
    if message.contains("not supported")
        && (message.contains("DDL") || message.contains("DML") || message.contains("Statement"))
    {
        return format!("`weir sql` only reads: {message}");
    }
    message.to_owned()
}

/// A failed read is a damaged file as a rule: look which one it is.
async fn explain(store: &Store, snapshots: &[Arc<Snapshot>], error: &DataFusionError) -> EngineError {
    for snapshot in snapshots {
        let columns = columns_of(snapshot.table);
        let names: Vec<&str> = columns.fields().iter().map(|f| f.name().as_str()).collect();
        for file in snapshot.files.values() {
            let check = async {
                let mut batches = reader::open_all(store, snapshot.table, snapshot.version, file, &names).await?;
                while batches.try_next().await?.is_some() {}
                Ok::<_, LakeError>(())
            };
            if let Err(damage) = check.await {
                return EngineError::Lake(damage);
            }
        }
    }
    EngineError::Sql(message_of(error))
}

/// `property(properties, 'cart.total')`: a property as text, or null.
fn property_text() -> ScalarUDF {
    let function = |args: &[ColumnarValue]| {
        let mut texts = StringBuilder::new();
        each_property(args, |value| {
            texts.append_option(value.map(|value| match value {
                Value::String(text) => text,
                other => other.to_string(),
            }));
        })?;
        Ok(ColumnarValue::Array(Arc::new(texts.finish()) as ArrayRef))
    };
    let arguments = vec![DataType::Utf8View, DataType::Utf8View];
    create_udf("property", arguments, DataType::Utf8, Volatility::Immutable, Arc::new(function))
}

/// `property_number(properties, 'price')`: a property that is a number, or null.
fn property_number() -> ScalarUDF {
    let function = |args: &[ColumnarValue]| {
        let mut numbers = Float64Builder::new();
        each_property(args, |value| numbers.append_option(value.and_then(|v| v.as_f64())))?;
        Ok(ColumnarValue::Array(Arc::new(numbers.finish()) as ArrayRef))
    };
    let arguments = vec![DataType::Utf8View, DataType::Utf8View];
    create_udf("property_number", arguments, DataType::Float64, Volatility::Immutable, Arc::new(function))
}

fn each_property(args: &[ColumnarValue], mut take: impl FnMut(Option<Value>)) -> Result<()> {
    let arrays = ColumnarValue::values_to_arrays(args)?;
    let (objects, paths) = (arrays[0].as_string_view(), arrays[1].as_string_view());
    for row in 0..objects.len() {
        let both = objects.is_valid(row) && paths.is_valid(row);
        take(both.then(|| lookup(objects.value(row), paths.value(row))).flatten());
    }
    Ok(())
}
