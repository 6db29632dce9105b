//! The protocols in which events come in: weir's own, and those of clients that exist already.
//!
//! A protocol says where the key and the events of a body are, and which of its fields is which of an event's. All else is
//! the same for all of them: the checks, the record, the answer.
//!
//! ```text
//! body ──read──▶ Batch: key, candidates, dialect ──accept──▶ each candidate: dialect ──▶ Parts ──▶ Event
//! ```
//!
//! Words: a *dialect* is a protocol together with what one body says about all its events, such as when it was sent.

pub mod posthog;
pub mod segment;

use std::borrow::Cow;

use serde_json::value::RawValue;
use weir_core::event::scan::{Scan, scan};
use weir_core::event::{self, Event, Parts, Receipt, Rejection};

use crate::body::{self, BodyProblem, Candidate, MAX_EVENTS};
use crate::keys::{KeyProblem, WriteKey};

/// The protocol of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// weir's own.
    Native,
    /// One message of Segment's, of a kind that the path names, or a batch of messages that name their own.
    Segment(Option<segment::Kind>),
    /// PostHog's.
    PostHog,
}

impl Protocol {
    /// Whether a body may hold the key.
    pub fn has_key_in_body(self) -> bool {
        self != Self::Native
    }

    /// Its name, as failed events have it: `weir`, `posthog`, `segment`, or `segment/track` where a path names the kind.
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Self::Native => Cow::Borrowed("weir"),
            Self::Segment(None) => Cow::Borrowed("segment"),
            Self::Segment(Some(kind)) => Cow::Owned(format!("segment/{}", kind.name())),
            Self::PostHog => Cow::Borrowed("posthog"),
        }
    }

    /// The protocol of a name; `None` for a name that a newer weir gave.
    pub fn of_name(name: &str) -> Option<Self> {
        let kinds = segment::Kind::ALL.into_iter().map(|(kind, ..)| Self::Segment(Some(kind)));
        [Self::Native, Self::Segment(None), Self::PostHog].into_iter().chain(kinds).find(|known| known.name() == name)
    }

    /// Takes off what is around the JSON of a body: PostHog's form.
    ///
    /// # Errors
    /// A [`BodyProblem`], where that is no base64, or is compressed as something else than gzip.
    pub fn unwrapped<'a>(self, body: Cow<'a, [u8]>, query: &str) -> Result<Cow<'a, [u8]>, BodyProblem> {
        match self {
            Self::PostHog => posthog::unwrapped(body, query),
            Self::Native | Self::Segment(_) => Ok(body),
        }
    }

    /// Finds the events of a body.
    ///
    /// # Errors
    /// A [`BodyProblem`], where nothing of the body can be taken.
    pub fn read(self, body: &[u8]) -> Result<Batch<'_>, BodyProblem> {
        match self {
            Self::Native => Batch::native(body),
            Self::Segment(kind) => segment::read(body::text(body)?, kind),
            Self::PostHog => posthog::read(body::text(body)?),
        }
    }
}

/// The events of one body, not checked yet.
#[derive(Debug)]
pub struct Batch<'a> {
    /// The key that the body holds, as JSON.
    key: Option<&'a RawValue>,
    /// Whether the body says that its events happened some time ago, and can wait.
    pub(crate) historical: bool,
    pub(crate) candidates: Vec<Candidate<'a>>,
    pub(crate) dialect: Dialect<'a>,
    /// In which the candidates are written.
    pub(crate) protocol: Protocol,
}

impl<'a> Batch<'a> {
    /// A body of weir's own protocol.
    ///
    /// # Errors
    /// A [`BodyProblem`], where nothing of the body can be taken.
    pub fn native(body: &'a [u8]) -> Result<Self, BodyProblem> {
        let scans = scan(body, MAX_EVENTS).unwrap_or_default();
        let candidates =
            if scans.is_empty() { body::candidates(body)? } else { scans.iter().map(|scan| Ok(scan.json())).collect() };
        let dialect = Dialect::Native(scans);
        Ok(Self { key: None, historical: false, candidates, dialect, protocol: Protocol::Native })
    }

    /// One candidate that came in a request of before, with what that request said about all its events.
    pub fn of_one(protocol: Protocol, json: &'a str, sent_at: Option<&'a RawValue>) -> Self {
        let dialect = match protocol {
            Protocol::Native => Dialect::Native(Vec::new()),
            Protocol::Segment(kind) => Dialect::Segment(segment::Envelope::of_one(kind, sent_at)),
            Protocol::PostHog => Dialect::PostHog(posthog::Envelope::of_one(sent_at)),
        };
        Self { key: None, historical: false, candidates: vec![Ok(json)], dialect, protocol }
    }

