//! One HTTP server: the collector, the query API and the page.
//!
//! | route | |
//! |---|---|
//! | `POST /v1/events`, `GET /v1/receipts/{receipt}` | the collector, from `ingest-fn` |
//! | `POST /api/query` | a query spec in, its result document out, or lines of progress and then that |
//! | `GET /api/events` | names of events and how often they happened |
//! | `GET /api/catalogue`, `GET /api/catalogue?event=NAME` | events in short; one with its properties and their values |
//! | `GET /api/user?id=ID` | what one user did |
//! | `GET /api/properties` | properties, whichever events have them |
//! | `POST /api/explain` | a user and a query spec in, why they did or did not convert out |
//! | `/api/reports`, `/api/dashboards`, `/api/annotations` | what people keep |
//! | `GET /api/checks`, `POST /api/checks/{id}` | how the checks of reports went; one of them, now |
//! | `/api/embeds`, `GET /api/embedded`, `POST /api/embedded/query` | answers of reports for whoever has a link |
//! | `GET /api/session`, `POST /api/login`, `POST /api/logout` | who asks, and what they may do |
//! | `GET /api/login/openid` | a login with the provider of OpenID Connect |
//! | `GET /api/live`, `GET /api/system` | what lands just now; the figures of the lake |
//! | `/api/failed`, `/api/keys` | failed events and write keys, for admins |
//! | `GET /metrics` | the figures of the server, for Prometheus |
//! | everything else | the page |
//!
//! Who may ask what is one table, in `access`; `auth` finds out who asks, `turns` how much at once.

mod access;
mod api;
mod auth;
mod catalogue;
mod checks;
mod embeds;
mod failed;
mod frames;
mod keys;
mod known;
mod live;
mod openid;
mod page;
mod properties;
mod query;
mod saved;
mod sealed;
mod session;
mod state;
mod throttle;
mod turns;
mod user;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use ingest_fn::Collector;
use metrics_exporter_prometheus::PrometheusHandle;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};

use crate::metrics;
pub use auth::{Accounts, Auth, AwsCaller, By, Identity};
pub use frames::Origin;
pub use known::Known;
pub use sealed::Sealed;
pub use state::Api;
pub use turns::QueryLimits;

/// The routes of a server that collects, too.
pub fn router(collector: Arc<Collector>, api: Api, figures: PrometheusHandle) -> Router {
    let policy = frames::policy(&api.frame_ancestors);
    let headers = middleware::from_fn_with_state(policy, with_security_headers);
    ingest_fn::router(collector).merge(reading(api, figures)).layer(headers)
}

/// The routes of a server that answers alone.
pub fn reading_router(api: Api, figures: PrometheusHandle) -> Router {
    let policy = frames::policy(&api.frame_ancestors);
    reading(api, figures).layer(middleware::from_fn_with_state(policy, with_security_headers))
}

fn reading(api: Api, figures: PrometheusHandle) -> Router {
    let is_open = matches!(api.auth, Auth::None);
    let gate = middleware::from_fn_with_state(api.clone(), access::gate);
    let reading = api::router(api).merge(metrics::router(figures)).layer(gate).fallback(page::page).layer(compressed());
    // Where a session is needed, no other name has one.
    if is_open { reading.layer(middleware::from_fn(only_by_local_name)) } else { reading }
}

