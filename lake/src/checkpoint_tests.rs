use super::*;
use crate::snapshot::tests::file;
use crate::snapshot::{Change, Progress};
use crate::table::Table;
use weir_core::ports::ShardId;

const HOUR: i64 = 60 * 60 * 1000;

/// A table with one of everything that a checkpoint holds.
async fn table() -> Table {
    let store = Store::in_memory();
    let mut table = Table::open_or_create(&store, "id", HOUR).await.unwrap();
    let progress = Progress { shard: ShardId("s".into()), from: None, through: 7_u64.into() };
    let landing = Change {
        adds: vec![file("landed/a.parquet", 5), file("landed/b.parquet", 6)],
        progress: vec![progress],
        complete_to_ms: Some(HOUR),
        changes_data: true,
        operation: "land",
        ..Change::default()
    };
    table.commit(&landing, HOUR).await.unwrap();
    let removal = Change { removes: vec!["landed/b.parquet".to_owned()], changes_data: true, ..Change::default() };
    table.commit(&removal, 2 * HOUR).await.unwrap();
    let other = concat!(
        r#"{"commitInfo":{"timestamp":10800000,"engineInfo":"other/1"}}"#,
        "\n",
        r#"{"txn":{"appId":"app","version":5}}"#,
        "\n",
        r#"{"domainMetadata":{"domain":"theirs","configuration":"{\"x\":1}","removed":false}}"#,
        "\n",
        r#"{"add":{"path":"part%201.parquet","partitionValues":{},"size":9,"modificationTime":1,"dataChange":true,"#,
        r#""stats":"{\"numRecords\":3}","tags":{"k":"v"}}}"#,
        "\n",
    );
    assert!(store.create(&TableName::Events.commit(3), Bytes::from(other)).await.unwrap());
    table.refresh().await.unwrap();
    table
}

#[tokio::test]
async fn a_checkpoint_holds_everything() {
    let table = table().await;
    let snapshot = table.snapshot();
    let (bytes, actions) = encode(&snapshot).unwrap();
    assert_eq!(actions, 8, "protocol, metadata, txn, two domains, two files, a tombstone");
    assert_eq!(decode(TableName::Events, 3, bytes.clone()).unwrap(), *snapshot);
    assert_eq!(encode(&snapshot).unwrap().0, bytes, "everybody writes the same");
    let again = decode(TableName::Events, 3, bytes.clone()).unwrap();
    assert_eq!(encode(&again).unwrap().0, bytes, "also who has read it");
    assert_eq!(again.tombstones().iter().collect::<Vec<_>>(), [("landed/b.parquet", 2 * HOUR)]);
    assert_eq!((again.foreign["part%201.parquet"].rows, again.foreign["part%201.parquet"].version), (Some(3), 3));
    assert_eq!(again.files["landed/a.parquet"].landed_in, 1);
}

#[tokio::test]
async fn a_damaged_checkpoint_is_never_another_state() {
    let snapshot = table().await.snapshot();
    let (bytes, _) = encode(&snapshot).unwrap();
    let mut noticed = 0;
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80] {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= flip;
            match decode_apart(TableName::Events, 3, Bytes::from(damaged)).await {
                Err(LakeError::Corrupt { object, .. }) => {
                    noticed += 1;
                    assert_eq!(object, TableName::Events.checkpoint(3).to_string());
                }
                // Bits that say nothing about the rows, such as statistics of columns or when it was committed.
                Ok(read) => {
                    let log = Arc::new(crate::log_state::LogState {
                        committed_ms: snapshot.log.committed_ms,
                        ..read.log.as_ref().clone()
                    });
                    assert_eq!(Snapshot { log, ..read }, *snapshot, "byte {at}");
                }
                Err(error) => panic!("byte {at}: {error}"),
            }
        }
    }
    assert!(noticed > bytes.len() / 2, "{noticed} of {}", 2 * bytes.len());
    for end in 0..bytes.len() {
        assert!(decode_apart(TableName::Events, 3, bytes.slice(..end)).await.is_err(), "cut off at {end}");
    }
}

#[tokio::test]
async fn what_names_the_newest_checkpoint() {
    let table = table().await;
    write(table.store(), &table.snapshot()).await.unwrap();
    write(table.store(), &table.snapshot()).await.unwrap();
    assert_eq!(pointer(table.store(), TableName::Events).await.unwrap(), Pointer::To(3));
    let name = TableName::Events.last_checkpoint();
    let text = table.store().read(&name).await.unwrap().unwrap();
    let size = encode(&table.snapshot()).unwrap().0.len();
    let text = String::from_utf8(text.to_vec()).unwrap().replace(&size.to_string(), "SIZE");
    insta::assert_snapshot!(text, @r#"{"version":3,"size":8,"sizeInBytes":SIZE,"numOfAddFiles":2,"tags":{"weir.positions":"{\"s\":\"7\"}"}}"#);
    for (text, means) in [
        (r#"{"version":7,"size":1}"#, Pointer::To(7)),
        (r#"{"version":7,"size":1,"parts":2}"#, Pointer::Unusable),
        (r#"{"version":7,"si"#, Pointer::Unusable),
        ("", Pointer::Unusable),
    ] {
        table.store().replace(&name, Bytes::from(text)).await.unwrap();
        assert_eq!(pointer(table.store(), TableName::Events).await.unwrap(), means, "{text}");
    }
}
