//! Whether the disk would take a record, found out without one: a small file is written, synced and removed.
//!
//! A full disk, one that has become read-only, and a directory that was taken away are found so while nobody appends.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::fault::Fault;

/// No segment has such a name.
const NAME: &str = "probe";
/// What a small group commit takes.
static BYTES: [u8; 64 * 1024] = [0; 64 * 1024];

/// Writes, syncs and removes a file of its own in `dir`.
pub(super) fn probe(dir: &Path) -> Result<(), Fault> {
    let path = dir.join(NAME);
    let written = OpenOptions::new().write(true).create(true).truncate(true).open(&path).and_then(|mut file| {
        file.write_all(&BYTES)?;
        file.sync_data()
    });
    // Another probe may have removed it already; and what could not be written must not stay on a full disk.
    let removed = match fs::remove_file(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    };
    written.and(removed).map_err(Fault::io("writing a probe to", dir))
}
