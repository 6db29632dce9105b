//! Look-up and conditions against a naive reference over whole JSON trees.

use proptest::prelude::*;
use serde_json::{Map, Number, Value, json};

use super::{PropertyValue, ValueKind, find, lookup};
use crate::spec::{Condition, PropertyPath, PropertyRoot, Test};

/// The rules as they read, over a tree: every split of the path, longest literal first.
fn walk(value: &Value, path: &str) -> Option<Value> {
    let splits = std::iter::once(path.len()).chain(path.rmatch_indices('.').map(|(at, _)| at));
    match value {
        Value::Object(members) => {
            splits.into_iter().find_map(|at| arrive(members.get(&path[..at])?, path.get(at + 1..)))
        }
        Value::Array(elements) => {
            let at = path.find('.').unwrap_or(path.len());
            if !path[..at].bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            arrive(elements.get(path[..at].parse::<usize>().ok()?)?, path.get(at + 1..))
        }
        _ => None,
    }
}

fn arrive(value: &Value, rest: Option<&str>) -> Option<Value> {
    match rest {
        Some(rest) => walk(value, rest),
        None => (!value.is_null()).then(|| value.clone()),
    }
}

/// A number as (whole part, millionths), exact for the numbers that the strategies below make.
fn exact(number: &Number) -> (i128, i64) {
    if let Some(whole) = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from)) {
        return (whole, 0);
    }
    let double = number.as_f64().unwrap();
    (double.floor() as i128, ((double - double.floor()) * 1e6) as i64)
}

fn naive_order(left: &Value, right: &Value) -> Option<std::cmp::Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Some(exact(left).cmp(&exact(right))),
        (Value::String(left), Value::String(right)) => Some(left.chars().cmp(right.chars())),
        _ => None,
    }
}

fn naive_equal(left: &Value, right: &Value) -> bool {
    naive_order(left, right) == Some(std::cmp::Ordering::Equal) || (left.is_boolean() && left == right)
}

fn naive_accepts(test: &Test, value: Option<Value>) -> bool {
    let Some(value) = value else {
        return matches!(test, Test::NotEquals(_) | Test::NotIn(_) | Test::NotContains(_) | Test::NotExists);
    };
    let contains = |wanted: &Value| match &value {
        Value::String(text) => wanted.as_str().is_some_and(|part| text.contains(part)),
        Value::Array(elements) => elements.iter().any(|element| naive_equal(element, wanted)),
        _ => false,
    };
    match test {
        Test::Equals(wanted) => naive_equal(&value, wanted),
        Test::NotEquals(wanted) => !naive_equal(&value, wanted),
        Test::In(list) => list.iter().any(|wanted| naive_equal(&value, wanted)),
        Test::NotIn(list) => list.iter().all(|wanted| !naive_equal(&value, wanted)),
        Test::Less(wanted) => naive_order(&value, wanted).is_some_and(|order| order.is_lt()),
        Test::LessOrEqual(wanted) => naive_order(&value, wanted).is_some_and(|order| order.is_le()),
        Test::Greater(wanted) => naive_order(&value, wanted).is_some_and(|order| order.is_gt()),
        Test::GreaterOrEqual(wanted) => naive_order(&value, wanted).is_some_and(|order| order.is_ge()),
        Test::Contains(wanted) => contains(wanted),
        Test::NotContains(wanted) => !contains(wanted),
        Test::StartsWith(start) => value.as_str().is_some_and(|text| text.starts_with(start)),
        Test::EndsWith(end) => value.as_str().is_some_and(|text| text.ends_with(end)),
        Test::Matches(expression) => value.as_str().is_some_and(|text| expression.is_match(text)),
        Test::Exists => true,
        Test::NotExists => false,
    }
}

/// Mostly a few keys that are pieces of one another, so that paths meet them.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![8 => prop::sample::select(vec!["a", "a.a", "a.a.a", "0"]), 1 => rare_key()].prop_map(str::to_owned)
}

fn rare_key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "a.b", "b.a", "a.a", "a.b.a", "0", "1", "a.0", "", "é", "\"\\\n", "."])
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..4_i64).prop_map(Value::from),
        (-3..4_i64).prop_map(|halves| Value::from(halves as f64 / 2.0)),
        prop::sample::select(vec![
            json!(u64::MAX),
            json!(i64::MIN),
            json!(9_007_199_254_740_993_u64),
            json!(9_007_199_254_740_992.0),
            json!(18_446_744_073_709_551_615.0),
            json!(-9_223_372_036_854_775_808.0),
            json!(1e300),
            json!(-1e300),
        ]),
        prop::sample::select(vec!["", "a", "b", "ab", "ba", "1", "true", "é\n\"", "\u{ffff}", "\u{10000}"])
            .prop_map(Value::from),
    ]
}

