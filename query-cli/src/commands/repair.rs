//! `weir repair`: mends what `weir doctor` finds, where that can be done.

use compact_fn::erase::closed_requests;
use compact_fn::repair::{Mended, loses, mend, plan};
use serde::Serialize;
use serde_json::{Value, json};
use weir_core::ports::{RandomIds, SystemClock};
use weir_core::time::rfc3339;
use weir_lake::examine::{Broken, Finding, Mend, Options, Severity};
use weir_lake::{Store, any_file, names};

use super::doctor::look_at;
use super::open_store;
use crate::args::RepairArgs;
use crate::error::Failure;
use crate::output;
use crate::render::numbers::{count, counted};
use crate::render::table::{Align, Table};
use crate::render::{Records, TableReport};

/// Runs the command.
///
/// # Errors
/// If there is no lake, or something could not be mended; what was mended before stays so.
pub async fn run(args: &RepairArgs) -> Result<(), Failure> {
    let store = open_store(&args.lake).await?;
    let examined = look_at(&store, Options { deep: args.deep, probe: false }, &args.output).await?;
    let mut report = Repaired { lake: examined.lake, done: args.yes, steps: Vec::new() };
    let mut failed = 0_u64;
    let plan = plan(&examined.findings);
    if !args.output.quiet {
        say_who_may_come_back(&store, &plan).await?;
    }
    for step in plan {
        let mut line = Step::of(&step);
        if loses(&step) && !args.accept_loss {
            line.outcome = LOSSY;
        } else if args.yes {
            match mend(&store, &step, &SystemClock, &RandomIds).await {
                Ok(mended) => {
                    line.take(&mended);
                    if mended.erased > 0 && !args.output.quiet {
                        let rows = counted(mended.erased, "row");
                        output::say(format_args!("{rows} of erased users in `{}` were left out", line.object));
                    }
                }
                Err(error) => {
                    failed += 1;
                    line.outcome = "failed";
                    output::say(format_args!("weir: `{}` was not mended: {error}", line.object));
                }
            }
        }
        report.steps.push(line);
    }
    output::print(&report, args.output.format)?;
    let unmended = examined.findings.iter().filter(|f| f.mend.is_none() && f.severity != Severity::Note);
    if !args.output.quiet {
        say_what_is_left(&report, unmended, args.yes);
    }
    if failed > 0 {
        let failure = Failure::failed(format!("{} could not be mended", counted(failed, "thing")));
        return Err(failure.hint("something else may have been at work: try again, or ask `weir doctor`"));
    }
    let lossy = report.steps.iter().filter(|step| step.outcome == LOSSY).count() as u64;
    match lossy {
        lossy if lossy > 0 && args.yes => {
            let failure = Failure::failed(format!("{} cannot be mended without loss", counted(lossy, "file")));
            Err(failure.hint("restore what is missing from a backup, or go on without it with --accept-loss"))
        }
        _ => Ok(()),
    }
}

/// Of users who were erased long ago the lake knows nothing any more.
async fn say_who_may_come_back(store: &Store, plan: &[Mend]) -> Result<(), Failure> {
    let takes_over = plan.iter().any(|step| matches!(step, Mend::Rewrite { file, .. } if file.is_replaced));
    if takes_over && let Some((closed, latest_ms)) = closed_requests(store).await? {
        output::say(format_args!(
            "{}, the latest of {}, can be recognised no more, but for users who are refused: if a file that is taken over has rows \
             of such a user, they come back; then erase the user again with `weir delete-user`",
            counted(closed, "erasure"),
            rfc3339(latest_ms)
        ));
    }
    Ok(())
}

fn say_what_is_left<'a>(report: &Repaired, unmended: impl Iterator<Item = &'a Finding>, done: bool) {
    for finding in unmended {
        output::say(format_args!("not mended here: {} {}: {}", finding.code, finding.object, finding.remedy));
    }
    let would = report.steps.iter().filter(|step| step.outcome == WOULD).count() as u64;
    if !done && would > 0 {
        output::say(format_args!("nothing was changed; --yes does {}", if would == 1 { "it" } else { "these" }));
    } else if report.steps.is_empty() {
        output::say("nothing was found that can be mended");
    }
}

/// The outcome of a step by which rows would be lost, where nobody agreed to that.
const LOSSY: &str = "needs --accept-loss";
/// The outcome of a step of a dry run.
const WOULD: &str = "would be done";

/// What was done, or would be.
#[derive(Debug, Serialize)]
struct Repaired {
    lake: String,
    /// False: only said.
    done: bool,
    steps: Vec<Step>,
}

/// What becomes of one object.
#[derive(Debug, PartialEq, Serialize)]
struct Step {
    action: &'static str,
    object: String,
    outcome: &'static str,
    /// Rows that are written anew.
    rows: u64,
    /// Events that were there twice, and are left out.
    copies: u64,
    /// Rows that are lost, and the times they are of.
    lost: u64,
    from: Option<String>,
    to: Option<String>,
    /// The version that has it.
    version: Option<u64>,
}

