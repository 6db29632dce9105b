//! What does not fit into the bound stays, and nothing is lost.

use weir_core::event::{EventId, Receipt, parse};

use super::*;
use crate::TableName;
use crate::links::LinkCache;
use crate::merge::Merge;
use crate::rows::EventRows;
use crate::schema::columns;
use crate::snapshot::{Level, Snapshot};
use crate::writer::{DataFileWriter, write_landed};

const TABLE: TableName = TableName::Events;

async fn users(batches: Batches) -> Vec<String> {
    let batches: Vec<RecordBatch> = batches.try_collect().await.unwrap();
    let of = |batch: &RecordBatch| {
        let users = batch.column_by_name(USER).unwrap().as_string_view().clone();
        (0..users.len()).map(|row| users.value(row).to_owned()).collect::<Vec<_>>()
    };
    batches.iter().flat_map(of).collect()
}

#[tokio::test]
async fn what_does_not_fit_is_for_the_next_merge() {
    let store = Store::in_memory();
    let mut rows = EventRows::default();
    let line = |event: &str, ids: String| {
        format!(r#"{{"event":"{event}",{ids},"properties":{{"long":"{}"}}}}"#, "x".repeat(50))
    };
    let device = |n: usize| format!(r#""anonymous_id":"a{}""#, n % 3000);
    let mut lines: Vec<String> = (0..30_000).map(|n| line("view", device(n))).collect();
    lines.extend((0..2000).map(|n| line("identify", format!(r#""user_id":"u{}",{}"#, n / 2, device(n)))));
    for (line, place) in lines.iter().zip(0..) {
        let event = parse(line, Receipt { received_ms: 1_767_225_600_000, place, correct_skew: false }).unwrap();
        rows.push("dev", &event, &EventId::Text(format!("id-{place}").into()));
    }
    let batch = rows.freeze().sorted(&vec![true; lines.len()]).unwrap();
    let mut file = write_landed(&store, TABLE, "a", &batch).await.unwrap();
    let schema = columns();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let (mut merges, mut counts) = (0, Vec::new());
    loop {
        let files = vec![Arc::new(file.clone())];
        let by_path = files.iter().map(|file| (file.path.clone(), Arc::clone(file))).collect();
        let snapshot = Snapshot { version: 1, files: by_path, ..Snapshot::default() };
        let cache = LinkCache::default();
        let moves = cache.moves(&store, &snapshot, &files).await.unwrap();
        if moves.is_empty() {
            break;
        }
        let moved = Moved::collect(&store, 1, &files, &names, None, &moves, 1024 * 1024).await.unwrap();
        assert!(moved.len() < 20_000, "{}", moved.len());
        let read = Read { columns: &names, buckets: 0..BUCKETS, batch_rows: 1000 };
        let inputs = vec![open(&store, 1, &file, &read, None, &moved).await.unwrap(), moved.rows(&read.buckets)];
        let mut merge = Merge::new(inputs, 1000).await.unwrap();
        let level = Level::Compacted(1);
        let mut writer = DataFileWriter::new(&store, TABLE, format!("compacted/{merges}.parquet"), level).unwrap();
        while let Some(batch) = merge.next().await.unwrap() {
            writer.write(&batch).await.unwrap();
        }
        file = writer.finish().await.unwrap();
        assert_eq!(file.rows, 32_000);
        merges += 1;
        counts.push(file.links.unwrap().moved);
    }
    assert!(merges > 1, "the bound was meant to be met");
    assert!(counts.is_sorted() && counts.last() == Some(&2000), "{counts:?}");
    let all = users(reader::open_all(&store, TABLE, 1, &file, &names).await.unwrap()).await;
    let mut expected: Vec<String> = (0..30_000)
        .map(|n| n % 3000)
        .map(|device| if device < 2000 { format!("u{}", device / 2) } else { format!("a{device}") })
        .chain((0..2000).map(|n| format!("u{}", n / 2)))
        .collect();
    expected.sort_by_cached_key(|user| (bucket_of(user), user.clone()));
    assert_eq!(all, expected);
}
