//! Erasing a user on S3: beside landings and merges, and where the answers to its commits are lost.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::AsArray;
use compact_fn::compact::{Extent, compact};
use compact_fn::erase::{Erased, UserIds, finish_all, request};
use compact_fn::rewrite::Deadline;
use compact_fn::tables::Tables;
use futures::TryStreamExt;
use weir_core::event::EventId;
use weir_core::ports::{CountingIds, ManualClock, RandomIds};
use weir_lake::rows::{EventRows, FrozenRows};
use weir_lake::{LakeError, Store, Table, TableName, reader};
use weir_tests::fault_proxy::{Fault, Proxy};
use weir_tests::moto::Moto;

use super::lake::{NOW, event, lander};
use super::{store as new_store, store_through};

const USERS: u64 = 4;
const GONE: &str = "user-1";
/// Events of a batch.
const EVENTS: u64 = 20;

fn batch(number: u64) -> FrozenRows {
    let mut rows = EventRows::default();
    for place in 0..EVENTS {
        let user = format!("user-{}", place % USERS);
        let mut event = event(&user, place);
        if place % 3 == 0 {
            // Nobody says who it was, but for the device.
            (event.user_id, event.anonymous_id) = (None, Some(Cow::Owned(user.clone())));
        }
        rows.push("app", &event, &EventId::Text(format!("{number}-{place}").into()));
    }
    rows.freeze()
}

/// How often each event is in the lake, by its id, and whose it is.
async fn events(store: &Store) -> BTreeMap<(String, String), u64> {
    let snapshot = Table::open(store).await.unwrap().snapshot();
    let mut found = BTreeMap::new();
    for file in snapshot.files.values() {
        let columns = ["user", "event_id"];
        let batches = reader::open_all(store, TableName::Events, snapshot.version, file, &columns).await.unwrap();
        for batch in batches.try_collect::<Vec<_>>().await.unwrap() {
            let text = |name: &str, row| batch.column_by_name(name).unwrap().as_string_view().value(row).to_owned();
            for row in 0..batch.num_rows() {
                *found.entry((text("event_id", row), text("user", row))).or_default() += 1;
            }
        }
    }
    found
}

/// Every event of these batches is there once, but for those of the user who is gone.
async fn only_the_others_are_left(store: &Store, batches: u64) {
    let found = events(store).await;
    assert!(found.values().all(|times| *times == 1), "{found:?}");
    assert!(found.keys().all(|(_, user)| user != GONE), "{found:?}");
    assert_eq!(found.len() as u64, batches * EVENTS * (USERS - 1) / USERS);
}

async fn ask(tables: &mut Tables) {
    let ids = BTreeSet::from([GONE.to_owned()]);
    let ids = UserIds { users: ids.clone(), devices: ids };
    request(tables, &ids, 0, &ManualClock::new(NOW), &RandomIds).await.unwrap();
}

async fn finish(tables: &mut Tables) -> Result<Vec<Erased>, LakeError> {
    finish_all(tables, &ManualClock::new(NOW), &RandomIds, Deadline::NEVER).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_erased_while_landings_and_merges_go_on() {
    const BATCHES: u64 = 24;
    let store = new_store("erase-beside").await;
    lander(&store, 0).await.land(batch(0), vec![], None, "land").await.unwrap();
    let landed = Arc::new(AtomicBool::new(false));
    let landing = tokio::spawn({
        let (store, landed) = (store.clone(), Arc::clone(&landed));
        async move {
            let mut lander = lander(&store, 1_000).await;
            for number in 1..BATCHES {
                lander.land(batch(number), vec![], None, "land").await.unwrap();
            }
            landed.store(true, Ordering::SeqCst);
        }
    });
    let merging = tokio::spawn({
        let (store, landed) = (store.clone(), Arc::clone(&landed));
        async move {
            let mut table = Table::open(&store).await.unwrap();
            let (clock, ids) = (ManualClock::new(NOW), CountingIds::starting_at(2_000_000));
            while !landed.load(Ordering::SeqCst) {
                compact(&mut table, &clock, &ids, Extent::Worthwhile).await.unwrap();
                table.refresh().await.unwrap();
            }
        }
    });
    let mut tables = Tables::new(&store);
    ask(&mut tables).await;
    let mut removed = 0;
    loop {
        let is_last = landed.load(Ordering::SeqCst);
        removed += finish(&mut tables).await.unwrap().iter().map(|one| one.events.rows_removed).sum::<u64>();
        if is_last {
            break;
        }
    }
    landing.await.unwrap();
    merging.await.unwrap();
    only_the_others_are_left(&store, BATCHES).await;
    assert_eq!(removed, BATCHES * EVENTS / USERS, "each row was taken away once");
    let (mut table, ids) = (Table::open(&store).await.unwrap(), CountingIds::starting_at(3_000_000));
    compact(&mut table, &ManualClock::new(NOW), &ids, Extent::Everything).await.unwrap();
    only_the_others_are_left(&store, BATCHES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_whose_commits_lose_their_answers_is_done_once() {
    const BATCHES: u64 = 6;
    let faults = [Fault::LoseAnswer, Fault::AnswerWith(500, "InternalError"), Fault::LoseRequest];
    for (number, fault) in faults.into_iter().enumerate() {
        let bucket = format!("erase-doubt-{number}");
        let proxy = Proxy::start(Moto::shared().url());
        let direct = new_store(&bucket).await;
        let store = store_through(proxy.url(), &bucket).await;
        let mut landing = lander(&direct, 0).await;
        for number in 0..BATCHES {
            landing.land(batch(number), vec![], None, "land").await.unwrap();
        }
        let version = landing.snapshot().version;
        for target in ["erasures/open/", "landed/", &format!("_delta_log/{:020}.json", version + 1), "erasures/done/"] {
            proxy.next("PUT", target, fault);
        }
        let mut tables = Tables::new(&store);
        ask(&mut tables).await;
        let erased = finish(&mut tables).await.unwrap();
        assert_eq!(proxy.left(), 0, "{fault:?}");
        let removed: Vec<u64> = erased.iter().map(|one| one.done.as_ref().unwrap().events.rows_removed).collect();
        assert_eq!(removed, [BATCHES * EVENTS / USERS], "{fault:?}: one request, and each row once");
        only_the_others_are_left(&direct, BATCHES).await;
        // Whoever comes next finds nothing to do.
        let again = finish(&mut Tables::new(&direct)).await.unwrap();
        assert!(again.iter().all(|one| one.events.rows_removed == 0), "{again:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_the_store_ends_is_finished_by_whoever_comes_next() {
    const BATCHES: u64 = 6;
    let proxy = Proxy::start(Moto::shared().url());
    let direct = new_store("erase-ends").await;
    let store = store_through(proxy.url(), "erase-ends").await;
    let mut landing = lander(&direct, 0).await;
    for number in 0..BATCHES {
        landing.land(batch(number), vec![], None, "land").await.unwrap();
    }
    ask(&mut Tables::new(&direct)).await;
    // The commit is made, nobody hears of it, and nobody can ask.
    let commit = format!("_delta_log/{:020}.json", landing.snapshot().version + 1);
    proxy.times(1, "PUT", &commit, Fault::LoseAnswer);
    proxy.times(100, "GET", &commit, Fault::Refuse(403, "AccessDenied"));
    let failed = finish(&mut Tables::new(&store)).await;
    assert!(failed.is_err(), "{failed:?}");
    let erased = finish(&mut Tables::new(&direct)).await.unwrap();
    assert!(erased.iter().all(|one| one.done.is_some()), "{erased:?}");
    only_the_others_are_left(&direct, BATCHES).await;
}
