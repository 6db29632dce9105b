use serde_json::json;
use weir_core::ports::{RandomIds, SystemClock};
use weir_lake::Store;

use super::*;
use crate::compact::Extent;
use crate::world::World;

const RETENTION_MS: i64 = 30 * DAY_MS;

#[test]
fn a_retention_is_a_duration_of_a_day_or_more() {
    assert_eq!(parse("400d"), Ok(400 * DAY_MS));
    assert_eq!(parse("24h"), Ok(DAY_MS));
    assert!(parse("23h").unwrap_err().contains("less than a day"));
    assert!(parse("soon").is_err() && parse("").is_err());
    assert_eq!(parse_old("7d"), Ok(7 * DAY_MS));
    assert!(parse_old("59m").unwrap_err().contains("less than an hour"));
    assert_eq!([1, 30, 400].map(|days| slack_ms(days * DAY_MS) / DAY_MS), [1, 3, 7]);
}

#[test]
fn the_settings_are_read_whole_or_refused() {
    let mut settings = Settings::default();
    assert_eq!(Retention::of(&settings).unwrap(), Retention::default());
    assert_eq!(Retention::default().keep(), Keep::default());
    let document = json!({"events": "400d", "old_versions": "2h", "newer": 1});
    settings.set(RETENTION, &document).unwrap();
    let retention = Retention::of(&settings).unwrap();
    let tables = [TableName::Events, TableName::Failed].map(|table| retention.of_table(table));
    assert_eq!((tables, retention.keep().removed_ms), ([Some(400 * DAY_MS), None], 7_200_000));
    settings.set(RETENTION, &retention).unwrap();
    assert_eq!(settings.get::<serde_json::Value>(RETENTION).unwrap(), Some(document), "what is not known stays");
    settings.set(RETENTION, &json!({"failed": "1h"})).unwrap();
    assert!(Retention::of(&settings).unwrap_err().to_string().contains("`retention`: `1h` is less than a day"));
}

/// Takes away what is too old, and asserts that what is left is what may be.
async fn expire_now(world: &mut World, settled: bool) -> Rewritten {
    let now_ms = SystemClock.now_ms();
    let mut table = Table::open(&world.store).await.unwrap();
    let foretold = look_for_expired(&table, RETENTION_MS, now_ms).await.unwrap();
    let done = expire(&mut table, RETENTION_MS, now_ms, &SystemClock, &RandomIds, Deadline::NEVER).await.unwrap();
    let left = world.in_lake().await;
    let (cutoff, late) = (now_ms - RETENTION_MS, now_ms - RETENTION_MS - slack_ms(RETENTION_MS));
    for (id, row) in &world.rows {
        match left.get(id) {
            Some(found) => assert!(found == row && (row.time_ms >= late || !settled), "{row:?} is still there"),
            None => assert!(row.time_ms < cutoff, "{row:?} is gone"),
        }
    }
    assert_eq!(done.rows_removed, (world.rows.len() - left.len()) as u64);
    assert!(done.rows_removed <= foretold.rows_removed, "{done:?} {foretold:?}");
    world.rows = left;
    done
}

#[tokio::test]
async fn what_is_too_old_goes_and_nothing_else() {
    for seed in 0..6 {
        let mut world = World::new(Store::in_memory(), seed).await;
        for _ in 0..5 {
            world.land(60).await;
        }
        world.compact(Extent::Everything).await;
        let done = expire_now(&mut world, true).await;
        assert!(done.files_removed > 0 && done.files_rewritten > 0, "{done:?}");
        assert_eq!(expire_now(&mut world, true).await, Rewritten::default(), "once is enough");
        // What lands late is merged first.
        world.land(40).await;
        expire_now(&mut world, false).await;
        world.compact(Extent::Everything).await;
        expire_now(&mut world, true).await;
        world.assert_same().await;
    }
}

#[tokio::test]
async fn a_file_is_written_anew_only_once_it_is_worth_it() {
    let mut world = World::new(Store::in_memory(), 1).await;
    let now_ms = world.now_ms;
    let at = |days_ago: i64| json!({"event": "a", "user_id": "u", "timestamp": now_ms - days_ago * DAY_MS});
    // Days of one range of 30 days, or the merge would part them.
    let range = now_ms.rem_euclid(30 * DAY_MS) / DAY_MS;
    let oldest = 32.max(range + 1);
    world.land_these(vec![at(oldest), at(oldest - 1)], now_ms).await;
    world.compact(Extent::Everything).await;
    let retention_ms = (oldest - 1) * DAY_MS + DAY_MS / 2;
    let mut table = Table::open(&world.store).await.unwrap();
    let mut run = async |now_ms: i64| {
        expire(&mut table, retention_ms, now_ms, &SystemClock, &RandomIds, Deadline::NEVER).await.unwrap()
    };
    assert_eq!(run(now_ms).await, Rewritten::default(), "one event is too old by half a day");
    let later = run(now_ms + slack_ms(retention_ms)).await;
    assert_eq!((later.rows_removed, later.files_removed + later.files_rewritten), (2, 1));
}

#[tokio::test]
async fn failed_events_go_by_their_receipt() {
    let mut world = World::new(Store::in_memory(), 1).await;
    world.now_ms -= 40 * DAY_MS;
    world.fail(10).await;
    let kept = world.failed.clone();
    world.now_ms += 40 * DAY_MS;
    world.fail(10).await;
    world.failed.retain(|id, _| !kept.contains_key(id));
    let mut table = Table::open_if_there(&world.store, TableName::Failed).await.unwrap().unwrap();
    let now_ms = SystemClock.now_ms();
    let done = expire(&mut table, RETENTION_MS, now_ms, &SystemClock, &RandomIds, Deadline::NEVER).await.unwrap();
    assert_eq!((done.rows_removed, done.files_removed), (10, 1));
    world.assert_same().await;
}
