//! Sessions against their reference, and what their answers look like.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::answer::{Figure, GroupValue, Source};
use crate::scan::hand::{self, Event};
use crate::spec::parse_value;
use reference::{Session, quantile};

const M: i64 = 60_000;
const H: i64 = 60 * M;
const DAY: i64 = 24 * H;
/// 2026-03-28, a day before the clocks of Berlin go forward.
const START_MS: i64 = 1_774_656_000_000;

fn spec(fields: &Value) -> SessionsSpec {
    let mut document = json!({"kind": "sessions"});
    document.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    parse_value(&document, 0).unwrap().into_sessions().unwrap()
}

fn report(spec: &SessionsSpec, parts: &[Vec<Vec<Event>>], complete_to_ms: Option<i64>) -> SessionsReport {
    let (from, to) = wants(spec).bounds_ms.unwrap();
    // As an engine gives them.
    let parts: Vec<Vec<Vec<Event>>> = parts
        .iter()
        .map(|users| {
            let near = |event: &&Event| (from..=to).contains(&event.time_ms);
            users.iter().map(|events| events.iter().filter(near).cloned().collect()).collect()
        })
        .collect();
    let walk = hand::run(|| SessionsWalk::new(Arc::new(spec.clone()), complete_to_ms), &parts);
    walk.report(Source { complete_to_ms, version: 7, ..Source::default() })
}

fn event(minute: i64, name: &str, session: Option<&str>) -> Event {
    Event { session_id: session.map(str::to_owned), ..hand::event(START_MS + minute * M, name, 0) }
}

#[test]
fn an_answer_has_counts_times_and_both_ends() {
    let spec = spec(&json!({"limit": 1, "interval": "day", "timezone": "Europe/Berlin"}));
    let ana = vec![event(0, "view", None), event(20, "apply", None), event(40, "chat", None), event(85, "view", None)];
    let ben = vec![event(10, "open", Some("s")), event(1500, "chat", Some("s"))];
    let report = report(&spec, &[vec![ana], vec![ben]], Some(START_MS + 115 * M));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(
        json,
        json!({"kind": "sessions", "version": 7, "complete_to": "2026-03-28T01:55:00.000Z",
            // 115 minutes: the session of minute 85 is over then, and may go on until then. That of ben goes on later.
            "sessions": 3, "users": 2, "open": 2, "per_user": 1.5,
            "events": {"n": 6, "mean": 2, "median": 2, "p90": 2.8},
            "duration_ms": {"n": 3, "mean": 30_600_000, "median": 2_400_000, "p90": 72_000_000,
                "histogram": json["duration_ms"]["histogram"]},
            "bounces": 1, "bounce_share": 1.0 / 3.0,
            "first_events": [{"event": "view", "count": 2, "share": 2.0 / 3.0}, {"other": true, "count": 1, "share": 1.0 / 3.0}],
            "last_events": [{"event": "chat", "count": 2, "share": 2.0 / 3.0}, {"other": true, "count": 1, "share": 1.0 / 3.0}],
            "trend": [{"start": "2026-03-28T00:00:00+01:00", "end": "2026-03-29T00:00:00+01:00", "sessions": 3, "users": 2,
                "open": 2, "median_ms": 2_400_000, "partial": true}],
            "scanned": json["scanned"]})
    );
    let bins = &report.figures.duration_ms.histogram;
    assert_eq!((bins[0].from, bins[0].to, bins[0].count), (0, 1000, 1));
    assert_eq!(bins.iter().map(|bin| bin.count).sum::<u64>(), 3);
}

#[test]
fn a_session_that_began_before_the_range_is_not_in_it() {
    let spec = spec(&json!({"from": "2026-03-29", "to": "2026-03-29"}));
    let day = 24 * 60;
    let users = vec![
        // Over midnight: the day before has it, and this day only the one after the pause.
        vec![event(day - 10, "a", None), event(day + 10, "b", None), event(day + 41, "c", None)],
        // By its id, after hours.
        vec![event(1, "a", Some("s")), event(day + 600, "b", Some("s"))],
        // It begins on this day, and ends on the next.
        vec![event(2 * day - 1, "a", None), event(2 * day + 20, "d", None)],
        // It begins on the next.
        vec![event(2 * day, "a", None)],
        // Where nothing was for more than a day before the range, a session is taken to begin in it.
        vec![event(-1, "a", Some("s")), event(day, "b", Some("s"))],
    ];
    let report = report(&spec, &[users], None);
    let named = |events: &[EventShare]| -> Vec<(String, u64)> {
        let name = |event: &ListedEvent| match event {
            ListedEvent::Event { event } => event.clone(),
            ListedEvent::Other { .. } => "other".to_owned(),
        };
        events.iter().map(|listed| (name(&listed.event), listed.count)).collect()
    };
    assert_eq!((report.figures.sessions, report.figures.users), (3, 3));
    assert_eq!(named(&report.first_events), [("a", 1), ("b", 1), ("c", 1)].map(|(name, n)| (name.to_owned(), n)));
    assert_eq!(named(&report.last_events), [("b", 1), ("c", 1), ("d", 1)].map(|(name, n)| (name.to_owned(), n)));
}

