//! Reading: a sequence number is an offset, so a read starts where the last one stopped, without a search.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use weir_core::ports::{LogRecord, SequenceNumber};

use super::fault::{Fault, Flaw};
use super::recovery;
use super::segment::{self, Broken, Frames};

/// The segments of a log, shared by its readers and its writer.
#[derive(Debug)]
pub(super) struct Segments {
    pub(super) dir: PathBuf,
    starts: Mutex<BTreeSet<u64>>,
    trimming: Mutex<()>,
}

/// The part of a segment that may be read.
struct Stretch {
    segment: u64,
    from: u64,
    stop: u64,
}

impl Segments {
    pub(super) fn new(dir: PathBuf, starts: BTreeSet<u64>) -> Self {
        Self { dir, starts: Mutex::new(starts), trimming: Mutex::new(()) }
    }

    pub(super) fn path(&self, start: u64) -> PathBuf {
        self.dir.join(segment::file_name(start))
    }

    pub(super) fn add(&self, start: u64) {
        self.starts().insert(start);
    }

    pub(super) fn count(&self) -> usize {
        self.starts().len()
    }

    fn starts(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        // A panic while the lock is held cannot leave the set half changed.
        self.starts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What can be read from `at` on without leaving a segment or passing `end`. A segment behind `at` if the one
    /// with `at` was trimmed.
    fn stretch(&self, at: u64, end: u64) -> Option<Stretch> {
        let starts = self.starts();
        let segment = starts.range(..=at).next_back().or_else(|| starts.first()).copied()?;
        let next = starts.range(segment + 1..).next().copied().unwrap_or(end);
        let (from, stop) = (at.max(segment), next.min(end));
        (from < stop).then_some(Stretch { segment, from, stop })
    }

    /// Records behind `after`, up to the durable `end`; see [`EventLog::read`](weir_core::ports::EventLog::read).
    pub(super) fn read(&self, after: u64, end: u64, max_bytes: usize) -> Result<Vec<LogRecord>, Fault> {
        let mut page = Page { max_bytes, bytes: 0, records: Vec::new() };
        let mut at = after;
        while let Some(stretch) = self.stretch(at, end) {
            let path = self.path(stretch.segment);
            let file = match File::open(&path) {
                Ok(file) => file,
                // Trimmed since it was looked up.
                Err(e) if e.kind() == ErrorKind::NotFound && !self.starts().contains(&stretch.segment) => continue,
                Err(e) => return Err(Fault::io("opening", &path)(e)),
            };
            let mut frames =
                Frames::new(file, stretch.segment, stretch.from, stretch.stop).map_err(Fault::io("reading", &path))?;
            match page.fill(&mut frames) {
                Ok(true) => at = stretch.stop,
                Ok(false) => break,
                // What was read so far is good; the next read starts at the flaw and tells of it.
                Err(_) if !page.records.is_empty() => break,
                Err(broken) => return Err(self.explain(broken, &stretch, &path)),
            }
        }
        Ok(page.records)
    }

    /// A bad frame right at the position that was asked for: damage, or a position of another log?
    fn explain(&self, broken: Broken, stretch: &Stretch, path: &Path) -> Fault {
        if matches!(broken, Broken::Flaw(Flaw::BadHead | Flaw::ShortHead)) && passes_over(path, stretch) {
            return Fault::NoBoundary { file: path.to_owned(), position: stretch.from };
        }
        broken.into_fault(path, segment::file_offset(stretch.segment, stretch.from))
    }

    /// Deletes the segments that lie wholly at or below `through`, but never the last.
    pub(super) fn trim(&self, through: u64) -> Result<(), Fault> {
        let _one_at_a_time = self.trimming.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let oldest = {
                let starts = self.starts();
                let mut oldest = starts.iter().copied();
                match (oldest.next(), oldest.next()) {
                    (Some(start), Some(next)) if next <= through => start,
                    _ => return Ok(()),
                }
            };
            let path = self.path(oldest);
            // Oldest first and each one durably, so that a crash leaves no gap. The order of these two calls is for
            // the readers: a segment that is not listed is not missed.
            self.starts().remove(&oldest);
            if let Err(e) = std::fs::remove_file(&path).or_else(|e| match e.kind() {
                ErrorKind::NotFound => Ok(()),
                _ => Err(e),
            }) {
                self.starts().insert(oldest);
                return Err(Fault::io("deleting", &path)(e));
            }
            recovery::sync_dir(&self.dir).map_err(Fault::io("syncing", &self.dir))?;
        }
    }
}

/// The records of one read.
struct Page {
    max_bytes: usize,
    bytes: usize,
    records: Vec<LogRecord>,
}

impl Page {
    /// Takes what still fits; `false` if the page is full.
    fn fill(&mut self, frames: &mut Frames) -> Result<bool, Broken> {
        while let Some(head) = frames.head()? {
            self.bytes = self.bytes.saturating_add(head.len as usize);
            if !self.records.is_empty() && self.bytes > self.max_bytes {
                return Ok(false);
            }
            let mut payload = Vec::new();
            frames.body(&head, &mut payload)?;
            self.records.push(LogRecord { sequence: SequenceNumber::from(head.end()), payload: Bytes::from(payload) });
        }
        Ok(true)
    }
}

/// Whether the frames of the segment, read from its start, pass over the first offset of `stretch` without one of them
/// beginning there.
fn passes_over(path: &Path, stretch: &Stretch) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let Ok(mut frames) = Frames::new(file, stretch.segment, stretch.segment, stretch.stop) else { return false };
    let mut payload = Vec::new();
    while frames.at() < stretch.from {
        let Ok(Some(head)) = frames.head() else { return false };
        if frames.body(&head, &mut payload).is_err() {
            return false;
        }
    }
    frames.at() > stretch.from
}
