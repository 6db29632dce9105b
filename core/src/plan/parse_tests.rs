use serde_json::json;

use super::*;

const SCHEMA: &str = include_str!("../../../docs/tracking-plan.schema.json");

fn refused(document: Value) -> String {
    parse(&document).unwrap_err().to_string()
}

#[test]
fn a_full_plan_is_read_to_the_last_field() {
    let document = json!({"weir_plan": 1, "description": "the shop", "additional_events": false, "events": {
        "purchase": {"description": "paid", "owner": "growth", "additional_properties": false, "properties": {
            "price": {"type": ["number", null], "required": true, "minimum": 0, "maximum": 99.5, "description": "KRW"},
            "channel": {"type": "string", "enum": ["web", "ios"]},
            "cart.sum": null}},
        "view": null}});
    let plan = parse(&document).unwrap();
    assert_eq!((plan.description.as_deref(), plan.additional_events, plan.events.len()), (Some("the shop"), false, 2));
    let purchase = &plan.events[0];
    assert_eq!((purchase.name.as_str(), purchase.owner.as_deref()), ("purchase", Some("growth")));
    assert_eq!((purchase.description.as_deref(), purchase.additional_properties), (Some("paid"), false));
    let [price, channel, sum] = purchase.properties.as_slice() else { panic!("{purchase:?}") };
    assert_eq!((price.types.as_slice(), price.required), (&[JsonType::Number, JsonType::Null][..], true));
    assert_eq!((&price.minimum, &price.maximum), (&Some(0.into()), &Number::from_f64(99.5)));
    assert_eq!((price.description.as_deref(), price.allowed.len()), (Some("KRW"), 0));
    assert_eq!((channel.types.as_slice(), channel.allowed.len()), (&[JsonType::String][..], 2));
    assert_eq!((sum.name.as_str(), sum.types.len(), sum.required), ("cart.sum", 0, false));
    assert_eq!((plan.events[1].name.as_str(), plan.events[1].additional_properties), ("view", true));
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_its_place() {
    insta::assert_snapshot!(refused(json!({"weir_plan": "1", "aditional_events": true, "events": {
        "": {},
        "*": {},
        "view": {"ownr": "x", "owner": 5, "additional_properties": "no", "properties": {
            "a": {"type": "strnig"}, "b": {"type": "bool"}, "c": {"type": ["string", "string", 5]}, "d": {"type": []},
            "e": {"type": "integer", "enum": [1, 1.5, 1, null, [], "x"]}, "f": {"enum": []}, "g": {"enum": "web"},
            "h": {"minimum": "0", "type": "number"}, "i": {"minimum": 3, "maximum": 2}, "j": {"type": "string", "maximum": 2},
            "k": "string", "l": {"required": 1, "min": 5}}},
        "list": [], "properties": {"properties": []}
    }})), @r#"
    aditional_events: unknown field `aditional_events`; did you mean `additional_events`?
    weir_plan: found the text `1`; expected 1
    events.: found an empty name; expected a name of 1 to 200 bytes
    events.*: `*` is no name of an event; plan each event by its own name
    events.view.ownr: unknown field `ownr`; did you mean `owner`?
    events.view.owner: found the number 5; expected a text
    events.view.additional_properties: found the text `no`; expected true or false
    events.view.properties.a.type: unknown type `strnig`; did you mean `string`?
    events.view.properties.b.type: unknown type `bool`; did you mean `boolean`?
    events.view.properties.c.type[1]: `string` is listed twice
    events.view.properties.c.type[2]: found the number 5; expected a type such as "string", or a list such as ["string", "null"]
    events.view.properties.d.type: found an empty list; expected a type such as "string", or a list such as ["string", "null"]
    events.view.properties.e.enum[1]: found the number 1.5, which is no integer
    events.view.properties.e.enum[2]: the number 1 is listed twice
    events.view.properties.e.enum[3]: found null; expected a value, and `type: [string, "null"]` where null is allowed too
    events.view.properties.e.enum[4]: found an empty list; expected a string, a number or a boolean
    events.view.properties.e.enum[5]: found the text `x`, which is no integer
    events.view.properties.f.enum: found an empty list; expected a list of strings, numbers and booleans, such as ["web", "ios"], or no `enum` at all
    events.view.properties.g.enum: found the text `web`; expected a list of strings, numbers and booleans, such as ["web", "ios"]
    events.view.properties.h.minimum: found the text `0`; expected a number
    events.view.properties.i.minimum: 3 is more than `maximum`, 2
    events.view.properties.j.maximum: found a bound of numbers on a property that has none; expected `type` to list `number`, or no `maximum`
    events.view.properties.k: found the text `string`; expected an object such as {"type": "string", "required": true}
    events.view.properties.l.min: unknown field `min`; known fields: description, type, required, enum, minimum, maximum
    events.view.properties.l.required: found the number 1; expected true or false
    events.list: found an empty list; expected an object such as {"owner": "growth", "properties": {}}
    events.properties.properties: found an empty list; expected an object of properties by name, such as {"price": {"type": "number"}}
    "#);
}

#[test]
fn what_is_no_plan_of_this_version_is_one_problem() {
    insta::assert_snapshot!(refused(json!({"weir_plan": 2, "evnets": {}})), @"weir_plan: found version 2; this weir reads version 1, so upgrade weir");
    insta::assert_snapshot!(refused(json!([])), @r#"plan: found an empty list; expected an object such as {"weir_plan": 1, "events": {"view_item": {}}}"#);
    insta::assert_snapshot!(refused(json!({})), @r#"
    weir_plan: missing; expected `weir_plan: 1`, the version of the document
    events: missing; expected an object of events by name, such as {"view_item": {"owner": "growth"}}
    "#);
}

#[test]
fn a_plan_is_bounded() {
    let named = |n: usize| (0..n).map(|i| (format!("n{i}"), json!({}))).collect::<Map<_, _>>();
    let events = |n| json!({"weir_plan": 1, "events": named(n)});
    assert_eq!(parse(&events(MAX_EVENTS)).unwrap().events.len(), MAX_EVENTS);
    assert_eq!(refused(events(MAX_EVENTS + 1)), "events: found 5001 events; expected at most 5000");
    let properties = |n| json!({"weir_plan": 1, "events": {"a": {"properties": named(n)}}});
    assert_eq!(parse(&properties(MAX_PROPERTIES)).unwrap().events[0].properties.len(), MAX_PROPERTIES);
    assert!(refused(properties(MAX_PROPERTIES + 1)).contains("at most 1000"));
    let values = |n: usize| json!({"weir_plan": 1, "events": {"a": {"properties": {"p": {"enum": (0..n).collect::<Vec<_>>()}}}}});
    assert!(parse(&values(MAX_VALUES)).is_ok());
    assert!(refused(values(MAX_VALUES + 1)).contains("at most 1000"));
    let long = json!({"weir_plan": 1, "events": {"x".repeat(201): {}}});
    assert!(refused(long).contains("found 201 bytes"));
    let wrong: Map<_, _> = (0..1_000).map(|i| (format!("n{i}"), json!({"x": 1}))).collect();
    let problems = parse(&json!({"weir_plan": 1, "events": wrong})).unwrap_err().problems;
    assert_eq!(problems.len(), 101);
    assert_eq!(problems[100].message, "has 900 more problems; these are the first 100");
}

#[test]
fn the_schema_names_the_fields_types_and_limits_that_are_read() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let check = |object: &Value, table: &FieldTable| {
        let names: Vec<&str> = object["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, table.supported);
        assert_eq!(object["additionalProperties"], json!(false));
    };
    let (event, property) = (&schema["$defs"]["event"], &schema["$defs"]["property"]);
    check(&schema, &PLAN_FIELDS);
    check(event, &EVENT_FIELDS);
    check(property, &PROPERTY_FIELDS);
    assert_eq!(schema["properties"]["weir_plan"]["const"], json!(VERSION));
    assert_eq!(schema["properties"]["events"]["maxProperties"], json!(MAX_EVENTS));
    assert_eq!(event["properties"]["properties"]["maxProperties"], json!(MAX_PROPERTIES));
    assert_eq!(property["properties"]["enum"]["maxItems"], json!(MAX_VALUES));
    assert_eq!(schema["$defs"]["name"]["maxLength"], json!(MAX_NAME_BYTES));
    let types: Vec<&str> =
        schema["$defs"]["type"]["enum"].as_array().unwrap().iter().map(|kind| kind.as_str().unwrap()).collect();
    assert_eq!(types, JsonType::ALL.map(JsonType::name));
    for example in schema["examples"].as_array().unwrap() {
        parse(example).unwrap();
    }
}
