//! Landing: events become rows of the table, each once.
//!
//! One landing is one commit, which carries the data and the new position of the event log. So a record that is delivered
//! again finds its position taken, and an event that is sent again finds its id known; either way it is not counted twice.
//! If another writer commits first, the landing reads what is new, looks again which of its events are copies, and commits
//! on top of that.
//!
//! What a record holds beside events, the failures, lands in a table of its own, before its events do: see
//! [`failed`](crate::failed). What cannot be read is kept aside, before anything of its landing is committed.
//!
//! [`Lander::land_log`] reads a log; [`Lander::land_batch`] takes what a stream hands over; [`Lander::land_overflow`] takes what
//! no log could.

mod batch;
mod overflow;
mod unreadable;

use std::sync::Arc;

use weir_core::event::frame::{self, Entry};
use weir_core::event::{envelope, uuid_text};
use weir_core::ports::{Clock, EventLog, Ids, LogRecord, SequenceNumber, ShardId};
use weir_lake::ids::{At, HORIZON_MS, KnownIds};
use weir_lake::rows::{EventRows, FrozenRows};
use weir_lake::snapshot::{Change, Progress};
use weir_lake::{DataFile, LakeError, Snapshot, Store, Table, TableName, writer};

use crate::failed::{FailedLander, FailedOfLog};
use unreadable::Unreadable;

pub use batch::{BatchLanded, Delivered, Held};
pub use overflow::OverflowLanded;

/// Bytes of log records, out of their envelopes, that one landing takes.
const LANDING_BYTES: usize = 32 * 1024 * 1024;
/// Other writers may be first so many times in a row before a landing gives up.
const ATTEMPTS: usize = 100;

/// Lands events in one lake.
pub struct Lander {
    table: Table,
    known: KnownIds,
    /// Copies are looked for in what was received since then, even if that is longer ago than the horizon.
    known_since_ms: Option<i64>,
    failed: FailedLander,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl std::fmt::Debug for Lander {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lander").field("version", &self.table.snapshot().version).finish_non_exhaustive()
    }
}

/// What a landing did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Landed {
    /// The version in which the events are.
    pub version: u64,
    /// New events.
    pub accepted: u64,
    /// Copies of events that the lake had.
    pub duplicates: u64,
}

impl Landed {
    fn of(keep: &[bool], version: u64) -> Self {
        let accepted = keep.iter().filter(|keep| **keep).count() as u64;
        Self { version, accepted, duplicates: keep.len() as u64 - accepted }
    }
}

/// What landing a shard of the log did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogLanded {
    /// Events.
    pub landed: Landed,
    /// Records, or events of a record, that could not be read: each with its position and what is wrong with it. Their records
    /// are kept below `LAKE/unreadable`.
    pub unreadable: Vec<String>,
    /// How far the log is landed now.
    pub through: Option<SequenceNumber>,
    /// Whether the landing was as large as one may be, so that more is likely to wait.
    pub is_full: bool,
}

impl Lander {
    /// Opens the lake, and makes it if it is not there.
    pub async fn open(store: &Store, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Result<Self, LakeError> {
        let table = Table::open_or_create(store, &uuid_text(&ids.next_id()), clock.now_ms()).await?;
        let failed = FailedLander::open(store, Arc::clone(&clock), Arc::clone(&ids)).await?;
        Ok(Self { table, known: KnownIds::default(), known_since_ms: None, failed, clock, ids })
    }

    /// Looks for copies as it would have done at `received_ms`: for events that were received then and land only now. To be
    /// called before the first landing.
    #[must_use]
    pub fn looking_back_to(self, received_ms: i64) -> Self {
        Self { known_since_ms: Some(received_ms), ..self }
    }

    /// The last record of a shard of which anything has landed: what comes next in the log must lie behind it.
    pub fn landed_to(&self, shard: &ShardId) -> Option<SequenceNumber> {
        self.table.snapshot().positions.get(shard).cloned().max(self.failed.position(shard))
    }

    /// The table that is landed in.
    pub(crate) fn table(&mut self) -> &mut Table {
        &mut self.table
    }

    /// The table of failed events, if the lake has one.
    pub(crate) async fn failed_table(&mut self) -> Result<Option<&mut Table>, LakeError> {
        self.failed.table_if_there().await
    }

    /// The state that was last seen.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.table.snapshot()
    }

    /// Reads what other writers committed since.
    pub async fn refresh(&mut self) -> Result<Arc<Snapshot>, LakeError> {
        self.table.refresh().await
    }

