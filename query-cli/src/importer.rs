//! Lines of NDJSON into a lake: the way of `weir import` and of the demo data.
//!
//! ```text
//!   lines ──▶ parse, check ──▶ columns ──▶ land: drop copies, sort, write, commit
//!             a thread of its own          the caller
//! ```
//!
//! Memory: two batches (one being filled, or full and waiting; one being landed) and what finding copies takes (see
//! `weir_lake::ids`).

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use compact_fn::land::Lander;
use ingest_fn::privacy::{Buffers, Rules};
use ingest_fn::refusals;
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use weir_core::event::{EventId, MAX_EVENT_BYTES, Receipt, Rejection, parse};
use weir_lake::erased::Refused;
use weir_lake::rows::{EventRows, FrozenRows};
use weir_lake::{LakeError, Snapshot};

/// A batch ends at so many events …
const BATCH_EVENTS: usize = 128 * 1024;
/// … or at about so many bytes.
const BATCH_BYTES: usize = 64 * 1024 * 1024;
/// So many batches are in memory.
const BATCHES: usize = 2;
/// So many rejections are shown.
const SHOWN_REJECTIONS: usize = 100;

/// One named stream of lines.
pub struct Input {
    /// As it is shown.
    pub name: String,
    /// Decompressed.
    pub lines: Box<dyn BufRead + Send>,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// New events.
    pub accepted: u64,
    /// Copies of events that the lake had.
    pub duplicates: u64,
    /// Lines that are no events.
    pub rejected: u64,
    /// The version in which all of it is queryable.
    pub version: u64,
    /// The first rejected lines.
    pub rejections: Vec<RejectedLine>,
}

/// A line that is no event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectedLine {
    /// Of which input.
    pub file: String,
    /// From 1.
    pub line: u64,
    /// A short stable name of the problem.
    pub code: &'static str,
    /// The field.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

/// What goes wrong with an import as a whole.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// An input cannot be read.
    #[error("cannot read `{name}`: {source}")]
    Read {
        /// Which.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The lake.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The reading thread panicked: a defect.
    #[error("reading stopped: {0}; please report this")]
    Stopped(String),
}

/// On what conditions events are imported.
#[derive(Debug)]
pub struct ImportTerms {
    source: String,
    /// What is dropped or hashed.
    rules: Rules,
    /// Whose events are not taken.
    refused: Refused,
}

impl ImportTerms {
    /// Events of a source, changed by rules, and without those of some users.
    pub fn new(source: &str, rules: Rules, refused: Refused) -> Self {
        Self { source: source.to_owned(), rules, refused }
    }
}

/// Imports everything, batch by batch. What was landed before an error stays; importing again takes up where it stopped,
/// because copies do not count.
///
/// `complete_to_ms` says, before the last batch, up to when the lake will be complete.
///
/// # Errors
/// [`ImportError`].
pub async fn import(
    lander: &mut Lander,
    inputs: Vec<Input>,
    terms: ImportTerms,
    received_ms: i64,
    complete_to_ms: impl Fn(&Snapshot) -> Option<i64>,
) -> Result<Imported, ImportError> {
    let (sender, mut batches) = mpsc::channel::<Batch>(1);
    let reading = tokio::task::spawn_blocking(move || {
        let mut reader = LineReader::new(terms, received_ms, sender);
        inputs.into_iter().try_for_each(|input| reader.read(input))?;
        Ok::<_, ImportError>(reader.finish())
    });
    let mut imported = Imported::default();
    while let Some(Batch { rows, room: _room }) = batches.recv().await {
        let landed = lander.land(rows, Vec::new(), None, "import").await?;
        imported.accepted += landed.accepted;
        imported.duplicates += landed.duplicates;
    }
    let (rest, rejected, rejections) = reading.await.map_err(|e| ImportError::Stopped(e.to_string()))??;
    let complete_to_ms = complete_to_ms(&*lander.refresh().await?);
    let landed = lander.land(rest, Vec::new(), complete_to_ms, "import").await?;
    Ok(Imported {
        accepted: imported.accepted + landed.accepted,
        duplicates: imported.duplicates + landed.duplicates,
        rejected,
        version: landed.version,
        rejections,
    })
}

/// A full batch, and its room among those in memory, which is given back when it is landed.
struct Batch {
    rows: FrozenRows,
    room: Option<OwnedSemaphorePermit>,
}

/// Reads lines and fills batches.
struct LineReader {
    terms: ImportTerms,
    received_ms: i64,
    sender: mpsc::Sender<Batch>,
    /// Room for batches, and that of the batch which is being filled.
    rooms: Arc<Semaphore>,
    room: Option<OwnedSemaphorePermit>,
    rows: EventRows,
    /// Of all inputs: the place of an event in its arrival.
    place: u64,
    rejected: u64,
    rejections: Vec<RejectedLine>,
}

