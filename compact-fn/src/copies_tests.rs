//! Copies against a naive model: random batches of two landers, with everything in between that may happen to the index.
//!
//! The model knows of each id when it was last taken. Within the horizon it must not be taken again; an id that was never taken
//! must be; one that was taken longer ago may be either.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::AsArray;
use futures::TryStreamExt;
use object_store::{ObjectStoreExt, PutPayload};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use weir_core::event::{Event, EventId};
use weir_core::ports::{CountingIds, ManualClock};
use weir_core::time::DAY_MS;
use weir_lake::ids::{Bounds, HORIZON_MS, KnownIds, clean_up};
use weir_lake::reader::{self, Read};
use weir_lake::rows::EventRows;
use weir_lake::schema::{BUCKETS, EVENT_ID};
use weir_lake::store::IfMissing;
use weir_lake::{Store, Table, names};

use super::Lander;
use crate::compact::{Extent, compact};
use crate::faulty::Faulty;

const NOW: i64 = 1_767_225_600_000;
/// So many ids there are.
const UNIVERSE: u64 = 600;

struct World {
    store: Store,
    faulty: Option<Arc<Faulty>>,
    clock: Arc<ManualClock>,
    dice: ChaCha8Rng,
    bounds: Bounds,
    landers: Vec<Lander>,
    started: u64,
    taken: BTreeMap<u64, i64>,
    copies: u64,
}

impl World {
    async fn new(store: Store, faulty: Option<Arc<Faulty>>, seed: u64) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let bounds = Bounds {
            recent_ids: 1 + dice.next_u64() as usize % 60,
            fan_in: 2 + dice.next_u64() as usize % 3,
            most_ids: 20 + dice.next_u64() % 300,
            sketch_bytes: dice.next_u64() as usize % 600,
        };
        let clock = Arc::new(ManualClock::new(NOW));
        let (taken, landers) = (BTreeMap::new(), Vec::new());
        let mut world = Self { store, faulty, clock, dice, bounds, landers, started: 0, taken, copies: 0 };
        for _ in 0..2 {
            let lander = world.lander().await;
            world.landers.push(lander);
        }
        world
    }

    fn below(&mut self, n: u64) -> u64 {
        self.dice.next_u64() % n
    }

    /// A lander of a new process.
    async fn lander(&mut self) -> Lander {
        self.started += 1;
        let ids = Arc::new(CountingIds::starting_at(self.started << 32));
        let mut lander = Lander::open(&self.store, Arc::clone(&self.clock) as _, ids).await.unwrap();
        lander.known = KnownIds::with_bounds(self.bounds);
        lander
    }

    fn now(&self) -> i64 {
        use weir_core::ports::Clock;
        self.clock.now_ms()
    }

    /// Lands a random batch and compares what was taken of it with the model.
    async fn land(&mut self, seed: u64, step: u64) {
        let number = self.below(2) as usize;
        let (size, from) = (1 + self.below(40), self.below(UNIVERSE));
        let near = self.below(2) == 0;
        let ids: Vec<u64> =
            (0..size).map(|_| if near { (from + self.below(60)) % UNIVERSE } else { self.below(UNIVERSE) }).collect();
        let received_ms = self.now() - self.below(3_600_000) as i64;
        let mut rows = EventRows::default();
        for (place, id) in (0..).zip(&ids) {
            rows.push("app", &event(received_ms, place), &EventId::Text(id.to_string().into()));
        }
        let before = Table::open(&self.store).await.unwrap().snapshot().rows();
        let landed = match self.landers[number].land(rows.freeze(), vec![], None, "import").await {
            Ok(landed) => landed,
            Err(error) => {
                assert!(self.faulty.is_some(), "seed {seed}, step {step}: {error}");
                assert_eq!(Table::open(&self.store).await.unwrap().snapshot().rows(), before);
                return;
            }
        };
        let taken = if landed.accepted > 0 { self.ids_of(landed.version).await } else { Vec::new() };
        let once: BTreeSet<u64> = taken.iter().copied().collect();
        assert_eq!((once.len(), landed.accepted), (taken.len(), taken.len() as u64), "seed {seed}, step {step}");
        for id in ids.iter().collect::<BTreeSet<_>>() {
            let known = self.taken.get(id).copied();
            let must_be = known.is_some_and(|received_ms| received_ms >= self.now() - HORIZON_MS);
            assert!(
                if must_be { !once.contains(id) } else { once.contains(id) || known.is_some() },
                "seed {seed}, step {step}: {id}, received {known:?}, is {}taken",
                if once.contains(id) { "" } else { "not " },
            );
        }
        self.copies += landed.duplicates;
        once.into_iter().for_each(|id| _ = self.taken.insert(id, received_ms));
    }

    /// The ids that a version has landed.
    async fn ids_of(&self, version: u64) -> Vec<u64> {
        let snapshot = Table::open(&self.store).await.unwrap().snapshot();
        let file = snapshot.files.values().find(|file| file.landed_in == version).unwrap();
        let read = Read { columns: &[EVENT_ID], buckets: 0..BUCKETS, batch_rows: 1000 };
        let batches = reader::open(&self.store, version, file, &read).await.unwrap();
        let batches: Vec<_> = batches.try_collect().await.unwrap();
        let texts = batches.iter().flat_map(|batch| batch.column(0).as_string_view().iter().flatten());
        texts.map(|text| text.parse().unwrap()).collect()
    }

    /// Does something to an object of the index.
    async fn damage(&mut self) {
        let found = self.store.list(&names::all_ids(), None).await.unwrap();
        if found.is_empty() {
            return;
        }
        let name = found[self.below(found.len() as u64) as usize].clone();
        let mut bytes = self.store.read(&name).await.unwrap().unwrap().to_vec();
        match self.below(3) {
            0 => return self.store.delete(&name).await.unwrap(),
            1 => bytes.truncate(self.below(bytes.len() as u64 + 1) as usize),
            _ if bytes.is_empty() => {}
            _ => {
                let at = self.below(bytes.len() as u64) as usize;
                bytes[at] ^= 1 << self.below(8);
            }
        }
        self.store.objects().put(&name, PutPayload::from(bytes)).await.unwrap();
    }

    async fn step(&mut self, seed: u64, step: u64) {
        match self.below(24) {
            0 => {
                let number = self.below(2) as usize;
                self.landers[number] = self.lander().await;
            }
            1 => {
                let extent = if self.below(3) == 0 { Extent::Everything } else { Extent::Worthwhile };
                let mut table = Table::open(&self.store).await.unwrap();
                self.started += 1;
                let ids = CountingIds::starting_at(self.started << 32);
                compact(&mut table, self.clock.as_ref(), &ids, extent).await.unwrap();
            }
            2 => self.clock.advance(self.dice.next_u64() as i64 % DAY_MS),
            3 => {
                let days = [0, 0, 0, 5][self.below(4) as usize];
                self.clock.advance(days * DAY_MS);
            }
            4 => self.damage().await,
            5 => _ = clean_up(&self.store, i64::MAX).await.unwrap(),
            6 => {
                if let Some(faulty) = &self.faulty {
                    // Killed between segment and manifest, as far as anyone can see.
                    Faulty::set(&faulty.manifests_fail, true);
                    self.land(seed, step).await;
                    Faulty::set(&self.faulty.as_ref().unwrap().manifests_fail, false);
                    let number = self.below(2) as usize;
                    self.landers[number] = self.lander().await;
                }
            }
            _ => self.land(seed, step).await,
        }
    }
}

