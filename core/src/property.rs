//! Properties of an event: how one is found in JSON text, and what a condition says about it.
//!
//! Events keep `properties` and `context` as JSON text. A question reads one or two of their keys per row, so nothing
//! here builds the whole tree: the text is scanned once, other keys are skipped, and a plain text value is compared
//! where it lies.
//!
//! Words:
//! - *path*: what a question writes, such as `cart.total` or `items.0.price`.
//! - *literal*: a piece of the path that is one key. Keys may hold dots themselves, so `cart.total` is looked for as
//!   the key `cart.total` first and as `total` inside `cart` after that. The longest literal that leads to a value
//!   wins.
//! - *missing*: no such key, JSON `null`, or a value that cannot be decoded (half a surrogate pair, a number beyond
//!   what a double holds).
//!
//! ```
//! use weir_core::property::lookup;
//!
//! let properties = r#"{"cart": {"total": 12.5}, "items": [{"price": 3}]}"#;
//! assert_eq!(lookup(properties, "cart.total"), Some(12.5.into()));
//! assert_eq!(lookup(properties, "items.0.price"), Some(3.into()));
//! assert_eq!(lookup(properties, "coupon"), None);
//! ```

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Number, Value};

use crate::spec::{Condition, PropertyPath, PropertyRoot, Test};

/// The value of a property, borrowed from the event where that is possible. JSON `null` has no value.
#[derive(Debug, Clone, PartialEq)]
pub enum PropertyValue<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// An integer of 64 bits, or a double.
    Number(Number),
    /// A text, with its escapes decoded.
    Text(Cow<'a, str>),
    /// A list or an object: it exists, a list contains its elements, and it equals nothing.
    Nested(Value),
}

impl<'a> PropertyValue<'a> {
    /// The value of a JSON tree; `None` for `null`.
    pub fn from_value(value: &'a Value) -> Option<Self> {
        match value {
            Value::Null => None,
            Value::Bool(flag) => Some(Self::Bool(*flag)),
            Value::Number(number) => Some(Self::Number(number.clone())),
            Value::String(text) => Some(Self::Text(Cow::Borrowed(text))),
            Value::Array(_) | Value::Object(_) => Some(Self::Nested(value.clone())),
        }
    }

    /// The same value as a JSON tree of its own.
    pub fn into_value(self) -> Value {
        match self {
            Self::Bool(flag) => Value::Bool(flag),
            Self::Number(number) => Value::Number(number),
            Self::Text(text) => Value::String(text.into_owned()),
            Self::Nested(value) => value,
        }
    }

    /// `raw` is one JSON value without white space around it, already known to be well formed.
    fn decode(raw: &'a str) -> Option<Self> {
        match raw.as_bytes().first()? {
            b'n' => None,
            b't' => Some(Self::Bool(true)),
            b'f' => Some(Self::Bool(false)),
            b'"' if !raw.contains('\\') => Some(Self::Text(Cow::Borrowed(raw.get(1..raw.len() - 1)?))),
            b'"' => serde_json::from_str(raw).ok().map(|text| Self::Text(Cow::Owned(text))),
            b'[' | b'{' => serde_json::from_str(raw).ok().map(Self::Nested),
            _ => serde_json::from_str(raw).ok().map(Self::Number),
        }
    }

    fn equals(&self, wanted: &Value) -> bool {
        match (self, wanted) {
            (Self::Text(text), Value::String(wanted)) => text.as_ref() == wanted,
            (Self::Number(number), Value::Number(wanted)) => compare_numbers(number, wanted) == Some(Ordering::Equal),
            (Self::Bool(flag), Value::Bool(wanted)) => flag == wanted,
            _ => false,
        }
    }

    /// `None` where the two have no order: other types than number with number and text with text.
    fn order(&self, wanted: &Value) -> Option<Ordering> {
        match (self, wanted) {
            // UTF-8 bytes sort as code points do.
            (Self::Text(text), Value::String(wanted)) => Some(text.as_ref().cmp(wanted)),
            (Self::Number(number), Value::Number(wanted)) => compare_numbers(number, wanted),
            _ => None,
        }
    }