fn object() -> impl Strategy<Value = Map<String, Value>> {
    let tree = scalar().prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    prop::collection::vec((key(), tree), 0..6).prop_map(|members| members.into_iter().collect())
}

/// JSON text with keys that occur twice.
fn text_with_copies() -> impl Strategy<Value = String> {
    prop::collection::vec(object(), 1..3).prop_map(|objects| {
        let members: Vec<String> =
            (objects.iter().flatten()).map(|(key, value)| format!("{}: {value}", Value::String(key.clone()))).collect();
        format!(" {{ {} }} ", members.join(" , "))
    })
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(key(), 1..4).prop_map(|keys| keys.join("."))
}

fn test() -> impl Strategy<Value = Test> {
    let wanted = || scalar().prop_filter("null is no value of a question", |value| !value.is_null());
    let list = || prop::collection::vec(wanted(), 1..4);
    let part = || prop::sample::select(vec!["", "a", "b", "é"]).prop_map(str::to_owned);
    prop_oneof![
        wanted().prop_map(Test::Equals),
        wanted().prop_map(Test::NotEquals),
        list().prop_map(Test::In),
        list().prop_map(Test::NotIn),
        wanted().prop_map(Test::Less),
        wanted().prop_map(Test::LessOrEqual),
        wanted().prop_map(Test::Greater),
        wanted().prop_map(Test::GreaterOrEqual),
        wanted().prop_map(Test::Contains),
        wanted().prop_map(Test::NotContains),
        part().prop_map(Test::StartsWith),
        part().prop_map(Test::EndsWith),
        Just(Test::Matches(regex::Regex::new("^a|b$").unwrap())),
        Just(Test::Exists),
        Just(Test::NotExists),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn lookup_agrees_with_a_walk_of_the_tree(text in text_with_copies(), path in path()) {
        let tree: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(lookup(&text, &path), walk(&tree, &path));
    }

    #[test]
    fn conditions_agree_with_a_naive_evaluator(members in object(), key in key(), test in test()) {
        let tree = Value::Object(members);
        let property = PropertyPath { root: PropertyRoot::Properties, path: key.clone() };
        let expected = naive_accepts(&test, walk(&tree, &key));
        prop_assert_eq!(Condition { property, test }.holds(Some(&tree.to_string()), None), expected);
    }

    #[test]
    fn values_of_other_kinds_than_the_only_one_are_as_if_missing(value in scalar(), test in test()) {
        if let Some(kind) = test.only_kind() {
            let list = Value::Array(vec![value.clone()]);
            for value in [PropertyValue::from_value(&value), PropertyValue::from_value(&list)].into_iter().flatten() {
                let is_of_kind = matches!(
                    (&value, kind),
                    (PropertyValue::Bool(_), ValueKind::Bool)
                        | (PropertyValue::Number(_), ValueKind::Number)
                        | (PropertyValue::Text(_), ValueKind::Text)
                );
                prop_assert!(is_of_kind || test.accepts(Some(&value)) == test.accepts(None), "{:?} {:?}", test, value);
            }
        }
    }

    #[test]
    fn a_double_is_in_the_range_where_the_number_passes(value in scalar(), test in test()) {
        if let Some(number) = value.as_f64().and_then(Number::from_f64)
            && let Some((least, most)) = test.double_range()
        {
            let is_inside = (least..=most).contains(&number.as_f64().unwrap());
            prop_assert_eq!(is_inside, test.accepts(Some(&PropertyValue::Number(number))), "{:?} {}", test, value);
            prop_assert!(!test.accepts(None));
        }
    }

    #[test]
    fn cut_or_changed_text_never_panics(
        text in text_with_copies(), path in path(), at in any::<prop::sample::Index>(), with in any::<char>(),
    ) {
        let mut chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len());
        chars[at] = with;
        let changed: String = chars.iter().collect();
        match serde_json::from_str::<Value>(&changed) {
            Ok(tree @ Value::Object(_)) => prop_assert_eq!(lookup(&changed, &path), walk(&tree, &path)),
            Ok(_) => prop_assert_eq!(lookup(&changed, &path), None),
            // Some texts are refused only for a value or a key that nobody asked for; see the tests below.
            Err(_) => { lookup(&changed, &path); }
        }
        let cut: String = chars[..at].iter().collect();
        if serde_json::from_str::<Value>(&cut).is_err() {
            prop_assert_eq!(lookup(&cut, &path), None);
        }
    }
}

