//! One event in full, in every format.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::DAYS;
use crate::catalogue::{EventDocument, LakeCatalogue, PropertyDocument, ValueCount, day};
use crate::error::Failure;
use crate::output::{self, Format};
use crate::render::bars::sparkline;
use crate::render::numbers::{count, percent, share};
use crate::render::table::{Align, Table, clip};
use crate::render::{Records, Report};

/// A longer name or value is cut in tables for people.
const LONGEST: usize = 40;
/// So many values of a property are shown in a table.
const SHOWN_VALUES: usize = 3;
/// The fields of a record that count types.
const TYPES: [&str; 6] = ["string", "number", "boolean", "null", "list", "object"];

/// Prints an event.
///
/// # Errors
/// Where there is none of the name, with one that may be meant.
pub(super) fn print(catalogue: &LakeCatalogue, name: &str, format: Format) -> Result<(), Failure> {
    output::print(&OneEvent::of(catalogue, name)?, format)
}

/// An event, and how often it happened on the last days.
pub(super) struct OneEvent {
    event: EventDocument,
    /// The last of the days, and the counts.
    days: Option<(i32, Vec<u64>)>,
}

impl OneEvent {
    pub(super) fn of(catalogue: &LakeCatalogue, name: &str) -> Result<Self, Failure> {
        let Some(event) = catalogue.event(name) else {
            let (message, hint) = catalogue.unknown(name);
            let hint = hint.unwrap_or_else(|| "`weir events` lists those there are".to_owned());
            return Err(Failure::failed(message).hint(hint));
        };
        let days = catalogue.last_day().map(|last| (last, catalogue.last_days(name, DAYS)));
        Ok(Self { event, days })
    }

    fn figures(&self) -> Vec<(String, String)> {
        let event = &self.event;
        let summary = &event.summary;
        let of_all = percent(share(summary.count, event.total));
        let mut figures = vec![
            ("event".to_owned(), summary.event.clone()),
            ("count".to_owned(), format!("{} ({of_all} of all events)", count(summary.count))),
            ("first seen".to_owned(), summary.first_seen.clone()),
            ("last seen".to_owned(), summary.last_seen.clone()),
            ("received".to_owned(), format!("{} to {}", event.first_received, event.last_received)),
        ];
        if let Some(planned) = summary.planned {
            figures.push(("planned".to_owned(), if planned { "yes" } else { "no" }.to_owned()));
        }
        let said = [("owner", &summary.owner), ("description", &summary.description)];
        figures.extend(said.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.clone()?))));
        figures
    }

    fn sources(&self, longest: usize) -> Table {
        let total = self.event.summary.count;
        let mut table = Table::new(vec![left("source"), right("count"), right("share")]);
        let mut row = |name: String, of: u64| table.row(vec![name, count(of), percent(share(of, total))]);
        self.event.sources.iter().for_each(|source| row(clip(&source.source, longest).into_owned(), source.count));
        if self.event.other_sources > 0 {
            row("(all others)".to_owned(), self.event.other_sources);
        }
        table
    }

    fn properties(&self, longest: usize) -> Table {
        let total = self.event.summary.count;
        let mut table = Table::new(vec![left("property"), right("present"), left("types"), left("values")]);
        for property in &self.event.properties {
            let name = clip(&property.property, longest).into_owned();
            let present = percent(share(property.present, total));
            table.row(vec![name, present, types(property), values(property, longest)]);
        }
        table
    }

    fn notes(&self) -> String {
        let event = &self.event;
        let notes = [
            ("Values under names that are not listed", event.other_properties),
            ("Events on days before those that are listed", event.other_days),
        ];
        let notes = notes.into_iter().filter(|(_, of)| *of > 0);
        notes.map(|(what, of)| format!("\n{what}: {}\n", count(of))).collect()
    }
}

fn left(title: &str) -> (String, Align) {
    (title.to_owned(), Align::Left)
}

fn right(title: &str) -> (String, Align) {
    (title.to_owned(), Align::Right)
}

