//! The compactor behind a stream: whatever is delivered, how often, by whom, and however the process ends, counts once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use weir_core::event::frame::FrameWriter;
use weir_core::event::{EventId, Receipt, envelope, parse};
use weir_tests::dice::Dice;
use weir_tests::http::Http;
use weir_tests::lambda::api::Outcome;
use weir_tests::lambda::event::Door;
use weir_tests::lambda::source::Mapping;

use crate::site::{Site, event};

/// So often a process is killed in the middle of a landing.
const KILLS: usize = 40;

/// A record with events of these numbers, packed as the collector packs it.
pub fn record(numbers: impl IntoIterator<Item = u64>) -> Vec<u8> {
    let received_ms = weir_tests::now_ms();
    let mut frame = FrameWriter::new("web", received_ms).unwrap();
    for (place, number) in (0..).zip(numbers) {
        let text = event(number).to_string();
        let event = parse(&text, Receipt { received_ms, place, correct_skew: true }).unwrap();
        frame.push(&event, &EventId::Text(format!("e{number}").into())).unwrap();
    }
    envelope::pack(&frame.finish())
}

#[test]
fn what_is_accepted_comes_to_the_lake_through_the_stream() {
    let site = Site::new("through");
    let collector = site.function(Door::FunctionUrl);
    let http = Http::new(collector.url());
    let mut sent = 0;
    for size in [1, 3, 10, 1, 40, 2] {
        let events: Vec<_> = (sent..sent + size).map(event).collect();
        let body = json!(events).to_string();
        http.post("/v1/events", ("x-write-key", site.key()), body.as_bytes()).with_status(200);
        sent += size;
    }
    let bad = http.post("/v1/events", ("x-write-key", site.key()), b"[{\"event\":\"x\"}]").with_status(400);
    let compactor = site.compactor(1);
    let mut source = site.source(Mapping { batch: 3, ..Mapping::default() });
    source.deliver(&compactor);
    assert_eq!(site.snapshot().rows(), sent);
    let receipt = weir_tests::http::receipt_of(&bad.json());
    assert_eq!(http.get(&format!("/v1/receipts/{receipt}")).with_status(200).json()["status"], "rejected");

    // Any part of it again, also by processes that know nothing.
    let mut dice = Dice::new(1);
    for round in 0..12 {
        for shard in source.shards() {
            let len = source.len(&shard);
            if len == 0 {
                continue;
            }
            let from = dice.below(len);
            let to = from + 1 + dice.below(len - from);
            let Outcome::Answered(answer) = compactor.invoke(source.event(&shard, from..to)) else {
                panic!("a batch that came again fails")
            };
            assert_eq!(answer, json!({"batchItemFailures": []}));
        }
        if round % 4 == 0 {
            compactor.kill_idle();
        }
    }
    assert_eq!(site.snapshot().rows(), sent);
    let said = compactor.end().said;
    assert!(said.contains("weir_events_landed_total") && said.contains("weir_landing_lag_seconds"), "{said}");
}

/// `make bench-function` measures it under load; here it is held, with what the page says.
#[test]
fn an_event_is_queryable_within_30_seconds_of_its_answer_as_the_mapping_is_documented() {
    let mapping = Mapping::documented();
    let page = std::fs::read_to_string("../docs/CONFIGURATION.md").unwrap();
    let (records, seconds) = (mapping.batch / 1_000, mapping.window.as_secs());
    let row = format!("| `BatchSize`, `MaximumBatchingWindowInSeconds` | {records},000 and {seconds} |");
    assert!(page.contains(&row), "no `{row}`");
    let site = Site::new("delay");
    let (collector, compactor) = (site.function(Door::FunctionUrl), site.compactor(2));
    let http = Http::new(collector.url());
    let answer = http.post("/v1/events", ("x-write-key", site.key()), event(0).to_string().as_bytes());
    let receipt = weir_tests::http::receipt_of(&answer.with_status(200).json());
    let (answered_ms, is_over) = (weir_tests::now_ms(), AtomicBool::new(false));
    let waited = std::thread::scope(|scope| {
        scope.spawn(|| site.source(mapping).follow(&compactor, || is_over.load(Ordering::Relaxed)));
        let is_queryable = || {
            let told = http.get(&format!("/v1/receipts/{receipt}")).with_status(200).json();
            (told["status"] == "queryable").then(|| Duration::from_millis(weir_tests::now_ms().abs_diff(answered_ms)))
        };
        let waited = weir_tests::wait_for(Duration::from_secs(60), is_queryable);
        is_over.store(true, Ordering::Relaxed);
        waited
    });
    let waited = waited.expect("it lands");
    assert!((mapping.window..Duration::from_secs(30)).contains(&waited), "{waited:?}");
    assert_eq!(site.snapshot().rows(), 1);
}

#[test]
fn two_pollers_of_the_same_shards_count_every_event_once() {
    let site = Site::new("pollers");
    for number in 0..40_u64 {
        site.put(number as usize % 2, &record([number, number + 1]));
    }
    let compactor = site.compactor(2);
    std::thread::scope(|scope| {
        for batch in [5, 7] {
            let (site, compactor) = (&site, &compactor);
            scope.spawn(move || site.source(Mapping { batch, ..Mapping::default() }).deliver(compactor));
        }
    });
    assert_eq!(site.snapshot().rows(), 41);
    assert_eq!(compactor.end().starts.len(), 2, "both were there at once");
}

