//! Who may ask what: every route of the API in one table, and the gate in front of all of them.
//!
//! ```text
//! request ▸ who is it? (token, session, nobody) ▸ is it forged? ▸ what does the route need? ▸ the route
//!                                                   403            401, 403
//! ```
//!
//! A route that is not in the table needs an admin, so nothing is open because somebody forgot it.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::api::error;
use super::auth::{AwsCaller, By, Identity, bearer};
use super::state::Api;
use crate::openid::CALLBACK;
use crate::tokens::Role;

/// The header that pages elsewhere cannot send: a request that comes with a cookie and changes something has it.
const OWN_HEADER: &str = "x-weir";

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing: it is how somebody gets in.
    Nothing,
    /// The token of an embed that is in force, and no other.
    Embed,
    /// At least this role.
    Role(Role),
}

use Needs::Nothing;

const VIEWER: Needs = Needs::Role(Role::Viewer);
const EDITOR: Needs = Needs::Role(Role::Editor);
const ADMIN: Needs = Needs::Role(Role::Admin);

/// Every route, and what it needs.
pub(super) const ACCESS: &[(Method, &str, Needs)] = &[
    (Method::GET, "/api/session", Nothing),
    (Method::POST, "/api/login", Nothing),
    (Method::POST, "/api/logout", Nothing),
    (Method::GET, "/api/login/openid", Nothing),
    (Method::GET, CALLBACK, Nothing),
    (Method::GET, "/api/embedded", Needs::Embed),
    (Method::POST, "/api/embedded/query", Needs::Embed),
    (Method::POST, "/api/query", VIEWER),
    (Method::POST, "/api/explain", VIEWER),
    (Method::GET, "/api/user", VIEWER),
    (Method::GET, "/api/events", VIEWER),
    (Method::GET, "/api/catalogue", VIEWER),
    (Method::GET, "/api/properties", VIEWER),
    (Method::GET, "/api/reports", VIEWER),
    (Method::POST, "/api/reports", EDITOR),
    (Method::GET, "/api/reports/{id}", VIEWER),
    (Method::PUT, "/api/reports/{id}", EDITOR),
    (Method::DELETE, "/api/reports/{id}", EDITOR),
    (Method::GET, "/api/reports/{id}/history", VIEWER),
    (Method::GET, "/api/dashboards", VIEWER),
    (Method::POST, "/api/dashboards", EDITOR),
    (Method::GET, "/api/dashboards/{id}", VIEWER),
    (Method::PUT, "/api/dashboards/{id}", EDITOR),
    (Method::DELETE, "/api/dashboards/{id}", EDITOR),
    (Method::GET, "/api/dashboards/{id}/history", VIEWER),
    (Method::GET, "/api/annotations", VIEWER),
    (Method::POST, "/api/annotations", EDITOR),
    (Method::GET, "/api/annotations/{id}", VIEWER),
    (Method::PUT, "/api/annotations/{id}", EDITOR),
    (Method::DELETE, "/api/annotations/{id}", EDITOR),
    (Method::GET, "/api/annotations/{id}/history", VIEWER),
    (Method::GET, "/api/checks", VIEWER),
    (Method::POST, "/api/checks/{id}", EDITOR),
    (Method::GET, "/api/embeds", EDITOR),
    (Method::POST, "/api/embeds", EDITOR),
    (Method::POST, "/api/embeds/{id}/disable", EDITOR),
    (Method::GET, "/api/live", ADMIN),
    (Method::GET, "/api/system", ADMIN),
    (Method::GET, "/api/failed", ADMIN),
    (Method::GET, "/api/failed/{id}", ADMIN),
    (Method::POST, "/api/failed/replay", ADMIN),
    (Method::POST, "/api/failed/drop", ADMIN),
    (Method::GET, "/api/keys", ADMIN),
    (Method::POST, "/api/keys", ADMIN),
    (Method::POST, "/api/keys/{id}/disable", ADMIN),
    (Method::POST, "/api/keys/{id}/rotate", ADMIN),
    (Method::GET, "/metrics", ADMIN),
];

