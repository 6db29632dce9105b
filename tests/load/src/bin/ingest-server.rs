//! What `ingest-load` measures: the real collector on one thread, or a bare peer beside it.
//!
//! ```text
//! $ ingest-server --sink null             the router; records are made and dropped
//! $ ingest-server --sink file --dir DIR   the router; records are synced to a file log
//! $ ingest-server --peer                  an axum handler that reads the body, and answers as many bytes
//! http://127.0.0.1:40123
//! ```
#![allow(clippy::print_stdout, reason = "the address is this program's result")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::post;
use bytes::Bytes;
use clap::{Parser, ValueEnum};
use ingest_fn::body::MAX_BODY_BYTES;
use ingest_fn::landed::CommittedProgress;
use ingest_fn::{Collector, KeyPolicy, Keys};
use weir_core::ports::{CountingIds, EventLog, LogError, LogPosition, LogRecord, SequenceNumber, ShardId, SystemClock};
use weir_lake::Store;
use weir_lake::file_log::{FileLog, FileLogSettings};

/// What the peer answers: about what the collector does.
const PEER_ANSWER: &str = r#"{"accepted":20,"duplicates":null,"rejected":[],"receipt":"r1-null-0-1000000"}"#;

/// Serves on a free port of 127.0.0.1 until it is killed.
#[derive(Debug, Parser)]
struct Arguments {
    /// Serve a handler that only reads the body
    #[arg(long, conflicts_with = "sink")]
    peer: bool,
    /// Where the collector's records go
    #[arg(long, value_enum, default_value = "null")]
    sink: Sink,
    /// Directory of the file log
    #[arg(long, required_if_eq("sink", "file"))]
    dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sink {
    Null,
    File,
}

/// A log that forgets.
#[derive(Default)]
struct NullLog(AtomicU64);

#[async_trait]
impl EventLog for NullLog {
    async fn append(&self, _: Bytes) -> Result<LogPosition, LogError> {
        let sequence = SequenceNumber::from(self.0.fetch_add(1, Ordering::Relaxed));
        Ok(LogPosition { shard: ShardId("null-0".to_owned()), sequence })
    }

    async fn shards(&self) -> Result<Vec<ShardId>, LogError> {
        Ok(Vec::new())
    }

    async fn read(&self, _: &ShardId, _: Option<&SequenceNumber>, _: usize) -> Result<Vec<LogRecord>, LogError> {
        Ok(Vec::new())
    }

    async fn trim(&self, _: &ShardId, _: &SequenceNumber) -> Result<(), LogError> {
        Ok(())
    }
}

async fn read_only(_: Bytes) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], PEER_ANSWER)
}

fn collector(log: Arc<dyn EventLog>) -> Router {
    let keys = KeyPolicy::anyone_as("bench", Keys::default());
    let ids = Arc::new(CountingIds::default());
    let progress = Arc::new(CommittedProgress::new(Store::in_memory()));
    ingest_fn::router(Arc::new(Collector::new(log, Arc::new(SystemClock), ids, keys, progress)))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Arguments { peer, sink, dir } = Arguments::parse();
    let router = match (peer, sink) {
        (true, _) => Router::new().route("/v1/events", post(read_only)).layer(DefaultBodyLimit::max(MAX_BODY_BYTES)),
        (_, Sink::Null) => collector(Arc::new(NullLog::default())),
        (_, Sink::File) => {
            let settings = FileLogSettings::new(dir.unwrap_or_default());
            collector(Arc::new(FileLog::open(settings)?.0))
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}
