//! The domain of weir, pure: what an event is, what a question is, and what a funnel means.
//!
//! Nothing here reads a clock, draws a random number, touches a file or knows a network; what the domain needs from the
//! world comes through the [`ports`].
//!
//! - [`calendar`]: days, weeks, months and hours of a time zone.
//! - [`event`]: one event, from JSON text to a checked value, and the frame in which it travels through the event log.
//! - [`spec`]: a question, from JSON or the command line's shorthand to a checked value.
//! - [`property`]: finding a property in an event, and testing it.
//! - [`funnel`]: the meaning of a funnel: the one-pass matcher, the naive reference it is held against, and the report.
//! - [`identity`]: which anonymous ids are which users.
//! - [`nearest`](mod@nearest): "did you mean …?", wherever a name is wrong.
//! - [`plan`]: a tracking plan, from JSON to a checked value; what an event does against it; a draft from events.
//! - [`ports`]: event log, clock and identifiers, with a conformance suite each.

pub mod calendar;
pub mod event;
pub mod funnel;
pub mod identity;
pub mod nearest;
pub mod plan;
pub mod ports;
pub mod property;
pub mod spec;
pub mod time;
