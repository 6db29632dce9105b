//! The collector: takes events over HTTP, checks them, and answers when the event log has them.
//!
//! ```text
//! POST /v1/events, and the paths of other protocols
//!   keys      whose events are these?                 401 403 429
//!   load      is there room for more?                 429 503
//!   receive   connection -> bytes                     400 408 413
//!   decode    bytes -> text                           413 415
//!   protocol  text -> batch of candidates             400 413
//!   accept    candidates -> checked events -> record  400 (none is good)
//!     terms     what weir adds to an event, and what must not be stored of it
//!   collector record -> event log                     413 500 503
//!   receipt   where the record stands                 200
//! ```
//!
//! Words: a *candidate* is the JSON text of what may be an event; a *rejection* says why one is not. The good events of a
//! request, and the others with their rejections, travel as one *record* of the event log. A *receipt* names the record's place in the log, and tells later
//! whether queries see it: the record is *stored* from the moment of the answer, and *queryable* once it has landed in the
//! table; a record without a good event is *rejected*. A *source* is the app that sent the events; a *write key* names it.
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
//! - [`terms`] are what holds for all events of a request: [`enrich`] adds browser, system, device and country, [`privacy`]
//!   drops and hashes what must not be stored; [`json_text`] is how both change an event and leave the rest as it was sent.
//! - [`refusals`] refuses events of users who were erased, where that was asked for.
//! - [`plan`] holds events against the tracking plan: off, flagged or refused, as the key says.
//! - [`setup`] answers what clients ask before they send.
//! - [`settings_watch`] takes up changes of the lake's settings while requests run.
//! - [`landed`] tells how far the log has come into the table, for a collector that does not land itself.
//! - [`function`] is the collector as a function, and [`config`] what the environment tells it.
//! - [`kinesis`] is the event log as a stream; [`overflow`] takes the records that a log does not.
//! - [`again`] checks what was not taken once more.
//! - [`load`] bounds what is under way, in two lanes; [`sink`] knows how the log is doing.
//! - [`metrics`] and [`observe`] say what happened, without keys and payloads; [`codes`] and [`openapi`] say what may.
//! - [`receipt`] is the text form of a place in the log.

pub mod accept;
pub mod again;
pub mod answer;
pub mod body;
mod browsers;
pub mod codes;
pub mod collector;
pub mod config;
pub mod decode;
pub mod enrich;
pub mod function;
pub mod json_text;
pub mod keys;
pub mod kinesis;
pub mod landed;
pub mod load;
pub mod metrics;
pub mod observe;
pub mod openapi;
pub mod overflow;
pub mod plan;
pub mod privacy;
pub mod protocol;
pub mod receipt;
pub mod receive;
pub mod refusals;
mod router;
pub mod settings_watch;
pub mod setup;
pub mod sink;
pub mod terms;

pub use collector::{Collector, LandedProgress, ProgressError};
pub use keys::{KeyPolicy, Keys};
pub use load::{Lane, LoadSettings};
pub use plan::Plans;
pub use privacy::PrivacyRules;
pub use refusals::Refusals;
pub use router::router;
