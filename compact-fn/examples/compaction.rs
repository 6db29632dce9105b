//! Measures compaction: fills a lake with landed files of a size, and merges a lake, each with its CPU time from outside.
//!
//! ```text
//! weir demo --events 2600000 | compaction fill LAKE 13000     200 landed files
//! /usr/bin/time -v compaction merge LAKE                      seconds of CPU and the most memory
//! ```
//!
//! The landings of `fill` are not measured: copies are left out and the index of event ids is made, as a landing does it.
#![allow(clippy::print_stdout, reason = "a program that prints figures")]

use std::collections::HashSet;
use std::error::Error;
use std::io::BufRead;

use compact_fn::compact::{Extent, compact};
use weir_core::event::{EventId, Receipt, parse, uuid_text};
use weir_core::ports::{Clock, Ids, RandomIds, SystemClock};
use weir_lake::rows::EventRows;
use weir_lake::snapshot::Change;
use weir_lake::store::IfMissing;
use weir_lake::writer::write_landed;
use weir_lake::{Store, Table, TableName, ids};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["fill", lake, rows] => fill(lake, rows.parse()?).await,
        ["merge", lake] => merge(lake, Extent::Everything).await,
        ["merge-worthwhile", lake] => merge(lake, Extent::Worthwhile).await,
        _ => Err("compaction fill LAKE ROWS_A_FILE, or compaction merge LAKE".into()),
    }
}

async fn fill(lake: &str, rows_each: usize) -> Result<(), Box<dyn Error>> {
    let store = Store::open(lake, IfMissing::Create).await?;
    let id = || uuid_text(&RandomIds.next_id());
    let mut table = Table::open_or_create(&store, &id(), SystemClock.now_ms()).await?;
    let mut rows = EventRows::default();
    let mut lines = std::io::stdin().lock().lines();
    let (mut number, mut more) = (0, true);
    let mut seen = HashSet::new();
    while more {
        let line = lines.next().transpose()?;
        more = line.is_some();
        if let Some(line) = line {
            let receipt = Receipt { received_ms: SystemClock.now_ms(), place: number, correct_skew: false };
            number += 1;
            let event = parse(&line, receipt).map_err(|rejection| rejection.message)?;
            let event_id = event.event_id.clone().unwrap_or_else(|| EventId::of_line(line.as_bytes(), number));
            rows.push("import", &event, &event_id);
        }
        if rows.len() >= rows_each || (!more && !rows.is_empty()) {
            let full = std::mem::take(&mut rows).freeze();
            let is_new: Vec<bool> = full.fingerprints().iter().map(|id| seen.insert(*id)).collect();
            let batch = full.sorted(&is_new)?;
            let file = write_landed(&store, TableName::Events, &id(), &batch).await?;
            let change = Change { adds: vec![file], changes_data: true, operation: "land", ..Change::default() };
            table.commit(&change, SystemClock.now_ms()).await?;
        }
    }
    // As landings leave it: making it is no part of a merge.
    ids::rebuild(&mut table, &RandomIds, SystemClock.now_ms()).await?;
    println!("version {}, {} files, {} rows", table.snapshot().version, table.snapshot().files.len(), number);
    Ok(())
}

async fn merge(lake: &str, extent: Extent) -> Result<(), Box<dyn Error>> {
    let mut table = Table::open(&Store::open(lake, IfMissing::Fail).await?).await?;
    let done = compact(&mut table, &SystemClock, &RandomIds, extent).await?;
    let snapshot = table.snapshot();
    println!("{done:?}");
    println!("{} files, {} bytes, {} rows", snapshot.files.len(), snapshot.bytes(), snapshot.rows());
    Ok(())
}
