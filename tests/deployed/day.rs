//! A bad day, from the first event to the funnel.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use aws_sdk_kinesis::primitives::Blob;
use serde_json::{Value, json};
use weir_tests::dice::Dice;
use weir_tests::http::Http;
use weir_tests::kinesis_faults::Plan;
use weir_tests::lambda::Function;
use weir_tests::lambda::api::Outcome;

use super::clients::{BATCH, Client, Known};
use super::site::{KEY, OFF_KEY, Site};

/// Apps that send side by side.
const CLIENTS: usize = 4;
/// Events, unless `DEPLOYED_EVENTS` says otherwise.
const EVENTS: usize = 20_000;
/// Of a hundred requests to the store, so many fail.
const STORE_FAILS: usize = 3;
/// Of a hundred batches, so many meet a landing that is killed, that has too little time, and that come again.
const KILLED: usize = 25;
const TOO_LATE: usize = 10;
const AGAIN: usize = 40;
/// Records that nobody can read.
const POISON: usize = 5;

fn bad_stream() -> Plan {
    Plan {
        failing_entries: 10,
        throttled: 15,
        broken: 5,
        reset_before: 3,
        reset_after: 3,
        delayed: 2,
        delay: Duration::from_secs(4),
        throttled_reads: 10,
        ..Plan::default()
    }
}

/// What happened, to see that the day was bad.
#[derive(Debug, Default)]
struct Happened {
    killed: AtomicUsize,
    too_late: AtomicUsize,
    again: AtomicUsize,
    schedules: AtomicUsize,
    failed_schedules: AtomicUsize,
}

fn count(what: &AtomicUsize) {
    what.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn everything_that_is_accepted_on_a_bad_day_is_in_the_funnel_once() {
    let site = Site::deploy();
    let events = std::env::var("DEPLOYED_EVENTS").map_or(EVENTS, |text| text.parse().expect("a number of events"));
    let (live, bulk) = (site.function("-ingest-live", 3), site.function("-ingest-bulk", 1));
    site.stream_faults.follow(bad_stream());
    site.store_faults.storm(STORE_FAILS, 7);

    let (happened, is_over, is_off) = (Happened::default(), AtomicBool::new(false), AtomicBool::new(false));
    let began_ms = weir_tests::now_ms() - 3_600_000;
    let known = thread::scope(|scope| {
        scope.spawn(|| land(&site, &happened, &is_over, &is_off));
        scope.spawn(|| maintain(&site, &happened, &is_over));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let dice = Dice::new(100 + number as u64);
                let client = Client { number, live: &live, bulk: &bulk, dice, began_ms };
                scope.spawn(move || client.run(events.div_ceil(CLIENTS * BATCH)))
            })
            .collect();
        disturb(&site, &is_off);
        let known = clients.into_iter().map(|client| client.join().expect("a client does not panic"));
        let known = known.fold(Known::default(), Known::and);
        // What was landed comes again, and meets what has not gone wrong yet.
        let everything = [&happened.killed, &happened.too_late, &happened.again];
        let is_bad = || everything.iter().all(|what| what.load(Ordering::Relaxed) > 0).then_some(());
        let was_bad = weir_tests::wait_for(Duration::from_secs(60), is_bad);
        is_over.store(true, Ordering::Relaxed);
        was_bad.unwrap_or_else(|| panic!("that was no bad day: {happened:?}"));
        known
    });
    // The storm is over: what waits is landed, by the next batches and the next turns of the schedule.
    site.stream_faults.follow(Plan::default());
    site.store_faults.storm(0, 0);
    settle(&site);
    println!(
        "{} accepted, {} sent again, {:?}; {} calls of the stream, {} faults of the store",
        known.accepted.len(),
        known.retries,
        happened,
        site.stream_faults.seen().calls,
        site.store_faults.failed()
    );
    assert!(known.accepted.len() >= events, "{}", known.accepted.len());
    assert!(known.retries > 0 && site.store_faults.failed() > 0, "that was no bad day");
    check_rows(&site, &known);
    check_failed(&site, &known);
    check_questions(&site, &known);
}

