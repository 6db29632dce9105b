//! Segment's HTTP tracking protocol, which RudderStack's clients speak as well.
//!
//! | call | event | `properties` |
//! |---|---|---|
//! | `track` | its `event` | its `properties` |
//! | `page`, `screen` | `page`, `screen` | its `properties`, with `name` and `category` |
//! | `identify` | `identify` | its `traits` |
//! | `group` | `group` | its `traits`, with `groupId` |
//! | `alias` | `alias` | its `properties`, with `previousId` |
//!
//! ```text
//! {"batch":[{"type":"track","userId":"u","event":"view_job","properties":{},"messageId":"m1"}],
//!  "sentAt":"2026-01-01T00:00:00Z","writeKey":"…"}
//! ```
//!
//! Fields that are not named here (`integrations`, `channel`, `_metadata`, …) are passed over. A message's own time is
//! `timestamp`, or `originalTimestamp` where that is absent: both are the client's clock when it happened. `sentAt` is that
//! clock when the request was sent; that of the batch is preferred, since a client that sends again may make it anew.

use std::borrow::Cow;

use serde_json::value::RawValue;
use weir_core::event::{Field, FieldNames, Parts, Rejection, fields, name_in};

use super::{Batch, Dialect, Protocol, id, is_filled, is_historical, with_added};
use crate::body::{self, BodyProblem};

/// What a message reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something that a user did.
    Track,
    /// A page was looked at.
    Page,
    /// A screen of an app was looked at.
    Screen,
    /// Who the user is.
    Identify,
    /// What the user belongs to.
    Group,
    /// A user's former id.
    Alias,
}

impl Kind {
    /// Every kind, with its name and the letter of its short path.
    pub const ALL: [(Self, &'static str, &'static str); 6] = [
        (Self::Track, "track", "t"),
        (Self::Page, "page", "p"),
        (Self::Screen, "screen", "s"),
        (Self::Identify, "identify", "i"),
        (Self::Group, "group", "g"),
        (Self::Alias, "alias", "a"),
    ];

    /// As messages call it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, name, _)| name)
    }

    fn of_type(json: &str) -> Option<Self> {
        let name = json.strip_prefix('"')?.strip_suffix('"')?;
        Self::ALL.iter().find(|(_, known, _)| *known == name).map(|(kind, ..)| *kind)
    }

    /// The name of the event, as JSON; `None` for the kind that names it itself.
    fn event_name(self) -> Option<&'static str> {
        match self {
            Self::Track => None,
            Self::Page => Some("\"page\""),
            Self::Screen => Some("\"screen\""),
            Self::Identify => Some("\"identify\""),
            Self::Group => Some("\"group\""),
            Self::Alias => Some("\"alias\""),
        }
    }
}

const NAMES: FieldNames = [
    "event",
    "userId",
    "anonymousId",
    "timestamp",
    "messageId",
    "context.sessionId",
    "properties",
    "context",
    "sentAt",
];

/// What is read of a message: what every kind has, and then the details.
const WANTED: [&str; 15] = [
    "type",
    "event",
    "userId",
    "anonymousId",
    "messageId",
    "timestamp",
    "originalTimestamp",
    "sentAt",
    "properties",
    "traits",
    "context",
    "name",
    "category",
    "groupId",
    "previousId",
];

/// What a body says about all its messages.
#[derive(Debug)]
pub struct Envelope<'a> {
    /// From the path; `None` where each message says it.
    kind: Option<Kind>,
    sent_at: Option<&'a RawValue>,
    /// That of messages without one of their own.
    context: Option<&'a RawValue>,
}

/// Finds the messages of a body.
///
/// # Errors
/// A [`BodyProblem`], where nothing of the body can be taken.
pub fn read(text: &str, kind: Option<Kind>) -> Result<Batch<'_>, BodyProblem> {
    let wanted = ["batch", "writeKey", "sentAt", "context", "historical", "historical_migration"];
    let [batch, key, sent_at, context, historical @ ..] = body::object(text, &wanted)?;
    if kind.is_some() {
        let dialect = Dialect::Segment(Envelope { kind, sent_at: None, context: None });
        let candidates = vec![Ok(text.trim_ascii())];
        return Ok(Batch { key, historical: false, candidates, dialect, protocol: Protocol::Segment(kind) });
    }
    let candidates = body::listed(batch.ok_or(BodyProblem::NoList { field: "batch" })?, "batch")?;
    let first = candidates.first().and_then(|first| first.as_ref().ok());
    let key_of_first = || fields(first?, &["writeKey"]).ok()?.values[0];
    let key = key.or_else(key_of_first);
    let dialect = Dialect::Segment(Envelope { kind, sent_at, context });
    let historical = is_historical(historical);
    Ok(Batch { key, historical, candidates, dialect, protocol: Protocol::Segment(kind) })
}

