//! The timeline of one user as answers have it, and the parameters with which it is asked for, on the command line and over HTTP.
//!
//! ```text
//! {"kind":"user","version":42,"complete_to":"…","user":"ana","asked_for":"phone","anonymous_ids":["phone"],"events_total":3,
//!  "events_matching":3,"first":"…","last":"…","events":[{"time":"…","event":"view","event_id":"…","session":1,…}],"scanned":{…}}
//! ```

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use weir_core::answer::Scanned;
use weir_core::calendar::with_offset;
use weir_core::spec::{Period, SpecError, parse_period};
use weir_core::time::rfc3339;

use crate::engine::user::{Timeline, TimelineEvent, TimelineQuestion, Who};
use crate::render::numbers::count;
use crate::render::table::{Align, Layout, Table, clip, markdown_header, markdown_line, plain};
use crate::render::{Records, Report};

/// Events of an answer where nothing else is asked.
pub const DEFAULT_LIMIT: u64 = 1_000;
/// The most events of an answer: they are held in memory.
pub const MOST_EVENTS: u64 = 100_000;
/// A longer name is cut in tables for people.
const LONGEST_NAME: usize = 40;
/// Longer properties are cut there.
const LONGEST_PROPERTIES: usize = 80;

/// What is asked, and in which zone times are shown.
#[derive(Debug, Clone)]
pub struct Asked {
    /// For the engine.
    pub question: TimelineQuestion,
    /// Dates of the question, and the zone.
    pub period: Period,
}

/// When events happened, as it is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bounds<'a> {
    /// `--from`, `from=`
    pub from: Option<&'a str>,
    /// `--to`, `to=`
    pub to: Option<&'a str>,
    /// `--last`, `last=`
    pub last: Option<&'a str>,
    /// `--timezone`, `timezone=`
    pub timezone: Option<&'a str>,
}

impl Bounds<'_> {
    /// What they mean.
    ///
    /// # Errors
    /// Everything that is wrong, by the names of the fields.
    pub fn period(&self, now_ms: i64) -> Result<Period, SpecError> {
        let fields = [("from", self.from), ("to", self.to), ("last", self.last), ("timezone", self.timezone)];
        let given = fields.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text?))));
        parse_period(&Value::Object(Map::from_iter(given)), now_ms)
    }
}

/// A timeline and how it was asked for.
#[derive(Debug)]
pub struct TimelineView<'a> {
    /// What was asked.
    pub asked: &'a Asked,
    /// The answer.
    pub timeline: &'a Timeline,
}

/// The JSON document.
#[derive(Serialize)]
struct Document<'a> {
    kind: &'static str,
    version: u64,
    complete_to: Option<String>,
    #[serde(flatten)]
    who: WhoDocument<'a>,
    events_total: u64,
    events_matching: u64,
    first: Option<String>,
    last: Option<String>,
    events: Vec<EventDocument<'a>>,
    scanned: Scanned,
}

/// Whose events an answer is about.
#[derive(Debug, Serialize)]
pub(crate) struct WhoDocument<'a> {
    user: Option<&'a str>,
    asked_for: &'a str,
    anonymous_ids: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    as_anonymous_id: Option<&'a str>,
}

impl<'a> WhoDocument<'a> {
    pub(crate) fn of(who: &'a Who, asked_for: &'a str) -> Self {
        let (user, as_anonymous_id) = (who.user.as_deref(), who.as_anonymous_id.as_deref());
        Self { user, asked_for, anonymous_ids: &who.anonymous_ids, as_anonymous_id }
    }
}

#[derive(Serialize)]
struct EventDocument<'a> {
    time: String,
    event: &'a str,
    event_id: &'a str,
    session: usize,
    session_id: Option<&'a str>,
    source: &'a str,
    anonymous_id: Option<&'a str>,
    user_id: Option<&'a str>,
    received_at: String,
    properties: Option<&'a RawValue>,
    context: Option<&'a RawValue>,
}

