//! From a directory to a log that can be written: the lock, the chain of segments, and the end of the last one.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::fault::{Fault, Flaw};
use super::segment::{self, Broken, FRAME_LEN, Frames, HEADER_LEN, Head};

/// A segment gets its name when its header is durable; until then it carries this ending, and holds nothing.
pub(super) const UNFINISHED: &str = ".new";

/// A log directory, locked and in order.
#[derive(Debug)]
pub(super) struct Recovered {
    /// Keeps other processes out for as long as it is open.
    pub(super) lock: File,
    /// The start offsets of all segments.
    pub(super) starts: BTreeSet<u64>,
    /// The last segment, open for appending, and its length; `None` in an empty directory.
    pub(super) last: Option<(File, u64)>,
    /// The logical offset behind the last record, which is durable.
    pub(super) end: u64,
    /// Records in the last segment.
    pub(super) records: u64,
    /// What was cut from the last segment: how many bytes, and the file that has them now.
    pub(super) cut: Option<(u64, PathBuf)>,
}

/// Locks `dir`, which is created if it is missing, and makes the log in it ready to grow.
pub(super) fn recover(dir: &Path) -> Result<Recovered, Fault> {
    create_dir(dir)?;
    let lock = lock(dir)?;
    remove_unfinished(dir)?;
    let starts = list(dir)?;
    check_chain(dir, &starts)?;
    let so_far = Recovered { lock, starts, last: None, end: 0, records: 0, cut: None };
    match so_far.starts.last().copied() {
        Some(start) => recover_last(dir, start, so_far),
        None => Ok(so_far),
    }
}

/// The logical offset behind the last complete record of the log in `dir`, whether or not a process is writing to it.
/// `None` if there is no segment. Changes nothing.
pub(super) fn peek(dir: &Path) -> Result<Option<u64>, Fault> {
    loop {
        let Some(start) = list(dir)?.last().copied() else { return Ok(None) };
        let path = dir.join(segment::file_name(start));
        match File::open(&path) {
            Ok(mut file) => {
                segment::check_header(&mut file, &path, start)?;
                return Ok(Some(scan(file, &path, start)?.end));
            }
            // Between the two calls it was trimmed, or replaced after a failed commit: what is there is listed again.
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(Fault::io("opening", &path)(e)),
        }
    }
}

/// Makes the directory's entries durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn create_dir(dir: &Path) -> Result<(), Fault> {
    let missing: Vec<_> = dir.ancestors().take_while(|d| !d.as_os_str().is_empty() && !d.exists()).collect();
    fs::create_dir_all(dir).map_err(Fault::io("creating", dir))?;
    for created in missing {
        // An entry is durable when the directory above is.
        let above = created.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        sync_dir(above).map_err(Fault::io("syncing", above))?;
    }
    Ok(())
}

fn lock(dir: &Path) -> Result<File, Fault> {
    let path = dir.join("lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(Fault::io("opening", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Fault::Held { dir: dir.to_owned() }),
        Err(TryLockError::Error(e)) => Err(Fault::io("locking", &path)(e)),
    }
}

/// The start offsets of the segments in `dir`; none if there is no such directory.
fn list(dir: &Path) -> Result<BTreeSet<u64>, Fault> {
    let mut starts = BTreeSet::new();
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(starts),
        other => other.map_err(Fault::io("listing", dir))?,
    };
    for entry in entries {
        let name = entry.map_err(Fault::io("listing", dir))?.file_name();
        starts.extend(name.to_str().and_then(segment::start_in_name));
    }
    Ok(starts)
}

/// Removes what is left of a segment whose making was cut short. No record was ever written to it.
fn remove_unfinished(dir: &Path) -> Result<(), Fault> {
    for entry in fs::read_dir(dir).map_err(Fault::io("listing", dir))? {
        let path = entry.map_err(Fault::io("listing", dir))?.path();
        let name = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_suffix(UNFINISHED));
        if name.and_then(segment::start_in_name).is_some() {
            fs::remove_file(&path).map_err(Fault::io("deleting", &path))?;
        }
    }
    Ok(())
}

/// Checks every segment's header, and that each one reaches to where the next one starts. A segment may be longer:
/// what lies behind the start of the next one is left from a commit that failed, and nobody was told that it is stored.
fn check_chain(dir: &Path, starts: &BTreeSet<u64>) -> Result<(), Fault> {
    let nexts = starts.iter().copied().skip(1).map(Some).chain([None]);
    for (start, next) in starts.iter().copied().zip(nexts) {
        let path = dir.join(segment::file_name(start));
        let mut file = File::open(&path).map_err(Fault::io("opening", &path))?;
        segment::check_header(&mut file, &path, start)?;
        let held = file.metadata().map_err(Fault::io("reading", &path))?.len() - HEADER_LEN;
        if let Some(next) = next.filter(|next| held < next - start) {
            return Err(Fault::Gap { file: path, held, expected: next - start, next: segment::file_name(next) });
        }
    }
    Ok(())
}

