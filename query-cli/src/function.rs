//! Questions and the page as a function of AWS Lambda, behind a function URL or an HTTP API (payload format 2.0).
//!
//! ```text
//! request of a browser ▸ event ▸ the same router as of `weir serve` ▸ status and headers, then the body as it comes
//! {"weir":"checks"}    ▸ runs the checks of reports that are due    ▸ {"checks":3,"bad":1}
//! ```
//!
//! The body is streamed, so that progress is seen and an answer may be larger than 6 MB: the function URL has the invoke mode
//! `RESPONSE_STREAM`. Nothing runs between events; what a server does in loops comes as an event of a schedule.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, header};
use axum::response::Response;
use futures::stream::{BoxStream, StreamExt};
use lambda_http::request::{LambdaRequest, RequestContext};
use lambda_runtime::{Error, FunctionResponse, LambdaEvent, MetadataPrelude, StreamResponse, service_fn};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::Value;
use tower::ServiceExt;

use crate::error::Failure;
use crate::http::{self, Api, AwsCaller};

type Answer = FunctionResponse<Value, BoxStream<'static, Result<bytes::Bytes, axum::Error>>>;

/// Runs until the environment ends.
///
/// # Errors
/// What the Runtime API says.
pub async fn run(api: Api, figures: PrometheusHandle) -> Result<(), Failure> {
    let router = http::reading_router(api.clone(), figures);
    let handler = service_fn(move |event: LambdaEvent<Value>| {
        let (api, router) = (api.clone(), router.clone());
        async move { handle(&api, router, event.payload).await }
    });
    lambda_runtime::run(handler).await.map_err(|error| Failure::failed(format!("the Lambda runtime: {error}")))
}

async fn handle(api: &Api, router: Router, event: Value) -> Result<Answer, Error> {
    match event.get("weir").map(|task| task.as_str().unwrap_or_default()) {
        Some("checks") => Ok(FunctionResponse::BufferedResponse(api.checks().run_once().await?)),
        Some(other) => Err(format!("there is no task `{other}`; there is `checks`").into()),
        None => {
            let request: LambdaRequest = serde_json::from_value(event)?;
            Ok(FunctionResponse::StreamingResponse(answer(router, request.into()).await))
        }
    }
}

/// The router's answer to a request.
async fn answer(
    router: Router,
    request: Request<lambda_http::Body>,
) -> StreamResponse<BoxStream<'static, Result<bytes::Bytes, axum::Error>>> {
    let (mut parts, body) = request.into_parts();
    if let Some(RequestContext::ApiGatewayV2(context)) = parts.extensions.get::<RequestContext>().cloned() {
        // Who waits after wrong tokens is told apart by this, and AWS writes it.
        let address = context.http.source_ip.as_deref().and_then(|address| address.parse::<IpAddr>().ok());
        if let Some(address) = address {
            parts.extensions.insert(ConnectInfo(SocketAddr::new(address, 0)));
        }
        let arn = context.authorizer.and_then(|authorizer| authorizer.iam).and_then(|iam| iam.user_arn);
        if let Some(arn) = arn {
            parts.extensions.insert(AwsCaller(named(&arn).to_owned()));
        }
    }
    let request = Request::from_parts(parts, Body::from(body.to_vec()));
    let Ok(response): Result<Response, Infallible> = router.oneshot(request).await;
    let (mut parts, body) = response.into_parts();
    let cookies = parts.headers.get_all(header::SET_COOKIE).iter();
    let cookies = cookies.filter_map(|cookie| cookie.to_str().ok().map(str::to_owned)).collect();
    parts.headers.remove(header::SET_COOKIE);
    let metadata_prelude = MetadataPrelude { status_code: parts.status, headers: parts.headers, cookies };
    StreamResponse { metadata_prelude, stream: body.into_data_stream().boxed() }
}

/// What somebody is called by an ARN: `ana` in `arn:aws:iam::123456789012:user/ana` and in
/// `arn:aws:sts::123456789012:assumed-role/analysts/ana`.
fn named(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
