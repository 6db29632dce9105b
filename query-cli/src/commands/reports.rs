//! `weir reports`: questions that are kept in the lake.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use weir_core::ports::{Clock, RandomIds, SystemClock};
use weir_core::saved::Report as SavedReport;
use weir_core::spec::{SpecError, SpecProblem, read as read_json};
use weir_lake::Table as LakeTable;
use weir_lake::names::{SavedKind, is_saved_id};

use super::ask::ask;
use super::{open_store, read_text};
use crate::args::{
    CommonReportsArgs, ListReportsArgs, OneReportArgs, RemoveReportArgs, ReportsArgs, ReportsCommand, RunReportArgs,
    SaveReportArgs, ShowReportArgs,
};
use crate::error::Failure;
use crate::output;
use crate::render::numbers::count;
use crate::render::table::{Align, Table, plain};
use crate::render::{Records, Report, TableReport};
use crate::saved::{Body, Document, Library, SavedError, Saving};

const KIND: SavedKind = SavedKind::Reports;

/// Runs the command.
///
/// # Errors
/// Whatever is wrong with the lake, the report or what is to be saved.
pub async fn run(args: &ReportsArgs) -> Result<(), Failure> {
    match &args.command {
        ReportsCommand::List(args) => list(args).await,
        ReportsCommand::Show(args) => show(args).await,
        ReportsCommand::History(args) => history(args).await,
        ReportsCommand::Save(args) => save(args).await,
        ReportsCommand::Remove(args) => remove(args).await,
        ReportsCommand::Run(args) => run_report(args).await,
        ReportsCommand::Check(args) => super::checks::run(args).await,
    }
}

/// What is saved in a lake: a folder that holds none is none.
async fn library(args: &CommonReportsArgs) -> Result<Library, Failure> {
    let store = open_store(&args.lake).await?;
    LakeTable::must_exist(&store).await?;
    Ok(Library::new(store))
}

/// Nobody has a name on the command line.
fn now() -> Saving<'static> {
    Saving { by: None, now_ms: SystemClock.now_ms() }
}

async fn list(args: &ListReportsArgs) -> Result<(), Failure> {
    let mut reports = library(&args.common).await?.list(KIND).await?;
    reports.retain(|report| report.removed == args.removed);
    reports.sort_by_cached_key(|report| (report.text("folder"), report.text("name")));
    output::print(&List(reports.iter().map(|report| Row::of(report)).collect()), args.common.output.format)
}

async fn show(args: &ShowReportArgs) -> Result<(), Failure> {
    let library = library(&args.common).await?;
    let newest = find(&library, &args.report).await?;
    let document = match args.revision {
        Some(revision) if revision != newest.revision => library.revision(KIND, &newest.id, revision).await?,
        _ => newest.as_ref().clone(),
    };
    output::print(&Whole(document), args.common.output.format)
}

async fn history(args: &OneReportArgs) -> Result<(), Failure> {
    let library = library(&args.common).await?;
    let report = find(&library, &args.report).await?;
    let revisions = library.history(KIND, &report.id).await?;
    output::print(&History(revisions.iter().map(Row::of).collect()), args.common.output.format)
}

async fn save(args: &SaveReportArgs) -> Result<(), Failure> {
    let library = library(&args.common).await?;
    let saved = match &args.id {
        None => {
            let body = body(args, None)?;
            library.create(KIND, body, &RandomIds, now()).await?
        }
        Some(id) => {
            let current = find(&library, id).await?;
            let Some(expected) = args.revision else {
                let message = "no revision given: which one of the report was changed?";
                return Err(Failure::usage(message).hint(format!(
                    "give it with --revision N; it is at {} now, as `weir reports show {id}` prints it",
                    current.revision
                )));
            };
            let body = body(args, current.report())?;
            library.update(KIND, (&current.id, expected), body, now()).await?
        }
    };
    output::print(&One(Row::of(&saved)), args.common.output.format)
}

