//! Experiments over rows, against a funnel of the same users.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use weir_core::answer::{GroupValue, Source};
use weir_core::experiment::{ExperimentReport, ExperimentTally, VariantReport};
use weir_core::spec::{ExperimentSpec, Mixed, PropertyPath, parse_value};

use super::*;

fn experiment(fields: &Value) -> ExperimentSpec {
    let mut document = json!({"kind": "experiment", "window": "100m", "variant": "city",
        "steps": [{"event": "view"}, {"event": "apply"}, {"event": "submit"}]});
    document.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    parse_value(&document, NOW).unwrap().into_experiment().unwrap()
}

async fn asked(store: &Store, spec: &ExperimentSpec) -> ExperimentReport {
    let engine = Engine::new(store.clone(), Arc::new(ManualClock::new(NOW)));
    engine.experiment(spec).await.unwrap()
}

/// The answer without an engine.
pub fn by_hand(spec: &ExperimentSpec, all: &[Sent]) -> ExperimentReport {
    let mut tally = ExperimentTally::new(Arc::new(spec.clone()), Some(NOW));
    let mut users: BTreeMap<&str, Vec<&Sent>> = BTreeMap::new();
    all.iter().for_each(|e| users.entry(&e.user).or_default().push(e));
    let (funnel, exposure) = (&spec.funnel, &spec.exposure);
    for events in users.values_mut() {
        events.sort_by_key(|e| (e.time_ms, e.received_ms, e.place, &e.id));
        let shows = |e: &&&Sent| {
            let is_exposure = fits(e, &funnel.steps[exposure.step - 1].any) && holds(e, &funnel.filters);
            is_exposure && funnel.range.contains(e.time_ms)
        };
        let values: BTreeSet<String> =
            events.iter().filter(shows).filter_map(|e| shown(e, &exposure.property)).collect();
        if is_in_cohorts(&funnel.cohorts, events) {
            for result in results_of(funnel, events) {
                let is_mixed = values.iter().any(|value| Some(value) != result.group.as_ref());
                tally.add(&result, is_mixed);
            }
        }
    }
    tally.report(Source { complete_to_ms: Some(NOW), ..Source::default() }).unwrap()
}

/// A question, but for what all kinds have in common.
pub fn drawn(random: &mut Random) -> Value {
    let step = 1 + random.below(2);
    json!({"kind": "experiment", "steps": [{"event": "view"}, {"any": [{"event": "apply"}, {"event": "other"}]}, {"event": "submit"}],
        "variant": {"property": (["city", "price", "context.platform"][random.below(3) as usize]), "step": step},
        "mixed": (["exclude", "count"][random.below(2) as usize]), "metric": {"step": (step + 1 + random.below(3 - step))},
        "window": (["30m", "100m", "session"][random.below(3) as usize]),
        "order": (["ordered", "ordered", "strict"][random.below(3) as usize]),
        "ties": (["lenient", "arrival", "strict"][random.below(3) as usize])})
}

fn shown(sent: &Sent, property: &PropertyPath) -> Option<String> {
    let value = property.find(sent.properties.as_deref(), sent.context.as_deref());
    value.map(|value| group_key(Some(&value.into_value())))
}

/// Users who saw more than one value in events of this name in the date range.
fn mixed<'s>(spec: &ExperimentSpec, all: &'s [Sent], event: &str) -> BTreeSet<&'s str> {
    let mut seen: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for sent in all.iter().filter(|sent| sent.event == event && spec.funnel.range.contains(sent.time_ms)) {
        seen.entry(&sent.user).or_default().extend(shown(sent, &spec.exposure.property));
    }
    seen.into_iter().filter(|(_, values)| values.len() > 1).map(|(user, _)| user).collect()
}

/// Value, users, converted.
type Row = (Value, u64, u64);

