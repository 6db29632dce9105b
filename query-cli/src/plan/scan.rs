//! Events, one after the other: of a lake, or of NDJSON files. Memory is that of one batch or one line.
//!
//! ```text
//! each_event(store, snapshot, |event, properties| …)      "view_job"  {"tab":"new"}
//! ```

use std::path::Path;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int32Type;
use futures::TryStreamExt;
use indicatif::ProgressBar;
use weir_core::event::{MAX_EVENT_BYTES, Receipt, Rejection, parse};
use weir_lake::reader::{self, Read};
use weir_lake::schema::{BUCKETS, EVENT, PROPERTIES};
use weir_lake::{LakeError, Snapshot, Store};

use crate::commands::import::open;
use crate::error::Failure;
use crate::importer::next_line;

/// Hands over every event of a snapshot: its name, and its properties as JSON text.
///
/// # Errors
/// A damaged file is named.
pub async fn each_event(
    store: &Store,
    snapshot: &Snapshot,
    mut take: impl FnMut(&str, Option<&str>),
) -> Result<(), LakeError> {
    let read = Read { columns: &[EVENT, PROPERTIES], buckets: 0..BUCKETS, batch_rows: reader::BATCH_ROWS };
    for file in snapshot.files.values() {
        let mut batches = reader::open(store, snapshot.version, file, &read).await?;
        while let Some(batch) = batches.try_next().await? {
            let events = batch.column(0).as_dictionary::<Int32Type>();
            let names = events.values().as_string::<i32>();
            let properties = batch.column(1).as_string_view();
            for (row, key) in events.keys().values().iter().enumerate() {
                // A key that is not in its dictionary cannot come out of the reader.
                let Some(name) = usize::try_from(*key).ok().filter(|key| *key < names.len()) else { continue };
                take(names.value(name), properties.is_valid(row).then(|| properties.value(row)));
            }
        }
    }
    Ok(())
}

/// One line of a file of events.
#[derive(Debug)]
pub enum Line<'a> {
    /// An event: its name, and its properties as JSON text.
    Event(&'a str, Option<&'a str>),
    /// What is no event, and why.
    Rejected(Rejection),
}

/// Hands over every line of a file that is not empty, with its number from 1, as if it came in at `now_ms` (milliseconds since
/// 1970). The file may be compressed; `-` is standard input.
///
/// # Errors
/// A file that cannot be read.
pub fn each_line(path: &Path, now_ms: i64, mut take: impl FnMut(u64, Line<'_>)) -> Result<(), Failure> {
    let mut input = open(path, &ProgressBar::hidden())?;
    let failed = |error| Failure::failed(format!("cannot read `{}`: {error}", path.display()));
    let (mut line, mut number) = (Vec::new(), 0_u64);
    while next_line(&mut input.lines, &mut line).map_err(failed)? {
        number += 1;
        let bytes = if number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line) } else { &line };
        let bytes = bytes.trim_ascii();
        if !bytes.is_empty() {
            take_line(bytes, number, now_ms, &mut take);
        }
    }
    Ok(())
}

fn take_line(bytes: &[u8], number: u64, now_ms: i64, take: &mut impl FnMut(u64, Line<'_>)) {
    let rejected = |code, message: String| Line::Rejected(Rejection { code, field: String::new(), message });
    if bytes.len() > MAX_EVENT_BYTES {
        // Its end was not kept, so neither text nor JSON can be judged.
        return take(number, rejected("too_large", format!("the line has more than {MAX_EVENT_BYTES} bytes")));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return take(number, rejected("invalid_json", format!("not UTF-8 text: {error}"))),
    };
    match parse(text, Receipt { received_ms: now_ms, place: 0, correct_skew: false }) {
        Ok(event) => take(number, Line::Event(&event.event, event.properties)),
        Err(rejection) => take(number, Line::Rejected(rejection)),
    }
}