fn recover_last(dir: &Path, start: u64, so_far: Recovered) -> Result<Recovered, Fault> {
    let path = dir.join(segment::file_name(start));
    let file = OpenOptions::new().read(true).append(true).open(&path).map_err(Fault::io("opening", &path))?;
    let again = || file.try_clone().map_err(Fault::io("opening", &path));
    let found = scan(again()?, &path, start)?;
    let len = segment::file_offset(start, found.end);
    let mut cut = None;
    if let Some(flaw) = found.flaw {
        let mut tail = Vec::new();
        let mut from = again()?;
        from.seek(SeekFrom::Start(len)).map_err(Fault::io("reading", &path))?;
        from.read_to_end(&mut tail).map_err(Fault::io("reading", &path))?;
        if let Some(later) = later_commit(&tail, found.end) {
            let later = segment::file_offset(start, later);
            return Err(Fault::BitRot { file: path, offset: len, flaw, later });
        }
        // First the copy, durable, then the cut: at no moment are the bytes nowhere.
        let kept = keep(dir, &tail, found.end)?;
        file.set_len(len).map_err(Fault::io("truncating", &path))?;
        cut = Some((tail.len() as u64, kept));
    }
    // A process that was killed between writing and syncing leaves records which only the page cache has. They are
    // read from now on, so they have to be as durable as all others.
    file.sync_all().map_err(Fault::io("syncing", &path))?;
    sync_dir(dir).map_err(Fault::io("syncing", dir))?;
    Ok(Recovered { last: Some((file, len)), end: found.end, records: found.records, cut, ..so_far })
}

/// What a segment holds up to its end or its first flaw.
#[derive(Debug)]
struct Scan {
    records: u64,
    end: u64,
    flaw: Option<Flaw>,
}

fn scan(file: File, path: &Path, start: u64) -> Result<Scan, Fault> {
    let reading = |e| Fault::io("reading", path)(e);
    let len = file.metadata().map_err(reading)?.len();
    let mut frames = Frames::new(file, start, start, start + len.saturating_sub(HEADER_LEN)).map_err(reading)?;
    let mut records = 0;
    let mut payload = Vec::new();
    let mut next = || -> Result<bool, Broken> {
        let Some(head) = frames.head()? else { return Ok(false) };
        frames.body(&head, &mut payload)?;
        records += 1;
        Ok(true)
    };
    let flaw = loop {
        match next() {
            Ok(true) => {}
            Ok(false) => break None,
            Err(Broken::Flaw(flaw)) => break Some(flaw),
            Err(Broken::Io(e)) => return Err(reading(e)),
        }
    };
    Ok(Scan { records, end: frames.at(), flaw })
}

/// Looks in `tail`, the bytes from the bad frame at the logical offset `at` on, for a frame whose group commit began
/// behind `at`. Such a frame was written only after the bad one was durable.
///
/// A head is enough: its checksum covers its own offset, so that one byte string in 2^32 would pass by chance, and
/// the bounds on its two numbers leave one in 2^43.
fn later_commit(tail: &[u8], at: u64) -> Option<u64> {
    let windows = tail.windows(FRAME_LEN as usize).enumerate().skip(1);
    windows.filter_map(|(i, bytes)| Head::decode(bytes.try_into().ok()?, at + i as u64)).find_map(|head| {
        let later = head.commit() > at;
        later.then_some(head.start)
    })
}

/// Writes what is cut into a file of its own that no earlier cut has.
fn keep(dir: &Path, tail: &[u8], at: u64) -> Result<PathBuf, Fault> {
    for n in 0.. {
        let path = dir.join(if n == 0 { format!("{at:020}.torn") } else { format!("{at:020}.{n}.torn") });
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                io::Write::write_all(&mut file, tail).map_err(Fault::io("writing", &path))?;
                file.sync_all().map_err(Fault::io("syncing", &path))?;
                sync_dir(dir).map_err(Fault::io("syncing", dir))?;
                return Ok(path);
            }
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Fault::io("creating", &path)(e)),
        }
    }
    Err(Fault::io("naming", dir)(ErrorKind::AlreadyExists.into()))
}
