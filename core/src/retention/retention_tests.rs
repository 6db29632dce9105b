//! Retention against its reference, and what its answers look like.

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

const S: u128 = 1;
const R: u128 = 2;
const BOTH: u128 = 3;

fn spec(fields: &Value) -> RetentionSpec {
    let mut document = json!({"kind": "retention", "start": {"event": "s"}, "return": {"event": "r"}});
    document.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    parse_value(&document, 0).unwrap().into_retention().unwrap()
}

/// An event so many hours behind the start, of the bits of the question, with a group.
fn event(hours: i64, bits: u128, group: Value) -> Event {
    Event { values: vec![group], ..hand::event(START_MS + hours * HOUR_MS, "e", bits) }
}

fn user(events: &[(i64, u128)]) -> Vec<Event> {
    events.iter().map(|(hours, bits)| event(*hours, *bits, json!(null))).collect()
}

fn report(spec: &RetentionSpec, parts: &[Vec<Vec<Event>>], source: Source) -> RetentionReport {
    hand::run(|| RetentionWalk::new(Arc::new(spec.clone())), parts).report(source)
}

fn complete_to(hours: i64) -> Source {
    Source { complete_to_ms: Some(START_MS + hours * HOUR_MS), ..Source::default() }
}

/// Users and returns of each cohort, without those that are empty; `None` where a column had not begun.
fn grid(report: &RetentionReport) -> Vec<(u64, Vec<Option<u64>>)> {
    let cohorts = report.cohorts.iter().filter(|cohort| cohort.users > 0);
    cohorts.map(|c| (c.users, c.returned.iter().map(|cell| cell.map(|cell| cell.count)).collect())).collect()
}

fn counts_of(fields: &Value, users: &[Vec<Event>]) -> Vec<(u64, Vec<Option<u64>>)> {
    grid(&report(&spec(fields), &[users.to_vec()], complete_to(10_000)))
}

#[test]
fn the_grid_is_a_triangle_and_the_whole_has_only_what_is_over() {
    let spec = spec(&json!({"from": "2026-03-28", "to": "2026-03-31", "periods": 2}));
    let users = vec![
        user(&[(1, S), (2, R), (50, R)]),
        user(&[(1, S), (30, R), (50, R)]),
        user(&[(30, S), (53, R)]),
        user(&[(25, R)]),
    ];
    let source = Source { version: 7, ..complete_to(54) };
    let report = report(&spec, &[users], source);
    let json = serde_json::to_value(&report).unwrap();
    let cell = |count: u64, share: f64, open: bool| json!({"count": count, "share": share, "open": open});
    assert_eq!(json["columns"], json!([{"from": 0, "to": 0}, {"from": 1, "to": 1}, {"from": 2, "to": 2}]));
    assert_eq!(
        json["cohorts"],
        json!([
            {"start": "2026-03-28T00:00:00+00:00", "users": 2, "returned": [cell(1, 0.5, false), cell(1, 0.5, false), cell(2, 1.0, true)]},
            {"start": "2026-03-29T00:00:00+00:00", "users": 1, "returned": [cell(0, 0.0, false), cell(1, 1.0, true), null]},
            {"start": "2026-03-30T00:00:00+00:00", "users": 0, "returned": [cell(0, 0.0, true), null, null]},
            {"start": "2026-03-31T00:00:00+00:00", "users": 0, "returned": [null, null, null]},
        ])
    );
    let total = |users: u64, count: u64, share: f64, open: bool| json!({"users": users, "count": count, "share": share, "open": open});
    assert_eq!(
        json["whole"],
        json!({"users": 3, "returned": [total(3, 1, 1.0 / 3.0, false), total(2, 1, 0.5, true), total(0, 0, 0.0, true)]})
    );
    assert_eq!((&json["interval"], &json["version"], &json["kind"]), (&json!("day"), &json!(7), &json!("retention")));
    assert_eq!(json.get("breakdown"), None);
}

#[test]
fn in_period_0_a_return_is_another_event_and_not_earlier() {
    let day = json!({"periods": 0});
    // One event does not fill both.
    assert_eq!(counts_of(&day, &[user(&[(1, BOTH)])]), [(1, vec![Some(0)])]);
    assert_eq!(counts_of(&day, &[user(&[(1, BOTH), (2, BOTH)])]), [(1, vec![Some(1)])]);
    // Earlier is no return, in the same millisecond is one, whichever comes first in order.
    assert_eq!(counts_of(&day, &[user(&[(1, R), (2, S)])]), [(1, vec![Some(0)])]);
    assert_eq!(counts_of(&day, &[user(&[(1, R), (1, S)])]), [(1, vec![Some(1)])]);
    assert_eq!(counts_of(&day, &[user(&[(1, S), (1, R)])]), [(1, vec![Some(1)])]);
    assert_eq!(counts_of(&day, &[user(&[(1, BOTH), (1, S)])]), [(1, vec![Some(0)])]);
    // Of several starts in a bucket the first one counts, once.
    assert_eq!(
        counts_of(&json!({"periods": 0, "occurrence": "any"}), &[user(&[(1, S), (2, R), (3, S)])]),
        [(1, vec![Some(1)])]
    );
}

