//! The collector: takes events over HTTP, checks them, and answers when the event log has them.
//!
//! ```text
//! POST /v1/events, and the paths of other protocols
//!   keys      whose events are these?                 401 403 429
//!   decode    bytes -> text                           413 415
//!   protocol  text -> batch of candidates             400 413
//!   accept    candidates -> checked events -> record  400 (none is good)
//!   collector record -> event log                     413 500 503
//!   receipt   where the record stands                 200
//! ```
//!
//! Words: a *candidate* is the JSON text of what may be an event; a *rejection* says why one is not. The good events of a
//! request travel as one *record* of the event log. A *receipt* names the record's place in the log, and tells later
//! whether queries see it: the record is *stored* from the moment of the answer, and *queryable* once it has landed in the
//! table. A *source* is the app that sent the events; a *write key* names it.
//!
//! ```text
//! $ curl -d '[{"event":"view_job","user_id":"u1"},{"event":"view_job"}]' http://localhost:8080/v1/events
//! {"accepted":1,"duplicates":null,
//!  "rejected":[{"index":1,"code":"missing_field","field":"user_id","message":"user_id: is missing, and so is …"}],
//!  "receipt":"r1-file-0-123"}
//! $ curl http://localhost:8080/v1/receipts/r1-file-0-123
//! {"receipt":"r1-file-0-123","status":"queryable","version":42}
//! ```
//!
//! - [`router`](router()) is the HTTP side, the same on a laptop and in a Lambda; [`Collector`] is what it serves.
//! - [`keys`], [`decode`], [`protocol`] (with [`body`] for what is common) and [`accept`] are the steps of a request, each
//!   without I/O; [`answer`] is what is said back.
//! - [`setup`] answers what clients ask before they send.
//! - [`settings_watch`] takes up changes of the lake's settings while requests run.
//! - [`receipt`] is the text form of a place in the log.

pub mod accept;
pub mod answer;
pub mod body;
mod browsers;
pub mod collector;
pub mod decode;
pub mod keys;
pub mod protocol;
pub mod receipt;
mod router;
pub mod settings_watch;
pub mod setup;

pub use collector::{Collector, LandedProgress};
pub use keys::{KeyPolicy, Keys};
pub use router::router;
