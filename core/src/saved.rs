//! What somebody keeps: reports, dashboards and annotations, from JSON to checked values.
//!
//! ```text
//! {"name": "Buyers", "folder": "growth/weekly", "spec": {"kind": "funnel", …}}      a report: a question under a name
//! {"name": "Monday", "tiles": [{"report": "0190…", "wide": true}, {"text": "…"}]}   a dashboard: reports side by side
//! {"date": "2026-01-05", "text": "prices went up"}                                  an annotation: what to know of a day
//! ```
//!
//! Everything that is wrong is told at once, by the path of its field. A document that somebody got and sends back has fields
//! that are not theirs to say, such as its revision; those are passed over.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::check::Check;
use crate::spec::fields::{FieldTable, Fields, Problems, describe, shorten};
use crate::spec::{SpecError, duration_ms, parse_value};

/// The format of documents that this version writes, and the newest that it reads.
pub const FORMAT: u64 = 1;
/// The longest name, in characters.
pub const MAX_NAME_CHARS: usize = 200;
/// The longest folder, in characters.
pub const MAX_FOLDER_CHARS: usize = 200;
/// The longest description, in characters.
pub const MAX_DESCRIPTION_CHARS: usize = 2_000;
/// The longest text of a tile or an annotation, in characters.
pub const MAX_TEXT_CHARS: usize = 2_000;
/// The most tiles of a dashboard.
pub const MAX_TILES: usize = 100;
/// The most documents of one kind.
pub const MAX_DOCUMENTS: usize = 10_000;
/// The longest `last` of a dashboard, in days.
const LONGEST_LAST_DAYS: i64 = 36_500;
/// The longest id of a report, in bytes.
const MAX_ID_BYTES: usize = 100;

/// What a document says of itself beside its content.
const OWN_FIELDS: &[&str] = &["format", "id", "revision", "saved_at", "saved_by", "removed", "newer"];

const REPORT_FIELDS: FieldTable =
    FieldTable { supported: &["name", "folder", "description", "spec", "check"], later: OWN_FIELDS };
const DASHBOARD_FIELDS: FieldTable =
    FieldTable { supported: &["name", "folder", "description", "tiles", "last"], later: OWN_FIELDS };
const ANNOTATION_FIELDS: FieldTable = FieldTable { supported: &["date", "text"], later: OWN_FIELDS };
const TILE_FIELDS: FieldTable = FieldTable { supported: &["report", "text", "wide"], later: &[] };

const EXPECTED_REPORT: &str = r#"a report such as {"name": "Buyers", "spec": {"kind": "funnel", "steps": […]}}"#;
const EXPECTED_DASHBOARD: &str = r#"a dashboard such as {"name": "Monday", "tiles": [{"report": "ID"}]}"#;
const EXPECTED_ANNOTATION: &str = r#"an annotation such as {"date": "2026-01-05", "text": "prices went up"}"#;
const EXPECTED_TILE: &str = r#"a tile such as {"report": "ID", "wide": true} or {"text": "what to look for"}"#;

/// A question under a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What people call it.
    pub name: String,
    /// Where it lies: names with `/` between them; empty for the top.
    #[serde(default)]
    pub folder: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// The question as it was written: `last` counts back from when it is asked.
    pub spec: Value,
    /// What its answer is held against, as it was written: a [`Check`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Value>,
}

/// Reports side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dashboard {
    /// What people call it.
    pub name: String,
    /// As that of a report.
    #[serde(default)]
    pub folder: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// From left to right, row by row.
    pub tiles: Vec<Tile>,
    /// Every report is asked for so much time, such as `30d`, instead of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
}

/// One place of a dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tile {
    /// The id of the report that is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    /// Or this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether it takes the whole width.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wide: bool,
}

/// What to know of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    /// The day, such as `2026-01-05`.
    pub date: String,
    /// What happened.
    pub text: String,
}