    fn contains(&self, wanted: &Value) -> bool {
        match (self, wanted) {
            (Self::Text(text), Value::String(part)) => text.contains(part),
            (Self::Nested(Value::Array(elements)), _) => {
                elements.iter().filter_map(PropertyValue::from_value).any(|element| element.equals(wanted))
            }
            _ => false,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The value at a dotted path of a JSON object, `None` where it is missing or the text is not one JSON object.
///
/// At each level the longest literal wins, and one that leads nowhere gives way to the next shorter. Of a key that
/// occurs twice the last counts. A segment of digits is an index, from 0, where it meets a list. The depth of the text
/// is not limited, except that a list or an object deeper than 127 levels cannot be the value itself.
pub fn lookup(json_object_text: &str, path: &str) -> Option<Value> {
    find(json_object_text, path).map(PropertyValue::into_value)
}

/// As [`lookup`], without copying a text that has no escapes.
pub fn find<'a>(json_object_text: &'a str, path: &str) -> Option<PropertyValue<'a>> {
    let mut text = json_object_text.trim_start();
    let mut path = path;
    if !text.starts_with('{') {
        return None;
    }
    // Events that lack the property are common, and a search for its first letters is ten times cheaper than reading
    // the object. Only escapes could hide a key from it.
    let first_segment = path.split('.').next().unwrap_or(path);
    if !text.contains(first_segment) && !text.contains('\\') {
        return None;
    }
    // A list of what is still to try, and not recursion: depth costs no stack.
    let mut open = Vec::new();
    loop {
        if let Some(raw) = descend(text, path, &mut open)?
            && let Some(value) = PropertyValue::decode(raw)
        {
            return Some(value);
        }
        (text, path) = open.pop()?;
    }
}

impl PropertyPath {
    /// The value of this property of an event, given its two objects as JSON text; `None` where it is missing.
    pub fn find<'a>(&self, properties: Option<&'a str>, context: Option<&'a str>) -> Option<PropertyValue<'a>> {
        let object = match self.root {
            PropertyRoot::Properties => properties,
            PropertyRoot::Context => context,
        };
        find(object?, &self.path)
    }
}

impl Condition {
    /// Whether an event passes, given its two objects as JSON text.
    pub fn holds(&self, properties: Option<&str>, context: Option<&str>) -> bool {
        self.test.accepts(self.property.find(properties, context).as_ref())
    }
}

/// What kind of value a property has, where it is neither a list nor an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A text.
    Text,
}

impl ValueKind {
    /// The kind of a value that a test compares with.
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(_) => Some(Self::Bool),
            Value::Number(_) => Some(Self::Number),
            Value::String(_) => Some(Self::Text),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

impl Test {
    /// The only kind of values that it tells from a missing one; `None` where there are several.
    pub fn only_kind(&self) -> Option<ValueKind> {
        match self {
            Self::Equals(wanted) | Self::NotEquals(wanted) => ValueKind::of(wanted),
            Self::Less(wanted) | Self::LessOrEqual(wanted) => ValueKind::of(wanted),
            Self::Greater(wanted) | Self::GreaterOrEqual(wanted) => ValueKind::of(wanted),
            Self::In(list) | Self::NotIn(list) => {
                let first = ValueKind::of(list.first()?);
                first.filter(|_| list.iter().all(|wanted| ValueKind::of(wanted) == first))
            }
            Self::StartsWith(_) | Self::EndsWith(_) | Self::Matches(_) => Some(ValueKind::Text),
            // Lists contain things too.
            Self::Contains(_) | Self::NotContains(_) | Self::Exists | Self::NotExists => None,
        }
    }

    /// The least and the greatest double that pass, where those between pass too, and no double passes beside; `None` for tests
    /// of which that cannot be said.
    pub fn double_range(&self) -> Option<(f64, f64)> {
        Some(match self {
            Self::Equals(wanted) => (double(wanted)?, double(wanted)?),
            Self::Less(wanted) => (f64::NEG_INFINITY, double(wanted)?.next_down()),
            Self::LessOrEqual(wanted) => (f64::NEG_INFINITY, double(wanted)?),
            Self::Greater(wanted) => (double(wanted)?.next_up(), f64::INFINITY),
            Self::GreaterOrEqual(wanted) => (double(wanted)?, f64::INFINITY),
            _ => return None,
        })
    }

