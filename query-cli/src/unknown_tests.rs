//! What is noted of names, against small catalogues.

use insta::assert_snapshot;
use serde_json::{Map, Value, json};
use weir_core::answer::Scanned;
use weir_core::funnel::{FunnelTally, ReportContext};
use weir_core::spec::parse_value;

use super::*;

/// Three events with properties, as a lake notes them.
fn lake() -> Catalogue {
    let entry = |properties: &[&str]| {
        let properties: Map<String, Value> =
            properties.iter().map(|name| ((*name).to_owned(), json!({"k": [1, 0, 0, 0, 0, 0]}))).collect();
        json!({"n": 1, "t": [0, 0], "r": [0, 0], "d": {}, "s": {}, "p": properties})
    };
    let events = json!({
        "view_item": entry(&["price", "cart.total", "items"]),
        "Order Completed": entry(&["price", "colour"]),
        "구매": entry(&[]),
    });
    serde_json::from_value(json!({"events": events})).unwrap()
}

/// What is noted of a question whose steps have these counts.
fn noted(question: &Value, counts: &[u64], lake: &Catalogue) -> String {
    let mut question = question.clone();
    question["kind"] = json!("funnel");
    let spec = parse_value(&question, 0).unwrap().into_funnel().unwrap();
    let labels: Vec<String> = spec.steps.iter().map(|step| step.label.clone()).collect();
    let context = ReportContext {
        version: 1,
        complete_to_ms: None,
        labels: &labels,
        group_limit: None,
        scanned: Scanned::default(),
    };
    let mut report = FunnelTally::new(&spec, None).report(&context);
    report.steps.iter_mut().zip(counts).for_each(|(step, count)| step.count = *count);
    let names = Names::of_funnel(&spec, &report);
    let notes = names.notes(lake);
    assert!(notes.is_empty() || names.are_suspicious());
    notes.join("\n")
}

fn steps(events: &[&str]) -> Value {
    json!(events.iter().map(|event| json!({"event": event})).collect::<Vec<_>>())
}

#[test]
fn an_event_that_the_lake_never_saw_is_noted() {
    let of = |events: &[&str], counts: &[u64]| noted(&json!({"steps": steps(events)}), counts, &lake());
    assert_eq!(of(&["view_item", "*"], &[0, 0]), "", "seen, though by nobody in this range");
    assert_eq!(of(&["view-itm"], &[5]), "", "a step that somebody took needs no note");
    assert_snapshot!(of(&["view_item", "order_complete", "nothing like it", "구매", "\u{1b}x"], &[5, 0, 0, 0, 0]), @r"
    note: the lake has no event `order_complete`; did you mean `Order Completed`?
    note: the lake has no event `nothing like it`; `weir events` lists those that there are
    note: the lake has no event `\u{1b}x`; `weir events` lists those that there are
    ");
    let many = Catalogue { other_events: 1, ..lake() };
    assert_eq!(
        noted(&json!({"steps": steps(&["order_complete"])}), &[0], &many),
        "",
        "it may be one that is not listed"
    );
}

#[test]
fn an_exclusion_that_never_happens_is_noted_whatever_the_counts() {
    let question = json!({"steps": steps(&["view_item", "구매"]), "exclude": [{"event": "view_itm betwen 1 and 2"}]});
    assert_snapshot!(noted(&question, &[5, 5], &lake()), @"note: the lake has no event `view_itm betwen 1 and 2`; `weir events` lists those that there are");
}

#[test]
fn a_property_that_no_event_has_is_noted() {
    let where_ = |event: &str, property: &str| {
        let condition = json!({"property": property, "op": "exists"});
        json!({"steps": [{"event": event, "where": [condition]}, {"event": "구매"}]})
    };
    let of = |event: &str, property: &str| noted(&where_(event, property), &[5, 5], &lake());
    for property in ["price", "cart.total", "cart", "items.0.id", "context.anything"] {
        assert_eq!(of("view_item", property), "", "{property}");
    }
    assert_snapshot!(of("view_item", "prcie"), @"note: no event `view_item` has a property `prcie`; did you mean `price`?");
    assert_snapshot!(of("view_item", "colour"), @"note: no event `view_item` has a property `colour`; `weir events 'view_item'` lists those that there are");
    assert_snapshot!(of("*", "clour"), @"note: none of these events has a property `clour`; did you mean `colour`?");
    assert_eq!(of("view_itm", "price"), "", "of an event that the lake does not have nothing is known");
    assert_snapshot!(noted(&json!({"steps": steps(&["view_item", "구매"]), "hold": ["sku"], "breakdown": "prize"}), &[5, 5], &lake()), @"
    note: none of these events has a property `sku`; `weir events NAME` lists those that there are
    note: none of these events has a property `prize`; did you mean `price`?
    ");
    let mut many = lake();
    many.events.get_mut("view_item").unwrap().other_properties = 1;
    assert_eq!(noted(&where_("view_item", "prcie"), &[5, 5], &many), "", "it may be one that is not listed");
}
