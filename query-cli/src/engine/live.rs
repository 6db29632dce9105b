//! The newest events that landed, for who wants to see that something comes in.
//!
//! ```text
//! after version 41   landed 42 [·····]  landed 43 [··]  merged of 38 to 44 [·········]
//!                              └──────────────┴───── all ──┘        └─ those received later than all that was there at 41
//! ```

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use futures::TryStreamExt;
use weir_lake::snapshot::Level;
use weir_lake::{DataFile, Snapshot};

use super::merge_scan::MergeScanExec;
use super::user::{COLUMNS, Rows, TimelineEvent};
use super::wanted::Wanted;
use super::{Engine, EngineError};

/// So many rows are looked at, about: what lands is little, and a merge of years is not read for its last minute.
const MOST_ROWS: u64 = 300_000;

/// The newest events.
#[derive(Debug)]
pub struct Live {
    /// Version of the table: what to ask after next time.
    pub version: u64,
    /// Who did them, and what; the last received first.
    pub events: Vec<(String, TimelineEvent)>,
}

impl Engine {
    /// The newest events that landed after a version, as many as there may be; or the newest of all.
    ///
    /// Where events of that time were merged with earlier ones already, some of those may come again, and where too much was
    /// merged to look through they are left out.
    ///
    /// # Errors
    /// A damaged file is named.
    pub async fn live(&self, after: Option<u64>, limit: usize) -> Result<Live, EngineError> {
        let snapshot = self.snapshot(None).await?;
        let files = fitting(&snapshot, after);
        let seen_to_ms = after.and_then(|after| {
            let before = snapshot.files.values().filter(|file| file.landed_in <= after);
            before.map(|file| file.max_received_ms).max()
        });
        let is_landed = |file: &Arc<DataFile>| file.level == Level::Landed;
        let (landed, merged): (Vec<_>, Vec<_>) = files.into_iter().partition(is_landed);
        let mut newest = Newest { limit, events: BTreeMap::new(), number: 0 };
        self.take_newest(&snapshot, landed, None, &mut newest).await?;
        self.take_newest(&snapshot, merged, seen_to_ms, &mut newest).await?;
        Ok(Live { version: snapshot.version, events: newest.events.into_values().rev().collect() })
    }

    async fn take_newest(
        &self,
        snapshot: &Snapshot,
        files: Vec<Arc<DataFile>>,
        later_than_ms: Option<i64>,
        newest: &mut Newest,
    ) -> Result<(), EngineError> {
        if files.is_empty() {
            return Ok(());
        }
        let moves = self.links.moves(&self.store, snapshot, &files).await?;
        let wanted = Wanted::of(&COLUMNS);
        let scan = MergeScanExec::new(self.store.clone(), snapshot.version, files, wanted, 1, moves);
        let mut batches = scan.execute(0, Arc::new(TaskContext::default()))?;
        while let Some(batch) = batches.try_next().await? {
            let rows = Rows::of(&batch)?;
            for at in 0..batch.num_rows() {
                let received_ms = rows.row(at).received_ms;
                if later_than_ms.is_none_or(|later| received_ms > later) && newest.has_room(received_ms) {
                    newest.take(rows.user(at).to_owned(), rows.row(at).to_event(0));
                }
            }
        }
        Ok(())
    }
}

/// Files with events that landed after a version, the newest first, as many as may be read.
fn fitting(snapshot: &Snapshot, after: Option<u64>) -> Vec<Arc<DataFile>> {
    let landed = snapshot.files.values().filter(|file| after.is_none_or(|after| file.landed_in > after));
    let mut files: Vec<Arc<DataFile>> = landed.cloned().collect();
    files.sort_by_key(|file| Reverse((file.level == Level::Landed, file.max_received_ms)));
    let mut rows = 0;
    files.retain(|file| {
        let fits = rows + file.rows <= MOST_ROWS;
        rows += if fits { file.rows } else { 0 };
        fits
    });
    files
}

/// The last received of many.
struct Newest {
    limit: usize,
    /// By receipt; of one millisecond, in the order that they came.
    events: BTreeMap<(i64, u64), (String, TimelineEvent)>,
    number: u64,
}

impl Newest {
    fn has_room(&self, received_ms: i64) -> bool {
        self.events.len() < self.limit || self.events.keys().next().is_some_and(|(first, _)| *first < received_ms)
    }

    fn take(&mut self, user: String, event: TimelineEvent) {
        self.number += 1;
        self.events.insert((event.received_ms, self.number), (user, event));
        if self.events.len() > self.limit {
            self.events.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use weir_lake::TableName;
    use weir_lake::schema::BUCKETS;

    use super::*;

    fn file(path: &str, level: Level, rows: u64, received_ms: i64, landed_in: u64) -> Arc<DataFile> {
        Arc::new(DataFile {
            path: path.to_owned(),
            bytes: 1,
            rows,
            min_time_ms: 0,
            max_time_ms: 0,
            min_received_ms: 0,
            max_received_ms: received_ms,
            level,
            bucket_rows: vec![0; BUCKETS],
            landed_in,
            links: None,
        })
    }

    #[test]
    fn what_landed_goes_before_what_was_merged_and_not_too_much_is_read() {
        let mut snapshot = Snapshot::of(TableName::Events);
        for file in [
            file("a", Level::Landed, 10, 100, 7),
            file("b", Level::Landed, 10, 200, 8),
            file("c", Level::Compacted(1), 1_000, 300, 8),
            file("d", Level::Compacted(1), MOST_ROWS, 400, 9),
            file("e", Level::Landed, 10, 50, 3),
        ] {
            snapshot.files.insert(file.path.clone(), file);
        }
        let paths = |after| fitting(&snapshot, after).iter().map(|file| file.path.clone()).collect::<Vec<_>>();
        assert_eq!(paths(None), ["b", "a", "e", "c"]);
        assert_eq!(paths(Some(6)), ["b", "a", "c"]);
        assert_eq!(paths(Some(7)), ["b", "c"]);
        assert_eq!(paths(Some(8)), ["d"]);
        assert!(paths(Some(9)).is_empty());
    }

    #[test]
    fn the_last_received_are_kept() {
        let mut newest = Newest { limit: 2, events: BTreeMap::new(), number: 0 };
        assert!(newest.has_room(1));
        for (received_ms, name) in [(5, "a"), (9, "b"), (9, "c"), (7, "d")] {
            if newest.has_room(received_ms) {
                let event = TimelineEvent {
                    time_ms: 0,
                    event: name.to_owned(),
                    event_id: String::new(),
                    session: 0,
                    session_id: None,
                    source: String::new(),
                    anonymous_id: None,
                    user_id: None,
                    received_ms,
                    properties: None,
                    context: None,
                };
                newest.take("u".to_owned(), event);
            }
        }
        let names: Vec<_> = newest.events.values().map(|(_, event)| event.event.as_str()).collect();
        assert_eq!(names, ["b", "c"]);
    }
}