/// The page and what it is answered travel compressed to those who take that. Lines of progress go out as they are said: a
/// compressor would hold them back.
fn compressed() -> CompressionLayer<impl Predicate> {
    let lines = NotForContentType::const_new("application/x-ndjson");
    CompressionLayer::new().compress_when(DefaultPredicate::new().and(lines))
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

/// What an answer may load and who may frame it, and that nobody guesses at what it is.
async fn with_security_headers(State(policy): State<HeaderValue>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

#[cfg(test)]
#[path = "../http_access_tests.rs"]
mod access_tests;

#[cfg(test)]
#[path = "../http_saved_tests.rs"]
mod saved_tests;

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use tower::ServiceExt;
    use weir_core::ports::{CountingIds, ManualClock, MemoryLog};
    use weir_lake::{Store, Table};

    use super::*;

    async fn app() -> Router {
        let store = Store::in_memory();
        let clock = Arc::new(ManualClock::new(1_767_225_600_000));
        let ids = Arc::new(CountingIds::default());
        Table::open_or_create(&store, "id", 0).await.unwrap();
        let keys = ingest_fn::KeyPolicy::anyone_as("dev", ingest_fn::Keys::default());
        let log = Arc::new(MemoryLog::default());
        let collector =
            Collector::new(log, clock.clone(), ids.clone(), keys, Arc::new(crate::landing::Landed::default()));
        let figures = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
        let api = Api::new(crate::engine::Engine::new(store, clock), ids, "/data/demo");
        router(Arc::new(collector), api, figures)
    }

    async fn answer(method: Method, path: &str, host: &str, body: String) -> (StatusCode, serde_json::Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", host)
            .body(axum::body::Body::from(body))
            .unwrap();
        let response = app().await.oneshot(request).await.unwrap();
        assert!(response.headers().contains_key("content-security-policy"), "{path}");
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    #[tokio::test]
    async fn the_page_travels_compressed_and_progress_does_not() {
        let encoding = async |path: &str, accept: &str, body: Option<&str>| {
            let method = if body.is_some() { Method::POST } else { Method::GET };
            let request = Request::builder().method(method).uri(path).header("host", "localhost");
            let request = request.header("accept", accept).header("accept-encoding", "gzip, br");
            let body = axum::body::Body::from(body.unwrap_or_default().to_owned());
            let response = app().await.oneshot(request.body(body).unwrap()).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            let encoding = response.headers().get(header::CONTENT_ENCODING);
            encoding.map(|encoding| encoding.to_str().unwrap().to_owned())
        };
        assert_eq!(encoding("/", "text/html", None).await.as_deref(), Some("gzip"));
        let funnel = r#"{"kind":"funnel","steps":[{"event":"a"}]}"#;
        assert_eq!(encoding("/api/query", "application/json", Some(funnel)).await.as_deref(), Some("gzip"));
        assert_eq!(encoding("/api/query", "application/x-ndjson", Some(funnel)).await, None);
    }

    #[tokio::test]
    async fn every_answer_of_the_api_is_json_that_says_what_is_wrong() {
        let funnel = r#"{"kind":"funnel","steps":[{"event":"a"}]}"#.to_owned();
        let local = "localhost:8080";
        let (status, report) = answer(Method::POST, "/api/query", local, funnel.clone()).await;
        assert_eq!((status, report["steps"][0]["count"].as_u64()), (StatusCode::OK, Some(0)));
        let (status, events) = answer(Method::GET, "/api/events", local, String::new()).await;
        assert_eq!((status, events["version"].as_u64()), (StatusCode::OK, Some(0)));
        let (status, user) = answer(Method::GET, "/api/user?id=ana", local, String::new()).await;
        assert_eq!((status, &user["kind"], &user["user"]), (StatusCode::OK, &"user".into(), &serde_json::Value::Null));
        let body = format!(r#"{{"user":"ana","spec":{funnel}}}"#);
        let (status, why) = answer(Method::POST, "/api/explain", local, body).await;
        assert_eq!((status, &why["verdict"]), (StatusCode::OK, &"not_entered".into()));
        let cases = [
            (Method::POST, "/api/query", local, "{}".to_owned(), StatusCode::BAD_REQUEST, "invalid_spec"),
            (Method::POST, "/api/query", local, "x".repeat(2 << 20), StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            (Method::GET, "/api/query", local, String::new(), StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            (Method::GET, "/api/catalogue?event=a", local, String::new(), StatusCode::NOT_FOUND, "no_event"),
            (Method::GET, "/api/catalogue?x=1", local, String::new(), StatusCode::BAD_REQUEST, "invalid_parameters"),
            (
                Method::GET,
                "/api/catalogue",
                "evil.example",
                String::new(),
                StatusCode::MISDIRECTED_REQUEST,
                "wrong_host",
            ),
            (Method::GET, "/api/user", local, String::new(), StatusCode::BAD_REQUEST, "invalid_parameters"),
            (
                Method::POST,
                "/api/user?id=a",
                local,
                String::new(),
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
            ),
            (Method::POST, "/api/explain", local, funnel.clone(), StatusCode::BAD_REQUEST, "invalid_spec"),
            (Method::GET, "/api/nothing", local, String::new(), StatusCode::NOT_FOUND, "not_found"),
            (Method::GET, "/nothing", local, String::new(), StatusCode::NOT_FOUND, "not_found"),
            (Method::POST, "/", local, String::new(), StatusCode::NOT_FOUND, "not_found"),
            (Method::GET, "/metrics", "evil.example", String::new(), StatusCode::MISDIRECTED_REQUEST, "wrong_host"),
            (Method::POST, "/api/query", "evil.example", funnel, StatusCode::MISDIRECTED_REQUEST, "wrong_host"),
        ];
        for (method, path, host, body, status, code) in cases {
            let (found, json) = answer(method.clone(), path, host, body).await;
            assert_eq!((found, json["error"]["code"].as_str()), (status, Some(code)), "{method} {path} {host}");
        }
        let old = r#"{"kind":"funnel","steps":[{"event":"a"}],"version":7}"#.to_owned();
        let (status, json) = answer(Method::POST, "/api/query", local, old).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(json["error"]["message"], "the lake has no version 7; the newest is 0");
    }

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
