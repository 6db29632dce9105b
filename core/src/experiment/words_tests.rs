//! What people read, and that it claims no more than the numbers bear.

use std::sync::Arc;

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::*;
use crate::answer::Source;
use crate::experiment::ExperimentTally;
use crate::funnel::UserResult;
use crate::spec::parse_value;

fn report(fields: Value, users: &[(&str, u64, u64, u64, u64)]) -> ExperimentReport {
    let mut document = json!({"kind": "experiment", "variant": "v", "steps": [{"event": "see"}, {"event": "buy"}]});
    document.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let spec = parse_value(&document, 0).unwrap().into_experiment().unwrap();
    let mut tally = ExperimentTally::new(Arc::new(spec), Some(1000));
    for (variant, users, converted, open, mixed) in users {
        for at in 0..users + mixed {
            let times_ms = if at < *converted { vec![Some(0), Some(60_000)] } else { vec![Some(0)] };
            let open_until_ms = if at < converted + open { 1000 } else { 999 };
            let group = Some(json!(variant).to_string());
            tally.add(&UserResult { user: None, times_ms, open_until_ms, group }, at >= *users);
        }
    }
    tally.report(Source::default()).unwrap()
}

fn said(report: &ExperimentReport) -> String {
    let caveats = report.caveats.iter().map(|caveat| format!("\n{}: {}", caveat.code, caveat.sentence));
    format!("{}: {}{}", report.verdict.code, report.verdict.sentence, caveats.collect::<String>())
}

