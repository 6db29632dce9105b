//! One HTTP server: the collector, the query API and the page.
//!
//! | route | |
//! |---|---|
//! | `POST /v1/events`, `GET /v1/receipts/{receipt}` | the collector, from `ingest-fn` |
//! | `POST /api/query` | a query spec in, its result document out |
//! | `GET /api/events` | names of events and how often they happened |
//! | everything else | the page |

mod api;
mod page;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use ingest_fn::Collector;

use crate::engine::Engine;

/// The routes of a server that listens on loopback.
pub fn router(collector: Arc<Collector>, engine: Arc<Engine>) -> Router {
    let reading = api::router(engine).fallback(page::page).layer(middleware::from_fn(only_by_local_name));
    ingest_fn::router(collector).merge(reading).layer(middleware::from_fn(with_security_headers))
}

/// What is read here is meant for this machine. A page elsewhere whose name was pointed at this address (DNS rebinding)
/// comes with that name.
async fn only_by_local_name(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if host.is_some_and(|host| !is_local(host)) {
        let message = "this server answers under localhost, 127.0.0.1 and [::1] only";
        return api::error(StatusCode::MISDIRECTED_REQUEST, "wrong_host", message).into_response();
    }
    next.run(request).await
}

fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

/// Nothing from elsewhere, nothing inline, and no other site around it.
async fn with_security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_names_are_told_from_others() {
        for host in ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "[::1]"] {
            assert!(is_local(host), "{host}");
        }
        for host in ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example:80", ""] {
            assert!(!is_local(host), "{host}");
        }
    }
}
