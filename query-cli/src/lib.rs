//! `weir`: questions and answers on the command line, and the whole system on one machine.
//!
//! Results go to standard output and everything else to standard error, so that a result can be piped. The exit code is 0
//! for success, 1 for failure and 2 for a command line or a question that cannot be understood.
//!
//! - [`args`]: the command line as types, with the help that people read.
//! - [`completion`]: names of the lake in shells that complete.
//! - [`commands`]: one module a command: from arguments to a printed result.
//! - [`engine`]: answers questions from a lake.
//! - [`render`]: pure functions from results to text, in every format.
//! - [`output`]: the only place that writes to standard output and standard error.
//! - [`error`]: what a person is told when a command fails.
//! - [`expectation`]: where an answer is not as expected.
//! - [`catalogue`]: events and their properties, as answers have them.
//! - [`timeline`], [`explanation`]: what one user did, and why they did or did not convert, as answers have it.
//! - [`http`]: the same questions over HTTP.
//! - [`function`]: the same as a function of AWS Lambda.
//! - [`saved`]: reports, dashboards and annotations that people keep.
//! - [`checks`]: their answers held against bounds, on a schedule.
//! - [`failed`]: failed events, and another try of them.
//! - [`tokens`]: who may ask a server, and what they may do there; [`openid`]: the same, by a provider that knows people;
//!   [`embeds`]: links to the answer of one report.
//! - [`outside`]: a deployment looked at from outside, for `weir doctor`.
//! - [`cost`]: what a load costs on AWS.
//! - [`importer`]: lines of NDJSON into a lake; [`landing`]: the loops of `weir dev`.
//! - [`plan`]: tracking plans as files, and the events to hold against them.
//! - [`demo`]: generated events to try weir with.

pub mod args;
pub mod catalogue;
pub mod checks;
pub mod commands;
pub mod completion;
pub mod cost;
pub mod demo;
pub mod embeds;
pub mod engine;
pub mod error;
pub mod expectation;
pub mod explanation;
pub mod failed;
pub mod function;
pub mod http;
pub mod importer;
pub mod landing;
pub mod metrics;
pub mod openid;
pub mod output;
pub mod outside;
pub mod plan;
pub mod render;
pub mod saved;
pub mod timeline;
pub mod tokens;
pub mod unknown;
pub mod users;
