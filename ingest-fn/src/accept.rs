//! From candidates to checked events to one record of the event log. Pure: no HTTP, no log, no clock.
//!
//! A candidate that is not taken goes into the record too, with its reason and as it was sent: `refuse` is the only place
//! that writes one.

use std::borrow::Cow;

use serde::Serialize;
use weir_core::event::envelope::MAX_RECORD_BYTES;
use weir_core::event::frame::FrameWriter;
use weir_core::event::{Event, EventId, Failed, MAX_EVENT_BYTES, Receipt, Rejection, kept_body, uuid_text};
use weir_core::ports::Ids;

use crate::body::BodyProblem;
use crate::protocol::{Batch, Protocol};
use crate::terms::{Buffers, Terms};

/// The longest message about one event, in bytes. An event with ten thousand unknown fields has ten thousand problems, and
/// an answer must not be larger than what it answers.
const MAX_MESSAGE_BYTES: usize = 1_000;
/// The longest field name in an answer, in bytes.
const MAX_FIELD_BYTES: usize = 200;
/// The longest `sent_at` that is kept with a failure, in bytes: an instant has 40 at most, and anything else is none.
const MAX_SENT_AT_BYTES: usize = 64;

/// What an event's line in the record has, and the event may not have had: its place, its time and its id.
const LINE_BYTES: usize = 64;

/// Why one event of a request is not taken, as the answer says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// Place in the request, from 0; blank lines do not count.
    pub index: usize,
    /// A short stable name of the first problem, for programs.
    pub code: &'static str,
    /// The field that has the first problem; empty where the whole event is meant.
    pub field: String,
    /// Every problem of the event.
    pub message: String,
}

impl Rejected {
    /// Places a rejection, and cuts texts that are too long for an answer.
    pub fn new(index: usize, rejection: Rejection) -> Self {
        let Rejection { code, field, message } = rejection;
        Self { index, code, field: shortened(field, MAX_FIELD_BYTES), message: shortened(message, MAX_MESSAGE_BYTES) }
    }
}

/// Cuts `text` to `max_bytes`, and shows that it was cut.
pub(crate) fn shortened(mut text: String, max_bytes: usize) -> String {
    if text.len() > max_bytes {
        text.truncate(text.floor_char_boundary(max_bytes));
        text.push('…');
    }
    text
}

/// Why a request makes no record.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// Never in practice: only if a frame header cannot be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// Its events are small, and what is said once for all of them is not: each event has it in the record.
    #[error("the record has {bytes} bytes, and is not at its end")]
    TooLarge {
        /// So far.
        bytes: usize,
    },
}

/// What became of the candidates of one request.
#[derive(Debug)]
pub struct Checked {
    /// All of them as one record: the events, and what was not taken.
    pub record: Vec<u8>,
    /// How many events the record holds.
    pub accepted: usize,
    /// The others, by index.
    pub rejected: Vec<Rejected>,
}

/// Checks every candidate and writes it into one record, as the terms of the request have it: the good ones as events, the
/// others as failures. An event without `event_id` is given one, before anything is stored, so that a record that is read twice
/// gives the same events.
///
/// # Errors
/// [`AcceptError::TooLarge`], where the record outgrows what readers of the log unpack.
pub fn accept(batch: Batch<'_>, terms: &Terms<'_>, received_ms: i64, ids: &dyn Ids) -> Result<Checked, AcceptError> {
    let mut frame = FrameWriter::new(terms.source, received_ms)?;
    frame.reserve(batch.candidates.iter().flatten().map(|json| json.len() + LINE_BYTES).sum());
    let mut rejected = Vec::new();
    let mut accepted = 0;
    let Batch { candidates, dialect, protocol, .. } = batch;
    for (index, candidate) in candidates.into_iter().enumerate() {
        let receipt = Receipt { received_ms, place: index as u64, correct_skew: true };
        let (raw, taken) = match candidate {
            Ok(json) => (
                json.as_bytes(),
                dialect.take(json, receipt, |event| {
                    terms.admit(&event)?;
                    terms.plan.pass(event, |event| push(&mut frame, event, terms, ids))
                }),
            ),
            Err(line) => (line.raw, Err(line.rejection)),
        };
        match taken {
            Ok(()) => accepted += 1,
            Err(rejection) => {
                let event = readable(raw).and_then(|json| dialect.event_name(json));
                let refused =
                    Refused { protocol, place: Some(index), raw, event, sent_at: dialect.sent_at(), rejection };
                rejected.push(refuse(&mut frame, refused, terms, ids)?);
            }
        }
        if frame.len() > MAX_RECORD_BYTES {
            return Err(AcceptError::TooLarge { bytes: frame.len() });
        }
    }
    Ok(Checked { record: frame.finish(), accepted, rejected })
}

