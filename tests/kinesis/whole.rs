//! From HTTP to the lake, on bad days of the stream and of the overflow: no accepted event is lost, and none is there twice.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::AsArray;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use compact_fn::land::Lander;
use futures::TryStreamExt;
use ingest_fn::kinesis::{KinesisLog, KinesisSettings};
use ingest_fn::landed::CommittedProgress;
use ingest_fn::overflow::{FaultyOverflow, OverflowSettings, OverflowingLog, StoreOverflow};
use ingest_fn::{Collector, KeyPolicy, Keys};
use serde_json::{Value, json};
use tower::ServiceExt;
use weir_core::event::{envelope, frame};
use weir_core::ports::{EventLog, RandomIds, SystemClock};
use weir_lake::Snapshot;
use weir_lake::reader::{self, Read};
use weir_lake::schema::{BUCKETS, EVENT_ID};
use weir_store::Store;
use weir_store::store::IfMissing;
use weir_tests::Scratch;
use weir_tests::dice::Dice;
use weir_tests::kinesis_faults::Plan;

use crate::rig::{Rig, everything, patient};

type Log = OverflowingLog<KinesisLog>;

/// What clients know: the ids of the events that were accepted, and of those in refused requests.
#[derive(Default)]
struct Known {
    accepted: BTreeSet<String>,
    refused: BTreeSet<String>,
    /// Events that are none.
    bad: usize,
    sent: usize,
}

/// Sends `requests` batches, each once.
async fn client(router: Router, name: String, requests: usize, seed: u64) -> Known {
    let (mut dice, mut known) = (Dice::new(seed), Known::default());
    for request in 0..requests {
        let ids: Vec<String> = (0..1 + dice.below(20)).map(|n| format!("{name}-{request}-{n}")).collect();
        let mut events: Vec<Value> = ids
            .iter()
            .map(|id| json!({"event": "tick", "user_id": "u", "event_id": id, "properties": {"text": id.repeat(10)}}))
            .collect();
        let bad = usize::from(dice.chance(10));
        events.extend((0..bad).map(|_| json!({"event": "of nobody"})));
        known.sent += events.len();
        known.bad += bad;
        let body = Body::from(Value::from(events).to_string());
        let request = Request::post("/v1/events").body(body).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let said: Value = serde_json::from_slice(&to_bytes(answer.into_body(), 1 << 20).await.unwrap()).unwrap();
        match status {
            StatusCode::OK => {
                assert_eq!(said["accepted"], ids.len(), "{said}");
                assert_eq!(said["rejected"].as_array().unwrap().len(), bad, "{said}");
                known.accepted.extend(ids);
            }
            StatusCode::SERVICE_UNAVAILABLE => known.refused.extend(ids),
            _ => panic!("{status}: {said}"),
        }
    }
    known
}

/// Sends from several clients at once.
async fn send(router: &Router, what: &str, requests: usize) -> Known {
    let clients: Vec<_> =
        (0..8).map(|n| tokio::spawn(client(router.clone(), format!("{what}-{n}"), requests, 100 + n))).collect();
    let mut all = Known::default();
    for client in clients {
        let known = client.await.expect("a client does not panic");
        all.accepted.extend(known.accepted);
        all.refused.extend(known.refused);
        all.bad += known.bad;
        all.sent += known.sent;
    }
    assert_eq!(all.sent, all.accepted.len() + all.refused.len() + all.bad);
    all
}

/// The ids of a record's events.
fn ids_of(record: &[u8]) -> Vec<String> {
    let text = envelope::unpack(record).unwrap();
    let (header, lines) = frame::open(&text).unwrap();
    let id = |event: weir_core::event::Event<'_>| event.event_id.expect("an event has an id").text().into_owned();
    frame::events(&header, lines).map(|event| id(event.unwrap())).collect()
}

/// Lands what the log and the overflow have.
async fn land_everything(log: &dyn EventLog, lander: &mut Lander) {
    for shard in log.shards().await.unwrap() {
        loop {
            let before = lander.snapshot().positions.get(&shard).cloned();
            let landed = lander.land_log(log, &shard).await.unwrap();
            assert_eq!(landed.unreadable, [""; 0]);
            if landed.through == before {
                break;
            }
        }
    }
    loop {
        let landed = lander.land_overflow(1 << 20).await.unwrap();
        assert_eq!(landed.unreadable, [""; 0]);
        if !landed.is_full {
            return;
        }
    }
}

fn settings() -> (KinesisSettings, OverflowSettings) {
    let stream = KinesisSettings {
        append_deadline: Duration::from_millis(800),
        call_timeout: Duration::from_millis(400),
        ..patient()
    };
    let overflow = OverflowSettings {
        log_deadline: Duration::from_secs(2),
        overflow_deadline: Duration::from_secs(10),
        failures_to_open: 10,
        open_for: Duration::from_millis(100),
    };
    (stream, overflow)
}

