//! The HTTP side: paths, methods, headers. What a request means is decided elsewhere.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::HttpBody;
use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::Value;
use tower::layer::layer_fn;

use crate::answer::{BatchAnswer, Failure, HealthAnswer, ReceiptAnswer};
use crate::body::{BodyProblem, MAX_BODY_BYTES};
use crate::browsers::ForBrowsers;
use crate::collector::Collector;
use crate::decode::{known_encoding, unpacked};
use crate::keys::{Readers, Sender, WriteKey};
use crate::protocol::Protocol;
use crate::protocol::segment::Kind;
use crate::receipt::NoReceipt;
use crate::setup::{self, Address};

const POST: &str = "POST, OPTIONS";
const GET: &str = "GET, HEAD, OPTIONS";

/// The collector's paths. Everything under `/v1` is answered here; of other paths those that clients of other protocols
/// ask for, and the rest is left to whom this is merged with.
pub fn router(collector: Arc<Collector>) -> Router {
    let v1 = Router::new()
        .route("/v1/events", taking(Protocol::Native))
        .route("/v1/receipts/{receipt}", only(get(tell_progress), GET))
        .route("/v1/projects/{key}/settings", only(get(tell_settings), GET))
        .route("/v1", any(nothing_here))
        .route("/v1/{*rest}", any(nothing_here))
        .route("/v1/", any(nothing_here));
    let for_clients = v1.merge(segment_paths()).merge(posthog_paths()).layer(layer_fn(ForBrowsers));
    let health = Router::new()
        .route("/health/live", only(get(async || HealthAnswer::LIVE), "GET, HEAD"))
        .route("/health/ready", only(get(tell_ready), "GET, HEAD"));
    for_clients.merge(health).with_state(collector)
}

/// Long and short paths, each with and without `/v1`, except for the long ones, which would hide a page's own.
fn segment_paths() -> Router<Arc<Collector>> {
    let mut paths = Router::new().route("/v1/import", taking(Protocol::Segment(None)));
    for path in ["/v1/batch", "/v1/b", "/b"] {
        paths = paths.route(path, taking(Protocol::Segment(None)));
    }
    for (kind, long, short) in Kind::ALL {
        for path in [format!("/v1/{long}"), format!("/v1/{short}"), format!("/{short}")] {
            paths = paths.route(&path, taking(Protocol::Segment(Some(kind))));
        }
    }
    paths
}

fn posthog_paths() -> Router<Arc<Collector>> {
    let mut paths = Router::new();
    for path in ["/batch", "/e", "/capture", "/i/v0/e"] {
        paths = paths.route(path, taking(Protocol::PostHog));
        paths = paths.route(&format!("{path}/"), taking(Protocol::PostHog));
    }
    for path in ["/flags", "/flags/", "/decide", "/decide/"] {
        let no_flags = get(async || Json(setup::no_flags())).post(async || Json(setup::no_flags()));
        paths = paths.route(path, only(no_flags, "GET, HEAD, POST, OPTIONS"));
    }
    paths
        .route("/array/{key}/config", only(get(tell_config), GET))
        .route("/array/{key}/config.js", only(get(tell_config_script), GET))
}

/// Answers every other method with a 405 that lists the `allowed` ones.
fn only<S: Clone + Send + Sync + 'static>(methods: MethodRouter<S>, allowed: &'static str) -> MethodRouter<S> {
    methods.fallback(async move |method: Method| Failure::NoMethod { method, allowed })
}

/// Takes events in a protocol.
fn taking(protocol: Protocol) -> MethodRouter<Arc<Collector>> {
    let take = async move |State(collector): State<Arc<Collector>>, request: Request| {
        take_events(&collector, protocol, request).await
    };
    only(post(take), POST)
}

