//! What these tests share: a stream with a proxy before it, and logs on it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ingest_fn::kinesis::{KinesisLog, KinesisSettings};
use uuid::Uuid;
use weir_core::ports::{EventLog, LogRecord, RandomIds, SequenceNumber, ShardId};
use weir_tests::aws::config;
use weir_tests::kinesis::Kinesis;
use weir_tests::kinesis_faults::FaultProxy;

pub const STREAM: &str = "events";

/// A stream, and the proxy through which logs reach it.
pub struct Rig {
    pub kinesis: Kinesis,
    pub proxy: FaultProxy,
}

impl Rig {
    pub async fn new(shards: i32, seed: u64) -> Self {
        let kinesis = Kinesis::start().await;
        kinesis.stream(STREAM, shards).await;
        let proxy = FaultProxy::start(kinesis.address(), seed).await;
        Self { kinesis, proxy }
    }

    /// A log whose deadlines are far off: this machine may be slow, and Kinesis here is.
    pub async fn log(&self) -> KinesisLog {
        self.log_with(patient()).await
    }

    pub async fn log_with(&self, settings: KinesisSettings) -> KinesisLog {
        KinesisLog::new(&config(&format!("http://{}", self.proxy.address())).await, settings, Arc::new(RandomIds))
    }
}

pub fn patient() -> KinesisSettings {
    KinesisSettings {
        append_deadline: Duration::from_secs(60),
        call_timeout: Duration::from_secs(20),
        read_timeout: Duration::from_secs(20),
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(100),
        ..KinesisSettings::new(STREAM)
    }
}

/// All records of all shards.
pub async fn everything(log: &dyn EventLog) -> BTreeMap<ShardId, Vec<LogRecord>> {
    let mut found = BTreeMap::new();
    for shard in log.shards().await.unwrap() {
        let mut records: Vec<LogRecord> = Vec::new();
        loop {
            let after: Option<SequenceNumber> = records.last().map(|record| record.sequence.clone());
            let page = log.read(&shard, after.as_ref(), 1 << 20).await.unwrap();
            if page.is_empty() {
                break;
            }
            records.extend(page);
        }
        found.insert(shard, records);
    }
    found
}

/// A payload that is like no other, of about so many bytes; half of it packs well.
pub fn payload(name: &str, bytes: usize) -> Bytes {
    let noise = (0..bytes / 32).map(|_| Uuid::new_v4().simple().to_string()).collect::<String>();
    format!("{{\"name\":\"{name}\"}} {noise} {}", "a".repeat(bytes / 2)).into()
}
