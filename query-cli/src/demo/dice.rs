//! Random numbers that come out the same on every machine and with every version of `rand`.
//!
//! A [`Dice`] belongs to one thing: a day, a user, a job or an event. Nothing about users and jobs has to be kept in
//! memory then: whoever needs one rolls it again from its number. All draws are integer arithmetic on the raw output
//! of the generator, because neither floating point functions nor `rand`'s distributions promise stable values.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a [`Dice`] is rolled for. The number is part of the generator's key, so changing it changes the data.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of {
    /// The sessions that start on a day.
    Day = 1,
    /// The traits of a user.
    User = 2,
    /// The traits of a job.
    Job = 3,
    /// What a single event carries.
    Event = 4,
}

/// A seeded source of small decisions.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// The dice of the `number`-th thing of its kind in the world of `seed`.
    pub(super) fn of(seed: u64, what: Of, number: u64) -> Self {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&(what as u64).to_le_bytes());
        key[16..24].copy_from_slice(&number.to_le_bytes());
        Dice(ChaCha8Rng::from_seed(key))
    }

    /// 64 random bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number in `0..n`; `n` must not be zero. The bias of the multiplication is below `n / 2^32`.
    pub(super) fn below(&mut self, n: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(n)) >> 32) as u32
    }

    /// As [`Dice::below`], for numbers past 32 bits.
    pub(super) fn below_u64(&mut self, n: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(n)) >> 64) as u64
    }

    /// A number in `low..=high`.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below_u64((high - low + 1) as u64) as i64
    }

    /// A number in `low..=high` with a long tail: the median lies at a fifth of the way.
    pub(super) fn skewed(&mut self, low: i64, high: i64) -> i64 {
        self.between(low, high).min(self.between(low, high)).min(self.between(low, high))
    }

    /// True in `share` of ten thousand cases.
    pub(super) fn chance(&mut self, share: u32) -> bool {
        self.below(10_000) < share
    }

    /// One item of a list that is not empty.
    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u32) as usize]
    }

    /// The item of a list of (item, weight) that a draw in proportion to the weights hits.
    pub(super) fn weighted<T: Copy>(&mut self, items: &[(T, u32)]) -> T {
        let mut left = self.below(items.iter().map(|(_, weight)| weight).sum());
        for &(item, weight) in items {
            if left < weight {
                return item;
            }
            left -= weight;
        }
        items[items.len() - 1].0
    }
}
