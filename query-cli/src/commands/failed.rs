//! `weir failed`: what was sent and not taken, why, and another try.

use std::io::{self, BufRead, IsTerminal};
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use weir_core::ports::Clock;
use weir_lake::failed::FailedRow;

use super::open_store;
use crate::args::{
    ChosenArgs, CommonFailedArgs, DropFailedArgs, FailedArgs, FailedCommand, FilterArgs, ListFailedArgs,
    ReplayFailedArgs, ShowFailedArgs,
};
use crate::error::Failure;
use crate::failed::{FailedEvents, Filter, Replayed, Try, replay, summary, whole};
use crate::output;
use crate::render::numbers::{count, counted};
use crate::render::table::{Align, Table, clip, plain};
use crate::render::{Records, Report, TableReport};
use weir_core::ports::{RandomIds, SystemClock};

/// A longer message is cut in a table for people.
const LONGEST_MESSAGE: usize = 60;

/// Runs the command.
///
/// # Errors
/// Whatever is wrong with the lake, or with the ids that were asked for.
pub async fn run(args: &FailedArgs) -> Result<(), Failure> {
    match &args.command {
        FailedCommand::List(args) => list(args).await,
        FailedCommand::Show(args) => show(args).await,
        FailedCommand::Replay(args) => replay_chosen(args).await,
        FailedCommand::Drop(args) => drop_chosen(args).await,
    }
}

async fn open(args: &CommonFailedArgs) -> Result<FailedEvents, Failure> {
    Ok(FailedEvents::open(&open_store(&args.lake).await?).await?)
}

fn say(args: &CommonFailedArgs, message: impl std::fmt::Display) {
    if !args.output.quiet {
        output::say(message);
    }
}

impl FilterArgs {
    /// What they mean now.
    pub fn filter(&self, now_ms: i64) -> Filter {
        Filter {
            source: self.source.clone(),
            code: self.code.clone(),
            event: self.event.clone(),
            since_ms: self.since.map(|moment| moment.at(now_ms)),
            until_ms: self.until.map(|moment| moment.at(now_ms)),
            prefixes: Vec::new(),
        }
    }
}

/// What a command is to work on: rows with these ids, each of which must be one row, or what the options say.
async fn chosen(failed: &FailedEvents, args: &ChosenArgs) -> Result<Filter, Failure> {
    if args.ids.is_empty() {
        return Ok(args.filter.filter(SystemClock.now_ms()));
    }
    Ok(failed.exactly(&args.ids).await?)
}

async fn list(args: &ListFailedArgs) -> Result<(), Failure> {
    let failed = open(&args.common).await?;
    let filter = args.filter.filter(SystemClock.now_ms());
    let format = args.common.output.format;
    let (shown, lines, total) = if args.each {
        let (rows, total) = failed.newest(&filter, args.limit).await?;
        let rows: Vec<Value> = rows.iter().map(|row| Value::Object(summary(row))).collect();
        let shown = rows.len() as u64;
        output::print(&Rows { columns: &EACH, rows }, format)?;
        (shown, total, total)
    } else {
        let mut groups = failed.groups(&filter).await?;
        let (lines, total) = (groups.len() as u64, groups.iter().map(|group| group.count).sum());
        groups.truncate(args.limit);
        let rows: Vec<Value> = groups.iter().map(|group| Value::Object(group.document())).collect();
        let shown = rows.len() as u64;
        output::print(&Rows { columns: &GROUPS, rows }, format)?;
        (shown, lines, total)
    };
    if total == 0 {
        let which = if filter == Filter::default() { "no failed events" } else { "no such failed events" };
        say(&args.common, which);
    } else if shown < lines {
        let more = counted(lines - shown, "more line");
        say(&args.common, format_args!("{}, and {more}; --limit shows them", counted(total, "failed event")));
    } else {
        say(&args.common, counted(total, "failed event"));
    }
    Ok(())
}

async fn show(args: &ShowFailedArgs) -> Result<(), Failure> {
    let failed = open(&args.common).await?;
    let row = failed.one(&args.id).await?;
    output::print(&One(&row), args.common.output.format)?;
    if !row.failed.is_whole() {
        let (kept, sent) = (count(row.failed.body.len() as u64), count(row.failed.bytes));
        say(&args.common, format_args!("{sent} bytes were sent; of these {kept} were kept, or they are no UTF-8 text"));
    }
    Ok(())
}

async fn replay_chosen(args: &ReplayFailedArgs) -> Result<(), Failure> {
    let mut failed = open(&args.common).await?;
    let filter = chosen(&failed, &args.chosen).await?;
    let how = if args.dry_run { Try::Dry } else { Try::Land };
    let done = replay(&mut failed, &filter, how, Arc::new(SystemClock), Arc::new(RandomIds)).await?;
    output::print(&done, args.common.output.format)?;
    if args.dry_run {
        say(&args.common, "nothing was changed; without --dry-run the good ones land, and duplicates are known");
    }
    Ok(())
}

async fn drop_chosen(args: &DropFailedArgs) -> Result<(), Failure> {
    let mut failed = open(&args.common).await?;
    let filter = chosen(&failed, &args.chosen).await?;
    let meant = failed.drop_all(&filter, true, &SystemClock, &RandomIds).await?;
    if meant > 0 && !args.yes {
        agreed(&format!("remove {} for good?", counted(meant, "failed event")))?;
    }
    let dropped = failed.drop_all(&filter, false, &SystemClock, &RandomIds).await?;
    output::print(&Dropped { dropped }, args.common.output.format)
}

