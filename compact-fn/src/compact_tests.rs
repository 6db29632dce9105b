use std::borrow::Cow;
use std::collections::BTreeSet;

use arrow::array::{AsArray, RecordBatch};
use futures::TryStreamExt;
use weir_core::event::{Event, EventId};
use weir_core::ports::{CountingIds, ManualClock};
use weir_core::time::DAY_MS;
use weir_lake::merge::Merge;
use weir_lake::reader::{self, Read};
use weir_lake::rows::EventRows;
use weir_lake::schema::{BUCKETS, columns};
use weir_lake::{Store, TableName};

use super::*;
use crate::faulty::Faulty;
use crate::land::Lander;

const NOW: i64 = 1_767_225_600_000;

fn range_of(time_ms: i64) -> i64 {
    time_ms.div_euclid(RANGE_DAYS * DAY_MS)
}

/// Lands `files` files of pseudo-random events over `days` days.
async fn lake(files: u64, rows_each: u64, days: i64) -> Store {
    let store = Store::in_memory();
    fill(&store, files, rows_each, days).await;
    store
}

async fn fill(store: &Store, files: u64, rows_each: u64, days: i64) {
    let ids = Arc::new(CountingIds::starting_at(1_000_000));
    let mut lander = Lander::open(store, Arc::new(ManualClock::new(NOW)), ids).await.unwrap();
    let mut state = 7_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for file in 0..files {
        let mut rows = EventRows::default();
        for row in 0..rows_each {
            let user = format!("user-{}", random(40));
            let event = Event {
                event: Cow::Owned(format!("event-{}", random(5))),
                user_id: Some(Cow::Borrowed(&user)),
                anonymous_id: None,
                // Coarse, so that many events share a millisecond.
                time_ms: NOW - i64::try_from(random(50)).unwrap() * days * DAY_MS / 50,
                event_id: None,
                session_id: None,
                properties: Some("{\"n\":1}"),
                context: None,
                received_ms: NOW + i64::try_from(random(3)).unwrap(),
                place: random(3),
            };
            rows.push("app", &event, &EventId::Text(format!("{file}-{row}").into()));
        }
        lander.land(rows.freeze(), vec![], None, "import").await.unwrap();
    }
}

/// Every row of the table in the order of a merge of all files.
async fn content(store: &Store) -> Vec<String> {
    let table = Table::open(store).await.unwrap();
    let snapshot = table.snapshot();
    let columns = columns();
    let names: Vec<&str> = columns.fields().iter().map(|f| f.name().as_str()).collect();
    let read = Read { columns: &names, buckets: 0..BUCKETS, batch_rows: 100 };
    let mut streams = Vec::new();
    for file in snapshot.files.values() {
        streams.push(reader::open(store, snapshot.version, file, &read).await.unwrap());
    }
    let mut merge = Merge::new(streams, 64).await.unwrap();
    let mut lines = Vec::new();
    while let Some(batch) = merge.next().await.unwrap() {
        let text = arrow::util::pretty::pretty_format_batches(&[batch]).unwrap().to_string();
        lines.extend(text.lines().filter(|l| l.contains("user-")).map(|l| l.split_whitespace().collect::<String>()));
    }
    lines
}

async fn run(store: &Store, extent: Extent) -> Compacted {
    let mut table = Table::open(store).await.unwrap();
    compact(&mut table, &ManualClock::new(NOW), &CountingIds::starting_at(5_000_000), extent).await.unwrap()
}

