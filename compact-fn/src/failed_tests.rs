use std::borrow::Cow;
use std::collections::BTreeSet;

use weir_core::event::{Event, EventId, frame};
use weir_core::ports::{CountingIds, EventLog, LogRecord, ManualClock, MemoryLog};
use weir_lake::failed::{Bodies, Scan};

use super::*;
use crate::faulty::Faulty;
use crate::land::Lander;

const NOW: i64 = 1_767_225_600_000;

async fn lander(store: &Store, first_id: u64) -> Lander {
    Lander::open(store, Arc::new(ManualClock::new(NOW)), Arc::new(CountingIds::starting_at(first_id))).await.unwrap()
}

fn failed(id: &str, place: u64) -> Failed<'static> {
    Failed {
        id: id.to_owned().into(),
        protocol: "weir".into(),
        code: "missing_field".into(),
        field: "user_id".into(),
        message: "user_id: is missing".into(),
        event: Some("view".into()),
        sent_at: None,
        body: format!("{{\"event\":\"{id}\"}}").into(),
        bytes: 20,
        place: Some(place),
    }
}

/// A record with good events and bad ones.
fn record(received_ms: i64, good: &[&str], bad: &[&str]) -> Vec<u8> {
    let mut frame = frame::FrameWriter::new("app", received_ms).unwrap();
    let mut place = 0;
    for id in good {
        let event = Event {
            event: Cow::Borrowed("view"),
            user_id: Some(Cow::Borrowed("u")),
            anonymous_id: None,
            time_ms: NOW,
            event_id: None,
            session_id: None,
            properties: None,
            context: None,
            received_ms,
            place,
        };
        frame.push(&event, &EventId::Text((*id).into())).unwrap();
        place += 1;
    }
    for id in bad {
        frame.push_failed(&failed(id, place)).unwrap();
        place += 1;
    }
    frame.finish()
}

async fn log_of(records: &[Vec<u8>]) -> (MemoryLog, ShardId) {
    let log = MemoryLog::default();
    for record in records {
        log.append(record.clone().into()).await.unwrap();
    }
    let shard = log.shards().await.unwrap().remove(0);
    (log, shard)
}

/// Ids in the table, as often as they are there.
async fn stored(store: &Store) -> Vec<String> {
    let Some(table) = Table::open_if_there(store, TableName::Failed).await.unwrap() else { return Vec::new() };
    let snapshot = table.snapshot();
    let mut ids = Vec::new();
    for file in snapshot.files.values() {
        let mut batches =
            reader::open_all(store, TableName::Failed, snapshot.version, file, &[FAILED_ID]).await.unwrap();
        while let Some(batch) = batches.try_next().await.unwrap() {
            ids.extend(rows_of(&batch).into_iter().map(|row| row.failed.id.into_owned()));
        }
    }
    ids.sort();
    ids
}

async fn rows(store: &Store) -> Vec<FailedRow> {
    let table = Table::open_if_there(store, TableName::Failed).await.unwrap().unwrap();
    let (mut scan, mut rows) = (Scan::new(store, &table.snapshot(), Bodies::Read), Vec::new());
    while let Some(more) = scan.next().await.unwrap() {
        rows.extend(more);
    }
    rows
}

async fn events(store: &Store) -> u64 {
    Table::open(store).await.unwrap().snapshot().rows()
}

async fn versions(store: &Store) -> (u64, Option<u64>) {
    let failed = Table::open_if_there(store, TableName::Failed).await.unwrap();
    (Table::open(store).await.unwrap().snapshot().version, failed.map(|table| table.snapshot().version))
}

#[tokio::test]
async fn good_and_bad_land_in_their_tables_and_nothing_bad_makes_no_table() {
    let store = Store::in_memory();
    let (log, shard) = log_of(&[record(NOW, &["a", "b"], &[])]).await;
    let mut first = lander(&store, 0).await;
    first.land_log(&log, &shard).await.unwrap();
    assert_eq!(versions(&store).await, (1, None), "nothing failed: no table");

    log.append(record(NOW + 1, &["c"], &["x", "y"]).into()).await.unwrap();
    log.append(record(NOW + 2, &[], &["z"]).into()).await.unwrap();
    let done = first.land_log(&log, &shard).await.unwrap();
    assert_eq!((done.landed.accepted, done.unreadable.len(), done.through), (1, 0, Some(3.into())));
    assert_eq!((stored(&store).await, events(&store).await), (vec!["x".into(), "y".into(), "z".into()], 3));
    let found = rows(&store).await;
    assert_eq!((found[0].source.as_str(), found[0].received_ms, &found[0].failed), ("app", NOW + 1, &failed("x", 1)));
    assert_eq!(versions(&store).await, (2, Some(1)));

    log.append(record(NOW, &["d"], &[]).into()).await.unwrap();
    first.land_log(&log, &shard).await.unwrap();
    assert_eq!(versions(&store).await, (3, Some(1)), "no commit where nothing failed");
    // Another process goes on from what the tables say.
    log.append(record(NOW, &[], &["w"]).into()).await.unwrap();
    lander(&store, 100).await.land_log(&log, &shard).await.unwrap();
    first.land_log(&log, &shard).await.unwrap();
    assert_eq!((stored(&store).await.len(), versions(&store).await), (4, (4, Some(2))));
    assert_eq!(lander(&store, 200).await.landed_to(&shard), Some(5.into()));
}

