//! What a person sees of a funnel, and what a program reads.

use insta::assert_snapshot;
use weir_core::answer::Scanned;
use weir_core::funnel::{FunnelReport, FunnelTally, PreviousPeriod, ReportContext, TrendBucket, UserResult};
use weir_core::spec::{Count, parse_value};

use super::*;
use crate::output::Format;
use crate::render::{facts, render};

const MINUTE_MS: i64 = 60_000;
const WINDOW_MS: i64 = 1_000 * MINUTE_MS;
const COMPLETE_TO_MS: i64 = 1_767_225_600_000;

/// So many users of a depth, a group and the minutes of their steps; the last number says how many still have time.
type Users<'a> = (u64, &'a [i64], Option<&'a str>, u64);

fn report(labels: &[&str], users: &[Users<'_>], group_limit: Option<usize>) -> FunnelReport {
    let steps: Vec<_> = labels.iter().map(|_| serde_json::json!({"event": "e"})).collect();
    let question = serde_json::json!({"kind": "funnel", "steps": steps});
    let spec = parse_value(&question, 0).unwrap().into_funnel().unwrap();
    let mut tally = FunnelTally::new(&spec, Some(COMPLETE_TO_MS));
    for (number, minutes, group, open) in users {
        for at in 0..*number {
            let open_until_ms = COMPLETE_TO_MS + if at < *open { WINDOW_MS } else { -WINDOW_MS };
            let times_ms = minutes.iter().map(|minute| Some(minute * MINUTE_MS)).collect();
            tally.add(&UserResult { user: None, times_ms, open_until_ms, group: group.map(str::to_owned) });
        }
    }
    let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
    let scanned = Scanned { files: 12, bytes: 1_234_567, rows: 100_000, elapsed_ms: 85 };
    let complete_to_ms = Some(COMPLETE_TO_MS);
    tally.report(&ReportContext { version: 42, complete_to_ms, labels: &labels, group_limit, scanned })
}

fn show(report: &FunnelReport, format: Format) -> String {
    let property = report.breakdown.as_ref().map(|_| "country".to_owned());
    render(&FunnelView { report, property, count: Count::Users }, format, 80).unwrap()
}

fn board() -> FunnelReport {
    let users: [Users<'_>; 4] = [
        (3_262, &[0], None, 12),
        (1_090, &[0, 4], None, 3),
        (970, &[0, 5, 20], None, 101),
        (250, &[0, 2, 12, 200], None, 9),
    ];
    report(&["view_job", "apply_start", "지원 완료", "hired 🎉"], &users, None)
}

#[test]
fn a_funnel_is_a_table_a_chart_and_a_sentence() {
    assert_snapshot!(show(&board(), Format::Table), @"
    step  event        users  of first  of previous   median      p90  still open
    ────  ───────────  ─────  ────────  ───────────  ───────  ───────  ──────────
       1  view_job     5,572    100.0%
       2  apply_start  2,310     41.5%        41.5%      4 m      5 m          12
       3  지원 완료    1,220     21.9%        52.8%     15 m     15 m           3
       4  hired 🎉       250      4.5%        20.5%  3 h 8 m  3 h 8 m         101

    view_job     ███████████████████████████████████████████████████  100.0%
    apply_start  █████████████████████▏                                41.5%  −3,262
    지원 완료    ███████████▏                                          21.9%  −1,090
    hired 🎉     ██▎                                                    4.5%    −970

    4.5% of 5,572 users went all the way; half of them within 3 h 20 m. 116 more still have time.
    ");
    let board = board();
    assert_snapshot!(facts(board.version, board.complete_to.as_deref(), &board.scanned), @"version 42, complete to 2026-01-01T00:00:00.000Z, 100,000 rows of 12 files in 85 ms");
}

#[test]
fn bars_fill_the_terminal_within_reason() {
    let report = board();
    let view = FunnelView { report: &report, property: None, count: Count::Users };
    for columns in [60, 80, 100] {
        let text = view.text(columns);
        let chart = text.split("\n\n").nth(1).unwrap();
        let widest = chart.lines().map(width).max().unwrap();
        assert!(widest <= columns, "{widest} of {columns}:\n{chart}");
    }
    assert!(view.text(0).contains(&"█".repeat(10)), "narrow terminals wrap rather than hide");
    assert_eq!(view.text(200), view.text(2_000));
}

#[test]
fn a_breakdown_is_a_second_table() {
    let users: [Users<'_>; 6] = [
        (50, &[0], Some("\"KR\""), 2),
        (30, &[0, 10], Some("\"KR\""), 0),
        (12, &[0], Some("null"), 0),
        (5, &[0, 600], Some("\"일본\""), 0),
        (2, &[0], Some("7"), 0),
        (1, &[0, 3], Some("true"), 0),
    ];
    let report = report(&["view", "buy"], &users, Some(3));
    assert_snapshot!(show(&report, Format::Table), @"
    step  event  users  of first  of previous  median   p90  still open
    ────  ─────  ─────  ────────  ───────────  ──────  ────  ──────────
       1  view     100    100.0%
       2  buy       36     36.0%        36.0%    10 m  10 h           2

    view  ████████████████████████████████████████████████████████████  100.0%
    buy   █████████████████████▋                                         36.0%  −64

    36.0% of 100 users went all the way; half of them within 10 m. 2 more still have time.

    By country, as shares of the first step:

    country       users  step 2  median
    ────────────  ─────  ──────  ──────
    KR               80   37.5%    10 m
    (not set)        12    0.0%       –
    일본              5  100.0%    10 h
    (all others)      3   33.3%     3 m
    ");
    assert_snapshot!(show(&report, Format::Markdown), @"
    | step | event | users | of first | of previous | median | p90 | still open |
    | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |
    | 1 | view | 100 | 100.0% |  |  |  |  |
    | 2 | buy | 36 | 36.0% | 36.0% | 10 m | 10 h | 2 |

    36.0% of 100 users went all the way; half of them within 10 m. 2 more still have time.

    By country, as shares of the first step:

    | country | users | step 2 | median |
    | --- | ---: | ---: | ---: |
    | KR | 80 | 37.5% | 10 m |
    | (not set) | 12 | 0.0% | – |
    | 일본 | 5 | 100.0% | 10 h |
    | (all others) | 3 | 33.3% | 3 m |
    ");
    assert_snapshot!(show(&report, Format::Csv), @"
    group,value,step,label,count,from_first,from_previous,median_ms,p90_ms,in_window
    all,,1,view,100,1.0,1.0,,,0
    all,,2,buy,36,0.36,0.36,600000,36000000,2
    value,KR,1,view,80,1.0,1.0,,,0
    value,KR,2,buy,30,0.375,0.375,600000,600000,2
    none,,1,view,12,1.0,1.0,,,0
    none,,2,buy,0,0.0,0.0,,,0
    value,일본,1,view,5,1.0,1.0,,,0
    value,일본,2,buy,5,1.0,1.0,36000000,36000000,0
    other,,1,view,3,1.0,1.0,,,0
    other,,2,buy,1,0.3333333333333333,0.3333333333333333,180000,180000,0
    ");
}

#[test]
fn programs_read_the_report_as_it_is() {
    let report = report(&["view", "a,b"], &[(3, &[0], None, 1), (1, &[0, 10], None, 0)], None);
    assert_eq!(show(&report, Format::Json), serde_json::to_string(&report).unwrap() + "\n");
    assert_snapshot!(show(&report, Format::Ndjson), @r#"
    {"step":1,"label":"view","count":4,"from_first":1.0,"from_previous":1.0,"median_ms":null,"p90_ms":null,"in_window":0}
    {"step":2,"label":"a,b","count":1,"from_first":0.25,"from_previous":0.25,"median_ms":600000,"p90_ms":600000,"in_window":1}
    "#);
    assert_snapshot!(show(&report, Format::Csv), @r#"
    step,label,count,from_first,from_previous,median_ms,p90_ms,in_window
    1,view,4,1.0,1.0,,,0
    2,"a,b",1,0.25,0.25,600000,600000,1
    "#);
}

#[test]
fn the_sentence_fits_the_figures() {
    let sentence = |labels: &[&str], users: &[Users<'_>]| {
        let report = report(labels, users, None);
        FunnelView { report: &report, property: None, count: Count::Users }.sentence()
    };
    let two = |users: &[Users<'_>]| sentence(&["a", "b"], users);
    assert_eq!(two(&[]), "No user took the first step.");
    assert_eq!(two(&[(1, &[0], None, 0)]), "The 1 user did not go all the way.");
    assert_eq!(two(&[(7, &[0], None, 1)]), "None of 7 users went all the way. 1 more still has time.");
    assert_eq!(two(&[(7, &[0], None, 7)]), "None of 7 users went all the way. 7 more still have time.");
    assert_eq!(two(&[(1, &[0, 9], None, 0)]), "The 1 user went all the way; it took 9 m.");
    assert_eq!(two(&[(8, &[0, 9], None, 0)]), "All 8 users went all the way; half of them within 9 m.");
    assert_eq!(two(&[(1, &[0, 9], None, 0), (1, &[0], None, 0)]), "50.0% of 2 users went all the way; it took 9 m.");
    assert_eq!(sentence(&["a"], &[(1_234, &[0], None, 0)]), "1,234 users took the step.");
}

#[test]
fn an_empty_answer_is_honest() {
    assert_snapshot!(show(&report(&["view", "buy"], &[], Some(10)), Format::Table), @"
    step  event  users  of first  of previous  median  p90  still open
    ────  ─────  ─────  ────────  ───────────  ──────  ───  ──────────
       1  view       0      0.0%
       2  buy        0      0.0%         0.0%       –    –           0

    No user took the first step.
    ");
    assert_snapshot!(show(&report(&["view"], &[(5, &[0], None, 0)], None), Format::Table), @"
    step  event  users
    ────  ─────  ─────
       1  view       5

    5 users took the step.
    ");
}

#[test]
fn a_long_funnel_shows_groups_by_the_last_step() {
    let labels = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let report = report(&labels, &[(4, &[0], Some("1"), 0), (1, &[0, 1, 2, 3, 4, 5, 6, 7], Some("1"), 0)], Some(3));
    let text = show(&report, Format::Table);
    let header = text.lines().find(|line| line.starts_with("country")).unwrap();
    assert_eq!(header, "country  users  step 8  median");
}

#[test]
fn long_labels_are_cut_for_people_only() {
    let label = "x".repeat(50);
    let report = report(&[&label, "b"], &[(1, &[0], None, 0)], None);
    assert!(!show(&report, Format::Table).contains(&label));
    assert!(show(&report, Format::Markdown).contains(&label));
    assert!(show(&report, Format::Csv).contains(&label));
}

/// The board with a trend and the period before.
fn with_more() -> FunnelReport {
    let mut with_more = board();
    let earlier = report(&["view_job", "apply_start", "지원 완료", "hired 🎉"], &[(4_000, &[0], None, 0)], None);
    with_more.previous = Some(PreviousPeriod {
        from: "2025-12-01T00:00:00+09:00".to_owned(),
        to: "2026-01-01T00:00:00+09:00".to_owned(),
        steps: earlier.steps,
        conversion_ms: earlier.conversion_ms,
        breakdown: None,
        trend: None,
    });
    let bucket =
        |start: &str, entered, converted, open| TrendBucket { start: start.to_owned(), entered, converted, open };
    with_more.trend = Some(vec![
        bucket("2026-01-01T00:00:00+09:00", 5_000, 249, 0),
        bucket("2026-01-02T00:00:00+09:00", 0, 0, 0),
        bucket("2026-01-03T00:00:00+09:00", 572, 1, 116),
    ]);
    with_more
}

#[test]
fn a_trend_and_the_period_before_have_tables_of_their_own() {
    assert_snapshot!(show(&with_more(), Format::Table), @"
    step  event        users  of first  of previous   median      p90  still open
    ────  ───────────  ─────  ────────  ───────────  ───────  ───────  ──────────
       1  view_job     5,572    100.0%
       2  apply_start  2,310     41.5%        41.5%      4 m      5 m          12
       3  지원 완료    1,220     21.9%        52.8%     15 m     15 m           3
       4  hired 🎉       250      4.5%        20.5%  3 h 8 m  3 h 8 m         101

    view_job     ███████████████████████████████████████████████████  100.0%
    apply_start  █████████████████████▏                                41.5%  −3,262
    지원 완료    ███████████▏                                          21.9%  −1,090
    hired 🎉     ██▎                                                    4.5%    −970

    4.5% of 5,572 users went all the way; half of them within 3 h 20 m. 116 more still have time.

    By when they began:

    start       users  converted  share  still open
    ──────────  ─────  ─────────  ─────  ──────────
    2026-01-01  5,000        249   5.0%           0
    2026-01-02      0          0      –           0
    2026-01-03    572          1   0.2%         116

    Compared with 2025-12-01T00:00:00+09:00 to 2026-01-01T00:00:00+09:00:

    step  event        before    now  of first, before     now
    ────  ───────────  ──────  ─────  ────────────────  ──────
       1  view_job      4,000  5,572            100.0%  100.0%
       2  apply_start       0  2,310              0.0%   41.5%
       3  지원 완료         0  1,220              0.0%   21.9%
       4  hired 🎉          0    250              0.0%    4.5%
    ");
    assert_snapshot!(show(&with_more(), Format::Markdown), @"
    | step | event | users | of first | of previous | median | p90 | still open |
    | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |
    | 1 | view_job | 5,572 | 100.0% |  |  |  |  |
    | 2 | apply_start | 2,310 | 41.5% | 41.5% | 4 m | 5 m | 12 |
    | 3 | 지원 완료 | 1,220 | 21.9% | 52.8% | 15 m | 15 m | 3 |
    | 4 | hired 🎉 | 250 | 4.5% | 20.5% | 3 h 8 m | 3 h 8 m | 101 |

    4.5% of 5,572 users went all the way; half of them within 3 h 20 m. 116 more still have time.

    By when they began:

    | start | users | converted | share | still open |
    | --- | ---: | ---: | ---: | ---: |
    | 2026-01-01 | 5,000 | 249 | 5.0% | 0 |
    | 2026-01-02 | 0 | 0 | – | 0 |
    | 2026-01-03 | 572 | 1 | 0.2% | 116 |

    Compared with 2025-12-01T00:00:00+09:00 to 2026-01-01T00:00:00+09:00:

    | step | event | before | now | of first, before | now |
    | ---: | --- | ---: | ---: | ---: | ---: |
    | 1 | view_job | 4,000 | 5,572 | 100.0% | 100.0% |
    | 2 | apply_start | 0 | 2,310 | 0.0% | 41.5% |
    | 3 | 지원 완료 | 0 | 1,220 | 0.0% | 21.9% |
    | 4 | hired 🎉 | 0 | 250 | 0.0% | 4.5% |
    ");
}

#[test]
fn a_trend_and_the_period_before_have_rows() {
    assert_snapshot!(show(&with_more(), Format::Csv), @"
    period,group,value,step,label,count,from_first,from_previous,median_ms,p90_ms,in_window
    current,all,,1,view_job,5572,1.0,1.0,,,0
    current,all,,2,apply_start,2310,0.41457286432160806,0.41457286432160806,240000,300000,12
    current,all,,3,지원 완료,1220,0.2189519023689878,0.5281385281385281,900000,900000,3
    current,all,,4,hired 🎉,250,0.04486719310839914,0.20491803278688525,11280000,11280000,101
    current,start,2026-01-01T00:00:00+09:00,1,view_job,5000,1.0,,,,0
    current,start,2026-01-01T00:00:00+09:00,4,hired 🎉,249,0.0498,,,,0
    current,start,2026-01-02T00:00:00+09:00,1,view_job,0,0.0,,,,0
    current,start,2026-01-02T00:00:00+09:00,4,hired 🎉,0,0.0,,,,0
    current,start,2026-01-03T00:00:00+09:00,1,view_job,572,1.0,,,,0
    current,start,2026-01-03T00:00:00+09:00,4,hired 🎉,1,0.0017482517482517483,,,,116
    previous,all,,1,view_job,4000,1.0,1.0,,,0
    previous,all,,2,apply_start,0,0.0,0.0,,,0
    previous,all,,3,지원 완료,0,0.0,0.0,,,0
    previous,all,,4,hired 🎉,0,0.0,0.0,,,0
    ");
}

#[test]
fn what_is_counted_is_named() {
    let board = board();
    let text = |count| render(&FunnelView { report: &board, property: None, count }, Format::Markdown, 80).unwrap();
    assert_snapshot!(text(Count::Sessions), @"
    | step | event | sessions | of first | of previous | median | p90 | still open |
    | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |
    | 1 | view_job | 5,572 | 100.0% |  |  |  |  |
    | 2 | apply_start | 2,310 | 41.5% | 41.5% | 4 m | 5 m | 12 |
    | 3 | 지원 완료 | 1,220 | 21.9% | 52.8% | 15 m | 15 m | 3 |
    | 4 | hired 🎉 | 250 | 4.5% | 20.5% | 3 h 8 m | 3 h 8 m | 101 |

    4.5% of 5,572 sessions went all the way; half of them within 3 h 20 m. 116 more still have time.
    ");
    assert_snapshot!(text(Count::Attempts), @"
    | step | event | attempts | of first | of previous | median | p90 | still open |
    | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |
    | 1 | view_job | 5,572 | 100.0% |  |  |  |  |
    | 2 | apply_start | 2,310 | 41.5% | 41.5% | 4 m | 5 m | 12 |
    | 3 | 지원 완료 | 1,220 | 21.9% | 52.8% | 15 m | 15 m | 3 |
    | 4 | hired 🎉 | 250 | 4.5% | 20.5% | 3 h 8 m | 3 h 8 m | 101 |

    4.5% of 5,572 attempts went all the way; half of them within 3 h 20 m. 116 more still have time.
    ");
}

#[test]
fn an_optional_step_says_who_took_it() {
    let mut board = board();
    board.steps[1].taken = Some(1_000);
    assert_snapshot!(show(&board, Format::Markdown), @"
    | step | event | users | took it | of first | of previous | median | p90 | still open |
    | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
    | 1 | view_job | 5,572 |  | 100.0% |  |  |  |  |
    | 2 | apply_start | 2,310 | 1,000 | 41.5% | 41.5% | 4 m | 5 m | 12 |
    | 3 | 지원 완료 | 1,220 |  | 21.9% | 52.8% | 15 m | 15 m | 3 |
    | 4 | hired 🎉 | 250 |  | 4.5% | 20.5% | 3 h 8 m | 3 h 8 m | 101 |

    4.5% of 5,572 users went all the way; half of them within 3 h 20 m. 116 more still have time.
    ");
    assert_snapshot!(show(&board, Format::Csv), @"
    step,label,count,from_first,from_previous,median_ms,p90_ms,in_window,taken
    1,view_job,5572,1.0,1.0,,,0,
    2,apply_start,2310,0.41457286432160806,0.41457286432160806,240000,300000,12,1000
    3,지원 완료,1220,0.2189519023689878,0.5281385281385281,900000,900000,3,
    4,hired 🎉,250,0.04486719310839914,0.20491803278688525,11280000,11280000,101,
    ");
}
