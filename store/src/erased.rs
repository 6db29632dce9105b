//! Users who were erased, as hashes: nothing here holds an id.
//!
//! An id is hashed with HMAC-SHA-256 under a secret, of which the first 128 bits are kept. So a request to erase a user can
//! wait in the lake, and events that were received before it can be told when they land, without the id being written down;
//! and a collector can refuse the events of a user whom nobody knows any more.
//!
//! ```json
//! {"erasure_secret":"…", "erased_users":[{"hash":"5f0a2b3c4d5e…","user":"5f0a2b3c4d5e…","since":1767225600000}]}
//! ```
//!
//! - [`Hasher`] makes hashes. A request has a secret of its own; the settings have one for all that they list.
//! - [`Refused`] is what the settings list: users whose events are refused.

use std::collections::HashSet;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::error::StoreError;
use crate::settings::Settings;

/// The field of the settings that lists users whose events are refused.
pub const ERASED: &str = "erased_users";
/// The field with the secret that their ids are hashed with: hex.
pub const ERASURE_SECRET: &str = "erasure_secret";
/// Bytes of a secret.
pub const SECRET_BYTES: usize = 32;

/// Identifiers that a secret is made of: one may hold as few as 32 bits that were not drawn before.
const IDS_OF_A_SECRET: usize = 16;

/// A secret that nobody has, made of fresh identifiers.
pub fn fresh_secret(mut next_id: impl FnMut() -> [u8; 16]) -> [u8; SECRET_BYTES] {
    let drawn: Vec<u8> = (0..IDS_OF_A_SECRET).flat_map(|_| next_id()).collect();
    Sha256::digest(drawn).into()
}

/// The hash of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdHash([u8; 16]);

impl fmt::Display for IdHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl Serialize for IdHash {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IdHash {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        from_hex(&text).map(Self).ok_or_else(|| serde::de::Error::custom("a hash is 32 hexadecimal digits"))
    }
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |four: u8| char::from_digit(four.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes of hexadecimal digits; `None` where it is not that many.
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let digits = text.as_bytes();
    if digits.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let value = |digit: u8| (digit as char).to_digit(16);
        *byte = u8::try_from(value(pair[0])? << 4 | value(pair[1])?).ok()?;
    }
    Some(bytes)
}

/// Makes hashes of ids, under a secret.
#[derive(Clone)]
pub struct Hasher(Hmac<Sha256>);

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher")
    }
}

impl Hasher {
    /// With a secret. `None` never in practice: only if the algorithm took no key of this length.
    pub fn new(secret: &[u8; SECRET_BYTES]) -> Option<Self> {
        Hmac::<Sha256>::new_from_slice(secret).ok().map(Self)
    }

    /// The hash of an id.
    pub fn hash(&self, id: &str) -> IdHash {
        let mut hasher = self.0.clone();
        hasher.update(id.as_bytes());
        let bytes = hasher.finalize().into_bytes();
        let mut hash = [0; 16];
        hash.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        IdHash(hash)
    }
}

/// A user whose events are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Of the id.
    pub hash: IdHash,
    /// Of the id that the user was erased by: it is the same for their devices.
    pub user: IdHash,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
    /// What a newer version has added.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Users whose events are refused. The default refuses nobody.
#[derive(Debug, Clone, Default)]
pub struct Refused {
    hasher: Option<Hasher>,
    hashes: HashSet<IdHash>,
}

impl Refused {
    /// Those of a lake.
    ///
    /// # Errors
    /// [`StoreError::Settings`] where they cannot be read.
    pub fn of(settings: &Settings) -> Result<Self, StoreError> {
        let entries = entries(settings)?;
        let hasher = hasher_of(settings)?;
        if hasher.is_none() && !entries.is_empty() {
            return Err(settings.problem(format!("`{ERASED}` needs `{ERASURE_SECRET}`, which is not there")));
        }
        Ok(Self { hasher, hashes: entries.into_iter().map(|entry| entry.hash).collect() })
    }

    /// Whether nobody is refused.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The hashes of all ids that are refused, and what makes such hashes; `None` where nobody is.
    pub fn hashes(&self) -> Option<(&Hasher, &HashSet<IdHash>)> {
        self.hasher.as_ref().filter(|_| !self.is_empty()).map(|hasher| (hasher, &self.hashes))
    }

    /// Whether events of this id are refused.
    pub fn refuses(&self, id: &str) -> bool {
        let known = |hasher: &Hasher| self.hashes.contains(&hasher.hash(id));
        !self.is_empty() && self.hasher.as_ref().is_some_and(known)
    }
}

/// The users whose events are refused, as the settings list them.
///
/// # Errors
/// [`StoreError::Settings`] where they cannot be read.
pub fn entries(settings: &Settings) -> Result<Vec<Entry>, StoreError> {
    Ok(settings.get(ERASED)?.unwrap_or_default())
}

fn hasher_of(settings: &Settings) -> Result<Option<Hasher>, StoreError> {
    let Some(secret) = settings.get::<String>(ERASURE_SECRET)? else { return Ok(None) };
    let hasher = from_hex(&secret).as_ref().and_then(Hasher::new);
    let problem = || settings.problem(format!("`{ERASURE_SECRET}` is not {} hexadecimal digits", 2 * SECRET_BYTES));
    hasher.map(Some).ok_or_else(problem)
}

