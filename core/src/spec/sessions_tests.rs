//! What a question about sessions means, and what a person reads where it is wrong.

use serde_json::json;

use super::*;
use crate::spec::{SpecError, parse_value};

fn read(fields: Value) -> Result<SessionsSpec, SpecError> {
    let mut document = json!({"kind": "sessions"});
    document.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    parse_value(&document, 1_768_000_000_000)?.into_sessions()
}

#[test]
fn the_smallest_question_has_no_more_than_its_kind() {
    let spec = read(json!({})).unwrap();
    assert_eq!((spec.interval, spec.limit), (None, 10));
    assert!(spec.breakdown.is_none() && spec.scope.range.from_ms.is_none());
}

#[test]
fn a_full_question_is_read_to_the_last_field() {
    let spec = read(json!({"last": "7d", "timezone": "Asia/Seoul", "interval": "week", "limit": 3, "version": 2,
        "breakdown": {"property": "context.platform", "limit": 4}, "cohort": {"event": "purchase"},
        "where": [{"property": "plan", "op": "=", "value": "pro"}]}))
    .unwrap();
    assert_eq!((spec.interval, spec.limit, spec.scope.version), (Some(Interval::Week), 3, Some(2)));
    assert_eq!(spec.breakdown.map(|b| (b.property.to_string(), b.limit)), Some(("context.platform".to_owned(), 4)));
    assert_eq!((spec.scope.filters.len(), spec.scope.cohorts.len()), (1, 1));
}

#[test]
fn what_is_wrong_is_named() {
    let errors = |fields| read(fields).unwrap_err().to_string();
    assert_eq!(
        errors(json!({"interval": "year", "limit": 0, "breakdwon": "x"})),
        "breakdwon: unknown field `breakdwon`; did you mean `breakdown`?\n\
         interval: unknown interval `year`; expected `hour`, `day`, `week` or `month`\n\
         limit: found the number 0; expected a whole number from 1 to 1000"
    );
    let other = parse_value(&json!({"kind": "sessions"}), 0).unwrap().into_paths().unwrap_err();
    assert_eq!(other.to_string(), "kind: found `sessions`; expected `paths`");
}
