//! What a question about paths means, and what a person reads where it is wrong.

use serde_json::json;

use super::*;
use crate::spec::{SpecError, parse_value};

fn read(fields: Value) -> Result<PathsSpec, SpecError> {
    let mut document = json!({"kind": "paths"});
    document.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    parse_value(&document, 1_768_000_000_000)?.into_paths()
}

fn errors(fields: Value) -> String {
    read(fields).unwrap_err().to_string()
}

#[test]
fn the_smallest_question_follows_users_through_a_session() {
    let spec = read(json!({})).unwrap();
    assert!(spec.anchor.is_none() && spec.collapse && spec.only.is_empty() && spec.hide.is_empty());
    assert_eq!((spec.depth, spec.limit, spec.top), (5, 5, 20));
    assert_eq!((spec.window, spec.count, spec.reach_ms()), (Window::Session, PathCount::Users, DAY_MS));
    assert!(spec.is_by_session() && !spec.is_backward());
}

#[test]
fn a_full_question_is_read_to_the_last_field() {
    let spec = read(json!({"from": "2026-01-01", "to": "2026-01-31", "timezone": "Asia/Seoul",
        "end": {"any": [{"event": "buy"}, {"event": "rent"}], "where": [{"property": "n", "op": ">", "value": 1}], "label": "got it"},
        "depth": 20, "limit": 100, "top": 0, "collapse": false, "only": ["view", {"event": "buy"}],
        "hide": [{"event": "view", "where": [{"property": "bot", "op": "=", "value": true}]}],
        "window": "30m", "count": "every", "where": [], "cohort": {"event": "a"}, "version": 3}))
    .unwrap();
    let anchor = spec.anchor.as_ref().unwrap();
    assert_eq!((anchor.label.as_str(), anchor.any.len(), anchor.direction), ("got it", 2, Direction::Backward));
    assert_eq!(anchor.any[0].filters.len(), 1);
    assert_eq!((spec.depth, spec.limit, spec.top, spec.collapse), (20, 100, 0, false));
    assert_eq!((spec.only.len(), spec.hide[0].filters.len()), (2, 1));
    assert_eq!((spec.reach_ms(), spec.count), (30 * 60_000, PathCount::Every));
    assert!(!spec.is_by_session() && spec.is_backward());
    let spec = read(json!({"start": "*", "count": "sessions", "window": "1h"})).unwrap();
    assert_eq!(spec.anchor.as_ref().map(|anchor| anchor.label.as_str()), Some("any event"));
    assert!(spec.is_by_session());
}

#[test]
fn what_is_wrong_is_named() {
    assert_eq!(errors(json!({"start": "a", "end": "b"})), "end: stands beside `start`; expected one of them");
    assert_eq!(
        errors(json!({"count": "every"})),
        "count: `every` needs an event that paths begin or end with; give `start` or `end`, or count `sessions`"
    );
    assert_eq!(
        errors(json!({"start": "", "depth": 1, "limit": 101, "top": 1001, "collapse": 1, "window": "sesion"})),
        "start: found an empty text; expected a name of 1 to 200 bytes\n\
         depth: found the number 1; expected a whole number from 2 to 20\n\
         limit: found the number 101; expected a whole number from 1 to 100\n\
         top: found the number 1001; expected a whole number from 0 to 1000\n\
         collapse: found the number 1; expected true or false\n\
         window: found `sesion`; did you mean `session`?"
    );
    assert_eq!(
        errors(json!({"start": {"label": "x"}, "hide": [3, {"event": "a", "any": []}], "only": "a"})),
        "start: has neither `event` nor `any`; expected an event such as \"purchase\" or {\"event\": \"purchase\"}\n\
         only: found the text `a`; expected a list of events, such as [\"page_view\", {\"event\": \"search\"}]\n\
         hide[0]: found the number 3; expected an event such as \"purchase\" or {\"event\": \"purchase\"}\n\
         hide[1].any: unknown field `any`; known fields: event, where"
    );
    assert_eq!(
        errors(json!({"end": {"event": "a"}, "count": "visits"})),
        "count: unknown count `visits`; expected `users`, `sessions` or `every`"
    );
}