    /// Commits events together with how far the log is landed.
    ///
    /// `complete_to_ms`: everything received up to then is in the table once this is committed.
    ///
    /// # Errors
    /// [`LakeError::Position`] if another landing took the same records; whatever else goes wrong, named. After an error
    /// nothing of it is visible, but where the store failed: then the commit may have been made, and the next landing finds out.
    pub async fn land(
        &mut self,
        rows: FrozenRows,
        progress: Vec<Progress>,
        complete_to_ms: Option<i64>,
        operation: &'static str,
    ) -> Result<Landed, LakeError> {
        self.table.refresh().await?;
        self.land_on_what_was_seen(rows, progress, complete_to_ms, operation).await
    }

    /// As [`land`](Self::land), without a look at what others have committed: if they have, the commit finds out.
    async fn land_on_what_was_seen(
        &mut self,
        rows: FrozenRows,
        progress: Vec<Progress>,
        complete_to_ms: Option<i64>,
        operation: &'static str,
    ) -> Result<Landed, LakeError> {
        let mut written: Option<(Vec<bool>, DataFile)> = None;
        for _ in 0..ATTEMPTS {
            let now_ms = self.clock.now_ms();
            let since_ms = self.known_since_ms.map_or(now_ms, |since_ms| since_ms.min(now_ms)) - HORIZON_MS;
            let mut at = At { table: &mut self.table, ids: self.ids.as_ref(), now_ms };
            let keep = self.known.firsts(&mut at, since_ms, rows.fingerprints()).await?;
            let snapshot = self.table.snapshot();
            if let Some((kept, file)) = &written
                && snapshot.files.contains_key(&file.path)
            {
                // A store that tries again by itself took this landing's own commit for another writer's.
                return Ok(Landed::of(kept, snapshot.version));
            }
            if let Err(taken) = snapshot.check(&Change { progress: progress.clone(), ..Change::default() }) {
                // No commit was tried on this snapshot, and none that was tried before is in it.
                self.discard(written).await;
                return Err(taken);
            }
            if !keep.contains(&true) && progress.is_empty() && complete_to_ms <= snapshot.complete_to_ms {
                return Ok(Landed::of(&keep, snapshot.version));
            }
            let file = self.file_of(&rows, &keep, &mut written).await?;
            let change = Change {
                adds: file.into_iter().collect(),
                progress: progress.clone(),
                complete_to_ms,
                changes_data: true,
                operation,
                ..Change::default()
            };
            match self.table.commit(&change, self.clock.now_ms()).await {
                Ok(snapshot) => {
                    if let Some(received_ms) = rows.last_received_ms() {
                        self.known.remember(snapshot.version, rows.fingerprints(), &keep, received_ms);
                    }
                    return Ok(Landed::of(&keep, snapshot.version));
                }
                Err(error) if error.is_conflict() => {
                    self.table.refresh().await?;
                }
                Err(error) => {
                    // A commit whose answer was lost may name the file.
                    if !error.leaves_doubt() {
                        self.discard(written).await;
                    }
                    return Err(error);
                }
            }
        }
        // Whose the last conflict was is not known, so the file stays.
        Err(LakeError::Conflict { version: self.table.snapshot().version + 1 })
    }

    /// The file with the kept rows: the one that was written for an earlier attempt, if that kept the same.
    async fn file_of(
        &self,
        rows: &FrozenRows,
        keep: &[bool],
        written: &mut Option<(Vec<bool>, DataFile)>,
    ) -> Result<Option<DataFile>, LakeError> {
        if let Some((kept, file)) = written
            && kept == keep
        {
            return Ok(Some(file.clone()));
        }
        self.discard(written.take()).await;
        if !keep.contains(&true) {
            return Ok(None);
        }
        let batch = rows.sorted(keep)?;
        let file = writer::write_landed(self.table.store(), TableName::Events, &uuid_text(&self.ids.next_id()), &batch)
            .await?;
        *written = Some((keep.to_vec(), file.clone()));
        Ok(Some(file))
    }

    /// Removes a file that no commit names. It does no harm if that fails: no reader sees it.
    async fn discard(&self, written: Option<(Vec<bool>, DataFile)>) {
        if let Some((_, file)) = written
            && let Err(error) = self.table.store().delete(&TableName::Events.data(&file.path)).await
        {
            tracing::warn!(%error, "a file that was not committed is left in the lake");
        }
    }

