//! What goes wrong in a lake, by what the caller should do about it.

use weir_core::ports::{LogError, SequenceNumber, ShardId};
use weir_store::StoreError;

/// An error of the lake. Messages name the object, what was found and what to do.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// Another writer committed first. Read the new snapshot and plan again.
    #[error("version {version} was committed by another writer first")]
    Conflict {
        /// The version that is taken.
        version: u64,
    },
    /// A commit would take away a file that is not live. Read the new snapshot and plan again.
    #[error("`{path}` is not live in version {version}; it was compacted or erased by another writer")]
    NotLive {
        /// The data file.
        path: String,
        /// The snapshot that was planned on.
        version: u64,
    },
    /// A commit would give the table a typed column that it cannot have: another writer has given it others meanwhile. Read the
    /// new snapshot and plan again.
    #[error("the table cannot have the column `{column}` in version {version}: {why}")]
    Column {
        /// Its name.
        column: String,
        /// The snapshot that was planned on.
        version: u64,
        /// What it has instead.
        why: String,
    },
    /// A commit does not follow the landed position of a shard.
    #[error("shard `{shard}` is landed up to {recorded}, the commit begins behind {offered}", recorded = show(.recorded.as_ref()), offered = show(.offered.as_ref()))]
    Position {
        /// Which shard.
        shard: ShardId,
        /// What the snapshot says.
        recorded: Option<SequenceNumber>,
        /// What the commit was built on.
        offered: Option<SequenceNumber>,
    },
    /// A commit would break an invariant of the table: a defect in weir, stopped before it does harm.
    #[error("refused to commit: {0}; nothing was changed, please report this")]
    Invariant(String),
    /// An object is not what weir wrote.
    #[error("`{object}` in the lake is damaged: {problem}; restore it from a backup, or ask for an older version")]
    Corrupt {
        /// Its name below the lake.
        object: String,
        /// What was found.
        problem: String,
    },
    /// The log names an object that is not there.
    #[error("`{object}` is missing from the lake, but version {version} needs it; restore it from a backup")]
    Missing {
        /// Its name below the lake.
        object: String,
        /// The version that needs it.
        version: u64,
    },
    /// There is no such version.
    #[error("the lake has no version {wanted}; the newest is {newest}")]
    NoVersion {
        /// Which was asked for.
        wanted: u64,
        /// Which there is.
        newest: u64,
    },
    /// The files of a version are gone, as they are to be after a while.
    #[error("version {wanted} was vacuumed; the oldest that can be read is {oldest}")]
    Vacuumed {
        /// Which was asked for.
        wanted: u64,
        /// From which on there are all files.
        oldest: u64,
    },
    /// What is old cannot be told from what is young.
    #[error(
        "the clock of this machine says {here}, that of the lake's store {store}; nothing is removed until they agree: set the clock that is wrong"
    )]
    Clock {
        /// As this machine has it.
        here: String,
        /// As the store has it.
        store: String,
    },
    /// That version was there once.
    #[error("version {wanted} of the lake has been cleaned up; the oldest that can be asked for is {oldest}")]
    VersionGone {
        /// Which was asked for.
        wanted: u64,
        /// The oldest that is left.
        oldest: u64,
    },
    /// Another engine asked more of writers than weir knows.
    #[error(
        "the table asks for {what} of whoever writes to it, which this weir does not know; reading works, and nothing was changed"
    )]
    ReadOnly {
        /// Features, or a version of the protocol.
        what: String,
    },
    /// Written by a newer weir.
    #[error("the lake needs {what}, which this weir does not know; upgrade weir")]
    Newer {
        /// A format version or a table feature.
        what: String,
    },
    /// The store, or the settings in it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Columns could not be built or read.
    #[error("columns: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
    /// A data file could not be written.
    #[error("writing a data file: {0}")]
    Write(#[from] parquet::errors::ParquetError),
    /// The event log.
    #[error(transparent)]
    Log(#[from] LogError),
}

fn show(sequence: Option<&SequenceNumber>) -> &str {
    sequence.map_or("its beginning", SequenceNumber::as_str)
}

impl LakeError {
    /// Whether reading the new snapshot and planning again may succeed.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::NotLive { .. } | Self::Column { .. })
    }

    /// Whether a commit that ends in this error may have been made all the same: the store failed, and what it had done by
    /// then is not known. Files of such a commit must stay.
    pub fn leaves_doubt(&self) -> bool {
        matches!(self, Self::Store(_))
    }

    pub(crate) fn corrupt(object: impl ToString, problem: impl ToString) -> Self {
        Self::Corrupt { object: object.to_string(), problem: problem.to_string() }
    }
}
