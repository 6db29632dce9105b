//! The bytes of a catalogue's note: JSON, compressed with Zstandard.
//!
//! ```text
//! {"v":1,"events":{"view":{"n":3,"t":[…],"r":[…],"d":{"20454":3},"s":{"dev":3},"p":{"tab":{"k":[3,0,0,0,0,0],"v":…}}}}}
//! ```
//!
//! A note that cannot be used says nothing: one that a newer weir wrote in a form of its own, one that is damaged, one that
//! counts other rows than the file has. Then the rows are looked at instead, which takes longer and is as true.

use serde::{Deserialize, Serialize};

use super::{Catalogue, Limits};

/// The form of the note.
const VERSION: u64 = 1;
/// A note may be so large unpacked, in bytes.
const MAX_UNPACKED: usize = 32 * 1024 * 1024;
/// Zstandard's level.
const LEVEL: i32 = 3;

#[derive(Serialize)]
struct Written<'a> {
    v: u64,
    #[serde(flatten)]
    catalogue: &'a Catalogue,
}

#[derive(Deserialize)]
struct Version {
    v: u64,
}

/// The note of a catalogue: as much of it as fits.
pub fn encode(mut catalogue: Catalogue, limits: &Limits) -> Vec<u8> {
    let mut limits = *limits;
    catalogue.shrink(&limits);
    loop {
        let json = serde_json::to_vec(&Written { v: VERSION, catalogue: &catalogue }).unwrap_or_default();
        let note = match json.len() <= MAX_UNPACKED {
            true => zstd::bulk::compress(&json, LEVEL).unwrap_or_default(),
            false => json,
        };
        if note.len() <= limits.note_bytes {
            return note;
        }
        if !tighten(&mut limits, &catalogue) {
            // Not even one event fits: there is no note.
            return Vec::new();
        }
        catalogue.shrink(&limits);
    }
}

/// Halves what there may be: values first, then properties, days, sources, and at last events. `false` if nothing is left.
fn tighten(limits: &mut Limits, catalogue: &Catalogue) -> bool {
    let sum = |size: fn(&super::EventEntry) -> usize| catalogue.events.values().map(size).sum::<usize>();
    let values = catalogue.events.values().flat_map(|event| event.properties.values());
    let most_values = values.map(|property| property.values.listed().len()).max().unwrap_or(0);
    if most_values > 4 {
        limits.values = most_values / 2;
        return true;
    }
    let sizes = [
        (&mut limits.properties, sum(|event| event.properties.len())),
        (&mut limits.days, sum(|event| event.days_utc.len())),
        (&mut limits.sources, sum(|event| event.sources.len())),
        (&mut limits.events, catalogue.events.len()),
    ];
    // The largest of them, and events last.
    let Some((limit, size)) = sizes.into_iter().rev().max_by_key(|(_, size)| *size).filter(|(_, size)| *size > 0)
    else {
        return false;
    };
    *limit = size / 2;
    true
}

/// The catalogue of a note of a file with so many rows; `None` if it cannot be used.
pub fn decode(note: &[u8], rows: u64) -> Option<Catalogue> {
    check(note, rows).ok().flatten()
}

/// The same, and why it cannot be used. That a newer weir wrote it, or that there was no room for one, is no flaw.
///
/// # Errors
/// What is wrong with the note.
pub fn check(note: &[u8], rows: u64) -> Result<Option<Catalogue>, String> {
    if note.is_empty() {
        return Ok(None);
    }
    let json = zstd::bulk::decompress(note, MAX_UNPACKED).map_err(|error| error.to_string())?;
    let Version { v } = serde_json::from_slice(&json).map_err(|error| error.to_string())?;
    if v > VERSION {
        return Ok(None);
    }
    let catalogue: Catalogue = serde_json::from_slice(&json).map_err(|error| error.to_string())?;
    match catalogue.count() {
        _ if v < VERSION => Err(format!("it has version {v}")),
        counted if counted == rows => Ok(Some(catalogue)),
        counted => Err(format!("it counts {counted} events, the file has {rows}")),
    }
}

#[cfg(test)]
#[path = "note_tests.rs"]
mod tests;
