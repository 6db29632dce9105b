//! Who is there, and how they come and go.
//!
//! ```text
//! GET  /api/session                    {"version":"0.1.0","auth":"token","name":"ana","role":"editor","lake":"demo",
//!                                       "logins":{"token":true,"openid":null},"user":null}
//! POST /api/login {"token":"wt_…"}     the same, and a cookie     401 wrong_token, 429 too_many_logins
//! POST /api/logout                     204, and the cookie is gone
//! ```

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, State};
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{ApiError, error};
use super::auth::{Auth, Identity, Refused};
use super::state::Api;
use crate::tokens::TokenText;

pub(super) async fn session(State(api): State<Api>, who: Identity) -> Response {
    Json(told(&api, &who)).into_response()
}

fn told(api: &Api, who: &Identity) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "auth": api.auth.name(),
        "name": who.name,
        "role": who.role,
        "user": who.email.as_ref().map(|email| json!({"email": email})),
        "lake": api.lake.as_ref(),
        "logins": logins(&api.auth),
    })
}

/// The ways to log in.
fn logins(auth: &Auth) -> Value {
    let Auth::Accounts(accounts) = auth else { return json!({"token": false, "openid": null}) };
    let openid = accounts.openid().map(|openid| json!({"name": openid.name(), "url": "/api/login/openid"}));
    json!({"token": true, "openid": openid})
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    token: String,
}

pub(super) async fn login(
    State(api): State<Api>,
    headers: HeaderMap,
    extensions: Extensions,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let Auth::Accounts(auth) = &api.auth else {
        return Err(ApiError::Parameters("this server asks for no login".to_owned()));
    };
    let body = body.map_err(ApiError::Body)?;
    // What the parser says could repeat the token.
    let login: Login = serde_json::from_slice(&body)
        .map_err(|_| ApiError::Parameters("expected a body such as {\"token\": \"wt_…\"}".to_owned()))?;
    Ok(match auth.log_in(&TokenText::sent(&login.token), address(&extensions), &headers).await {
        Ok((who, cookie)) => ([(header::SET_COOKIE, cookie)], Json(told(&api, &who))).into_response(),
        Err(Refused::Wrong) => {
            error(StatusCode::UNAUTHORIZED, "wrong_token", "there is no such token, or it is disabled").into_response()
        }
        Err(Refused::Wait(wait_ms)) => {
            let seconds = wait_ms.max(1).unsigned_abs().div_ceil(1_000);
            let message = format!("too many wrong tokens from this address; try again in {seconds} s");
            let wait = [(header::RETRY_AFTER, seconds.to_string())];
            (wait, error(StatusCode::TOO_MANY_REQUESTS, "too_many_logins", &message)).into_response()
        }
    })
}

pub(super) async fn logout(State(api): State<Api>) -> Response {
    match &api.auth {
        Auth::Accounts(auth) => (StatusCode::NO_CONTENT, [(header::SET_COOKIE, auth.log_out())]).into_response(),
        Auth::None | Auth::Iam(_) => StatusCode::NO_CONTENT.into_response(),
    }
}

/// Where a request comes from. What a proxy says of that is not believed: whoever sends could say it.
fn address(extensions: &Extensions) -> IpAddr {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}
