use std::sync::Arc;

use weir_core::ports::{EventLog, MemoryLog};
use weir_lake::{LakeError, Store, Table, names};

use super::super::tests::{NOW, lander, large, record, rows};
use super::*;
use crate::faulty::Faulty;

const MUCH: usize = 1 << 20;
/// The time of a UUID of version 7 comes first.
const FIRST: u128 = 0x0198_0000_0000_7000_8000_0000_0000_0000;

async fn put(store: &Store, number: u128, ids: &[&str]) {
    Overflow::new(store).put(FIRST + number, record(ids).into()).await.unwrap();
}

async fn waiting(store: &Store) -> usize {
    Overflow::new(store).list(None, 10_000).await.unwrap().len()
}

#[tokio::test]
async fn what_the_log_could_not_take_lands_once_and_goes() {
    let store = Store::in_memory();
    let mut lander = lander(&store, 0).await;
    let none = lander.land_overflow(MUCH).await.unwrap();
    assert_eq!((none.records, none.landed.version, none.is_full), (0, 0, false));

    let log = MemoryLog::default();
    log.append(record(&["a", "b"]).into()).await.unwrap();
    let shard = log.shards().await.unwrap().remove(0);
    lander.land_log(&log, &shard).await.unwrap();
    let before = lander.snapshot();

    put(&store, 1, &["b", "c"]).await;
    put(&store, 2, &["d"]).await;
    let done = lander.land_overflow(MUCH).await.unwrap();
    assert_eq!((done.landed.accepted, done.landed.duplicates, done.records), (2, 1, 2));
    assert_eq!((done.unreadable, done.is_full), (vec![], false));
    assert_eq!(waiting(&store).await, 0);
    let after = lander.snapshot();
    assert_eq!((after.rows(), after.version), (4, before.version + 1));
    assert_eq!(after.positions, before.positions, "the log is where it was");
    assert_eq!((after.complete_to_ms, before.complete_to_ms), (Some(NOW), Some(NOW)));
    lander.land_overflow(MUCH).await.unwrap();
    assert_eq!(lander.refresh().await.unwrap().version, after.version, "nothing new is no commit");
}

#[tokio::test]
async fn the_lake_is_not_complete_because_of_it() {
    let store = Store::in_memory();
    put(&store, 1, &["a"]).await;
    let mut lander = lander(&store, 0).await;
    lander.land_overflow(MUCH).await.unwrap();
    assert_eq!((lander.snapshot().rows(), lander.snapshot().complete_to_ms), (1, None));
    assert!(lander.snapshot().positions.is_empty());
}

#[tokio::test]
async fn a_crash_between_commit_and_delete_counts_nothing_twice() {
    let faulty = Arc::new(Faulty::default());
    let store = Store::over(Arc::clone(&faulty) as _);
    put(&store, 1, &["a", "b"]).await;
    put(&store, 2, &["c"]).await;
    Faulty::set(&faulty.deletes_fail, true);
    let mut first = lander(&store, 0).await;
    let error = first.land_overflow(MUCH).await.unwrap_err();
    assert!(error.to_string().contains("overflow/"), "{error}");
    assert_eq!((first.snapshot().rows(), waiting(&store).await), (3, 2), "committed, and still there");
    assert!(first.land_overflow(MUCH).await.is_err(), "as long as it fails");

    // The process ends here, and another one begins, which knows only what the lake says.
    Faulty::set(&faulty.deletes_fail, false);
    let mut second = lander(&store, 100).await;
    let done = second.land_overflow(MUCH).await.unwrap();
    assert_eq!((done.landed.accepted, done.landed.duplicates, done.records), (0, 3, 2));
    assert_eq!((second.snapshot().rows(), second.snapshot().version), (3, 1));
    assert_eq!(waiting(&store).await, 0);
}

#[tokio::test]
async fn a_commit_that_was_made_though_it_looked_failed_keeps_its_file() {
    let faulty = Arc::new(Faulty::default());
    let store = Store::over(Arc::clone(&faulty) as _);
    let mut lander = lander(&store, 0).await;
    put(&store, 1, &["a", "b"]).await;
    Faulty::set(&faulty.commits_look_failed, true);
    assert!(matches!(lander.land_overflow(MUCH).await.unwrap_err(), LakeError::Store(_)));
    let error = lander.land(rows(&["x"]), vec![], None, "import").await.unwrap_err();
    assert!(matches!(error, LakeError::Store(_)), "{error}");

    Faulty::set(&faulty.commits_look_failed, false);
    let done = lander.land_overflow(MUCH).await.unwrap();
    assert_eq!((done.landed.accepted, done.landed.duplicates, done.records), (0, 2, 1));
    let snapshot = Table::open(&store).await.unwrap().snapshot();
    assert_eq!(snapshot.rows(), 3, "both commits were made");
    for file in snapshot.files.values() {
        assert!(
            store.has(&names::TableName::Events.data(&file.path)).await.unwrap(),
            "{} is live, and is not there",
            file.path
        );
    }
}

