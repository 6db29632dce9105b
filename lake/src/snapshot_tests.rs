use super::*;

pub(crate) fn file(path: &str, rows: u64) -> DataFile {
    let mut bucket_rows = vec![0; BUCKETS];
    bucket_rows[3] = rows;
    DataFile {
        path: path.to_owned(),
        bytes: 100,
        rows,
        min_time_ms: 1000,
        max_time_ms: 2000,
        min_received_ms: 3000,
        max_received_ms: 4000,
        level: Level::Landed,
        bucket_rows,
        landed_in: 0,
        links: None,
    }
}

fn landing(adds: Vec<DataFile>) -> Change {
    Change { adds, changes_data: true, operation: "land", ..Change::default() }
}

fn committed(snapshot: &Snapshot, change: &Change) -> Result<Snapshot, LakeError> {
    snapshot.check(change)?;
    let actions = snapshot.actions(change, 5000);
    let text = crate::actions::write(&actions).unwrap();
    let mut next = snapshot.clone();
    next.apply(snapshot.version + 1, crate::actions::read(text.as_bytes()).unwrap())?;
    Ok(next)
}

fn shard(sequence: Option<u64>, through: u64) -> Progress {
    Progress { shard: ShardId("s".into()), from: sequence.map(Into::into), through: through.into() }
}

#[test]
fn what_is_committed_is_read_back() {
    let start = Snapshot::default();
    let mut change = landing(vec![file("landed/a.parquet", 5)]);
    change.progress = vec![shard(None, 7)];
    change.complete_to_ms = Some(4000);
    let one = committed(&start, &change).unwrap();
    assert_eq!(*one.files["landed/a.parquet"], DataFile { landed_in: 1, ..file("landed/a.parquet", 5) });
    assert_eq!((one.version, one.rows(), one.complete_to_ms), (1, 5, Some(4000)));
    assert_eq!(one.positions[&ShardId("s".into())], SequenceNumber::from(7));

    let merged = DataFile { level: Level::Compacted(1), landed_in: 1, ..file("compacted/b.parquet", 5) };
    let compaction = Change {
        adds: vec![merged.clone()],
        removes: vec!["landed/a.parquet".to_owned()],
        operation: "compact",
        ..Change::default()
    };
    let two = committed(&one, &compaction).unwrap();
    assert_eq!(two.files.values().map(|f| (**f).clone()).collect::<Vec<_>>(), [merged]);
    assert_eq!(two.positions, one.positions, "a compaction leaves the positions alone");
    assert_eq!(two.complete_to_ms, one.complete_to_ms);
}

#[test]
fn a_change_that_another_writer_overtook_is_a_conflict() {
    let start = committed(&Snapshot::default(), &landing(vec![file("a", 5)])).unwrap();
    let mut gone = Change { removes: vec!["b".to_owned()], ..Change::default() };
    assert!(start.check(&gone).unwrap_err().is_conflict());
    gone.removes = vec!["a".to_owned()];
    assert!(matches!(start.check(&gone), Err(LakeError::Invariant(_))), "it would lose five rows");
}

#[test]
fn a_position_must_follow_the_recorded_one() {
    let mut first = landing(vec![file("a", 5)]);
    first.progress = vec![shard(None, 7)];
    let one = committed(&Snapshot::default(), &first).unwrap();
    for from in [None, Some(6), Some(8)] {
        let mut next = landing(vec![file("b", 5)]);
        next.progress = vec![shard(from, 9)];
        assert!(matches!(one.check(&next), Err(LakeError::Position { .. })), "{from:?}");
    }
    let mut again = landing(vec![file("b", 5)]);
    again.progress = vec![shard(Some(7), 7)];
    assert!(matches!(one.check(&again), Err(LakeError::Invariant(_))));
}

