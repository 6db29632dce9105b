//! Lets pages send events: answers a browser's preflight, and lets pages read the answers (CORS).
//!
//! ```text
//! OPTIONS /v1/events                       204  access-control-allow-methods: GET, POST, OPTIONS …
//! POST    /v1/events, any or no origin     200  access-control-allow-origin: *
//! POST    … with a key that lists origins  200  access-control-allow-origin: https://shop.example
//! ```
//!
//! A preflight comes without a key, so it is granted to any origin; the answer to a key that lists origins is for those
//! only: its handler puts [`Readers`] among the answer's extensions. No answer may be kept by a cache: a receipt's answer
//! changes.
//!
//! A service of its own rather than axum's `middleware::from_fn`, which would box each request's future and copy the
//! service behind it: a tenth of the time of a small request.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, ORIGIN, VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::Route;
use futures::TryFutureExt;
use futures::future::{Either, MapOk};
use tower::Service;

use crate::keys::Readers;

/// A route whose answers browsers give to pages.
#[derive(Debug, Clone)]
pub(crate) struct ForBrowsers(pub Route);

impl Service<Request> for ForBrowsers {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<
        Ready<Result<Response, Infallible>>,
        MapOk<<Route as Service<Request>>::Future, fn(Response) -> Response>,
    >;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request>::poll_ready(&mut self.0, cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if request.method() == Method::OPTIONS {
            return Either::Left(ready(Ok(readable(preflight()))));
        }
        Either::Right(self.0.call(request).map_ok(readable))
    }
}

fn preflight() -> Response {
    let allowed = [
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        // `*` does not stand for `authorization`, and old browsers do not know it.
        (ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-encoding, content-type, x-retry-count, x-write-key, *"),
        (ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, allowed).into_response()
}

/// Says who may read an answer: anyone, where nothing else is said.
fn readable(mut response: Response) -> Response {
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
