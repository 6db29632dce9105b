//! From candidates to checked events to one record of the event log. Pure: no HTTP, no log, no clock.

use serde::Serialize;
use weir_core::event::frame::FrameWriter;
use weir_core::event::{Event, EventId, Receipt, Rejection};
use weir_core::ports::Ids;

use crate::protocol::Batch;

/// The longest message about one event, in bytes. An event with ten thousand unknown fields has ten thousand problems, and
/// an answer must not be larger than what it answers.
const MAX_MESSAGE_BYTES: usize = 1_000;
/// The longest field name in an answer, in bytes.
const MAX_FIELD_BYTES: usize = 200;

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

/// What became of the candidates of one request.
#[derive(Debug)]
pub struct Checked {
    /// The accepted events as one record; `None` if there are none.
    pub record: Option<Vec<u8>>,
    /// How many events the record holds.
    pub accepted: usize,
    /// The others, by index.
    pub rejected: Vec<Rejected>,
}

/// Checks every candidate and writes the good ones into one record. An event without `event_id` is given one, before
/// anything is stored, so that a record that is read twice gives the same events.
///
/// # Errors
/// Never in practice: only if a frame header cannot be written as JSON.
pub fn accept(batch: Batch<'_>, source: &str, received_ms: i64, ids: &dyn Ids) -> Result<Checked, serde_json::Error> {
    let mut frame = FrameWriter::new(source, received_ms)?;
    frame.reserve(batch.candidates.iter().flatten().map(|json| json.len() + LINE_BYTES).sum());
    let mut rejected = Vec::new();
    let mut accepted = 0;
    let dialect = &batch.dialect;
    for (index, candidate) in batch.candidates.into_iter().enumerate() {
        let receipt = Receipt { received_ms, place: index as u64, correct_skew: true };
        let taken = candidate.and_then(|json| dialect.take(json, receipt, |event| push(&mut frame, event, ids)));
        match taken {
            Ok(()) => accepted += 1,
            Err(rejection) => rejected.push(Rejected::new(index, rejection)),
        }
    }
    Ok(Checked { record: (accepted > 0).then(|| frame.finish()), accepted, rejected })
}

fn push(frame: &mut FrameWriter, mut event: Event<'_>, ids: &dyn Ids) -> Result<(), Rejection> {
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