    /// The key that the body holds. A body has one source: the first message's key stands for all of them.
    ///
    /// # Errors
    /// [`KeyProblem::Unknown`], where something else than a text is in its place.
    pub fn key(&self) -> Result<Option<WriteKey>, KeyProblem> {
        let Some(key) = self.key else { return Ok(None) };
        let text = serde_json::from_str::<String>(key.get()).map_err(|_| KeyProblem::Unknown)?;
        Ok(WriteKey::from_text(&text))
    }
}

/// How to read the candidates of one body.
#[derive(Debug)]
pub(crate) enum Dialect<'a> {
    /// What reading the body has found of each candidate, by its place; nothing, if anything of it is out of the ordinary.
    Native(Vec<Scan<'a>>),
    Segment(segment::Envelope<'a>),
    PostHog(posthog::Envelope<'a>),
}

impl Dialect<'_> {
    /// Reads and checks one candidate, and hands the event over, which borrows from its parts.
    pub fn take(
        &self,
        json: &str,
        receipt: Receipt,
        push: impl FnOnce(Event<'_>) -> Result<(), Rejection>,
    ) -> Result<(), Rejection> {
        match self {
            Self::Native(scans) => {
                let scan = usize::try_from(receipt.place).ok().and_then(|place| scans.get(place));
                match scan.filter(|scan| std::ptr::eq(scan.json(), json)) {
                    Some(scan) => push(scan.event(receipt)?),
                    None => push(event::parse(json, receipt)?),
                }
            }
            Self::Segment(envelope) => push(envelope.parts(json)?.event(receipt)?),
            Self::PostHog(envelope) => push(envelope.parts(json, receipt)?.event(receipt)?),
        }
    }
}

impl Dialect<'_> {
    /// What the request said about when it was sent: JSON.
    pub fn sent_at(&self) -> Option<&str> {
        match self {
            Self::Native(_) => None,
            Self::Segment(envelope) => envelope.sent_at(),
            Self::PostHog(envelope) => envelope.sent_at(),
        }
    }

    /// The name of the event that a candidate would be, if it can be read.
    pub fn event_name<'j>(&self, json: &'j str) -> Option<Cow<'j, str>> {
        match self {
            Self::Native(_) | Self::PostHog(_) => event::name_in(json, "event"),
            Self::Segment(envelope) => envelope.event_name(json),
        }
    }
}

/// JSON made by weir itself.
fn made<'a>(json: String) -> Option<Cow<'a, RawValue>> {
    RawValue::from_string(json).ok().map(Cow::Owned)
}

/// An id as text. These protocols allow numbers, and an empty text stands for an id that is not known.
fn id(value: Option<&RawValue>) -> Option<Cow<'_, RawValue>> {
    let value = value?;
    match value.get().as_bytes() {
        b"\"\"" => None,
        [b'0'..=b'9' | b'-', ..] => made(format!("\"{}\"", value.get())),
        _ => Some(Cow::Borrowed(value)),
    }
}

/// Whether a batch says that it is historical, by either of the names for it.
fn is_historical(flags: [Option<&RawValue>; 2]) -> bool {
    flags.into_iter().flatten().any(|flag| flag.get() == "true")
}

/// Whether a value is there and says something.
fn is_filled(value: Option<&RawValue>) -> bool {
    value.is_some_and(|value| value.get() != "\"\"")
}

/// `properties` with the values of `added`, each of which takes the place of one that is there already.
fn with_added<'a>(
    properties: Option<&'a RawValue>,
    added: &[(&str, Option<&RawValue>)],
    parts: &mut Parts<'_>,
) -> Option<Cow<'a, RawValue>> {
    let is_object = properties.is_none_or(|properties| properties.get().starts_with('{'));
    if !is_object || added.iter().all(|(_, value)| value.is_none()) {
        return properties.map(Cow::Borrowed);
    }
    let entries = match event::entries(properties.map_or("{}", RawValue::get)) {
        Ok(entries) => entries,
        Err(error) => {
            parts.problem("invalid_text", "properties", format!("has a name that is not valid text: {error}"));
            return None;
        }
    };
    let added = added.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
    let kept = entries.iter().map(|(name, value)| (name.as_ref(), *value));
    let kept = kept.filter(|(name, _)| added.clone().all(|(other, _)| other != *name));
    let mut json = String::from("{");
    for (name, value) in added.clone().chain(kept) {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(&serde_json::Value::from(name).to_string());
        json.push(':');
        json.push_str(value.get());
    }
    json.push('}');
    made(json)
}
