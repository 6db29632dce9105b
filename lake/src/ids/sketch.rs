//! A sketch: 16 bits of every id of a segment, in the order of the segment, held in memory.
//!
//! It answers most lookups of ids that are not there, and for the others says at which *rank* (place in the segment) the id
//! would have to be. Ids are hashes, so their top bits spread them evenly over *buckets* of about 16.
//!
//! ```text
//!   id ─┬─ top 64 bits, scaled ─▶ bucket 2 ─▶ starts[2] = 31 … starts[3] = 47: ranks 31 to 46
//!       └─ low 16 bits ────────▶ compared with remainders[31..47] ─▶ rank 38, perhaps
//! ```
//!
//! 2.25 bytes an id; one of 4,000 lookups of an id that is not there names a rank all the same. A split-block Bloom filter of
//! that size errs three to four times as often, is built in random order, and does not say where to look.

use bytes::Bytes;

/// Ids of a bucket, on average.
const IDS_A_BUCKET: u64 = 16;

/// The sketch of a segment that is being written, fed in the order of ids.
#[derive(Debug)]
pub(super) struct SketchBuilder {
    buckets: u64,
    starts: Vec<u8>,
    remainders: Vec<u8>,
}

impl SketchBuilder {
    /// For at most so many ids.
    pub(super) fn new(most_ids: u64) -> Self {
        let capacity = |bytes: u64| Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
        let buckets = most_ids / IDS_A_BUCKET + 1;
        Self { buckets, starts: capacity(4 * (buckets + 1)), remainders: capacity(2 * most_ids) }
    }

    /// Adds the next id, which is larger than those before.
    pub(super) fn push(&mut self, id: u128) {
        self.begin_buckets_up_to(bucket_of(id, self.buckets));
        self.remainders.extend_from_slice(&remainder_of(id).to_le_bytes());
    }

    fn begin_buckets_up_to(&mut self, bucket: u64) {
        // A segment has at most a few million ids.
        let rank = u32::try_from(self.remainders.len() / 2).unwrap_or(u32::MAX).to_le_bytes();
        while (self.starts.len() / 4) as u64 <= bucket {
            self.starts.extend_from_slice(&rank);
        }
    }

    pub(super) fn finish(mut self) -> Sketch {
        self.begin_buckets_up_to(self.buckets);
        Sketch { starts: Bytes::from(self.starts), remainders: Bytes::from(self.remainders) }
    }
}

/// 16 bits of every id of a segment.
#[derive(Debug, Clone)]
pub(super) struct Sketch {
    /// The first rank of each bucket, and one more for the end: four bytes each, little-endian.
    starts: Bytes,
    /// The low 16 bits of each id: two bytes each, little-endian.
    remainders: Bytes,
}

impl Sketch {
    /// From [`parts`](Self::parts) in one piece, as they are stored; `None` if they are not as long as they must be.
    pub(super) fn from_bytes(buckets: u64, ids: u64, mut bytes: Bytes) -> Option<Self> {
        let starts = buckets.checked_add(1)?.checked_mul(4)?;
        let expected = starts.checked_add(ids.checked_mul(2)?)?;
        if buckets == 0 || bytes.len() as u64 != expected {
            return None;
        }
        let remainders = bytes.split_off(usize::try_from(starts).ok()?);
        Some(Self { starts: bytes, remainders })
    }

    /// What is stored of it, one part behind the other.
    pub(super) fn parts(&self) -> [Bytes; 2] {
        [self.starts.clone(), self.remainders.clone()]
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        self.starts.len() + self.remainders.len()
    }

    pub(super) fn buckets(&self) -> u64 {
        (self.starts.len() as u64 / 4).saturating_sub(1)
    }

    /// Calls `found` with each rank at which the id may be.
    pub(super) fn ranks(&self, id: u128, mut found: impl FnMut(u64)) {
        let bucket = usize::try_from(bucket_of(id, self.buckets())).unwrap_or(usize::MAX);
        let starts = self.starts.as_chunks::<4>().0;
        let start = |bucket: usize| starts.get(bucket).map(|start| u32::from_le_bytes(*start) as usize);
        let (Some(start), Some(end)) = (start(bucket), start(bucket.saturating_add(1))) else { return };
        let Some(remainders) = self.remainders.as_chunks::<2>().0.get(start..end) else { return };
        let wanted = remainder_of(id).to_le_bytes();
        // Without a branch, as most buckets do not have it.
        let is_there = remainders.iter().fold(false, |any, remainder| any | (*remainder == wanted));
        if is_there {
            let ranks = (start as u64..).zip(remainders);
            ranks.filter(|(_, remainder)| **remainder == wanted).for_each(|(rank, _)| found(rank));
        }
    }
}

/// The bucket of an id: it grows with the id.
fn bucket_of(id: u128, buckets: u64) -> u64 {
    (((id >> 64) * u128::from(buckets)) >> 64) as u64
}

/// The low bits, which say nothing of the bucket.
fn remainder_of(id: u128) -> u16 {
    (id & u128::from(u16::MAX)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use twox_hash::XxHash3_128;

    fn ids(range: std::ops::Range<u64>) -> Vec<u128> {
        let mut ids: Vec<u128> = range.map(|n| XxHash3_128::oneshot(&n.to_le_bytes())).collect();
        ids.sort_unstable();
        ids
    }

    fn sketch(ids: &[u128]) -> Sketch {
        let mut builder = SketchBuilder::new(ids.len() as u64);
        ids.iter().for_each(|id| builder.push(*id));
        let built = builder.finish();
        Sketch::from_bytes(built.buckets(), ids.len() as u64, Bytes::from(built.parts().concat())).unwrap()
    }

    fn ranks(sketch: &Sketch, id: u128) -> Vec<u64> {
        let mut ranks = Vec::new();
        sketch.ranks(id, |rank| ranks.push(rank));
        ranks
    }

    #[test]
    fn every_id_is_found_at_its_rank_and_few_others() {
        for size in [0, 1, 15, 16, 17, 100_000] {
            let there = ids(0..size);
            let sketch = sketch(&there);
            assert!((0..).zip(&there).all(|(rank, id)| ranks(&sketch, *id).contains(&rank)));
            let wrong: usize = ids(1_000_000..1_100_000).iter().map(|id| ranks(&sketch, *id).len()).sum();
            assert!(wrong < 60, "{wrong} of 100,000 ids that are not among {size} seem to be");
            assert!(sketch.bytes() as u64 <= size * 9 / 4 + 8);
        }
    }

    #[test]
    fn ids_that_crowd_one_place_are_found_too() {
        let crowd: Vec<u128> = (0..1000_u128).map(|n| n << 20 | 7).chain([u128::MAX]).collect();
        let sketch = sketch(&crowd);
        assert!((0..).zip(&crowd).all(|(rank, id)| ranks(&sketch, *id).contains(&rank)));
    }

    #[test]
    fn bytes_of_another_length_are_no_sketch() {
        assert!(Sketch::from_bytes(1, 1, Bytes::from_static(&[0; 10])).is_some());
        assert!(Sketch::from_bytes(1, 1, Bytes::from_static(&[0; 9])).is_none());
        assert!(Sketch::from_bytes(0, 3, Bytes::from_static(&[0; 10])).is_none());
        assert!(Sketch::from_bytes(u64::MAX, 3, Bytes::from_static(&[0; 10])).is_none());
    }
}