/// What is to be kept: what options say, over what the report was before.
fn body(args: &SaveReportArgs, before: Option<&SavedReport>) -> Result<Body, Failure> {
    let mut fields = match before {
        Some(report) => serde_json::to_value(report).map_err(Failure::failed)?,
        None => json!({}),
    };
    for (name, value) in [("name", &args.name), ("folder", &args.folder), ("description", &args.description)] {
        if let Some(value) = value {
            fields[name] = json!(value);
        }
    }
    if let Some(file) = &args.spec {
        fields["spec"] = read_json(&read_text(file)?).map_err(|error| named(error, args))?;
    }
    if fields.get("name").is_none() {
        return Err(
            Failure::usage("no name given").hint("a new report needs one: --name NAME; to change one, give its --id")
        );
    }
    if fields.get("spec").is_none() {
        return Err(Failure::usage("no question given")
            .hint("give it as a document with --spec FILE; `weir funnel … --print-spec` prints one"));
    }
    Body::parse(KIND, &fields, SystemClock.now_ms()).map_err(|error| named(error, args))
}

/// Problems under the names of the options that they came from.
fn named(error: SpecError, args: &SaveReportArgs) -> Failure {
    let file = || match args.spec.as_ref().map(|file| file.display().to_string()).as_deref() {
        Some("-") | None => "standard input".to_owned(),
        Some(file) => file.to_owned(),
    };
    let problems = error.problems.into_iter().map(|problem| {
        let field = match problem.field.as_str() {
            "name" | "folder" | "description" => format!("--{}", problem.field),
            "" | "spec" => file(),
            field => field.strip_prefix("spec.").unwrap_or(field).to_owned(),
        };
        SpecProblem { field, ..problem }
    });
    SpecError { problems: problems.collect() }.into()
}

async fn remove(args: &RemoveReportArgs) -> Result<(), Failure> {
    let library = library(&args.common).await?;
    let report = find(&library, &args.report).await?;
    let expected = args.revision.unwrap_or(report.revision);
    let removed = library.remove(KIND, (&report.id, expected), now()).await?;
    output::print(&One(Row::of(&removed)), args.common.output.format)?;
    if !args.common.output.quiet {
        let revision = removed.revision;
        output::say(format_args!("to bring it back: weir reports save --id {} --revision {revision}", removed.id));
    }
    Ok(())
}

async fn run_report(args: &RunReportArgs) -> Result<(), Failure> {
    let library = library(&args.common).await?;
    let document = find(&library, &args.report).await?;
    let Some(report) = document.report() else {
        return Err(newer(&document));
    };
    ask(&report.spec, &args.common.lake, &args.ask, args.common.output).await
}

fn newer(document: &Document) -> Failure {
    let format = document.newer_format().unwrap_or_default();
    Failure::from(SavedError::Newer { kind: KIND, id: document.id.clone(), format })
}

/// The report of this id or name, or the only one whose id begins so.
pub(super) async fn find(library: &Library, wanted: &str) -> Result<Arc<Document>, Failure> {
    let list = "list them with `weir reports list`, and those that are removed with `weir reports list --removed`";
    if is_saved_id(wanted) {
        return match library.get(KIND, wanted).await {
            Err(SavedError::NotThere { .. }) => {
                Err(Failure::failed(format!("there is no report `{wanted}`")).hint(list))
            }
            found => Ok(found?),
        };
    }
    let reports = library.list(KIND).await?;
    let named: Vec<_> = reports.iter().filter(|report| !report.removed && report.text("name") == wanted).collect();
    let found = match named.as_slice() {
        [] => reports.iter().filter(|report| !wanted.is_empty() && report.id.starts_with(wanted)).collect(),
        _ => named,
    };
    match found.as_slice() {
        [one] => Ok(Arc::clone(one)),
        [] => Err(Failure::failed(format!("there is no report `{wanted}`")).hint(list)),
        several => {
            let message = format!("{} reports are called `{wanted}`, or begin so", count(several.len() as u64));
            Err(Failure::failed(message).hint(format!("give the id; {list}")))
        }
    }
}

/// One revision of a report in short.
#[derive(Debug, Clone, Serialize)]
struct Row {
    id: String,
    name: String,
    folder: String,
    description: String,
    kind: Option<String>,
    revision: u64,
    saved_at: Option<String>,
    saved_by: Option<String>,
    removed: bool,
}

