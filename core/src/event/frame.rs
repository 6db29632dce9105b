//! The frame in which one request travels through the event log, one record each: the events that were accepted, and, with
//! their reasons, those that were not.
//!
//! ```text
//! {"weir":2,"received":1767225600000,"source":"dev"}\n      header: frame version, time of receipt, source
//! {"place":0,"event":"view_job","user_id":"u1",…}\n         one line an event, in the order of the request
//! {"place":1,"failed":{"id":"…","protocol":"weir","code":"missing_field","field":"user_id","message":"…","body":"{\"event\":…","bytes":31}}\n
//! {"failed":{"id":"…",…}}\n                                 without a place: the request's whole body
//! ```
//!
//! Text, so that a stuck record can be read with anything; the version comes first, so that a reader that is too old says
//! so and does not guess.
//!
//! A stream has a record in an [`envelope`](super::envelope): packed with Zstandard, which its first four bytes tell, or this
//! text where that is no larger. So a reader calls [`unpack`](super::envelope::unpack) before [`open`].
//!
//! | version | lines |
//! |---|---|
//! | 1 | events |
//! | 2 | events and failures |
//!
//! A record without failures is written as version 1, so that a reader that knows no other goes on reading it. What a line is
//! can be told from its beginning: `"failed"` comes first in it, or right behind the place.
//!
//! Bodies of failures take at most [`MAX_FAILED_BYTES`] of a record. Of what fails after that, the reason is kept alone: many
//! bad events must not make a record that the log refuses, with the good ones in it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::eight::{first_special, has_control};
use super::failed::Failed;
use super::{Event, EventId, uuid_digits};

/// The newest version that is read, and the one of a record with failures.
pub const VERSION: u32 = 2;
/// The version of a record that holds events alone.
const EVENTS_ONLY: u32 = 1;
/// Where a header has its version, which is one digit: behind `{"weir":`.
const VERSION_AT: usize = 8;
/// Failures with their bodies take at most so many bytes of a record, as JSON.
pub const MAX_FAILED_BYTES: usize = 1024 * 1024;
/// Messages of failures without a body are cut to so many bytes.
const MAX_BARE_MESSAGE_BYTES: usize = 120;

/// What all events of a record share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Frame version.
    pub weir: u32,
    /// Time of receipt, milliseconds since 1970.
    pub received: i64,
    /// The source that sent the events.
    pub source: String,
}

/// Why a record, or one event of it, cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A packed record cannot be unpacked.
    #[error("the record is packed, but not as a Zstandard frame of at most {limit} bytes of text: {problem}")]
    Envelope {
        /// What is wrong with it.
        problem: String,
        /// The most bytes that are unpacked.
        limit: usize,
    },
    /// The header is no header.
    #[error("the record does not begin with a frame header: {0}")]
    Header(String),
    /// Written by a newer weir.
    #[error("the record has frame version {found}, this weir reads up to {VERSION}; upgrade the compactor first")]
    Version {
        /// The version in the header.
        found: u32,
    },
    /// One line is not an event.
    #[error("line {line} of the record is not an event: {message}")]
    Line {
        /// From 1, the header being line 0.
        line: usize,
        /// What the parser says.
        message: String,
    },
}

/// A line as it is read; [`FrameWriter::push`] writes it.
#[derive(Deserialize)]
struct Line<'a> {
    place: u64,
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow, default)]
    user_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    anonymous_id: Option<Cow<'a, str>>,
    timestamp: i64,
    #[serde(borrow)]
    event_id: Cow<'a, str>,
    #[serde(borrow, default)]
    session_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    properties: Option<&'a RawValue>,
    #[serde(borrow, default)]
    context: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct FailedLineOut<'l, 'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<u64>,
    failed: &'l Failed<'a>,
}

#[derive(Deserialize)]
struct FailedLine<'a> {
    #[serde(default)]
    place: Option<u64>,
    #[serde(borrow)]
    failed: Failed<'a>,
}

