//! `weir plan check`: is a file a plan, and do events keep to it?
//!
//! ```text
//! event         code              property  count  example
//! apply_submit  missing_property  job_id      120  is missing, and required
//! ```

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;
use serde_json::json;
use weir_core::plan::{CompiledPlan, Plan};
use weir_core::ports::Clock;
use weir_lake::Table as LakeTable;

use super::open_lake;
use crate::args::{CheckPlanArgs, LakeArg};
use crate::commands::say_foreign;
use crate::error::Failure;
use crate::output;
use crate::plan::document::read_plan;
use crate::plan::scan::{Line, each_event, each_line};
use crate::render::numbers::{count, counted};
use crate::render::table::{Align, Table, clip};
use crate::render::{Records, Report};
use weir_core::ports::SystemClock;

/// Different violations that are told apart; more are counted together.
const MOST_ROWS: usize = 10_000;
/// A longer example is cut in the table for people.
const LONGEST_EXAMPLE: usize = 80;

pub(super) async fn run(args: &CheckPlanArgs) -> Result<(), Failure> {
    let (_, plan) = read_plan(&args.plan)?;
    let mut tally = Tally::new(&plan);
    for path in &args.events {
        tally.add_file(path, SystemClock.now_ms())?;
    }
    if let Some(lake) = &args.lake {
        let store = open_lake(&LakeArg { lake: Some(lake.clone()) }).await?;
        let snapshot = LakeTable::open(&store).await?.snapshot();
        say_foreign(&snapshot);
        each_event(&store, &snapshot, |event, properties| tally.add(event, properties, None)).await?;
    }
    let nothing_to_check = args.events.is_empty() && args.lake.is_none();
    let (events, departing) = (tally.events, tally.departing);
    output::print(&tally.report(), args.output.format)?;
    if departing > 0 {
        let all = counted(events, "event");
        return Err(Failure::failed(format!("{} of {all} do not keep to the plan", count(departing))));
    }
    if !args.output.quiet {
        let properties: usize = plan.events.iter().map(|event| event.properties.len()).sum();
        let events_of_plan = counted(plan.events.len() as u64, "event");
        let properties = count(properties as u64);
        output::say(if nothing_to_check {
            format!("the plan is sound: {events_of_plan}, properties: {properties}")
        } else {
            format!("all of {} keep to the plan", counted(events, "event"))
        });
    }
    Ok(())
}

/// Counts violations.
#[derive(Debug)]
struct Tally {
    plan: CompiledPlan,
    events: u64,
    /// Events with at least one violation, and lines that are no events.
    departing: u64,
    rows: HashMap<(String, String, String), (u64, String)>,
    cut: u64,
}

impl Tally {
    fn new(plan: &Plan) -> Self {
        Self { plan: CompiledPlan::new(plan), events: 0, departing: 0, rows: HashMap::new(), cut: 0 }
    }

    fn add_file(&mut self, path: &Path, now_ms: i64) -> Result<(), Failure> {
        each_line(path, now_ms, |number, line| match line {
            Line::Event(event, properties) => {
                self.add(event, properties, Some((path, number)));
            }
            Line::Rejected(rejection) => {
                self.events += 1;
                self.departing += 1;
                let message = placed(&rejection.message, Some((path, number)));
                self.count((String::new(), rejection.code.to_owned(), String::new()), message);
            }
        })
    }

    fn add(&mut self, event: &str, properties: Option<&str>, place: Option<(&Path, u64)>) {
        self.events += 1;
        let violations = self.plan.check(event, properties);
        self.departing += u64::from(!violations.is_empty());
        for violation in violations {
            let key = (event.to_owned(), violation.code.to_owned(), violation.property);
            self.count(key, placed(&violation.message, place));
        }
    }

    fn count(&mut self, key: (String, String, String), example: String) {
        if let Some((n, _)) = self.rows.get_mut(&key) {
            *n += 1;
        } else if self.rows.len() < MOST_ROWS {
            self.rows.insert(key, (1, example));
        } else {
            self.cut += 1;
        }
    }

    fn report(self) -> Violations {
        let row = |((event, code, property), (count, example))| Row { event, code, property, count, example };
        let mut rows: Vec<Row> = self.rows.into_iter().map(row).collect();
        rows.sort_by(|a, b| {
            b.count.cmp(&a.count).then_with(|| (&a.event, &a.property, &a.code).cmp(&(&b.event, &b.property, &b.code)))
        });
        if self.cut > 0 {
            let other = |text: &str| text.to_owned();
            let example = format!("more than {MOST_ROWS} different violations; these are not told apart");
            rows.push(Row { event: other(""), code: other("other"), property: other(""), count: self.cut, example });
        }
        Violations(rows)
    }
}

fn placed(message: &str, place: Option<(&Path, u64)>) -> String {
    match place {
        Some((path, line)) => format!("{}:{line}: {message}", path.display()),
        None => message.to_owned(),
    }
}

/// What events violate, most frequent first: its document is an array.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Violations(Vec<Row>);

#[derive(Debug, Serialize)]
struct Row {
    /// Empty for lines that are no events.
    event: String,
    code: String,
    /// Empty where the event as a whole is meant.
    property: String,
    count: u64,
    /// The first one: its place where that is known, and what was found.
    example: String,
}

impl Violations {
    fn table(&self, longest: usize) -> Table {
        let left = |title: &str| (title.to_owned(), Align::Left);
        let columns =
            vec![left("event"), left("code"), left("property"), ("count".to_owned(), Align::Right), left("example")];
        let mut table = Table::new(columns);
        for row in &self.0 {
            let example = clip(&row.example, longest).into_owned();
            table.row(vec![row.event.clone(), row.code.clone(), row.property.clone(), count(row.count), example]);
        }
        table
    }
}

impl Report for Violations {
    fn records(&self) -> Records {
        let row = |row: &Row| {
            vec![json!(row.event), json!(row.code), json!(row.property), json!(row.count), json!(row.example)]
        };
        let columns = vec!["event", "code", "property", "count", "example"];
        Records { columns, rows: self.0.iter().map(row).collect() }
    }

    fn text(&self, _width: usize) -> String {
        if self.0.is_empty() { String::new() } else { self.table(LONGEST_EXAMPLE).text() }
    }

    fn markdown(&self) -> String {
        self.table(usize::MAX).markdown()
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
