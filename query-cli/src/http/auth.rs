//! Who asks: by a token in a header, by a session in a cookie, or as AWS says.
//!
//! ```text
//! Authorization: Bearer wt_…     POST /api/login {"token":"wt_…"} ┐
//!         │                      OpenID Connect, see `openid`     ┴▸ Set-Cookie: weir_session=…; HttpOnly; SameSite=Strict
//!         └──▶ the token of that hash, as the settings have it now ◀── its hash ──┘  or what the provider said of the person
//! ```
//!
//! A session is nothing but a cookie: whose it is, and until when, encrypted with a key that this server has. So a token that is
//! disabled ends its sessions as soon as the settings are looked at again. What a provider said of a person holds until the
//! session ends; which role that gives is looked at each time.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use cookie::SameSite;
use serde::{Deserialize, Serialize};

use super::known::Known;
use super::sealed::{Place, Sealed, sent};
use super::throttle::Throttle;
use crate::openid::{OpenId, Person};
use crate::tokens::{Role, Token, TokenText};

/// How long a session lasts, in milliseconds.
const SESSION_MS: i64 = 12 * 3_600_000;
/// Its cookie. No request that another site makes has it.
const SESSION: Place = Place { name: "weir_session", path: "/", same_site: SameSite::Strict, lasts_ms: SESSION_MS };

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What they are called: the name of their token, or as their provider says; `None` where nobody asks.
    pub name: Option<String>,
    /// Their address, where a provider told it.
    pub email: Option<String>,
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
    /// By something in the request that no browser sends by itself: a token, or a signature that AWS has checked.
    Token,
    /// By a cookie, which a browser sends by itself.
    Session,
}

impl Identity {
    /// Whoever reaches a server that asks for nothing.
    pub const ANYONE: Self = Self { name: None, email: None, role: Some(Role::Admin), by: By::Nothing };
    /// Whoever has not said who they are.
    pub const NOBODY: Self = Self { name: None, email: None, role: None, by: By::Nothing };

    /// Somebody with a role.
    pub fn of(name: Option<String>, role: Role, by: By) -> Self {
        Self { name, email: None, role: Some(role), by }
    }
}

/// A route that is reached without the gate in front of it knows nobody.
impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or(Self::NOBODY))
    }
}

/// The name of whom AWS has let through, as the program around this server found it.
#[derive(Debug, Clone)]
pub struct AwsCaller(pub String);

/// How a server finds out who asks.
#[derive(Debug, Clone)]
pub enum Auth {
    /// It does not: whoever reaches it may do everything.
    None,
    /// By the tokens of its lake and, where there is one, by a provider of OpenID Connect.
    Accounts(Arc<Accounts>),
    /// AWS has asked already, and lets nobody else through: they all have this role.
    Iam(Role),
}

/// What a session says, encrypted.
#[derive(Debug, Serialize, Deserialize)]
struct Session {
    #[serde(flatten)]
    whose: Whose,
    /// It ends then, in milliseconds since 1970.
    until: i64,
}

/// Whose a session is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Whose {
    /// Of who has the token with this hash.
    Token { sha256: String },
    /// Of whom a provider knows.
    Person { person: Person },
}

/// Knows people by the tokens of a lake, and by a provider of OpenID Connect.
#[derive(Debug)]
pub struct Accounts {
    known: Arc<Known>,
    pub(super) sealed: Sealed,
    openid: Option<OpenId>,
    throttle: Throttle,
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
            Self::Accounts(accounts) if accounts.openid.is_some() => "openid",
            Self::Accounts(_) => "token",
            Self::Iam(_) => "iam",
        }
    }

    /// Who asks.
    pub(super) async fn identify(&self, headers: &HeaderMap, caller: Option<&AwsCaller>) -> Identity {
        match self {
            Self::None => Identity::ANYONE,
            Self::Accounts(accounts) => accounts.identify(headers).await.unwrap_or(Identity::NOBODY),
            Self::Iam(role) => {
                caller.map_or(Identity::NOBODY, |caller| Identity::of(Some(caller.0.clone()), *role, By::Token))
            }
        }
    }

    /// Whether a session came along, be it one that is over.
    pub(super) fn has_cookie(&self, headers: &HeaderMap) -> bool {
        matches!(self, Self::Accounts(_)) && sent(SESSION.name, headers).is_some()
    }
}

/// What comes behind `Bearer` in `Authorization`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<TokenText> {
    let (scheme, text) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| TokenText::sent(text))
}

impl Accounts {
    /// Of those whom the settings of a lake know. Sessions are sealed in cookies.
    pub fn new(known: Arc<Known>, sealed: Sealed) -> Self {
        Self { known, sealed, openid: None, throttle: Throttle::default() }
    }

    /// The same, and those whom a provider knows.
    #[must_use]
    pub fn with_openid(self, openid: OpenId) -> Self {
        Self { openid: Some(openid), ..self }
    }

    /// The provider, where there is one.
    pub fn openid(&self) -> Option<&OpenId> {
        self.openid.as_ref()
    }

    /// Now, in milliseconds since 1970.
    pub(super) fn now_ms(&self) -> i64 {
        self.known.now_ms()
    }

    async fn identify(&self, headers: &HeaderMap) -> Option<Identity> {
        // Who names a token means it, whatever cookies come along.
        if headers.contains_key(header::AUTHORIZATION) {
            let token = self.known.token(&bearer(headers)?.sha256()).await?;
            return Some(holder(&token, By::Token));
        }
        let session: Session = serde_json::from_str(&self.sealed.open(SESSION.name, headers)?).ok()?;
        if self.now_ms() >= session.until {
            return None;
        }
        match session.whose {
            Whose::Token { sha256 } => Some(holder(&self.known.token(&sha256).await?, By::Session)),
            Whose::Person { person } => self.person(person),
        }
    }

    /// Somebody whom the provider knows, with what they may do by the rules of now.
    pub(super) fn person(&self, person: Person) -> Option<Identity> {
        let role = self.openid.as_ref()?.role_of(&person)?;
        Some(Identity { name: Some(person.name), email: person.email, role: Some(role), by: By::Session })
    }

    /// Begins a session with a token: who it is, and its cookie.
    pub(super) async fn log_in(
        &self,
        text: &TokenText,
        from: IpAddr,
        headers: &HeaderMap,
    ) -> Result<(Identity, String), Refused> {
        let (sha256, now_ms) = (text.sha256(), self.now_ms());
        let found = self.known.token(&sha256).await;
        let token = self.throttle.attempt(from, now_ms, || found).map_err(Refused::Wait)?.ok_or(Refused::Wrong)?;
        Ok((holder(&token, By::Session), self.session(Whose::Token { sha256 }, headers)))
    }

    /// The cookie of a session of somebody whom the provider knows.
    pub(super) fn session_of(&self, person: Person, headers: &HeaderMap) -> String {
        self.session(Whose::Person { person }, headers)
    }

    fn session(&self, whose: Whose, headers: &HeaderMap) -> String {
        let session = Session { whose, until: self.now_ms().saturating_add(SESSION_MS) };
        // Texts and a number: there is nothing that could not be written.
        let value = serde_json::to_string(&session).unwrap_or_default();
        self.sealed.seal(SESSION, value, headers)
    }

    /// The cookie that ends a session.
    pub(super) fn log_out(&self) -> String {
        self.sealed.end(SESSION)
    }
}

fn holder(token: &Token, by: By) -> Identity {
    Identity::of(Some(token.name.clone()), token.role, by)
}
