//! Embeds over HTTP: made and switched off by editors, looked at by whoever has the link.
//!
//! ```text
//! GET  /api/embeds                    {"embeds":[{"name":"wiki","report":"0190…","state":"active",…}],"allowed":["https://wiki.example"]}
//! POST /api/embeds                    {"report":"0190…","name":"wiki"} in, 201 {"name","report","token":"we_…"} out
//! POST /api/embeds/NAME/disable       the embed, as the list has it
//! GET  /api/embedded                  Authorization: Bearer we_…    {"report":{"id","name","question",…},"lake":"demo"}
//! POST /api/embedded/query            the answer to the report's question, as POST /api/query gives it
//! ```

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use weir_core::spec::parse_value;
use weir_core::time::rfc3339;
use weir_lake::Settings;
use weir_lake::names::SavedKind;

use super::api::{ApiError, Id};
use super::auth::{By, Identity};
use super::query::answer;
use super::state::Api;
use crate::embeds::{EMBED_PREFIX, Embed, add, disable, embeds_of};
use crate::engine::EngineError;
use crate::saved::{Document, SavedError};
use crate::tokens::{Role, TokenText, token_name};

pub(super) async fn list(State(api): State<Api>) -> Result<Json<Value>, ApiError> {
    let now_ms = api.engine.now_ms();
    let settings = Settings::newest(api.engine.store()).await?;
    let embeds: Vec<Value> = embeds_of(&settings)?.iter().map(|embed| told(embed, now_ms)).collect();
    Ok(Json(json!({"embeds": embeds, "allowed": api.frame_ancestors.as_ref()})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewEmbed {
    report: String,
    name: String,
}

pub(super) async fn create(
    State(api): State<Api>,
    who: Identity,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let body = body.map_err(ApiError::Body)?;
    let wanted: NewEmbed = serde_json::from_slice(&body)
        .map_err(|error| ApiError::Parameters(format!("{error}; expected {{\"report\": ID, \"name\": NAME}}")))?;
    let name = token_name(&wanted.name).map_err(|why| ApiError::Parameters(format!("name: {why}")))?;
    let report = current(&api, &wanted.report).await?;
    let text = TokenText::fresh_with(EMBED_PREFIX, api.ids.as_ref());
    let embed = Embed { created_by: who.name, ..Embed::new(&name, &report.id, &text, api.engine.now_ms()) };
    add(api.engine.store(), &embed).await?;
    api.known.look_again().await;
    let made = json!({"name": embed.name, "report": embed.report, "token": text.reveal()});
    Ok((StatusCode::CREATED, Json(made)))
}

pub(super) async fn switch_off(State(api): State<Api>, Id(name): Id) -> Result<Json<Value>, ApiError> {
    let now_ms = api.engine.now_ms();
    let disabled = disable(api.engine.store(), &name, now_ms).await?;
    api.known.look_again().await;
    Ok(Json(told(&disabled, now_ms)))
}

pub(super) async fn embedded(
    State(api): State<Api>,
    Extension(embed): Extension<Arc<Embed>>,
) -> Result<Json<Value>, ApiError> {
    let report = current(&api, &embed.report).await?;
    let shown = json!({
        "id": report.id, "name": report.text("name"), "question": report.field("spec"), "revision": report.revision
    });
    Ok(Json(json!({"report": shown, "lake": api.lake.as_ref()})))
}

/// The question of the report, and no other. It takes a turn as a viewer's does.
pub(super) async fn query(
    State(api): State<Api>,
    Extension(embed): Extension<Arc<Embed>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let report = current(&api, &embed.report).await?;
    if let Some(format) = report.newer_format() {
        return Err(SavedError::Newer { kind: SavedKind::Reports, id: report.id.clone(), format }.into());
    }
    let spec = parse_value(&report.field("spec"), api.engine.now_ms()).map_err(EngineError::Spec)?;
    answer(&api, &Identity::of(None, Role::Viewer, By::Token), &headers, spec).await
}

/// A report as it is now. One that is removed is not there.
async fn current(api: &Api, id: &str) -> Result<Arc<Document>, ApiError> {
    let report = api.engine.library().get(SavedKind::Reports, id).await?;
    if report.removed {
        return Err(SavedError::NotThere { kind: SavedKind::Reports, id: id.to_owned() }.into());
    }
    Ok(report)
}

fn told(embed: &Embed, now_ms: i64) -> Value {
    json!({
        "name": embed.name,
        "report": embed.report,
        "state": if embed.is_active(now_ms) { "active" } else { "disabled" },
        "created_at": rfc3339(embed.created_at),
        "created_by": embed.created_by,
    })
}
