//! What is deployed, as it is deployed: the templates of `infra`, the data stack made by CloudFormation, the compiled functions with
//! the settings that the templates give them, and everything that goes wrong on a bad day, all at once.
//!
//! ```text
//! cdk synth ▸ templates ▸ data stack ▸ moto: bucket, stream, queues, secret
//!                 │
//!                 └▸ compute stack: functions, mapping and schedules are read from it
//!
//! clients ▸ ingest-live ▸ stream (kinesis-local) ▸ mapping ▸ landing ▸ lake (moto) ▸ query ▸ funnel
//!    │         killed,        throttles, fails,     halves,    killed,     fails, loses
//!    │         out of time    resharded, poisoned   delivers   out of      answers
//!    │                                              again      time
//!    └▸ ingest-bulk                                schedules ▸ maintenance, killed
//! ```
//!
//! Emulated: Lambda with its Runtime API, event source mapping and schedules (`weir_tests::lambda`, after AWS's documentation),
//! Kinesis (kinesis-local), S3, CloudFormation and Secrets Manager (moto). Rights of roles are not: `infra` asserts them.
//!
//! `DEPLOYED_EVENTS` says how many events; `make test-aws` takes 100,000.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by a panic, waits by the clock, and is told by its environment how much to do"
)]

#[path = "deployed/clients.rs"]
mod clients;
#[path = "deployed/day.rs"]
mod day;
#[path = "deployed/site.rs"]
mod site;
#[path = "deployed/stacks.rs"]
mod stacks;
