//! What `weir cost` knows of the functions: requests to the store, metrics and log bytes of a landing and of a schedule.
//!
//! ```text
//! $ cargo run -p weir-tests --example cost_figures -- PROGRAM
//! ```
//!
//! The requests of the compiled programs are counted by a proxy in front of the stand-in for S3; metrics and log bytes are those
//! that the programs wrote. The figures go into `query-cli/data/measured.json`.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    dead_code,
    reason = "a program of measurements, which shares its site with tests"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_tests::fault_proxy::Proxy;
use weir_tests::lambda::Function;
use weir_tests::lambda::api::Outcome;
use weir_tests::lambda::source::Mapping;
use weir_tests::moto::Moto;

#[path = "../lambda/site.rs"]
mod site;

/// Batches that are landed, of so many requests of so many events.
const BATCHES: usize = 100;
const SHAPE: (usize, usize) = (20, 10);

#[derive(Debug, Clone, Copy)]
struct Requests {
    writes: usize,
    lists: usize,
    reads: usize,
}

fn seen(proxy: &Proxy) -> Requests {
    let lists = proxy.seen("GET", "list-type");
    let writes = proxy.seen("PUT", "") + proxy.seen("POST", "");
    Requests { writes, lists, reads: proxy.seen("GET", "") + proxy.seen("HEAD", "") - lists }
}

fn main() {
    let program = std::env::args().nth(1).expect("usage: cost_figures PROGRAM");
    site::choose_program(PathBuf::from(&program));
    let site = site::Site::new("cost-figures");
    let proxy = Proxy::start(Moto::shared().url());
    let counted = [("AWS_ENDPOINT_URL_S3", proxy.url())];
    let collector = site.function_with(&[]);
    let lander = site.compactor_with(&counted);
    let upkeep = site.compactor_with(&counted);

    let mut source = site.source(Mapping::documented());
    let (requests, events) = SHAPE;
    let mut landings = Duration::ZERO;
    let mut before = seen(&proxy);
    let mut record_bytes = 0;
    for batch in 0..=BATCHES {
        for request in 0..requests {
            let first = (batch * requests + request) * events;
            let body: Vec<Value> = (first..first + events).map(event).collect();
            let call = ureq::post(format!("{}/v1/events", collector.url()));
            let sent =
                call.header("authorization", format!("Bearer {}", site.key())).send_json(json!({"events": body}));
            assert_eq!(sent.expect("the collector takes them").status(), 200);
        }
        if batch == 1 {
            // The first batch of a process reads what the others know.
            before = seen(&proxy);
            landings = Duration::ZERO;
        }
        let began = Instant::now();
        source.deliver(&lander);
        landings += began.elapsed();
    }
    let after = seen(&proxy);
    for shard in source.shards() {
        record_bytes += source.bytes(&shard);
    }
    // Two shards: each delivery is a batch of each.
    let batches = BATCHES * source.shards().len();
    let all_events = (BATCHES + 1) * requests * events;
    let json_bytes = (0..1_000).map(|n| event(n).to_string().len()).sum::<usize>() as f64 / 1_000.0;
    println!("an event has {json_bytes:.0} bytes of JSON, {:.1} in a record", per(record_bytes, all_events));
    println!(
        "a landing: {:.2} writes, {:.2} lists, {:.2} reads; {:.1} ms through all stand-ins",
        per(after.writes - before.writes, batches),
        per(after.lists - before.lists, batches),
        per(after.reads - before.reads, batches),
        landings.as_secs_f64() * 1e3 / batches as f64
    );
    count_schedules(&upkeep, &proxy);
    for (name, function) in [("collector", collector), ("landing", lander), ("schedules", upkeep)] {
        count_logs(name, &function);
    }
}

fn per(n: usize, by: usize) -> f64 {
    n as f64 / by as f64
}

/// What each task of a schedule asks of the store: with something to do, and without.
fn count_schedules(upkeep: &Function, proxy: &Proxy) {
    for task in ["compact", "upkeep", "maintain"] {
        for turn in ["first", "second", "third"] {
            let before = seen(proxy);
            let began = Instant::now();
            let outcome = upkeep.invoke(json!({"weir": task}));
            assert!(matches!(outcome, Outcome::Answered(_)), "{outcome:?}");
            let after = seen(proxy);
            println!(
                "{task}, {turn}: {} writes, {} lists, {} reads, {:.0} ms",
                after.writes - before.writes,
                after.lists - before.lists,
                after.reads - before.reads,
                began.elapsed().as_secs_f64() * 1e3
            );
        }
    }
}

/// What a function wrote: metrics, and other lines.
fn count_logs(name: &str, function: &Function) {
    let history = function.end();
    let lines: Vec<&str> = history.said.lines().filter(|line| line.contains("CloudWatchMetrics")).collect();
    let metrics: BTreeSet<String> = lines.iter().flat_map(|line| metrics_of(line)).collect();
    let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
    println!(
        "{name}: {} metrics; {} lines of {:.0} bytes; {} bytes of other log",
        metrics.len(),
        lines.len(),
        per(bytes, lines.len().max(1)),
        history.said.len() - bytes
    );
    let other = history.said.lines().find(|line| !line.contains("CloudWatchMetrics"));
    println!("  {}", other.unwrap_or_default());
    for metric in metrics {
        println!("  {metric}");
    }
}

/// Metrics as CloudWatch counts them: a name with the values of its dimensions.
fn metrics_of(line: &str) -> Vec<String> {
    let Ok(line) = serde_json::from_str::<Value>(line) else { return Vec::new() };
    let mut found = Vec::new();
    for directive in line["_aws"]["CloudWatchMetrics"].as_array().into_iter().flatten() {
        for dimensions in directive["Dimensions"].as_array().into_iter().flatten() {
            let values: Vec<String> = dimensions
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(|name| format!("{name}={}", line[name].as_str().unwrap_or_default()))
                .collect();
            for metric in directive["Metrics"].as_array().into_iter().flatten() {
                found.push(format!("{} {}", metric["Name"].as_str().unwrap_or_default(), values.join(" ")));
            }
        }
    }
    found
}

fn event(number: usize) -> Value {
    let (names, countries) = (["view_job", "apply_start", "search"], ["KR", "DE", "US", "BR"]);
    json!({
        "event": names[number % names.len()],
        "user_id": format!("user-{:06}", number % 9_973),
        "event_id": format!("01890a5d-ac96-774b-bcce-{number:012x}"),
        "timestamp": weir_tests::now_ms(),
        "properties": {
            "job_id": format!("job-{}", number % 1_013), "price": 12.5 + (number % 100) as f64, "from": "search",
            "country": countries[number % countries.len()]
        },
        "context": {"app": {"version": "4.2.1"}, "locale": "ko-KR", "platform": "ios"}
    })
}
