//! Retention: events and failed events go when they are too old.
//!
//! ```text
//! setting 400d        ◀── gone ──┤ at most 7 days ├── kept ──▶
//!   file   ▪▪▪▪▪▪▪               │                │              wholly older: goes, without being read
//!   file             ▪▪▪▪▪▪▪▪▪▪▪▪│▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪│▪▪▪▪▪▪        holds some older: waits, so that a file is not written anew
//!   file   ▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪│▪▪▪▪▪▪▪▪        │              each hour; holds some older by the slack: written anew
//! ```
//!
//! The age of an event is that of its time, the age of a failed event that of its receipt. The *slack* is a tenth of the
//! retention, at least a day and at most seven: an event is gone that long after it is too old, at the latest. An event that
//! comes in when it is too old already may stay for the slack from its receipt on.

use arrow::array::AsArray;
use arrow::datatypes::TimestampMicrosecondType;
use serde::Serialize;
use weir_core::ports::{Clock, Ids};
use weir_core::spec::duration_ms;
use weir_core::time::DAY_MS;
use weir_lake::schema::{RECEIVED_AT, TIME};
use weir_lake::snapshot::{Change, Level};
use weir_lake::{DataFile, LakeError, Settings, StoreError, Table, TableName};

use crate::compact::commit;
use crate::rewrite::{Deadline, Judge, Judged, Rewritten, look, rewrite};
use crate::vacuum::{Keep, OLD_VERSIONS_MS};

/// The field of the settings that says how long things are kept.
pub const RETENTION: &str = "retention";
/// The longest retention, in days: a hundred years.
const LONGEST_DAYS: i64 = 36_500;
/// The longest that old versions may be kept, in days.
const LONGEST_OLD_DAYS: i64 = 365;

/// How long things are kept. Texts such as `400d`; what is not there is kept for good.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Retention {
    /// Events, by their time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<String>,
    /// Failed events, by their receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Versions that are not the newest any more; an hour where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_versions: Option<String>,
    /// What a newer version has added.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

impl Retention {
    /// That of a lake.
    ///
    /// # Errors
    /// [`StoreError::Settings`] where it cannot be read.
    pub fn of(settings: &Settings) -> Result<Self, StoreError> {
        let retention: Self = settings.get(RETENTION)?.unwrap_or_default();
        let said = retention.check();
        said.map(|()| retention).map_err(|problem| settings.problem(format!("`{RETENTION}`: {problem}")))
    }

    /// Whether all of it can be understood.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn check(&self) -> Result<(), String> {
        for text in [&self.events, &self.failed].into_iter().flatten() {
            parse(text)?;
        }
        self.old_versions.as_deref().map_or(Ok(0), parse_old).map(|_| ())
    }

    /// How long rows of a table are kept, in milliseconds; `None`: for good.
    pub fn of_table(&self, table: TableName) -> Option<i64> {
        let text = match table {
            TableName::Events => &self.events,
            TableName::Failed => &self.failed,
        };
        text.as_deref().and_then(|text| parse(text).ok())
    }

    /// How long vacuum leaves files alone.
    pub fn keep(&self) -> Keep {
        let removed_ms = self.old_versions.as_deref().and_then(|text| parse_old(text).ok());
        Keep { removed_ms: removed_ms.unwrap_or(OLD_VERSIONS_MS) }
    }
}

/// A retention, in milliseconds: at least a day.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str) -> Result<i64, String> {
    let ms = duration_ms(text, LONGEST_DAYS)?;
    if ms < DAY_MS { Err(format!("`{text}` is less than a day, the least that is kept")) } else { Ok(ms) }
}

/// How long old versions are kept, in milliseconds: at least an hour, since a reader may hold one so long.
///
/// # Errors
/// What is wrong with it.
pub fn parse_old(text: &str) -> Result<i64, String> {
    let ms = duration_ms(text, LONGEST_OLD_DAYS)?;
    let least = "is less than an hour, for which a reader may hold a version";
    if ms < OLD_VERSIONS_MS { Err(format!("`{text}` {least}")) } else { Ok(ms) }
}

/// How much longer a row may stay than its retention says, in milliseconds.
pub fn slack_ms(retention_ms: i64) -> i64 {
    (retention_ms / 10).clamp(DAY_MS, 7 * DAY_MS)
}

