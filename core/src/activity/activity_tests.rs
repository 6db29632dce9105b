//! Lifecycle and stickiness against their reference, and what their answers look like.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::answer::{Source, share};
use crate::scan::hand::{self, Event};
use crate::scan::{Seen, Walk};
use crate::spec::{DateRange, LifecycleSpec, StickinessSpec, parse_value};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// 2026-03-28, a day before the clocks of Berlin go forward.
const START_MS: i64 = 1_774_656_000_000;

fn with(kind: &str, fields: &Value) -> Value {
    let mut document = json!({"kind": kind, "of": {"event": "a"}});
    document.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    document
}

fn lifecycle_spec(fields: &Value) -> LifecycleSpec {
    parse_value(&with("lifecycle", fields), 0).unwrap().into_lifecycle().unwrap()
}

fn stickiness_spec(fields: &Value) -> StickinessSpec {
    parse_value(&with("stickiness", fields), 0).unwrap().into_stickiness().unwrap()
}

fn lifecycle(spec: &LifecycleSpec, parts: &[Vec<Vec<Event>>], source: Source) -> LifecycleReport {
    hand::run(|| LifecycleWalk::new(Arc::new(spec.clone())), parts).report(source)
}

fn stickiness(spec: &StickinessSpec, parts: &[Vec<Vec<Event>>], source: Source) -> StickinessReport {
    hand::run(|| StickinessWalk::new(Arc::new(spec.clone())), parts).report(source)
}

/// A user who was active so many hours behind the start.
fn user(hours: &[i64]) -> Vec<Event> {
    hours.iter().map(|hours| hand::event(START_MS + hours * HOUR_MS, "a", 1)).collect()
}

fn complete_to(hours: i64) -> Source {
    Source { complete_to_ms: Some(START_MS + hours * HOUR_MS), ..Source::default() }
}

/// New, returning, resurrecting, dormant.
fn figures(report: &LifecycleReport) -> Vec<[u64; 4]> {
    report.buckets.iter().map(|b| [b.new, b.returning, b.resurrecting, b.dormant]).collect()
}

#[test]
fn users_are_new_returning_resurrecting_or_dormant() {
    let users = vec![user(&[1, 2, 25, 80]), user(&[26]), user(&[-30, 3])];
    let range = json!({"from": "2026-03-28", "to": "2026-04-05"});
    let report = lifecycle(&lifecycle_spec(&range), &[users[..1].to_vec(), users[1..].to_vec()], complete_to(100));
    // The last of them has begun at 96 hours; those behind it have not, and nobody is dormant there.
    assert_eq!(figures(&report), [[1, 0, 1, 0], [1, 1, 0, 1], [0, 0, 0, 2], [0, 0, 1, 0], [0, 0, 0, 1]]);
    let open: Vec<bool> = report.buckets.iter().map(|bucket| bucket.open).collect();
    assert_eq!(open, [false, false, false, false, true]);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(
        json["buckets"][1],
        json!({"start": "2026-03-29T00:00:00+00:00", "end": "2026-03-30T00:00:00+00:00", "open": false,
            "new": 1, "returning": 1, "resurrecting": 0, "dormant": 1})
    );
    // Without a range, from the first activity to the last.
    let all = lifecycle(&lifecycle_spec(&json!({})), &[users], complete_to(1000));
    assert_eq!((all.buckets.len(), figures(&all)[0], figures(&all)[5]), (6, [1, 0, 0, 0], [0, 0, 1, 0]));
}

#[test]
fn a_bucket_that_the_range_touches_counts_as_a_whole() {
    let spec = lifecycle_spec(&json!({"from": "2026-03-28T12:00:00Z", "to": "2026-03-29T06:00:00Z"}));
    let users = vec![user(&[-3, 2, 40])];
    assert_eq!(figures(&lifecycle(&spec, &[users], complete_to(100))), [[0, 1, 0, 0], [0, 1, 0, 0]]);
    assert_eq!(lifecycle_wants(&spec).bounds_ms, Some((i64::MIN, START_MS + 2 * DAY_MS - 1)));
}

#[test]
fn users_are_active_in_some_of_the_buckets() {
    let spec = stickiness_spec(&json!({"from": "2026-03-28", "to": "2026-03-30"}));
    let users = vec![user(&[1, 2, 25]), user(&[30]), user(&[-5, 3, 26, 50, 90]), user(&[-5])];
    let report = stickiness(&spec, std::slice::from_ref(&users), complete_to(60));
    let json = serde_json::to_value(&report).unwrap();
    let row = |periods: u64, users: u64, at_least: u64| json!({"periods": periods, "users": users, "share": share(users, 3), "at_least": at_least, "at_least_share": share(at_least, 3)});
    assert_eq!(json["active"], json!([row(1, 1, 3), row(2, 1, 2), row(3, 1, 1)]));
    assert_eq!((&json["users"], &json["buckets_in_range"], &json["average"]), (&json!(3), &json!(3), &json!(2)));
    assert_eq!((&json["open"], &json["interval"]), (&json!(true), &json!("day")));
    assert!(!stickiness(&spec, std::slice::from_ref(&users), complete_to(72)).open);
    // Without a range, from the first activity to the last.
    let all = stickiness(&stickiness_spec(&json!({})), &[users], complete_to(1000));
    assert_eq!((all.users, all.buckets_in_range, all.active.len(), all.open), (4, 5, 5, true));
    let nobody = stickiness(&spec, &[], complete_to(0));
    assert_eq!((nobody.users, nobody.average.0, nobody.active[0].share), (0, None, 0.0));
}

