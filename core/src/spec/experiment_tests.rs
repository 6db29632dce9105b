//! What an experiment means, and what a person reads where it is wrong.

use serde_json::{Value, json};

use super::*;
use crate::spec::{PropertyRoot, SpecError, parse_value};

fn read(fields: Value) -> Result<ExperimentSpec, SpecError> {
    let mut document =
        json!({"kind": "experiment", "steps": [{"event": "a"}, {"event": "b"}, {"event": "c"}], "variant": "v"});
    document.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    parse_value(&document, 0)?.into_experiment()
}

fn errors(fields: Value) -> String {
    read(fields).unwrap_err().to_string()
}

fn variants(fields: Value) -> Vec<(Value, f64)> {
    read(fields).unwrap().variants.into_iter().map(|variant| (variant.value, variant.share)).collect()
}

#[test]
fn the_smallest_question_compares_all_that_is_found() {
    let spec = read(json!({})).unwrap();
    assert_eq!((spec.exposure.property.path.as_str(), spec.exposure.step, spec.metric), ("v", 1, 3));
    assert_eq!((spec.mixed, spec.confidence, &spec.control), (Mixed::Exclude, 0.95, &None));
    assert!(spec.variants.is_empty());
    let breakdown = spec.funnel.breakdown.unwrap();
    assert_eq!((breakdown.property, breakdown.step), (spec.exposure.property, 1));
    assert_eq!(read(json!({"metric": "conversion", "count": "users", "mixed": null})).unwrap().metric, 3);
}

#[test]
fn a_full_question_is_read_to_the_last_field() {
    let spec = read(
        json!({"from": "2026-01-01", "to": "2026-01-31", "timezone": "Asia/Seoul", "window": "1d", "order": "strict",
        "ties": "arrival", "count": "users", "exclude": [{"event": "x"}], "exclusion": "drop_user", "hold": ["item"],
        "where": [{"property": "plan", "op": "=", "value": "pro"}], "cohort": {"event": "signup"}, "version": 3,
        "variant": {"property": "context.flags.checkout", "step": 2}, "metric": {"step": 3}, "control": 1,
        "variants": [2, 1.0, true], "expected": {"1": 50, "2": 25, "true": 25}, "mixed": "count", "confidence": 0.9}),
    )
    .unwrap();
    assert_eq!(spec.exposure.property, PropertyPath { root: PropertyRoot::Context, path: "flags.checkout".to_owned() });
    assert_eq!((spec.exposure.step, spec.metric, spec.mixed, spec.confidence), (2, 3, Mixed::Count, 0.9));
    assert_eq!((spec.control, spec.funnel.version), (Some(json!(1)), Some(3)));
    let shares: Vec<(Value, f64)> = spec.variants.into_iter().map(|variant| (variant.value, variant.share)).collect();
    assert_eq!(shares, [(json!(2), 0.25), (json!(1.0), 0.5), (json!(true), 0.25)]);
    assert_eq!((spec.funnel.exclude.len(), spec.funnel.hold.len(), spec.funnel.cohorts.len()), (1, 1, 1));
}

#[test]
fn names_alone_are_texts_with_shares_and_lists_alone_have_equal_ones() {
    assert_eq!(variants(json!({"expected": {"B": 3, "A": 1}})), [(json!("A"), 0.25), (json!("B"), 0.75)]);
    assert_eq!(variants(json!({"variants": ["B", "A"]})), [(json!("B"), 0.5), (json!("A"), 0.5)]);
    // The first of a list is the control; of shares, whose order means nothing, the first by its name.
    assert_eq!(read(json!({"variants": ["old", "new"]})).unwrap().control, Some(json!("old")));
    assert_eq!(read(json!({"expected": {"old": 1, "new": 1}})).unwrap().control, Some(json!("new")));
}

