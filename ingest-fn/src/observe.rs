//! What is written down of each request: counts for [`metrics`](crate::metrics), and a line of log.
//!
//! ```text
//! DEBUG weir::requests: answered method=POST path=/v1/events status=200 protocol=weir source=shop accepted=20 rejected=0 bytes=4211 ms=3.1
//! ```
//!
//! The line has the template of the path and not the path itself, in which a key may stand; and nothing of headers, query or
//! body. It is written at the level `debug` under the target [`TARGET`], so that it can be asked for by itself.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::response::Response;
use axum::routing::Route;
use futures::future::{BoxFuture, Either};
use tokio::time::Instant;
use tower::Service;

use crate::accept::Rejected;
use crate::collector::Collector;
use crate::metrics::protocol_name;
use crate::protocol::Protocol;

/// Under which name a log can be asked for requests, as in `RUST_LOG=weir::requests=debug`.
pub const TARGET: &str = "weir::requests";

/// What became of a request with events: put into its answer's extensions, where it is written down.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub protocol: Protocol,
    /// `None` where the sender may not write.
    pub source: Option<Arc<str>>,
    pub accepted: usize,
    pub rejected: usize,
    /// Of the body, as it came.
    pub bytes: u64,
}

impl Taken {
    pub(crate) fn by(protocol: Protocol) -> Self {
        Self { protocol, source: None, accepted: 0, rejected: 0, bytes: 0 }
    }

    /// Counts the events of an answer.
    pub(crate) fn count(&mut self, collector: &Collector, accepted: usize, rejected: &[Rejected]) {
        (self.accepted, self.rejected) = (accepted, rejected.len());
        collector.meters().rejected(rejected);
        if let Some(source) = &self.source {
            collector.meters().accepted(source, accepted);
        }
    }
}

/// Who counts the answers of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    /// [`Observed`].
    Here,
    /// What takes the events of a POST, which knows more about it; all other answers of the route are counted here.
    ByWhoTakesEvents,
}

/// Whether requests are written down.
pub(crate) fn is_logged() -> bool {
    tracing::enabled!(target: TARGET, tracing::Level::DEBUG)
}

/// A route whose answers are counted, and written down.
///
/// A service of its own rather than axum's `middleware::from_fn`, for the reason that [`browsers`](crate::browsers) gives.
#[derive(Clone)]
pub(crate) struct Observed {
    route: Route,
    collector: Arc<Collector>,
    counted: Counted,
}

impl Observed {
    pub(crate) fn new(route: Route, collector: Arc<Collector>, counted: Counted) -> Self {
        Self { route, collector, counted }
    }
}

type Answering = <Route as Service<Request>>::Future;

impl Service<Request> for Observed {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Answering, BoxFuture<'static, Result<Response, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request>::poll_ready(&mut self.route, cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let counts_itself = self.counted == Counted::ByWhoTakesEvents && request.method() == Method::POST;
        let logged = is_logged().then(|| Logged::of(&request));
        if counts_itself && logged.is_none() {
            return Either::Left(self.route.call(request));
        }
        let collector = Arc::clone(&self.collector);
        let answering = self.route.call(request);
        Either::Right(Box::pin(async move {
            let mut response = answering.await?;
            let status = response.status().as_u16();
            if !counts_itself {
                collector.meters().request(None, status);
            }
            let taken = response.extensions_mut().remove::<Taken>();
            if let Some(logged) = logged {
                logged.answered(status, taken.as_ref());
            }
            Ok(response)
        }))
    }
}

/// What the line of a request needs of the request.
struct Logged {
    began: Instant,
    method: &'static str,
    path: Option<MatchedPath>,
}

impl Logged {
    fn of(request: &Request) -> Self {
        let path = request.extensions().get::<MatchedPath>().cloned();
        Self { began: Instant::now(), method: known(request.method()), path }
    }

    fn answered(&self, status: u16, taken: Option<&Taken>) {
        let taken_or = |of: fn(&Taken) -> u64| taken.map_or(0, of);
        tracing::debug!(
            target: TARGET,
            method = self.method,
            path = self.path.as_ref().map_or("", MatchedPath::as_str),
            status,
            protocol = protocol_name(taken.map(|taken| taken.protocol)),
            source = taken.and_then(|taken| taken.source.as_deref()).unwrap_or_default(),
            accepted = taken_or(|taken| taken.accepted as u64),
            rejected = taken_or(|taken| taken.rejected as u64),
            bytes = taken_or(|taken| taken.bytes),
            ms = self.began.elapsed().as_micros() as f64 / 1_000.0,
            "answered"
        );
    }
}

/// A method may be any word that a sender makes up.
fn known(method: &Method) -> &'static str {
    const KNOWN: [Method; 7] =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    const NAMES: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.iter().zip(NAMES).find(|(known, _)| *known == method).map_or("other", |(_, name)| name)
}

#[cfg(test)]
#[path = "observe_tests.rs"]
mod tests;
