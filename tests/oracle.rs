//! Random funnels, each held against an enumeration of all attempts.
//!
//! ```text
//!   weir demo ──▶ NDJSON ──▶ weir import ──▶ lake ──▶ weir dev ──▶ POST /api/query ──▶ report
//!                   │                                                                    │  equal?
//!                   └──▶ read here ──▶ events of each user ──▶ every attempt ──▶ answer ─┘
//! ```
//!
//! The right-hand way is weir; the lower one is written from the rules of `docs/SEMANTICS.md` alone, and shares no code
//! with weir. Two kinds of lakes are asked: one of generated data, in which each property and each condition occurs, and
//! many small worlds, in which all rules meet ties, copies, late arrivals, sessions, linked ids and changing clocks:
//!
//! ```text
//!   a world ──▶ requests and imports ──▶ lake ──▶ HTTP or --spec - ──▶ weir compact ──▶ the other way ──▶ equal?
//! ```
//!
//! `ORACLE_QUESTIONS` says how many questions are asked of small worlds, `ORACLE_SEED` which is the first world: the one
//! that a failure names is drawn again with it.
//!
//! - [`data`]: events, read and put in order; [`people`]: whose they are.
//! - [`question`]: what a spec means, and what a condition says about an event; [`calendar`]: days and the like.
//! - [`attempts`]: every attempt of a user, and the chosen one.
//! - [`expect`]: the answer; [`compare`]: a report against it.
//! - [`draw`]: random specs for the generated data; [`worlds`], [`combine`]: small worlds, and questions about them.
//! - [`shrink`]: a disagreement made small.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by a panic, has the real clock, and takes how long it runs from the environment"
)]

#[path = "oracle/attempts.rs"]
mod attempts;
#[path = "oracle/calendar.rs"]
mod calendar;
#[path = "oracle/combine.rs"]
mod combine;
#[path = "oracle/compare.rs"]
mod compare;
#[path = "oracle/data.rs"]
mod data;
#[path = "oracle/draw.rs"]
mod draw;
#[path = "oracle/expect.rs"]
mod expect;
#[path = "oracle/people.rs"]
mod people;
#[path = "oracle/question.rs"]
mod question;
#[path = "oracle/shrink.rs"]
mod shrink;
#[path = "oracle/small.rs"]
mod small;
#[path = "oracle/worlds.rs"]
mod worlds;

use std::collections::BTreeSet;
use std::fmt::Write;

use chrono::{DateTime, SecondsFormat};
use serde_json::Value;
use weir_tests::cli::weir;
use weir_tests::server::Server;
use weir_tests::{Scratch, now_ms};

use data::Data;
use draw::Drawer;
use expect::Journey;
use question::Question;

const EVENTS: &str = "100000";
const SEED: u64 = 7;
/// So many questions are asked.
const QUESTIONS: usize = 90;
/// A question whose enumeration looks at more events is drawn again.
const MOST_COST: f64 = 5e6;

/// What must have occurred in some question for the comparison to mean something.
const FEATURES: &[&str] = &[
    "1 steps",
    "2 steps",
    "3 steps",
    "4 steps",
    "*",
    "any",
    "label",
    "where",
    "nested",
    "context",
    "Korean",
    "mistyped",
    "boolean",
    "number",
    "text",
    "list",
    "another type",
    "mixed list",
    "ties lenient",
    "ties arrival",
    "ties strict",
    "days of Asia/Seoul",
    "days of America/New_York",
    "days of UTC",
    "instants",
    "window 1m",
    "window 3d",
    "breakdown by category",
    "breakdown by region",
    "breakdown by context.platform",
    "breakdown by wage",
    "breakdown step",
    "op =",
    "op !=",
    "op in",
    "op not in",
    "op <",
    "op <=",
    "op >",
    "op >=",
    "op contains",
    "op not contains",
    "op starts with",
    "op ends with",
    "op matches",
    "op exists",
    "op not exists",
];

/// A question with its expected answer.
struct Case {
    spec: Value,
    question: Question,
    journeys: Vec<Journey>,
}

