//! Gathers the records of concurrent requests into `PutRecords` calls, and sends again what failed, and only that.
//!
//! ```text
//!  append ──▶ ┌─────────┐  takes what waits, up to   ┌──────┐ stored: answer
//!  append ──▶ │ waiting │  500 records and 5 MiB  ──▶│ call │
//!  append ──▶ └─────────┘  (at most 4 calls open)    └──────┘ failed: pause, then wait again
//!                  ▲                                             │
//!                  └─────────────────────────────────────────────┘ while the append's deadline allows
//! ```
//!
//! A record that comes while no call is open is sent at once, alone: nothing waits for company. Under load, what comes while
//! the calls are open shares the next one.
//!
//! Each try has a partition key of its own, so that records spread over the shards, and a try after the throttling of one
//! shard is likely to meet another. An append that nobody waits for any more is not sent again; whether it is stored is open.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use weir_core::ports::{Ids, LogError, LogPosition};

use super::KinesisSettings;
use super::api::{CallError, Entry, Failure, Put, Puts};
use super::pause::Pauses;

/// The length of a partition key, which counts as part of its record.
pub(super) const PARTITION_KEY_BYTES: usize = 16;

/// A record that waits to be sent.
#[derive(Debug)]
struct Waiting {
    record: Bytes,
    until: Instant,
    /// How often it was sent.
    tries: u32,
    answer: oneshot::Sender<Put>,
}

impl Waiting {
    fn bytes(&self) -> usize {
        self.record.len() + PARTITION_KEY_BYTES
    }

    fn answer(self, put: Put) {
        // Nobody hears it where the request is gone, which is no failure.
        let _ = self.answer.send(put);
    }
}

/// The way into the batches. Dropped, it lets the calls that are open end.
#[derive(Debug)]
pub(super) struct Batcher {
    waiting: mpsc::UnboundedSender<Waiting>,
    worker: Arc<Worker>,
    deadline: Duration,
    /// In bytes of records.
    room: Semaphore,
    all_room: usize,
}

struct Worker {
    puts: Arc<dyn Puts>,
    ids: Arc<dyn Ids>,
    pauses: Pauses,
    max_call_records: usize,
    max_call_bytes: usize,
    call_timeout: Duration,
    calls: Arc<Semaphore>,
    /// Weak, so that it does not keep the channel open.
    waiting: mpsc::WeakUnboundedSender<Waiting>,
    last_problem: Mutex<Option<String>>,
    /// Whether a lasting failure was told of, and no call has succeeded since.
    told: AtomicBool,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("calls", &self.calls).field("told", &self.told).finish_non_exhaustive()
    }
}

impl Batcher {
    /// Starts the task that sends; needs a tokio runtime.
    pub(super) fn start(puts: Arc<dyn Puts>, ids: Arc<dyn Ids>, settings: &KinesisSettings) -> Self {
        let (waiting, receiver) = mpsc::unbounded_channel();
        let worker = Arc::new(Worker {
            puts,
            ids,
            pauses: Pauses::new(settings),
            max_call_records: settings.max_call_records.max(1),
            max_call_bytes: settings.max_call_bytes,
            call_timeout: settings.call_timeout,
            calls: Arc::new(Semaphore::new(settings.calls_in_flight.max(1))),
            waiting: waiting.downgrade(),
            last_problem: Mutex::default(),
            told: AtomicBool::new(false),
        });
        tokio::spawn(Arc::clone(&worker).run(receiver));
        let all_room = settings.max_waiting_bytes.clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        Self { waiting, worker, deadline: settings.append_deadline, room: Semaphore::new(all_room), all_room }
    }

    /// Stores a record, and tells where. The records of one call fail and succeed each for itself.
    pub(super) async fn append(&self, record: Bytes) -> Result<LogPosition, LogError> {
        let until = Instant::now() + self.deadline;
        match timeout_at(until, self.put(record, until)).await {
            Ok(Ok(position)) => Ok(position),
            Ok(Err(problem)) => Err(LogError::Unavailable(problem)),
            Err(_) => Err(LogError::Unavailable(self.too_late())),
        }
    }

    async fn put(&self, record: Bytes, until: Instant) -> Put {
        let bytes = record.len().clamp(1, self.all_room);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let _room = self.room.acquire_many(bytes).await.map_err(|_| ended())?;
        let (answer, answered) = oneshot::channel();
        self.waiting.send(Waiting { record, until, tries: 0, answer }).map_err(|_| ended())?;
        answered.await.unwrap_or_else(|_| Err(ended()))
    }

