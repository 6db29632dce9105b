//! Every kind of question over rows: the engine gives a walk what the walk would be given by hand.

use serde_json::{Value, json};
use weir_core::activity::{LifecycleWalk, StickinessWalk, lifecycle_wants, stickiness_wants};
use weir_core::answer::Source;
use weir_core::paths::{self, PathsWalk};
use weir_core::property::PropertyValue;
use weir_core::retention::{self, RetentionWalk};
use weir_core::scan::{Properties, Seen, Walk, Wants};
use weir_core::sessions::{self, SessionsWalk};
use weir_core::spec::{Scope, TrendsSpec, parse_value};
use weir_core::trends::{self, TrendsReport, TrendsWalk};

use super::*;

/// The properties of an event, by the numbers of a question.
struct OfSent<'e>(&'e Sent, &'e Wants);

impl Properties for OfSent<'_> {
    fn get(&self, number: usize) -> Option<PropertyValue<'_>> {
        self.1.properties[number].find(self.0.properties.as_deref(), self.0.context.as_deref())
    }
}

/// Gives a walk what it wants of all events, without any engine.
fn by_hand<W: Walk>(mut walk: W, wants: &Wants, scope: &Scope, all: &[Sent]) -> W {
    let mut users: BTreeMap<&str, Vec<&Sent>> = BTreeMap::new();
    all.iter().for_each(|e| users.entry(&e.user).or_default().push(e));
    let (from, to) = wants.bounds_ms.unwrap_or((i64::MIN, i64::MAX));
    for events in users.values_mut() {
        events.sort_by_key(|e| (e.time_ms, e.received_ms, e.place, &e.id));
        for event in events.iter().filter(|e| from <= e.time_ms && e.time_ms <= to && holds(e, &wants.filters)) {
            let fitting = wants.selectors.iter().filter(|s| fits(event, std::slice::from_ref(&s.event)));
            let bits = fitting.fold(0, |bits, selector| bits | selector.bits);
            if bits != 0 || wants.needs_every_event {
                walk.take(&Seen {
                    time_ms: event.time_ms,
                    bits,
                    event: &event.event,
                    session_id: event.session.as_deref().filter(|_| wants.needs_sessions),
                    properties: &OfSent(event, wants),
                });
            }
        }
        walk.end_user(is_in_cohorts(&scope.cohorts, events));
    }
    walk
}

/// What an answer is compared by: all of it but what it took.
fn comparable(answer: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(answer).unwrap();
    let fields = value.as_object_mut().unwrap();
    fields.remove("scanned");
    fields.insert("version".to_owned(), json!(0));
    value
}

/// A question with a range, conditions and cohorts, each of them perhaps.
fn question(random: &mut Random, mut question: Value) -> Spec {
    match random.below(4) {
        0 => question["from"] = json!("2025-12-31T00:00:00Z"),
        1 => {
            question["from"] = json!("2025-12-31");
            question["to"] = json!("2025-12-31");
        }
        _ => {}
    }
    question["timezone"] = json!(["UTC", "Asia/Seoul", "America/New_York"][random.below(3) as usize]);
    if random.below(3) == 0 {
        question["where"] = json!([{"property": "price", "op": ">=", "value": 2}]);
    }
    match random.below(6) {
        0 => question["cohort"] = json!({"event": "apply", "at_least": 3}),
        1 => question["cohort"] = json!([{"event": "other", "at_most": 2}, {"event": "view", "to": "2025-12-31"}]),
        2 => question["cohort"] = json!({"funnel": {"steps": [{"event": "view"}, {"event": "apply"}], "window": "1h"}}),
        _ => {}
    }
    parse_value(&question, NOW).unwrap_or_else(|e| panic!("{question}: {e}"))
}

fn source() -> Source {
    Source { complete_to_ms: Some(NOW), ..Source::default() }
}

fn trends_by_hand(spec: &TrendsSpec, all: &[Sent]) -> TrendsReport {
    let period = |spec: &TrendsSpec| {
        let walk = TrendsWalk::new(Arc::new(spec.clone()));
        by_hand(walk, &trends::wants(spec), &spec.scope, all).report(source())
    };
    let report = period(spec);
    match spec.previous {
        None => report,
        Some(range) => {
            let mut earlier = spec.clone();
            earlier.scope.range = range;
            report.with_previous(period(&earlier), spec, range)
        }
    }
}

fn trends_question(random: &mut Random) -> Value {
    let measures = ["events", "users", "per_user"];
    let of_price = ["sum", "average", "min", "max", "median", "p90"];
    let mut series = Vec::new();
    for _ in 0..=random.below(3) {
        let event = ["view", "apply", "*"][random.below(3) as usize];
        series.push(match random.below(2) {
            0 => json!({"event": event, "measure": measures[random.below(3) as usize]}),
            _ => json!({"event": event, "measure": of_price[random.below(6) as usize], "property": "price",
                "where": [{"property": "context.platform", "op": "!=", "value": "ios"}]}),
        });
    }
    let mut question =
        json!({"kind": "trends", "series": series, "interval": (["hour", "day"][random.below(2) as usize])});
    if random.below(2) == 0 {
        question["breakdown"] =
            json!({"property": (["city", "context.platform"][random.below(2) as usize]), "limit": 1});
    }
    question
}

