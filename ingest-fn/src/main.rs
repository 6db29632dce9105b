//! The collector as a Lambda function, behind a function URL or an HTTP API: reads the environment, builds the parts, runs.
//!
//! Logs are JSON lines on standard error, without payloads and keys. Metrics are CloudWatch's embedded format on standard
//! output.

use std::io::stdout;
use std::sync::Arc;

use ingest_fn::config::Config;
use ingest_fn::function::{FlushMetrics, app, without_stage};
use ingest_fn::kinesis::{KinesisLog, KinesisSettings};
use ingest_fn::overflow::{OverflowSettings, OverflowingLog, StoreOverflow};
use lambda_http::Error;
use lambda_http::tower::ServiceExt;
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
    // Libraries write whole requests into their logs below warnings: payloads, and keys.
    let levels =
        Targets::new().with_default(Level::WARN).with_targets([("weir", config.log), ("ingest_fn", config.log)]);
    let lines = tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr).with_current_span(false);
    tracing_subscriber::registry().with(lines.with_filter(levels)).init();
    let metrics = metrics_cloudwatch_embedded::Builder::new().cloudwatch_namespace(NAMESPACE).init()?;
    let form = config.metrics;
    let flush: FlushMetrics = Arc::new(move || {
        let mut lines = Vec::new();
        if let Err(error) = metrics.flush(&mut lines).and_then(|()| form.write(&lines, stdout())) {
            tracing::warn!(%error, "the metrics cannot be written");
        }
    });
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(RandomIds));
    let sdk = aws::config().await;
    let store = Store::open_with(&config.lake, IfMissing::Create, &sdk).await?;
    let settings = KinesisSettings {
        max_record_bytes: config.record_bytes,
        append_deadline: config.append_time,
        ..KinesisSettings::new(&config.stream)
    };
    let log_deadline = config.append_time + settings.call_timeout;
    let stream = KinesisLog::new(&sdk, settings, ids.clone());
    let to_overflow = OverflowSettings { log_deadline, ..OverflowSettings::default() };
    let log = OverflowingLog::new(stream, Arc::new(StoreOverflow::new(&store)), ids.clone(), to_overflow);
    lambda_http::run(app(store, Arc::new(log), clock, ids, flush).map_request(without_stage)).await
}
