//! A login with the provider of OpenID Connect: the browser goes there, and comes back.
//!
//! ```text
//! GET /api/login/openid?then=%23%2Freports      303 to the provider, and a cookie that holds what the end needs
//! GET /api/login/openid/callback?code=…&state=… 303 to /#/reports, and the cookie of a session
//!                                               303 to /#/login?failed=CODE&then=… where it comes to nothing
//! ```
//!
//! The cookie of a login that has begun lasts ten minutes. It is `SameSite=Lax`, because the provider sends the browser back, and
//! goes to these two routes alone. So who did not begin a login here cannot be made to end one.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cookie::SameSite;
use serde::{Deserialize, Serialize};
use url::Url;
use url::form_urlencoded;

use super::api::error;
use super::auth::{Accounts, Auth};
use super::sealed::Place;
use super::state::Api;
use crate::openid::{OpenId, OpenIdError, Pending};

/// How long somebody may take at the provider, in milliseconds.
const LOGIN_MS: i64 = 10 * 60_000;
const LOGIN: Place =
    Place { name: "weir_login", path: "/api/login/openid", same_site: SameSite::Lax, lasts_ms: LOGIN_MS };
/// The longest address of this page that is remembered over a login: a cookie holds some 4,000 bytes, encrypted.
const MOST_THEN_BYTES: usize = 2_000;

/// Why a login came to nothing, as the page is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failed {
    /// The person, or the provider, said no.
    Denied,
    /// No rule gives them a role.
    NoRole,
    /// It took too long, or began elsewhere.
    Expired,
    /// The provider does not answer as it should.
    Provider,
}

impl Failed {
    fn code(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::NoRole => "no_role",
            Self::Expired => "expired",
            Self::Provider => "provider",
        }
    }
}

/// What the cookie holds.
#[derive(Serialize, Deserialize)]
struct Begun {
    #[serde(flatten)]
    pending: Pending,
    /// The fragment that the person wanted to see.
    then: String,
    until: i64,
}

#[derive(Deserialize)]
pub(super) struct BeginParameters {
    #[serde(default)]
    then: String,
}

/// What the provider sends back, of which more is not looked at.
#[derive(Deserialize)]
pub(super) struct CallbackParameters {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

pub(super) async fn begin(
    State(api): State<Api>,
    Query(parameters): Query<BeginParameters>,
    headers: HeaderMap,
) -> Response {
    let Some((accounts, openid)) = provider(&api) else { return no_provider() };
    let then = fragment(&parameters.then);
    match openid.begin().await {
        Ok((url, pending)) => {
            let begun = Begun { pending, then, until: accounts.now_ms().saturating_add(LOGIN_MS) };
            // Texts and a number: there is nothing that could not be written.
            let value = serde_json::to_string(&begun).unwrap_or_default();
            let cookie = accounts.sealed.seal(LOGIN, value, &headers);
            (StatusCode::SEE_OTHER, [(header::LOCATION, url.to_string()), (header::SET_COOKIE, cookie)]).into_response()
        }
        Err(why) => {
            tracing::error!(error = %why, "nobody can log in");
            failed(accounts, Failed::Provider, &then)
        }
    }
}

pub(super) async fn callback(
    State(api): State<Api>,
    Query(parameters): Query<CallbackParameters>,
    headers: HeaderMap,
) -> Response {
    let Some((accounts, openid)) = provider(&api) else { return no_provider() };
    let begun = accounts.sealed.open(LOGIN.name, &headers);
    let Some(begun) = begun.and_then(|text| serde_json::from_str::<Begun>(&text).ok()) else {
        return failed(accounts, Failed::Expired, "");
    };
    let then = begun.then;
    if accounts.now_ms() >= begun.until || parameters.state.as_ref() != Some(&begun.pending.state) {
        return failed(accounts, Failed::Expired, &then);
    }
    let Some(code) = parameters.code.filter(|_| parameters.error.is_none()) else {
        // Whoever calls this route writes the code of the error, so it is shortened; what it says besides is not logged.
        let code: String = parameters.error.unwrap_or_default().chars().take(100).collect();
        tracing::warn!(%code, "the provider of OpenID Connect let somebody not in");
        return failed(accounts, Failed::Denied, &then);
    };
    let person = match openid.finish(begun.pending, code).await {
        Ok(person) => person,
        Err(why @ (OpenIdError::Provider(_) | OpenIdError::Token(_))) => {
            tracing::error!(error = %why, "a login is refused");
            return failed(accounts, Failed::Provider, &then);
        }
    };
    if accounts.person(person.clone()).is_none() {
        tracing::warn!(subject = %person.subject, "somebody logged in at the provider of OpenID Connect, and no rule gives them a role");
        return failed(accounts, Failed::NoRole, &then);
    }
    let session = accounts.session_of(person, &headers);
    let cookies = [(header::SET_COOKIE, session), (header::SET_COOKIE, accounts.sealed.end(LOGIN))];
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, format!("/{then}"))]).into_response();
    for (name, cookie) in cookies {
        if let Ok(cookie) = cookie.parse() {
            response.headers_mut().append(name, cookie);
        }
    }
    response
}

fn provider(api: &Api) -> Option<(&Accounts, &OpenId)> {
    let Auth::Accounts(accounts) = &api.auth else { return None };
    Some((accounts, accounts.openid()?))
}

fn no_provider() -> Response {
    error(StatusCode::NOT_FOUND, "not_found", "this server knows no provider of OpenID Connect").into_response()
}

/// Back to the page, which says what happened.
fn failed(accounts: &Accounts, why: Failed, then: &str) -> Response {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("failed", why.code())
        .append_pair("then", then)
        .finish();
    let headers = [(header::LOCATION, format!("/#/login?{query}")), (header::SET_COOKIE, accounts.sealed.end(LOGIN))];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// The fragment of this page that somebody wanted, `#` included, as a header can have it; empty if it is none. Nothing else goes
/// on from here to another address.
fn fragment(then: &str) -> String {
    let Some(bare) = then.strip_prefix('#').filter(|bare| !bare.is_empty() && bare.len() <= MOST_THEN_BYTES) else {
        return String::new();
    };
    let Ok(mut url) = Url::parse("http://localhost/") else { return String::new() };
    url.set_fragment(Some(bare));
    url.fragment().map(|fragment| format!("#{fragment}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_place_of_this_page_is_gone_to() {
        for (then, expected) in [
            ("#/reports", "#/reports"),
            ("#q=%7B%22kind%22%3A%22funnel%22%7D&embed", "#q=%7B%22kind%22%3A%22funnel%22%7D&embed"),
            ("#한글 x", "#%ED%95%9C%EA%B8%80%20x"),
            ("#a\r\nSet-Cookie: x=1", "#aSet-Cookie:%20x=1"),
            ("", ""),
            ("#", ""),
            ("//evil.example", ""),
            ("https://evil.example/#x", ""),
            ("/\\evil.example", ""),
        ] {
            assert_eq!(fragment(then), expected, "{then:?}");
        }
        assert_eq!(fragment(&format!("#{}", "x".repeat(MOST_THEN_BYTES + 1))), "");
    }
}
