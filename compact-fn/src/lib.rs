//! From the event log to the lake, and the lake into order.
//!
//! - [`land`]: decodes what the event log holds, drops copies, and commits data and log position together; and what the
//!   overflow holds, which the log could not take.
//! - [`compact`]: merges files into fewer, larger, sorted ones.
//! - [`resolving`]: rows of anonymous ids go to the users that those have become.
//! - [`failed`]: the same for the table of failed events, and how rows leave it.
//!
//! All are plain functions over a [`Table`](weir_lake::Table): the loops of one machine and the functions of a cloud call
//! the same.

pub mod compact;
pub mod failed;
pub mod land;
pub mod resolving;

#[cfg(test)]
mod doubt_tests;
#[cfg(test)]
mod faulty;
