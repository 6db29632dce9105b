use serde_json::json;
use weir_lake::catalogue::{EventEntry, PropertyEntry};

use super::*;

/// Events of which some have properties: name, and how many values are texts, numbers and flags.
fn noted(events: u64, properties: &[(&str, [u64; 3])]) -> Catalogue {
    let entry = |counts: &[u64; 3]| {
        let mut entry = PropertyEntry::default();
        KINDS.iter().zip(counts).for_each(|((_, kind), count)| entry.types.add(*kind, *count));
        entry
    };
    let event = EventEntry {
        count: events,
        time_ms: (0, 0),
        received_ms: (0, 0),
        days_utc: BTreeMap::new(),
        other_days: 0,
        sources: BTreeMap::new(),
        other_sources: 0,
        properties: properties.iter().map(|(name, counts)| ((*name).to_owned(), entry(counts))).collect(),
        other_properties: 0,
    };
    Catalogue { events: BTreeMap::from([("view".to_owned(), event)]), other_events: 0 }
}

fn chosen(columns: &[TypedColumn]) -> Vec<(&str, ColumnKind)> {
    columns.iter().map(|column| (column.property.as_str(), column.kind)).collect()
}

#[test]
fn what_many_events_have_in_one_type_gets_a_column() {
    let noted = noted(
        1000,
        &[
            ("rare", [49, 0, 0]),
            ("tab", [50, 0, 0]),
            ("price", [9, 91, 0]),
            ("mixed", [50, 50, 0]),
            ("is_new", [0, 0, 1000]),
            ("cart.total", [0, 1000, 0]),
            ("user_id", [1000, 0, 0]),
        ],
    );
    let expected = [("is_new", ColumnKind::Flag), ("price", ColumnKind::Number), ("tab", ColumnKind::Text)];
    assert_eq!(chosen(&extend(Vec::new(), &noted, None, true)), expected);
    assert_eq!(extend(Vec::new(), &noted, None, false), [], "of few rows nothing is concluded");
}

#[test]
fn a_plan_has_the_say() {
    let plan = plan::parse(&json!({"weir_plan": 1, "events": {
        "view": {"properties": {
            "rare": {"type": ["string", "null"]}, "price": {"type": "string"}, "tab": {"type": ["string", "number"]},
            "size": {"type": "integer"}, "never": {"type": "string"}, "odd": {"type": "object"}}},
        "buy": {"properties": {"size": {"type": "string"}, "is_new": {"type": "boolean"}, "rare": {"type": "string"}}}}}));
    let noted = noted(
        1000,
        &[
            ("rare", [1, 0, 0]),
            ("price", [1, 999, 0]),
            ("tab", [1000, 0, 0]),
            ("size", [0, 900, 0]),
            ("other", [500, 0, 0]),
        ],
    );
    // Planned first; not what the plan leaves open, or says in two ways.
    let expected = [("price", ColumnKind::Text), ("rare", ColumnKind::Text), ("other", ColumnKind::Text)];
    assert_eq!(chosen(&extend(Vec::new(), &noted, plan.as_ref().ok(), true)), expected);
    assert_eq!(chosen(&extend(Vec::new(), &noted, plan.as_ref().ok(), false)), expected[..2]);
}

#[test]
fn there_is_a_bound_and_nothing_is_taken_back() {
    let names: Vec<String> = (0..100).map(|i| format!("k{i:02}")).collect();
    let properties: Vec<_> = names.iter().map(|name| (name.as_str(), [1000, 0, 0])).collect();
    let noted = noted(1000, &properties);
    let observed = extend(Vec::new(), &noted, None, true);
    assert_eq!(observed.len(), OBSERVED_COLUMNS);
    assert_eq!(extend(observed.clone(), &noted, None, true), observed);
    let planned: serde_json::Map<_, _> = names.iter().map(|name| (name.clone(), json!({"type": "string"}))).collect();
    let plan = plan::parse(&json!({"weir_plan": 1, "events": {"view": {"properties": planned}}})).unwrap();
    let all = extend(observed.clone(), &noted, Some(&plan), true);
    assert_eq!((all.len(), &all[..OBSERVED_COLUMNS]), (MOST_COLUMNS, &observed[..]));
    // A column of that name in other capitals is there.
    let capital = vec![TypedColumn { property: "K00".to_owned(), kind: ColumnKind::Flag }];
    assert!(extend(capital, &noted, None, true).iter().all(|column| column.property != "k00"));
}
