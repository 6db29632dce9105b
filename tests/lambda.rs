//! The compiled functions, asked as Lambda asks them. The collector: a function URL and an HTTP API before it, a stream and a
//! lake behind it. The compactor: an event source mapping of that stream and a schedule before it, the lake behind it.
//!
//! The stream is kinesis-local, the lake lies on moto's S3. What was accepted is landed and counted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

#[path = "lambda/compacts.rs"]
mod compacts;
#[path = "lambda/delivers.rs"]
mod delivers;
#[path = "lambda/lands.rs"]
mod lands;
#[path = "lambda/refuses.rs"]
mod refuses;
#[path = "lambda/site.rs"]
mod site;
