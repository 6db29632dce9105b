//! What a check takes, and what it says of answers.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn problems(check: &Value, kind: &str) -> Vec<String> {
    let error = Check::parse(check, kind).unwrap_err();
    error.problems.into_iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect()
}

#[test]
fn what_is_left_out_is_the_usual() {
    let check = Check::parse(&json!({"measure": "conversion", "below": 0.2}), "funnel").unwrap();
    let usual = Check {
        measure: Measure::Conversion(None),
        below: Some(0.2),
        above: None,
        every_ms: DEFAULT_EVERY_MS,
        webhook: None,
    };
    assert_eq!(check, usual);
    let named = json!({"measure": "latest", "series": "F1", "below": 1, "above": 2, "every": "6h", "webhook": "https://a.example/x"});
    let check = Check::parse(&named, "trends").unwrap();
    assert_eq!((check.measure, check.every_ms), (Measure::Latest("F1".to_owned()), 6 * 3_600_000));
    let returned = Check::parse(&json!({"measure": "returned", "above": 1}), "retention").unwrap();
    assert_eq!(returned.measure, Measure::Returned(1));
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let check = json!({
        "measure": "latest", "step": 0, "period": "x", "below": "many", "every": "1m", "webhook": "ftp://x", "colour": 1
    });
    let found = problems(&check, "funnel");
    for says in [
        "colour: unknown field",
        "step: found the number 0",
        "period: found the text `x`",
        "measure: found the text `latest`",
        "below: found the text `many`",
        "every: found `1m`; expected at least `10m`",
        "webhook: expected an address",
    ] {
        assert!(found.iter().any(|problem| problem.starts_with(says)), "{says}: {found:#?}");
    }
    assert_eq!(
        problems(&json!({"measure": "count"}), "funnel"),
        ["below: missing, and so is `above`; expected at least one of them, as a number"]
    );
    assert!(
        problems(&json!({"measure": "count", "below": 1}), "paths")[0]
            .starts_with("measure: a question of kind `paths`")
    );
    assert_eq!(
        problems(&json!({"measure": "total", "below": 1, "step": 2}), "trends"),
        ["step: does not go with `total`; leave it out"]
    );
    for webhook in ["https://", "https:///x", "http://:80", "https://a b", "javascript:alert(1)", "https://@x"] {
        assert!(
            Check::parse(&json!({"measure": "count", "below": 1, "webhook": webhook}), "funnel").is_err(),
            "{webhook}"
        );
    }
}

#[test]
fn numbers_are_those_of_the_answer() {
    let funnel = json!({"steps": [{"count": 10, "from_first": 1.0}, {"count": 4, "from_first": 0.4}, {"count": 1, "from_first": 0.1}]});
    let trends = json!({
        "buckets": [{"open": false}, {"open": false}, {"open": true}],
        "series": [{"id": "A", "values": [1, 2, 3], "total": 6}, {"id": "F1", "values": [0.5, null, 1], "total": null}],
    });
    let retention = json!({
        "columns": [{"from": 0, "to": 0}, {"from": 1, "to": 3}],
        "whole": {"returned": [{"users": 9, "share": 1.0}, {"users": 8, "share": 0.25}]},
    });
    let value = |check: Value, kind: &str, answer: &Value| Check::parse(&check, kind).unwrap().value_in(answer);
    assert_eq!(value(json!({"measure": "conversion", "below": 1}), "funnel", &funnel), Some(0.1));
    assert_eq!(value(json!({"measure": "conversion", "step": 2, "below": 1}), "funnel", &funnel), Some(0.4));
    assert_eq!(value(json!({"measure": "count", "step": 2, "below": 1}), "funnel", &funnel), Some(4.0));
    assert_eq!(value(json!({"measure": "count", "step": 4, "below": 1}), "funnel", &funnel), None);
    assert_eq!(value(json!({"measure": "total", "below": 1}), "trends", &trends), Some(6.0));
    assert_eq!(value(json!({"measure": "latest", "below": 1}), "trends", &trends), Some(2.0));
    assert_eq!(value(json!({"measure": "latest", "series": "F1", "below": 1}), "trends", &trends), None);
    assert_eq!(value(json!({"measure": "total", "series": "Z", "below": 1}), "trends", &trends), None);
    assert_eq!(value(json!({"measure": "returned", "period": 2, "below": 1}), "retention", &retention), Some(0.25));
    assert_eq!(value(json!({"measure": "returned", "period": 9, "below": 1}), "retention", &retention), None);
    let empty = json!({"steps": [{"count": 0, "from_first": 1.0}, {"count": 0, "from_first": 0.0}]});
    assert_eq!(
        value(json!({"measure": "conversion", "below": 1}), "funnel", &empty),
        None,
        "of nobody there is no share"
    );
}

proptest! {
    #[test]
    fn it_fails_outside_of_its_bounds_and_only_there(value: f64, below: Option<f64>, above: Option<f64>) {
        prop_assume!(value.is_finite());
        let check = Check { measure: Measure::Count(None), below, above, every_ms: 1, webhook: None };
        let is_out = matches!(below, Some(least) if value < least) || matches!(above, Some(most) if value > most);
        prop_assert_eq!(check.standing(Some(value)) == Standing::Failing, is_out);
        prop_assert_eq!(check.standing(None), Standing::None);
    }

    #[test]
    fn no_answer_makes_it_panic(text in "\\PC{0,40}", step in 1_u64..64) {
        let answer: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        for (measure, kind) in [(Measure::Conversion(Some(step)), "funnel"), (Measure::Latest("A".into()), "trends"), (Measure::Returned(step), "retention")] {
            let check = Check { measure, below: None, above: None, every_ms: 1, webhook: None };
            let _ = (check.value_in(&answer), kind);
        }
    }
}
