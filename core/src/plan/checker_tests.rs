use proptest::prelude::*;
use serde_json::json;

use super::super::parse;
use super::*;
use crate::property::lookup;

fn plan(events: Value) -> CompiledPlan {
    CompiledPlan::new(&parse(&json!({"weir_plan": 1, "events": events})).unwrap())
}

fn flags(plan: &CompiledPlan, event: &str, properties: Value) -> Vec<String> {
    plan.check(event, Some(&properties.to_string())).iter().map(Violation::flag).collect()
}

#[test]
fn the_drawn_example_is_true() {
    let plan = plan(json!({"apply_submit": {"properties": {
        "job_id": {"type": "string", "required": true},
        "channel": {"enum": ["web", "ios"]},
        "price": {"type": "number", "minimum": 0}}}}));
    let violations = plan.check("apply_submit", Some(r#"{"channel": "tv", "price": -1}"#));
    let said: Vec<_> = violations.iter().map(|v| format!("{} {} {}", v.code, v.property, v.message)).collect();
    assert_eq!(
        said,
        [
            "missing_property job_id is missing, and required",
            r#"value_not_allowed channel is the string "tv", expected one of "web", "ios""#,
            "out_of_range price is the number -1, expected at least 0"
        ]
    );
    assert_eq!(plan.check("apply_submit", Some(r#"{"job_id":"j","channel":"w\u0065b","price":0,"more":1}"#)), []);
    assert_eq!(plan.check("apply_submit", None).len(), 1, "an event without properties has none of them");
    assert_eq!(plan.check("other", None), []);
}

#[test]
fn what_is_not_planned_is_a_violation_only_in_a_closed_plan() {
    let closed = json!({"weir_plan": 1, "additional_events": false, "events": {"a": {"additional_properties": false,
        "properties": {"p": {}, "cart.sum": {}, "cart.items.0.id": {}, "o": {"type": "object"}}}, "b": {}}});
    let closed = CompiledPlan::new(&parse(&closed).unwrap());
    assert_eq!(flags(&closed, "c", json!({})), ["unplanned_event"]);
    assert_eq!(flags(&closed, "b", json!({"x": 1})), [""; 0]);
    assert_eq!(
        flags(
            &closed,
            "a",
            json!({"p": 1, "x": 2, "n": null, "o": {"any": 1}, "cart": {"sum": 1, "tax": 2, "items": [{"id": 1, "n": 2}, 5]}, "cart.more": 1})
        ),
        [
            "unplanned_property: x",
            "unplanned_property: cart.tax",
            "unplanned_property: cart.items.0.n",
            "unplanned_property: cart.items.1",
            "unplanned_property: cart.more"
        ]
    );
    assert_eq!(flags(&closed, "a", json!({"cart.sum": 1, "cart": 5})), ["unplanned_property: cart"]);
}

#[test]
fn types_are_those_of_json_schema() {
    let values = [json!("x"), json!(1), json!(1.0), json!(1.5), json!(true), json!([]), json!({})];
    for (types, fits) in [
        (json!("string"), [true, false, false, false, false, false, false]),
        (json!("integer"), [false, true, true, false, false, false, false]),
        (json!("number"), [false, true, true, true, false, false, false]),
        (json!("boolean"), [false, false, false, false, true, false, false]),
        (json!("array"), [false, false, false, false, false, true, false]),
        (json!("object"), [false, false, false, false, false, false, true]),
        (json!(["string", "boolean"]), [true, false, false, false, true, false, false]),
    ] {
        let plan = plan(json!({"a": {"properties": {"p": {"type": types}}}}));
        for (value, fits) in values.iter().zip(fits) {
            let found = flags(&plan, "a", json!({"p": value}));
            assert_eq!(found.is_empty(), fits, "{value} as {types}");
            assert!(fits || found == ["wrong_property_type: p"]);
        }
    }
}

#[test]
fn null_is_missing_unless_the_types_list_it() {
    let plan = plan(json!({"a": {"properties": {
        "may": {"type": "string", "enum": ["x"]},
        "must": {"type": "string", "required": true},
        "must.here": {"type": ["string", "null"], "required": true}}}}));
    let missing = ["missing_property: must", "missing_property: must.here"];
    assert_eq!(flags(&plan, "a", json!({})), missing);
    assert_eq!(flags(&plan, "a", json!({"may": null, "must": null})), missing);
    assert_eq!(flags(&plan, "a", json!({"must": "x", "must.here": null})), [""; 0]);
    let nested = plan.check("a", Some(r#"{"must": {"here": null}}"#));
    assert_eq!(nested.iter().map(|v| v.code).collect::<Vec<_>>(), ["wrong_property_type"]);
    // Half a surrogate pair, and a number that no double holds, are no values.
    let text = r#"{"must": "\ud800", "must.here": null}"#;
    assert_eq!(plan.check("a", Some(text))[0].code, "missing_property");
}

#[test]
fn numbers_compare_by_exact_value() {
    let plan = plan(json!({"a": {"properties": {
        "e": {"enum": [1, 2.5, true, 9_007_199_254_740_993_u64]},
        "r": {"minimum": -1, "maximum": 9_007_199_254_740_993_u64}}}}));
    for (properties, fits) in [
        (r#"{"e": 1.0}"#, true),
        (r#"{"e": 25e-1}"#, true),
        (r#"{"e": true}"#, true),
        (r#"{"e": false}"#, false),
        (r#"{"e": "1"}"#, false),
        (r#"{"e": 9007199254740992}"#, false),
        (r#"{"r": 9007199254740993}"#, true),
        (r#"{"r": 9007199254740994}"#, false),
        (r#"{"r": -1.0000001}"#, false),
        (r#"{"r": "a text has no range"}"#, true),
    ] {
        assert_eq!(plan.check("a", Some(properties)).is_empty(), fits, "{properties}");
    }
}

#[test]
fn violations_are_bounded() {
    let plan = plan(json!({"a": {"additional_properties": false}}));
    let many: serde_json::Map<_, _> = (0..10_000).map(|i| (format!("p{i}"), json!(1))).collect();
    assert_eq!(plan.check("a", Some(&Value::Object(many).to_string())).len(), MAX_VIOLATIONS);
    let long = flags(&plan, "a", json!({"x".repeat(100_000): 1}));
    assert!(long[0].len() < 100, "{}", long[0].len());
}

/// The rules word by word, on a tree, with the lookup that questions use.
fn naive(document: &Value, event: &str, properties: &Value) -> Vec<String> {
    let text = properties.to_string();
    let Some(planned) = document["events"].get(event) else {
        let is_open = document["additional_events"] != json!(false);
        return if is_open { Vec::new() } else { vec!["unplanned_event".to_owned()] };
    };
    let rules = planned["properties"].as_object().unwrap();
    let mut flags = Vec::new();
    for (name, rule) in rules {
        let types: Vec<&str> = match &rule["type"] {
            Value::Null => Vec::new(),
            Value::Array(list) => list.iter().map(|kind| kind.as_str().unwrap()).collect(),
            one => vec![one.as_str().unwrap()],
        };
        let Some(value) = lookup(&text, name) else {
            let may_be_null = types.contains(&"null") && has_null(properties, name);
            if rule["required"] == json!(true) && !may_be_null {
                flags.push(format!("missing_property: {name}"));
            }
            continue;
        };
        let is = |kind: &str| match kind {
            "string" => value.is_string(),
            "integer" => value.as_f64().is_some_and(|n| n.fract() == 0.0),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            _ => false,
        };
        let same = |allowed: &Value| match (allowed.as_f64(), value.as_f64()) {
            (Some(allowed), Some(value)) => allowed == value,
            _ => *allowed == value,
        };
        let below = rule["minimum"].as_f64().zip(value.as_f64()).is_some_and(|(minimum, value)| value < minimum);
        let above = rule["maximum"].as_f64().zip(value.as_f64()).is_some_and(|(maximum, value)| value > maximum);
        if !types.is_empty() && !types.iter().any(|kind| is(kind)) {
            flags.push(format!("wrong_property_type: {name}"));
        } else if rule["enum"].as_array().is_some_and(|allowed| !allowed.iter().any(same)) {
            flags.push(format!("value_not_allowed: {name}"));
        } else if below || above {
            flags.push(format!("out_of_range: {name}"));
        }
    }
    if planned["additional_properties"] == json!(false) {
        let names: Vec<&str> = rules.keys().map(String::as_str).collect();
        unplanned(properties, "", &names, &mut flags);
    }
    flags
}

fn has_null(value: &Value, name: &str) -> bool {
    let child = |literal: &str| match value {
        Value::Object(members) => members.get(literal),
        Value::Array(list) => literal.parse::<usize>().ok().and_then(|at| list.get(at)),
        _ => None,
    };
    let splits =
        name.match_indices('.').filter_map(|(dot, _)| child(&name[..dot]).map(|value| (value, &name[dot + 1..])));
    child(name) == Some(&Value::Null) || splits.into_iter().any(|(value, rest)| has_null(value, rest))
}

fn unplanned(value: &Value, inside: &str, names: &[&str], flags: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    for (key, value) in children {
        let name = if inside.is_empty() { key } else { format!("{inside}.{key}") };
        let flag = format!("unplanned_property: {name}");
        if names.contains(&name.as_str()) {
            continue;
        }
        if names.iter().any(|planned| planned.starts_with(&format!("{name}.")))
            && (value.is_object() || value.is_array())
        {
            unplanned(value, &name, names, flags);
        } else if !value.is_null() && !flags.iter().any(|f| f.ends_with(&format!(": {name}"))) {
            flags.push(flag);
        }
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop::sample::select(vec![
        json!(null),
        json!("web"),
        json!("tv\n"),
        json!(""),
        json!(0),
        json!(1),
        json!(1.0),
        json!(-2.5),
        json!(7),
        json!(true),
        json!(false),
    ]);
    let key = prop::sample::select(vec!["p", "q", "cart", "sum", "cart.sum", "0"]);
    leaf.prop_recursive(3, 16, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::vec((key.clone(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

fn rule() -> impl Strategy<Value = Value> {
    let types = prop::sample::select(vec![
        json!(null),
        json!("string"),
        json!("integer"),
        json!("number"),
        json!("boolean"),
        json!("array"),
        json!("object"),
        json!(["string", "null"]),
        json!(["number", "string"]),
        json!(["integer", "boolean", "null"]),
    ]);
    let allowed = prop::sample::select(vec![
        json!(null),
        json!(null),
        json!(["web", "ios"]),
        json!([1, true]),
        json!(["web", -2.5]),
    ]);
    let bounds =
        prop::sample::select(vec![json!({}), json!({}), json!({"minimum": 0}), json!({"minimum": -2.5, "maximum": 1})]);
    let rules = (types, allowed, bounds, any::<bool>()).prop_map(|(types, allowed, bounds, required)| {
        let mut rule = json!({"type": types, "enum": allowed, "required": required});
        rule.as_object_mut().unwrap().extend(bounds.as_object().unwrap().clone());
        rule
    });
    // Rules that contradict themselves are no plan.
    let is_sound = |rule: &Value| parse(&json!({"weir_plan": 1, "events": {"a": {"properties": {"p": rule}}}})).is_ok();
    rules.prop_filter("a rule that makes sense", is_sound)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn the_compiled_plan_says_what_the_rules_say(
        rules in prop::collection::vec((prop::sample::select(vec!["p", "q", "cart", "cart.sum", "cart.sum.p", "cart.0", "q.0.p"]), rule()), 0..5),
        is_closed in any::<bool>(),
        members in prop::collection::vec((prop::sample::select(vec!["p", "q", "cart", "cart.sum", "x", "0"]), value()), 0..6),
    ) {
        let rules: serde_json::Map<_, _> = rules.into_iter().map(|(name, rule)| (name.to_owned(), rule)).collect();
        let document = json!({"weir_plan": 1, "additional_events": !is_closed,
            "events": {"a": {"additional_properties": !is_closed, "properties": rules}}});
        let plan = CompiledPlan::new(&parse(&document).unwrap());
        let members: serde_json::Map<_, _> = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let properties = Value::Object(members);
        for event in ["a", "b"] {
            prop_assert_eq!(flags(&plan, event, properties.clone()), naive(&document, event, &properties), "{} {}", document, properties);
        }
    }
}