#[test]
fn who_is_not_counted_leaves_nothing_behind() {
    let mut walk = LifecycleWalk::new(Arc::new(lifecycle_spec(&json!({}))));
    let mut sticky = StickinessWalk::new(Arc::new(stickiness_spec(&json!({}))));
    for (is_counted, hours) in [(false, 1), (true, 30)] {
        let event = &user(&[hours])[0];
        let seen = Seen { time_ms: event.time_ms, bits: 1, event: "a", session_id: None, properties: event };
        walk.take(&seen);
        walk.end_user(is_counted);
        sticky.take(&seen);
        sticky.end_user(is_counted);
    }
    assert_eq!(figures(&walk.report(complete_to(0))), [[1, 0, 0, 0]]);
    let report = sticky.report(complete_to(0));
    assert_eq!((report.users, report.buckets_in_range), (1, 1));
}

/// Events of some users, and the fields of a question.
fn cases() -> impl Strategy<Value = (Vec<Vec<Event>>, Value, usize)> {
    let event = (0..100i64, 0..4u128).prop_map(|(n, bits)| hand::event(START_MS + n * 3 * HOUR_MS, "a", bits & 1));
    let user = prop::collection::vec(event, 0..12).prop_map(|mut events| {
        events.sort_by_key(|event| event.time_ms);
        events
    });
    let question = (0..3usize, 0..4usize, 0..4usize).prop_map(|(zone, interval, range)| {
        let zone = ["UTC", "Europe/Berlin", "Asia/Kolkata"][zone];
        let interval = ["hour", "day", "week", "month"][interval];
        let mut question = json!({"timezone": zone, "interval": interval});
        if range & 1 == 1 {
            question["from"] = json!("2026-03-29T07:00:00Z");
        }
        if range & 2 == 2 {
            question["to"] = json!("2026-04-03");
        }
        question
    });
    (prop::collection::vec(user, 0..8), question, 1..4usize)
}

fn ms(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
}

proptest! {
    #[test]
    fn every_figure_of_a_lifecycle_is_that_of_the_reference((users, question, parts) in cases(), known_hours in 0..400i64) {
        let spec = lifecycle_spec(&question);
        let parts: Vec<Vec<Vec<Event>>> = users.chunks(parts).map(<[_]>::to_vec).collect();
        let (from, to) = lifecycle_wants(&spec).bounds_ms.unwrap();
        let mut wanted = parts.clone();
        wanted.iter_mut().flatten().for_each(|events| events.retain(|event| (from..=to).contains(&event.time_ms)));
        let source = complete_to(known_hours);
        let report = lifecycle(&spec, &parts, source);
        prop_assert_eq!(&report, &lifecycle(&spec, &wanted, source));
        let zone = spec.scope.timezone;
        let starts: Vec<i64> = report.buckets.iter().map(|bucket| ms(&bucket.start)).collect();
        let active_in = |start: i64| {
            let is_active = |events: &&Vec<Event>| reference::active(events, spec.interval, zone, DateRange::default()).contains(&start);
            users.iter().filter(is_active).count() as u64
        };
        for ((start, bucket), found) in starts.iter().zip(&report.buckets).zip(figures(&report)) {
            prop_assert_eq!(found, reference::lifecycle(&users, spec.interval, zone, *start));
            prop_assert_eq!(bucket.open, source.is_open(ms(&bucket.end)));
            // Who is active is one of three, and who was active in the bucket before is one of two.
            prop_assert_eq!(bucket.new + bucket.returning + bucket.resurrecting, active_in(*start));
            let before = crate::calendar::start_ms(spec.interval, zone, start - 1);
            prop_assert_eq!(bucket.returning + bucket.dormant, active_in(before));
        }
        // Every bucket of the range in which somebody was active is there.
        let touched = |start: &i64| {
            let end = crate::calendar::end_ms(spec.interval, zone, *start);
            spec.scope.range.from_ms.is_none_or(|from| from < end) && spec.scope.range.to_ms.is_none_or(|to| *start < to)
        };
        let active: BTreeSet<i64> =
            users.iter().flat_map(|events| reference::active(events, spec.interval, zone, DateRange::default())).filter(touched).collect();
        prop_assert!(active.iter().all(|start| starts.contains(start)));
    }

    #[test]
    fn every_figure_of_stickiness_is_that_of_the_reference((users, question, parts) in cases()) {
        let spec = stickiness_spec(&question);
        let parts: Vec<Vec<Vec<Event>>> = users.chunks(parts).map(<[_]>::to_vec).collect();
        let report = stickiness(&spec, &parts, complete_to(0));
        let range = spec.scope.range;
        let numbers: Vec<u64> = users
            .iter()
            .map(|events| reference::active(events, spec.interval, spec.scope.timezone, range).len() as u64)
            .filter(|number| *number > 0)
            .collect();
        let all = numbers.len() as u64;
        prop_assert_eq!(report.users, all);
        prop_assert_eq!(report.active.len() as u64, report.buckets_in_range);
        prop_assert!(numbers.iter().all(|number| *number <= report.buckets_in_range));
        for row in &report.active {
            let of = |is: &dyn Fn(u64) -> bool| numbers.iter().filter(|number| is(**number)).count() as u64;
            let (users, at_least) = (of(&|n| n == row.periods), of(&|n| n >= row.periods));
            prop_assert_eq!((row.users, row.at_least), (users, at_least));
            prop_assert_eq!((row.share, row.at_least_share), (share(users, all), share(at_least, all)));
        }
        prop_assert_eq!(report.active.iter().map(|row| row.users).sum::<u64>(), all);
        let average = (all > 0).then(|| numbers.iter().sum::<u64>() as f64 / all as f64);
        prop_assert_eq!(report.average.0, average);
    }
}
