//! The catalogue of a snapshot follows its files, whatever they are and however they came.

use weir_core::ports::{CountingIds, Ids};

use super::super::observe::tests::{Sent, batch, naive};
use super::*;
use crate::snapshot::{Change, Level};
use crate::table::Table;
use crate::writer::{DataFileWriter, write_landed};

fn events(range: std::ops::Range<u64>) -> Vec<Sent> {
    let event = |n: u64| Sent {
        name: ["view", "pay", "보기"][n as usize % 3].to_owned(),
        source: "dev".to_owned(),
        time_ms: 1_767_225_600_000 + n as i64 * 3_600_000,
        properties: (!n.is_multiple_of(5)).then(|| format!(r#"{{"n":{n},"tab":"{}"}}"#, n % 4)),
        context: Some(r#"{"os":{"name":"ios"}}"#.to_owned()),
    };
    range.map(event).collect()
}

struct Lake {
    store: Store,
    table: Table,
    ids: CountingIds,
}

impl Lake {
    async fn new() -> Self {
        let store = Store::in_memory();
        let table = Table::open_or_create(&store, "id", 0).await.unwrap();
        Self { store, table, ids: CountingIds::default() }
    }

    async fn commit(&mut self, adds: Vec<DataFile>, removes: Vec<String>) -> Arc<Snapshot> {
        let change = Change { adds, removes, changes_data: true, operation: "test", ..Change::default() };
        self.table.commit(&change, 0).await.unwrap()
    }

    async fn land(&mut self, events: &[Sent]) -> Arc<Snapshot> {
        let id = weir_core::event::uuid_text(&self.ids.next_id());
        let file = write_landed(&self.store, TableName::Events, &id, &batch(events)).await.unwrap();
        self.commit(vec![file], vec![]).await
    }
}

#[tokio::test]
async fn a_catalogue_follows_what_comes_and_goes() {
    let mut lake = Lake::new().await;
    let mut reader = CatalogueReader::default();
    let empty = lake.table.snapshot();
    assert_eq!(*reader.of(&lake.store, &empty).await.unwrap(), Catalogue::default());
    for n in 0..3 {
        let snapshot = lake.land(&events(n * 50..n * 50 + 50)).await;
        assert_eq!(*reader.of(&lake.store, &snapshot).await.unwrap(), naive(&events(0..n * 50 + 50)));
    }
    let first = lake.table.snapshot();
    let gone = first.files.keys().next().unwrap().clone();
    let left = lake.commit(vec![], vec![gone]).await;
    let counts = [left.rows(), reader.of(&lake.store, &left).await.unwrap().count()];
    assert_eq!(counts, [100, 100]);
    assert_eq!(*reader.of(&lake.store, &first).await.unwrap(), naive(&events(0..150)), "an old version too");
}

#[tokio::test]
async fn what_is_not_noted_is_looked_at() {
    let mut lake = Lake::new().await;
    let all = events(0..80);
    for (name, catalogue) in [("landed/a", Catalogue::default()), ("landed/b", naive(&all))] {
        let writer = DataFileWriter::new(&lake.store, TableName::Events, format!("{name}.parquet"), Level::Landed);
        let mut writer = writer.unwrap().with_catalogue(catalogue);
        writer.write(&batch(&all)).await.unwrap();
        lake.commit(vec![writer.finish().await.unwrap()], vec![]).await;
    }
    let snapshot = lake.table.snapshot();
    let files: Vec<_> = snapshot.files.values().cloned().collect();
    assert_eq!(merged(&lake.store, 2, &files).await.unwrap(), None, "the note of `a` counts other rows");
    assert_eq!(merged(&lake.store, 2, &files[1..]).await.unwrap(), Some(naive(&all)));
    let twice: Vec<Sent> = all.iter().chain(&all).cloned().collect();
    let mut reader = CatalogueReader::default();
    assert_eq!(*reader.of(&lake.store, &snapshot).await.unwrap(), naive(&twice));
}

#[tokio::test]
async fn a_damaged_file_is_named_and_does_no_harm_later() {
    let mut lake = Lake::new().await;
    let snapshot = lake.land(&events(0..50)).await;
    let path = snapshot.files.keys().next().unwrap().clone();
    let name = TableName::Events.data(&path);
    let bytes = lake.store.read(&name).await.unwrap().unwrap();
    lake.store.delete(&name).await.unwrap();
    let mut reader = CatalogueReader::default();
    let error = reader.of(&lake.store, &snapshot).await.unwrap_err();
    assert!(error.to_string().contains(&path), "{error}");
    lake.store.create(&name, bytes).await.unwrap();
    assert_eq!(reader.of(&lake.store, &snapshot).await.unwrap().count(), 50);
}
