//! Each damage made by hand on a small lake, what the examination says of it, and what a repair makes of it.

use std::borrow::Cow;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use arrow::array::{ArrayRef, AsArray, Int32Array, UInt32Array};
use arrow::compute::{cast, take_record_batch};
use arrow::datatypes::{DataType, Int32Type, TimeUnit};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use weir_core::event::{Event, EventId, Failed, frame};
use weir_core::ports::{CountingIds, EventLog, ManualClock, SequenceNumber, ShardId, SystemClock};
use weir_lake::examine::{Examined, Options, Severity, examine};
use weir_lake::file_log::{FileLog, FileLogSettings, SHARD};
use weir_lake::rows::EventRows;
use weir_lake::snapshot::{Level, Progress};
use weir_lake::store::IfMissing;
use weir_lake::writer::DataFileWriter;
use weir_lake::{Overflow, names, reader};

use super::*;
use crate::compact::{Extent, compact};
use crate::failed::{FailedLander, FailedOfLog};
use crate::faulty::Faulty;
use crate::land::Lander;

const NOW: i64 = 1_767_225_600_000;
const DEEP: Options = Options { deep: true, probe: true };
const SHALLOW: Options = Options { deep: false, probe: false };

/// A lake in a folder of its own: 3 landings of 40 events each.
struct Lake {
    dir: tempfile::TempDir,
    store: Store,
}

fn event<'a>(user: &'a str, time_ms: i64, place: u64) -> Event<'a> {
    Event {
        event: Cow::Borrowed(["view", "start", "submit"][(place % 3) as usize]),
        user_id: place.is_multiple_of(2).then_some(Cow::Borrowed(user)),
        anonymous_id: Some(Cow::Borrowed(user)),
        time_ms,
        event_id: None,
        session_id: None,
        properties: Some("{\"n\":1}"),
        context: None,
        received_ms: NOW,
        place,
    }
}

fn rows(landing: u64) -> EventRows {
    let mut rows = EventRows::default();
    for n in 0..40 {
        let user = format!("user-{}", n % 7);
        let time = NOW - i64::try_from(landing * 1_000_000 + (n * 37 % 40) * 60_000).unwrap();
        let id = format!("{landing}-{n}");
        let uuid = EventId::Uuid([
            u8::try_from(n).unwrap(),
            u8::try_from(landing).unwrap(),
            0,
            0,
            0,
            0,
            1,
            2,
            3,
            4,
            5,
            6,
            7,
            8,
            9,
            10,
        ]);
        let id = if n % 2 == 0 { EventId::Text(id.into()) } else { uuid };
        rows.push("app", &event(&user, time, n), &id);
    }
    rows
}

