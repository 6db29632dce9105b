//! A request body, from bytes to candidates: the JSON text of each event, borrowed from the body.
//!
//! | form | example |
//! |---|---|
//! | one object | `{"event":"a","user_id":"u"}`, on one line or pretty-printed |
//! | a list | `[{"event":"a",…},{"event":"b",…}]` |
//! | a wrapped list | `{"events":[{"event":"a",…}]}` |
//! | lines (NDJSON) | one object a line; blank lines do not count |
//!
//! The form is read from the body itself, never from `Content-Type`, which browsers and proxies change at will. A body
//! that is one JSON text stands or falls as a whole; of lines, each stands or falls alone.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use weir_core::event::{Rejection, fields};

/// The largest body, in bytes.
pub const MAX_BODY_BYTES: usize = 5 * 1024 * 1024;
/// The most events in one body.
pub const MAX_EVENTS: usize = 5_000;

/// How many unknown names of a wrapped list a message lists.
const MAX_LISTED_NAMES: usize = 8;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The JSON text of one event, or a line that is no text at all. The JSON of a line has not been looked at yet.
pub type Candidate<'a> = Result<&'a str, NoText<'a>>;

/// A line that is no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoText<'a> {
    /// As it came.
    pub raw: &'a [u8],
    /// Why it is not taken.
    pub rejection: Rejection,
}

/// Why nothing of a body is taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyProblem {
    /// Nothing but white space.
    #[error("the body is empty; send one event, a list of events, {{\"events\":[…]}}, or one event a line")]
    Empty,
    /// A list without events.
    #[error("the list of events is empty; send at least one event")]
    NoEvents,
    /// Larger than [`MAX_BODY_BYTES`].
    #[error("the body is larger than the limit of {MAX_BODY_BYTES} bytes; send the events in smaller batches")]
    TooManyBytes,
    /// More than [`MAX_EVENTS`].
    #[error("the body has {found} events, more than the limit of {MAX_EVENTS}; send them in smaller batches")]
    TooManyEvents {
        /// How many there are.
        found: usize,
    },
    /// Not one JSON text, nor lines.
    #[error("the body is not JSON: {message}; no event of it was taken")]
    InvalidJson {
        /// What the parser says, with line and column.
        message: String,
    },
    /// The bytes are not text.
    #[error("the body is not JSON: line {line} is not UTF-8 text at its byte {column}; send UTF-8")]
    NotUtf8 {
        /// From 1.
        line: usize,
        /// The first bad byte of the line, from 1.
        column: usize,
    },
    /// A wrapped list with other fields beside `events`.
    #[error("the body has {names} beside `events`; send {{\"events\":[…]}} with no other field")]
    UnknownFields {
        /// The first other name.
        first: String,
        /// All other names, as a message shows them.
        names: String,
    },
    /// `events` is there twice.
    #[error("`events` is given twice; send one list")]
    EventsTwice,
    /// `events` is something else than a list.
    #[error("`events` is not a list of events: {message}")]
    EventsNotAList {
        /// What the parser says.
        message: String,
    },
    /// An object of another protocol, without its list of messages.
    #[error("`{field}` is missing; it is the list of messages")]
    NoList {
        /// What the protocol calls the list.
        field: &'static str,
    },
    /// The list of messages of another protocol is something else than a list.
    #[error("`{field}` is not a list of messages: {message}")]
    NotAList {
        /// What the protocol calls the list.
        field: &'static str,
        /// What the parser says.
        message: String,
    },
    /// A field of the whole body, in another protocol, is there twice.
    #[error("`{field}` is given twice; send it once")]
    Twice {
        /// The field.
        field: String,
    },
    /// JSON, but no object, where the protocol wants one.
    #[error("the body is no JSON object; the events of this path come in one")]
    NotAnObject,
    /// `Content-Encoding`, or the address, names a compression that is not gzip.
    #[error(
        "the body is compressed as `{found}`; of compressed bodies only gzip is taken, send it as gzip or uncompressed"
    )]
    Encoded {
        /// The compression.
        found: String,
    },
    /// Begins as gzip, and goes on as something else.
    #[error("the body begins as gzip and cannot be unpacked: {message}; no event of it was taken")]
    NotGzip {
        /// What the decoder says.
        message: String,
    },
    /// `data=` is not base64.
    #[error("the form's `data` is not base64 of UTF-8 JSON; no event of it was taken")]
    NotBase64,
    /// Not all of it came in time.
    #[error("the body did not come to its end within {seconds} s; nothing of it was stored, send it again")]
    TooSlow {
        /// How long it had.
        seconds: u64,
    },
    /// The connection broke, or the request's framing is wrong.
    #[error("the body could not be read to its end: {message}; nothing of it was stored, send it again")]
    Unread {
        /// What the server says.
        message: String,
    },
}

