//! Fresh identifiers, as a port: library code never draws random numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// Makes identifiers that are never made twice.
pub trait Ids: Send + Sync {
    /// 16 bytes, laid out as an RFC 9562 UUID (version and variant bits set).
    fn next_id(&self) -> [u8; 16];
}

/// Identifiers that count up: the same in every run.
#[derive(Debug, Default)]
pub struct CountingIds(AtomicU64);

impl CountingIds {
    /// Starts behind `start`.
    pub fn starting_at(start: u64) -> Self {
        Self(AtomicU64::new(start))
    }
}

impl Ids for CountingIds {
    fn next_id(&self) -> [u8; 16] {
        let mut id = [0; 16];
        id[6] = 0x80; // version 8: the layout is the maker's own
        id[8..].copy_from_slice(&self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        id[8] = (id[8] & 0x3f) | 0x80;
        id
    }
}
