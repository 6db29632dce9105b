//! `weir events`: which events a lake has and how often each happened; and one of them in full, with its properties.
//!
//! ```text
//! weir events                 event     count  share  first seen  last seen   28 days to 2026-01-31, UTC
//! weir events view            property  present  types  values
//! ```

mod one;

use serde::{Serialize, Serializer};
use serde_json::json;

use super::{engine, say_foreign};
use crate::args::EventsArgs;
use crate::catalogue::{LakeCatalogue, day};
use crate::error::Failure;
use crate::output;
use crate::render::bars::sparkline;
use crate::render::numbers::{count, counted, percent, share};
use crate::render::table::{Align, Table, clip};
use crate::render::{Records, Report};

/// A longer name is cut in the table for people.
const LONGEST_NAME: usize = 60;
/// Days of the little chart.
const DAYS: i32 = 28;

/// Runs the command.
///
/// # Errors
/// Whatever is wrong with the lake; and where it has no event of the name.
pub async fn run(args: &EventsArgs) -> Result<(), Failure> {
    let engine = engine(&args.lake).await?;
    let catalogue = engine.catalogue().await?;
    match &args.name {
        Some(name) => one::print(&catalogue, name, args.output.format)?,
        None => output::print(&Names(&catalogue), args.output.format)?,
    }
    say_foreign(engine.last_snapshot().await.as_ref());
    if !args.output.quiet {
        output::say(facts(&catalogue));
    }
    Ok(())
}

fn facts(catalogue: &LakeCatalogue) -> String {
    let list = catalogue.list();
    let complete_to = match &list.complete_to {
        Some(time) => format!("complete to {time}"),
        None => "nothing received yet".to_owned(),
    };
    let names = counted(list.events.len() as u64, "name");
    let other = match list.other {
        0 => String::new(),
        other => format!(" and {} of more names than are listed", count(other)),
    };
    format!("version {}, {complete_to}, {} of {names}{other}", list.version, counted(list.count - list.other, "event"))
}

/// The rows alone: in JSON a list of objects, as every command has its rows. What is said of the lake goes to standard
/// error.
struct Names<'a>(&'a LakeCatalogue);

impl Serialize for Names<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.list().events.serialize(serializer)
    }
}

impl Report for Names<'_> {
    fn records(&self) -> Records {
        let mut columns = vec!["event", "count", "first_seen", "last_seen"];
        if self.0.planned.is_some() {
            columns.extend(["planned", "owner"]);
        }
        let rows = self.0.list().events.into_iter().map(|event| {
            let row = [json!(event.event), json!(event.count), json!(event.first_seen), json!(event.last_seen)];
            let planned = event.planned.map(|planned| [json!(planned), json!(event.owner)]);
            row.into_iter().chain(planned.into_iter().flatten()).collect()
        });
        Records { columns, rows: rows.collect() }
    }

    fn text(&self, _width: usize) -> String {
        table(self.0, LONGEST_NAME, true).text()
    }

    fn markdown(&self) -> String {
        table(self.0, usize::MAX, false).markdown()
    }
}

/// A table, with a little chart of the last days or without.
fn table(catalogue: &LakeCatalogue, longest_name: usize, has_chart: bool) -> Table {
    let list = catalogue.list();
    let has_plan = catalogue.planned.is_some();
    let column = |title: &str, align| (title.to_owned(), align);
    let mut columns = vec![
        column("event", Align::Left),
        column("count", Align::Right),
        column("share", Align::Right),
        column("first seen", Align::Left),
        column("last seen", Align::Left),
    ];
    if has_plan {
        columns.extend(["planned", "owner"].map(|title| column(title, Align::Left)));
    }
    let last_day = catalogue.last_day().filter(|_| has_chart);
    columns.extend(last_day.map(|last| column(&format!("{DAYS} days to {}, UTC", day(last)), Align::Left)));
    let mut table = Table::new(columns);
    for event in &list.events {
        let date = |instant: &str| instant.get(..10).unwrap_or(instant).to_owned();
        let name = clip(&event.event, longest_name).into_owned();
        let mut cells = vec![name, count(event.count), percent(share(event.count, list.count))];
        cells.extend([date(&event.first_seen), date(&event.last_seen)]);
        if let Some(planned) = event.planned {
            let owner = event.owner.as_deref().map(|owner| clip(owner, longest_name).into_owned());
            cells.extend([if planned { "yes" } else { "no" }.to_owned(), owner.unwrap_or_default()]);
        }
        if last_day.is_some() {
            cells.push(sparkline(&catalogue.last_days(&event.event, DAYS)));
        }
        table.row(cells);
    }
    if list.other > 0 {
        let mut cells = vec!["(all others)".to_owned(), count(list.other), percent(share(list.other, list.count))];
        cells.resize(5 + 2 * usize::from(has_plan) + usize::from(last_day.is_some()), String::new());
        table.row(cells);
    }
    table
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
