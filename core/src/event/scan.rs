//! The quick way from a body to events: one pass that finds every field of every event, where nothing is out of the
//! ordinary.
//!
//! ```text
//! [{"event":"a","user_id":"u1"},{"event":"b","user_id":"u2"}]
//!  └──────────── Scan ────────┘ └──────────── Scan ────────┘     each with its JSON and where its fields are
//! ```
//!
//! A general JSON parser is asked twice for the same bytes: for the events of a body, and then for the fields of each. That
//! was most of a request's time. This pass takes only what can be taken without a word to say about it: well-formed JSON,
//! fields that an event has, each once. For anything else it gives `None`, and says nothing: the general way then finds out
//! what is wrong. So whatever is found here is what [`parse`](super::parse()) would have found; the tests hold the two
//! against each other.

use super::eight::first_special;
use super::parse::{FIELD_COUNT, FIELDS, Names, NativeNames, Problems, Raw, check};
use super::{Event, MAX_DEPTH, MAX_EVENT_BYTES, Receipt, Rejection};

/// One event of a body: its JSON, which is well-formed, and its fields.
#[derive(Debug, Clone, Copy)]
pub struct Scan<'a> {
    json: &'a str,
    values: [Option<&'a str>; FIELD_COUNT],
}

impl<'a> Scan<'a> {
    /// The event as it came.
    pub fn json(&self) -> &'a str {
        self.json
    }

    /// What [`parse`](super::parse()) gives for [`json`](Self::json).
    ///
    /// # Errors
    /// A [`Rejection`] that lists every problem.
    pub fn event(&self, receipt: Receipt) -> Result<Event<'a>, Rejection> {
        let mut problems = Problems::default();
        let raw = Raw { names: &FIELDS, values: self.values, is_shallow: true };
        check(&raw, receipt, &mut problems).ok_or_else(|| problems.into_rejection())
    }
}

/// The events of a body: one object, a list of them, or one a line. `None` where the general way has to look, also if
/// there are none or more than `most`.
pub fn scan(body: &[u8], most: usize) -> Option<Vec<Scan<'_>>> {
    let text = std::str::from_utf8(body).ok()?;
    let start = behind_space(body, 0);
    match body.get(start)? {
        b'[' => list(text, start, most),
        b'{' => lines(text, start, most),
        _ => None,
    }
}

fn list(text: &str, start: usize, most: usize) -> Option<Vec<Scan<'_>>> {
    let json = text.as_bytes();
    let mut events = Vec::new();
    let mut at = start + 1;
    loop {
        let (event, end) = event(text, behind_space(json, at))?;
        if events.is_empty() {
            // Events of one client are much alike.
            events.reserve(most.min(text.len() / event.json.len().max(1) + 1));
        }
        if events.len() == most {
            return None;
        }
        events.push(event);
        let end = behind_space(json, end);
        at = end + 1;
        match json.get(end)? {
            b',' => {}
            b']' => return (behind_space(json, at) == json.len()).then_some(events),
            _ => return None,
        }
    }
}

/// One object, on as many lines as it likes, or one on each line.
fn lines(text: &str, start: usize, most: usize) -> Option<Vec<Scan<'_>>> {
    let (first, mut end) = event(text, start)?;
    let mut events = vec![first];
    loop {
        let next = behind_space(text.as_bytes(), end);
        if next == text.len() {
            return Some(events);
        }
        let is_line = |event: &Scan<'_>| !event.json.contains('\n');
        let starts_line = text.get(end..next)?.contains('\n') && events.last().is_some_and(is_line);
        if !starts_line || events.len() == most {
            return None;
        }
        let (event, behind) = event(text, next)?;
        if !is_line(&event) {
            return None;
        }
        events.push(event);
        end = behind;
    }
}

/// The event that begins at `start`, and where it ends.
fn event(text: &str, start: usize) -> Option<(Scan<'_>, usize)> {
    let json = text.as_bytes();
    let mut values = [None; FIELD_COUNT];
    let mut at = open(json, start, b'{')?;
    if json.get(at)? == &b'}' {
        at += 1;
    } else {
        loop {
            let name_end = string(json, at)?;
            // A name with escapes is none of these.
            let field = NativeNames.slot(text.get(at + 1..name_end - 1)?)?;
            let value_start = behind_colon(json, name_end)?;
            let value_end = value(json, value_start, MAX_DEPTH)?;
            let slot = values.get_mut(field)?;
            if slot.is_some() {
                return None;
            }
            *slot = Some(text.get(value_start..value_end)?);
            let (next, goes_on) = behind_value(json, value_end, b'}')?;
            at = next;
            if !goes_on {
                break;
            }
        }
    }
    let json = text.get(start..at)?;
    (json.len() <= MAX_EVENT_BYTES).then_some((Scan { json, values }, at))
}

