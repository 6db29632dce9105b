//! Each damage of a data file, made by hand on a small lake, what the examination says of it, and what a repair makes of it.

use std::fs;

use arrow::array::{ArrayRef, AsArray, Int32Array, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::Int32Type;
use parquet::arrow::ArrowWriter;
use weir_core::event::Failed;
use weir_core::ports::{CountingIds, ManualClock, SequenceNumber, SystemClock};
use weir_lake::examine::examine;
use weir_lake::snapshot::Level;
use weir_lake::store::IfMissing;
use weir_lake::typed::{ColumnKind, TypedColumn};
use weir_lake::writer::{DataFileWriter, Packing};

use super::world::*;
use super::*;
use crate::failed::{FailedLander, FailedOfLog};

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
      version 1 names it: it is not there
      40 events from 2025-12-31T23:21:00.000Z to 2026-01-01T00:00:00.000Z cannot be read; questions and landings that need the file fail, others do not
      restore it from a backup; without one, `weir repair --accept-loss --lake LAKE` goes on without it
    Error torn_file events/landed/00000000-0000-8000-8000-000000000002.parquet, drop
      version 2 names it: it has 1642 bytes, the log says 3285; Parquet error: Invalid Parquet file. Corrupt footer
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
      version 2 names it: its columns are not laid out as weir does it: Arrow: incompatible arrow schema, expected 11 struct fields got 14
      questions and landings that need the file fail, or count wrongly
      `weir repair --lake LAKE` writes its rows anew, as weir writes them
    ");
    assert_eq!(lake.repair(false).await, [Mended { rows: 40, version: Some(4), ..Mended::default() }]);
    assert_eq!(lake.content().await, (before, 3));
    assert_eq!(lake.landings().await, [1, 3, 4], "nobody has looked at what was there until now");
    lake.is_healthy().await;
}

#[tokio::test]
async fn a_property_in_a_column_that_the_table_lost_is_found_and_mended() {
    let lake = Lake::new().await;
    let before = lake.content().await.0;
    let mut table = Table::open(&lake.store).await.unwrap();
    let old = table.snapshot().files.values().find(|file| file.landed_in == 1).unwrap().clone();
    let columns = vec![TypedColumn { property: "n".to_owned(), kind: ColumnKind::Number }];
    let (level, packing, name) = (Level::Compacted(1), Packing::Merged, "compacted/2026-01-01/n.parquet".to_owned());
    let writer = DataFileWriter::packed(&lake.store, TableName::Events, name, level, packing, &columns);
    let mut writer = writer.unwrap();
    writer.write(&batch(0)).await.unwrap();
    let adds = vec![DataFile { landed_in: 1, ..writer.finish().await.unwrap() }];
    let change = Change { adds, removes: vec![old.path.clone()], columns, operation: "compact", ..Change::default() };
    table.commit(&change, NOW).await.unwrap();
    assert_eq!(lake.findings(DEEP).await, "");
    // Another engine gives the table a schema in which the column has another name.
    lake.edit(4, "weir.property", "a.property");
    lake.edit(4, "p_n", "n_p");
    assert_eq!(lake.content().await, (before.clone(), 3), "nothing is lost");
    insta::assert_snapshot!(lake.findings(SHALLOW).await, @"
    Error unknown_column events/compacted/2026-01-01/n.parquet, rewrite
      version 4 names it: it has a column `p_n`, a double, and the table has none such
      SQL and other engines miss what is in it; funnels find it, and take longer
      `weir repair --lake LAKE` writes its rows anew, as weir writes them
    ");
    assert_eq!(lake.repair(false).await, [Mended { rows: 40, version: Some(5), ..Mended::default() }]);
    assert_eq!(lake.content().await, (before, 3));
    assert_eq!(lake.landings().await, [1, 2, 3], "they are the rows that came in then");
    lake.is_healthy().await;
}

#[tokio::test]
async fn a_file_of_an_older_weir_is_as_good() {
    let lake = Lake::new().await;
    let path = lake.file(1).await;
    let was = fs::metadata(&path).unwrap().len();
    // Times in microseconds, and no notes, of which the log says nothing.
    let batch = batch(1);
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    let old = writer.into_inner().unwrap();
    fs::write(&path, &old).unwrap();
    lake.edit(2, &format!("\"size\":{was}"), &format!("\"size\":{}", old.len()));
    lake.edit(2, "weir.links", "links.of.nobody");
    assert_eq!(lake.findings(DEEP).await, "");
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
      version 3 names it: it is no file of weir's: it has no column `user`
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
      version 2 names it: it has 2682 bytes, the log says 3285
      30 events from 2025-12-31T23:04:20.000Z to 2025-12-31T23:43:20.000Z are there no more; questions and landings that need the file may fail
      restore it from a backup; without one, `weir repair --accept-loss --deep --lake LAKE` keeps what is there
    ");
    assert_eq!(lake.repair(false).await, [], "rows are lost by it");
    assert_eq!(
        lake.repair(true).await,
        [Mended { rows: 0, copies: 10, lost: 30, version: Some(4), ..Mended::default() }]
    );
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
      version 4 names it: row 1 sorts before the row that it follows
      funnels and merges may take its rows in the wrong order: counts may be wrong
      `weir repair --deep --lake LAKE` writes its rows anew, as weir writes them
    ");
    let before = lake.content().await.0;
    lake.repair(false).await;
    assert_eq!(lake.content().await, (before, 4));
    assert_eq!(lake.landings().await, [1, 2, 3, 4], "the same rows are not landed again");
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
    let landings = lake.landings().await;
    assert!(landings.iter().max() <= Some(&4) && landings.contains(&4), "as they were: {landings:?}");
    assert!(before.iter().all(|row| after.contains(row)));
    lake.is_healthy().await;
}
