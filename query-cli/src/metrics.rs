//! The figures of a running server as Prometheus text, and those of landing and compaction.
//!
//! | metric | kind | |
//! |---|---|---|
//! | `weir_landing_lag_seconds` | gauge | how long ago the newest landed event was received; 0 where everything has landed |
//! | `weir_events_landed_total` | counter | events that have become rows of the table |
//! | `weir_duplicates_total` | counter | copies that were found while landing |
//! | `weir_unreadable_total` | counter | events and records of the log that cannot be read |
//! | `weir_landing_failures_total` | counter | landings that failed, and are tried again |
//! | `weir_merges_total` | counter | merges of the background compaction |
//! | `weir_files_merged_total` | counter | files that went into them |
//! | `weir_compaction_failures_total` | counter | compactions that failed |
//! | `weir_table_files` | gauge | files of the table's newest version |
//!
//! Those of the collector are in [`ingest_fn::metrics`].

use std::time::Duration;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::routing::get;
use compact_fn::compact::Compacted;
use compact_fn::land::LogLanded;
use metrics::{Counter, Gauge, Unit, counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::sync::watch;
use weir_lake::Snapshot;

use crate::error::Failure;

const LAG: &str = "weir_landing_lag_seconds";
const LANDED: &str = "weir_events_landed_total";
const DUPLICATES: &str = "weir_duplicates_total";
const UNREADABLE: &str = "weir_unreadable_total";
const LANDING_FAILURES: &str = "weir_landing_failures_total";
const MERGES: &str = "weir_merges_total";
const FILES_MERGED: &str = "weir_files_merged_total";
const COMPACTION_FAILURES: &str = "weir_compaction_failures_total";
const TABLE_FILES: &str = "weir_table_files";

/// Samples of histograms are summed up so often, also while nobody reads them.
const UPKEEP_PAUSE: Duration = Duration::from_secs(5);

/// A recorder with the buckets that weir's histograms need.
fn builder() -> Result<PrometheusBuilder, Failure> {
    let append = Matcher::Full(ingest_fn::metrics::APPEND.to_owned());
    let builder = PrometheusBuilder::new().set_buckets_for_metric(append, &ingest_fn::metrics::APPEND_BUCKETS);
    builder.map_err(Failure::failed)
}

/// Makes the recorder that all of the program counts with. To be called before anything that counts is made.
///
/// # Errors
/// If there is one already.
pub fn install() -> Result<PrometheusHandle, Failure> {
    builder()?.install_recorder().map_err(Failure::failed)
}

/// Keeps the memory of histograms small until told to stop.
pub async fn keep_up(handle: PrometheusHandle, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        handle.run_upkeep();
        tokio::select! {
            () = tokio::time::sleep(UPKEEP_PAUSE) => {}
            _ = stop.changed() => {}
        }
    }
}

/// `GET /metrics`.
pub fn router(handle: PrometheusHandle) -> Router {
    let headers = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    Router::new().route("/metrics", get(async move || (headers, handle.render())))
}

/// The handles of the loops that land and compact.
pub struct LoopMeters {
    lag: Gauge,
    landed: Counter,
    duplicates: Counter,
    unreadable: Counter,
    landing_failures: Counter,
    merges: Counter,
    files_merged: Counter,
    compaction_failures: Counter,
    files: Gauge,
}

impl LoopMeters {
    /// Handles of the recorder that is there now.
    pub fn new() -> Self {
        describe_gauge!(
            LAG,
            Unit::Seconds,
            "how long ago the newest landed event was received; 0 where all has landed"
        );
        describe_counter!(LANDED, Unit::Count, "events that have become rows of the table");
        describe_counter!(DUPLICATES, Unit::Count, "copies that were found while landing");
        describe_counter!(UNREADABLE, Unit::Count, "events and records of the log that cannot be read");
        describe_counter!(LANDING_FAILURES, Unit::Count, "landings that failed, and are tried again");
        describe_counter!(MERGES, Unit::Count, "merges of the background compaction");
        describe_counter!(FILES_MERGED, Unit::Count, "files that went into them");
        describe_counter!(COMPACTION_FAILURES, Unit::Count, "compactions that failed");
        describe_gauge!(TABLE_FILES, Unit::Count, "files of the table's newest version");
        Self {
            lag: gauge!(LAG),
            landed: counter!(LANDED),
            duplicates: counter!(DUPLICATES),
            unreadable: counter!(UNREADABLE),
            landing_failures: counter!(LANDING_FAILURES),
            merges: counter!(MERGES),
            files_merged: counter!(FILES_MERGED),
            compaction_failures: counter!(COMPACTION_FAILURES),
            files: gauge!(TABLE_FILES),
        }
    }

    /// A landing is done.
    pub fn landed(&self, done: &LogLanded) {
        self.landed.increment(done.landed.accepted);
        self.duplicates.increment(done.landed.duplicates);
        self.unreadable.increment(done.unreadable.len() as u64);
    }

    /// A landing has failed.
    pub fn landing_failed(&self) {
        self.landing_failures.increment(1);
    }

    /// How far the table is, while more waits to be landed; `None` where nothing waits.
    pub fn lag(&self, snapshot: &Snapshot, waits_at_ms: Option<i64>) {
        let lag_ms = waits_at_ms.zip(snapshot.complete_to_ms).map_or(0, |(now, complete_to)| now - complete_to);
        self.lag.set(lag_ms.max(0) as f64 / 1_000.0);
        self.files.set(snapshot.files.len() as f64);
    }

    /// A round of compaction is done.
    pub fn compacted(&self, done: &Compacted) {
        self.merges.increment(done.merges);
        self.files_merged.increment(done.files_in);
    }

    /// A round of compaction has failed.
    pub fn compaction_failed(&self) {
        self.compaction_failures.increment(1);
    }
}

impl Default for LoopMeters {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for LoopMeters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoopMeters").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_of_the_loops_is_shown_and_described_to_people() {
        let recorder = builder().unwrap().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            let meters = LoopMeters::new();
            meters.landed(&LogLanded { unreadable: vec!["x".to_owned()], ..LogLanded::default() });
            meters.compacted(&Compacted { merges: 2, files_in: 9, ..Compacted::default() });
            meters.landing_failed();
            metrics::histogram!(ingest_fn::metrics::APPEND).record(0.003);
        });
        let text = handle.render();
        let page = std::fs::read_to_string("../docs/METRICS.md").unwrap();
        for name in [
            LAG,
            LANDED,
            DUPLICATES,
            UNREADABLE,
            LANDING_FAILURES,
            MERGES,
            FILES_MERGED,
            COMPACTION_FAILURES,
            TABLE_FILES,
        ] {
            assert!(
                text.contains(&format!("# HELP {name} ")) && text.contains(&format!("\n{name} ")),
                "{name}: {text}"
            );
            assert!(page.contains(&format!("| `{name}` |")), "{name} is not in docs/METRICS.md");
        }
        for line in ["weir_unreadable_total 1", "weir_merges_total 2", "weir_files_merged_total 9"] {
            assert!(text.contains(&format!("{line}\n")), "{line}: {text}");
        }
        assert!(text.contains("weir_append_seconds_bucket{le=\"0.005\"} 1"), "{text}");
    }
}
