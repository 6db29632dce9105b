//! Whom the settings of a lake know: the tokens of people and programs, and those of embeds, as they are now or were a moment ago.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;
use weir_core::ports::Clock;
use weir_lake::{Settings, Store, StoreError};

use crate::embeds::{Embed, embeds_of};
use crate::tokens::{Token, tokens_of};

/// How old what is known may be, in milliseconds.
const FRESH_MS: i64 = 2_000;
/// Nobody waits longer for a store that does not answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Looks at the settings again when what it knows is old.
pub struct Known {
    store: Store,
    clock: Arc<dyn Clock>,
    seen: Mutex<Seen>,
}

/// What was seen last.
#[derive(Default)]
struct Seen {
    /// None, before the first look.
    settings: Option<Settings>,
    who: Who,
    looked_ms: i64,
}

/// Whom the settings know.
#[derive(Clone, Default)]
struct Who {
    tokens: Arc<[Token]>,
    embeds: Arc<[Embed]>,
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").field("lake", &self.store.url()).finish_non_exhaustive()
    }
}

impl Who {
    fn of(settings: &Settings) -> Result<Self, StoreError> {
        Ok(Self { tokens: tokens_of(settings)?.into(), embeds: embeds_of(settings)?.into() })
    }
}

impl Known {
    /// Whom the settings of a lake know, when somebody comes.
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, seen: Mutex::default() }
    }

    /// The same, of settings that are read already.
    ///
    /// # Errors
    /// [`StoreError::Settings`] where the tokens in them cannot be read.
    pub fn with_settings(self, settings: Settings) -> Result<Self, StoreError> {
        let who = Who::of(&settings)?;
        let seen = Mutex::new(Seen { settings: Some(settings), who, looked_ms: self.clock.now_ms() });
        Ok(Self { seen, ..self })
    }

    /// Now, in milliseconds since 1970.
    pub(super) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Looks at the settings when somebody comes next, however fresh what it knows is: they have just been changed here.
    pub(super) async fn look_again(&self) {
        self.seen.lock().await.looked_ms = i64::MIN;
    }

    /// The token with this hash, while it is in force. Comparing hashes tells nobody who guesses tokens how near they are.
    pub(super) async fn token(&self, sha256: &str) -> Option<Token> {
        let (who, now_ms) = (self.who().await, self.now_ms());
        who.tokens.iter().find(|token| token.sha256 == sha256 && token.is_active(now_ms)).cloned()
    }

    /// The embed with this hash, while it is in force.
    pub(super) async fn embed(&self, sha256: &str) -> Option<Embed> {
        let (who, now_ms) = (self.who().await, self.now_ms());
        who.embeds.iter().find(|embed| embed.sha256 == sha256 && embed.is_active(now_ms)).cloned()
    }

    /// Settings that cannot be read change nothing, and the log says so.
    async fn who(&self) -> Who {
        let now_ms = self.now_ms();
        let mut seen = self.seen.lock().await;
        if seen.settings.is_none() || now_ms.saturating_sub(seen.looked_ms) >= FRESH_MS {
            let newer = timeout(PATIENCE, self.newer_than(seen.settings.as_ref())).await;
            match newer {
                Ok(Ok(Some((settings, who)))) => (seen.who, seen.settings) = (who, Some(settings)),
                Ok(Ok(None)) => {}
                Ok(Err(error)) => tracing::error!(%error, "the tokens cannot be read; those from before stay in force"),
                Err(_) => {
                    tracing::warn!("the settings do not come in {PATIENCE:?}; the tokens from before stay in force")
                }
            }
            seen.looked_ms = now_ms;
        }
        seen.who.clone()
    }

    async fn newer_than(&self, known: Option<&Settings>) -> Result<Option<(Settings, Who)>, StoreError> {
        let newer = match known {
            Some(known) => known.newer(&self.store).await?,
            None => Some(Settings::newest(&self.store).await?),
        };
        newer.map(|settings| Who::of(&settings).map(|who| (settings, who))).transpose()
    }
}
