//! Notes lie beside the rows, and do not disturb them.

use super::*;
use crate::failed::{FailedRows, columns};
use crate::reader;
use crate::snapshot::Level;
use crate::writer::DataFileWriter;
use futures::TryStreamExt;
use object_store::ObjectStoreExt;
use std::sync::Arc;
use weir_core::event::Failed;

/// Whose files have no notes but those that are given: of events the writer takes its own.
const TABLE: TableName = TableName::Failed;

fn rows(count: u64) -> arrow::array::RecordBatch {
    let mut rows = FailedRows::default();
    for i in 0..count {
        let failed = Failed {
            id: i.to_string().into(),
            protocol: "weir".into(),
            code: "missing_field".into(),
            field: "".into(),
            message: "".into(),
            event: None,
            sent_at: None,
            body: format!("body {i}").into(),
            bytes: 7,
            place: Some(i),
        };
        rows.push("dev", 1_767_225_600_000, &failed);
    }
    rows.batch().unwrap()
}

async fn file_with(store: &Store, notes: &[(Note, &[u8])]) -> DataFile {
    let mut writer = DataFileWriter::new(store, TABLE, "landed/a.parquet".to_owned(), Level::Landed).unwrap();
    writer.write(&rows(1000)).await.unwrap();
    notes.iter().for_each(|(note, text)| writer.note(*note, text.to_vec()));
    writer.finish().await.unwrap()
}

async fn read_both(store: &Store, file: &DataFile) -> Result<Vec<Option<Bytes>>, LakeError> {
    read(store, TABLE, 1, file, &[Note::Links, Note::Catalogue]).await
}

#[tokio::test]
async fn what_was_noted_is_read_and_the_rows_too() {
    let store = Store::in_memory();
    let large = vec![7_u8; 300_000];
    let notes: [(Note, &[u8]); 3] = [(Note::Catalogue, b"old"), (Note::Links, b""), (Note::Catalogue, &large)];
    let file = file_with(&store, &notes).await;
    let read = read_both(&store, &file).await.unwrap();
    assert_eq!(read.iter().map(|n| n.as_ref().map(Bytes::len)).collect::<Vec<_>>(), [Some(0), Some(300_000)]);
    assert!(read == [Some(Bytes::new()), Some(Bytes::from(large))]);
    let schema = columns();
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let batches: Vec<_> = reader::open_all(&store, TABLE, 1, &file, &names).await.unwrap().try_collect().await.unwrap();
    let all = arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap();
    assert_eq!(all.columns(), rows(1000).columns());
}

#[tokio::test]
async fn a_file_without_notes_says_so() {
    let store = Store::in_memory();
    let file = file_with(&store, &[]).await;
    assert_eq!(read_both(&store, &file).await.unwrap(), [None, None]);
}

#[tokio::test]
async fn a_file_that_is_gone_or_cut_is_named() {
    let store = Store::in_memory();
    let file = file_with(&store, &[(Note::Links, b"abc")]).await;
    let gone = DataFile { path: "landed/b.parquet".to_owned(), ..file.clone() };
    assert!(matches!(read_both(&store, &gone).await, Err(LakeError::Missing { .. })));
    let objects = Arc::clone(&store.objects());
    let name = TABLE.data(&file.path);
    objects.put(&name, Bytes::from_static(b"PAR1 of something else").into()).await.unwrap();
    let cut = read_both(&store, &file).await.unwrap_err().to_string();
    assert!(cut.contains("landed/a.parquet"), "{cut}");
}

#[test]
fn a_place_lies_in_the_file() {
    assert_eq!(range("10,5", 15), Some(10..15));
    for wrong in ["10,6", "10", "a,5", "18446744073709551615,1", "-1,3"] {
        assert_eq!(range(wrong, 15), None, "{wrong}");
    }
}
