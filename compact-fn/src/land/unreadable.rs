//! Records of which something cannot be read: named, kept whole to be looked at, and passed over.
//!
//! ```text
//! LAKE/unreadable/shardId-000000000002/4959…01-4959…37.ndjson
//! {"shard":"shardId-000000000002","sequence":"4959…01","problems":["line 3 of the record is not an event: …"],"data":"eyJ3ZW…"}
//! ```
//!
//! An object holds the records of one landing, a line each, and is named by the first and the last of them: a landing that is
//! done again writes the same. It is written before anything of that landing is committed, so that no position is ever behind a
//! record that is nowhere. `data` is the record in base64, as it came.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::json;
use weir_core::ports::{LogRecord, SequenceNumber, ShardId};
use weir_lake::{LakeError, Store, names};

/// So many problems of a record are named; the others are counted. A record may have a million broken lines.
const NAMED: usize = 10;

/// A record of which something cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) sequence: SequenceNumber,
    problems: Vec<String>,
    /// Beside those that are named.
    more: usize,
}

impl Unreadable {
    /// A record of which nothing is wrong yet.
    pub(super) fn of(sequence: &SequenceNumber) -> Self {
        Self { sequence: sequence.clone(), problems: Vec::new(), more: 0 }
    }

    /// Something is wrong with it.
    pub(super) fn add(&mut self, problem: &impl ToString) {
        match self.problems.len() < NAMED {
            true => self.problems.push(problem.to_string()),
            false => self.more += 1,
        }
    }

    /// Whether nothing is wrong with it.
    pub(super) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// How much is wrong with it.
    pub(super) fn count(&self) -> u64 {
        (self.problems.len() + self.more) as u64
    }

    fn problems(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let more = (self.more > 0).then(|| Cow::Owned(format!("so are {} lines more", self.more)));
        self.problems.iter().map(|problem| Cow::Borrowed(problem.as_str())).chain(more)
    }
}

/// What is wrong with records, for people.
pub(super) fn messages(shard: &ShardId, unreadable: &[Unreadable]) -> Vec<String> {
    let of_record = |record: &Unreadable| {
        let place = format!("record {} of shard `{shard}`", record.sequence);
        record.problems().map(|problem| format!("{place}: {problem}")).collect::<Vec<_>>()
    };
    unreadable.iter().flat_map(of_record).collect()
}

/// Keeps records, each with its bytes in base64, and gives the name of the object; `None` where there are none.
///
/// # Errors
/// Where the store fails.
pub(super) async fn keep<'a>(
    store: &Store,
    shard: &ShardId,
    records: impl Iterator<Item = (&'a Unreadable, Cow<'a, str>)>,
) -> Result<Option<String>, LakeError> {
    let mut range: Option<(&SequenceNumber, &SequenceNumber)> = None;
    let mut text = String::new();
    for (record, data) in records {
        let problems: Vec<_> = record.problems().collect();
        let line = json!({"shard": shard, "sequence": record.sequence, "problems": problems, "data": data});
        text.push_str(&line.to_string());
        text.push('\n');
        range = Some((range.map_or(&record.sequence, |(first, _)| first), &record.sequence));
    }
    let Some((first, last)) = range else { return Ok(None) };
    let name = names::unreadable(&shard.0, first.as_str(), last.as_str());
    // One that is there already is from a landing that did not come to its end.
    store.create(&name, Bytes::from(text)).await?;
    Ok(Some(name.to_string()))
}

/// As [`keep`], for records of a log.
pub(super) async fn keep_records(
    store: &Store,
    shard: &ShardId,
    unreadable: &[Unreadable],
    records: &[LogRecord],
) -> Result<(), LakeError> {
    let with_data = unreadable.iter().filter_map(|bad| {
        let place = records.binary_search_by(|record| record.sequence.cmp(&bad.sequence)).ok()?;
        Some((bad, Cow::Owned(STANDARD.encode(&records.get(place)?.payload))))
    });
    if let Some(kept) = keep(store, shard, with_data).await? {
        tracing::error!(%shard, %kept, "records that cannot be read are kept aside");
    }
    Ok(())
}
