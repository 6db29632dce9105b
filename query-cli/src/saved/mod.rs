//! Saved things of a lake: reports, dashboards and annotations.
//!
//! ```text
//! Body (checked) ──▶ Document: id, revision, who, when ──▶ saved/reports/{id}/{revision}.json
//! ```
//!
//! [`Library`] reads and writes them. A save names the revision that it was made of: another one since then is
//! [`SavedError::Changed`], and nothing of either is lost. Revisions never change, so what was read is kept.
//! [`document`] is what is written.

pub mod document;
mod library;

use std::sync::Arc;

use weir_core::saved::MAX_DOCUMENTS;
use weir_core::spec::SpecError;
use weir_lake::StoreError;
use weir_lake::names::SavedKind;

pub use document::{Body, Document};
pub use library::{Library, Saving};

use crate::render::numbers::count;

/// What goes wrong with saved things.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is to be saved.
    #[error(transparent)]
    Content(#[from] SpecError),
    /// There is no such document.
    #[error("the lake has no {} `{id}`; `{}` shows those that it has", one_of(*.kind), listed_by(*.kind))]
    NotThere {
        /// Its kind.
        kind: SavedKind,
        /// What was asked for.
        id: String,
    },
    /// There is one, without that revision.
    #[error("{} `{id}` has no revision {revision}; its newest is {newest}", one_of(*.kind))]
    NoRevision {
        /// Its kind.
        kind: SavedKind,
        /// Which one.
        id: String,
        /// What was asked for.
        revision: u64,
        /// What there is.
        newest: u64,
    },
    /// Somebody else was first.
    #[error(
        "{} `{}` is at revision {} now, and not at {expected}: somebody saved it meanwhile; look at what it is now, and save \
         again with that revision",
        one_of(*.kind), .current.id, .current.revision
    )]
    Changed {
        /// Its kind.
        kind: SavedKind,
        /// The revision that the change was made of.
        expected: u64,
        /// What it is now.
        current: Arc<Document>,
    },
    /// Written by a newer weir, which may have put more into it than would be kept.
    #[error("{} `{id}` was saved by a newer weir, in format {format}; upgrade weir to save over it", one_of(*.kind))]
    Newer {
        /// Its kind.
        kind: SavedKind,
        /// Which one.
        id: String,
        /// The format.
        format: u64,
    },
    /// What lies there is not what weir wrote.
    #[error("`{object}` cannot be read: {problem}; correct that file, or remove it to go back to the revision before")]
    Damaged {
        /// Its name below the lake.
        object: String,
        /// What was found.
        problem: String,
    },
    /// No room for one more.
    #[error("there are {} {} already; remove some first", count(MAX_DOCUMENTS as u64), .kind.as_str())]
    TooMany {
        /// Their kind.
        kind: SavedKind,
    },
}

/// One document of a kind, as people name it.
pub fn one_of(kind: SavedKind) -> &'static str {
    match kind {
        SavedKind::Reports => "report",
        SavedKind::Dashboards => "dashboard",
        SavedKind::Annotations => "annotation",
    }
}

fn listed_by(kind: SavedKind) -> &'static str {
    match kind {
        SavedKind::Reports => "weir reports list",
        SavedKind::Dashboards => "GET /api/dashboards",
        SavedKind::Annotations => "GET /api/annotations",
    }
}

#[cfg(test)]
#[path = "../saved_tests.rs"]
mod tests;
