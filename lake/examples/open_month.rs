//! Figures of a long log: what it costs to open, refresh, commit to and clean up a table that was landed in once a minute.
//!
//! ```text
//! cargo run --release -p weir-lake --example open_month -- [MINUTES] [DIRECTORY]
//! ```
//!
//! One landing a minute (43,200 for a month, if nothing else is said); eight landed files are merged into one of their range,
//! and eight of those into the next level, so that live files stay in the hundreds. No data file is written: only the log is
//! measured. Prints one line of JSON; times are milliseconds of wall clock, the median of several runs.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement")]
#![allow(clippy::disallowed_methods, reason = "it measures time")]

mod counting;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use counting::{Counting, Requests};
use object_store::local::LocalFileSystem;
use serde_json::json;
use weir_core::ports::{Clock, ManualClock, ShardId, SystemClock};
use weir_core::time::DAY_MS;
use weir_lake::cleanup::clean_up;
use weir_lake::schema::BUCKETS;
use weir_lake::snapshot::{Change, Level, Progress};
use weir_lake::{DataFile, Store, Table};

const MINUTE_MS: i64 = 60 * 1000;
/// Files of a level that become one of the next.
const MERGED: usize = 8;
const RUNS: usize = 5;

fn file(number: u64, level: Level, rows: u64, day: i64, landed_in: u64) -> DataFile {
    let start_ms = day * DAY_MS;
    let mut bucket_rows = vec![rows / BUCKETS as u64; BUCKETS];
    bucket_rows[0] += rows % BUCKETS as u64;
    DataFile {
        path: format!("landed/019a2002-43f6-70de-{:04x}-{number:012x}.parquet", number % 65_536),
        bytes: 20 * rows,
        rows,
        min_time_ms: start_ms,
        max_time_ms: start_ms + DAY_MS - 1,
        min_received_ms: start_ms,
        max_received_ms: start_ms + DAY_MS - 1,
        level,
        bucket_rows,
        landed_in,
        links: None,
    }
}

/// Files of one day and level, when there are enough to be merged.
fn to_merge(table: &Table, day: i64) -> Option<Vec<Arc<DataFile>>> {
    let snapshot = table.snapshot();
    let of_day = || snapshot.files.values().filter(|file| file.min_time_ms == day * DAY_MS);
    (0..4).find_map(|level| {
        let found: Vec<_> = of_day().filter(|file| file.level.number() == level).take(MERGED).cloned().collect();
        (found.len() == MERGED).then_some(found)
    })
}

/// Lands and merges so many minutes; how many milliseconds a commit took, and the longest.
async fn fill(store: &Store, minutes: u64, start_ms: i64) -> (Table, f64, f64) {
    let mut table = Table::open_or_create(store, "id", start_ms).await.unwrap();
    let (mut number, mut total, mut longest) = (0, 0.0_f64, 0.0_f64);
    for minute in 0..minutes {
        let now_ms = start_ms + minute as i64 * MINUTE_MS;
        let day = now_ms / DAY_MS;
        number += 1;
        let from = table.snapshot().positions.values().next().cloned();
        let progress = Progress { shard: ShardId("shard-0".to_owned()), from, through: (minute + 1).into() };
        let landing = Change {
            adds: vec![file(number, Level::Landed, 1000, day, 0)],
            progress: vec![progress],
            complete_to_ms: Some(now_ms),
            changes_data: true,
            operation: "land",
            ..Change::default()
        };
        let started = Instant::now();
        table.commit(&landing, now_ms).await.unwrap();
        let took = started.elapsed().as_secs_f64() * 1000.0;
        (total, longest) = (total + took, longest.max(took));
        while let Some(inputs) = to_merge(&table, day) {
            number += 1;
            let level = Level::Compacted(inputs[0].level.number() + 1);
            let rows = inputs.iter().map(|file| file.rows).sum();
            let landed_in = inputs.iter().map(|file| file.landed_in).max().unwrap();
            let merge = Change {
                adds: vec![file(number, level, rows, day, landed_in)],
                removes: inputs.iter().map(|file| file.path.clone()).collect(),
                operation: "compact",
                ..Change::default()
            };
            table.commit(&merge, now_ms).await.unwrap();
        }
    }
    (table, total / minutes.max(1) as f64, longest)
}