/// The ids of the rows of the lake, and of events that the stream has.
async fn find(log: &Log, store: &Store, snapshot: &Snapshot) -> (Vec<String>, BTreeSet<String>) {
    let records = everything(log).await;
    let in_stream = records.values().flatten().flat_map(|record| ids_of(&record.payload)).collect();
    let mut in_lake = Vec::new();
    let read = Read { columns: &[EVENT_ID], buckets: 0..BUCKETS, batch_rows: 8_192 };
    for file in snapshot.files.values() {
        let mut batches = reader::open(store, snapshot.version, file, &read).await.unwrap();
        while let Some(batch) = batches.try_next().await.unwrap() {
            let ids = batch.column(0).as_string_view();
            in_lake.extend(ids.iter().map(|id| id.expect("ids here are texts").to_owned()));
        }
    }
    (in_lake, in_stream)
}

/// Sends on good days and on bad ones.
async fn send_on_all_days(rig: &Rig, overflow: &FaultyOverflow<StoreOverflow>, router: &Router) -> Vec<Known> {
    let bad = Plan {
        failing_entries: 40,
        throttled: 15,
        broken: 10,
        reset_before: 5,
        reset_after: 10,
        delayed: 2,
        delay: Duration::from_millis(600),
        ..Plan::default()
    };
    let out = Plan { throttled: 50, broken: 50, ..Plan::default() };
    let mut days = Vec::new();
    for (what, plan, overflow_is_out) in [
        ("good", Plan::default(), false),
        ("bad", bad.clone(), false),
        ("out", out.clone(), false),
        ("both-bad", bad, true),
        ("both-out", out, true),
        ("good-again", Plan::default(), false),
    ] {
        rig.proxy.follow(plan);
        overflow.refuse(overflow_is_out);
        let known = send(router, what, 6).await;
        assert!(overflow_is_out || known.refused.is_empty(), "{what}: refused, with an overflow that works");
        assert!(what != "both-out" || known.accepted.is_empty(), "{what}: nothing could be stored");
        days.push(known);
    }
    days
}

#[tokio::test(flavor = "multi_thread")]
async fn no_accepted_event_is_lost_on_bad_days_of_stream_and_overflow() {
    let rig = Rig::new(2, 31).await;
    let scratch = Scratch::new();
    let store = Store::open(&scratch.lake(), IfMissing::Create).await.unwrap();
    let overflow = Arc::new(FaultyOverflow::new(StoreOverflow::new(&store)));
    let (stream, to_overflow) = settings();
    let ids = Arc::new(RandomIds);
    let stream = rig.log_with(stream).await;
    let log: Arc<Log> = Arc::new(OverflowingLog::new(stream, overflow.clone(), ids.clone(), to_overflow));
    let keys = KeyPolicy::anyone_as("dev", Keys::new(Vec::new()));
    let collector = Collector::new(
        log.clone(),
        Arc::new(SystemClock),
        ids.clone(),
        keys,
        Arc::new(CommittedProgress::new(store.clone())),
    );
    let router = ingest_fn::router(Arc::new(collector));

    // Landing goes on beside it, as it does beside a collector that runs.
    let mut lander = Lander::open(&store, Arc::new(SystemClock), ids).await.unwrap();
    let landing = async {
        loop {
            land_everything(log.as_ref(), &mut lander).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let days = tokio::select! {
        days = send_on_all_days(&rig, &overflow, &router) => days,
        () = landing => unreachable!("landing goes on for ever"),
    };
    let objects = store.list(&"overflow".into(), None).await.unwrap();
    land_everything(log.as_ref(), &mut lander).await;
    let left = store.list(&"overflow".into(), None).await.unwrap();
    assert!(left.is_empty(), "the overflow has landed: {left:?}");
    let (in_lake, in_stream) = find(&log, &store, &lander.snapshot()).await;
    let found: BTreeSet<_> = in_lake.iter().cloned().collect();
    assert_eq!(found.len(), in_lake.len(), "the lake has each event once");

    let accepted: BTreeSet<_> = days.iter().flat_map(|known| known.accepted.clone()).collect();
    let refused: BTreeSet<_> = days.iter().flat_map(|known| known.refused.clone()).collect();
    let lost: Vec<_> = accepted.difference(&found).collect();
    assert!(lost.is_empty(), "{} accepted events are lost, such as {}", lost.len(), lost[0]);
    // What is there beyond that was refused: the stream took it, and could not say so.
    let more: BTreeSet<_> = found.difference(&accepted).collect();
    assert!(more.iter().all(|id| refused.contains(*id)), "nobody sent {more:?}");
    println!("{} accepted, {} refused of which {} are there", accepted.len(), refused.len(), more.len());
    let overflowed = found.difference(&in_stream).count();
    println!("{overflowed} came through the overflow alone, {} objects of it at the end", objects.len());
    assert!(overflowed > 0 && accepted.len() > 1_000 && !refused.is_empty(), "that tests little");
}
