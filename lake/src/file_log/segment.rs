//! The bytes of a segment file: its name, its header, and the frames in which records lie. Drawn in the
//! [module doc](super).

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use super::fault::{Fault, Flaw};

/// The version that is written, and the newest that is read.
pub(super) const FORMAT: u32 = 1;

/// The header's length. Every future format keeps these bytes and their meaning, so that an old build can say that a
/// file is too new for it.
pub(super) const HEADER_LEN: u64 = 24;

/// What a record takes besides its payload.
pub(super) const FRAME_LEN: u64 = 16;

/// The largest group commit, but for a single record that is larger. Recovery relies on it: a frame that claims to lie
/// further behind the start of its commit is no frame.
pub(super) const COMMIT_BYTES: u64 = 8 << 20;

/// The largest payload a frame may claim, whatever the settings say today.
pub(super) const PAYLOAD_LIMIT: usize = 1 << 30;

const MAGIC: [u8; 8] = *b"weirlog\n";

const BUFFER: u64 = 256 << 10;

/// `00000000000000000000.log` and so on: in the order of names is in the order of offsets.
pub(super) fn file_name(start: u64) -> String {
    format!("{start:020}.log")
}

/// The start offset a segment's name tells; `None` for other files.
pub(super) fn start_in_name(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    if digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// The header of a segment that starts at `start`.
pub(super) fn header(start: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_LEN as usize);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&start.to_le_bytes());
    let check = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&check.to_le_bytes());
    bytes
}

/// Checks that `file` is a segment of this format that starts at `start`.
pub(super) fn check_header(file: &mut File, path: &Path, start: u64) -> Result<(), Fault> {
    let not = |why: String| Fault::NotASegment { file: path.to_owned(), why };
    let mut bytes = [0; HEADER_LEN as usize];
    match file.seek(SeekFrom::Start(0)).and_then(|_| file.read_exact(&mut bytes)) {
        Ok(()) => {}
        Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Err(not("it is shorter than a header".to_owned())),
        Err(e) => return Err(Fault::io("reading", path)(e)),
    }
    if bytes[..8] != MAGIC {
        return Err(not("it does not begin with `weirlog`".to_owned()));
    }
    if crc32c::crc32c(&bytes[..20]) != le_u32(&bytes, 20) {
        return Err(not("the checksum of its header does not match".to_owned()));
    }
    let (format, found) = (le_u32(&bytes, 8), u64::from(le_u32(&bytes, 12)) | u64::from(le_u32(&bytes, 16)) << 32);
    if format > FORMAT {
        return Err(Fault::NewerFormat { file: path.to_owned(), found: format, known: FORMAT });
    }
    if format == 0 {
        return Err(not("its header names format 0".to_owned()));
    }
    if found != start {
        return Err(not(format!("its header says that it starts at {found}, its name says {start}")));
    }
    Ok(())
}

/// What stands before a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// The logical offset of the frame.
    pub(super) start: u64,
    /// The payload's length.
    pub(super) len: u32,
    /// How far the frame lies behind the first frame of its group commit.
    pub(super) back: u32,
    check: u32,
    body_check: u32,
}

impl Head {
    /// Reads the head of the frame at the logical offset `start`. `None` if these bytes were never written as that.
    pub(super) fn decode(bytes: &[u8; FRAME_LEN as usize], start: u64) -> Option<Self> {
        let head = Self {
            start,
            len: le_u32(bytes, 0),
            back: le_u32(bytes, 4),
            check: le_u32(bytes, 8),
            body_check: le_u32(bytes, 12),
        };
        let possible = head.len as usize <= PAYLOAD_LIMIT && u64::from(head.back) <= COMMIT_BYTES.min(start);
        (possible && head.check == head_check(head.len, head.back, start)).then_some(head)
    }

    /// The logical offset behind the frame, which is also the record's sequence number.
    pub(super) fn end(&self) -> u64 {
        self.start + FRAME_LEN + u64::from(self.len)
    }

    /// Where the group commit of this record begins: everything before was durable when this frame was written.
    pub(super) fn commit(&self) -> u64 {
        self.start - u64::from(self.back)
    }