    /// Whether a value passes; `None` is a missing one, which passes only the negations.
    ///
    /// Number, text and boolean never equal each other. Numbers compare by exact value, whatever their notation.
    pub fn accepts(&self, value: Option<&PropertyValue<'_>>) -> bool {
        let equals = |wanted: &Value| value.is_some_and(|value| value.equals(wanted));
        let order = |wanted: &Value| value.and_then(|value| value.order(wanted));
        let contains = |wanted: &Value| value.is_some_and(|value| value.contains(wanted));
        let text = || value.and_then(PropertyValue::text);
        match self {
            Self::Equals(wanted) => equals(wanted),
            Self::NotEquals(wanted) => !equals(wanted),
            Self::In(list) => list.iter().any(equals),
            Self::NotIn(list) => !list.iter().any(equals),
            Self::Less(wanted) => order(wanted).is_some_and(Ordering::is_lt),
            Self::LessOrEqual(wanted) => order(wanted).is_some_and(Ordering::is_le),
            Self::Greater(wanted) => order(wanted).is_some_and(Ordering::is_gt),
            Self::GreaterOrEqual(wanted) => order(wanted).is_some_and(Ordering::is_ge),
            Self::Contains(wanted) => contains(wanted),
            Self::NotContains(wanted) => !contains(wanted),
            Self::StartsWith(start) => text().is_some_and(|text| text.starts_with(start)),
            Self::EndsWith(end) => text().is_some_and(|text| text.ends_with(end)),
            Self::Matches(expression) => text().is_some_and(|text| expression.is_match(text)),
            Self::Exists => value.is_some(),
            Self::NotExists => value.is_none(),
        }
    }
}

/// A number, where a double tells the same.
fn double(wanted: &Value) -> Option<f64> {
    const EXACT: u64 = 1 << f64::MANTISSA_DIGITS;
    match wanted {
        Value::Number(number) => match number.as_i64() {
            Some(whole) => (whole.unsigned_abs() <= EXACT).then_some(whole as f64),
            None => number.as_f64().filter(|_| number.is_f64()),
        },
        _ => None,
    }
}

/// By exact value: a double is never rounded to an integer, nor an integer to a double.
pub(crate) fn compare_numbers(left: &Number, right: &Number) -> Option<Ordering> {
    match (integer(left), integer(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        (Some(left), None) => compare_integer(left, right.as_f64()?),
        (None, Some(right)) => compare_integer(right, left.as_f64()?).map(Ordering::reverse),
        (None, None) => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

/// `integer` has at most 65 bits, as JSON numbers here do.
fn compare_integer(integer: i128, double: f64) -> Option<Ordering> {
    // The cast is exact for a whole double within i128 and saturates beyond it, which keeps the order. The fraction
    // decides only where the whole parts agree.
    let whole = double.trunc();
    Some(integer.cmp(&(whole as i128)).then(whole.partial_cmp(&double)?))
}

/// Goes one level down: the text of the value whose literal is all of `path`, and onto `open` what has to be searched
/// for the rest of the path, the most promising last. `None` if `text` is malformed.
fn descend<'a, 'p>(text: &'a str, path: &'p str, open: &mut Vec<(&'a str, &'p str)>) -> Option<Option<&'a str>> {
    if !text.starts_with(['{', '[']) {
        return Some(None);
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let hit = json.deserialize_any(Level { path, open }).ok()?;
    json.end().ok()?;
    Some(hit)
}

/// Reads one object or list.
struct Level<'o, 'a, 'p> {
    path: &'p str,
    open: &'o mut Vec<(&'a str, &'p str)>,
}

impl<'a> Visitor<'a> for Level<'_, 'a, '_> {
    type Value = Option<&'a str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let first_of_level = self.open.len();
        let mut hit = None;
        while let Some(literal) = map.next_key_seed(Literal { path: self.path })? {
            let Some(literal) = literal else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value = map.next_value::<&RawValue>()?.get();
            let Some(rest) = self.path.get(literal + 1..) else {
                hit = Some(value);
                continue;
            };
            match self.open[first_of_level..].iter_mut().find(|(_, other)| other.len() == rest.len()) {
                Some((earlier, _)) => *earlier = value,
                None => self.open.push((value, rest)),
            }
        }
        // The longest literal leaves the shortest rest, and is taken from the end.
        self.open[first_of_level..].sort_by_key(|(_, rest)| std::cmp::Reverse(rest.len()));
        Ok(hit)
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let (segment, rest) = match self.path.split_once('.') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (self.path, None),
        };
        let index = segment.bytes().all(|byte| byte.is_ascii_digit()).then(|| segment.parse::<usize>().ok()).flatten();
        let mut hit = None;
        if let Some(index) = index {
            for _ in 0..index {
                if list.next_element::<IgnoredAny>()?.is_none() {
                    return Ok(None);
                }
            }
            hit = list.next_element::<&RawValue>()?.map(RawValue::get);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        match (hit, rest) {
            (Some(value), Some(rest)) => {
                self.open.push((value, rest));
                Ok(None)
            }
            _ => Ok(hit),
        }
    }
}

/// Reads a key: the number of bytes of the path that it is a literal for, if it is one.
///
/// Keys are read as bytes because a key with half a surrogate pair is no `str`, and must not hide the other keys.
struct Literal<'p> {
    path: &'p str,
}

impl Literal<'_> {
    fn length(&self, key: &[u8]) -> Option<usize> {
        let path = self.path.as_bytes();
        let is_literal = path.starts_with(key) && path.get(key.len()).is_none_or(|next| *next == b'.');
        is_literal.then_some(key.len())
    }
}

impl<'de> DeserializeSeed<'de> for Literal<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Self::Value, D::Error> {
        key.deserialize_bytes(self)
    }
}

impl<'de> Visitor<'de> for Literal<'_> {
    type Value = Option<usize>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_borrowed_bytes<E: serde::de::Error>(self, key: &'de [u8]) -> Result<Self::Value, E> {
        // Read as bytes, a key is not checked for bare control characters, which JSON forbids.
        if key.iter().any(|byte| *byte < 0x20) {
            return Err(E::custom("a control character in a key"));
        }
        Ok(self.length(key))
    }

    fn visit_bytes<E: serde::de::Error>(self, key: &[u8]) -> Result<Self::Value, E> {
        Ok(self.length(key))
    }
}

#[cfg(test)]
#[path = "property_tests.rs"]
mod tests;
