//! The page, which is built from `web/` and embedded in the program.

use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::Embed;

use super::api;

#[derive(Embed)]
#[folder = "../web/dist"]
struct Files;

/// Files under `/assets/` carry a hash of their content in their name.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// Any path that is not the API's.
pub async fn page(method: Method, uri: Uri) -> Response {
    if method != Method::GET && method != Method::HEAD {
        let message = format!("there is no {method} {}", uri.path());
        return api::error(StatusCode::NOT_FOUND, "not_found", &message).into_response();
    }
    let path = uri.path().trim_start_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    let Some(file) = Files::get(path) else {
        let message = format!("there is no page {}; the builder is at /", uri.path());
        return api::error(StatusCode::NOT_FOUND, "not_found", &message).into_response();
    };
    let cache = if path.starts_with("assets/") { FOREVER } else { ASK_AGAIN };
    let kind = file.metadata.mimetype().to_owned();
    ([(header::CACHE_CONTROL, cache)], [(header::CONTENT_TYPE, kind)], file.data).into_response()
}