impl BodyProblem {
    /// A short stable name, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty | Self::NoEvents => "empty",
            Self::TooManyBytes => "too_large",
            Self::TooManyEvents { .. } => "too_many_events",
            Self::InvalidJson { .. } | Self::NotUtf8 { .. } => "invalid_json",
            Self::UnknownFields { .. } => "unknown_field",
            Self::EventsTwice | Self::Twice { .. } => "duplicate_field",
            Self::EventsNotAList { .. } | Self::NotAList { .. } => "wrong_type",
            Self::NoList { .. } => "missing_field",
            Self::NotAnObject => "not_an_object",
            Self::Encoded { .. } => "unsupported_encoding",
            Self::NotGzip { .. } => "invalid_gzip",
            Self::NotBase64 => "invalid_base64",
            Self::Unread { .. } => "incomplete_body",
            Self::TooSlow { .. } => "too_slow",
        }
    }

    /// The field of the body that is meant; empty where it is the whole body.
    pub fn field(&self) -> &str {
        match self {
            Self::UnknownFields { first, .. } => first,
            Self::EventsTwice | Self::EventsNotAList { .. } => "events",
            Self::NoList { field } | Self::NotAList { field, .. } => field,
            Self::Twice { field } => field,
            Self::NotBase64 => "data",
            _ => "",
        }
    }

    /// The same as what is said of one event.
    pub fn rejection(&self) -> Rejection {
        Rejection { code: self.code(), field: self.field().to_owned(), message: self.to_string() }
    }

    /// Whether the body is worth keeping, to be looked at and tried again: there is something in it, and what is wrong is in
    /// there too.
    pub fn is_kept(&self) -> bool {
        !matches!(
            self,
            Self::Empty | Self::TooManyBytes | Self::TooManyEvents { .. } | Self::Encoded { .. } | Self::Unread { .. }
        )
    }

    /// Whether this is the kind of problem that bad lines among good ones have too.
    fn is_syntax(&self) -> bool {
        matches!(self, Self::InvalidJson { .. } | Self::NotUtf8 { .. })
    }
}

/// Finds the events of a body, in order: at least one, at most [`MAX_EVENTS`].
///
/// # Errors
/// A [`BodyProblem`], where nothing of the body can be taken.
pub fn candidates(body: &[u8]) -> Result<Vec<Candidate<'_>>, BodyProblem> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    if body.trim_ascii().is_empty() {
        return Err(BodyProblem::Empty);
    }
    let whole = match std::str::from_utf8(body) {
        Ok(text) => document(text),
        Err(error) => Err(not_utf8(body, error.valid_up_to())),
    };
    match whole {
        Err(problem) if problem.is_syntax() && is_lines(body) => lines(body),
        whole => whole,
    }
}

/// Reads the whole body as one JSON text.
fn document(text: &str) -> Result<Vec<Candidate<'_>>, BodyProblem> {
    let one = || Ok(vec![Ok(text.trim_ascii())]);
    match text.trim_ascii().as_bytes().first() {
        Some(b'[') => serde_json::from_str::<List<'_>>(text).map_err(|e| json_problem(&e))?.candidates(),
        Some(b'{') => match serde_json::from_str::<Object<'_>>(text).map_err(|e| json_problem(&e))? {
            Object { lists: 0, .. } => one(),
            Object { lists: 1, events: Some(list), others } if others.is_empty() => list.candidates(),
            Object { lists: 1, others, .. } => Err(unknown_fields(&others)),
            Object { .. } => Err(BodyProblem::EventsTwice),
        },
        _ => {
            serde_json::from_str::<IgnoredAny>(text).map_err(|e| json_problem(&e))?;
            one()
        }
    }
}

/// The values of a list of messages, which another protocol calls `field`.
///
/// # Errors
/// A [`BodyProblem`], where `list` is no list, is empty, or is longer than [`MAX_EVENTS`].
pub(crate) fn listed<'a>(list: &'a RawValue, field: &'static str) -> Result<Vec<Candidate<'a>>, BodyProblem> {
    let list = serde_json::from_str::<List<'a>>(list.get());
    list.map_err(|error| BodyProblem::NotAList { field, message: error.to_string() })?.candidates()
}

/// The values that a body of another protocol, one object, has under `names`.
///
/// # Errors
/// A [`BodyProblem`], where it is no object, or has one of the names twice.
pub(crate) fn object<'a, const N: usize>(
    text: &'a str,
    names: &[&str; N],
) -> Result<[Option<&'a RawValue>; N], BodyProblem> {
    let found = fields(text, names).map_err(|error| match error.classify() {
        Category::Data => BodyProblem::NotAnObject,
        _ => BodyProblem::InvalidJson { message: error.to_string() },
    })?;
    match found.twice {
        Some(field) => Err(BodyProblem::Twice { field }),
        None => Ok(found.values),
    }
}

/// A body of another protocol as one text, without its byte order mark.
///
/// # Errors
/// [`BodyProblem::Empty`] or [`BodyProblem::NotUtf8`].
pub(crate) fn text(body: &[u8]) -> Result<&str, BodyProblem> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    if body.trim_ascii().is_empty() {
        return Err(BodyProblem::Empty);
    }
    std::str::from_utf8(body).map_err(|error| not_utf8(body, error.valid_up_to()))
}

