//! How a question is asked: what it would take, how it would be answered, again and again, and completed in a shell.

use serde_json::json;
use weir_tests::Scratch;
use weir_tests::cli::{command, weir, weir_in, weir_with_input};
use weir_tests::terminal::Terminal;

use crate::ask::event;

/// Two files of one lake, of which one has no event of January.
fn lake_of(scratch: &Scratch) -> String {
    const JANUARY: i64 = 1_767_225_600_000;
    let lake = scratch.lake();
    for (month, user) in [(0, "ana"), (3, "ben")] {
        let time = JANUARY + month * 31 * 86_400_000;
        let lines = format!("{}\n{}\n", event("view", user, time), event("buy", user, time + 60_000));
        weir_with_input(&["import", "-", "--lake", &lake], lines.as_bytes()).ok();
    }
    lake
}

#[test]
fn what_a_question_would_take_is_what_it_takes() {
    let scratch = Scratch::new();
    let lake = lake_of(&scratch);
    let january = ["--from", "2026-01-01", "--to", "2026-01-31"];
    let questions: [&[&str]; 3] = [
        &["funnel", "--step", "view", "--step", "buy", "--window", "1d"],
        &["trends", "--series", "view", "--compare", "previous"],
        &["stickiness"],
    ];
    for question in questions {
        let ask = |more: &[&str]| {
            weir(&[question, &january, &["--lake", &lake, "--format", "json"], more].concat()).ok().json()
        };
        let (would, took) = (ask(&["--dry-run"]), ask(&[])["scanned"].clone());
        assert_eq!([&would["files"], &would["rows"]], [&took["files"], &took["rows"]], "{question:?}");
        assert_eq!(would["files"], 1, "{question:?}");
        // A footer and some columns of the one file.
        let (bytes, whole) = (would["bytes"].as_u64().unwrap(), took["bytes"].as_u64().unwrap());
        assert!(bytes > 0 && bytes < whole, "{bytes} of {whole}");
        assert_eq!(would["requests"], 2, "{question:?}");
        // Nothing is paid for a lake in a directory.
        assert_eq!(would.get("cost_usd"), None);
    }
}

#[test]
fn a_question_is_explained_by_what_it_reads() {
    let scratch = Scratch::new();
    let lake = lake_of(&scratch);
    let text = weir(&["funnel", "--step", "view", "--step", "buy", "--explain", "--lake", &lake]).ok().stdout;
    assert!(text.contains("MergeScanExec: version=2, files=2, rows=4"), "{text}");
    assert!(text.contains("events=[buy, view]"), "{text}");
    weir(&["funnel", "--step", "view", "--explain", "--dry-run", "--lake", &lake]).exits(2).says("cannot be used with");
}

#[test]
fn a_question_that_is_watched_is_asked_again_with_each_version() {
    let scratch = Scratch::new();
    let lake = lake_of(&scratch);
    let mut terminal =
        Terminal::spawn(command(&["funnel", "--step", "view", "--format", "csv", "--watch", "1", "--lake", &lake]));
    terminal.shows("1,view,2,");
    weir_with_input(&["import", "-", "--lake", &lake], event("view", "cho", 1_767_225_600_000).to_string().as_bytes())
        .ok();
    terminal.shows("1,view,3,");
    terminal.terminate();
    assert_eq!(terminal.wait().code(), None, "a signal ends it");
}

#[test]
fn a_shell_is_offered_the_names_of_the_lake() {
    let scratch = Scratch::new();
    let lake = lake_of(&scratch);
    let script = weir(&["completion", "bash"]).ok().stdout;
    assert!(script.contains("WEIR_COMPLETE"), "{script}");
    // As bash asks, with the words that were typed and which of them is the last.
    let offered = |line: &[&str]| {
        let last = (line.len() - 1).to_string();
        let asked = [("WEIR_COMPLETE", "bash"), ("_CLAP_IFS", "\n"), ("_CLAP_COMPLETE_INDEX", &last)];
        let text = weir_in(&asked, &[&["--"][..], line].concat()).ok().stdout;
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(offered(&["weir", "funnel", "--lake", &lake, "--step", "vi"]), ["view"]);
    assert_eq!(offered(&["weir", "trends", "--lake", &lake, "--series", "b"]), ["buy"]);
    assert!(offered(&["weir", "funnel", "--lake", "/no/lake", "--step", "vi"]).is_empty());
    assert!(offered(&["weir", "fun"]).contains(&"funnel".to_owned()));
}

#[test]
fn questions_are_tested_by_a_file() {
    let scratch = Scratch::new();
    let file = scratch.path("tests.json");
    let events = json!([event("view", "ana", 1_767_225_600_000), event("buy", "ana", 1_767_225_660_000)]);
    let spec = json!({"kind": "funnel", "steps": [{"event": "view"}, {"event": "buy"}]});
    let of = |count: u64| {
        json!({"weir_test": 1, "events": events, "tests": [
            {"name": "buyers", "spec": spec, "expect": {"steps": [{}, {"count": count}]}}]})
    };
    let run = |count: u64| {
        std::fs::write(&file, of(count).to_string()).unwrap();
        weir(&["test", file.to_str().unwrap(), "--format", "json"])
    };
    let passed = run(1).ok().json();
    assert_eq!([&passed["passed"], &passed["failed"]], [&json!(1), &json!(0)]);
    let report = run(2).exits(1).says("1 of 1 test failed").json();
    assert_eq!(report["tests"][0]["differences"], json!([{"path": "steps[1].count", "expected": 2, "found": 1}]));
}
