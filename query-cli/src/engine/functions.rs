//! The table functions `funnel` and `funnel_users`: questions of users inside of SQL, with the engine of `weir funnel` and over the
//! snapshot of the statement.
//!
//! ```text
//! funnel('view_job', 'apply_start where wage >= 10000 as well paid', 'hired')              steps in shorthand
//! funnel('view_job', 'hired', '{"window": "1d", "breakdown": "region"}')          …and other fields of the question
//! funnel('{"kind": "funnel", "steps": [{"event": "view_job"}], "last": "7d"}')    the whole question
//! ```
//!
//! A question is read while the statement is planned, which fixes its columns; it is asked when the statement runs.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableFunctionArgs, TableFunctionImpl};
use datafusion::datasource::{TableProvider, TableType};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use serde_json::{Value, json};
use weir_core::spec::{FunnelSpec, Spec, SpecError, SpecProblem, parse, parse_step, parse_value};
use weir_lake::Snapshot;

use super::funnel_exec::{self, FunnelExec};
use super::{Engine, EngineError};
use crate::render::funnel::{FunnelView, STEP_COLUMNS};
use crate::render::{Records, Report};

/// One row a step, as `weir funnel --format csv` has them.
pub const FUNNEL: &str = "funnel";
/// One row a user.
pub const FUNNEL_USERS: &str = "funnel_users";

/// What a question is asked of.
#[derive(Debug, Clone)]
pub struct Over {
    /// Who answers.
    pub engine: Engine,
    /// The snapshot of the statement.
    pub snapshot: Arc<Snapshot>,
}

/// `funnel(…)`
#[derive(Debug)]
pub struct Funnel(pub Over);

/// `funnel_users(…)`
#[derive(Debug)]
pub struct FunnelUsers(pub Over);

impl TableFunctionImpl for Funnel {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let spec = Arc::new(question(FUNNEL, args.exprs(), self.0.engine.now_ms())?);
        let schema = step_schema(&spec);
        Ok(Arc::new(Question { over: self.0.clone(), spec, schema, kind: Kind::Steps }))
    }
}

impl TableFunctionImpl for FunnelUsers {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let spec = Arc::new(question(FUNNEL_USERS, args.exprs(), self.0.engine.now_ms())?);
        if spec.previous.is_some() {
            let message = "users are those of one period; leave it out, or ask twice".to_owned();
            return Err(wrong(vec![SpecProblem { field: "compare".to_owned(), message }]));
        }
        Ok(Arc::new(Question { over: self.0.clone(), spec, schema: funnel_exec::schema(), kind: Kind::Users }))
    }
}

fn wrong(problems: Vec<SpecProblem>) -> DataFusionError {
    DataFusionError::External(Box::new(SpecError { problems }))
}

/// The question in the arguments of a function.
fn question(function: &str, arguments: &[Expr], now_ms: i64) -> Result<FunnelSpec> {
    let texts = arguments.iter().enumerate().map(|(at, argument)| match argument {
        Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_owned).ok_or(at),
        _ => Err(at),
    });
    let texts = texts.collect::<std::result::Result<Vec<String>, usize>>().map_err(|at| {
        let message = format!("found `{}`; expected a text in '…': a step, or a question as JSON", arguments[at]);
        wrong(vec![SpecProblem { field: format!("{function}(), argument {}", at + 1), message }])
    })?;
    let funnel = |spec: Spec| spec.into_funnel().map_err(|error| error.problems);
    let spec = match spec_of(&texts, now_ms).and_then(funnel) {
        Ok(spec) => spec,
        Err(problems) => {
            let named = problems.into_iter().map(|problem| match problem.field.as_str() {
                "" => SpecProblem { field: format!("{function}()"), ..problem },
                _ => problem,
            });
            return Err(wrong(named.collect()));
        }
    };
    Ok(spec)
}

/// As JSON, whatever the form, so that all forms have one meaning and one set of messages.
fn spec_of(texts: &[String], now_ms: i64) -> std::result::Result<Spec, Vec<SpecProblem>> {
    let is_json = |text: &str| text.trim_start().starts_with('{');
    let (steps, fields) = match texts {
        [] => {
            let message = "no steps given; name each as a text, in order, or give a question as JSON".to_owned();
            return Err(vec![SpecProblem { field: String::new(), message }]);
        }
        [document] if is_json(document) => return parse(document, now_ms).map_err(|error| error.problems),
        [steps @ .., fields] if is_json(fields) => (steps, Some(fields)),
        steps => (steps, None),
    };
    let mut document = match fields {
        None => json!({}),
        Some(fields) => serde_json::from_str(fields).map_err(|error| {
            let message = format!("not JSON: {error}; expected fields of a question, such as {{\"window\": \"1d\"}}");
            vec![SpecProblem { field: format!("argument {}", texts.len()), message }]
        })?,
    };
    if document.get("steps").is_some() {
        let message = "given twice: as texts before, and here; leave one of them out".to_owned();
        return Err(vec![SpecProblem { field: "steps".to_owned(), message }]);
    }
    let steps: Vec<_> = steps.iter().map(|step| parse_step(step)).collect();
    let unread = steps.iter().enumerate().filter_map(|(at, step)| Some((at, step.as_ref().err()?)));
    let unread = unread.map(|(at, error)| SpecProblem { field: step_name(at), message: error.to_string() });
    let unread: Vec<_> = unread.collect();
    if !unread.is_empty() {
        return Err(unread);
    }
    if document.get("kind").is_none() {
        document["kind"] = json!("funnel");
    }
    document["steps"] = steps.into_iter().flatten().collect();
    parse_value(&document, now_ms).map_err(|error| error.problems.into_iter().map(name_step).collect())
}