/// What a line of a record holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry<'a> {
    /// An event that was accepted.
    Event(Event<'a>),
    /// One that was not. Behind a pointer, so that events are not moved in a space that is made for something larger.
    Failed(Box<Failed<'a>>),
}

/// Writes one record.
#[derive(Debug)]
pub struct FrameWriter {
    bytes: Vec<u8>,
    /// How many of them are failures.
    failed_bytes: usize,
}

impl FrameWriter {
    /// Begins a record.
    ///
    /// # Errors
    /// Never in practice: only if a plain struct cannot be written as JSON.
    pub fn new(source: &str, received_ms: i64) -> Result<Self, serde_json::Error> {
        let mut bytes =
            serde_json::to_vec(&Header { weir: EVENTS_ONLY, received: received_ms, source: source.to_owned() })?;
        bytes.push(b'\n');
        Ok(Self { bytes, failed_bytes: 0 })
    }

    /// Makes room for about so many bytes of events, so that they are not moved each time the record has outgrown its place.
    pub fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    /// How many bytes the record has so far.
    #[allow(clippy::len_without_is_empty, reason = "a record has a header")]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds an event, which has been given its id. Its properties and its context are what [`parse`](super::parse()) found
    /// to be JSON; they are not looked at again.
    ///
    /// # Errors
    /// Never in practice: only if a number or a text cannot be written as JSON.
    pub fn push(&mut self, event: &Event<'_>, id: &EventId<'_>) -> Result<(), serde_json::Error> {
        let Event { event: name, user_id, anonymous_id, session_id, properties, context, .. } = event;
        self.bytes.extend_from_slice(b"{\"place\":");
        serde_json::to_writer(&mut self.bytes, &event.place)?;
        self.text(b",\"event\":", name)?;
        self.text_if_any(b",\"user_id\":", user_id.as_deref())?;
        self.text_if_any(b",\"anonymous_id\":", anonymous_id.as_deref())?;
        self.bytes.extend_from_slice(b",\"timestamp\":");
        serde_json::to_writer(&mut self.bytes, &event.time_ms)?;
        match id {
            EventId::Uuid(bytes) => {
                self.bytes.extend_from_slice(b",\"event_id\":");
                self.bytes.push(b'"');
                self.bytes.extend_from_slice(&uuid_digits(bytes));
                self.bytes.push(b'"');
            }
            EventId::Text(text) => self.text(b",\"event_id\":", text)?,
        }
        self.text_if_any(b",\"session_id\":", session_id.as_deref())?;
        self.object_if_any(b",\"properties\":", *properties);
        self.object_if_any(b",\"context\":", *context);
        self.bytes.push(b'}');
        self.bytes.push(b'\n');
        Ok(())
    }

    /// Adds what was not accepted: with its body, as long as the record has room for it.
    ///
    /// # Errors
    /// Never in practice: only if texts cannot be written as JSON.
    pub fn push_failed(&mut self, failed: &Failed<'_>) -> Result<(), serde_json::Error> {
        let start = self.bytes.len();
        self.write_failed(failed)?;
        if self.failed_bytes + self.bytes.len() - start > MAX_FAILED_BYTES {
            self.bytes.truncate(start);
            let message = &failed.message[..failed.message.floor_char_boundary(MAX_BARE_MESSAGE_BYTES)];
            let (message, body) = (Cow::Borrowed(message), Cow::Borrowed(""));
            self.write_failed(&Failed { message, body, sent_at: None, ..failed.clone() })?;
        } else {
            self.failed_bytes += self.bytes.len() - start;
        }
        if let Some(version) = self.bytes.get_mut(VERSION_AT) {
            *version = b'0' + VERSION as u8;
        }
        Ok(())
    }

    fn write_failed(&mut self, failed: &Failed<'_>) -> Result<(), serde_json::Error> {
        serde_json::to_writer(&mut self.bytes, &FailedLineOut { place: failed.place, failed })?;
        self.bytes.push(b'\n');
        Ok(())
    }

    // A name comes with what is around it, and its length is part of its type: so it is copied without a call.
    #[inline]
    fn text<const N: usize>(&mut self, name: &[u8; N], text: &str) -> Result<(), serde_json::Error> {
        self.bytes.extend_from_slice(name);
        if first_special(text.as_bytes()).is_some() {
            return serde_json::to_writer(&mut self.bytes, text);
        }
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(b'"');
        Ok(())
    }

    #[inline]
    fn text_if_any<const N: usize>(&mut self, name: &[u8; N], text: Option<&str>) -> Result<(), serde_json::Error> {
        text.map_or(Ok(()), |text| self.text(name, text))
    }

    #[inline]
    fn object_if_any<const N: usize>(&mut self, name: &[u8; N], json: Option<&str>) {
        let Some(json) = json else { return };
        self.bytes.extend_from_slice(name);
        // Inside a JSON text a line break is always escaped, so one that stands here is white space of pretty JSON.
        if has_control(json.as_bytes()) {
            self.bytes.extend(json.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
        } else {
            self.bytes.extend_from_slice(json.as_bytes());
        }
    }

    /// The record.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads the header of a record, and gives the rest to [`entries`].
///
/// # Errors
/// [`FrameError::Header`] or [`FrameError::Version`].
pub fn open(record: &[u8]) -> Result<(Header, &[u8]), FrameError> {
    let end = record.iter().position(|b| *b == b'\n').unwrap_or(record.len());
    let header: Header = serde_json::from_slice(&record[..end]).map_err(|e| FrameError::Header(e.to_string()))?;
    if header.weir > VERSION {
        return Err(FrameError::Version { found: header.weir });
    }
    Ok((header, record.get(end + 1..).unwrap_or_default()))
}

/// Everything in a record, in the order of the request. One bad line does not hide the others.
pub fn entries<'a>(header: &Header, lines: &'a [u8]) -> impl Iterator<Item = Result<Entry<'a>, FrameError>> + use<'a> {
    let (received_ms, may_fail) = (header.received, header.weir > EVENTS_ONLY);
    let lines = lines.split(|b| *b == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    lines.map(move |(i, line)| {
        let entry = if may_fail && is_failed(line) {
            failed(line).map(|failed| Entry::Failed(Box::new(failed)))
        } else {
            event(line, received_ms).map(Entry::Event)
        };
        entry.map_err(|e| FrameError::Line { line: i + 1, message: e.to_string() })
    })
}

/// The events of a record alone.
pub fn events<'a>(header: &Header, lines: &'a [u8]) -> impl Iterator<Item = Result<Event<'a>, FrameError>> + use<'a> {
    entries(header, lines).filter_map(|entry| match entry {
        Ok(Entry::Event(event)) => Some(Ok(event)),
        Ok(Entry::Failed(_)) => None,
        Err(error) => Some(Err(error)),
    })
}

/// Whether a line is a failure, from its first bytes: a look at every line, so nothing is parsed for it.
fn is_failed(line: &[u8]) -> bool {
    let behind_place = line.strip_prefix(b"{\"place\":").and_then(|rest| {
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        rest.get(digits..)?.strip_prefix(b",")
    });
    behind_place.or_else(|| line.strip_prefix(b"{")).is_some_and(|rest| rest.starts_with(b"\"failed\":"))
}

fn failed(line: &[u8]) -> Result<Failed<'_>, serde_json::Error> {
    let line: FailedLine<'_> = serde_json::from_slice(line)?;
    Ok(Failed { place: line.place, ..line.failed })
}

// Inlined into its only loop, which runs for every event there is; the call costs a tenth of the time.
#[inline(always)]
fn event(line: &[u8], received_ms: i64) -> Result<Event<'_>, serde_json::Error> {
    let line: Line<'_> = serde_json::from_slice(line)?;
    Ok(Event {
        event: line.event,
        user_id: line.user_id,
        anonymous_id: line.anonymous_id,
        time_ms: line.timestamp,
        event_id: Some(EventId::from_text(line.event_id)),
        session_id: line.session_id,
        properties: line.properties.map(RawValue::get),
        context: line.context.map(RawValue::get),
        received_ms,
        place: line.place,
    })
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
