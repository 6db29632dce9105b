//! Numbers for sessions and for held values: what [`Journeys`](super::Journeys) compares.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

use crate::answer::group_key;
use crate::property::PropertyValue;

/// Without a session of their own, events belong together as long as no more time than this passes between two events of
/// the user: 30 minutes, in milliseconds.
pub const SESSION_GAP_MS: i64 = 30 * 60_000;

/// Values of one user for which room is kept for the next one.
const MOST_ROOM: usize = 1024;

/// Gives each event of one user after another the number of its session.
///
/// An event with a session id is in the session of that id. Those without are in sessions that end when the user does nothing
/// at all for more than [`SESSION_GAP_MS`].
#[derive(Debug, Default)]
pub struct Sessions {
    by_id: HashMap<String, usize>,
    /// The last event with an id: that id and its session. The next one mostly has the same.
    last_id: String,
    last_named: Option<usize>,
    /// The session of events without an id, since the last pause.
    unnamed: Option<usize>,
    last_ms: Option<i64>,
    /// For each session the last instant at which something of the user's could still belong to it.
    ends_ms: Vec<i64>,
}

impl Sessions {
    /// Begins with another user.
    pub fn clear(&mut self) {
        clear(&mut self.by_id);
        self.last_named = None;
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
        let session = match session_id {
            Some(id) => self.named(id),
            None => *self.unnamed.get_or_insert(self.ends_ms.len()),
        };
        match self.ends_ms.get_mut(session) {
            Some(end) => *end = end_ms,
            None => self.ends_ms.push(end_ms),
        }
        session
    }

    /// The session of an id; a new one gets the next number.
    fn named(&mut self, id: &str) -> usize {
        if let Some(session) = self.last_named.filter(|_| self.last_id == id) {
            return session;
        }
        let session = *self.by_id.entry_ref(id).or_insert(self.ends_ms.len());
        id.clone_into(&mut self.last_id);
        self.last_named = Some(session);
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
    hasher: DefaultHashBuilder,
    /// Numbers, by the keys of their values.
    numbers: HashTable<usize>,
    /// The keys, one behind the other, and where each ends. Behind the last of them comes that of the event that is looked at.
    keys: Vec<u8>,
    ends: Vec<usize>,
    /// The number of the last event with values. The next one often has the same.
    last: Option<usize>,
}

impl HeldValues {
    /// Begins with another user.
    pub fn clear(&mut self) {
        // After a user with very many values the room goes too: each emptying goes over it.
        if self.numbers.capacity() > MOST_ROOM {
            *self = Self::default();
        }
        self.numbers.clear();
        self.keys.clear();
        self.ends.clear();
        self.last = None;
    }

    /// The number of an event's values; `None` where one of them is missing, or is a list or an object, which equals
    /// nothing.
    pub fn next<'v>(&mut self, values: impl Iterator<Item = Option<PropertyValue<'v>>>) -> Option<usize> {
        let start = self.ends.last().copied().unwrap_or(0);
        self.keys.truncate(start);
        for value in values {
            let (kind, other);
            let text = match value? {
                PropertyValue::Nested(_) => return None,
                PropertyValue::Text(text) => {
                    kind = b't';
                    other = text;
                    &*other
                }
                value => {
                    kind = b'v';
                    other = group_key(Some(&value.into_value())).into();
                    &*other
                }
            };
            // The length says where it ends, whatever is in it.
            self.keys.push(kind);
            self.keys.extend_from_slice(&text.len().to_le_bytes());
            self.keys.extend_from_slice(text.as_bytes());
        }
        let Self { hasher, numbers, keys, ends, last } = self;
        let key = &keys[start..];
        let key_of = |number: &usize| &keys[number.checked_sub(1).map_or(0, |before| ends[before])..ends[*number]];
        if last.is_some_and(|last| key_of(&last) == key) {
            return *last;
        }
        let hash = hasher.hash_one(key);
        *last = numbers.find(hash, |number| key_of(number) == key).copied();
        if last.is_none() {
            let number = ends.len();
            numbers.insert_unique(hash, number, |number| hasher.hash_one(key_of(number)));
            ends.push(keys.len());
            *last = Some(number);
        }
        *last
    }
}

/// Empties what was learnt of a user. After one with very many values the room goes too: each emptying goes over it.
fn clear(numbers: &mut HashMap<String, usize>) {
    if numbers.capacity() > MOST_ROOM {
        *numbers = HashMap::new();
    } else {
        numbers.clear();
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
