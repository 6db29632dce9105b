//! Write keys over HTTP, as `weir keys` has them.
//!
//! ```text
//! GET  /api/keys                                  {"keys":[{"key":"wk_…","source":"web","state":"active",…}]}
//! POST /api/keys {"source":"web"}                 201 {"key":"wk_…","source":"web"}
//! POST /api/keys/wk_3f/disable                    {"key":"wk_3f…","state":"disabled",…}
//! POST /api/keys/wk_3f/rotate {"grace":"7d"}      {"key":"wk_…","replaces":"wk_3f…","replaced_until":"…"}
//! ```

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ingest_fn::keys::{Key, NewKey, Origin, SourceName};
use ingest_fn::plan::PlanMode;
use ingest_fn::settings_watch::{KEYS, keys_of};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use weir_lake::Settings;

use super::api::{ApiError, Id};
use super::state::Api;
use crate::args::{DEFAULT_GRACE, grace};
use crate::commands::keys;
use crate::engine::Engine;

/// A key that is to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    source: SourceName,
    #[serde(default)]
    origins: Vec<Origin>,
    events_per_second: Option<NonZeroU32>,
    burst: Option<NonZeroU32>,
    #[serde(default)]
    store_ip: bool,
    #[serde(default)]
    plan: PlanMode,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    grace: Option<String>,
}

pub(super) async fn list(State(engine): State<Arc<Engine>>) -> Result<Response, ApiError> {
    let settings = Settings::newest(engine.store()).await?;
    let rows: Vec<_> = keys_of(&settings)?.iter().map(|key| keys::Row::of(key, engine.now_ms())).collect();
    Ok(Json(json!({"keys": rows})).into_response())
}

pub(super) async fn add(State(api): State<Api>, body: Result<Bytes, BytesRejection>) -> Result<Response, ApiError> {
    let wanted: Wanted = read(body, r#"expected a key such as {"source": "web"}"#)?;
    if wanted.burst.is_some() && wanted.events_per_second.is_none() {
        let message = "burst: there is no burst without `events_per_second`; give that too".to_owned();
        return Err(ApiError::Parameters(message));
    }
    let Wanted { source, origins, events_per_second, burst, store_ip, plan } = wanted;
    let new = NewKey { source, origins, events_per_second, burst, store_ip, plan };
    let key = Key::new(new, api.ids.as_ref(), api.engine.now_ms());
    change(&api, |all| {
        all.push(key.clone());
        Ok(())
    })
    .await?;
    let added = json!({"key": key.key.as_str(), "source": key.source.to_string()});
    Ok((StatusCode::CREATED, Json(added)).into_response())
}

pub(super) async fn disable(State(api): State<Api>, Id(id): Id) -> Result<Response, ApiError> {
    let now_ms = api.engine.now_ms();
    let disabled = change(&api, |all| {
        keys::find(all, &id).map_err(ApiError::NoKey)?;
        keys::disable(all, &id, now_ms).map_err(ApiError::Refused)
    })
    .await?;
    Ok(Json(keys::Row::of(&disabled, now_ms)).into_response())
}

pub(super) async fn rotate(
    State(api): State<Api>,
    Id(id): Id,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let body = body.map_err(ApiError::Body)?;
    let rotation: Rotation =
        if body.is_empty() { Rotation::default() } else { read(Ok(body), r#"expected {"grace": "24h"}"#)? };
    let grace = grace(rotation.grace.as_deref().unwrap_or(DEFAULT_GRACE))
        .map_err(|message| ApiError::Parameters(format!("grace: {message}")))?;
    let now_ms = api.engine.now_ms();
    let rotated = change(&api, |all| {
        keys::find(all, &id).map_err(ApiError::NoKey)?;
        keys::rotate(all, &id, api.ids.as_ref(), now_ms, now_ms.saturating_add(grace)).map_err(ApiError::Refused)
    })
    .await?;
    Ok(Json(rotated).into_response())
}

fn read<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>, expected: &str) -> Result<T, ApiError> {
    let body = body.map_err(ApiError::Body)?;
    serde_json::from_slice(&body).map_err(|error| ApiError::Parameters(format!("{error}; {expected}")))
}

/// Changes the keys of the lake.
async fn change<T>(api: &Api, change: impl Fn(&mut Vec<Key>) -> Result<T, ApiError>) -> Result<T, ApiError> {
    Settings::update(api.engine.store(), |settings| {
        let mut all = keys_of(settings)?;
        let outcome = change(&mut all)?;
        settings.set(KEYS, &all)?;
        Ok(outcome)
    })
    .await
}