impl Report {
    /// Reads a report that somebody wants to keep. `now_ms` is the present, as for [`parse_value`].
    ///
    /// # Errors
    /// Everything that is wrong with it; problems of the question have their fields below `spec`.
    pub fn parse(value: &Value, now_ms: i64) -> Result<Self, SpecError> {
        let mut problems = Problems::default();
        let read = Fields::open(value, "", &REPORT_FIELDS, EXPECTED_REPORT, &mut problems).and_then(|fields| {
            let (name, folder, description) = headings(&fields, &mut problems);
            let spec = spec(&fields, now_ms, &mut problems);
            let check = fields.get("check").cloned();
            if let (Some(check), Some(spec)) = (&check, &spec) {
                let kind = spec.get("kind").and_then(Value::as_str).unwrap_or("funnel");
                below("check", Check::parse(check, kind).err(), &mut problems);
            }
            Some(Self { name: name?, folder, description, spec: spec?, check })
        });
        problems.finish(read).map_err(name_document)
    }

    /// The kind of its question.
    pub fn kind(&self) -> Option<&str> {
        self.spec.get("kind").and_then(Value::as_str)
    }
}

impl Dashboard {
    /// Reads a dashboard that somebody wants to keep. Whether its reports are there is not looked at: they come and go.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(value: &Value) -> Result<Self, SpecError> {
        let mut problems = Problems::default();
        let read = Fields::open(value, "", &DASHBOARD_FIELDS, EXPECTED_DASHBOARD, &mut problems).and_then(|fields| {
            let (name, folder, description) = headings(&fields, &mut problems);
            let expected = format!("a list, of which each is {EXPECTED_TILE}");
            if fields.get("tiles").is_none() {
                problems.add("tiles", format!("missing; expected {expected}"));
            }
            let list = fields.short_list("tiles", MAX_TILES, &expected, &mut problems).unwrap_or_default();
            let tiles = list.iter().enumerate().map(|(at, value)| tile(value, &format!("tiles[{at}]"), &mut problems));
            let tiles = tiles.collect::<Vec<_>>().into_iter().flatten().collect();
            let last = fields.text("last", "a time such as `30d`", &mut problems).map(str::to_owned);
            if let Some(Err(message)) = last.as_deref().map(|last| duration_ms(last, LONGEST_LAST_DAYS)) {
                problems.add("last", message);
            }
            Some(Self { name: name?, folder, description, tiles, last })
        });
        problems.finish(read).map_err(name_document)
    }
}

impl Annotation {
    /// Reads an annotation that somebody wants to keep.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(value: &Value) -> Result<Self, SpecError> {
        let mut problems = Problems::default();
        let read = Fields::open(value, "", &ANNOTATION_FIELDS, EXPECTED_ANNOTATION, &mut problems).and_then(|fields| {
            let date = required(&fields, "date", "a day such as `2026-01-05`", &mut problems);
            if let Some(date) = date.filter(|date| !is_day(date)) {
                problems.add("date", format!("found `{}`; expected a day such as `2026-01-05`", shorten(date)));
            }
            let text = required(&fields, "text", "a text", &mut problems);
            let text = text.and_then(|text| some_text("text", text, MAX_TEXT_CHARS, &mut problems));
            Some(Self { date: date?.to_owned(), text: text? })
        });
        problems.finish(read).map_err(name_document)
    }
}

/// A problem of the whole has a name too: without one it would be called `spec`, which here is a field.
fn name_document(error: SpecError) -> SpecError {
    let problems = error.problems.into_iter().map(|mut problem| {
        if problem.field.is_empty() {
            "document".clone_into(&mut problem.field);
        }
        problem
    });
    SpecError { problems: problems.collect() }
}

