//! What a trends question means, and what a person reads where it is wrong.

use serde_json::{Value, json};

use super::*;
use crate::spec::{Cohort, FunnelState, FunnelUsers, SpecError, parse_value};

fn read(fields: Value) -> Result<TrendsSpec, SpecError> {
    let mut document = json!({"kind": "trends", "series": [{"event": "a"}]});
    document.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    parse_value(&document, 1_768_000_000_000)?.into_trends()
}

fn errors(fields: Value) -> String {
    read(fields).unwrap_err().to_string()
}

#[test]
fn the_smallest_question_counts_events_by_day() {
    let spec = read(json!({})).unwrap();
    assert_eq!((spec.interval, spec.cumulative, spec.moving_average), (Interval::Day, false, None));
    assert_eq!((spec.series[0].label.as_str(), &spec.series[0].measure), ("a", &Measure::Events));
    assert!(spec.formulas.is_empty() && spec.breakdown.is_none() && spec.previous.is_none());
}

#[test]
fn a_full_question_is_read_to_the_last_field() {
    let spec = read(json!({"from": "2026-01-01", "to": "2026-01-31", "timezone": "Asia/Seoul", "interval": "week",
        "series": [
            {"event": "purchase", "measure": "sum", "property": "price", "label": "revenue"},
            {"any": [{"event": "view"}, {"event": "see"}], "measure": "users"},
            {"event": "purchase", "measure": "p95", "property": "context.load"},
            {"event": "*", "measure": "median", "property": "n"}],
        "formulas": ["A / B"], "breakdown": "country", "moving_average": 7, "compare": "previous",
        "where": [{"property": "plan", "op": "=", "value": "pro"}], "version": 3,
        "cohort": [{"event": "purchase", "at_least": 2, "last": "30d"}, {"event": "refund", "at_most": 0},
            {"funnel": {"steps": [{"event": "a"}, {"event": "b"}]}, "step": 2, "state": "dropped"},
            {"funnel": {"steps": [{"event": "a"}, {"event": "b"}]}}]}))
    .unwrap();
    let labels: Vec<&str> = spec.series.iter().map(|series| series.label.as_str()).collect();
    assert_eq!(labels, ["revenue", "users: view or see", "p95 of context.load: purchase", "median of n: any event"]);
    assert!(matches!(&spec.series[2].measure, Measure::Percentile(_, 95)));
    assert_eq!(spec.breakdown.as_ref().map(|b| (b.property.path.as_str(), b.limit)), Some(("country", 10)));
    assert!(spec.previous.is_some());
    let [
        Cohort::Did { at_least: 2, at_most: u64::MAX, range, .. },
        Cohort::Did { at_least: 0, at_most: 0, .. },
        third,
        last,
    ] = spec.scope.cohorts.as_slice()
    else {
        panic!("{:?}", spec.scope.cohorts)
    };
    assert_eq!(range.from_ms, Some(1_768_000_000_000 - 30 * 86_400_000));
    let place = |cohort: &Cohort| match cohort {
        Cohort::InFunnel { users, .. } => *users,
        other => panic!("{other:?}"),
    };
    assert_eq!(place(third), FunnelUsers { step: 2, state: FunnelState::Dropped });
    assert_eq!(place(last), FunnelUsers { step: 2, state: FunnelState::Converted });
}

