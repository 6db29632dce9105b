use proptest::prelude::*;
use serde_json::json;

use super::super::{CompiledPlan, parse};
use super::*;

fn profile(events: &[(&str, Value)]) -> Profile {
    let mut profile = Profile::default();
    events.iter().for_each(|(event, properties)| profile.add(event, Some(&properties.to_string())));
    profile
}

#[test]
fn a_draft_has_what_enough_events_have() {
    let mut events = Vec::new();
    for i in 0..100 {
        let tab = if i % 3 == 0 { "new" } else { "all" };
        let mut view = json!({"tab": tab, "job": format!("j{i}"), "n": i, "cart": {"sum": i, "id": "c"}, "flag": true});
        if i % 4 == 0 {
            view["flag"] = json!("yes");
            view["share"] = json!(0.5);
        }
        events.push(("view", view));
    }
    events.push(("rare", json!({"tab": "new"})));
    let draft = draft(&profile(&events), &BTreeMap::from([("view".to_owned(), 41_204)]));
    assert_eq!(
        draft.document,
        json!({"weir_plan": 1, "events": {
            "view": {"properties": {
                "cart.id": {"type": "string", "required": true, "enum": ["c"]},
                "cart.sum": {"type": "integer", "required": true},
                "flag": {"type": ["string", "boolean"], "required": true},
                "job": {"type": "string", "required": true},
                "n": {"type": "integer", "required": true},
                "share": {"type": "number"},
                "tab": {"type": "string", "required": true, "enum": ["all", "new"]}}},
            "rare": {"properties": {"tab": {"type": "string"}}}}})
    );
    let note = |path: &[&str]| draft.notes[&path.iter().map(ToString::to_string).collect::<Vec<_>>()].as_str();
    assert_eq!(note(&["events", "view"]), "41,204 events, of which 100 were looked at");
    assert_eq!(note(&["events", "rare"]), "1 events");
    assert_eq!(note(&["events", "view", "properties", "flag"]), "100% of events: string 25%, boolean 75%");
    assert_eq!(note(&["events", "view", "properties", "tab"]), "100% of events, 2 values");
    assert_eq!(note(&["events", "view", "properties", "share"]), "25% of events");
}

#[test]
fn an_object_whose_keys_are_data_is_planned_as_a_whole() {
    let events: Vec<_> = (0..100)
        .map(|i| {
            ("a", json!({"by_id": {format!("k{i}"): 1}, "mixed": if i > 50 { json!(1) } else { json!({"x": 1}) }}))
        })
        .collect();
    let draft = draft(&profile(&events), &BTreeMap::new());
    let properties = draft.document["events"]["a"]["properties"].as_object().unwrap();
    assert_eq!(properties.keys().collect::<Vec<_>>(), ["by_id", "mixed"]);
    assert_eq!(properties["mixed"]["type"], json!(["integer", "object"]));
}

#[test]
fn names_that_no_plan_may_have_are_left_out() {
    let events = [("*", json!({})), ("a", json!({"": 1, "x".repeat(300): 2, "p": {"": 3}}))];
    let draft = draft(&profile(&events), &BTreeMap::new());
    assert_eq!(draft.document["events"], json!({"a": {"properties": {"p": {"type": "object"}}}}));
}

#[test]
fn what_may_be_an_element_of_a_list_is_left_out() {
    let events = [("a", json!({"p.p": {}, "p": {"p": ["web"]}})), ("a", json!({"p.p": {"0": 1}}))];
    let draft = draft(&profile(&events), &BTreeMap::new());
    let plan = CompiledPlan::new(&parse(&draft.document).unwrap());
    for (event, properties) in &events {
        assert_eq!(plan.check(event, Some(&properties.to_string())), [], "{}", draft.document);
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop::sample::select(vec![
        json!(null),
        json!("web"),
        json!("tv"),
        json!(1),
        json!(1.0),
        json!(-2.5),
        json!(true),
    ]);
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::vec((prop::sample::select(vec!["p", "q.r", "r", "", "0"]), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_a_draft_was_made_of_keeps_to_it(
        kinds in prop::collection::vec(prop::collection::vec((prop::sample::select(vec!["p", "q", "q.r", "p.p"]), value()), 0..4), 1..6),
        times in 1_usize..40,
    ) {
        let mut events = Vec::new();
        for members in &kinds {
            let members: Map<_, _> = members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            events.extend(vec![("a", Value::Object(members)); times]);
        }
        let draft = draft(&profile(&events), &BTreeMap::new());
        let plan = CompiledPlan::new(&parse(&draft.document).unwrap());
        for (event, properties) in &events {
            prop_assert_eq!(plan.check(event, Some(&properties.to_string())), [], "{} against {}", properties, draft.document);
        }
    }
}
