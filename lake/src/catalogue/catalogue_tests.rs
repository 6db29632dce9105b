//! However rows are split into files and their catalogues merged, the counts are the same, and bounds are kept.

use proptest::prelude::*;

use super::observe::tests::{Sent, any_sent, naive, observed};
use super::*;

const TINY: Limits = Limits {
    events: 2,
    properties_of_event: 3,
    properties: 5,
    values: 2,
    all_values: 6,
    days: 3,
    sources: 2,
    note_bytes: 1 << 20,
};

/// Splits events into files, and merges their catalogues in an order of its own, as notes.
fn merged(events: &[Sent], files: usize, order: &[usize], limits: &Limits) -> Catalogue {
    let mut parts: Vec<Vec<Sent>> = vec![Vec::new(); files];
    events.iter().enumerate().for_each(|(number, sent)| parts[number * 31 % files].push(sent.clone()));
    let mut catalogues: Vec<Catalogue> = parts
        .iter()
        .filter(|part| !part.is_empty())
        .map(|part| {
            let note = note::encode(observed(part, *limits, 5), limits);
            note::decode(&note, part.len() as u64).unwrap()
        })
        .collect();
    for at in order {
        if catalogues.len() > 1 {
            let other = catalogues.swap_remove(at % catalogues.len());
            let into = at / 7 % catalogues.len();
            catalogues[into].merge(&other, limits);
        }
    }
    catalogues.into_iter().fold(Catalogue::default(), |mut all, next| {
        all.merge(&next, limits);
        all
    })
}

/// What must hold whatever the bounds are.
fn holds(found: &Catalogue, truth: &Catalogue, limits: &Limits) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.count(), truth.count());
    prop_assert!(found.events.len() <= limits.events);
    let properties = || found.events.values().flat_map(|event| event.properties.values());
    prop_assert!(properties().count() <= limits.properties);
    prop_assert!(found.events.values().map(|event| event.days_utc.len()).sum::<usize>() <= limits.days);
    prop_assert!(found.events.values().map(|event| event.sources.len()).sum::<usize>() <= limits.sources);
    for (name, event) in &found.events {
        let true_event = &truth.events[name];
        prop_assert!(event.count <= true_event.count && true_event.count <= event.count + found.other_events);
        prop_assert_eq!(event.days_utc.values().sum::<u64>() + event.other_days, event.count);
        prop_assert_eq!(event.sources.values().sum::<u64>() + event.other_sources, event.count);
        prop_assert!(event.properties.len() <= limits.properties_of_event);
        let unnamed = event.other_properties + found.other_events;
        for (name, property) in &event.properties {
            let true_property = &true_event.properties[name];
            prop_assert!(property.types.total() <= true_property.types.total());
            prop_assert!(true_property.types.total() <= property.types.total() + unnamed);
            let values = &property.values;
            prop_assert!(values.listed().len() <= limits.values.max(5));
            for true_value in true_property.values.listed() {
                match values.listed().iter().find(|value| value.value == true_value.value) {
                    Some(value) => {
                        prop_assert!(value.count <= true_value.count && true_value.count <= value.at_most(), "{name}");
                    }
                    None => prop_assert!(true_value.count <= values.unlisted(), "{name} {true_value:?}"),
                }
            }
        }
        if found.other_events == 0 {
            let total =
                |event: &EventEntry| event.properties.values().map(|property| property.types.total()).sum::<u64>();
            // An object that has a name twice counts twice among the others.
            prop_assert!(total(event) + event.other_properties >= total(true_event));
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_split_and_any_order_give_the_naive_count(
        events in prop::collection::vec(any_sent(), 0..60),
        files in 1..8_usize,
        order in prop::collection::vec(0..1000_usize, 0..8),
    ) {
        prop_assert_eq!(merged(&events, files, &order, &Limits::NOTE), naive(&events));
    }

    #[test]
    fn tiny_bounds_keep_sums_exact_and_say_how_far_off_the_rest_may_be(
        events in prop::collection::vec(any_sent(), 0..60),
        files in 1..8_usize,
        order in prop::collection::vec(0..1000_usize, 0..8),
    ) {
        holds(&merged(&events, files, &order, &TINY), &naive(&events), &TINY)?;
    }
}

#[test]
fn what_is_cut_is_what_is_rarest() {
    let sizes = |sizes: &[usize], limit| most_each(limit, sizes.iter().copied());
    assert_eq!(sizes(&[5, 1, 4], 10), usize::MAX);
    assert_eq!((sizes(&[5, 1, 4], 9), sizes(&[5, 1, 4], 5), sizes(&[5, 5], 1)), (4, 2, 0));
    let mut map: BTreeMap<String, u64> = [("a", 1), ("b", 3), ("c", 1)].map(|(k, n)| (k.to_owned(), n)).into();
    assert_eq!(keep_largest(&mut map, 2, |n| *n), [1]);
    assert_eq!(map.keys().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn an_object_that_has_no_room_and_comes_twice_counts_as_the_last() {
    let sent = |text: &str| {
        let (name, source, properties) = ("view".to_owned(), "web".to_owned(), Some(text.to_owned()));
        Sent { name, source, time_ms: 0, properties, context: None }
    };
    // There is no room for `a` itself. Every seventh event is of the same user, so these come in their order.
    let rest = std::iter::repeat_n(Sent { properties: None, ..sent("") }, 6);
    let texts = [sent(r#"{"a.b":1,"b":1,"c":1}"#), sent(r#"{"a":{"b":2},"a":{}}"#), sent(r#"{"a":{"b":null}}"#)];
    let events: Vec<Sent> = texts.into_iter().flat_map(|text| std::iter::once(text).chain(rest.clone())).collect();
    let found = observed(&events, TINY, 10);
    assert_eq!(found.events["view"].properties, {
        let mut truth = naive(&events).events["view"].properties.clone();
        truth.remove("a");
        truth
    });
    assert_eq!(found.events["view"].other_properties, 3);
}