#[tokio::test]
async fn a_crash_between_the_two_commits_lands_nothing_twice() {
    let objects = Arc::new(Faulty::default());
    let store = Store::over(Arc::clone(&objects) as _);
    let (log, shard) = log_of(&[record(NOW, &["a"], &["x"]), record(NOW, &["b"], &["y"])]).await;
    let mut first = lander(&store, 0).await;
    objects.refuse_below(Some("events/_delta_log"));
    first.land_log(&log, &shard).await.unwrap_err();
    assert_eq!((stored(&store).await, events(&store).await), (vec!["x".to_owned(), "y".to_owned()], 0));
    let landed_to = lander(&store, 50).await.landed_to(&shard);
    assert_eq!(landed_to, Some(2.into()), "a new log must begin behind what landed of the old one");

    // More comes before the next try, which is by this process or by another.
    log.append(record(NOW, &["c"], &["z"]).into()).await.unwrap();
    first.land_log(&log, &shard).await.unwrap_err();
    objects.refuse_below(None);
    lander(&store, 100).await.land_log(&log, &shard).await.unwrap();
    first.land_log(&log, &shard).await.unwrap();
    assert_eq!((stored(&store).await, events(&store).await), (vec!["x".into(), "y".into(), "z".into()], 3));
}

#[tokio::test]
async fn what_has_no_place_in_a_log_counts_once_though_it_lands_twice() {
    let store = Store::in_memory();
    let (clock, ids) = (Arc::new(ManualClock::new(NOW)), Arc::new(CountingIds::default()));
    let mut lander = FailedLander::open(&store, clock, ids).await.unwrap();
    for _ in 0..2 {
        let mut of_record = FailedOfLog::default();
        of_record.push(&7.into(), "app", NOW, &failed("x", 0));
        lander.land(of_record, None).await.unwrap();
    }
    assert_eq!((stored(&store).await.len(), rows(&store).await.len()), (2, 1));
    assert_eq!(lander.position(&ShardId("memory-0".into())), None);
}

