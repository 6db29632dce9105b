use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::property::lookup;

/// Objects whose keys have dots, and which nest.
fn object() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), Just(json!(1)), Just(json!("x\n")), Just(json!(true)), Just(json!(2.5))];
    let key = prop::sample::select(vec!["a", "b", "a.b", "b.a", "a.a.b", "0", "1", ""]);
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::vec((key.clone(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
    .prop_map(|value| if value.is_object() { value } else { json!({"a": value}) })
}

fn value(found: Found<'_>) -> Option<Value> {
    match found {
        Found::Value(raw) => Some(serde_json::from_str(raw).unwrap()),
        Found::Missing | Found::Null => None,
    }
}

proptest! {
    #[test]
    fn a_name_is_found_where_questions_find_it(
        object in object(),
        name in prop::sample::select(vec!["a", "b", "a.b", "a.a", "a.b.a", "a.a.b", "b.a.b", "a.0", "a.0.b", "a.1.a.b", "0.a", "", "."]),
    ) {
        let text = object.to_string();
        prop_assert_eq!(value(find(&members(&text), name)), lookup(&text, name), "{} in {}", name, text);
    }
}

#[test]
fn the_drawn_example_is_true() {
    let text = r#"{"cart": {"total": 5}, "cart.id": "c"}"#;
    let members = members(text);
    assert_eq!(find(&members, "cart.total"), Found::Value("5"));
    assert_eq!(find(&members, "cart.id"), Found::Value("\"c\""));
    assert_eq!(find(&members, "cart"), Found::Value("{\"total\": 5}"));
}

#[test]
fn null_and_what_cannot_be_decoded_are_told_from_values() {
    let text = r#"{"n": null, "big": 1e999, "half": "\ud800", "a.b": null, "a": {"b": 1}, "c": {"d": null}, "t": 1, "t": null}"#;
    let members = members(text);
    for (name, found) in [
        ("n", Found::Null),
        ("big", Found::Missing),
        ("half", Found::Missing),
        ("none", Found::Missing),
        ("a.b", Found::Value("1")),
        ("c.d", Found::Null),
        ("c.e", Found::Missing),
        ("t", Found::Null),
    ] {
        assert_eq!(find(&members, name), found, "{name}");
    }
}

#[test]
fn a_key_that_is_no_text_hides_no_other() {
    let text = r#"{"\ud800": 1, "a": 2}"#;
    assert_eq!(find(&members(text), "a"), Found::Value("2"));
    assert!(members("[1]").is_empty());
    let empty: Map<String, Value> = Map::new();
    assert!(members(&Value::Object(empty).to_string()).is_empty());
}
