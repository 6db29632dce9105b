//! Loss of power at any moment: what was acknowledged is there exactly once, and nothing else is.
//!
//! Moments and events come from seeded dice, so a run differs from the last only in how fast the machine is.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by a panic, and real processes run in real time"
)]

#[path = "crash/points.rs"]
mod points;

use std::collections::HashSet;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_tests::Scratch;
use weir_tests::cli::{Process, command, weir};
use weir_tests::dice::Dice;
use weir_tests::http::Http;
use weir_tests::server::{Server, Starting};

const ROUNDS: u64 = 12;
const SENDERS: u64 = 3;
/// A sender who hears nothing for so long has found a server that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the server is at the moment, for those who send to it.
#[derive(Default)]
struct Whereabouts {
    now: Mutex<Place>,
    changed: Condvar,
}

#[derive(Clone, Default)]
struct Place {
    address: Option<String>,
    /// Goes up with every server.
    round: u64,
    /// No more events are wanted.
    over: bool,
}

impl Whereabouts {
    fn set(&self, change: impl FnOnce(&mut Place)) {
        change(&mut self.now.lock().unwrap());
        self.changed.notify_all();
    }

    /// Waits for a server of a later round than `round`. `None` when no more events are wanted.
    fn after(&self, round: u64) -> Option<(u64, String)> {
        let now = self.now.lock().unwrap();
        let waits = |place: &mut Place| !place.over && (place.address.is_none() || place.round <= round);
        let (now, waited) = self.changed.wait_timeout_while(now, PATIENCE, waits).unwrap();
        assert!(!waited.timed_out(), "no server for {PATIENCE:?}");
        if now.over { None } else { now.address.clone().map(|address| (now.round, address)) }
    }
}

/// What a sender knows.
#[derive(Default)]
struct Sent {
    all: HashSet<String>,
    acknowledged: HashSet<String>,
    /// Batches that were sent again, not knowing whether the first try got through.
    repeated: u64,
}

/// Sends batches to whatever server there is, until no more are wanted.
fn send_all(whereabouts: &Whereabouts, sender: u64) -> Sent {
    let (mut dice, mut sent, mut round) = (Dice::new(1_000 + sender), Sent::default(), 0);
    let (mut number, mut open): (u64, Option<Vec<String>>) = (0, None);
    while let Some((found, address)) = whereabouts.after(round) {
        round = found;
        let http = Http::new(&format!("http://{address}"));
        loop {
            if whereabouts.now.lock().unwrap().over {
                return sent;
            }
            let batch = open.take().unwrap_or_else(|| {
                let size = 1 + dice.below(20) as u64;
                number += size;
                (number - size..number).map(|n| format!("s{sender}-{n}")).collect()
            });
            sent.all.extend(batch.iter().cloned());
            let events: Vec<Value> = batch.iter().map(|id| event(id)).collect();
            match http.try_post("/v1/events", "application/json", Value::from(events).to_string().as_bytes()) {
                Ok(answer) => {
                    let answer = answer.with_status(200).json();
                    assert_eq!(answer["accepted"], batch.len(), "{answer}");
                    sent.acknowledged.extend(batch);
                }
                Err(_) => {
                    // The server is gone. Some clients send the same again, some go on with what comes next.
                    if dice.chance(60) {
                        sent.repeated += 1;
                        open = Some(batch);
                    }
                    break;
                }
            }
        }
    }
    sent
}

fn event(id: &str) -> Value {
    // Users of their own, so that rows of one id that differ would show.
    json!({"event": "tick", "user_id": id, "event_id": id, "properties": {"id": id}})
}

/// Starts a server, leaves it alone for a while, and takes its power away.
fn one_round(lake: &str, whereabouts: &Whereabouts, dice: &mut Dice, round: u64) {
    if round % 3 == 2 {
        // Before it is ready: while it recovers.
        let starting = Starting::new(lake, &[]);
        std::thread::sleep(Duration::from_millis(dice.below(60) as u64));
        starting.kill();
    }
    let server = Server::start(lake);
    whereabouts.set(|place| *place = Place { address: Some(server.address().to_owned()), round, over: false });
    std::thread::sleep(Duration::from_millis(100 + dice.below(900) as u64));
    // A compaction goes on beside it, and loses its power too.
    let compaction = round.is_multiple_of(2).then(|| Process::spawn(command(&["compact", "--lake", lake])));
    std::thread::sleep(Duration::from_millis(dice.below(120) as u64));
    server.kill();
    whereabouts.set(|place| place.address = None);
    drop(compaction);
}

