//! Whose events are these? A write key, read from a request, and the source that it stands for.
//!
//! A key comes as `X-Write-Key: <key>`, as `Authorization: Bearer <key>`, or as the user name of `Authorization: Basic`.
//! `X-Write-Key` goes first: a proxy on the way may have an `Authorization` of its own. Where a protocol sends its key in
//! the body, that one counts if no header has a key.
//!
//! A write key is public: it sits in web pages and in apps. It names a source and lets events in, and nothing else, so it is
//! kept in clear. Reading needs other credentials. It is left out of messages and logs all the same, because whoever has it
//! can write under the name of its source.
//!
//! - [`model`]: what is kept of a key, and how a new one is made.
//! - [`policy`]: whether a request may write, and as which source.
//! - [`bucket`]: how many events a second a key may bring.

pub mod bucket;
pub mod model;
pub mod policy;

pub use model::{Key, NewKey, Origin, SourceName, State, random_text};
pub use policy::{KeyPolicy, Keys, Readers, Sender, Source, authorize};

use std::fmt;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};

/// The header that carries nothing but a write key.
pub const WRITE_KEY_HEADER: &str = "x-write-key";

/// What a request says it is allowed to write. Kept out of every message and log.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WriteKey(String);

impl fmt::Debug for WriteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WriteKey(…)")
    }
}

/// Why a request may not write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    /// No source has this key.
    #[error("unknown write key; send the key of a source that exists")]
    Unknown,
    /// There is none, and this collector asks for one.
    #[error(
        "no write key; send one as `{WRITE_KEY_HEADER}`, as `Authorization: Bearer`, or as the user name of `Authorization: Basic`"
    )]
    Missing,
    /// A header for a key is there, and holds none.
    #[error(
        "unknown write key: the {header} header holds none; send `Basic` with the key as user name, `Bearer` with the key, or `{WRITE_KEY_HEADER}` with the key"
    )]
    Unreadable {
        /// The header's name.
        header: &'static str,
    },
    /// The key has been switched off, or has been replaced and its time is up.
    #[error("this write key is disabled; send the key that replaces it")]
    Disabled,
    /// A page of this origin may not use the key.
    #[error("pages of the origin `{origin}` may not use this write key; use a page of an origin that it lists")]
    OriginNotAllowed {
        /// As the browser names it, cut where it is long.
        origin: String,
    },
    /// More events than the key may bring.
    #[error(
        "this write key may bring {events_per_second} events a second, and has brought more; nothing was stored, send the same batch again in {retry_after_s} s"
    )]
    OverRate {
        /// What it may bring.
        events_per_second: u32,
        /// After how many seconds the same request is taken, if nothing else comes before it. At least 1.
        retry_after_s: u64,
    },
}

impl KeyProblem {
    /// A short stable name, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown | Self::Unreadable { .. } => "unknown_key",
            Self::Missing => "missing_key",
            Self::Disabled => "disabled_key",
            Self::OriginNotAllowed { .. } => "origin_not_allowed",
            Self::OverRate { .. } => "over_rate",
        }
    }
}

impl WriteKey {
    /// A key from its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The key that a body or an address holds; `None` where it is empty.
    pub fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// Its text, for whoever may see it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key in a request's headers; `None` if no header for a key is there.
    ///
    /// # Errors
    /// [`KeyProblem::Unreadable`]: taking such a request for one without a key would hide the sender's mistake.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, KeyProblem> {
        let key = |header: &'static str, key: Option<String>| match key {
            Some(key) if !key.is_empty() => Ok(Some(Self(key))),
            _ => Err(KeyProblem::Unreadable { header }),
        };
        if let Some(value) = headers.get(WRITE_KEY_HEADER) {
            return key(WRITE_KEY_HEADER, value.to_str().ok().map(|text| text.trim().to_owned()));
        }
        match headers.get(AUTHORIZATION) {
            Some(value) => key("authorization", value.to_str().ok().and_then(from_authorization)),
            None => Ok(None),
        }
    }
}

fn from_authorization(value: &str) -> Option<String> {
    let (scheme, rest) = value.trim().split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(decode_base64(rest)?).ok()?;
    Some(pair.split_once(':').map_or(pair.as_str(), |(user, _)| user).to_owned())
}

/// RFC 4648 base64; padding may be left out, and clients are not held to zero bits behind the last byte.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(&STANDARD, LENIENT).decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(name: &'static str, value: &str) -> Result<Option<WriteKey>, KeyProblem> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        WriteKey::from_headers(&headers)
    }

    fn key(text: &str) -> Result<Option<WriteKey>, KeyProblem> {
        Ok(Some(WriteKey(text.to_owned())))
    }

    #[test]
    fn base64_is_read() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
            ("Zm9vYg", "foob"),
        ] {
            assert_eq!(decode_base64(text).unwrap(), bytes.as_bytes(), "{text}");
        }
        assert_eq!(decode_base64("+/+/").unwrap(), [0xfb, 0xff, 0xbf]);
        for bad in ["Z", "Zm9vY", "Zm 9v", "Zm9v===", "=Zm9", "Zm9-"] {
            assert_eq!(decode_base64(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_key_is_found_in_each_header() {
        assert_eq!(WriteKey::from_headers(&HeaderMap::new()), Ok(None));
        assert_eq!(key_of("x-write-key", " k1 "), key("k1"));
        assert_eq!(key_of("authorization", "Bearer k1"), key("k1"));
        assert_eq!(key_of("authorization", "bearer  k1"), key("k1"));
        assert_eq!(key_of("authorization", "Basic azE6"), key("k1"));
        assert_eq!(key_of("authorization", "BASIC azE6c2VjcmV0OmE="), key("k1"));
        assert_eq!(key_of("authorization", "Basic azE="), key("k1"));
    }

    #[test]
    fn a_header_that_holds_no_key_is_no_request_without_a_key() {
        assert_eq!(key_of("x-write-key", " "), Err(KeyProblem::Unreadable { header: "x-write-key" }));
        for value in ["", "k1", "Basic", "Basic !", "Basic Og==", "Basic /w==", "Digest k1", "Bearer ", "Basic \u{e9}"]
        {
            assert_eq!(
                key_of("authorization", value),
                Err(KeyProblem::Unreadable { header: "authorization" }),
                "{value}"
            );
        }
    }

    #[test]
    fn the_header_of_its_own_goes_first() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Basic cHJveHk6".parse().unwrap());
        headers.insert("x-write-key", "k1".parse().unwrap());
        assert_eq!(WriteKey::from_headers(&headers), key("k1"));
    }

    #[test]
    fn a_key_is_not_shown() {
        assert_eq!(format!("{:?}", key_of("x-write-key", "secret")), "Ok(Some(WriteKey(…)))");
    }
}