#[test]
fn groups_are_those_of_first_events_and_the_rest_is_summed() {
    let spec = spec(&json!({"breakdown": {"property": "os", "limit": 1}}));
    let of = |minute: i64, os: Value| Event { values: vec![os], ..event(minute, "a", None) };
    let users = [
        vec![of(0, json!("x")), of(1, json!("y")), of(60, json!("x")), of(120, json!(1))],
        vec![of(0, json!(null))],
        vec![of(0, json!(1.0))],
    ];
    let report = report(&spec, &[users[..1].to_vec(), users[1..].to_vec()], None);
    let groups: Vec<(GroupValue, u64, u64)> =
        report.breakdown.unwrap().into_iter().map(|g| (g.value, g.figures.sessions, g.figures.users)).collect();
    // Two sessions of x and two of 1: `"x"` comes before `1` by its JSON text.
    assert_eq!(groups, [(GroupValue::Value { value: json!("x") }, 2, 1), (GroupValue::other(), 3, 3)]);
}

#[test]
fn nobody_is_an_honest_zero() {
    let report = report(&spec(&json!({"interval": "day", "breakdown": "os"})), &[], None);
    assert_eq!((report.figures.sessions, report.figures.per_user, report.figures.bounce_share), (0, Figure(None), 0.0));
    assert_eq!((report.trend.map(|t| t.len()), report.breakdown.map(|b| b.len())), (Some(0), Some(0)));
    assert!(report.first_events.is_empty());
}

#[test]
fn who_is_not_counted_leaves_nothing_behind() {
    let mut walk = SessionsWalk::new(Arc::new(spec(&json!({}))), None);
    let event = event(0, "a", None);
    for is_counted in [false, true] {
        walk.take(&Seen { time_ms: event.time_ms, bits: 0, event: "a", session_id: None, properties: &event });
        walk.end_user(is_counted);
    }
    let figures = walk.report(Source::default()).figures;
    assert_eq!((figures.sessions, figures.events.n), (1, 1));
}

/// Events of some users, a question, and how users are shared out.
fn cases() -> impl Strategy<Value = (Vec<Vec<Event>>, Value, usize)> {
    // Some hours around the days of the range, in which pauses of all kinds occur, and days far away.
    let minute =
        prop_oneof![6 => (-3..51i64, 0..7i64).prop_map(|(hour, part)| hour * 60 + part * 11), 1 => -4000..6000i64];
    let event = (minute, 0..4usize, 0..5usize, 0..4usize).prop_map(|(minute, name, session, group)| Event {
        values: vec![[json!("x"), json!(1), json!(null), json!("y")][group].clone()],
        ..event(minute, ["a", "b", "c", "d"][name], ["s", "t"].get(session).copied())
    });
    let user = prop::collection::vec(event, 0..14).prop_map(|mut events| {
        events.sort_by_key(|event| event.time_ms);
        events
    });
    let question = (any::<bool>(), 0..3usize, 0..3usize, 1..5u64).prop_map(|(is_ranged, zone, interval, limit)| {
        let mut question = json!({"timezone": (["UTC", "Europe/Berlin", "Asia/Kolkata"][zone]), "limit": limit,
            "interval": (["hour", "day", "week"][interval]), "breakdown": {"property": "os", "limit": 10}});
        if is_ranged {
            question["from"] = json!("2026-03-28");
            question["to"] = json!("2026-03-29");
        }
        question
    });
    (prop::collection::vec(user, 0..8), question, 1..4usize)
}

fn same(figure: Figure, expected: Option<f64>) -> bool {
    match (figure.0, expected) {
        (Some(a), Some(b)) => (a - b).abs() < 1e-6,
        (a, b) => a == b,
    }
}

