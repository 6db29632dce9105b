use std::borrow::Cow;
use std::collections::BTreeMap;

use compact_fn::compact::{Extent, compact};
use compact_fn::land::Lander;
use futures::TryStreamExt;
use weir_core::answer::group_key;
use weir_core::event::{Event, EventId};
use weir_core::funnel::{RuleSet, UserEvent, UserResult, reference};
use weir_core::ports::{CountingIds, ManualClock};
use weir_core::spec::{Cohort, Spec, parse};
use weir_lake::rows::EventRows;

use super::*;

const NOW: i64 = 1_767_225_600_000;
const MINUTE: i64 = 60_000;

/// What the tests keep of an event, to count it the naive way.
#[derive(Clone)]
struct Sent {
    user: String,
    event: String,
    time_ms: i64,
    received_ms: i64,
    place: u64,
    id: String,
    session: Option<String>,
    properties: Option<String>,
    context: Option<String>,
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn sent(random: &mut Random, number: u64) -> Sent {
    let price = random.below(6);
    let properties = match random.below(8) {
        0 => None,
        1 => Some(format!(r#"{{"price":"{price}"}}"#)),
        2 => Some(r#"{"price":null,"city":"서울 😀"}"#.to_owned()),
        _ => Some(format!(
            r#"{{"price":{price},"city":"{}","cart":{{"total":{price}}}}}"#,
            ["서울", "부산"][price as usize % 2]
        )),
    };
    Sent {
        user: format!("user-{}", random.below(30)),
        event: ["view", "apply", "submit", "other"][random.below(4) as usize].to_owned(),
        // Minutes of two days, so that ties are the rule.
        time_ms: NOW - random.below(400) as i64 * 7 * MINUTE,
        received_ms: NOW + random.below(3) as i64,
        place: random.below(4),
        id: format!("id-{number}"),
        session: (random.below(2) > 0).then(|| format!("s{}", random.below(5))),
        properties,
        context: (random.below(3) > 0)
            .then(|| format!(r#"{{"platform":"{}"}}"#, ["ios", "android"][random.below(2) as usize])),
    }
}

async fn lake(files: u64, rows_each: u64, seed: u64) -> (Store, Vec<Sent>) {
    let store = Store::in_memory();
    let clock = Arc::new(ManualClock::new(NOW));
    let mut lander = Lander::open(&store, clock, Arc::new(CountingIds::default())).await.unwrap();
    let (mut random, mut all) = (Random(seed), Vec::new());
    for _ in 0..files {
        let mut rows = EventRows::default();
        for _ in 0..rows_each {
            let sent = sent(&mut random, all.len() as u64);
            let event = Event {
                event: Cow::Borrowed(&sent.event),
                user_id: Some(Cow::Borrowed(&sent.user)),
                anonymous_id: None,
                time_ms: sent.time_ms,
                event_id: None,
                session_id: sent.session.as_deref().map(Cow::Borrowed),
                properties: sent.properties.as_deref(),
                context: sent.context.as_deref(),
                received_ms: sent.received_ms,
                place: sent.place,
            };
            rows.push("app", &event, &EventId::Text(Cow::Borrowed(&sent.id)));
            all.push(sent);
        }
        lander.land(rows.freeze(), vec![], Some(NOW), "import").await.unwrap();
    }
    (store, all)
}

fn spec(random: &mut Random) -> FunnelSpec {
    let names = ["view", "apply", "submit", "*"];
    let filters = [
        r#"[]"#,
        r#"[{"property":"price","op":">=","value":3}]"#,
        r#"[{"property":"city","op":"contains","value":"서울"}]"#,
        r#"[{"property":"context.platform","op":"!=","value":"ios"}]"#,
        r#"[{"property":"cart.total","op":"in","value":[1,2,3]}]"#,
    ];
    let steps: Vec<String> = (0..=random.below(3))
        .map(|at| {
            let (name, other) = (names[random.below(4) as usize], names[random.below(3) as usize]);
            let filter = filters[random.below(5) as usize];
            let optional = if at > 0 && random.below(4) == 0 { r#","optional":true"# } else { "" };
            match random.below(3) {
                0 => format!(r#"{{"any":[{{"event":"{name}"}},{{"event":"{other}","where":{filter}}}]{optional}}}"#),
                _ => format!(r#"{{"event":"{name}","where":{filter}{optional}}}"#),
            }
        })
        .collect();
    let range =
        ["", r#""from":"2025-12-31T00:00:00Z","#, r#""from":"2025-12-31","to":"2025-12-31","timezone":"Asia/Seoul","#];
    let breakdowns =
        ["", r#","breakdown":{"property":"city","step":1,"limit":1}"#, r#","breakdown":{"property":"price"}"#];
    let ruled = if random.below(2) == 0 { String::new() } else { rules(random, &steps) };
    // Whether a window of a session or of a duration stands there is for the rules to say.
    let window = if ruled.contains("window") {
        String::new()
    } else {
        format!(r#""window":"{}m","#, [7, 30, 100][random.below(3) as usize])
    };
    let json = format!(
        r#"{{"kind":"funnel",{}"steps":[{}],{window}{ruled}"ties":"{}","where":{}{}}}"#,
        range[random.below(3) as usize],
        steps.join(","),
        ["lenient", "arrival", "strict"][random.below(3) as usize],
        filters[random.below(5) as usize % 2],
        breakdowns[random.below(3) as usize],
    );
    let state = ["converted", "dropped", "open"][random.below(3) as usize];
    let users = match random.below(3) {
        0 => format!(r#"{{"users":{{"state":"{state}","limit":3}},"#),
        _ => "{".to_owned(),
    };
    let json = json.replacen('{', &users, 1);
    let cohort = match random.below(6) {
        0 => r#"{"cohort":{"event":"apply","at_least":3,"where":[{"property":"price","op":">","value":1}]},"#,
        1 => {
            r#"{"cohort":[{"event":"other","at_most":2,"from":"2025-12-31"},{"any":[{"event":"view"},{"event":"submit"}]}],"#
        }
        2 => {
            r#"{"cohort":{"funnel":{"steps":[{"event":"view"},{"event":"submit"}],"window":"30m"},"state":"dropped"},"#
        }
        _ => "{",
    };
    let json = json.replacen('{', cohort, 1);
    let json = match random.below(3) {
        0 if json.contains(r#""to":"2"#) => json.replacen('{', r#"{"compare":"previous","#, 1),
        _ => json,
    };
    parse(&json, NOW).and_then(Spec::into_funnel).unwrap_or_else(|e| panic!("{json}: {e}"))
}

/// Fields that ask for more than steps in order, each followed by a comma.
fn rules(random: &mut Random, steps: &[String]) -> String {
    let has_optional = steps.iter().any(|step| step.contains("optional"));
    let order = ["ordered", "strict", "any"][random.below(if has_optional { 2 } else { 3 }) as usize];
    let mut fields = format!(r#""order":"{order}","#);
    fields.push_str([r#""count":"sessions","#, r#""count":"attempts","#, ""][random.below(3) as usize]);
    fields.push_str([r#""window":"session","#, "", ""][random.below(3) as usize]);
    fields
        .push_str([r#""hold":["city"],"#, r#""hold":["price","context.platform"],"#, "", ""][random.below(4) as usize]);
    fields.push_str(
        ["hour", "day", "week", "month"].map(|i| format!(r#""interval":"{i}","#))[random.below(4) as usize].as_str(),
    );
    if order != "any" && steps.len() > 1 && !has_optional && random.below(2) == 0 {
        let exclusion = ["block", "drop_user"][random.below(2) as usize];
        let to = 2 + random.below(steps.len() as u64 - 1);
        fields.push_str(&format!(
            r#""exclusion":"{exclusion}","exclude":[{{"event":"other","to":{to}}},{{"event":"*","where":[{{"property":"price","op":"=","value":3}}]}}],"#
        ));
    }
    fields
}

/// The answer from the rules alone: sort, match every event with every step, enumerate attempts.
fn naive(spec: &FunnelSpec, all: &[Sent]) -> FunnelReport {
    let report = naive_period(spec, all);
    match spec.previous {
        None => report,
        Some(range) => {
            let earlier = naive_period(&FunnelSpec { range, ..spec.clone() }, all);
            report.with_previous(earlier, range, spec.timezone)
        }
    }
}

fn naive_period(spec: &FunnelSpec, all: &[Sent]) -> FunnelReport {
    let mut users: BTreeMap<&str, Vec<&Sent>> = BTreeMap::new();
    all.iter().for_each(|e| users.entry(&e.user).or_default().push(e));
    let mut tally = FunnelTally::new(spec, Some(NOW));
    for events in users.values_mut() {
        events.sort_by_key(|e| (e.time_ms, e.received_ms, e.place, &e.id));
        if is_in_cohorts(&spec.cohorts, events) {
            results_of(spec, events).iter().for_each(|result| tally.add(result));
        }
    }
    let labels: Vec<String> = spec.steps.iter().map(|s| s.label.clone()).collect();
    let group_limit = spec.breakdown.as_ref().map(|b| b.limit);
    let scanned = Scanned::default();
    tally.report(&ReportContext { version: 0, complete_to_ms: Some(NOW), labels: &labels, group_limit, scanned })
}

fn holds<C: std::borrow::Borrow<weir_core::spec::Condition>>(e: &Sent, conditions: &[C]) -> bool {
    conditions.iter().all(|c| c.borrow().holds(e.properties.as_deref(), e.context.as_deref()))
}

fn fits(e: &Sent, any: &[weir_core::spec::EventMatch]) -> bool {
    any.iter().any(|a| a.event.as_deref().is_none_or(|n| n == e.event) && holds(e, &a.filters))
}

fn value(e: &Sent, property: &weir_core::spec::PropertyPath) -> Option<serde_json::Value> {
    property.find(e.properties.as_deref(), e.context.as_deref()).map(|value| value.into_value())
}

/// Whether a user with these events is in all cohorts.
fn is_in_cohorts(cohorts: &[Cohort], events: &[&Sent]) -> bool {
    cohorts.iter().all(|cohort| match cohort {
        Cohort::Did { any, at_least, at_most, range } => {
            let did = events.iter().filter(|e| fits(e, any) && range.contains(e.time_ms)).count() as u64;
            (*at_least..=*at_most).contains(&did)
        }
        Cohort::InFunnel { funnel, users } => {
            results_of(funnel, events).iter().any(|result| result.is_at(*users, Some(NOW)))
        }
        Cohort::InReport { .. } => panic!("a report is known to the lake alone"),
    })
}

/// What a funnel makes of the events of one user, which are in order.
fn results_of(spec: &FunnelSpec, events: &[&Sent]) -> Vec<UserResult> {
    let mut results = Vec::new();
    let kept: Vec<&Sent> = events.iter().copied().filter(|e| holds(e, &spec.filters)).collect();
    let (sessions, session_ends_ms) = sessions(&kept);
    let mut held_values = Vec::new();
    let user: Vec<UserEvent> = kept
        .iter()
        .zip(sessions)
        .map(|(e, session)| {
            let bits = |fits: Vec<bool>| fits.iter().rev().fold(0, |bits, fits| bits << 1 | u64::from(*fits));
            let values: Option<Vec<_>> = spec.hold.iter().map(|p| value(e, p).map(|v| group_key(Some(&v)))).collect();
            let held = values.map(|values| {
                held_values.iter().position(|known| *known == values).unwrap_or_else(|| {
                    held_values.push(values);
                    held_values.len() - 1
                })
            });
            UserEvent {
                time_ms: e.time_ms,
                steps: bits(spec.steps.iter().map(|step| fits(e, &step.any)).collect()),
                excludes: bits(spec.exclude.iter().map(|exclude| fits(e, &exclude.any)).collect()),
                session,
                held,
            }
        })
        .collect();
    for journey in reference::journeys(&RuleSet::from(spec), &user, &session_ends_ms) {
        let group = spec.breakdown.as_ref().map(|b| {
            let upto = &journey.attempt[..b.step.min(journey.attempt.len())];
            let event = kept[upto.iter().flatten().copied().next_back().unwrap()];
            group_key(value(event, &b.property).as_ref())
        });
        let times_ms = journey.attempt.iter().map(|e| e.map(|e| kept[e].time_ms)).collect();
        let user = events.first().map(|event| event.user.clone());
        results.push(UserResult { user, times_ms, open_until_ms: journey.open_until_ms, group });
    }
    results
}

/// For each event its session, and for each session when it ends.
fn sessions(events: &[&Sent]) -> (Vec<usize>, Vec<i64>) {
    const GAP_MS: i64 = 30 * 60_000;
    // Events without an id are named after the pause before them.
    let mut pauses = 0;
    let mut names: Vec<String> = Vec::new();
    for (at, event) in events.iter().enumerate() {
        pauses += usize::from(at > 0 && event.time_ms - events[at - 1].time_ms > GAP_MS);
        names.push(event.session.clone().map_or(format!("after pause {pauses}"), |id| format!("id {id}")));
    }
    let session = |name: &String| names.iter().position(|other| other == name).unwrap();
    let numbers: Vec<usize> = names.iter().map(session).collect();
    // What has no id goes on as long as the user does anything.
    let pause_of =
        |at: usize| events[1..=at].iter().zip(events).filter(|(b, a)| b.time_ms - a.time_ms > GAP_MS).count();
    let end = |of: usize| {
        let is_unnamed = events[of].session.is_none();
        let belongs =
            |at: &usize| numbers[*at] == of || (is_unnamed && names[of] == format!("after pause {}", pause_of(*at)));
        (0..events.len()).filter(belongs).map(|at| events[at].time_ms + GAP_MS).max().unwrap()
    };
    // Only the first event of a session stands for it.
    let ends = (0..events.len()).map(|at| if numbers[at] == at { end(at) } else { i64::MIN }).collect();
    (numbers, ends)
}

async fn answer(store: &Store, spec: &FunnelSpec) -> FunnelReport {
    let engine = Engine::new(store.clone(), Arc::new(ManualClock::new(NOW)));
    let report = engine.funnel(spec).await.unwrap();
    FunnelReport { version: 0, scanned: Scanned::default(), ..report }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_the_naive_one_before_and_after_compaction() {
    for seed in 1..=4 {
        let (store, all) = lake(5, 120, seed).await;
        let mut random = Random(seed * 1000);
        let specs: Vec<FunnelSpec> = (0..60).map(|_| spec(&mut random)).collect();
        for spec in &specs {
            assert_eq!(answer(&store, spec).await, naive(spec, &all), "landed, {spec:?}");
        }
        let mut table = Table::open(&store).await.unwrap();
        let ids = CountingIds::starting_at(1_000_000);
        compact(&mut table, &ManualClock::new(NOW), &ids, Extent::Everything).await.unwrap();
        for spec in &specs {
            assert_eq!(answer(&store, spec).await, naive(spec, &all), "compacted, {spec:?}");
        }
    }
}

#[tokio::test]
async fn an_old_version_answers_as_it_did() {
    let (store, all) = lake(3, 100, 9).await;
    let mut spec = parse(r#"{"kind":"funnel","steps":[{"event":"*"}]}"#, NOW).unwrap().into_funnel().unwrap();
    spec.version = Some(1);
    assert_eq!(answer(&store, &spec).await.steps, naive(&spec, &all[..100]).steps);
    spec.version = Some(9);
    let engine = Engine::new(store, Arc::new(ManualClock::new(NOW)));
    let error = engine.funnel(&spec).await.unwrap_err().to_string();
    assert_eq!(error, "the lake has no version 9; the newest is 3");
}

#[tokio::test]
async fn names_are_counted() {
    let (store, all) = lake(3, 100, 5).await;
    let engine = Engine::new(store, Arc::new(ManualClock::new(NOW)));
    let counts = engine.events().await.unwrap();
    assert_eq!(counts.events.iter().map(|e| e.count).sum::<u64>(), 300);
    for EventCount { event, count } in counts.events {
        assert_eq!(count, all.iter().filter(|e| e.event == event).count() as u64, "{event}");
    }
}

async fn sql(engine: &Engine, query: &str) -> Result<String, EngineError> {
    let rows = engine.sql(query, SqlLimits::default()).await?;
    let batches: Vec<_> = rows.batches.try_collect().await?;
    Ok(arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string())
}

#[tokio::test]
async fn sql_reads_the_table_and_nothing_else() {
    let (store, all) = lake(3, 100, 5).await;
    let engine = Engine::new(store, Arc::new(ManualClock::new(NOW)));
    let count =
        all.iter().filter(|e| e.event == "view" && e.context.as_deref() == Some(r#"{"platform":"ios"}"#)).count();
    let query = "SELECT count(*) AS n FROM events WHERE event = 'view' AND property(context, 'platform') = 'ios'";
    assert!(sql(&engine, query).await.unwrap().contains(&format!("| {count} ")));
    let ids = sql(&engine, "SELECT event_id FROM events ORDER BY event_id LIMIT 1").await.unwrap();
    assert!(ids.contains("id-0"), "{ids}");
    for write in
        ["CREATE TABLE t AS SELECT 1", "INSERT INTO events VALUES (1)", "COPY events TO '/tmp/x.csv'", "SET a = 1"]
    {
        assert!(matches!(sql(&engine, write).await, Err(EngineError::Sql(_))), "{write}");
    }
    let outside = sql(&engine, "SELECT * FROM '/etc/passwd'").await.unwrap_err().to_string();
    assert!(outside.contains("not found"), "{outside}");
    let typo = sql(&engine, "SELECT evnt FROM events").await.unwrap_err().to_string();
    assert!(typo.contains("evnt"), "{typo}");
}

#[tokio::test]
async fn a_damaged_file_is_named_and_never_skipped() {
    let (store, _) = lake(3, 100, 5).await;
    let snapshot = Table::open(&store).await.unwrap().snapshot();
    let victim = TableName::Events.data(snapshot.files.keys().nth(1).unwrap());
    let bytes = store.read(&victim).await.unwrap().unwrap();
    store.delete(&victim).await.unwrap();
    let mut damaged = bytes.to_vec();
    damaged[50..400].fill(0xAB);
    store.create(&victim, damaged.into()).await.unwrap();
    let engine = Engine::new(store, Arc::new(ManualClock::new(NOW)));
    let spec = parse(r#"{"kind":"funnel","steps":[{"event":"view"}]}"#, NOW).unwrap().into_funnel().unwrap();
    let funnel = engine.funnel(&spec).await.unwrap_err().to_string();
    assert!(funnel.contains(victim.as_ref()), "{funnel}");
    let sql = sql(&engine, "SELECT max(bucket_free) FROM (SELECT length(user) AS bucket_free FROM events)").await;
    assert!(sql.unwrap_err().to_string().contains(victim.as_ref()));
}

#[tokio::test]
async fn an_empty_lake_answers_zero() {
    let store = Store::in_memory();
    let clock = Arc::new(ManualClock::new(NOW));
    Lander::open(&store, clock.clone(), Arc::new(CountingIds::default())).await.unwrap();
    let engine = Engine::new(store, clock);
    assert!(engine.events().await.unwrap().events.is_empty());
    let spec = parse(r#"{"kind":"funnel","steps":[{"event":"view"}]}"#, NOW).unwrap().into_funnel().unwrap();
    assert_eq!(engine.funnel(&spec).await.unwrap().steps[0].count, 0);
    assert!(sql(&engine, "SELECT count(*) FROM events").await.unwrap().contains("| 0 "));
}

#[path = "questions_tests.rs"]
mod questions;

#[path = "identity_tests.rs"]
mod identity;

#[path = "sql_tests.rs"]
mod sql_statements;

#[path = "user_tests.rs"]
mod user;

#[path = "activity_tests.rs"]
mod activity;
#[path = "experiment_tests.rs"]
mod experiment;
#[path = "reports_tests.rs"]
mod reports;
