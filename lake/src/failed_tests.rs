use super::*;
use crate::snapshot::Change;
use crate::table::Table;
use crate::writer::write_landed;

fn row(id: &str, received_ms: i64, place: Option<u64>) -> FailedRow {
    let failed = Failed {
        id: id.to_owned().into(),
        protocol: "segment/track".into(),
        code: "missing_field".into(),
        field: "userId".into(),
        message: "userId: is missing".into(),
        event: place.map(|place| format!("event-{place}").into()),
        sent_at: place.is_none().then(|| "\"2026-01-01T00:00:00Z\"".into()),
        body: format!("{{\"가\":\n\"{id}\"}}").into(),
        bytes: 100_000,
        place,
    };
    FailedRow { source: "app".to_owned(), received_ms, failed }
}

async fn land(table: &mut Table, id: &str, rows: &[FailedRow]) {
    let mut collected = FailedRows::default();
    rows.iter().for_each(|row| collected.push(&row.source, row.received_ms, &row.failed));
    assert_eq!((collected.len(), collected.is_empty()), (rows.len(), rows.is_empty()));
    let file = write_landed(table.store(), TableName::Failed, id, &collected.batch().unwrap()).await.unwrap();
    let change = Change { adds: vec![file], changes_data: true, operation: "land", ..Change::default() };
    table.commit(&change, 7).await.unwrap();
}

async fn all(table: &Table, bodies: Bodies) -> Vec<FailedRow> {
    let (mut scan, mut rows) = (Scan::new(table.store(), &table.snapshot(), bodies), Vec::new());
    while let Some(more) = scan.next().await.unwrap() {
        rows.extend(more);
    }
    rows
}

#[tokio::test]
async fn rows_are_read_back_in_the_order_of_receipt_and_each_id_once() {
    let store = Store::in_memory();
    assert!(Table::open_if_there(&store, TableName::Failed).await.unwrap().is_none());
    let mut table = Table::open_or_create_named(&store, TableName::Failed, "id", 0).await.unwrap();
    let (a, b, c) = (row("a", 3_000, Some(0)), row("b", 3_001, Some(7)), row("c", -1, None));
    land(&mut table, "1", &[a.clone(), b.clone()]).await;
    land(&mut table, "2", &[c.clone(), a.clone()]).await;
    let opened = Table::open_if_there(&store, TableName::Failed).await.unwrap().unwrap();
    assert_eq!(opened.snapshot(), table.snapshot(), "what was committed is read back");
    assert_eq!((opened.snapshot().version, opened.snapshot().rows()), (2, 4));
    let file = &opened.snapshot().files["landed/2.parquet"];
    assert_eq!((file.min_received_ms, file.max_received_ms, file.min_time_ms), (-1, 3_000, -1));

    assert_eq!(all(&opened, Bodies::Read).await, [c.clone(), a.clone(), b]);
    let without = all(&opened, Bodies::Left).await;
    assert_eq!(without[0].failed, Failed { body: "".into(), ..c.failed });
    // The tables of a lake do not see each other.
    assert!(Table::must_exist(&store).await.is_err());
}

#[tokio::test]
async fn a_damaged_file_is_named() {
    let store = Store::in_memory();
    let mut table = Table::open_or_create_named(&store, TableName::Failed, "id", 0).await.unwrap();
    land(&mut table, "1", &[row("a", 1, None)]).await;
    store.delete(&TableName::Failed.data("landed/1.parquet")).await.unwrap();
    let error = Scan::new(&store, &table.snapshot(), Bodies::Left).next().await.unwrap_err();
    assert!(error.to_string().contains("failed/landed/1.parquet"), "{error}");
}

#[test]
fn the_columns_are_plain_ones_for_other_engines() {
    let schema: serde_json::Value = serde_json::from_str(&crate::schema::delta_schema(&columns())).unwrap();
    let fields = schema["fields"].as_array().unwrap();
    let kinds: Vec<_> = fields.iter().map(|f| (f["name"].as_str().unwrap(), f["type"].as_str().unwrap())).collect();
    assert_eq!(
        kinds[..4],
        [("failed_id", "string"), ("source", "string"), ("received_at", "timestamp"), ("place", "long")]
    );
    assert_eq!(kinds.len(), 12);
}
