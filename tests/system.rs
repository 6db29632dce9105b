//! The whole system from outside: the real program, real HTTP, real files.
//!
//! - [`admin`]: failed events, write keys, what lands and the figures of a lake, over HTTP.
//! - [`asking`]: what a question would take, how it is answered, again and again, and completed in a shell.
//! - [`bounds`]: questions that are wrong or ask for too much, and what they take.
//! - [`progress`]: how far a question is, and that it ends when its asker goes.
//! - [`saved`]: reports, dashboards and annotations: over HTTP and on the command line.
//! - [`send`]: events over HTTP, in every form, good and bad; copies; answers of the command line and of the API.
//! - [`import`]: events in files.
//! - [`funnels`]: funnels whose numbers are worked out by hand.
//! - [`catalogue`]: events with their properties, types and values.
//! - [`activity`]: who came back, who is new, and how often users were active.
//! - [`days`]: what a day is, what is still open, and which tests a property passes.
//! - [`life`]: restarts, two writers, two servers, one port.
//! - [`failed`]: what was sent and not taken: kept, shown, tried again, removed.
//! - [`failures`]: what is said, and with which exit code, when something is wrong.
//! - [`formats`]: results in every format.
//! - [`page`]: the page and who may read.
//! - [`experiments`]: an experiment against the published formulas.
//! - [`outside`]: a server looked at from outside, and answers that are shown elsewhere.
//! - [`paths`]: paths and sessions whose numbers are worked out by hand.
//! - [`serve`]: questions alone, for those who have a token.
//! - [`sql`]: statements, funnels as tables, limits, and the prompt in a real terminal.
//! - [`users`]: one user: what they did, and why they did or did not convert.
//! - [`watch`]: figures, the log for machines, readiness.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by a panic and has the real clock; helpers of tests are no production code"
)]

#[path = "system/activity.rs"]
mod activity;
#[path = "system/admin.rs"]
mod admin;
#[path = "system/ask.rs"]
mod ask;
#[path = "system/asking.rs"]
mod asking;
#[path = "system/bounds.rs"]
mod bounds;
#[path = "system/catalogue.rs"]
mod catalogue;
#[path = "system/days.rs"]
mod days;
#[path = "system/experiments.rs"]
mod experiments;
#[path = "system/failed.rs"]
mod failed;
#[path = "system/failures.rs"]
mod failures;
#[path = "system/formats.rs"]
mod formats;
#[path = "system/funnels.rs"]
mod funnels;
#[path = "system/import.rs"]
mod import;
#[path = "system/life.rs"]
mod life;
#[path = "system/outside.rs"]
mod outside;
#[path = "system/page.rs"]
mod page;
#[path = "system/paths.rs"]
mod paths;
#[path = "system/progress.rs"]
mod progress;
#[path = "system/saved.rs"]
mod saved;
#[path = "system/send.rs"]
mod send;
#[path = "system/serve.rs"]
mod serve;
#[path = "system/sql.rs"]
mod sql;
#[path = "system/users.rs"]
mod users;
#[path = "system/watch.rs"]
mod watch;
