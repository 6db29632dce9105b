//! The event log as files: what a server on one machine uses where a stream is too much.
//!
//! [`FileLog`] implements [`EventLog`] with one shard, [`SHARD`], on one directory that one process holds at a time.
//!
//! # Words and roles
//!
//! - A *segment* is one file. The log is the chain of all segments of its directory; only the last one grows.
//! - A *logical offset* counts the bytes of all frames ever written, headers not included. It never goes back and is
//!   the only kind of position: a segment is named after the offset it starts at, and the *sequence number* of a
//!   record is the offset behind its frame. So it grows strictly, is never 0, and tells a reader where to go on.
//! - A *group commit* is what one `fdatasync` makes durable: all records that waited.
//!
//! | file | role |
//! |---|---|
//! | `segment.rs` | the bytes: names, header, frames |
//! | `writer.rs` | the thread that turns waiting records into group commits |
//! | `reader.rs` | reading from an offset, and trimming |
//! | `recovery.rs` | from a directory to a log that can grow; a look from outside |
//! | `probe.rs` | whether the disk would take a record |
//! | `fault.rs` | every finding, with what to do about it |
//!
//! # The directory
//!
//! ```text
//! events/
//!   lock                          held while a process has the log open
//!   00000000000000000000.log      offsets 0 to 67108850
//!   00000000000067108850.log      the next segment; the last one is the active one
//!   00000000000067109000.torn     bytes that recovery cut off at that offset; yours to look at and delete
//!   probe                         for a moment, while somebody asks whether the log takes records
//! ```
//!
//! # The bytes of a segment
//!
//! All numbers are little endian; every checksum is a CRC-32C.
//!
//! ```text
//! header   0        8         12             20         24
//!          | weirlog\n | format 1 | start offset | checksum of bytes 0 to 19 |
//!
//! frame    0        4        8            12           16            16 + length
//!          | length | back   | head check | body check | payload     |
//!
//! length      bytes of payload
//! back        how far this frame lies behind the first frame of its group commit
//! head check  over length, back, and the logical offset of the frame (8 bytes, not stored)
//! body check  the same sum, carried on over the payload
//! ```
//!
//! With the offset in both sums, the stale bytes of another place never pass for a record. With a sum of its own, a
//! head can be trusted and found even where the payload before it cannot.
//!
//! For example, the first three records of a log, `hi` committed alone, then `a` and `bc` together:
//!
//! ```text
//! file byte       24             42             59
//!                 | len 2 back 0 | len 1 back 0 | len 2 back 17 |
//! logical offset  0              18             35              53
//! sequence number                18 = hi        35 = a          53 = bc
//! ```
//!
//! # What is promised, and how
//!
//! **An acknowledged record is durable.** A record is answered, and read, only when `fdatasync` has returned; a new
//! segment's name is synced before its first record is.
//!
//! **A commit that fails stores nothing.** All its callers get [`LogError::Unavailable`]. After a failed write the file
//! is cut back and used again, so that a full disk heals when space returns. After a failed sync, or if the cut fails,
//! the open log never writes to that file again, since nobody can tell what the disk has of it: the next commit begins
//! a new segment at the same offset. What the old file has behind that offset was never acknowledged and is not read.
//!
//! **A torn tail is cut, damage is not.** The writer begins a commit only when everything before it is durable. So if
//! [`FileLog::open`] meets a bad frame in the last segment, it looks for a later frame whose commit began *behind* the
//! bad one (that is what `back` is for):
//!
//! - There is one: the bad frame was durable before that commit was written. This is damage, and [`LogError::Corrupt`].
//! - There is none: all that follows belongs to the commit of the bad frame, or is no record. That is what a crash in
//!   the middle of a commit leaves, even where the disk wrote later pages and not earlier ones. Nothing of it was
//!   acknowledged, so it is cut off, and kept in a `.torn` file and told of in the [`OpenReport`], because there is a
//!   remote case that looks the same: damage to the very last commit of a log.
//!
//! A bad frame in an earlier segment is always damage. Those are not read when the log is opened (only their headers
//! and lengths are), but each read checks what it returns.

mod fault;
mod probe;
mod reader;
mod recovery;
mod segment;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use weir_core::ports::{EventLog, LogError, LogPosition, LogRecord, SequenceNumber, ShardId};

use self::fault::Fault;
use self::reader::Segments;
use self::writer::{Counters, Disk, Job, StdDisk, Writer};

/// The name of the one shard.
pub const SHARD: &str = "file-0";

/// How a [`FileLog`] is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLogSettings {
    /// The log's directory; created if it is missing.
    pub dir: PathBuf,
    /// A segment of this many bytes is full. Space is freed by whole segments. A record that is larger gets a segment
    /// to itself.
    pub segment_bytes: u64,
    /// The largest payload that is taken; at most 1 GiB, whatever is set.
    pub max_record_bytes: usize,
    /// How many records may wait for the writer. Further appends wait until there is room.
    pub queue_records: usize,
    /// Where a log that has no segment yet begins, as a logical offset. Who reads it from a recorded position gives that
    /// position, so that a log whose directory was taken away does not begin below it, where nothing would be read.
    pub begin_at: u64,
}

