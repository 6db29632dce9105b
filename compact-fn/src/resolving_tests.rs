//! Whatever the files and whatever was merged in between: rows are where the rules say.

use std::borrow::Cow;
use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use weir_core::event::{Event, EventId};
use weir_core::identity::{Declared, declared_by, reference};
use weir_core::ports::{CountingIds, ManualClock};
use weir_core::time::DAY_MS;
use weir_lake::merge::Merge;
use weir_lake::rows::EventRows;
use weir_lake::schema::{BUCKETS, bucket_of};
use weir_lake::snapshot::Change;
use weir_lake::{Store, TableName, writer};

use super::*;
use crate::compact::compact;
use crate::land::Lander;
use weir_lake::reader::Read;
use weir_lake::resolve;

const NOW: i64 = 1_767_225_600_000;

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

#[derive(Debug, Clone)]
struct Sent {
    event: &'static str,
    user_id: Option<String>,
    anonymous_id: Option<String>,
    properties: Option<String>,
    time_ms: i64,
    received_ms: i64,
    place: i64,
    id: String,
}

/// An event of few users with few devices, some of them shared.
fn sent(random: &mut Random, number: u64) -> Sent {
    let (user, device) = (format!("u{}", random.below(5)), format!("a{}", random.below(9)));
    let other = match random.below(6) {
        0 => format!("u{}", random.below(5)),
        _ => format!("a{}", random.below(9)),
    };
    let previous = Some(format!(r#"{{"previousId":"{other}"}}"#));
    let (event, user_id, anonymous_id, properties) = match random.below(40) {
        0 | 1 => ("identify", Some(user), Some(device), None),
        2 => ("identify", Some(user), None, None),
        3 => ("alias", Some(user), None, previous),
        4 => ("alias", None, Some(device), previous),
        5..8 => ("view", Some(user), Some(device), None),
        8..11 => ("view", Some(user), None, previous),
        // A device that has the name of a user.
        11 => ("view", None, Some(user), None),
        _ => ("view", None, Some(device), None),
    };
    Sent {
        event,
        user_id,
        anonymous_id,
        properties,
        // Coarse, so that events of one time are the rule.
        time_ms: NOW - i64::try_from(random.below(20)).unwrap() * 4 * DAY_MS,
        received_ms: NOW + i64::try_from(random.below(20)).unwrap(),
        place: i64::try_from(random.below(3)).unwrap(),
        id: format!("id-{number}"),
    }
}

fn frozen(all: &[Sent]) -> weir_lake::rows::FrozenRows {
    let mut rows = EventRows::default();
    for sent in all {
        let event = Event {
            event: Cow::Borrowed(sent.event),
            user_id: sent.user_id.as_deref().map(Cow::Borrowed),
            anonymous_id: sent.anonymous_id.as_deref().map(Cow::Borrowed),
            time_ms: sent.time_ms,
            event_id: None,
            session_id: None,
            properties: sent.properties.as_deref(),
            context: None,
            received_ms: sent.received_ms,
            place: sent.place as u64,
        };
        rows.push("app", &event, &EventId::Text(Cow::Borrowed(&sent.id)));
    }
    rows.freeze()
}

type Row = (u8, String, i64, i64, i64, String);

/// The rows in order, from the rules alone.
fn naive(all: &[Sent]) -> Vec<Row> {
    let said: Vec<_> = all
        .iter()
        .filter_map(|sent| {
            let ids = (sent.user_id.as_deref(), sent.anonymous_id.as_deref());
            declared_by(sent.event, ids.0, ids.1, sent.properties.as_deref()).map(|said| (said, sent))
        })
        .collect();
    let declared: Vec<Declared<'_>> = said
        .iter()
        .map(|(said, sent)| Declared {
            from: &said.from,
            to: said.to,
            to_is_user: said.to_is_user,
            received_ms: sent.received_ms,
            place: sent.place,
        })
        .collect();
    let held = reference::resolve(&declared);
    let mut rows: Vec<Row> = all
        .iter()
        .map(|sent| {
            let device = || reference::user_of(&held, sent.anonymous_id.as_deref().unwrap());
            let user = sent.user_id.as_deref().unwrap_or_else(device).to_owned();
            (bucket_of(&user), user, sent.time_ms, sent.received_ms, sent.place, sent.id.clone())
        })
        .collect();
    rows.sort();
    rows
}

fn rows_of(batch: &RecordBatch) -> Vec<Row> {
    let column = |name: &str| batch.column_by_name(name).unwrap();
    let (users, ids) = (column("user").as_string_view(), column("event_id").as_string_view());
    let buckets = column("bucket").as_primitive::<arrow::datatypes::Int32Type>();
    let times = |name: &str| column(name).as_primitive::<TimestampMicrosecondType>().clone();
    let (time, received, place) = (times("time"), times("received_at"), column("place").as_primitive::<Int64Type>());
    let row = |row| {
        let bucket = u8::try_from(buckets.value(row)).unwrap();
        let (time, received) = (time.value(row) / 1000, received.value(row) / 1000);
        (bucket, users.value(row).to_owned(), time, received, place.value(row), ids.value(row).to_owned())
    };
    (0..users.len()).map(row).collect()
}

/// The rows as a query gets them, in ranges of buckets.
async fn scanned(table: &Table, snapshot: &Snapshot) -> Vec<Row> {
    let files: Vec<_> = snapshot.files.values().cloned().collect();
    let columns = ["bucket", "user", "time", "received_at", "place", "event_uuid", "event_id"];
    let moves = table.links().moves(table.store(), snapshot, &files).await.unwrap();
    let version = snapshot.version;
    let moved = Moved::collect(table.store(), version, &files, &columns, None, &moves, usize::MAX).await.unwrap();
    let mut rows = Vec::new();
    for buckets in [0..17, 17..40, 40..BUCKETS] {
        let read = Read { columns: &columns, buckets, batch_rows: 7 };
        let mut inputs = vec![moved.rows(&read.buckets)];
        for file in &files {
            inputs.push(resolve::open(table.store(), version, file, &read, None, &moved).await.unwrap());
        }
        let mut merge = Merge::new(inputs, 16).await.unwrap();
        while let Some(batch) = merge.next().await.unwrap() {
            rows.extend(rows_of(&batch));
        }
    }
    rows
}

/// Lands a file as it was written before there were notes about users.
async fn land_without_notes(store: &Store, rows: &[Sent], id: &str) {
    let mut table = Table::open(store).await.unwrap();
    let batch = frozen(rows).sorted(&vec![true; rows.len()]).unwrap();
    let file = writer::write_landed(store, TableName::Events, id, &batch).await.unwrap();
    let adds = vec![DataFile { links: None, ..file }];
    let change = Change { adds, changes_data: true, operation: "import", ..Change::default() };
    table.commit(&change, NOW).await.unwrap();
}

#[tokio::test]
async fn rows_are_where_the_rules_say_whatever_the_files() {
    for seed in 0..40_u64 {
        let mut random = Random(seed * 7919 + 1);
        let store = Store::in_memory();
        let clock = Arc::new(ManualClock::new(NOW));
        let mut lander =
            Lander::open(&store, clock.clone(), Arc::new(CountingIds::starting_at(1_000_000))).await.unwrap();
        let ids = CountingIds::starting_at(5_000_000);
        let (mut all, mut expected) = (Vec::new(), BTreeMap::new());
        for step in 0..12 + random.below(8) {
            let rows: Vec<Sent> = (0..1 + random.below(40)).map(|n| sent(&mut random, step * 1000 + n)).collect();
            match random.below(4) {
                0 => land_without_notes(&store, &rows, &format!("old-{step}")).await,
                _ => _ = lander.land(frozen(&rows), vec![], None, "import").await.unwrap(),
            }
            all.extend(rows);
            let mut table = Table::open(&store).await.unwrap();
            match random.below(5) {
                0 => _ = compact(&mut table, clock.as_ref(), &ids, Extent::Everything).await.unwrap(),
                1 => _ = compact(&mut table, clock.as_ref(), &ids, Extent::Worthwhile).await.unwrap(),
                _ => {}
            }
            let snapshot = table.refresh().await.unwrap();
            expected.insert(snapshot.version, naive(&all));
            assert_eq!(scanned(&table, &snapshot).await, expected[&snapshot.version], "seed {seed}, step {step}");
        }
        let mut table = Table::open(&store).await.unwrap();
        compact(&mut table, clock.as_ref(), &ids, Extent::Everything).await.unwrap();
        let snapshot = table.snapshot();
        let moves = table.links().moves(&store, &snapshot, snapshot.files.values()).await.unwrap();
        assert_eq!(moves.users(), 0, "seed {seed}: nothing is left to move");
        assert_eq!(scanned(&table, &snapshot).await, naive(&all), "seed {seed}, compacted");
        for (version, expected) in expected {
            let table = Table::open_at(&store, version).await.unwrap();
            assert_eq!(scanned(&table, &table.snapshot()).await, expected, "seed {seed}, version {version}");
        }
    }
}

fn plain(number: u64, user_id: Option<&str>, anonymous_id: Option<&str>) -> Sent {
    let (user_id, anonymous_id) = (user_id.map(str::to_owned), anonymous_id.map(str::to_owned));
    let id = format!("id-{number}");
    let (time_ms, received_ms) = (NOW, NOW + i64::try_from(number).unwrap());
    Sent { event: "view", user_id, anonymous_id, properties: None, time_ms, received_ms, place: 0, id }
}

async fn lake(files: &[Vec<Sent>]) -> Store {
    let store = Store::in_memory();
    let ids = Arc::new(CountingIds::starting_at(1_000_000));
    let mut lander = Lander::open(&store, Arc::new(ManualClock::new(NOW)), ids).await.unwrap();
    for rows in files {
        lander.land(frozen(rows), vec![], None, "import").await.unwrap();
    }
    store
}

#[tokio::test]
async fn a_file_that_nothing_else_touches_is_rewritten_when_it_is_worth_it() {
    let devices: Vec<Sent> = (0..2000).map(|n| plain(n, None, Some(&format!("a{n}")))).collect();
    let store = lake(std::slice::from_ref(&devices)).await;
    let (clock, ids_of_merges) = (ManualClock::new(NOW), CountingIds::starting_at(5_000_000));
    let mut table = Table::open(&store).await.unwrap();
    compact(&mut table, &clock, &ids_of_merges, Extent::Everything).await.unwrap();
    let identify = |n: u64, device: String| {
        let (user_id, id) = (Some(format!("u{n}")), format!("i-{n}"));
        Sent { event: "identify", user_id, id, ..plain(n, None, Some(&device)) }
    };
    let mut rewritten = Vec::new();
    // Devices of the file, and others of which it has nothing.
    for (of_file, others) in [(0..99, 1000..2000), (99..100, 2000..2000)] {
        let known = of_file.map(|n| identify(n, format!("a{n}")));
        let rows: Vec<Sent> = known.chain(others.map(|n| identify(n, format!("b{n}")))).collect();
        let ids = Arc::new(CountingIds::starting_at(100 * rows.len() as u64));
        let mut lander = Lander::open(&store, Arc::new(ManualClock::new(NOW)), ids).await.unwrap();
        lander.land(frozen(&rows), vec![], None, "import").await.unwrap();
        rewritten.push(compact(&mut table, &clock, &ids_of_merges, Extent::Worthwhile).await.unwrap().merges);
    }
    assert_eq!(rewritten, [0, 1], "for a hundred users it is worth it");
    let snapshot = table.snapshot();
    let large = snapshot.files.values().find(|file| file.level == Level::Compacted(1)).unwrap();
    let counts = large.links.unwrap();
    assert_eq!((counts.moved, counts.unmoved), (100, 1900), "it says so itself, and keeps its level");
    assert!(table.links().moves(&store, &snapshot, snapshot.files.values()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_link_that_turns_out_not_to_hold_gives_rows_back() {
    let identify =
        |n, user: &str| Sent { event: "identify", user_id: Some(user.to_owned()), ..plain(n, None, Some("a")) };
    let mut all = vec![plain(1, None, Some("a")), identify(20, "late")];
    let store = lake(std::slice::from_ref(&all)).await;
    let (clock, ids) = (ManualClock::new(NOW), CountingIds::starting_at(5_000_000));
    let mut table = Table::open(&store).await.unwrap();
    compact(&mut table, &clock, &ids, Extent::Everything).await.unwrap();
    assert_eq!(scanned(&table, &table.snapshot()).await, naive(&all));
    // Then lands what was received earlier, and at last that the device is a user's name.
    let other = Sent { event: "identify", anonymous_id: None, ..identify(30, "a") };
    for row in [identify(10, "early"), other] {
        let ids = Arc::new(CountingIds::starting_at(row.received_ms as u64));
        let mut lander = Lander::open(&store, Arc::new(ManualClock::new(NOW)), ids).await.unwrap();
        lander.land(frozen(std::slice::from_ref(&row)), vec![], None, "import").await.unwrap();
        all.push(row);
        let snapshot = table.refresh().await.unwrap();
        assert_eq!(scanned(&table, &snapshot).await, naive(&all));
    }
    compact(&mut table, &clock, &CountingIds::starting_at(9_000_000), Extent::Everything).await.unwrap();
    let snapshot = table.snapshot();
    assert_eq!(scanned(&table, &snapshot).await, naive(&all));
    let report = table.links().report(&store, &snapshot).await.unwrap();
    assert_eq!((report.links, report.refused_count, report.unresolved), (0, 2, 0));
    let whose: Vec<&str> = report.refused.iter().map(|refused| refused.to.as_str()).collect();
    assert_eq!(whose, ["late", "early"], "the latest first");
}
