//! The loops of `weir dev`: from the log into the lake, and the lake into order.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use compact_fn::compact::{Extent, compact};
use compact_fn::land::Lander;
use ingest_fn::LandedProgress;
use tokio::sync::watch;
use weir_core::ports::{Clock, EventLog, Ids, SequenceNumber, ShardId};
use weir_lake::file_log::{FileLog, SHARD};
use weir_lake::{LakeError, Table};

use crate::metrics::LoopMeters;

/// Landings are at least so far apart, so that a steady stream of events does not become a file each.
const LANDING_PAUSE: Duration = Duration::from_millis(500);
/// After a failure the next try waits; the log keeps everything meanwhile.
const RETRY_PAUSE: Duration = Duration::from_secs(2);
/// How often the background looks for something worth merging.
const COMPACTION_PAUSE: Duration = Duration::from_secs(10);

/// How far the file log has landed, for receipts.
#[derive(Debug, Default)]
pub struct Landed(Mutex<Option<(SequenceNumber, u64)>>);

impl Landed {
    /// Takes the newest position and version.
    pub fn set(&self, position: Option<SequenceNumber>, version: u64) {
        let mut landed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *landed = position.map(|position| (position, version));
    }
}

impl LandedProgress for Landed {
    fn landed(&self, shard: &ShardId) -> Option<(SequenceNumber, u64)> {
        let landed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        landed.clone().filter(|_| shard.0 == SHARD)
    }
}

/// Who is told how far the log has landed.
#[derive(Clone)]
pub struct Progress {
    /// For receipts.
    pub landed: Arc<Landed>,
    /// For whoever watches the server.
    pub meters: Arc<LoopMeters>,
    /// Tells how long ago that was.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress").field("landed", &self.landed).finish_non_exhaustive()
    }
}

/// Lands the log until told to stop, and then to its end.
pub async fn land(mut lander: Lander, log: Arc<FileLog>, progress: Progress, mut stop: watch::Receiver<bool>) {
    let shard = ShardId(SHARD.to_owned());
    loop {
        let stopping = *stop.borrow();
        let next = land_once(&mut lander, &log, &shard, &progress).await;
        let more_may_wait = !matches!(next, Ok(Next::AtTheEnd));
        progress.meters.lag(&lander.snapshot(), more_may_wait.then(|| progress.clock.now_ms()));
        match next {
            Ok(Next::MoreWaits) => {}
            Ok(Next::Landed) if stopping => {}
            Ok(Next::Landed) => pause(LANDING_PAUSE, &mut stop).await,
            Ok(Next::AtTheEnd) if stopping => return,
            Ok(Next::AtTheEnd) => {
                let through = lander.snapshot().positions.get(&shard).cloned();
                tokio::select! {
                    changed = stop.changed() => if changed.is_err() { return },
                    waited = log.wait_for_append(through.as_ref()) => if let Err(error) = waited {
                        tracing::error!(%error, "the event log cannot be followed");
                        pause(RETRY_PAUSE, &mut stop).await;
                    },
                }
            }
            Err(error) => {
                progress.meters.landing_failed();
                tracing::error!(%error, "landing failed; the events are safe in the log");
                if stopping {
                    return;
                }
                pause(RETRY_PAUSE, &mut stop).await;
            }
        }
    }
}

/// What a landing leaves to do.
enum Next {
    /// A full landing: the next one at once.
    MoreWaits,
    /// What had come since the last one: the next one after a pause.
    Landed,
    /// Nothing had come.
    AtTheEnd,
}

async fn land_once(
    lander: &mut Lander,
    log: &Arc<FileLog>,
    shard: &ShardId,
    progress: &Progress,
) -> Result<Next, LakeError> {
    let before = lander.snapshot().positions.get(shard).cloned();
    let done = lander.land_log(log.as_ref(), shard).await?;
    progress.meters.landed(&done);
    progress.landed.set(done.through.clone(), done.landed.version);
    for problem in &done.unreadable {
        tracing::error!(%problem, "an event in the log cannot be read");
    }
    match done.through {
        Some(through) if Some(&through) > before.as_ref() => {
            log.trim(shard, &through).await?;
            Ok(if done.is_full { Next::MoreWaits } else { Next::Landed })
        }
        _ => Ok(Next::AtTheEnd),
    }
}

async fn pause(time: Duration, stop: &mut watch::Receiver<bool>) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        _ = stop.changed() => {}
    }
}

/// Merges what is worth it, every few seconds, until told to stop.
pub async fn keep_compact(
    mut table: Table,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    meters: Arc<LoopMeters>,
    mut stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        pause(COMPACTION_PAUSE, &mut stop).await;
        let run = compact(&mut table, clock.as_ref(), ids.as_ref(), Extent::Worthwhile);
        tokio::select! {
            done = run => match done {
                Ok(done) => meters.compacted(&done),
                Err(error) => {
                    meters.compaction_failed();
                    tracing::error!(%error, "compaction failed; queries go on with the files as they are");
                }
            },
            _ = stop.changed() => return,
        }
    }
}