impl Step {
    fn of(mend: &Mend) -> Self {
        let of_file = |action, file: &Broken, rows, copies, lost| Self {
            action,
            object: any_file::name(file.table, &file.path).to_string(),
            outcome: WOULD,
            rows,
            copies,
            lost,
            from: file.range_ms.map(|(from, _)| rfc3339(from)),
            to: file.range_ms.map(|(_, to)| rfc3339(to)),
            version: None,
        };
        match mend {
            Mend::Rewrite { file, copies } => {
                let copies = copies.len() as u64;
                of_file("rewrite", file, file.rows_found.saturating_sub(copies), copies, file.rows_lost())
            }
            Mend::Drop { file } => of_file("drop", file, 0, 0, file.rows.unwrap_or(0)),
            Mend::RemoveCheckpoint { objects } => Self::of_objects("remove", objects.join(", ")),
            Mend::RebuildIds => Self::of_objects("rebuild", names::all_ids().to_string()),
        }
    }

    /// Something that has no rows.
    fn of_objects(action: &'static str, object: String) -> Self {
        let (outcome, rows, copies, lost) = (WOULD, 0, 0, 0);
        Self { action, object, outcome, rows, copies, lost, from: None, to: None, version: None }
    }

    fn take(&mut self, mended: &Mended) {
        self.outcome = "done";
        (self.rows, self.copies, self.lost, self.version) = (mended.rows, mended.copies, mended.lost, mended.version);
    }
}

const COLUMNS: [(&str, Align); 9] = [
    ("action", Align::Left),
    ("object", Align::Left),
    ("outcome", Align::Left),
    ("rows", Align::Right),
    ("copies", Align::Right),
    ("lost", Align::Right),
    ("from", Align::Left),
    ("to", Align::Left),
    ("version", Align::Right),
];

impl Step {
    fn row(&self) -> Vec<Value> {
        vec![
            json!(self.action),
            json!(self.object),
            json!(self.outcome),
            json!(self.rows),
            json!(self.copies),
            json!(self.lost),
            json!(self.from),
            json!(self.to),
            json!(self.version),
        ]
    }
}

impl TableReport for Repaired {
    fn records(&self) -> Records {
        let columns = COLUMNS.iter().map(|(name, _)| *name).collect();
        Records { columns, rows: self.steps.iter().map(Step::row).collect() }
    }

    fn table(&self) -> Table {
        let mut table = Table::new(COLUMNS.iter().map(|(name, align)| ((*name).to_owned(), *align)).collect());
        for step in &self.steps {
            let cell = |value: &Value| match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.as_u64().map_or_else(String::new, count),
                _ => String::new(),
            };
            table.row(step.row().iter().map(cell).collect());
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use weir_lake::TableName;

    use super::*;
    use crate::output::Format;
    use crate::render::render;

    #[test]
    fn what_would_be_done_and_lost_in_every_format() {
        let file = Broken {
            table: TableName::Events,
            path: "landed/x.parquet".to_owned(),
            bytes: 0,
            rows: Some(1_234),
            rows_found: 0,
            range_ms: Some((1_767_225_600_000, 1_767_312_000_000)),
            is_foreign: false,
            is_replaced: false,
        };
        let lost = Mend::Drop { file: file.clone() };
        let found = Broken { rows_found: 1_234, path: "landed/y.parquet".to_owned(), ..file };
        let steps = [lost, Mend::Rewrite { file: found, copies: vec![3, 5] }];
        let repaired = Repaired { lake: "./lake".to_owned(), done: false, steps: steps.iter().map(Step::of).collect() };
        let show = |format| render(&repaired, format, 80).unwrap();
        insta::assert_snapshot!(show(Format::Table), @"
        action   object                   outcome         rows  copies   lost  from                      to                        version
        ───────  ───────────────────────  ─────────────  ─────  ──────  ─────  ────────────────────────  ────────────────────────  ───────
        drop     events/landed/x.parquet  would be done      0       0  1,234  2026-01-01T00:00:00.000Z  2026-01-02T00:00:00.000Z
        rewrite  events/landed/y.parquet  would be done  1,232       2      0  2026-01-01T00:00:00.000Z  2026-01-02T00:00:00.000Z
        ");
        insta::assert_snapshot!(show(Format::Json), @r#"
        {"lake":"./lake","done":false,"steps":[{"action":"drop","object":"events/landed/x.parquet","outcome":"would be done","rows":0,"copies":0,"lost":1234,"from":"2026-01-01T00:00:00.000Z","to":"2026-01-02T00:00:00.000Z","version":null},{"action":"rewrite","object":"events/landed/y.parquet","outcome":"would be done","rows":1232,"copies":2,"lost":0,"from":"2026-01-01T00:00:00.000Z","to":"2026-01-02T00:00:00.000Z","version":null}]}
        "#);
        insta::assert_snapshot!(show(Format::Csv), @"
        action,object,outcome,rows,copies,lost,from,to,version
        drop,events/landed/x.parquet,would be done,0,0,1234,2026-01-01T00:00:00.000Z,2026-01-02T00:00:00.000Z,
        rewrite,events/landed/y.parquet,would be done,1232,2,0,2026-01-01T00:00:00.000Z,2026-01-02T00:00:00.000Z,
        ");
    }
}