fn check(figures: &SessionFigures, sessions: &[Session], complete_to_ms: i64) -> Result<(), TestCaseError> {
    let n = sessions.len() as u64;
    let users = reference::users(sessions);
    let open = sessions.iter().filter(|session| session.end_ms >= complete_to_ms).count() as u64;
    prop_assert_eq!((figures.sessions, figures.users, figures.open), (n, users, open));
    prop_assert!(same(figures.per_user, (n > 0).then(|| n as f64 / users as f64)));
    let mean = |numbers: &[i64]| (n > 0).then(|| numbers.iter().sum::<i64>() as f64 / n as f64);
    let events: Vec<i64> = sessions.iter().map(|session| session.events.len() as i64).collect();
    prop_assert_eq!(figures.events.n, events.iter().sum::<i64>() as u64);
    prop_assert!(same(figures.events.mean, mean(&events)));
    prop_assert!(same(figures.events.median, quantile(events.clone(), 0.5)));
    prop_assert!(same(figures.events.p90, quantile(events.clone(), 0.9)));
    let times: Vec<i64> = sessions.iter().map(Session::duration_ms).collect();
    prop_assert!(same(figures.duration_ms.mean, mean(&times)));
    prop_assert!(same(figures.duration_ms.median, quantile(times.clone(), 0.5)));
    prop_assert!(same(figures.duration_ms.p90, quantile(times, 0.9)));
    prop_assert_eq!(figures.duration_ms.histogram.iter().map(|bin| bin.count).sum::<u64>(), n);
    prop_assert_eq!(figures.bounces, events.iter().filter(|events| **events == 1).count() as u64);
    Ok(())
}

fn check_events(listed: &[EventShare], mut names: Vec<String>, limit: usize) -> Result<(), TestCaseError> {
    names.sort();
    let mut counts: Vec<(String, u64)> =
        names.chunk_by(|a, b| a == b).map(|run| (run[0].clone(), run.len() as u64)).collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let others: u64 = counts.iter().skip(limit).map(|(_, count)| count).sum();
    let mut expected: Vec<(ListedEvent, u64)> =
        counts.into_iter().take(limit).map(|(event, count)| (ListedEvent::Event { event }, count)).collect();
    expected.extend((others > 0).then_some((ListedEvent::Other { other: true }, others)));
    prop_assert_eq!(listed.iter().map(|l| (l.event.clone(), l.count)).collect::<Vec<_>>(), expected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_figure_is_that_of_the_reference((users, question, parts) in cases(), complete in 0..120i64) {
        let spec = spec(&question);
        let complete_to_ms = START_MS + complete * 30 * M;
        let parts: Vec<Vec<Vec<Event>>> = users.chunks(parts).map(<[_]>::to_vec).collect();
        let report = report(&spec, &parts, Some(complete_to_ms));
        let found = reference::in_range(&spec, &users, DAY);
        check(&report.figures, &found, complete_to_ms)?;
        check_events(&report.first_events, found.iter().map(|s| s.first().name.clone()).collect(), spec.limit)?;
        check_events(&report.last_events, found.iter().map(|s| s.events.last().unwrap().name.clone()).collect(), spec.limit)?;
        let mut groups: BTreeMap<String, Vec<Session>> = BTreeMap::new();
        let mut buckets: BTreeMap<i64, Vec<Session>> = BTreeMap::new();
        for session in &found {
            groups.entry(session.group()).or_default().push(session.clone());
            buckets.entry(session.bucket(&spec)).or_default().push(session.clone());
        }
        let breakdown = report.breakdown.unwrap();
        prop_assert!(breakdown.iter().map(|g| g.figures.sessions).is_sorted_by(|a, b| a >= b));
        prop_assert_eq!(breakdown.len(), groups.len());
        for group in &breakdown {
            let GroupValue::Value { value } = &group.value else { panic!("all are listed") };
            check(&group.figures, &groups[&group_key(Some(value).filter(|v| !v.is_null()))], complete_to_ms)?;
        }
        let trend = report.trend.unwrap();
        prop_assert_eq!(trend.iter().map(|bucket| bucket.sessions).sum::<u64>(), found.len() as u64);
        for bucket in &trend {
            let ms = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis();
            let sessions = buckets.remove(&ms(&bucket.start)).unwrap_or_default();
            let open = sessions.iter().filter(|session| session.end_ms >= complete_to_ms).count() as u64;
            prop_assert_eq!((bucket.sessions, bucket.users, bucket.open), (sessions.len() as u64, reference::users(&sessions), open));
            prop_assert!(same(bucket.median_ms, quantile(sessions.iter().map(Session::duration_ms).collect(), 0.5)));
            prop_assert_eq!(bucket.partial, complete_to_ms < ms(&bucket.end));
        }
        prop_assert!(buckets.is_empty());
    }
}
