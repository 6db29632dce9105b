//! Whatever is due: erasures that are not finished, what is too old, files that nobody needs any more.
//!
//! ```text
//! each call   one listing: open erasures ──▶ finish them, and look at what has landed since
//! each hour   retention, then vacuum, then erasures whose time is over
//! ```
//!
//! To be called often, by the loop of one machine or the schedule of a cloud; several may do so at once. When the hourly part
//! was done last is told by the time of the document that vacuum writes, so that it is known to all.

use weir_core::ports::{Clock, Ids};
use weir_lake::{LakeError, Settings, Store};

use crate::erase::{Erased, close_old, finish_all};
use crate::expire::{Retention, expire};
use crate::rewrite::{Deadline, Rewritten};
use crate::tables::Tables;
use crate::vacuum::{State, Sweep, Vacuumed, store_time, vacuum};

/// Retention and vacuum are this far apart, in milliseconds.
const HOURLY_MS: u64 = 3_600_000;

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Maintained {
    /// For each open erasure.
    pub erased: Vec<Erased>,
    /// What was too old, in both tables. `None` where it was not the time.
    pub expired: Option<Rewritten>,
    /// What was removed. `None` where it was not the time.
    pub vacuumed: Option<Vacuumed>,
}

/// Keeps one lake. Holds its tables open between calls.
#[derive(Debug)]
pub struct Maintenance {
    tables: Tables,
}

impl Maintenance {
    /// Of the lake in a store; nothing is read yet.
    pub fn new(store: &Store) -> Self {
        Self { tables: Tables::new(store) }
    }

    /// Does whatever is due, up to a deadline: what is left is done by the next call.
    ///
    /// # Errors
    /// The first thing that went wrong; the others are done all the same.
    pub async fn run(&mut self, clock: &dyn Clock, ids: &dyn Ids, deadline: Deadline) -> Result<Maintained, LakeError> {
        let erased = finish_all(&mut self.tables, clock, ids, deadline).await;
        let hourly = match self.is_due(clock).await {
            Ok(true) if !deadline.is_over(clock) => self.hourly(clock, ids, deadline).await.map(Some),
            Ok(_) => Ok(None),
            Err(error) => Err(error),
        };
        let (erased, hourly) = (erased?, hourly?);
        let (expired, vacuumed) = hourly.map_or((None, None), |(expired, vacuumed)| (Some(expired), Some(vacuumed)));
        Ok(Maintained { erased, expired, vacuumed })
    }

    async fn is_due(&self, clock: &dyn Clock) -> Result<bool, LakeError> {
        let last = State::read(self.tables.store()).await?;
        Ok(last.is_none_or(|(_, at_ms)| clock.now_ms().abs_diff(at_ms) >= HOURLY_MS))
    }

    async fn hourly(
        &mut self,
        clock: &dyn Clock,
        ids: &dyn Ids,
        deadline: Deadline,
    ) -> Result<(Rewritten, Vacuumed), LakeError> {
        let store = self.tables.store().clone();
        let retention = Retention::of(&Settings::newest(&store).await?)?;
        // A wrong clock takes nothing away: neither what it thinks too old, nor what it thinks nobody needs.
        let now_ms = store_time(&store, clock).await?;
        let (mut expired, mut failed) = (Rewritten::default(), None);
        for table in self.tables.opened().await? {
            let Some(retention_ms) = retention.of_table(table.name()) else { continue };
            match expire(table, retention_ms, now_ms, clock, ids, deadline).await {
                Ok(done) => expired.add(done),
                Err(error) => failed = Some(error),
            }
        }
        let vacuumed = vacuum(&mut self.tables, retention.keep(), Sweep::Remove, clock).await?;
        close_old(&mut self.tables, now_ms, clock, ids, deadline).await?;
        failed.map_or(Ok((expired, vacuumed)), Err)
    }
}

#[cfg(test)]
#[path = "maintain_tests.rs"]
mod tests;
