//! Paths as people read them: a tree of what comes next, and the most frequent whole paths.
//!
//! ```text
//!   view_job           ████████████████████  100.0%  1,000
//!   ├ apply_start      ████████▎              41.5%    415
//!   │ ├ apply_submit   ██▌                    12.5%    125
//!   │ └ (nothing more) █████▊                 29.0%    290
//!   └ (nothing more)   ███████████▋           58.5%    585
//! ```

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use weir_core::paths::{PathBranch, PathEnd, PathPlace, PathsReport};
use weir_core::spec::{PathsSpec, Spec};

use super::bars::bar;
use super::numbers::{count, counted, duration, percent};
use super::table::{Align, Table, clip, pad, plain, width};
use super::{Records, Report};

/// The widest bar.
const WIDEST_BAR: usize = 30;
/// The narrowest one; a narrower terminal breaks lines.
const NARROWEST_BAR: usize = 16;
/// A longer list of events of one path is cut in tables for people.
const LONGEST_PATH: usize = 60;
/// Columns of a percentage.
const PERCENT: usize = 6;

/// An answer, and what its question said.
#[derive(Debug)]
pub struct PathsView<'a> {
    report: &'a PathsReport,
    anchor: Option<&'a str>,
    is_backward: bool,
    /// What is counted, of which there is one.
    noun: &'static str,
}

impl<'a> PathsView<'a> {
    /// The view of an answer, with what its question says of it.
    pub fn of(spec: &'a Spec, report: &'a PathsReport) -> Self {
        let spec = match spec {
            Spec::Paths(spec) => Some(spec),
            _ => None,
        };
        let noun = match report.count {
            "sessions" => "session",
            "every" => "path",
            _ => "user",
        };
        let anchor = spec.and_then(|spec| spec.anchor.as_ref()).map(|anchor| anchor.label.as_str());
        Self { report, anchor, is_backward: spec.is_some_and(PathsSpec::is_backward), noun }
    }
}

impl Serialize for PathsView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.report.serialize(serializer)
    }
}

impl Report for PathsView<'_> {
    /// One row for each place of a level (`node`), each link between two levels (`link`), and each whole path (`path`, whose events
    /// are a list).
    fn records(&self) -> Records {
        let columns =
            vec!["part", "level", "kind", "event", "to_kind", "to_event", "count", "share", "median_ms", "open"];
        let mut rows = Vec::new();
        for level in &self.report.levels {
            for node in &level.nodes {
                let (kind, event) = place_record(&node.place);
                let start = [json!("node"), json!(level.level), kind, event, Value::Null, Value::Null];
                rows.push([&start[..], &[json!(node.count), json!(node.share), Value::Null, Value::Null]].concat());
            }
        }
        for link in &self.report.links {
            let ((kind, event), (to_kind, to_event)) = (place_record(&link.from), place_record(&link.to));
            let start = [json!("link"), json!(link.level), kind, event, to_kind, to_event];
            rows.push([&start[..], &[json!(link.count), Value::Null, json!(link.median_ms), Value::Null]].concat());
        }
        for path in &self.report.paths {
            let start =
                [json!("path"), json!(path.events.len()), Value::Null, json!(path.events), Value::Null, Value::Null];
            rows.push([&start[..], &[json!(path.count), json!(path.share), Value::Null, json!(path.open)]].concat());
        }
        Records { columns, rows }
    }

    fn text(&self, width: usize) -> String {
        let mut text = self.headline();
        if self.report.total == 0 {
            return text;
        }
        text.push('\n');
        if self.report.tree.is_empty() {
            text.push_str(&self.levels().text());
            return text;
        }
        text.push_str(&self.tree(width));
        let room = width.saturating_sub(24).clamp(LONGEST_PATH / 3, LONGEST_PATH);
        text.push_str(&format!("\nThe most frequent paths:\n\n{}", self.paths(room).text()));
        text
    }

    fn markdown(&self) -> String {
        let mut text = format!("{}\n{}", self.headline(), self.levels().markdown());
        if !self.report.paths.is_empty() {
            text.push_str(&format!("\nThe most frequent paths:\n\n{}", self.paths(usize::MAX).markdown()));
        }
        text
    }
}

