//! A lake of any released format opens, and says the same.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use arrow::array::AsArray;
use arrow::datatypes::Int32Type;
use futures::TryStreamExt;
use serde_json::Value;
use weir_core::ports::ShardId;
use weir_core::property::lookup;
use weir_lake::catalogue::CatalogueReader;
use weir_lake::merge::Merge;
use weir_lake::reader::{self, Read};
use weir_lake::schema::{BUCKETS, EVENT, PROPERTIES, columns};
use weir_lake::store::IfMissing;
use weir_lake::{LakeError, Snapshot, Store, Table};

async fn open(format: &str) -> Store {
    // Relative to the package, where cargo runs its tests. A path taken while compiling would be another checkout's, if that
    // one has filled the shared build cache.
    let path = format!("testdata/{format}");
    Store::open(&path, IfMissing::Fail).await.unwrap()
}

/// How often each event happened, by a merge of all files with all columns.
async fn events(store: &Store, snapshot: &Snapshot) -> BTreeMap<String, u64> {
    let columns = columns();
    let names: Vec<&str> = columns.fields().iter().map(|f| f.name().as_str()).collect();
    let read = Read { columns: &names, buckets: 0..BUCKETS, batch_rows: reader::BATCH_ROWS };
    let mut inputs = Vec::new();
    for file in snapshot.files.values() {
        inputs.push(reader::open(store, snapshot.version, file, &read).await.unwrap());
    }
    let mut merge = Merge::new(inputs, reader::BATCH_ROWS).await.unwrap();
    let mut counts = BTreeMap::new();
    while let Some(batch) = merge.next().await.unwrap() {
        let events = batch.column_by_name(EVENT).unwrap().as_dictionary::<Int32Type>();
        for event in events.downcast_dict::<arrow::array::StringArray>().unwrap() {
            *counts.entry(event.unwrap().to_owned()).or_default() += 1;
        }
    }
    counts
}

#[tokio::test]
async fn format_1() {
    let store = open("format-1").await;
    let snapshot = Table::open(&store).await.unwrap().snapshot();
    assert_eq!((snapshot.version, snapshot.rows(), snapshot.files.len()), (4, 696, 4));
    let counts = events(&store, &snapshot).await;
    assert_eq!(counts.values().sum::<u64>(), 696);
    assert_eq!((counts["app_open"], counts["view_job"], counts["list_scroll"]), (178, 125, 84));

    // Its files have no notes, so their rows are looked at.
    let catalogue = CatalogueReader::default().of(&store, &snapshot).await.unwrap();
    let noted: BTreeMap<String, u64> =
        catalogue.events.iter().map(|(name, event)| (name.clone(), event.count)).collect();
    assert_eq!(noted, counts);
    let view = &catalogue.events["view_job"];
    assert_eq!(view.days_utc.values().sum::<u64>(), 125);
    assert!(view.properties["job_id"].present() > 100 && view.properties["context.os.version"].present() > 100);

    let before = Table::open_at(&store, 1).await.unwrap().snapshot();
    assert_eq!(events(&store, &before).await.values().sum::<u64>(), 299, "an old version too");
}

#[tokio::test]
async fn format_2() {
    let store = open("format-2").await;
    let snapshot = Table::open(&store).await.unwrap().snapshot();
    assert_eq!((snapshot.version, snapshot.rows(), snapshot.files.len()), (8, 716, 6));
    assert_eq!(snapshot.positions[&ShardId("shard-0".to_owned())], 200.into());
    assert!(snapshot.tombstones().is_empty(), "a month later they have expired");
    let counts = events(&store, &snapshot).await;
    assert_eq!((counts.values().sum::<u64>(), counts["app_open"]), (716, 198));

    let checkpoint = Table::open_at(&store, 6).await.unwrap().snapshot();
    assert_eq!((checkpoint.rows(), checkpoint.files.len(), checkpoint.tombstones().len()), (706, 5, 2));
    let gone = Table::open_at(&store, 5).await.unwrap_err();
    assert!(matches!(gone, LakeError::VersionGone { wanted: 5, oldest: 6 }), "{gone}");
}

#[tokio::test]
async fn format_3() {
    let store = open("format-3").await;
    let snapshot = Table::open(&store).await.unwrap().snapshot();
    assert_eq!((snapshot.version, snapshot.rows(), snapshot.files.len()), (4, 696, 4));
    let columns: Vec<String> = snapshot.typed_columns().iter().map(|column| column.property.clone()).collect();
    assert_eq!(columns, ["region", "is_urgent", "wage"]);
    let counts = events(&store, &snapshot).await;
    assert_eq!((counts.values().sum::<u64>(), counts["app_open"], counts["view_job"]), (696, 140, 139));

    // Properties are whole, of the column and of the text.
    let (mut wages, mut texts, mut sum) = (0, 0, 0.0);
    for file in snapshot.files.values() {
        let read = Read { columns: &[PROPERTIES], buckets: 0..BUCKETS, batch_rows: reader::BATCH_ROWS };
        let batches = reader::open(&store, snapshot.version, file, &read).await.unwrap();
        for batch in batches.try_collect::<Vec<_>>().await.unwrap() {
            for properties in batch.column(0).as_string_view().iter().flatten() {
                match lookup(properties, "wage") {
                    Some(Value::Number(wage)) => (wages, sum) = (wages + 1, sum + wage.as_f64().unwrap()),
                    Some(Value::String(_)) => texts += 1,
                    _ => {}
                }
            }
        }
    }
    assert_eq!((wages, sum), (222, 13_526_460.0));
    assert!(texts > 0);
}
