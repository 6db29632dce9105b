//! A stream that is split while it is written and read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use weir_core::ports::{EventLog, LogPosition, SequenceNumber, ShardId};
use weir_tests::kinesis_faults::Plan;

use crate::rig::{Rig, STREAM, payload};

const SENDERS: usize = 4;

/// The middle of a shard's hash keys.
async fn middle(rig: &Rig, shard: &str) -> String {
    let admin = rig.kinesis.admin();
    let shards = admin.list_shards().stream_name(STREAM).send().await.unwrap();
    let found = shards.shards().iter().find(|found| found.shard_id() == shard).expect("the shard is there");
    let keys = found.hash_key_range().expect("a shard has keys");
    let [from, to] = [keys.starting_hash_key(), keys.ending_hash_key()].map(|key| key.parse::<u128>().unwrap());
    (from + (to - from) / 2).to_string()
}

fn name(shard: usize) -> String {
    format!("shardId-{shard:012}")
}

/// Waits until each of so many shards has had a record.
async fn wait_for_records(written: &Mutex<BTreeSet<String>>, shards: usize) {
    let wait = async {
        while written.lock().unwrap().len() < shards {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), wait).await;
    waited.unwrap_or_else(|_| panic!("of {shards} shards only these have records: {:?}", written.lock().unwrap()));
}

async fn split(rig: &Rig, shard: &str) {
    let at = middle(rig, shard).await;
    let split = rig.kinesis.admin().split_shard().stream_name(STREAM).shard_to_split(shard).new_starting_hash_key(at);
    split.send().await.unwrap();
    rig.kinesis.wait_until_active(STREAM).await;
}

/// Follows all shards, those that appear meanwhile too, until there is no more after `over`.
async fn follow(log: Arc<impl EventLog>, over: Arc<AtomicBool>) -> BTreeMap<ShardId, Vec<(SequenceNumber, Bytes)>> {
    let mut read: BTreeMap<ShardId, Vec<(SequenceNumber, Bytes)>> = BTreeMap::new();
    loop {
        let was_over = over.load(Ordering::SeqCst);
        let mut found = 0;
        for shard in log.shards().await.unwrap() {
            let seen = read.entry(shard.clone()).or_default();
            let after = seen.last().map(|(sequence, _)| sequence.clone());
            let page = log.read(&shard, after.as_ref(), 2_000).await.unwrap();
            found += page.len();
            seen.extend(page.into_iter().map(|record| (record.sequence, record.payload)));
        }
        if was_over && found == 0 {
            return read;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_split_in_the_middle_of_writing_and_reading_loses_nothing() {
    let rig = Rig::new(2, 21).await;
    // A page of the list of shards holds one, so that there is always a next page.
    rig.proxy.follow(Plan { failing_entries: 10, shards_of_a_page: Some(1), ..Plan::default() });
    let log = Arc::new(rig.log().await);
    let over = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn(follow(Arc::clone(&log), Arc::clone(&over)));
    let written = Arc::new(Mutex::new(BTreeSet::new()));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (log, over, written) = (Arc::clone(&log), Arc::clone(&over), Arc::clone(&written));
            tokio::spawn(async move {
                let mut appended: Vec<(LogPosition, Bytes)> = Vec::new();
                while !over.load(Ordering::SeqCst) {
                    let payload = payload(&format!("{sender} {}", appended.len()), 100);
                    let place = log.append(payload.clone()).await.unwrap();
                    written.lock().unwrap().insert(place.shard.0.clone());
                    appended.push((place, payload));
                }
                appended
            })
        })
        .collect();
    for (shard, shards) in [(0, 2), (1, 4), (3, 6)] {
        wait_for_records(&written, shards).await;
        split(&rig, &name(shard)).await;
    }
    wait_for_records(&written, 8).await;
    over.store(true, Ordering::SeqCst);
    let mut appended = BTreeMap::new();
    for sender in senders {
        for (place, payload) in sender.await.unwrap() {
            assert!(appended.insert((place.shard, place.sequence), payload).is_none(), "one place for two records");
        }
    }
    let read = reader.await.unwrap();
    let flat: BTreeMap<_, _> = read
        .iter()
        .flat_map(|(shard, records)| {
            records.iter().map(|(sequence, payload)| ((shard.clone(), sequence.clone()), payload.clone()))
        })
        .collect();
    println!("{} records in {} shards", flat.len(), read.len());
    assert!(flat == appended, "{} records were appended, {} read", appended.len(), flat.len());
    assert_eq!(flat.len(), read.values().map(Vec::len).sum::<usize>(), "none was read twice");
    // Closed ones too, and parents before their children.
    let shards = log.shards().await.unwrap();
    assert_eq!(shards, (0..8).map(|n| ShardId(name(n))).collect::<Vec<_>>());
}
