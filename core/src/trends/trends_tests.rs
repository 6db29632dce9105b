//! Trends against their reference, and what their answers look like.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::answer::{GroupValue, Source};
use crate::scan::hand::{self, Event};
use crate::spec::parse_value;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// 2026-03-28, a day before the clocks of Berlin go forward.
const START_MS: i64 = 1_774_656_000_000;

fn spec(fields: &Value) -> TrendsSpec {
    let mut document = json!({"kind": "trends", "series": [{"event": "a"}]});
    document.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    parse_value(&document, 0).unwrap().into_trends().unwrap()
}

/// An event of the series whose bits these are, with a number and a group.
fn event(time_ms: i64, bits: u128, number: Value, group: Value) -> Event {
    Event { values: vec![number, group], ..hand::event(time_ms, "a", bits) }
}

fn report(spec: &TrendsSpec, parts: &[Vec<Vec<Event>>], source: Source) -> TrendsReport {
    hand::run(|| TrendsWalk::new(Arc::new(spec.clone())), parts).report(source)
}

fn values(line: &TrendLine) -> Vec<Option<f64>> {
    line.values.iter().map(|figure| figure.0).collect()
}

#[test]
fn days_are_counted_with_the_empty_ones_and_the_last_is_open() {
    let spec = spec(&json!({"from": "2026-03-28", "to": "2026-03-30", "timezone": "Europe/Berlin",
        "series": [{"event": "a"}, {"event": "a", "measure": "users"}], "formulas": ["A / B", {"formula": "A*2", "label": "twice"}]}));
    let first = vec![event(START_MS, 3, json!(1), json!(null)), event(START_MS + HOUR_MS, 3, json!(2), json!(null))];
    // The 30th by the clocks of Berlin, which is the 29th in UTC; and one behind the range.
    let second = vec![
        event(START_MS + 2 * DAY_MS - 2 * HOUR_MS, 3, json!(5), json!(null)),
        event(START_MS + 4 * DAY_MS, 3, json!(5), json!(null)),
    ];
    let source = Source { version: 7, complete_to_ms: Some(START_MS + 2 * DAY_MS), ..Source::default() };
    let report = report(&spec, &[vec![first], vec![second]], source);
    let spans: Vec<(&str, &str, bool)> =
        report.buckets.iter().map(|b| (b.start.as_str(), b.end.as_str(), b.open)).collect();
    assert_eq!(
        spans,
        [
            ("2026-03-28T00:00:00+01:00", "2026-03-29T00:00:00+01:00", false),
            ("2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00", false),
            ("2026-03-30T00:00:00+02:00", "2026-03-31T00:00:00+02:00", true),
        ]
    );
    let lines: Vec<String> = report
        .series
        .iter()
        .map(|line| format!("{} {} {} {:?} {:?}", line.id, line.label, line.measure, values(line), line.total.0))
        .collect();
    assert_eq!(
        lines,
        [
            "A a events [Some(2.0), Some(0.0), Some(1.0)] Some(3.0)",
            "B users: a users [Some(1.0), Some(0.0), Some(1.0)] Some(2.0)",
            "F1 A / B formula [Some(2.0), None, Some(1.0)] Some(1.5)",
            "F2 twice formula [Some(4.0), Some(0.0), Some(2.0)] Some(6.0)",
        ]
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["series"][2]["values"], json!([2, null, 1]));
    assert_eq!(json["series"][2]["total"], json!(1.5));
    assert_eq!((&json["version"], &json["complete_to"]), (&json!(7), &json!("2026-03-30T00:00:00.000Z")));
}

#[test]
fn the_greatest_groups_have_a_name_and_the_others_are_one() {
    let spec = spec(&json!({"from": "2026-03-28", "to": "2026-03-28", "breakdown": {"property": "c", "limit": 2},
        "series": [{"event": "a", "measure": "sum", "property": "n"}]}));
    let user = |number: Value, group: Value| vec![event(START_MS, 1, number, group)];
    let users = vec![
        user(json!(1), json!("x")),
        user(json!(9), json!(1)),
        user(json!(3), json!(null)),
        user(json!(2), json!("1")),
        user(json!("9"), json!("y")),
        user(json!(0.5), json!(1.0)),
    ];
    let report = report(&spec, &[users], Source::default());
    let groups = report.breakdown.unwrap();
    let listed: Vec<(GroupValue, Option<f64>)> =
        groups.into_iter().map(|group| (group.value, group.series[0].total.0)).collect();
    let value = |value: Value| GroupValue::Value { value };
    assert_eq!(
        listed,
        [(value(json!(1)), Some(9.5)), (value(json!(null)), Some(3.0)), (GroupValue::other(), Some(3.0))]
    );
    assert_eq!(report.series[0].total.0, Some(15.5));
}