#[test]
fn what_is_wrong_is_named() {
    let missing = parse_value(&json!({"kind": "experiment", "steps": [{"event": "a"}]}), 0).unwrap_err().to_string();
    assert_eq!(
        missing,
        "steps: found 1 step; expected one that shows the variant, and one behind it that is a success\n\
         variant: missing; expected a property such as \"page_version\", or {\"property\": \"page_version\", \"step\": 1}"
    );
    assert_eq!(
        errors(
            json!({"variant": {"property": "v", "step": 3}, "metric": {"step": 1}, "confidence": 95, "mixed": "drop"})
        ),
        "variant.step: found the number 3; expected a whole number from 1 to 2\n\
         metric.step: found the number 1; expected a whole number from 2 to 3\n\
         mixed: unknown mixed `drop`; expected `exclude` or `count`\n\
         confidence: found the number 95; expected a share from 0.5 to 0.999, such as 0.95"
    );
    assert_eq!(
        errors(json!({"metric": "hired"})),
        "metric: found the text `hired`; expected \"conversion\", which is the last step, or a step such as {\"step\": 2}"
    );
    let first = |fields: Value| errors(fields).lines().next().unwrap_or_default().split(';').next().map(str::to_owned);
    assert_eq!(first(json!({"breakdown": "country"})).as_deref(), Some("breakdown: unknown field `breakdown`"));
    assert_eq!(
        first(json!({"compare": "previous", "last": "3d"})).as_deref(),
        Some("compare: unknown field `compare`")
    );
}

#[test]
fn what_makes_no_experiment_is_refused() {
    assert_eq!(
        errors(json!({"order": "any", "count": "attempts"})),
        "order: in order `any` a success may come before the variant was shown; expected `ordered` or `strict`\n\
         count: an experiment counts users: several sessions or attempts of one user are not independent, and tests would find \
         differences that are not there; leave it out"
    );
    let steps = json!([{"event": "a"}, {"event": "b", "optional": true}, {"event": "c"}]);
    assert_eq!(
        errors(json!({"steps": steps, "variant": {"property": "v", "step": 2}})),
        "variant.step: step 2 is optional, and an attempt may pass over it; expected a step that is not"
    );
    assert_eq!(
        errors(json!({"steps": steps, "metric": {"step": 2}})),
        "metric.step: step 2 is optional, and an attempt may pass over it; expected a step that is not"
    );
    // An attempt that comes to the last step has taken it.
    let last = json!([{"event": "a"}, {"event": "b", "optional": true}]);
    assert_eq!(read(json!({"steps": last, "metric": {"step": 2}})).unwrap().metric, 2);
}

#[test]
fn variants_and_shares_that_do_not_fit_are_named() {
    assert_eq!(
        errors(json!({"variants": ["A"]})),
        "variants: found 1 values; expected a list of 2 to 20 values, such as [\"A\", \"B\"]"
    );
    assert_eq!(errors(json!({"variants": [1, 1.0]})), "variants[1]: the number 1.0 is listed twice");
    assert_eq!(
        errors(json!({"variants": ["A", null]})),
        "variants[1]: found null; expected a text, a number or a boolean"
    );
    assert_eq!(
        errors(json!({"variants": ["A", "B"], "expected": {"A": 0.5, "C": 0.5}})),
        "expected: has no share of `B`, which `variants` lists\nexpected: has a share of `C`, which `variants` does not list"
    );
    assert_eq!(
        errors(json!({"expected": {"A": 0, "B": "half"}})),
        "expected.A: found the number 0; expected a number greater than 0\n\
         expected.B: found the text `half`; expected a number greater than 0"
    );
    assert_eq!(
        errors(json!({"expected": {"A": 1}})),
        "expected: found 1 variants; expected 2 to 20: the share of users of each variant, such as {\"A\": 0.5, \"B\": 0.5}"
    );
    assert_eq!(
        errors(json!({"variants": ["A", "B"], "control": "C"})),
        "control: the text `C` is not among the variants; expected `A` or `B`"
    );
    assert_eq!(errors(json!({"control": ["A"]})), "control: found a list; expected a text, a number or a boolean");
}