/// The groups of a funnel that have a value, in the order of an experiment.
fn groups(spec: &ExperimentSpec, all: &[Sent]) -> Vec<Row> {
    let groups = naive(&spec.funnel, all).breakdown.unwrap();
    let mut rows: Vec<Row> = groups
        .into_iter()
        .filter_map(|group| match group.value {
            GroupValue::Value { value } if !value.is_null() => {
                Some((value, group.steps[0].count, group.steps[spec.metric - 1].count))
            }
            _ => None,
        })
        .collect();
    rows.sort_by_key(|(value, ..)| (value.as_i64(), value.as_str().map(str::to_owned)));
    rows
}

fn rows(report: &ExperimentReport) -> Vec<Row> {
    let row = |variant: &VariantReport| (variant.value.clone(), variant.users, variant.converted);
    // A variant in which there were mixed users alone is listed too.
    let mut rows: Vec<Row> = report.variants.iter().filter(|variant| variant.users > 0).map(row).collect();
    rows.sort_by_key(|(value, ..)| (value.as_i64(), value.as_str().map(str::to_owned)));
    rows
}

fn users(report: &ExperimentReport) -> u64 {
    report.variants.iter().map(|variant| variant.users).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_experiment_is_the_funnel_of_users_who_saw_one_variant() {
    let (mut counted, mut left_out) = (0, 0);
    for (seed, each) in [(1, 20), (2, 40), (3, 120)] {
        let (store, all) = lake(5, each, seed).await;
        for fields in [
            json!({}),
            json!({"variant": "price", "metric": {"step": 2}, "ties": "strict"}),
            json!({"variant": "context.platform", "from": "2025-12-31T00:00:00Z", "to": "2025-12-31T12:00:00Z"}),
            json!({"hold": ["context.platform"], "window": "session"}),
            json!({"exclude": [{"event": "other"}], "exclusion": "drop_user", "variant": "price"}),
        ] {
            let mut spec = experiment(&fields);
            let several = mixed(&spec, &all, "view");
            let of_one: Vec<Sent> = all.iter().filter(|sent| !several.contains(sent.user.as_str())).cloned().collect();
            let report = asked(&store, &spec).await;
            assert_eq!(rows(&report), groups(&spec, &of_one), "{fields}");
            spec.mixed = Mixed::Count;
            let with_mixed = asked(&store, &spec).await;
            assert_eq!(rows(&with_mixed), groups(&spec, &all), "{fields}");
            assert_eq!(users(&with_mixed), users(&report) + report.mixed.users, "{fields}");
            counted += users(&report);
            left_out += report.mixed.users;
        }
    }
    assert!(counted > 50 && left_out > 50, "{counted} {left_out}");
}

#[tokio::test]
async fn a_cohort_is_whose_experiment_it_is() {
    let (store, all) = lake(5, 20, 1).await;
    let did: BTreeSet<&str> = all.iter().filter(|sent| sent.event == "submit").map(|sent| sent.user.as_str()).collect();
    let of_cohort: Vec<Sent> = all.iter().filter(|sent| did.contains(sent.user.as_str())).cloned().collect();
    let without = experiment(&json!({"mixed": "count"}));
    let spec = experiment(&json!({"mixed": "count", "cohort": {"event": "submit"}}));
    let report = asked(&store, &spec).await;
    assert_eq!(rows(&report), groups(&without, &of_cohort));
    assert!(users(&report) > 0 && users(&report) < users(&asked(&store, &without).await));
}

#[tokio::test]
async fn what_cannot_be_asked_of_the_data_is_an_error_of_the_question() {
    let (store, _) = lake(3, 100, 5).await;
    let engine = Engine::new(store, Arc::new(ManualClock::new(NOW)));
    let error = engine.experiment(&experiment(&json!({"control": "대구"}))).await.unwrap_err();
    assert!(matches!(error, EngineError::Spec(_)));
    assert_eq!(
        error.to_string(),
        "control: no user was shown `대구`; the values of `city` are `부산`, `서울`, `서울 😀`"
    );
}
