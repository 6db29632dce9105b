//! What was not taken, checked again: after a mend of whatever refused it, the same body may be good.
//!
//! The steps are those of a request: the protocol reads the body, and [`accept()`] judges each event. Only what the first
//! time gave is given again: the source, the time of receipt and the place, and ids made of the failure's own, so that trying
//! twice gives the same events. What must not be stored was taken out of the body the first time, and is not looked for again:
//! a value that was hashed stays that hash.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::value::RawValue;
use weir_core::event::{EventId, Failed, Rejection};
use weir_core::ports::Ids;

use crate::accept::{Checked, accept};
use crate::body::BodyProblem;
use crate::protocol::{Batch, Protocol};
use crate::terms::Terms;

/// Why a body is not taken this time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It was judged, and this is the first thing that is wrong with it.
    Rejected {
        /// A short stable name of the problem.
        code: String,
        /// The field that has it; empty where the whole is meant.
        field: String,
        /// Every problem.
        message: String,
    },
    /// It cannot be judged: not all of it was kept, or it is in a protocol that this weir does not know.
    NotJudged,
}

/// Checks what was not taken, and gives the record of its events. Of a whole body, all events are taken or none.
///
/// # Errors
/// [`Refusal`].
pub fn check_again(failed: &Failed<'_>, terms: &Terms<'_>, received_ms: i64) -> Result<Vec<u8>, Refusal> {
    let protocol = Protocol::of_name(&failed.protocol).filter(|_| failed.is_whole()).ok_or(Refusal::NotJudged)?;
    let ids = Derived { id: &failed.id, given: AtomicU64::new(0) };
    let checked = match failed.place {
        Some(_) => {
            let sent_at = failed.sent_at.as_deref().and_then(|json| serde_json::from_str::<&RawValue>(json).ok());
            accept(Batch::of_one(protocol, &failed.body, sent_at), terms, received_ms, &ids)
        }
        None => {
            let refused = |problem: BodyProblem| refusal(problem.rejection());
            let json = protocol.unwrapped(failed.body.as_bytes().into(), "").map_err(refused)?;
            accept(protocol.read(&json).map_err(refused)?, terms, received_ms, &ids)
        }
    };
    let Checked { record, rejected, .. } = checked.map_err(|_| Refusal::NotJudged)?;
    match rejected.into_iter().next() {
        None => Ok(record),
        Some(first) => {
            Err(Refusal::Rejected { code: first.code.to_owned(), field: first.field, message: first.message })
        }
    }
}

fn refusal(rejection: Rejection) -> Refusal {
    let Rejection { code, field, message } = rejection;
    Refusal::Rejected { code: code.to_owned(), field, message }
}

/// Ids made of a failure's own: the same ones each time.
struct Derived<'a> {
    id: &'a str,
    given: AtomicU64,
}

impl Ids for Derived<'_> {
    fn next_id(&self) -> [u8; 16] {
        match EventId::of_line(self.id.as_bytes(), self.given.fetch_add(1, Ordering::Relaxed)) {
            EventId::Uuid(bytes) => bytes,
            // An id of a line is a UUID.
            EventId::Text(_) => [0; 16],
        }
    }
}

#[cfg(test)]
mod tests {
    use weir_core::event::frame;

    use super::*;

    const NOW: i64 = 1_767_225_600_000;

    fn failed(protocol: &str, body: &str, place: Option<u64>) -> Failed<'static> {
        Failed {
            id: "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e".into(),
            protocol: protocol.to_owned().into(),
            code: "x".into(),
            field: "".into(),
            message: "".into(),
            event: None,
            sent_at: None,
            body: body.to_owned().into(),
            bytes: body.len() as u64,
            place,
        }
    }

    /// Event, user and id of each event.
    fn events(failed: &Failed<'_>) -> Result<Vec<[String; 3]>, Refusal> {
        let record = check_again(failed, &Terms::plain("app"), NOW)?;
        let (header, lines) = frame::open(&record).unwrap();
        assert_eq!((header.source.as_str(), header.received), ("app", NOW));
        let event = |event: Result<weir_core::event::Event<'_>, _>| {
            let event = event.unwrap();
            let id = event.event_id.as_ref().unwrap().text().into_owned();
            [event.event.clone().into_owned(), event.user().to_owned(), id]
        };
        Ok(frame::events(&header, lines).map(event).collect())
    }

    #[test]
    fn what_is_good_now_becomes_the_same_events_each_time() {
        let one = failed("weir", r#"{"event":"a","user_id":"u"}"#, Some(7));
        let first = events(&one).unwrap();
        assert_eq!((first[0][0].as_str(), first.len()), ("a", 1));
        assert_eq!(events(&one).unwrap(), first);
        let other = Failed { id: "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5f".into(), ..one };
        assert_ne!(events(&other).unwrap()[0][2], first[0][2]);

        let own = failed("segment/page", r#"{"userId":"u","messageId":"m"}"#, Some(0));
        assert_eq!(events(&own).unwrap(), [["page", "u", "m"]]);
        let whole = failed("weir", "{\"event\":\"a\",\"user_id\":\"u\"}\n{\"event\":\"b\",\"user_id\":\"v\"}", None);
        let found = events(&whole).unwrap();
        assert_eq!((found.len(), found[0][2] != found[1][2]), (2, true));
        assert_eq!(events(&failed("posthog", r#"[{"event":"a","distinct_id":"d"}]"#, None)).unwrap().len(), 1);
    }

    #[test]
    fn what_is_bad_still_says_why_and_a_body_goes_in_whole_or_not_at_all() {
        let code = |failed: &Failed<'_>| match events(failed).unwrap_err() {
            Refusal::Rejected { code, .. } => code,
            Refusal::NotJudged => "-".to_owned(),
        };
        assert_eq!(code(&failed("weir", r#"{"event":"a"}"#, Some(0))), "missing_field");
        assert_eq!(
            code(&failed("weir", "{\"event\":\"a\",\"user_id\":\"u\"}\n{\"event\":\"b\"}", None)),
            "missing_field"
        );
        assert_eq!(code(&failed("weir", "[", None)), "invalid_json");
        assert_eq!(code(&failed("posthog", "data=e30%3D%3D%3D", None)), "invalid_base64");
        assert_eq!(code(&failed("newer", r#"{"event":"a","user_id":"u"}"#, Some(0))), "-");
        let cut = Failed { bytes: 100_000, ..failed("weir", r#"{"event":"a","user_id":"u"}"#, Some(0)) };
        assert_eq!(code(&cut), "-", "a part of a body is not that body");
    }
}
