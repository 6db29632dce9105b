//! The compactor as a Lambda function, behind an event source mapping of a Kinesis stream and a schedule: reads the environment,
//! builds the parts, runs.
//!
//! Logs are JSON lines on standard error, without payloads. Metrics are CloudWatch's embedded format on standard output, after
//! each invocation.

use std::io::stdout;
use std::sync::Arc;

use compact_fn::config::Config;
use compact_fn::function::Function;
use compact_fn::kinesis::Stream;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use tokio::sync::Mutex;
use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use weir_core::ports::{RandomIds, SystemClock};
use weir_store::store::IfMissing;
use weir_store::{Store, aws};

/// The namespace of the metrics in CloudWatch.
const NAMESPACE: &str = "weir";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::from_env()?;
    // Libraries write whole requests into their logs below warnings.
    let levels =
        Targets::new().with_default(Level::WARN).with_targets([("weir", config.log), ("compact_fn", config.log)]);
    let lines = tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr).with_current_span(false);
    tracing_subscriber::registry().with(lines.with_filter(levels)).init();
    let metrics = metrics_cloudwatch_embedded::Builder::new().cloudwatch_namespace(NAMESPACE).init()?;
    let sdk = aws::config().await;
    let store = Store::open_with(&config.lake, IfMissing::Create, &sdk).await?;
    let stream = Stream::new(&sdk, &config.stream);
    let function = Function::new(store, stream, Arc::new(SystemClock), Arc::new(RandomIds));
    let function = Mutex::new(function);
    let (function, form) = (&function, &config.metrics);
    let handler = service_fn(async move |event: LambdaEvent<Box<RawValue>>| {
        let LambdaEvent { payload, context } = event;
        let deadline_ms = i64::try_from(context.deadline).unwrap_or(i64::MAX);
        let answer = function.lock().await.answer(payload.get(), deadline_ms).await;
        // Nothing runs between invocations, and the process may end there.
        let mut lines = Vec::new();
        if let Err(error) = metrics.flush(&mut lines).and_then(|()| form.write(&lines, stdout())) {
            tracing::warn!(%error, "the metrics cannot be written");
        }
        answer.map_err(Error::from)
    });
    lambda_runtime::run(handler).await
}