#[tokio::test]
async fn the_oldest_come_first_and_as_many_as_fit() {
    let store = Store::in_memory();
    for number in [3, 1, 2] {
        put(&store, number, &[&format!("id-{number}")]).await;
    }
    let size = record(&["id-1"]).len();
    let mut lander = lander(&store, 0).await;
    let done = lander.land_overflow(1).await.unwrap();
    assert_eq!((done.records, done.is_full), (1, true), "at least one");
    assert!(!Overflow::new(&store).is_there(FIRST + 1).await.unwrap(), "the oldest");
    put(&store, 4, &["id-4"]).await;
    let done = lander.land_overflow(2 * size).await.unwrap();
    assert_eq!((done.records, done.is_full), (2, true), "as many as fit");
    let done = lander.land_overflow(2 * size).await.unwrap();
    assert_eq!((done.records, done.is_full, lander.snapshot().rows()), (1, false, 4));
}

#[tokio::test]
async fn what_cannot_be_read_is_named_set_aside_and_holds_nothing_up() {
    let store = Store::in_memory();
    let overflow = Overflow::new(&store);
    overflow.put(FIRST, "not a frame".into()).await.unwrap();
    let mut half = record(&["a", "b"]);
    half.truncate(half.len() - 5);
    overflow.put(FIRST + 1, half.clone().into()).await.unwrap();
    put(&store, 2, &["c"]).await;
    let mut lander = lander(&store, 0).await;
    let done = lander.land_overflow(MUCH).await.unwrap();
    assert_eq!((done.landed.accepted, done.records), (2, 3), "also what is good of the half record");
    assert_eq!(done.unreadable.len(), 4, "two problems, and where the records are: {:?}", done.unreadable);
    assert!(done.unreadable[0].starts_with(&format!("record {FIRST} of shard `overflow`")), "{:?}", done.unreadable);
    assert!(done.unreadable[2].contains(names::overflow_unreadable(FIRST).as_ref()), "{:?}", done.unreadable);
    assert_eq!(waiting(&store).await, 0);
    assert_eq!(store.read(&names::overflow_unreadable(FIRST + 1)).await.unwrap().unwrap(), half);
    assert_eq!(lander.land_overflow(MUCH).await.unwrap().records, 0, "it is not looked at again");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_landers_of_one_overflow_count_every_event_once() {
    let store = Store::in_memory();
    for number in 0..40 {
        put(&store, number, &[&format!("a-{number}"), &format!("b-{}", number / 2)]).await;
    }
    let size = record(&["a-1", "b-1"]).len();
    let tasks = [0, 1000].map(|first_id| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut lander = lander(&store, first_id).await;
            let mut accepted = 0;
            loop {
                let done = lander.land_overflow(5 * size).await.unwrap();
                accepted += done.landed.accepted;
                if done.records == 0 && !done.is_full {
                    return accepted;
                }
            }
        })
    });
    let accepted: u64 = futures::future::join_all(tasks).await.into_iter().map(Result::unwrap).sum();
    assert_eq!((accepted, waiting(&store).await), (60, 0));
    assert_eq!(Table::open(&store).await.unwrap().snapshot().rows(), 60);
}

#[tokio::test]
async fn what_is_small_in_the_store_and_large_out_of_its_envelope_lands_in_parts() {
    let store = Store::in_memory();
    for number in 0..7 {
        let record = large(&format!("id-{number}"));
        Overflow::new(&store).put(FIRST + number, record.into()).await.unwrap();
    }
    let mut lander = lander(&store, 0).await;
    let mut landed = Vec::new();
    loop {
        let done = lander.land_overflow(MUCH).await.unwrap();
        landed.push(done.records);
        if !done.is_full {
            break;
        }
    }
    assert_eq!((landed, waiting(&store).await, lander.snapshot().rows()), (vec![3, 3, 1], 0, 7));
}
