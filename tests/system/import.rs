//! Events in files.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use weir_tests::Scratch;
use weir_tests::cli::{weir, weir_with_input};

use super::ask::{catalogue, event_count, sql};

fn lines(numbers: std::ops::Range<u64>) -> String {
    let line = |n: u64| {
        let (name, user) = (if n.is_multiple_of(3) { "보기" } else { "pay" }, format!("u{}", n % 7));
        json!({"event": name, "user_id": user, "event_id": format!("e-{n}"), "timestamp": 1_748_854_800_000 + n})
    };
    numbers.map(|n| line(n).to_string() + "\n").collect()
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[track_caller]
fn import(lake: &str, file: &str) -> Value {
    weir(&["import", file, "--lake", lake, "--format", "json"]).ok().json()
}

/// Accepted, duplicate and rejected.
fn outcome(report: &Value) -> [u64; 3] {
    ["accepted", "duplicates", "rejected"]
        .map(|name| report[name].as_u64().unwrap_or_else(|| panic!("no {name}: {report}")))
}

#[test]
fn a_file_counts_once_in_whatever_form_it_comes() {
    let scratch = Scratch::new();
    let text = lines(0..100);
    // Two members after each other are one file, as `cat a.gz b.gz` makes them; a line may begin in one and end in the
    // other.
    let (start, end) = text.split_at(text.len() / 2);
    let gz = [gzipped(start), gzipped(end)].concat();
    let files = [
        scratch.file("events.ndjson", &text),
        scratch.file("events.jsonl.gz", gz),
        scratch.file("events.ndjson.zst", zstd::encode_all(text.as_bytes(), 3).unwrap()),
        // The form is told by the bytes, a byte order mark is no event, and the last line needs no end.
        scratch.file("no-ending", format!("\u{feff}{}", text.trim_end())),
    ];
    for first in 0..files.len() {
        let lake = scratch.arg(&format!("lake-{first}"));
        for (n, file) in files[first..].iter().chain(&files[..first]).enumerate() {
            let expected = if n == 0 { [100, 0, 0] } else { [0, 100, 0] };
            assert_eq!(outcome(&import(&lake, file)), expected, "{file} as number {n}");
        }
        assert_eq!(event_count(&lake), 100);
        let events = weir(&["events", "--lake", &lake, "--format", "json"]).ok().json();
        assert_eq!(catalogue(&events), [("pay".to_owned(), 66), ("보기".to_owned(), 34)].into());
    }
}

#[test]
fn standard_input_is_a_file_too() {
    let scratch = Scratch::new();
    let args = ["import", "-", "--lake", &scratch.lake(), "--format", "json"];
    assert_eq!(outcome(&weir_with_input(&args, lines(0..50).as_bytes()).ok().json()), [50, 0, 0]);
    assert_eq!(outcome(&weir_with_input(&args, &gzipped(&lines(40..60))).ok().json()), [10, 10, 0]);
    let both = [scratch.file("a.ndjson", lines(0..70)), scratch.file("b.ndjson", lines(60..80))];
    let report = weir(&["import", &both[0], &both[1], "--lake", &scratch.lake(), "--format", "json"]).ok().json();
    assert_eq!(outcome(&report), [20, 70, 0]);
    assert_eq!(event_count(&scratch.lake()), 80);
}

#[test]
fn lines_without_an_id_count_once_a_line() {
    let scratch = Scratch::new();
    let line = r#"{"event":"view","user_id":"u1","timestamp":"2025-06-02T09:00:00Z"}"#;
    let other = r#"{"event":"view","user_id":"u2","timestamp":"2025-06-02T09:00:00Z"}"#;
    let text = format!("{line}\n{line}\n{other}\n");
    let file = scratch.file("events.ndjson", &text);
    assert_eq!(outcome(&import(&scratch.lake(), &file)), [3, 0, 0], "two equal lines are two events");
    assert_eq!(outcome(&import(&scratch.lake(), &file)), [0, 3, 0]);
    assert_eq!(outcome(&import(&scratch.lake(), &scratch.file("events.gz", gzipped(&text)))), [0, 3, 0]);
    // A file that has grown adds what is new.
    let grown = scratch.file("grown.ndjson", format!("{text}{line}\n"));
    assert_eq!(outcome(&import(&scratch.lake(), &grown)), [1, 3, 0]);
    let rows = sql(&scratch.lake(), "SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM events");
    assert_eq!(rows, [json!({"n": 4, "ids": 4})]);
}

#[test]
fn rejected_lines_are_named_by_their_numbers() {
    let scratch = Scratch::new();
    let large = format!(r#"{{"event":"a","user_id":"u","properties":{{"text":"{}"}}}}"#, "ㅋ".repeat(100 * 1024));
    assert!(large.len() > 300 * 1024);
    // 200 KB are fine.
    let big = format!(r#"{{"event":"a","user_id":"big","properties":{{"text":"{}"}}}}"#, "x".repeat(200 * 1024));
    let text = [
        r#"{"event":"a","user_id":"u"}"#,
        "",
        r#"{"event":"a"}"#,
        &large,
        &big,
        "not json",
        "\"\u{0}\"",
        r#"{"event":"a","user_id":"u","timestamp":1767225600}"#,
        r#"{"event":"z","user_id":"u"}"#,
    ]
    .join("\n");
    let bytes = [text.as_bytes(), b"\n{\"event\":\"\xff\",\"user_id\":\"u\"}\n"].concat();
    let file = scratch.file("mixed.ndjson", bytes);
    let ran = weir(&["import", &file, "--lake", &scratch.lake(), "--format", "json"]).ok();
    let report = ran.json();
    assert_eq!(outcome(&report), [3, 0, 6]);
    let rejections = report["rejections"].as_array().unwrap();
    let found: Vec<_> = rejections.iter().map(|r| (r["line"].as_u64().unwrap(), r["code"].as_str().unwrap())).collect();
    let expected = [
        (3, "missing_field"),
        (4, "too_large"),
        (6, "invalid_json"),
        (7, "invalid_json"),
        (8, "timestamp_in_seconds"),
        (10, "invalid_json"),
    ];
    assert_eq!(found, expected);
    assert!(rejections.iter().all(|r| r["file"] == json!(file)), "{report}");
    assert!(ran.stderr.contains("mixed.ndjson:3"), "{}", ran.stderr);
    let lengths = sql(&scratch.lake(), "SELECT max(length(properties)) AS n FROM events");
    assert_eq!(lengths, [json!({"n": 200 * 1024 + r#"{"text":""}"#.len()})]);
}

#[test]
fn a_file_without_any_event_is_a_failure() {
    let scratch = Scratch::new();
    let file = scratch.file("bad.ndjson", "{\"event\":\"a\"}\n");
    let ran = weir(&["import", &file, "--lake", &scratch.lake(), "--format", "json"]).exits(1);
    assert_eq!(outcome(&ran.json()), [0, 0, 1]);
    weir(&["import", &scratch.arg("nowhere.ndjson"), "--lake", &scratch.lake()]).exits(1).says("nowhere.ndjson");
    weir(&["import", &scratch.path("").display().to_string(), "--lake", &scratch.lake()]).exits(1).says("directory");
    let cut = gzipped(&lines(0..1000));
    let cut = scratch.file("cut.gz", &cut[..cut.len() / 2]);
    weir(&["import", &cut, "--lake", &scratch.lake()]).exits(1).says("cut.gz");
}

#[test]
fn two_imports_of_one_file_at_the_same_time_count_it_once() {
    let scratch = Scratch::new();
    let file = scratch.file("events.ndjson", lines(0..20_000));
    let reports = std::thread::scope(|scope| {
        let imports = [(); 2].map(|()| scope.spawn(|| import(&scratch.lake(), &file)));
        imports.map(|import| outcome(&import.join().unwrap()))
    });
    assert_eq!(reports[0][0] + reports[1][0], 20_000, "{reports:?}");
    assert_eq!(reports[0][1] + reports[1][1], 20_000, "{reports:?}");
    let rows = sql(&scratch.lake(), "SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM events");
    assert_eq!(rows, [json!({"n": 20_000, "ids": 20_000})]);
}
