//! Bad days of the stream: what is accepted is there, only what failed is sent again, and nobody waits too long.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ingest_fn::kinesis::{KinesisLog, KinesisSettings};
use ingest_fn::overflow::{FaultyOverflow, MemoryOverflow, OverflowSettings, OverflowingLog, SHARD};
use weir_core::event::envelope::unpack;
use weir_core::ports::{EventLog, LogError, LogPosition, RandomIds};
use weir_tests::kinesis_faults::{Fate, Plan};

use crate::rig::{Rig, everything, patient, payload};

const SENDERS: usize = 16;

/// How an append ended, and when.
struct Ended {
    payload: Bytes,
    answer: Result<LogPosition, LogError>,
    took: Duration,
}

/// Appends `each` records from each of several senders, one after the other.
async fn append_all(log: Arc<impl EventLog + 'static>, what: &str, each: usize) -> Vec<Ended> {
    let senders = (0..SENDERS).map(|sender| {
        let (log, what) = (Arc::clone(&log), what.to_owned());
        tokio::spawn(async move {
            let mut ended = Vec::new();
            for n in 0..each {
                let payload = payload(&format!("{what} {sender} {n}"), 40 + n * 37 % 2000);
                let started = Instant::now();
                let answer = log.append(payload.clone()).await;
                ended.push(Ended { payload, answer, took: started.elapsed() });
            }
            ended
        })
    });
    let mut all = Vec::new();
    for sender in senders.collect::<Vec<_>>() {
        all.extend(sender.await.expect("a sender does not panic"));
    }
    all
}

