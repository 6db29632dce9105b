//! `weir events`: which events a lake has, and how often each happened.

use serde::{Serialize, Serializer};
use serde_json::json;

use super::{engine, say_foreign};
use crate::args::EventsArgs;
use crate::engine::EventCounts;
use crate::error::Failure;
use crate::output;
use crate::render::bars::bar;
use crate::render::numbers::{count, counted, percent, share};
use crate::render::table::{Align, Table, clip};
use crate::render::{Records, Report};

/// A longer name is cut in the table for people.
const LONGEST_NAME: usize = 60;
/// The bar of the most frequent event.
const BAR_WIDTH: usize = 20;

/// Runs the command.
///
/// # Errors
/// Whatever is wrong with the lake.
pub async fn run(args: &EventsArgs) -> Result<(), Failure> {
    let engine = engine(&args.lake).await?;
    let counts = engine.events().await?;
    output::print(&Names(&counts), args.output.format)?;
    say_foreign(engine.last_snapshot().await.as_ref());
    if !args.output.quiet {
        output::say(facts(&counts));
    }
    Ok(())
}

fn facts(counts: &EventCounts) -> String {
    let complete_to = match &counts.complete_to {
        Some(time) => format!("complete to {time}"),
        None => "nothing received yet".to_owned(),
    };
    let events = counted(total(counts), "event");
    format!("version {}, {complete_to}, {events} of {}", counts.version, counted(counts.events.len() as u64, "name"))
}

fn total(counts: &EventCounts) -> u64 {
    counts.events.iter().map(|event| event.count).sum()
}

/// The rows alone: in JSON a list of objects, as every command has its rows. What is said of the lake goes to standard
/// error.
struct Names<'a>(&'a EventCounts);

impl Serialize for Names<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.events.serialize(serializer)
    }
}

impl Report for Names<'_> {
    fn records(&self) -> Records {
        let rows = self.0.events.iter().map(|event| vec![json!(event.event), json!(event.count)]);
        Records { columns: vec!["event", "count"], rows: rows.collect() }
    }

    fn text(&self, _width: usize) -> String {
        table(self.0, LONGEST_NAME, BAR_WIDTH).text()
    }

    fn markdown(&self) -> String {
        table(self.0, usize::MAX, 0).markdown()
    }
}

/// A table with bars that are `bar_width` wide, and without any where that is 0.
fn table(counts: &EventCounts, longest_name: usize, bar_width: usize) -> Table {
    let total = total(counts);
    let most = counts.events.first().map_or(0, |event| event.count);
    let column = |title: &str, align| (title.to_owned(), align);
    let mut columns = vec![column("event", Align::Left), column("count", Align::Right), column("share", Align::Right)];
    if bar_width > 0 {
        columns.push(column("", Align::Left));
    }
    let mut table = Table::new(columns);
    for event in &counts.events {
        let name = clip(&event.event, longest_name).into_owned();
        let mut cells = vec![name, count(event.count), percent(share(event.count, total))];
        if bar_width > 0 {
            cells.push(bar(share(event.count, most), bar_width));
        }
        table.row(cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::EventCount;
    use crate::output::Format;
    use crate::render::render;

    fn counts(events: &[(&str, u64)]) -> EventCounts {
        let events = events.iter().map(|(event, count)| EventCount { event: (*event).to_owned(), count: *count });
        let complete_to = Some("2026-01-31T14:59:58.120Z".to_owned());
        EventCounts { version: 42, complete_to, events: events.collect() }
    }

    #[test]
    fn events_in_every_format() {
        let counts = counts(&[("view_item", 98_765), ("구매 완료", 1_230), ("a,b", 5)]);
        let show = |format| render(&Names(&counts), format, 80).unwrap();
        insta::assert_snapshot!(show(Format::Table), @"
        event       count  share
        ─────────  ──────  ─────  ────────────────────
        view_item  98,765  98.8%  ████████████████████
        구매 완료   1,230   1.2%  ▎
        a,b             5  <0.1%  ▏
        ");
        insta::assert_snapshot!(show(Format::Markdown), @"
        | event | count | share |
        | --- | ---: | ---: |
        | view_item | 98,765 | 98.8% |
        | 구매 완료 | 1,230 | 1.2% |
        | a,b | 5 | <0.1% |
        ");
        insta::assert_snapshot!(show(Format::Json), @r#"[{"event":"view_item","count":98765},{"event":"구매 완료","count":1230},{"event":"a,b","count":5}]"#);
        insta::assert_snapshot!(show(Format::Csv), @r#"
        event,count
        view_item,98765
        구매 완료,1230
        "a,b",5
        "#);
        insta::assert_snapshot!(show(Format::Ndjson), @r#"
        {"event":"view_item","count":98765}
        {"event":"구매 완료","count":1230}
        {"event":"a,b","count":5}
        "#);
        assert_eq!(facts(&counts), "version 42, complete to 2026-01-31T14:59:58.120Z, 100,000 events of 3 names");
    }

    #[test]
    fn an_empty_lake_has_a_header_and_no_events() {
        let nothing = EventCounts { version: 0, complete_to: None, events: Vec::new() };
        assert_eq!(render(&Names(&nothing), Format::Csv, 80).unwrap(), "event,count\n");
        assert_eq!(render(&Names(&nothing), Format::Json, 80).unwrap(), "[]\n");
        assert_eq!(facts(&nothing), "version 0, nothing received yet, 0 events of 0 names");
    }
}
