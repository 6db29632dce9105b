//! The events of a file, read and put in order as the rules say, by nothing but JSON and calendar libraries.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::DateTime;
use serde_json::Value;

/// One event, as far as a funnel looks at it.
#[derive(Debug)]
pub struct Event {
    pub name: String,
    pub time_ms: i64,
    pub properties: Value,
    pub context: Value,
}

/// All events that count: of copies the first, users' events in the order of (timestamp, line).
#[derive(Debug, Default)]
pub struct Data {
    pub users: Vec<Vec<Event>>,
    /// Where each event is, as user and place: to draw one as often as it happens.
    pub places: Vec<(usize, usize)>,
    pub copies: usize,
}

impl Data {
    /// Reads lines of JSON.
    pub fn read(lines: &str) -> Self {
        let mut ids = HashSet::new();
        let mut users: HashMap<String, Vec<(i64, usize, Event)>> = HashMap::new();
        let mut copies = 0;
        for (number, line) in lines.lines().enumerate() {
            let mut json: Value = serde_json::from_str(line).expect("the file has JSON lines");
            let id = json["event_id"].as_str().expect("demo events have ids").to_owned();
            if !ids.insert(id) {
                copies += 1;
                continue;
            }
            let user =
                json["user_id"].as_str().or(json["anonymous_id"].as_str()).expect("an event has a user").to_owned();
            let event = Event {
                name: json["event"].as_str().expect("an event has a name").to_owned(),
                time_ms: time_of(&json["timestamp"]),
                properties: json["properties"].take(),
                context: json["context"].take(),
            };
            users.entry(user).or_default().push((event.time_ms, number, event));
        }
        let mut users: Vec<(String, Vec<_>)> = users.into_iter().collect();
        users.sort_by(|(a, _), (b, _)| a.cmp(b));
        let in_order = |mut events: Vec<(i64, usize, Event)>| {
            events.sort_by_key(|(time_ms, line, _)| (*time_ms, *line));
            events.into_iter().map(|(_, _, event)| event).collect::<Vec<_>>()
        };
        let users: Vec<Vec<Event>> = users.into_iter().map(|(_, events)| in_order(events)).collect();
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