impl<'e> Envelope<'e> {
    /// That of a message which came in such a body. The context that the body had for messages without one is not known.
    pub fn of_one(kind: Option<Kind>, sent_at: Option<&'e RawValue>) -> Self {
        Self { kind, sent_at, context: None }
    }

    /// When the body was sent: JSON.
    pub fn sent_at(&self) -> Option<&str> {
        self.sent_at.map(RawValue::get)
    }

    /// The name of the event that a message reports: that of its kind, unless the kind has none.
    pub fn event_name<'j>(&self, json: &'j str) -> Option<Cow<'j, str>> {
        let kind = self.kind.or_else(|| {
            let name = name_in(json, "type")?;
            Kind::ALL.iter().find(|(_, known, _)| *known == name).map(|(kind, ..)| *kind)
        });
        match kind {
            Some(Kind::Track) | None => name_in(json, "event"),
            Some(kind) => Some(Cow::Borrowed(kind.name())),
        }
    }

    /// The parts of the event that a message reports.
    ///
    /// # Errors
    /// A [`Rejection`], where the message is no object, or too large.
    pub fn parts<'a>(&'a self, json: &'a str) -> Result<Parts<'a>, Rejection> {
        let (mut parts, values) = Parts::read(json, &WANTED, &NAMES)?;
        let [kind, event, user_id, anonymous_id, message_id, timestamp, original, sent_at, details @ ..] = values;
        let Some(kind) = self.kind.or_else(|| kind_of(kind, &mut parts)) else {
            // Without its kind nothing else of the message can be judged.
            return Err(parts.rejection());
        };
        let name = kind.event_name().and_then(|name| serde_json::from_str::<&RawValue>(name).ok());
        parts.set(Field::Event, name.or(event).map(Cow::Borrowed));
        parts.set(Field::UserId, id(user_id));
        parts.set(Field::AnonymousId, id(anonymous_id));
        parts.set(Field::EventId, id(message_id));
        match (timestamp, original) {
            (None, Some(time)) => parts.set_named(Field::Timestamp, "originalTimestamp", Some(Cow::Borrowed(time))),
            (time, _) => parts.set(Field::Timestamp, time.map(Cow::Borrowed)),
        }
        parts.set(Field::SentAt, self.sent_at.or(sent_at).map(Cow::Borrowed));
        self.set_details(kind, details, &mut parts);
        Ok(parts)
    }

    /// Sets properties, context and session.
    fn set_details<'a>(&'a self, kind: Kind, details: [Option<&'a RawValue>; 7], parts: &mut Parts<'a>) {
        let [properties, traits, context, name, category, group_id, previous_id] = details;
        let context = context.or(self.context);
        let in_context = context.and_then(|context| fields(context.get(), &["sessionId", "traits"]).ok());
        let [session_id, context_traits] = in_context.map_or([None; 2], |found| found.values);
        parts.set(Field::Context, context.map(Cow::Borrowed));
        parts.set(Field::SessionId, id(session_id));

        let mut require = |value: Option<&RawValue>, field: &str, what: &str| {
            if !is_filled(value) {
                parts.problem("missing_field", field, format!("is missing; it {what}"));
            }
        };
        match kind {
            Kind::Group => require(group_id, "groupId", "names what the user belongs to"),
            Kind::Alias => require(previous_id, "previousId", "is the id that the user had before"),
            _ => {}
        }
        let (field, properties, added) = match kind {
            Kind::Track => ("properties", properties, [("", None), ("", None)]),
            Kind::Page | Kind::Screen => ("properties", properties, [("name", name), ("category", category)]),
            // RudderStack's clients keep the traits in the context only.
            Kind::Identify => ("traits", traits.or(context_traits), [("", None), ("", None)]),
            Kind::Group => ("traits", traits, [("groupId", group_id), ("", None)]),
            Kind::Alias => ("properties", properties, [("previousId", previous_id), ("", None)]),
        };
        let properties = with_added(properties, &added, parts);
        parts.set_named(Field::Properties, field, properties);
    }
}

fn kind_of(kind: Option<&RawValue>, parts: &mut Parts<'_>) -> Option<Kind> {
    const KINDS: &str = "one of track, page, screen, identify, group, alias";
    let Some(json) = kind.map(RawValue::get) else {
        parts.problem("missing_field", "type", format!("is missing; it is {KINDS}"));
        return None;
    };
    let kind = Kind::of_type(json);
    if kind.is_none() {
        let shown = crate::accept::shortened(json.to_owned(), 60);
        parts.problem("unknown_type", "type", format!("is {shown}, expected {KINDS}"));
    }
    kind
}

#[cfg(test)]
#[path = "segment_tests.rs"]
mod tests;