#[tokio::test]
async fn events_wait_for_the_failures_beside_them() {
    let objects = Arc::new(Faulty::default());
    let store = Store::over(Arc::clone(&objects) as _);
    let (log, shard) = log_of(&[record(NOW, &["a"], &["x"])]).await;
    let mut lander = lander(&store, 0).await;
    objects.refuse_below(Some("failed/"));
    lander.land_log(&log, &shard).await.unwrap_err();
    assert_eq!(events(&store).await, 0, "else the log would be trimmed, and the failure be gone");
    objects.refuse_below(None);
    lander.land_log(&log, &shard).await.unwrap();
    assert_eq!((stored(&store).await, events(&store).await), (vec!["x".to_owned()], 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_landers_of_one_log_land_each_failure_once() {
    let store = Store::in_memory();
    let records: Vec<_> = (0..40)
        .map(|n| record(NOW + n, &[&format!("good-{n}")], &[&format!("bad-{n}"), &format!("worse-{n}")]))
        .collect();
    let (log, shard) = log_of(&records).await;
    let log = Arc::new(log);
    let tasks = (0..6_u64).map(|number| {
        let (store, log, shard) = (store.clone(), Arc::clone(&log), shard.clone());
        tokio::spawn(async move {
            let mut lander = lander(&store, 1_000 * (number + 1)).await;
            for _ in 0..20 {
                // Who loses finds its position taken, and looks again.
                let _ = lander.land_log(log.as_ref(), &shard).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let ids = stored(&store).await;
    assert_eq!((ids.len(), ids.iter().collect::<BTreeSet<_>>().len()), (80, 80));
    assert_eq!(events(&store).await, 40);
}

#[tokio::test]
async fn a_record_of_a_newer_weir_is_waited_before() {
    let store = Store::in_memory();
    let newer = b"{\"weir\":3,\"received\":5,\"source\":\"s\"}\n{\"new\":1}\n".to_vec();
    let (log, shard) = log_of(&[record(NOW, &["a"], &["x"]), newer, record(NOW, &["b"], &[])]).await;
    let mut lander = lander(&store, 0).await;
    let done = lander.land_log(&log, &shard).await.unwrap();
    assert_eq!((done.landed.accepted, done.through), (1, Some(1.into())), "what comes before it lands");
    let error = lander.land_log(&log, &shard).await.unwrap_err().to_string();
    assert!(error.contains("frame version 3") && error.contains("upgrade"), "{error}");
    assert_eq!(
        (events(&store).await, stored(&store).await.len()),
        (1, 1),
        "what comes behind it is not passed over to"
    );
    let records: Vec<LogRecord> = log.read(&shard, Some(&1.into()), usize::MAX).await.unwrap();
    assert_eq!(records.len(), 2);
}

/// A lake whose failures lie in so many files.
async fn lake(files: u64, each: u64) -> (Store, Table) {
    let store = Store::in_memory();
    let mut lander = lander(&store, 0).await;
    let (log, shard) = log_of(&[]).await;
    for file in 0..files {
        let ids: Vec<String> = (0..each).map(|n| format!("{file:03}-{n}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        log.append(record(NOW + i64::try_from(file).unwrap(), &[], &ids).into()).await.unwrap();
        lander.land_log(&log, &shard).await.unwrap();
    }
    let table = Table::open_if_there(&store, TableName::Failed).await.unwrap().unwrap();
    (store, table)
}

#[tokio::test]
async fn rows_leave_or_change_their_reason_and_others_stay_where_they_are() {
    let (store, mut table) = lake(4, 3).await;
    let before = rows(&store).await;
    let untouched: BTreeSet<String> = table.snapshot().files.keys().cloned().collect();
    let new = |code: &str| Verdict::Reason(code.into(), "f".into(), "f: is new".into());
    let verdicts = HashMap::from([
        ("001-0".to_owned(), Verdict::Remove),
        ("001-2".to_owned(), new("other")),
        ("002-1".to_owned(), Verdict::Remove),
        ("nobody".to_owned(), Verdict::Remove),
    ]);
    let (clock, ids) = (ManualClock::new(NOW), CountingIds::starting_at(9_000));
    rewrite(&mut table, &verdicts, &clock, &ids, "replay").await.unwrap();
    let after = rows(&store).await;
    let kept: Vec<&str> = after.iter().map(|row| &*row.failed.id).collect();
    let expected: Vec<&str> =
        before.iter().map(|row| &*row.failed.id).filter(|id| !["001-0", "002-1"].contains(id)).collect();
    assert_eq!(kept.iter().collect::<BTreeSet<_>>(), expected.iter().collect::<BTreeSet<_>>());
    let changed = after.iter().find(|row| row.failed.id == "001-2").unwrap();
    assert_eq!((&*changed.failed.code, &*changed.failed.message), ("other", "f: is new"));
    assert_eq!(changed.failed.body, before.iter().find(|row| row.failed.id == "001-2").unwrap().failed.body);
    let now: BTreeSet<String> = table.snapshot().files.keys().cloned().collect();
    assert_eq!((untouched.intersection(&now).count(), now.len()), (2, 3));
    assert_eq!(table.snapshot().positions.len(), 1, "positions stay");

    let version = table.snapshot().version;
    rewrite(&mut table, &verdicts, &clock, &ids, "drop").await.unwrap();
    let all = after.iter().map(|row| (row.failed.id.clone().into_owned(), Verdict::Remove)).collect();
    rewrite(&mut table, &all, &clock, &ids, "drop").await.unwrap();
    assert_eq!((rows(&store).await, table.snapshot().files.len()), (vec![], 0));
    rewrite(&mut table, &all, &clock, &ids, "drop").await.unwrap();
    assert_eq!(table.snapshot().version, version + 2, "nothing to do is no commit");
}

#[tokio::test]
async fn a_change_stands_beside_landings_and_compactions() {
    let (store, mut table) = lake(3, 2).await;
    let mut other = table.clone();
    let (clock, ids) = (ManualClock::new(NOW), CountingIds::starting_at(9_000));
    // A compaction takes all files away behind the back of the change.
    assert_eq!(compact_failed(&mut other, &clock, &ids, Extent::Everything).await.unwrap(), 1);
    let verdicts = HashMap::from([("001-0".to_owned(), Verdict::Remove)]);
    rewrite(&mut table, &verdicts, &clock, &ids, "drop").await.unwrap();
    assert_eq!(stored(&store).await, ["000-0", "000-1", "001-1", "002-0", "002-1"]);
    // And the other way round.
    assert_eq!(compact_failed(&mut other, &clock, &ids, Extent::Everything).await.unwrap(), 0);
}

#[tokio::test]
async fn small_files_become_one_with_the_same_rows() {
    let (store, mut table) = lake(20, 5).await;
    let before = rows(&store).await;
    let (clock, ids) = (ManualClock::new(NOW), CountingIds::starting_at(9_000));
    assert_eq!(compact_failed(&mut table, &clock, &ids, Extent::Worthwhile).await.unwrap(), 1);
    let snapshot = table.snapshot();
    assert_eq!((snapshot.files.len(), snapshot.rows()), (1, 100));
    assert!(snapshot.files.keys().next().unwrap().starts_with("compacted/2026-01-01/"));
    assert_eq!(rows(&store).await, before, "in the order of receipt");
    assert_eq!(compact_failed(&mut table, &clock, &ids, Extent::Everything).await.unwrap(), 0);
    // Landing goes on behind it.
    assert_eq!(lander(&store, 500).await.landed_to(&ShardId("memory-0".into())), Some(20.into()));
}