#[test]
fn a_moving_average_begins_where_there_are_enough_buckets() {
    let spec = spec(&json!({"from": "2026-03-28", "to": "2026-03-31", "moving_average": 2}));
    let users =
        vec![vec![event(START_MS, 1, json!(1), json!(null)), event(START_MS + 2 * DAY_MS, 1, json!(1), json!(null))]];
    let report = report(&spec, &[users], Source::default());
    let averages: Vec<Option<f64>> = report.series[0].moving_average.iter().flatten().map(|f| f.0).collect();
    assert_eq!(averages, [None, Some(0.5), Some(0.5), Some(0.5)]);
}

#[test]
fn who_is_not_counted_leaves_nothing_behind() {
    let mut walk = TrendsWalk::new(Arc::new(spec(&json!({}))));
    let event = event(START_MS, 1, json!(1), json!(null));
    for is_counted in [false, true] {
        let seen = Seen { time_ms: event.time_ms, bits: 1, event: "a", session_id: None, properties: &event };
        walk.take(&seen);
        walk.end_user(is_counted);
    }
    assert_eq!(values(&walk.report(Source::default()).series[0]), [Some(1.0)]);
}

const MEASURES: [&str; 9] = ["events", "users", "per_user", "sum", "average", "min", "max", "median", "p90"];

/// Events of some users, and a question.
fn cases() -> impl Strategy<Value = (Vec<Vec<Event>>, Value, usize)> {
    let number = prop_oneof![(0..20i32).prop_map(|n| json!(n)), Just(json!(null)), Just(json!("4")), Just(json!(0.25))];
    let group = prop_oneof![Just(json!("x")), Just(json!("y")), Just(json!(1)), Just(json!(null))];
    let event = (0..6 * 24i64, 0..4u128, number, group)
        .prop_map(|(hour, bits, number, group)| event(START_MS + hour * HOUR_MS, bits, number, group));
    let user = prop::collection::vec(event, 0..12).prop_map(|mut events| {
        events.sort_by_key(|event| event.time_ms);
        events
    });
    let measure = |at: usize| {
        let name = MEASURES[at];
        let needs_property = at > 2;
        if needs_property {
            json!({"event": "a", "measure": name, "property": "n"})
        } else {
            json!({"event": "a", "measure": name})
        }
    };
    let question = (0..MEASURES.len(), 0..MEASURES.len(), any::<bool>(), any::<bool>(), 0..3usize, 0..3usize).prop_map(
        move |(a, b, has_range, is_cumulative, zone, interval)| {
            let is_cumulative = is_cumulative && a < 7 && b < 7;
            let zone = ["UTC", "Europe/Berlin", "Asia/Kolkata"][zone];
            let interval = ["hour", "day", "week"][interval];
            // Two series always measure, so that the numbers of properties are known: n, then c.
            let mut question = json!({"series": [measure(a), measure(b), {"event": "a", "measure": "sum", "property": "n"}],
                "timezone": zone, "interval": interval, "cumulative": is_cumulative, "breakdown": {"property": "c", "limit": 10}});
            if has_range {
                question["from"] = json!("2026-03-29");
                question["to"] = json!("2026-03-31");
            }
            question
        },
    );
    (prop::collection::vec(user, 0..8), question, 1..4usize)
}

proptest! {
    #[test]
    fn every_figure_is_that_of_the_reference((users, question, parts) in cases()) {
        let spec = spec(&question);
        let parts: Vec<Vec<Vec<Event>>> = users.chunks(parts).map(<[_]>::to_vec).collect();
        let report = report(&spec, &parts, Source::default());
        let ms = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis();
        let starts: Vec<i64> = report.buckets.iter().map(|bucket| ms(&bucket.start)).collect();
        let same = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() < 1e-9,
            (a, b) => a == b,
        };
        let check = |lines: &[TrendLine], group: Option<&str>| {
            for (series, line) in lines.iter().enumerate() {
                let wanted: Vec<_> = starts.iter().map(|start| reference::value(&spec, &users, series, Some(*start), group)).collect();
                for (found, wanted) in values(line).into_iter().zip(&wanted) {
                    prop_assert!(same(found, *wanted), "{found:?} {wanted:?} {line:?}");
                }
                let total = reference::value(&spec, &users, series, None, group);
                prop_assert!(same(line.total.0, total), "{line:?} {total:?}");
            }
            Ok(())
        };
        let mut keys = BTreeSet::new();
        for group in report.breakdown.iter().flatten() {
            let GroupValue::Value { value } = &group.value else { panic!("all are listed") };
            let key = group_key(Some(value).filter(|value| !value.is_null()));
            check(&group.series, Some(&key))?;
            keys.insert(key);
        }
        let in_range = |event: &&Event| event.bits & 7 != 0 && spec.scope.range.contains(event.time_ms);
        let all: BTreeSet<String> = users.iter().flatten().filter(in_range).map(|e| group_key(Some(&e.values[1]).filter(|v| !v.is_null()))).collect();
        prop_assert_eq!(keys, all);
        check(&report.series, None)?;
    }
}
