//! The bars of the collector's function: its size, its start, its memory.
//!
//! ```text
//! $ cargo run -p weir-tests --example function_bars -- PROGRAM
//! ```
//!
//! Starts are from the start of the process to its first question for an event, over stand-ins for stream and lake; then
//! requests of 20 events come one after another, as Lambda hands them to a process.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    dead_code,
    reason = "a program of measurements, which shares its site with tests"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use weir_tests::http::Http;
use weir_tests::lambda::event::Door;

#[path = "../lambda/site.rs"]
mod site;

const STARTS: usize = 20;
const REQUESTS: u64 = 3_000;
const EVENTS: u64 = 20;

fn main() {
    let program = std::env::args().nth(1).expect("usage: function_bars PROGRAM");
    let bytes = Path::new(&program).metadata().expect("the program is there").len();
    site::choose_program(program.into());
    let site = site::Site::new("bars");

    let mut starts: Vec<Duration> = (0..STARTS).map(|_| start(&site)).collect();
    starts.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;

    let function = site.function(Door::FunctionUrl);
    let http = Http::new(function.url());
    let began = Instant::now();
    for request in 0..REQUESTS {
        let events: Vec<Value> = (0..EVENTS).map(|n| event(request * EVENTS + n)).collect();
        let body = Value::from(events).to_string();
        http.post("/v1/events", ("x-write-key", site.key()), body.as_bytes()).with_status(200);
    }
    let rate = REQUESTS as f64 / began.elapsed().as_secs_f64();
    let peak = function.end().peak_kib;

    println!("{:<52} {:>9} {:>10}", "", "figure", "bar");
    let row = |what: &str, figure: String, bar: &str, met: bool| {
        println!("{what:<52} {figure:>9} {bar:>10} {}", if met { "met" } else { "MISSED" });
    };
    let mb = bytes as f64 / 1e6;
    row("size of the program", format!("{mb:.1} MB"), "15 MB", mb <= 15.0);
    let median = ms(starts[STARTS / 2]);
    row("from its start to its first question, median", format!("{median:.0} ms"), "50 ms", median <= 50.0);
    let most = ms(starts[STARTS - 1]);
    row(&format!("  the longest of {STARTS}"), format!("{most:.0} ms"), "50 ms", most <= 50.0);
    let mib = peak as f64 / 1024.0;
    row("most memory resident under load", format!("{mib:.1} MiB"), "40 MiB", mib <= 40.0);
    println!("\n{REQUESTS} requests of {EVENTS} events, one after another: {rate:.0} a second through all stand-ins");
}

fn start(site: &site::Site) -> Duration {
    let function = site.function(Door::FunctionUrl);
    Http::new(function.url()).get("/health/live").with_status(200);
    function.end().starts[0]
}

/// An event of some 300 bytes, from a browser.
fn event(number: u64) -> Value {
    serde_json::json!({
        "event": "view_job", "user_id": format!("u{}", number % 997), "event_id": format!("bars-{number}"),
        "properties": {"job_id": format!("j{}", number % 101), "price": 12.5, "tags": ["a", "b"], "from": "search"},
        "context": {"page": {"path": "/jobs/4711"}, "locale": "ko-KR",
            "userAgent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15"},
    })
}
