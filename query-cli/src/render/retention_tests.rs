//! Retention as it is printed.

use insta::assert_snapshot;
use weir_core::answer::{GroupValue, Source};
use weir_core::retention::{RetentionCohort, RetentionGroup};

use super::*;
use crate::output::Format;
use crate::render::render;

fn cell(count: u64, users: u64, open: bool) -> Option<RetentionCell> {
    Some(RetentionCell { count, share: count as f64 / users as f64, open })
}

fn total(count: u64, users: u64, open: bool) -> RetentionTotal {
    let share = if users == 0 { 0.0 } else { count as f64 / users as f64 };
    RetentionTotal { users, count, share, open }
}

fn cohort(day: u32, users: u64, returned: Vec<Option<RetentionCell>>) -> RetentionCohort {
    RetentionCohort { start: format!("2026-01-{day:02}T00:00:00+09:00"), users, returned }
}

fn report() -> RetentionReport {
    let none = |open| Some(RetentionCell { count: 0, share: 0.0, open });
    RetentionReport {
        kind: "retention",
        version: 42,
        complete_to: Some("2026-01-20T00:00:00Z".to_owned()),
        interval: "week",
        columns: (0..3).map(|n| Periods { from: n, to: Some(n) }).collect(),
        cohorts: vec![
            cohort(5, 1234, vec![cell(1200, 1234, false), cell(300, 1234, false), cell(1, 1234, true)]),
            cohort(12, 0, vec![none(false), none(true), None]),
            cohort(19, 10, vec![cell(10, 10, true), None, None]),
        ],
        whole: RetentionWhole {
            users: 1244,
            returned: vec![total(1200, 1234, true), total(300, 1234, true), total(0, 0, true)],
        },
        breakdown: None,
        scanned: Source::default().scanned,
    }
}

fn shown(report: &RetentionReport, format: Format, width: usize) -> String {
    let view = RetentionView { report, property: Some("country".to_owned()) };
    render(&view, format, width).unwrap()
}

#[test]
fn retention_is_a_triangle_of_shares() {
    assert_snapshot!(shown(&report(), Format::Table, 80), @"
    week        users     week 0    week 1     week 2
    ──────────  ─────  ─────────  ────────  ─────────
    2026-01-05  1,234  ▇  97.2%   ▁  24.3%  ▁   0.1%*
    2026-01-12      0         –          –
    2026-01-19     10  █ 100.0%*
    whole       1,244  ▇  97.2%   ▁  24.3%         –

    * not over yet: more may come back. The whole has only cohorts for which a period is over.
    ");
    assert_snapshot!(shown(&report(), Format::Markdown, 80), @"
    | week | users | week 0 | week 1 | week 2 |
    | --- | ---: | ---: | ---: | ---: |
    | 2026-01-05 | 1,234 | 97.2% | 24.3% | 0.1%* |
    | 2026-01-12 | 0 | – | – |  |
    | 2026-01-19 | 10 | 100.0%* |  |  |
    | whole | 1,244 | 97.2% | 24.3% | – |

    * not over yet: more may come back. The whole has only cohorts for which a period is over.
    ");
    assert_snapshot!(shown(&report(), Format::Csv, 80), @"
    start,users,from,to,count,share,open
    2026-01-05T00:00:00+09:00,1234,0,0,1200,0.9724473257698542,false
    2026-01-05T00:00:00+09:00,1234,1,1,300,0.24311183144246354,false
    2026-01-05T00:00:00+09:00,1234,2,2,1,0.0008103727714748784,true
    2026-01-12T00:00:00+09:00,0,0,0,0,0.0,false
    2026-01-12T00:00:00+09:00,0,1,1,0,0.0,true
    2026-01-12T00:00:00+09:00,0,2,2,,,
    2026-01-19T00:00:00+09:00,10,0,0,10,1.0,true
    2026-01-19T00:00:00+09:00,10,1,1,,,
    2026-01-19T00:00:00+09:00,10,2,2,,,
    ,1234,0,0,1200,0.9724473257698542,true
    ,1234,1,1,300,0.24311183144246354,true
    ,0,2,2,0,0.0,true
    ");
}

#[test]
fn groups_have_a_table_of_their_own() {
    let mut report = report();
    report.columns =
        vec![Periods { from: 0, to: Some(2) }, Periods { from: 3, to: Some(10) }, Periods { from: 11, to: None }];
    let group = |value: GroupValue, users: u64| RetentionGroup {
        value,
        whole: RetentionWhole {
            users,
            returned: vec![total(users / 2, users, false), total(0, users, false), total(0, 0, true)],
        },
    };
    let value = |value: Value| GroupValue::Value { value };
    report.breakdown =
        Some(vec![group(value(json!("KR")), 1000), group(value(json!(null)), 200), group(GroupValue::other(), 44)]);
    assert_snapshot!(shown(&report, Format::Table, 80), @"
    week        users   week 0–2  week 3–10   week 11+
    ──────────  ─────  ─────────  ─────────  ─────────
    2026-01-05  1,234  ▇  97.2%    ▁  24.3%  ▁   0.1%*
    2026-01-12      0         –           –
    2026-01-19     10  █ 100.0%*
    whole       1,244  ▇  97.2%    ▁  24.3%         –

    By country:

    country       users  week 0–2  week 3–10  week 11+
    ────────────  ─────  ────────  ─────────  ────────
    KR            1,000  ▄  50.0%   ·   0.0%         –
    (not set)       200  ▄  50.0%   ·   0.0%         –
    (all others)     44  ▄  50.0%   ·   0.0%         –

    * not over yet: more may come back. The whole has only cohorts for which a period is over.
    ");
    assert_snapshot!(shown(&report, Format::Ndjson, 80).lines().last().unwrap_or_default(), @r#"{"group":"other","value":null,"start":null,"users":0,"from":11,"to":null,"count":0,"share":0.0,"open":true}"#);
}

#[test]
fn columns_for_which_there_is_no_room_stand_below() {
    let mut report = report();
    report.columns = (0..6).map(|n| Periods { from: n, to: None }).collect();
    report.cohorts = vec![cohort(5, 8, (1..=6).map(|n| cell(7 - n, 8, false)).collect())];
    report.whole = RetentionWhole { users: 8, returned: (1..=6).map(|n| total(7 - n, 8, false)).collect() };
    let text = shown(&report, Format::Table, 50);
    assert_snapshot!(text, @"
    week        users   week 0+   week 1+   week 2+
    ──────────  ─────  ────────  ────────  ────────
    2026-01-05      8  ▆  75.0%  ▅  62.5%  ▄  50.0%
    whole           8  ▆  75.0%  ▅  62.5%  ▄  50.0%

    week        users   week 3+   week 4+   week 5+
    ──────────  ─────  ────────  ────────  ────────
    2026-01-05      8  ▃  37.5%  ▂  25.0%  ▁  12.5%
    whole           8  ▃  37.5%  ▂  25.0%  ▁  12.5%
    ");
    assert!(text.lines().all(|line| width(line) <= 50));
    // One column there is always.
    assert_eq!(shown(&report, Format::Table, 5).matches("users").count(), 6);
}

#[test]
fn of_many_cohorts_people_see_the_last() {
    let mut report = report();
    report.cohorts = (0..70).map(|n| cohort(n % 28 + 1, u64::from(n), vec![None, None, None])).collect();
    let text = shown(&report, Format::Table, 80);
    assert!(text.ends_with("\nThe last 62 of 70 cohorts; --format csv has all.\n"), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("2026")).count(), 62);
    assert_eq!(shown(&report, Format::Csv, 80).lines().count(), 1 + 71 * 3);
}
