//! What lands just now, and how the lake is.
//!
//! ```text
//! GET /api/live?after=41&limit=50    {"version":44,"events":[{"event":"view","user":"ana","received_at":"…",…}]}
//! GET /api/system                    {"lake":"…","version":44,"events":1000,…,"lag":{…},"cost":{…}}
//!                                    what `weir stats` prints, how far behind it is, and what a month of it costs on AWS
//! ```

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use weir_core::time::{DAY_MS, rfc3339};

use super::api::{ApiError, note};
use crate::catalogue::LakeCatalogue;
use crate::commands::stats::Stats;
use crate::cost::{Cost, Measured, Prices, Running, estimate_of};
use crate::engine::Engine;
use crate::engine::user::TimelineEvent;

/// The most events of one answer, and so many unless it is said.
const MOST_EVENTS: usize = 1_000;
const DEFAULT_EVENTS: usize = 50;
/// What comes is what came on so many whole days.
const LOOKED_AT: i64 = 7;

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
    let catalogue = engine.catalogue().await?;
    let newest_ms = catalogue.catalogue.events.values().map(|entry| entry.received_ms.1).max();
    let behind_ms = catalogue.complete_to_ms.map(|complete_to| engine.now_ms().saturating_sub(complete_to).max(0));
    let lag = json!({
        "complete_to": catalogue.complete_to_ms.map(rfc3339),
        "behind_ms": behind_ms,
        "newest_received_at": newest_ms.map(rfc3339),
    });
    let cost = cost(&engine, &catalogue, &stats)?;
    Ok((note(&engine).await, Json(System { stats, lag, cost })).into_response())
}

/// How the lake is.
#[derive(Serialize)]
struct System {
    #[serde(flatten)]
    stats: Stats,
    lag: Value,
    /// Of a month; `None` where nothing is charged.
    cost: Option<Cost>,
}

/// What a lake on S3 costs, by what came on the last whole days of those that are counted.
fn cost(engine: &Engine, catalogue: &LakeCatalogue, stats: &Stats) -> Result<Option<Cost>, ApiError> {
    if !engine.store().url().starts_with("s3://") {
        return Ok(None);
    }
    let today = engine.now_ms().div_euclid(DAY_MS);
    let days = today.saturating_sub(LOOKED_AT)..today;
    let counts = catalogue.catalogue.events.values().flat_map(|entry| &entry.days_utc);
    let lately: u64 = counts.filter(|(day, _)| days.contains(&i64::from(**day))).map(|(_, count)| *count).sum();
    let (prices, measured) = (Prices::read(None), Measured::read());
    let (prices, measured) = (prices.map_err(ApiError::internal)?, measured.map_err(ApiError::internal)?);
    let events_per_second = lately as f64 / (LOOKED_AT * DAY_MS / 1_000) as f64;
    let (events, stored_bytes) = stats.held();
    Ok(Some(estimate_of(Running { events_per_second, events, stored_bytes }, &prices, &measured)))
}