fn retention_question(random: &mut Random) -> Value {
    let mut question = json!({"kind": "retention", "start": {"event": (["view", "apply"][random.below(2) as usize])},
        "interval": (["hour", "day"][random.below(2) as usize]), "periods": 4,
        "mode": (["on", "on_or_after"][random.below(2) as usize]),
        "occurrence": (["first", "first_in_range", "any"][random.below(3) as usize])});
    if random.below(2) == 0 {
        question["return"] = json!({"event": "submit", "where": [{"property": "price", "op": "<", "value": 5}]});
    }
    if random.below(2) == 0 {
        question["breakdown"] =
            json!({"property": (["city", "context.platform"][random.below(2) as usize]), "limit": 1});
    }
    question
}

fn paths_question(random: &mut Random) -> Value {
    let mut question = json!({"kind": "paths", "depth": 2 + random.below(4), "limit": 1 + random.below(3),
        "collapse": random.below(2) == 0, "window": (["session", "1h", "7h"][random.below(3) as usize])});
    let event = json!({"event": "apply", "where": [{"property": "price", "op": ">=", "value": 3}]});
    match random.below(4) {
        0 => question["start"] = json!("view"),
        1 => question["end"] = event,
        2 => question["start"] = json!({"any": [event, {"event": "submit"}]}),
        _ => {}
    }
    let has_anchor = question.get("start").or(question.get("end")).is_some();
    let counts = if has_anchor { 3 } else { 2 };
    question["count"] = json!(["users", "sessions", "every"][random.below(counts) as usize]);
    match random.below(3) {
        0 => {
            question["only"] =
                json!(["view", "submit", {"event": "other", "where": [{"property": "city", "op": "exists"}]}])
        }
        1 => question["hide"] = json!(["other"]),
        _ => {}
    }
    question
}

/// A lifecycle or stickiness.
fn activity_question(random: &mut Random) -> Value {
    json!({"kind": (["lifecycle", "stickiness"][random.below(2) as usize]),
        "of": {"event": (["view", "*"][random.below(2) as usize])}, "interval": (["hour", "day"][random.below(2) as usize])})
}

fn sessions_question(random: &mut Random) -> Value {
    let mut question = json!({"kind": "sessions", "limit": 1 + random.below(4)});
    if random.below(2) == 0 {
        question["interval"] = json!(["hour", "day", "week"][random.below(3) as usize]);
    }
    if random.below(2) == 0 {
        question["breakdown"] =
            json!({"property": (["city", "context.platform"][random.below(2) as usize]), "limit": 2});
    }
    question
}

/// The answer of an engine that sees the lake for the first time.
async fn answer(store: &Store, spec: &Spec) -> Value {
    let engine = Engine::new(store.clone(), Arc::new(ManualClock::new(NOW)));
    comparable(&engine.answer(spec).await.unwrap())
}

/// The answer without an engine.
fn naive_answer(spec: &Spec, all: &[Sent]) -> Value {
    match spec {
        Spec::Funnel(spec) => comparable(&naive(spec, all)),
        Spec::Trends(spec) => comparable(&trends_by_hand(spec, all)),
        Spec::Experiment(spec) => comparable(&experiment::by_hand(spec, all)),
        Spec::Retention(spec) => {
            let walk = RetentionWalk::new(Arc::new(spec.clone()));
            comparable(&by_hand(walk, &retention::wants(spec), &spec.scope, all).report(source()))
        }
        Spec::Lifecycle(spec) => {
            let walk = LifecycleWalk::new(Arc::new(spec.clone()));
            comparable(&by_hand(walk, &lifecycle_wants(spec), &spec.scope, all).report(source()))
        }
        Spec::Stickiness(spec) => {
            let walk = StickinessWalk::new(Arc::new(spec.clone()));
            comparable(&by_hand(walk, &stickiness_wants(spec), &spec.scope, all).report(source()))
        }
        Spec::Paths(spec) => {
            let walk = PathsWalk::new(Arc::new(spec.clone()), Some(NOW));
            comparable(&by_hand(walk, &paths::wants(spec), &spec.scope, all).report(source()).unwrap())
        }
        Spec::Sessions(spec) => {
            let walk = SessionsWalk::new(Arc::new(spec.clone()), Some(NOW));
            comparable(&by_hand(walk, &sessions::wants(spec), &spec.scope, all).report(source()))
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_is_answered_as_by_hand_before_and_after_compaction() {
    for seed in 1..=2 {
        let (store, all) = lake(5, 120, seed).await;
        let mut random = Random(seed * 77);
        let mut specs = Vec::new();
        let kinds = [
            trends_question,
            retention_question,
            activity_question,
            experiment::drawn,
            paths_question,
            sessions_question,
        ];
        for n in 0..150 {
            let kind = kinds[n % kinds.len()](&mut random);
            specs.push(question(&mut random, kind));
        }
        for spec in &specs {
            assert_eq!(answer(&store, spec).await, naive_answer(spec, &all), "landed, {spec:?}");
        }
        let mut table = Table::open(&store).await.unwrap();
        let ids = CountingIds::starting_at(1_000_000);
        compact(&mut table, &ManualClock::new(NOW), &ids, Extent::Everything).await.unwrap();
        for spec in &specs {
            assert_eq!(answer(&store, spec).await, naive_answer(spec, &all), "compacted, {spec:?}");
        }
    }
}