/// `string`, or `number 98.4%, string 1.6%`.
fn types(property: &PropertyDocument) -> String {
    let of = |count: &Value| count.as_u64().unwrap_or(0);
    let total: u64 = property.types.values().map(of).sum();
    let mut types: Vec<(&String, u64)> = property.types.iter().map(|(name, count)| (name, of(count))).collect();
    types.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    match types.as_slice() {
        [(only, _)] => (*only).clone(),
        types => {
            let each = types.iter().map(|(name, count)| format!("{name} {}", percent(share(*count, total))));
            each.collect::<Vec<_>>().join(", ")
        }
    }
}

/// The range of the numbers, and the most frequent texts with their shares of all texts.
fn values(property: &PropertyDocument, longest: usize) -> String {
    let mut parts = Vec::new();
    if let (Some(min), Some(max)) = (&property.min, &property.max) {
        parts.push(if min == max { min.to_string() } else { format!("{min} to {max}") });
    }
    let texts = property.types.get("string").and_then(Value::as_u64).unwrap_or(0);
    let shown = property.values.iter().take(SHOWN_VALUES);
    let is_mixed = property.types.len() > 1;
    let text = |value: &ValueCount| clip(&quoted(&value.value, is_mixed), longest).into_owned();
    parts.extend(shown.map(|value| format!("{} {}", text(value), shares(value, texts))));
    let more = property.values.len().saturating_sub(SHOWN_VALUES);
    if property.unlisted_at_most > 0 {
        parts.push("many more".to_owned());
    } else if more > 0 {
        parts.push(format!("{more} more"));
    }
    if property.too_long > 0 {
        parts.push(format!("long texts {}", percent(share(property.too_long, texts))));
    }
    parts.join(", ")
}

/// An exact share, or the range in which it lies.
fn shares(value: &ValueCount, texts: u64) -> String {
    let (low, high) = (percent(share(value.count, texts)), percent(share(value.at_most.min(texts), texts)));
    if low == high { low } else { format!("{low} to {high}") }
}

/// A text that might not be seen as one is put in quotes.
fn quoted(text: &str, is_mixed: bool) -> String {
    if is_mixed || text.is_empty() || text.trim() != text { format!("\"{text}\"") } else { text.to_owned() }
}

impl Serialize for OneEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.event.serialize(serializer)
    }
}

impl Report for OneEvent {
    /// One row a property.
    fn records(&self) -> Records {
        let mut columns = vec!["property", "present"];
        columns.extend(TYPES);
        columns.extend(["min", "max", "top_value", "top_count"]);
        let rows = self.event.properties.iter().map(|property| -> Vec<Value> {
            let mut row = vec![json!(property.property), json!(property.present)];
            row.extend(TYPES.map(|name| property.types.get(name).cloned().unwrap_or_else(|| json!(0))));
            let top = property.values.first();
            row.extend([json!(property.min), json!(property.max)]);
            row.extend([json!(top.map(|value| &value.value)), json!(top.map(|value| value.count))]);
            row
        });
        Records { columns, rows: rows.collect() }
    }

    fn text(&self, _width: usize) -> String {
        let mut figures = self.figures();
        if let Some((last, counts)) = &self.days {
            figures.push((format!("{DAYS} days"), format!("{}  to {}, UTC", sparkline(counts), day(*last))));
        }
        let widest = figures.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let mut text: String = figures.iter().map(|(name, figure)| format!("{name:<widest$}  {figure}\n")).collect();
        text.push_str(&format!("\n{}", self.sources(LONGEST).text()));
        if !self.event.properties.is_empty() {
            text.push_str(&format!("\n{}", self.properties(LONGEST).text()));
        }
        text + &self.notes()
    }

    fn markdown(&self) -> String {
        let mut figures = Table::new(vec![left("figure"), left("value")]);
        self.figures().into_iter().for_each(|(name, figure)| figures.row(vec![name, figure]));
        let mut days = Table::new(vec![left("day (UTC)"), right("count")]);
        self.event.days_utc.iter().for_each(|day| days.row(vec![day.day.clone(), count(day.count)]));
        let tables = [figures, self.sources(usize::MAX), self.properties(usize::MAX), days];
        tables.map(|table| table.markdown()).join("\n") + &self.notes()
    }
}
