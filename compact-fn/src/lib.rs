//! From the event log to the lake, and the lake into order.
//!
//! - [`land`]: decodes what the event log holds, drops copies, and commits data and log position together.
//! - [`compact`]: merges files into fewer, larger, sorted ones.
//!
//! Both are plain functions over a [`Table`](weir_lake::Table): the loops of one machine and the functions of a cloud call
//! the same.

pub mod compact;
pub mod land;

#[cfg(test)]
mod doubt_tests;