#[test]
fn which_of_several_starts_counts() {
    let users = [user(&[(-2, S), (1, S), (26, BOTH), (49, R)])];
    let of = |occurrence: &str| {
        counts_of(&json!({"from": "2026-03-28", "to": "2026-03-31", "periods": 2, "occurrence": occurrence}), &users)
    };
    assert_eq!(of("first"), []);
    assert_eq!(of("first_in_range"), [(1, vec![Some(0), Some(1), Some(1)])]);
    assert_eq!(of("any"), [(1, vec![Some(0), Some(1), Some(1)]), (1, vec![Some(0), Some(1), Some(0)])]);
}

#[test]
fn later_returns_count_in_modes_and_brackets_that_say_so() {
    let users = [user(&[(1, S), (24 * 5, R)]), user(&[(1, S), (2, R), (24 * 9, R)])];
    assert_eq!(
        counts_of(&json!({"periods": 3, "mode": "on_or_after"}), &users),
        [(2, vec![Some(2), Some(2), Some(2), Some(2)])]
    );
    assert_eq!(
        counts_of(&json!({"brackets": [[0, 0], [1, 4], [5, 8]]}), &users),
        [(2, vec![Some(1), Some(0), Some(1)])]
    );
    assert_eq!(counts_of(&json!({"brackets": [[0, 4], [9, 9]]}), &users), [(2, vec![Some(1), Some(1)])]);
    let on_or_after = spec(&json!({"periods": 1, "mode": "on_or_after"}));
    let report = report(&on_or_after, &[users.to_vec()], complete_to(30));
    assert_eq!(
        serde_json::to_value(&report.columns).unwrap(),
        json!([{"from": 0, "to": null}, {"from": 1, "to": null}])
    );
    let open: Vec<Option<bool>> = report.cohorts[0].returned.iter().map(|cell| cell.map(|cell| cell.open)).collect();
    assert_eq!(open, [Some(false), Some(true)], "open until the first of its periods is over");
}

#[test]
fn only_what_can_matter_is_read() {
    let day = |n: i64| START_MS + n * DAY_MS;
    let bounds = |fields: &Value| wants(&spec(fields)).bounds_ms.unwrap();
    let range = json!({"from": "2026-03-28", "to": "2026-03-29", "periods": 3});
    let with = |name: &str, value: Value| {
        let mut fields = range.clone();
        fields[name] = value;
        bounds(&fields)
    };
    // The cohort of the 29th has its period 3 on the 1st of April.
    assert_eq!(with("occurrence", json!("any")), (day(0), day(5) - 1));
    assert_eq!(with("occurrence", json!("first")), (i64::MIN, day(5) - 1));
    assert_eq!(with("mode", json!("on_or_after")), (i64::MIN, i64::MAX));
    assert_eq!(bounds(&json!({})), (i64::MIN, i64::MAX));
}

#[test]
fn groups_are_those_of_the_event_with_which_users_start() {
    let spec = spec(
        &json!({"from": "2026-03-28", "to": "2026-03-29", "periods": 1, "breakdown": {"property": "c", "limit": 1}}),
    );
    let user = |start: Value, back: i64| vec![event(1, S, start), event(back, R, json!("late"))];
    let users =
        vec![user(json!("x"), 2), user(json!("x"), 30), user(json!(1), 2), user(json!(null), 40), user(json!("x"), 60)];
    let report = report(&spec, &[users], complete_to(10_000));
    let groups: Vec<(GroupValue, u64, Vec<u64>)> = report
        .breakdown
        .unwrap()
        .into_iter()
        .map(|group| (group.value, group.whole.users, group.whole.returned.iter().map(|cell| cell.count).collect()))
        .collect();
    assert_eq!(
        groups,
        [(GroupValue::Value { value: json!("x") }, 3, vec![1, 1]), (GroupValue::other(), 2, vec![1, 1])]
    );
}

#[test]
fn who_is_not_counted_leaves_nothing_behind() {
    let mut walk = RetentionWalk::new(Arc::new(spec(&json!({"periods": 0}))));
    for (is_counted, bits) in [(false, BOTH), (true, S)] {
        let event = event(1, bits, json!(null));
        let seen = Seen { time_ms: event.time_ms, bits, event: "e", session_id: None, properties: &event };
        walk.take(&seen);
        walk.end_user(is_counted);
    }
    assert_eq!(grid(&walk.report(complete_to(10_000))), [(1, vec![Some(0)])]);
}

