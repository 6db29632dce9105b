//! SQL over a snapshot: read-only, confined to the lake, and bounded in memory.
//!
//! ```text
//!   statement ▸ does it only read? ▸ plan ▸ run ─┬─ events, failed     files of one snapshot: events_table
//!                                                ├─ funnel(…)          the engine of funnels: functions
//!                                                └─ property(…)        a property of a JSON text
//! ```
//!
//! Nothing else is there: the session of a statement knows no file and no store, so none can be named.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Builder, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::Result;
use datafusion::error::DataFusionError;
use datafusion::execution::context::{SQLOptions, SessionState};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStore;
use serde_json::Value;
use url::Url;
use weir_core::nearest::nearest;
use weir_core::property::lookup;
use weir_lake::{Snapshot, Table, TableName};

use super::events_table::{events_table, failed_table};
use super::functions::{FUNNEL, FUNNEL_USERS, Funnel, FunnelUsers, Over};
use super::{Engine, EngineError, own};

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

/// What a statement may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqlLimits {
    /// Bytes that its sorts, joins, groups and windows may hold together. What is read, and what a funnel holds, comes on top.
    pub memory_bytes: usize,
}

impl Default for SqlLimits {
    fn default() -> Self {
        Self { memory_bytes: 1 << 30 }
    }
}

/// Runs one statement.
///
/// # Errors
/// [`EngineError::Sql`] if it is not SQL, not read-only, or names what is not there; [`EngineError::Spec`] for the question of
/// a table function; [`EngineError::Memory`], [`EngineError::Lake`] and [`EngineError::Statement`], now or from the stream, for
/// what goes wrong while it runs.
pub async fn run(
    engine: &Engine,
    snapshot: Arc<Snapshot>,
    query: &str,
    limits: SqlLimits,
) -> Result<SqlRows, EngineError> {
    let planning = |error: DataFusionError| refused(error, limits);
    let context = context(engine, &snapshot, limits).await.map_err(planning)?;
    let state = context.state();
    let statement = state.sql_to_statement(query, &state.config_options().sql_parser.dialect).map_err(planning)?;
    if !only_reads(&statement) {
        return Err(EngineError::Sql(format!("`weir sql` only reads the lake: {} is refused", verb(&statement))));
    }
    if names(&state, &statement, TableName::Failed) {
        let failed = Table::open_if_there(&engine.store, TableName::Failed).await?.map(|table| table.snapshot());
        let failed = failed.unwrap_or_else(|| Arc::new(Snapshot::of(TableName::Failed)));
        let failed = failed_table(&engine.store, &failed, engine.partitions).map_err(planning)?;
        context.register_table(TableName::Failed.as_str(), failed).map_err(planning)?;
    }
    let plan = context.state().statement_to_plan(statement).await.map_err(planning)?;
    // Once more on the plan: a WITH may have what changes something inside.
    let reading = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    reading.verify_plan(&plan).map_err(planning)?;
    let frame = context.execute_logical_plan(plan).await.map_err(planning)?;
    let plan = frame.create_physical_plan().await.map_err(planning)?;
    let schema = plan.schema();
    let stream = execute_stream(plan, context.task_ctx()).map_err(planning)?;
    let batches = stream.map_err(move |error| failed(error, limits));
    Ok(SqlRows { schema, batches: batches.boxed() })
}

/// The session of one statement, with everything that it can name but the failed events, which few ask for.
async fn context(engine: &Engine, snapshot: &Arc<Snapshot>, limits: SqlLimits) -> Result<SessionContext> {
    let config = SessionConfig::new()
        .with_target_partitions(engine.partitions)
        // What a sort sets aside to write to disk, which it never does here.
        .with_sort_spill_reservation_bytes(0);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_limit(limits.memory_bytes, 1.0)
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
        .with_object_store_registry(Arc::new(NoStores))
        .build_arc()?;
    let context = SessionContext::new_with_config_rt(config, runtime);
    let moves = engine.links.moves(&engine.store, snapshot, snapshot.files.values()).await;
    let moves = moves.map_err(|error| DataFusionError::External(Box::new(error)))?;
    let events = events_table(&engine.store, snapshot, moves, engine.partitions);
    context.register_table(TableName::Events.as_str(), events)?;
    let over = Over { engine: engine.clone(), snapshot: Arc::clone(snapshot) };
    context.register_udtf(FUNNEL, Arc::new(Funnel(over.clone())));
    context.register_udtf(FUNNEL_USERS, Arc::new(FunnelUsers(over)));
    context.register_udf(property_text());
    context.register_udf(property_number());
    Ok(context)
}