impl LineReader {
    fn new(terms: ImportTerms, received_ms: i64, sender: mpsc::Sender<Batch>) -> Self {
        let rooms = Arc::new(Semaphore::new(BATCHES));
        let room = Arc::clone(&rooms).try_acquire_owned().ok();
        let (rows, rejections) = (EventRows::default(), Vec::new());
        Self { terms, received_ms, sender, rooms, room, rows, place: 0, rejected: 0, rejections }
    }

    /// Hands a full batch on, and waits for room for the next. `false` if the landing has failed, which says why.
    fn pass_on(&mut self) -> bool {
        let batch = Batch { rows: std::mem::take(&mut self.rows).freeze(), room: self.room.take() };
        if self.sender.blocking_send(batch).is_err() {
            return false;
        }
        self.room = Handle::current().block_on(Arc::clone(&self.rooms).acquire_owned()).ok();
        true
    }

    fn read(&mut self, mut input: Input) -> Result<(), ImportError> {
        let failed = |name: &str| {
            let name = name.to_owned();
            move |source| ImportError::Read { name, source }
        };
        let (mut line, mut number) = (Vec::new(), 0_u64);
        while next_line(&mut input.lines, &mut line).map_err(failed(&input.name))? {
            number += 1;
            // A byte order mark at the very beginning is no part of the first event.
            let bytes = if number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line) } else { &line };
            let bytes = bytes.trim_ascii();
            if bytes.is_empty() {
                continue;
            }
            if let Err(rejection) = self.take(bytes, number) {
                self.reject(&input.name, number, rejection);
            }
            let is_full = self.rows.len() >= BATCH_EVENTS || self.rows.bytes() >= BATCH_BYTES;
            if is_full && !self.pass_on() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8], number: u64) -> Result<(), Rejection> {
        if bytes.len() > MAX_EVENT_BYTES {
            // Its end was not kept, so neither text nor JSON can be judged.
            let message = format!("the line has more than {MAX_EVENT_BYTES} bytes, the most that an event may have");
            return Err(Rejection { code: "too_large", field: String::new(), message });
        }
        let text = std::str::from_utf8(bytes).map_err(|error| Rejection {
            code: "invalid_json",
            field: String::new(),
            message: format!("not UTF-8 text: {error}"),
        })?;
        let receipt = Receipt { received_ms: self.received_ms, place: self.place, correct_skew: false };
        let mut buffers = Buffers::default();
        let ImportTerms { source, rules, refused } = &self.terms;
        let event = parse(text, receipt)?;
        refusals::check(refused, &event)?;
        let event = rules.apply(source, event, &mut buffers);
        match &event.event_id {
            Some(id) => self.rows.push(source, &event, id),
            None => self.rows.push(source, &event, &EventId::of_line(bytes, number)),
        }
        self.place += 1;
        Ok(())
    }

    fn reject(&mut self, file: &str, line: u64, rejection: Rejection) {
        self.rejected += 1;
        if self.rejections.len() < SHOWN_REJECTIONS {
            let Rejection { code, field, message } = rejection;
            self.rejections.push(RejectedLine { file: file.to_owned(), line, code, field, message });
        }
    }

    fn finish(self) -> (FrozenRows, u64, Vec<RejectedLine>) {
        (self.rows.freeze(), self.rejected, self.rejections)
    }
}

/// Reads a line without its end. Of a line that is longer than any event only the beginning is kept, so that it is
/// rejected by its size, and memory stays bounded. `false` at the end.
pub(crate) fn next_line(input: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let limit = MAX_EVENT_BYTES as u64 + 2;
    if input.take(limit).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() as u64 == limit {
        skip_line(input)?;
    }
    Ok(true)
}

fn skip_line(input: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let (used, ended) = match buffer.iter().position(|b| *b == b'\n') {
            Some(end) => (end + 1, true),
            None => (buffer.len(), false),
        };
        input.consume(used);
        if ended {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<usize> {
        let (mut input, mut line, mut lengths) = (io::BufReader::with_capacity(7, text), Vec::new(), Vec::new());
        while next_line(&mut input, &mut line).unwrap() {
            lengths.push(line.len());
        }
        lengths
    }

    #[test]
    fn lines_are_cut_where_they_are_too_long() {
        assert_eq!(lines(b""), [0; 0]);
        assert_eq!(lines(b"ab\n\nc"), [2, 0, 1]);
        let mut long = vec![b'x'; 3 * MAX_EVENT_BYTES];
        long.extend(b"\nshort\n");
        assert_eq!(lines(&long), [MAX_EVENT_BYTES + 2, 5]);
    }
}