/// All ids of a lake.
#[track_caller]
fn ids_of(lake: &str) -> Vec<String> {
    let ran = weir(&["sql", "SELECT event_id FROM events", "--lake", lake, "--format", "ndjson"]).ok();
    let id = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        row["event_id"].as_str().unwrap_or_else(|| panic!("no id in {line}")).to_owned()
    };
    ran.stdout.lines().map(id).collect()
}

/// Ids that are there more than once.
fn repeated(ids: &[String]) -> Vec<&String> {
    let mut seen = HashSet::new();
    ids.iter().filter(|id| !seen.insert(id.as_str())).collect()
}

#[test]
fn what_a_server_acknowledged_survives_its_end_at_any_moment() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    let whereabouts = Whereabouts::default();
    let sent = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                scope.spawn({
                    let whereabouts = &whereabouts;
                    move || send_all(whereabouts, sender)
                })
            })
            .collect();
        // Whatever fails in a round, the senders must end.
        let rounds = std::panic::catch_unwind(|| {
            let mut dice = Dice::new(42);
            (1..=ROUNDS).for_each(|round| one_round(&lake, &whereabouts, &mut dice, round));
        });
        whereabouts.set(|place| place.over = true);
        let sent: Vec<Sent> = senders.into_iter().map(|sender| sender.join().expect("a sender fails")).collect();
        rounds.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        sent
    });

    let server = Server::start(&lake);
    let last = server.http().send(&[event("last")]);
    server.http().wait_until_queryable(&last);
    server.stop();
    let ids = ids_of(&lake);
    assert_eq!(repeated(&ids), [""; 0], "there twice");
    let there: HashSet<&String> = ids.iter().collect();
    let lost: Vec<_> = sent.iter().flat_map(|sent| &sent.acknowledged).filter(|id| !there.contains(id)).collect();
    assert!(lost.is_empty(), "{} acknowledged events are lost, such as {}", lost.len(), lost[0]);
    let known = |id: &String| id == "last" || sent.iter().any(|sent| sent.all.contains(id));
    let invented: Vec<_> = ids.iter().filter(|id| !known(id)).collect();
    assert!(invented.is_empty(), "nobody sent {invented:?}");
    let (acknowledged, repeats) =
        sent.iter().fold((0, 0), |(a, r), sent| (a + sent.acknowledged.len(), r + sent.repeated));
    println!("{acknowledged} events acknowledged, {} there, {repeats} batches sent twice", ids.len());
    assert!(acknowledged > 1_000 && repeats > 3, "{acknowledged} events and {repeats} repeats test little");
}

/// Events of a file: every ninth line has the id of an earlier one.
fn import_lines(lines: usize) -> (String, HashSet<String>) {
    let mut dice = Dice::new(5);
    let (mut text, mut ids) = (String::new(), HashSet::new());
    for n in 0..lines {
        let copied = n > 0 && n.is_multiple_of(9);
        let id = format!("i-{}", if copied { dice.below(n) } else { n });
        let user = dice.below(5_000);
        let time_ms = 1_748_854_800_000 + n as u64;
        let event = json!({"event": "tick", "user_id": format!("u{user}"), "event_id": id, "timestamp": time_ms});
        text.push_str(&event.to_string());
        text.push('\n');
        ids.insert(id);
    }
    (text, ids)
}

#[test]
fn an_import_that_is_cut_off_is_finished_by_the_next() {
    let scratch = Scratch::new();
    // More than one batch, so that some of it is in the lake when the power goes.
    let (text, expected) = import_lines(200_000);
    let file = scratch.file("events.ndjson", text);
    let started = Instant::now();
    weir(&["import", &file, "--lake", &scratch.arg("whole")]).ok();
    let whole = started.elapsed();

    let lake = scratch.lake();
    let import = ["import", file.as_str(), "--lake", lake.as_str(), "--format", "json"];
    let (mut dice, mut cut) = (Dice::new(11), 0);
    for _ in 0..6 {
        let mut process = Process::spawn(command(&import));
        std::thread::sleep(whole.mul_f64(dice.between(2, 80) as f64 / 100.0));
        cut += u64::from(process.kill());
    }
    assert!(cut > 0, "every import was faster than the first, which took {whole:?}");
    let report = weir(&import).ok().json();
    assert_eq!(report["rejected"], 0);
    let again = weir(&import).ok().json();
    assert_eq!(again["accepted"], 0, "{again}");

    let ids = ids_of(&lake);
    assert_eq!(repeated(&ids), [""; 0], "there twice");
    assert_eq!(ids.len(), expected.len());
    assert!(ids.iter().all(|id| expected.contains(id)));
    println!("{cut} of 6 imports cut off; the last one added {}", report["accepted"]);
}
