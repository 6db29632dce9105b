//! What a schedule does: the overflow into the lake, up to when the lake is complete, and its files into order.
//!
//! Each task is done again as a whole by the next schedule, so any of them may end early: at the deadline of the invocation, or
//! by the end of the process.

use std::time::Duration;

use weir_core::time::rfc3339;
use weir_lake::snapshot::Change;
use weir_lake::{LakeError, Overflow};

use crate::compact::{Compacted, Extent, commit, compact};
use crate::failed::compact_failed;
use crate::function::{Function, FunctionError};
use crate::land::{Landed, Lander};

/// Bytes of the overflow, as they lie there, that one landing takes.
const OVERFLOW_BYTES: usize = 8 * 1024 * 1024;
/// From the receipt of an event to when its record is durable takes at most so long, in milliseconds, clocks that differ
/// included: the collector gives the stream up after 26 s at most, and the overflow after 5 s more.
const SETTLE_MS: i64 = 60_000;
/// Where an overflow's record number, a UUID of version 7, has its time: the first 48 of 128 bits.
const NUMBER_TIME_SHIFT: u32 = 80;

impl Function {
    /// Lands what the overflow holds, until there is no more or no time. Gives what that was.
    pub(super) async fn land_overflow(&mut self, deadline_ms: i64) -> Result<Landed, FunctionError> {
        let mut total = Landed::default();
        while self.has_time(deadline_ms) {
            let done = self.lander().await?.land_overflow(OVERFLOW_BYTES).await?;
            self.meters.overflow(&done);
            for problem in &done.unreadable {
                tracing::error!(%problem, "an event in the overflow cannot be read");
            }
            total.accepted += done.landed.accepted;
            total.duplicates += done.landed.duplicates;
            total.version = done.landed.version;
            if !done.is_full {
                break;
            }
        }
        Ok(total)
    }

    /// Finds out up to when everything that was received is in the lake, and commits that. Gives it as text; `None` where
    /// nothing can be said.
    pub(super) async fn complete(&mut self) -> Result<Option<String>, FunctionError> {
        let (stream, clock) = (self.stream.clone(), self.clock.clone());
        // Before anything is read: what comes later is not spoken of.
        let asked_ms = clock.now_ms();
        let lander = self.lander().await?;
        let snapshot = lander.refresh().await?;
        let before_ms = stream.landed_before(&snapshot.positions, asked_ms).await?;
        let before_ms = before_ms.min(overflow_waits_since(lander).await?.unwrap_or(asked_ms));
        let complete_to_ms = before_ms.saturating_sub(SETTLE_MS);
        if complete_to_ms > 0 && Some(complete_to_ms) > snapshot.complete_to_ms {
            let change = Change { complete_to_ms: Some(complete_to_ms), operation: "complete", ..Change::default() };
            commit(lander.table(), &change, clock.as_ref()).await?;
        }
        Ok(lander.snapshot().complete_to_ms.map(rfc3339))
    }

    /// Merges what is worth it, within the time of the invocation. `None` where that was not enough: what was merged by then
    /// stays so, and the next schedule goes on.
    pub(super) async fn compact(&mut self, deadline_ms: i64) -> Result<Option<Compacted>, FunctionError> {
        let (clock, ids) = (self.clock.clone(), self.ids.clone());
        let budget = self.time_left(deadline_ms);
        let lander = self.lander().await?;
        let work = async {
            let done = compact(lander.table(), clock.as_ref(), ids.as_ref(), Extent::Worthwhile).await?;
            if let Some(failed) = lander.failed_table().await? {
                compact_failed(failed, clock.as_ref(), ids.as_ref(), Extent::Worthwhile).await?;
            }
            Ok::<_, LakeError>(done)
        };
        // A merge that is given up is like one whose process was killed: its files are named by no commit.
        match tokio::time::timeout(budget, work).await {
            Ok(done) => {
                let done = done?;
                self.meters.compacted(&done);
                Ok(Some(done))
            }
            Err(_) => {
                tracing::warn!(
                    budget_ms = budget.as_millis() as u64,
                    "compaction did not end in time, and goes on later"
                );
                Ok(None)
            }
        }
    }

    fn time_left(&self, deadline_ms: i64) -> Duration {
        let left_ms = deadline_ms - super::RESERVE_MS - self.clock.now_ms();
        Duration::from_millis(u64::try_from(left_ms).unwrap_or_default())
    }
}

/// When the oldest record of the overflow was put there, milliseconds since 1970; `None` where it is empty.
async fn overflow_waits_since(lander: &mut Lander) -> Result<Option<i64>, LakeError> {
    let waiting = Overflow::new(lander.table().store()).list(None, 1).await?;
    Ok(waiting.first().map(|oldest| i64::try_from(oldest.number >> NUMBER_TIME_SHIFT).unwrap_or(i64::MIN)))
}
