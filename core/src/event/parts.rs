//! An event that comes in another protocol: the same fields under other names, checked by the same rules.
//!
//! ```
//! use std::borrow::Cow;
//! use weir_core::event::{Field, Parts, Receipt};
//!
//! const NAMES: [&str; 9] =
//!     ["event", "userId", "anonymousId", "timestamp", "messageId", "session", "properties", "context", "sentAt"];
//! let receipt = Receipt { received_ms: 1_767_225_600_000, place: 0, correct_skew: true };
//! let (mut parts, [name, user]) = Parts::read(r#"{"event":"a","userId":"","x":1}"#, &["event", "userId"], &NAMES).unwrap();
//! parts.set(Field::Event, name.map(Cow::Borrowed));
//! parts.set(Field::UserId, user.map(Cow::Borrowed));
//! assert_eq!(parts.event(receipt).unwrap_err().message, "userId: is empty, expected 1 to 200 bytes");
//! ```

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::parse::{FIELD_COUNT, Problems, Raw, check, read_object, read_values};
use super::{Event, Receipt, Rejection};

/// A field of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Name of what happened.
    Event,
    /// The known user.
    UserId,
    /// The device or browser.
    AnonymousId,
    /// When it happened.
    Timestamp,
    /// The deduplication key.
    EventId,
    /// The client's session.
    SessionId,
    /// What the app knows.
    Properties,
    /// App, device, page.
    Context,
    /// The client's clock at sending.
    SentAt,
}

/// What a protocol calls the fields of an event, in the order of [`Field`].
pub type FieldNames = [&'static str; FIELD_COUNT];

/// The fields of one event, as JSON that has not been looked at yet.
#[derive(Debug)]
pub struct Parts<'a> {
    names: FieldNames,
    values: [Option<Cow<'a, RawValue>>; FIELD_COUNT],
    problems: Problems,
}

impl<'a> Parts<'a> {
    /// Reads the object `json`, and gives back the values that it has under `wanted`; `null` counts as absent, and other
    /// names are passed over. The event is still empty: [`set`](Self::set) fills it.
    ///
    /// # Errors
    /// A [`Rejection`] where `json` is no object, no JSON, or larger than [`MAX_EVENT_BYTES`](super::MAX_EVENT_BYTES).
    pub fn read<const N: usize>(
        json: &'a str,
        wanted: &[&str; N],
        names: &FieldNames,
    ) -> Result<(Self, [Option<&'a RawValue>; N]), Rejection> {
        let mut problems = Problems::default();
        let values = read_object(json, wanted, &mut problems)?;
        let parts = Self { names: *names, values: [const { None }; FIELD_COUNT], problems };
        Ok((parts, values.map(|value| value.filter(|value| value.get() != "null"))))
    }

    /// Gives a field its value.
    pub fn set(&mut self, field: Field, value: Option<Cow<'a, RawValue>>) {
        self.values[field as usize] = value;
    }

    /// Gives a field its value, and the name under which this event has it.
    pub fn set_named(&mut self, field: Field, name: &'static str, value: Option<Cow<'a, RawValue>>) {
        self.names[field as usize] = name;
        self.set(field, value);
    }

    /// Adds a problem that only the protocol can see.
    pub fn problem(&mut self, code: &'static str, field: &str, message: String) {
        self.problems.add(code, field, message);
    }

    /// The problems so far, of an event that need not be looked at any further.
    pub fn rejection(self) -> Rejection {
        self.problems.into_rejection()
    }

    /// Checks the event by the rules of [`parse`](super::parse()).
    ///
    /// # Errors
    /// A [`Rejection`] that lists every problem, in the protocol's own names. Those of the protocol come first.
    pub fn event(&mut self, receipt: Receipt) -> Result<Event<'_>, Rejection> {
        let values = std::array::from_fn(|field| self.values[field].as_deref().map(RawValue::get));
        let raw = Raw { names: &self.names, values, is_shallow: false };
        check(&raw, receipt, &mut self.problems).ok_or_else(|| std::mem::take(&mut self.problems).into_rejection())
    }
}

/// What an object has under the names that were asked for.
#[derive(Debug)]
pub struct Fields<'a, const N: usize> {
    /// The values, in the order of the names; `null` counts as absent.
    pub values: [Option<&'a RawValue>; N],
    /// The first of the names that is there twice.
    pub twice: Option<String>,
}

/// Looks up some names of a JSON object, and passes over all others.
///
/// # Errors
/// What the parser says, where `json` is no object or no JSON.
pub fn fields<'a, const N: usize>(json: &'a str, names: &[&str; N]) -> Result<Fields<'a, N>, serde_json::Error> {
    let (mut problems, mut values) = (Problems::default(), [None; N]);
    read_values(json, names, &mut values, &mut problems)?;
    let values = values.map(|value: Option<&RawValue>| value.filter(|value| value.get() != "null"));
    Ok(Fields { values, twice: problems.first_field() })
}

