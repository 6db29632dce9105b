//! The bars of the compactor's function: its size, its start, its memory, and how long a batch takes.
//!
//! ```text
//! $ cargo run -p weir-tests --example compactor_bars -- PROGRAM
//! ```
//!
//! Starts are from the start of the process to its first question for an event, over stand-ins for stream and lake. Then come
//! batches of 500 events one after another, as an event source mapping hands them to a process; and at last one batch of a few
//! kilobytes that unpacks to more than the function has memory, and one of as many events as fit.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    dead_code,
    reason = "a program of measurements, which shares its site with tests"
)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use weir_core::event::frame::FrameWriter;
use weir_core::event::{EventId, Receipt, envelope, parse};
use weir_tests::lambda::Function;
use weir_tests::lambda::api::Outcome;

#[path = "../lambda/site.rs"]
mod site;

const STARTS: usize = 20;
const BATCHES: u64 = 300;
/// Records of a batch, and events of a record.
const SHAPE: (u64, u64) = (25, 20);

fn main() {
    let program = std::env::args().nth(1).expect("usage: compactor_bars PROGRAM");
    let bytes = Path::new(&program).metadata().expect("the program is there").len();
    // The site looks for the compactor beside the collector.
    site::choose_program(PathBuf::from(&program).with_file_name("ingest-fn"));
    let site = site::Site::new("compactor-bars");
    let ms = |time: Duration| time.as_secs_f64() * 1e3;

    let mut starts: Vec<Duration> = (0..STARTS).map(|_| start(&site)).collect();
    starts.sort();

    let function = site.compactor(1);
    let mut took: Vec<Duration> = (0..BATCHES).map(|batch| land(&function, &small_batch(batch))).collect();
    let first = took[0];
    took.remove(0);
    took.sort();
    let warm = function.end().peak_kib;

    let large = site.compactor(1);
    let texts = land(&large, &batch_of(1 << 40, (0..60).map(one_large_event)));
    let events = land(&large, &batch_of(2 << 40, (100..108).map(|n| many_events(n, 110_000))));
    let peak = large.end().peak_kib;
    let all = BATCHES * SHAPE.0 * SHAPE.1 + 60 + 8 * 110_000;
    assert_eq!(site.snapshot().rows(), all, "what is not read takes no time");

    println!("{:<64} {:>9} {:>10}", "", "figure", "bar");
    let row = |what: &str, figure: String, bar: &str, met: bool| {
        println!("{what:<64} {figure:>9} {bar:>10} {}", if met { "met" } else { "MISSED" });
    };
    let mb = bytes as f64 / 1e6;
    row("size of the program", format!("{mb:.1} MB"), "25 MB", mb <= 25.0);
    let median = ms(starts[STARTS / 2]);
    row("from its start to its first question, median", format!("{median:.0} ms"), "50 ms", median <= 50.0);
    let mib = |kib: u64| kib as f64 / 1024.0;
    row("most memory resident, small batches", format!("{:.0} MiB", mib(warm)), "512 MiB", mib(warm) <= 512.0);
    row(
        "  a batch that unpacks to 900 MiB, and one of 880,000 events",
        format!("{:.0} MiB", mib(peak)),
        "512 MiB",
        mib(peak) <= 512.0,
    );
    println!("\nthe first batch of a process: {:.0} ms", ms(first));
    let at = |share: usize| ms(took[took.len() * share / 100]);
    println!(
        "a warm batch of {} events: p50 {:.1} ms, p95 {:.1} ms, through all stand-ins",
        SHAPE.0 * SHAPE.1,
        at(50),
        at(95)
    );
    println!(
        "900 MiB in 60 records: {:.1} s; 880,000 events in 8 records: {:.1} s",
        texts.as_secs_f64(),
        events.as_secs_f64()
    );
}

fn start(site: &site::Site) -> Duration {
    let function = site.compactor(1);
    // An event that asks the lake for nothing.
    assert!(matches!(function.invoke(json!({"Records": []})), Outcome::Answered(_)));
    function.end().starts[0]
}

/// Hands a batch over, and gives how long its landing took.
fn land(function: &Function, event: &serde_json::Value) -> Duration {
    let began = Instant::now();
    let outcome = function.invoke(event.clone());
    let Outcome::Answered(answer) = outcome else { panic!("it fails: {outcome:?}") };
    assert_eq!(answer, json!({"batchItemFailures": []}));
    began.elapsed()
}

fn small_batch(batch: u64) -> serde_json::Value {
    let (records, events) = SHAPE;
    batch_of(batch * records, (0..records).map(|record| many_events(1_000_000 + batch * records + record, events)))
}

/// A batch of one shard, whose sequence numbers begin at a number.
fn batch_of(first: u64, records: impl Iterator<Item = Vec<u8>>) -> serde_json::Value {
    use base64::Engine;
    let records = (first + 1..).zip(records).map(|(sequence, data)| {
        json!({
            "kinesis": {
                "partitionKey": "p", "sequenceNumber": sequence.to_string(),
                "data": base64::engine::general_purpose::STANDARD.encode(data),
                "approximateArrivalTimestamp": weir_tests::now_ms() as f64 / 1e3
            },
            "eventSource": "aws:kinesis", "eventID": format!("shardId-000000000000:{sequence}"),
            "eventSourceARN": "arn:aws:kinesis:eu-central-1:000000000000:stream/events"
        })
    });
    json!({"Records": records.collect::<Vec<_>>()})
}

fn one_large_event(number: u64) -> Vec<u8> {
    record(number, 1, |_| format!(r#"{{"event":"E","user_id":"u","properties":{{"p":"{}"}}}}"#, "x".repeat(15 << 20)))
}

/// Events of some 200 bytes, from a browser.
fn many_events(record_number: u64, events: u64) -> Vec<u8> {
    record(record_number, events, |n| {
        let number = record_number * events + n;
        let small = events > 1_000;
        let properties = if small {
            json!({})
        } else {
            json!({"job_id": format!("j{}", number % 101), "price": 12.5, "tags": ["a", "b"], "from": "search"})
        };
        json!({"event": "view_job", "user_id": format!("u{}", number % 9_973), "properties": properties}).to_string()
    })
}

fn record(number: u64, events: u64, json: impl Fn(u64) -> String) -> Vec<u8> {
    let received_ms = weir_tests::now_ms();
    let mut frame = FrameWriter::new("web", received_ms).unwrap();
    for place in 0..events {
        let json = json(place);
        // A large event is checked by nobody here: it is what a record may hold.
        let (head, properties) = json.split_once(",\"properties\":").unwrap();
        let head = format!("{head}}}");
        let receipt = Receipt { received_ms, place, correct_skew: true };
        let mut event = parse(&head, receipt).unwrap();
        event.properties = Some(&properties[..properties.len() - 1]);
        frame.push(&event, &EventId::Text(format!("bars-{number}-{place}").into())).unwrap();
    }
    envelope::pack(&frame.finish())
}
