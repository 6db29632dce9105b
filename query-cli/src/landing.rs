//! The loops of `weir dev`: from the log into the lake, and the lake into order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use compact_fn::compact::{Extent, compact};
use compact_fn::failed::compact_failed;
use compact_fn::land::Lander;
use compact_fn::maintain::Maintenance;
use compact_fn::rewrite::Deadline;
use futures::FutureExt;
use ingest_fn::{LandedProgress, ProgressError};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use weir_core::ports::{Clock, EventLog, Ids, LogPosition, SequenceNumber, ShardId};
use weir_lake::file_log::{FileLog, SHARD};
use weir_lake::{LakeError, Table, TableName};

use crate::metrics::LoopMeters;

/// Landings are at least so far apart, so that a steady stream of events does not become a file each.
const LANDING_PAUSE: Duration = Duration::from_millis(500);
/// How often the overflow is looked at. One listing, as long as there is nothing in it.
const OVERFLOW_PAUSE: Duration = Duration::from_secs(5);
/// Bytes of the overflow that one landing takes.
const OVERFLOW_BYTES: usize = 32 * 1024 * 1024;
/// After a failure the next try waits; the log keeps everything meanwhile.
const RETRY_PAUSE: Duration = Duration::from_secs(2);
/// How often the background looks for something worth merging.
const COMPACTION_PAUSE: Duration = Duration::from_secs(10);

/// So many landings are remembered, for receipts: half an hour of them at their closest.
const REMEMBERED: usize = 4_096;

/// How far the file log has landed, and in which versions, for receipts.
#[derive(Debug, Default)]
pub struct Landed(Mutex<VecDeque<(SequenceNumber, u64)>>);

impl Landed {
    /// Takes a landing: the last record that it landed, and the version that holds it. Only one that went further than those
    /// before it says something new.
    pub fn add(&self, through: Option<SequenceNumber>, version: u64) {
        let mut landings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(through) = through else { return };
        if landings.back().is_none_or(|(last, _)| *last < through) {
            if landings.len() == REMEMBERED {
                landings.pop_front();
            }
            landings.push_back((through, version));
        }
    }
}

#[async_trait]
impl LandedProgress for Landed {
    async fn landed_in(&self, record: &LogPosition) -> Result<Option<u64>, ProgressError> {
        if record.shard.0 != SHARD {
            return Ok(None);
        }
        let landings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Both grow from landing to landing, so the first that reached the record is the one that landed it.
        let first = landings.partition_point(|(through, _)| *through < record.sequence);
        Ok(landings.get(first).map(|(_, version)| *version))
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
    let mut overflow = tokio::time::interval(OVERFLOW_PAUSE);
    overflow.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let stopping = *stop.borrow();
        if !stopping && overflow.tick().now_or_never().is_some() {
            land_overflow(&mut lander, &stop).await;
        }
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
                    _ = overflow.tick() => land_overflow(&mut lander, &stop).await,
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
    progress.landed.add(done.through.clone(), done.landed.version);
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

/// Lands what the overflow holds: what another part of weir could not bring into its log.
async fn land_overflow(lander: &mut Lander, stop: &watch::Receiver<bool>) {
    loop {
        match lander.land_overflow(OVERFLOW_BYTES).await {
            Ok(done) => {
                for problem in &done.unreadable {
                    tracing::error!(%problem, "an event in the overflow cannot be read");
                }
                if !done.is_full || *stop.borrow() {
                    return;
                }
            }
            Err(error) => {
                tracing::error!(%error, "landing the overflow failed; its events are safe there");
                return;
            }
        }
    }
}

async fn pause(time: Duration, stop: &mut watch::Receiver<bool>) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        _ = stop.changed() => {}
    }
}

/// Merges what is worth it, and sees to erasures, retention and vacuum, every few seconds, until told to stop.
pub async fn keep_compact(
    mut table: Table,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    meters: Arc<LoopMeters>,
    mut stop: watch::Receiver<bool>,
) {
    let mut failed = None;
    let mut maintenance = Maintenance::new(table.store());
    while !*stop.borrow() {
        pause(COMPACTION_PAUSE, &mut stop).await;
        let run = async {
            // Who is erased need not be merged first.
            let maintained = maintenance.run(clock.as_ref(), ids.as_ref(), Deadline::NEVER).await;
            let done = compact(&mut table, clock.as_ref(), ids.as_ref(), Extent::Worthwhile).await?;
            if failed.is_none() {
                failed = Table::open_if_there(table.store(), TableName::Failed).await?;
            }
            if let Some(failed) = &mut failed {
                compact_failed(failed, clock.as_ref(), ids.as_ref(), Extent::Worthwhile).await?;
            }
            maintained?;
            Ok::<_, LakeError>(done)
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn version_in(landed: &Landed, shard: &str, sequence: u64) -> Option<u64> {
        let record = LogPosition { shard: ShardId(shard.to_owned()), sequence: sequence.into() };
        landed.landed_in(&record).now_or_never().unwrap().unwrap()
    }

    fn version_of(landed: &Landed, sequence: u64) -> Option<u64> {
        version_in(landed, SHARD, sequence)
    }

    #[test]
    fn a_receipt_is_told_the_first_version_that_holds_it() {
        let landed = Landed::default();
        assert_eq!(version_of(&landed, 1), None);
        landed.add(None, 3);
        for (through, version) in [(10, 5), (10, 6), (20, 7), (20, 9), (35, 12)] {
            landed.add(Some(through.into()), version);
        }
        let told: Vec<_> = [0, 1, 10, 11, 20, 21, 35, 36].map(|sequence| version_of(&landed, sequence)).into();
        assert_eq!(told, [Some(5), Some(5), Some(5), Some(7), Some(7), Some(12), Some(12), None]);
        assert_eq!(version_in(&landed, "other", 1), None);
    }

    #[test]
    fn old_receipts_are_told_the_oldest_version_that_is_known() {
        let landed = Landed::default();
        let all = REMEMBERED as u64 + 100;
        (1..=all).for_each(|n| landed.add(Some((10 * n).into()), n));
        assert_eq!(version_of(&landed, 5), Some(101), "the first hundred are forgotten");
        assert_eq!(version_of(&landed, 10 * 101), Some(101));
        assert_eq!((version_of(&landed, 10 * all), version_of(&landed, 10 * all + 1)), (Some(all), None));
    }
}
