//! Prints what looking at rows for the catalogue costs, beside what writing them costs, and how large a note is.
//!
//! ```text
//! weir demo --events 1000000 > demo.ndjson
//! cargo run --release -p weir-lake --example catalogue_cost demo.ndjson
//! ```
#![allow(clippy::print_stdout, reason = "a program that prints figures")]
#![allow(clippy::disallowed_methods, reason = "a program has the real clock")]
#![allow(clippy::unwrap_used, reason = "a program that measures may end by a panic")]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::time::Instant;

use arrow::array::RecordBatch;
use weir_core::event::{EventId, Receipt, parse};
use weir_lake::catalogue::{Catalogue, Limits, Observer, note};
use weir_lake::rows::EventRows;
use weir_lake::snapshot::Level;
use weir_lake::writer::DataFileWriter;
use weir_lake::{Store, TableName};

/// Events of a landed file.
const FILE_EVENTS: usize = 128 * 1024;
/// Rows of a batch, as a landing has them and as a merge gives them.
const BATCHES: [usize; 2] = [FILE_EVENTS, 8192];

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let mut lines = BufReader::new(File::open(path).unwrap()).lines();
    let mut batches = Vec::new();
    let begun = on_processor();
    loop {
        let mut rows = EventRows::default();
        for line in lines.by_ref().take(FILE_EVENTS) {
            let line = line.unwrap();
            let event =
                parse(&line, Receipt { received_ms: 1_783_000_000_000, place: 0, correct_skew: false }).unwrap();
            rows.push("dev", &event, event.event_id.as_ref().unwrap_or(&EventId::Text("".into())));
        }
        if rows.is_empty() {
            break;
        }
        let keep = vec![true; rows.len()];
        batches.push(rows.freeze().sorted(&keep).unwrap());
    }
    let read = on_processor() - begun;
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    println!("{} ns a row to read, parse and sort", read / rows as u128);
    for is_noted in [false, true, false, true] {
        let begun = on_processor();
        let bytes: usize = batches.iter().map(|batch| written(batch, is_noted)).sum();
        let each = (on_processor() - begun) / rows as u128;
        println!(
            "{each} ns a row to write, {} the catalogue; {bytes} bytes",
            if is_noted { "with" } else { "without" }
        );
    }
    for batch_rows in BATCHES {
        let mut best = u128::MAX;
        for _ in 0..5 {
            let begun = on_processor();
            batches.iter().for_each(|batch| drop(std::hint::black_box(observe(batch, batch_rows))));
            best = best.min(on_processor() - begun);
        }
        println!("{} ns a row to look at {rows} rows in batches of {batch_rows}", best / rows as u128);
    }
    let catalogues: Vec<Catalogue> = batches.iter().map(|batch| observe(batch, FILE_EVENTS)).collect();
    let begun = Instant::now();
    let notes: Vec<Vec<u8>> =
        catalogues.iter().map(|catalogue| note::encode(catalogue.clone(), &Limits::NOTE)).collect();
    let each = begun.elapsed() / notes.len() as u32;
    println!(
        "{} notes of {} bytes at most, {each:?} each to write",
        notes.len(),
        notes.iter().map(Vec::len).max().unwrap()
    );
    let begun = Instant::now();
    let mut merged = Catalogue::default();
    for (note, batch) in notes.iter().zip(&batches) {
        merged.merge(&note::decode(note, batch.num_rows() as u64).unwrap(), &Limits::LAKE);
    }
    println!("{:?} each to read and merge; {} events in all", begun.elapsed() / notes.len() as u32, merged.count());
    println!("the note of all has {} bytes", note::encode(merged, &Limits::NOTE).len());
}

/// Writes a batch into memory, and gives the size of the file.
fn written(batch: &RecordBatch, is_noted: bool) -> usize {
    let writer =
        DataFileWriter::new(&Store::in_memory(), TableName::Events, "landed/a.parquet".to_owned(), Level::Landed);
    let writer = writer.unwrap();
    let mut writer = if is_noted { writer } else { writer.with_catalogue(Catalogue::default()) };
    let file = futures::executor::block_on(async {
        writer.write(batch).await.unwrap();
        writer.finish().await.unwrap()
    });
    file.bytes as usize
}

/// Nanoseconds that this program has had a processor: other programs do not count. Linux only.
fn on_processor() -> u128 {
    let times = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    times.split(' ').next().unwrap().parse().unwrap()
}

fn observe(batch: &RecordBatch, batch_rows: usize) -> Catalogue {
    let mut observer = Observer::new(Limits::NOTE);
    for start in (0..batch.num_rows()).step_by(batch_rows) {
        observer.observe(&batch.slice(start, batch_rows.min(batch.num_rows() - start)));
    }
    observer.finish()
}
