//! An experiment as it is printed.

use std::sync::Arc;

use insta::assert_snapshot;
use serde_json::{Value, json};
use weir_core::answer::Source;
use weir_core::experiment::ExperimentTally;
use weir_core::funnel::UserResult;
use weir_core::spec::parse_value;

use super::*;
use crate::output::Format;
use crate::render::render;

/// Variant, users, those who converted, those who still have time, those who were seen with another variant too.
type Users<'a> = (Value, u64, u64, u64, u64);

fn shown(fields: Value, users: &[Users<'_>], format: Format) -> String {
    let mut document =
        json!({"kind": "experiment", "variant": "checkout", "steps": [{"event": "see"}, {"event": "buy"}]});
    document.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let spec = parse_value(&document, 0).unwrap().into_experiment().unwrap();
    let mut tally = ExperimentTally::new(Arc::new(spec), Some(1000));
    for (variant, users, converted, open, mixed) in users {
        for at in 0..users + mixed {
            let times_ms = if at < *converted { vec![Some(0), Some(90_000)] } else { vec![Some(0)] };
            let open_until_ms = if at < converted + open { 1000 } else { 999 };
            tally.add(
                &UserResult { user: None, times_ms, open_until_ms, group: Some(variant.to_string()) },
                at >= *users,
            );
        }
    }
    let report = tally.report(Source { version: 42, complete_to_ms: Some(1000), ..Source::default() }).unwrap();
    render(&ExperimentView { report: &report, property: "checkout".to_owned() }, format, 100).unwrap()
}

#[test]
fn two_variants_are_two_tables_and_what_can_be_said() {
    let users = [(json!("old"), 5000, 500, 12, 0), (json!("새로운"), 5040, 570, 3, 4), (json!(null), 7, 0, 0, 0)];
    let fields = || json!({"control": "old"});
    assert_snapshot!(shown(fields(), &users, Format::Table), @"
    checkout       users  converted   rate    95% interval    median  still open
    ─────────────  ─────  ─────────  ─────  ──────────────  ────────  ──────────
    old (control)  5,000        500  10.0%   9.2% to 10.9%  1 m 30 s          12
    새로운         5,040        570  11.3%  10.5% to 12.2%  1 m 30 s           3

    Against old, in percentage points and relative to its rate:

    checkout  points  95% interval  below ┊ above                    relative     95% interval      p  test
    ────────  ──────  ────────────  ───────────────────────────────  ────────  ───────────────  ─────  ────
    새로운      +1.3  +0.1 to +2.5  ┊├──────────────●─────────────┤    +13.1%  +1.0% to +26.7%  0.033  z

    Users of 새로운 converted more often than those of old: 11.3% against 10.0%, +1.3 points (95%
    interval +0.1 to +2.5). If there were no difference, chance alone would show as large a one in 3.3%
    of experiments (p = 0.033).

    15 users still have time to convert: the rates may still rise.

    4 users were seen with several variants, and left out.

    This holds for one look, at a time that was settled before. Who looks again and again, and stops
    when there is a difference, finds some that are not there.

    Not compared: 7 users without `checkout`.
    ");
    assert_snapshot!(shown(fields(), &users, Format::Markdown), @"
    | checkout | users | converted | rate | 95% interval | median | still open |
    | --- | ---: | ---: | ---: | ---: | ---: | ---: |
    | old (control) | 5,000 | 500 | 10.0% | 9.2% to 10.9% | 1 m 30 s | 12 |
    | 새로운 | 5,040 | 570 | 11.3% | 10.5% to 12.2% | 1 m 30 s | 3 |

    Against old, in percentage points and relative to its rate:

    | checkout | points | 95% interval | below ┊ above | relative | 95% interval | p | test |
    | --- | ---: | ---: | --- | ---: | ---: | ---: | --- |
    | 새로운 | +1.3 | +0.1 to +2.5 | ┊├──────────────●─────────────┤ | +13.1% | +1.0% to +26.7% | 0.033 | z |

    **Users of 새로운 converted more often than those of old: 11.3% against 10.0%, +1.3 points (95% interval +0.1 to +2.5). If there were no difference, chance alone would show as large a one in 3.3% of experiments (p = 0.033).**

    - 15 users still have time to convert: the rates may still rise.
    - 4 users were seen with several variants, and left out.
    - This holds for one look, at a time that was settled before. Who looks again and again, and stops when there is a difference, finds some that are not there.
    - Not compared: 7 users without `checkout`.
    ");
    assert_snapshot!(shown(fields(), &users, Format::Csv), @"
    value,control,users,converted,rate,rate_low,rate_high,open,mixed,median_ms,expected,difference,difference_low,difference_high,lift,lift_low,lift_high,p,p_adjusted,test,detectable
    old,true,5000,500,0.1,0.09198917998158557,0.10862498157446016,12,0,90000,0.5,,,,,,,,,,
    새로운,false,5040,570,0.1130952380952381,0.10464461015662498,0.12213520997835144,3,4,90000,0.5,0.01309523809523809,0.0010203294116643002,0.025173910580859563,0.13095238095238093,0.0095633233843464,0.2669371582300606,0.03349137705017603,0.03349137705017603,z,0.017405031838611577
    ");
    assert_snapshot!(shown(fields(), &users, Format::Ndjson).lines().next().unwrap_or_default(), @r#"{"value":"old","control":true,"users":5000,"converted":500,"rate":0.1,"rate_low":0.09198917998158557,"rate_high":0.10862498157446016,"open":12,"mixed":0,"median_ms":90000,"expected":0.5,"difference":null,"difference_low":null,"difference_high":null,"lift":null,"lift_low":null,"lift_high":null,"p":null,"p_adjusted":null,"test":null,"detectable":null}"#);
}

#[test]
fn several_variants_are_drawn_to_one_scale() {
    let users = [
        (json!("A"), 1000, 100, 0, 0),
        (json!("B\u{1b}[31m"), 1000, 160, 0, 0),
        (json!("C"), 1000, 60, 0, 0),
        (json!("D"), 1000, 102, 200, 0),
    ];
    assert_snapshot!(shown(json!({}), &users, Format::Table), @r"
    checkout     users  converted   rate    95% interval    median  still open
    ───────────  ─────  ─────────  ─────  ──────────────  ────────  ──────────
    A (control)  1,000        100  10.0%   8.3% to 12.0%  1 m 30 s           0
    B\u{1b}[31m  1,000        160  16.0%  13.9% to 18.4%  1 m 30 s           0
    C            1,000         60   6.0%    4.7% to 7.6%  1 m 30 s           0
    D            1,000        102  10.2%   8.5% to 12.2%  1 m 30 s         200

    Against A, in percentage points and relative to its rate:

    checkout     points  95% interval  below ┊ above                    relative       95% interval         p  adjusted  test
    ───────────  ──────  ────────────  ───────────────────────────────  ────────  ─────────────────  ────────  ────────  ────
    B\u{1b}[31m    +6.0  +3.1 to +8.9               ┊    ├─────●─────┤    +60.0%  +26.6% to +102.2%  < 0.0001    0.0002  z
    C              −4.0  −6.4 to −1.6  ├────●───┤   ┊                     −40.0%   −55.9% to −18.4%    0.0010     0.002  z
    D              +0.2  −2.5 to +2.9          ├────●────┤                 +2.0%   −21.5% to +32.5%      0.88      0.88  z

    Users of B\u{1b}[31m converted more often than those of A: 16.0% against 10.0%, +6.0 points (95%
    interval +3.1 to +8.9), p = 0.0002 adjusted. Users of C converted less often than those of A: 6.0%
    against 10.0%, −4.0 points (95% interval −6.4 to −1.6), p = 0.002 adjusted. Of the other variant no
    difference can be told.

    200 users still have time to convert: the rates may still rise.

    P-values are raised for 3 comparisons (Holm); each interval stands for itself.

    This holds for one look, at a time that was settled before. Who looks again and again, and stops
    when there is a difference, finds some that are not there.
    ");
}

#[test]
fn what_cannot_be_said_has_no_figure() {
    assert_snapshot!(shown(json!({"variants": ["A", "B"]}), &[(json!("A"), 3, 0, 0, 0)], Format::Table), @"
    checkout     users  converted  rate   95% interval  median  still open
    ───────────  ─────  ─────────  ────  ─────────────  ──────  ──────────
    A (control)      3          0  0.0%  0.0% to 56.1%       –           0
    B                0          0     –              –       –           0

    Against A, in percentage points and relative to its rate:

    checkout  points  95% interval  below ┊ above  relative  95% interval  p  test
    ────────  ──────  ────────────  ─────────────  ────────  ────────────  ─  ────
    B              –             –                        –             –  –  –

    There is nothing to compare: no user was shown B.
    ");
    assert_snapshot!(shown(json!({}), &[], Format::Table), @"
    checkout  users  converted  rate  95% interval  median  still open
    ────────  ─────  ─────────  ────  ────────────  ──────  ──────────

    There is nothing to compare: no user was shown a variant.
    ");
}

#[test]
fn intervals_are_drawn_with_zero_where_it_is() {
    let scale = Scale { low: -0.1, high: 0.2 };
    let draw = |low: f64, at: f64, high: f64| scale.draw(Interval { low, high }, at);
    assert_snapshot!(draw(-0.1, 0.05, 0.2), @"├─────────┼────●──────────────┤");
    assert_snapshot!(draw(0.05, 0.1, 0.15), @"          ┊    ├────●────┤");
    assert_snapshot!(draw(-0.1, -0.06, -0.02), @"├───●───┤ ┊");
    assert_snapshot!(draw(0.0, 0.0, 0.001), @"          ●");
    assert_eq!(Scale::of(std::iter::empty()).draw(Interval { low: 0.0, high: 0.0 }, 0.0), "●");
}

#[test]
fn sentences_are_broken_between_words() {
    assert_eq!(wrapped("one two three 구매하기 four", 9), "one two\nthree\n구매하기\nfour\n");
}