#[test]
fn a_stream_that_is_split_and_merged_loses_nothing_and_doubles_nothing() {
    let site = Site::new("reshard");
    let compactor = site.compactor(1);
    let mut source = site.source(Mapping { batch: 4, ..Mapping::default() });
    let admin = site.kinesis().admin().clone();
    let mut sent = 0_u64;
    let mut put = |records: u64| {
        for _ in 0..records {
            site.put(sent as usize % 2, &record([sent]));
            sent += 1;
        }
        sent
    };
    put(8);
    source.deliver(&compactor);
    put(6);
    let quarter = (1_u128 << 126).to_string();
    let split = admin.split_shard().stream_name("events").shard_to_split("shardId-000000000000");
    site.wait_for(split.new_starting_hash_key(quarter).send()).unwrap();
    site.wait_for(site.kinesis().wait_until_active("events"));
    put(6);
    source.deliver(&compactor);
    let merge = admin.merge_shards().stream_name("events").shard_to_merge("shardId-000000000002");
    site.wait_for(merge.adjacent_shard_to_merge("shardId-000000000003").send()).unwrap();
    site.wait_for(site.kinesis().wait_until_active("events"));
    let all = put(6);
    // Lambda may begin again anywhere while it follows new shards.
    source.rewind("shardId-000000000000", 2);
    source.deliver(&compactor);
    assert_eq!(source.shards().len(), 5);
    let snapshot = site.snapshot();
    assert_eq!((snapshot.rows(), all), (26, 26));
    assert!(snapshot.positions.len() >= 3, "{:?}", snapshot.positions);
    // Parents that are closed hold nothing up.
    let Outcome::Answered(answer) = compactor.invoke(json!({"weir": "complete"})) else { panic!("it fails") };
    let complete_to = weir_tests::instant_ms(answer["complete"].as_str().unwrap());
    assert!(weir_tests::now_ms() - complete_to < 90_000, "{answer}");
}

#[test]
fn the_lake_is_complete_up_to_what_waits_in_any_shard() {
    let site = Site::new("complete");
    let compactor = site.compactor(1);
    let complete = || {
        let Outcome::Answered(answer) = compactor.invoke(json!({"weir": "complete"})) else { panic!("it fails") };
        assert_eq!(answer["complete"].as_str().map(weir_tests::instant_ms), site.snapshot().complete_to_ms);
        weir_tests::instant_ms(answer["complete"].as_str().unwrap())
    };
    let empty = complete();
    assert!((60_000..80_000).contains(&(weir_tests::now_ms() - empty)), "nothing waits: a minute ago");
    site.put(0, &record([0]));
    site.put(1, &record([1]));
    let mut source = site.source(Mapping::default());
    source.read();
    let shards = source.shards();
    assert!(matches!(compactor.invoke(source.event(&shards[0], 0..1)), Outcome::Answered(_)));
    std::thread::sleep(Duration::from_millis(20));
    let waits_since = source.arrival_ms(&shards[1], 0);
    assert!(complete() <= waits_since - 60_000, "shard 1 was never landed, and a record waits in it");
    source.deliver(&compactor);
    assert!(complete() > waits_since - 60_000, "nothing waits any more");
    assert_eq!(site.snapshot().rows(), 2);
}

#[test]
fn a_process_that_is_killed_while_it_lands_loses_nothing_and_doubles_nothing() {
    let site = Site::new("killed-landing");
    let compactor = site.compactor(1);
    let mut source = site.source(Mapping { batch: 6, ..Mapping::default() });
    let mut dice = Dice::new(4711);
    let (mut sent, mut killed) = (0_u64, 0);
    while killed < KILLS {
        assert!(sent < 4_000, "the process was killed {killed} times only");
        for _ in 0..4 {
            let failed = dice.chance(30);
            let payload = if failed { with_failure(sent) } else { record([sent, sent.saturating_sub(1)]) };
            site.put(dice.below(2), &payload);
            sent += 1;
        }
        source.deliver_with(|event| {
            let outcome = match dice.chance(80) {
                true => compactor.invoke_and_kill(event, Duration::from_micros(dice.between(200, 40_000) as u64)),
                false => compactor.invoke(event),
            };
            killed += usize::from(matches!(outcome, Outcome::Ended));
            outcome
        });
    }
    let snapshot = site.snapshot();
    assert_eq!(snapshot.rows(), sent, "after {killed} ends");
    for file in snapshot.files.values() {
        let path = weir_store::names::TableName::Events.data(&file.path);
        assert!(site.wait_for(site.store().has(&path)).unwrap(), "{path} is live, and gone");
    }
}

/// A record with an event, and with one that was not taken.
fn with_failure(number: u64) -> Vec<u8> {
    let received_ms = weir_tests::now_ms();
    let mut frame = FrameWriter::new("web", received_ms).unwrap();
    let text = event(number).to_string();
    let event = parse(&text, Receipt { received_ms, place: 0, correct_skew: true }).unwrap();
    frame.push(&event, &EventId::Text(format!("e{number}").into())).unwrap();
    let failed = weir_core::event::Failed {
        id: format!("f{number}").into(),
        protocol: "weir".into(),
        code: "missing_field".into(),
        field: "event".into(),
        message: "it is missing".into(),
        event: None,
        sent_at: None,
        body: "{}".into(),
        bytes: 2,
        place: Some(1),
    };
    frame.push_failed(&failed).unwrap();
    envelope::pack(&frame.finish())
}
