//! One user at a time gives what all users give together.

use weir_core::funnel::explain::{Reason, Verdict};
use weir_lake::schema::bucket_of;

use super::identity::{From, land, sent_from, under_their_users};
use super::*;
use crate::engine::user::{Timeline, TimelineQuestion};

fn asked(id: &str) -> TimelineQuestion {
    let range = weir_core::spec::DateRange::default();
    TimelineQuestion { id: id.to_owned(), range, events: Vec::new(), limit: 1000, newest_first: false }
}

fn ids(timeline: &Timeline) -> Vec<String> {
    timeline.events.iter().map(|event| event.event_id.clone()).collect()
}

/// Every user's timeline has their events in order, and their explanations add up to the funnel.
async fn agrees(engine: &Engine, specs: &[FunnelSpec], all: &[From], when: &str) {
    let merged = under_their_users(all);
    let mut users: BTreeMap<&str, Vec<&Sent>> = BTreeMap::new();
    merged.iter().for_each(|sent| users.entry(&sent.user).or_default().push(sent));
    for (user, events) in &mut users {
        events.sort_by_key(|e| (e.time_ms, e.received_ms, e.place, &e.id));
        let timeline = engine.timeline(&asked(user)).await.unwrap();
        assert_eq!(timeline.who.user.as_deref(), Some(*user), "{when}");
        assert_eq!(ids(&timeline), events.iter().map(|e| e.id.clone()).collect::<Vec<_>>(), "{when}: {user}");
        for (event, sent) in timeline.events.iter().zip(events.iter()) {
            let properties =
                |text: Option<&str>| text.map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap());
            let found = properties(event.properties.as_deref().map(|json| json.get()));
            assert_eq!(
                (event.time_ms, &event.event, found),
                (sent.time_ms, &sent.event, properties(sent.properties.as_deref()))
            );
        }
    }
    // Whoever asks for a device gets the user that it has become.
    for from in all.iter().filter(|from| from.user_id.is_none()).step_by(20) {
        let device = from.anonymous_id.as_deref().unwrap();
        let timeline = engine.timeline(&asked(device)).await.unwrap();
        let user = timeline.who.user.clone().unwrap();
        assert!(ids(&timeline).contains(&from.sent.id), "{when}: {device} is {user}");
        assert!(user == device || timeline.who.anonymous_ids.iter().any(|id| id == device), "{when}: {device}");
    }
    for spec in specs {
        let mut counts = vec![0_u64; spec.steps.len()];
        for user in users.keys() {
            let answer = engine.explain(user, spec).await.unwrap();
            let explanation = answer.explanation;
            if !answer.outside_cohorts.is_empty() {
                continue;
            }
            assert_eq!(answer.event_ids.len(), explanation.events.len());
            assert_eq!(explanation.verdict == Verdict::Converted, explanation.depth == spec.steps.len());
            for attempt in explanation.attempts.iter().filter(|attempt| !attempt.is_dropped) {
                counts[..attempt.journey.attempt.len()].iter_mut().for_each(|count| *count += 1);
            }
        }
        let report = engine.funnel(&FunnelSpec { previous: None, ..spec.clone() }).await.unwrap();
        let expected: Vec<u64> = report.steps.iter().map(|step| step.count).collect();
        assert_eq!(counts, expected, "{when}: {spec:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_one_by_one_are_all_users_before_and_after_compaction() {
    for seed in 1..=3 {
        let (store, mut random, mut all) = (Store::in_memory(), Random(seed * 17), Vec::new());
        let engine = Engine::new(store.clone(), Arc::new(ManualClock::new(NOW)));
        let specs: Vec<FunnelSpec> = (0..12).map(|_| spec(&mut random)).collect();
        let new_ids = CountingIds::starting_at(90_000_000);
        for landing in 0..4 {
            let new: Vec<From> = (0..60).map(|n| sent_from(&mut random, landing * 1000 + n)).collect();
            land(&store, (landing + 1) * 1_000_000, &new).await;
            all.extend(new);
        }
        agrees(&engine, &specs, &all, &format!("seed {seed}, landed")).await;
        let mut table = Table::open(&store).await.unwrap();
        compact(&mut table, &ManualClock::new(NOW), &new_ids, Extent::Everything).await.unwrap();
        agrees(&engine, &specs, &all, &format!("seed {seed}, merged")).await;
    }
}

#[tokio::test]
async fn only_files_with_rows_of_the_bucket_are_opened() {
    let store = Store::in_memory();
    let others: Vec<String> =
        (0..200).map(|n| format!("user-{n}")).filter(|user| bucket_of(user) != bucket_of("ana")).collect();
    let sent = |user: &str, id: String| From {
        sent: Sent {
            user: String::new(),
            event: "view".to_owned(),
            time_ms: NOW,
            received_ms: NOW,
            place: 0,
            id,
            session: None,
            properties: None,
            context: None,
        },
        user_id: Some(user.to_owned()),
        anonymous_id: None,
    };
    for landing in 0..3_u64 {
        let mut events: Vec<From> =
            others.iter().enumerate().map(|(n, user)| sent(user, format!("{landing}-{n}"))).collect();
        if landing == 1 {
            events.push(sent("ana", "hers".to_owned()));
        }
        land(&store, (landing + 1) * 1_000_000, &events).await;
    }
    let engine = Engine::new(store, Arc::new(ManualClock::new(NOW)));
    let timeline = engine.timeline(&asked("ana")).await.unwrap();
    assert_eq!((ids(&timeline), timeline.scanned.files), (vec!["hers".to_owned()], 1));
    let nobody = engine.timeline(&asked("nobody at all")).await.unwrap();
    assert_eq!((nobody.who.user, nobody.total, nobody.events.len()), (None, 0, 0));
}

#[tokio::test]
async fn the_limit_takes_the_first_or_the_last_and_counts_all() {
    let (store, mut random) = (Store::in_memory(), Random(5));
    let all: Vec<From> = (0..300).map(|n| sent_from(&mut random, n)).collect();
    land(&store, 1_000_000, &all).await;
    let engine = Engine::new(store, Arc::new(ManualClock::new(NOW)));
    let merged = under_their_users(&all);
    let user = merged[0].user.as_str();
    let whole = engine.timeline(&asked(user)).await.unwrap();
    assert!(whole.total > 4, "{user}");
    let first = engine.timeline(&TimelineQuestion { limit: 3, ..asked(user) }).await.unwrap();
    assert_eq!((first.total, first.matching, ids(&first)), (whole.total, whole.total, ids(&whole)[..3].to_vec()));
    let last = TimelineQuestion { limit: 3, newest_first: true, ..asked(user) };
    let last = engine.timeline(&last).await.unwrap();
    let expected: Vec<String> = ids(&whole).into_iter().rev().take(3).collect();
    assert_eq!(ids(&last), expected);
    // A session has its number whatever is left out.
    let sessions: Vec<usize> = whole.events.iter().rev().take(3).map(|event| event.session).collect();
    assert_eq!(last.events.iter().map(|event| event.session).collect::<Vec<_>>(), sessions);
    let named = TimelineQuestion { events: vec!["view".to_owned()], ..asked(user) };
    let named = engine.timeline(&named).await.unwrap();
    assert!(named.matching < whole.total && named.events.iter().all(|event| event.event == "view"));
}

#[tokio::test]
async fn the_earlier_events_of_a_device_explain_a_conversion() {
    let store = Store::in_memory();
    let event = |event: &str, minute: i64, user_id: Option<&str>, id: &str| From {
        sent: Sent {
            user: String::new(),
            event: event.to_owned(),
            time_ms: NOW + minute * MINUTE,
            received_ms: NOW + minute * MINUTE,
            place: 0,
            id: id.to_owned(),
            properties: None,
            context: None,
            session: None,
        },
        user_id: user_id.map(str::to_owned),
        anonymous_id: Some("phone".to_owned()),
    };
    let spec =
        parse(r#"{"kind":"funnel","steps":[{"event":"view"},{"event":"apply"}]}"#, NOW).unwrap().into_funnel().unwrap();
    let engine = Engine::new(store.clone(), Arc::new(ManualClock::new(NOW)));
    land(&store, 1_000_000, &[event("view", 0, None, "1"), event("apply", 3, Some("ana"), "2")]).await;
    let before = engine.explain("ana", &spec).await.unwrap();
    assert_eq!(before.explanation.verdict, Verdict::NotEntered);
    assert_eq!(before.explanation.events[0].reason, Reason::NoFirstStep);
    land(&store, 2_000_000, &[event("identify", 2, Some("ana"), "3")]).await;
    for id in ["ana", "phone"] {
        let after = engine.explain(id, &spec).await.unwrap();
        assert_eq!((after.who.user.as_deref(), after.explanation.verdict), (Some("ana"), Verdict::Converted), "{id}");
        assert_eq!((after.event_ids, after.total), (vec!["1".to_owned(), "2".to_owned()], 3));
    }
}

#[tokio::test]
async fn an_explanation_says_whether_the_user_is_in_the_cohorts() {
    let (store, all) = lake(3, 120, 21).await;
    let engine = Engine::new(store, Arc::new(ManualClock::new(NOW)));
    let mut random = Random(22);
    let mut users: BTreeMap<&str, Vec<&Sent>> = BTreeMap::new();
    all.iter().for_each(|sent| users.entry(&sent.user).or_default().push(sent));
    let mut seen = [0, 0];
    while seen.iter().any(|seen| *seen < 5) {
        let spec = spec(&mut random);
        let (user, events) = users.iter_mut().nth(random.below(30) as usize % 20).unwrap();
        events.sort_by_key(|e| (e.time_ms, e.received_ms, e.place, &e.id));
        let outside = engine.explain(user, &spec).await.unwrap().outside_cohorts;
        for (at, cohort) in spec.cohorts.iter().enumerate() {
            let is_in = is_in_cohorts(std::slice::from_ref(cohort), events);
            assert_eq!(!outside.contains(&(at + 1)), is_in, "{user}, {cohort:?}");
            seen[usize::from(is_in)] += 1;
        }
    }
}