impl PathsView<'_> {
    /// What is shown, in one line.
    fn headline(&self) -> String {
        let total = counted(self.report.total, self.noun);
        match (self.anchor, self.is_backward) {
            (None, _) => format!("{total}, from the first event on\n"),
            (Some(anchor), false) => format!("{total}, from {} on\n", plain(anchor)),
            (Some(anchor), true) => format!("{total}, back from {}\n", plain(anchor)),
        }
    }

    fn name<'p>(&self, place: &'p PathPlace) -> &'p str {
        match (place, self.is_backward) {
            (PathPlace::Event { event }, _) => event,
            (PathPlace::Other { .. }, _) => "(all others)",
            (PathPlace::End { end: PathEnd::Stopped }, false) => "(nothing more)",
            (PathPlace::End { end: PathEnd::Open }, false) => "(nothing yet)",
            (PathPlace::End { end: PathEnd::Stopped }, true) => "(nothing before)",
            (PathPlace::End { end: PathEnd::Open }, true) => "(not known yet)",
        }
    }

    fn tree(&self, columns: usize) -> String {
        let mut lines = Vec::new();
        for branch in &self.report.tree {
            self.lines(branch, "", "", &mut lines);
        }
        let count_width = lines.iter().map(|(_, branch)| width(&count(branch.count))).max().unwrap_or(0);
        // Two columns between each two.
        let room = columns.saturating_sub(PERCENT + count_width + 6);
        let longest = lines.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
        let name_width = longest.min(room.saturating_sub(NARROWEST_BAR)).max(1);
        let bar_width = room.saturating_sub(name_width).clamp(NARROWEST_BAR, WIDEST_BAR);
        let line = |(name, branch): &(String, &PathBranch)| {
            format!(
                "{}  {}  {}  {}\n",
                pad(&clip(name, name_width), name_width, Align::Left),
                pad(&bar(branch.share, bar_width), bar_width, Align::Left),
                pad(&percent(branch.share), PERCENT, Align::Right),
                pad(&count(branch.count), count_width, Align::Right),
            )
        };
        lines.iter().map(line).collect()
    }

    /// A branch and those below it, each with its name behind lines that show where it belongs.
    fn lines<'b>(&self, branch: &'b PathBranch, lead: &str, below: &str, lines: &mut Vec<(String, &'b PathBranch)>) {
        lines.push((format!("{lead}{}", plain(self.name(&branch.place))), branch));
        for (at, child) in branch.children.iter().enumerate() {
            let (turn, line) = if at + 1 == branch.children.len() { ("└ ", "  ") } else { ("├ ", "│ ") };
            self.lines(child, &format!("{below}{turn}"), &format!("{below}{line}"), lines);
        }
    }

    fn paths(&self, room: usize) -> Table {
        let right = |title: &str| (title.to_owned(), Align::Right);
        let mut table = Table::new(vec![right("count"), right("share"), ("path".to_owned(), Align::Left)]);
        let arrow = if self.is_backward { " ‹ " } else { " › " };
        for path in &self.report.paths {
            let events = path.events.join(arrow);
            table.row(vec![count(path.count), percent(path.share), clip(&events, room).into_owned()]);
        }
        table
    }

    fn levels(&self) -> Table {
        let right = |title: &str| (title.to_owned(), Align::Right);
        let columns = vec![
            right("step"),
            ("event".to_owned(), Align::Left),
            right("count"),
            right("share"),
            right("median time"),
        ];
        let mut table = Table::new(columns);
        for level in &self.report.levels {
            for node in &level.nodes {
                let name = self.name(&node.place).to_owned();
                let time = self.time_to(level.level, &node.place);
                table.row(vec![level.level.to_string(), name, count(node.count), percent(node.share), time]);
            }
        }
        table
    }

    /// The median time from the step before, where all come from one place.
    fn time_to(&self, level: usize, place: &PathPlace) -> String {
        let mut links = self.report.links.iter().filter(|link| link.level + 1 == level && link.to == *place);
        match (links.next(), links.next()) {
            (Some(link), None) => link.median_ms.0.map(duration).unwrap_or_default(),
            _ => String::new(),
        }
    }
}

/// A place as two columns of a record: what it is, and the name of its event.
fn place_record(place: &PathPlace) -> (Value, Value) {
    match place {
        PathPlace::Event { event } => (json!("event"), json!(event)),
        PathPlace::Other { .. } => (json!("other"), Value::Null),
        PathPlace::End { end } => (json!(end), Value::Null),
    }
}

#[cfg(test)]
#[path = "paths_tests.rs"]
mod tests;