/// What `list` prints: its document is an array.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct List(Vec<Row>);

/// What `history` prints.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct History(Vec<Row>);

/// What `save` and `remove` print.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct One(Row);

/// What `show` prints.
#[derive(Debug)]
struct Whole(Document);

impl Row {
    fn of(document: &Document) -> Self {
        Self {
            id: document.id.clone(),
            name: document.text("name"),
            folder: document.text("folder"),
            description: document.text("description"),
            kind: document.field("spec").get("kind").and_then(Value::as_str).map(str::to_owned),
            revision: document.revision,
            saved_at: document.saved_at.clone(),
            saved_by: document.saved_by.clone(),
            removed: document.removed,
        }
    }
}

fn records(rows: &[Row]) -> Records {
    let columns = vec!["id", "name", "folder", "description", "kind", "revision", "saved_at", "saved_by", "removed"];
    let row = |row: &Row| {
        vec![
            json!(row.id),
            json!(row.name),
            json!(row.folder),
            json!(row.description),
            json!(row.kind),
            json!(row.revision),
            json!(row.saved_at),
            json!(row.saved_by),
            json!(row.removed),
        ]
    };
    Records { columns, rows: rows.iter().map(row).collect() }
}

fn table(rows: &[Row]) -> Table {
    let left = |title: &str| (title.to_owned(), Align::Left);
    let mut columns = ["id", "folder", "name", "kind"].map(left).to_vec();
    columns.push(("revision".to_owned(), Align::Right));
    columns.extend(["saved", "by"].map(left));
    let mut table = Table::new(columns);
    for row in rows {
        table.row(vec![
            row.id.clone(),
            row.folder.clone(),
            row.name.clone(),
            row.kind.clone().unwrap_or_default(),
            count(row.revision),
            row.saved_at.clone().unwrap_or_default(),
            row.saved_by.clone().unwrap_or_default(),
        ]);
    }
    table
}

impl TableReport for List {
    fn records(&self) -> Records {
        records(&self.0)
    }

    fn table(&self) -> Table {
        table(&self.0)
    }
}

impl TableReport for One {
    fn records(&self) -> Records {
        records(std::slice::from_ref(&self.0))
    }

    fn table(&self) -> Table {
        table(std::slice::from_ref(&self.0))
    }
}

impl TableReport for History {
    fn records(&self) -> Records {
        records(&self.0)
    }

    fn table(&self) -> Table {
        let mut table = Table::new(vec![
            ("revision".to_owned(), Align::Right),
            ("saved".to_owned(), Align::Left),
            ("by".to_owned(), Align::Left),
            ("name".to_owned(), Align::Left),
            ("".to_owned(), Align::Left),
        ]);
        for row in &self.0 {
            let removed = if row.removed { "removed" } else { "" };
            let (saved, by) = (row.saved_at.clone().unwrap_or_default(), row.saved_by.clone().unwrap_or_default());
            table.row(vec![count(row.revision), saved, by, row.name.clone(), removed.to_owned()]);
        }
        table
    }
}

/// The whole document, as it is kept.
impl Serialize for Whole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.to_json().serialize(serializer)
    }
}

impl Whole {
    fn question(&self) -> String {
        let question = format!("{:#}", self.0.field("spec"));
        question.lines().map(plain).collect::<Vec<_>>().join("\n")
    }
}

impl Report for Whole {
    fn records(&self) -> Records {
        let mut records = records(&[Row::of(&self.0)]);
        records.columns.push("spec");
        records.rows.iter_mut().for_each(|row| row.push(self.0.field("spec")));
        records
    }

    fn text(&self, _: usize) -> String {
        let row = Row::of(&self.0);
        // What somebody wrote does not command the terminal.
        let description: String = row.description.lines().map(|line| format!("{}\n", plain(line))).collect();
        let description = if description.is_empty() { description } else { format!("\n{description}") };
        format!("{}{description}\n{}\n", table(&[row]).text(), self.question())
    }

    fn markdown(&self) -> String {
        format!("{}\n```json\n{}\n```\n", table(&[Row::of(&self.0)]).markdown(), self.question())
    }
}

#[cfg(test)]
#[path = "reports_tests.rs"]
mod tests;
