//! Tracking plans as files, and the events of a lake or of files to hold against them.
//!
//! ```text
//! plan.yaml ──document──▶ JSON tree ──▶ weir_core::plan
//!                             ▲   │
//!               settings of a lake └──yaml──▶ text, with notes as comments
//! ```
//!
//! - [`document`]: a plan from a file: YAML or JSON, bounded, without names that are there twice.
//! - [`yaml`]: a document as YAML, as `weir plan infer` and `weir plan show` print it.
//! - [`scan`]: events, one after the other, from a lake or from NDJSON files.

pub mod document;
pub mod scan;
pub mod yaml;
