//! From the JSON text of one object to a checked [`Event`], with every problem reported at once.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::eight::first_special;
use super::timestamp::{self, TimeProblem};
use crate::nearest::nearest;

use super::{Event, EventId, MAX_DEPTH, MAX_EVENT_BYTES, MAX_KEYS, MAX_NAME_BYTES, Receipt, Rejection};

/// How many fields an event has.
pub(super) const FIELD_COUNT: usize = 9;
/// Field names of an event, in the order of [`Raw`]'s slots.
pub(super) const FIELDS: [&str; FIELD_COUNT] =
    ["event", "user_id", "anonymous_id", "timestamp", "event_id", "session_id", "properties", "context", "sent_at"];
const EVENT: usize = 0;
const USER_ID: usize = 1;
const ANONYMOUS_ID: usize = 2;
const TIMESTAMP: usize = 3;
const EVENT_ID: usize = 4;
const SESSION_ID: usize = 5;
const PROPERTIES: usize = 6;
const CONTEXT: usize = 7;
const SENT_AT: usize = 8;

/// The bytes of the shortest entry of an object, `"":0,`.
const SHORTEST_ENTRY: usize = 5;

/// Parses and checks one event.
///
/// # Errors
/// A [`Rejection`] that lists every problem; its code and field are those of the first.
pub fn parse(json: &str, receipt: Receipt) -> Result<Event<'_>, Rejection> {
    let mut problems = Problems::default();
    let values = read_object(json, NativeNames, &mut problems)?;
    let raw = Raw { names: &FIELDS, values: values.map(|value| value.map(RawValue::get)), is_shallow: false };
    check(&raw, receipt, &mut problems).ok_or_else(|| problems.into_rejection())
}

/// The names that an object may have: a type, so that those of the native protocol are known when this is compiled. Looking
/// them up takes a share of the time of parsing that can be measured.
pub(super) trait Names<const N: usize>: Copy {
    /// Whether any other name is a problem, or is passed over.
    const STRICT: bool;

    fn slot(self, name: &str) -> Option<usize>;
}

#[derive(Clone, Copy)]
pub(super) struct NativeNames;

impl Names<FIELD_COUNT> for NativeNames {
    const STRICT: bool = true;

    fn slot(self, name: &str) -> Option<usize> {
        FIELDS.iter().position(|field| *field == name)
    }
}

impl<const N: usize> Names<N> for &[&str; N] {
    const STRICT: bool = false;

    fn slot(self, name: &str) -> Option<usize> {
        self.iter().position(|field| *field == name)
    }
}

/// The values that an object has under `names`. A name that is there twice is a problem.
// Inlined, as `check` is, because their call costs the native protocol 3 percent of its time.
#[inline(always)]
pub(super) fn read_object<'a, const N: usize>(
    json: &'a str,
    names: impl Names<N>,
    problems: &mut Problems,
) -> Result<[Option<&'a RawValue>; N], Rejection> {
    if json.len() > MAX_EVENT_BYTES {
        let message = format!("the event has {} bytes; at most {MAX_EVENT_BYTES} are taken", json.len());
        return Err(Rejection { code: "too_large", field: String::new(), message });
    }
    if !json.trim_start().starts_with('{') {
        return Err(not_an_object(json));
    }
    let mut values = [None; N];
    match read_values(json, names, &mut values, problems) {
        Ok(()) => Ok(values),
        Err(error) => {
            let message = format!("not JSON: {error}");
            Err(Rejection { code: "invalid_json", field: String::new(), message })
        }
    }
}

/// The part of [`read_object`] that reads.
pub(super) fn read_values<'a, const N: usize>(
    json: &'a str,
    names: impl Names<N>,
    values: &mut [Option<&'a RawValue>; N],
    problems: &mut Problems,
) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    ObjectSeed { names, values, problems }.deserialize(&mut deserializer)?;
    deserializer.end()
}

fn not_an_object(json: &str) -> Rejection {
    let message = match serde_json::from_str::<&RawValue>(json) {
        Ok(value) => format!("found {}; an event is a JSON object", found(value.get())),
        Err(error) => format!("not JSON: {error}"),
    };
    let code = if message.starts_with("not JSON") { "invalid_json" } else { "not_an_object" };
    Rejection { code, field: String::new(), message }
}

