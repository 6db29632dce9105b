//! An event source mapping: reads the shards of a stream, hands their records to a function, and goes on as its answers say.
//!
//! What is done as Lambda does it, after AWS's documentation of Kinesis event source mappings with partial batch responses: a
//! shard's batches come one after another; an answer without failures moves the shard's checkpoint behind the batch, one with
//! failures to the lowest of them, and the rest is delivered again; a function that fails gets the batch again, halved where that
//! is asked for; what has been tried often enough goes to the on-failure destination as a document about the batch, and the
//! shard goes on. Children of a shard come after it.
//!
//! Tests deliver what is in the stream by now. What measures time follows the stream instead: then each shard is read once a
//! second, and a batch goes off when it is full, or when its first record was read a window ago.
//!
//! ```no_run
//! # fn example(site: &weir_tests::lambda::source::Source<'_>) {}
//! // let mut source = Source::new(client, "events", Mapping::default(), &runtime);
//! // source.deliver(&function);      // everything that is in the stream by now
//! ```

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{Record, ShardIteratorType};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::Function;
use super::api::Outcome;

/// How often Lambda reads a shard.
const POLL: Duration = Duration::from_secs(1);
/// The most bytes of an invocation, as base64 has them.
const PAYLOAD_BYTES: usize = 6 * 1024 * 1024;

/// How a mapping is set up.
#[derive(Debug, Clone, Copy)]
pub struct Mapping {
    /// The most records of a batch.
    pub batch: usize,
    /// So long a batch that is not full waits for more, where the stream is followed.
    pub window: Duration,
    /// Whether a batch is halved when the function fails.
    pub bisects: bool,
    /// So often a batch is tried again; without a bound if `None`.
    pub retries: Option<u32>,
}

impl Default for Mapping {
    /// Batches of 100, halved, tried without end.
    fn default() -> Self {
        Self { batch: 100, window: Duration::ZERO, bisects: true, retries: None }
    }
}

impl Mapping {
    /// What docs/CONFIGURATION.md says.
    pub fn documented() -> Self {
        Self { batch: 10_000, window: Duration::from_secs(5), ..Self::default() }
    }
}

/// A mapping between a stream and a function.
pub struct Source<'a> {
    client: Client,
    stream: String,
    mapping: Mapping,
    runtime: &'a Runtime,
    shards: BTreeMap<String, Shard>,
    /// What went to the on-failure destination.
    pub given_up: Vec<Value>,
}

#[derive(Default)]
struct Shard {
    records: Vec<Record>,
    /// So many of them are done.
    checkpoint: usize,
}

impl std::fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<'a> Source<'a> {
    /// One that begins at the oldest records.
    pub fn new(client: Client, stream: &str, mapping: Mapping, runtime: &'a Runtime) -> Self {
        let stream = stream.to_owned();
        Self { client, stream, mapping, runtime, shards: BTreeMap::new(), given_up: Vec::new() }
    }

    /// Reads what is in the stream by now, without delivering it.
    pub fn read(&mut self) {
        let (client, stream) = (self.client.clone(), self.stream.clone());
        let known: BTreeMap<String, Option<String>> = self
            .shards
            .iter()
            .map(|(id, shard)| (id.clone(), shard.records.last().map(|last| last.sequence_number().to_owned())))
            .collect();
        let read = self.runtime.block_on(async {
            let listed = client.list_shards().stream_name(&stream).send().await.expect("the shards are listed");
            let mut read = Vec::new();
            for shard in listed.shards() {
                let id = shard.shard_id().to_owned();
                let after = known.get(&id).cloned().flatten();
                let records = records_behind(&client, &stream, &id, after).await;
                read.push((id, records));
            }
            read
        });
        for (id, records) in read {
            self.shards.entry(id).or_default().records.extend(records);
        }
    }

    /// The shards that were read, a parent before its children.
    pub fn shards(&self) -> Vec<String> {
        self.shards.keys().cloned().collect()
    }

    /// How many records of a shard were read.
    pub fn len(&self, shard: &str) -> usize {
        self.shards[shard].records.len()
    }