impl<'a> EventDocument<'a> {
    fn of(event: &'a TimelineEvent) -> Self {
        Self {
            time: rfc3339(event.time_ms),
            event: &event.event,
            event_id: &event.event_id,
            session: event.session,
            session_id: event.session_id.as_deref(),
            source: &event.source,
            anonymous_id: event.anonymous_id.as_deref(),
            user_id: event.user_id.as_deref(),
            received_at: rfc3339(event.received_ms),
            properties: event.properties.as_deref(),
            context: event.context.as_deref(),
        }
    }
}

impl Serialize for TimelineView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let timeline = self.timeline;
        let document = Document {
            kind: "user",
            version: timeline.version,
            complete_to: timeline.complete_to_ms.map(rfc3339),
            who: WhoDocument::of(&timeline.who, &self.asked.question.id),
            events_total: timeline.total,
            events_matching: timeline.matching,
            first: timeline.seen_ms.map(|(first, _)| rfc3339(first)),
            last: timeline.seen_ms.map(|(_, last)| rfc3339(last)),
            events: timeline.events.iter().map(EventDocument::of).collect(),
            scanned: timeline.scanned,
        };
        document.serialize(serializer)
    }
}

/// The columns of a record: the fields of an event.
const COLUMNS: [&str; 11] = [
    "time",
    "event",
    "event_id",
    "session",
    "session_id",
    "source",
    "anonymous_id",
    "user_id",
    "received_at",
    "properties",
    "context",
];

impl Report for TimelineView<'_> {
    /// One row an event.
    fn records(&self) -> Records {
        let rows = self.timeline.events.iter().map(|event| {
            let fields = serde_json::to_value(EventDocument::of(event)).unwrap_or_default();
            COLUMNS.iter().map(|name| fields.get(name).cloned().unwrap_or_default()).collect()
        });
        Records { columns: COLUMNS.to_vec(), rows: rows.collect() }
    }

    fn text(&self, _width: usize) -> String {
        let mut text = figures_text(&self.head());
        let rows: Vec<Vec<String>> = self.timeline.events.iter().map(|event| self.row(event, LONGEST_NAME)).collect();
        if rows.is_empty() {
            return text;
        }
        let columns = self.columns();
        let layout = Layout::of(&columns, &rows);
        text.push('\n');
        text.push_str(&layout.header(&columns));
        let mut session = None;
        for (event, row) in self.timeline.events.iter().zip(&rows) {
            if session.replace(event.session) != Some(event.session) {
                text.push_str(&format!("── session {}\n", event.session));
            }
            text.push_str(&layout.line(row));
        }
        text
    }

    fn markdown(&self) -> String {
        let mut text = figures_markdown(&self.head());
        if self.timeline.events.is_empty() {
            return text;
        }
        let mut columns = self.columns();
        columns.insert(1, ("session".to_owned(), Align::Right));
        text.push('\n');
        text.push_str(&markdown_header(&columns));
        for event in &self.timeline.events {
            let mut row = self.row(event, usize::MAX);
            row.insert(1, event.session.to_string());
            text.push_str(&markdown_line(&row));
        }
        text
    }
}

impl TimelineView<'_> {
    fn columns(&self) -> Vec<(String, Align)> {
        let left = |title: String| (title, Align::Left);
        vec![
            left(format!("time ({})", self.asked.period.timezone.name())),
            left("event".to_owned()),
            left("properties".to_owned()),
        ]
    }

    fn row(&self, event: &TimelineEvent, longest: usize) -> Vec<String> {
        let properties = event.properties.as_deref().map(short_properties).unwrap_or_default();
        let most = if longest == usize::MAX { longest } else { LONGEST_PROPERTIES };
        let cut = |text: &str, most| clip(text, most).into_owned();
        vec![shown(&self.asked.period, event.time_ms), cut(&event.event, longest), cut(&properties, most)]
    }

    fn head(&self) -> Vec<(&'static str, String)> {
        let timeline = self.timeline;
        let mut figures = who_figures(&timeline.who, &self.asked.question.id);
        figures.push(("events", count(timeline.total)));
        if let Some((first, last)) = timeline.seen_ms {
            figures.push(("first seen", shown(&self.asked.period, first)));
            figures.push(("last seen", shown(&self.asked.period, last)));
        }
        figures
    }

    /// What a reader should know of the answer beside it.
    pub fn notes(&self) -> Vec<String> {
        let timeline = self.timeline;
        let mut notes = who_notes(&timeline.who, &self.asked.question.id);
        let (matching, shown) = (timeline.matching, timeline.events.len() as u64);
        if timeline.total > 0 && matching == 0 {
            notes.push("note: none of the user's events is of this period and these names".to_owned());
        }
        if shown < matching {
            let which = if self.asked.question.newest_first { "last" } else { "first" };
            let (shown, matching) = (count(shown), count(matching));
            notes.push(format!("note: these are the {which} {shown} of {matching} events; --limit shows more"));
        }
        notes
    }
}