/// No file and no bucket can be reached from a statement, whatever it says.
#[derive(Debug)]
struct NoStores;

impl ObjectStoreRegistry for NoStores {
    fn register_store(&self, _: &Url, _: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        Err(DataFusionError::Plan(format!(
            "`{url}` cannot be read: a statement sees the tables of the lake and no files"
        )))
    }
}

/// Whether a statement asks, and changes nothing.
fn only_reads(statement: &Statement) -> bool {
    match statement {
        Statement::Statement(statement) => match statement.as_ref() {
            ast::Statement::Query(_) | ast::Statement::ExplainTable { .. } => true,
            ast::Statement::Explain { statement, .. } => matches!(statement.as_ref(), ast::Statement::Query(_)),
            _ => false,
        },
        Statement::Explain(explain) => only_reads(&explain.statement),
        _ => false,
    }
}

/// The words that a statement begins with, such as `CREATE EXTERNAL TABLE`.
fn verb(statement: &Statement) -> String {
    let text = statement.to_string();
    let words = text.split_whitespace().take_while(|word| word.bytes().all(|byte| byte.is_ascii_uppercase()));
    let words: Vec<&str> = words.take(3).collect();
    if words.is_empty() { "this statement".to_owned() } else { words.join(" ") }
}

/// Whether a statement asks for a table. One that cannot be understood asks for none, and is refused later.
fn names(state: &SessionState, statement: &Statement, table: TableName) -> bool {
    let named = state.resolve_table_references(statement);
    named.is_ok_and(|named| named.iter().any(|name| name.table() == table.as_str()))
}

/// Why a statement is not run.
fn refused(error: DataFusionError, limits: SqlLimits) -> EngineError {
    own(error).unwrap_or_else(|error| match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => EngineError::Memory(limits.memory_bytes),
        _ => EngineError::Sql(message_of(&error)),
    })
}

/// Why a statement that runs does not come to its end.
fn failed(error: DataFusionError, limits: SqlLimits) -> EngineError {
    own(error).unwrap_or_else(|error| match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => EngineError::Memory(limits.memory_bytes),
        _ => EngineError::Statement(message_of(&error)),
    })
}

/// What DataFusion says, without its own stage names in front, and with what helps.
fn message_of(error: &DataFusionError) -> String {
    let message = error.strip_backtrace();
    let stages = ["Error during planning: ", "SQL error: ", "Schema error: ", "Execution error: "];
    let message = stages.iter().fold(message.as_str(), |message, stage| message.trim_start_matches(stage));
    if message.contains("only supports a single SQL statement") {
        return "one statement at a time; leave out what follows the first `;`".to_owned();
    }
    let unknown = |kind: &str| message.strip_prefix(kind)?.strip_suffix("' not found");
    if let Some(table) = unknown("table '") {
        let table = table.trim_start_matches("datafusion.public.");
        let known = [TableName::Events, TableName::Failed].map(TableName::as_str);
        return match nearest(table, known) {
            Some(near) => format!("table `{table}` not found; did you mean `{near}`?"),
            None => format!(
                "table `{table}` not found; there are `events` and `failed`, and the functions `{FUNNEL}(…)` and \
                 `{FUNNEL_USERS}(…)`, but no files"
            ),
        };
    }
    if let Some(function) = unknown("table function '") {
        let near = nearest(function, [FUNNEL, FUNNEL_USERS]).unwrap_or(FUNNEL);
        return format!("table function `{function}` not found; did you mean `{near}`?");
    }
    message.to_owned()
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
