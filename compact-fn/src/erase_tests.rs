use std::sync::Arc;

use object_store::memory::InMemory;
use serde_json::json;
use weir_core::ports::{RandomIds, SystemClock};
use weir_lake::store::IfMissing;

use super::*;
use crate::compact::Extent;
use crate::faulty::Faulty;
use crate::vacuum::{Keep, Sweep, vacuum};
use crate::world::{World, device, merge_all, objects_with, user};

/// Erases a user, and the devices that their events link, as the command does.
async fn erase(store: &Store, name: &str) -> Vec<Erased> {
    let mut tables = Tables::new(store);
    let users = BTreeSet::from([name.to_owned()]);
    let devices = linked_devices(&tables.opened().await.unwrap()[0], &users).await.unwrap();
    request(&mut tables, &UserIds { users, devices }, 0, &SystemClock, &RandomIds).await.unwrap();
    finish(store).await
}

async fn finish(store: &Store) -> Vec<Erased> {
    finish_all(&mut Tables::new(store), &SystemClock, &RandomIds, Deadline::NEVER).await.unwrap()
}

async fn vacuum_now(store: &Store) {
    let keep = Keep { removed_ms: 0 };
    vacuum(&mut Tables::new(store), keep, Sweep::Remove, &SystemClock).await.unwrap();
}

async fn some_step(world: &mut World) {
    match world.dice.below(6) {
        0 | 1 => world.land(40).await,
        2 => world.fail(10).await,
        3 => world.compact(Extent::Everything).await,
        _ => world.compact(Extent::Worthwhile).await,
    }
}

async fn leaves_nothing_behind(store: Store, seed: u64) {
    let mut world = World::new(store, seed).await;
    world.land(60).await;
    world.fail(20).await;
    for number in [1, 4] {
        for _ in 0..world.dice.below(12) {
            some_step(&mut world).await;
        }
        world.assert_same().await;
        let ids = world.ids_of(&user(number));
        let (before, failed_before) = (world.rows.len(), world.failed.len());
        let mut tables = Tables::new(&world.store);
        let (events, failed) = preview(&mut tables, &ids, &RandomIds).await.unwrap();
        let erased = erase(&world.store, &user(number)).await;
        world.forget(&ids);
        world.assert_same().await;

        let of = erased.last().unwrap();
        assert_eq!(of.events.rows_removed, (before - world.rows.len()) as u64, "seed {seed}");
        assert_eq!(of.failed.rows_removed, (failed_before - world.failed.len()) as u64);
        let figures = |of: Rewritten| (of.rows_removed, of.rows_changed, of.files_removed, of.files_rewritten);
        assert_eq!((figures(of.events), figures(of.failed)), (figures(events), figures(failed)), "as it was foretold");
        assert!(of.done.as_ref().is_some_and(|done| done.finished_at > 0));
        assert!(!objects_with(&world.store, &user(number)).await.is_empty(), "old versions have it still");
        vacuum_now(&world.store).await;
        for id in ids.all() {
            assert_eq!(objects_with(&world.store, id).await, [""; 0], "seed {seed}: {id} is still there");
        }
        world.assert_same().await;
        // What comes now was received later than the request, and is not of that life.
        world.now_ms += 120_000;
    }
    some_step(&mut world).await;
    world.compact(Extent::Everything).await;
    world.assert_same().await;
}

#[tokio::test]
async fn an_erased_user_leaves_nothing_behind_in_memory() {
    for seed in 0..12 {
        leaves_nothing_behind(Store::in_memory(), seed).await;
    }
}

