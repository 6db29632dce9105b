//! What `weir doctor` and `weir repair` do on S3: the store keeps its word, and what is missing or foreign is named.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use compact_fn::land::Lander;
use compact_fn::repair::{loses, mend, plan};
use weir_core::event::{Event, EventId};
use weir_core::ports::{CountingIds, RandomIds, SystemClock};
use weir_lake::examine::{Examined, Options, examine};
use weir_lake::rows::EventRows;
use weir_lake::{Store, Table, TableName};

use super::store as new_store;

async fn look(store: &Store) -> Examined {
    let options = Options { deep: true, probe: true };
    examine(store, &SystemClock, &RandomIds, options, &|_, _| {}).await.unwrap()
}

fn codes(examined: &Examined) -> Vec<(&'static str, &str)> {
    examined.findings.iter().map(|finding| (finding.code, finding.object.as_str())).collect()
}

#[tokio::test]
async fn a_lake_is_looked_at_and_mended() {
    let store = new_store("examine").await;
    let mut lander = Lander::open(&store, Arc::new(SystemClock), Arc::new(CountingIds::default())).await.unwrap();
    for landing in 0..3_i64 {
        let mut rows = EventRows::default();
        for place in 0..50 {
            let event = Event {
                event: Cow::Borrowed("view_job"),
                user_id: Some(Cow::Borrowed("u")),
                anonymous_id: None,
                time_ms: 1_767_225_600_000 + landing,
                event_id: None,
                session_id: None,
                properties: None,
                context: None,
                received_ms: 1_767_225_600_000,
                place,
            };
            rows.push("app", &event, &EventId::Text(format!("{landing}-{place}").into()));
        }
        lander.land(rows.freeze(), vec![], None, "land").await.unwrap();
    }
    let healthy = look(&store).await;
    assert!(healthy.findings.is_empty(), "{:?}", healthy.findings);
    assert_eq!(healthy.tables[0].rows, 150);

    let paths: Vec<String> = lander.snapshot().files.keys().cloned().collect();
    let names: Vec<_> = paths.iter().map(|path| TableName::Events.data(path)).collect();
    store.delete(&names[0]).await.unwrap();
    let torn = store.read(&names[1]).await.unwrap().unwrap().slice(..1000);
    store.delete(&names[1]).await.unwrap();
    store.create(&names[1], torn).await.unwrap();
    store.create(&weir_lake::names::settings(1), Bytes::from_static(b"{")).await.unwrap();
    let broken = look(&store).await;
    let expected =
        [("missing_file", names[0].as_ref()), ("settings_unreadable", "settings"), ("torn_file", names[1].as_ref())];
    assert_eq!(codes(&broken), expected);

    let steps = plan(&broken.findings);
    assert!(steps.len() == 2 && steps.iter().all(loses), "{steps:?}");
    for step in &steps {
        assert_eq!(mend(&store, step, &SystemClock, &RandomIds).await.unwrap().lost, 50);
    }
    store.delete(&weir_lake::names::settings(1)).await.unwrap();
    assert_eq!(codes(&look(&store).await), []);
    assert_eq!(Table::open(&store).await.unwrap().snapshot().rows(), 50);
}
