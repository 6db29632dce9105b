//! What is said, and with which exit code, when something is wrong.

use std::fs;
use std::io::{BufRead, BufReader};
use std::time::Duration;

use serde_json::json;
use weir_tests::Scratch;
use weir_tests::cli::{Process, command, read_all, weir, weir_with_input};
use weir_tests::server::Server;

use super::ask::{counts, event, funnel, funnel_of};

#[test]
fn a_lake_that_is_not_there_is_named_with_what_makes_one() {
    let scratch = Scratch::new();
    let lake = scratch.arg("nowhere");
    for args in [&["funnel", "--step", "a"][..], &["events"], &["sql", "SELECT 1"], &["stats"], &["compact"]] {
        let ran = weir(&[args, &["--lake", &lake]].concat()).exits(1);
        let ran = ran.says(&lake).says(&format!("weir import FILE --lake {lake}"));
        assert_eq!(ran.stdout, "");
    }
    assert!(!scratch.path("nowhere").exists(), "a question makes no lake");
}

#[test]
fn a_command_line_that_cannot_be_understood_is_a_usage_error() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    weir(&["funel"]).exits(2).says("funnel");
    weir(&["funnel", "--lake", &lake, "--stpe", "a"]).exits(2).says("--step");
    weir(&["import", "--lake", &lake]).exits(2).says("FILE");
    weir(&["funnel", "--step", "a"]).exits(2).says("--lake");
    weir(&["funnel", "--lake", &lake]).exits(2).says("--step");
    weir(&["events", "--lake", &lake, "--format", "jsn"]).exits(2).says("json");
    // A step that breaks off, with a mark where.
    weir(&["funnel", "--lake", &lake, "--step", "a where price >>> 3"]).exits(2).says(">=").says("^");
    weir(&["funnel", "--lake", &lake, "--step", "a where country cntains x"]).exits(2).says("contains");
    weir(&["funnel", "--lake", &lake, "--step", "a", "--timezone", "Asia/Soul"]).exits(2).says("Asia/Seoul");
    weir(&["funnel", "--lake", &lake, "--step", "a", "--window", "1fortnight"]).exits(2).says("14d");
    weir(&["funnel", "--lake", &lake, "--step", "a", "--ties", "lenent"]).exits(2).says("lenient");
    weir(&["funnel", "--lake", &lake, "--step", "a", "--from", "2025-02-30"]).exits(2).says("2025-02-30");
}

#[test]
fn a_bad_document_is_refused_with_the_nearest_names() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    let spec = json!({"kind": "funnel", "steps": [{"evnt": "a"}], "widnow": "1d"});
    let file = scratch.file("spec.json", spec.to_string());
    weir(&["funnel", "--lake", &lake, "--spec", &file]).exits(2).says("`window`").says("`event`");
    let ran = weir_with_input(&["funnel", "--lake", &lake, "--spec", "-"], spec.to_string().as_bytes());
    ran.exits(2).says("`window`");
    let file = scratch.file("no.json", "{\"kind\": ");
    weir(&["funnel", "--lake", &lake, "--spec", &file]).exits(2).says("no.json");
    weir(&["funnel", "--lake", &lake, "--spec", &scratch.arg("nowhere.json")]).exits(1).says("nowhere.json");
}

#[test]
fn an_event_that_nobody_sent_is_noted_and_no_failure() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    server.http().land(&[event("view_item", "u1", 1_748_854_800_000)]);
    let ran = weir(&["funnel", "--lake", &scratch.lake(), "--step", "view_itme", "--format", "json"]).ok();
    assert_eq!(counts(&ran.json()), [0]);
    ran.says("view_item");
    let quiet = weir(&["funnel", "--lake", &scratch.lake(), "--step", "view_itme", "--quiet"]).ok();
    assert_eq!(quiet.stderr, "");
}

#[test]
fn sql_only_reads() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    server.http().land(&[event("view", "u1", 1_748_854_800_000)]);
    let copy = scratch.arg("copy.csv");
    for statement in [
        "DROP TABLE events".to_owned(),
        "INSERT INTO events SELECT * FROM events".to_owned(),
        "CREATE TABLE x AS SELECT 1".to_owned(),
        "DELETE FROM events".to_owned(),
        format!("COPY (SELECT * FROM events) TO '{copy}'"),
        format!("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '{copy}'"),
    ] {
        let ran = weir(&["sql", &statement, "--lake", &scratch.lake()]);
        assert_ne!(ran.code, 0, "{statement}");
        assert_eq!(ran.stdout, "", "{statement}");
    }
    assert!(!scratch.path("copy.csv").exists());
    let ran = weir(&["sql", "SELECT evnt FROM events", "--lake", &scratch.lake()]);
    assert_ne!(ran.code, 0);
    ran.says("evnt");
    assert_eq!(counts(&funnel(&scratch.lake(), &["--step", "view"])), [1]);
}

#[test]
fn the_columns_that_the_help_names_are_there() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    server.http().land(&[event("view", "u1", 1_748_854_800_000)]);
    let help = weir(&["sql", "--help"]).ok().stdout;
    for (table, least) in [("events", 8), ("failed", 12)] {
        let listed = help.split_once(&format!("Columns of `{table}`:")).expect("the help lists the columns").1;
        let lines = listed.lines().skip(1).take_while(|line| line.starts_with("  "));
        // Names stand in front, their meaning behind at least two spaces; a meaning that goes on has no name.
        let names = lines.filter(|line| !line.starts_with("    "));
        let names: Vec<String> = names
            .filter_map(|line| line.trim_start().split("  ").next())
            .flat_map(|names| names.split(", ").map(|name| name.trim().to_owned()))
            .collect();
        assert!(names.len() >= least, "{names:?}");
        let query = format!("SELECT {} FROM {table}", names.join(", "));
        weir(&["sql", &query, "--lake", &scratch.lake()]).ok();
    }
}