    /// Lands what a shard of the log holds behind the recorded position, up to a bound. Returns at once if there is
    /// nothing; call again until then to reach the end.
    ///
    /// # Errors
    /// As [`land`](Self::land), and what the log reports.
    pub async fn land_log(&mut self, log: &dyn EventLog, shard: &ShardId) -> Result<LogLanded, LakeError> {
        let from = self.table.refresh().await?.positions.get(shard).cloned();
        let records = log.read(shard, from.as_ref(), LANDING_BYTES).await?;
        let Some(last) = records.last() else {
            let version = self.table.snapshot().version;
            let landed = Landed { version, ..Landed::default() };
            return Ok(LogLanded { landed, through: from, ..LogLanded::default() });
        };
        // Less than half a landing is what came since the last one.
        let is_full = records.iter().map(|r| r.payload.len()).sum::<usize>() > LANDING_BYTES / 2;
        let decoded = decode(&records);
        let through = match (&decoded.newer, decoded.through) {
            (None, _) => last.sequence.clone(),
            (Some(_), Some(through)) => through,
            (Some(what), None) => return Err(LakeError::Newer { what: what.clone() }),
        };
        unreadable::keep_records(self.table.store(), shard, &decoded.unreadable, &records).await?;
        drop(records);
        self.failed.land(decoded.failed, Some((shard, &through))).await?;
        // With one shard the log has one order; with several, complete is only what all of them have landed.
        let has_one_order = log.shards().await?.len() == 1;
        let complete_to_ms = decoded.last_received_ms.filter(|_| has_one_order);
        let progress = vec![Progress { shard: shard.clone(), from, through: through.clone() }];
        let landed = self.land(decoded.rows.freeze(), progress, complete_to_ms, "land").await?;
        let unreadable = unreadable::messages(shard, &decoded.unreadable);
        Ok(LogLanded { landed, unreadable, through: Some(through), is_full })
    }
}

#[derive(Default)]
struct Decoded {
    rows: EventRows,
    failed: FailedOfLog,
    unreadable: Vec<Unreadable>,
    last_received_ms: Option<i64>,
    /// The last record that was looked at.
    through: Option<SequenceNumber>,
    /// What the record behind it needs, if a newer weir wrote that.
    newer: Option<String>,
    /// Bytes of the records, out of their envelopes.
    text_bytes: usize,
}

/// What is in records, up to the first of a newer weir.
fn decode(records: &[LogRecord]) -> Decoded {
    let mut decoded = Decoded::default();
    for record in records {
        if !decoded.take(&record.sequence, &record.payload) {
            break;
        }
    }
    decoded
}

impl Decoded {
    /// Takes what is in a record. What cannot be read is named, and does not hold up the rest; but a record of a newer weir is
    /// none of that: it holds events that were acknowledged, so everything waits before it until this weir is upgraded. Then
    /// nothing is taken, and the answer is `false`.
    fn take(&mut self, sequence: &SequenceNumber, payload: &[u8]) -> bool {
        let mut unreadable = Unreadable::of(sequence);
        match self.take_lines(sequence, payload, &mut unreadable) {
            Err(frame::FrameError::Version { found }) => {
                self.newer = Some(format!("frame version {found} of the event log"));
                return false;
            }
            Err(error) => unreadable.add(&error),
            Ok(()) => {}
        }
        self.through = Some(sequence.clone());
        if !unreadable.is_empty() {
            self.unreadable.push(unreadable);
        }
        true
    }

    fn take_lines(
        &mut self,
        sequence: &SequenceNumber,
        payload: &[u8],
        unreadable: &mut Unreadable,
    ) -> Result<(), frame::FrameError> {
        let text = envelope::unpack(payload)?;
        let (header, lines) = frame::open(&text)?;
        self.text_bytes += text.len();
        self.last_received_ms = self.last_received_ms.max(Some(header.received));
        for entry in frame::entries(&header, lines) {
            match entry {
                Ok(Entry::Event(event)) => {
                    // A frame gives every event an id.
                    if let Some(id) = event.event_id.clone() {
                        self.rows.push(&header.source, &event, &id);
                    }
                }
                Ok(Entry::Failed(failed)) => self.failed.push(sequence, &header.source, header.received, &failed),
                Err(error) => unreadable.add(&error),
            }
        }
        Ok(())
    }

    /// Whether it is as much as one landing takes: of text, or of memory for the rows of many small events.
    fn is_full(&self) -> bool {
        self.text_bytes.max(self.rows.bytes()) >= LANDING_BYTES
    }
}

#[cfg(test)]
#[path = "land_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "copies_tests.rs"]
mod copies_tests;
