//! Checks of reports over HTTP.
//!
//! ```text
//! GET  /api/checks        {"checks":[{"report":"0190…","name":"Buyers","state":"failing","value":0.18,…}]}
//! POST /api/checks/ID     runs it now, and how it went
//! ```

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::api::{ApiError, Id};
use super::auth::Identity;
use super::state::Api;
use crate::checks::CheckResult;

pub(super) async fn list(State(api): State<Api>) -> Result<Json<Value>, ApiError> {
    Ok(Json(json!({"checks": api.checks().results().await?})))
}

/// It is a question like others: who runs it waits for a turn, and has so much time.
pub(super) async fn run(State(api): State<Api>, Id(id): Id, who: Identity) -> Result<Json<CheckResult>, ApiError> {
    let checks = api.checks();
    Ok(Json(api.turns.take(&who).await?.ask(checks.run(&id)).await?))
}
