//! How far the event log has come into the table, read from the table's commits alone.
//!
//! A landing commits the new positions of the log together with its data (the domain metadata `weir` of a Delta commit). So
//! the first version that holds a record is the first whose positions have reached it, and since positions only grow, a
//! search by halves finds it in a few reads, however old the record is:
//!
//! ```text
//! version      40          41         42          43          44
//! committed    land        compact    land        land        compact
//! position     …17         (…17)      …19         …25         (…25)       record 19 is in the table since version 42
//! ```
//!
//! A lander that runs in the same process knows this without reading: see `weir dev`. This one is for a collector that is a
//! function of its own.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use serde::Deserialize;
use weir_core::ports::{LogPosition, SequenceNumber, ShardId};
use weir_store::names::{self, TableName};
use weir_store::overflow::Overflow;
use weir_store::{Store, StoreError};

use crate::collector::{LandedProgress, ProgressError};
use crate::overflow;

/// The domain in which landings keep their positions.
const DOMAIN: &str = "weir";

type Positions = BTreeMap<ShardId, SequenceNumber>;

/// Reads the commits of a lake.
#[derive(Debug)]
pub struct CommittedProgress {
    store: Store,
    /// The newest version that was seen: listings begin behind it.
    newest: Mutex<Option<u64>>,
}

impl CommittedProgress {
    /// Of a lake, which may not be there yet.
    pub fn new(store: Store) -> Self {
        Self { store, newest: Mutex::default() }
    }

    /// The newest version; `None` before the first.
    async fn newest(&self) -> Result<Option<u64>, StoreError> {
        let known = *self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let known = match known {
            // A month of commits is tens of listings: the first one begins near the end.
            None => self.last_checkpoint().await?.map(|checkpoint| checkpoint.version),
            known => known,
        };
        let after = known.map(|version| TableName::Events.commit(version));
        let found = self.store.list(&TableName::Events.commits(), after.as_ref()).await?;
        let newest = found.iter().filter_map(names::commit_version).max().max(known);
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = newest;
        Ok(newest)
    }

    /// The newest checkpoint, as far as it is named; what cannot be read is none.
    async fn last_checkpoint(&self) -> Result<Option<LastCheckpoint>, StoreError> {
        let text = self.store.read(&TableName::Events.last_checkpoint()).await?;
        Ok(text.and_then(|text| serde_json::from_slice(&text).ok()))
    }

    /// The positions that are in force at a version: its own, or those of the last landing before it. Where older commits
    /// have been cleaned up, what the newest checkpoint says, if it is one of those that were passed; else empty.
    async fn positions(&self, newest: u64) -> Result<Positions, ProgressError> {
        let mut version = newest;
        loop {
            match self.store.read(&TableName::Events.commit(version)).await? {
                None => {
                    let checkpoint = self.last_checkpoint().await?;
                    let passed = checkpoint.filter(|checkpoint| (version..=newest).contains(&checkpoint.version));
                    return Ok(passed.and_then(LastCheckpoint::positions).unwrap_or_default());
                }
                Some(commit) => {
                    if let Some(positions) = positions_of(&commit).map_err(|e| unreadable(version, &e))? {
                        return Ok(positions);
                    }
                }
            }
            match version.checked_sub(1) {
                Some(before) => version = before,
                None => return Ok(Positions::new()),
            }
        }
    }

    /// The overflow has no positions: a record is there until it is landed. So its first version is not known; the newest one
    /// holds it.
    async fn overflow_landed_in(&self, record: &LogPosition, newest: u64) -> Result<Option<u64>, ProgressError> {
        let Ok(number) = record.sequence.as_str().parse() else { return Ok(None) };
        let waits = Overflow::new(&self.store).is_there(number).await?;
        // Read again: it may have landed since.
        Ok(if waits { None } else { self.newest().await?.or(Some(newest)) })
    }

