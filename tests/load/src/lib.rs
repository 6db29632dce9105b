//! The collector under load: what it costs beside a server that does nothing, and what it loses when its parts fail.
//!
//! ```text
//! ingest-load bars ──starts──▶ ingest-server --sink null    the real router, one thread
//!        │                     ingest-server --peer         a bare handler that reads the same bodies
//!        └──requests──▶ 127.0.0.1:…
//! $ make bench-ingest          the bars as ratios of one run
//! $ make soak                  five minutes over parts that fail
//! ```
//!
//! Words: a *closed* loop sends the next request when the last is answered, and so finds the most that a server does; an
//! *open* loop sends at a given rate, whatever the server does, and counts each latency from the moment at which the
//! request should have left. A *CPU second* is what the operating system says that the server used: on a shared machine
//! that is fairer than the clock on the wall.
//!
//! - [`body`]: requests with events as an app sends them.
//! - [`connection`]: one client's connection. It does little, so that it costs less than the server.
//! - [`drive`]: many connections, closed or open.
//! - [`process`]: a server as a process, and its CPU seconds.
//! - [`bars`]: the table that `make bench-ingest` prints.

#![allow(clippy::disallowed_methods, reason = "a load generator has the real clock")]

pub mod bars;
pub mod body;
pub mod connection;
pub mod drive;
pub mod process;
