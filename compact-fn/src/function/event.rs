//! What a function is asked for, told apart by what the event is.
//!
//! ```text
//! {"Records":[{"eventSource":"aws:kinesis","eventID":"shardId-000000000002:4959…01","kinesis":{"data":"KLUv…",…},…}]}   records
//! {"detail-type":"Scheduled Event","source":"aws.events",…}                                        everything a schedule does
//! {"weir":"compact"}                                                                               one task
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use weir_core::ports::{SequenceNumber, ShardId};

use crate::land::Delivered;

/// What an event asks for.
#[derive(Debug)]
pub enum Asked<'a> {
    /// To land records, a batch a shard. In practice they are of one shard.
    Land(Vec<ShardBatch<'a>>),
    /// To do this, in this order.
    Do(Vec<Task>),
}

/// Records of one shard, in their order, each once.
#[derive(Debug)]
pub struct ShardBatch<'a> {
    /// The shard.
    pub shard: ShardId,
    /// Its records.
    pub records: Vec<Delivered<'a>>,
    /// When the stream took the last of them, milliseconds since 1970.
    pub last_arrival_ms: Option<i64>,
}

/// What a schedule asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Lands what the stream could not take.
    LandOverflow,
    /// Finds out up to when the lake is complete, and says so in the lake.
    Complete,
    /// Finishes erasures, and removes what is too old and what nobody needs.
    Upkeep,
    /// Merges files.
    Compact,
}

impl Task {
    /// All of them, in the order in which a schedule wants them.
    pub const ALL: [Self; 4] = [Self::LandOverflow, Self::Complete, Self::Upkeep, Self::Compact];

    /// As an event and an answer name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::LandOverflow => "land-overflow",
            Self::Complete => "complete",
            Self::Upkeep => "upkeep",
            Self::Compact => "compact",
        }
    }
}

/// Why an event is not one for a compactor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// It is something else.
    #[error(
        "the event is neither a batch of Kinesis records nor a schedule, but {what}; connect a Kinesis stream or an EventBridge \
         schedule, or send {{\"weir\":\"maintain\"}}"
    )]
    Other {
        /// What came.
        what: String,
    },
    /// It asks for something that is not there.
    #[error("the event asks for `{asked}`; expected maintain, land-overflow, complete, upkeep or compact")]
    NoTask {
        /// What it asks for.
        asked: String,
    },
    /// A record does not say what Kinesis says of every record.
    #[error("record {index} of the event cannot be placed: {problem}")]
    Record {
        /// From 0.
        index: usize,
        /// What is missing or wrong.
        problem: String,
    },
    /// The records are of another stream. Shards of two streams have the same names, so one lake cannot land both.
    #[error("the event has records of `{found}`, this function lands the stream `{expected}` (WEIR_STREAM)")]
    Stream {
        /// Where they come from.
        found: String,
        /// What is landed.
        expected: String,
    },
}

#[derive(Deserialize)]
struct Top<'a> {
    #[serde(rename = "Records", borrow, default)]
    records: Option<&'a RawValue>,
    #[serde(rename = "detail-type", borrow, default)]
    detail_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    weir: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(rename = "eventSource", borrow, default)]
    event_source: Option<Cow<'a, str>>,
    #[serde(rename = "eventSourceARN", borrow, default)]
    arn: Option<Cow<'a, str>>,
    #[serde(rename = "eventID", borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    kinesis: Option<Kinesis<'a>>,
}

#[derive(Deserialize)]
struct Kinesis<'a> {
    #[serde(rename = "sequenceNumber", borrow)]
    sequence_number: Cow<'a, str>,
    /// Whatever it is: what is no text is no base64 either, and must not take the other records along.
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    /// Seconds since 1970.
    #[serde(rename = "approximateArrivalTimestamp", default)]
    arrived: Option<f64>,
}

