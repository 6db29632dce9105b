//! Paths as they are printed.

use insta::assert_snapshot;
use weir_core::answer::{Figure, Source};
use weir_core::paths::{PathLevel, PathLink, PathNode, WholePath};
use weir_core::spec::parse_value;

use super::*;
use crate::output::Format;
use crate::render::render;

fn event(name: &str) -> PathPlace {
    PathPlace::Event { event: name.to_owned() }
}

fn branch(place: PathPlace, count: u64, children: Vec<PathBranch>) -> PathBranch {
    PathBranch { place, count, share: share(count), children }
}

fn share(count: u64) -> f64 {
    count as f64 / 1000.0
}

fn node(place: PathPlace, count: u64) -> PathNode {
    PathNode { place, count, share: share(count) }
}

fn report() -> PathsReport {
    let other = || PathPlace::Other { other: true };
    let (stopped, open) = (PathPlace::End { end: PathEnd::Stopped }, PathPlace::End { end: PathEnd::Open });
    let tree = branch(
        event("view_job"),
        1000,
        vec![
            branch(
                event("apply_start"),
                415,
                vec![
                    branch(event("지원_완료"), 125, vec![]),
                    branch(stopped.clone(), 280, vec![]),
                    branch(open, 10, vec![]),
                ],
            ),
            branch(event("a_name_that_is_so_long_that_there_is_no_room_for_all_of_it_on_a_line"), 1, vec![]),
            branch(other(), 84, vec![]),
            branch(stopped.clone(), 500, vec![]),
        ],
    );
    let path = |events: &[&str], count| WholePath {
        events: events.iter().map(|event| (*event).to_owned()).collect(),
        count,
        share: share(count),
        open: 0,
    };
    let link = |to: PathPlace, count, ms: Option<f64>| PathLink {
        level: 1,
        from: event("view_job"),
        to,
        count,
        median_ms: Figure(ms),
    };
    PathsReport {
        kind: "paths",
        version: 42,
        complete_to: Some("2026-01-03T12:00:00Z".to_owned()),
        count: "users",
        total: 1000,
        levels: vec![
            PathLevel { level: 1, nodes: vec![node(event("view_job"), 1000)] },
            PathLevel {
                level: 2,
                nodes: vec![node(event("apply_start"), 415), node(other(), 85), node(stopped.clone(), 500)],
            },
        ],
        links: vec![
            link(event("apply_start"), 415, Some(61_000.0)),
            link(other(), 85, Some(100.0)),
            link(stopped, 500, None),
        ],
        paths: vec![path(&["view_job"], 500), path(&["view_job", "apply_start"], 280)],
        tree: vec![tree],
        scanned: Source::default().scanned,
    }
}

fn shown(report: &PathsReport, question: &Value, format: Format) -> String {
    let spec = parse_value(question, 0).unwrap();
    render(&PathsView::of(&spec, report), format, 80).unwrap()
}

#[test]
fn paths_are_a_tree_and_a_list() {
    let text = shown(&report(), &json!({"kind": "paths", "start": "view_job"}), Format::Table);
    assert_snapshot!(text, @"
    1,000 users, from view_job on

    view_job                                         ████████████████  100.0%  1,000
    ├ apply_start                                    ██████▋            41.5%    415
    │ ├ 지원_완료                                    ██                 12.5%    125
    │ ├ (nothing more)                               ████▌              28.0%    280
    │ └ (nothing yet)                                ▏                   1.0%     10
    ├ a_name_that_is_so_long_that_there_is_no_room…  ▏                   0.1%      1
    ├ (all others)                                   █▍                  8.4%     84
    └ (nothing more)                                 ████████           50.0%    500

    The most frequent paths:

    count  share  path
    ─────  ─────  ──────────────────────
      500  50.0%  view_job
      280  28.0%  view_job › apply_start
    ");
    assert!(text.lines().all(|line| width(line) <= 80), "{text}");
}

#[test]
fn backwards_they_say_so() {
    let question = json!({"kind": "paths", "end": {"event": "view_job", "label": "a look"}, "count": "every"});
    assert_snapshot!(shown(&report(), &question, Format::Markdown), @"
    1,000 users, back from a look

    | step | event | count | share | median time |
    | ---: | --- | ---: | ---: | ---: |
    | 1 | view_job | 1,000 | 100.0% |  |
    | 2 | apply_start | 415 | 41.5% | 1 m 1 s |
    | 2 | (all others) | 85 | 8.5% | 100 ms |
    | 2 | (nothing before) | 500 | 50.0% |  |

    The most frequent paths:

    | count | share | path |
    | ---: | ---: | --- |
    | 500 | 50.0% | view_job |
    | 280 | 28.0% | view_job ‹ apply_start |
    ");
}

#[test]
fn records_have_nodes_links_and_paths() {
    assert_snapshot!(shown(&report(), &json!({"kind": "paths", "start": "view_job"}), Format::Csv), @r#"
    part,level,kind,event,to_kind,to_event,count,share,median_ms,open
    node,1,event,view_job,,,1000,1.0,,
    node,2,event,apply_start,,,415,0.415,,
    node,2,other,,,,85,0.085,,
    node,2,stopped,,,,500,0.5,,
    link,1,event,view_job,event,apply_start,415,,61000,
    link,1,event,view_job,other,,85,,100,
    link,1,event,view_job,stopped,,500,,,
    path,1,,"[""view_job""]",,,500,0.5,,0
    path,2,,"[""view_job"",""apply_start""]",,,280,0.28,,0
    "#);
}

#[test]
fn without_whole_paths_levels_are_listed_and_without_users_nothing_is() {
    let question = json!({"kind": "paths", "top": 0, "count": "sessions"});
    let plain = PathsReport { paths: vec![], tree: vec![], ..report() };
    assert_snapshot!(shown(&plain, &question, Format::Table), @"
    1,000 users, from the first event on

    step  event           count   share  median time
    ────  ──────────────  ─────  ──────  ───────────
       1  view_job        1,000  100.0%
       2  apply_start       415   41.5%      1 m 1 s
       2  (all others)       85    8.5%       100 ms
       2  (nothing more)    500   50.0%
    ");
    let nobody = PathsReport { total: 0, levels: vec![], links: vec![], ..plain };
    assert_snapshot!(shown(&nobody, &question, Format::Table), @"0 users, from the first event on");
}
