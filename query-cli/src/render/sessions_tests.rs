//! Sessions as they are printed.

use insta::assert_snapshot;
use weir_core::answer::{GroupValue, Source};
use weir_core::funnel::HistogramBin;
use weir_core::sessions::{EventsPerSession, SessionGroup, SessionTimes};

use super::*;
use crate::output::Format;
use crate::render::render;

fn figures(sessions: u64, open: u64) -> SessionFigures {
    let some = |number: f64| Figure((sessions > 0).then_some(number));
    let bins = [(0, 1000, 300), (1000, 5000, 0), (5000, 15000, 700)];
    SessionFigures {
        sessions,
        users: sessions / 2,
        open,
        per_user: some(2.0),
        events: EventsPerSession { n: sessions * 4, mean: some(4.25), median: some(3.0), p90: some(9.5) },
        duration_ms: SessionTimes {
            n: sessions,
            mean: some(500_000.0),
            median: some(61_000.0),
            p90: some(1_900_000.0),
            histogram: bins.map(|(from, to, count)| HistogramBin { from, to, count }).to_vec(),
        },
        bounces: sessions / 10 * 3,
        bounce_share: if sessions > 0 { 0.3 } else { 0.0 },
    }
}

fn report() -> SessionsReport {
    let listed = |name: &str, count| EventShare {
        event: ListedEvent::Event { event: name.to_owned() },
        count,
        share: count as f64 / 1000.0,
    };
    let others = EventShare { event: ListedEvent::Other { other: true }, count: 100, share: 0.1 };
    let bucket = |day: u32, sessions: u64, open: u64, partial: bool| SessionBucket {
        start: format!("2026-01-{day:02}T00:00:00+09:00"),
        end: format!("2026-01-{:02}T00:00:00+09:00", day + 1),
        sessions,
        users: sessions / 2,
        open,
        median_ms: Figure((sessions > 0).then_some(60_000.0)),
        partial,
    };
    SessionsReport {
        kind: "sessions",
        version: 42,
        complete_to: Some("2026-01-03T12:00:00Z".to_owned()),
        figures: figures(1000, 12),
        first_events: vec![listed("open_app", 900), others.clone()],
        last_events: vec![listed("view_job", 900), others],
        trend: Some(vec![bucket(1, 0, 0, false), bucket(2, 700, 2, false), bucket(3, 300, 10, true)]),
        breakdown: Some(vec![
            SessionGroup { value: GroupValue::Value { value: json!("ios") }, figures: figures(900, 12) },
            SessionGroup { value: GroupValue::other(), figures: figures(100, 0) },
        ]),
        scanned: Source::default().scanned,
    }
}

fn shown(report: &SessionsReport, format: Format) -> String {
    render(&SessionsView { report, property: Some("context.platform".to_owned()) }, format, 80).unwrap()
}

#[test]
fn sessions_are_figures_and_tables() {
    assert_snapshot!(shown(&report(), Format::Table), @"
    sessions        1,000
    ──────────────  ──────────────────────────────────────────────────────────
    users           500, 2 sessions each
    events          median 3, mean 4.25, nine in ten up to 9.5
    duration        median 1 m 1 s, mean 8 m 20 s, nine in ten up to 31 m 40 s
    one event only  300 (30.0%)
    still open      12 sessions

    Duration:

    from    to  sessions
    ────  ────  ────────  ────────────────────────
    0 ms   1 s       300  ██████████▎
     1 s   5 s         0
     5 s  15 s       700  ████████████████████████

    They begin with:

    event         sessions  share
    ────────────  ────────  ─────  ──────────────────────
    open_app           900  90.0%  █████████████████████▋
    (all others)       100  10.0%  ██▍

    They end with:

    event         sessions  share
    ────────────  ────────  ─────  ──────────────────────
    view_job           900  90.0%  █████████████████████▋
    (all others)       100  10.0%  ██▍

    By time: ·█▄

    start       sessions  users  median
    ──────────  ────────  ─────  ──────  ─────────────
    2026-01-01         0      0       –
    2026-01-02       700    350     1 m  2 still open
    2026-01-03       300    150     1 m  more may come

    By context.platform of the first event:

    context.platform  sessions  users  events   median  one event
    ────────────────  ────────  ─────  ──────  ───────  ─────────
    ios                    900    450    4.25  1 m 1 s      30.0%
    (all others)           100     50    4.25  1 m 1 s      30.0%
    ");
    assert_snapshot!(shown(&report(), Format::Csv), @"
    part,value,sessions,users,open,bounces,events,events_median,events_p90,duration_mean_ms,duration_median_ms,duration_p90_ms
    all,,1000,500,12,300,4000,3,9.5,500000,61000,1900000
    bucket,2026-01-01T00:00:00+09:00,0,0,0,,,,,,,
    bucket,2026-01-02T00:00:00+09:00,700,350,2,,,,,,60000,
    bucket,2026-01-03T00:00:00+09:00,300,150,10,,,,,,60000,
    value,ios,900,450,12,270,3600,3,9.5,500000,61000,1900000
    other,,100,50,0,30,400,3,9.5,500000,61000,1900000
    first_event,open_app,900,,,,,,,,,
    first_event,,100,,,,,,,,,
    last_event,view_job,900,,,,,,,,,
    last_event,,100,,,,,,,,,
    ");
}

#[test]
fn markdown_has_the_same() {
    let plain = SessionsReport { trend: None, breakdown: None, ..report() };
    assert_snapshot!(shown(&plain, Format::Markdown), @"
    | sessions | 1,000 |
    | --- | --- |
    | users | 500, 2 sessions each |
    | events | median 3, mean 4.25, nine in ten up to 9.5 |
    | duration | median 1 m 1 s, mean 8 m 20 s, nine in ten up to 31 m 40 s |
    | one event only | 300 (30.0%) |
    | still open | 12 sessions |

    Duration:

    | from | to | sessions |  |
    | ---: | ---: | ---: | --- |
    | 0 ms | 1 s | 300 | ██████████▎ |
    | 1 s | 5 s | 0 |  |
    | 5 s | 15 s | 700 | ████████████████████████ |

    They begin with:

    | event | sessions | share |  |
    | --- | ---: | ---: | --- |
    | open_app | 900 | 90.0% | █████████████████████▋ |
    | (all others) | 100 | 10.0% | ██▍ |

    They end with:

    | event | sessions | share |  |
    | --- | ---: | ---: | --- |
    | view_job | 900 | 90.0% | █████████████████████▋ |
    | (all others) | 100 | 10.0% | ██▍ |
    ");
}

#[test]
fn nobody_is_an_honest_zero() {
    let nobody = SessionsReport {
        figures: figures(0, 0),
        first_events: vec![],
        last_events: vec![],
        trend: Some(vec![]),
        breakdown: Some(vec![]),
        ..report()
    };
    assert_snapshot!(shown(&nobody, Format::Table), @"
    sessions        0
    ──────────────  ─────────────────────────────────────
    users           0, – sessions each
    events          median –, mean –, nine in ten up to –
    duration        median –, mean –, nine in ten up to –
    one event only  0 (0.0%)
    ");
}