#[tokio::test]
async fn an_erased_user_leaves_nothing_behind_in_a_directory() {
    for seed in 20..23 {
        let dir = tempfile::tempdir().unwrap();
        leaves_nothing_behind(Store::open(dir.path().to_str().unwrap(), IfMissing::Create).await.unwrap(), seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn erasing_wins_over_landings_and_compactions_beside_it() {
    for seed in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        let store = match seed % 2 {
            0 => Store::in_memory(),
            _ => Store::open(dir.path().to_str().unwrap(), IfMissing::Create).await.unwrap(),
        };
        let mut world = World::new(store.clone(), 100 + seed).await;
        for _ in 0..10 {
            world.land(30).await;
        }
        world.fail(30).await;
        let compactors: Vec<_> = [Extent::Everything, Extent::Worthwhile]
            .into_iter()
            .map(|extent| {
                let store = store.clone();
                tokio::spawn(async move {
                    for _ in 0..12 {
                        merge_all(&store, extent).await;
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        let erasing = [user(2), user(3)].map(|name| {
            let store = store.clone();
            tokio::spawn(async move { erase(&store, &name).await })
        });
        for _ in 0..12 {
            world.land(10).await;
            world.fail(3).await;
        }
        for erased in erasing {
            assert!(erased.await.unwrap().iter().all(|one| one.done.is_some()));
        }
        for compactor in compactors {
            compactor.await.unwrap();
        }
        // What landed beside it was received before.
        finish(&store).await;
        for number in [2, 3] {
            let ids = world.ids_of(&user(number));
            world.forget(&ids);
        }
        world.assert_same().await;
        vacuum_now(&store).await;
        for id in [user(2), user(3)] {
            // What a writer beside it threw away is gone as well: nothing is left to be taken for an orphan.
            assert_eq!(objects_with(&store, &id).await, [""; 0], "seed {seed}: {id}");
        }
    }
}

#[tokio::test]
async fn people_who_share_a_device_keep_their_own_events() {
    let mut world = World::new(Store::in_memory(), 1).await;
    let now_ms = world.now_ms;
    let (ann, bob, tablet) = (user(1), user(2), device(1));
    let event = |name: &str| json!({"event": name, "user_id": bob, "anonymous_id": tablet});
    let mut seen = event("view");
    seen["properties"] = json!({"$device_id": tablet, "price": 5});
    let mut alias = event("alias");
    alias["properties"] = json!({"previousId": ann});
    let mut friend = json!({"event": "wave", "user_id": bob});
    friend["properties"] = json!({"userId": bob, "to": "somebody"});
    world
        .land_these(
            vec![
                json!({"event": "before", "anonymous_id": tablet}),
                json!({"event": "identify", "user_id": ann, "anonymous_id": tablet}),
                json!({"event": "buy", "user_id": ann}),
                seen,
                alias,
                friend,
            ],
            now_ms,
        )
        .await;
    erase(&world.store, &ann).await;
    let left: Vec<_> = world.in_lake().await.into_values().collect();
    assert_eq!(left.len(), 3, "{left:?}");
    let of = |name: &str| left.iter().find(|row| row.event == name).unwrap();
    assert!(left.iter().all(|row| row.user_id.as_ref() == Some(&bob) && row.anonymous_id.is_none()));
    assert_eq!(of("view").properties, Some(json!({"price": 5})));
    assert_eq!(of("alias").properties, Some(json!({})));
    assert_eq!(of("wave").properties, Some(json!({"userId": bob, "to": "somebody"})));
}

#[tokio::test]
async fn what_lands_late_goes_too_and_what_was_received_later_stays() {
    let mut world = World::new(Store::in_memory(), 1).await;
    let (now_ms, ann, phone) = (world.now_ms, user(1), device(7));
    world
        .land_these(vec![json!({"event": "a", "user_id": ann}), json!({"event": "b", "user_id": "other"})], now_ms)
        .await;
    // A collector whose clock is ahead.
    world.land_these(vec![json!({"event": "ahead", "user_id": ann})], now_ms + 1_000_000).await;
    world.land_these(vec![json!({"event": "nobody yet", "anonymous_id": phone})], now_ms).await;
    erase(&world.store, &ann).await;
    let names = |rows: &std::collections::BTreeMap<String, crate::world::Row>| {
        rows.values().map(|row| row.event.clone()).collect::<BTreeSet<_>>()
    };
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(names(&world.in_lake().await), set(&["b", "nobody yet"]));

    // It was on its way, and says which device was hers.
    let late = json!({"event": "identify", "user_id": ann, "anonymous_id": phone});
    world.land_these(vec![late, json!({"event": "c", "user_id": "other"})], now_ms).await;
    world.land_these(vec![json!({"event": "new life", "user_id": ann})], now_ms + 2_000_000).await;
    world.compact(Extent::Everything).await;
    let erased = finish(&world.store).await;
    assert_eq!(erased.iter().map(|one| one.events.rows_removed).sum::<u64>(), 2, "{erased:?}");
    assert_eq!(names(&world.in_lake().await), set(&["b", "c", "new life"]));
    let again = finish(&world.store).await;
    assert!(again.iter().all(|one| one.events == Rewritten::default()), "{again:?}");

    let later = now_ms + 1_000_000 + IN_FLIGHT_MS;
    let close = async |now_ms| {
        let mut tables = Tables::new(&world.store);
        close_old(&mut tables, now_ms, &SystemClock, &RandomIds, Deadline::NEVER).await.unwrap();
    };
    close(later - 1_000).await;
    assert_eq!(open_requests(&world.store).await.unwrap().len(), 2, "not yet");
    close(later + 1_000_000).await;
    assert_eq!(open_requests(&world.store).await.unwrap(), []);
    assert_eq!(done_requests(&world.store).await.unwrap().len(), 2, "the figures stay");
}

#[tokio::test]
async fn who_is_allowed_again_keeps_what_comes_then() {
    let mut world = World::new(Store::in_memory(), 1).await;
    let (ann, now_ms) = (user(1), SystemClock.now_ms());
    world.land(5).await;
    let ids = UserIds { users: BTreeSet::from([ann.clone()]), ..UserIds::default() };
    request(&mut Tables::new(&world.store), &ids, 600_000, &SystemClock, &RandomIds).await.unwrap();
    finish(&world.store).await;
    world.land_these(vec![json!({"event": "while refused", "user_id": ann})], now_ms + 1_000).await;
    cut_short(&world.store, &user(2), now_ms).await.unwrap();
    assert_eq!(finish(&world.store).await[0].events.rows_removed, 1, "of another user nothing is cut short");
    cut_short(&world.store, &ann, now_ms + 2_000).await.unwrap();
    world.land_these(vec![json!({"event": "back", "user_id": ann})], now_ms + 3_000).await;
    finish(&world.store).await;
    assert_eq!(world.in_lake().await.values().filter(|row| row.event == "back").count(), 1);
}

#[tokio::test]
async fn rows_that_stay_keep_their_place_among_landings() {
    let mut world = World::new(Store::in_memory(), 3).await;
    for _ in 0..4 {
        world.land(20).await;
    }
    let before = Table::open(&world.store).await.unwrap().snapshot();
    erase(&world.store, &user(0)).await;
    let after = Table::open(&world.store).await.unwrap().snapshot();
    let places = |snapshot: &weir_lake::Snapshot| {
        snapshot.files.values().map(|file| (file.landed_in, file.level)).collect::<BTreeSet<_>>()
    };
    assert_eq!(places(&before), places(&after), "a rewritten file is no new landing");
    assert!(after.rows() < before.rows());
}

#[tokio::test]
async fn records_of_the_overflow_that_cannot_be_read_go_if_they_mention_the_user() {
    let mut world = World::new(Store::in_memory(), 1).await;
    world.land(5).await;
    for (number, text) in [(1, r#"{"weir":1,{"user_id":"usr-1-qzx"}"#), (2, r#"{"weir":1,{"user_id":"other"}"#)] {
        world.store.create(&names::overflow_unreadable(number), text.into()).await.unwrap();
    }
    let erased = erase(&world.store, &user(1)).await;
    assert_eq!(erased[0].done.as_ref().unwrap().unreadable, 1);
    assert!(!world.store.has(&names::overflow_unreadable(1)).await.unwrap());
    assert!(world.store.has(&names::overflow_unreadable(2)).await.unwrap());
}

#[tokio::test]
async fn an_erasure_that_stops_anywhere_is_finished_by_whoever_comes_next() {
    let mut stopped = 0;
    for writes in 0.. {
        let objects = Arc::new(InMemory::new());
        let store = Store::over(Arc::clone(&objects) as _);
        let mut world = World::new(store.clone(), 9).await;
        for _ in 0..3 {
            world.land(20).await;
        }
        world.fail(10).await;
        let ids = world.ids_of(&user(1));
        let mortal = Store::over(Arc::new(Faulty::dying_after(objects, writes)) as _);
        let mut tables = Tables::new(&mortal);
        let asked = request(&mut tables, &ids, 0, &SystemClock, &RandomIds).await;
        let done = match &asked {
            Ok(_) => finish_all(&mut tables, &SystemClock, &RandomIds, Deadline::NEVER).await.map(|_| ()),
            Err(_) => Ok(()),
        };
        finish(&store).await;
        if asked.is_ok() {
            world.forget(&ids);
        }
        world.assert_same().await;
        if asked.is_ok() && done.is_ok() {
            break;
        }
        stopped += 1;
    }
    assert!(stopped > 4, "{stopped} moments test little");
}

#[tokio::test]
async fn a_budget_that_is_spent_leaves_the_rest_to_the_next_call() {
    let mut world = World::new(Store::in_memory(), 9).await;
    world.land(50).await;
    let ids = world.ids_of(&user(1));
    let mut tables = Tables::new(&world.store);
    request(&mut tables, &ids, 0, &SystemClock, &RandomIds).await.unwrap();
    let erased = finish_all(&mut tables, &SystemClock, &RandomIds, Deadline { until_ms: 0 }).await.unwrap();
    assert_eq!((erased.len(), erased[0].done.clone()), (1, None));
    world.assert_same().await;
    finish(&world.store).await;
    world.forget(&ids);
    world.assert_same().await;
}

#[tokio::test]
async fn a_request_of_a_newer_weir_is_named_and_left_alone() {
    let mut world = World::new(Store::in_memory(), 9).await;
    world.land(5).await;
    let id = "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e";
    let newer = json!({"weir_erasure": 2, "requested_at": 1, "until": 1, "secret": "", "users": [], "devices": []});
    world.store.create(&names::open_erasure(id), newer.to_string().into()).await.unwrap();
    let error =
        finish_all(&mut Tables::new(&world.store), &SystemClock, &RandomIds, Deadline::NEVER).await.unwrap_err();
    assert!(matches!(error, LakeError::Newer { .. }), "{error}");
    assert!(world.store.has(&names::open_erasure(id)).await.unwrap());
}