/// Asks, on a terminal; anything but yes is no.
pub(super) fn agreed(question: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() || !output::is_watched() {
        return Err(Failure::usage(format!("{question} there is nobody here to ask")).hint("say so with --yes"));
    }
    output::say(format_args!("{question} [y/N]"));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::failed("nothing was removed")),
    }
}

/// A column: its name, its title in a table, and which way it is flush there.
type Column = (&'static str, &'static str, Align);

const GROUPS: [Column; 8] = [
    ("code", "code", Align::Left),
    ("field", "field", Align::Left),
    ("source", "source", Align::Left),
    ("event", "event", Align::Left),
    ("count", "count", Align::Right),
    ("first_seen", "first seen", Align::Left),
    ("last_seen", "last seen", Align::Left),
    ("message", "the last one's message", Align::Left),
];

const EACH: [Column; 9] = [
    ("failed_id", "failed_id", Align::Left),
    ("received_at", "received", Align::Left),
    ("source", "source", Align::Left),
    ("protocol", "protocol", Align::Left),
    ("event", "event", Align::Left),
    ("code", "code", Align::Left),
    ("field", "field", Align::Left),
    ("body_bytes", "bytes", Align::Right),
    ("message", "message", Align::Left),
];

/// Lines of a list: its document is an array of objects.
struct Rows {
    columns: &'static [Column],
    rows: Vec<Value>,
}

impl Serialize for Rows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.rows.serialize(serializer)
    }
}

impl Rows {
    fn table(&self, longest_message: usize) -> Table {
        let mut table =
            Table::new(self.columns.iter().map(|(_, title, align)| ((*title).to_owned(), *align)).collect());
        for row in &self.rows {
            let cell = |(name, _, _): &Column| match &row[*name] {
                Value::String(text) if *name == "message" => clip(text, longest_message).into_owned(),
                Value::String(text) => text.clone(),
                Value::Number(number) => number.as_u64().map_or_else(|| number.to_string(), count),
                _ => String::new(),
            };
            table.row(self.columns.iter().map(cell).collect());
        }
        table
    }
}

impl Report for Rows {
    fn records(&self) -> Records {
        let row = |row: &Value| self.columns.iter().map(|(name, ..)| row[*name].clone()).collect();
        Records {
            columns: self.columns.iter().map(|(name, ..)| *name).collect(),
            rows: self.rows.iter().map(row).collect(),
        }
    }

    fn text(&self, _width: usize) -> String {
        self.table(LONGEST_MESSAGE).text()
    }

    fn markdown(&self) -> String {
        self.table(usize::MAX).markdown()
    }
}

/// One failed event with what was sent.
struct One<'a>(&'a FailedRow);

impl One<'_> {
    fn fields(&self) -> Vec<(&'static str, Value)> {
        whole(self.0)
    }

    /// Name and value of each field but the body, where there is one.
    fn table(&self) -> Table {
        let mut table = Table::new(vec![("field".to_owned(), Align::Left), ("value".to_owned(), Align::Left)]);
        for (name, value) in self.fields() {
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text,
                other => other.to_string(),
            };
            if name != "body" && !text.is_empty() {
                table.row(vec![name.to_owned(), text]);
            }
        }
        table
    }
}

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.fields())
    }
}

impl Report for One<'_> {
    fn records(&self) -> Records {
        let (columns, row) = self.fields().into_iter().unzip();
        Records { columns, rows: vec![row] }
    }

    fn text(&self, _width: usize) -> String {
        let body: String = self.0.failed.body.lines().map(|line| format!("{}\n", plain(line))).collect();
        format!("{}\n{body}", self.table().text())
    }

    fn markdown(&self) -> String {
        // Four spaces make it a block of code, whatever it holds.
        let body: String = self.0.failed.body.lines().map(|line| format!("    {}\n", plain(line))).collect();
        format!("{}\n{body}", self.table().markdown())
    }
}

/// What `drop` prints.
#[derive(Debug, Serialize)]
struct Dropped {
    dropped: u64,
}

/// A table of one row of figures; nothing where there is none.
fn figures(figures: &[(&'static str, Option<u64>)]) -> (Records, Table) {
    let titles = figures.iter().map(|(name, _)| ((*name).to_owned(), Align::Right)).collect();
    let mut table = Table::new(titles);
    table.row(figures.iter().map(|(_, figure)| figure.map_or_else(String::new, count)).collect());
    let row = figures.iter().map(|(_, figure)| json!(figure)).collect();
    (Records { columns: figures.iter().map(|(name, _)| *name).collect(), rows: vec![row] }, table)
}

impl Replayed {
    fn figures(&self) -> (Records, Table) {
        figures(&[
            ("replayed", Some(self.replayed)),
            ("duplicates", self.duplicates),
            ("failing", Some(self.failing)),
            ("left", Some(self.left)),
            ("version", self.version),
        ])
    }
}

impl TableReport for Replayed {
    fn records(&self) -> Records {
        self.figures().0
    }

    fn table(&self) -> Table {
        self.figures().1
    }
}

impl TableReport for Dropped {
    fn records(&self) -> Records {
        figures(&[("dropped", Some(self.dropped))]).0
    }

    fn table(&self) -> Table {
        figures(&[("dropped", Some(self.dropped))]).1
    }
}

#[cfg(test)]
#[path = "failed_tests.rs"]
mod tests;
