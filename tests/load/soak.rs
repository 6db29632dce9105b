//! Saturation while parts fail: what was answered with 200 is queryable exactly once, and nothing else is, but for what was
//! sent whole and never answered.
//!
//! ```text
//! clients ──HTTP──▶ the real router ──▶ faulty log ──▶ file log ──▶ lander ──▶ faulty store ──▶ directory
//!  leave, wait,                          refuses, stalls,             │          fails before or
//!  send again                            stores and denies it      compaction    after it has stored
//! ```
//!
//! Faults come from seeded dice, so a run differs from the last only in how fast the machine is. It takes 15 seconds;
//! `SOAK=300` in the environment makes it five minutes (`make soak`).

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test fails by a panic, and real parts run in real time"
)]

#[path = "soak/clients.rs"]
mod clients;
#[path = "soak/faulty_log.rs"]
mod faulty_log;
#[path = "soak/faulty_store.rs"]
mod faulty_store;
#[path = "soak/lake.rs"]
mod lake;

use std::sync::Arc;
use std::time::Duration;

use ingest_fn::landed::CommittedProgress;
use ingest_fn::{Collector, KeyPolicy, Keys};
use tokio::sync::watch;
use tokio::time::Instant;
use weir_core::ports::{Clock, CountingIds, Ids, SystemClock};
use weir_lake::file_log::{FileLog, FileLogSettings};
use weir_lake::store::{IfMissing, Store};
use weir_load::body::number_of;

use self::clients::{Counts, Fate, Sent};
use self::faulty_log::FaultyLog;
use self::faulty_store::FaultyStore;
use self::lake::{Landing, keep_compacting, queryable_ids};

/// Enough that some always send while others wait for what `Retry-After` says.
const CLIENTS: u64 = 256;
/// How long the rest of the log may take to land.
const DRAIN: Duration = Duration::from_secs(120);

fn time() -> Duration {
    let seconds = std::env::var("SOAK").ok().map(|text| text.parse().expect("SOAK is a number of seconds"));
    Duration::from_secs(seconds.unwrap_or(15))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_answered_is_queryable_once_whatever_fails() {
    let scratch = tempfile::Builder::new().prefix("weir-soak-").tempdir().unwrap();
    let (lake, log) = (scratch.path().join("lake"), scratch.path().join("log"));
    let store = Store::open(lake.to_str().unwrap(), IfMissing::Create).await.unwrap();
    let faulty_store = FaultyStore::over(&store, 21);
    let file_log = Arc::new(FileLog::open(FileLogSettings::new(log)).unwrap().0);
    let faulty_log = Arc::new(FaultyLog::new(Arc::clone(&file_log), 22));
    let (clock, ids): (Arc<dyn Clock>, Arc<dyn Ids>) = (Arc::new(SystemClock), Arc::new(CountingIds::default()));
    let (stop, stopped) = watch::channel(false);

    let landing = Landing::new(&faulty_store, Arc::clone(&faulty_log), Arc::clone(&clock), Arc::clone(&ids));
    let landing = tokio::spawn(landing.run(stopped.clone()));
    let compaction = tokio::spawn(keep_compacting(faulty_store, Arc::clone(&clock), Arc::clone(&ids), stopped));

    let keys = KeyPolicy::anyone_as("soak", Keys::default());
    let progress = Arc::new(CommittedProgress::new(store.clone()));
    let collector = Collector::new(Arc::clone(&faulty_log) as _, clock, ids, keys, progress);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(axum::serve(listener, ingest_fn::router(Arc::new(collector))).into_future());

    let end = Instant::now() + time();
    let clients: Vec<_> = (0..CLIENTS).map(|number| tokio::spawn(clients::send(address, number, end))).collect();
    let mut sent = Vec::new();
    for client in clients {
        sent.push(client.await.unwrap());
    }
    serving.abort();
    // A request that its client left may still be on its way to the log.
    let _ = serving.await;
    file_log.close().await;
    stop.send(true).unwrap();
    let landed = tokio::time::timeout(DRAIN, landing).await.expect("the log lands").unwrap();
    let compacted = compaction.await.unwrap();

    let ids = queryable_ids(&store).await;
    let counts = sent.iter().fold(Counts::default(), |sum, sent| sum + sent.counts);
    println!(
        "{counts:?}\nlog: {:?}\nlandings: {landed:?}\ncompactions: {compacted:?}\nqueryable: {}",
        faulty_log.counts(),
        ids.len()
    );
    check(&sent, &ids);
    assert_eq!(counts.requests, counts.accepted + counts.refused + counts.failed + counts.unanswered + counts.cut);
    // A run in which little went wrong tests little.
    assert!(counts.accepted > 500 && counts.refused > 20 && counts.failed > 3, "{counts:?}");
    assert!(counts.unanswered > 20 && counts.cut > 20 && counts.repeated > 20, "{counts:?}");
    assert!(landed.duplicates > 20 && landed.failures > 0, "{landed:?}");
}

/// Compares what clients know with what queries see.
fn check(sent: &[Sent], ids: &[[u8; 16]]) {
    let mut seen: Vec<Vec<u8>> = sent.iter().map(|sent| vec![0; sent.fates.len()]).collect();
    for id in ids {
        let (client, event) = clients::place_of(number_of(id).expect("an id that nobody makes"));
        let count = seen.get_mut(client).and_then(|events| events.get_mut(event)).expect("an event that nobody made");
        *count += 1;
        assert_eq!(*count, 1, "event {event} of client {client} is there twice");
    }
    let mut acknowledged = 0;
    for (client, (sent, seen)) in sent.iter().zip(&seen).enumerate() {
        for (event, (fate, count)) in sent.fates.iter().zip(seen).enumerate() {
            let is_right = match fate {
                Fate::Acknowledged => *count == 1,
                Fate::Cut => *count == 0,
                Fate::Doubtful => true,
            };
            acknowledged += usize::from(*fate == Fate::Acknowledged);
            assert!(is_right, "event {event} of client {client} was {fate:?} and is there {count} times");
        }
    }
    let doubtful = ids.len() - acknowledged;
    println!("acknowledged: {acknowledged}, all queryable; stored without an answer: {doubtful}; duplicates: 0");
}
