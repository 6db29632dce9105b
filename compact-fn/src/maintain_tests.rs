use serde_json::json;
use weir_core::ports::{ManualClock, RandomIds, SystemClock};
use weir_lake::TableName;

use super::*;
use crate::compact::Extent;
use crate::erase::request;
use crate::expire::RETENTION;
use crate::world::{World, user};

async fn run(store: &Store, clock: &dyn Clock) -> Result<Maintained, LakeError> {
    Maintenance::new(store).run(clock, &RandomIds, Deadline::NEVER).await
}

async fn retain(store: &Store, retention: serde_json::Value) {
    Settings::update(store, |settings| settings.set(RETENTION, &retention)).await.unwrap();
}

#[tokio::test]
async fn what_is_due_is_done_once_an_hour_and_erasures_each_time() {
    let mut world = World::new(Store::in_memory(), 3).await;
    for _ in 0..3 {
        world.land(40).await;
    }
    world.compact(Extent::Everything).await;
    retain(&world.store, json!({"events": "30d"})).await;
    let first = run(&world.store, &SystemClock).await.unwrap();
    assert!(first.expired.unwrap().rows_removed > 0 && first.vacuumed.is_some() && first.erased.is_empty());
    world.rows = world.in_lake().await;

    let ids = world.ids_of(&user(1));
    request(&mut Tables::new(&world.store), &ids, 0, &SystemClock, &RandomIds).await.unwrap();
    let second = run(&world.store, &SystemClock).await.unwrap();
    assert!(second.expired.is_none() && second.vacuumed.is_none(), "not yet again");
    assert_eq!(second.erased.len(), 1);
    world.forget(&ids);
    world.assert_same().await;
}

#[tokio::test]
async fn a_clock_that_is_far_off_takes_nothing_away() {
    let mut world = World::new(Store::in_memory(), 3).await;
    world.land(40).await;
    world.compact(Extent::Everything).await;
    retain(&world.store, json!({"events": "400d"})).await;
    let ahead = ManualClock::new(SystemClock.now_ms() + 1_000 * 86_400_000);
    let refused = run(&world.store, &ahead).await;
    assert!(matches!(refused, Err(LakeError::Clock { .. })), "{refused:?}");
    world.assert_same().await;
}

#[tokio::test]
async fn an_erasure_is_finished_though_the_retention_cannot_be_read() {
    let mut world = World::new(Store::in_memory(), 3).await;
    world.land(40).await;
    retain(&world.store, json!({"events": "soon"})).await;
    let ids = world.ids_of(&user(1));
    request(&mut Tables::new(&world.store), &ids, 0, &SystemClock, &RandomIds).await.unwrap();
    assert!(run(&world.store, &SystemClock).await.unwrap_err().to_string().contains("`retention`"));
    world.forget(&ids);
    world.assert_same().await;
}

#[tokio::test]
async fn an_empty_store_is_maintained_too() {
    let store = Store::in_memory();
    let done = run(&store, &SystemClock).await.unwrap();
    assert_eq!((done.erased.len(), done.expired), (0, Some(Rewritten::default())));
    assert!(weir_lake::Table::open_if_there(&store, TableName::Events).await.unwrap().is_none(), "it makes no table");
}