#[test]
fn a_reader_who_has_read_enough_is_no_failure() {
    let scratch = Scratch::new();
    let demo = weir(&["demo", "--events", "20000", "--end", "now"]).ok().stdout;
    assert_eq!(demo.lines().count(), 20_000);
    weir_with_input(&["import", "-", "--lake", &scratch.lake()], demo.as_bytes()).ok();
    let lake = scratch.lake();
    // More than a pipe holds, of which one line is read; and little, of which nothing is.
    let long: [&[&str]; 3] = [
        &["demo", "--events", "200000"],
        &["sql", "SELECT * FROM events", "--lake", &lake, "--format", "ndjson", "--quiet"],
        &["sql", "SELECT * FROM events", "--lake", &lake, "--format", "csv", "--quiet"],
    ];
    for args in long {
        let mut process = Process::spawn(command(args));
        let stderr = read_all(process.0.stderr.take().unwrap());
        let mut first = String::new();
        BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut first).unwrap();
        assert!(first.ends_with('\n'), "{args:?} printed {first:?}");
        silent_success(&mut process, args);
        assert_eq!(String::from_utf8_lossy(&stderr.join().unwrap()), "", "{args:?}");
    }
    let short: [&[&str]; 3] = [
        &["funnel", "--lake", &lake, "--step", "view_job", "--breakdown", "region", "--quiet"],
        &["events", "--lake", &lake, "--quiet"],
        &["stats", "--lake", &lake],
    ];
    for args in short {
        let mut process = Process::spawn(command(args));
        let stderr = read_all(process.0.stderr.take().unwrap());
        drop(process.0.stdout.take());
        silent_success(&mut process, args);
        assert_eq!(String::from_utf8_lossy(&stderr.join().unwrap()), "", "{args:?}");
    }
}

#[track_caller]
fn silent_success(process: &mut Process, args: &[&str]) {
    let status = process.wait(Duration::from_secs(60)).unwrap_or_else(|| panic!("{args:?} goes on without a reader"));
    assert_eq!(status.code(), Some(0), "{args:?} ended with {status}");
}

#[test]
fn a_damaged_file_is_named_and_nothing_is_counted_without_it() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    let lines = |part: i64| {
        let line = |n: i64| {
            let (user, id) = (format!("u{}", n % 97), format!("e-{part}-{n}"));
            let properties = json!({"n": n * 7919 % 1009});
            let time_ms = 1_748_854_800_000 + n;
            json!({"event": "view", "user_id": user, "event_id": id, "timestamp": time_ms, "properties": properties})
        };
        (0..3_000).map(|n| line(n).to_string() + "\n").collect::<String>()
    };
    for part in 0..2 {
        weir_with_input(&["import", "-", "--lake", &lake], lines(part).as_bytes()).ok();
    }
    let files = scratch.data_files();
    assert_eq!(files.len(), 2, "{files:?}");
    let (path, name) = (&files[0], files[0].file_name().unwrap().to_str().unwrap());
    let whole = fs::read(path).unwrap();
    type Damage = fn(&[u8]) -> Vec<u8>;
    let damages: [(&str, Damage); 4] = [
        ("its columns are overwritten", |bytes| overwritten(bytes, 4, bytes.len() / 2)),
        ("its end is overwritten", |bytes| overwritten(bytes, bytes.len() - 600, bytes.len())),
        ("its end is cut off", |bytes| bytes[..bytes.len() - 100].to_vec()),
        ("it is empty", |_| Vec::new()),
    ];
    for (what, damage) in damages {
        fs::write(path, damage(&whole)).unwrap();
        for args in [
            &["funnel", "--step", "view where n > 3"][..],
            &["sql", "SELECT count(DISTINCT properties), max(\"user\") FROM events"],
            &["events"],
            &["compact"],
        ] {
            let ran = weir(&[args, &["--lake", &lake, "--format", "json"]].concat());
            if what == "its columns are overwritten" && args == ["events"] {
                // What is noted of the rows lies behind them, and is whole.
                assert_eq!(ran.json()[0]["count"], 6_000);
                continue;
            }
            assert_eq!(ran.code, 1, "{what}: {args:?}\n{}\n{}", ran.stdout, ran.stderr);
            assert!(ran.stderr.contains(name), "{what}: {args:?} does not name the file:\n{}", ran.stderr);
            assert_eq!(ran.stdout, "", "{what}: {args:?}");
        }
    }
    fs::remove_file(path).unwrap();
    weir(&["funnel", "--step", "view", "--lake", &lake]).exits(1).says(name);
    let server = Server::start(&lake);
    let answer = server.http().post(
        "/api/query",
        ("content-type", "application/json"),
        funnel_of(&["view"]).to_string().as_bytes(),
    );
    assert!(answer.status >= 500 && answer.body.contains(name), "{} {}", answer.status, answer.body);
    drop(server);
    // Nothing else was harmed.
    fs::write(path, whole).unwrap();
    let report = funnel(&lake, &["--step", "view where n > 3"]);
    assert_eq!(counts(&report), [97]);
    assert_eq!(super::ask::event_count(&lake), 6_000);
}

fn overwritten(bytes: &[u8], from: usize, to: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[from..to].iter_mut().zip((0_u8..=255).cycle()).for_each(|(byte, n)| *byte ^= n | 0x55);
    bytes
}
