use std::sync::Arc;

use object_store::memory::InMemory;
use weir_core::ports::{ManualClock, SystemClock};

use super::*;
use crate::counting::{Counting, Requests};
use crate::names::TableName;
use crate::snapshot::tests::file;
use crate::snapshot::{Change, FORMAT, FORMAT_SETTING};
use crate::store::Store;
use bytes::Bytes;

const EVENTS: TableName = TableName::Events;

async fn table(landings: u64) -> (Arc<Counting<InMemory>>, Table) {
    let objects = Arc::new(Counting::over(InMemory::new()));
    let store = Store::over(Arc::clone(&objects) as _);
    let mut table = Table::open_or_create(&store, "id", 0).await.unwrap();
    for number in 0..landings {
        let adds = vec![file(&format!("landed/{number}"), 5)];
        let change = Change { adds, changes_data: true, operation: "land", ..Change::default() };
        table.commit(&change, 1).await.unwrap();
    }
    (objects, table)
}

fn in_days(days: i64) -> ManualClock {
    ManualClock::new(SystemClock.now_ms() + days * DAY_MS)
}

async fn log_of(table: &Table) -> Vec<String> {
    let found = table.store().list(&EVENTS.commits(), None).await.unwrap();
    found.iter().map(|path| path.filename().unwrap().trim_start_matches('0').to_owned()).collect()
}

#[tokio::test]
async fn what_is_old_and_covered_goes() {
    let (_, mut table) = table(150).await;
    let before = log_of(&table).await.len();
    assert_eq!(clean_up(&mut table, &in_days(29), 1000).await.unwrap(), CleanedUp::default(), "not a month old");
    assert_eq!(log_of(&table).await.len(), before);
    let spark = EVENTS.commits().join("00000000000000000003.crc");
    table.store().replace(&spark, Bytes::new()).await.unwrap();
    let done = clean_up(&mut table, &in_days(31), 1000).await.unwrap();
    assert_eq!(done, CleanedUp { objects: 128 + 2, left: 0, oldest: Some(128) });
    let log = log_of(&table).await;
    assert_eq!(log[..3], ["128.checkpoint.parquet", "128.json", "129.json"], "its own commit stays");
    assert_eq!(log.len(), 1 + 23 + 1);

    let opened = Table::open(table.store()).await.unwrap().snapshot();
    assert_eq!((&opened, opened.version), (&table.snapshot(), 150));
    assert!(Table::open_at(table.store(), 128).await.is_ok());
    let gone = Table::open_at(table.store(), 127).await.unwrap_err();
    assert!(matches!(gone, LakeError::VersionGone { wanted: 127, oldest: 128 }), "{gone}");
    Table::must_exist(table.store()).await.unwrap();
    let again = clean_up(&mut table, &in_days(31), 1000).await.unwrap();
    assert_eq!(again, CleanedUp { objects: 0, left: 0, oldest: Some(128) });
}

#[tokio::test]
async fn a_run_is_bounded_and_the_next_goes_on() {
    let (objects, mut table) = table(200).await;
    let newest = table.snapshot();
    let mut left = usize::MAX;
    while left > 0 {
        objects.take();
        let done = clean_up(&mut table, &in_days(31), 7).await.unwrap();
        assert!(done.objects <= 7 && objects.take().deletes == done.objects && done.left < left, "{done:?}");
        left = done.left;
        assert_eq!(Table::open(table.store()).await.unwrap().snapshot(), newest);
    }
    assert_eq!(log_of(&table).await[0], "192.checkpoint.parquet");
}

#[tokio::test]
async fn the_tables_own_setting_counts_but_never_less_than_a_day() {
    for (setting, days, cleans) in [
        ("interval 3 days", 2, false),
        ("interval 3 days", 4, true),
        ("interval 1 second", 0, false),
        ("0 days", 2, true),
    ] {
        let (_, mut table) = table(100).await;
        let mut meta = table.snapshot().log.meta.clone().unwrap();
        meta.configuration.insert("delta.logRetentionDuration".to_owned(), setting.to_owned());
        let action = crate::actions::Action { meta_data: Some(meta), ..Default::default() };
        let text = crate::actions::write(&[action]).unwrap();
        assert!(table.store().create(&EVENTS.commit(101), Bytes::from(text)).await.unwrap());
        let done = clean_up(&mut table, &in_days(days), 1000).await.unwrap();
        assert_eq!(done.objects > 0, cleans, "{setting} after {days} days");
    }
}

#[tokio::test]
async fn without_a_checkpoint_that_can_be_read_nothing_goes() {
    let (_, mut table) = table(150).await;
    for version in [64, 128] {
        table.store().replace(&EVENTS.checkpoint(version), Bytes::from_static(b"PAR1")).await.unwrap();
    }
    assert_eq!(clean_up(&mut table, &in_days(31), 1000).await.unwrap(), CleanedUp::default());
    assert_eq!(table.snapshot().version, 150);
}

#[tokio::test]
async fn the_first_clean_up_moves_an_old_table_to_the_format_without_old_commits() {
    let (_, table) = table(100).await;
    // As a weir of format 1 had made it.
    let first = table.store().read(&EVENTS.commit(0)).await.unwrap().unwrap();
    let now = format!(r#""weir.format":"{FORMAT}""#);
    let first = String::from_utf8(first.to_vec()).unwrap().replace(&now, r#""weir.format":"1""#);
    table.store().replace(&EVENTS.commit(0), Bytes::from(first)).await.unwrap();
    table.store().delete(&EVENTS.last_checkpoint()).await.unwrap();
    table.store().delete(&EVENTS.checkpoint(64)).await.unwrap();
    let mut table = Table::open(table.store()).await.unwrap();
    let format = |table: &Table| table.snapshot().log.meta.as_ref().unwrap().configuration[FORMAT_SETTING].clone();
    assert_eq!(format(&table), "1");
    clean_up(&mut table, &in_days(31), 1000).await.unwrap();
    assert_eq!((format(&table), table.snapshot().version), ("1".to_owned(), 100), "nothing may go, so nothing changes");

    for number in 100..180 {
        let adds = vec![file(&format!("landed/{number}"), 5)];
        table.commit(&Change { adds, changes_data: true, ..Change::default() }, 1).await.unwrap();
    }
    clean_up(&mut table, &in_days(31), 1000).await.unwrap();
    assert_eq!((format(&table), table.snapshot().version), (FORMAT.to_string(), 181));
    assert!(!table.store().has(&EVENTS.commit(0)).await.unwrap());
    assert_eq!(Table::open(table.store()).await.unwrap().snapshot(), table.snapshot());
}

#[tokio::test]
async fn a_loop_cleans_up_once_an_hour() {
    let (objects, mut table) = table(100).await;
    let clock = in_days(31);
    clean_up_now_and_then(&mut table, &clock).await;
    assert_eq!(log_of(&table).await[0], "64.checkpoint.parquet");
    objects.take();
    clock.advance(PAUSE_MS - 1);
    clean_up_now_and_then(&mut table, &clock).await;
    assert_eq!(objects.take(), Requests::default());
    clock.advance(1);
    clean_up_now_and_then(&mut table, &clock).await;
    assert_eq!(objects.take().lists, 1);
}
