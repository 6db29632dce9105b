use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use object_store::{ObjectStoreExt, PutPayload};
use weir_core::event::{Event, EventId, uuid_text};
use weir_core::ports::{CountingIds, Ids as _};

use super::*;
use crate::TableName;
use crate::names;
use crate::rows::{EventRows, FrozenRows};
use crate::snapshot::Change;
use crate::writer::write_landed;

pub(in crate::ids) const NOW: i64 = 1_767_225_600_000;
const DAY: i64 = 24 * 60 * 60 * 1000;

pub(in crate::ids) fn tiny() -> Bounds {
    Bounds { recent_ids: 8, fan_in: 2, most_ids: 64, sketch_bytes: 100 }
}

/// A process that lands.
pub(in crate::ids) struct Process {
    pub(in crate::ids) table: Table,
    pub(in crate::ids) known: KnownIds,
    pub(in crate::ids) ids: Arc<CountingIds>,
    pub(in crate::ids) now_ms: i64,
}

fn rows(ids: &[u64], received_ms: i64) -> FrozenRows {
    let mut rows = EventRows::default();
    for id in ids {
        let event = Event {
            event: Cow::Borrowed("e"),
            user_id: Some(Cow::Borrowed("u")),
            anonymous_id: None,
            time_ms: NOW,
            event_id: None,
            session_id: None,
            properties: None,
            context: None,
            received_ms,
            place: 0,
        };
        rows.push("app", &event, &EventId::Text(id.to_string().into()));
    }
    rows.freeze()
}

impl Process {
    pub(in crate::ids) async fn start(store: &Store, bounds: Bounds) -> Self {
        // Names are never given twice, whoever asks.
        static STARTED: AtomicU64 = AtomicU64::new(1);
        let first = STARTED.fetch_add(1, Ordering::SeqCst) << 32;
        let ids = Arc::new(CountingIds::starting_at(first));
        let table = Table::open_or_create(store, "table", NOW).await.unwrap();
        Self { table, known: KnownIds::with_bounds(bounds), ids, now_ms: NOW }
    }

    pub(in crate::ids) fn at(&mut self) -> (At<'_>, &mut KnownIds) {
        (At { table: &mut self.table, ids: self.ids.as_ref(), now_ms: self.now_ms }, &mut self.known)
    }

    pub(in crate::ids) async fn firsts(&mut self, ids: &[u64], since_ms: i64) -> Vec<bool> {
        self.table.refresh().await.unwrap();
        let rows = rows(ids, self.now_ms);
        let (mut at, known) = self.at();
        known.firsts(&mut at, since_ms, rows.fingerprints()).await.unwrap()
    }

    /// Lands what is new of some ids, and gives how many that are.
    pub(in crate::ids) async fn land(&mut self, ids: &[u64]) -> usize {
        let firsts = self.firsts(ids, self.now_ms - HORIZON_MS).await;
        let accepted = firsts.iter().filter(|first| **first).count();
        if accepted > 0 {
            let rows = rows(ids, self.now_ms);
            let name = uuid_text(&self.ids.next_id());
            let batch = rows.sorted(&firsts).unwrap();
            let file = write_landed(self.table.store(), TableName::Events, &name, &batch).await.unwrap();
            let change = Change { adds: vec![file], changes_data: true, operation: "land", ..Change::default() };
            let snapshot = self.table.commit(&change, self.now_ms).await.unwrap();
            self.known.remember(snapshot.version, rows.fingerprints(), &firsts, self.now_ms);
        }
        accepted
    }
}

fn range(ids: std::ops::Range<u64>) -> Vec<u64> {
    ids.collect()
}

#[tokio::test]
async fn copies_are_found_wherever_their_ids_are() {
    let store = Store::in_memory();
    let mut one = Process::start(&store, tiny()).await;
    for n in 0..20 {
        assert_eq!(one.land(&range(n * 5..n * 5 + 5)).await, 5);
    }
    assert!(one.known.segments.len() > 2, "{:?}", one.known.segments);
    assert!(one.known.segments.iter().any(|segment| segment.sketch.is_none()), "some sketches do not fit");
    assert!(one.known.recent.len() <= 12);
    let mut again = Process::start(&store, tiny()).await;
    for process in [&mut one, &mut again] {
        assert_eq!(process.land(&range(0..100)).await, 0);
        assert_eq!(process.firsts(&[7, 200, 200, 99], 0).await, [false, true, false, false]);
    }
    assert_eq!(again.known.manifest, one.known.manifest);
}

