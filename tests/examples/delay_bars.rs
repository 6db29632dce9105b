//! The bar of the delay: how long after its answer an event is in the answers of questions, with the functions set as
//! docs/CONFIGURATION.md says.
//!
//! ```text
//! $ cargo run -p weir-tests --example delay_bars -- INGEST_FN
//!
//! request ──▶ ingest-fn ──▶ stream ──▶ mapping, batching window ──▶ compact-fn ──▶ lake ──▶ a snapshot that has it
//!      answer: from here                            schedule, each minute ──▶ ┘                       to here
//! ```
//!
//! Two loads, one after the other: *busy* is 20 requests a second of 10 events; *quiet* is one request every few seconds, so that
//! each waits for a whole window, which is the longest there is. The schedule of each minute runs beside both. Functions are
//! started by their first event, as in an account that nobody has used for a while.
//!
//! An event counts as there when the table, looked at ten times a second by somebody who only reads, has landed its record; then
//! its receipt must say so too, and in the end every event must be there once.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    dead_code,
    reason = "a program of measurements, which shares its site with tests"
)]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use ingest_fn::receipt::ReceiptToken;
use serde_json::{Value, json};
use weir_lake::Table;
use weir_tests::http::{Http, receipt_of};
use weir_tests::lambda::api::Outcome;
use weir_tests::lambda::event::Door;
use weir_tests::lambda::source::Mapping;

#[path = "../lambda/site.rs"]
mod site;

/// The schedule of docs/CONFIGURATION.md.
const SCHEDULE: Duration = Duration::from_secs(60);
/// An event is there by then, of 95 in a hundred.
const BAR: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(100);

/// Requests that come in a rhythm.
struct Load {
    name: &'static str,
    requests: u32,
    every: Duration,
    events: u64,
}

const LOADS: [Load; 2] = [
    Load { name: "busy", requests: 2_400, every: Duration::from_millis(50), events: 10 },
    Load { name: "quiet", requests: 20, every: Duration::from_secs(7), events: 1 },
];

/// A request that was answered with 200.
struct Sent {
    load: usize,
    token: ReceiptToken,
    answered: Instant,
}

fn main() {
    let program = std::env::args().nth(1).expect("usage: delay_bars INGEST_FN");
    assert!(Path::new(&program).is_file(), "there is no program `{program}`");
    site::choose_program(program.into());
    let mapping = Mapping::documented();
    let site = site::Site::new("delay-bars");
    let (collector, compactor) = (site.function(Door::FunctionUrl), site.compactor(3));
    let (sender, sent) = mpsc::channel();
    let (is_over, failed) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let waited = thread::scope(|scope| {
        scope.spawn(|| site.source(mapping).follow(&compactor, || is_over.load(Ordering::Relaxed)));
        scope.spawn(|| schedule(&is_over, || compactor.invoke(json!({"weir": "maintain"})), &failed));
        let url = collector.url();
        let key = site.key();
        scope.spawn(move || send(url, key, &sender));
        // Also where something fails: nobody waits for what never ends.
        let _ended = Ends(&is_over);
        watch(&site, collector.url(), &sent)
    });
    let failed = failed.into_inner().expect("nobody panicked");
    assert!(failed.is_empty(), "{failed:?}");
    let all: u64 = LOADS.iter().map(|load| u64::from(load.requests) * load.events).sum();
    assert_eq!(site.snapshot().rows(), all, "what is not there takes no time");

    println!("batches of at most {} records, a window of {} s, two shards", mapping.batch, mapping.window.as_secs());
    println!("{:<64} {:>9} {:>10}", "", "figure", "bar");
    for (load, mut waited) in LOADS.iter().zip(waited) {
        waited.sort();
        let at = |share: usize| waited[(waited.len() * share).div_ceil(100).max(1) - 1];
        let what = format!("{}: from an answer to the lake, p95 of {}", load.name, waited.len());
        let met = if at(95) <= BAR { "met" } else { "MISSED" };
        println!("{what:<64} {:>7.1} s {:>8} s {met}", at(95).as_secs_f64(), BAR.as_secs());
        println!("{:<64} {:>7.1} s, {:.1} s", "  median, longest", at(50).as_secs_f64(), at(100).as_secs_f64());
    }
    println!("live files at the end: {}", site.snapshot().files.len());
}

/// Ends what goes on, when it is dropped.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends the loads, one after the other.
fn send(url: &str, key: &str, sender: &mpsc::Sender<Sent>) {
    let http = Http::new(url);
    let mut number = 0;
    for (place, load) in LOADS.iter().enumerate() {
        let began = Instant::now();
        for request in 0..load.requests {
            thread::sleep((load.every * request).saturating_sub(began.elapsed()));
            let events: Vec<Value> = (number..number + load.events).map(site::event).collect();
            number += load.events;
            let answer = http.post("/v1/events", ("x-write-key", key), Value::from(events).to_string().as_bytes());
            let answered = Instant::now();
            let receipt = receipt_of(&answer.with_status(200).json());
            let sent = Sent { load: place, token: receipt.parse().expect("a receipt"), answered };
            sender.send(sent).expect("somebody watches");
        }
    }
}

/// Looks at the table until everything that was sent is there, and gives how long each request of each load took to be.
fn watch(site: &site::Site, url: &str, sent: &mpsc::Receiver<Sent>) -> Vec<Vec<Duration>> {
    let http = Http::new(url);
    let mut waited = vec![Vec::new(); LOADS.len()];
    let (mut waiting, mut is_all): (Vec<Sent>, bool) = (Vec::new(), false);
    let mut table = site.wait_for(Table::open(site.store())).expect("the table opens");
    while !is_all || !waiting.is_empty() {
        thread::sleep(LOOK);
        loop {
            match sent.try_recv() {
                Ok(one) => waiting.push(one),
                Err(error) => break is_all = error == mpsc::TryRecvError::Disconnected,
            }
        }
        let snapshot = site.wait_for(table.refresh()).expect("the table is read");
        let seen = Instant::now();
        let is_there = |one: &Sent| {
            let landed = snapshot.positions.get(&one.token.position.shard);
            landed.is_some_and(|landed| *landed >= one.token.position.sequence)
        };
        let (there, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(is_there);
        waiting = rest;
        // The last of them stands for all: its receipt is of the same landing, or a later one.
        if let Some(last) = there.last() {
            let told = http.get(&format!("/v1/receipts/{}", last.token)).with_status(200).json();
            assert_eq!(told["status"], "queryable", "{told}");
        }
        for one in there {
            waited[one.load].push(seen.duration_since(one.answered));
        }
        if let Some(oldest) = waiting.first() {
            assert!(oldest.answered.elapsed() < 10 * BAR, "it does not come: {}", oldest.token);
        }
    }
    waited
}

/// Runs what a schedule does, each minute, the first one at once.
fn schedule(is_over: &AtomicBool, maintain: impl Fn() -> Outcome, failed: &Mutex<Vec<String>>) {
    while !is_over.load(Ordering::Relaxed) {
        let began = Instant::now();
        let outcome = maintain();
        if !matches!(outcome, Outcome::Answered(_)) {
            failed.lock().expect("nobody panicked").push(format!("{outcome:?}"));
        }
        while began.elapsed() < SCHEDULE && !is_over.load(Ordering::Relaxed) {
            thread::sleep(LOOK);
        }
    }
}
