//! A lake on S3: two writers of one table, landing, compaction and the overflow, also on a network that fails.

use std::borrow::Cow;
use std::sync::Arc;

use compact_fn::compact::{Extent, compact};
use compact_fn::land::Lander;
use weir_core::event::{Event, EventId, frame};
use weir_core::ports::{CountingIds, EventLog, ManualClock, MemoryLog};
use weir_lake::rows::{EventRows, FrozenRows};
use weir_lake::{LakeError, Overflow, Store, Table, names};
use weir_tests::fault_proxy::{Fault, Proxy};
use weir_tests::moto::Moto;

use super::{store as new_store, store_through};

pub const NOW: i64 = 1_767_225_600_000;

/// An event of a user.
pub fn event(user: &str, place: u64) -> Event<'_> {
    Event {
        event: Cow::Borrowed("view_job"),
        user_id: Some(Cow::Borrowed(user)),
        anonymous_id: None,
        time_ms: NOW,
        event_id: None,
        session_id: None,
        properties: None,
        context: None,
        received_ms: NOW,
        place,
    }
}

/// Events with these ids.
pub fn rows(ids: &[String]) -> FrozenRows {
    let mut rows = EventRows::default();
    for (place, id) in (0..).zip(ids) {
        rows.push("app", &event("u", place), &EventId::Text(id.into()));
    }
    rows.freeze()
}

fn record(ids: &[&str]) -> Vec<u8> {
    let mut frame = frame::FrameWriter::new("app", NOW).unwrap();
    for (place, id) in (0..).zip(ids) {
        frame.push(&event("u", place), &EventId::Text((*id).into())).unwrap();
    }
    frame.finish()
}

/// A process that lands; its files are named from this id on.
pub async fn lander(store: &Store, first_id: u64) -> Lander {
    let ids = Arc::new(CountingIds::starting_at(first_id));
    Lander::open(store, Arc::new(ManualClock::new(NOW)), ids).await.unwrap()
}

/// Two writers land the same batches side by side, each in its own order.
async fn race(stores: [Store; 2]) -> u64 {
    let tasks = stores.into_iter().zip(1_u64..).map(|(store, number)| {
        tokio::spawn(async move {
            let mut lander = lander(&store, 1_000_000 * number).await;
            let mut accepted = 0;
            for round in 0..12 {
                let ids: Vec<String> = (0..3).map(|i| format!("shared-{round}-{i}")).collect();
                accepted += lander.land(rows(&ids), vec![], None, "import").await.unwrap().accepted;
                let ids = [format!("own-{number}-{round}")];
                accepted += lander.land(rows(&ids), vec![], None, "import").await.unwrap().accepted;
            }
            accepted
        })
    });
    futures::future::join_all(tasks).await.into_iter().map(Result::unwrap).sum()
}

/// The live files of a table hold `rows` rows, and merge into as many.
async fn merges_to(store: &Store, rows: u64) {
    let mut table = Table::open(store).await.unwrap();
    assert_eq!(table.snapshot().rows(), rows);
    let (clock, ids) = (ManualClock::new(NOW), CountingIds::starting_at(9_000_000));
    let done = compact(&mut table, &clock, &ids, Extent::Everything).await.unwrap();
    assert_eq!(done.rows, rows, "every file is there and holds what the log says");
    let table = Table::open(store).await.unwrap();
    assert_eq!((table.snapshot().rows(), table.snapshot().files.len()), (rows, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_of_one_table_count_every_event_once() {
    let store = new_store("two-writers").await;
    assert!(matches!(Table::open(&store).await.unwrap_err(), LakeError::Store(_)), "a new lake has no table");
    let accepted = race([store.clone(), store.clone()]).await;
    assert_eq!(accepted, 12 * 5);
    merges_to(&store, 12 * 5).await;
    let again = lander(&store, 5_000_000).await.land(rows(&["own-1-3".to_owned()]), vec![], None, "import").await;
    assert_eq!(again.unwrap().duplicates, 1, "ids are read back from the merged file");
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_whose_answers_are_lost_are_made_once() {
    let proxy = Proxy::start(Moto::shared().url());
    let direct = new_store("lost-commits").await;
    let store = store_through(proxy.url(), "lost-commits").await;
    lander(&direct, 0).await;
    for version in 1..=12 {
        let fault = [Fault::LoseAnswer, Fault::AnswerWith(500, "InternalError"), Fault::LoseRequest][version % 3];
        proxy.next("PUT", &format!("_delta_log/{version:020}.json"), fault);
    }
    assert_eq!(race([store.clone(), store]).await, 12 * 5);
    assert_eq!(proxy.left(), 0);
    merges_to(&direct, 12 * 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_and_its_overflow_land_once() {
    let store = new_store("landings").await;
    let log = MemoryLog::default();
    log.append(record(&["a", "b"]).into()).await.unwrap();
    let shard = log.shards().await.unwrap().remove(0);
    let overflow = Overflow::new(&store);
    overflow.put(1 << 80, record(&["b", "c"]).into()).await.unwrap();
    overflow.put(2 << 80, "no record".into()).await.unwrap();
    overflow.put(3 << 80, record(&["d"]).into()).await.unwrap();

    let mut lander = lander(&store, 0).await;
    lander.land_log(&log, &shard).await.unwrap();
    let positions = lander.snapshot().positions.clone();
    let done = lander.land_overflow(1 << 20).await.unwrap();
    assert_eq!((done.landed.accepted, done.landed.duplicates, done.records), (2, 1, 3));
    assert!(done.unreadable[0].contains("of shard `overflow`"), "{:?}", done.unreadable);
    assert_eq!(overflow.list(None, 10).await.unwrap(), []);
    assert!(store.has(&names::overflow_unreadable(2 << 80)).await.unwrap());
    assert_eq!((lander.snapshot().rows(), &lander.snapshot().positions), (4, &positions));
    assert_eq!(lander.snapshot().complete_to_ms, Some(NOW), "as the log has it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_may_not_be_read_is_not_called_damaged() {
    let direct = new_store("denied-file").await;
    lander(&direct, 0).await.land(rows(&["a".to_owned()]), vec![], None, "import").await.unwrap();
    let proxy = Proxy::start(Moto::shared().url());
    let store = store_through(proxy.url(), "denied-file").await;
    proxy.times(10, "GET", ".parquet", Fault::Refuse(403, "AccessDenied"));
    let mut denied = lander(&store, 100).await;
    let error = denied.land(rows(&["b".to_owned()]), vec![], None, "import").await.unwrap_err();
    assert!(matches!(error, LakeError::Store(_)), "{error}");
    let message = error.to_string();
    assert!(message.contains("allow s3:GetObject") && !message.contains("damaged"), "{message}");
}
