//! Properties across events: what `plan` is, whichever events have it.
//!
//! ```text
//! view  tab string 3, plan string 2   ─┐
//! buy   plan string 1, price number 1 ─┴▶  plan string 3 of 2 events · tab string 3 of 1 · price number 1 of 1
//! ```

use std::collections::BTreeMap;

use super::{EventEntry, Kind, Limits, PropertyEntry, Types};

/// A property of several events, without its values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Across {
    /// How many events have it in each type.
    pub types: Types,
    /// Of how many names these events are.
    pub events: u64,
}

impl Across {
    /// How many events have it, with a value other than `null`.
    pub fn present(&self) -> u64 {
        self.types.total() - self.types.of(Kind::Null)
    }
}

/// All properties of some events, by name.
pub fn properties<'e>(events: impl Iterator<Item = &'e EventEntry>) -> BTreeMap<&'e str, Across> {
    let mut found: BTreeMap<&str, Across> = BTreeMap::new();
    for (name, property) in events.flat_map(|event| &event.properties) {
        let across = found.entry(name).or_default();
        Kind::ALL.into_iter().for_each(|kind| across.types.add(kind, property.types.of(kind)));
        across.events += 1;
    }
    found
}

/// One property of some events with its values, and of how many names these events are; `None` where none has it.
pub fn property<'e>(
    name: &str,
    events: impl Iterator<Item = &'e EventEntry> + Clone,
    limits: &Limits,
) -> Option<(PropertyEntry, u64)> {
    let having = events.clone().filter(|event| event.properties.contains_key(name)).count() as u64;
    let mut merged = PropertyEntry::default();
    for event in events {
        merged.merge(event.properties.get(name), event.other_properties, limits);
    }
    (having > 0).then_some((merged, having))
}

#[cfg(test)]
mod tests {
    use super::super::observe::tests::{Sent, observed};
    use super::super::{Catalogue, TopValue};
    use super::*;

    fn two_events() -> Catalogue {
        let sent = |name: &str, properties: &str| {
            let (name, source, properties) = (name.to_owned(), "dev".to_owned(), Some(properties.to_owned()));
            Sent { name, source, time_ms: 1_767_225_600_000, properties, context: None }
        };
        let events = [
            sent("view", r#"{"plan":"pro","tab":"a"}"#),
            sent("view", r#"{"plan":"free","tab":null}"#),
            sent("buy", r#"{"plan":"pro","price":3}"#),
        ];
        observed(&events, Limits::NOTE, 10)
    }

    #[test]
    fn counts_of_all_events_are_added_up() {
        let catalogue = two_events();
        let found = properties(catalogue.events.values());
        let short: Vec<_> = found.iter().map(|(name, across)| (*name, across.present(), across.events)).collect();
        assert_eq!(short, [("plan", 3, 2), ("price", 1, 1), ("tab", 1, 1)]);
        let of_view = properties(catalogue.events.get("view").into_iter());
        assert_eq!(of_view.get("plan").map(|across| (across.present(), across.events)), Some((2, 1)));
    }

    #[test]
    fn values_of_all_events_are_counted_together() {
        let catalogue = two_events();
        let (plan, events) = property("plan", catalogue.events.values(), &Limits::LAKE).unwrap();
        let listed = |value: &str, count| TopValue { value: value.to_owned(), count, error: 0 };
        assert_eq!((plan.present(), events, plan.values.unlisted()), (3, 2, 0));
        assert_eq!(plan.values.listed(), [listed("pro", 2), listed("free", 1)]);
        let (price, _) = property("price", catalogue.events.values(), &Limits::LAKE).unwrap();
        assert_eq!(price.numbers, Some((3.0, 3.0)));
        assert_eq!(property("colour", catalogue.events.values(), &Limits::LAKE), None);
    }

    #[test]
    fn values_that_one_event_may_have_without_a_name_are_not_forgotten() {
        let mut catalogue = two_events();
        catalogue.events.get_mut("view").unwrap().properties.remove("plan");
        catalogue.events.get_mut("view").unwrap().other_properties = 2;
        let (plan, _) = property("plan", catalogue.events.values(), &Limits::LAKE).unwrap();
        assert_eq!(plan.values.listed(), [TopValue { value: "pro".to_owned(), count: 1, error: 2 }]);
        assert_eq!(plan.values.unlisted(), 2);
    }
}