/// A day of the calendar, written in full: what sorts as text sorts by time.
fn is_day(text: &str) -> bool {
    text.len() == "2026-01-05".len() && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

/// Name, folder and description.
fn headings(fields: &Fields<'_>, problems: &mut Problems) -> (Option<String>, String, String) {
    let name = required(fields, "name", "what people call it", problems);
    let name = name.and_then(|name| some_text("name", name, MAX_NAME_CHARS, problems));
    if name.as_deref().is_some_and(|name| name.chars().any(char::is_control)) {
        problems.add("name", "found a line break or another control character; expected a name of one line");
    }
    let folder = fields.text("folder", "names with `/` between them, such as `growth/weekly`", problems);
    let folder = folder.unwrap_or_default();
    let has_empty_part = !folder.is_empty() && folder.split('/').any(|part| part.trim().is_empty());
    if has_empty_part || folder.chars().any(char::is_control) {
        let message =
            format!("found `{}`; expected names with `/` between them, such as `growth/weekly`", shorten(folder));
        problems.add("folder", message);
    }
    at_most("folder", folder, MAX_FOLDER_CHARS, problems);
    let description = fields.text("description", "a text", problems).unwrap_or_default();
    at_most("description", description, MAX_DESCRIPTION_CHARS, problems);
    (name, folder.to_owned(), description.to_owned())
}

fn required<'v>(fields: &Fields<'v>, name: &str, expected: &str, problems: &mut Problems) -> Option<&'v str> {
    if fields.get(name).is_none() {
        problems.add(fields.path_of(name), format!("missing; expected {expected}"));
        return None;
    }
    fields.text(name, expected, problems)
}

/// A text that says something.
fn some_text(path: &str, text: &str, most_chars: usize, problems: &mut Problems) -> Option<String> {
    if text.trim().is_empty() {
        problems.add(path, format!("found an empty text; expected 1 to {most_chars} characters"));
        return None;
    }
    at_most(path, text, most_chars, problems);
    Some(text.to_owned())
}

fn at_most(path: &str, text: &str, most_chars: usize, problems: &mut Problems) {
    let chars = text.chars().count();
    if chars > most_chars {
        problems.add(path, format!("found {chars} characters; expected at most {most_chars}"));
    }
}

/// The question of a report, checked by the parser of all questions and kept as it was written.
fn spec(fields: &Fields<'_>, now_ms: i64, problems: &mut Problems) -> Option<Value> {
    let Some(spec) = fields.get("spec") else {
        problems.add("spec", r#"missing; expected a question such as {"kind": "funnel", "steps": […]}"#);
        return None;
    };
    if !spec.is_object() {
        problems.add("spec", format!("found {}; expected a question, as an object", describe(spec)));
        return None;
    }
    below("spec", parse_value(spec, now_ms).err(), problems);
    Some(spec.clone())
}

/// The problems of a part, under its name.
fn below(part: &str, error: Option<SpecError>, problems: &mut Problems) {
    for problem in error.into_iter().flat_map(|error| error.problems) {
        let field = if problem.field.is_empty() { part.to_owned() } else { format!("{part}.{}", problem.field) };
        problems.add(field, problem.message);
    }
}

fn tile(value: &Value, path: &str, problems: &mut Problems) -> Option<Tile> {
    let fields = Fields::open(value, path, &TILE_FIELDS, EXPECTED_TILE, problems)?;
    let report = fields.text("report", "the id of a report", problems);
    let text = fields.text("text", "a text", problems);
    let wide = fields.flag("wide", problems).unwrap_or(false);
    if fields.get("report").is_some() == fields.get("text").is_some() {
        problems.add(path, format!("expected either `report` or `text`: {EXPECTED_TILE}"));
    }
    if let Some(report) = report.filter(|id| id.is_empty() || id.len() > MAX_ID_BYTES) {
        let message = format!("found a text of {} bytes; expected the id of a report", report.len());
        problems.add(fields.path_of("report"), message);
    }
    let text = text.and_then(|text| some_text(&fields.path_of("text"), text, MAX_TEXT_CHARS, problems));
    Some(Tile { report: report.map(str::to_owned), text, wide })
}

#[cfg(test)]
#[path = "saved_tests.rs"]
mod tests;
