//! Who is who: which user an event belongs to, worked out from all events of the lake in the order of their arrival.
//!
//! ```text
//!   identify  phone ▸ ana      ana is known; phone has its first link, which counts
//!   identify  phone ▸ ben      phone has one already
//!   alias     ana ▸ lee        ana is known, and nobody else
//! ```

use std::collections::{HashMap, HashSet};

use serde_json::Value;

/// The links that hold.
#[derive(Debug, Default)]
pub struct People {
    links: HashMap<String, String>,
}

impl People {
    /// From events in the order of their arrival.
    pub fn of(events: &[Value]) -> Self {
        let declares = |event: &&Value| event["event"] == "identify" || event["event"] == "alias";
        let known = events.iter().filter(declares).filter_map(|event| event["user_id"].as_str());
        let known: HashSet<&str> = known.collect();
        let mut people = Self::default();
        for (from, to) in events.iter().filter(declares).filter_map(link) {
            let closes_a_circle = people.end_of(&to) == from;
            if !known.contains(from.as_str()) && !people.links.contains_key(&from) && !closes_a_circle {
                people.links.insert(from, to);
            }
        }
        people
    }

    /// The user of an event.
    pub fn user_of<'a>(&'a self, event: &'a Value) -> &'a str {
        match event["user_id"].as_str() {
            Some(user) => user,
            None => self.end_of(event["anonymous_id"].as_str().expect("an event has a user")),
        }
    }

    /// Where the links of an id lead.
    fn end_of<'a>(&'a self, mut id: &'a str) -> &'a str {
        while let Some(next) = self.links.get(id) {
            id = next;
        }
        id
    }
}

/// What an `identify` or `alias` links.
fn link(event: &Value) -> Option<(String, String)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let (user, anonymous) = (text(&event["user_id"]), text(&event["anonymous_id"]));
    let properties = &event["properties"];
    let previous = [&properties["previousId"], &properties["previous_id"]].into_iter().find(|id| !id.is_null());
    let previous = previous.and_then(|id| text(id).or_else(|| id.as_i64().map(|number| number.to_string())));
    match previous.filter(|_| event["event"] == "alias") {
        Some(previous) => Some((previous, user.or(anonymous)?)),
        None => Some((anonymous?, user?)),
    }
}