/// Refuses events of a user from now on, and of their other `ids`. `fresh` is the secret of a lake that has none yet. Gives how many are new.
///
/// # Errors
/// [`StoreError::Settings`] where the settings cannot be read.
pub fn refuse<'a>(
    settings: &mut Settings,
    user: &str,
    ids: impl IntoIterator<Item = &'a str>,
    since_ms: i64,
    fresh: &[u8; SECRET_BYTES],
) -> Result<usize, StoreError> {
    if settings.get::<String>(ERASURE_SECRET)?.is_none() {
        settings.set(ERASURE_SECRET, &hex(fresh))?;
    }
    let Some(hasher) = hasher_of(settings)? else { return Ok(0) };
    let mut listed = entries(settings)?;
    let before = listed.len();
    let (user, ids) = (hasher.hash(user), ids.into_iter().map(|id| hasher.hash(id)));
    let mut known: HashSet<IdHash> = listed.iter().filter(|entry| entry.user == user).map(|entry| entry.hash).collect();
    let new = [user].into_iter().chain(ids).filter(|hash| known.insert(*hash));
    listed.extend(new.map(|hash| Entry { hash, user, since: since_ms, other: Map::new() }));
    settings.set(ERASED, &listed)?;
    Ok(listed.len() - before)
}

/// Takes events of these ids again, and of what was refused together with a user of one of them. Gives how many ids had been
/// refused. The secret stays.
///
/// # Errors
/// [`StoreError::Settings`] where the settings cannot be read.
pub fn allow<'a>(settings: &mut Settings, ids: impl IntoIterator<Item = &'a str>) -> Result<usize, StoreError> {
    let Some(hasher) = hasher_of(settings)? else { return Ok(0) };
    let allowed: HashSet<IdHash> = ids.into_iter().map(|id| hasher.hash(id)).collect();
    let mut listed = entries(settings)?;
    let before = listed.len();
    listed.retain(|entry| !allowed.contains(&entry.hash) && !allowed.contains(&entry.user));
    if listed.len() < before {
        settings.set(ERASED, &listed)?;
    }
    Ok(before - listed.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_goes_both_ways() {
        assert_eq!(from_hex::<3>(&hex(&[0, 171, 255])), Some([0, 171, 255]));
        for wrong in ["", "00abf", "00abfg", "00abff00", "é0abf"] {
            assert_eq!(from_hex::<3>(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_erased_user_is_refused_until_allowed_again() {
        let mut settings = Settings::default();
        assert!(!Refused::of(&settings).unwrap().refuses("u1"));
        assert_eq!(refuse(&mut settings, "u1", ["d1", "u1"], 5, &[7; SECRET_BYTES]).unwrap(), 2);
        assert_eq!(refuse(&mut settings, "u1", [], 6, &[8; SECRET_BYTES]).unwrap(), 0, "one secret for all");
        assert_eq!(refuse(&mut settings, "u2", ["d2", "d1"], 6, &[8; SECRET_BYTES]).unwrap(), 3);
        let refused = Refused::of(&settings).unwrap();
        assert_eq!(["u1", "d1", "u2", "d2"].map(|id| refused.refuses(id)), [true; 4]);
        assert_eq!(["u3", ""].map(|id| refused.refuses(id)), [false; 2]);
        let text = format!("{settings:?}");
        assert!(!text.contains("u1") && !text.contains("d1"), "ids are not written down: {text}");

        assert_eq!(allow(&mut settings, ["u2", "u9"]).unwrap(), 3);
        let refused = Refused::of(&settings).unwrap();
        assert_eq!(["u1", "d1", "u2", "d2"].map(|id| refused.refuses(id)), [true, true, false, false], "d1 is of both");
        assert_eq!(allow(&mut settings, ["d1"]).unwrap(), 1);
        assert!(Refused::of(&settings).unwrap().refuses("u1"));
    }

    #[test]
    fn hashes_without_their_secret_are_an_error_and_no_open_door() {
        let mut settings = Settings::default();
        refuse(&mut settings, "u1", [], 5, &[7; SECRET_BYTES]).unwrap();
        assert!(settings.remove(ERASURE_SECRET));
        assert!(Refused::of(&settings).unwrap_err().to_string().contains(ERASURE_SECRET));
        settings.set(ERASURE_SECRET, &"xyz").unwrap();
        assert!(Refused::of(&settings).unwrap_err().to_string().contains("64 hexadecimal digits"));
    }

    #[test]
    fn what_a_newer_weir_has_added_stays() {
        let mut settings = Settings::default();
        refuse(&mut settings, "u1", [], 5, &[7; SECRET_BYTES]).unwrap();
        let mut entries: Vec<Value> = settings.get(ERASED).unwrap().unwrap();
        entries[0]["why"] = "asked".into();
        settings.set(ERASED, &entries).unwrap();
        refuse(&mut settings, "u2", [], 6, &[7; SECRET_BYTES]).unwrap();
        assert_eq!(settings.get::<Vec<Value>>(ERASED).unwrap().unwrap()[0]["why"], "asked");
    }
}