async fn take_events(collector: &Collector, protocol: Protocol, request: Request) -> Response {
    // Who may not write is told so whatever their body holds, unless the key may be in it.
    let admitted = Sender::from_headers(request.headers()).and_then(|sender| {
        let waits_for_body = sender.key.is_none() && protocol.has_key_in_body();
        let readers = if waits_for_body { Readers::Anyone } else { collector.authorize(&sender, 0)?.readers };
        Ok((sender, readers))
    });
    match admitted {
        Ok((sender, mut readers)) => {
            let answer = take_body(collector, protocol, sender, &mut readers, request).await;
            let mut response = answer.map(|answer| answer.in_words_of(protocol)).into_response();
            // A refusal may have said already who may read it; of anyone nothing need be said.
            if readers != Readers::Anyone && response.extensions().get::<Readers>().is_none() {
                response.extensions_mut().insert(readers);
            }
            response
        }
        Err(problem) => {
            discard(request).await;
            Failure::from(problem).into_response()
        }
    }
}

/// Reads a body and keeps nothing of it. A server that answers and closes while the client still sends takes its answer
/// along, and the client would never hear of `Retry-After`.
async fn discard(request: Request) {
    let mut body = request.into_body();
    let mut left = MAX_BODY_BYTES;
    while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

async fn take_body(
    collector: &Collector,
    protocol: Protocol,
    mut sender: Sender,
    readers: &mut Readers,
    request: Request,
) -> Result<BatchAnswer, Failure> {
    known_encoding(request.headers())?;
    let query = request.uri().query().unwrap_or_default().to_owned();
    let body = read(request).await?;
    let checked = {
        let body = protocol.unwrapped(unpacked(&body)?, &query)?;
        let batch = protocol.read(&body)?;
        if sender.key.is_none() && protocol.has_key_in_body() {
            sender.key = batch.key()?;
            *readers = collector.authorize(&sender, 0)?.readers;
        }
        collector.check(&sender, batch)?
    };
    drop(body); // The record has what is needed; a slow log must not keep both in memory.
    match checked.record {
        Some(record) => {
            let receipt = collector.store(record).await?;
            Ok(BatchAnswer::stored(checked.accepted, checked.rejected, &receipt))
        }
        None => Ok(BatchAnswer::none(checked.rejected)),
    }
}

async fn read(mut request: Request) -> Result<Bytes, BodyProblem> {
    DefaultBodyLimit::max(MAX_BODY_BYTES).apply(&mut request);
    let body = Bytes::from_request(request, &()).await;
    body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => BodyProblem::TooManyBytes,
        _ => BodyProblem::Unread { message: rejection.body_text() },
    })
}

async fn tell_progress(
    State(collector): State<Arc<Collector>>,
    receipt: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<ReceiptAnswer, Failure> {
    let Ok(Path(text)) = receipt else { return Err(Failure::receipt(uri.path().to_owned(), NoReceipt)) };
    match text.parse() {
        Ok(token) => Ok(collector.progress_of(&token)),
        Err(problem) => Err(Failure::receipt(text, problem)),
    }
}

async fn tell_settings(
    State(collector): State<Arc<Collector>>,
    Path(key): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    let sender = Sender { key: WriteKey::from_text(&key), ..Sender::from_headers(&headers)? };
    collector.authorize(&sender, 0)?;
    let address = Address::of(&uri, &headers).ok_or(Failure::NoHost)?;
    Ok(Json(setup::segment_settings(&key, &address)))
}

async fn tell_config(Path(key): Path<String>) -> Json<Value> {
    Json(setup::posthog_config(&key))
}

async fn tell_config_script(Path(key): Path<String>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], setup::posthog_config_script(&key))
}

async fn tell_ready(State(collector): State<Arc<Collector>>) -> Result<HealthAnswer, Failure> {
    if collector.is_ready() { Ok(HealthAnswer::READY) } else { Err(Failure::NotReady) }
}

async fn nothing_here(uri: Uri) -> Failure {
    Failure::no_path(uri.path())
}

#[cfg(test)]
#[path = "router_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "router_protocol_tests.rs"]
mod protocol_tests;
