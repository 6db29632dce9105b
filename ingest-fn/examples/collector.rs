//! A collector for tests of real clients: the real router on a log in memory, which can be told to misbehave.
//!
//! ```text
//! $ collector k1                        knows the key k1, prints its address, serves until it is killed
//! POST /__next [429, "500 stored"]      the next two batches are answered so; `stored` takes the batch all the same
//! GET  /__received                      the events of the log as NDJSON, in order, copies and all
//! GET  /__requests                      the batches that came, as a list of {path, status}
//! ```
#![allow(clippy::print_stdout, reason = "the address is this program's result")]
#![allow(clippy::disallowed_methods, reason = "a program has the real clock")]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use ingest_fn::{Collector, KeyPolicy, Keys, LandedProgress};
use serde_json::{Value, json};
use weir_core::event::frame;
use weir_core::ports::{Clock, EventLog, Ids, MemoryLog, SequenceNumber, ShardId};

struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
    }
}

/// Ids that count up.
#[derive(Default)]
struct Counted(AtomicU64);

impl Ids for Counted {
    fn next_id(&self) -> [u8; 16] {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed)).to_be_bytes()
    }
}

struct NothingLanded;

impl LandedProgress for NothingLanded {
    fn landed_in(&self, _: &ShardId, _: &SequenceNumber) -> Option<u64> {
        None
    }
}

#[derive(Default)]
struct Plan {
    next: Mutex<VecDeque<Value>>,
    requests: Mutex<Vec<Value>>,
    log: Arc<MemoryLog>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = std::env::args().nth(1).ok_or("usage: collector KEY")?;
    let key = serde_json::from_value(json!({"key": key, "source": "test", "created_at": 0}))?;
    let plan = Arc::new(Plan::default());
    let keys = KeyPolicy::with_key(Keys::new(vec![key]));
    let (ids, progress) = (Arc::new(Counted::default()), Arc::new(NothingLanded));
    let collector = Arc::new(Collector::new(plan.log.clone(), Arc::new(SystemClock), ids, keys, progress));
    let control = Router::new()
        .route("/__next", post(set_next))
        .route("/__received", get(received))
        .route("/__requests", get(requests))
        .with_state(plan.clone());
    let router = ingest_fn::router(collector).layer(middleware::from_fn_with_state(plan, misbehave)).merge(control);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}

async fn set_next(State(plan): State<Arc<Plan>>, Json(next): Json<Vec<Value>>) {
    *plan.next.lock().unwrap_or_else(PoisonError::into_inner) = next.into();
}

async fn requests(State(plan): State<Arc<Plan>>) -> Json<Vec<Value>> {
    Json(plan.requests.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

async fn received(State(plan): State<Arc<Plan>>) -> Result<String, (StatusCode, String)> {
    let failed = |error: &dyn std::fmt::Display| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    let shard = ShardId("memory-0".to_owned());
    let records = plan.log.read(&shard, None, usize::MAX).await.map_err(|error| failed(&error))?;
    let mut lines = String::new();
    for record in records {
        let (header, events) = frame::open(&record.payload).map_err(|error| failed(&error))?;
        for event in frame::events(&header, events) {
            let event = event.map_err(|error| failed(&error))?;
            let parsed = |json: Option<&str>| json.and_then(|json| serde_json::from_str::<Value>(json).ok());
            let line = json!({
                "source": header.source, "event": event.event, "user_id": event.user_id,
                "anonymous_id": event.anonymous_id, "event_id": event.event_id.as_ref().map(|id| id.text()),
                "session_id": event.session_id, "timestamp": event.time_ms, "received": header.received,
                "properties": parsed(event.properties), "context": parsed(event.context),
            });
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
    }
    Ok(lines)
}

/// Answers a batch as it was told to, and writes down what it answered.
async fn misbehave(State(plan): State<Arc<Plan>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    if request.method() != Method::POST || path.starts_with("/flags") || path.starts_with("/decide") {
        return next.run(request).await;
    }
    let told = plan.next.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let response = match told {
        None => next.run(request).await,
        Some(told) => {
            let (status, stores) = match &told {
                Value::String(text) => (text.split(' ').next().and_then(|status| status.parse().ok()), true),
                status => (status.as_u64().and_then(|status| u16::try_from(status).ok()), false),
            };
            if stores {
                next.run(request).await;
            }
            refusal(status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::IM_A_TEAPOT))
        }
    };
    let line = json!({"path": path, "status": response.status().as_u16()});
    plan.requests.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    response
}

/// With the headers that the router gives every answer.
fn refusal(status: StatusCode) -> Response {
    let mut response = (status, Json(json!({"error": {"code": "test", "message": "as told"}}))).into_response();
    let headers = response.headers_mut();
    headers.insert("access-control-allow-origin", HeaderValue::from_static("*"));
    headers.insert("access-control-expose-headers", HeaderValue::from_static("Retry-After"));
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        headers.insert("retry-after", HeaderValue::from_static("1"));
    }
    response
}
