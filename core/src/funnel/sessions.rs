//! Numbers for sessions and for held values: what [`Journeys`](super::Journeys) compares.

use std::collections::HashMap;

use crate::answer::group_key;
use crate::property::PropertyValue;

/// Without a session of their own, events belong together as long as no more time than this passes between two events of
/// the user: 30 minutes, in milliseconds.
pub const SESSION_GAP_MS: i64 = 30 * 60_000;

/// Gives each event of one user after another the number of its session.
///
/// An event with a session id is in the session of that id. Those without are in sessions that end when the user does nothing
/// at all for more than [`SESSION_GAP_MS`].
#[derive(Debug, Default)]
pub struct Sessions {
    by_id: HashMap<String, usize>,
    /// The session of events without an id, since the last pause.
    unnamed: Option<usize>,
    last_ms: Option<i64>,
    /// For each session the last instant at which something of the user's could still belong to it.
    ends_ms: Vec<i64>,
}

impl Sessions {
    /// Begins with another user.
    pub fn clear(&mut self) {
        self.by_id.clear();
        self.unnamed = None;
        self.last_ms = None;
        self.ends_ms.clear();
    }

    /// The session of the user's next event, numbered from 0. Events come in the order of time.
    pub fn next(&mut self, time_ms: i64, session_id: Option<&str>) -> usize {
        let end_ms = time_ms.saturating_add(SESSION_GAP_MS);
        if self.last_ms.is_some_and(|last| time_ms.saturating_sub(last) > SESSION_GAP_MS) {
            self.unnamed = None;
        }
        self.last_ms = Some(time_ms);
        // Whatever the user does keeps a session without an id alive.
        if let Some(unnamed) = self.unnamed {
            self.ends_ms[unnamed] = end_ms;
        }
        let known = match session_id {
            Some(id) => self.by_id.get(id).copied(),
            None => self.unnamed,
        };
        let session = known.unwrap_or(self.ends_ms.len());
        if known.is_none() {
            self.ends_ms.push(end_ms);
            match session_id {
                Some(id) => {
                    self.by_id.insert(id.to_owned(), session);
                }
                None => self.unnamed = Some(session),
            }
        }
        self.ends_ms[session] = end_ms;
        session
    }

    /// For each session so far, its last event and [`SESSION_GAP_MS`]: until then it may go on.
    pub fn ends_ms(&self) -> &[i64] {
        &self.ends_ms
    }
}

/// Gives each event of one user after another a number for its held values: the same number for equal values.
#[derive(Debug, Default)]
pub struct HeldValues {
    numbers: HashMap<String, usize>,
    /// Of the event that is being looked at.
    key: String,
}

impl HeldValues {
    /// Begins with another user.
    pub fn clear(&mut self) {
        self.numbers.clear();
    }

    /// The number of an event's values; `None` where one of them is missing, or is a list or an object, which equals
    /// nothing.
    pub fn next<'v>(&mut self, values: impl Iterator<Item = Option<PropertyValue<'v>>>) -> Option<usize> {
        self.key.clear();
        for value in values {
            match value? {
                PropertyValue::Nested(_) => return None,
                // The length says where a text ends, whatever is in it.
                PropertyValue::Text(text) => {
                    self.key.push_str(&text.len().to_string());
                    self.key.push(':');
                    self.key.push_str(&text);
                }
                value => self.key.push_str(&group_key(Some(&value.into_value()))),
            }
            // Neither a number nor a boolean has a line feed.
            self.key.push('\n');
        }
        if let Some(number) = self.numbers.get(&self.key) {
            return Some(*number);
        }
        let next = self.numbers.len();
        self.numbers.insert(self.key.clone(), next);
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_of_more_than_half_an_hour_ends_a_session() {
        const M: i64 = 60_000;
        let mut sessions = Sessions::default();
        let numbers: Vec<usize> =
            [0, 30 * M, 60 * M + 1, 61 * M].iter().map(|time_ms| sessions.next(*time_ms, None)).collect();
        assert_eq!(numbers, [0, 0, 1, 1]);
        assert_eq!(sessions.ends_ms(), [60 * M, 91 * M]);
    }

    #[test]
    fn an_id_is_a_session_whatever_the_pause_and_keeps_others_alive() {
        const M: i64 = 60_000;
        let mut sessions = Sessions::default();
        let events = [(0, None), (20, Some("s")), (40, None), (200, Some("s")), (201, None), (202, Some("t"))];
        let numbers: Vec<usize> = events.iter().map(|(minute, id)| sessions.next(minute * M, *id)).collect();
        assert_eq!(numbers, [0, 1, 0, 1, 2, 3]);
        assert_eq!(sessions.ends_ms(), [70 * M, 230 * M, 232 * M, 232 * M]);
    }

    #[test]
    fn equal_values_have_one_number() {
        let mut held = HeldValues::default();
        let mut number = |json: &str| {
            let values: Vec<serde_json::Value> = serde_json::from_str(json).unwrap();
            held.next(values.iter().map(PropertyValue::from_value))
        };
        let one = number(r#"[1, "a"]"#);
        assert_eq!(number(r#"[1.0, "a"]"#), one);
        for other in [r#"["1", "a"]"#, r#"[true, "a"]"#, r#"[1, "b"]"#, r#"["1\na", "a"]"#] {
            let number = number(other);
            assert!(number.is_some() && number != one, "{other}");
        }
        assert_eq!((number("[null, 1]"), number("[[1], 1]"), number("[{}, 1]")), (None, None, None));
    }
}