#[test]
fn a_change_that_is_wrong_in_itself_is_refused() {
    let start = committed(&Snapshot::default(), &landing(vec![file("a", 5)])).unwrap();
    let wrong = [
        landing(vec![file("a", 5)]),
        landing(vec![file("b", 5), file("b", 5)]),
        landing(vec![file("b", 0)]),
        landing(vec![DataFile { rows: 6, ..file("b", 5) }]),
        landing(vec![DataFile { min_time_ms: 2001, ..file("b", 5) }]),
        Change { removes: vec!["a".to_owned(), "a".to_owned()], changes_data: true, ..Change::default() },
        Change { adds: vec![file("b", 4)], removes: vec!["a".to_owned()], ..Change::default() },
    ];
    for change in wrong {
        assert!(matches!(start.check(&change), Err(LakeError::Invariant(_))), "{change:?}");
    }
}

#[test]
fn complete_to_does_not_go_back() {
    let mut change = landing(vec![file("a", 5)]);
    change.complete_to_ms = Some(4000);
    let one = committed(&Snapshot::default(), &change).unwrap();
    let mut earlier = landing(vec![file("b", 5)]);
    earlier.complete_to_ms = Some(10);
    assert_eq!(committed(&one, &earlier).unwrap().complete_to_ms, Some(4000));
}