/// The names and values of a JSON object, in order.
///
/// # Errors
/// What the parser says, where `json` is no object, no JSON, or has a name that is no Unicode.
pub fn entries(json: &str) -> Result<Vec<(Cow<'_, str>, &RawValue)>, serde_json::Error> {
    struct Entries<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

    #[derive(serde::Deserialize)]
    #[serde(transparent)]
    struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

    struct EntriesVisitor;

    impl<'de> Visitor<'de> for EntriesVisitor {
        type Value = Entries<'de>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Entries<'de>, M::Error> {
            let mut entries = Vec::new();
            while let Some((Name(name), value)) = map.next_entry()? {
                entries.push((name, value));
            }
            Ok(Entries(entries))
        }
    }

    impl<'de> Deserialize<'de> for Entries<'de> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(EntriesVisitor)
        }
    }

    serde_json::from_str::<Entries<'_>>(json).map(|entries| entries.0)
}

#[cfg(test)]
mod tests {
    use super::super::{MAX_EVENT_BYTES, MAX_NAME_BYTES};
    use super::*;

    const NAMES: FieldNames = ["what", "who", "device", "when", "id", "session", "props", "ctx", "sent"];
    const RECEIPT: Receipt = Receipt { received_ms: 1_767_225_600_000, place: 7, correct_skew: true };

    /// Reads an object that has all fields under the names above.
    fn read(json: &str) -> Result<Parts<'_>, Rejection> {
        let (mut parts, values) = Parts::read(json, &NAMES, &NAMES)?;
        let fields = [
            Field::Event,
            Field::UserId,
            Field::AnonymousId,
            Field::Timestamp,
            Field::EventId,
            Field::SessionId,
            Field::Properties,
            Field::Context,
            Field::SentAt,
        ];
        for (field, value) in fields.into_iter().zip(values) {
            parts.set(field, value.map(Cow::Borrowed));
        }
        Ok(parts)
    }

    #[test]
    fn parts_and_native_json_make_the_same_event() {
        let json = r#"{"what":"caf\u00e9","who":"u","device":"d","when":"2025-06-01T00:00:00Z","id":"e","session":"s",
            "props":{"p":[1.0]},"ctx":{"os":"x"},"sent":"2025-06-01T00:00:01Z","more":{}}"#;
        let native = json.replace("what", "event").replace("who", "user_id").replace("device", "anonymous_id");
        let native = native.replace("\"when\"", "\"timestamp\"").replace("\"id\"", "\"event_id\"");
        let native = native.replace("\"session\"", "\"session_id\"").replace("props", "properties");
        let native = native.replace("ctx", "context").replace("\"sent\"", "\"sent_at\"").replace(",\"more\":{}", "");
        let mut parts = read(json).unwrap();
        assert_eq!(parts.event(RECEIPT).unwrap(), super::super::parse(&native, RECEIPT).unwrap());
    }

    #[test]
    fn every_problem_is_named_in_the_words_of_the_protocol() {
        let mut parts = read(r#"{"when":1767225600,"session":5,"props":[],"id":"","sent":"x"}"#).unwrap();
        parts.problem("odd", "kind", "is odd".to_owned());
        let rejection = parts.event(RECEIPT).unwrap_err();
        assert_eq!((rejection.code, rejection.field.as_str()), ("odd", "kind"));
        for part in [
            "kind: is odd",
            "what: is missing",
            "who: is missing, and so is device",
            "when: 1767225600 looks like seconds",
            "session: is the number 5",
            "props: is a list",
            "id: is empty",
            "sent: `x`",
        ] {
            assert!(rejection.message.contains(part), "{part}\nnot in\n{}", rejection.message);
        }
        let mut twice = read(r#"{"what":"a","who":"u","who":"v"}"#).unwrap();
        assert_eq!(twice.event(RECEIPT).unwrap_err().code, "duplicate_field");
        let long = format!(r#"{{"what":"{}","who":"u"}}"#, "x".repeat(MAX_NAME_BYTES + 1));
        assert_eq!(read(&long).unwrap().event(RECEIPT).unwrap_err().code, "too_long");
    }

    #[test]
    fn what_is_no_object_is_rejected_at_once() {
        for (json, code) in
            [("5", "not_an_object"), ("[1]", "not_an_object"), ("{", "invalid_json"), ("", "invalid_json")]
        {
            assert_eq!(read(json).unwrap_err().code, code, "{json}");
        }
        let large = format!(r#"{{"what":"{}"}}"#, "x".repeat(MAX_EVENT_BYTES));
        assert_eq!(read(&large).unwrap_err().code, "too_large");
    }

    #[test]
    fn an_object_is_looked_into() {
        let json = r#"{"a":1,"\u0062":{"c":[]},"n":null}"#;
        let found = entries(json).unwrap();
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_ref(), value.get())).collect();
        assert_eq!(found, [("a", "1"), ("b", r#"{"c":[]}"#), ("n", "null")]);
        let found = fields(json, &["b", "n", "x"]).unwrap();
        assert_eq!(found.values.map(|value| value.map(RawValue::get)), [Some(r#"{"c":[]}"#), None, None]);
        assert_eq!((found.twice, fields(r#"{"a":1,"a":2}"#, &["a"]).unwrap().twice), (None, Some("a".to_owned())));
        for other in ["[1]", "5", "\"a\"", "null", "{", ""] {
            assert!(entries(other).is_err() && fields(other, &["a"]).is_err());
        }
        assert!(entries(r#"{"\ud800":1}"#).is_err());
    }
}
