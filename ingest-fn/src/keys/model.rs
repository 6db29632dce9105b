//! What is kept of a write key, and how a new one is made.
//!
//! ```json
//! {"key":"wk_1b9XkQ…","source":"shop","created_at":1767225600000,"origins":["https://shop.example"],
//!  "events_per_second":100,"burst":1000,"plan":"warn","disabled_at":1769817600000}
//! ```
//!
//! Times are milliseconds since 1970. `disabled_at` may lie ahead: that is how a key that was replaced goes on for a while.
//! Fields that this version does not know are kept, so that an older weir can change what a newer one wrote.

use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use weir_core::ports::Ids;

use super::WriteKey;
use super::bucket::Rate;
use crate::plan::PlanMode;

/// What every key begins with, so that people and scanners know one when they see it.
pub const KEY_PREFIX: &str = "wk_";
/// Characters behind the prefix: 142 bits.
const KEY_DIGITS: usize = 24;
/// Identifiers that one key is made of: one may hold as few as 32 bits that were not drawn before.
const IDS_OF_A_KEY: usize = 4;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The longest name of a source, in bytes.
pub const MAX_SOURCE_BYTES: usize = 100;
/// The longest origin, in bytes.
const MAX_ORIGIN_BYTES: usize = 300;
/// Without a burst of its own, a key may bring so many seconds' worth of events at once.
const BURST_SECONDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// A write key and what it may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its text.
    pub key: WriteKey,
    /// The source of the events it brings.
    pub source: SourceName,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// The pages that may use it; empty: those of any origin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<Origin>,
    /// How many events a second it may bring; absent: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_per_second: Option<NonZeroU32>,
    /// How many events it may bring at once after a pause; absent: ten seconds' worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<NonZeroU32>,
    /// What follows where an event departs from the tracking plan; absent: nothing.
    #[serde(default, skip_serializing_if = "PlanMode::is_off")]
    pub plan: PlanMode,
    /// From when on it is refused, in milliseconds since 1970; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<i64>,
    /// Whether the address of who sends is stored with the events.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub store_ip: bool,
    /// What a newer version has added.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What a new key is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// The source of the events it brings.
    pub source: SourceName,
    /// The pages that may use it; empty: those of any origin.
    pub origins: Vec<Origin>,
    /// How many events a second it may bring, and how many at once.
    pub events_per_second: Option<NonZeroU32>,
    /// How many events it may bring at once.
    pub burst: Option<NonZeroU32>,
    /// Whether the address of who sends is stored with the events.
    pub store_ip: bool,
    /// What follows where an event departs from the tracking plan.
    pub plan: PlanMode,
}

/// Whether a key is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is.
    Active,
    /// It is, up to `disabled_at`.
    Ending,
    /// It is not.
    Disabled,
}

impl Key {
    /// Makes a key that nobody has.
    pub fn new(new: NewKey, ids: &dyn Ids, now_ms: i64) -> Self {
        let NewKey { source, origins, events_per_second, burst, store_ip, plan } = new;
        Self {
            key: fresh_key(ids),
            source,
            created_at: now_ms,
            origins,
            events_per_second,
            burst,
            plan,
            disabled_at: None,
            store_ip,
            other: Map::new(),
        }
    }

    /// A new key for the same source, with the same settings. What a newer version has added goes along.
    #[must_use]
    pub fn successor(&self, ids: &dyn Ids, now_ms: i64) -> Self {
        Self { key: fresh_key(ids), created_at: now_ms, disabled_at: None, ..self.clone() }
    }

    /// Whether it is taken at an instant.
    pub fn state(&self, now_ms: i64) -> State {
        match self.disabled_at {
            None => State::Active,
            Some(at) if now_ms < at => State::Ending,
            Some(_) => State::Disabled,
        }
    }

    /// How fast it may bring events; `None`: as fast as it can.
    pub fn rate(&self) -> Option<Rate> {
        let events_per_second = self.events_per_second?;
        let burst = self.burst.unwrap_or_else(|| events_per_second.saturating_mul(BURST_SECONDS));
        Some(Rate { events_per_second, burst })
    }
}

/// A text that nobody has: a prefix, and so many letters and digits, at most 40.
///
/// Reads identifiers as one large number and writes its lowest digits in base 62. The number is more than 2²⁷⁰ times as large
/// as what is kept of it, so every text is as likely as every other.
pub fn random_text(prefix: &str, digits: usize, ids: &dyn Ids) -> String {
    let mut digits = vec![0_u8; digits];
    for byte in (0..IDS_OF_A_KEY).flat_map(|_| ids.next_id()) {
        let mut carry = u32::from(byte);
        for digit in digits.iter_mut().rev() {
            let value = u32::from(*digit) * 256 + carry;
            *digit = (value % 62) as u8;
            carry = value / 62;
        }
    }
    let text = digits.iter().filter_map(|digit| ALPHABET.get(usize::from(*digit)).copied().map(char::from));
    prefix.chars().chain(text).collect()
}

fn fresh_key(ids: &dyn Ids) -> WriteKey {
    WriteKey::new(random_text(KEY_PREFIX, KEY_DIGITS, ids))
}

/// The name of a source: 1 to 100 bytes, no control characters, no space at its ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SourceName(String);

impl SourceName {
    /// Checks a name.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a source needs a name, such as `web`".to_owned());
        }
        if text.len() > MAX_SOURCE_BYTES {
            return Err(format!("found {} bytes; a source has a name of at most {MAX_SOURCE_BYTES}", text.len()));
        }
        if text.chars().any(char::is_control) || text.trim() != text {
            return Err("a source has a name without control characters, and without space at its ends".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a page comes from, as browsers write it: `https://shop.example`, `http://localhost:3000`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin(String);

impl Origin {
    /// Checks an origin, and writes it as browsers do: in small letters, without the port that its scheme has anyway.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected scheme and host, such as `https://shop.example` or `http://localhost:3000`";
        let (scheme, authority) = text.split_once("://").ok_or(EXPECTED)?;
        if authority.contains('*') {
            return Err("an origin has no wildcards; give --origin once for each, or leave it away for any".to_owned());
        }
        if authority.contains(['/', '?', '#']) {
            return Err(format!("an origin has no path and no slash at its end; {EXPECTED}"));
        }
        if !text.is_ascii() {
            return Err(format!("write the host as browsers send it, in ASCII (`xn--…`); {EXPECTED}"));
        }
        let scheme_is_sound = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        let (host, port) = host_and_port(authority);
        let port_is_sound = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
        let host_is_sound =
            !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b));
        if !scheme_is_sound || !host_is_sound || !port_is_sound || text.len() > MAX_ORIGIN_BYTES {
            return Err(EXPECTED.to_owned());
        }
        let (scheme, host) = (scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
        let default = matches!((scheme.as_str(), port), ("https", Some("443")) | ("http", Some("80")));
        let port = port.filter(|_| !default).map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Self(format!("{scheme}://{host}{port}")))
    }

    /// As browsers write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The colons of an IPv6 address lie in brackets.
fn host_and_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for SourceName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).map_err(|problem| format!("source `{text}`: {problem}"))
    }
}

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).map_err(|problem| format!("origin `{text}`: {problem}"))
    }
}

impl From<SourceName> for String {
    fn from(name: SourceName) -> Self {
        name.0
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
