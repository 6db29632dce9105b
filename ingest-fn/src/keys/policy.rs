//! Whether a request may write, and as which source: everything that a key decides, in one function, [`authorize`].
//!
//! [`Keys`] is the table of keys. It is shared, and swapped as a whole while requests run: a request sees the table from
//! before or the one from behind, and never waits for more than a pointer. What a key has used of its rate goes along.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, HeaderValue};
use weir_core::ports::Clock;

use super::bucket::Bucket;
use super::model::{Key, Origin};
use super::{KeyProblem, WriteKey};
use crate::accept::shortened;
use crate::plan::PlanMode;

/// How much of an origin a message repeats, in bytes.
const MAX_SHOWN_BYTES: usize = 200;

/// What a request says of who sends it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sender {
    /// The write key, if there is one.
    pub key: Option<WriteKey>,
    /// The origin of the page, where a browser sends it.
    pub origin: Option<String>,
}

impl Sender {
    /// Key and origin from the headers of a request.
    ///
    /// # Errors
    /// [`KeyProblem::Unreadable`].
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, KeyProblem> {
        let origin = headers.get(ORIGIN).map(|origin| String::from_utf8_lossy(origin.as_bytes()).into_owned());
        Ok(Self { key: WriteKey::from_headers(headers)?, origin })
    }
}

/// Whose events a request brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The name of the source.
    pub name: Arc<str>,
    /// Which pages may read the answer.
    pub readers: Readers,
    /// Whether the address of who sends is stored with the events.
    pub store_ip: bool,
    /// What follows where an event departs from the tracking plan.
    pub plan: PlanMode,
}

/// Which pages may read an answer (CORS).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readers {
    /// Those of any origin.
    Anyone,
    /// Those of this origin, which the key lists.
    Only(HeaderValue),
    /// None: the key does not list the origin.
    Nobody,
}

/// The keys that may write, shared by all requests and by whoever replaces them.
#[derive(Clone, Default)]
pub struct Keys(Arc<RwLock<Arc<Table>>>);

type Table = HashMap<WriteKey, Entry>;

#[derive(Debug)]
struct Entry {
    source: Arc<str>,
    origins: Vec<Origin>,
    plan: PlanMode,
    disabled_at: Option<i64>,
    bucket: Option<Arc<Bucket>>,
    store_ip: bool,
}

impl Keys {
    /// A table of these keys.
    pub fn new(keys: Vec<Key>) -> Self {
        let shared = Self::default();
        shared.replace(keys);
        shared
    }

    /// Swaps the table. A key that was there keeps what it has used of its rate.
    pub fn replace(&self, keys: Vec<Key>) {
        let before = self.current();
        let entry = |key: Key| {
            let used = before.get(&key.key).and_then(|entry| entry.bucket.as_ref());
            let bucket = key.rate().map(|rate| match used {
                // Requests that still hold the old table take from the same bucket.
                Some(used) if used.rate() == rate => Arc::clone(used),
                Some(used) => Arc::new(used.with_rate(rate)),
                None => Arc::new(Bucket::full(rate)),
            });
            let source = Arc::from(key.source.as_str());
            (
                key.key,
                Entry {
                    source,
                    origins: key.origins,
                    plan: key.plan,
                    store_ip: key.store_ip,
                    disabled_at: key.disabled_at,
                    bucket,
                },
            )
        };
        let table = Arc::new(keys.into_iter().map(entry).collect());
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = table;
    }

    fn current(&self) -> Arc<Table> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("len", &self.current().len()).finish()
    }
}

/// Who may write.
#[derive(Debug, Clone)]
pub struct KeyPolicy {
    keys: Keys,
    /// The source of requests without a key, where they are taken.
    without_key: Option<Source>,
}

impl KeyPolicy {
    /// Only who has a key.
    pub fn with_key(keys: Keys) -> Self {
        Self { keys, without_key: None }
    }

    /// Who has a key; and a request without one belongs to `source`.
    pub fn anyone_as(source: &str, keys: Keys) -> Self {
        let source = Source { name: source.into(), readers: Readers::Anyone, store_ip: false, plan: PlanMode::Off };
        Self { keys, without_key: Some(source) }
    }

    /// Holds the events of requests without a key against the tracking plan, too.
    #[must_use]
    pub fn with_plan_for_keyless(mut self, plan: PlanMode) -> Self {
        if let Some(source) = &mut self.without_key {
            source.plan = plan;
        }
        self
    }
}

/// Decides whether a request may bring `events` events, and takes them off what its key may bring.
///
/// `events` is 0 while their number is not known, before the body is read: that takes nothing, and already refuses whom it
/// can. A request without an `Origin` comes from no page, and the list of origins does not concern it.
///
/// # Errors
/// Why not.
pub fn authorize(
    policy: &KeyPolicy,
    key: Option<&WriteKey>,
    origin: Option<&str>,
    events: usize,
    clock: &dyn Clock,
) -> Result<Source, KeyProblem> {
    let Some(key) = key else {
        return policy.without_key.clone().ok_or(KeyProblem::Missing);
    };
    let table = policy.keys.current();
    let entry = table.get(key).ok_or(KeyProblem::Unknown)?;
    if entry.disabled_at.is_none() && entry.bucket.is_none() {
        // Most keys need no clock.
        return Ok(entry.source(entry.readers(origin)?));
    }
    let now_ms = clock.now_ms();
    if entry.disabled_at.is_some_and(|at| at <= now_ms) {
        return Err(KeyProblem::Disabled);
    }
    let readers = entry.readers(origin)?;
    if let Some(bucket) = &entry.bucket {
        let events_per_second = bucket.rate().events_per_second.get();
        let over = |retry_after_s| KeyProblem::OverRate { events_per_second, retry_after_s };
        bucket.take(events, now_ms).map_err(over)?;
    }
    Ok(entry.source(readers))
}

impl Entry {
    fn source(&self, readers: Readers) -> Source {
        Source { name: Arc::clone(&self.source), readers, store_ip: self.store_ip, plan: self.plan }
    }

    fn readers(&self, origin: Option<&str>) -> Result<Readers, KeyProblem> {
        match origin {
            Some(origin) if !self.origins.is_empty() => {
                let refused = || KeyProblem::OriginNotAllowed { origin: shortened(origin.to_owned(), MAX_SHOWN_BYTES) };
                let listed = self.origins.iter().any(|listed| listed.as_str() == origin);
                let value = HeaderValue::from_str(origin).ok().filter(|_| listed).ok_or_else(refused)?;
                Ok(Readers::Only(value))
            }
            _ => Ok(Readers::Anyone),
        }
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
