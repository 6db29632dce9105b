//! Stickiness as it is printed.

use insta::assert_snapshot;
use weir_core::answer::{Figure, Source};

use super::*;
use crate::output::Format;
use crate::render::render;

fn report(users: &[u64], open: bool) -> StickinessReport {
    let all: u64 = users.iter().sum();
    let share = |part: u64| if all == 0 { 0.0 } else { part as f64 / all as f64 };
    let row = |(at, users_of): (usize, &u64)| {
        let at_least = users[at..].iter().sum();
        StickinessRow {
            periods: at as u64 + 1,
            users: *users_of,
            share: share(*users_of),
            at_least,
            at_least_share: share(at_least),
        }
    };
    let buckets: u64 = users.iter().zip(1..).map(|(users, periods)| users * periods).sum();
    StickinessReport {
        kind: "stickiness",
        version: 42,
        complete_to: Some("2026-01-08T00:00:00Z".to_owned()),
        interval: "day",
        users: all,
        buckets_in_range: users.len() as u64,
        open,
        active: users.iter().enumerate().map(row).collect(),
        average: Figure((all > 0).then(|| buckets as f64 / all as f64)),
        scanned: Source::default().scanned,
    }
}

fn shown(report: &StickinessReport, format: Format) -> String {
    render(&StickinessView { report }, format, 80).unwrap()
}

#[test]
fn stickiness_is_a_row_for_each_number_of_buckets() {
    let report = report(&[800, 300, 0, 100, 0], true);
    assert_snapshot!(shown(&report, Format::Table), @"
    1,200 users, each active in 1.5 of 5 days on average

    days  users  share  so many or more   share
    ────  ─────  ─────  ───────────────  ──────  ──────────────
       1    800  66.7%            1,200  100.0%  █████████████▍
       2    300  25.0%              400   33.3%  █████
       3      0   0.0%              100    8.3%
       4    100   8.3%              100    8.3%  █▋

    The range is not over: users may yet be active in more of it.
    ");
    assert_snapshot!(shown(&report, Format::Markdown), @"
    | days | users | share | so many or more | share |
    | ---: | ---: | ---: | ---: | ---: |
    | 1 | 800 | 66.7% | 1,200 | 100.0% |
    | 2 | 300 | 25.0% | 400 | 33.3% |
    | 3 | 0 | 0.0% | 100 | 8.3% |
    | 4 | 100 | 8.3% | 100 | 8.3% |
    | 5 | 0 | 0.0% | 0 | 0.0% |

    1,200 users, each active in 1.5 of 5 days on average

    The range is not over: users may yet be active in more of it.
    ");
    assert_snapshot!(shown(&report, Format::Csv), @"
    periods,users,share,at_least,at_least_share
    1,800,0.6666666666666666,1200,1.0
    2,300,0.25,400,0.3333333333333333
    3,0,0.0,100,0.08333333333333333
    4,100,0.08333333333333333,100,0.08333333333333333
    5,0,0.0,0,0.0
    ");
}

#[test]
fn nobody_has_no_average() {
    assert_eq!(shown(&report(&[0, 0], false), Format::Table).lines().next(), Some("nobody was active in 2 days"));
}

#[test]
fn of_many_rows_people_see_the_first() {
    let text = shown(&report(&[1; 70], false), Format::Table);
    assert!(text.ends_with("\nThe first 62 of 70 rows; --format csv has all.\n"), "{text}");
    assert_eq!(shown(&report(&[1; 70], false), Format::Csv).lines().count(), 71);
}
