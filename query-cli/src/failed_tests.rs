use std::collections::BTreeSet;

use weir_core::event::Failed;
use weir_core::ports::{CountingIds, ManualClock};
use weir_core::time::DAY_MS;
use weir_lake::failed::FailedRows;
use weir_lake::snapshot::Change;
use weir_lake::writer::write_landed;

use super::*;
use crate::engine::Engine;

const NOW: i64 = 1_767_225_600_000;

fn row(id: &str, body: &str, received_ms: i64) -> FailedRow {
    let failed = Failed {
        id: id.to_owned().into(),
        protocol: "weir".into(),
        code: "old_code".into(),
        field: "x".into(),
        message: format!("x: {id}").into(),
        event: Some("view".into()),
        sent_at: None,
        body: body.to_owned().into(),
        bytes: body.len() as u64,
        place: Some(3),
    };
    FailedRow { source: "app".to_owned(), received_ms, failed }
}

/// Puts rows into the table, as a landing does.
async fn put(store: &Store, file: &str, rows: &[FailedRow]) {
    let mut table = Table::open_or_create_named(store, TableName::Failed, "id", NOW).await.unwrap();
    let mut collected = FailedRows::default();
    rows.iter().for_each(|row| collected.push(&row.source, row.received_ms, &row.failed));
    let file = write_landed(store, TableName::Failed, file, &collected.batch().unwrap()).await.unwrap();
    let change = Change { adds: vec![file], changes_data: true, operation: "land", ..Change::default() };
    table.commit(&change, NOW).await.unwrap();
}

async fn lake() -> Store {
    let store = Store::in_memory();
    Table::open_or_create(&store, "events", NOW).await.unwrap();
    store
}

async fn try_again(store: &Store, filter: &Filter, how: Try, first_id: u64) -> Replayed {
    let mut failed = FailedEvents::open(store).await.unwrap();
    let (clock, ids) = (Arc::new(ManualClock::new(NOW)), Arc::new(CountingIds::starting_at(first_id)));
    replay(&mut failed, filter, how, clock, ids).await.unwrap()
}

async fn left(store: &Store) -> Vec<FailedRow> {
    let mut rows = Vec::new();
    FailedEvents::open(store)
        .await
        .unwrap()
        .each(&Filter::default(), Bodies::Read, |row| rows.push(row))
        .await
        .unwrap();
    rows
}

async fn events(store: &Store) -> u64 {
    Table::open(store).await.unwrap().snapshot().rows()
}

const GOOD: &str = r#"{"event":"view","user_id":"u","timestamp":1767225500000}"#;

#[tokio::test]
async fn what_is_good_now_lands_and_what_is_not_stays_with_its_new_reason() {
    let store = lake().await;
    let with_id = r#"{"event":"view","user_id":"u","event_id":"e"}"#;
    let cut = FailedRow { failed: Failed { bytes: 90_000, ..row("cut", GOOD, NOW).failed }, ..row("", "", NOW) };
    let rows =
        [row("a", GOOD, NOW), row("b", with_id, NOW + 1), row("c", with_id, NOW), row("d", "{}", NOW), cut.clone()];
    put(&store, "1", &rows).await;

    let dry = try_again(&store, &Filter::default(), Try::Dry, 100).await;
    assert_eq!(dry, Replayed { replayed: 3, duplicates: None, failing: 2, left: 3, version: None });
    assert_eq!((left(&store).await.len(), events(&store).await), (5, 0), "a dry run changes nothing");

    let done = try_again(&store, &Filter::default(), Try::Land, 200).await;
    assert_eq!(done, Replayed { replayed: 2, duplicates: Some(1), failing: 2, left: 3, version: Some(1) });
    let stay = left(&store).await;
    let codes: Vec<_> = stay.iter().map(|row| (&*row.failed.id, &*row.failed.code, &*row.failed.field)).collect();
    assert_eq!(codes, [("d", "missing_field", "event"), ("cut", "old_code", "x")]);
    assert_eq!(stay[1], cut);

    let engine = Engine::new(store.clone(), Arc::new(ManualClock::new(NOW)));
    let query = "SELECT event_id, received_at, time FROM events ORDER BY event_id";
    let batches: Vec<_> = futures::TryStreamExt::try_collect(
        engine.sql(query, crate::engine::SqlLimits::default()).await.unwrap().batches,
    )
    .await
    .unwrap();
    let shown = arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
    assert!(shown.contains("2025-12-31T23:58:20"), "the time of the event: {shown}");
    assert!(shown.contains("| e ") && shown.contains("2026-01-01T00:00:00Z"), "received when it was first: {shown}");

    let again = try_again(&store, &Filter::default(), Try::Land, 300).await;
    assert_eq!((again.replayed, again.duplicates, again.failing, again.left), (0, Some(0), 2, 0));
}