/// All fields are there, or `None` and at least one problem.
#[inline(always)]
pub(super) fn check<'a>(raw: &Raw<'a, '_>, receipt: Receipt, problems: &mut Problems) -> Option<Event<'a>> {
    let event = raw.name(EVENT, problems);
    if event.is_none() && raw.is_absent(EVENT) {
        problems.add("missing_field", raw.names[EVENT], "is missing; it names what happened".to_owned());
    }
    let user_id = raw.name(USER_ID, problems);
    let anonymous_id = raw.name(ANONYMOUS_ID, problems);
    if raw.is_absent(USER_ID) && raw.is_absent(ANONYMOUS_ID) {
        problems.add(
            "missing_field",
            raw.names[USER_ID],
            format!("is missing, and so is {}; one of the two is needed", raw.names[ANONYMOUS_ID]),
        );
    }
    let event_id = raw.name(EVENT_ID, problems).map(EventId::from_text);
    let session_id = raw.text(SESSION_ID, problems).filter(|id| !id.is_empty());
    if session_id.as_deref().is_some_and(|id| id.len() > MAX_NAME_BYTES) {
        problems.add("too_long", raw.names[SESSION_ID], format!("is longer than {MAX_NAME_BYTES} bytes"));
    }
    let properties = raw.object(PROPERTIES, problems);
    let context = raw.object(CONTEXT, problems);
    let bytes = properties.map_or(0, str::len) + context.map_or(0, str::len);
    if bytes >= MAX_KEYS * SHORTEST_ENTRY {
        raw.count_keys(properties, context, problems);
    }
    let sent_ms = raw.time(SENT_AT, problems);
    let time_ms = if raw.is_absent(TIMESTAMP) {
        Some(receipt.received_ms)
    } else {
        let corrected = raw.time(TIMESTAMP, problems);
        let corrected = corrected.map(|t| timestamp::corrected(t, sent_ms, receipt.received_ms, receipt.correct_skew));
        corrected.and_then(|time| time.map_err(|p| problems.add_time(raw.names[TIMESTAMP], p)).ok())
    };
    if !problems.list.is_empty() {
        return None;
    }
    Some(Event {
        event: event?,
        user_id,
        anonymous_id,
        time_ms: time_ms?,
        event_id,
        session_id,
        properties,
        context,
        received_ms: receipt.received_ms,
        place: receipt.place,
    })
}

/// The values of an object's known fields, not yet looked at.
pub(super) struct Raw<'a, 'n> {
    /// What a message calls each field.
    pub names: &'n [&'static str; FIELD_COUNT],
    pub values: [Option<&'a str>; FIELD_COUNT],
    /// Whether it is known that no value nests deeper than [`MAX_DEPTH`].
    pub is_shallow: bool,
}

impl<'a> Raw<'a, '_> {
    /// Absent and `null` are the same: many clients send `null` for what they do not know.
    fn is_absent(&self, field: usize) -> bool {
        self.value(field).is_none()
    }

    fn value(&self, field: usize) -> Option<&'a str> {
        self.values[field].filter(|v| *v != "null")
    }

    fn text(&self, field: usize, problems: &mut Problems) -> Option<Cow<'a, str>> {
        let value = self.value(field)?;
        if !value.starts_with('"') {
            let hint = if value.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
                format!("; send it as text: \"{value}\"")
            } else {
                String::new()
            };
            problems.add("wrong_type", self.names[field], format!("is {}, expected a string{hint}", found(value)));
            return None;
        }
        match unescape(value) {
            Ok(text) => Some(text),
            Err(error) => {
                problems.add("invalid_text", self.names[field], format!("is not valid text: {error}"));
                None
            }
        }
    }

    /// A text of 1 to 200 bytes.
    fn name(&self, field: usize, problems: &mut Problems) -> Option<Cow<'a, str>> {
        let text = self.text(field, problems)?;
        if text.is_empty() {
            problems.add("empty", self.names[field], format!("is empty, expected 1 to {MAX_NAME_BYTES} bytes"));
            return None;
        }
        if text.len() > MAX_NAME_BYTES {
            let message = format!("has {} bytes (`{}`), expected 1 to {MAX_NAME_BYTES}", text.len(), excerpt(&text));
            problems.add("too_long", self.names[field], message);
            return None;
        }
        Some(text)
    }

    fn object(&self, field: usize, problems: &mut Problems) -> Option<&'a str> {
        let value = self.value(field)?;
        if !value.starts_with('{') {
            problems.add("wrong_type", self.names[field], format!("is {}, expected an object", found(value)));
            return None;
        }
        if !self.is_shallow && deeper_than(value, MAX_DEPTH) {
            problems.add("too_deep", self.names[field], format!("nests deeper than {MAX_DEPTH} levels"));
            return None;
        }
        Some(value)
    }

    // Apart, and out of the way of nearly every event, which is too short to have so many names.
    #[cold]
    #[inline(never)]
    fn count_keys(&self, properties: Option<&str>, context: Option<&str>, problems: &mut Problems) {
        if more_keys_than([properties, context], MAX_KEYS) {
            let field = if properties.is_some() { PROPERTIES } else { CONTEXT };
            let message = format!("has more than {MAX_KEYS} names at all its levels, those of the context included");
            problems.add("too_many_keys", self.names[field], message);
        }
    }

    fn time(&self, field: usize, problems: &mut Problems) -> Option<i64> {
        let value = self.value(field)?;
        let time = if value.starts_with('"') {
            timestamp::from_text(&self.text(field, problems)?)
        } else if value.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            timestamp::from_number(value)
        } else {
            let message = format!("is {}, expected an RFC 3339 string or whole milliseconds since 1970", found(value));
            problems.add("wrong_type", self.names[field], message);
            return None;
        };
        time.map_err(|p| problems.add_time(self.names[field], p)).ok()
    }
}

