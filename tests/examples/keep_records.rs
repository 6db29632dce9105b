//! Keeps what the collector of this version writes into a stream, for the tests of later versions.
//!
//! ```text
//! $ cargo run -p weir-tests --example keep_records -- PROGRAM > testdata/records/0.1.0.ndjson
//! ```
//!
//! A line says what is in it, and each further line is a record. Made once for each release, and never changed.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    dead_code,
    reason = "a program that shares its site with tests"
)]

use std::path::PathBuf;

use serde_json::{Value, json};
use weir_tests::http::Http;
use weir_tests::lambda::event::Door;
use weir_tests::lambda::source::Mapping;

#[path = "../lambda/site.rs"]
mod site;

fn main() {
    let program = std::env::args().nth(1).expect("usage: keep_records PROGRAM");
    site::choose_program(PathBuf::from(program));
    let site = site::Site::new("keep-records");
    let collector = site.function(Door::FunctionUrl);
    let http = Http::new(collector.url());
    let key = ("x-write-key", site.key());
    let event = |number: usize, more: Value| {
        let mut event = json!({"event": "view", "user_id": format!("u{number}"), "event_id": format!("kept-{number}")});
        event.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        event
    };
    let text = "\u{c11c}\u{c6b8} \u{1f600}".repeat(20);
    let one = json!([event(0, json!({}))]);
    let rich = json!([
        event(1, json!({"anonymous_id": "a1", "session_id": "s1", "timestamp": "2026-01-05T09:00:00.123Z"})),
        event(2, json!({"properties": {"n": 1.5, "t": text, "list": [1, null, {"x": true}]}, "context": {"locale": "ko-KR"}})),
        {"event": "of nobody"},
        event(3, json!({"timestamp": "yesterday"})),
    ]);
    let many =
        Value::from((4..404).map(|number| event(number, json!({"properties": {"n": number}}))).collect::<Vec<_>>());
    for body in [one, rich, many] {
        http.post("/v1/events", key, body.to_string().as_bytes()).with_status(200);
    }
    http.post("/v1/events", key, b"{ no json").with_status(400);
    let track =
        json!({"type": "track", "event": "buy", "userId": "u404", "messageId": "kept-404", "writeKey": site.key()});
    http.post("/v1/track", key, track.to_string().as_bytes()).with_status(200);
    http.post("/v1/events", key, &site::gzip(json!([event(405, json!({}))]).to_string().as_bytes())).with_status(200);

    let mut source = site.source(Mapping::default());
    source.read();
    println!("{}", json!({"weir": env!("CARGO_PKG_VERSION"), "events": 405, "failed": 3}));
    for shard in source.shards() {
        for record in 0..source.len(&shard) {
            println!("{}", source.event(&shard, record..record + 1)["Records"][0]["kinesis"]["data"]);
        }
    }
}
