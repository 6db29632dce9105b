//! The HTTP side: paths, methods, headers. What a request means is decided elsewhere.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_TYPE, EXPECT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get, post};
use axum::{Json, Router};
use serde_json::Value;
use tower::layer::layer_fn;

use crate::accept::Checked;
use crate::answer::{BatchAnswer, Failure, HealthAnswer, ReceiptAnswer};
use crate::body::{BodyProblem, MAX_BODY_BYTES};
use crate::browsers::ForBrowsers;
use crate::collector::Collector;
use crate::decode::{known_encoding, unpacked};
use crate::keys::{Readers, Sender, Source, WriteKey};
use crate::load::{Lane, Permit};
use crate::observe::{Counted, Observed, Taken, is_logged};
use crate::openapi;
use crate::protocol::Protocol;
use crate::protocol::segment::Kind;
use crate::receipt::NoReceipt;
use crate::receive::{announced, receive};
use crate::setup::{self, Address};

const POST: &str = "POST, OPTIONS";
const GET: &str = "GET, HEAD, OPTIONS";

/// The collector's paths. Everything under `/v1` is answered here; of other paths those that clients of other protocols
/// ask for, and the rest is left to whom this is merged with.
pub fn router(collector: Arc<Collector>) -> Router {
    let events = Router::new()
        .route("/v1/events", taking(Protocol::Native))
        .merge(segment_paths())
        .merge(posthog_paths())
        .layer(layer_fn(ForBrowsers));
    let others = Router::new()
        .route("/v1/receipts/{receipt}", only(get(tell_progress), GET))
        .route("/v1/projects/{key}/settings", only(get(tell_settings), GET))
        .route("/v1", any(nothing_here))
        .route("/v1/{*rest}", any(nothing_here))
        .route("/v1/", any(nothing_here))
        .route("/openapi.json", only(get(openapi::document), GET))
        .merge(posthog_settings())
        .layer(layer_fn(ForBrowsers));
    let health = Router::new()
        .route("/health/live", only(get(async || HealthAnswer::LIVE), "GET, HEAD"))
        .route("/health/ready", only(get(tell_ready), "GET, HEAD"));
    let observed = |paths: Router<Arc<Collector>>, counted: Counted| {
        let collector = Arc::clone(&collector);
        paths.layer(layer_fn(move |route| Observed::new(route, Arc::clone(&collector), counted)))
    };
    let events = observed(events, Counted::ByWhoTakesEvents);
    let all = events.merge(observed(others.merge(health), Counted::Here));
    all.with_state(collector)
}

/// Long and short paths, each with and without `/v1`, except for the long ones, which would hide a page's own.
fn segment_paths() -> Router<Arc<Collector>> {
    let mut paths = Router::new().route("/v1/import", taking_in(Lane::Bulk, Protocol::Segment(None)));
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
    paths
}

/// What PostHog's clients ask for before they send.
fn posthog_settings() -> Router<Arc<Collector>> {
    let mut paths = Router::new();
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
    taking_in(Lane::Live, protocol)
}

fn taking_in(lane: Lane, protocol: Protocol) -> MethodRouter<Arc<Collector>> {
    let take = async move |State(collector): State<Arc<Collector>>, request: Request| {
        take_events(&collector, lane, protocol, request).await
    };
    only(post(take), POST)
}

/// What is found out about a request while it is taken.
struct Taking {
    readers: Readers,
    taken: Taken,
    /// Whether the client still waits to be told that it may send its body.
    waits_to_send: bool,
}

impl Taking {
    fn is_by(&mut self, source: Source) {
        self.readers = source.readers;
        self.taken.source = Some(source.name);
    }
}

