//! `weir reports check`: answers of reports held against their bounds, now.

use std::sync::Arc;

use serde::Serialize;
use serde_json::json;
use weir_core::ports::SystemClock;
use weir_lake::Table as LakeTable;

use super::open_store;
use super::reports::find;
use crate::args::CheckReportsArgs;
use crate::checks::{CheckResult, CheckState, Checks};
use crate::engine::Engine;
use crate::error::Failure;
use crate::output;
use crate::render::numbers::{counted, figure};
use crate::render::table::{Align, Table};
use crate::render::{Records, TableReport};

/// Runs the command: a check that fails, or that could not be run, is a failure.
///
/// # Errors
/// Whatever is wrong with the lake or a report, and a check that does not hold.
pub async fn run(args: &CheckReportsArgs) -> Result<(), Failure> {
    let store = open_store(&args.common.lake).await?;
    LakeTable::must_exist(&store).await?;
    let engine = Engine::new(store, Arc::new(SystemClock));
    let checks = Checks::new(engine.clone(), args.webhooks.webhooks());
    let mut results = Vec::new();
    for report in &args.reports {
        let report = find(engine.library(), report).await?;
        results.push(checks.run(&report.id).await?);
    }
    if args.reports.is_empty() {
        results = checks.run_all().await?;
    }
    let bad = results.iter().filter(|result| is_bad(result)).count();
    let all = counted(results.len() as u64, "check");
    output::print(&List(results), args.common.output.format)?;
    match bad {
        0 => Ok(()),
        1 => Err(Failure::failed(format!("1 of {all} does not hold"))),
        several => Err(Failure::failed(format!("{several} of {all} do not hold"))),
    }
}

fn is_bad(result: &CheckResult) -> bool {
    matches!(result.state, CheckState::Failing | CheckState::Error)
}

/// What it prints: its document is an array.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct List(Vec<CheckResult>);

impl TableReport for List {
    fn records(&self) -> Records {
        let columns = vec![
            "report",
            "name",
            "revision",
            "state",
            "measure",
            "value",
            "below",
            "above",
            "checked_at",
            "message",
            "webhook",
        ];
        let row = |result: &CheckResult| {
            vec![
                json!(result.report),
                json!(result.name),
                json!(result.revision),
                json!(result.state),
                json!(result.measure),
                json!(result.value),
                json!(result.below),
                json!(result.above),
                json!(result.checked_at),
                json!(result.message),
                json!(result.webhook),
            ]
        };
        Records { columns, rows: self.0.iter().map(row).collect() }
    }

    fn table(&self) -> Table {
        let left = |title: &str| (title.to_owned(), Align::Left);
        let mut columns = ["report", "state"].map(left).to_vec();
        columns.push(("value".to_owned(), Align::Right));
        columns.push(left("says"));
        let mut table = Table::new(columns);
        for result in &self.0 {
            let state = match result.state {
                CheckState::Ok => "ok",
                CheckState::Failing => "failing",
                CheckState::None => "no value",
                CheckState::Error => "error",
                CheckState::Waiting => "waiting",
            };
            let value = result.value.map(figure).unwrap_or_default();
            table.row(vec![result.name.clone(), state.to_owned(), value, result.message.clone()]);
        }
        table
    }
}