/// What a route needs. Where there is none, whoever asks has to be somebody to learn that.
fn needs(method: &Method, route: &str) -> Needs {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let found = ACCESS.iter().find(|(known, path, _)| known == method && *path == route);
    match found {
        Some((_, _, needs)) => *needs,
        None if ACCESS.iter().any(|(_, path, _)| *path == route) || route == UNKNOWN => VIEWER,
        None => ADMIN,
    }
}

/// The route of paths that are none.
pub(super) const UNKNOWN: &str = "/api/{*path}";

/// Lets a request through to its route, with who asks, or says why not.
pub(super) async fn gate(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let who = api.auth.identify(request.headers(), request.extensions().get::<AwsCaller>()).await;
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let needs = needs(request.method(), route);
    if !request.method().is_safe()
        && let Err(why) = is_own(&who, request.headers(), needs)
    {
        return error(StatusCode::FORBIDDEN, "forged", &why).into_response();
    }
    match (needs, who.role) {
        (Nothing, _) => {}
        (Needs::Embed, _) => {
            let text = bearer(request.headers());
            let embed = match &text {
                Some(text) => api.known.embed(&text.sha256()).await,
                None => None,
            };
            let Some(embed) = embed else { return no_embed() };
            request.extensions_mut().insert(Arc::new(embed));
        }
        (Needs::Role(_), None) => return nobody(&api, request.headers()),
        (Needs::Role(needed), Some(role)) if role < needed => {
            let message = format!("this needs the role {needed}, and you have {role}");
            return error(StatusCode::FORBIDDEN, "wrong_role", &message).into_response();
        }
        (Needs::Role(_), Some(_)) => {}
    }
    request.extensions_mut().insert(who);
    let mut response = next.run(request).await;
    // What somebody may read is not for whoever uses the same cache. What has a tag says itself how it may be kept.
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn no_embed() -> Response {
    let message = "the link is not in force any more, or never was; who gave it out can make another";
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
    (challenge, error(StatusCode::UNAUTHORIZED, "unauthorized", message)).into_response()
}

fn nobody(api: &Api, headers: &HeaderMap) -> Response {
    let message = if headers.contains_key(header::AUTHORIZATION) {
        "the token of `Authorization` is unknown or disabled, or it is no `Bearer TOKEN`"
    } else if api.auth.has_cookie(headers) {
        "the session is over; log in again with POST /api/login"
    } else {
        "nobody is logged in; log in with POST /api/login, or send `Authorization: Bearer TOKEN`"
    };
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
    (challenge, error(StatusCode::UNAUTHORIZED, "unauthorized", message)).into_response()
}

/// Whether a request that changes something is not made by a page elsewhere, in the browser of somebody who may.
fn is_own(who: &Identity, headers: &HeaderMap, needs: Needs) -> Result<(), String> {
    let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    let site = headers.get("sec-fetch-site").map(|site| site.to_str().unwrap_or_default());
    let is_here = match (site, origin) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => is_host(origin, headers),
        // No browser: nobody's session is in it, unless somebody put it there by hand.
        (None, None) => who.by != By::Session,
    };
    if !is_here {
        let from = match origin.or(site) {
            Some(from) => format!("comes from `{from}`"),
            None => "does not say where it comes from".to_owned(),
        };
        return Err(format!(
            "a request that changes something has to come from the page of this server, by its `Sec-Fetch-Site` or `Origin`, \
             and this one {from}"
        ));
    }
    // Where nobody needs to be logged in, it is not the session that lets it through.
    if who.by == By::Session && needs != Nothing && headers.get(OWN_HEADER).is_none_or(|value| value != "1") {
        return Err(format!(
            "a request that changes something and comes with a session needs the header `{OWN_HEADER}: 1`"
        ));
    }
    Ok(())
}

/// Whether an origin is that of the address that was asked.
fn is_host(origin: &str, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let named = origin.split_once("://").map(|(_, host)| host);
    named.is_some() && named == host
}