async fn take_events(collector: &Collector, lane: Lane, protocol: Protocol, request: Request) -> Response {
    let (head, mut body) = request.into_parts();
    let waits_to_send = head.headers.contains_key(EXPECT);
    let mut taking = Taking { readers: Readers::Anyone, taken: Taken::by(protocol), waits_to_send };
    let answer = take_body(collector, lane, protocol, &head, &mut body, &mut taking).await;
    if let Err(Failure::Body(problem)) = &answer {
        collector.meters().refused(problem.code());
    }
    match &answer {
        Ok(answer) => {
            let (accepted, rejected) = answer.outcome();
            taking.taken.count(collector, accepted, rejected);
        }
        // Nothing more comes.
        Err(Failure::Body(BodyProblem::Unread { .. } | BodyProblem::TooSlow { .. })) => {}
        Err(_) if taking.waits_to_send => {}
        Err(_) => collector.discards().discard(&mut body).await,
    }
    let mut response = answer.map(|answer| answer.in_words_of(protocol)).into_response();
    collector.meters().request(Some(protocol), response.status().as_u16());
    collector.meters().body(Some(protocol), taking.taken.bytes);
    if is_logged() {
        response.extensions_mut().insert(taking.taken);
    }
    // A refusal may have said already who may read it.
    if taking.readers != Readers::Anyone && response.extensions().get::<Readers>().is_none() {
        response.extensions_mut().insert(taking.readers);
    }
    response
}

async fn take_body(
    collector: &Collector,
    lane: Lane,
    protocol: Protocol,
    head: &Parts,
    body: &mut Body,
    taking: &mut Taking,
) -> Result<BatchAnswer, Failure> {
    let mut sender = Sender::from_headers(&head.headers)?;
    // Who may not write is told so whatever their body holds, unless the key may be in it.
    if sender.key.is_some() || !protocol.has_key_in_body() {
        taking.is_by(collector.authorize(&sender, 0)?);
    }
    let announced = announced(&head.headers);
    let mut permit = collector.admit(lane, announced)?;
    known_encoding(&head.headers)?;
    taking.waits_to_send &= announced.is_some_and(|bytes| bytes > MAX_BODY_BYTES as u64);
    let body = receive(body, announced, &mut permit, collector.ids()).await?;
    taking.taken.bytes = body.len() as u64;
    let checked = match check_body(collector, protocol, &mut sender, head, &body, &mut permit, taking) {
        Err(Refusal { raw, failure: Failure::Body(problem) }) => {
            let kept = collector.refuse(&sender, head, protocol, &raw, &problem)?;
            kept.ok_or(Failure::Body(problem))?
        }
        checked => checked.map_err(|refusal| refusal.failure)?,
    };
    drop(body); // The record has what is needed; a slow log must not keep both in memory.
    permit.resize(checked.record.len() as u64, collector.ids())?;
    collector.store(checked).await
}

/// Why nothing of a body is taken, and as much of it as could be unpacked.
struct Refusal<'a> {
    raw: Cow<'a, [u8]>,
    failure: Failure,
}

fn check_body<'a>(
    collector: &Collector,
    protocol: Protocol,
    sender: &mut Sender,
    head: &Parts,
    body: &'a [u8],
    permit: &mut Permit,
    taking: &mut Taking,
) -> Result<Checked, Refusal<'a>> {
    let text = unpacked(body).map_err(|e| Refusal { raw: Cow::Borrowed(body), failure: e.into() })?;
    let query = head.uri.query().unwrap_or_default();
    let json = match protocol.unwrapped(Cow::Borrowed(&text), query) {
        Ok(Cow::Owned(json)) => Cow::Owned(json),
        // It was in no form.
        Ok(Cow::Borrowed(_)) => text,
        Err(problem) => {
            let failure = problem.into();
            return Err(Refusal { raw: text, failure });
        }
    };
    let mut check = || {
        let batch = protocol.read(&json)?;
        if sender.key.is_none() && protocol.has_key_in_body() {
            sender.key = batch.key()?;
            taking.is_by(collector.authorize(sender, 0)?);
        }
        if batch.historical {
            collector.move_to_bulk(permit)?;
        }
        collector.check(sender, head, batch)
    };
    let checked: Result<Checked, Failure> = check();
    checked.map_err(|failure| Refusal { raw: json, failure })
}

async fn tell_progress(
    State(collector): State<Arc<Collector>>,
    receipt: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<ReceiptAnswer, Failure> {
    let Ok(Path(text)) = receipt else { return Err(Failure::receipt(uri.path().to_owned(), NoReceipt)) };
    match text.parse() {
        Ok(token) => collector.progress_of(&token).await,
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
    collector.ready().await.map(|()| HealthAnswer::READY)
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

#[cfg(test)]
#[path = "router_terms_tests.rs"]
mod terms_tests;

#[cfg(test)]
#[path = "router_load_tests.rs"]
mod load_tests;