#[test]
fn what_is_wrong_is_named() {
    assert_eq!(
        errors(json!({"series": [{"event": "a", "measure": "sum"}, {"event": "a", "measure": "usres"},
            {"event": "a", "property": "p"}, {"event": "a", "measure": "p100", "property": "p"}, {"measure": "users"}]})),
        "series[0].property: missing; expected the property that is measured, such as `price`\n\
         series[1].measure: unknown measure `usres`; did you mean `users`?\n\
         series[2].property: is for measures of a property, and `events` is none; leave one of the two out\n\
         series[3].measure: unknown measure `p100`; expected `events`, `users`, `per_user`, `sum`, `average`, `min`, `max`, \
         `median`, or a percentile such as `p90`\n\
         series[4]: has neither `event` nor `any`; expected a series such as {\"event\": \"purchase\"} or {\"event\": \"purchase\", \
         \"measure\": \"sum\", \"property\": \"price\"}"
    );
    assert_eq!(
        errors(json!({"series": []})),
        "series: found 0 series; expected a list of 1 to 26 series, such as [{\"event\": \"purchase\"}]"
    );
    assert_eq!(
        errors(json!({"formulas": ["A / B", 3]})),
        "formulas[0]: there is no series `B`; the only series is `A`\nformulas[1]: found the number 3; expected a formula such as \"A / B\""
    );
    assert_eq!(
        errors(json!({"steps": []})).lines().next().unwrap_or_default().split(';').next(),
        Some("steps: unknown field `steps`")
    );
    assert_eq!(
        errors(json!({"cumulative": true, "series": [{"event": "a", "measure": "p90", "property": "p"}]})),
        "series[0].measure: a percentile is not added up over time; leave out `cumulative`, or take `average`"
    );
    assert_eq!(
        errors(json!({"from": "1900-01-01", "to": "2026-01-01"})),
        "interval: the period has more than 20000 buckets; expected a longer interval, or less time"
    );
    assert_eq!(
        errors(json!({"moving_average": 1})),
        "moving_average: found the number 1; expected a whole number from 2 to 366"
    );
}

#[test]
fn cohorts_are_checked() {
    assert_eq!(
        errors(json!({"cohort": {"event": "a", "at_least": 3, "at_most": 2}})),
        "cohort.at_most: 2 is less than `at_least`, 3"
    );
    assert_eq!(
        errors(
            json!({"cohort": {"funnel": {"steps": [{"event": "a"}], "cohort": {"event": "b"}, "version": 1}, "step": 2}})
        ),
        "cohort.funnel.cohort: is not for a funnel inside of another question; leave it out\n\
         cohort.funnel.version: is not for a funnel inside of another question; leave it out\n\
         cohort.step: found the number 2; expected a whole number from 1 to 1"
    );
    assert_eq!(
        errors(json!({"cohort": {"funnel": {"kind": "trends", "steps": [{"event": "a"}]}, "state": "gone"}})),
        "cohort.funnel.kind: found the text `trends`; expected `funnel`\ncohort.state: unknown state `gone`; expected `converted`, `dropped` or `open`"
    );
    let many = vec![json!({"event": "a"}); 9];
    assert_eq!(errors(json!({"cohort": many})), "cohort: found a list of 9; expected at most 8");
    assert_eq!(
        errors(
            json!({"cohort": [{"report": 7, "step": 65, "window": "1d"}, {"report": ""}, {"report": "r", "event": "a"}]})
        ),
        "cohort[0].window: unknown field `window`; known fields: report, step, state\n\
         cohort[0].step: found the number 65; expected a whole number from 1 to 64\n\
         cohort[0].report: found the number 7; expected the id of a saved report\n\
         cohort[1].report: found a text of 0 bytes; expected the id of a saved report\n\
         cohort[2].event: unknown field `event`; known fields: report, step, state"
    );
}

#[test]
fn a_cohort_may_be_a_saved_report() {
    let spec = read(json!({"cohort": [{"report": "r1"}, {"report": "r2", "step": 2, "state": "dropped"}]})).unwrap();
    let named = spec.scope.cohorts.iter().map(|cohort| match cohort {
        Cohort::InReport { report, step, state, path } => (report.as_str(), *step, *state, path.as_str()),
        other => panic!("{other:?}"),
    });
    assert_eq!(
        named.collect::<Vec<_>>(),
        [("r1", None, FunnelState::Converted, "cohort[0]"), ("r2", Some(2), FunnelState::Dropped, "cohort[1]")]
    );
    let refused = crate::spec::Spec::Trends(spec).without_reports("there is no lake here").unwrap_err();
    assert_eq!(refused.to_string(), "cohort[0].report: there is no lake here\ncohort[1].report: there is no lake here");
}
