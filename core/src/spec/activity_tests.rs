//! What questions about active users mean, and what a person reads where they are wrong.

use serde_json::json;

use super::*;
use crate::spec::parse_value;

#[test]
fn the_smallest_questions_look_at_any_event_by_day() {
    let lifecycle = parse_value(&json!({"kind": "lifecycle"}), 0).unwrap().into_lifecycle().unwrap();
    assert_eq!((lifecycle.interval, lifecycle.of.label.as_str()), (Interval::Day, "any event"));
    assert!(lifecycle.of.any[0].event.is_none());
    let stickiness = parse_value(&json!({"kind": "stickiness"}), 0).unwrap().into_stickiness().unwrap();
    assert_eq!((stickiness.interval, stickiness.of.label.as_str()), (Interval::Day, "any event"));
}

#[test]
fn full_questions_are_read_to_the_last_field() {
    for kind in ["lifecycle", "stickiness"] {
        let document = json!({"kind": kind, "from": "2026-01-01", "to": "2026-01-31", "timezone": "Asia/Seoul",
            "of": {"any": [{"event": "view"}, {"event": "buy"}], "label": "did something"}, "interval": "week",
            "where": [{"property": "plan", "op": "=", "value": "pro"}], "cohort": {"event": "buy"}, "version": 3});
        let spec = parse_value(&document, 0).unwrap();
        assert_eq!(spec.kind(), kind);
        let (scope, of, interval) = if kind == "lifecycle" {
            let LifecycleSpec { scope, of, interval } = spec.into_lifecycle().unwrap();
            (scope, of, interval)
        } else {
            let StickinessSpec { scope, of, interval } = spec.into_stickiness().unwrap();
            (scope, of, interval)
        };
        assert_eq!((of.label.as_str(), of.any.len(), interval), ("did something", 2, Interval::Week));
        assert_eq!((scope.filters.len(), scope.cohorts.len(), scope.version), (1, 1, Some(3)));
    }
}

#[test]
fn what_is_wrong_is_named() {
    let errors = |document: &Value| parse_value(document, 0).unwrap_err().to_string();
    assert_eq!(
        errors(&json!({"kind": "lifecycle", "event": "view", "of": {"any": []}, "interval": "year"})),
        "event: unknown field `event`; known fields: kind, from, to, last, timezone, of, interval, where, cohort, version\n\
         interval: unknown interval `year`; expected `hour`, `day`, `week` or `month`\n\
         of.any: found an empty list; expected a list of events, such as [{\"event\": \"add_to_cart\"}, {\"event\": \"add_to_wishlist\"}]"
    );
    assert_eq!(
        errors(&json!({"kind": "stickiness", "breakdown": "country"})).split(';').next(),
        Some("breakdown: unknown field `breakdown`")
    );
    let lifecycle = parse_value(&json!({"kind": "lifecycle"}), 0).unwrap();
    assert_eq!(lifecycle.into_stickiness().unwrap_err().to_string(), "kind: found `lifecycle`; expected `stickiness`");
}