/// Follows the mapping, with a function that is killed and runs out of time.
fn land(site: &Site, happened: &Happened, is_over: &AtomicBool, is_off: &AtomicBool) {
    let (landing, hasty) =
        (site.function("-landing", 2), site.function_with("-landing", 1, Some(Duration::from_millis(40))));
    let (mut mapping, mut dice) = (site.mapping(), Dice::new(2));
    while !is_over.load(Ordering::Relaxed) {
        if is_off.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(50));
            continue;
        }
        mapping.deliver_with(|event| {
            let outcome = if dice.chance(KILLED) {
                landing.invoke_and_kill(event, Duration::from_micros(dice.between(200, 60_000).unsigned_abs()))
            } else if dice.chance(TOO_LATE) {
                hasty.invoke(event)
            } else {
                landing.invoke(event)
            };
            match outcome {
                Outcome::Ended => count(&happened.killed),
                Outcome::TooLate => count(&happened.too_late),
                _ => {}
            }
            outcome
        });
        if dice.chance(AGAIN) {
            for shard in mapping.shards() {
                let len = mapping.len(&shard);
                mapping.rewind(&shard, len.saturating_sub(1 + dice.below(40)));
            }
            count(&happened.again);
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// What schedules do, more often than they do it, by a function that is killed now and then.
fn maintain(site: &Site, happened: &Happened, is_over: &AtomicBool) {
    let maintenance = site.function("-maintenance", 1);
    let mut dice = Dice::new(3);
    while !is_over.load(Ordering::Relaxed) {
        for event in site.schedules() {
            count(&happened.schedules);
            let outcome = match dice.chance(20) {
                true => maintenance.invoke_and_kill(event, Duration::from_millis(dice.between(1, 200).unsigned_abs())),
                false => maintenance.invoke(event),
            };
            if !matches!(outcome, Outcome::Answered(_)) {
                count(&happened.failed_schedules);
            }
        }
        thread::sleep(Duration::from_millis(500));
    }
}

/// What people do meanwhile: they split a shard, switch a key off, drop a property from now on, and switch the mapping off for a
/// while. And somebody else writes nonsense into the stream.
fn disturb(site: &Site, is_off: &AtomicBool) {
    let admin = site.kinesis.admin().clone();
    thread::sleep(Duration::from_secs(2));
    for number in 0..POISON {
        let bytes = format!("nonsense {number}").into_bytes();
        let put = admin.put_record().stream_name(&site.stream).partition_key("p").data(Blob::new(bytes));
        site.wait_for(put.send()).expect("kinesis-local takes a record");
    }
    let half = (1_u128 << 127).to_string();
    let split = admin.split_shard().stream_name(&site.stream).shard_to_split("shardId-000000000000");
    site.wait_for(split.new_starting_hash_key(half).send()).expect("the shard is split");
    site.wait_for(site.kinesis.wait_until_active(&site.stream));
    let now_ms = weir_tests::now_ms();
    site.set(
        "keys",
        &json!([
            {"key": KEY, "source": "web", "created_at": 0},
            {"key": OFF_KEY, "source": "old", "created_at": 0, "disabled_at": now_ms}
        ]),
    );
    site.set("privacy", &json!([{"property": "secret", "action": "drop"}]));
    is_off.store(true, Ordering::Relaxed);
    thread::sleep(Duration::from_secs(3));
    is_off.store(false, Ordering::Relaxed);
}

/// Lands what is left, and merges it.
fn settle(site: &Site) {
    let (landing, maintenance) = (site.function("-landing", 1), site.function("-maintenance", 1));
    site.mapping().deliver(&landing);
    for turn in 0..2 {
        for event in site.schedules() {
            let outcome = maintenance.invoke(event.clone());
            assert!(matches!(outcome, Outcome::Answered(_)), "turn {turn}, {event}: {outcome:?}");
        }
    }
    let left = site.wait_for(site.store().list(&"overflow".into(), None)).unwrap();
    assert!(left.is_empty(), "the overflow has landed: {left:?}");
}

/// Accepted = queryable, each once; and what was sent with a key that is off is not there.
fn check_rows(site: &Site, known: &Known) {
    let query = site.function("-query", 1);
    let rows = ask(site, &query, "POST /api/query", &json!({"kind": "trends", "series": [{"event": "*"}]}));
    let total: u64 = site.snapshot().rows();
    let ids = ids_of(site);
    let distinct: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "an event is there twice");
    assert_eq!(ids.len() as u64, total);
    let lost: Vec<&String> =
        known.accepted.iter().chain(&known.old_taken).filter(|id| !distinct.contains(id)).collect();
    assert!(lost.is_empty(), "{} accepted events are lost, such as {}", lost.len(), lost[0]);
    // A request that nobody answered may be stored all the same; one that was refused is not.
    let more: Vec<_> =
        distinct.iter().filter(|id| !known.accepted.contains(**id) && !known.old_taken.contains(**id)).collect();
    assert!(more.iter().all(|id| id.starts_with("old-")), "nobody sent {more:?}");
    assert!(known.old_refused > 0, "the key was switched off too late");
    assert_eq!(rows["kind"], "trends", "{rows}");
}

