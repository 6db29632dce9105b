//! Tokens: who may ask a server that is reached from elsewhere, and what they may do there.
//!
//! ```json
//! {"name":"ana","role":"editor","sha256":"9f86d0…","created_at":1767225600000,"disabled_at":1769817600000}
//! ```
//!
//! A token is a long random text. Its hash alone is kept, in the settings of the lake, so that who reads the lake's folder learns
//! no token; it is shown once, when it is made. Times are milliseconds since 1970. Fields that this version does not know stay, so
//! that an older weir can change what a newer one wrote.

use std::fmt;

use ingest_fn::keys::random_text;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use weir_core::ports::Ids;
use weir_lake::{Settings, StoreError};

/// The field of the settings that lists the tokens.
pub const TOKENS: &str = "tokens";
/// What every token begins with, so that people and scanners know one when they see it.
pub const TOKEN_PREFIX: &str = "wt_";
/// Characters behind the prefix: 190 bits.
const TOKEN_DIGITS: usize = 32;
/// The longest name, in characters.
pub const MAX_NAME_CHARS: usize = 100;

/// What somebody may do. Each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Ask questions, and read what is saved
    Viewer,
    /// Save and remove reports, dashboards and annotations too
    Editor,
    /// Everything
    Admin,
}

impl Role {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is kept of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Whose it is: no two have the same.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The SHA-256 of its text, in hexadecimal digits.
    pub sha256: String,
    /// When it was made.
    pub created_at: i64,
    /// From when on it is refused; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<i64>,
    /// What a newer version has added.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The text of a token, which is known only while it is made or sent.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenText(String);

impl TokenText {
    /// A text that nobody has, of a person or a program.
    pub fn fresh(ids: &dyn Ids) -> Self {
        Self::fresh_with(TOKEN_PREFIX, ids)
    }

    /// One that begins so.
    pub fn fresh_with(prefix: &str, ids: &dyn Ids) -> Self {
        Self(random_text(prefix, TOKEN_DIGITS, ids))
    }

    /// A text that somebody sent.
    pub fn sent(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// What is kept of it.
    pub fn sha256(&self) -> String {
        Sha256::digest(self.0.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// To show it, once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Not in any log.
impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenText(…)")
    }
}

impl Token {
    /// What is kept of a new token.
    pub fn new(name: &str, role: Role, text: &TokenText, now_ms: i64) -> Self {
        let (name, sha256) = (name.to_owned(), text.sha256());
        Self { name, role, sha256, created_at: now_ms, disabled_at: None, other: Map::new() }
    }

    /// Whether it is taken.
    pub fn is_active(&self, now_ms: i64) -> bool {
        self.disabled_at.is_none_or(|at| now_ms < at)
    }
}

/// The name of whose token it is: 1 to 100 characters, no control characters, no space at its ends.
///
/// # Errors
/// What is wrong with it.
pub fn token_name(text: &str) -> Result<String, String> {
    let chars = text.chars().count();
    if chars == 0 || chars > MAX_NAME_CHARS {
        return Err(format!("it has {chars} characters; use 1 to {MAX_NAME_CHARS}"));
    }
    if text.trim() != text || text.chars().any(char::is_control) {
        return Err("it begins or ends with a space, or has control characters; leave those out".to_owned());
    }
    Ok(text.to_owned())
}

/// The tokens of a lake.
///
/// # Errors
/// [`StoreError::Settings`] where they cannot be read.
pub fn tokens_of(settings: &Settings) -> Result<Vec<Token>, StoreError> {
    Ok(settings.get(TOKENS)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use weir_core::ports::{CountingIds, RandomIds};

    use super::*;

    #[test]
    fn a_token_is_long_and_its_hash_alone_is_kept() {
        let text = TokenText::fresh(&RandomIds);
        assert!(text.reveal().starts_with(TOKEN_PREFIX) && text.reveal().len() == TOKEN_PREFIX.len() + TOKEN_DIGITS);
        assert_ne!(text, TokenText::fresh(&RandomIds));
        let token = Token::new("ana", Role::Editor, &text, 7);
        let kept = serde_json::to_string(&token).unwrap();
        assert!(!kept.contains(text.reveal()), "{kept}");
        assert_eq!(format!("{text:?}"), "TokenText(…)");
        assert_eq!(TokenText::sent(&format!(" {}\n", text.reveal())).sha256(), token.sha256);
    }

    #[test]
    fn what_is_kept_of_a_token() {
        let mut token = Token::new("ana", Role::Editor, &TokenText::sent("abc"), 1_767_225_600_000);
        // The published example of FIPS 180-2.
        let kept = r#"{"name":"ana","role":"editor","sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","created_at":1767225600000}"#;
        assert_eq!(serde_json::to_string(&token).unwrap(), kept);
        assert!(token.is_active(i64::MAX));
        token.disabled_at = Some(10);
        assert!(token.is_active(9) && !token.is_active(10));
        let newer = r#"{"name":"a","role":"viewer","sha256":"x","created_at":1,"scope":["b"]}"#;
        let read: Token = serde_json::from_str(newer).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), newer);
    }

    #[test]
    fn roles_contain_each_other() {
        assert!(Role::Viewer < Role::Editor && Role::Editor < Role::Admin);
        let counting = CountingIds::default();
        assert_ne!(TokenText::fresh(&counting), TokenText::fresh(&counting));
    }

    #[test]
    fn names_are_what_people_can_read() {
        assert_eq!(token_name("Ana Müller").unwrap(), "Ana Müller");
        for wrong in ["", " a", "a ", "a\nb", &"x".repeat(101)] {
            assert!(token_name(wrong).is_err(), "{wrong:?}");
        }
    }
}
