//! The catalogue over HTTP.
//!
//! ```text
//! GET /api/catalogue               {"version":42,…,"events":[{"event":"view","count":3,…}],"users":{…}}   ETag: "42-7"
//! GET /api/catalogue?event=view    {"version":42,…,"event":"view","properties":[…]}              404 if there is none
//! ```
//!
//! An answer changes with the version of the table and with the tracking plan only. So it has an `ETag` of both, and who
//! asks again with `If-None-Match` is answered with 304 before anything is read.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::api::ApiError;
use crate::catalogue::{EventList, LakeCatalogue};
use crate::engine::Engine;
use crate::users::UserStats;

/// May be kept, if it is asked for again each time.
pub(super) const ASK_AGAIN: HeaderValue = HeaderValue::from_static("private, no-cache");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    event: Option<String>,
}

/// All events in short, and who is who among those who did them.
#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    list: EventList,
    users: UserStats,
}

pub(super) async fn catalogue(
    State(engine): State<Arc<Engine>>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Query(parameters) = parameters.map_err(|rejection| {
        ApiError::Parameters(format!("{}; there is `event`, the name of one event", rejection.body_text()))
    })?;
    let (version, settings) = engine.catalogue_state().await?;
    let tag = format!("\"{version}-{settings}\"");
    if let Some(unchanged) = not_modified(&headers, tag) {
        return Ok(unchanged);
    }
    let catalogue = engine.catalogue().await?;
    let body = match parameters.event {
        None => {
            let users = UserStats::of(&engine.identity().await?);
            Json(Answer { list: catalogue.list(), users }).into_response()
        }
        Some(name) => match catalogue.event(&name) {
            Some(event) => Json(event).into_response(),
            None => return Err(no_event(&catalogue, &name)),
        },
    };
    // Another commit may have come in between, and the answer says which version it is of.
    let tag = format!("\"{}-{settings}\"", catalogue.version);
    Ok(([(header::ETAG, tag)], [(header::CACHE_CONTROL, ASK_AGAIN)], body).into_response())
}

/// The answer to who knows what has this tag.
pub(super) fn not_modified(headers: &HeaderMap, tag: String) -> Option<Response> {
    let is_known = headers.get_all(header::IF_NONE_MATCH).iter().any(|known| names(known, &tag));
    let unchanged = || (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)], [(header::CACHE_CONTROL, ASK_AGAIN)]);
    is_known.then(|| unchanged().into_response())
}

/// What is said of an event that the lake does not have.
pub(super) fn no_event(catalogue: &LakeCatalogue, name: &str) -> ApiError {
    let (message, hint) = catalogue.unknown(name);
    ApiError::NoEvent(hint.map_or(message.clone(), |hint| format!("{message}; {hint}")))
}

/// Whether a list of tags has this one, or any will do.
fn names(known: &HeaderValue, tag: &str) -> bool {
    let known = known.to_str().unwrap_or_default().split(',').map(str::trim);
    known.map(|known| known.strip_prefix("W/").unwrap_or(known)).any(|known| known == tag || known == "*")
}
