//! Properties across events over HTTP.
//!
//! ```text
//! GET /api/properties                        {"version":42,"properties":[{"property":"plan","types":{"string":3},"events":2,"present":3}]}
//! GET /api/properties?event=view&event=buy   only of those events                                 404 if there is none of a name
//! GET /api/properties?property=plan          that one, with its values
//! ```

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use super::api::ApiError;
use super::catalogue::{ASK_AGAIN, no_event, not_modified};
use crate::engine::Engine;

/// What the parameters of a URL ask.
#[derive(Default)]
struct Asked {
    events: Vec<String>,
    property: Option<String>,
}

pub(super) async fn properties(
    State(engine): State<Arc<Engine>>,
    parameters: Result<Query<Vec<(String, String)>>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Query(parameters) = parameters.map_err(|rejection| ApiError::Parameters(rejection.body_text()))?;
    let asked = asked(parameters).map_err(ApiError::Parameters)?;
    let (version, _) = engine.catalogue_state().await?;
    if let Some(unchanged) = not_modified(&headers, format!("\"{version}\"")) {
        return Ok(unchanged);
    }
    let catalogue = engine.catalogue().await?;
    if let Some(unknown) = asked.events.iter().find(|name| !catalogue.catalogue.events.contains_key(*name)) {
        return Err(no_event(&catalogue, unknown));
    }
    // Another commit may have come in between, and the answer says which version it is of.
    let tag = format!("\"{}\"", catalogue.version);
    let headers = [(header::ETAG, tag)];
    let cache = [(header::CACHE_CONTROL, ASK_AGAIN)];
    Ok(match asked.property {
        None => (headers, cache, Json(catalogue.properties(&asked.events))).into_response(),
        Some(property) => (headers, cache, Json(catalogue.property(&property, &asked.events))).into_response(),
    })
}

fn asked(parameters: Vec<(String, String)>) -> Result<Asked, String> {
    let mut asked = Asked::default();
    for (name, text) in parameters {
        match name.as_str() {
            "event" if !asked.events.contains(&text) => asked.events.push(text),
            "event" => {}
            "property" if asked.property.is_none() => asked.property = Some(text),
            "property" => return Err("property: found twice; ask for one".to_owned()),
            other => return Err(format!("unknown parameter `{other}`; there are `event` and `property`")),
        }
    }
    Ok(asked)
}