#[test]
fn what_a_newer_weir_or_another_engine_wrote_is_not_guessed() {
    let apply = |line: &str| Snapshot::default().apply(1, crate::actions::read(line.as_bytes()).unwrap());
    let newer =
        apply(r#"{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors"]}}"#);
    assert!(newer.unwrap_err().to_string().contains("deletionVectors"));
    let format = r#"{"metaData":{"id":"x","format":{},"schemaString":"","partitionColumns":[],"configuration":{"weir.format":"9"}}}"#;
    assert!(matches!(apply(format), Err(LakeError::Newer { .. })));
    let unknown = apply("{\"txn\":{\"appId\":\"x\",\"version\":1}}\n{\"somethingNew\":{}}\n");
    assert!(unknown.is_ok(), "actions that say nothing about live files are passed over");
    let damaged = r#"{"add":{"path":"x","partitionValues":{},"size":1,"modificationTime":1,"dataChange":true,"tags":{"weir.level":"0"}}}"#;
    assert!(apply(damaged).unwrap_err().to_string().contains("weir.bucketRows"));
    let info = r#"{"commitInfo":{"engineInfo":"weir/9"}}"#;
    let remove = r#"{"remove":{"path":"x","dataChange":true}}"#;
    assert!(apply(&format!("{info}\n{remove}")).unwrap_err().to_string().contains("not live"));
    assert!(apply(remove).is_ok(), "another engine takes away nothing that way");
}

/// What another engine commits on a table with a file of weir's.
fn with_commit_of_another(lines: &str) -> Snapshot {
    let mut snapshot = committed(&Snapshot::default(), &landing(vec![file("a", 5)])).unwrap();
    snapshot.apply(2, crate::actions::read(lines.as_bytes()).unwrap()).unwrap();
    snapshot
}

const FOREIGN: &str = r#"{"add":{"path":"x","partitionValues":{},"size":7,"modificationTime":1,"dataChange":true,"stats":"{\"numRecords\":12}"}}"#;

#[test]
fn files_of_another_engine_are_kept_apart() {
    let snapshot = with_commit_of_another(FOREIGN);
    assert_eq!((snapshot.rows(), snapshot.files.len()), (5, 1));
    let expected = ForeignFile { path: "x".to_owned(), bytes: 7, rows: Some(12), version: 2 };
    assert_eq!(*snapshot.foreign["x"], expected);
    assert!(snapshot.foreign_note().unwrap().starts_with("1 file with 12 rows that another engine added in version 2"));

    let merge = Change { removes: vec!["x".to_owned()], adds: vec![file("b", 12)], ..Change::default() };
    assert!(matches!(snapshot.check(&merge), Err(LakeError::NotLive { .. })), "no compaction takes them");
    let repaired = committed(&snapshot, &Change { changes_data: true, ..merge }).unwrap();
    assert!(repaired.foreign.is_empty() && repaired.foreign_note().is_none());
    assert_eq!(repaired.rows(), 17);
}

#[test]
fn what_another_engine_takes_away_is_gone() {
    let snapshot = with_commit_of_another(&format!(
        "{FOREIGN}\n{}",
        r#"{"remove":{"path":"a","deletionTimestamp":77,"dataChange":false}}"#
    ));
    assert!(snapshot.files.is_empty());
    assert_eq!(snapshot.tombstones().iter().collect::<Vec<_>>(), [("a", 77)]);
    let back = r#"{"add":{"path":"a","partitionValues":{},"size":1,"modificationTime":1,"dataChange":true}}"#;
    let mut again = snapshot;
    again.apply(3, crate::actions::read(back.as_bytes()).unwrap()).unwrap();
    assert!(again.tombstones().is_empty() && again.foreign.contains_key("a"));
}

#[test]
fn features_of_writers_that_are_not_known_close_the_table_for_commits_only() {
    let features = |features: &str| {
        format!(r#"{{"protocol":{{"minReaderVersion":1,"minWriterVersion":7,"writerFeatures":[{features}]}}}}"#)
    };
    let snapshot = with_commit_of_another(&features(r#""domainMetadata""#));
    assert!(snapshot.check(&landing(vec![file("b", 5)])).is_ok());
    let snapshot = with_commit_of_another(&features(r#""domainMetadata","checkConstraints""#));
    assert_eq!(snapshot.rows(), 5);
    let refused = snapshot.check(&landing(vec![file("b", 5)])).unwrap_err().to_string();
    assert!(refused.contains("the table features checkConstraints"), "{refused}");
}

#[test]
fn tombstones_stay_for_a_week() {
    let mut snapshot = with_commit_of_another(r#"{"remove":{"path":"a","deletionTimestamp":1000,"dataChange":true}}"#);
    let week = 7 * weir_core::time::DAY_MS;
    for (now_ms, left) in [(1000 + week, 1), (1001 + week, 0)] {
        let info = format!(r#"{{"commitInfo":{{"timestamp":{now_ms}}}}}"#);
        snapshot.apply(3, crate::actions::read(info.as_bytes()).unwrap()).unwrap();
        assert_eq!(snapshot.tombstones().len(), left);
    }
}

#[test]
fn the_bytes_of_a_commit() {
    // Old lakes are read by new versions: these bytes do not change.
    let mut change = landing(vec![file("landed/a.parquet", 5)]);
    change.progress = vec![shard(None, 7)];
    change.complete_to_ms = Some(4000);
    let text = crate::actions::write(&Snapshot::default().actions(&change, 5000)).unwrap();
    let bucket_rows = format!("0,0,0,5{}", ",0".repeat(60));
    insta::assert_snapshot!(text.replace(env!("CARGO_PKG_VERSION"), "VERSION").replace(&bucket_rows, "BUCKETS"), @r#"
    {"commitInfo":{"timestamp":5000,"operation":"LAND","operationParameters":{},"engineInfo":"weir/VERSION","isBlindAppend":true}}
    {"add":{"path":"landed/a.parquet","partitionValues":{},"size":100,"modificationTime":5000,"dataChange":true,"stats":"{\"numRecords\":5,\"minValues\":{\"time\":\"1970-01-01T00:00:01.000Z\",\"received_at\":\"1970-01-01T00:00:03.000Z\"},\"maxValues\":{\"time\":\"1970-01-01T00:00:02.000Z\",\"received_at\":\"1970-01-01T00:00:04.000Z\"},\"nullCount\":{\"time\":0,\"received_at\":0}}","tags":{"weir.bucketRows":"BUCKETS","weir.level":"0"}}}
    {"domainMetadata":{"domain":"weir","configuration":"{\"positions\":{\"s\":\"7\"},\"complete_to\":4000}","removed":false}}
    "#);
}