fn event(received_ms: i64, place: u64) -> Event<'static> {
    Event {
        event: Cow::Borrowed("view_job"),
        user_id: Some(Cow::Borrowed("u")),
        anonymous_id: None,
        time_ms: received_ms,
        event_id: None,
        session_id: None,
        properties: None,
        context: None,
        received_ms,
        place,
    }
}

#[tokio::test]
async fn copies_are_those_of_the_model_whatever_happens_to_the_index() {
    let mut copies = 0;
    for seed in 0..40 {
        let faulty = Arc::new(Faulty::default());
        let store = Store::over(Arc::clone(&faulty) as _);
        let mut world = World::new(store, Some(faulty), seed).await;
        for step in 0..150 {
            world.step(seed, step).await;
        }
        copies += world.copies;
    }
    assert!(copies > 8_000, "{copies}");
}

#[tokio::test]
async fn copies_are_those_of_the_model_in_a_directory() {
    for seed in 1000..1003 {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().to_str().unwrap(), IfMissing::Create).await.unwrap();
        let mut world = World::new(store, None, seed).await;
        for step in 0..80 {
            world.step(seed, step).await;
        }
        assert!(world.copies > 100, "{}", world.copies);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn landers_that_all_write_the_index_count_every_event_once() {
    let store = Store::in_memory();
    Table::open_or_create(&store, "table", NOW).await.unwrap();
    let tasks = (1..=6_u64).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            let (clock, ids) = (Arc::new(ManualClock::new(NOW)), Arc::new(CountingIds::starting_at(number << 32)));
            let mut lander = Lander::open(&store, clock, ids).await.unwrap();
            lander.known =
                KnownIds::with_bounds(Bounds { recent_ids: 16, fan_in: 2, most_ids: 100, sketch_bytes: 1 << 20 });
            let mut accepted = 0;
            for round in 0..25_u64 {
                let mut rows = EventRows::default();
                // Each id is offered by three landers, and again five rounds later.
                for id in 0..8 {
                    let id = format!("{}-{}-{id}", number % 2, round % 20);
                    rows.push("app", &event(NOW, 0), &EventId::Text(id.into()));
                }
                accepted += lander.land(rows.freeze(), vec![], None, "import").await.unwrap().accepted;
            }
            accepted
        })
    });
    let accepted: u64 = futures::future::join_all(tasks).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(accepted, 2 * 20 * 8);
    assert_eq!(Table::open(&store).await.unwrap().snapshot().rows(), 320);
}