impl FileLogSettings {
    /// The defaults for a log in `dir`: segments of 64 MiB, records of up to 16 MiB, 1024 of them waiting.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), segment_bytes: 64 << 20, max_record_bytes: 16 << 20, queue_records: 1024, begin_at: 0 }
    }
}

/// What [`FileLog::open`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenReport {
    /// How many segments there are.
    pub segments: usize,
    /// How many records the last segment holds; older segments are not read.
    pub records: u64,
    /// The position of the last record; `None` if there never was one.
    pub end: Option<SequenceNumber>,
    /// How many bytes of an unfinished commit were cut off.
    pub cut_bytes: u64,
    /// Where those bytes are now, if any were cut.
    pub torn_file: Option<PathBuf>,
}

/// What a [`FileLog`] did since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLogStats {
    /// Records made durable.
    pub records: u64,
    /// Bytes made durable, with what frames take.
    pub bytes: u64,
    /// Group commits, each of one write and one `fdatasync`.
    pub commits: u64,
    /// Group commits that failed.
    pub failed_commits: u64,
    /// Segments in the directory now.
    pub segments: usize,
}

/// An [`EventLog`] in the files of one directory. See the [module doc](self).
///
/// Reading needs a tokio runtime. Dropping the log waits for the commit in progress; [`close`](Self::close) does so
/// without blocking the runtime.
#[derive(Debug)]
pub struct FileLog {
    max_record_bytes: usize,
    segments: Arc<Segments>,
    counters: Arc<Counters>,
    end: watch::Receiver<u64>,
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl FileLog {
    /// Opens the log of a directory, or begins one. Blocks while it reads the last segment.
    ///
    /// # Errors
    ///
    /// [`LogError::Unavailable`] if another process holds the directory or the disk fails, [`LogError::Corrupt`] if a
    /// file is damaged, missing from the chain, or of a newer format.
    pub fn open(settings: FileLogSettings) -> Result<(Self, OpenReport), LogError> {
        Self::open_on(settings, Box::new(StdDisk))
    }

    fn open_on(settings: FileLogSettings, disk: Box<dyn Disk>) -> Result<(Self, OpenReport), LogError> {
        let FileLogSettings { dir, segment_bytes, max_record_bytes, queue_records, begin_at } = settings;
        let recovered = recovery::recover(&dir)?;
        let end = if recovered.starts.is_empty() { begin_at } else { recovered.end };
        let (cut_bytes, torn_file) = recovered.cut.map_or((0, None), |(bytes, file)| (bytes, Some(file)));
        if let Some(torn) = &torn_file {
            let (dir, torn) = (dir.display(), torn.display());
            tracing::warn!(%dir, cut_bytes, %torn, "cut an unfinished commit off the event log; its bytes are kept");
        }
        let report = OpenReport {
            segments: recovered.starts.len(),
            records: recovered.records,
            end: position(end),
            cut_bytes,
            torn_file,
        };
        let segments = Arc::new(Segments::new(dir, recovered.starts));
        let counters = Arc::<Counters>::default();
        let (end_sender, end) = watch::channel(end);
        let writer = Writer {
            disk,
            segments: Arc::clone(&segments),
            segment_bytes,
            counters: Arc::clone(&counters),
            end: end_sender,
            active: recovered.last,
            _lock: recovered.lock,
        };
        let (sender, jobs) = mpsc::channel(queue_records.max(1));
        let thread = std::thread::Builder::new().name("weir-file-log".to_owned()).spawn(move || writer.run(jobs));
        let thread = thread.map_err(Fault::io("starting the writer thread for", &segments.dir))?;
        let log = Self {
            max_record_bytes: max_record_bytes.min(segment::PAYLOAD_LIMIT),
            segments,
            counters,
            end,
            jobs: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
        };
        Ok((log, report))
    }

    /// The position of the last durable record; `None` if there never was one.
    pub fn end(&self) -> Option<SequenceNumber> {
        position(*self.end.borrow())
    }

    /// The position of the last complete record of the log in `dir`, whether or not a process has it open; `None` if
    /// there is no log or never was a record. Takes no lock and changes nothing, but reads the last segment; blocks.
    ///
    /// A record that another process is about to make durable may already count.
    ///
    /// # Errors
    ///
    /// [`LogError::Unavailable`] if the disk fails, [`LogError::Corrupt`] if the last segment's header is damaged or of
    /// a newer format.
    pub fn peek_end(dir: &Path) -> Result<Option<SequenceNumber>, LogError> {
        Ok(recovery::peek(dir)?.and_then(position))
    }

    /// Returns as soon as there is a record behind `after` (any record, if `None`), which may be at once. For a reader
    /// that has read up to `after`: nothing that is appended in between is missed.
    ///
    /// # Errors
    ///
    /// [`LogError::Unavailable`] if the log is closed and there is no such record, [`LogError::Corrupt`] if `after`
    /// lies behind the end.
    pub async fn wait_for_append(&self, after: Option<&SequenceNumber>) -> Result<(), LogError> {
        let (after, _) = self.offset(after)?;
        let waited = self.end.clone().wait_for(|end| *end > after).await.map(|_| ());
        waited.map_err(|_| self.closed())
    }

    /// Counts since the log was opened.
    pub fn stats(&self) -> FileLogStats {
        FileLogStats {
            records: self.counters.records.load(Ordering::Relaxed),
            bytes: self.counters.bytes.load(Ordering::Relaxed),
            commits: self.counters.commits.load(Ordering::Relaxed),
            failed_commits: self.counters.failed_commits.load(Ordering::Relaxed),
            segments: self.segments.count(),
        }
    }

    /// Takes no more records, waits until those that were taken are durable, and lets go of the directory. Reading
    /// works on.
    pub async fn close(&self) {
        if let Some(thread) = self.stop() {
            // The thread answers everybody before it ends, so there is nothing to learn from how it ended.
            let _ = tokio::task::spawn_blocking(|| thread.join()).await;
        }
    }

    /// Without a sender, the writer ends when its queue is empty.
    fn stop(&self) -> Option<JoinHandle<()>> {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn sender(&self) -> Option<mpsc::Sender<Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn closed(&self) -> LogError {
        LogError::Unavailable(format!("the log in `{}` is closed", self.segments.dir.display()))
    }

    fn check(shard: &ShardId) -> Result<(), LogError> {
        if shard.0 == SHARD { Ok(()) } else { Err(LogError::NoShard(shard.clone())) }
    }

    /// The offset that a position stands for, which has to lie in this log, and the durable end.
    fn offset(&self, position: Option<&SequenceNumber>) -> Result<(u64, u64), Fault> {
        let end = *self.end.borrow();
        let Some(position) = position else { return Ok((0, end)) };
        match position.as_u64() {
            Some(offset) if offset <= end => Ok((offset, end)),
            _ => Err(Fault::BehindTheEnd { dir: self.segments.dir.clone(), position: position.to_string(), end }),
        }
    }

    /// Runs work with files where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Segments) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, LogError> {
        let segments = Arc::clone(&self.segments);
        match tokio::task::spawn_blocking(move || work(&segments)).await {
            Ok(done) => Ok(done?),
            Err(stopped) => Err(LogError::Unavailable(format!("the runtime is shutting down ({stopped})"))),
        }
    }
}

/// A log's end as a position: an offset of 0 is behind no record.
fn position(end: u64) -> Option<SequenceNumber> {
    (end > 0).then(|| SequenceNumber::from(end))
}

#[async_trait]
impl EventLog for FileLog {
    /// Says no where the log is closed, or the disk does not take a small file.
    async fn check(&self) -> Result<(), LogError> {
        if self.sender().is_none_or(|sender| sender.is_closed()) {
            return Err(self.closed());
        }
        self.blocking(|segments| probe::probe(&segments.dir)).await
    }