/// How often each payload is in the stream, and where.
async fn places(log: &dyn EventLog) -> BTreeMap<Bytes, BTreeSet<String>> {
    let mut places: BTreeMap<Bytes, BTreeSet<String>> = BTreeMap::new();
    for (shard, records) in everything(log).await {
        for record in records {
            places.entry(record.payload).or_default().insert(format!("{} of {shard}", record.sequence));
        }
    }
    places
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_is_there_and_only_what_failed_is_sent_again() {
    let rig = Rig::new(3, 11).await;
    // The answer that comes late comes behind the timeout, which is far behind what Kinesis here takes.
    let settings = KinesisSettings { call_timeout: Duration::from_secs(5), ..patient() };
    let log = Arc::new(rig.log_with(settings).await);
    rig.proxy.follow(Plan {
        failing_entries: 30,
        throttled: 10,
        broken: 5,
        delayed: 1,
        delay: Duration::from_secs(6),
        reset_before: 5,
        reset_after: 5,
        throttled_reads: 30,
        ..Plan::default()
    });
    let ended = append_all(Arc::clone(&log), "faults", 40).await;
    let places = places(log.as_ref()).await;
    for one in &ended {
        let position = one.answer.as_ref().unwrap_or_else(|error| panic!("60 s are enough: {error}"));
        let found = places.get(&one.payload).expect("an accepted record is in the stream");
        assert!(found.contains(&format!("{} of {}", position.sequence, position.shard)), "not where it was said to be");
    }
    assert_eq!(places.len(), ended.len(), "records that nobody appended");

    let seen = rig.proxy.seen();
    let (mut again, mut untold) = (0, 0);
    for (data, fates) in &seen.entries {
        let (last, before) = fates.split_last().expect("it was seen");
        assert!(
            !before.contains(&Fate::Stored),
            "{data} was sent again, though it was told that it is stored: {fates:?}"
        );
        assert_eq!(*last, Fate::Stored, "{data} was accepted without being told that it is stored: {fates:?}");
        again += before.len();
        untold += before.iter().filter(|fate| **fate == Fate::Untold).count();
    }
    // A copy comes from an answer that was never heard, and from nothing else.
    let copies: usize = places.values().map(|found| found.len() - 1).sum();
    assert_eq!((seen.entries.len(), copies), (ended.len(), untold));
    println!("{} records, {} calls, {again} tries more, {untold} stored and untold", ended.len(), seen.calls);
    assert!(again > 100 && untold > 0 && seen.largest_call > 3, "that tests little");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_refused_only_while_stream_and_overflow_are_out_and_always_in_time() {
    let rig = Rig::new(2, 12).await;
    let (append, deadline) = (Duration::from_millis(300), Duration::from_secs(2));
    let settings = KinesisSettings { append_deadline: append, call_timeout: Duration::from_millis(150), ..patient() };
    let overflow = Arc::new(FaultyOverflow::new(MemoryOverflow::default()));
    let to_overflow = OverflowSettings {
        log_deadline: deadline,
        overflow_deadline: deadline,
        failures_to_open: 20,
        open_for: Duration::from_millis(50),
    };
    let stream = rig.log_with(settings).await;
    let log = Arc::new(OverflowingLog::new(stream, overflow.clone(), Arc::new(RandomIds), to_overflow));
    let good = Plan::default();
    let bad = Plan { failing_entries: 60, throttled: 20, reset_before: 5, reset_after: 5, ..Plan::default() };
    let out = Plan { throttled: 60, broken: 30, reset_before: 10, ..Plan::default() };

    let mut all = Vec::new();
    for (what, plan, overflow_is_out) in
        [("good", good.clone(), true), ("bad", bad, false), ("out", out.clone(), false)]
    {
        overflow.refuse(overflow_is_out);
        rig.proxy.follow(plan);
        let ended = append_all(Arc::clone(&log), what, 12).await;
        let elsewhere =
            ended.iter().filter(|one| one.answer.as_ref().is_ok_and(|place| place.shard.0 == SHARD)).count();
        println!("{what}: {} of {} records in the overflow", elsewhere, ended.len());
        match what {
            // Kinesis here is slow, and may be too slow for a deadline this short.
            "good" => assert_eq!(elsewhere, 0),
            "bad" => assert!(elsewhere < ended.len(), "the stream took nothing"),
            _ => assert_eq!(elsewhere, ended.len(), "the stream was out"),
        }
        if what != "good" {
            assert!(ended.iter().all(|one| one.answer.is_ok()), "refused, with an overflow that works");
        }
        all.extend(ended);
    }
    rig.proxy.follow(out);
    overflow.refuse(true);
    let refused = append_all(Arc::clone(&log), "both", 4).await;
    for one in &refused {
        assert!(matches!(one.answer, Err(LogError::Unavailable(_))), "{:?}", one.answer);
    }
    // Two deadlines at most, and a slow machine.
    let slowest = all.iter().chain(&refused).map(|one| one.took).max().unwrap();
    assert!(slowest < 2 * deadline, "{slowest:?}");

    rig.proxy.follow(good);
    let places = places(&rig.log().await).await;
    let overflow: BTreeMap<String, Bytes> =
        overflow.inner().records().into_iter().map(|(n, r)| (n.to_string(), r)).collect();
    for one in &all {
        let Ok(LogPosition { shard, sequence }) = &one.answer else { continue };
        if shard.0 == SHARD {
            let record = overflow.get(sequence.as_str()).expect("an accepted record is in the overflow");
            assert_eq!(unpack(record).unwrap(), &one.payload[..]);
        } else {
            assert!(places[&one.payload].contains(&format!("{sequence} of {shard}")), "an accepted record is lost");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_that_is_given_up_harms_no_other() {
    let rig = Rig::new(1, 13).await;
    let log = Arc::new(rig.log().await);
    rig.proxy.follow(Plan { failing_entries: 60, ..Plan::default() });
    let give_up = |n: usize| {
        let log: Arc<KinesisLog> = Arc::clone(&log);
        tokio::spawn(async move {
            let given_up = log.append(payload(&format!("given up {n}"), 100));
            tokio::time::timeout(Duration::from_millis(n as u64 % 20), given_up).await.is_err()
        })
    };
    let given_up: Vec<_> = (0..100).map(give_up).collect();
    let ended = append_all(Arc::clone(&log), "kept", 5).await;
    let mut gone = 0;
    for one in given_up {
        gone += usize::from(one.await.unwrap());
    }
    assert!(gone > 20, "{gone} were given up");
    let places = places(log.as_ref()).await;
    for one in ended {
        assert_eq!(places[&one.payload].len(), 1, "{:?}", one.answer);
    }
    assert!(places.values().all(|found| found.len() == 1), "nothing is there twice");
}