#[test]
fn a_difference_is_said_with_what_it_rests_on() {
    assert_snapshot!(said(&report(json!({}), &[("A", 1000, 100, 0, 0), ("B", 1000, 150, 1, 3)])), @"
    difference: Users of B converted more often than those of A: 15.0% against 10.0%, +5.0 points (95% interval +2.1 to +7.9). If there were no difference, chance alone would show as large a one in 0.072% of experiments (p = 0.0007).
    open: 1 user still has time to convert: the rates may still rise.
    mixed: 3 users were seen with several variants, and left out.
    peeking: This holds for one look, at a time that was settled before. Who looks again and again, and stops when there is a difference, finds some that are not there.
    ");
    assert_snapshot!(said(&report(json!({"confidence": 0.9}), &[("A", 100_000, 520, 0, 0), ("B", 100_000, 430, 30_000, 0)])), @"
    difference: Users of B converted less often than those of A: 0.430% against 0.520%, −0.09 points (90% interval −0.14 to −0.04). If there were no difference, chance alone would show as large a one in 0.34% of experiments (p = 0.003).
    open: 30,000 users still have time to convert, 15% of all: the rates are not what they will be. Ask again when their windows have closed.
    peeking: This holds for one look, at a time that was settled before. Who looks again and again, and stops when there is a difference, finds some that are not there.
    ");
}

#[test]
fn no_difference_is_no_proof_that_there_is_none() {
    assert_snapshot!(said(&report(json!({}), &[("A", 1000, 100, 0, 0), ("B", 1000, 104, 0, 0)])), @"
    no_difference: No difference between B and A can be told: +0.4 points (95% interval −2.3 to +3.1); p = 0.77; that does not show that there is none. With so many users, a rate 4.1 points higher would be found in four of five experiments, and a smaller gain less often.
    peeking: This holds for one look, at a time that was settled before. Who looks again and again, and stops when there is a difference, finds some that are not there.
    ");
    assert_snapshot!(said(&report(json!({}), &[("A", 3, 1, 0, 0), ("B", 4, 1, 0, 0)])), @"
    no_difference: No difference between B and A can be told: −8.3 points (95% interval −58.6 to +44.2); p = 1.00; that does not show that there is none.
    peeking: This holds for one look, at a time that was settled before. Who looks again and again, and stops when there is a difference, finds some that are not there.
    ");
}

#[test]
fn several_variants_are_held_against_one() {
    let users = [("A", 1000, 100, 0, 0), ("B", 1000, 150, 0, 0), ("C", 1000, 130, 0, 0), ("D", 1000, 20, 0, 1)];
    assert_snapshot!(said(&report(json!({"mixed": "count"}), &users)), @"
    difference: Users of B converted more often than those of A: 15.0% against 10.0%, +5.0 points (95% interval +2.1 to +7.9), p = 0.001 adjusted. Users of C converted more often than those of A: 13.0% against 10.0%, +3.0 points (95% interval +0.2 to +5.8), p = 0.035 adjusted. Users of D converted less often than those of A: 2.0% against 10.0%, −8.0 points (95% interval −10.1 to −6.0), p < 0.0001 adjusted.
    mixed: 1 user was seen with several variants, and counted in that of the chosen attempt.
    several: P-values are raised for 3 comparisons (Holm); each interval stands for itself.
    peeking: This holds for one look, at a time that was settled before. Who looks again and again, and stops when there is a difference, finds some that are not there.
    ");
    assert_snapshot!(said(&report(json!({}), &users[..1])), @"nothing_to_compare: There is nothing to compare: all users were shown A.");
    let alike = [("A", 1000, 100, 0, 0), ("B", 1000, 101, 0, 0), ("C", 1000, 99, 0, 0)];
    assert_snapshot!(said(&report(json!({}), &alike)), @"
    no_difference: No difference from A can be told of any variant; that does not show that there is none. With so many users, a rate 4.5 points higher would be found in four of five experiments, and a smaller gain less often.
    several: P-values are raised for 2 comparisons (Holm); each interval stands for itself.
    peeking: This holds for one look, at a time that was settled before. Who looks again and again, and stops when there is a difference, finds some that are not there.
    ");
}

#[test]
fn an_uneven_split_is_not_to_be_trusted_whatever_the_rates() {
    assert_snapshot!(said(&report(json!({}), &[("A", 5300, 500, 0, 0), ("B", 4700, 900, 0, 0)])), @"split_mismatch: Do not trust this comparison: users are not dealt out as expected. A has 5,300 users (53.00%), where 50.00% are expected; B has 4,700 users (47.00%), where 50.00% are expected. Chance alone does that in less than 1 of 1,000 experiments (p < 0.0001): something in how variants are dealt out, or in how events are sent, favours one of them.");
    let meant = report(json!({"expected": {"A": 53, "B": 47}}), &[("A", 5300, 500, 0, 0), ("B", 4700, 900, 0, 0)]);
    assert_eq!((meant.verdict.code, meant.split.mismatch), ("difference", false));
    // A variant that nobody was shown is a split too.
    let nobody = report(json!({"variants": ["A", "B"]}), &[("A", 100, 5, 0, 0)]);
    assert_eq!(nobody.verdict.code, "split_mismatch");
}

#[test]
fn figures_have_the_digits_that_their_intervals_give_them() {
    let within = |low: f64, high: f64| Some(Interval { low, high });
    assert_eq!(share_within(0.12345, within(0.10, 0.15)), "12.3%");
    assert_eq!(share_within(0.004321, within(0.0038, 0.0050)), "0.43%");
    assert_eq!(share_within(1.0, None), "100.0%");
    assert_eq!(points(0.02, within(0.004, 0.036)), "+2.0");
    assert_eq!(points(-0.0005, within(-0.001, 0.0001)), "−0.05");
    assert_eq!((points(-0.0001, within(-0.1, 0.1)), points(0.0, None)), ("0.0".to_owned(), "0.0".to_owned()));
    let values = [0.0, 0.00009, 0.00012, 0.0042, 0.0499, 0.05, 0.48, 0.9949, 0.997, 1.0];
    let texts = ["< 0.0001", "< 0.0001", "0.0001", "0.004", "0.050", "0.050", "0.48", "0.99", "> 0.99", "1.00"];
    assert_eq!(values.map(p_value), texts);
}