    async fn append(&self, payload: Bytes) -> Result<LogPosition, LogError> {
        if payload.len() > self.max_record_bytes {
            return Err(LogError::TooLarge { bytes: payload.len(), limit: self.max_record_bytes });
        }
        let sender = self.sender().ok_or_else(|| self.closed())?;
        let (reply, answer) = oneshot::channel();
        sender.send(Job { payload, reply }).await.map_err(|_| self.closed())?;
        // The writer waits for the last sender to go away.
        drop(sender);
        match answer.await {
            Ok(Ok(end)) => Ok(LogPosition { shard: ShardId(SHARD.to_owned()), sequence: SequenceNumber::from(end) }),
            Ok(Err(why)) => Err(LogError::Unavailable(why)),
            Err(_) => Err(self.closed()),
        }
    }

    async fn shards(&self) -> Result<Vec<ShardId>, LogError> {
        Ok(vec![ShardId(SHARD.to_owned())])
    }

    /// A position before the oldest kept record reads from the oldest kept record on.
    async fn read(
        &self,
        shard: &ShardId,
        after: Option<&SequenceNumber>,
        max_bytes: usize,
    ) -> Result<Vec<LogRecord>, LogError> {
        Self::check(shard)?;
        let (after, end) = self.offset(after)?;
        if after == end {
            return Ok(Vec::new());
        }
        self.blocking(move |segments| segments.read(after, end, max_bytes)).await
    }

    /// Deletes the segments that lie wholly at or before `through`, but never the last one.
    async fn trim(&self, shard: &ShardId, through: &SequenceNumber) -> Result<(), LogError> {
        Self::check(shard)?;
        let (through, _) = self.offset(Some(through))?;
        self.blocking(move |segments| segments.trim(through)).await
    }
}

impl Drop for FileLog {
    fn drop(&mut self) {
        if let Some(thread) = self.stop() {
            // Whoever opens the directory next finds it free. This is short: appends borrow the log, so at most
            // abandoned ones are still queued.
            let _ = thread.join();
        }
    }
}
