//! What is kept of an event that was not taken, so that it can be shown and tried again.
//!
//! ```
//! use weir_core::event::{MAX_FAILED_BODY_BYTES, kept_body};
//!
//! assert_eq!(kept_body(b"{\"event\":"), "{\"event\":");
//! assert_eq!(kept_body(b"caf\xe9"), "caf\u{fffd}");
//! assert_eq!(kept_body(&[b'x'; 100_000]).len(), MAX_FAILED_BODY_BYTES);
//! ```

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::MAX_NAME_BYTES;
use super::parts::fields;

/// So much of a body is kept, in bytes.
pub const MAX_FAILED_BODY_BYTES: usize = 64 * 1024;

/// An event that was not taken, or a request body of which nothing could be taken: why, and what was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed<'a> {
    /// A UUID. The same failure may come out of the log twice, and is told by its id.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// The protocol in which the body is written.
    #[serde(borrow)]
    pub protocol: Cow<'a, str>,
    /// A short stable name of the first problem, for programs.
    #[serde(borrow)]
    pub code: Cow<'a, str>,
    /// The field that has the first problem; empty where the whole is meant.
    #[serde(borrow)]
    pub field: Cow<'a, str>,
    /// Every problem: the field, the value found and what is expected.
    #[serde(borrow)]
    pub message: Cow<'a, str>,
    /// The name of the event, where it could be read.
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub event: Option<Cow<'a, str>>,
    /// The client's clock at sending, where the request said it for all its events: JSON.
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub sent_at: Option<Cow<'a, str>>,
    /// What was sent: see [`kept_body`].
    #[serde(borrow)]
    pub body: Cow<'a, str>,
    /// The length of what was sent, in bytes. More than `body` has, where that was cut.
    pub bytes: u64,
    /// Place in the request, from 0; `None` where the whole body is meant.
    #[serde(skip)]
    pub place: Option<u64>,
}

impl Failed<'_> {
    /// Whether all of what was sent is here.
    pub fn is_whole(&self) -> bool {
        self.body.len() as u64 == self.bytes
    }
}

/// What is kept of a body: its first [`MAX_FAILED_BODY_BYTES`], cut between two characters; `�` stands for what is no UTF-8.
pub fn kept_body(raw: &[u8]) -> Cow<'_, str> {
    // A character has at most four bytes, so one that is cut here begins at the limit or behind it.
    let first = raw.get(..MAX_FAILED_BODY_BYTES + 3).unwrap_or(raw);
    match String::from_utf8_lossy(first) {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..text.floor_char_boundary(MAX_FAILED_BODY_BYTES)]),
        Cow::Owned(mut text) => {
            text.truncate(text.floor_char_boundary(MAX_FAILED_BODY_BYTES));
            Cow::Owned(text)
        }
    }
}

/// The text that a JSON object has under `field`, if it could be the name of an event.
pub fn name_in<'a>(json: &'a str, field: &str) -> Option<Cow<'a, str>> {
    let [value] = fields(json, &[field]).ok()?.values;
    let name = match value?.get() {
        text if text.starts_with('"') && !text.contains('\\') => Cow::Borrowed(&text[1..text.len() - 1]),
        text => Cow::Owned(serde_json::from_str::<String>(text).ok()?),
    };
    (1..=MAX_NAME_BYTES).contains(&name.len()).then_some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_kept_body_is_the_beginning_of_what_was_sent(head in "\\PC{0,40}", fill in "[a-z\u{e9}\u{ac00}\u{1f600}]", times in 16_000_usize..70_000) {
            let text = head + &fill.repeat(times);
            let kept = kept_body(text.as_bytes());
            prop_assert!(text.starts_with(&*kept) && kept.len() <= MAX_FAILED_BODY_BYTES);
            prop_assert!(kept.len() == text.len() || kept.len() > MAX_FAILED_BODY_BYTES - 4);
        }

        #[test]
        fn any_bytes_become_a_text_within_the_limit(bytes in proptest::collection::vec(any::<u8>(), 0..200), times in 1_usize..600) {
            let bytes = bytes.repeat(times);
            let kept = kept_body(&bytes);
            prop_assert!(kept.len() <= MAX_FAILED_BODY_BYTES);
            if let Ok(text) = std::str::from_utf8(&bytes) {
                prop_assert!(text.starts_with(&*kept));
            }
        }
    }

    #[test]
    fn a_name_is_a_text_of_a_few_bytes() {
        for (json, name) in [
            (r#"{"user":1,"event":"view"}"#, Some("view")),
            (r#"{"event":"caf\u00e9"}"#, Some("café")),
            (r#"{"event":""}"#, None),
            (r#"{"event":5}"#, None),
            (r#"{"event":null}"#, None),
            (r#"{"event":"\ud800"}"#, None),
            (r#"{"event":"a""#, None),
            ("[1]", None),
        ] {
            assert_eq!(name_in(json, "event").as_deref(), name, "{json}");
        }
        assert_eq!(name_in(&format!(r#"{{"event":"{}"}}"#, "x".repeat(MAX_NAME_BYTES + 1)), "event"), None);
    }
}