fn step_name(at: usize) -> String {
    format!("step {}", at + 1)
}

/// `steps[1].where[0].op` as `step 2, where[0].op`: there is no list where steps are texts.
fn name_step(problem: SpecProblem) -> SpecProblem {
    let step = problem.field.strip_prefix("steps[").and_then(|rest| rest.split_once(']'));
    let Some((Ok(at), below)) = step.map(|(at, below)| (at.parse::<usize>(), below.trim_start_matches('.'))) else {
        return problem;
    };
    let field = if below.is_empty() { step_name(at) } else { format!("{}, {below}", step_name(at)) };
    SpecProblem { field, ..problem }
}

/// What rows are.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Steps,
    Users,
}

/// A question as a table.
#[derive(Debug)]
struct Question {
    over: Over,
    spec: Arc<FunnelSpec>,
    schema: SchemaRef,
    kind: Kind,
}

#[async_trait]
impl TableProvider for Question {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = Arc::clone(&self.schema);
        match self.kind {
            Kind::Steps => {
                let (over, spec) = (self.over.clone(), Arc::clone(&self.spec));
                let steps = Arc::new(Steps { over, spec, schema: Arc::clone(&schema) });
                Ok(Arc::new(StreamingTableExec::try_new(schema, vec![steps], projection, [], false, limit)?))
            }
            Kind::Users => {
                let users = Arc::new(FunnelExec::new(&self.over, &self.spec).await.map_err(external)?);
                let Some(projection) = projection else { return Ok(users) };
                let column = |at: &usize| {
                    let name = schema.field(*at).name();
                    (Arc::new(Column::new(name, *at)) as Arc<dyn PhysicalExpr>, name.clone())
                };
                Ok(Arc::new(ProjectionExec::try_new(projection.iter().map(column), users)?))
            }
        }
    }
}

fn external(error: EngineError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The rows of a funnel, once it is answered.
#[derive(Debug)]
struct Steps {
    over: Over,
    spec: Arc<FunnelSpec>,
    schema: SchemaRef,
}

impl PartitionStream for Steps {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (over, spec, schema) = (self.over.clone(), Arc::clone(&self.spec), Arc::clone(&self.schema));
        let answer = async move {
            let report = over.engine.funnel_over(&over.snapshot, &spec).await.map_err(external)?;
            let view = FunnelView { report: &report, property: None, count: spec.count };
            step_rows(&view.records(), &schema)
        };
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), futures::stream::once(answer)))
    }
}

/// The columns of the CSV of `weir funnel`, as this question has them.
fn step_schema(spec: &FunnelSpec) -> SchemaRef {
    let has_groups = spec.breakdown.is_some() || spec.interval.is_some();
    let has_optional = spec.steps.iter().any(|step| step.optional);
    let mut names: Vec<&str> = spec.previous.iter().map(|_| "period").collect();
    names.extend(["group", "value"].iter().filter(|_| has_groups));
    names.extend(STEP_COLUMNS.iter().filter(|name| has_optional || **name != "taken"));
    let fields = names.into_iter().map(|name| {
        let kind = match name {
            "step" | "count" | "in_window" | "taken" => DataType::Int64,
            "from_first" | "from_previous" | "median_ms" | "p90_ms" => DataType::Float64,
            _ => DataType::Utf8,
        };
        Field::new(name, kind, true)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn step_rows(records: &Records, schema: &SchemaRef) -> Result<RecordBatch> {
    let column = |field: &Arc<Field>| {
        let at = records.columns.iter().position(|name| *name == field.name());
        let values = || records.rows.iter().map(move |row| row.get(at?));
        match field.data_type() {
            DataType::Int64 => Arc::new(Int64Array::from_iter(values().map(|v| v?.as_i64()))) as ArrayRef,
            DataType::Float64 => Arc::new(Float64Array::from_iter(values().map(|v| v?.as_f64()))),
            _ => Arc::new(StringArray::from_iter(values().map(|v| text_of(v?)))),
        }
    };
    Ok(RecordBatch::try_new(Arc::clone(schema), schema.fields().iter().map(column).collect())?)
}

/// A value as text: a JSON string as what it says, anything else as JSON; nothing for null.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
#[path = "functions_tests.rs"]
mod tests;
