//! Who asks: by a token in a header, or by a session in a cookie.
//!
//! ```text
//! Authorization: Bearer wt_…           POST /api/login {"token":"wt_…"} ▸ Set-Cookie: weir_session=…; HttpOnly; SameSite=Strict
//!         └──▶ the token of that hash, as the settings have it now ◀── its hash, encrypted ──┘
//! ```
//!
//! A session is nothing but a cookie: whose it is, and until when, encrypted with a key that this server has. So a token that is
//! disabled ends its sessions as soon as the settings are looked at again.

use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use cookie::time::Duration;
use cookie::{Cookie, CookieJar, Key, SameSite};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::timeout;
use weir_core::ports::Clock;
use weir_lake::{Settings, Store, StoreError};

use super::throttle::Throttle;
use crate::tokens::{Role, Token, TokenText, tokens_of};

/// The cookie of a session.
const COOKIE: &str = "weir_session";
/// How long a session lasts.
const SESSION_MS: i64 = 12 * 3_600_000;
/// How old what is known of tokens may be.
const FRESH_MS: i64 = 2_000;
/// Nobody waits longer for a store that does not answer.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(3);

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name of their token; `None` where nobody has one.
    pub name: Option<String>,
    /// What they may do; `None`: nothing.
    pub role: Option<Role>,
    /// How that is known.
    pub by: By,
}

/// How it is known who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// It is not asked.
    Nothing,
    /// By a token in the request.
    Token,
    /// By a cookie, which a browser sends by itself.
    Session,
}

impl Identity {
    /// Whoever reaches a server that asks for nothing.
    pub const ANYONE: Self = Self { name: None, role: Some(Role::Admin), by: By::Nothing };
    /// Whoever has not said who they are.
    pub const NOBODY: Self = Self { name: None, role: None, by: By::Nothing };
}

/// A route that is reached without the gate in front of it knows nobody.
impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or(Self::NOBODY))
    }
}

/// How a server finds out who asks.
#[derive(Debug, Clone)]
pub enum Auth {
    /// It does not: whoever reaches it may do everything.
    None,
    /// By the tokens of its lake.
    Tokens(Arc<TokenAuth>),
}

/// What a session says, encrypted.
#[derive(Debug, Serialize, Deserialize)]
struct Session {
    /// The hash of the token that began it.
    sha256: String,
    /// It ends then, in milliseconds since 1970.
    until: i64,
}

/// Knows people by the tokens of a lake.
pub struct TokenAuth {
    store: Store,
    clock: Arc<dyn Clock>,
    key: Key,
    /// Whether the cookie is for encrypted connections only, whatever a proxy says.
    is_secure: bool,
    known: Mutex<Known>,
    throttle: Throttle,
}

/// Keys are in no log.
impl fmt::Debug for TokenAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAuth").field("lake", &self.store.url()).finish_non_exhaustive()
    }
}

/// The tokens as they were last seen.
struct Known {
    settings: Settings,
    tokens: Arc<[Token]>,
    looked_ms: i64,
}

/// Why somebody does not get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// There is no such token, or it is disabled.
    Wrong,
    /// Too many wrong ones from there: wait so many milliseconds.
    Wait(i64),
}

impl Auth {
    /// As a session names it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Tokens(_) => "token",
        }
    }

    /// Who asks.
    pub(super) async fn identify(&self, headers: &HeaderMap) -> Identity {
        match self {
            Self::None => Identity::ANYONE,
            Self::Tokens(auth) => auth.identify(headers).await.unwrap_or(Identity::NOBODY),
        }
    }

    /// Whether a session came along, be it one that is over.
    pub(super) fn has_cookie(&self, headers: &HeaderMap) -> bool {
        matches!(self, Self::Tokens(_)) && session_cookie(headers).is_some()
    }
}

impl TokenAuth {
    /// Of the tokens in these settings and those that follow them. The key encrypts sessions.
    ///
    /// # Errors
    /// [`StoreError::Settings`] where the tokens cannot be read.
    pub fn new(
        store: Store,
        settings: Settings,
        clock: Arc<dyn Clock>,
        key: Key,
        is_secure: bool,
    ) -> Result<Self, StoreError> {
        let tokens = tokens_of(&settings)?.into();
        let known = Mutex::new(Known { settings, tokens, looked_ms: clock.now_ms() });
        Ok(Self { store, clock, key, is_secure, known, throttle: Throttle::default() })
    }

