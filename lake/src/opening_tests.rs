use std::sync::Arc;

use bytes::Bytes;
use object_store::memory::InMemory;
use proptest::prelude::*;
use weir_core::ports::{Clock, ManualClock, SystemClock};
use weir_core::time::DAY_MS;

use super::*;
use crate::cleanup::clean_up;
use crate::counting::{Counting, Requests};
use crate::snapshot::tests::file;
use crate::snapshot::{Change, DataFile, Level};
use crate::table::Table;

const EVENTS: TableName = TableName::Events;
const MINUTE: i64 = 60 * 1000;

type Objects = Arc<Counting<InMemory>>;

fn store() -> (Objects, Store) {
    let objects = Arc::new(Counting::over(InMemory::new()));
    (Arc::clone(&objects), Store::over(objects))
}

fn landing(name: &str) -> Change {
    Change { adds: vec![file(name, 5)], changes_data: true, operation: "land", ..Change::default() }
}

/// A table with so many landings, all but the last ten of them removed again, and its snapshot at each version.
async fn history(store: &Store, landings: u64) -> (Table, Vec<Arc<Snapshot>>) {
    let mut table = Table::open_or_create(store, "id", 0).await.unwrap();
    let mut history = vec![table.snapshot()];
    for number in 1..=landings {
        let mut change = landing(&format!("landed/{number:05}.parquet"));
        if number > 10 {
            change.removes.push(format!("landed/{:05}.parquet", number - 10));
        }
        history.push(table.commit(&change, number as i64 * MINUTE).await.unwrap());
    }
    (table, history)
}

async fn opened(store: &Store) -> Arc<Snapshot> {
    Table::open(store).await.unwrap().snapshot()
}

#[tokio::test]
async fn nothing_is_listed() {
    let (objects, store) = store();
    for landings in [0, 1, 3, 5, 20, 63, 64, 65, 200] {
        let (objects, store) = if landings == 0 { (Arc::clone(&objects), store.clone()) } else { self::store() };
        let (mut table, history) = history(&store, landings).await;
        objects.take();
        assert_eq!(opened(&store).await, *history.last().unwrap());
        let open = objects.take();
        assert_eq!(open.lists, 0, "{landings}");
        assert!(open.gets < 128, "{landings}: {open:?}");

        Table::must_exist(&store).await.unwrap();
        assert_eq!(objects.take(), Requests { gets: 1, ..Requests::default() });
        table.refresh().await.unwrap();
        assert_eq!(objects.take(), Requests { gets: 1, ..Requests::default() }, "looking for news costs one");
        let now_ms = (landings as i64 + 1) * MINUTE;
        let version = table.commit(&landing("new"), now_ms).await.unwrap().version;
        let puts = if version.is_multiple_of(CHECKPOINT_INTERVAL) { 3 } else { 1 };
        assert_eq!(objects.take(), Requests { puts, ..Requests::default() }, "a commit costs one");
    }
}

#[tokio::test]
async fn every_version_can_be_asked_for() {
    let (objects, store) = store();
    let (_, history) = history(&store, 150).await;
    objects.take();
    for (version, snapshot) in history.iter().enumerate() {
        assert_eq!(Table::open_at(&store, version as u64).await.unwrap().snapshot(), *snapshot, "{version}");
    }
    assert_eq!(objects.take().lists, 0);
    let none = Table::open_at(&store, 151).await.unwrap_err();
    assert!(matches!(none, LakeError::NoVersion { wanted: 151, newest: 150 }), "{none}");
}

#[tokio::test]
async fn a_table_that_is_not_there_is_said_to_be_missing() {
    let (_, store) = store();
    assert!(Table::must_exist(&store).await.is_err());
    let none = Table::open(&store).await.unwrap_err();
    assert!(matches!(none, LakeError::Store(StoreError::NoLake { .. })), "{none}");
}