/// Reads an event. `is_source` says whether records of an ARN are of the stream `expected`.
///
/// # Errors
/// [`EventError`].
pub fn read<'a>(event: &'a str, expected: &str, is_source: impl Fn(&str) -> bool) -> Result<Asked<'a>, EventError> {
    let other = |what: String| EventError::Other { what };
    // A list would be taken for the fields of an object in their order.
    let top = Some(event).filter(|event| event.trim_start().starts_with('{'));
    let top: Option<Top<'a>> = top.and_then(|event| serde_json::from_str(event).ok());
    let Some(top) = top else { return Err(other(shape_of(event))) };
    if let Some(records) = top.records {
        // What the parser says may quote what it found.
        let records: Vec<Record<'a>> = serde_json::from_str(records.get())
            .map_err(|e| other(format!("records of another shape (line {}, column {})", e.line(), e.column())))?;
        return batches(records, expected, is_source).map(Asked::Land);
    }
    match (top.weir.as_deref(), top.detail_type.as_deref()) {
        (Some("maintain"), _) | (None, Some("Scheduled Event")) => Ok(Asked::Do(Task::ALL.to_vec())),
        (Some(asked), _) => match Task::ALL.into_iter().find(|task| task.name() == asked) {
            Some(task) => Ok(Asked::Do(vec![task])),
            None => Err(EventError::NoTask { asked: asked.chars().take(100).collect() }),
        },
        (None, Some(found)) => Err(other(format!("an event of type `{found}`"))),
        (None, None) => Err(other(shape_of(event))),
    }
}

fn batches<'a>(
    records: Vec<Record<'a>>,
    expected: &str,
    is_source: impl Fn(&str) -> bool,
) -> Result<Vec<ShardBatch<'a>>, EventError> {
    let mut shards: BTreeMap<ShardId, ShardBatch<'a>> = BTreeMap::new();
    for (index, record) in records.into_iter().enumerate() {
        let wrong = |problem: &str| EventError::Record { index, problem: problem.to_owned() };
        let Some(kinesis) = record.kinesis else {
            let source = record.event_source.unwrap_or(Cow::Borrowed("an unknown source"));
            return Err(EventError::Other { what: format!("records of `{source}`") });
        };
        let arn = record.arn.ok_or_else(|| wrong("it has no eventSourceARN"))?;
        if !is_source(&arn) {
            return Err(EventError::Stream { found: arn.into_owned(), expected: expected.to_owned() });
        }
        let id = record.id.ok_or_else(|| wrong("it has no eventID"))?;
        let (shard, _) = id.split_once(':').ok_or_else(|| wrong("its eventID is not `shard:sequence number`"))?;
        let sequence = SequenceNumber::parse(&kinesis.sequence_number)
            .ok_or_else(|| wrong("its sequenceNumber is not a number"))?;
        let raw = kinesis.data.map_or("", RawValue::get);
        let data = serde_json::from_str(raw).unwrap_or(Text(Cow::Borrowed(raw))).0;
        let shard = ShardId(shard.to_owned());
        let batch = shards.entry(shard.clone()).or_insert_with(|| ShardBatch {
            shard,
            records: Vec::new(),
            last_arrival_ms: None,
        });
        batch.last_arrival_ms = batch.last_arrival_ms.max(kinesis.arrived.map(|seconds| (seconds * 1_000.0) as i64));
        batch.records.push(Delivered { sequence, data });
    }
    Ok(shards.into_values().map(in_order).collect())
}

/// A text that is borrowed where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Kinesis gives them so; landing relies on it.
fn in_order(mut batch: ShardBatch<'_>) -> ShardBatch<'_> {
    batch.records.sort_by(|a, b| a.sequence.cmp(&b.sequence));
    batch.records.dedup_by(|a, b| a.sequence == b.sequence);
    batch
}

/// An event by the names of its fields: values may be anything, and are not said.
fn shape_of(event: &str) -> String {
    match serde_json::from_str::<BTreeMap<Cow<'_, str>, &RawValue>>(event) {
        Ok(fields) if fields.is_empty() => "an object without fields".to_owned(),
        Ok(fields) => {
            let names: Vec<String> = fields.keys().take(10).map(|name| name.chars().take(40).collect()).collect();
            format!("an object with the fields {}", names.join(", "))
        }
        Err(_) => "no object".to_owned(),
    }
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