/// Events of some users, and a question.
fn cases() -> impl Strategy<Value = (Vec<Vec<Event>>, Value, usize)> {
    let group = prop_oneof![Just(json!("x")), Just(json!(1)), Just(json!(null))];
    // Few hours, so that events of one millisecond are the rule; over the change of clocks in Berlin.
    let event = (0..80i64, 0..4u128, group).prop_map(|(n, bits, group)| event(n * 3, bits, group));
    let user = prop::collection::vec(event, 0..10).prop_map(|mut events| {
        events.sort_by_key(|event| event.time_ms);
        events
    });
    let asked = prop_oneof![
        (0..5u64).prop_map(|periods| json!({"periods": periods})),
        (0..5u64).prop_map(|periods| json!({"periods": periods, "mode": "on_or_after"})),
        Just(json!({"brackets": [[0, 1], [2, 2], [4, 6]]})),
        Just(json!({"brackets": [[1, 3]]})),
    ];
    let rest = (0..3usize, 0..3usize, 0..3usize, 0..4usize);
    let question = (asked, rest).prop_map(|(mut question, (zone, interval, occurrence, range))| {
        question["timezone"] = json!(["UTC", "Europe/Berlin", "Asia/Kolkata"][zone]);
        question["interval"] = json!(["hour", "day", "week"][interval]);
        question["occurrence"] = json!(["first", "first_in_range", "any"][occurrence]);
        question["breakdown"] = json!({"property": "c", "limit": 10});
        if range & 1 == 1 {
            question["from"] = json!("2026-03-29T07:00:00Z");
        }
        if range & 2 == 2 {
            question["to"] = json!("2026-04-02");
        }
        question
    });
    (prop::collection::vec(user, 0..8), question, 1..4usize)
}

proptest! {
    #[test]
    fn every_figure_is_that_of_the_reference((users, question, parts) in cases(), known_hours in 0..300i64) {
        let spec = spec(&question);
        let parts: Vec<Vec<Vec<Event>>> = users.chunks(parts).map(<[_]>::to_vec).collect();
        // An engine gives what is wanted and nothing else.
        let (from, to) = wants(&spec).bounds_ms.unwrap();
        let mut wanted = parts.clone();
        wanted.iter_mut().flatten().for_each(|events| events.retain(|event| (from..=to).contains(&event.time_ms)));
        let source = complete_to(known_hours);
        let found = report(&spec, &parts, source);
        prop_assert_eq!(&found, &report(&spec, &wanted, source));

        let ms = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis();
        let cohorts: Vec<i64> = found.cohorts.iter().map(|cohort| ms(&cohort.start)).collect();
        let known = source.complete_to_ms.unwrap();
        let end = |start: i64, periods: u64| {
            (0..=periods).fold(start, |start, _| crate::calendar::end_ms(spec.interval, spec.scope.timezone, start))
        };
        let keys = reference::groups(&spec, &users, &cohorts);
        let breakdown = found.breakdown.as_ref().unwrap();
        prop_assert_eq!(breakdown.len(), keys.len());
        for (at, column) in spec.columns.iter().enumerate() {
            let mut totals = std::collections::BTreeMap::new();
            for (cohort, start) in found.cohorts.iter().zip(&cohorts) {
                let (users_of, returned) = reference::counts(&spec, &users, *start, None, *column);
                prop_assert_eq!(cohort.users, users_of);
                let begins = if column.from == 0 { *start } else { end(*start, column.from - 1) };
                let ends = end(*start, column.to.unwrap_or(column.from));
                let wanted = (begins <= known).then_some((returned, known < ends));
                prop_assert_eq!(cohort.returned[at].map(|cell| (cell.count, cell.open)), wanted);
                if ends <= known {
                    for key in std::iter::once(None).chain(keys.iter().map(|key| Some(key.as_str()))) {
                        let (users_of, returned) = reference::counts(&spec, &users, *start, key, *column);
                        let total: &mut (u64, u64) = totals.entry(key.map(str::to_owned)).or_default();
                        *total = (total.0 + users_of, total.1 + returned);
                    }
                }
            }
            let total = |key: Option<&str>| totals.get(&key.map(str::to_owned)).copied().unwrap_or_default();
            let whole = found.whole.returned[at];
            prop_assert_eq!((whole.users, whole.count), total(None));
            prop_assert_eq!(whole.open, whole.users < found.whole.users);
            for group in breakdown {
                let GroupValue::Value { value } = &group.value else { panic!("all are listed") };
                let key = group_key(Some(value).filter(|value| !value.is_null()));
                let cell = group.whole.returned[at];
                prop_assert_eq!((cell.users, cell.count), total(Some(&key)));
            }
        }
        let bucket = |event: &Event| crate::calendar::start_ms(spec.interval, spec.scope.timezone, event.time_ms);
        let buckets: std::collections::BTreeSet<i64> = users.iter().flatten().map(bucket).collect();
        let all: u64 = buckets.iter().map(|start| reference::counts(&spec, &users, *start, None, spec.columns[0]).0).sum();
        prop_assert_eq!(found.whole.users, all);
        prop_assert_eq!(found.cohorts.iter().map(|cohort| cohort.users).sum::<u64>(), all);
        prop_assert_eq!(breakdown.iter().map(|group| group.whole.users).sum::<u64>(), all);
    }
}
