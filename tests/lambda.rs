//! The compiled function, asked as Lambda asks it: a function URL and an HTTP API before it, a stream and a lake behind it.
//!
//! The stream is kinesis-local, the lake lies on moto's S3. What was accepted is landed and counted.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by a panic")]

#[path = "lambda/lands.rs"]
mod lands;
#[path = "lambda/refuses.rs"]
mod refuses;
#[path = "lambda/site.rs"]
mod site;