    /// How many bytes the records of a shard have together.
    pub fn bytes(&self, shard: &str) -> usize {
        self.shards[shard].records.iter().map(|record| record.data().as_ref().len()).sum()
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.shards.values().all(|shard| shard.records.is_empty())
    }

    /// When the stream took a record, milliseconds since 1970.
    pub fn arrival_ms(&self, shard: &str, record: usize) -> i64 {
        let at = self.shards[shard].records[record].approximate_arrival_timestamp.expect("Kinesis says when");
        at.to_millis().expect("a time of our days")
    }

    /// Moves the checkpoint of a shard back: its records are delivered again from there.
    pub fn rewind(&mut self, shard: &str, to: usize) {
        let shard = self.shards.get_mut(shard).expect("the shard was read");
        shard.checkpoint = shard.checkpoint.min(to);
    }

    /// The event with some records of a shard.
    pub fn event(&self, shard: &str, records: std::ops::Range<usize>) -> Value {
        let records = self.shards[shard].records[records].iter().map(|record| {
            let sequence = record.sequence_number();
            let arrived = record.approximate_arrival_timestamp.map(|at| at.as_secs_f64());
            json!({
                "kinesis": {
                    "kinesisSchemaVersion": "1.0", "partitionKey": record.partition_key(), "sequenceNumber": sequence,
                    "data": STANDARD.encode(record.data().as_ref()), "approximateArrivalTimestamp": arrived
                },
                "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventID": format!("{shard}:{sequence}"),
                "eventName": "aws:kinesis:record", "invokeIdentityArn": "arn:aws:iam::000000000000:role/compactor",
                "awsRegion": "eu-central-1", "eventSourceARN": arn(&self.stream)
            })
        });
        json!({"Records": records.collect::<Vec<_>>()})
    }

    /// Reads, and delivers everything that is not done. Gives how often the function was asked.
    pub fn deliver(&mut self, function: &Function) -> usize {
        self.deliver_with(|event| function.invoke(event))
    }

    /// The same, to whatever takes events.
    pub fn deliver_with(&mut self, mut invoke: impl FnMut(Value) -> Outcome) -> usize {
        self.read();
        let mut asked = 0;
        for shard in self.shards() {
            while self.shards[&shard].checkpoint < self.len(&shard) {
                let from = self.shards[&shard].checkpoint;
                let to = self.len(&shard).min(from + self.mapping.batch);
                asked += self.batch(&shard, from..to, &mut invoke);
            }
        }
        asked
    }

    /// Reads and delivers what comes, each shard by itself, until it is over and everything is delivered. Shards that are made
    /// meanwhile are not followed.
    pub fn follow(&mut self, function: &Function, is_over: impl Fn() -> bool + Sync) {
        self.read();
        let (client, runtime, mapping) = (&self.client, self.runtime, self.mapping);
        let (stream, is_over) = (&self.stream, &is_over);
        std::thread::scope(|scope| {
            for (id, shard) in std::mem::take(&mut self.shards) {
                let mut poller = Self::new(client.clone(), stream, mapping, runtime);
                poller.shards.insert(id.clone(), shard);
                scope.spawn(move || poller.poll(&id, function, is_over));
            }
        });
    }

    fn poll(&mut self, id: &str, function: &Function, is_over: &(impl Fn() -> bool + Sync)) {
        let mut first_read: Option<Instant> = None;
        loop {
            let last = self.shards[id].records.last().map(|last| last.sequence_number().to_owned());
            let read = self.runtime.block_on(records_behind(&self.client, &self.stream, id, last));
            self.shards.get_mut(id).expect("it is followed").records.extend(read);
            let (from, all) = (self.shards[id].checkpoint, self.len(id));
            let is_due = first_read.is_some_and(|at| at.elapsed() >= self.mapping.window);
            if from < all {
                let to = all.min(from + self.mapping.batch).min(self.payload_end(id, from));
                let is_full = to < all || to == from + self.mapping.batch;
                if is_full || is_due || is_over() {
                    self.batch(id, from..to, &mut |event| function.invoke(event));
                    first_read = (to < all).then(Instant::now);
                    continue;
                }
                first_read.get_or_insert_with(Instant::now);
            } else if is_over() {
                return;
            }
            let left = first_read.map_or(POLL, |at| self.mapping.window.saturating_sub(at.elapsed()));
            std::thread::sleep(left.min(POLL));
        }
    }

