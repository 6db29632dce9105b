//! The one thread that writes: it gathers every record that waits, writes them with one call, makes them durable with
//! one `fdatasync`, and answers all of them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};

use super::fault::Fault;
use super::reader::Segments;
use super::recovery::{self, UNFINISHED};
use super::segment::{self, COMMIT_BYTES, FRAME_LEN, HEADER_LEN};

/// One record that waits to be written.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) payload: Bytes,
    /// Gets the offset behind the record once it is durable, or why it is not.
    pub(super) reply: oneshot::Sender<Result<u64, String>>,
}

/// The calls that fail on a full or dying disk. Tests put a failing one in place of [`StdDisk`].
pub(super) trait Disk: Send {
    /// Appends all of `bytes`.
    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<()>;
    /// Makes a file's bytes durable, and its length.
    fn sync(&self, file: &File) -> io::Result<()>;
    /// Cuts a file.
    fn truncate(&self, file: &File, len: u64) -> io::Result<()>;
    /// Makes a directory's entries durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// The disk itself.
#[derive(Debug)]
pub(super) struct StdDisk;

impl Disk for StdDisk {
    fn write(&self, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn truncate(&self, file: &File, len: u64) -> io::Result<()> {
        file.set_len(len)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        recovery::sync_dir(dir)
    }
}

/// What the writer counts.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) records: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) commits: AtomicU64,
    pub(super) failed_commits: AtomicU64,
}

/// The state of the writer thread.
pub(super) struct Writer {
    pub(super) disk: Box<dyn Disk>,
    pub(super) segments: Arc<Segments>,
    pub(super) segment_bytes: u64,
    pub(super) counters: Arc<Counters>,
    /// The durable end; readers go by it.
    pub(super) end: watch::Sender<u64>,
    /// The segment that grows, with its length. `None` if the next commit has to begin a new one.
    pub(super) active: Option<(File, u64)>,
    /// Open, and so held, for as long as the thread may write.
    pub(super) _lock: File,
}

/// A group commit in the making.
#[derive(Default)]
struct Commit {
    frames: Vec<u8>,
    waiting: Vec<(oneshot::Sender<Result<u64, String>>, u64)>,
}

impl Writer {
    /// Works until all senders of `jobs` are gone and the queue is empty.
    pub(super) fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut commit = Commit::default();
        let mut held_over = None;
        while let Some(first) = held_over.take().or_else(|| jobs.blocking_recv()) {
            held_over = self.gather(&mut commit, first, &mut jobs);
            if !commit.waiting.is_empty() {
                self.commit(&mut commit);
            }
        }
    }

    /// Takes what waits, without waiting for more: while one commit is synced, the next one gathers by itself.
    /// Returns a record that did not fit.
    fn gather(&self, commit: &mut Commit, first: Job, jobs: &mut mpsc::Receiver<Job>) -> Option<Job> {
        let start = *self.end.borrow();
        let limit = COMMIT_BYTES.min(self.segment_bytes);
        let mut next = Some(first);
        while let Some(job) = next {
            // Whoever gave up was told nothing, so there is nothing to keep.
            if !job.reply.is_closed() {
                let written = commit.frames.len() as u64;
                if written > 0 && written + FRAME_LEN + job.payload.len() as u64 > limit {
                    return Some(job);
                }
                segment::encode(&mut commit.frames, &job.payload, start + written, start);
                commit.waiting.push((job.reply, start + commit.frames.len() as u64));
            }
            next = jobs.try_recv().ok();
        }
        None
    }

    fn commit(&mut self, commit: &mut Commit) {
        let (records, bytes) = (commit.waiting.len() as u64, commit.frames.len() as u64);
        match self.store(&commit.frames) {
            Ok(()) => {
                self.counters.commits.fetch_add(1, Ordering::Relaxed);
                self.counters.records.fetch_add(records, Ordering::Relaxed);
                self.counters.bytes.fetch_add(bytes, Ordering::Relaxed);
                // Before the answers: who was answered can read the record.
                self.end.send_modify(|end| *end += bytes);
                for (reply, end) in commit.waiting.drain(..) {
                    // The caller may have gone away meanwhile.
                    let _ = reply.send(Ok(end));
                }
            }
            Err(fault) => {
                self.counters.failed_commits.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(records, bytes, %fault, "a commit to the event log failed, its callers were told so");
                let message = fault.to_string();
                for (reply, _) in commit.waiting.drain(..) {
                    let _ = reply.send(Err(message.clone()));
                }
            }
        }
        commit.frames.clear();
        // One very large record must not occupy its size for ever.
        commit.frames.shrink_to(2 * COMMIT_BYTES as usize);
    }

    /// Writes `frames` behind the durable end and makes them durable. If that fails the end stays where it is, and the
    /// next commit is written to the same offsets: of the same file if that was only too full, of a new file otherwise.
    fn store(&mut self, frames: &[u8]) -> Result<(), Fault> {
        let end = *self.end.borrow();
        let (file, len) = match self.active.take() {
            Some((file, len)) if len == HEADER_LEN || len + frames.len() as u64 <= self.segment_bytes => (file, len),
            _ => (self.begin_segment(end)?, HEADER_LEN),
        };
        let dir = &self.segments.dir;
        if let Err(e) = self.disk.write(&file, frames) {
            // What was written in part goes away again. If even that fails, the file is given up.
            if self.disk.truncate(&file, len).is_ok() {
                self.active = Some((file, len));
            }
            return Err(Fault::io("writing to the active segment in", dir)(e));
        }
        if let Err(e) = self.disk.sync(&file) {
            // The kernel may have dropped the pages and call them clean now, so a later sync of this file would prove
            // nothing: it never takes a record again. Cutting it keeps the failed records from coming back after a
            // crash; if that fails as well, they stay behind the start of the next segment, where nobody reads.
            let _ = self.disk.truncate(&file, len).and_then(|()| self.disk.sync(&file));
            return Err(Fault::io("syncing the active segment in", dir)(e));
        }
        self.active = Some((file, len + frames.len() as u64));
        Ok(())
    }

    /// Makes the segment that starts at `start`. It gets its name only when its header is durable, so that a file with
    /// a segment's name always has one. A file with that name can exist: one that was given up before it held a durable
    /// record. It is replaced.
    fn begin_segment(&self, start: u64) -> Result<File, Fault> {
        let dir = &self.segments.dir;
        let path = self.segments.path(start);
        let unfinished = dir.join(segment::file_name(start) + UNFINISHED);
        match fs::remove_file(&unfinished) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(Fault::io("deleting", &unfinished)(e)),
            _ => {}
        }
        let file = OpenOptions::new().append(true).create_new(true).open(&unfinished);
        let file = file.map_err(Fault::io("creating", &unfinished))?;
        self.disk.write(&file, &segment::header(start)).map_err(Fault::io("writing", &unfinished))?;
        self.disk.sync(&file).map_err(Fault::io("syncing", &unfinished))?;
        fs::rename(&unfinished, &path).map_err(Fault::io("renaming", &unfinished))?;
        self.disk.sync_dir(dir).map_err(Fault::io("syncing", dir))?;
        self.segments.add(start);
        Ok(file)
    }
}
