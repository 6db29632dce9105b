//! The domain of weir, pure: what an event is, what a question is, and what a funnel means.
//!
//! Nothing here reads a clock, draws a random number, touches a file or knows a network; what the domain needs from the
//! world comes through the [`ports`].
//!
//! - [`answer`]: what answers of all kinds are made of.
//! - [`buckets`]: the buckets of time of a chart.
//! - [`check`]: what the answer of a report is held against.
//! - [`calendar`]: days, weeks, months and hours of a time zone.
//! - [`event`]: one event, from JSON text to a checked value, and the frame in which it travels through the event log.
//! - [`spec`]: a question, from JSON or the command line's shorthand to a checked value.
//! - [`property`]: finding a property in an event, and testing it.
//! - [`funnel`]: the meaning of a funnel: the one-pass matcher, the naive reference it is held against, and the report.
//! - [`experiment`](mod@experiment): whether one variant converted better than another.
//! - [`trends`]: how much of something there was, bucket by bucket.
//! - [`retention`]: who came back, and how long after they began.
//! - [`activity`]: in which buckets users were active: lifecycle and stickiness.
//! - [`paths`]: what users did after an event, or before it.
//! - [`sessions`]: how many sessions there were, and what they were like.
//! - [`tallies`]: counts of names and times that may be many.
//! - [`identity`]: which anonymous ids are which users.
//! - [`scan`]: what a question wants of the events, and what takes them.
//! - [`saved`]: reports, dashboards and annotations that somebody keeps.
//! - [`nearest`](mod@nearest): "did you mean …?", wherever a name is wrong.
//! - [`plan`]: a tracking plan, from JSON to a checked value; what an event does against it; a draft from events.
//! - [`strict`]: JSON in which nothing is said twice.
//! - [`ports`]: event log, clock and identifiers, with a conformance suite each.

pub mod activity;
pub mod answer;
pub mod buckets;
pub mod calendar;
pub mod check;
pub mod event;
pub mod experiment;
pub mod funnel;
pub mod identity;
pub mod nearest;
pub mod paths;
pub mod plan;
pub mod ports;
pub mod property;
pub mod retention;
pub mod saved;
pub mod scan;
pub mod sessions;
pub mod spec;
pub mod strict;
pub mod tallies;
pub mod time;
pub mod trends;