#[tokio::test]
async fn everything_ends_as_one_sorted_file_a_range_and_no_row_changes() {
    let store = lake(7, 300, 100).await;
    let before = content(&store).await;
    assert_eq!(before.len(), 2100);
    let done = run(&store, Extent::Everything).await;
    assert_eq!((done.merges, done.files_in, done.rows), (1, 7, 2100));
    assert_eq!(content(&store).await, before);
    let snapshot = Table::open(&store).await.unwrap().snapshot();
    let ranges: Vec<i64> = snapshot.files.values().map(|f| range_of(f.min_time_ms)).collect();
    assert_eq!(ranges.len(), ranges.iter().collect::<BTreeSet<_>>().len(), "one file a range");
    assert!(snapshot.files.values().all(|f| range_of(f.min_time_ms) == range_of(f.max_time_ms)));
    assert_eq!(run(&store, Extent::Everything).await, Compacted::default(), "nothing is left to do");
}

#[tokio::test]
async fn the_background_merges_what_is_worth_it() {
    let store = lake(7, 50, 10).await;
    assert_eq!(run(&store, Extent::Worthwhile).await.merges, 0, "seven files are left alone");
    let store = lake(70, 10, 100).await;
    let before = content(&store).await;
    assert!(run(&store, Extent::Worthwhile).await.merges >= 1);
    assert_eq!(content(&store).await, before);
}

#[tokio::test]
async fn a_range_of_buckets_is_a_range_of_rows() {
    let store = lake(3, 400, 20).await;
    run(&store, Extent::Everything).await;
    let snapshot = Table::open(&store).await.unwrap().snapshot();
    for file in snapshot.files.values() {
        for buckets in [0..1, 0..32, 17..40, 32..64, 63..64] {
            let read = Read { columns: &["bucket", "user"], buckets: buckets.clone(), batch_rows: 64 };
            let batches = reader::open(&store, snapshot.version, file, &read).await.unwrap();
            let batches: Vec<RecordBatch> = batches.try_collect().await.unwrap();
            let found: Vec<i32> = batches
                .iter()
                .flat_map(|b| b.column(0).as_primitive::<arrow::datatypes::Int32Type>().values().to_vec())
                .collect();
            assert!(found.iter().all(|b| buckets.contains(&usize::try_from(*b).unwrap())), "{buckets:?}");
            assert_eq!(found.len() as u64, file.bucket_rows[buckets.clone()].iter().sum::<u64>(), "{buckets:?}");
        }
    }
}

#[tokio::test]
async fn a_damaged_or_missing_file_is_named() {
    let store = lake(2, 50, 10).await;
    let snapshot = Table::open(&store).await.unwrap().snapshot();
    let victim = TableName::Events.data(snapshot.files.keys().next().unwrap());
    let bytes = store.read(&victim).await.unwrap().unwrap();
    for (damage, kind) in [(Some(bytes.slice(..bytes.len() / 2)), "damaged"), (None, "missing")] {
        store.delete(&victim).await.unwrap();
        if let Some(damage) = damage {
            store.create(&victim, damage).await.unwrap();
        }
        let mut table = Table::open(&store).await.unwrap();
        let clock = ManualClock::new(NOW);
        let error = compact(&mut table, &clock, &CountingIds::default(), Extent::Everything).await.unwrap_err();
        assert!(error.to_string().contains(victim.as_ref()) && error.to_string().contains(kind), "{error}");
        assert_eq!(Table::open(&store).await.unwrap().snapshot().version, 2, "nothing was committed");
    }
}

#[tokio::test]
async fn a_merge_that_was_committed_though_it_looked_failed_keeps_its_files() {
    let faulty = Arc::new(Faulty::default());
    let store = Store::over(Arc::clone(&faulty) as _);
    fill(&store, 3, 50, 10).await;
    let before = content(&store).await;
    Faulty::set(&faulty.commits_look_failed, true);
    let mut table = Table::open(&store).await.unwrap();
    let ids = CountingIds::starting_at(5_000_000);
    let failed = compact(&mut table, &ManualClock::new(NOW), &ids, Extent::Everything).await.unwrap_err();
    assert!(matches!(failed, LakeError::Store(_)), "{failed}");
    assert_eq!(Table::open(&store).await.unwrap().snapshot().version, 4, "the commit was made");
    assert_eq!(content(&store).await, before);
}
