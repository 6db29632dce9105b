//! The OpenAPI document of the collector, as it is served at `GET /openapi.json`.
//!
//! It is written by hand, in `openapi.json` beside `Cargo.toml`. Tests hold it against the server: every route is in it and
//! every path of it is there, every answer of a table of requests has a status and a body that it allows, and it lists every
//! code and limit.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// The document, as JSON.
pub const DOCUMENT: &str = include_str!("../openapi.json");

/// Answers with the document.
pub(crate) async fn document() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT)
}

#[cfg(test)]
#[path = "openapi_tests.rs"]
mod tests;
