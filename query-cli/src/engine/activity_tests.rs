//! Retention, lifecycle and stickiness over a lake, against counting by hours of UTC.

use std::collections::BTreeSet;

use super::*;

const HOUR: i64 = 60 * MINUTE;

fn hour(event: &Sent) -> i64 {
    event.time_ms.div_euclid(HOUR)
}

/// The events of each user, in order.
fn by_user(all: &[Sent]) -> Vec<Vec<&Sent>> {
    let mut users: BTreeMap<&str, Vec<&Sent>> = BTreeMap::new();
    all.iter().for_each(|e| users.entry(&e.user).or_default().push(e));
    users.values_mut().for_each(|events| events.sort_by_key(|e| (e.time_ms, e.received_ms, e.place, &e.id)));
    users.into_values().collect()
}

fn is_on_ios(event: &Sent) -> bool {
    event.context.as_deref() == Some(r#"{"platform":"ios"}"#)
}

/// Users of the cohort of an hour, and how many of them came back in each period up to 3.
fn retained(all: &[Sent], from: i64, occurrence: &str, cohort: i64) -> (u64, [u64; 4]) {
    let mut counts = (0, [0; 4]);
    for events in by_user(all) {
        let is_start = |e: &&&Sent| e.event == "view" && is_on_ios(e);
        let in_range = |e: &&&Sent| hour(e) >= from;
        let start = match occurrence {
            "first" => events.iter().find(is_start).filter(in_range).filter(|e| hour(e) == cohort),
            "first_in_range" => events.iter().filter(in_range).find(is_start).filter(|e| hour(e) == cohort),
            _ => events.iter().filter(in_range).filter(is_start).find(|e| hour(e) == cohort),
        };
        let Some(start) = start else { continue };
        counts.0 += 1;
        for (period, returned) in (0..).zip(&mut counts.1) {
            let is_back = |e: &&Sent| {
                e.id != start.id && is_on_ios(e) && e.time_ms >= start.time_ms && hour(e) == cohort + period
            };
            *returned += u64::from(events.iter().any(is_back));
        }
    }
    counts
}

async fn check_retention(engine: &Engine, all: &[Sent]) {
    let from = (NOW - 20 * HOUR).div_euclid(HOUR);
    for occurrence in ["first", "first_in_range", "any"] {
        let spec = format!(
            r#"{{"kind":"retention","start":{{"event":"view"}},"interval":"hour","periods":3,"occurrence":"{occurrence}",
                "from":"2025-12-31T04:00:00Z","where":[{{"property":"context.platform","op":"=","value":"ios"}}]}}"#
        );
        let report = engine.retention(&parse(&spec, NOW).unwrap().into_retention().unwrap()).await.unwrap();
        let mut users = 0;
        for (cohort, found) in (from..).zip(&report.cohorts) {
            let wanted = retained(all, from, occurrence, cohort);
            let counts: Vec<u64> = found.returned.iter().flatten().map(|cell| cell.count).collect();
            assert_eq!(
                (found.users, counts.as_slice()),
                (wanted.0, &wanted.1[..counts.len()]),
                "{occurrence} {cohort}"
            );
            users += found.users;
        }
        assert_eq!(report.whole.users, users);
        assert!(users > 0, "{occurrence}");
    }
}

async fn check_lifecycle(engine: &Engine, all: &[Sent]) {
    let spec = r#"{"kind":"lifecycle","of":{"event":"view"},"interval":"hour","from":"2025-12-31T04:00:00Z"}"#;
    let report = engine.lifecycle(&parse(spec, NOW).unwrap().into_lifecycle().unwrap()).await.unwrap();
    let active: Vec<BTreeSet<i64>> = by_user(all)
        .iter()
        .map(|events| events.iter().filter(|e| e.event == "view").map(|e| hour(e)).collect())
        .collect();
    let from = (NOW - 20 * HOUR).div_euclid(HOUR);
    assert!(report.buckets.len() > 15);
    for (hour, bucket) in (from..).zip(&report.buckets) {
        let count = |is: &dyn Fn(&BTreeSet<i64>) -> bool| active.iter().filter(|hours| is(hours)).count() as u64;
        let was = |hours: &BTreeSet<i64>| hours.iter().any(|other| *other < hour);
        let wanted = [
            count(&|hours| hours.contains(&hour) && !was(hours)),
            count(&|hours| hours.contains(&hour) && hours.contains(&(hour - 1))),
            count(&|hours| hours.contains(&hour) && was(hours) && !hours.contains(&(hour - 1))),
            count(&|hours| !hours.contains(&hour) && hours.contains(&(hour - 1))),
        ];
        assert_eq!([bucket.new, bucket.returning, bucket.resurrecting, bucket.dormant], wanted, "{hour}");
    }
}

async fn check_stickiness(engine: &Engine, all: &[Sent]) {
    let spec = r#"{"kind":"stickiness","interval":"hour","from":"2025-12-31T04:00:00Z","to":"2026-01-01T00:00:00Z"}"#;
    let report = engine.stickiness(&parse(spec, NOW).unwrap().into_stickiness().unwrap()).await.unwrap();
    let from = (NOW - 20 * HOUR).div_euclid(HOUR);
    let in_range = |e: &&&Sent| hour(e) >= from && e.time_ms < NOW;
    let hours = |events: &Vec<&Sent>| events.iter().filter(in_range).map(|e| hour(e)).collect::<BTreeSet<i64>>().len();
    let numbers: Vec<usize> = by_user(all).iter().map(hours).filter(|hours| *hours > 0).collect();
    assert_eq!((report.users, report.buckets_in_range), (numbers.len() as u64, 20));
    for row in &report.active {
        let users = numbers.iter().filter(|hours| **hours as u64 == row.periods).count() as u64;
        assert_eq!(row.users, users, "{row:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_active_when_is_the_naive_answer_before_and_after_compaction() {
    let (store, all) = lake(4, 200, 21).await;
    for is_compacted in [false, true] {
        if is_compacted {
            let mut table = Table::open(&store).await.unwrap();
            let ids = CountingIds::starting_at(1_000_000);
            compact(&mut table, &ManualClock::new(NOW), &ids, Extent::Everything).await.unwrap();
        }
        let engine = Engine::new(store.clone(), Arc::new(ManualClock::new(NOW)));
        check_retention(&engine, &all).await;
        check_lifecycle(&engine, &all).await;
        check_stickiness(&engine, &all).await;
    }
}

#[tokio::test]
async fn cohorts_choose_whose_activity_counts() {
    let (store, all) = lake(2, 100, 22).await;
    let engine = Engine::new(store, Arc::new(ManualClock::new(NOW)));
    let spec = r#"{"kind":"stickiness","of":{"event":"view"},"interval":"hour","cohort":{"event":"submit"}}"#;
    let report = engine.stickiness(&parse(spec, NOW).unwrap().into_stickiness().unwrap()).await.unwrap();
    let did = |events: &[&Sent], name: &str| events.iter().any(|e| e.event == name);
    let wanted = by_user(&all).iter().filter(|events| did(events, "view") && did(events, "submit")).count() as u64;
    let everybody = by_user(&all).iter().filter(|events| did(events, "view")).count() as u64;
    assert!(report.users == wanted && wanted < everybody, "{} {wanted} {everybody}", report.users);
}
