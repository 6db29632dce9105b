//! What goes wrong with a store, by what the caller should do about it.

use crate::names;

/// An error of the store. Messages name the object, what was found and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL is not one that weir opens.
    #[error("`{url}` is not a lake: {problem}")]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// There is nothing at the URL.
    #[error("there is no lake at `{url}`; make one with `weir import FILE --lake {url}` or `weir dev --lake {url}`")]
    NoLake {
        /// Where it was looked for.
        url: String,
    },
    /// The settings are not what weir wrote.
    #[error(
        "the settings `{object}` cannot be used: {problem}; correct that file, or remove it to go back to the one before"
    )]
    Settings {
        /// The document's name below the lake.
        object: String,
        /// What was found.
        problem: String,
    },
    /// Other writers of the settings were first again and again.
    #[error("document {number} of the settings was written by another writer first; try again")]
    Conflict {
        /// The number that is taken.
        number: u64,
    },
    /// A value cannot be kept as JSON: a defect in weir, stopped before it does harm.
    #[error("refused to write the settings: {0}; nothing was changed, please report this")]
    NotJson(String),
    /// Written by a newer weir.
    #[error("the lake needs {what}, which this weir does not know; upgrade weir")]
    Newer {
        /// A format version.
        what: String,
    },
    /// The store did not do what it was asked.
    #[error("the store failed at `{object}`: {source}")]
    Failed {
        /// Its name below the lake.
        object: String,
        /// What the store says.
        source: object_store::Error,
    },
}

impl StoreError {
    pub(crate) fn settings(number: u64, problem: impl ToString) -> Self {
        Self::Settings { object: names::settings(number).to_string(), problem: problem.to_string() }
    }

    pub(crate) fn failed(object: impl ToString, source: object_store::Error) -> Self {
        Self::Failed { object: object.to_string(), source }
    }
}