impl Lake {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().to_str().unwrap(), IfMissing::Create).await.unwrap();
        let mut lander =
            Lander::open(&store, Arc::new(ManualClock::new(NOW)), Arc::new(CountingIds::default())).await.unwrap();
        for landing in 0..3 {
            lander.land(rows(landing).freeze(), vec![], None, "land").await.unwrap();
        }
        Self { dir, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The data file of a landing.
    async fn file(&self, landing: u64) -> PathBuf {
        let snapshot = Table::open(&self.store).await.unwrap().snapshot();
        let file = snapshot.files.values().find(|file| file.landed_in == landing + 1).unwrap();
        self.path(&format!("events/{}", file.path))
    }

    fn commit(&self, version: u64) -> PathBuf {
        self.path(TableName::Events.commit(version).as_ref())
    }

    /// Replaces text in a commit.
    fn edit(&self, version: u64, from: &str, to: &str) {
        let text = fs::read_to_string(self.commit(version)).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(self.commit(version), text.replace(from, to)).unwrap();
    }

    async fn examine(&self, options: Options) -> Examined {
        let ids = CountingIds::starting_at(7_000_000);
        examine(&self.store, &SystemClock, &ids, options, &|_, _| {}).await.unwrap()
    }

    /// The findings as text, with what differs from run to run left out.
    async fn findings(&self, options: Options) -> String {
        self.text(&self.examine(options).await)
    }

    fn text(&self, examined: &Examined) -> String {
        let lines = examined.findings.iter().map(|finding| {
            let mend = match &finding.mend {
                Some(Mend::Rewrite { .. }) => ", rewrite",
                Some(Mend::Drop { .. }) => ", drop",
                Some(Mend::RemoveCheckpoint { .. }) => ", remove",
                None => "",
            };
            let Finding { severity, code, object, found, means, remedy, .. } = finding;
            format!("{severity:?} {code} {object}{mend}\n  {found}\n  {means}\n  {remedy}\n")
        });
        lines.collect::<String>().replace(self.store.url(), "LAKE")
    }

    /// Mends what is found, and gives what that did.
    async fn repair(&self, accept_loss: bool) -> Vec<Mended> {
        self.repair_after(DEEP, accept_loss).await
    }

    async fn repair_after(&self, options: Options, accept_loss: bool) -> Vec<Mended> {
        let examined = self.examine(options).await;
        let ids = CountingIds::starting_at(8_000_000);
        let mut done = Vec::new();
        for step in plan(&examined.findings) {
            if accept_loss || !loses(&step) {
                done.push(mend(&self.store, &step, &ManualClock::new(NOW + 1000), &ids).await.unwrap());
            }
        }
        done
    }

    /// Each row as text, whatever file it is in, and the number of live files.
    async fn content(&self) -> (Vec<String>, usize) {
        let snapshot = Table::open(&self.store).await.unwrap().snapshot();
        let columns = columns_of(TableName::Events);
        let names: Vec<&str> = columns.fields().iter().map(|field| field.name().as_str()).collect();
        let mut lines = Vec::new();
        for file in snapshot.files.values() {
            let batches = reader::open_all(&self.store, TableName::Events, snapshot.version, file, &names);
            let batches: Vec<_> = batches.await.unwrap().try_collect().await.unwrap();
            let text = arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
            lines.extend(text.lines().filter(|line| line.contains("user-")).map(|line| line.replace(' ', "")));
        }
        lines.sort();
        (lines, snapshot.files.len())
    }

    async fn is_healthy(&self) {
        let examined = self.examine(DEEP).await;
        assert!(examined.healthy, "{}", self.text(&examined));
        let mut table = Table::open(&self.store).await.unwrap();
        let before = self.content().await.0;
        compact(&mut table, &ManualClock::new(NOW), &CountingIds::starting_at(9_000_000), Extent::Everything)
            .await
            .unwrap();
        assert_eq!(self.content().await.0, before, "compaction finds nothing to stumble over");
    }

    /// Commits a file that holds a batch as it is.
    async fn add(&self, batch: &RecordBatch) {
        let mut table = Table::open(&self.store).await.unwrap();
        let mut writer =
            DataFileWriter::new(&self.store, TableName::Events, names::landed("by-hand"), Level::Landed).unwrap();
        writer.write(batch).await.unwrap();
        let adds = vec![writer.finish().await.unwrap()];
        let change = Change { adds, changes_data: true, operation: "land", ..Change::default() };
        table.commit(&change, NOW).await.unwrap();
    }
}

/// The rows of a landing, sorted.
fn batch(landing: u64) -> RecordBatch {
    rows(landing).freeze().sorted(&[true; 40]).unwrap()
}

/// As another engine would write it: text as text, times in nanoseconds, no bucket, the columns and rows in another order.
fn as_foreign(batch: &RecordBatch) -> Vec<u8> {
    let plain = |column: &ArrayRef| match column.data_type() {
        DataType::Timestamp(..) => {
            cast(column, &DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))).unwrap()
        }
        DataType::BinaryView => cast(column, &DataType::Binary).unwrap(),
        DataType::Int64 => cast(column, &DataType::Int32).unwrap(),
        _ => cast(column, &DataType::Utf8).unwrap(),
    };
    let schema = batch.schema();
    let columns = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .filter(|(field, _)| !["bucket", "session_id", "context"].contains(&field.name().as_str()));
    let mut columns: Vec<(String, ArrayRef)> = columns.map(|(f, column)| (f.name().clone(), plain(column))).collect();
    columns.reverse();
    let backwards = UInt32Array::from_iter_values((0..u32::try_from(batch.num_rows()).unwrap()).rev());
    let batch = take_record_batch(&RecordBatch::try_from_iter(columns).unwrap(), &backwards).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

