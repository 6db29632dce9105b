//! What lands just now, and how the lake is.
//!
//! ```text
//! GET /api/live?after=41&limit=50    {"version":44,"events":[{"event":"view","user":"ana","received_at":"…",…}]}
//! GET /api/system                    {"lake":"…","version":44,"events":1000,…}     what `weir stats` prints
//! ```

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use weir_core::time::rfc3339;

use super::api::{ApiError, note};
use crate::commands::stats::Stats;
use crate::engine::Engine;
use crate::engine::user::TimelineEvent;

/// The most events of one answer, and so many unless it is said.
const MOST_EVENTS: usize = 1_000;
const DEFAULT_EVENTS: usize = 50;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LiveParameters {
    after: Option<u64>,
    limit: Option<usize>,
}

pub(super) async fn live(
    State(engine): State<Arc<Engine>>,
    parameters: Result<Query<LiveParameters>, QueryRejection>,
) -> Result<Response, ApiError> {
    let expected = "there are `after`, a version, and `limit`, a number from 1 to 1000";
    let Query(parameters) =
        parameters.map_err(|rejection| ApiError::Parameters(format!("{}; {expected}", rejection.body_text())))?;
    let limit = parameters.limit.unwrap_or(DEFAULT_EVENTS);
    if !(1..=MOST_EVENTS).contains(&limit) {
        return Err(ApiError::Parameters(format!("limit: found {limit}; {expected}")));
    }
    let live = engine.live(parameters.after, limit).await?;
    let events: Vec<Value> = live.events.iter().map(|(user, event)| shown(user, event)).collect();
    Ok(Json(json!({"version": live.version, "events": events})).into_response())
}

fn shown(user: &str, event: &TimelineEvent) -> Value {
    json!({
        "event": event.event,
        "user": user,
        "time": rfc3339(event.time_ms),
        "received_at": rfc3339(event.received_ms),
        "source": event.source,
        "event_id": event.event_id,
        "session_id": event.session_id,
        "user_id": event.user_id,
        "anonymous_id": event.anonymous_id,
        "properties": event.properties,
        "context": event.context,
    })
}

pub(super) async fn system(State(engine): State<Arc<Engine>>) -> Result<Response, ApiError> {
    let stats = Stats::read(engine.store()).await?;
    Ok((note(&engine).await, Json(stats)).into_response())
}