    /// Behind the last record that goes into one payload with that at `from`.
    fn payload_end(&self, id: &str, from: usize) -> usize {
        let records = &self.shards[id].records[from..];
        let mut bytes = 0;
        let fits = records.iter().take_while(|record| {
            bytes += record.data().as_ref().len().div_ceil(3) * 4;
            bytes <= PAYLOAD_BYTES
        });
        from + fits.count().max(1)
    }

    /// Delivers a batch until it is done or given up.
    fn batch(
        &mut self,
        shard: &str,
        batch: std::ops::Range<usize>,
        invoke: &mut impl FnMut(Value) -> Outcome,
    ) -> usize {
        let (mut asked, mut tries) = (0, 0);
        let (mut from, mut to) = (batch.start, batch.end);
        while from < to {
            asked += 1;
            let done = self.done_through(shard, from..to, invoke(self.event(shard, from..to)));
            match done {
                Some(done) if done > from => {
                    from = done;
                    tries = 0;
                    self.shards.get_mut(shard).expect("it was read").checkpoint = from;
                    // What was halved comes as the rest of the batch.
                    to = batch.end;
                    continue;
                }
                None if self.mapping.bisects && to - from > 1 => {
                    to = from + (to - from) / 2;
                    continue;
                }
                _ => tries += 1,
            }
            if self.mapping.retries.is_some_and(|most| tries > most) {
                self.given_up.push(self.document(shard, from..to, tries));
                from = to;
                to = batch.end;
                self.shards.get_mut(shard).expect("it was read").checkpoint = from;
                tries = 0;
            }
            assert!(asked < 10_000, "shard {shard} stands still at {from}");
        }
        asked
    }

    /// Up to where a batch is done, by the answer; `None` where the function failed.
    fn done_through(&self, shard: &str, batch: std::ops::Range<usize>, outcome: Outcome) -> Option<usize> {
        let Outcome::Answered(answer) = outcome else { return None };
        let failures = answer["batchItemFailures"].as_array().expect("the answer lists failures");
        let place = |failure: &Value| {
            let sequence = failure["itemIdentifier"].as_str().expect("a failure names a record");
            let records = &self.shards[shard].records;
            let place = batch.clone().find(|place| records[*place].sequence_number() == sequence);
            place.unwrap_or_else(|| panic!("{sequence} is not in the batch"))
        };
        Some(failures.iter().map(place).min().unwrap_or(batch.end))
    }

    /// What the on-failure destination gets.
    fn document(&self, shard: &str, batch: std::ops::Range<usize>, tries: u32) -> Value {
        let records = &self.shards[shard].records[batch];
        let at = |record: Option<&Record>| record.map(|record| record.sequence_number().to_owned());
        json!({
            "requestContext": {"condition": "RetryAttemptsExhausted", "approximateInvokeCount": tries},
            "version": "1.0",
            "KinesisBatchInfo": {
                "shardId": shard, "startSequenceNumber": at(records.first()), "endSequenceNumber": at(records.last()),
                "batchSize": records.len(), "streamArn": arn(&self.stream)
            }
        })
    }
}

fn arn(stream: &str) -> String {
    format!("arn:aws:kinesis:eu-central-1:000000000000:stream/{stream}")
}

async fn records_behind(client: &Client, stream: &str, shard: &str, after: Option<String>) -> Vec<Record> {
    let kind = if after.is_some() { ShardIteratorType::AfterSequenceNumber } else { ShardIteratorType::TrimHorizon };
    let call = client.get_shard_iterator().stream_name(stream).shard_id(shard).shard_iterator_type(kind);
    let given = call.set_starting_sequence_number(after).send().await.expect("the shard is there");
    let (mut iterator, mut records) = (given.shard_iterator, Vec::new());
    while let Some(at) = iterator {
        let page = client.get_records().shard_iterator(at).send().await.expect("the shard can be read");
        iterator = page.next_shard_iterator.filter(|_| page.millis_behind_latest != Some(0));
        records.extend(page.records);
    }
    records
}
