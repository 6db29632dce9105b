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
use super::state::Api;
use crate::checks::CheckResult;

pub(super) async fn list(State(api): State<Api>) -> Result<Json<Value>, ApiError> {
    Ok(Json(json!({"checks": api.checks().results().await?})))
}

pub(super) async fn run(State(api): State<Api>, Id(id): Id) -> Result<Json<CheckResult>, ApiError> {
    Ok(Json(api.checks().run(&id).await?))
}
