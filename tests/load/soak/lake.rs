//! The other half: landing and compaction, which go on whatever fails, and what queries see in the end.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, AsArray};
use compact_fn::compact::{Compacted, Extent, compact};
use compact_fn::land::Lander;
use futures::TryStreamExt;
use tokio::sync::watch;
use tokio::time::sleep;
use weir_core::ports::{Clock, EventLog, Ids, ShardId};
use weir_lake::file_log::SHARD;
use weir_lake::reader::{self, BATCH_ROWS, Read};
use weir_lake::schema::{BUCKETS, EVENT_UUID};
use weir_lake::{LakeError, Store, Table};

use crate::faulty_log::FaultyLog;

const LANDING_PAUSE: Duration = Duration::from_millis(200);
/// So many failures of a landing are answered by going on, and the next one by a restart.
const RESTART_AFTER: u64 = 5;
const COMPACTION_PAUSE: Duration = Duration::from_millis(500);

/// What lands the log.
pub struct Landing {
    store: Store,
    log: Arc<FaultyLog>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

/// What the landings did that were not cut off.
#[derive(Debug, Default)]
pub struct Totals {
    /// Landings.
    pub landings: u64,
    /// Events that were new.
    pub accepted: u64,
    /// Events that were copies.
    pub duplicates: u64,
    /// Landings that failed.
    pub failures: u64,
}

impl Landing {
    /// Nothing is opened yet.
    pub fn new(store: &Store, log: Arc<FaultyLog>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { store: store.clone(), log, clock, ids }
    }

    /// Lands until told to stop, and then to the end.
    pub async fn run(self, stop: watch::Receiver<bool>) -> Totals {
        let mut totals = Totals::default();
        let mut lander = None;
        loop {
            let stopping = *stop.borrow();
            match self.land_everything(&mut lander, &mut totals).await {
                Ok(true) if stopping => return totals,
                Ok(_) => totals.landings += 1,
                Err(_) => {
                    totals.failures += 1;
                    // Now and then as after a restart: with nothing but what the store has.
                    lander = lander.filter(|_| !totals.failures.is_multiple_of(RESTART_AFTER));
                }
            }
            if !stopping {
                sleep(LANDING_PAUSE).await;
            }
        }
    }

    /// Lands once from each place that holds accepted events: the log. True if it held nothing more.
    async fn land_everything(&self, lander: &mut Option<Lander>, totals: &mut Totals) -> Result<bool, LakeError> {
        let lander = match lander {
            Some(lander) => lander,
            None => lander.insert(Lander::open(&self.store, Arc::clone(&self.clock), Arc::clone(&self.ids)).await?),
        };
        let shard = ShardId(SHARD.to_owned());
        let before = lander.refresh().await?.positions.get(&shard).cloned();
        let done = lander.land_log(self.log.as_ref(), &shard).await?;
        assert_eq!(done.unreadable, [""; 0], "everything in the log can be read");
        totals.accepted += done.landed.accepted;
        totals.duplicates += done.landed.duplicates;
        if let Some(through) = &done.through {
            self.log.trim(&shard, through).await?;
        }
        Ok(done.through == before)
    }
}

/// Merges what is worth it, until told to stop.
pub async fn keep_compacting(
    store: Store,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    stop: watch::Receiver<bool>,
) -> Compacted {
    let mut total = Compacted::default();
    while !*stop.borrow() {
        sleep(COMPACTION_PAUSE).await;
        let Ok(mut table) = Table::open(&store).await else { continue };
        if let Ok(done) = compact(&mut table, clock.as_ref(), ids.as_ref(), Extent::Worthwhile).await {
            total.merges += done.merges;
            total.files_in += done.files_in;
            total.files_out += done.files_out;
            total.rows += done.rows;
        }
    }
    total
}

/// The ids of all events that a query would see.
pub async fn queryable_ids(store: &Store) -> Vec<[u8; 16]> {
    let snapshot = Table::open(store).await.unwrap().snapshot();
    let read = Read { columns: &[EVENT_UUID], buckets: 0..BUCKETS, batch_rows: BATCH_ROWS };
    let mut ids = Vec::new();
    for file in snapshot.files.values() {
        let mut batches = reader::open(store, snapshot.version, file, &read).await.unwrap();
        while let Some(batch) = batches.try_next().await.unwrap() {
            let column = batch.column(0).as_binary_view();
            assert_eq!(column.null_count(), 0, "every id here is a UUID");
            ids.extend(column.iter().flatten().map(|id| <[u8; 16]>::try_from(id).unwrap()));
        }
    }
    ids
}
