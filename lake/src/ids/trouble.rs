//! What goes wrong with the index of ids: what costs only the index, and what is an error of the lake.

use weir_store::StoreError;

use crate::error::LakeError;

/// Why the index could not be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// A segment is missing or damaged. Nothing is lost: the table has all ids.
    #[error("`{name}`: {problem}")]
    Segment {
        /// The object.
        name: String,
        /// What was found.
        problem: String,
    },
    /// The store failed, or the table is damaged.
    #[error(transparent)]
    Lake(#[from] LakeError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Lake(error.into())
    }
}
