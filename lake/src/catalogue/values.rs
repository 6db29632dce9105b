//! Top values: the most frequent texts of a property, in bounded space.
//!
//! ```text
//! up to 2 values     a a a b c a      a 4, beyond that "any other at most 1"
//! ```
//!
//! Each listed text has a count that is certain, and an error by which the true count may be larger; a text that is not listed
//! occurs at most [`unlisted`](TopValues::unlisted) times. While there are few different texts both are 0: all is exact. This
//! is the bookkeeping of the *space-saving* summary (Metwally, Agrawal, El Abbadi 2005) with an error for each text, which
//! merges of summaries keep true.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// Of very many different texts at least so many are listed, as examples.
const EXAMPLES: usize = 5;

/// Texts with counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopValues {
    #[serde(default, rename = "v")]
    listed: Vec<TopValue>,
    #[serde(default, rename = "u", skip_serializing_if = "super::is_zero")]
    unlisted: u64,
    #[serde(default, rename = "l", skip_serializing_if = "super::is_zero")]
    too_long: u64,
}

/// One text: its true count is at least `count` and at most `count + error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopValue {
    /// The text.
    pub value: String,
    /// So often for certain.
    pub count: u64,
    /// Perhaps so often more.
    pub error: u64,
}

impl TopValue {
    /// At most so often.
    pub fn at_most(&self) -> u64 {
        self.count.saturating_add(self.error)
    }
}

/// `["text",12]`, or `["text",12,3]` with an error.
impl Serialize for TopValue {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.error {
            0 => (&self.value, self.count).serialize(serializer),
            error => (&self.value, self.count, error).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for TopValue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;
        impl<'de> serde::de::Visitor<'de> for Parts {
            type Value = TopValue;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text, its count and perhaps an error")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut parts: A) -> Result<TopValue, A::Error> {
                let missing = |at| serde::de::Error::invalid_length(at, &self);
                let value = parts.next_element()?.ok_or_else(|| missing(0))?;
                let count = parts.next_element()?.ok_or_else(|| missing(1))?;
                Ok(TopValue { value, count, error: parts.next_element()?.unwrap_or(0) })
            }
        }
        deserializer.deserialize_seq(Parts)
    }
}

impl TopValues {
    /// Values in any order; none twice.
    pub(super) fn new(mut listed: Vec<TopValue>, unlisted: u64, too_long: u64) -> Self {
        sort(&mut listed);
        Self { listed, unlisted, too_long }
    }

    /// The texts, the most frequent first.
    pub fn listed(&self) -> &[TopValue] {
        &self.listed
    }

    /// The most that any text that is not listed, and not too long for that, occurs. 0: all are listed.
    pub fn unlisted(&self) -> u64 {
        self.unlisted
    }

    /// Texts that are longer than [`MAX_VALUE_BYTES`](super::MAX_VALUE_BYTES).
    pub fn too_long(&self) -> u64 {
        self.too_long
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes in the values of other events. Of those, `unnamed` may have any value without it being counted in `other`.
    pub(super) fn merge(&mut self, other: Option<&Self>, unnamed: u64, most: usize) {
        let (theirs, too_long) = other.map_or((&[][..], 0), |other| (&other.listed[..], other.too_long));
        let unlisted = match other {
            Some(other) => other.unlisted,
            None => unnamed,
        };
        let mut places: HashMap<&str, &TopValue> = theirs.iter().map(|value| (value.value.as_str(), value)).collect();
        for mine in &mut self.listed {
            match places.remove(mine.value.as_str()) {
                Some(more) => {
                    mine.count += more.count;
                    mine.error += more.error;
                }
                None => mine.error += unlisted,
            }
        }
        let new = theirs.iter().filter(|value| places.contains_key(value.value.as_str()));
        let unlisted_here = self.unlisted;
        self.listed.extend(new.map(|value| TopValue { error: value.error + unlisted_here, ..value.clone() }));
        self.unlisted += unlisted;
        self.too_long += too_long;
        sort(&mut self.listed);
        self.cut(most);
    }

    /// Leaves the most frequent `most`, and of these, where there are more texts than that, those that are certain to be
    /// more frequent than any that is not listed, and a few examples.
    pub(super) fn keep(&mut self, most: usize) {
        let unlisted = self.unlisted;
        self.cut(most);
        if unlisted > 0 {
            let certain = self.listed.iter().take_while(|value| value.count > unlisted).count();
            self.cut(certain.max(EXAMPLES));
        }
    }

    fn cut(&mut self, most: usize) {
        if self.listed.len() > most {
            let dropped = self.listed.split_off(most);
            self.unlisted = dropped.iter().map(TopValue::at_most).fold(self.unlisted, u64::max);
        }
    }
}

fn sort(listed: &mut [TopValue]) {
    listed.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
}

#[cfg(test)]
#[path = "values_tests.rs"]
mod tests;
