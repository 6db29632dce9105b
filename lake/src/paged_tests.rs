use std::borrow::Cow;

use futures::TryStreamExt;
use weir_core::event::{Event, EventId};

use super::*;
use crate::reader::{self, Read};
use crate::rows::EventRows;
use crate::schema::{BUCKETS, columns};
use crate::snapshot::Level;
use crate::writer::{DataFileWriter, write_landed};

/// Rows of different widths: some have properties of many bytes, most have few.
async fn file(store: &Store, rows: u64, wide_each: u64, wide: usize) -> DataFile {
    let mut collected = EventRows::default();
    for row in 0..rows {
        let user = format!("user-{}", row * 7 % 97);
        let filler = if row % wide_each == 0 { "x".repeat(wide) } else { String::new() };
        let properties = format!("{{\"n\":{},\"t\":\"{filler}\"}}", row.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let event = Event {
            event: Cow::Owned(format!("e{}", row % 5)),
            user_id: Some(Cow::Borrowed(&user)),
            anonymous_id: None,
            time_ms: 1_767_225_600_000 + i64::try_from(row * 1_000_003 % 5_000_000).unwrap(),
            event_id: None,
            session_id: None,
            properties: Some(&properties),
            context: None,
            received_ms: 1_767_225_700_000,
            place: row,
        };
        collected.push("app", &event, &EventId::Uuid(u128::from(row).to_be_bytes()));
    }
    let batch = collected.freeze().sorted(&vec![true; usize::try_from(rows).unwrap()]).unwrap();
    write_landed(store, TableName::Events, &format!("{rows}-{wide}"), &batch).await.unwrap()
}

async fn whole(store: &Store, file: &DataFile) -> Vec<RecordBatch> {
    let columns = columns();
    let names: Vec<&str> = columns.fields().iter().map(|field| field.name().as_str()).collect();
    let read = Read { columns: &names, buckets: 0..BUCKETS, batch_rows: BATCH_ROWS };
    reader::open(store, 1, file, &read).await.unwrap().try_collect().await.unwrap()
}

fn text(batches: &[RecordBatch]) -> String {
    arrow::util::pretty::pretty_format_batches(batches).unwrap().to_string()
}

#[tokio::test]
async fn slices_have_every_row_once_and_in_order() {
    let store = Store::in_memory();
    for (rows, wide_each, wide) in [(1, 1, 10), (20_000, 100, 3_000), (3_000, 1, 20_000)] {
        let file = file(&store, rows, wide_each, wide).await;
        let expected = text(&whole(&store, &file).await);
        for slice_bytes in [1, 60_000, 100_000_000] {
            let paged = Paged::open(&store, 1, &file, slice_bytes).await.unwrap();
            let slices: usize = paged.groups.iter().map(|group| group.slices.len()).sum();
            assert_eq!(slices == 1, rows == 1 || slice_bytes > 60_000, "{slices} slices of {slice_bytes}");
            let read: Vec<_> = paged.stream().try_collect().await.unwrap();
            assert!(text(&read) == expected, "{rows} rows in slices of {slice_bytes} bytes");
        }
    }
}

#[tokio::test]
async fn memory_does_not_grow_with_the_file() {
    let store = Store::in_memory();
    let memory = async |rows| {
        let file = file(&store, rows, 1, 2_000).await;
        Paged::open(&store, 1, &file, 64 * 1024).await.unwrap().memory()
    };
    let (small, large) = (memory(10_000).await, memory(40_000).await);
    assert!(2 * large < 3 * small && large < 1_500_000, "{small} {large}");
}

#[tokio::test]
async fn batches_of_large_rows_have_few_rows() {
    let store = Store::in_memory();
    let file = file(&store, 600, 1, 60_000).await;
    let mut batches = Paged::open(&store, 1, &file, 1024).await.unwrap().stream();
    while let Some(batch) = batches.try_next().await.unwrap() {
        assert!(batch.num_rows() <= 8, "{} rows of 60 kB", batch.num_rows());
    }
}

#[tokio::test]
async fn a_file_that_another_weir_wrote_in_microseconds_gives_the_same_times() {
    let store = Store::in_memory();
    let file = file(&store, 50, 1, 5).await;
    let rows = whole(&store, &file).await;
    let mut writer =
        DataFileWriter::new(&store, TableName::Events, "landed/again.parquet".to_owned(), Level::Compacted(1)).unwrap();
    for batch in &rows {
        writer.write(batch).await.unwrap();
    }
    let again = writer.finish().await.unwrap();
    assert_eq!((again.min_time_ms, again.max_time_ms, again.rows), (file.min_time_ms, file.max_time_ms, file.rows));
    assert_eq!(text(&whole(&store, &again).await), text(&rows));
}