#[test]
fn the_longest_literal_wins() {
    let text = r#"{"cart": {"total": 1, "b.c": 2}, "cart.total": 3, "a": {"b": {"c": 4}}, "a.b": {"c": 5},
        "d.e": {"f": 6}, "d": {"e": {"f": 7}}}"#;
    for (path, expected) in [
        ("cart.total", Some(json!(3))),
        ("cart.b.c", Some(json!(2))),
        ("a.b.c", Some(json!(5))),
        ("a.b", Some(json!({"c": 5}))),
        ("d.e.f", Some(json!(6))),
        ("cart.tota", None),
        ("cart.total.x", None),
        ("car", None),
        ("", None),
    ] {
        assert_eq!(lookup(text, path), expected, "{path}");
    }
}

#[test]
fn a_literal_that_leads_nowhere_gives_way_to_a_shorter_one() {
    assert_eq!(lookup(r#"{"a.b": null, "a": {"b": 1}}"#, "a.b"), Some(json!(1)));
    assert_eq!(lookup(r#"{"a.b": {"x": 1}, "a": {"b": {"c": 2}}}"#, "a.b.c"), Some(json!(2)));
}

#[test]
fn the_last_of_equal_keys_counts_even_where_it_is_null() {
    assert_eq!(lookup(r#"{"a": 1, "a": 2}"#, "a"), Some(json!(2)));
    assert_eq!(lookup(r#"{"a": 1, "\u0061": 2}"#, "a"), Some(json!(2)));
    assert_eq!(lookup(r#"{"b": 1, "\u0061": 2}"#, "a"), Some(json!(2)));
    assert_eq!(lookup(r#"{"a": 1, "a": null}"#, "a"), None);
    assert_eq!(lookup(r#"{"a": {"b": 1}, "a": {"c": 1}}"#, "a.b"), None);
}

#[test]
fn digits_index_lists_and_still_name_keys_of_objects() {
    let text = r#"{"items": [{"price": 1}, [2, 3], null], "map": {"0": "zero"}}"#;
    for (path, expected) in [
        ("items.0.price", Some(json!(1))),
        ("items.1.1", Some(json!(3))),
        ("items.2", None),
        ("items.3", None),
        ("items.-1", None),
        ("items.+1", None),
        ("items.", None),
        ("items.99999999999999999999", None),
        ("map.0", Some(json!("zero"))),
    ] {
        assert_eq!(lookup(text, path), expected, "{path}");
    }
    assert_eq!(lookup("[1]", "0"), None, "only an object holds properties");
}

#[test]
fn malformed_text_has_no_properties() {
    for text in
        ["", "{", "{\"a\":1", "{\"a\":1}}", "{\"a\":1} x", "{\"a\":1,}", "{'a':1}", "null", "\"a\"", "{\"a\":1,\"b\"}"]
    {
        assert_eq!(lookup(text, "a"), None, "{text}");
    }
    assert_eq!(lookup("{\"a\":1,\"b\nc\":2}", "a"), None, "a bare line break in a key");
}

#[test]
fn half_a_surrogate_pair_hides_only_itself() {
    let text =
        r#"{"\ud800": 1, "bad": "\udc00x", "list": ["\ud83d"], "good": "\ud83d\ude00", "b": {"\udfff": 1, "c": 2}}"#;
    assert_eq!(lookup(text, "good"), Some(json!("😀")));
    assert_eq!(lookup(text, "b.c"), Some(json!(2)));
    assert_eq!(lookup(text, "bad"), None);
    assert_eq!(lookup(text, "list"), None);
}

#[test]
fn a_number_too_large_for_a_double_hides_only_itself() {
    assert_eq!(lookup(r#"{"a": 1e999, "b": 2}"#, "a"), None);
    assert_eq!(lookup(r#"{"a": 1e999, "b": 2}"#, "b"), Some(json!(2)));
}

#[test]
fn depth_costs_no_stack() {
    for depth in [1, 100, 126, 100_000] {
        let text = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        let path = vec!["a"; depth].join(".");
        assert_eq!(lookup(&format!("{{\"x\":{text},\"y\":2}}"), "y"), Some(json!(2)), "{depth}");
        if depth <= 126 {
            assert_eq!(lookup(&text, &path), Some(json!(1)), "{depth}");
        }
    }
    let lists = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(lookup(&lists(127), "a").is_some());
    assert_eq!(lookup(&lists(128), "a"), None, "too deep for a tree");
    let lists = lists(100_000);
    assert_eq!(lookup(&lists, "a"), None, "too deep for a tree");
    assert_eq!(lookup(&lists, "a.0.0"), None);
}

#[test]
fn a_plain_text_is_borrowed() {
    let text = r#"{"plain": "Seoul", "escaped": "Se\u006ful"}"#;
    assert!(matches!(find(text, "plain"), Some(PropertyValue::Text(std::borrow::Cow::Borrowed("Seoul")))));
    assert!(
        matches!(find(text, "escaped"), Some(PropertyValue::Text(std::borrow::Cow::Owned(text))) if text == "Seoul")
    );
}

fn holds(test: Test, value: &str) -> bool {
    let property = PropertyPath { root: PropertyRoot::Context, path: "p".to_owned() };
    Condition { property, test }.holds(None, Some(&format!("{{\"p\": {value}}}")))
}

#[test]
fn numbers_compare_by_exact_value() {
    for (wanted, value, expected) in [
        (json!(1), "1.0", true),
        (json!(1.0), "1", true),
        (json!(1), "10e-1", true),
        (json!(0), "-0.0", true),
        (json!(9_007_199_254_740_992.0), "9007199254740993", false),
        (json!(9_007_199_254_740_993_u64), "9007199254740992.0", false),
        (json!(u64::MAX), "18446744073709551615", true),
        (json!(u64::MAX), "18446744073709551615.0", false),
        (json!(i64::MIN), "-9223372036854775808.0", true),
        (json!(1_u64 << 63), "9223372036854775808.0", true),
        (json!(i64::MAX), "9223372036854775808", false),
        (json!(1), "\"1\"", false),
        (json!("1"), "1", false),
        (json!(true), "\"true\"", false),
        (json!(1), "true", false),
    ] {
        assert_eq!(holds(Test::Equals(wanted.clone()), value), expected, "{wanted} = {value}");
        assert_eq!(holds(Test::NotEquals(wanted.clone()), value), !expected, "{wanted} != {value}");
    }
}

#[test]
fn order_is_false_across_types_and_for_booleans() {
    for (wanted, value, expected) in [
        (json!(2), "1", true),
        (json!(9_007_199_254_740_993_u64), "9007199254740992.0", true),
        (json!(-1), "-1.5", true),
        (json!(1), "1.5", false),
        (json!("b"), "\"a\"", true),
        (json!("10"), "\"9\"", false),
        (json!("\u{10000}"), "\"\u{ffff}\"", true),
        (json!("b"), "1", false),
        (json!(true), "false", false),
        (json!(2), "[1]", false),
    ] {
        assert_eq!(holds(Test::Less(wanted.clone()), value), expected, "{value} < {wanted}");
    }
}

#[test]
fn lists_contain_but_equal_nothing() {
    assert!(holds(Test::Contains(json!(2)), "[1, 2.0]"));
    assert!(!holds(Test::Contains(json!("2")), "[1, 2]"));
    assert!(!holds(Test::Contains(json!("a")), "[\"ab\", [\"a\"], null]"));
    assert!(!holds(Test::Equals(json!("a")), "[\"a\"]"));
    assert!(holds(Test::NotEquals(json!("a")), "{\"a\": 1}"));
    assert!(holds(Test::Exists, "[]"));
    assert!(holds(Test::NotExists, "null"));
}

#[test]
fn an_event_without_properties_passes_only_negations() {
    let property = PropertyPath { root: PropertyRoot::Properties, path: "p".to_owned() };
    let holds = |test| Condition { property: property.clone(), test }.holds(None, Some("{\"p\": \"a\"}"));
    assert!(!holds(Test::Equals(json!("a"))));
    assert!(!holds(Test::Exists));
    assert!(!holds(Test::StartsWith(String::new())));
    assert!(holds(Test::NotEquals(json!("a"))));
    assert!(holds(Test::NotIn(vec![json!("a")])));
    assert!(holds(Test::NotContains(json!("a"))));
    assert!(holds(Test::NotExists));
}
