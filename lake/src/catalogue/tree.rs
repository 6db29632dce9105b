//! The members of a text in which a name may be found twice, so that it can be said what counts.
//!
//! ```text
//! {"a.b":null,"a":{"b":1},"a":{"c":2}}     a.c is 2; a.b is null, as the last `a` has none
//! ```
//!
//! The rules are those of [`property`](weir_core::property): of a key that comes twice the last counts, and the longest literal
//! that leads to a value wins. That reads the text once for each name; here it is read once for all, as events that have
//! many keys twice must not cost more than others.

use std::collections::HashMap;

use super::Kind;
use crate::json::{Json, RawText, decode, number};

/// Deeper objects than any event may have are not taken apart.
const DEEPEST: usize = 40;

/// A value and, if it is an object, its members by their names.
pub(super) struct Tree<'a> {
    pub kind: Kind,
    /// Where it lies in the text.
    pub start: usize,
    pub end: usize,
    members: HashMap<String, Self>,
    text: &'a str,
}

/// What a name leads to.
pub(super) enum Found<'t, 'a> {
    /// Nothing, or what cannot be decoded.
    Missing,
    /// `null`, and no value.
    Null,
    /// A value.
    Value(&'t Tree<'a>),
}

impl<'a> Tree<'a> {
    /// The tree of a whole text; `None` if it is no JSON.
    pub fn of(text: &'a str) -> Option<Self> {
        Self::read(text, &mut Json::new(text), 0)
    }

    fn read(text: &'a str, json: &mut Json<'a>, depth: usize) -> Option<Self> {
        let first = json.peek()?;
        let (start, mut members) = (json.at(), HashMap::new());
        match first {
            b'{' if depth < DEEPEST => {
                json.take(b'{');
                let mut goes_on = !json.take(b'}');
                while goes_on {
                    let key = json.string()?;
                    if !json.take(b':') {
                        return None;
                    }
                    let value = Self::read(text, json, depth + 1)?;
                    // A key that is no Unicode is nobody's name.
                    if let Some(key) = text_of(key) {
                        members.insert(key, value);
                    }
                    goes_on = json.goes_on()?;
                }
            }
            b'{' | b'[' => json.nested()?,
            b'"' => {
                json.string()?;
            }
            _ => {
                json.scalar()?;
            }
        }
        Some(Self { kind: Kind::of(first), start, end: json.at(), members, text })
    }

    /// Finds a name.
    pub fn find(&self, name: &str) -> Found<'_, 'a> {
        let mut found = Found::Missing;
        for end in std::iter::once(name.len()).chain(name.rmatch_indices('.').map(|(at, _)| at)) {
            let Some(member) = name.get(..end).and_then(|literal| self.members.get(literal)) else { continue };
            let inside = match name.get(end + 1..) {
                Some(rest) => member.find(rest),
                None => member.value(),
            };
            match inside {
                Found::Value(_) => return inside,
                Found::Null => found = Found::Null,
                Found::Missing => {}
            }
        }
        found
    }

    fn value(&self) -> Found<'_, 'a> {
        let raw = self.text.as_bytes().get(self.start..self.end).unwrap_or_default();
        let is_decoded = match self.kind {
            Kind::Null => return Found::Null,
            Kind::Number => number(raw).is_some(),
            Kind::String if raw.contains(&b'\\') => {
                let bytes = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
                decode(RawText { bytes, is_escaped: true }).is_some()
            }
            _ => true,
        };
        if is_decoded { Found::Value(self) } else { Found::Missing }
    }
}

/// The text of a string; `None` if it holds half a surrogate pair.
pub(super) fn text_of(raw: RawText<'_>) -> Option<String> {
    if raw.is_escaped { decode(raw) } else { std::str::from_utf8(raw.bytes).ok().map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_what_a_question_finds() {
        let text =
            r#"{"a.b":null,"a":{"b":1},"\u0061":{"c":2,"d":{"e":null}},"big":1e999,"x.y":"\ud800","x":{"y":true}}"#;
        let tree = Tree::of(text).unwrap();
        let found = |name: &str| match tree.find(name) {
            Found::Missing => "missing",
            Found::Null => "null",
            Found::Value(tree) => &text[tree.start..tree.end],
        };
        let expected =
            [("a.b", "null"), ("a.c", "2"), ("a.d.e", "null"), ("big", "missing"), ("x.y", "true"), ("z", "missing")];
        for (name, value) in expected {
            assert_eq!(found(name), value, "{name}");
            assert_eq!(
                weir_core::property::lookup(text, name).is_some(),
                !["null", "missing"].contains(&value),
                "{name}"
            );
        }
        assert!(Tree::of("{\"a\":").is_none() && Tree::of(&"{\"a\":".repeat(100)).is_none());
    }
}
