//! What a retention question means, and what a person reads where it is wrong.

use serde_json::json;

use super::*;
use crate::spec::{SpecError, parse_value};

fn read(fields: Value) -> Result<RetentionSpec, SpecError> {
    let mut document = json!({"kind": "retention", "start": {"event": "signup"}});
    document.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    parse_value(&document, 1_768_000_000_000)?.into_retention()
}

fn errors(fields: Value) -> String {
    read(fields).unwrap_err().to_string()
}

#[test]
fn the_smallest_question_follows_first_starts_for_two_weeks() {
    let spec = read(json!({})).unwrap();
    assert_eq!((spec.interval, spec.occurrence), (Interval::Day, Occurrence::First));
    assert_eq!((spec.start.label.as_str(), spec.back.label.as_str()), ("signup", "any event"));
    assert_eq!(spec.back.any.len(), 1);
    assert!(spec.back.any[0].event.is_none() && spec.breakdown.is_none());
    let columns: Vec<u64> = spec.columns.iter().map(|column| column.from).collect();
    assert_eq!(columns, (0..=14).collect::<Vec<_>>());
    assert!(spec.columns.iter().all(|column| column.to == Some(column.from)));
}

#[test]
fn columns_follow_interval_periods_mode_and_brackets() {
    let columns = |fields: Value| -> Vec<(u64, Option<u64>)> {
        read(fields).unwrap().columns.iter().map(|column| (column.from, column.to)).collect()
    };
    let numbers = |interval: &str| columns(json!({"interval": interval})).len();
    assert_eq!(["hour", "day", "week", "month"].map(numbers), [25, 15, 9, 13]);
    assert_eq!(columns(json!({"periods": 0})), [(0, Some(0))]);
    assert_eq!(columns(json!({"periods": 2, "mode": "on_or_after"})), [(0, None), (1, None), (2, None)]);
    assert_eq!(columns(json!({"brackets": [[0, 0], [1, 3], [30, 30]]})), [(0, Some(0)), (1, Some(3)), (30, Some(30))]);
}

#[test]
fn a_full_question_is_read_to_the_last_field() {
    let spec = read(json!({"last": "90d", "timezone": "Asia/Seoul", "interval": "week", "periods": 8, "mode": "on",
        "start": {"event": "signup", "where": [{"property": "plan", "op": "=", "value": "pro"}], "label": "began"},
        "return": {"any": [{"event": "open"}, {"event": "buy"}]},
        "occurrence": "any", "breakdown": {"property": "country", "limit": 3}, "where": [], "cohort": {"event": "buy"},
        "version": 2}))
    .unwrap();
    assert_eq!((spec.start.label.as_str(), spec.back.label.as_str()), ("began", "open or buy"));
    assert_eq!((spec.occurrence, spec.scope.version, spec.scope.cohorts.len()), (Occurrence::Any, Some(2), 1));
    assert_eq!(spec.breakdown.map(|breakdown| breakdown.limit), Some(3));
    assert_eq!(spec.start.any[0].filters.len(), 1);
}

#[test]
fn what_is_wrong_is_named() {
    assert_eq!(
        errors(json!({"start": null})),
        "start: missing; expected what users do, such as {\"event\": \"purchase\"} or {\"any\": [{\"event\": \"view\"}, \
         {\"event\": \"search\"}]}"
    );
    assert_eq!(
        errors(json!({"start": "signup", "return": {"event": "a", "optional": true}})),
        "start: found the text `signup`; expected what users do, such as {\"event\": \"purchase\"} or {\"any\": \
         [{\"event\": \"view\"}, {\"event\": \"search\"}]}\n\
         return.optional: unknown field `optional`; known fields: event, any, where, label"
    );
    assert_eq!(
        errors(json!({"start": {"label": "x"}})),
        "start: has neither `event` nor `any`; expected what users do, such as {\"event\": \"purchase\"} or {\"any\": \
         [{\"event\": \"view\"}, {\"event\": \"search\"}]}"
    );
    assert_eq!(errors(json!({"periods": 101})), "periods: found the number 101; expected a whole number from 0 to 100");
    assert_eq!(
        errors(json!({"mode": "after", "occurrence": "frist"})),
        "mode: unknown mode `after`; expected `on` or `on_or_after`\n\
         occurrence: unknown occurrence `frist`; did you mean `first`?"
    );
    assert_eq!(
        errors(json!({"brackets": [[0, 1]], "mode": "on_or_after", "periods": 3})),
        "brackets: stands beside mode `on_or_after`, which has no last period; leave one of the two out\n\
         brackets: stands beside `periods`; expected one of them"
    );
    assert_eq!(
        errors(json!({"brackets": [[0, 1], [1, 2], [5, 4], [6], "7", [0, 4000], [7.5, 8]]})),
        "brackets[1]: begins with period 1, and the one before ends with 1; expected later periods\n\
         brackets[2]: 5 is after 4; expected the first period, then the last\n\
         brackets[3]: found the list [6]; expected two whole numbers from 0 to 3650, such as [1, 3]\n\
         brackets[4]: found the text `7`; expected two whole numbers from 0 to 3650, such as [1, 3]\n\
         brackets[5]: found the list [0,4000]; expected two whole numbers from 0 to 3650, such as [1, 3]\n\
         brackets[6]: found the list [7.5,8]; expected two whole numbers from 0 to 3650, such as [1, 3]"
    );
    assert_eq!(
        errors(json!({"brackets": []})),
        "brackets: found an empty list; expected a list of first and last periods, such as [[0, 0], [1, 3], [4, 7]]"
    );
    assert_eq!(errors(json!({"brackets": vec![[0, 0]; 101]})), "brackets: found a list of 101; expected at most 100");
    assert_eq!(errors(json!({"steps": []})).split(';').next(), Some("steps: unknown field `steps`"));
    assert_eq!(
        errors(json!({"from": "2024-01-01", "to": "2025-12-31", "interval": "hour", "periods": 100})),
        "interval: 101 columns for each cohort of this range are more than 500000 figures; expected a longer interval, fewer \
         periods, or less time"
    );
    assert_eq!(
        errors(json!({"from": "1900-01-01", "to": "2026-01-01"})),
        "interval: the period has more than 20000 buckets; expected a longer interval, or less time"
    );
}
