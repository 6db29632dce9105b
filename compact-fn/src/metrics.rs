//! The compactor's figures, as a function writes them: CloudWatch's embedded metric format.
//!
//! | metric | kind | |
//! |---|---|---|
//! | `weir_events_landed_total` | counter | events that have become rows of the table |
//! | `weir_duplicates_total` | counter | copies that were found while landing |
//! | `weir_unreadable_total` | counter | events and records of the log that cannot be read |
//! | `weir_records_landed_total` | counter | records of the stream that were landed or passed over |
//! | `weir_records_redelivered_total` | counter | records that came again and were landed before |
//! | `weir_landing_failures_total` | counter | batches that ended before a record, and are delivered again from there |
//! | `weir_landing_lag_seconds` | histogram | how long ago the stream took the last record of a batch |
//! | `weir_merges_total` | counter | merges of compaction |
//! | `weir_files_merged_total` | counter | files that went into them |
//! | `weir_merged_bytes_total` | counter | bytes that they wrote |
//! | `weir_compaction_failures_total` | counter | compactions that failed |
//! | `weir_complete_failures_total` | counter | schedules that could not say up to when the lake is complete |
//! | `weir_upkeep_failures_total` | counter | schedules in which an erasure, retention or vacuum failed |
//!
//! Names are those of `weir dev`, where both count the same.

use metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_histogram, histogram};

use crate::compact::Compacted;
use crate::function::Task;
use crate::land::{BatchLanded, OverflowLanded};

const LANDED: &str = "weir_events_landed_total";
const DUPLICATES: &str = "weir_duplicates_total";
const UNREADABLE: &str = "weir_unreadable_total";
const RECORDS: &str = "weir_records_landed_total";
const REDELIVERED: &str = "weir_records_redelivered_total";
const LANDING_FAILURES: &str = "weir_landing_failures_total";
const LAG: &str = "weir_landing_lag_seconds";
const MERGES: &str = "weir_merges_total";
const FILES_MERGED: &str = "weir_files_merged_total";
const MERGED_BYTES: &str = "weir_merged_bytes_total";
const COMPACTION_FAILURES: &str = "weir_compaction_failures_total";
const COMPLETE_FAILURES: &str = "weir_complete_failures_total";
const UPKEEP_FAILURES: &str = "weir_upkeep_failures_total";

/// The handles of a compactor.
pub struct Meters {
    landed: Counter,
    duplicates: Counter,
    unreadable: Counter,
    records: Counter,
    redelivered: Counter,
    landing_failures: Counter,
    lag: Histogram,
    merges: Counter,
    files_merged: Counter,
    merged_bytes: Counter,
    compaction_failures: Counter,
    complete_failures: Counter,
    upkeep_failures: Counter,
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meters").finish_non_exhaustive()
    }
}

impl Meters {
    /// Handles of the recorder that is there now.
    pub fn new() -> Self {
        describe_counter!(LANDED, Unit::Count, "events that have become rows of the table");
        describe_counter!(DUPLICATES, Unit::Count, "copies that were found while landing");
        describe_counter!(UNREADABLE, Unit::Count, "events and records of the log that cannot be read");
        describe_counter!(RECORDS, Unit::Count, "records of the stream that were landed or passed over");
        describe_counter!(REDELIVERED, Unit::Count, "records that came again and were landed before");
        describe_counter!(LANDING_FAILURES, Unit::Count, "batches that ended before a record");
        describe_histogram!(LAG, Unit::Seconds, "how long ago the stream took the last record of a batch");
        describe_counter!(MERGES, Unit::Count, "merges of compaction");
        describe_counter!(FILES_MERGED, Unit::Count, "files that went into them");
        describe_counter!(MERGED_BYTES, Unit::Bytes, "bytes that they wrote");
        describe_counter!(COMPACTION_FAILURES, Unit::Count, "compactions that failed");
        describe_counter!(COMPLETE_FAILURES, Unit::Count, "schedules that could not say how complete the lake is");
        describe_counter!(UPKEEP_FAILURES, Unit::Count, "schedules in which an erasure, retention or vacuum failed");
        Self {
            landed: counter!(LANDED),
            duplicates: counter!(DUPLICATES),
            unreadable: counter!(UNREADABLE),
            records: counter!(RECORDS),
            redelivered: counter!(REDELIVERED),
            landing_failures: counter!(LANDING_FAILURES),
            lag: histogram!(LAG),
            merges: counter!(MERGES),
            files_merged: counter!(FILES_MERGED),
            merged_bytes: counter!(MERGED_BYTES),
            compaction_failures: counter!(COMPACTION_FAILURES),
            complete_failures: counter!(COMPLETE_FAILURES),
            upkeep_failures: counter!(UPKEEP_FAILURES),
        }
    }

    /// A batch of a shard is landed, as far as it is; `lag_ms` is the age of its last record.
    pub fn batch(&self, done: &BatchLanded, lag_ms: Option<i64>) {
        self.landed.increment(done.landed.accepted);
        self.duplicates.increment(done.landed.duplicates);
        self.unreadable.increment(done.unreadable_count);
        self.records.increment(done.records);
        self.redelivered.increment(done.trimmed);
        self.landing_failures.increment(u64::from(done.held.is_some()));
        if let Some(lag_ms) = lag_ms {
            self.lag.record(lag_ms.max(0) as f64 / 1_000.0);
        }
    }

    /// A part of the overflow is landed.
    pub fn overflow(&self, done: &OverflowLanded) {
        self.landed.increment(done.landed.accepted);
        self.duplicates.increment(done.landed.duplicates);
        self.unreadable.increment(done.unreadable.len() as u64);
    }

    /// A task of a schedule has failed.
    pub fn failed(&self, task: Task) {
        let failures = match task {
            Task::LandOverflow => &self.landing_failures,
            Task::Complete => &self.complete_failures,
            Task::Upkeep => &self.upkeep_failures,
            Task::Compact => &self.compaction_failures,
        };
        failures.increment(1);
    }

    /// A round of compaction is done.
    pub fn compacted(&self, done: &Compacted) {
        self.merges.increment(done.merges);
        self.files_merged.increment(done.files_in);
        self.merged_bytes.increment(done.bytes_out);
    }
}

impl Default for Meters {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_in_the_documents() {
        let page = std::fs::read_to_string("../docs/METRICS.md").unwrap();
        for name in [
            LANDED,
            DUPLICATES,
            UNREADABLE,
            RECORDS,
            REDELIVERED,
            LANDING_FAILURES,
            LAG,
            MERGES,
            FILES_MERGED,
            MERGED_BYTES,
            COMPACTION_FAILURES,
            COMPLETE_FAILURES,
            UPKEEP_FAILURES,
        ] {
            assert!(page.contains(&format!("| `{name}` |")), "{name} is not in docs/METRICS.md");
        }
    }
}
