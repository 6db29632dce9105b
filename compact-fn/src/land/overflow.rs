//! Landing the overflow: records that the event log could not take become rows of the table too.
//!
//! The records are decoded and committed as those of the log are, and are deleted only then. A crash in between leaves them
//! where they are, and the next landing finds all their events known: so they count once, as long as that is within the
//! deduplication horizon. Neither the positions of the log nor `complete_to` move.
//!
//! ```text
//! overflow/…01.weir  ┐                                                        ┌ deleted
//! overflow/…02.weir  ├▸ decode ▸ drop copies ▸ commit: events are queryable ▸ ┼ deleted
//! overflow/…03.weir  ┘  (the third cannot be read)                            └ overflow/unreadable/…03.weir
//! ```

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use weir_core::ports::{LogRecord, SequenceNumber, ShardId};
use weir_lake::overflow::Waiting;
use weir_lake::{LakeError, Overflow, StoreError};

use super::{Decoded, Landed, Lander, unreadable};

/// What messages call the overflow where they would name a shard of the log.
const OVERFLOW: &str = "overflow";
/// Records that one landing takes: as many as S3 lists with one request.
const RECORDS: usize = 1_000;
/// Objects that are read, or removed, at once.
const AT_ONCE: usize = 16;

/// What landing the overflow did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OverflowLanded {
    /// Events.
    pub landed: Landed,
    /// Records that were taken, and are in the overflow no more.
    pub records: u64,
    /// Records, or events of a record, that could not be read: each with its number, what is wrong with it, and where it is.
    pub unreadable: Vec<String>,
    /// Whether more records wait.
    pub is_full: bool,
}

impl Lander {
    /// Lands what the overflow holds: the oldest first, and so many as fit `max_bytes`, but at least one if there is one.
    /// Returns after one listing if there is none.
    ///
    /// # Errors
    /// As [`land`](Self::land), and where the store fails. What was committed by then stays so, and call again: a record that
    /// is landed twice counts once.
    pub async fn land_overflow(&mut self, max_bytes: usize) -> Result<OverflowLanded, LakeError> {
        let overflow = Overflow::new(self.table.store());
        let waiting = overflow.list(None, RECORDS).await?;
        let chosen = first_of(&waiting, max_bytes as u64);
        let is_full = chosen.len() < waiting.len() || waiting.len() == RECORDS;
        if chosen.is_empty() {
            let landed = Landed { version: self.table.snapshot().version, ..Landed::default() };
            return Ok(OverflowLanded { landed, ..OverflowLanded::default() });
        }
        let shard = ShardId(OVERFLOW.to_owned());
        let read = read(&overflow, chosen).await?;
        let read_all = read.len();
        let Decodable { decoded, records, looked_at } = decodable(read)?;
        let is_full = is_full || looked_at < read_all;
        self.failed.land(decoded.failed, None).await?;
        let landed = self.land(decoded.rows.freeze(), Vec::new(), None, "land overflow").await?;

        let unreadable = unreadable::messages(&shard, &decoded.unreadable);
        let mut done = OverflowLanded { landed, records: records.len() as u64, unreadable, is_full };
        let mut landed = Vec::with_capacity(records.len());
        for Taken { number, payload, is_readable } in records {
            if is_readable {
                landed.push(number);
                continue;
            }
            let kept = overflow.set_aside(number, payload).await?;
            done.unreadable.push(format!("record {number} of the overflow is kept as `{kept}`"));
        }
        let deletes = landed.into_iter().map(|number| overflow.delete(number));
        futures::stream::iter(deletes).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        Ok(done)
    }
}

/// What one landing takes of records that were read.
struct Decodable {
    decoded: Decoded,
    records: Vec<Taken>,
    /// Of those that were read.
    looked_at: usize,
}

/// A record that was decoded.
struct Taken {
    number: u128,
    payload: Bytes,
    is_readable: bool,
}

/// Decodes records, as many as one landing takes: what is small in the store may be large out of its envelope. Records of a
/// newer weir are left where they are until this one is upgraded.
///
/// # Errors
/// [`LakeError::Newer`], where there are no others.
fn decodable(read: Vec<(u128, LogRecord)>) -> Result<Decodable, LakeError> {
    let mut decoded = Decoded::default();
    let (mut records, mut looked_at) = (Vec::with_capacity(read.len()), 0);
    for (number, LogRecord { sequence, payload }) in read {
        if decoded.is_full() {
            break;
        }
        looked_at += 1;
        let problems = decoded.unreadable.len();
        if decoded.take(&sequence, &payload) {
            records.push(Taken { number, payload, is_readable: decoded.unreadable.len() == problems });
        }
    }
    match decoded.newer.take() {
        Some(what) if records.is_empty() => Err(LakeError::Newer { what }),
        newer => {
            if let Some(what) = newer {
                tracing::error!(%what, "records of the overflow wait for a newer weir");
            }
            Ok(Decodable { decoded, records, looked_at })
        }
    }
}

/// The first records that fit, but at least one.
fn first_of(waiting: &[Waiting], max_bytes: u64) -> Vec<u128> {
    let mut bytes = 0_u64;
    let fits = |waits: &&Waiting| {
        let is_first = bytes == 0;
        bytes = bytes.saturating_add(waits.bytes.max(1));
        is_first || bytes <= max_bytes
    };
    waiting.iter().take_while(fits).map(|waits| waits.number).collect()
}

/// Reads records, in their order. One that is gone was landed by somebody else.
async fn read(overflow: &Overflow, numbers: Vec<u128>) -> Result<Vec<(u128, LogRecord)>, StoreError> {
    let read = numbers.into_iter().map(|number| async move {
        let payload = overflow.get(number).await?;
        let sequence = SequenceNumber::parse(&number.to_string());
        Ok::<_, StoreError>(payload.zip(sequence).map(|(payload, sequence)| (number, LogRecord { sequence, payload })))
    });
    let read: Vec<_> = futures::stream::iter(read).buffered(AT_ONCE).try_collect().await?;
    Ok(read.into_iter().flatten().collect())
}

#[cfg(test)]
#[path = "overflow_tests.rs"]
mod tests;
