//! Trends as they are printed.

use insta::assert_snapshot;
use serde_json::json;
use weir_core::answer::{GroupValue, Source};
use weir_core::trends::TrendsPrevious;

use super::*;
use crate::output::Format;
use crate::render::render;

fn line(id: &str, label: &str, measure: &str, values: &[Option<f64>], total: Option<f64>) -> TrendLine {
    TrendLine {
        id: id.to_owned(),
        label: label.to_owned(),
        measure: measure.to_owned(),
        values: values.iter().copied().map(Figure).collect(),
        moving_average: None,
        total: Figure(total),
    }
}

fn bucket(day: u32, open: bool) -> TrendBucketSpan {
    TrendBucketSpan {
        start: format!("2026-01-{day:02}T00:00:00+09:00"),
        end: format!("2026-01-{:02}T00:00:00+09:00", day + 1),
        open,
    }
}

fn report() -> TrendsReport {
    TrendsReport {
        kind: "trends",
        version: 42,
        complete_to: Some("2026-01-03T12:00:00Z".to_owned()),
        buckets: vec![bucket(1, false), bucket(2, false), bucket(3, true)],
        series: vec![
            line("A", "purchase", "events", &[Some(1200.0), Some(0.0), Some(300.0)], Some(1500.0)),
            line("B", "users: purchase", "users", &[Some(900.0), Some(0.0), Some(290.0)], Some(1000.0)),
            line("F1", "A / B", "formula", &[Some(4.0 / 3.0), None, Some(300.0 / 290.0)], Some(1.5)),
        ],
        breakdown: None,
        previous: None,
        scanned: Source::default().scanned,
    }
}

fn shown(report: &TrendsReport, format: Format) -> String {
    render(&TrendsView { report, property: Some("country".to_owned()) }, format, 80).unwrap()
}

#[test]
fn a_trend_is_a_chart_and_a_table() {
    assert_snapshot!(shown(&report(), Format::Table), @"
    A   purchase         █·▂
    B   users: purchase  █·▃
    F1  A / B            █·▇

    start       purchase  users: purchase  A / B
    ──────────  ────────  ───────────────  ─────  ──────────
    2026-01-01     1,200              900   1.33
    2026-01-02         0                0      –
    2026-01-03       300              290   1.03  still open
    whole          1,500            1,000    1.5

    A user of several buckets counts once in the whole, so that buckets do not add up to it.
    ");
    assert_snapshot!(shown(&report(), Format::Csv), @"
    series,label,start,number,open
    A,purchase,2026-01-01T00:00:00+09:00,1200,false
    A,purchase,2026-01-02T00:00:00+09:00,0,false
    A,purchase,2026-01-03T00:00:00+09:00,300,true
    B,users: purchase,2026-01-01T00:00:00+09:00,900,false
    B,users: purchase,2026-01-02T00:00:00+09:00,0,false
    B,users: purchase,2026-01-03T00:00:00+09:00,290,true
    F1,A / B,2026-01-01T00:00:00+09:00,1.3333333333333333,false
    F1,A / B,2026-01-02T00:00:00+09:00,,false
    F1,A / B,2026-01-03T00:00:00+09:00,1.0344827586206897,true
    ");
}

#[test]
fn groups_and_the_period_before_have_tables_of_their_own() {
    let mut report = report();
    report.series.truncate(1);
    report.series[0].moving_average = Some(vec![Figure(None), Figure(Some(600.0)), Figure(Some(150.0))]);
    let group = |value: GroupValue, total: f64| TrendGroup {
        value,
        series: vec![line("A", "purchase", "events", &[Some(total), Some(0.0), Some(0.0)], Some(total))],
    };
    let value = |value: Value| GroupValue::Value { value };
    report.breakdown = Some(vec![
        group(value(json!("KR")), 1000.0),
        group(value(json!(null)), 400.0),
        group(GroupValue::other(), 100.0),
    ]);
    report.previous = Some(TrendsPrevious {
        from: "2025-12-29T00:00:00+09:00".to_owned(),
        to: "2026-01-01T00:00:00+09:00".to_owned(),
        buckets: vec![bucket(1, false)],
        series: vec![line("A", "purchase", "events", &[Some(1000.0)], Some(1000.0))],
        breakdown: Some(Vec::new()),
    });
    assert_snapshot!(shown(&report, Format::Table), @"
    A   purchase  █·▂

    start       purchase  average
    ──────────  ────────  ───────  ──────────
    2026-01-01     1,200        –
    2026-01-02         0      600
    2026-01-03       300      150  still open
    whole          1,500

    By country:

    country       purchase  by bucket
    ────────────  ────────  ─────────
    KR               1,000  █··
    (not set)          400  █··
    (all others)       100  █··

    Compared with 2025-12-29T00:00:00+09:00 to 2026-01-01T00:00:00+09:00:

    series    before    now  change
    ────────  ──────  ─────  ──────
    purchase   1,000  1,500  +50.0%
    ");
    assert_snapshot!(shown(&report, Format::Markdown), @"
    | start | purchase | average |  |
    | --- | ---: | ---: | --- |
    | 2026-01-01 | 1,200 | – |  |
    | 2026-01-02 | 0 | 600 |  |
    | 2026-01-03 | 300 | 150 | still open |
    | whole | 1,500 |  |  |

    By country:

    | country | purchase | by bucket |
    | --- | ---: | --- |
    | KR | 1,000 | █·· |
    | (not set) | 400 | █·· |
    | (all others) | 100 | █·· |

    Compared with 2025-12-29T00:00:00+09:00 to 2026-01-01T00:00:00+09:00:

    | series | before | now | change |
    | --- | ---: | ---: | ---: |
    | purchase | 1,000 | 1,500 | +50.0% |
    ");
    assert_snapshot!(shown(&report, Format::Ndjson).lines().last().unwrap_or_default(), @r#"{"period":"previous","group":"all","value":null,"series":"A","label":"purchase","start":"2026-01-01T00:00:00+09:00","number":1000,"moving_average":null,"open":false}"#);
}
