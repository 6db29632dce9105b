//! The event log as a stream of Amazon Kinesis.
//!
//! [`KinesisLog`] implements [`EventLog`] with the shards of one stream. The record of a request is one record of the
//! stream, in its [envelope](weir_core::event::envelope); it is never split, so that an answer is about the whole request.
//!
//! # Roles
//!
//! | file | role |
//! |---|---|
//! | `settings.rs` | what can be set, as data |
//! | `batcher.rs` | gathers the records of concurrent requests into calls, sends again what failed |
//! | `pause.rs` | how long to wait before that |
//! | `api.rs` | the calls, and what their failures mean |
//! | `read.rs` | pages of a shard |
//!
//! # What is promised, and how
//!
//! **An acknowledged record is in the stream.** A position is only given for an entry for which Kinesis gave one.
//!
//! **Only what failed is sent again.** A call succeeds and fails entry by entry. The SDK's own retries are off, since they
//! send whole calls again.
//!
//! **An append ends within its deadline.** Throttling, failures inside Kinesis, timeouts and broken connections are met with
//! another try after a random pause, while there is time; no such stream, no permission and the like are not, and are told
//! in the program's log with what to do.
//!
//! **A refused record may be stored all the same**: the connection can break between the storing and the answer. A second
//! try then makes a copy. Its events have the same ids, and copies of an event count once.
//!
//! **A record that is too large is refused at once**: [`LogError::TooLarge`] above
//! [`max_record_bytes`](KinesisSettings::max_record_bytes), measured packed. The [overflow](crate::overflow) takes it.
//!
//! # Example
//!
//! ```no_run
//! # async fn example(sdk: &aws_config::SdkConfig, ids: std::sync::Arc<dyn weir_core::ports::Ids>)
//! # -> Result<(), weir_core::ports::LogError> {
//! use ingest_fn::kinesis::{KinesisLog, KinesisSettings};
//! use weir_core::ports::EventLog;
//!
//! let log = KinesisLog::new(sdk, KinesisSettings::new("events"), ids);
//! let position = log.append("{\"weir\":1,…}\n".into()).await?;
//! println!("{} of {}", position.sequence, position.shard); // 4959033827149025660855969… of shardId-000000000000
//! # Ok(())
//! # }
//! ```

mod api;
mod batcher;
mod pause;
mod read;
mod settings;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use aws_config::SdkConfig;
use bytes::Bytes;
use weir_core::event::envelope::{MAX_RECORD_BYTES, pack};
use weir_core::ports::{EventLog, Ids, LogError, LogPosition, LogRecord, SequenceNumber, ShardId};

use self::api::Api;
use self::batcher::{Batcher, PARTITION_KEY_BYTES};
use self::read::Reader;
pub use self::settings::KinesisSettings;

/// An [`EventLog`] in a stream of Kinesis. See the [module doc](self).
pub struct KinesisLog {
    api: Api,
    batcher: Batcher,
    ids: Arc<dyn Ids>,
    settings: KinesisSettings,
    /// The shards that were seen. A shard that is gone may stay here: nothing is read from this.
    seen: Mutex<BTreeSet<ShardId>>,
}

impl fmt::Debug for KinesisLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KinesisLog").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl KinesisLog {
    /// A log over a stream, which has to be there. Makes no call yet. Region, credentials, endpoint and HTTPS client come
    /// from `sdk`; the SDK brings no client of its own here, so it has to have one. Partition keys and pauses are drawn from
    /// `ids`, whose last eight bytes have to vary.
    ///
    /// Has to be called in a tokio runtime, which it needs as long as it lives.
    pub fn new(sdk: &SdkConfig, settings: KinesisSettings, ids: Arc<dyn Ids>) -> Self {
        let api = Api::new(sdk, &settings);
        let batcher = Batcher::start(Arc::new(api.clone()), Arc::clone(&ids), &settings);
        Self { api, batcher, ids, settings, seen: Mutex::default() }
    }

    fn reader(&self) -> Reader<'_> {
        Reader { api: &self.api, ids: self.ids.as_ref(), settings: &self.settings }
    }

    fn has_seen(&self, shard: &ShardId) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).contains(shard)
    }
}

#[async_trait]
impl EventLog for KinesisLog {
    async fn append(&self, payload: Bytes) -> Result<LogPosition, LogError> {
        if payload.len() > MAX_RECORD_BYTES {
            return Err(LogError::TooLarge { bytes: payload.len(), limit: MAX_RECORD_BYTES });
        }
        let packed = pack(&payload);
        drop(payload);
        let limit = self.settings.max_record_bytes.saturating_sub(PARTITION_KEY_BYTES);
        if packed.len() > limit {
            return Err(LogError::TooLarge { bytes: packed.len(), limit });
        }
        self.batcher.append(packed.into()).await
    }

    /// Whether the stream answers. That it would take a record, only an append can tell.
    async fn check(&self) -> Result<(), LogError> {
        self.shards().await.map(drop)
    }

    /// Also closed shards, while they can be read; a parent comes before its children.
    async fn shards(&self) -> Result<Vec<ShardId>, LogError> {
        let listed = self.reader().patiently(|| self.api.shards()).await;
        let shards = listed.map_err(|error| LogError::Unavailable(error.problem))?;
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).extend(shards.iter().cloned());
        Ok(shards)
    }

    async fn read(
        &self,
        shard: &ShardId,
        after: Option<&SequenceNumber>,
        max_bytes: usize,
    ) -> Result<Vec<LogRecord>, LogError> {
        self.reader().read(shard, after, max_bytes).await
    }

    /// Does nothing: a stream drops records when its retention period ends, and not before.
    async fn trim(&self, shard: &ShardId, _through: &SequenceNumber) -> Result<(), LogError> {
        if self.has_seen(shard) || self.shards().await?.contains(shard) {
            Ok(())
        } else {
            Err(LogError::NoShard(shard.clone()))
        }
    }
}
