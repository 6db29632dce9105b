//! From the event log to the lake, and the lake into order.
//!
//! - [`land`]: decodes what the event log holds, drops copies, and commits data and log position together; and what the
//!   overflow holds, which the log could not take.
//! - [`compact`]: merges files into fewer, larger, sorted ones.
//! - [`erase`]: takes every event of a user away; [`expire`]: what is too old; [`vacuum`]: files that no reader needs any more.
//!   [`maintain`] does whatever of these is due, [`rewrite`] is how files are written anew without some of their rows,
//!   and [`tables`] are the tables that they keep open.
//! - [`repair`]: mends what an examination of a lake has found.
//! - [`resolving`]: rows of anonymous ids go to the users that those have become.
//! - [`failed`]: the same for the table of failed events, and how rows leave it.
//!
//! All are plain functions over a [`Table`](weir_lake::Table): the loops of one machine and the functions of a cloud call
//! the same. The Lambda function is [`function`], with its [`config`], its [`metrics`], and [`kinesis`], which asks the stream how
//! far it has landed.

pub mod compact;
pub mod config;
pub mod erase;
pub mod expire;
pub mod failed;
pub mod function;
pub mod kinesis;
pub mod land;
pub mod maintain;
pub mod metrics;
pub mod repair;
pub mod resolving;
pub mod rewrite;
pub mod tables;
pub mod vacuum;

#[cfg(test)]
mod doubt_tests;
#[cfg(test)]
mod faulty;
#[cfg(test)]
mod world;