    fn takes(&self, payload: &[u8]) -> bool {
        crc32c::crc32c_append(self.check, payload) == self.body_check
    }
}

/// Appends the frame of `payload` to `into`; the frame gets the logical offset `start` in the commit that begins at
/// `commit`. The caller keeps to [`PAYLOAD_LIMIT`] and [`COMMIT_BYTES`].
pub(super) fn encode(into: &mut Vec<u8>, payload: &[u8], start: u64, commit: u64) {
    let (len, back) = (payload.len() as u32, (start - commit) as u32);
    let check = head_check(len, back, start);
    into.extend_from_slice(&len.to_le_bytes());
    into.extend_from_slice(&back.to_le_bytes());
    into.extend_from_slice(&check.to_le_bytes());
    into.extend_from_slice(&crc32c::crc32c_append(check, payload).to_le_bytes());
    into.extend_from_slice(payload);
}

/// With the offset in the sum, the stale bytes of another place never pass for a record.
fn head_check(len: u32, back: u32, start: u64) -> u32 {
    let check = crc32c::crc32c(&len.to_le_bytes());
    let check = crc32c::crc32c_append(check, &back.to_le_bytes());
    crc32c::crc32c_append(check, &start.to_le_bytes())
}

fn le_u32(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

/// Why a frame could not be read.
#[derive(Debug)]
pub(super) enum Broken {
    Flaw(Flaw),
    Io(io::Error),
}

impl Broken {
    fn reading(short: Flaw) -> impl FnOnce(io::Error) -> Self {
        move |e| if e.kind() == ErrorKind::UnexpectedEof { Self::Flaw(short) } else { Self::Io(e) }
    }

    /// The finding, for the frame at byte `offset` of `path`.
    pub(super) fn into_fault(self, path: &Path, offset: u64) -> Fault {
        match self {
            Self::Flaw(flaw) => Fault::BadRecord { file: path.to_owned(), offset, flaw },
            Self::Io(e) => Fault::io("reading", path)(e),
        }
    }
}

/// Reads frames one after the other, up to a logical offset. After an error it is of no more use.
#[derive(Debug)]
pub(super) struct Frames {
    file: BufReader<File>,
    at: u64,
    stop: u64,
}

impl Frames {
    /// From the logical offset `from` to `stop`, in the segment that starts at `segment`.
    pub(super) fn new(mut file: File, segment: u64, from: u64, stop: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(file_offset(segment, from)))?;
        // A reader that tails the log asks for a few hundred bytes at a time.
        let capacity = BUFFER.min(stop.saturating_sub(from)) as usize;
        Ok(Self { file: BufReader::with_capacity(capacity, file), at: from, stop })
    }

    /// The logical offset of the next frame, or of the one that could not be read.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// The next head; `None` at the stop. Each head is followed by a call of [`body`](Self::body).
    pub(super) fn head(&mut self) -> Result<Option<Head>, Broken> {
        let left = self.stop - self.at;
        if left == 0 {
            return Ok(None);
        }
        if left < FRAME_LEN {
            return Err(Broken::Flaw(Flaw::ShortHead));
        }
        let mut bytes = [0; FRAME_LEN as usize];
        self.file.read_exact(&mut bytes).map_err(Broken::reading(Flaw::ShortHead))?;
        let head = Head::decode(&bytes, self.at).ok_or(Broken::Flaw(Flaw::BadHead))?;
        // Before anything is reserved for it.
        if head.end() > self.stop { Err(Broken::Flaw(Flaw::ShortBody)) } else { Ok(Some(head)) }
    }

    /// The payload behind `head`, in place of what `into` holds.
    pub(super) fn body(&mut self, head: &Head, into: &mut Vec<u8>) -> Result<(), Broken> {
        into.resize(head.len as usize, 0);
        self.file.read_exact(into).map_err(Broken::reading(Flaw::ShortBody))?;
        if !head.takes(into) {
            return Err(Broken::Flaw(Flaw::BadBody));
        }
        self.at = head.end();
        Ok(())
    }
}

/// Where the logical offset `at` lies in the file of the segment that starts at `segment`.
pub(super) fn file_offset(segment: u64, at: u64) -> u64 {
    HEADER_LEN + (at - segment)
}
