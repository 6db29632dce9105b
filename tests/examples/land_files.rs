//! Lands events as a collector does, many small files one after the other: what compaction is measured on.
//!
//! ```text
//! weir demo --events 2600000 | land_files LAKE 13000      200 files of 13,000 events each
//! ```
//!
//! The events come as NDJSON on standard input. Each landing is received a minute after the one before.
#![allow(clippy::print_stdout, reason = "a program of its own, for a script that measures")]

use std::io::{BufRead, stdin};
use std::sync::Arc;

use compact_fn::land::Lander;
use weir_core::event::{EventId, Receipt, parse};
use weir_core::ports::{Clock, ManualClock, RandomIds, SystemClock};
use weir_lake::Store;
use weir_lake::rows::EventRows;
use weir_lake::store::IfMissing;

/// So far apart are landings, in milliseconds.
const MINUTE_MS: i64 = 60_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let usage = "usage: land_files LAKE EVENTS-OF-A-FILE < NDJSON";
    let mut arguments = std::env::args().skip(1);
    let lake = arguments.next().ok_or(usage)?;
    let events: usize = arguments.next().ok_or(usage)?.parse()?;
    let store = Store::open(&lake, IfMissing::Create).await?;
    let mut now_ms = SystemClock.now_ms() - MINUTE_MS * 10_000;
    let clock = Arc::new(ManualClock::new(now_ms));
    let mut lander = Lander::open(&store, Arc::clone(&clock) as _, Arc::new(RandomIds)).await?;
    let (mut rows, mut accepted, mut files) = (EventRows::default(), 0, 0);
    let mut lines = stdin().lock().lines();
    loop {
        let line = lines.next().transpose()?;
        if rows.len() == events || (line.is_none() && !rows.is_empty()) {
            let landed = lander.land(std::mem::take(&mut rows).freeze(), Vec::new(), None, "land").await?;
            accepted += landed.accepted;
            files += 1;
            now_ms += MINUTE_MS;
            clock.advance(MINUTE_MS);
        }
        let Some(line) = line else { break };
        let receipt = Receipt { received_ms: now_ms, place: rows.len() as u64, correct_skew: false };
        let event = parse(&line, receipt).map_err(|rejection| rejection.message)?;
        let id = event.event_id.clone().unwrap_or_else(|| EventId::of_line(line.as_bytes(), receipt.place));
        rows.push("dev", &event, &id);
    }
    println!("{{\"files\":{files},\"events\":{accepted}}}");
    Ok(())
}