fn unescape(quoted: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    let inner = &quoted[1..quoted.len() - 1];
    // Of what is special in a text, well-formed JSON has only backslashes there.
    if first_special(inner.as_bytes()).is_some() {
        serde_json::from_str(quoted).map(Cow::Owned)
    } else {
        Ok(Cow::Borrowed(inner))
    }
}

/// Whether JSON text opens more than `limit` objects and lists inside each other.
fn deeper_than(json: &str, limit: usize) -> bool {
    // Nearly every event opens fewer brackets in all than may be open at once; counting them is quick.
    if json.bytes().filter(|b| matches!(b, b'{' | b'[')).count() <= limit {
        return false;
    }
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth -= 1,
            _ => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}

/// Whether JSON objects have more than `limit` names in all, those of nested objects included.
fn more_keys_than(objects: [Option<&str>; 2], limit: usize) -> bool {
    let objects = objects.map(Option::unwrap_or_default);
    // Most have fewer colons, which are quick to count.
    let colons = |json: &str| json.bytes().filter(|b| *b == b':').count();
    objects.iter().map(|json| colons(json)).sum::<usize>() > limit
        && objects.iter().map(|json| keys_of(json)).sum::<usize>() > limit
}

/// The names in JSON text: each has one colon behind it, and no other colon is outside a text.
fn keys_of(json: &str) -> usize {
    let (mut keys, mut in_text, mut escaped) = (0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b':' if !in_text => keys += 1,
            _ => {}
        }
    }
    keys
}

/// A value as a message shows it: its type, and the value where that is short.
pub(crate) fn found(value: &str) -> String {
    let kind = match value.as_bytes().first() {
        Some(b'"') => "the string",
        Some(b'{') => return "an object".to_owned(),
        Some(b'[') => return "a list".to_owned(),
        Some(b't' | b'f') => "the boolean",
        Some(b'n') => return "null".to_owned(),
        _ => "the number",
    };
    format!("{kind} {}", excerpt(value))
}

/// The beginning of a text, for a message.
pub(crate) fn excerpt(text: &str) -> Cow<'_, str> {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => Cow::Owned(format!("{}…", &text[..at])),
        None => Cow::Borrowed(text),
    }
}

/// All that is wrong with one event: code, field and message of each problem.
#[derive(Debug, Default)]
pub(super) struct Problems {
    list: Vec<(&'static str, String, String)>,
}

impl Problems {
    pub fn add(&mut self, code: &'static str, field: &str, message: String) {
        self.list.push((code, field.to_owned(), message));
    }

    fn add_time(&mut self, field: &str, problem: TimeProblem) {
        self.add(problem.code, field, problem.message);
    }

    /// The field of the first problem.
    pub fn first_field(self) -> Option<String> {
        self.list.into_iter().next().map(|(_, field, _)| field)
    }

    pub fn into_rejection(self) -> Rejection {
        let message = self.list.iter().map(|(_, field, message)| format!("{}: {message}", excerpt(field)));
        let message = message.collect::<Vec<_>>().join("; ");
        let (code, field) = self.list.into_iter().next().map_or(("invalid", String::new()), |(c, f, _)| (c, f));
        Rejection { code, field, message }
    }
}

/// Fills the values of an object's known names, for [`read_object`].
struct ObjectSeed<'r, 'a, T, const N: usize> {
    names: T,
    values: &'r mut [Option<&'a RawValue>; N],
    problems: &'r mut Problems,
}

impl<'de, T: Names<N>, const N: usize> DeserializeSeed<'de> for ObjectSeed<'_, 'de, T, N> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Names<N>, const N: usize> Visitor<'de> for ObjectSeed<'_, 'de, T, N> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event: a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(name) = map.next_key_seed(NameSeed)? {
            let value: &'de RawValue = map.next_value()?;
            match self.names.slot(&name) {
                None if !T::STRICT => {}
                None => {
                    let nearest = did_you_mean(&name);
                    self.problems.add(
                        "unknown_field",
                        &name,
                        format!("is not a field of an event{nearest}; what the app knows goes into properties"),
                    );
                }
                Some(field) if self.values[field].is_some() => {
                    self.problems.add("duplicate_field", &name, "is given twice".to_owned());
                }
                Some(field) => self.values[field] = Some(value),
            }
        }
        Ok(())
    }
}

fn did_you_mean(name: &str) -> String {
    nearest(name, FIELDS).map_or_else(String::new, |field| format!("; did you mean `{field}`?"))
}

struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NameSeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