    /// The tokens as they are now, or were a moment ago. Settings that cannot be read change nothing, and the log says so.
    async fn tokens(&self) -> Arc<[Token]> {
        let now_ms = self.clock.now_ms();
        let mut known = self.known.lock().await;
        if now_ms.saturating_sub(known.looked_ms) >= FRESH_MS {
            let newer = timeout(PATIENCE, known.settings.newer(&self.store)).await;
            let newer = newer.unwrap_or_else(|_| {
                tracing::warn!("the settings do not come in {PATIENCE:?}; the tokens from before stay in force");
                Ok(None)
            });
            let read = newer.and_then(|newer| newer.map(|newer| Ok((tokens_of(&newer)?, newer))).transpose());
            match read {
                Ok(Some((tokens, settings))) => (known.tokens, known.settings) = (tokens.into(), settings),
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "the tokens cannot be read; those from before stay in force"),
            }
            known.looked_ms = now_ms;
        }
        Arc::clone(&known.tokens)
    }

    async fn identify(&self, headers: &HeaderMap) -> Option<Identity> {
        // Who names a token means it, whatever cookies come along.
        if let Some(given) = headers.get(header::AUTHORIZATION) {
            let (scheme, text) = given.to_str().ok()?.split_once(' ')?;
            let sha256 = scheme.eq_ignore_ascii_case("bearer").then(|| TokenText::sent(text).sha256())?;
            return self.holder(&sha256, By::Token).await;
        }
        let session = self.session(headers)?;
        let is_over = self.clock.now_ms() >= session.until;
        if is_over { None } else { self.holder(&session.sha256, By::Session).await }
    }

    /// Whose token has this hash, while it is active. Comparing hashes tells nobody who guesses tokens how near they are.
    async fn holder(&self, sha256: &str, by: By) -> Option<Identity> {
        let (tokens, now_ms) = (self.tokens().await, self.clock.now_ms());
        let token = tokens.iter().find(|token| token.sha256 == sha256 && token.is_active(now_ms))?;
        Some(Identity { name: Some(token.name.clone()), role: Some(token.role), by })
    }

    fn session(&self, headers: &HeaderMap) -> Option<Session> {
        let mut jar = CookieJar::new();
        jar.add_original(session_cookie(headers)?);
        let open = jar.private(&self.key).get(COOKIE)?;
        serde_json::from_str(open.value()).ok()
    }

    /// Begins a session: who it is, and its cookie.
    pub(super) async fn log_in(
        &self,
        text: &TokenText,
        from: IpAddr,
        headers: &HeaderMap,
    ) -> Result<(Identity, String), Refused> {
        let (tokens, now_ms, sha256) = (self.tokens().await, self.clock.now_ms(), text.sha256());
        let find = || tokens.iter().find(|token| token.sha256 == sha256 && token.is_active(now_ms));
        let token = self.throttle.attempt(from, now_ms, find).map_err(Refused::Wait)?.ok_or(Refused::Wrong)?;
        let session = Session { sha256, until: now_ms.saturating_add(SESSION_MS) };
        let value = serde_json::to_string(&session).map_err(|_| Refused::Wrong)?;
        let who = Identity { name: Some(token.name.clone()), role: Some(token.role), by: By::Session };
        // A proxy that speaks HTTPS says so. Who says it untruly gets a cookie that is of less use to them.
        let is_https = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
        Ok((who, self.cookie(value, SESSION_MS, self.is_secure || is_https)))
    }

    /// The cookie that ends a session.
    pub(super) fn log_out(&self) -> String {
        self.cookie(String::new(), 0, self.is_secure)
    }

    fn cookie(&self, value: String, lasts_ms: i64, is_secure: bool) -> String {
        let cookie = Cookie::build((COOKIE, value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Strict)
            .secure(is_secure)
            .max_age(Duration::milliseconds(lasts_ms))
            .build();
        let mut jar = CookieJar::new();
        if lasts_ms > 0 {
            jar.private_mut(&self.key).add(cookie);
        } else {
            jar.add(cookie);
        }
        jar.get(COOKIE).map(ToString::to_string).unwrap_or_default()
    }
}

fn session_cookie(headers: &HeaderMap) -> Option<Cookie<'static>> {
    let sent = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut cookies = sent.flat_map(|value| Cookie::split_parse(value.to_owned())).flatten();
    cookies.find(|cookie| cookie.name() == COOKIE)
}
