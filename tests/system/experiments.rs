//! An experiment whose numbers were worked out apart, with the formulas as they are published: Wilson's interval of a rate,
//! Newcombe's of a difference (his method 10), the pooled test of two shares, and the chi-squared test of the split.

use serde_json::{Value, json};
use weir_tests::Scratch;
use weir_tests::cli::{weir, weir_with_input};

use super::ask::event_with;

const START_MS: i64 = 1_767_225_600_000;

/// 60 of 400 users of `control` buy and 92 of 410 of `new`; 7 users see both, and 3 neither.
fn events() -> Vec<Value> {
    let mut events = Vec::new();
    for (variant, users, buyers) in [("control", 400, 60), ("new", 410, 92)] {
        for number in 0..users {
            let (user, at) = (format!("{variant} {number}"), START_MS + number * 1000);
            events.push(event_with("view", &user, at, &json!({"variant": variant})));
            if number < buyers {
                events.push(event_with("buy", &user, at + 60_000, &json!({})));
            }
        }
    }
    for number in 0..7 {
        for (variant, at) in [("control", START_MS), ("new", START_MS + 10)] {
            events.push(event_with("view", &format!("both {number}"), at, &json!({"variant": variant})));
        }
    }
    events.extend((0..3).map(|number| event_with("view", &format!("neither {number}"), START_MS, &json!({}))));
    events
}

#[track_caller]
fn assert_near(found: &Value, expected: f64) {
    let found = found.as_f64().unwrap_or_else(|| panic!("{found} is no number"));
    assert!((found - expected).abs() < 1e-8, "{found} for {expected}");
}

#[test]
fn an_experiment_has_the_numbers_of_the_published_formulas() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    let lines: Vec<String> = events().iter().map(Value::to_string).collect();
    // Two files, so that users of a variant lie in both.
    let (first, second) = lines.split_at(lines.len() / 2);
    for lines in [first, second] {
        weir_with_input(&["import", "-", "--lake", &lake], lines.join("\n").as_bytes()).ok();
    }
    let question = ["experiment", "--step", "view", "--step", "buy", "--variant", "variant"];
    let ask = |more: &[&str]| weir(&[&question[..], &["--lake", &lake, "--format", "json"], more].concat()).ok().json();
    let before = ask(&[]);
    weir(&["compact", "--lake", &lake]).ok();
    let after = ask(&[]);
    for report in [&before, &after] {
        let of = |name: &str| report["variants"].as_array().unwrap().iter().map(|one| one[name].clone()).collect();
        assert_eq!(
            (of("value"), of("users"), of("converted")),
            (json!(["control", "new"]), json!([400, 410]), json!([60, 92]))
        );
        let [control, new] = [0, 1].map(|at| &report["variants"][at]["rate_interval"]);
        assert_near(&control["low"], 0.118_344_995_30);
        assert_near(&control["high"], 0.188_313_610_73);
        assert_near(&new["low"], 0.186_673_841_13);
        assert_near(&new["high"], 0.267_223_309_14);
        let comparison = &report["comparisons"][0];
        assert_near(&comparison["difference"], 92.0 / 410.0 - 0.15);
        assert_near(&comparison["difference_interval"]["low"], 0.020_627_247_28);
        assert_near(&comparison["difference_interval"]["high"], 0.127_651_024_97);
        assert_near(&comparison["p"], 0.006_706_022_36);
        assert_eq!((&comparison["test"], &report["mixed"]["users"]), (&json!("z"), &json!(7)));
        assert_near(&report["split"]["p"], 0.725_315_148_24);
        assert_eq!(report["split"]["mismatch"], false);
    }
    assert_eq!(before["variants"], after["variants"]);

    // A split of nine to one was meant, and this is none.
    let split = &ask(&["--expected", "control=0.9,new=0.1"])["split"];
    assert_eq!(split["mismatch"], true, "{split}");
    assert!(split["p"].as_f64().unwrap() < 1e-100, "{split}");
}
