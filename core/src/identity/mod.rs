//! Which anonymous ids are which users.
//!
//! Words: a *link* says that one id, its *source*, is the same person as another, its *target*. `identify` and `alias`
//! events declare links. A *known user* is an id that came as the `user_id` of such an event. The user of an id is where its
//! links lead.
//!
//! [`declared_by`] reads what an event declares; [`Links::resolve`] makes of all declarations what holds. The answer
//! depends on the set of declarations alone, not on the order in which they are given: links are tried in the order of
//! arrival, which every declaration carries.
//!
//! - A known user is nobody else: a link from one is refused.
//! - An id belongs to one user. The first link from it counts; a later one that leads elsewhere is refused.
//! - Links lead on: where `a` is `b` and `b` is `u`, `a` is `u`. One that would lead back to where it begins does not count.
//!
//! [`reference`](mod@reference) says the same in the plainest way, and is what the tests hold this against.
//!
//! ```
//! use weir_core::identity::{Declared, Links};
//!
//! let link = |from, to, received_ms| Declared { from, to, to_is_user: true, received_ms, place: 0 };
//! let links = Links::resolve([link("phone", "ana", 1), link("laptop", "ana", 2), link("phone", "ben", 3)]);
//! assert_eq!(links.user_of("phone"), "ana"); // ben came later
//! assert_eq!(links.user_of("kiosk"), "kiosk"); // nobody said who that is
//! assert_eq!(links.ids_of("ana"), ["laptop", "phone"]);
//! assert_eq!(links.refused_count(), 1);
//! ```

pub mod reference;
mod resolve;

use std::borrow::Cow;
use std::ops::RangeInclusive;

use serde_json::Value;
use twox_hash::XxHash3_64;

use crate::event::MAX_NAME_BYTES;
use crate::property::lookup;

/// The event that says who somebody is.
pub const IDENTIFY: &str = "identify";
/// The event that gives a user another id.
pub const ALIAS: &str = "alias";
/// Refused links that are kept to be shown.
pub const REFUSED_SHOWN: usize = 100;

/// What an event declares, and when it arrived. Where both ids are the same one, it only says that this is a known user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declared<'a> {
    /// The source.
    pub from: &'a str,
    /// The target.
    pub to: &'a str,
    /// Whether the target is a `user_id`, and so a known user.
    pub to_is_user: bool,
    /// When it was received, milliseconds since 1970.
    pub received_ms: i64,
    /// Its place in the request.
    pub place: i64,
}

impl<'a> Declared<'a> {
    /// By arrival; of those that arrived together, by their ids, so that there is one order.
    fn order(&self) -> (i64, i64, &'a str, &'a str) {
        (self.received_ms, self.place, self.from, self.to)
    }
}

/// The ids that an event links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said<'a> {
    /// The source.
    pub from: Cow<'a, str>,
    /// The target.
    pub to: &'a str,
    /// Whether the target is a `user_id`.
    pub to_is_user: bool,
}

/// What an event declares; `None` if nothing.
///
/// `identify` links its `anonymous_id` to its `user_id`. `alias` links the id in `properties.previousId` (or `previous_id`) to
/// its user; without one, its `anonymous_id` to its `user_id`.
pub fn declared_by<'a>(
    event: &str,
    user_id: Option<&'a str>,
    anonymous_id: Option<&'a str>,
    properties: Option<&str>,
) -> Option<Said<'a>> {
    let from = match event {
        IDENTIFY => anonymous_id.map(Cow::Borrowed),
        ALIAS => properties.and_then(previous_id).map(Cow::Owned).or(anonymous_id.map(Cow::Borrowed)),
        _ => return None,
    };
    let said = match (user_id, anonymous_id, from) {
        (Some(to), _, from) => Said { from: from.unwrap_or(Cow::Borrowed(to)), to, to_is_user: true },
        (None, Some(to), Some(from)) if from != to => Said { from, to, to_is_user: false },
        _ => return None,
    };
    (is_id(&said.from) && is_id(said.to)).then_some(said)
}

