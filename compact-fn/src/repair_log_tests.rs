//! Each damage of a table's log, made by hand on a small lake: commits, checkpoints, and what other engines commit.

use std::fs;
use std::path::PathBuf;

use arrow::compute::concat_batches;
use parquet::arrow::ArrowWriter;
use weir_core::ports::{CountingIds, ManualClock, SystemClock};
use weir_lake::cleanup::clean_up;
use weir_lake::examine::Severity;

use super::world::*;
use super::*;
use crate::land::Lander;

#[tokio::test]
async fn commits_that_are_missing_or_damaged_are_named() {
    let lake = Lake::new().await;
    fs::remove_file(lake.commit(1)).unwrap();
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Error missing_commit events/_delta_log/00000000000000000001.json
      there are older and newer commits (up to 3), and this one is missing
      which files are live since then, nobody can say: the table does not open
      restore it from a backup
    ");
    let lake = Lake::new().await;
    let text = fs::read_to_string(lake.commit(2)).unwrap();
    fs::write(lake.commit(2), &text[..text.len() - 30]).unwrap();
    fs::write(lake.commit(3), "").unwrap();
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Error damaged_commit events/_delta_log/00000000000000000002.json
      EOF while parsing a string at line 1 column 594
      what it added and removed cannot be known: the table does not open behind it
      restore it from a backup; version 1 opens with `weir funnel --at-version 1`
    Error damaged_commit events/_delta_log/00000000000000000003.json
      it is empty
      what it added and removed cannot be known: the table does not open behind it
      restore it from a backup; version 2 opens with `weir funnel --at-version 2`
    ");
    let lake = Lake::new().await;
    fs::remove_dir_all(lake.path("events/_delta_log")).unwrap();
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Error missing_commit events/_delta_log
      3 objects of the table are there, and no commit
      which of its files are live, nobody can say; the table counts as not there
      restore `events/_delta_log` from a backup
    ");
}

