//! Small worlds, each sent to a lake of its own, and questions about them that are asked before and after compaction, over
//! HTTP and on the command line.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use weir_tests::cli::{weir, weir_with_input};
use weir_tests::server::Server;
use weir_tests::{Scratch, instant_ms, now_ms};

use super::combine::Combiner;
use super::compare::differences;
use super::data::Data;
use super::expect;
use super::question::{Question, duration_ms};
use super::shrink;
use super::worlds::World;

/// Questions about one world.
const PER_WORLD: usize = 60;
/// Questions that are asked unless `ORACLE_QUESTIONS` says otherwise.
const QUESTIONS: usize = 1_500;
/// Worlds at once.
const THREADS: usize = 2;

/// What must have occurred in many questions for the comparison to mean something.
const FEATURES: &[&str] = &[
    "order ordered",
    "order strict",
    "order any",
    "optional",
    "exclusion block",
    "exclusion drop_user",
    "ties lenient",
    "ties arrival",
    "ties strict",
    "count users",
    "count sessions",
    "count attempts",
    "window session",
    "hold",
    "where",
    "any of several",
    "breakdown step",
    "breakdown limit",
    "dates",
    "instants",
    "last",
    "compare",
    "interval hour",
    "interval day",
    "interval week",
    "interval month",
    "still open",
    "conversions",
    "an optional step taken",
    "an optional step passed over",
    "others",
    "several buckets",
    "users in the period before",
];

/// How often each rule had users who took all steps, and how often each part of an answer occurred.
type Seen = BTreeMap<String, usize>;

#[test]
fn every_combination_of_rules_is_what_an_enumeration_of_all_attempts_says() {
    let number = |name: &str, default: usize| {
        let given = std::env::var(name).ok();
        given.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
    };
    let (questions, first) = (number("ORACLE_QUESTIONS", QUESTIONS), number("ORACLE_SEED", 1));
    let worlds = questions.div_ceil(PER_WORLD);
    let (next, failures, seen) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Mutex::new(Seen::new()));
    let started = Instant::now();
    let work = || {
        while failures.lock().expect("no panic before").is_empty() {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= worlds {
                return;
            }
            match check((first + at) as u64, PER_WORLD.min(questions - at * PER_WORLD)) {
                Ok(more) => {
                    let mut seen = seen.lock().expect("no panic before");
                    more.into_iter().for_each(|(feature, times)| *seen.entry(feature).or_default() += times);
                }
                Err(failure) => failures.lock().expect("no panic before").push(failure),
            }
        }
    };
    thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(work))));
    let failures = failures.into_inner().expect("no panic before");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    let seen = seen.into_inner().expect("no panic before");
    println!("{questions} questions about {worlds} worlds in {:?}: {seen:?}", started.elapsed());
    let missing: Vec<&&str> = FEATURES.iter().filter(|feature| !seen.contains_key(**feature)).collect();
    assert!(missing.is_empty() || questions < QUESTIONS, "in no question with conversions: {missing:?}");
}

/// Sends one world and asks about it.
fn check(seed: u64, questions: usize) -> Result<Seen, String> {
    let world = World::draw(seed, now_ms());
    let data = Data::of(world.sent());
    let scratch = Scratch::new();
    let lake = scratch.lake();
    let server = Server::start(&lake);
    let sent_ms = send(&world, &scratch, &server, data.copies);
    let mut combiner = Combiner::new(&world, seed);
    let asked: Vec<_> = (0..questions).map(|_| combiner.question()).collect();
    let mut seen = Seen::new();
    for when in ["before compaction", "after compaction"] {
        if when == "after compaction" {
            weir(&["compact", "--lake", &lake]).ok();
        }
        for (at, (spec, features)) in asked.iter().enumerate() {
            let by_command = (at % 3 == 0) == (when == "before compaction");
            let before = now_ms();
            let way = format!("{when}, {}", if by_command { "on the command line" } else { "over HTTP" });
            let answer = if by_command { ask_by_command(&lake, spec) } else { ask_over_http(&server, spec) };
            let report = answer.map_err(|refused| failure(&world, seed, &way, spec, &[refused]))?;
            let complete_to = report["complete_to"].as_str().map_or(0, instant_ms);
            assert!((sent_ms..=now_ms()).contains(&complete_to), "seed {seed}: sent at {sent_ms}: {report}");
            let Some(expected) = expected(&data, spec, &report, before) else { continue };
            let found = differences(&report, &expected);
            if !found.is_empty() {
                return Err(failure(&world, seed, &way, spec, &found));
            }
            let answers = expect::features_of(&report);
            let rules = features.iter().map(String::as_str).filter(|_| answers.contains(&"conversions"));
            rules.chain(answers.iter().copied()).for_each(|f| *seen.entry(f.to_owned()).or_default() += 1);
        }
    }
    Ok(seen)
}

