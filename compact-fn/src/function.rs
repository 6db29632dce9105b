//! The compactor as a function: it lands what a stream hands over, and does on a schedule what the lake needs.
//!
//! ```text
//! Kinesis ──event source mapping──▶ records of a shard ──▶ land ──▶ {"batchItemFailures":[{"itemIdentifier":"4959…07"}]}
//! EventBridge ──────schedule──────▶ land-overflow ▸ complete ▸ upkeep ▸ compact ──▶ {"land-overflow":{…},"complete":"…",…}
//! ```
//!
//! A batch is answered with the first record that is not landed, where there is one: Lambda goes on from there. An error is
//! answered only where an event as a whole is none for a compactor, or a task of a schedule failed.
//!
//! One process takes one event at a time, and keeps what it knows of the lake for the next one.

mod event;
mod maintain;

use std::sync::Arc;

use serde_json::{Map, Value, json};
use weir_core::ports::{Clock, Ids};
use weir_lake::{LakeError, Store};

pub use event::{Asked, EventError, ShardBatch, Task, read};

use crate::kinesis::{Stream, StreamError};
use crate::land::{Held, Lander};
use crate::maintain::Maintenance;
use crate::metrics::Meters;

/// So long before the deadline of an invocation nothing new is begun, in milliseconds: what has begun may end, and the answer
/// be given.
const RESERVE_MS: i64 = 5_000;

/// Why an event was not taken, or a task not done.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// The event.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The lake.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The stream.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// Tasks of a schedule. The others are done.
    #[error("not everything was done: {problems}; the next schedule tries again")]
    Tasks {
        /// Each with its name.
        problems: String,
    },
}

/// A compactor over one lake and one stream.
pub struct Function {
    store: Store,
    stream: Stream,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    /// Opened with the first event: a process that has none costs the lake nothing.
    lander: Option<Lander>,
    maintenance: Maintenance,
    meters: Meters,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Function").field("stream", &self.stream).field("lander", &self.lander).finish_non_exhaustive()
    }
}

impl Function {
    /// A compactor that has opened nothing yet.
    pub fn new(store: Store, stream: Stream, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        let maintenance = Maintenance::new(&store);
        Self { store, stream, clock, ids, lander: None, maintenance, meters: Meters::new() }
    }

    /// Does what an event asks for, and gives the answer. `deadline_ms` is when the invocation ends, milliseconds since 1970.
    ///
    /// # Errors
    /// [`FunctionError`]. Records that cannot be landed are none: the answer names the first of them.
    pub async fn answer(&mut self, event: &str, deadline_ms: i64) -> Result<Value, FunctionError> {
        let stream = self.stream.clone();
        match read(event, stream.named(), |arn| stream.is_source(arn))? {
            Asked::Land(batches) => Ok(self.land(batches, deadline_ms).await),
            Asked::Do(tasks) => self.run(tasks, deadline_ms).await,
        }
    }

    /// The lander, which is opened once.
    async fn lander(&mut self) -> Result<&mut Lander, LakeError> {
        let lander = match self.lander.take() {
            Some(lander) => lander,
            None => Lander::open(&self.store, Arc::clone(&self.clock), Arc::clone(&self.ids)).await?,
        };
        Ok(self.lander.insert(lander))
    }

    fn has_time(&self, deadline_ms: i64) -> bool {
        self.clock.now_ms() < deadline_ms - RESERVE_MS
    }

    async fn land(&mut self, batches: Vec<ShardBatch<'_>>, deadline_ms: i64) -> Value {
        let mut failures = Vec::new();
        for ShardBatch { shard, records, last_arrival_ms } in batches {
            let clock = Arc::clone(&self.clock);
            let has_time = || clock.now_ms() < deadline_ms - RESERVE_MS;
            let mut done = match self.lander().await {
                Ok(lander) => lander.land_batch(&shard, &records, has_time).await,
                Err(error) => {
                    let held = records.first().map(|first| (first.sequence.clone(), Held::Lake(error)));
                    crate::land::BatchLanded { held, ..Default::default() }
                }
            };
            let lag_ms = last_arrival_ms.map(|at_ms| self.clock.now_ms() - at_ms);
            self.meters.batch(&done, lag_ms);
            for problem in &done.unreadable {
                tracing::error!(%problem, "a record of the stream cannot be read");
            }
            if let Some((sequence, why)) = done.held.take() {
                match why {
                    Held::Time => tracing::warn!(%shard, %sequence, "{why}"),
                    why => tracing::error!(%shard, %sequence, error = %why, "landing ends before a record"),
                }
                failures.push(json!({"itemIdentifier": sequence}));
            }
            tracing::info!(
                %shard,
                version = done.landed.version,
                records = done.records,
                redelivered = done.trimmed,
                events = done.landed.accepted,
                duplicates = done.landed.duplicates,
                lag_ms,
                "landed"
            );
        }
        json!({"batchItemFailures": failures})
    }

    async fn run(&mut self, tasks: Vec<Task>, deadline_ms: i64) -> Result<Value, FunctionError> {
        let (mut answer, mut problems) = (Map::new(), Vec::new());
        for task in tasks {
            let done = match task {
                Task::LandOverflow => self
                    .land_overflow(deadline_ms)
                    .await
                    .map(|landed| json!({"events": landed.accepted, "duplicates": landed.duplicates})),
                Task::Complete => self.complete().await.map(Value::from),
                Task::Upkeep => self.upkeep(deadline_ms).await,
                Task::Compact => self.compact(deadline_ms).await.map(|done| {
                    json!({
                        "merges": done.merges, "files_in": done.files_in, "files_out": done.files_out,
                        "bytes_in": done.bytes_in, "bytes_out": done.bytes_out, "rows": done.rows, "left": done.left,
                    })
                }),
            };
            match done {
                Ok(done) => {
                    tracing::info!(task = task.name(), %done, "done");
                    answer.insert(task.name().to_owned(), done);
                }
                Err(error) => {
                    self.meters.failed(task);
                    tracing::error!(task = task.name(), %error, "a task failed");
                    problems.push(format!("{}: {error}", task.name()));
                }
            }
        }
        match problems.is_empty() {
            true => Ok(Value::Object(answer)),
            false => Err(FunctionError::Tasks { problems: problems.join("; ") }),
        }
    }
}