// Each of these begins at a place of the text, and gives the place behind what it has read; `None`, if that is not there.
// The place goes from hand to hand rather than lie in a struct: so it stays in a register.

/// A value that opens at most `depth` objects and lists inside each other.
fn value(json: &[u8], at: usize, depth: usize) -> Option<usize> {
    match json.get(at)? {
        b'"' => string(json, at),
        b'{' => object(json, at, depth.checked_sub(1)?),
        b'[' => values(json, at, depth.checked_sub(1)?),
        b't' => literal(json, at, b"true"),
        b'f' => literal(json, at, b"false"),
        b'n' => literal(json, at, b"null"),
        _ => number(json, at),
    }
}

fn object(json: &[u8], at: usize, depth: usize) -> Option<usize> {
    let mut at = open(json, at, b'{')?;
    if json.get(at)? == &b'}' {
        return Some(at + 1);
    }
    loop {
        let value_start = behind_colon(json, string(json, at)?)?;
        let (next, goes_on) = behind_value(json, value(json, value_start, depth)?, b'}')?;
        at = next;
        if !goes_on {
            return Some(at);
        }
    }
}

fn values(json: &[u8], at: usize, depth: usize) -> Option<usize> {
    let mut at = open(json, at, b'[')?;
    if json.get(at)? == &b']' {
        return Some(at + 1);
    }
    loop {
        let (next, goes_on) = behind_value(json, value(json, at, depth)?, b']')?;
        at = next;
        if !goes_on {
            return Some(at);
        }
    }
}

#[inline]
fn open(json: &[u8], at: usize, bracket: u8) -> Option<usize> {
    (*json.get(at)? == bracket).then(|| behind_space(json, at + 1))
}

/// Behind a value: where the next one begins, or where the whole ends; and which of the two it is.
#[inline]
fn behind_value(json: &[u8], at: usize, end: u8) -> Option<(usize, bool)> {
    let at = behind_space(json, at);
    match *json.get(at)? {
        b',' => Some((behind_space(json, at + 1), true)),
        byte => (byte == end).then_some((at + 1, false)),
    }
}

#[inline]
fn behind_colon(json: &[u8], at: usize) -> Option<usize> {
    let at = behind_space(json, at);
    (*json.get(at)? == b':').then(|| behind_space(json, at + 1))
}

#[inline]
fn behind_space(json: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = json.get(at) {
        at += 1;
    }
    at
}

#[inline]
fn string(json: &[u8], at: usize) -> Option<usize> {
    if *json.get(at)? != b'"' {
        return None;
    }
    let mut at = at + 1;
    loop {
        at += first_special(json.get(at..)?)?;
        match json.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at = escape(json, at + 1)?,
            _ => return None,
        }
    }
}

/// What stands behind a backslash.
fn escape(json: &[u8], at: usize) -> Option<usize> {
    match json.get(at)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 1),
        b'u' => {
            let digits = json.get(at + 1..)?.first_chunk::<4>()?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(at + 5)
        }
        _ => None,
    }
}

fn number(json: &[u8], mut at: usize) -> Option<usize> {
    at += usize::from(*json.get(at)? == b'-');
    at = match json.get(at)? {
        b'0' => at + 1,
        b'1'..=b'9' => behind_digits(json, at),
        _ => return None,
    };
    if json.get(at) == Some(&b'.') {
        at = digits(json, at + 1)?;
    }
    if let Some(b'e' | b'E') = json.get(at) {
        at += 1;
        at += usize::from(matches!(json.get(at), Some(b'+' | b'-')));
        at = digits(json, at)?;
    }
    Some(at)
}

/// At least one digit.
fn digits(json: &[u8], at: usize) -> Option<usize> {
    let end = behind_digits(json, at);
    (end > at).then_some(end)
}

#[inline]
fn behind_digits(json: &[u8], mut at: usize) -> usize {
    while json.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

fn literal<const N: usize>(json: &[u8], at: usize, literal: &[u8; N]) -> Option<usize> {
    (json.get(at..)?.first_chunk() == Some(literal)).then_some(at + N)
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