#[tokio::test]
async fn nothing_is_found_in_a_healthy_lake() {
    let lake = Lake::new().await;
    let mut failed =
        FailedLander::open(&lake.store, Arc::new(ManualClock::new(NOW)), Arc::new(CountingIds::starting_at(50)))
            .await
            .unwrap();
    let mut of_log = FailedOfLog::default();
    let one = Failed {
        id: "f1".into(),
        protocol: "weir".into(),
        code: "missing_field".into(),
        field: "event".into(),
        message: "no".into(),
        event: None,
        sent_at: None,
        body: "{}".into(),
        bytes: 2,
        place: Some(0),
    };
    of_log.push(&SequenceNumber::from(1), "app", NOW, &one);
    failed.land(of_log, None).await.unwrap();
    assert_eq!(lake.findings(DEEP).await, "");
    lake.is_healthy().await;
    let examined = lake.examine(DEEP).await;
    assert_eq!(lake.text(&examined), "", "compacted, too");
    let tables: Vec<_> = examined.tables.iter().map(|t| (t.table, t.version, t.files, t.rows)).collect();
    assert_eq!(tables, [("events", 4, 1, 120), ("failed", 1, 1, 1)]);
    assert!(
        !lake.path("doctor").join("x").exists()
            && fs::read_dir(lake.path("doctor")).into_iter().flatten().next().is_none()
    );
}

#[tokio::test]
async fn no_lake_is_no_finding() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().to_str().unwrap(), IfMissing::Create).await.unwrap();
    let none = examine(&store, &SystemClock, &CountingIds::default(), DEEP, &|_, _| {}).await.unwrap_err();
    assert!(none.to_string().contains("there is no lake"), "{none}");
}

#[tokio::test]
async fn a_missing_and_a_torn_file_are_dropped_only_where_the_loss_is_accepted() {
    let lake = Lake::new().await;
    fs::remove_file(lake.file(0).await).unwrap();
    let torn = lake.file(1).await;
    let bytes = fs::read(&torn).unwrap();
    fs::write(&torn, &bytes[..bytes.len() / 2]).unwrap();
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Error missing_file events/landed/00000000-0000-8000-8000-000000000001.parquet, drop
      version 1 added it: it is not there
      40 events from 2025-12-31T23:21:00.000Z to 2026-01-01T00:00:00.000Z cannot be read; questions and landings that need the file fail, others do not
      restore it from a backup; without one, `weir repair --accept-loss --lake LAKE` goes on without it
    Error torn_file events/landed/00000000-0000-8000-8000-000000000002.parquet, drop
      version 2 added it: it has 1550 bytes, the log says 3101; Parquet error: Invalid Parquet file. Corrupt footer
      40 events from 2025-12-31T23:04:20.000Z to 2025-12-31T23:43:20.000Z cannot be read; questions and landings that need the file fail, others do not
      restore it from a backup; without one, `weir repair --accept-loss --lake LAKE` goes on without it
    ");
    assert_eq!(lake.repair(false).await, []);
    assert_eq!(Table::open(&lake.store).await.unwrap().snapshot().version, 3, "nothing was committed");
    let done = lake.repair(true).await;
    let lost = |version| Mended { lost: 40, version: Some(version), ..Mended::default() };
    assert_eq!(done, [lost(4), lost(5)]);
    assert_eq!(lake.content().await.0.len(), 40);
    lake.is_healthy().await;
}

#[tokio::test]
async fn damage_inside_a_file_is_found_by_reading_all_rows() {
    let lake = Lake::new().await;
    let path = lake.file(0).await;
    let mut bytes = fs::read(&path).unwrap();
    // Behind the magic bytes lies the first page.
    bytes[4..40].fill(0xff);
    fs::write(&path, bytes).unwrap();
    assert_eq!(lake.findings(SHALLOW).await, "");
    let examined = lake.examine(DEEP).await;
    assert_eq!(examined.findings.iter().map(|f| f.code).collect::<Vec<_>>(), ["torn_file"], "{}", lake.text(&examined));
}

