//! What a schedule does: the overflow into the lake, up to when the lake is complete, and its files into order.
//!
//! Each task is done again as a whole by the next schedule, so any of them may end early: at the deadline of the invocation, or
//! by the end of the process.

use serde_json::{Value, json};
use weir_core::time::rfc3339;
use weir_lake::snapshot::Change;
use weir_lake::{LakeError, Overflow};

use crate::compact::{Budget, Compacted, Extent, commit, compact_within};
use crate::failed::compact_failed;
use crate::function::{Function, FunctionError};
use crate::land::{Landed, Lander};
use crate::rewrite::Deadline;

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

    /// Finishes erasures, and what is due once an hour: retention and vacuum.
    pub(super) async fn upkeep(&mut self, deadline_ms: i64) -> Result<Value, FunctionError> {
        let deadline = Deadline { until_ms: deadline_ms - super::RESERVE_MS };
        let done = self.maintenance.run(self.clock.as_ref(), self.ids.as_ref(), deadline).await?;
        let erased: u64 =
            done.erased.iter().map(|erased| erased.events.rows_removed + erased.failed.rows_removed).sum();
        Ok(json!({
            "erased": erased,
            "expired": done.expired.map(|expired| expired.rows_removed),
            "vacuumed": done.vacuumed.map(|vacuumed| vacuumed.files + vacuumed.orphans),
        }))
    }

    /// Merges what is worth it, within the time of the invocation. Where that was not enough, what was merged by then stays so,
    /// and the next schedule goes on.
    pub(super) async fn compact(&mut self, deadline_ms: i64) -> Result<Compacted, FunctionError> {
        let (clock, ids) = (self.clock.clone(), self.ids.clone());
        let budget = Budget { until_ms: Some(deadline_ms - super::RESERVE_MS), ..Budget::default() };
        let lander = self.lander().await?;
        let (clock, ids) = (clock.as_ref(), ids.as_ref());
        let done = compact_within(lander.table(), clock, ids, Extent::Worthwhile, budget, |_| ()).await?;
        if let Some(failed) = lander.failed_table().await? {
            compact_failed(failed, clock, ids, Extent::Worthwhile).await?;
        }
        self.meters.compacted(&done);
        if done.left > 0 {
            tracing::warn!(left = done.left, "compaction did not end in time, and goes on later");
        }
        Ok(done)
    }
}

/// When the oldest record of the overflow was put there, milliseconds since 1970; `None` where it is empty.
async fn overflow_waits_since(lander: &mut Lander) -> Result<Option<i64>, LakeError> {
    let waiting = Overflow::new(lander.table().store()).list(None, 1).await?;
    Ok(waiting.first().map(|oldest| i64::try_from(oldest.number >> NUMBER_TIME_SHIFT).unwrap_or(i64::MIN)))
}