    async fn holds(&self, version: u64, record: &LogPosition) -> Result<bool, ProgressError> {
        let positions = self.positions(version).await?;
        Ok(positions.get(&record.shard).is_some_and(|landed| *landed >= record.sequence))
    }
}

#[async_trait]
impl LandedProgress for CommittedProgress {
    async fn landed_in(&self, record: &LogPosition) -> Result<Option<u64>, ProgressError> {
        let Some(newest) = self.newest().await? else { return Ok(None) };
        if record.shard.0 == overflow::SHARD {
            return self.overflow_landed_in(record, newest).await;
        }
        if !self.holds(newest, record).await? {
            return Ok(None);
        }
        // `low` does not hold the record, or is not known to; `high` does.
        let (mut low, mut high) = (0, newest);
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            if self.holds(middle, record).await? {
                high = middle;
            } else {
                low = middle;
            }
        }
        Ok(Some(high))
    }
}

/// `_last_checkpoint`, as weir writes it.
#[derive(Deserialize)]
struct LastCheckpoint {
    version: u64,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

impl LastCheckpoint {
    fn positions(self) -> Option<Positions> {
        self.tags.get(names::POSITIONS_TAG).and_then(|text| serde_json::from_str(text).ok())
    }
}

fn unreadable(version: u64, problem: &serde_json::Error) -> ProgressError {
    ProgressError::Commit { object: TableName::Events.commit(version).to_string(), problem: problem.to_string() }
}

/// The positions that a commit sets, if it does.
fn positions_of(commit: &[u8]) -> Result<Option<Positions>, serde_json::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Action {
        domain_metadata: Option<DomainMetadata>,
    }
    #[derive(Deserialize)]
    struct DomainMetadata {
        domain: String,
        configuration: String,
    }
    #[derive(Deserialize)]
    struct Configuration {
        positions: Positions,
    }
    for line in commit.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let action: Action = serde_json::from_slice(line)?;
        if let Some(metadata) = action.domain_metadata.filter(|metadata| metadata.domain == DOMAIN) {
            return serde_json::from_str(&metadata.configuration).map(|c: Configuration| Some(c.positions));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    async fn commit(store: &Store, version: u64, positions: Option<&[(&str, u64)]>) {
        let mut lines = vec![json!({"commitInfo": {"operation": "LAND"}})];
        if let Some(positions) = positions {
            let positions: BTreeMap<_, _> = positions.iter().map(|(shard, at)| (*shard, at.to_string())).collect();
            let configuration = json!({"positions": positions, "complete_to": null}).to_string();
            let metadata = |domain: &str| json!({"domain": domain, "configuration": configuration, "removed": false});
            lines.push(json!({"domainMetadata": {"domain": "other", "configuration": "{}", "removed": false}}));
            lines.push(json!({"domainMetadata": metadata(DOMAIN)}));
        }
        let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        assert!(store.create(&TableName::Events.commit(version), Bytes::from(text)).await.unwrap());
    }

    fn record(shard: &str, sequence: u64) -> LogPosition {
        LogPosition { shard: ShardId(shard.to_owned()), sequence: SequenceNumber::from(sequence) }
    }

    #[tokio::test]
    async fn a_record_is_in_the_first_version_that_has_reached_it() {
        let store = Store::in_memory();
        let progress = CommittedProgress::new(store.clone());
        assert_eq!(progress.landed_in(&record("a", 1)).await.unwrap(), None, "there is no table yet");
        // Which version first holds records 1, 2, 3, … of shard a, by the positions below.
        let since = [2, 2, 2, 4, 4, 7];
        commit(&store, 0, None).await;
        commit(&store, 1, Some(&[("b", 9)])).await;
        commit(&store, 2, Some(&[("a", 3), ("b", 9)])).await;
        commit(&store, 3, None).await;
        commit(&store, 4, Some(&[("a", 5), ("b", 9)])).await;
        commit(&store, 5, None).await;
        commit(&store, 6, Some(&[("a", 5), ("b", 12)])).await;
        assert_eq!(progress.landed_in(&record("a", 6)).await.unwrap(), None);
        commit(&store, 7, Some(&[("a", 6), ("b", 12)])).await;
        commit(&store, 8, None).await;
        for (sequence, version) in (1..).zip(since) {
            assert_eq!(progress.landed_in(&record("a", sequence)).await.unwrap(), Some(version), "{sequence}");
        }
        assert_eq!(progress.landed_in(&record("b", 9)).await.unwrap(), Some(1));
        assert_eq!(progress.landed_in(&record("b", 10)).await.unwrap(), Some(6));
        assert_eq!(progress.landed_in(&record("a", 7)).await.unwrap(), None);
        assert_eq!(progress.landed_in(&record("c", 1)).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_record_of_the_overflow_has_landed_when_it_is_gone() {
        let store = Store::in_memory();
        let progress = CommittedProgress::new(store.clone());
        let overflow = Overflow::new(&store);
        overflow.put(7, Bytes::from_static(b"x")).await.unwrap();
        commit(&store, 0, None).await;
        assert_eq!(progress.landed_in(&record("overflow", 7)).await.unwrap(), None);
        commit(&store, 1, None).await;
        overflow.delete(7).await.unwrap();
        assert_eq!(progress.landed_in(&record("overflow", 7)).await.unwrap(), Some(1));
    }

    #[tokio::test]
    async fn commits_that_were_cleaned_up_are_passed_over() {
        let store = Store::in_memory();
        for version in 5..=9 {
            commit(&store, version, (version != 7).then_some(&[("a", version)])).await;
        }
        let progress = CommittedProgress::new(store);
        assert_eq!(progress.landed_in(&record("a", 3)).await.unwrap(), Some(5), "the oldest that is left");
        assert_eq!(progress.landed_in(&record("a", 7)).await.unwrap(), Some(8));
    }

    #[tokio::test]
    async fn positions_of_commits_that_were_cleaned_up_are_in_what_names_the_checkpoint() {
        let store = Store::in_memory();
        // The last landing was cleaned up; merges came behind it.
        for version in 64..=70 {
            commit(&store, version, None).await;
        }
        let progress = CommittedProgress::new(store.clone());
        assert_eq!(progress.landed_in(&record("a", 3)).await.unwrap(), None, "as far as is known");
        let pointer = TableName::Events.last_checkpoint();
        let text = r#"{"version":64,"size":9,"tags":{"weir.positions":"{\"a\":\"5\"}"}}"#;
        store.replace(&pointer, Bytes::from(text)).await.unwrap();
        let progress = CommittedProgress::new(store.clone());
        assert_eq!(progress.landed_in(&record("a", 5)).await.unwrap(), Some(64), "the oldest that is known to");
        assert_eq!(progress.landed_in(&record("a", 6)).await.unwrap(), None);
        commit(&store, 71, Some(&[("a", 6)])).await;
        assert_eq!(progress.landed_in(&record("a", 6)).await.unwrap(), Some(71));
        for text in ["", r#"{"version":64,"size":9}"#] {
            store.replace(&pointer, Bytes::from(text)).await.unwrap();
            let progress = CommittedProgress::new(store.clone());
            assert_eq!(progress.landed_in(&record("a", 6)).await.unwrap(), Some(71));
        }
    }

    #[tokio::test]
    async fn a_commit_that_cannot_be_read_is_named() {
        let store = Store::in_memory();
        assert!(
            store.create(&TableName::Events.commit(3), Bytes::from_static(b"{\"domainMetadata\":5}\n")).await.unwrap()
        );
        let error = CommittedProgress::new(store).landed_in(&record("a", 1)).await.unwrap_err().to_string();
        assert!(error.contains("00000000000000000003.json"), "{error}");
    }
}