/// The median time of some runs, and what the last of them asked of the store.
async fn measure<T>(objects: &Counting<LocalFileSystem>, mut run: impl AsyncFnMut() -> T) -> (f64, Requests) {
    let mut times = Vec::new();
    let mut requests = Requests::default();
    for _ in 0..RUNS {
        objects.take();
        let started = Instant::now();
        run().await;
        times.push(started.elapsed().as_secs_f64() * 1000.0);
        requests = objects.take();
    }
    times.sort_by(f64::total_cmp);
    (times[RUNS / 2], requests)
}

fn requests(requests: Requests) -> serde_json::Value {
    json!({"gets": requests.gets, "puts": requests.puts, "lists": requests.lists, "deletes": requests.deletes})
}

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let minutes: u64 = args.next().map_or(43_200, |text| text.parse().unwrap());
    let folder = args.next().unwrap_or_else(|| format!("{}/weir-open-month", std::env::temp_dir().display()));
    std::fs::create_dir_all(&folder).unwrap();
    let objects = Arc::new(Counting::over(LocalFileSystem::new_with_prefix(Path::new(&folder)).unwrap()));
    let store = Store::over(Arc::clone(&objects) as _);
    let start_ms = SystemClock.now_ms() / DAY_MS * DAY_MS;
    let (mut table, commit_ms, longest_commit_ms) = fill(&store, minutes, start_ms).await;
    let snapshot = table.snapshot();

    let (open_ms, open) =
        measure(&objects, async || assert_eq!(Table::open(&store).await.unwrap().snapshot(), snapshot)).await;
    let half = snapshot.version / 2;
    let (open_at_ms, open_at) = measure(&objects, async || Table::open_at(&store, half).await.unwrap()).await;
    let (refresh_ms, refresh) = measure(&objects, async || table.refresh().await.unwrap()).await;
    let old = Table::open_at(&store, 1).await.unwrap();
    let (catch_up_ms, catch_up) = measure(&objects, async || old.clone().refresh().await.unwrap()).await;
    let size = |path| std::fs::metadata(format!("{folder}/{path}")).map_or(0, |file| file.len());
    let last = snapshot.version - snapshot.version % 64;
    let checkpoint_bytes = size(weir_lake::TableName::Events.checkpoint(last));

    objects.take();
    let started = Instant::now();
    let in_two_months = ManualClock::new(SystemClock.now_ms() + 61 * DAY_MS);
    let cleaned = clean_up(&mut table, &in_two_months, usize::MAX).await.unwrap();
    let clean_up_ms = started.elapsed().as_secs_f64() * 1000.0;
    let cleaning = objects.take();
    let (open_cleaned_ms, _) = measure(&objects, async || Table::open(&store).await.unwrap()).await;

    let round = |ms: f64| (ms * 10.0).round() / 10.0;
    println!(
        "{}",
        json!({
            "minutes": minutes, "commits": snapshot.version + 1,
            "live_files": snapshot.files.len(), "tombstones": snapshot.tombstones().len(),
            "commit_ms": round(commit_ms), "longest_commit_ms": round(longest_commit_ms),
            "checkpoint_bytes": checkpoint_bytes,
            "open_ms": round(open_ms), "open_requests": requests(open),
            "open_old_version_ms": round(open_at_ms), "open_old_version_requests": requests(open_at),
            "refresh_ms": round(refresh_ms), "refresh_requests": requests(refresh),
            "catch_up_ms": round(catch_up_ms), "catch_up_requests": requests(catch_up),
            "clean_up_ms": round(clean_up_ms), "clean_up_requests": requests(cleaning),
            "cleaned_objects": cleaned.objects, "open_cleaned_ms": round(open_cleaned_ms),
        })
    );
    std::fs::remove_dir_all(&folder).unwrap();
}