#[test]
fn funnels_are_what_an_enumeration_of_all_attempts_says() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    // Up to the last full hour, so that some windows are open, and a failure can be looked into for a while.
    let end = now_ms() / 3_600_000 * 3_600_000;
    let end = DateTime::from_timestamp_millis(end).expect("the present").to_rfc3339_opts(SecondsFormat::Secs, true);
    let lines = weir(&["demo", "--events", EVENTS, "--seed", &SEED.to_string(), "--end", &end]).ok().stdout;
    let file = scratch.file("demo.ndjson", &lines);
    let imported = weir(&["import", &file, "--lake", &lake, "--format", "json"]).ok().json();
    let data =
        Data::of(lines.lines().map(|line| ("dev", serde_json::from_str(line).expect("the file has JSON lines"))));
    drop(lines);
    assert_eq!(imported["accepted"], data.places.len(), "{imported}");
    assert_eq!(imported["duplicates"], data.copies, "{imported}");
    let server = Server::start(&lake);
    check_names(&server, &data);

    let (cases, features) = draw(&data);
    let reports: Vec<Value> = cases.iter().map(|case| server.http().query(&case.spec)).collect();
    compare_all(&end, "at first", &data, &cases, &reports);
    let answers = reports.iter().flat_map(expect::features_of).collect::<BTreeSet<_>>();
    println!("{features:?} {answers:?}");
    assert_eq!(answers, ["conversions", "others", "still open"].into(), "what occurs in answers");
    let converted = reports.iter().filter(|report| last_count(report) > 0).count();
    assert!(converted * 10 >= cases.len() * 7, "only {converted} of {} questions have conversions", cases.len());

    let compacted = weir(&["compact", "--lake", &lake, "--format", "json"]).ok().json();
    assert_ne!(compacted["merges"], 0, "{compacted}");
    check_names(&server, &data);
    let after: Vec<Value> = cases[..20].iter().map(|case| server.http().query(&case.spec)).collect();
    assert!(after.iter().all(|report| report["version"] == compacted["version"]), "{compacted}");
    compare_all(&end, "after compaction", &data, &cases[..20], &after);
    println!("{} questions, {converted} with conversions; {} after compaction", cases.len(), after.len());
}

/// Draws questions that can be enumerated, and works out their answers. Goes on until each feature has occurred.
fn draw(data: &Data) -> (Vec<Case>, BTreeSet<String>) {
    let mut drawer = Drawer::new(data, SEED);
    let (mut cases, mut features, mut drawn) = (Vec::new(), BTreeSet::new(), 0);
    loop {
        let missing: Vec<&str> = FEATURES.iter().copied().filter(|feature| !features.contains(*feature)).collect();
        if cases.len() >= QUESTIONS && missing.is_empty() {
            return (cases, features);
        }
        drawn += 1;
        assert!(drawn < QUESTIONS * 30, "{drawn} questions gave {}, and none of them has {missing:?}", cases.len());
        let (spec, seen) = drawer.question();
        if cases.len() >= QUESTIONS && !missing.iter().any(|feature| seen.contains(*feature)) {
            continue;
        }
        let question = Question::read(&spec, 0);
        if expect::cost(&question, data, MOST_COST) > MOST_COST {
            continue;
        }
        let journeys = expect::journeys(&question, data);
        // Nobody took the first step: that such a question has an empty answer needs to be seen only a few times.
        if journeys.is_empty() && !drawn.is_multiple_of(5) {
            continue;
        }
        features.extend(seen);
        cases.push(Case { spec, question, journeys });
    }
}

#[track_caller]
fn check_names(server: &Server, data: &Data) {
    let catalogue = server.http().get("/api/events").with_status(200).json();
    let listed = catalogue["events"].as_array().expect("a list of events").iter();
    let listed =
        listed.map(|event| (event["event"].as_str().unwrap_or("").to_owned(), event["count"].as_u64().unwrap_or(0)));
    assert_eq!(listed.collect::<std::collections::BTreeMap<_, _>>(), data.names());
}

#[track_caller]
fn compare_all(end: &str, when: &str, data: &Data, cases: &[Case], reports: &[Value]) {
    let mut text = String::new();
    let mut wrong = 0;
    for (case, report) in cases.iter().zip(reports) {
        let expected = expect::answer_of(&case.question, &case.journeys, data, &report["complete_to"]);
        let differences = compare::differences(report, &expected);
        if differences.is_empty() {
            continue;
        }
        wrong += 1;
        if wrong <= 5 {
            let shown = differences.iter().take(8).cloned().collect::<Vec<_>>().join("\n    ");
            writeln!(text, "\n{}\n    {shown}", case.spec).expect("a text takes everything");
        }
    }
    let made = format!("weir demo --events {EVENTS} --seed {SEED} --end {end}");
    assert_eq!(wrong, 0, "of {} questions {when} about the data of `{made}`:{text}", cases.len());
}

fn last_count(report: &Value) -> u64 {
    report["steps"].as_array().and_then(|steps| steps.last()?["count"].as_u64()).unwrap_or(0)
}