#[tokio::test]
async fn a_replay_that_was_cut_off_counts_once_however_long_ago_it_was_received() {
    let store = lake().await;
    for (round, age_days) in [0, 6, 40, 400].into_iter().enumerate() {
        let id = format!("row-{age_days}");
        let rows = [row(&id, r#"{"event":"view","user_id":"u"}"#, NOW - age_days * DAY_MS)];
        put(&store, &format!("{round}-a"), &rows).await;
        let first = try_again(&store, &Filter::default(), Try::Land, 1_000 * (round as u64 + 1)).await;
        assert_eq!((first.replayed, first.duplicates, first.left), (1, Some(0), 1), "{age_days} days");
        // The row is there still: what would have taken it out did not happen.
        put(&store, &format!("{round}-b"), &rows).await;
        let second = try_again(&store, &Filter::default(), Try::Land, 1_000 * (round as u64 + 1) + 500).await;
        assert_eq!((second.replayed, second.duplicates, second.left), (0, Some(1), 1), "{age_days} days");
        assert_eq!(events(&store).await, round as u64 + 1);
    }
    assert_eq!(left(&store).await, []);
}

#[tokio::test]
async fn only_what_is_meant_is_tried_again() {
    let store = lake().await;
    assert_eq!(try_again(&store, &Filter::default(), Try::Land, 0).await, Replayed::default(), "nothing has failed");
    put(&store, "1", &[row("ab1", GOOD, NOW), row("ab2", GOOD, NOW + 5), row("cd", GOOD, NOW)]).await;
    let prefixes = vec!["ab1".to_owned()];
    let done = try_again(&store, &Filter { prefixes, ..Filter::default() }, Try::Land, 100).await;
    assert_eq!((done.replayed, done.left), (1, 1));
    let since = Filter { since_ms: Some(NOW + 5), ..Filter::default() };
    assert_eq!(try_again(&store, &since, Try::Land, 200).await.left, 1);
    let nobody = Filter { source: Some("other".to_owned()), ..Filter::default() };
    assert_eq!(try_again(&store, &nobody, Try::Land, 300).await.left, 0);
    assert_eq!(left(&store).await.len(), 1);
}

#[test]
fn a_filter_takes_what_meets_all_of_it() {
    let one = row("abc", "{}", NOW);
    let some = |text: &str| Some(text.to_owned());
    let all = Filter {
        source: some("app"),
        code: some("old_code"),
        event: some("view"),
        since_ms: Some(NOW),
        until_ms: Some(NOW + 1),
        prefixes: vec!["x".to_owned(), "ab".to_owned()],
    };
    assert!(Filter::default().takes(&one) && all.takes(&one));
    for other in [
        Filter { source: some("web"), ..all.clone() },
        Filter { code: some("old"), ..all.clone() },
        Filter { event: some("buy"), ..all.clone() },
        Filter { since_ms: Some(NOW + 1), ..all.clone() },
        Filter { until_ms: Some(NOW), ..all.clone() },
        Filter { prefixes: vec!["bc".to_owned()], ..all.clone() },
    ] {
        assert!(!other.takes(&one), "{other:?}");
    }
    let nameless = FailedRow { failed: Failed { event: None, ..one.failed.clone() }, ..one };
    assert!(!all.takes(&nameless));
}

#[tokio::test]
async fn reasons_are_counted_and_the_newest_rows_come_first() {
    let store = lake().await;
    let other = |id: &str, at: i64| {
        let failed = Failed { code: "other".into(), event: None, ..row(id, "{}", at).failed };
        FailedRow { failed, ..row(id, "{}", at) }
    };
    put(&store, "1", &[row("a", "{}", NOW), other("b", NOW + 9), row("c", "{}", NOW + 2)]).await;
    // One came twice out of the log.
    put(&store, "2", &[row("c", "{}", NOW + 2), row("d", "{}", NOW + 1)]).await;
    let failed = FailedEvents::open(&store).await.unwrap();
    let groups = failed.groups(&Filter::default()).await.unwrap();
    let found: Vec<_> =
        groups.iter().map(|g| (&*g.code, g.event.as_deref(), g.count, g.first_ms, g.last_ms, &*g.message)).collect();
    let expected = [("old_code", Some("view"), 3, NOW, NOW + 2, "x: c"), ("other", None, 1, NOW + 9, NOW + 9, "x: b")];
    assert_eq!(found, expected);
    let (newest, total) = failed.newest(&Filter::default(), 2).await.unwrap();
    let ids: Vec<&str> = newest.iter().map(|row| &*row.failed.id).collect();
    assert_eq!((ids, total), (vec!["b", "c"], 4));
    assert!(newest.iter().all(|row| row.failed.body.is_empty()), "bodies are not read for it");

    // SQL counts each once, too.
    let engine = Engine::new(store.clone(), Arc::new(ManualClock::new(NOW)));
    let count = async |query: &str| {
        let batches: Vec<_> = futures::TryStreamExt::try_collect(
            engine.sql(query, crate::engine::SqlLimits::default()).await.unwrap().batches,
        )
        .await
        .unwrap();
        arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string()
    };
    let by_code = count("SELECT code, count(*) AS n FROM failed GROUP BY 1 ORDER BY 1").await;
    let cells: BTreeSet<&str> = by_code.split(['|', '\n']).map(str::trim).collect();
    assert!(
        cells.contains("old_code") && cells.contains("3") && cells.contains("other") && cells.contains("1"),
        "{by_code}"
    );
    let joined = count(
        "WITH f AS (SELECT * FROM failed WHERE failed_id = 'c') SELECT body, body_bytes, place, received_at FROM f",
    )
    .await;
    assert!(joined.contains("{}") && joined.contains("2026-01-01T00:00:00.002Z"), "{joined}");
}

#[tokio::test]
async fn sql_over_a_lake_where_nothing_has_failed_has_an_empty_table() {
    let store = lake().await;
    let engine = Engine::new(store, Arc::new(ManualClock::new(NOW)));
    let rows = engine.sql("SELECT * FROM failed", crate::engine::SqlLimits::default()).await.unwrap();
    assert_eq!(rows.schema.fields().len(), 12);
    let batches: Vec<_> = futures::TryStreamExt::try_collect(rows.batches).await.unwrap();
    assert_eq!(batches.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>(), 0);
}
