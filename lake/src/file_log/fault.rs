//! What can be wrong with the files of a log, in detail; callers of the port see the coarser [`LogError`].

use std::io;
use std::path::{Path, PathBuf};

use weir_core::ports::LogError;

/// A finding about one file or directory of the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("{doing} `{}` failed: {source}; check the disk and the rights on the log directory", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },

    #[error(
        "the log directory `{}` is held by another process (it has locked the file `lock` in it); stop that process or \
         give this one a directory of its own",
        dir.display()
    )]
    Held { dir: PathBuf },

    #[error(
        "`{}` is written in log format {found}, this build reads up to format {known}; upgrade weir, or go back to the \
         version that wrote the log",
        file.display()
    )]
    NewerFormat { file: PathBuf, found: u32, known: u32 },

    #[error(
        "`{}` is no segment of a weir log: {why}; restore it from a copy, or move it out of the directory",
        file.display()
    )]
    NotASegment { file: PathBuf, why: String },

    #[error(
        "`{}` holds {held} bytes of records, but the next segment, `{next}`, starts {expected} bytes behind its start; \
         restore what is missing from a copy, or move this file and every older segment out of the directory to go on \
         with the later ones",
        file.display()
    )]
    Gap { file: PathBuf, held: u64, expected: u64, next: String },

    #[error(
        "`{}` is damaged at byte {offset}: {flaw}; restore the file from a copy, or, to go on without the records in \
         it, move it and every older segment out of the directory",
        file.display()
    )]
    BadRecord { file: PathBuf, offset: u64, flaw: Flaw },

    #[error(
        "`{}` is damaged at byte {offset}: {flaw}, and records of a later commit follow at byte {later}, so this was \
         durable once and is no write that was cut short; restore the file from a copy, or move all files of the \
         directory away to start an empty log",
        file.display()
    )]
    BitRot { file: PathBuf, offset: u64, flaw: Flaw, later: u64 },

    #[error(
        "position {position} lies behind the end {end} of the log in `{}`: the log was replaced by an older or empty \
         one; bring back the log that gave the position, or have its reader start again from the oldest record",
        dir.display()
    )]
    BehindTheEnd { dir: PathBuf, position: String, end: u64 },

    #[error(
        "position {position} is not the end of a record in `{}`: it comes from another log; bring back the log that \
         gave it, or have its reader start again from the oldest record",
        file.display()
    )]
    NoBoundary { file: PathBuf, position: u64 },
}

/// Why bytes are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("the file ends inside a record's head")]
    ShortHead,
    #[error("the checksum of a record's head does not match")]
    BadHead,
    #[error("the file ends inside a record's payload")]
    ShortBody,
    #[error("the checksum of a record does not match its payload")]
    BadBody,
}

impl Fault {
    /// For `map_err`: says what was being done to which file.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }
}

impl From<Fault> for LogError {
    fn from(fault: Fault) -> Self {
        match fault {
            // Another try can succeed: space comes back, the other process ends.
            Fault::Io { .. } | Fault::Held { .. } => Self::Unavailable(fault.to_string()),
            _ => Self::Corrupt(fault.to_string()),
        }
    }
}
