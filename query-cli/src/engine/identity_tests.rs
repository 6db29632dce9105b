//! Anonymous ids that have become users', in funnels and in SQL.

use weir_core::identity::{Declared, declared_by, reference as links_reference};

use super::*;

/// Who sent an event, as it said so.
pub(super) struct From {
    pub sent: Sent,
    pub user_id: Option<String>,
    pub anonymous_id: Option<String>,
}

pub(super) fn sent_from(random: &mut Random, number: u64) -> From {
    let mut sent = sent(random, number);
    let (user, device) = (format!("user-{}", random.below(6)), format!("device-{}", random.below(14)));
    let (user_id, anonymous_id) = match random.below(24) {
        0 => {
            "identify".clone_into(&mut sent.event);
            (Some(user), Some(device))
        }
        1 => {
            "alias".clone_into(&mut sent.event);
            sent.properties = Some(format!(r#"{{"previousId":"device-{}"}}"#, random.below(14)));
            if random.below(2) == 0 { (None, Some(device)) } else { (Some(user), None) }
        }
        2..8 => (Some(user), Some(device)),
        _ => (None, Some(device)),
    };
    From { sent, user_id, anonymous_id }
}

/// Events under the users that the rules say.
pub(super) fn under_their_users(all: &[From]) -> Vec<Sent> {
    let said: Vec<_> = all
        .iter()
        .filter_map(|from| {
            let (user_id, anonymous_id) = (from.user_id.as_deref(), from.anonymous_id.as_deref());
            let said = declared_by(&from.sent.event, user_id, anonymous_id, from.sent.properties.as_deref())?;
            Some((said, from.sent.received_ms, i64::try_from(from.sent.place).unwrap()))
        })
        .collect();
    let declared = said.iter().map(|(said, received_ms, place)| Declared {
        from: &said.from,
        to: said.to,
        to_is_user: said.to_is_user,
        received_ms: *received_ms,
        place: *place,
    });
    let held = links_reference::resolve(&declared.collect::<Vec<_>>());
    let with_user = all.iter().map(|from| {
        let device = || links_reference::user_of(&held, from.anonymous_id.as_deref().unwrap()).to_owned();
        Sent { user: from.user_id.clone().unwrap_or_else(device), ..from.sent.clone() }
    });
    with_user.collect()
}

pub(super) async fn land(store: &Store, first_id: u64, all: &[From]) {
    let clock = Arc::new(ManualClock::new(NOW));
    let mut lander = Lander::open(store, clock, Arc::new(CountingIds::starting_at(first_id))).await.unwrap();
    let mut rows = EventRows::default();
    for From { sent, user_id, anonymous_id } in all {
        let event = Event {
            event: Cow::Borrowed(&sent.event),
            user_id: user_id.as_deref().map(Cow::Borrowed),
            anonymous_id: anonymous_id.as_deref().map(Cow::Borrowed),
            time_ms: sent.time_ms,
            event_id: None,
            session_id: sent.session.as_deref().map(Cow::Borrowed),
            properties: sent.properties.as_deref(),
            context: sent.context.as_deref(),
            received_ms: sent.received_ms,
            place: sent.place,
        };
        rows.push("app", &event, &EventId::Text(Cow::Borrowed(&sent.id)));
    }
    lander.land(rows.freeze(), vec![], Some(NOW), "import").await.unwrap();
}

/// `user count` a line, of every user, by SQL.
async fn counts_by_user(engine: &Engine) -> Vec<String> {
    let rows = engine
        .sql(r#"SELECT "user", count(*) AS n FROM events GROUP BY 1 ORDER BY 1"#, SqlLimits::default())
        .await
        .unwrap();
    let batches: Vec<arrow::array::RecordBatch> = rows.batches.try_collect().await.unwrap();
    let text = arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
    let lines = text.lines().filter(|line| line.contains("user-") || line.contains("device-"));
    lines.map(|line| line.replace('|', " ").split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn counts_of(all: &[Sent]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    all.iter().for_each(|sent| *counts.entry(&sent.user).or_default() += 1);
    counts.into_iter().map(|(user, n)| format!("{user} {n}")).collect()
}

async fn agrees(store: &Store, engine: &Engine, specs: &[FunnelSpec], all: &[Sent], when: &str) {
    for spec in specs {
        let report = engine.funnel(spec).await.unwrap();
        let report = FunnelReport { version: 0, scanned: Scanned::default(), ..report };
        assert_eq!(report, naive(spec, all), "{when}, {spec:?}");
        assert_eq!(answer(store, spec).await, report, "{when}: another process, {spec:?}");
    }
    assert_eq!(counts_by_user(engine).await, counts_of(all), "{when}");
    let distinct = sql(engine, r#"SELECT count(DISTINCT "user") AS n FROM events"#).await.unwrap();
    assert!(distinct.contains(&format!("| {} ", counts_of(all).len())), "{when}: {distinct}");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_those_of_merged_users_before_and_after_compaction() {
    for seed in 1..=6 {
        let (store, mut random, mut all) = (Store::in_memory(), Random(seed * 31), Vec::new());
        let engine = Engine::new(store.clone(), Arc::new(ManualClock::new(NOW)));
        let specs: Vec<FunnelSpec> = (0..12).map(|_| spec(&mut random)).collect();
        let ids = CountingIds::starting_at(90_000_000);
        for landing in 0..6 {
            let new: Vec<From> = (0..60).map(|n| sent_from(&mut random, landing * 1000 + n)).collect();
            land(&store, (landing + 1) * 1_000_000, &new).await;
            all.extend(new);
            agrees(&store, &engine, &specs, &under_their_users(&all), &format!("seed {seed}, landing {landing}")).await;
            if random.below(3) == 0 {
                let mut table = Table::open(&store).await.unwrap();
                compact(&mut table, &ManualClock::new(NOW), &ids, Extent::Everything).await.unwrap();
                agrees(&store, &engine, &specs, &under_their_users(&all), &format!("seed {seed}, merged")).await;
            }
        }
        let mut old = specs[0].clone();
        old.version = Some(1);
        assert_eq!(answer(&store, &old).await, naive(&old, &under_their_users(&all[..60])), "seed {seed}");
    }
}

#[tokio::test]
async fn one_who_looked_before_they_said_who_they_are_is_one_user() {
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
    let depths = async || engine.funnel(&spec).await.unwrap().steps.iter().map(|step| step.count).collect::<Vec<_>>();
    land(&store, 1_000_000, &[event("view", 0, None, "1"), event("apply", 3, Some("ana"), "2")]).await;
    assert_eq!(depths().await, [1, 0]);
    land(&store, 2_000_000, &[event("identify", 2, Some("ana"), "3")]).await;
    assert_eq!(depths().await, [1, 1], "the view was hers");
    land(&store, 3_000_000, &[event("view", 9, None, "4"), event("identify", 8, Some("ben"), "5")]).await;
    assert_eq!(depths().await, [1, 1], "and what comes later from her phone");
    let report = engine.identity().await.unwrap();
    assert_eq!((report.links, report.refused_count, report.unresolved), (1, 1, 2));
    let users = sql(&engine, r#"SELECT DISTINCT "user" FROM events WHERE event = 'view'"#).await.unwrap();
    assert!(users.contains("ana") && !users.contains("phone"), "{users}");
}
