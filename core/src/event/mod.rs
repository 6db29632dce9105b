//! One event: what happened, to whom, and when.
//!
//! Words: the *receipt* of an event is the instant and the place in the request at which it came in; its *arrival* is
//! that pair, by which copies and ties are ordered. A *rejection* says why an event is not taken.
//!
//! [`parse()`] turns one JSON object into an [`Event`], or into a [`Rejection`] that names the field, the value found and
//! what is expected. [`Parts`] does the same for an event that comes in another protocol, and [`scan`] for a whole
//! body at once. [`frame`] writes what came of a
//! request into one record of the event log and reads it back; [`envelope`] makes a record small for a stream. A [`Failed`] is
//! what is kept of an event that was not taken, and [`mentions`](mentions()) finds whose ids that has.
//!
//! ```
//! use weir_core::event::{parse, Receipt};
//!
//! let receipt = Receipt { received_ms: 1_767_225_600_000, place: 0, correct_skew: true };
//! let event = parse(r#"{"event":"view_job","user_id":"u1","timestamp":"2026-01-01T00:00:00Z"}"#, receipt).unwrap();
//! assert_eq!(event.user(), "u1");
//! assert_eq!(event.time_ms, 1_767_225_600_000);
//! ```

pub mod eight;
pub mod envelope;
mod failed;
pub mod frame;
mod mentions;
mod parse;
mod parts;
pub mod scan;
mod timestamp;

use std::borrow::Cow;

pub use failed::{Failed, MAX_FAILED_BODY_BYTES, kept_body, name_in};
pub use mentions::{ID_NAMES, mentions};
pub use parse::parse;
pub(crate) use parse::{excerpt, found};
pub use parts::{Field, FieldNames, Fields, Parts, entries, fields};
use twox_hash::XxHash3_128;

/// The longest event name, user id, anonymous id, event id or session id, in bytes.
pub const MAX_NAME_BYTES: usize = 200;
/// The largest event, in bytes of JSON.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;
/// How deep `properties` and `context` may nest, themselves included.
pub const MAX_DEPTH: usize = 32;
/// How many names `properties` and `context` may have, together and at all levels.
pub const MAX_KEYS: usize = 10_000;

/// One accepted event. Text is borrowed from the JSON it was read from where nothing had to be unescaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// Name of what happened.
    pub event: Cow<'a, str>,
    /// The known user.
    pub user_id: Option<Cow<'a, str>>,
    /// The device or browser. One of the two ids is there.
    pub anonymous_id: Option<Cow<'a, str>>,
    /// When it happened, corrected for a wrong client clock; milliseconds since 1970.
    pub time_ms: i64,
    /// The deduplication key. `None` until the receiver gives one: see [`EventId`].
    pub event_id: Option<EventId<'a>>,
    /// The client's session.
    pub session_id: Option<Cow<'a, str>>,
    /// A JSON object, as text.
    pub properties: Option<&'a str>,
    /// A JSON object, as text.
    pub context: Option<&'a str>,
    /// When it came in; milliseconds since 1970.
    pub received_ms: i64,
    /// Place in the request (or in the file, for an import), from 0.
    pub place: u64,
}

impl Event<'_> {
    /// Whose event it is: the known user, else the device.
    pub fn user(&self) -> &str {
        self.user_id.as_deref().or(self.anonymous_id.as_deref()).unwrap_or_default()
    }
}

/// The key by which copies of an event are recognised, within one source.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EventId<'a> {
    /// A UUID in its canonical text form (36 characters, lower case): kept as 16 bytes.
    Uuid([u8; 16]),
    /// Any other text.
    Text(Cow<'a, str>),
}

impl<'a> EventId<'a> {
    /// Recognises a canonical UUID; everything else, upper-case UUIDs too, stays text, so that reading an id gives back
    /// exactly what was sent.
    pub fn from_text(text: Cow<'a, str>) -> Self {
        canonical_uuid(text.as_bytes()).map_or(Self::Text(text), Self::Uuid)
    }