#[tokio::test]
async fn segments_behind_the_horizon_fall_out() {
    let store = Store::in_memory();
    let mut process = Process::start(&store, tiny()).await;
    process.land(&range(0..8)).await;
    process.land(&range(8..16)).await;
    process.now_ms += 6 * DAY;
    assert_eq!(process.land(&range(0..24)).await, 8, "within 7 days they are copies");
    process.now_ms += 2 * DAY;
    assert_eq!(process.land(&range(30..38)).await, 8);
    assert_eq!(process.land(&range(40..48)).await, 8);
    assert_eq!(process.land(&range(16..24)).await, 0, "received two days ago");
    assert_eq!(process.land(&range(0..8)).await, 8, "received eight days ago");
    assert!(process.known.since_ms >= NOW, "{}", process.known.since_ms - NOW);

    // Whoever asks for older ones gets them from the data files.
    assert_eq!(process.firsts(&[9, 10, 16, 999], NOW - 1).await, [false, false, false, true]);
    let mut started = Process::start(&store, tiny()).await;
    started.now_ms = process.now_ms;
    assert_eq!(started.firsts(&[9, 10, 16, 999], NOW - 1).await, [false, false, false, true]);
    assert_eq!(started.firsts(&[9, 16], started.now_ms - HORIZON_MS).await, [true, false]);
}

#[tokio::test]
async fn a_clock_that_is_set_back_brings_older_ids_back() {
    let store = Store::in_memory();
    let mut process = Process::start(&store, tiny()).await;
    process.land(&range(0..8)).await;
    process.now_ms += 9 * DAY;
    process.land(&range(10..18)).await;
    process.land(&range(20..28)).await;
    process.now_ms -= 8 * DAY;
    assert_eq!(process.land(&range(0..8)).await, 0);
    let mut started = Process::start(&store, tiny()).await;
    started.now_ms = process.now_ms;
    assert_eq!(started.land(&range(0..28)).await, 4, "8, 9, 18 and 19 are new");
}

#[tokio::test]
async fn an_index_of_another_table_is_not_used() {
    let store = Store::in_memory();
    let mut process = Process::start(&store, tiny()).await;
    for n in 0..4 {
        process.land(&range(n * 8..n * 8 + 8)).await;
    }
    assert!(process.known.manifest > 0);
    // The table is taken away, and made anew: shorter at first, then as long as it was.
    for name in store.list(&TableName::Events.commits(), None).await.unwrap() {
        store.delete(&name).await.unwrap();
    }
    let mut other = Process::start(&store, tiny()).await;
    assert_eq!(other.land(&range(0..3)).await, 3);
    for n in 4..9 {
        let mut started = Process::start(&store, tiny()).await;
        assert_eq!(started.land(&[n]).await, 1, "{n}");
    }
    let mut last = Process::start(&store, tiny()).await;
    let firsts = last.firsts(&range(0..12), NOW - HORIZON_MS).await;
    let new: Vec<usize> = (0..12).filter(|id| firsts[*id]).collect();
    assert_eq!(new, [3, 9, 10, 11]);
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_costs_nothing_but_time() {
    let store = Store::in_memory();
    let mut process = Process::start(&store, tiny()).await;
    for n in 0..4 {
        process.land(&range(n * 8..n * 8 + 8)).await;
    }
    for text in ["", "{}", r#"{"weir_ids":2,"version":1,"witness":"","since_ms":0,"segments":[]}"#] {
        let number = process.known.manifest;
        store.objects().put(&names::ids_manifest(number), PutPayload::from(text.to_owned())).await.unwrap();
        process = Process::start(&store, tiny()).await;
        assert_eq!(process.land(&range(0..32)).await, 0);
        assert_eq!(process.known.manifest, number + 1, "the next one is right again");
    }
}
