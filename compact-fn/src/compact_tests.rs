use std::borrow::Cow;
use std::collections::BTreeSet;

use arrow::array::{AsArray, RecordBatch};
use futures::TryStreamExt;
use weir_core::event::{Event, EventId};
use weir_core::ports::{CountingIds, ManualClock};
use weir_core::time::DAY_MS;
use weir_lake::catalogue::{self, Catalogue};
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
    fill_from(store, 0, files, rows_each, days).await;
}

/// As [`fill`], with events that are not there yet.
async fn fill_anew(store: &Store, files: u64, rows_each: u64, days: i64) {
    let first = match Table::open(store).await {
        Ok(table) => table.snapshot().rows() / rows_each,
        Err(_) => 0,
    };
    fill_from(store, first, files, rows_each, days).await;
}

async fn fill_from(store: &Store, first: u64, files: u64, rows_each: u64, days: i64) {
    let ids = Arc::new(CountingIds::starting_at(1_000_000 + 1_000 * first));
    let mut lander = Lander::open(store, Arc::new(ManualClock::new(NOW)), ids).await.unwrap();
    let mut state = 7_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for file in first..first + files {
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

/// The catalogue as it is noted, and the notes of each file; and that of the rows themselves.
async fn catalogues(store: &Store) -> (Catalogue, Catalogue) {
    let snapshot = Table::open(store).await.unwrap().snapshot();
    let files: Vec<Arc<DataFile>> = snapshot.files.values().cloned().collect();
    let noted = catalogue::read::merged(store, snapshot.version, &files).await.unwrap().expect("every file has a note");
    let mut observed = Catalogue::default();
    for file in &files {
        let of_file = catalogue::read::observed(store, snapshot.version, file).await.unwrap();
        observed.merge(&of_file, &catalogue::Limits::LAKE);
    }
    (noted, observed)
}

#[tokio::test]
async fn the_catalogue_is_the_same_before_and_after() {
    let store = lake(7, 300, 100).await;
    let (before, observed) = catalogues(&store).await;
    assert_eq!((before.count(), &before), (2100, &observed));
    run(&store, Extent::Everything).await;
    assert_eq!(catalogues(&store).await, (before, observed), "rows went to several files, and were looked at");
    let store = lake(5, 40, 0).await;
    let (before, observed) = catalogues(&store).await;
    assert_eq!(run(&store, Extent::Everything).await.files_out, 1, "all went to one file, whose note is merged");
    assert_eq!(catalogues(&store).await, (before, observed));
}

#[tokio::test]
async fn what_is_noted_of_files_of_one_range_is_merged_with_the_rows_of_the_others() {
    let store = lake(2, 5_000, 0).await;
    fill_anew(&store, 1, 5_000, 100).await;
    let snapshot = Table::open(&store).await.unwrap().snapshot();
    let files: Vec<Arc<DataFile>> = snapshot.files.values().cloned().collect();
    let known = catalogues::Catalogues::read(&store, snapshot.version, &files, RANGE_DAYS).await.unwrap();
    assert!(known.knows(range_of(NOW)) && !known.knows(range_of(NOW) - 2), "two files lie in the last range alone");
    let before = catalogues(&store).await;
    assert_eq!(run(&store, Extent::Everything).await.files_out, 4);
    assert_eq!(catalogues(&store).await, before);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_compactors_and_a_lander_lose_and_double_nothing() {
    let store = Store::in_memory();
    let landing = tokio::spawn({
        let store = store.clone();
        async move {
            for _ in 0..6 {
                fill_anew(&store, 5, 40, 100).await;
            }
        }
    });
    let compacting = |seed: u64| {
        let store = store.clone();
        tokio::spawn(async move {
            let ids = CountingIds::starting_at(seed);
            let clock = ManualClock::new(NOW);
            let mut merges = 0;
            while !Table::open(&store).await.is_ok_and(|table| table.snapshot().rows() == 1200) {
                let Ok(mut table) = Table::open(&store).await else { continue };
                merges += compact(&mut table, &clock, &ids, Extent::Worthwhile).await.unwrap().merges;
                merges += compact(&mut table, &clock, &ids, Extent::Everything).await.unwrap().merges;
                tokio::task::yield_now().await;
            }
            merges
        })
    };
    let (one, other) = (compacting(7_000_000), compacting(9_000_000));
    landing.await.unwrap();
    assert!(one.await.unwrap() + other.await.unwrap() > 0);
    let rows = content(&store).await;
    assert_eq!(rows.len(), 1200);
    assert_eq!(rows.iter().collect::<BTreeSet<_>>().len(), 1200, "each once");
    run(&store, Extent::Everything).await;
    assert_eq!(content(&store).await, rows);
}

#[tokio::test]
async fn a_file_that_is_taken_away_while_it_is_merged_is_not_brought_back() {
    let store = lake(9, 40, 10).await;
    let table = Table::open(&store).await.unwrap();
    let snapshot = table.snapshot();
    let works = queue(&snapshot, Extent::Worthwhile, u64::MAX);
    let (clock, ids) = (ManualClock::new(NOW), CountingIds::starting_at(5_000_000));
    let merging =
        Merging { table: &table, snapshot: &snapshot, clock: &clock, ids: &ids, days: RANGE_DAYS, until_ms: None };
    let merged = merging.run(&works[0].files).await.unwrap_or_else(|_| panic!("the merge ended early"));
    // An erasure comes first.
    let gone = merged.inputs[0].path.clone();
    let erase = Change { removes: vec![gone], changes_data: true, operation: "erase", ..Change::default() };
    Table::open(&store).await.unwrap().commit(&erase, NOW).await.unwrap();
    let change = Change {
        removes: merged.inputs.iter().map(|file| file.path.clone()).collect(),
        adds: merged.outputs,
        operation: "compact",
        ..Change::default()
    };
    let error = commit(&mut table.clone(), &change, &clock).await.unwrap_err();
    assert!(matches!(error, LakeError::NotLive { .. }), "{error}");
    let rows = content(&store).await.len();
    assert_eq!(rows, 320);
    assert_eq!(run(&store, Extent::Worthwhile).await.merges, 1, "and what is left is merged");
    assert_eq!(content(&store).await.len(), rows);
}

#[tokio::test]
async fn a_run_without_time_leaves_the_work_to_the_next() {
    let store = lake(20, 40, 100).await;
    let before = content(&store).await;
    let mut table = Table::open(&store).await.unwrap();
    let (clock, ids) = (ManualClock::new(NOW), CountingIds::starting_at(5_000_000));
    let mut within = async |until_ms, merge_rows| {
        let budget = Budget { until_ms: Some(until_ms), merge_rows };
        compact_within(&mut table, &clock, &ids, Extent::Everything, budget, |_| ()).await.unwrap()
    };
    let none = within(NOW, u64::MAX).await;
    assert_eq!((none.merges, none.left > 0), (0, true));
    let small = within(NOW + 60_000, 400).await;
    assert!(small.merges > 1, "many small merges: {small:?}");
    assert_eq!(content(&store).await, before);
    assert_eq!(run(&store, Extent::Everything).await.left, 0);
    assert_eq!(content(&store).await, before);
}

#[tokio::test]
async fn ten_years_of_days_in_one_file_become_a_file_a_range() {
    let store = lake(3, 600, 3650).await;
    let before = content(&store).await;
    let done = run(&store, Extent::Everything).await;
    assert!(done.files_out > 40, "{done:?}");
    assert_eq!(content(&store).await, before);
}

#[tokio::test]
async fn copies_that_another_engine_brought_are_told_and_kept() {
    let store = lake(2, 50, 1).await;
    let mut table = Table::open(&store).await.unwrap();
    let file = table.snapshot().files.values().next().unwrap().as_ref().clone();
    let bytes = store.read(&TableName::Events.data(&file.path)).await.unwrap().unwrap();
    store.create(&TableName::Events.data("landed/again.parquet"), bytes).await.unwrap();
    let again = DataFile { path: "landed/again.parquet".to_owned(), ..file };
    let change = Change { adds: vec![again], changes_data: true, operation: "write", ..Change::default() };
    table.commit(&change, NOW).await.unwrap();
    let done = run(&store, Extent::Everything).await;
    assert_eq!((done.rows, done.copies), (150, 50));
}
