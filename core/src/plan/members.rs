//! The members of a JSON object as they lie in its text, and the value of a dotted name among them.
//!
//! [`property::find`](crate::property::find) reads the text once for each name. A plan asks for many names of one event, so
//! here the text is taken apart once. The rules are the same, and a test holds the two together: the longest literal that
//! leads to a value wins, and of a key that occurs twice the last counts.
//!
//! ```text
//! {"cart": {"total": 5}, "cart.id": "c"}     cart.total is 5, cart.id is "c", cart is {"total": 5}
//! ```

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::Number;
use serde_json::value::RawValue;

/// Names and values of an object, in order.
pub(super) type Members<'a> = Vec<(Cow<'a, str>, &'a str)>;

/// What is found under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// No such key; or a value that cannot be decoded, such as half a surrogate pair or a number beyond a double.
    Missing,
    /// `null`, and no value under a shorter literal.
    Null,
    /// The JSON text of a value.
    Value(&'a str),
}

impl<'a> Found<'a> {
    /// What the text of a value stands for.
    pub fn of(raw: &'a str) -> Self {
        let can_be_decoded = match raw.as_bytes().first() {
            Some(b'n') => return Self::Null,
            Some(b'"') => text(raw).is_some(),
            Some(b'-' | b'0'..=b'9') => serde_json::from_str::<Number>(raw).is_ok(),
            _ => true,
        };
        if can_be_decoded { Self::Value(raw) } else { Self::Missing }
    }
}

/// The members of an object that is known to be JSON; none of anything else.
pub(super) fn members(object: &str) -> Members<'_> {
    let mut members = Vec::new();
    let mut json = serde_json::Deserializer::from_str(object);
    match json.deserialize_map(Collect(&mut members)) {
        Ok(()) => members,
        Err(_) => Vec::new(),
    }
}

/// The text that a JSON string stands for; `None` where it holds half a surrogate pair.
pub(super) fn text(raw: &str) -> Option<Cow<'_, str>> {
    if raw.contains('\\') {
        return serde_json::from_str(raw).ok().map(Cow::Owned);
    }
    raw.get(1..raw.len().saturating_sub(1)).map(Cow::Borrowed)
}

/// Finds a name among the members of an object.
pub(super) fn find<'a>(members: &Members<'a>, name: &str) -> Found<'a> {
    let mut is_null = false;
    let ends = std::iter::once(name.len()).chain(name.rmatch_indices('.').map(|(at, _)| at));
    for end in ends {
        let literal = name.get(..end).unwrap_or_default();
        let Some((_, raw)) = members.iter().rev().find(|(key, _)| key == literal) else { continue };
        let found = match name.get(end + 1..) {
            None => Found::of(raw),
            Some(rest) => find_inside(raw, rest),
        };
        match found {
            Found::Value(_) => return found,
            Found::Null => is_null = true,
            Found::Missing => {}
        }
    }
    if is_null { Found::Null } else { Found::Missing }
}

/// Finds a name inside an object or a list, where its first segment is an index.
fn find_inside<'a>(raw: &'a str, name: &str) -> Found<'a> {
    match raw.as_bytes().first() {
        Some(b'{') => find(&members(raw), name),
        Some(b'[') => {
            let (segment, rest) = name.split_once('.').map_or((name, None), |(segment, rest)| (segment, Some(rest)));
            let is_index = segment.bytes().all(|byte| byte.is_ascii_digit());
            let index = is_index.then(|| segment.parse::<usize>().ok()).flatten();
            let elements: Vec<&RawValue> = serde_json::from_str(raw).unwrap_or_default();
            match (index.and_then(|index| elements.get(index)), rest) {
                (None, _) => Found::Missing,
                (Some(element), None) => Found::of(element.get()),
                (Some(element), Some(rest)) => find_inside(element.get(), rest),
            }
        }
        _ => Found::Missing,
    }
}

struct Collect<'c, 'a>(&'c mut Members<'a>);

impl<'a> Visitor<'a> for Collect<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(name) = map.next_key_seed(Name)? {
            self.0.push((name, map.next_value::<&RawValue>()?.get()));
        }
        Ok(())
    }
}

/// Keys are read as bytes because a key with half a surrogate pair is no `str`, and must not hide the other keys.
struct Name;

impl<'a> DeserializeSeed<'a> for Name {
    type Value = Cow<'a, str>;

    fn deserialize<D: Deserializer<'a>>(self, key: D) -> Result<Self::Value, D::Error> {
        key.deserialize_bytes(self)
    }
}

impl<'a> Visitor<'a> for Name {
    type Value = Cow<'a, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_bytes<E: Error>(self, key: &'a [u8]) -> Result<Self::Value, E> {
        Ok(String::from_utf8_lossy(key))
    }

    fn visit_bytes<E: Error>(self, key: &[u8]) -> Result<Self::Value, E> {
        Ok(Cow::Owned(String::from_utf8_lossy(key).into_owned()))
    }
}

#[cfg(test)]
#[path = "members_tests.rs"]
mod tests;
