//! From options and documents to an experiment.

use std::path::PathBuf;

use weir_core::spec::{ExperimentSpec, parse_value};

use super::*;
use crate::args::{AttemptArgs, ScopeArgs};

fn args() -> ExperimentArgs {
    let attempt = AttemptArgs { steps: vec!["see".to_owned(), "buy".to_owned()], ..AttemptArgs::default() };
    ExperimentArgs { attempt, variant: Some("page".to_owned()), ..ExperimentArgs::default() }
}

fn read(args: &ExperimentArgs) -> Result<(Value, ExperimentSpec), Failure> {
    let document = document(args)?;
    let spec = parse_value(&document, 0)?.into_experiment()?;
    Ok((document, spec))
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn options_become_the_document_that_they_print() {
    let mut args = args();
    args.attempt.window = Some("7d".to_owned());
    args.attempt.exclude = texts(&["back"]);
    args.variant_step = Some(1);
    args.control = Some("old".to_owned());
    args.expected = texts(&["old=9", "new=1"]);
    args.metric_step = Some(2);
    args.mixed = Some("count".to_owned());
    args.confidence = Some(0.9);
    args.scope.conditions = texts(&["plan = pro"]);
    args.scope.cohort = texts(&["signup"]);
    let (document, spec) = read(&args).unwrap();
    let expected = json!({"kind": "experiment", "where": [{"property": "plan", "op": "=", "value": "pro"}],
        "cohort": [{"event": "signup"}], "steps": [{"event": "see"}, {"event": "buy"}], "exclude": [{"event": "back"}],
        "window": "7d", "variant": {"property": "page", "step": 1}, "control": "old", "variants": ["old", "new"],
        "expected": {"old": 9.0, "new": 1.0}, "metric": {"step": 2}, "mixed": "count", "confidence": 0.9});
    assert_eq!(document, expected);
    let shares: Vec<f64> = spec.variants.iter().map(|variant| variant.share).collect();
    assert_eq!((shares, spec.funnel.filters.len()), (vec![0.9, 0.1], 1));
}

#[test]
fn variants_are_numbers_booleans_or_texts_as_they_look() {
    let mut args = args();
    args.variants = texts(&["1", "\"1\"", "true", "b c", "[1]"]);
    let (document, _) = read(&args).unwrap();
    assert_eq!(document["variants"], json!([1, "1", true, "b c", "[1]"]));
    args.variants.clear();
    args.expected = texts(&["1=0.5", "x = y = 0.5"]);
    let (document, _) = read(&args).unwrap();
    assert_eq!(
        (&document["variants"], &document["expected"]),
        (&json!([1, "x = y"]), &json!({"1": 0.5, "x = y": 0.5}))
    );
}

#[test]
fn what_is_wrong_has_the_name_of_its_option() {
    let message = |change: fn(&mut ExperimentArgs)| {
        let mut args = args();
        change(&mut args);
        let failure = read(&args).unwrap_err();
        assert_eq!(failure.exit.code(), 2);
        failure.message
    };
    assert_eq!(
        message(|args| args.expected = texts(&["A"])),
        "--expected: found `A`; expected a variant and its share, such as A=0.5"
    );
    assert_eq!(
        message(|args| args.variant_step = Some(2)),
        "--variant-step: found the number 2; expected a whole number from 1 to 1"
    );
    assert_eq!(
        message(|args| args.metric_step = Some(1)),
        "--metric-step: found the number 1; expected a whole number from 2 to 2"
    );
    assert_eq!(
        message(|args| args.confidence = Some(95.0)),
        "--confidence: found the number 95.0; expected a share from 0.5 to 0.999, such as 0.95"
    );
    assert_eq!(message(|args| args.attempt.window = Some("soon".to_owned())).split(':').next(), Some("--window"));
    assert_eq!(message(|args| args.variants = texts(&["A"])).split(';').next(), Some("--variants: found 1 values"));
    let mut args = args();
    args.variant = None;
    args.variant_step = Some(1);
    assert_eq!(read(&args).unwrap_err().message, "--variant-step without a variant");
}

#[test]
fn a_document_of_another_kind_is_sent_on() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), r#"{"kind": "funnel", "steps": [{"event": "a"}]}"#).unwrap();
    let scope = ScopeArgs { spec: Some(PathBuf::from(file.path())), ..ScopeArgs::default() };
    let failure = read(&ExperimentArgs { scope, ..ExperimentArgs::default() }).unwrap_err();
    assert_eq!(failure.hint.as_deref(), Some("`weir funnel --spec …` answers it"));
}