fn json_problem(error: &serde_json::Error) -> BodyProblem {
    let message = error.to_string();
    // The only types that are asked for, and can be missed by well-formed JSON, are those of `events`.
    match error.classify() {
        Category::Data => BodyProblem::EventsNotAList { message },
        _ => BodyProblem::InvalidJson { message },
    }
}

fn not_utf8(body: &[u8], valid_up_to: usize) -> BodyProblem {
    let valid = body.get(..valid_up_to).unwrap_or_default();
    let line = valid.iter().filter(|b| **b == b'\n').count() + 1;
    let column = valid.iter().rev().take_while(|b| **b != b'\n').count() + 1;
    BodyProblem::NotUtf8 { line, column }
}

fn unknown_fields(others: &[Cow<'_, str>]) -> BodyProblem {
    let shown = others.iter().take(MAX_LISTED_NAMES).map(|name| format!("`{name}`")).collect::<Vec<_>>();
    let more = if others.len() > MAX_LISTED_NAMES { " and others" } else { "" };
    let first = others.first().map(|name| name.to_string()).unwrap_or_default();
    BodyProblem::UnknownFields { first, names: format!("{}{more}", shown.join(", ")) }
}

/// Whether a body that is not one JSON text is lines, rather than one JSON text with a mistake in it.
fn is_lines(body: &[u8]) -> bool {
    let mut lines = filled_lines(body);
    let Some(first) = lines.next() else { return false };
    if lines.next().is_none() || first.starts_with(b"[") || opens_wrapped_list(body.trim_ascii()) {
        return false;
    }
    // The first line of a pretty-printed object ends inside the object, and so does a line that was cut off. In the first
    // case one message about the whole is of use and one about each line is not; in the second, good lines are kept.
    let ends_early = serde_json::from_slice::<IgnoredAny>(first).is_err_and(|e| e.is_eof());
    !ends_early || filled_lines(body).any(is_object)
}

/// In a pretty-printed wrapped list an event may fill a line of its own; taking only those lines would be a guess.
fn opens_wrapped_list(body: &[u8]) -> bool {
    body.strip_prefix(b"{").is_some_and(|inside| inside.trim_ascii_start().starts_with(b"\"events\""))
}

fn is_object(line: &[u8]) -> bool {
    line.starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(line).is_ok()
}

fn filled_lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}

fn lines(body: &[u8]) -> Result<Vec<Candidate<'_>>, BodyProblem> {
    let found = filled_lines(body).count();
    if found > MAX_EVENTS {
        return Err(BodyProblem::TooManyEvents { found });
    }
    Ok(filled_lines(body).map(line).collect())
}

fn line(line: &[u8]) -> Candidate<'_> {
    std::str::from_utf8(line).map_err(|error| {
        let at = error.valid_up_to() + 1;
        let message = format!("not JSON: the line is not UTF-8 text at its byte {at}; send UTF-8");
        NoText { raw: line, rejection: Rejection { code: "invalid_json", field: String::new(), message } }
    })
}

/// A JSON list. Past [`MAX_EVENTS`] its values are counted and not kept.
#[derive(Default)]
struct List<'a> {
    events: Vec<&'a RawValue>,
    found: usize,
}

impl<'a> List<'a> {
    fn candidates(self) -> Result<Vec<Candidate<'a>>, BodyProblem> {
        match self.found {
            0 => Err(BodyProblem::NoEvents),
            1..=MAX_EVENTS => Ok(self.events.into_iter().map(|event| Ok(event.get())).collect()),
            found => Err(BodyProblem::TooManyEvents { found }),
        }
    }
}

impl<'de> Deserialize<'de> for List<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor;

        impl<'de> Visitor<'de> for ListVisitor {
            type Value = List<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of events")
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<List<'de>, S::Error> {
                let mut list = List::default();
                while let Some(event) = seq.next_element::<&'de RawValue>()? {
                    if list.found < MAX_EVENTS {
                        list.events.push(event);
                    }
                    list.found += 1;
                }
                Ok(list)
            }
        }

        deserializer.deserialize_seq(ListVisitor)
    }
}

/// A JSON object, as far as it takes to tell one event from a wrapped list.
#[derive(Default)]
struct Object<'a> {
    /// How often `events` is there.
    lists: usize,
    events: Option<List<'a>>,
    /// The first names beside `events`: one more than a message lists.
    others: Vec<Cow<'a, str>>,
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;

        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Object<'de>, M::Error> {
                let mut object = Object::default();
                while let Some(Name(name)) = map.next_key()? {
                    if name == "events" {
                        object.lists += 1;
                        object.events = Some(map.next_value()?);
                        continue;
                    }
                    if object.others.len() <= MAX_LISTED_NAMES {
                        object.others.push(name);
                    }
                    map.next_value::<IgnoredAny>()?;
                }
                Ok(object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor)
    }
}

/// A field name, borrowed where nothing had to be unescaped: serde's own `Cow` always copies.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
