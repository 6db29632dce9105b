//! What goes wrong with a store, by what the caller should do about it.

use std::error::Error;

use crate::names;
use crate::s3::S3Error;

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
    /// There may be a lake, but it cannot be reached.
    #[error("cannot open the lake `{url}`: {problem}")]
    Unreachable {
        /// As it was given.
        url: String,
        /// What was found, and what to do.
        problem: String,
    },
    /// There is nothing at the URL.
    #[error("there is no lake at `{url}`; make one with `weir import FILE --lake {url}`{or_dev}", or_dev = or_dev(.url))]
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
    /// A record of the overflow was to have a number that is taken: numbers are new UUIDs.
    #[error("`{object}` is there already, with other bytes; nothing was changed, send the events again")]
    NumberTaken {
        /// Its name below the lake.
        object: String,
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
    #[error("the store failed at `{object}`: {said}", said = said(.source))]
    Failed {
        /// Its name below the lake.
        object: String,
        /// What the store says.
        source: object_store::Error,
    },
}

/// `weir dev` makes lakes too, but on this machine only.
fn or_dev(url: &str) -> String {
    if url.starts_with("s3://") { String::new() } else { format!(" or `weir dev --lake {url}`") }
}

/// What S3 refused is said by [`S3Error`] alone: the words that others put around it say nothing more.
pub(crate) fn said(error: &object_store::Error) -> String {
    let s3 = error.source().and_then(|source| source.downcast_ref::<S3Error>());
    s3.map_or_else(|| error.to_string(), S3Error::to_string)
}

impl StoreError {
    pub(crate) fn settings(number: u64, problem: impl ToString) -> Self {
        Self::Settings { object: names::settings(number).to_string(), problem: problem.to_string() }
    }

    /// The store failed at an object.
    pub fn failed(object: impl ToString, source: object_store::Error) -> Self {
        Self::Failed { object: object.to_string(), source }
    }
}