/// Which rows of a table are too old.
#[derive(Debug, Clone, Copy)]
struct TooOld {
    /// What happened before is too old.
    cutoff_ms: i64,
    slack_ms: i64,
    now_ms: i64,
    column: &'static str,
}

impl TooOld {
    fn of(table: TableName, retention_ms: i64, now_ms: i64) -> Self {
        let column = if table == TableName::Events { TIME } else { RECEIVED_AT };
        Self { cutoff_ms: now_ms.saturating_sub(retention_ms), slack_ms: slack_ms(retention_ms), now_ms, column }
    }
}

impl Judge for TooOld {
    fn may_hold(&self, file: &DataFile) -> bool {
        let settled = file.level != Level::Landed || file.max_received_ms < self.now_ms - self.slack_ms;
        settled && file.min_time_ms < self.cutoff_ms.saturating_sub(self.slack_ms)
    }

    fn columns(&self) -> &'static [&'static str] {
        if self.column == TIME { &[TIME] } else { &[RECEIVED_AT] }
    }

    fn judge(&self, batch: &arrow::array::RecordBatch) -> Result<Judged, LakeError> {
        let Some(times) = batch.column_by_name(self.column) else {
            return Err(LakeError::Invariant(format!("rows without column `{}`", self.column)));
        };
        let times = times.as_primitive::<TimestampMicrosecondType>().values();
        let leaving = times.iter().map(|micros| micros.div_euclid(1000) < self.cutoff_ms).collect();
        Ok(Judged { leaving, ..Judged::default() })
    }
}

/// Counts what [`expire`] would take away now.
///
/// # Errors
/// A damaged file is named.
pub async fn look_for_expired(table: &Table, retention_ms: i64, now_ms: i64) -> Result<Rewritten, LakeError> {
    let too_old = TooOld::of(table.name(), retention_ms, now_ms);
    let mut found = look(table, &EachFile(too_old)).await?;
    for file in whole(table, &too_old) {
        found.rows_removed += file.rows;
        found.files_removed += 1;
        found.bytes_before += file.bytes;
    }
    Ok(found)
}

/// Files with some rows that are too old, whether or not it is worth it yet.
struct EachFile(TooOld);

impl Judge for EachFile {
    fn may_hold(&self, file: &DataFile) -> bool {
        file.min_time_ms < self.0.cutoff_ms && file.max_time_ms >= self.0.cutoff_ms
    }

    fn columns(&self) -> &'static [&'static str] {
        self.0.columns()
    }

    fn judge(&self, batch: &arrow::array::RecordBatch) -> Result<Judged, LakeError> {
        self.0.judge(batch)
    }
}

fn whole(table: &Table, too_old: &TooOld) -> Vec<std::sync::Arc<DataFile>> {
    let snapshot = table.snapshot();
    snapshot.files.values().filter(|file| file.max_time_ms < too_old.cutoff_ms).cloned().collect()
}

/// Takes away what is too old: whole files in one commit, and then rows of files that hold such for longer than the slack.
///
/// # Errors
/// A damaged file is named; what was taken away by then is gone.
pub async fn expire(
    table: &mut Table,
    retention_ms: i64,
    now_ms: i64,
    clock: &dyn Clock,
    ids: &dyn Ids,
    deadline: Deadline,
) -> Result<Rewritten, LakeError> {
    let too_old = TooOld::of(table.name(), retention_ms, now_ms);
    let mut done = Rewritten::default();
    loop {
        table.refresh().await?;
        let files = whole(table, &too_old);
        if files.is_empty() || deadline.is_over(clock) {
            break;
        }
        let removes = files.iter().map(|file| file.path.clone()).collect();
        let change = Change { removes, changes_data: true, operation: "expire", ..Change::default() };
        match commit(table, &change, clock).await {
            Ok(()) => done.add(Rewritten {
                rows_removed: files.iter().map(|file| file.rows).sum(),
                files_removed: files.len() as u64,
                bytes_before: files.iter().map(|file| file.bytes).sum(),
                ..Rewritten::default()
            }),
            // Somebody merged one of them: there are others now.
            Err(LakeError::NotLive { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    done.add(rewrite(table, &too_old, "expire", clock, ids, deadline).await?.done);
    Ok(done)
}

#[cfg(test)]
#[path = "expire_tests.rs"]
mod tests;