/// Every failed event has its reason, and there are as many of each as the clients were told of.
fn check_failed(site: &Site, known: &Known) {
    let query = site.function("-query", 1);
    let failed = ask(site, &query, "GET /api/failed", &Value::Null);
    for (code, told) in &known.rejected {
        let groups = failed["groups"].as_array().unwrap().iter().filter(|group| group["code"] == json!(code));
        let kept: u64 = groups.map(|group| group["count"].as_u64().unwrap()).sum();
        // What was sent again after no answer may be kept twice.
        assert!(kept >= *told as u64, "{code}: {kept} kept, {told} told; {failed}");
    }
    let codes: BTreeSet<&str> =
        failed["groups"].as_array().unwrap().iter().filter_map(|g| g["code"].as_str()).collect();
    let told: BTreeSet<&str> = known.rejected.keys().map(String::as_str).collect();
    assert_eq!(codes, told);
    let unreadable = site.wait_for(site.store().list(&"unreadable".into(), None)).unwrap();
    let lines: usize = unreadable
        .iter()
        .map(|path| site.wait_for(site.store().read(path)).unwrap().unwrap())
        .map(|bytes| bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count())
        .sum();
    assert!(lines >= POISON, "{lines} lines about {POISON} records that nobody can read");
}

/// The funnel, asked over HTTP, is what the clients know.
fn check_questions(site: &Site, known: &Known) {
    let query = site.function("-query", 1);
    let steps = ["view_job", "apply_start", "hired"].map(|event| json!({"event": event}));
    let funnel = json!({"kind": "funnel", "steps": steps, "window": "1d"});
    let answer = ask(site, &query, "POST /api/query", &funnel);
    let counts: Vec<u64> = answer["steps"].as_array().unwrap().iter().map(|s| s["count"].as_u64().unwrap()).collect();
    let [viewed, applied, hired] = &known.steps;
    let applied: BTreeSet<_> = applied.intersection(viewed).collect();
    let hired = hired.iter().filter(|user| applied.contains(user)).count();
    assert_eq!(counts, [viewed.len() as u64, applied.len() as u64, hired as u64]);
    assert!(hired > 0);
    let secrets =
        json!({"kind": "funnel", "steps": [{"event": "view_job", "where": [{"property": "secret", "op": "exists"}]}]});
    let with_secret = ask(site, &query, "POST /api/query", &secrets)["steps"][0]["count"].as_u64().unwrap();
    assert!(with_secret < viewed.len() as u64, "the property was never dropped");
    assert!(with_secret > 0, "it was dropped from then on, and not before");
    // The page, and who asks: nobody without a token.
    let http = Http::new(query.url());
    assert!(http.get("/").with_status(200).body.contains("<title>"));
    http.post("/api/query", ("content-type", "application/json"), funnel.to_string().as_bytes()).with_status(401);
    let said = query.end().said;
    assert!(!said.contains("zzyzx") && !said.contains("wt_test"), "{said}");
}

fn ask(site: &Site, query: &Function, request: &str, body: &Value) -> Value {
    let (method, path) = request.split_once(' ').unwrap();
    let authorization = site.authorization();
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    Http::new(query.url()).request(method, path, &headers, body.to_string().as_bytes()).with_status(200).json()
}

/// The ids of all rows.
fn ids_of(site: &Site) -> Vec<String> {
    use arrow::array::AsArray;
    use futures::TryStreamExt;
    use weir_lake::reader::{self, Read};
    use weir_lake::schema::{BUCKETS, EVENT_ID};
    let snapshot = site.snapshot();
    let read = Read { columns: &[EVENT_ID], buckets: 0..BUCKETS, batch_rows: 8_192 };
    site.wait_for(async {
        let mut ids = Vec::new();
        for file in snapshot.files.values() {
            let mut batches = reader::open(site.store(), snapshot.version, file, &read).await.unwrap();
            while let Some(batch) = batches.try_next().await.unwrap() {
                let column = batch.column(0).as_string_view();
                ids.extend(column.iter().map(|id| id.expect("ids here are texts").to_owned()));
            }
        }
        ids
    })
}
