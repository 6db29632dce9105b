//! Whose ids a body mentions: for what is kept of events that were not taken, whatever is wrong with them.
//!
//! A body that is JSON mentions the ids that stand under one of the names that clients give ids, at any depth. A body that is
//! none, be it broken, cut or a form, has no names that could be relied on: there every text in quotes counts, and every word.
//!
//! ```
//! use weir_core::event::mentions;
//!
//! let names_u1 = |body: &str| mentions(body, |id| id == "u1");
//! assert!(names_u1(r#"{"userId":"u1","event":5}"#));
//! assert!(!names_u1(r#"{"userId":"u2","properties":{"friend":"u1"}}"#));
//! assert!(names_u1(r#"{"event":"view","properties":{"friend":"u1","#));
//! ```

use serde::de::IgnoredAny;

/// Names under which clients send the ids of users, in any protocol.
pub const ID_NAMES: [&str; 13] = [
    "user_id",
    "anonymous_id",
    "userId",
    "anonymousId",
    "previousId",
    "previous_id",
    "distinct_id",
    "alias",
    "$user_id",
    "$anon_distinct_id",
    "$device_id",
    "$distinct_id",
    "$create_alias",
];

/// Whether a body mentions an id for which `is_meant` is true.
pub fn mentions(body: &str, mut is_meant: impl FnMut(&str) -> bool) -> bool {
    let is_json = serde_json::from_str::<IgnoredAny>(body).is_ok();
    let mut rest = body;
    // The last text, which is a name if a colon follows; and whether what follows stands under the name of an id.
    let (mut last, mut is_named, mut in_list) = (None, false, false);
    while let Some((token, behind)) = next_token(rest) {
        rest = behind;
        match token {
            Token::Colon => {
                is_named = last.take().is_some_and(|name: String| ID_NAMES.contains(&name.as_str()));
                in_list = false;
            }
            Token::Open => in_list = is_named,
            Token::Comma => is_named &= in_list,
            Token::Text(text) => {
                if (is_named || !is_json) && is_meant(&text) {
                    return true;
                }
                last = Some(text);
            }
            Token::Word(word) if (is_named || !is_json) && is_meant(word) => return true,
            Token::Word(_) => {}
            Token::Other => (last, is_named, in_list) = (None, false, false),
        }
    }
    false
}

enum Token<'a> {
    /// What stands in quotes, without its escapes.
    Text(String),
    /// What stands without quotes: a number, or anything else.
    Word(&'a str),
    Colon,
    /// The beginning of a list.
    Open,
    Comma,
    /// What else has a meaning in JSON or in a form.
    Other,
}

/// The first token, and what follows it. What is between tokens is passed over.
fn next_token(text: &str) -> Option<(Token<'_>, &str)> {
    let is_space = |c: char| c.is_whitespace();
    let text = text.trim_start_matches(is_space);
    let first = text.chars().next()?;
    let behind = text.get(first.len_utf8()..).unwrap_or_default();
    Some(match first {
        '"' => {
            let end = end_of_text(behind);
            let inside = behind.get(..end).unwrap_or_default();
            let quoted = serde_json::from_str(&format!("\"{inside}\"")).unwrap_or_else(|_| inside.to_owned());
            (Token::Text(quoted), behind.get(end + 1..).unwrap_or_default())
        }
        ':' => (Token::Colon, behind),
        '[' => (Token::Open, behind),
        ',' => (Token::Comma, behind),
        _ if is_mark(first) => (Token::Other, behind),
        _ => {
            let end = text.find(|c| is_mark(c) || is_space(c)).unwrap_or(text.len());
            (Token::Word(text.get(..end).unwrap_or_default()), text.get(end..).unwrap_or_default())
        }
    })
}

fn is_mark(c: char) -> bool {
    matches!(c, '"' | ':' | '[' | ']' | '{' | '}' | ',' | ';' | '\'' | '=' | '&' | '(' | ')')
}

/// Where the text ends whose first character is the first here: at a quote without a backslash, or where all ends.
fn end_of_text(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    end.unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(body: &str) -> bool {
        mentions(body, |id| id == "u 1" || id == "17")
    }

    #[test]
    fn ids_stand_under_their_names() {
        for (body, expected) in [
            (r#"{"user_id":"u 1"}"#, true),
            (r#"{"user_id":17}"#, true),
            (r#"{"user_id":"x","user_id":"u 1"}"#, true),
            (r#"{"user_id":"u 1","user_id":"x"}"#, true),
            (r#"{"batch":[{"context":{"anonymousId" : "u 1"}}]}"#, true),
            (r#"{"distinct_id":["x","u 1"]}"#, true),
            (r#"{"distinct_id":["x"],"a":["u 1"]}"#, false),
            (r#"{"distinct_id":["x"],"a":"u 1"}"#, false),
            (r#"{"a":["user_id","u 1"]}"#, false),
            (r#"{"user\u005fid":"u\u00201"}"#, true),
            (r#"{"properties":{"$device_id":"u 1"}}"#, true),
            (r#"{"user_id":"x","friend":"u 1"}"#, false),
            (r#"{"user_id":"x","u 1":"user_id","n":17}"#, false),
            (r#""u 1""#, false),
            ("", false),
        ] {
            assert_eq!(found(body), expected, "{body}");
        }
    }

    #[test]
    fn a_body_that_is_no_json_is_searched_for_every_text() {
        for (body, expected) in [
            (r#"{"friend":"u 1""#, true),
            (r#"{"user_id":"u 1"#, true),
            ("{'user_id':17}", true),
            ("user_id=17&x=2", true),
            ("user_id=117&x=2", false),
            (r#"{"a":"\"u 1"}}"#, false),
            (r#"{"a":"\\","b":"u 1"}}"#, true),
        ] {
            assert_eq!(found(body), expected, "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_an_end(body in "[\\PC\"\\\\:,{}\\[\\]]{0,80}") {
            let mut tokens = 0;
            let found = mentions(&body, |_| {
                tokens += 1;
                false
            });
            prop_assert!(!found && tokens <= body.len());
        }

        #[test]
        fn an_id_is_found_however_it_is_written(id in "\\PC{1,20}", before in "\\PC{0,20}") {
            let body = serde_json::json!({"a": before, "b": {"userId": id}}).to_string();
            prop_assert!(mentions(&body, |found| found == id));
            prop_assert!(mentions(&body[..body.len() - 1], |found| found == id));
        }
    }
}
