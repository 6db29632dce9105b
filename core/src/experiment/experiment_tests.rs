//! Experiments against their reference, and what their answers look like.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::reference::{Event, counts};
use super::*;
use crate::answer::{Source, group_key};
use crate::funnel::{Matcher, Rules, StepEvent, UserResult};
use crate::property::PropertyValue;
use crate::spec::{ExperimentSpec, SpecError, parse_value};

const COMPLETE_TO_MS: i64 = 60;

fn spec(fields: &Value) -> ExperimentSpec {
    let mut document = json!({"kind": "experiment", "variant": "v", "window": "20ms",
        "steps": [{"event": "see"}, {"event": "open"}, {"event": "buy"}]});
    document.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    parse_value(&document, 0).unwrap().into_experiment().unwrap()
}

/// So many users of a variant, so many of whom converted after 100 ms and so many of the others still have time.
type Users<'a> = (&'a str, u64, u64, u64);

fn tally(spec: &ExperimentSpec, users: &[Users<'_>]) -> ExperimentTally {
    let mut tally = ExperimentTally::new(Arc::new(spec.clone()), Some(1000));
    for (variant, users, converted, open) in users {
        for at in 0..*users {
            let steps = if at < *converted { 3 } else { 1 };
            tally.add(
                &UserResult {
                    user: None,
                    times_ms: (0..steps).map(|step| Some(step * 50)).collect(),
                    open_until_ms: if at < converted + open { 1000 } else { 999 },
                    group: Some(group_key(Some(&serde_json::from_str(variant).unwrap()))),
                },
                false,
            );
        }
    }
    tally
}

fn report(fields: &Value, users: &[Users<'_>]) -> Result<ExperimentReport, SpecError> {
    tally(&spec(fields), users).report(Source { version: 7, complete_to_ms: Some(1000), ..Source::default() })
}

#[test]
fn an_answer_has_every_figure() {
    let users = [("\"B\"", 1000, 150, 10), ("\"A\"", 1000, 100, 20)];
    let report = serde_json::to_value(report(&json!({}), &users).unwrap()).unwrap();
    let round = |value: &Value| (value.as_f64().unwrap() * 1e4).round() / 1e4;
    assert_eq!(
        (&report["kind"], &report["version"], &report["confidence"]),
        (&json!("experiment"), &json!(7), &json!(0.95))
    );
    assert_eq!(
        (&report["exposure"], &report["metric"]),
        (&json!({"step": 1, "label": "see"}), &json!({"step": 3, "label": "buy"}))
    );
    let a = &report["variants"][0];
    assert_eq!(
        (&a["value"], &a["control"], &a["users"], &a["converted"]),
        (&json!("A"), &json!(true), &json!(1000), &json!(100))
    );
    assert_eq!(
        (&a["rate"], &a["open"], &a["median_ms"], &a["expected"]),
        (&json!(0.1), &json!(20), &json!(100), &json!(0.5))
    );
    assert_eq!((round(&a["rate_interval"]["low"]), round(&a["rate_interval"]["high"])), (0.0829, 0.1202));
    let [b] = report["comparisons"].as_array().unwrap().as_slice() else { panic!("one comparison") };
    assert_eq!((&b["value"], round(&b["difference"]), round(&b["lift"])), (&json!("B"), 0.05, 0.5));
    assert_eq!((round(&b["difference_interval"]["low"]), round(&b["difference_interval"]["high"])), (0.021, 0.079));
    assert_eq!((round(&b["lift_interval"]["low"]), round(&b["lift_interval"]["high"])), (0.1831, 0.9019));
    // prop.test(c(150, 100), c(1000, 1000), correct = FALSE)
    assert_eq!((round(&b["p"]), &b["p_adjusted"], &b["test"]), (0.0007, &b["p"], &json!("z")));
    assert_eq!(round(&b["detectable"]), 0.0407);
    assert_eq!(
        (&report["split"], &report["mixed"]),
        (&json!({"p": 1.0, "mismatch": false}), &json!({"users": 0, "handling": "exclude"}))
    );
    assert_eq!(report["apart"], json!({"missing": 0, "other": 0, "not_exposed": 0}));
    assert_eq!(report["verdict"]["code"], json!("difference"));
}

#[test]
fn the_control_is_the_one_that_is_named_or_the_first() {
    let users = [("2", 5, 1, 0), ("\"B\"", 5, 1, 0), ("true", 5, 1, 0), ("\"A\"", 5, 1, 0), ("10", 5, 1, 0)];
    let order = |fields: Value| -> Vec<Value> {
        report(&fields, &users).unwrap().variants.into_iter().map(|variant| variant.value).collect()
    };
    assert_eq!(order(json!({})), [json!(true), json!(2), json!(10), json!("A"), json!("B")]);
    assert_eq!(order(json!({"control": "B"})), [json!("B"), json!(true), json!(2), json!(10), json!("A")]);
    assert_eq!(order(json!({"control": 2.0})), [json!(2), json!(true), json!(10), json!("A"), json!("B")]);
    assert_eq!(order(json!({"variants": ["B", 2, "C"]})), [json!("B"), json!(2), json!("C")]);
    assert_eq!(order(json!({"variants": ["B", 2], "control": 2})), [json!(2), json!("B")]);
    assert_eq!(order(json!({"expected": {"B": 1, "A": 1}})), [json!("A"), json!("B")]);
    let error = report(&json!({"control": "2"}), &users).unwrap_err().to_string();
    assert_eq!(error, "control: no user was shown `2`; the values of `v` are `true`, `2`, `10`, `A`, `B`");
    // Nobody yet is no mistake of the question's.
    assert_eq!(report(&json!({"control": "A"}), &[]).unwrap().verdict.code, "nothing_to_compare");
}

#[test]
fn too_many_values_are_no_variants() {
    let names: Vec<String> = (0..=20).map(|number| number.to_string()).collect();
    let users: Vec<Users<'_>> = names.iter().map(|name| (name.as_str(), 1, 0, 0)).collect();
    assert_eq!(report(&json!({}), &users[..20]).unwrap().variants.len(), 20);
    let expected = "variant: found more than 20 values of `v`; expected a property that names variants, or those that are to be \
                    compared in `variants`";
    assert_eq!(report(&json!({}), &users).unwrap_err().to_string(), expected);
    let named = report(&json!({"variants": [1, 2]}), &users).unwrap();
    assert_eq!((named.variants.len(), named.apart.other), (2, 19));
    // The same where two parts have few each.
    let spec = spec(&json!({}));
    let mut whole = tally(&spec, &users[..11]);
    whole.merge(tally(&spec, &users[11..]));
    assert_eq!(whole.report(Source::default()).unwrap_err().to_string(), expected);
}

#[test]
fn who_is_in_no_variant_is_told_apart() {
    let spec = spec(&json!({"variant": {"property": "v", "step": 2}, "variants": ["A", "B"]}));
    let mut tally = ExperimentTally::new(Arc::new(spec), Some(1000));
    let user = |depth: i64, group: &str| UserResult {
        user: None,
        times_ms: (0..depth).map(Some).collect(),
        open_until_ms: 0,
        group: Some(group.to_owned()),
    };
    // A value at a step before the exposure is none.
    for (depth, group, mixed) in [
        (1, "\"A\"", false),
        (2, "null", true),
        (2, "\"C\"", true),
        (3, "[\"A\"]", false),
        (2, "\"A\"", false),
        (3, "\"B\"", true),
        (3, "\"B\"", false),
    ] {
        tally.add(&user(depth, group), mixed);
    }
    let report = tally.report(Source::default()).unwrap();
    assert_eq!(report.apart, Apart { missing: 1, other: 2, not_exposed: 1 });
    let users: Vec<_> = report.variants.iter().map(|v| (v.users, v.converted, v.mixed, v.median_ms.0)).collect();
    assert_eq!(users, [(1, 0, 0, None), (1, 1, 1, Some(1.0))]);
    assert_eq!((report.mixed.users, report.exposure.step), (1, 2));
}

#[test]
fn what_cannot_be_said_is_null() {
    let nobody = report(&json!({"variants": ["A", "B"]}), &[("\"A\"", 3, 1, 0)]).unwrap();
    let b = &nobody.comparisons[0];
    assert_eq!((b.difference, b.p, b.p_adjusted, b.test, b.lift, b.detectable), (None, None, None, None, None, None));
    assert_eq!((nobody.variants[1].rate, nobody.variants[1].rate_interval, nobody.split.p), (None, None, None));
    assert_eq!(nobody.verdict.sentence, "There is nothing to compare: no user was shown B.");
    let nothing = report(&json!({}), &[("\"A\"", 30, 0, 0), ("\"B\"", 30, 5, 0)]).unwrap();
    let b = &nothing.comparisons[0];
    assert_eq!((b.lift, b.lift_interval, b.test), (None, None, Some(Method::Fisher)));
    assert!(b.p.is_some_and(|p| p > 0.05) && b.difference.is_some());
}

#[test]
fn exposures_count_in_the_range_and_only_where_they_have_a_value() {
    let range = spec(&json!({"from": "1970-01-01", "to": "1970-01-01"})).funnel.range;
    let mut exposures = Exposures::new(range);
    let text = |text: &'static str| Some(PropertyValue::Text(text.into()));
    exposures.take(5, None);
    exposures.take(5, text("A"));
    exposures.take(86_400_000, text("B"));
    assert!(!exposures.are_mixed(Some("\"A\"")));
    assert!(exposures.are_mixed(Some("\"B\"")), "the chosen attempt counts wherever it lies");
    exposures.take(86_399_999, text("B"));
    assert!(exposures.are_mixed(Some("\"A\"")));
    exposures.clear();
    assert!(!exposures.are_mixed(Some("\"A\"")) && !exposures.are_mixed(None));
    exposures.take(1, Some(PropertyValue::Number(1.into())));
    exposures.take(2, text("1"));
    assert!(exposures.are_mixed(Some("1")), "a number is no text");
}

/// Small worlds: few times, so that ties are the rule, and few variants.
fn worlds() -> impl Strategy<Value = Vec<Vec<Event>>> {
    let event = (0..40_i64, 1..8_u64, prop::sample::select(vec![None, Some("A"), Some("A"), Some("B"), Some("C")]))
        .prop_map(|(time_ms, steps, variant)| Event { at: StepEvent { time_ms, steps }, variant });
    let user = prop::collection::vec(event, 1..7).prop_map(|mut events| {
        events.sort_by_key(|event| event.at.time_ms);
        events
    });
    prop::collection::vec(user, 0..25)
}

/// What an engine does with the events of users.
fn walked(spec: &ExperimentSpec, users: &[Vec<Event>]) -> ExperimentTally {
    let mut tally = ExperimentTally::new(Arc::new(spec.clone()), Some(COMPLETE_TO_MS));
    let mut matcher = Matcher::new(Rules::from(&spec.funnel));
    let mut exposures = Exposures::new(spec.funnel.range);
    let value = |event: &Event| event.variant.map(|text| PropertyValue::Text(text.into()));
    for events in users {
        for event in events.iter().filter(|event| event.at.steps >> (spec.exposure.step - 1) & 1 == 1) {
            exposures.take(event.at.time_ms, value(event));
        }
        let steps: Vec<StepEvent> = events.iter().map(|event| event.at).collect();
        if let Some(outcome) = matcher.run(&steps) {
            let shown = &events[outcome.attempt[(spec.exposure.step - 1).min(outcome.attempt.len() - 1)]];
            let group = group_key(value(shown).map(PropertyValue::into_value).as_ref());
            let is_mixed = exposures.are_mixed(Some(&group));
            tally.add(
                &UserResult {
                    user: None,
                    times_ms: outcome.attempt.iter().map(|at| Some(steps[*at].time_ms)).collect(),
                    open_until_ms: outcome.latest_start_ms + spec.funnel.window.most_ms(),
                    group: Some(group),
                },
                is_mixed,
            );
        }
        exposures.clear();
    }
    tally
}

proptest! {
    #[test]
    fn what_is_counted_is_what_the_definition_says(
        users in worlds(),
        cut in 0..25_usize,
        step in 1..=2_usize,
        metric in 0..2_usize,
        mixed in prop::sample::select(vec!["exclude", "count"]),
        range in prop::sample::select(vec![json!({}), json!({"from": "1970-01-01T00:00:00.005Z", "to": "1970-01-01T00:00:00.030Z"})]),
        listed in any::<bool>(),
    ) {
        let mut fields = json!({"variant": {"property": "v", "step": step}, "mixed": mixed,
            "metric": {"step": (step + 1 + metric).min(3)}});
        fields.as_object_mut().unwrap().extend(range.as_object().unwrap().clone());
        if listed {
            fields["variants"] = json!(["B", "A"]);
        }
        let spec = spec(&fields);
        let (first, second) = users.split_at(cut.min(users.len()));
        let mut whole = walked(&spec, second);
        whole.merge(walked(&spec, first));
        let report = whole.report(Source::default()).unwrap();
        for variant in ["A", "B", "C"] {
            let expected = counts(&spec, &users, variant, COMPLETE_TO_MS);
            let found = report.variants.iter().find(|found| found.value == json!(variant));
            let found = found.map_or([0; 4], |v| [v.users, v.converted, v.open, v.mixed]);
            let is_compared = !listed || variant != "C";
            prop_assert_eq!(found, if is_compared { expected } else { [0; 4] }, "{}", variant);
        }
        // Everybody who began is somewhere.
        let all = report.variants.iter().map(|v| v.users).sum::<u64>() + report.apart.missing + report.apart.other
            + report.apart.not_exposed + if mixed == "exclude" { report.mixed.users } else { 0 };
        let began = users.iter().filter(|events| {
            let steps: Vec<StepEvent> = events.iter().map(|event| event.at).collect();
            crate::funnel::reference::run(&Rules::from(&spec.funnel), &steps).is_some()
        });
        prop_assert_eq!(all, began.count() as u64);
    }
}

/// Draws of a fixed seed.
struct Dice(u64);

impl Dice {
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[test]
fn of_a_thousand_simulated_experiments_as_many_are_right_as_was_said() {
    let spec = spec(&json!({}));
    let mut dice = Dice(20_260_131);
    let mut run = |rates: [f64; 2]| {
        let mut users = [(0, 0); 2];
        for _ in 0..600 {
            let of = usize::from(dice.share() < 0.5);
            users[of].0 += 1;
            users[of].1 += u64::from(dice.share() < rates[of]);
        }
        let [(m, b), (n, a)] = users;
        tally(&spec, &[("\"A\"", m, b, 0), ("\"B\"", n, a, 0)]).report(Source::default()).unwrap()
    };
    let (mut covered, mut alarms, mut mismatches) = (0, 0, 0);
    for _ in 0..1000 {
        let report = run([0.1, 0.18]);
        let interval = report.comparisons[0].difference_interval.unwrap();
        covered += usize::from(interval.low <= 0.08 && 0.08 <= interval.high);
        mismatches += usize::from(report.split.mismatch);
        alarms += usize::from(run([0.15, 0.15]).verdict.code == "difference");
    }
    // Within three standard errors of 950, 50 and 1.
    assert!((929..=971).contains(&covered), "{covered}");
    assert!((29..=71).contains(&alarms), "{alarms}");
    assert!(mismatches <= 4, "{mismatches}");
}