#[tokio::test]
async fn damage_to_what_is_a_hint_or_a_shortcut_changes_no_answer() {
    let (_, store) = store();
    let (_, history) = history(&store, 200).await;
    let newest = history.last().unwrap();
    let pointer = EVENTS.last_checkpoint();
    for text in
        ["", "{", r#"{"version":5,"size":1}"#, r#"{"version":64,"size":1}"#, r#"{"version":192,"size":1,"parts":3}"#]
    {
        store.replace(&pointer, Bytes::from(text)).await.unwrap();
        assert_eq!(opened(&store).await, *newest, "{text}");
        assert_eq!(*Table::open_at(&store, 100).await.unwrap().snapshot(), *history[100], "{text}");
    }
    store.delete(&pointer).await.unwrap();
    assert_eq!(opened(&store).await, *newest);
    store.replace(&pointer, Bytes::from(r#"{"version":192,"size":1}"#)).await.unwrap();
    for checkpoint in [192, 128, 64].map(|version| EVENTS.checkpoint(version)) {
        let bytes = store.read(&checkpoint).await.unwrap().unwrap();
        store.replace(&checkpoint, bytes.slice(..bytes.len() / 2)).await.unwrap();
        assert_eq!(opened(&store).await, *newest, "{checkpoint} is damaged");
        assert_eq!(*Table::open_at(&store, 130).await.unwrap().snapshot(), *history[130]);
        store.delete(&checkpoint).await.unwrap();
        assert_eq!(opened(&store).await, *newest, "{checkpoint} is gone");
    }
    // Two intervals behind a checkpoint, the next commit makes one.
    let mut table = Table::open(&store).await.unwrap();
    table.commit(&landing("new"), 201 * MINUTE).await.unwrap();
    assert!(store.has(&EVENTS.checkpoint(201)).await.unwrap());
    assert_eq!(opened(&store).await, table.snapshot());
}

#[tokio::test]
async fn a_checkpoint_that_cannot_be_written_fails_no_commit() {
    for part in ["checkpoint.parquet", "_last_checkpoint"] {
        let (objects, store) = store();
        objects.fail_puts_of(part);
        let (_, history) = history(&store, 130).await;
        assert_eq!(opened(&store).await, *history.last().unwrap());
    }
}

#[tokio::test]
async fn a_commit_that_is_missing_is_named() {
    for missing in [0, 1, 3, 4, 31, 32, 33, 60] {
        let (_, store) = store();
        history(&store, 62).await;
        let name = EVENTS.commit(missing);
        store.delete(&name).await.unwrap();
        let error = Table::open(&store).await.unwrap_err();
        assert!(
            matches!(&error, LakeError::Missing { object, .. } if *object == name.to_string()),
            "{missing}: {error}"
        );
        let error = Table::open_at(&store, 61).await.unwrap_err();
        assert!(
            matches!(&error, LakeError::Missing { object, .. } if *object == name.to_string()),
            "{missing}: {error}"
        );
    }
    let (_, store) = store();
    history(&store, 140).await;
    for (missing, opens) in [(127, true), (128, true), (129, false)] {
        store.delete(&EVENTS.commit(missing)).await.unwrap();
        assert_eq!(Table::open(&store).await.is_ok(), opens, "{missing}: the checkpoint is at 128");
    }
}

#[tokio::test]
async fn a_commit_that_is_torn_is_named() {
    let (_, store) = store();
    history(&store, 5).await;
    store.replace(&EVENTS.commit(3), Bytes::from("{\"commitInfo\":{}}\n{\"add\":{\"pa")).await.unwrap();
    let error = Table::open(&store).await.unwrap_err().to_string();
    assert!(error.contains("00000000000000000003.json") && error.contains("damaged"), "{error}");
}

#[tokio::test]
async fn who_is_far_behind_goes_on_with_a_checkpoint() {
    let (objects, store) = store();
    let mut behind = history(&store, 5).await.0;
    let mut table = Table::open(&store).await.unwrap();
    for number in 0..500 {
        table.commit(&landing(&format!("more/{number}")), (6 + number) * MINUTE).await.unwrap();
    }
    objects.take();
    assert_eq!(behind.refresh().await.unwrap(), table.snapshot());
    let refresh = objects.take();
    assert!(refresh.lists == 0 && refresh.gets < 150, "{refresh:?}");
}

/// Far enough ahead that everything in the store is older than the log is kept.
fn in_a_month() -> ManualClock {
    ManualClock::new(SystemClock.now_ms() + 31 * DAY_MS)
}

#[tokio::test]
async fn who_slept_while_the_log_was_cleaned_up_commits_nothing_and_wakes_up() {
    let (_, store) = store();
    let mut slept = history(&store, 5).await.0;
    let mut table = Table::open(&store).await.unwrap();
    for number in 0..200 {
        table.commit(&landing(&format!("more/{number}")), (6 + number) * MINUTE).await.unwrap();
    }
    clean_up(&mut table, &in_a_month(), usize::MAX).await.unwrap();
    assert!(!store.has(&EVENTS.commit(6)).await.unwrap());
    let error = slept.commit(&landing("lost"), 30 * DAY_MS).await.unwrap_err();
    assert!(error.is_conflict(), "{error}");
    assert!(!store.has(&EVENTS.commit(6)).await.unwrap());
    assert_eq!(slept.refresh().await.unwrap(), table.snapshot());
    slept.commit(&landing("kept"), 30 * DAY_MS).await.unwrap();
    assert!(opened(&store).await.files.contains_key("kept"));
}

#[tokio::test]
async fn a_reader_that_slept_while_the_log_was_cleaned_up_wakes_up() {
    let (_, store) = store();
    let mut slept = history(&store, 5).await.0;
    let mut table = Table::open(&store).await.unwrap();
    for number in 0..200 {
        table.commit(&landing(&format!("more/{number}")), (6 + number) * MINUTE).await.unwrap();
    }
    clean_up(&mut table, &in_a_month(), usize::MAX).await.unwrap();
    slept.look_at = tokio::time::Instant::now();
    assert_eq!(slept.refresh().await.unwrap(), table.snapshot());
}

#[derive(Debug, Clone)]
enum Step {
    Land(usize),
    Compact(usize),
    ForeignAdd(Option<u64>),
    ForeignRemove(u8),
    Other(u8),
    CleanUp(usize),
    Wait(i64),
    Damage(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..3_usize).prop_map(Step::Land),
        3 => (0..3_usize).prop_map(Step::Compact),
        1 => proptest::option::of(1..100_u64).prop_map(Step::ForeignAdd),
        1 => any::<u8>().prop_map(Step::ForeignRemove),
        1 => any::<u8>().prop_map(Step::Other),
        1 => (1..12_usize).prop_map(Step::CleanUp),
        1 => (1..9_i64).prop_map(|days| Step::Wait(days * DAY_MS)),
        1 => any::<bool>().prop_map(Step::Damage),
    ]
}

/// A lake with three writers, another engine, and what every version was.
struct World {
    store: Store,
    writers: Vec<Table>,
    /// What the commits come to, one by one, from the first on.
    replayed: Vec<Snapshot>,
    now_ms: i64,
    names: u32,
}

impl World {
    async fn new() -> Self {
        let store = Store::in_memory();
        let now_ms = 1_000_000 * MINUTE;
        Table::open_or_create(&store, "id", now_ms).await.unwrap();
        let mut world = Self { store, writers: Vec::new(), replayed: Vec::new(), now_ms, names: 0 };
        world.replay().await;
        // A checkpoint every three commits.
        let mut meta = world.newest().log.meta.clone().unwrap();
        meta.configuration.insert("delta.checkpointInterval".to_owned(), "3".to_owned());
        world.others(&[Action { meta_data: Some(meta), ..Action::default() }]).await;
        for _ in 0..3 {
            let table = Table::open(&world.store).await.unwrap();
            world.writers.push(table);
        }
        world
    }

    fn newest(&self) -> &Snapshot {
        self.replayed.last().unwrap()
    }

    /// Follows the commits, each when it is new: later it may be cleaned up.
    async fn replay(&mut self) {
        let log = Log { store: &self.store, name: EVENTS };
        while let Some(actions) = log.commit(self.replayed.len() as u64).await.unwrap() {
            let mut next = self.replayed.last().cloned().unwrap_or_else(|| Snapshot::of(EVENTS));
            next.apply(self.replayed.len() as u64, actions).unwrap();
            self.replayed.push(next);
        }
    }

    /// A commit of another engine.
    async fn others(&mut self, acts: &[Action]) {
        let text = actions::write(acts).unwrap();
        let version = self.newest().version + 1;
        assert!(self.store.create(&EVENTS.commit(version), Bytes::from(text)).await.unwrap());
        self.replay().await;
    }

    fn name(&mut self, folder: &str) -> String {
        self.names += 1;
        format!("{folder}/{:04}.parquet", self.names)
    }

    async fn commit(&mut self, writer: usize, plan: impl Fn(&Snapshot) -> Change) {
        self.now_ms += MINUTE;
        let writer = &mut self.writers[writer];
        // A writer that was overtaken may have to try again; it plans on what it knows first.
        for _ in 0..3 {
            let change = plan(&writer.snapshot());
            match writer.commit(&change, self.now_ms).await {
                Ok(_) => break,
                Err(error) => assert!(error.is_conflict(), "{error}"),
            }
            writer.refresh().await.unwrap();
        }
        self.replay().await;
    }

    async fn step(&mut self, step: &Step) {
        match *step {
            Step::Land(writer) => {
                let name = self.name("landed");
                self.commit(writer, |_| landing(&name)).await;
            }
            Step::Compact(writer) => {
                let name = self.name("compacted");
                self.commit(writer, |snapshot| compaction(snapshot, &name)).await;
            }
            Step::ForeignAdd(rows) => {
                let path = self.name("part");
                let stats = rows.map(|rows| format!("{{\"numRecords\":{rows}}}"));
                let line = serde_json::json!({"add": {"path": path, "partitionValues": {}, "size": 1,
                    "modificationTime": 1, "dataChange": true, "stats": stats}});
                self.others(&actions::read(line.to_string().as_bytes()).unwrap()).await;
            }
            Step::ForeignRemove(which) => {
                let paths: Vec<String> = self.newest().log.adds.keys().map(|path| path.to_string()).collect();
                let path = paths.get(usize::from(which) % (paths.len() + 1)).cloned();
                let line = serde_json::json!({"remove": {"path": path.unwrap_or("never".to_owned()),
                    "deletionTimestamp": self.now_ms, "dataChange": true}});
                self.others(&actions::read(line.to_string().as_bytes()).unwrap()).await;
            }
            Step::Other(what) => {
                let domain = serde_json::json!({"domainMetadata": {"domain": format!("d{}", what % 3),
                    "configuration": what.to_string(), "removed": what % 2 == 0}});
                let txn = serde_json::json!({"txn": {"appId": "app", "version": what}});
                let info = serde_json::json!({"commitInfo": {"timestamp": self.now_ms}});
                self.others(&actions::read(format!("{info}\n{domain}\n{txn}").as_bytes()).unwrap()).await;
            }
            Step::CleanUp(budget) => {
                // What is cleaned up is a month old for everybody, also for writers that slept since.
                self.now_ms += 31 * DAY_MS;
                clean_up(&mut self.writers[0], &in_a_month(), budget).await.unwrap();
                self.replay().await;
            }
            Step::Wait(ms) => self.now_ms += ms,
            Step::Damage(tears) => {
                let pointer = EVENTS.last_checkpoint();
                let torn = Bytes::from_static(b"{\"version\":");
                if tears { self.store.replace(&pointer, torn).await } else { self.store.delete(&pointer).await }
                    .unwrap();
            }
        }
    }

    /// The state is the same wherever it is read from.
    async fn check(&self, old: u64) {
        assert_eq!(*opened(&self.store).await, *self.newest());
        let version = old % self.replayed.len() as u64;
        match Table::open_at(&self.store, version).await {
            Ok(table) => assert_eq!(*table.snapshot(), self.replayed[version as usize]),
            Err(LakeError::VersionGone { oldest, .. }) => {
                assert!(version < oldest, "{version} {oldest}");
                let oldest_left = Table::open_at(&self.store, oldest).await.unwrap();
                assert_eq!(*oldest_left.snapshot(), self.replayed[oldest as usize]);
            }
            Err(error) => panic!("version {version} of {}: {error}", self.replayed.len()),
        }
        for writer in &self.writers {
            let mut writer = writer.clone();
            writer.look_at = tokio::time::Instant::now();
            assert_eq!(*writer.refresh().await.unwrap(), *self.newest());
        }
    }
}

/// Merges the first two files of weir's.
fn compaction(snapshot: &Snapshot, name: &str) -> Change {
    let inputs: Vec<&DataFile> = snapshot.files.values().take(2).map(AsRef::as_ref).collect();
    if inputs.is_empty() {
        return landing(name);
    }
    let landed_in = inputs.iter().map(|file| file.landed_in).max().unwrap();
    let rows = inputs.iter().map(|file| file.rows).sum();
    Change {
        adds: vec![DataFile { level: Level::Compacted(1), landed_in, ..file(name, rows) }],
        removes: inputs.iter().map(|file| file.path.clone()).collect(),
        operation: "compact",
        ..Change::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn the_state_does_not_depend_on_where_it_is_read_from(steps in proptest::collection::vec((step(), any::<u64>()), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for (step, old) in &steps {
                world.step(step).await;
                world.check(*old).await;
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_beside_a_clean_up_see_the_newest_version() {
    let (_, store) = store();
    let (mut table, history) = history(&store, 300).await;
    table.upgrade(301 * MINUTE).await.unwrap();
    let newest = table.snapshot();
    let cleaning = tokio::spawn(async move {
        while clean_up(&mut table, &in_a_month(), 3).await.unwrap().left > 0 {
            tokio::task::yield_now().await;
        }
    });
    let mut gone = 0;
    while !cleaning.is_finished() {
        assert_eq!(opened(&store).await, newest);
        for version in [0, 1, 63, 64, 100, 255, 256, 290] {
            match Table::open_at(&store, version).await {
                Ok(table) => assert_eq!(*table.snapshot(), *history[version as usize], "{version}"),
                Err(LakeError::VersionGone { oldest, .. }) => {
                    assert!(version < oldest && oldest <= 256);
                    gone += 1;
                }
                // It was deleted between two requests.
                Err(LakeError::Missing { .. }) => assert!(version < 256, "{version}"),
                Err(error) => panic!("{version}: {error}"),
            }
        }
    }
    cleaning.await.unwrap();
    assert!(gone > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_at_once_agree() {
    let (_, store) = store();
    Table::open_or_create(&store, "id", 0).await.unwrap();
    let writers = (0..4).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut table = Table::open(&store).await.unwrap();
            for number in 0..50 {
                let change = landing(&format!("landed/{writer}-{number}"));
                while let Err(error) = table.commit(&change, number * MINUTE).await {
                    assert!(error.is_conflict(), "{error}");
                    table.refresh().await.unwrap();
                }
            }
        })
    });
    for done in futures::future::join_all(writers).await {
        done.unwrap();
    }
    let snapshot = opened(&store).await;
    assert_eq!((snapshot.version, snapshot.files.len()), (200, 200));
}
