//! The whole system from outside: the real program, real HTTP, real files.
//!
//! - [`send`]: events over HTTP, in every form, good and bad; copies; answers of the command line and of the API.
//! - [`import`]: events in files.
//! - [`funnels`]: funnels whose numbers are worked out by hand.
//! - [`catalogue`]: events with their properties, types and values.
//! - [`days`]: what a day is, what is still open, and which tests a property passes.
//! - [`life`]: restarts, two writers, two servers, one port.
//! - [`failed`]: what was sent and not taken: kept, shown, tried again, removed.
//! - [`failures`]: what is said, and with which exit code, when something is wrong.
//! - [`formats`]: results in every format.
//! - [`page`]: the page and who may read.
//! - [`watch`]: figures, the log for machines, readiness.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by a panic; helpers of tests are no production code"
)]

#[path = "system/ask.rs"]
mod ask;
#[path = "system/catalogue.rs"]
mod catalogue;
#[path = "system/days.rs"]
mod days;
#[path = "system/failed.rs"]
mod failed;
#[path = "system/failures.rs"]
mod failures;
#[path = "system/formats.rs"]
mod formats;
#[path = "system/funnels.rs"]
mod funnels;
#[path = "system/import.rs"]
mod import;
#[path = "system/life.rs"]
mod life;
#[path = "system/page.rs"]
mod page;
#[path = "system/send.rs"]
mod send;
#[path = "system/watch.rs"]
mod watch;
