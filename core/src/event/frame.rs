//! The frame in which the accepted events of one request travel through the event log: one record each request.
//!
//! ```text
//! {"weir":1,"received":1767225600000,"source":"dev"}\n      header: frame version, time of receipt, source
//! {"place":0,"event":"view_job","user_id":"u1",…}\n         one line an event, in the order of the request
//! ```
//!
//! Text, so that a stuck record can be read with anything; the version comes first, so that a reader that is too old says
//! so and does not guess.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::eight::{first_special, has_control};
use super::{Event, EventId, uuid_digits};

/// The version that is written, and the newest that is read.
pub const VERSION: u32 = 1;

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

/// Writes one record.
#[derive(Debug)]
pub struct FrameWriter {
    bytes: Vec<u8>,
}

impl FrameWriter {
    /// Begins a record.
    ///
    /// # Errors
    /// Never in practice: only if a plain struct cannot be written as JSON.
    pub fn new(source: &str, received_ms: i64) -> Result<Self, serde_json::Error> {
        let mut bytes =
            serde_json::to_vec(&Header { weir: VERSION, received: received_ms, source: source.to_owned() })?;
        bytes.push(b'\n');
        Ok(Self { bytes })
    }

    /// Makes room for about so many bytes of events, so that they are not moved each time the record has outgrown its place.
    pub fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
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

/// Reads the header of a record, and gives the rest to [`events`].
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

/// The events of a record, in the order of the request. One bad line does not hide the others.
pub fn events<'a>(header: &Header, lines: &'a [u8]) -> impl Iterator<Item = Result<Event<'a>, FrameError>> + use<'a> {
    let received_ms = header.received;
    let lines = lines.split(|b| *b == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    lines.map(move |(i, line)| {
        let line: Line<'a> =
            serde_json::from_slice(line).map_err(|e| FrameError::Line { line: i + 1, message: e.to_string() })?;
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
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Receipt, parse};
    use super::*;

    #[test]
    fn what_was_accepted_is_read_back() {
        let receipt = Receipt { received_ms: 1_767_225_600_000, place: 3, correct_skew: true };
        let pretty = "{\"event\":\"a\\nb\",\n \"user_id\":\"u\",\"properties\":{\n\"p\": \"x\\ny\"}}";
        let event = parse(pretty, receipt).unwrap();
        let id = EventId::Text("e1".into());
        let mut frame = FrameWriter::new("app", receipt.received_ms).unwrap();
        frame.push(&event, &id).unwrap();
        let record = frame.finish();

        let (header, lines) = open(&record).unwrap();
        assert_eq!((header.source.as_str(), header.received), ("app", receipt.received_ms));
        let read: Vec<_> = events(&header, lines).collect::<Result<_, _>>().unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].event, "a\nb");
        assert_eq!(read[0].properties, Some("{ \"p\": \"x\\ny\"}"));
        assert_eq!(read[0], Event { event_id: Some(id), properties: read[0].properties, ..event });
    }

    #[test]
    fn the_bytes_of_a_record_are_these() {
        let receipt = |place| Receipt { received_ms: 1_767_225_600_000, place, correct_skew: true };
        let full = "{\"event\":\"a \\\"b\\\" \\\\ \\u0007\\n\\u007f é\",\"user_id\":\"u\",\"anonymous_id\":\"d\",\
            \"timestamp\":1767225599999,\"session_id\":\"s\",\"properties\":{\"p\":\r\n\t1.50, \"q\":\"\\n\\/\"},\
            \"context\":{ },\"sent_at\":1767225600000}";
        let least = "{\"user_id\":null,\"anonymous_id\":\"d\",\"event\":\"e\"}";
        let mut frame = FrameWriter::new("an \"app\"", receipt(0).received_ms).unwrap();
        frame.push(&parse(full, receipt(0)).unwrap(), &EventId::Text("x\ny".into())).unwrap();
        let uuid = EventId::from_text("0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e".into());
        frame.push(&parse(least, receipt(12)).unwrap(), &uuid).unwrap();
        // Logs hold these bytes, and older readers read them.
        let expected = [
            r#"{"weir":1,"received":1767225600000,"source":"an \"app\""}"#,
            concat!(
                r#"{"place":0,"event":"a \"b\" \\ \u0007\n"#,
                "\u{7f} é",
                r#"","user_id":"u","anonymous_id":"d","timestamp":1767225599999,"event_id":"x\ny","session_id":"s","#,
                "\"properties\":{\"p\":  \t1.50, ",
                r#""q":"\n\/"},"context":{ }}"#,
            ),
            r#"{"place":12,"event":"e","anonymous_id":"d","timestamp":1767225600000,"event_id":"0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e"}"#,
            "",
        ];
        assert_eq!(std::str::from_utf8(&frame.finish()).unwrap(), expected.join("\n"));
    }

    #[test]
    fn one_bad_line_does_not_hide_the_others() {
        let record = b"{\"weir\":1,\"received\":5,\"source\":\"s\"}\n{\"place\":0}\n\
            {\"place\":1,\"event\":\"a\",\"user_id\":\"u\",\"timestamp\":5,\"event_id\":\"x\"}\n";
        let (header, lines) = open(record).unwrap();
        let read: Vec<_> = events(&header, lines).collect();
        assert!(matches!(read[0], Err(FrameError::Line { line: 1, .. })));
        assert_eq!(read[1].as_ref().unwrap().user(), "u");
    }

    #[test]
    fn a_newer_frame_is_not_guessed() {
        let newer = open(b"{\"weir\":2,\"received\":5,\"source\":\"s\"}\n").unwrap_err();
        assert_eq!(newer, FrameError::Version { found: 2 });
        assert!(matches!(open(b"junk").unwrap_err(), FrameError::Header(_)));
        assert!(matches!(open(b"").unwrap_err(), FrameError::Header(_)));
    }
}