    fn too_late(&self) -> String {
        let deadline = self.deadline;
        match self.worker.last_problem() {
            Some(problem) => {
                format!("the stream did not take the record within {deadline:?}; the last failure: {problem}")
            }
            None => format!("the stream did not answer within {deadline:?}"),
        }
    }
}

fn ended() -> String {
    "the task that sends to the stream has ended; the runtime is shutting down".to_owned()
}

impl Worker {
    async fn run(self: Arc<Self>, mut waiting: mpsc::UnboundedReceiver<Waiting>) {
        let mut held: Option<Waiting> = None;
        loop {
            let Some(first) = (match held.take() {
                Some(first) => Some(first),
                None => waiting.recv().await,
            }) else {
                return;
            };
            let Ok(call) = Arc::clone(&self.calls).acquire_owned().await else { return };
            let batch = self.gather(first, &mut waiting, &mut held);
            if batch.is_empty() {
                continue;
            }
            let worker = Arc::clone(&self);
            tokio::spawn(async move {
                worker.send(batch).await;
                drop(call);
            });
        }
    }

    /// What waits and fits one call. What was taken and does not fit is `held` for the next.
    fn gather(
        &self,
        first: Waiting,
        waiting: &mut mpsc::UnboundedReceiver<Waiting>,
        held: &mut Option<Waiting>,
    ) -> Vec<Waiting> {
        let mut batch: Vec<Waiting> = Vec::new();
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(candidate) = next {
            // Whoever asked may be gone, and may have put it elsewhere.
            if !candidate.answer.is_closed() {
                bytes += candidate.bytes();
                if !batch.is_empty() && bytes > self.max_call_bytes {
                    *held = Some(candidate);
                    break;
                }
                batch.push(candidate);
            }
            next = if batch.len() < self.max_call_records { waiting.try_recv().ok() } else { None };
        }
        batch
    }

    async fn send(&self, batch: Vec<Waiting>) {
        let entries = batch.iter().map(|one| Entry { data: one.record.clone(), partition_key: self.partition_key() });
        let call = timeout(self.call_timeout, self.puts.put(entries.collect()));
        let done = call.await.unwrap_or_else(|_| {
            let problem = format!("PutRecords had no answer within {:?}", self.call_timeout);
            Err(CallError { kind: Failure::Passing, problem })
        });
        match done {
            Ok(puts) => self.settle(batch, puts),
            Err(error) if error.kind == Failure::Passing => {
                tracing::debug!(%error, records = batch.len(), "a call is made again");
                batch.into_iter().for_each(|one| self.again(one, error.problem.clone()));
            }
            Err(error) => {
                if !self.told.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "the stream refuses records, and will until this is mended; told once");
                }
                self.remember(&error.problem);
                batch.into_iter().for_each(|one| one.answer(Err(error.problem.clone())));
            }
        }
    }

    /// Answers the records that are stored, and sends the others again.
    fn settle(&self, batch: Vec<Waiting>, puts: Vec<Put>) {
        let mut puts = puts.into_iter();
        for one in batch {
            match puts.next() {
                Some(Ok(position)) => {
                    if self.told.swap(false, Ordering::Relaxed) {
                        tracing::info!("the stream takes records again");
                    }
                    one.answer(Ok(position));
                }
                Some(Err(problem)) => self.again(one, problem),
                None => self.again(one, "PutRecords answered for fewer records than it was sent".to_owned()),
            }
        }
    }

    /// Has a record sent again after a pause, if its deadline leaves time for that.
    fn again(&self, mut one: Waiting, problem: String) {
        self.remember(&problem);
        one.tries += 1;
        let due = Instant::now() + self.pauses.after(one.tries, self.ids.as_ref());
        let waiting = self.waiting.upgrade().filter(|_| due < one.until);
        let Some(waiting) = waiting else {
            let tries = one.tries;
            return one.answer(Err(format!("the stream did not take the record in {tries} tries: {problem}")));
        };
        tokio::spawn(async move {
            sleep(due.saturating_duration_since(Instant::now())).await;
            // The task ends before its senders do only where the runtime shuts down.
            let _ = waiting.send(one);
        });
    }

    fn partition_key(&self) -> String {
        let [.., a, b, c, d, e, f, g, h] = self.ids.next_id();
        format!("{:0width$x}", u64::from_be_bytes([a, b, c, d, e, f, g, h]), width = PARTITION_KEY_BYTES)
    }

    fn remember(&self, problem: &str) {
        *self.last_problem.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem.to_owned());
    }

    fn last_problem(&self) -> Option<String> {
        self.last_problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
#[path = "batcher_tests.rs"]
mod tests;