#[tokio::test]
async fn a_file_in_the_layout_of_another_engine_is_written_anew() {
    let lake = Lake::new().await;
    let before = lake.content().await.0;
    fs::write(lake.file(1).await, as_foreign(&batch(1))).unwrap();
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Error foreign_layout events/landed/00000000-0000-8000-8000-000000000002.parquet, rewrite
      version 2 added it: its columns are not laid out as weir does it: Arrow: incompatible arrow schema, expected 11 struct fields got 14
      questions and landings that need the file fail, or count wrongly
      `weir repair --lake LAKE` writes its rows anew, as weir writes them
    ");
    assert_eq!(lake.repair(false).await, [Mended { rows: 40, version: Some(4), ..Mended::default() }]);
    assert_eq!(lake.content().await, (before, 3));
    lake.is_healthy().await;
}

#[tokio::test]
async fn rows_that_are_taken_over_are_held_against_all_others_whatever_was_asked_for() {
    let lake = Lake::new().await;
    let before = lake.content().await.0;
    let three = concat_batches(&columns_of(TableName::Events), &[batch(0), batch(1), batch(1)]).unwrap();
    fs::write(lake.file(1).await, as_foreign(&three)).unwrap();
    let done = lake.repair_after(SHALLOW, false).await;
    assert_eq!(done.iter().map(|done| done.copies).sum::<u64>(), 80, "{done:?}");
    let after = lake.content().await.0;
    assert_eq!((after.len(), after == before), (120, true));
    lake.is_healthy().await;
}

#[tokio::test]
async fn rows_of_another_table_are_torn_and_not_taken() {
    let lake = Lake::new().await;
    let column: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let other = RecordBatch::try_from_iter([("event", column)]).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), other.schema(), None).unwrap();
    writer.write(&other).unwrap();
    fs::write(lake.file(2).await, writer.into_inner().unwrap()).unwrap();
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Error torn_file events/landed/00000000-0000-8000-8000-000000000003.parquet, drop
      version 3 added it: it is no file of weir's: it has no column `user`
      40 events from 2025-12-31T22:47:40.000Z to 2025-12-31T23:26:40.000Z cannot be read; questions and landings that need the file fail, others do not
      restore it from a backup; without one, `weir repair --accept-loss --lake LAKE` goes on without it
    ");
}