/// Another engine may have written what no collector takes.
fn is_id(text: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&text.len())
}

fn previous_id(properties: &str) -> Option<String> {
    ["previousId", "previous_id"].into_iter().find_map(|name| {
        let id = match lookup(properties, name)? {
            Value::String(id) => id,
            // As everywhere, an id may be a number, which is taken as its text.
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        is_id(&id).then_some(id)
    })
}

/// The hash by which ids are found. Lakes hold it.
pub fn id_hash(id: &str) -> u64 {
    XxHash3_64::oneshot(id.as_bytes())
}

/// The links that hold, and those that were refused.
#[derive(Debug, Default)]
pub struct Links {
    text: String,
    /// By hash, then by text.
    sources: Vec<Source>,
    refused: Vec<Refused>,
    refused_count: u64,
}

/// An id that is somebody else's.
#[derive(Debug, Clone, Copy)]
struct Source {
    hash: u64,
    from: Span,
    user: Span,
}

/// A part of `text`: 56 bits of offset, 8 of length.
#[derive(Debug, Clone, Copy)]
struct Span(u64);

/// A link that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The source.
    pub from: String,
    /// The target.
    pub to: String,
    /// Whose the source is instead.
    pub stays: String,
    /// Why.
    pub reason: Refusal,
    /// When the event came that declared it first, milliseconds since 1970.
    pub received_ms: i64,
}

/// Why a link does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Refusal {
    /// The source is a known user.
    KnownUser,
    /// The source belongs to another user since an earlier link.
    OtherUser,
}

impl Refusal {
    /// A name for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KnownUser => "known_user",
            Self::OtherUser => "other_user",
        }
    }
}

impl Links {
    /// Number of ids that are somebody else's.
    pub fn len(&self) -> usize {
        self.sources.len()
    }

    /// Whether every id stands for itself.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Whose the events are that have only this anonymous id: a user's, or its own.
    pub fn user_of<'a>(&'a self, id: &'a str) -> &'a str {
        if self.sources.is_empty() {
            return id;
        }
        let hash = id_hash(id);
        self.with_hash(hash..=hash).find(|(_, from, _)| *from == id).map_or(id, |(_, _, user)| user)
    }

    /// All ids whose events without a `user_id` are this user's, but for the user's own; sorted.
    pub fn ids_of(&self, user: &str) -> Vec<String> {
        let sources = self.sources.iter().filter(|source| self.at(source.user) == user);
        let mut ids: Vec<String> = sources.map(|source| self.at(source.from).to_owned()).collect();
        ids.sort_unstable();
        ids
    }

    /// Hash, id and user of all ids that are somebody else's, in the order of the hash.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &str, &str)> {
        self.with_hash(0..=u64::MAX)
    }

    /// As [`iter`](Self::iter), of hashes in a range.
    pub fn with_hash(&self, hashes: RangeInclusive<u64>) -> impl Iterator<Item = (u64, &str, &str)> {
        let first = self.sources.partition_point(|source| source.hash < *hashes.start());
        let wanted = self.sources[first..].iter().take_while(move |source| source.hash <= *hashes.end());
        wanted.map(|source| (source.hash, self.at(source.from), self.at(source.user)))
    }

    /// Refused links, the latest first, at most [`REFUSED_SHOWN`].
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// How many links were refused; one that is declared again counts once.
    pub fn refused_count(&self) -> u64 {
        self.refused_count
    }

    /// Bytes of memory.
    pub fn memory(&self) -> usize {
        self.text.capacity() + self.sources.capacity() * size_of::<Source>()
    }

    fn at(&self, span: Span) -> &str {
        // Spans are made of texts that were appended, so they lie inside and between characters.
        let (at, bytes) = ((span.0 >> 8) as usize, (span.0 & 0xff) as usize);
        self.text.get(at..at + bytes).unwrap_or_default()
    }

    fn keep(&mut self, id: &str) -> Span {
        let span = Span((self.text.len() as u64) << 8 | id.len() as u64 & 0xff);
        self.text.push_str(id);
        span
    }
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
