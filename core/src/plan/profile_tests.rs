use super::*;

fn profile(events: &[(&str, &str)]) -> Profile {
    let mut profile = Profile::default();
    events.iter().for_each(|(event, properties)| profile.add(event, Some(properties)));
    profile
}

#[test]
fn the_drawn_example_is_true() {
    let profile = profile(&[("view", r#"{"tab":"new","cart":{"sum":5}}"#), ("view", r#"{"tab":"all"}"#)]);
    let view = &profile.events["view"];
    assert_eq!(view.count, 2);
    let seen: Vec<_> = view
        .properties
        .iter()
        .map(|(name, p)| (name.as_str(), p.present, p.types.clone().into_iter().collect::<Vec<_>>()))
        .collect();
    assert_eq!(
        seen,
        [
            ("cart", 1, vec![(JsonType::Object, 1)]),
            ("cart.sum", 1, vec![(JsonType::Integer, 1)]),
            ("tab", 2, vec![(JsonType::String, 2)])
        ]
    );
    let values = view.properties["tab"].values.clone().unwrap();
    assert_eq!(values.into_iter().collect::<Vec<_>>(), [("all".to_owned(), 1), ("new".to_owned(), 1)]);
}

#[test]
fn names_count_as_the_checker_reads_them() {
    let profile = profile(&[
        ("a", r#"{"c.d": 1, "c": {"d": "text"}, "n": null, "half": "\ud800", "big": 1e999}"#),
        ("a", r#"{"t": 1, "t": null, "c.d": null, "c": {"d": 2.5}}"#),
    ]);
    let a = &profile.events["a"];
    assert_eq!(a.properties.keys().collect::<Vec<_>>(), ["c", "c.d"]);
    assert_eq!((a.properties["c.d"].present, a.properties["c.d"].planned_types()), (2, vec![JsonType::Number]));
}

#[test]
fn memory_is_bounded_and_what_is_left_out_is_counted() {
    let mut profile = Profile::default();
    (0..MAX_EVENTS + 5).for_each(|i| profile.add(&format!("e{i}"), None));
    assert_eq!((profile.events.len(), profile.events_cut), (MAX_EVENTS, 5));

    let mut profile = Profile::default();
    for i in 0..MAX_PROPERTIES + 7 {
        profile.add("a", Some(&format!("{{\"p{i}\":1}}")));
    }
    profile.add("a", Some(&format!("{{\"{}\":1}}", "x".repeat(MAX_NAME_BYTES + 1))));
    assert_eq!((profile.events["a"].properties.len(), profile.properties_cut), (MAX_PROPERTIES, 8));

    let mut profile = Profile::default();
    (0..=MAX_VALUES).for_each(|i| profile.add("a", Some(&format!("{{\"p\":\"v{i}\"}}"))));
    assert_eq!(profile.events["a"].properties["p"].values, None);
    profile.add("b", Some(&format!("{{\"p\":\"{}\"}}", "x".repeat(MAX_VALUE_BYTES + 1))));
    assert_eq!(profile.events["b"].properties["p"].values, None);
}
