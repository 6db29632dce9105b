//! The events of a lake as they were sent, put in order as the rules say, by nothing but JSON and calendar libraries.

use std::collections::{BTreeMap, HashSet};

use chrono::DateTime;
use serde_json::Value;

use super::people::People;

/// One event, as far as a funnel looks at it.
#[derive(Debug)]
pub struct Event {
    pub name: String,
    pub time_ms: i64,
    pub session: Option<String>,
    pub properties: Value,
    pub context: Value,
}

/// All events that count: of copies the first, each user's in the order of (timestamp, arrival).
#[derive(Debug, Default)]
pub struct Data {
    pub users: Vec<Vec<Event>>,
    /// Where each event is, as user and place: to draw one as often as it happens.
    pub places: Vec<(usize, usize)>,
    pub copies: usize,
}

impl Data {
    /// Of events with their sources, in the order of their arrival. No two arrive at once, so ids decide nothing.
    pub fn of<'s>(sent: impl IntoIterator<Item = (&'s str, Value)>) -> Self {
        let (mut ids, mut copies, mut kept) = (HashSet::new(), 0, Vec::new());
        for (source, event) in sent {
            match event["event_id"].as_str() {
                Some(id) if !ids.insert((source, id.to_owned())) => copies += 1,
                // One without an id is given a new one.
                _ => kept.push(event),
            }
        }
        let people = People::of(&kept);
        let mut users: BTreeMap<String, Vec<Event>> = BTreeMap::new();
        for mut event in kept {
            let user = people.user_of(&event).to_owned();
            users.entry(user).or_default().push(Event {
                name: event["event"].as_str().expect("an event has a name").to_owned(),
                time_ms: time_of(&event["timestamp"]),
                session: event["session_id"].as_str().map(str::to_owned),
                properties: event["properties"].take(),
                context: event["context"].take(),
            });
        }
        let mut users: Vec<Vec<Event>> = users.into_values().collect();
        // The sort is stable: what has one timestamp stays as it arrived.
        users.iter_mut().for_each(|events| events.sort_by_key(|event| event.time_ms));
        let places = users.iter().enumerate().flat_map(|(user, events)| (0..events.len()).map(move |at| (user, at)));
        Self { places: places.collect(), users, copies }
    }

    /// The event at a place.
    pub fn at(&self, (user, place): (usize, usize)) -> &Event {
        &self.users[user][place]
    }

    /// Names, and how often each happened.
    pub fn names(&self) -> BTreeMap<String, u64> {
        let mut names = BTreeMap::new();
        for event in self.users.iter().flatten() {
            *names.entry(event.name.clone()).or_default() += 1;
        }
        names
    }

    /// The first and the last instant.
    pub fn period(&self) -> (i64, i64) {
        let times = || self.users.iter().flatten().map(|event| event.time_ms);
        (times().min().expect("there are events"), times().max().expect("there are events"))
    }
}

fn time_of(timestamp: &Value) -> i64 {
    match timestamp {
        Value::Number(ms) => ms.as_i64().expect("whole milliseconds"),
        text => DateTime::parse_from_rfc3339(text.as_str().expect("a text")).expect("RFC 3339").timestamp_millis(),
    }
}
