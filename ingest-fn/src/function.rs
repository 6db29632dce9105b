//! The collector as a function that takes one request at a time and may be frozen between two.
//!
//! Nothing runs beside requests there, so what a server does in loops is done here before and after them: the settings are
//! looked at before a request once they are ten seconds old, and the metrics are written after one if the last time is ten
//! seconds ago. The first look begins while the function starts and is not waited for by it; the first request waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{self, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use lambda_http::request::RequestContext;
use tokio::sync::Mutex;
use weir_core::ports::{Clock, EventLog, Ids};
use weir_store::Store;

use crate::answer::Failure;
use crate::collector::Collector;
use crate::keys::KeyPolicy;
use crate::landed::CommittedProgress;
use crate::load::LoadSettings;
use crate::router;
use crate::settings_watch::{Follower, InForce};

/// Settings of this age, in milliseconds, are looked at again before a request.
const FRESH: i64 = 10_000;
/// A look that takes longer leaves the settings from before in force.
const LOOK: Duration = Duration::from_secs(2);
/// Metrics are written after a request if the last time is so long ago, in milliseconds. A request that comes alone is
/// always counted; a process that ends takes along what the last of many requests have counted.
const FLUSH: i64 = 10_000;
/// Metrics are written after so many requests at the latest: CloudWatch's format has at most 100 values of a distribution, and what
/// comes after them is lost, with a line of log each.
const MOST_UNWRITTEN: usize = 90;

/// Writes the metrics, wherever they go.
pub type FlushMetrics = Arc<dyn Fn() + Send + Sync>;

struct Function {
    settings: Mutex<Settings>,
    clock: Arc<dyn Clock>,
    flushed_at: AtomicI64,
    /// Requests since then.
    unwritten: AtomicUsize,
    flush: FlushMetrics,
}

struct Settings {
    follower: Follower,
    looked_at: Option<i64>,
}

/// The router of a function: the collector's, over a lake's settings and a log. Only who has a write key may send.
///
/// Must be called on a runtime: the first look at the settings begins at once.
pub fn app(
    store: Store,
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    flush: FlushMetrics,
) -> Router {
    let in_force = InForce::default();
    let progress = Arc::new(CommittedProgress::new(store.clone()));
    let policy = KeyPolicy::with_key(in_force.keys.clone());
    let collector = Collector::new(log, Arc::clone(&clock), ids, policy, progress);
    let collector = collector.with_privacy(in_force.privacy.clone()).with_plans(in_force.plans.clone());
    // One request at a time: there is nothing to see of what is under way, and CloudWatch charges for each metric.
    let load = LoadSettings { shows_in_flight: false, ..LoadSettings::default() };
    let collector = collector.with_refusals(in_force.refusals.clone()).with_load(load);
    let settings = Mutex::new(Settings { follower: Follower::new(store, in_force), looked_at: None });
    let function = Arc::new(Function {
        settings,
        clock,
        flushed_at: AtomicI64::new(i64::MIN),
        unwritten: AtomicUsize::new(0),
        flush,
    });
    let first_look = Arc::clone(&function);
    tokio::spawn(async move { first_look.refresh().await });
    router(Arc::new(collector)).layer(middleware::from_fn_with_state(function, around))
}

/// Takes the stage of an HTTP API off the path: AWS leaves a named one there.
pub fn without_stage<B>(mut request: http::Request<B>) -> http::Request<B> {
    let stage = match request.extensions().get() {
        Some(RequestContext::ApiGatewayV2(context)) => context.stage.as_deref(),
        _ => None,
    };
    let uri = request.uri();
    let rest = stage.and_then(|stage| uri.path().strip_prefix('/')?.strip_prefix(stage));
    let path = match rest {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => return request,
    };
    let path_and_query = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    // What was cut out of a path is one.
    if let Ok(path_and_query) = path_and_query.parse() {
        parts.path_and_query = Some(path_and_query);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

async fn around(State(function): State<Arc<Function>>, request: Request, next: Next) -> Response {
    // Without settings no key is known, and a 401 would make clients throw their events away.
    let response = match function.refresh().await {
        true => next.run(request).await,
        false => Failure::NoSettings.into_response(),
    };
    function.flush_metrics();
    response
}

impl Function {
    /// Looks at the settings if it is time to. Whether there are any.
    async fn refresh(&self) -> bool {
        let mut settings = self.settings.lock().await;
        let now_ms = self.clock.now_ms();
        let is_fresh = settings.looked_at.is_some_and(|at| (at..at + FRESH).contains(&now_ms));
        if !is_fresh || !settings.follower.has_settings() {
            settings.looked_at = Some(now_ms);
            if tokio::time::timeout(LOOK, settings.follower.look()).await.is_err() {
                tracing::warn!("the store takes long to give the settings; those from before stay in force");
            }
        }
        settings.follower.has_settings()
    }

    fn flush_metrics(&self) {
        let now_ms = self.clock.now_ms();
        let last = self.flushed_at.load(Ordering::Relaxed);
        let unwritten = self.unwritten.fetch_add(1, Ordering::Relaxed) + 1;
        if unwritten >= MOST_UNWRITTEN || now_ms.saturating_sub(last) >= FLUSH {
            self.flushed_at.store(now_ms, Ordering::Relaxed);
            self.unwritten.store(0, Ordering::Relaxed);
            (self.flush)();
        }
    }
}

#[cfg(test)]
#[path = "function_tests.rs"]
mod tests;
