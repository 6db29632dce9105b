use serde_json::json;

use super::super::parse;
use super::*;

#[test]
fn what_has_grown_apart_is_listed_with_counts() {
    let plan = parse(&json!({"weir_plan": 1, "events": {
        "view": {"properties": {
            "tab": {"type": "string", "required": true}, "price": {"type": "number"}, "coupon": {"type": ["string", "boolean"]},
            "cart.sum": {}, "cart.tax": {}, "items.0.id": {}, "note": {"type": ["string", "null"], "required": true}}},
        "hired": {"owner": "growth"}}}))
    .unwrap();
    let mut profile = Profile::default();
    for i in 0..1_500 {
        let tab = if i < 12 { json!(i) } else { json!("new") };
        let mut view = json!({"tab": tab, "price": 5, "cart": {"sum": 1, "id": "c"}, "items": [{"id": 1}], "o": {"x": 1}, "note": null});
        if i < 3 {
            view["tab"] = json!(null);
        }
        profile.add("view", Some(&view.to_string()));
    }
    profile.add("rare", None);
    (0..2).for_each(|_| profile.add("map", None));
    let found = differences(&plan, &profile);
    let lines: Vec<String> = found
        .iter()
        .map(|d| {
            format!("{} {} {} {} {}", d.kind.name(), d.event, d.property.as_deref().unwrap_or("-"), d.count, d.detail)
        })
        .collect();
    assert_eq!(
        lines,
        [
            "type_drift view tab 9 planned string, seen integer (9)",
            "required_missing view tab 3 in 1,497 of 1,500 events",
            "property_not_seen view coupon 0 string or boolean",
            "property_not_seen view cart.tax 0 any type",
            "property_not_seen view note 0 string or null",
            "property_not_planned view cart.id 1500 string",
            "property_not_planned view o.x 1500 integer",
            "event_not_seen hired - 0 owner: growth",
            "event_not_planned map - 2 ",
            "event_not_planned rare - 1 ",
        ]
    );
    for kind in [Kind::EventNotSeen, Kind::RequiredMissing] {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
    }
}

#[test]
fn a_plan_that_is_kept_has_no_differences() {
    let plan = parse(&json!({"weir_plan": 1, "events": {"a": {"properties": {
        "o": {"type": "object"}, "n": {"type": "number", "required": true}, "l": {"type": "array"}}}}}))
    .unwrap();
    let mut profile = Profile::default();
    profile.add("a", Some(r#"{"o": {"any": {"thing": 1}}, "n": 5, "l": [1]}"#));
    assert_eq!(differences(&plan, &profile), []);
}
