//! From results to text, in every format: pure functions, so that what a person sees is pinned by tests.
//!
//! A result that implements [`Report`] is printable in every format: as one JSON document, as records (CSV, NDJSON), as
//! a table for people and as Markdown. [`table`] lays out columns, [`bars`] draws, [`numbers`] writes figures;
//! the others are the views of one kind of answer each.

pub mod answer;
pub mod bars;
pub mod experiment;
pub mod funnel;
pub mod lifecycle;
pub mod numbers;
pub mod parquet;
pub mod paths;
pub mod retention;
pub mod sessions;
pub mod stickiness;
pub mod table;
pub mod trends;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::output::Format;
use numbers::{count, counted};
use table::Table;
use weir_core::answer::{GroupValue, Scanned};

/// A result, in every shape that a format asks for. Its JSON document is what it serialises to.
pub trait Report: Serialize {
    /// Its rows, for CSV and NDJSON.
    fn records(&self) -> Records;

    /// For people, lines of at most `width` columns where that is possible; ends with a newline.
    fn text(&self, width: usize) -> String;

    /// Markdown; ends with a newline.
    fn markdown(&self) -> String;
}

/// A result that is one table, for people and as Markdown alike.
pub trait TableReport: Serialize {
    /// As [`Report::records`].
    fn records(&self) -> Records;

    /// What is shown.
    fn table(&self) -> Table;
}

impl<T: TableReport> Report for T {
    fn records(&self) -> Records {
        TableReport::records(self)
    }

    fn text(&self, _width: usize) -> String {
        self.table().text()
    }

    fn markdown(&self) -> String {
        self.table().markdown()
    }
}

/// Rows of JSON values under the same columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Records {
    /// The names of the columns.
    pub columns: Vec<&'static str>,
    /// Rows with a value for each column.
    pub rows: Vec<Vec<Value>>,
}

/// What stands where there is no figure.
pub const NO_FIGURE: &str = "–";

/// A group as people read it.
pub fn group_name(value: &GroupValue) -> String {
    match value {
        GroupValue::Other { .. } => "(all others)".to_owned(),
        GroupValue::Value { value: Value::Null } => "(not set)".to_owned(),
        GroupValue::Value { value: Value::String(text) } if text.is_empty() => "\"\"".to_owned(),
        GroupValue::Value { value: Value::String(text) } => text.clone(),
        GroupValue::Value { value } => value.to_string(),
    }
}

/// A group as two columns of a record: what it is, and its value.
pub fn group_record(value: &GroupValue) -> (&'static str, Value) {
    match value {
        GroupValue::Value { value: Value::Null } => ("none", Value::Null),
        GroupValue::Value { value } => ("value", value.clone()),
        GroupValue::Other { .. } => ("other", Value::Null),
    }
}

/// First instants of buckets as short as they can be: dates where all are midnight.
pub fn short_starts<'t>(starts: impl Iterator<Item = &'t str> + Clone) -> Vec<String> {
    let are_days = starts.clone().all(|start| start.contains("T00:00:00"));
    let short = |start: &str| match start.split_once('T') {
        Some((date, _)) if are_days => date.to_owned(),
        _ => start.to_owned(),
    };
    starts.map(short).collect()
}

/// What an answer rests on: not part of the result, and said beside it.
pub fn facts(version: u64, complete_to: Option<&str>, scanned: &Scanned) -> String {
    let complete_to = match complete_to {
        Some(time) => format!("complete to {time}"),
        None => "nothing received yet".to_owned(),
    };
    format!(
        "version {version}, {complete_to}, {} of {} in {} ms",
        counted(scanned.rows, "row"),
        counted(scanned.files, "file"),
        count(scanned.elapsed_ms)
    )
}

/// A report as text, the last newline included.
///
/// # Errors
/// Where the report cannot be serialised.
pub fn render(report: &impl Report, format: Format, width: usize) -> Result<String, serde_json::Error> {
    match format {
        Format::Table => Ok(report.text(width)),
        Format::Json => Ok(serde_json::to_string(report)? + "\n"),
        Format::Csv => Ok(csv(&report.records())),
        Format::Ndjson => Ok(ndjson(report.records())),
        // What is no text is not shown: its rows are written by `parquet`.
        Format::Markdown | Format::Parquet => Ok(report.markdown()),
    }
}

fn csv(records: &Records) -> String {
    let header = csv_line(records.columns.iter().map(|name| Some((*name).to_owned())));
    let rows = records.rows.iter().map(|row| csv_line(row.iter().map(csv_value)));
    std::iter::once(header).chain(rows).collect()
}

fn csv_value(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// One line of CSV as RFC 4180 has it, but for the line's end, which is `\n`. No value is written as nothing, and an
/// empty text as `""`, for readers that tell them apart.
pub fn csv_line(values: impl Iterator<Item = Option<String>>) -> String {
    let mut line = values.map(|value| value.map_or_else(String::new, csv_quoted)).collect::<Vec<_>>().join(",");
    line.push('\n');
    line
}

fn csv_quoted(text: String) -> String {
    if text.is_empty() || text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

fn ndjson(records: Records) -> String {
    let names = || records.columns.iter().map(|name| (*name).to_owned());
    let objects = records.rows.into_iter().map(|row| Value::Object(Map::from_iter(names().zip(row))));
    objects.map(|object| format!("{object}\n")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn csv_quotes_what_would_be_read_as_something_else() {
        let values = [Some("a"), None, Some(""), Some("b,c"), Some("say \"x\""), Some("two\nlines"), Some(" = 1")];
        let line = csv_line(values.into_iter().map(|value| value.map(str::to_owned)));
        assert_eq!(line, "a,,\"\",\"b,c\",\"say \"\"x\"\"\",\"two\nlines\", = 1\n");
    }

    #[test]
    fn records_are_lines_under_a_header_or_objects() {
        let rows = vec![vec![json!("view"), json!(12)], vec![json!(null), json!(0.5)]];
        let records = Records { columns: vec!["event", "count"], rows };
        assert_eq!(csv(&records), "event,count\nview,12\n,0.5\n");
        assert_eq!(ndjson(records), "{\"event\":\"view\",\"count\":12}\n{\"event\":null,\"count\":0.5}\n");
        assert_eq!(csv(&Records { columns: vec!["event"], rows: Vec::new() }), "event\n");
    }
}
