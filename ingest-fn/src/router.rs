//! The HTTP side: paths, methods, headers. What a request means is decided elsewhere.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::HttpBody;
use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, CONTENT_ENCODING, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get, post};
use axum::{Extension, Router};
use bytes::Bytes;

use crate::answer::{BatchAnswer, Failure, HealthAnswer, ReceiptAnswer};
use crate::body::{BodyProblem, MAX_BODY_BYTES};
use crate::collector::Collector;
use crate::keys::{Readers, Sender};
use crate::receipt::NoReceipt;

/// The collector's paths. Everything under `/v1` is answered here; other paths are left to whom this is merged with.
pub fn router(collector: Arc<Collector>) -> Router {
    let v1 = Router::new()
        .route("/v1/events", only(post(take_events), "POST, OPTIONS"))
        .route("/v1/receipts/{receipt}", only(get(tell_progress), "GET, HEAD, OPTIONS"))
        .route("/v1", any(nothing_here))
        .route("/v1/{*rest}", any(nothing_here))
        .route("/v1/", any(nothing_here))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(for_browsers));
    let health = Router::new()
        .route("/health/live", only(get(async || HealthAnswer::LIVE), "GET, HEAD"))
        .route("/health/ready", only(get(tell_ready), "GET, HEAD"));
    v1.merge(health).with_state(collector)
}

/// Answers every other method with a 405 that lists the `allowed` ones.
fn only<S: Clone + Send + Sync + 'static>(methods: MethodRouter<S>, allowed: &'static str) -> MethodRouter<S> {
    methods.fallback(async move |method: Method| Failure::NoMethod { method, allowed })
}

async fn take_events(State(collector): State<Arc<Collector>>, request: Request) -> Result<Response, Failure> {
    // Who may not write is told so whatever their body holds.
    let admitted = Sender::from_headers(request.headers())
        .and_then(|sender| collector.authorize(&sender, 0).map(|source| (sender, source.readers)));
    match admitted {
        Ok((sender, readers)) => {
            let answer = take_body(&collector, &sender, request).await;
            Ok((Extension(readers), answer).into_response())
        }
        Err(problem) => {
            discard(request).await;
            Err(problem.into())
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

async fn take_body(collector: &Collector, sender: &Sender, request: Request) -> Result<BatchAnswer, Failure> {
    not_encoded(request.headers())?;
    let body = read(request).await?;
    let checked = collector.check(sender, &body)?;
    drop(body); // The record has what is needed; a slow log must not keep both in memory.
    match checked.record {
        Some(record) => {
            let receipt = collector.store(record).await?;
            Ok(BatchAnswer::stored(checked.accepted, checked.rejected, &receipt))
        }
        None => Ok(BatchAnswer::none(checked.rejected)),
    }
}

fn not_encoded(headers: &HeaderMap) -> Result<(), BodyProblem> {
    for value in headers.get_all(CONTENT_ENCODING) {
        let text = String::from_utf8_lossy(value.as_bytes());
        let is_plain = |coding: &str| coding.trim().is_empty() || coding.trim().eq_ignore_ascii_case("identity");
        if !text.split(',').all(is_plain) {
            return Err(BodyProblem::Encoded { found: text.into_owned() });
        }
    }
    Ok(())
}

async fn read(request: Request) -> Result<Bytes, BodyProblem> {
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

async fn tell_ready(State(collector): State<Arc<Collector>>) -> Result<HealthAnswer, Failure> {
    if collector.is_ready() { Ok(HealthAnswer::READY) } else { Err(Failure::NotReady) }
}

async fn nothing_here(uri: Uri) -> Failure {
    Failure::no_path(uri.path())
}

/// Lets pages send events: answers their preflight, and lets them read the answers. A preflight comes without a key, so it
/// is granted to any origin; the answer to a key that lists origins is for those only. No answer may be kept by a cache: a
/// receipt's answer changes.
async fn for_browsers(request: Request, next: Next) -> Response {
    let mut response = if request.method() == Method::OPTIONS {
        let allowed = [
            (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
            // `*` does not stand for `authorization`, and old browsers do not know it.
            (ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-encoding, content-type, x-write-key, *"),
            (ACCESS_CONTROL_MAX_AGE, "86400"),
        ];
        (StatusCode::NO_CONTENT, allowed).into_response()
    } else {
        next.run(request).await
    };
    let readers = response.extensions_mut().remove::<Readers>().unwrap_or(Readers::Anyone);
    let headers = response.headers_mut();
    if readers != Readers::Anyone {
        headers.append(VARY, HeaderValue::from(ORIGIN));
    }
    match readers {
        Readers::Anyone => drop(headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"))),
        Readers::Only(origin) => drop(headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin)),
        Readers::Nobody => {}
    }
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
#[path = "router_tests.rs"]
mod tests;