#[tokio::test]
async fn a_file_that_another_file_was_copied_over_has_lost_its_rows_and_holds_copies() {
    let lake = Lake::new().await;
    let few: Vec<bool> = (0..40).map(|n| n < 10).collect();
    let other = tempfile::tempdir().unwrap();
    let store = Store::open(other.path().to_str().unwrap(), IfMissing::Create).await.unwrap();
    let written =
        writer::write_landed(&store, TableName::Events, "x", &rows(0).freeze().sorted(&few).unwrap()).await.unwrap();
    fs::copy(other.path().join("events").join(written.path), lake.file(1).await).unwrap();
    insta::assert_snapshot!(lake.findings(DEEP).await, @"
    Error copies events/landed/00000000-0000-8000-8000-000000000002.parquet, rewrite
      10 events of it came before with the same source and id
      they are counted twice
      `weir repair --deep --lake LAKE` leaves the later ones out
    Error wrong_size events/landed/00000000-0000-8000-8000-000000000002.parquet, rewrite
      version 2 added it: it has 2683 bytes, the log says 3101
      30 events from 2025-12-31T23:04:20.000Z to 2025-12-31T23:43:20.000Z are there no more; questions and landings that need the file may fail
      restore it from a backup; without one, `weir repair --accept-loss --deep --lake LAKE` keeps what is there
    ");
    assert_eq!(lake.repair(false).await, [], "rows are lost by it");
    assert_eq!(lake.repair(true).await, [Mended { rows: 0, copies: 10, lost: 30, version: Some(4) }]);
    assert_eq!(lake.content().await.0.len(), 80);
    lake.is_healthy().await;
}

#[tokio::test]
async fn what_the_log_says_wrongly_of_a_file_is_put_right() {
    for (from, to, code) in [
        ("\"size\":", "\"size\":1", "wrong_size"),
        ("minValues\\\":{\\\"time\\\":\\\"2025", "minValues\\\":{\\\"time\\\":\\\"2024", "wrong_range"),
    ] {
        let lake = Lake::new().await;
        let before = lake.content().await.0;
        lake.edit(2, from, to);
        let examined = lake.examine(SHALLOW).await;
        assert_eq!(examined.findings.iter().map(|f| f.code).collect::<Vec<_>>(), [code], "{}", lake.text(&examined));
        assert_eq!(lake.repair(false).await, [Mended { rows: 40, version: Some(4), ..Mended::default() }]);
        assert_eq!(lake.content().await, (before, 3));
        lake.is_healthy().await;
    }
}

#[tokio::test]
async fn rows_out_of_order_are_found_and_sorted() {
    let lake = Lake::new().await;
    let backwards = UInt32Array::from_iter_values((0..40).rev());
    lake.add(&take_record_batch(&batch(3), &backwards).unwrap()).await;
    assert_eq!(lake.findings(SHALLOW).await, "");
    insta::assert_snapshot!(lake.findings(DEEP).await, @"
    Error wrong_order events/landed/by-hand.parquet, rewrite
      version 4 added it: row 1 sorts before the row that it follows
      funnels and merges may take its rows in the wrong order: counts may be wrong
      `weir repair --deep --lake LAKE` writes its rows anew, as weir writes them
    ");
    let before = lake.content().await.0;
    lake.repair(false).await;
    assert_eq!(lake.content().await, (before, 4));
    lake.is_healthy().await;
}

#[tokio::test]
async fn users_in_wrong_buckets_are_found_and_moved() {
    let lake = Lake::new().await;
    let mut columns = batch(3).columns().to_vec();
    columns[0] =
        Arc::new(Int32Array::from_iter_values(columns[0].as_primitive::<Int32Type>().values().iter().map(|b| b / 2)));
    lake.add(&RecordBatch::try_new(columns_of(TableName::Events), columns).unwrap()).await;
    let examined = lake.examine(DEEP).await;
    assert_eq!(
        examined.findings.iter().map(|f| f.code).collect::<Vec<_>>(),
        ["wrong_buckets"],
        "{}",
        lake.text(&examined)
    );
    assert_eq!(lake.repair(false).await, [Mended { rows: 40, version: Some(5), ..Mended::default() }]);
    lake.is_healthy().await;
}

#[tokio::test]
async fn events_that_are_there_twice_are_counted_once_again() {
    let lake = Lake::new().await;
    let before = lake.content().await.0;
    let both = concat_batches(&columns_of(TableName::Events), &[batch(1), batch(3)]).unwrap();
    lake.add(&sorted(&both).unwrap()).await;
    insta::assert_snapshot!(lake.findings(DEEP).await, @"
    Error copies events/landed/by-hand.parquet, rewrite
      40 events of it came before with the same source and id
      they are counted twice
      `weir repair --deep --lake LAKE` leaves the later ones out
    ");
    // Which of two equal rows is the copy is as good either way.
    let done = lake.repair(false).await;
    assert_eq!(done.iter().map(|done| done.copies).sum::<u64>(), 40);
    let after = lake.content().await.0;
    assert_eq!(after.len(), 160);
    assert!(before.iter().all(|row| after.contains(row)));
    lake.is_healthy().await;
}

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
      EOF while parsing a string at line 1 column 573
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
      version 4 added it: another engine wrote it, with 40 events
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
    lake.edit(0, r#""weir.format":"1""#, r#""weir.format":"99""#);
    lake.edit(0, r#""minReaderVersion":1,"#, r#""minReaderVersion":3,"readerFeatures":["deletionVectors"],"#);
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Error newer_format events/_delta_log/00000000000000000000.json
      the table is of format 99; this weir knows 1
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
        fs::write(lake.path(pointer), format!(r#"{{"version":{points}}}"#)).unwrap();
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
async fn orphans_are_counted_once_they_are_old() {
    let lake = Lake::new().await;
    let file = lake.path("events/landed/orphan.parquet");
    fs::write(&file, b"12345").unwrap();
    assert_eq!(lake.findings(SHALLOW).await, "", "it may be under way");
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    fs::File::options().write(true).open(&file).unwrap().set_modified(old).unwrap();
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Note orphans events
      1 file of 5 bytes that no version names, such as `events/landed/orphan.parquet`
      they cost space and nothing else: no question reads them
      none is needed; they may be deleted once nothing that began before them still writes
    ");
    assert!(lake.examine(SHALLOW).await.healthy);
}

#[tokio::test]
async fn a_log_that_does_not_fit_the_lake_is_named() {
    let lake = Lake::new().await;
    let shard = ShardId(SHARD.to_owned());
    let land_to = async |through: u64| {
        let mut table = Table::open(&lake.store).await.unwrap();
        let from = table.snapshot().positions.get(&shard).cloned();
        let progress = vec![Progress { shard: shard.clone(), from, through: through.into() }];
        table
            .commit(&Change { progress, changes_data: true, operation: "land", ..Change::default() }, NOW)
            .await
            .unwrap();
    };
    let settings = FileLogSettings::new(lake.path("log"));
    let (log, _) = FileLog::open(settings).unwrap();
    log.append(Bytes::from_static(b"hello")).await.unwrap();
    log.close().await;
    drop(log);
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Note log_waits LAKE/log
      it ends at 21, and the lake has landed up to nothing
      the events in between are acknowledged and safe, and not counted yet
      run `weir dev`: it lands them
    ");
    land_to(21).await;
    assert_eq!(lake.findings(SHALLOW).await, "");
    land_to(1_000).await;
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Error log_behind LAKE/log
      it ends at 21, and the lake has landed up to 1000
      it is another log, or an old copy of this one: `weir dev` does not start with it
      put the right one back, or move this one away to begin anew
    ");
    fs::write(lake.path("log/00000000000000000021.torn"), b"123").unwrap();
    fs::remove_file(lake.path("log/00000000000000000000.log")).unwrap();
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Warning log_lost LAKE/log
      the lake has landed a log up to 1000, and there is no log
      what was acknowledged and not landed yet when it went is lost; what was landed is safe
      bring the log back if there is a copy that is not older; else `weir dev` begins a new one
    Warning torn_log LAKE/log/00000000000000000021.torn
      3 bytes that were cut off the end of the log when it was opened
      a write that was cut short, which nobody was told is stored; only damage to the very last write looks the same
      look at it if events are missed; then delete it
    ");
    fs::remove_dir_all(lake.path("log")).unwrap();
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Warning log_lost LAKE/log
      the lake has landed a log up to 1000, and there is no log
      what was acknowledged and not landed yet when it went is lost; what was landed is safe
      bring the log back if there is a copy that is not older; else `weir dev` begins a new one
    ");
}

#[tokio::test]
async fn what_waits_in_the_overflow_is_named() {
    let lake = Lake::new().await;
    let overflow = Overflow::new(&lake.store);
    let mut frame = frame::FrameWriter::new("app", NOW).unwrap();
    frame.push(&event("u", NOW, 0), &EventId::Text("x".into())).unwrap();
    overflow.put(1, frame.finish().into()).await.unwrap();
    let examined = lake.examine(SHALLOW).await;
    assert_eq!(
        examined.findings.iter().map(|f| (f.severity, f.code)).collect::<Vec<_>>(),
        [(Severity::Note, "overflow_waiting")]
    );
    overflow.put(2, Bytes::from_static(b"no frame")).await.unwrap();
    overflow.put(3, Bytes::from_static(b"neither")).await.unwrap();
    overflow.set_aside(3, Bytes::from_static(b"neither")).await.unwrap();
    let text = lake.findings(SHALLOW).await;
    let timeless: String =
        text.lines().map(|line| line.split(", the oldest of").next().unwrap().to_owned() + "\n").collect();
    insta::assert_snapshot!(timeless, @"
    Error overflow_unreadable overflow/000000000000000000000000000000000000002.weir
      the record does not begin with a frame header: expected ident at line 1 column 2
      events of it that cannot be read are not counted; the next landing sets it aside
      restore it from a backup, or have its events sent again
    Warning overflow_unreadable overflow/unreadable/000000000000000000000000000000000000003.weir
      a landing could not read all of it, and kept its 7 bytes here
      events of it that could not be read are not counted
      have its events sent again, or restore it from a backup; then delete it
    Note overflow_waiting overflow
      2 records of 181 bytes
      their events are acknowledged and safe, and not counted yet
      see that `weir dev` or the compactor of the lake runs: it lands them
    ");
}

#[tokio::test]
async fn settings_that_cannot_be_read_are_named() {
    let lake = Lake::new().await;
    fs::create_dir_all(lake.path("settings")).unwrap();
    fs::write(lake.path(names::settings(1).as_ref()), "{").unwrap();
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Error settings_unreadable settings
      the settings `settings/00000000000000000001.json` cannot be used: it is not JSON: EOF while parsing an object at line 1 column 1; correct that file, or remove it to go back to the one before
      nothing starts that needs keys, privacy rules or a plan; what runs goes on with what it has read
      do what the message says
    ");
}

#[tokio::test]
async fn clocks_that_are_off_are_named() {
    let lake = Lake::new().await;
    lake.edit(2, "\"timestamp\":1767225600000", "\"timestamp\":4000000000000");
    let text = lake.findings(SHALLOW).await;
    let timeless: String =
        text.lines().map(|line| line.split("and now it is").next().unwrap().to_owned() + "\n").collect();
    insta::assert_snapshot!(timeless, @"
    Warning clock_off events/_delta_log/00000000000000000002.json
      it says 2096-10-02T07:06:40.000Z, 
      a clock was wrong: times of receipt may be wrong too, and copies are looked for by them
      see to the clocks (NTP) of all that write to the lake
    Warning clock_off events/_delta_log/00000000000000000003.json
      it says 2026-01-01T00:00:00.000Z, and version 2 before it 2096-10-02T07:06:40.000Z
      a clock was wrong: times of receipt may be wrong too, and copies are looked for by them
      see to the clocks (NTP) of all that write to the lake
    ");
    let lake = Lake::new().await;
    lake.edit(3, "\"timestamp\":1767225600000", "\"timestamp\":1767222000000");
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Warning clock_off events/_delta_log/00000000000000000003.json
      it says 2025-12-31T23:00:00.000Z, and version 2 before it 2026-01-01T00:00:00.000Z
      a clock was wrong: times of receipt may be wrong too, and copies are looked for by them
      see to the clocks (NTP) of all that write to the lake
    ");
    let clock = ManualClock::new(NOW - 3_600_000 * 24 * 365);
    let options = Options { deep: false, probe: true };
    let examined =
        examine(&Lake::new().await.store, &clock, &CountingIds::default(), options, &|_, _| {}).await.unwrap();
    let object = |f: &Finding| (f.code, f.object.contains("_delta_log"));
    let found: std::collections::BTreeSet<_> = examined.findings.iter().map(object).collect();
    assert_eq!(found, [("clock_off", false), ("clock_off", true)].into(), "the store's clock, and those of commits");
}

#[tokio::test]
async fn a_store_that_lets_two_make_one_object_is_named() {
    let faulty = Arc::new(Faulty::default());
    let store = Store::over(Arc::clone(&faulty) as _);
    let mut lander = Lander::open(&store, Arc::new(SystemClock), Arc::new(CountingIds::default())).await.unwrap();
    lander.land(rows(0).freeze(), vec![], None, "land").await.unwrap();
    let options = Options { deep: false, probe: true };
    let codes = async || {
        let examined = examine(&store, &SystemClock, &CountingIds::default(), options, &|_, _| {}).await.unwrap();
        examined.findings.iter().map(|f| (f.severity, f.code)).collect::<Vec<_>>()
    };
    assert_eq!(codes().await, []);
    Faulty::set(&faulty.creates_replace, true);
    assert_eq!(codes().await, [(Severity::Error, "store_breaks_word")]);
    Faulty::set(&faulty.creates_replace, false);
    Faulty::set(&faulty.deletes_fail, true);
    assert_eq!(codes().await, [(Severity::Error, "store_failed")]);
}