/// Whose events an answer is about, for its head.
pub(crate) fn who_figures(who: &Who, asked_for: &str) -> Vec<(&'static str, String)> {
    let mut figures = vec![("user", plain(who.user.as_deref().unwrap_or(asked_for)).into_owned())];
    if who.user.as_deref().is_some_and(|user| user != asked_for) {
        figures.push(("asked for", plain(asked_for).into_owned()));
    }
    if !who.anonymous_ids.is_empty() {
        figures.push(("anonymous ids", plain(&who.anonymous_ids.join(", ")).into_owned()));
    }
    figures
}

/// What is to be said of an id.
pub(crate) fn who_notes(who: &Who, asked_for: &str) -> Vec<String> {
    let shown = plain(asked_for);
    match (&who.user, &who.as_anonymous_id) {
        (None, _) => vec![format!(
            "note: the lake has no events of `{shown}`; is the id written as it was sent? Capital letters count"
        )],
        (Some(user), None) if *user != asked_for => {
            let user = plain(user);
            match who.anonymous_ids.iter().any(|id| *id == asked_for) {
                true => vec![format!("note: `{shown}` has become `{user}`")],
                false => vec![format!("note: a rule of privacy stores `{shown}` as `{user}`")],
            }
        }
        (Some(_), Some(other)) => vec![format!(
            "note: these are the events with the user id `{shown}`; those with the anonymous id `{shown}` alone are \
             those of `{}`",
            plain(other)
        )],
        _ => Vec::new(),
    }
}

/// Names and values, one below the other.
pub(crate) fn figures_text(figures: &[(&'static str, String)]) -> String {
    let widest = figures.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    figures.iter().map(|(name, figure)| format!("{name:<widest$}  {figure}\n")).collect()
}

/// The same as a table.
pub(crate) fn figures_markdown(figures: &[(&'static str, String)]) -> String {
    let mut table = Table::new(vec![("figure".to_owned(), Align::Left), ("value".to_owned(), Align::Left)]);
    figures.iter().for_each(|(name, figure)| table.row(vec![(*name).to_owned(), figure.clone()]));
    table.markdown()
}

/// An instant as the clocks of a zone show it: `2026-01-31 09:00:00.120`. The offset is left out.
pub(crate) fn shown(period: &Period, time_ms: i64) -> String {
    let text = with_offset(period.timezone, time_ms);
    match text.split_once('T') {
        Some((date, time)) => {
            let end = time.find(['+', '-', 'Z']).unwrap_or(time.len());
            format!("{date} {}", &time[..end])
        }
        None => text,
    }
}

/// The properties as `name=value`, texts without quotes where they need none.
fn short_properties(properties: &RawValue) -> String {
    let Ok(Value::Object(properties)) = serde_json::from_str(properties.get()) else {
        return properties.get().to_owned();
    };
    let value = |value: &Value| match value {
        Value::String(text) if !text.is_empty() && !text.contains([' ', '=', '"']) => text.clone(),
        other => other.to_string(),
    };
    properties.iter().map(|(name, of)| format!("{name}={}", value(of))).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