/// The record of a body of which nothing can be taken, `raw` being as much of it as could be unpacked.
///
/// # Errors
/// As [`accept`].
pub fn accept_none(
    raw: &[u8],
    protocol: Protocol,
    problem: &BodyProblem,
    terms: &Terms<'_>,
    received_ms: i64,
    ids: &dyn Ids,
) -> Result<Checked, AcceptError> {
    let mut frame = FrameWriter::new(terms.source, received_ms)?;
    let refused = Refused { protocol, place: None, raw, event: None, sent_at: None, rejection: problem.rejection() };
    let rejected = vec![refuse(&mut frame, refused, terms, ids)?];
    Ok(Checked { record: frame.finish(), accepted: 0, rejected })
}

/// What is not taken.
struct Refused<'a> {
    protocol: Protocol,
    /// `None` for a whole body.
    place: Option<usize>,
    /// As it was sent.
    raw: &'a [u8],
    event: Option<Cow<'a, str>>,
    sent_at: Option<&'a str>,
    rejection: Rejection,
}

/// Writes what is not taken into the record, as far as it may be kept, and gives what the answer says of it.
fn refuse(
    frame: &mut FrameWriter,
    refused: Refused<'_>,
    terms: &Terms<'_>,
    ids: &dyn Ids,
) -> Result<Rejected, serde_json::Error> {
    let Refused { protocol, place, raw, event, sent_at, rejection } = refused;
    let rejected = Rejected::new(place.unwrap_or_default(), rejection);
    let kept = terms.kept(raw, &rejected.message);
    frame.push_failed(&Failed {
        id: Cow::Owned(uuid_text(&ids.next_id())),
        protocol: protocol.name(),
        code: Cow::Borrowed(rejected.code),
        field: Cow::Borrowed(&rejected.field),
        message: kept.message,
        event,
        sent_at: sent_at.filter(|json| json.len() <= MAX_SENT_AT_BYTES).map(Cow::Borrowed),
        body: kept_body(&kept.body),
        bytes: kept.bytes,
        place: place.map(|place| place as u64),
    })?;
    Ok(rejected)
}

/// The text of a candidate whose name is looked for. Larger ones were refused without being read, and are not read for that.
fn readable(raw: &[u8]) -> Option<&str> {
    if raw.len() > MAX_EVENT_BYTES { None } else { std::str::from_utf8(raw).ok() }
}

fn push(frame: &mut FrameWriter, event: Event<'_>, terms: &Terms<'_>, ids: &dyn Ids) -> Result<(), Rejection> {
    let mut buffers = Buffers::default();
    let mut event = terms.applied(event, &mut buffers)?;
    let id = event.event_id.take().unwrap_or_else(|| EventId::Uuid(ids.next_id()));
    // A checked event can always be written. Should that ever be wrong, it costs one event and not the request.
    frame.push(&event, &id).map_err(|error| Rejection {
        code: "invalid_json",
        field: String::new(),
        message: format!("the event cannot be written as JSON: {error}"),
    })
}

#[cfg(test)]
#[path = "accept_tests.rs"]
mod tests;
