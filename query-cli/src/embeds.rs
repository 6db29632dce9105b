//! Embeds: one report's answer for whoever has the link, on another site or on a screen in a hall.
//!
//! ```json
//! {"name":"wiki","report":"0190…","sha256":"9f86d0…","created_at":1767225600000,"created_by":"ana","disabled_at":1769817600000}
//! ```
//!
//! The link holds a token like those of [people](crate::tokens), which opens nothing but the newest revision of that report and
//! the answer to its question. They are a field of the settings of their own, so that an older weir does not take them for tokens
//! that open more. Times are milliseconds since 1970; fields that this version does not know stay.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use weir_core::nearest::nearest;
use weir_lake::{Settings, Store, StoreError};

use crate::tokens::TokenText;

/// The field of the settings that lists them.
pub const EMBEDS: &str = "embeds";
/// What the token of each begins with.
pub const EMBED_PREFIX: &str = "we_";

/// What is kept of an embed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Embed {
    /// What people call it: no two have the same name.
    pub name: String,
    /// The id of the report.
    pub report: String,
    /// The SHA-256 of its token, in hexadecimal digits.
    pub sha256: String,
    /// When it was made.
    pub created_at: i64,
    /// Who made it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// From when on it is refused; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<i64>,
    /// What a newer version has added.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Why embeds are not changed.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// Names are given once.
    #[error("there is an embed `{0}` already; take another name")]
    Exists(String),
    /// None has that name.
    #[error("there is no embed `{name}`; {hint}")]
    None {
        /// What was asked for.
        name: String,
        /// What there is instead.
        hint: String,
    },
    /// The settings.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Embed {
    /// What is kept of a new one.
    pub fn new(name: &str, report: &str, text: &TokenText, now_ms: i64) -> Self {
        let (name, report, sha256) = (name.to_owned(), report.to_owned(), text.sha256());
        Self { name, report, sha256, created_at: now_ms, created_by: None, disabled_at: None, other: Map::new() }
    }

    /// Whether it is in force.
    pub fn is_active(&self, now_ms: i64) -> bool {
        self.disabled_at.is_none_or(|at| now_ms < at)
    }
}

/// The embeds of a lake, in the order in which they were made.
///
/// # Errors
/// [`StoreError::Settings`] where they cannot be read.
pub fn embeds_of(settings: &Settings) -> Result<Vec<Embed>, StoreError> {
    Ok(settings.get(EMBEDS)?.unwrap_or_default())
}

/// Keeps a new one.
///
/// # Errors
/// [`EmbedError::Exists`], or what is wrong with the settings.
pub async fn add(store: &Store, embed: &Embed) -> Result<(), EmbedError> {
    change(store, |embeds| {
        if embeds.iter().any(|known| known.name == embed.name) {
            return Err(EmbedError::Exists(embed.name.clone()));
        }
        embeds.push(embed.clone());
        Ok(())
    })
    .await
}

/// Switches one off, for good.
///
/// # Errors
/// [`EmbedError::None`], or what is wrong with the settings.
pub async fn disable(store: &Store, name: &str, now_ms: i64) -> Result<Embed, EmbedError> {
    change(store, |embeds| {
        let near = nearest(name, embeds.iter().map(|embed| embed.name.as_str())).map(str::to_owned);
        let Some(embed) = embeds.iter_mut().find(|embed| embed.name == name) else {
            let hint =
                near.map_or("list them with `weir embeds list`".to_owned(), |near| format!("did you mean `{near}`?"));
            return Err(EmbedError::None { name: name.to_owned(), hint });
        };
        // When it was switched off first is what is worth keeping.
        embed.disabled_at = Some(embed.disabled_at.map_or(now_ms, |at| at.min(now_ms)));
        Ok(embed.clone())
    })
    .await
}

async fn change<T>(store: &Store, change: impl Fn(&mut Vec<Embed>) -> Result<T, EmbedError>) -> Result<T, EmbedError> {
    Settings::update(store, |settings| {
        let mut embeds = embeds_of(settings)?;
        let outcome = change(&mut embeds)?;
        settings.set(EMBEDS, &embeds)?;
        Ok(outcome)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_is_given_once_and_what_is_switched_off_stays_off() {
        let store = Store::in_memory();
        let embed = Embed::new("wiki", "r1", &TokenText::sent("abc"), 5);
        add(&store, &embed).await.unwrap();
        let taken = add(&store, &Embed::new("wiki", "r2", &TokenText::sent("x"), 6)).await.unwrap_err();
        assert_eq!(taken.to_string(), "there is an embed `wiki` already; take another name");
        assert_eq!(disable(&store, "wiki", 7).await.unwrap().disabled_at, Some(7));
        assert_eq!(disable(&store, "wiki", 9).await.unwrap().disabled_at, Some(7));
        assert!(!embeds_of(&Settings::newest(&store).await.unwrap()).unwrap()[0].is_active(7));
        let unknown = disable(&store, "wikie", 9).await.unwrap_err();
        assert_eq!(unknown.to_string(), "there is no embed `wikie`; did you mean `wiki`?");
    }

    #[test]
    fn what_is_kept_of_an_embed() {
        let embed = Embed::new("wiki", "r1", &TokenText::sent("abc"), 5);
        let kept = r#"{"name":"wiki","report":"r1","sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","created_at":5}"#;
        assert_eq!(serde_json::to_string(&embed).unwrap(), kept);
        let newer = r#"{"name":"a","report":"r","sha256":"x","created_at":1,"until":9}"#;
        assert_eq!(serde_json::to_string(&serde_json::from_str::<Embed>(newer).unwrap()).unwrap(), newer);
    }
}