/// Sends all batches, one after the other. Gives the instant before the last one.
fn send(world: &World, scratch: &Scratch, server: &Server, copies: usize) -> i64 {
    let (mut sent_ms, mut duplicates, mut all_by_import) = (0, 0, true);
    for (at, batch) in world.batches.iter().enumerate() {
        sent_ms = now_ms();
        match batch.import {
            Some(source) => {
                let lines: String = batch.events.iter().map(|event| format!("{event}\n")).collect();
                let file = scratch.file(&format!("{at}.ndjson"), lines);
                let args = ["import", &file, "--lake", &scratch.lake(), "--source", source, "--format", "json"];
                let report = weir(&args).ok().json();
                assert_eq!(report["rejected"], 0, "{report}");
                duplicates += report["duplicates"].as_u64().expect("a number") as usize;
            }
            None => {
                server.http().land(&batch.events);
                all_by_import = false;
            }
        }
        // So that no two batches arrive in one millisecond.
        thread::sleep(Duration::from_millis(2));
    }
    assert!(!all_by_import || duplicates == copies, "{duplicates} duplicates, expected {copies}");
    sent_ms
}

fn ask_by_command(lake: &str, spec: &Value) -> Result<Value, String> {
    let args = ["funnel", "--lake", lake, "--spec", "-", "--format", "json", "--quiet"];
    let ran = weir_with_input(&args, spec.to_string().as_bytes());
    if ran.code == 0 { Ok(ran.json()) } else { Err(ran.stderr) }
}

fn ask_over_http(server: &Server, spec: &Value) -> Result<Value, String> {
    let header = ("content-type", "application/json");
    let answer = server.http().post("/api/query", header, spec.to_string().as_bytes());
    if answer.status == 200 { Ok(answer.json()) } else { Err(answer.body) }
}

/// What a report must be. Nothing where it depends on the very millisecond of asking, which is not known.
fn expected(data: &Data, spec: &Value, report: &Value, before_ms: i64) -> Option<Value> {
    let at = |now_ms: i64| expect::answer(&Question::read(spec, now_ms), data, &report["complete_to"]);
    let known_ms = now_of(report, spec, before_ms);
    let expected = at(known_ms);
    let is_certain = spec.get("last").is_none() || report.get("previous").is_some() || at(now_ms()) == expected;
    is_certain.then_some(expected)
}

/// When a question was asked, if the report tells, else `before_ms`.
pub fn now_of(report: &Value, spec: &Value, before_ms: i64) -> i64 {
    let last = spec["last"].as_str().map(duration_ms);
    // The period before ends where that of the question begins.
    last.zip(report["previous"]["to"].as_str()).map_or(before_ms, |(last, to)| instant_ms(to) + last)
}

fn failure(world: &World, seed: u64, how: &str, spec: &Value, found: &[String]) -> String {
    format!(
        "a disagreement {how}, in the world of ORACLE_SEED={seed} ORACLE_QUESTIONS={PER_WORLD}\n\nquestion: {spec}\n\n  \
         {}\n\nmade small:\n\n{}",
        found.join("\n  "),
        shrink::reproduction(world.sent(), spec)
    )
}
