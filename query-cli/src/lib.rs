//! The query side of weir, and the program `weir`: engine, commands, rendering, HTTP.

pub mod demo;
pub mod engine;
pub mod system;
