//! A lifecycle as it is printed.

use insta::assert_snapshot;
use weir_core::answer::Source;

use super::*;
use crate::output::Format;
use crate::render::render;

fn bucket(day: u32, figures: [u64; 4], open: bool) -> LifecycleBucket {
    let [new, returning, resurrecting, dormant] = figures;
    let instant = |day: u32| format!("2026-01-{day:02}T00:00:00+09:00");
    LifecycleBucket { start: instant(day), end: instant(day + 1), open, new, returning, resurrecting, dormant }
}

fn report(last_is_open: bool) -> LifecycleReport {
    LifecycleReport {
        kind: "lifecycle",
        version: 42,
        complete_to: Some("2026-01-03T12:00:00Z".to_owned()),
        interval: "day",
        buckets: vec![
            bucket(1, [1200, 0, 0, 0], false),
            bucket(2, [300, 900, 0, 300], false),
            bucket(3, [0, 600, 100, 600], last_is_open),
        ],
        scanned: Source::default().scanned,
    }
}

fn shown(report: &LifecycleReport, format: Format) -> String {
    render(&LifecycleView { report }, format, 80).unwrap()
}

#[test]
fn a_lifecycle_is_a_chart_and_a_table() {
    assert_snapshot!(shown(&report(true), Format::Table), @"
    new           █▂·
    returning     ·▆▄
    resurrecting  ··▁
    dormant       ·▂▄

    day         active    new  returning  resurrecting  dormant
    ──────────  ──────  ─────  ─────────  ────────────  ───────  ──────────
    2026-01-01   1,200  1,200          0             0        0
    2026-01-02   1,200    300        900             0     −300
    2026-01-03     700      0        600           100     −600  still open

    Who is dormant in a bucket that is still open may yet be active in it.
    ");
    assert_snapshot!(shown(&report(false), Format::Markdown), @"
    | day | active | new | returning | resurrecting | dormant |  |
    | --- | ---: | ---: | ---: | ---: | ---: | --- |
    | 2026-01-01 | 1,200 | 1,200 | 0 | 0 | 0 |  |
    | 2026-01-02 | 1,200 | 300 | 900 | 0 | −300 |  |
    | 2026-01-03 | 700 | 0 | 600 | 100 | −600 |  |
    ");
    assert_snapshot!(shown(&report(true), Format::Csv), @"
    start,end,open,new,returning,resurrecting,dormant
    2026-01-01T00:00:00+09:00,2026-01-02T00:00:00+09:00,false,1200,0,0,0
    2026-01-02T00:00:00+09:00,2026-01-03T00:00:00+09:00,false,300,900,0,300
    2026-01-03T00:00:00+09:00,2026-01-04T00:00:00+09:00,true,0,600,100,600
    ");
}

#[test]
fn nobody_is_an_empty_table() {
    let report = LifecycleReport { buckets: Vec::new(), ..report(false) };
    assert_snapshot!(shown(&report, Format::Table), @"
    new
    returning
    resurrecting
    dormant

    day  active  new  returning  resurrecting  dormant
    ───  ──────  ───  ─────────  ────────────  ───────
    ");
}