    /// The id of an imported event that came without one: made of the line and its number in the file, so that importing
    /// the file again gives the same ids, and two equal lines of one file stay two events.
    ///
    /// A UUID of version 8 (RFC 9562), whose 122 free bits are a hash (xxh3-128).
    pub fn of_line(line: &[u8], number: u64) -> EventId<'static> {
        let mut bytes = XxHash3_128::oneshot_with_seed(number, line).to_be_bytes();
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        EventId::Uuid(bytes)
    }

    /// The id as it was sent.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Uuid(bytes) => Cow::Owned(uuid_text(bytes)),
            Self::Text(text) => Cow::Borrowed(text),
        }
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";
/// Where the two digits of each byte of a UUID begin in its text.
const UUID_PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

fn canonical_uuid(text: &[u8]) -> Option<[u8; 16]> {
    /// The value of each digit; 16 and more for a byte that is none.
    const VALUES: [u8; 256] = {
        let mut values = [u8::MAX; 256];
        let mut digit = 0;
        while digit < 16 {
            values[HEX[digit] as usize] = digit as u8;
            digit += 1;
        }
        values
    };
    let text: &[u8; 36] = text.try_into().ok()?;
    let mut bytes = [0; 16];
    let mut seen = 0;
    for (byte, at) in bytes.iter_mut().zip(UUID_PLACES) {
        let (high, low) = (VALUES[usize::from(text[at])], VALUES[usize::from(text[at + 1])]);
        seen |= high | low;
        *byte = high << 4 | low & 15;
    }
    (seen < 16 && [8, 13, 18, 23].iter().all(|at| text[*at] == b'-')).then_some(bytes)
}

/// The canonical text form of a UUID.
pub fn uuid_text(bytes: &[u8; 16]) -> String {
    uuid_digits(bytes).iter().copied().map(char::from).collect()
}

/// The bytes of [`uuid_text`].
fn uuid_digits(bytes: &[u8; 16]) -> [u8; 36] {
    let mut digits = [b'-'; 36];
    for (byte, at) in bytes.iter().zip(UUID_PLACES) {
        digits[at] = HEX[usize::from(byte >> 4)];
        digits[at + 1] = HEX[usize::from(byte & 15)];
    }
    digits
}

/// When and where in its request an event came in.
#[derive(Debug, Clone, Copy)]
pub struct Receipt {
    /// Milliseconds since 1970.
    pub received_ms: i64,
    /// Place in the request, from 0.
    pub place: u64,
    /// Whether `sent_at` corrects the client's clock. True for what comes over HTTP; false for an import, where the time
    /// between sending and receipt says nothing about a clock.
    pub correct_skew: bool,
}

/// Why an event is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// A short stable name of the first problem, for programs.
    pub code: &'static str,
    /// The field that has the first problem; empty where the whole event is meant.
    pub field: String,
    /// Every problem of the event: the field, the value found and what is expected.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_one_id_and_equal_lines_have_two() {
        let line = br#"{"event":"a","user_id":"u"}"#;
        assert_eq!(EventId::of_line(line, 1), EventId::of_line(line, 1));
        assert_ne!(EventId::of_line(line, 1), EventId::of_line(line, 2));
        // Lakes hold these ids: they do not change.
        assert_eq!(EventId::of_line(line, 1).text(), "fd2c6b5b-0be0-8885-b383-8b07df9bc7d6");
        assert!(matches!(EventId::from_text(EventId::of_line(line, 1).text()), EventId::Uuid(_)));
    }

    #[test]
    fn only_canonical_uuids_become_bytes() {
        let canonical = "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e";
        let id = EventId::from_text(canonical.into());
        assert!(matches!(id, EventId::Uuid(_)));
        assert_eq!(id.text(), canonical);
        for other in [
            "0190F3A1-7C4E-7B7A-9D1E-5F0A2B3C4D5E",
            "0190f3a17c4e7b7a9d1e5f0a2b3c4d5e",
            "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5",
            "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5g",
            "0190f3a1+7c4e+7b7a+9d1e+5f0a2b3c4d5e",
        ] {
            let id = EventId::from_text(other.into());
            assert!(matches!(id, EventId::Text(_)), "{other}");
            assert_eq!(id.text(), other);
        }
    }
}
