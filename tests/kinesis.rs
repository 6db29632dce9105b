//! The collector's event log on a stream, against a Kinesis of this machine and its bad days.
//!
//! - `contract`: the conformance suite, limits, and what cannot be mended by trying again.
//! - `faults`: throttling, partial failures, timeouts, connections that break.
//! - `shards`: a stream that is split while it is written and read.
//! - `whole`: from HTTP to the lake, on bad days of the stream and of the overflow.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by a panic, and real processes run in real time"
)]

#[path = "kinesis/contract.rs"]
mod contract;
#[path = "kinesis/faults.rs"]
mod faults;
#[path = "kinesis/rig.rs"]
mod rig;
#[path = "kinesis/shards.rs"]
mod shards;
#[path = "kinesis/whole.rs"]
mod whole;