#[tokio::test]
async fn a_commit_of_another_engine_is_named_with_its_files() {
    let lake = Lake::new().await;
    let bytes = as_foreign(&batch(3));
    fs::write(lake.path("events/part-0.parquet"), &bytes).unwrap();
    let info = r#"{"commitInfo":{"timestamp":1767225600000,"operation":"WRITE","engineInfo":"delta-rs:py-1.6.6"}}"#;
    let add = format!(
        r#"{{"add":{{"path":"part-0.parquet","partitionValues":{{}},"size":{},"modificationTime":0,"dataChange":true,"stats":"{{\"numRecords\":40}}"}}}}"#,
        bytes.len()
    );
    fs::write(lake.commit(4), format!("{info}\n{add}\n")).unwrap();
    insta::assert_snapshot!(lake.findings(DEEP).await, @"
    Error foreign_commit events/_delta_log/00000000000000000004.json
      delta-rs:py-1.6.6 made it (WRITE): 1 file added, 0 files removed
      live files of it: 1; weir does not count their rows, other engines do
      let only weir write to the lake; `weir repair --deep --lake LAKE` takes over the rows
    Error foreign_file events/part-0.parquet, rewrite
      version 4 names it: another engine wrote it, with 40 events
      weir does not count its events, other engines do
      `weir repair --deep --lake LAKE` writes its rows anew, as weir writes them
    ");
    // Once its files are gone again, it is history.
    let remove = r#"{"remove":{"path":"part-0.parquet","dataChange":true}}"#;
    let own = r#"{"commitInfo":{"timestamp":1767225600000,"operation":"REPAIR","engineInfo":"weir/0.1.0"}}"#;
    fs::write(lake.commit(5), format!("{own}\n{remove}\n")).unwrap();
    let codes: Vec<_> = lake.examine(SHALLOW).await.findings.iter().map(|f| (f.severity, f.code)).collect();
    assert!(
        codes.contains(&(Severity::Note, "foreign_commit")) && !codes.iter().any(|(_, c)| *c == "foreign_file"),
        "{codes:?}"
    );
}

#[tokio::test]
async fn what_a_newer_weir_needs_is_named() {
    let lake = Lake::new().await;
    lake.edit(0, r#""weir.format":"2""#, r#""weir.format":"99""#);
    lake.edit(0, r#""minReaderVersion":1,"#, r#""minReaderVersion":3,"readerFeatures":["deletionVectors"],"#);
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Error newer_format events/_delta_log/00000000000000000000.json
      the table is of format 99; this weir knows 2
      this weir does not open the table
      upgrade weir
    Error unknown_feature events/_delta_log/00000000000000000000.json
      the table needs Delta reader version 3, writer version 7, features deletionVectors
      this weir does not know how to read the table, and so does not open it
      upgrade weir; if another engine switched it on, restore the commits before this one from a backup
    ");
}

/// A checkpoint of the first three versions, as any engine writes it.
async fn checkpoint(lake: &Lake, without: usize) -> Vec<u8> {
    let lines = (0..4).map(|version| fs::read_to_string(lake.commit(version)).unwrap()).collect::<String>();
    let mut lines: Vec<&str> = lines.lines().filter(|line| !line.contains("commitInfo")).collect();
    lines.truncate(lines.len() - without);
    // Parquet knows no group without fields.
    let text = lines.join("\n").replace("\"options\":{}", "\"options\":{\"a\":\"b\"}");
    let text = text.replace("\"partitionValues\":{}", "\"partitionValues\":{\"a\":\"b\"}");
    let (schema, _) = arrow::json::reader::infer_json_schema(text.as_bytes(), None).unwrap();
    let mut json = arrow::json::ReaderBuilder::new(Arc::new(schema)).build(text.as_bytes()).unwrap();
    let batch = json.next().unwrap().unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

#[tokio::test]
async fn checkpoints_that_are_wrong_are_removed() {
    let lake = Lake::new().await;
    let (name, pointer) =
        ("events/_delta_log/00000000000000000003.checkpoint.parquet", "events/_delta_log/_last_checkpoint");
    let good = checkpoint(&lake, 0).await;
    fs::write(lake.path(name), &good).unwrap();
    fs::write(lake.path(pointer), r#"{"version":3,"size":5}"#).unwrap();
    assert_eq!(lake.findings(DEEP).await, "");
    for (bytes, points) in [(good[..100].to_vec(), 3), (checkpoint(&lake, 1).await, 3), (good.clone(), 2)] {
        fs::write(lake.path(name), &bytes).unwrap();
        fs::write(lake.path(pointer), format!(r#"{{"version":{points},"size":5}}"#)).unwrap();
        let examined = lake.examine(SHALLOW).await;
        assert_eq!(
            examined.findings.iter().map(|f| f.code).collect::<Vec<_>>(),
            ["damaged_checkpoint"],
            "{}",
            lake.text(&examined)
        );
        lake.repair(false).await;
        assert!(!lake.path(pointer).exists());
        assert_eq!(lake.path(name).exists(), points == 2, "what is right stays");
        assert_eq!(lake.findings(DEEP).await, "");
    }
    fs::write(lake.path(name), checkpoint(&lake, 1).await).unwrap();
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Error damaged_checkpoint events/_delta_log/00000000000000000003.checkpoint.parquet, remove
      it names 2 live files, the commits up to version 3 name 3, and 2 are the same
      the commits that it stands for are there, so nothing is lost; engines that begin at it fail
      `weir repair --lake LAKE` removes it; the next one is made in time
    ");
    // With the first commits cleared away, a checkpoint that cannot be read is a loss.
    fs::write(lake.path(name), &good[..100]).unwrap();
    fs::remove_file(lake.commit(0)).unwrap();
    let examined = lake.examine(SHALLOW).await;
    let found: Vec<_> = examined.findings.iter().map(|f| (f.code, f.mend.is_some())).collect();
    assert_eq!(found, [("damaged_checkpoint", false), ("missing_commit", false)], "{}", lake.text(&examined));
}

#[tokio::test]
async fn rows_of_another_engine_are_taken_over_and_counted_once() {
    let lake = Lake::new().await;
    let before = lake.content().await.0;
    let batches = [batch(1), batch(3), batch(4)];
    let three = concat_batches(&columns_of(TableName::Events), &batches).unwrap();
    foreign_commit(&lake, 4, &[("part-0.parquet", as_foreign(&three), 120)], &[]);
    let snapshot = Table::open(&lake.store).await.unwrap().snapshot();
    assert_eq!((snapshot.rows(), snapshot.foreign.len()), (120, 1));
    assert!(snapshot.foreign_note().unwrap().contains("weir repair"));
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Error copies events/part-0.parquet, rewrite
      40 events of it came before with the same source and id
      other engines count them twice; weir counts none of the file yet
      `weir repair --lake LAKE` leaves the later ones out
    Error foreign_commit events/_delta_log/00000000000000000004.json
      delta-rs:1 made it (WRITE): 1 file added, 0 files removed
      live files of it: 1; weir does not count their rows, other engines do
      let only weir write to the lake; `weir repair --lake LAKE` takes over the rows
    Error foreign_file events/part-0.parquet, rewrite
      version 4 names it: another engine wrote it, with 120 events
      weir does not count its events, other engines do
      `weir repair --lake LAKE` writes its rows anew, as weir writes them
    ");
    let done = lake.repair_after(SHALLOW, false).await;
    assert_eq!(done, [Mended { rows: 80, copies: 40, version: Some(5), ..Mended::default() }]);
    let snapshot = Table::open(&lake.store).await.unwrap().snapshot();
    assert_eq!((snapshot.rows(), snapshot.foreign.len(), snapshot.foreign_note()), (200, 0, None));
    let after = lake.content().await.0;
    assert!(before.iter().all(|row| after.contains(row)));
    assert_eq!(lake.landings().await, [1, 2, 3, 5]);
    // Who sends these events again is told from them too.
    let mut lander = lander(&lake).await;
    lander.land(rows(3).freeze(), vec![], None, "land").await.unwrap();
    assert_eq!(lake.content().await.0, after);
    let codes: Vec<_> = lake.examine(DEEP).await.findings.iter().map(|f| (f.severity, f.code)).collect();
    assert_eq!(codes, [(Severity::Note, "foreign_commit")], "it is history");
    lake.is_healthy().await;
}

async fn lander(lake: &Lake) -> Lander {
    let ids = CountingIds::starting_at(6_000_000);
    Lander::open(&lake.store, Arc::new(ManualClock::new(NOW)), Arc::new(ids)).await.unwrap()
}

#[tokio::test]
async fn a_landing_that_follows_the_table_knows_what_was_taken_over() {
    let lake = Lake::new().await;
    let mut lander = lander(&lake).await;
    lander.land(rows(2).freeze(), vec![], None, "land").await.unwrap();
    foreign_commit(&lake, 4, &[("part-0.parquet", as_foreign(&batch(3)), 40)], &[]);
    lake.repair_after(SHALLOW, false).await;
    lander.land(rows(3).freeze(), vec![], None, "land").await.unwrap();
    assert_eq!(lake.content().await.0.len(), 160);
    lake.is_healthy().await;
}

#[tokio::test]
async fn files_of_weirs_that_another_engine_merged_are_weirs_again() {
    let lake = Lake::new().await;
    let before = lake.content().await.0;
    let all = concat_batches(&columns_of(TableName::Events), &[batch(0), batch(1), batch(2)]).unwrap();
    let removes: Vec<String> = Table::open(&lake.store).await.unwrap().snapshot().files.keys().cloned().collect();
    foreign_commit(&lake, 4, &[("part-0.parquet", as_foreign(&all), 120)], &removes);
    assert_eq!(lake.content().await, (vec![], 0));
    let done = lake.repair_after(SHALLOW, false).await;
    assert_eq!(done, [Mended { rows: 120, version: Some(5), ..Mended::default() }]);
    assert_eq!(lake.content().await, (before, 1));
    lake.is_healthy().await;
}

/// Commits until the table is of that version.
async fn commits_to(lake: &Lake, version: u64) {
    let mut table = Table::open(&lake.store).await.unwrap();
    while table.snapshot().version < version {
        let complete_to_ms = Some(NOW + i64::try_from(table.snapshot().version).unwrap());
        table.commit(&Change { complete_to_ms, operation: "land", ..Change::default() }, NOW).await.unwrap();
    }
}

fn checkpoint_of(lake: &Lake, version: u64) -> PathBuf {
    lake.path(TableName::Events.checkpoint(version).as_ref())
}

#[tokio::test]
async fn checkpoints_of_weirs_are_held_against_their_checksums() {
    let lake = Lake::new().await;
    commits_to(&lake, 130).await;
    assert!(checkpoint_of(&lake, 64).exists() && checkpoint_of(&lake, 128).exists());
    assert_eq!(lake.findings(DEEP).await, "");
    let mut bytes = fs::read(checkpoint_of(&lake, 128)).unwrap();
    bytes[40] ^= 1;
    fs::write(checkpoint_of(&lake, 128), bytes).unwrap();
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Error damaged_checkpoint events/_delta_log/00000000000000000128.checkpoint.parquet, remove
      its checksum does not match its bytes
      the commits that it stands for are there, so nothing is lost; engines that begin at it fail
      `weir repair --lake LAKE` removes it; the next one is made in time
    ");
    lake.repair(false).await;
    assert!(checkpoint_of(&lake, 64).exists() && !checkpoint_of(&lake, 128).exists());
    assert!(!lake.path(TableName::Events.last_checkpoint().as_ref()).exists(), "it named what is not there");
    assert_eq!(lake.findings(DEEP).await, "");
    assert_eq!(Table::open(&lake.store).await.unwrap().snapshot().version, 130);
}

#[tokio::test]
async fn behind_a_commit_that_is_missing_a_checkpoint_says_what_is_live() {
    let lake = Lake::new().await;
    commits_to(&lake, 66).await;
    fs::remove_file(lake.commit(2)).unwrap();
    let found: Vec<_> = lake.examine(DEEP).await.findings.iter().map(|f| (f.severity, f.code)).collect();
    assert_eq!(found, [(Severity::Warning, "missing_commit")], "and the checkpoint is not to blame");
    // A torn commit is not taken for what a checkpoint must agree with either.
    fs::write(lake.commit(2), "{").unwrap();
    let examined = lake.examine(SHALLOW).await;
    assert_eq!(examined.findings.iter().map(|f| f.code).collect::<Vec<_>>(), ["damaged_commit"]);
    assert_eq!(examined.tables[0].rows, 120, "the file of that commit is in the checkpoint");
    assert_eq!(plan(&examined.findings), []);
}

#[tokio::test]
async fn a_log_that_was_cleaned_up_is_as_healthy_and_says_as_much() {
    let lake = Lake::new().await;
    foreign_commit(&lake, 4, &[("part-0.parquet", as_foreign(&batch(3)), 40)], &[]);
    commits_to(&lake, 130).await;
    let clock = ManualClock::new(SystemClock.now_ms() + 31 * 24 * 3_600_000);
    let mut table = Table::open(&lake.store).await.unwrap();
    // Cut off in between, and then to its end.
    for budget in [20, 1000] {
        clean_up(&mut table, &clock, budget).await.unwrap();
        let found: Vec<_> = lake.examine(DEEP).await.findings.iter().map(|f| f.code).collect();
        assert_eq!(found, ["foreign_file"]);
    }
    assert!(!lake.commit(0).exists());
    lake.repair(false).await;
    assert_eq!(lake.findings(DEEP).await, "");
    assert_eq!(lake.content().await.0.len(), 160);
    // Nobody misses commits between what a clean-up that was cut off has left and the checkpoint.
    fs::write(lake.commit(70), "{}\n").unwrap();
    assert_eq!(lake.findings(DEEP).await, "");
    fs::remove_file(lake.commit(70)).unwrap();
    fs::remove_file(lake.file(1).await).unwrap();
    let examined = lake.examine(SHALLOW).await;
    assert_eq!(examined.findings.iter().map(|f| f.code).collect::<Vec<_>>(), ["missing_file"]);
    fs::write(checkpoint_of(&lake, 128), "PAR1").unwrap();
    let examined = lake.examine(SHALLOW).await;
    let found: Vec<_> = examined.findings.iter().map(|f| (f.code, f.mend.is_some())).collect();
    assert_eq!(found, [("damaged_checkpoint", false), ("missing_commit", false)], "{}", lake.text(&examined));
}

#[tokio::test]
async fn a_table_that_asks_more_of_writers_and_checkpoints_in_parts_are_named() {
    let lake = Lake::new().await;
    fs::write(lake.path("events/_delta_log/00000000000000000002.checkpoint.0000000001.0000000002.parquet"), "x")
        .unwrap();
    fs::write(lake.path("events/_delta_log/00000000000000000002.checkpoint.0000000002.0000000002.parquet"), "y")
        .unwrap();
    lake.edit(0, r#""writerFeatures":["domainMetadata"]"#, r#""writerFeatures":["domainMetadata","rowTracking"]"#);
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Error unknown_feature events/_delta_log/00000000000000000000.json
      the table needs Delta reader version 1, writer version 7, features rowTracking
      this weir reads the table, and does not write to it: nothing lands
      upgrade weir; if another engine switched it on, restore the commits before this one from a backup
    Note foreign_checkpoint events/_delta_log/00000000000000000002.checkpoint.0000000001.0000000002.parquet
      2 objects of checkpoints in a layout that weir does not read, and did not write
      weir reads the commits instead, or a checkpoint of its own
      let only weir write to the lake
    ");
}
