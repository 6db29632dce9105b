//! Measures the index of event ids: memory and time of lookups while it grows, and of a process that starts on it.
//!
//! ```console
//! $ cargo run --release -p weir-lake --example ids_bars -- 70000000
//! ids 70,123,520  segments' objects 17  resident 203 MB (most 227 MB)  …
//! ```
//!
//! No events are landed: ids are looked up and remembered as if they were, at the version of an empty table. It runs in a
//! temporary directory, of 18 bytes an id.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measuring program"
)]

use std::time::Instant;

use twox_hash::XxHash3_128;
use weir_core::ports::{Clock, RandomIds, SystemClock};
use weir_lake::ids::{At, HORIZON_MS, KnownIds, clean_up, live_names};
use weir_lake::store::IfMissing;
use weir_lake::{Store, Table};

/// Events of a batch of an import.
const BATCH: u64 = 131_072;
/// Events of a batch of a stream.
const SMALL_BATCH: u64 = 500;

/// Resident memory and its peak so far, in megabytes.
fn memory() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").expect("this program measures on Linux");
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).expect("the kernel tells resident memory");
        line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).expect("a number") / 1024
    };
    (of("VmRSS"), of("VmHWM"))
}

fn ids(from: u64, count: u64) -> Vec<u128> {
    (from..from + count).map(|n| XxHash3_128::oneshot(&n.to_le_bytes())).collect()
}

/// Looks a batch up, and gives how many of it are new, and how many milliseconds it took.
async fn look_up(known: &mut KnownIds, table: &mut Table, batch: &[u128]) -> (Vec<bool>, u128) {
    let now_ms = SystemClock.now_ms();
    let started = Instant::now();
    let mut at = At { table, ids: &RandomIds, now_ms };
    let firsts = known.firsts(&mut at, now_ms - HORIZON_MS, batch).await.unwrap();
    (firsts, started.elapsed().as_millis())
}

#[tokio::main]
async fn main() {
    let all: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10_000_000);
    if let Some(directory) = std::env::args().nth(2) {
        return start(&directory, all).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let url = directory.path().to_str().unwrap();
    let store = Store::open(url, IfMissing::Create).await.unwrap();
    let mut table = Table::open_or_create(&store, "bars", SystemClock.now_ms()).await.unwrap();
    let mut known = KnownIds::default();
    let (mut landed, mut spent_ms) = (0, 0);
    while landed < all {
        let batch = ids(landed, BATCH);
        let (firsts, ms) = look_up(&mut known, &mut table, &batch).await;
        assert!(firsts.iter().all(|first| *first), "an id that is new was taken for a copy");
        known.remember(table.snapshot().version, &batch, &firsts, SystemClock.now_ms());
        (landed, spent_ms) = (landed + BATCH, spent_ms + ms);
        if (landed / BATCH).is_multiple_of(76) || landed >= all {
            clean_up(&store, i64::MAX).await.unwrap();
            let (resident, most) = memory();
            let objects = live_names(&store).await.unwrap().len();
            println!(
                "ids {landed:>10}  objects {objects:>3}  resident {resident} MB (most {most} MB)  {} ns an id",
                spent_ms * 1_000_000 / u128::from(landed)
            );
        }
    }
    let (firsts, ms) = look_up(&mut known, &mut table, &ids(0, BATCH)).await;
    assert!(firsts.iter().all(|first| !*first), "a copy was taken for new");
    println!("a batch of {BATCH} copies: {ms} ms; most memory {} MB", memory().1);
    // In a process of its own, as memory is that of a process.
    let program = std::env::current_exe().unwrap();
    let done = std::process::Command::new(program).args([landed.to_string().as_str(), url]).status().unwrap();
    assert!(done.success());
}

/// What a process does that starts on the index.
async fn start(directory: &str, landed: u64) {
    let store = Store::open(directory, IfMissing::Fail).await.unwrap();
    let mut table = Table::open(&store).await.unwrap();
    let mut known = KnownIds::default();
    for number in 0..3 {
        let (firsts, ms) = look_up(&mut known, &mut table, &ids(landed + number * SMALL_BATCH, SMALL_BATCH)).await;
        assert!(firsts.iter().all(|first| *first));
        println!("started anew, batch {number} of {SMALL_BATCH} new events: {ms} ms; most memory {} MB", memory().1);
    }
    let (firsts, ms) = look_up(&mut known, &mut table, &ids(landed / 3, SMALL_BATCH)).await;
    assert!(firsts.iter().all(|first| !*first));
    println!("started anew, {SMALL_BATCH} copies: {ms} ms; most memory {} MB", memory().1);
}
