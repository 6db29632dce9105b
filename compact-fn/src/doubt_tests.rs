//! A commit whose answer is lost may have been made: its files must stay.

use std::sync::Arc;

use weir_core::event::{EventId, parse};
use weir_core::ports::{CountingIds, ManualClock};
use weir_lake::rows::EventRows;
use weir_lake::{DataFile, Store, Table, names};

use crate::compact::{Extent, compact};
use crate::faulty::Faulty;
use crate::land::Lander;

const NOW: i64 = 1_767_225_600_000;

async fn land(lander: &mut Lander, id: &str) -> Result<u64, weir_lake::LakeError> {
    let receipt = weir_core::event::Receipt { received_ms: NOW, place: 0, correct_skew: true };
    let event = parse(r#"{"event":"a","user_id":"u"}"#, receipt).unwrap();
    let mut rows = EventRows::default();
    rows.push("app", &event, &EventId::Text(id.into()));
    Ok(lander.land(rows.freeze(), vec![], None, "import").await?.accepted)
}

/// Asserts that every live file is there, and gives how many rows there are.
async fn rows(store: &Store) -> u64 {
    let snapshot = Table::open(store).await.unwrap().snapshot();
    for DataFile { path, .. } in snapshot.files.values().map(AsRef::as_ref) {
        assert!(store.read(&names::TableName::Events.data(path)).await.unwrap().is_some(), "{path} is live, and gone");
    }
    snapshot.rows()
}

#[tokio::test]
async fn a_landing_that_may_have_been_committed_keeps_its_file() {
    // The answer is lost; or it is, and a second try within the store finds the object there.
    for is_found in [false, true] {
        let objects = Arc::new(Faulty::default());
        let denial = if is_found { &objects.commits_look_taken } else { &objects.commits_look_failed };
        let store = Store::over(Arc::clone(&objects) as _);
        let (clock, ids) = (Arc::new(ManualClock::new(NOW)), Arc::new(CountingIds::default()));
        let mut lander = Lander::open(&store, clock, ids).await.unwrap();
        Faulty::set(denial, true);
        // An answer that says nothing is an error; a conflict is looked into, and found to be the landing itself.
        assert_eq!(land(&mut lander, "a").await.ok(), is_found.then_some(1));
        assert_eq!(rows(&store).await, 1);
        Faulty::set(denial, false);
        assert_eq!(land(&mut lander, "a").await.unwrap(), 0, "it is a copy now");
        assert_eq!(land(&mut lander, "b").await.unwrap(), 1);
        assert_eq!(rows(&store).await, 2);
    }
}

#[tokio::test]
async fn a_merge_that_may_have_been_committed_keeps_its_files() {
    // The answer is lost; or it is, and a second try within the store finds the object there.
    for is_found in [false, true] {
        let objects = Arc::new(Faulty::default());
        let denial = if is_found { &objects.commits_look_taken } else { &objects.commits_look_failed };
        let store = Store::over(Arc::clone(&objects) as _);
        let (clock, ids) = (Arc::new(ManualClock::new(NOW)), Arc::new(CountingIds::default()));
        let mut lander = Lander::open(&store, clock.clone(), ids.clone()).await.unwrap();
        land(&mut lander, "a").await.unwrap();
        land(&mut lander, "b").await.unwrap();
        let mut table = Table::open(&store).await.unwrap();
        Faulty::set(denial, true);
        let merged = compact(&mut table, clock.as_ref(), ids.as_ref(), Extent::Everything).await;
        assert_eq!(merged.is_ok(), is_found, "{merged:?}");
        assert_eq!(rows(&store).await, 2);
    }
}
