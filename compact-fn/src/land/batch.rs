//! Landing what a stream hands over: the records of one shard, a batch at a time, some of them perhaps for the second time.
//!
//! ```text
//! recorded position            ▼ …17
//! batch                  …15  …17 │ …19  …22  …23 │ …31  …40        sequence numbers are not dense
//!                        trimmed  │ one landing   │ another one     each at most so many bytes, unpacked
//! ```
//!
//! What the position has passed is there already: so a batch that comes again is nothing, one that overlaps is trimmed, and of
//! two that come at once one finds its place taken, looks again, and trims. A batch is landed from its beginning as far as
//! possible, and says which record is the first that is not.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use weir_core::ports::{SequenceNumber, ShardId};
use weir_lake::LakeError;
use weir_lake::snapshot::Progress;

use super::unreadable::{self, Unreadable};
use super::{Decoded, Landed, Lander};

/// So often a batch may find that another lander was first, before it is left to be delivered again.
const OVERTAKEN: usize = 20;

/// A record as a stream hands it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered<'a> {
    /// Its place in the shard.
    pub sequence: SequenceNumber,
    /// Its bytes in base64, if all is well with them.
    pub data: Cow<'a, str>,
}

/// Why a batch ends before a record.
#[derive(Debug, thiserror::Error)]
pub enum Held {
    /// A newer weir wrote the record.
    #[error("a record needs {0}, which this weir does not know; upgrade the compactor, everything waits until then")]
    Newer(String),
    /// There was no time for it.
    #[error("the time of the invocation is over; the rest is delivered again")]
    Time,
    /// The lake did not take it.
    #[error(transparent)]
    Lake(#[from] LakeError),
}

/// What landing a batch did.
#[derive(Debug, Default)]
pub struct BatchLanded {
    /// Events. The version is that of the last landing.
    pub landed: Landed,
    /// Records that were landed or passed over.
    pub records: u64,
    /// Records that had been landed before.
    pub trimmed: u64,
    /// What could not be read: each with its position and what is wrong with it, and where the records are.
    pub unreadable: Vec<String>,
    /// How much could not be read: records, and events of records.
    pub unreadable_count: u64,
    /// The first record that is not landed, and why. Everything before it is.
    pub held: Option<(SequenceNumber, Held)>,
}

impl Lander {
    /// Lands records of a shard, in the order of their sequence numbers. `goes_on` is asked before each landing but the first.
    pub async fn land_batch(
        &mut self,
        shard: &ShardId,
        records: &[Delivered<'_>],
        goes_on: impl Fn() -> bool,
    ) -> BatchLanded {
        let mut done = BatchLanded::default();
        let (mut rest, mut overtaken) = (records, 0);
        loop {
            let from = self.table.snapshot().positions.get(shard).cloned();
            let new = rest.partition_point(|record| from.as_ref().is_some_and(|from| record.sequence <= *from));
            done.trimmed += new as u64;
            rest = rest.get(new..).unwrap_or_default();
            let Some(first) = rest.first() else { return done };
            let held = |why| Some((first.sequence.clone(), why));
            if done.records > 0 && !goes_on() {
                return BatchLanded { held: held(Held::Time), ..done };
            }
            let (decoded, taken) = decode_some(rest);
            let Some(through) = decoded.through.clone() else {
                let why = Held::Newer(decoded.newer.unwrap_or_default());
                return BatchLanded { held: held(why), ..done };
            };
            let progress = Progress { shard: shard.clone(), from, through };
            match self.land_some(progress, decoded, rest, &mut done).await {
                Ok(()) => {
                    done.records += taken as u64;
                    rest = rest.get(taken..).unwrap_or_default();
                }
                Err(LakeError::Position { .. }) if overtaken < OVERTAKEN => overtaken += 1,
                Err(error) => return BatchLanded { held: held(Held::Lake(error)), ..done },
            }
        }
    }

    /// Lands what was decoded of `records`.
    async fn land_some(
        &mut self,
        progress: Progress,
        decoded: Decoded,
        records: &[Delivered<'_>],
        done: &mut BatchLanded,
    ) -> Result<(), LakeError> {
        let Decoded { rows, failed, unreadable, .. } = decoded;
        let shard = progress.shard.clone();
        let with_data = unreadable.iter().filter_map(|bad| {
            let place = records.binary_search_by(|record| record.sequence.cmp(&bad.sequence)).ok()?;
            Some((bad, Cow::Borrowed(&*records.get(place)?.data)))
        });
        let kept = unreadable::keep(self.table.store(), &shard, with_data).await?;
        // Landing failures takes two requests, a look at the table one: so a batch takes four at most either way.
        let looks_first = failed.is_empty();
        self.failed.land(failed, Some((&shard, &progress.through))).await?;
        let (rows, progress) = (rows.freeze(), vec![progress]);
        let landed = match looks_first {
            true => self.land(rows, progress, None, "land").await?,
            false => self.land_on_what_was_seen(rows, progress, None, "land").await?,
        };
        done.landed = Landed {
            version: landed.version,
            accepted: done.landed.accepted + landed.accepted,
            duplicates: done.landed.duplicates + landed.duplicates,
        };
        done.unreadable_count += unreadable.iter().map(Unreadable::count).sum::<u64>();
        done.unreadable.extend(unreadable::messages(&shard, &unreadable));
        done.unreadable.extend(kept.map(|kept| format!("records of shard `{shard}` are kept as `{kept}`")));
        Ok(())
    }
}

/// Decodes records until there is as much as one landing takes, or a newer weir's comes. Gives how many that is.
fn decode_some(records: &[Delivered<'_>]) -> (Decoded, usize) {
    let mut decoded = Decoded::default();
    let mut taken = 0;
    for record in records {
        let goes_on = match STANDARD.decode(record.data.as_bytes()) {
            Ok(payload) => decoded.take(&record.sequence, &payload),
            Err(error) => {
                let mut unreadable = Unreadable::of(&record.sequence);
                unreadable.add(&format!("the data of the record is not base64: {error}"));
                decoded.unreadable.push(unreadable);
                decoded.through = Some(record.sequence.clone());
                true
            }
        };
        if !goes_on {
            break;
        }
        taken += 1;
        if decoded.is_full() {
            break;
        }
    }
    (decoded, taken)
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
