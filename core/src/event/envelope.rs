//! The envelope of a record: how its frame travels through a stream, or waits in the overflow, where every byte is paid for.
//!
//! ```text
//! 28 B5 2F FD …                        a Zstandard frame (RFC 8878), with a checksum: the record, packed
//! {"weir":1,"received":…               anything else: the record as it is, where packing would not make it smaller
//! ```
//!
//! Which of the two it is, the first four bytes tell. A record that begins with those bytes itself is always packed, so that
//! [`unpack`] gives back whatever was given to [`pack`]. A record of the file log is not packed; `unpack` hands it through,
//! and a reader need not know where its records come from.
//!
//! ```
//! use weir_core::event::envelope::{pack, unpack};
//!
//! let record = "{\"place\":0,\"event\":\"view_job\"}\n".repeat(100);
//! let packed = pack(record.as_bytes());
//! assert!(packed.len() < 200);
//! assert_eq!(unpack(&packed).unwrap(), record.as_bytes());
//! ```

use std::borrow::Cow;

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{CParameter, get_frame_content_size};

use super::frame::FrameError;

/// The most bytes of a record before it is packed. A request of 5 MiB makes a record of at most about 7: its 5,000 events
/// keep their JSON and get a place, a time and an id each. The rest is room for protocols that give all events of a request
/// one context. A packed record that unpacks to more is refused.
pub const MAX_RECORD_BYTES: usize = 16 * 1024 * 1024;

/// The first bytes of a Zstandard frame.
const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// The fastest of the ordinary levels: the answer to a request waits for it.
const LEVEL: i32 = 1;

/// Puts a record into its envelope.
pub fn pack(record: &[u8]) -> Vec<u8> {
    let packed = Compressor::new(LEVEL).and_then(|mut compressor| {
        compressor.set_parameter(CParameter::ChecksumFlag(true))?;
        compressor.compress(record)
    });
    match packed {
        Ok(packed) if packed.len() < record.len() || record.starts_with(&MAGIC) => packed,
        // It fails only where there is no memory, and a text needs no envelope.
        _ => record.to_vec(),
    }
}

/// Takes a record out of its envelope. Takes up memory for at most [`MAX_RECORD_BYTES`], whatever is claimed.
///
/// # Errors
/// [`FrameError::Envelope`] for a packed record that is damaged, or larger than that.
pub fn unpack(record: &[u8]) -> Result<Cow<'_, [u8]>, FrameError> {
    if !record.starts_with(&MAGIC) {
        return Ok(Cow::Borrowed(record));
    }
    let refused = |problem: String| FrameError::Envelope { problem, limit: MAX_RECORD_BYTES };
    let claimed = get_frame_content_size(record).map_err(|_| refused("its size cannot be read".to_owned()))?;
    let bytes = claimed.unwrap_or(MAX_RECORD_BYTES as u64);
    let room = usize::try_from(bytes).ok().filter(|room| *room <= MAX_RECORD_BYTES);
    let room = room.ok_or_else(|| refused(format!("it says that it is {bytes} bytes")))?;
    let unpacked = Decompressor::new().and_then(|mut decompressor| decompressor.decompress(record, room));
    Ok(Cow::Owned(unpacked.map_err(|error| refused(error.to_string()))?))
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
