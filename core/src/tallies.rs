//! Counts of names and times that may be many: kept small, and put in the order in which answers list them.
//!
//! ```text
//!   view 40, apply 9, save 9, chat 1     most frequent 2 of them: view, apply; all others: 10
//! ```

use crate::answer::Groups;

/// Times of which percentiles are asked, in milliseconds: all of them, four bytes each unless one is longer than 49 days.
#[derive(Debug, Clone, Default)]
pub struct Times {
    short: Vec<u32>,
    long: Vec<i64>,
}

impl Times {
    /// Adds one.
    pub fn add(&mut self, ms: i64) {
        match u32::try_from(ms) {
            Ok(ms) => self.short.push(ms),
            Err(_) => self.long.push(ms),
        }
    }

    /// Adds those of another.
    pub fn merge(&mut self, other: Self) {
        if self.short.is_empty() {
            self.short = other.short;
        } else {
            self.short.extend(other.short);
        }
        self.long.extend(other.long);
    }

    /// The shortest first.
    pub fn sorted(&self) -> Vec<i64> {
        let mut all: Vec<i64> = self.short.iter().map(|ms| i64::from(*ms)).chain(self.long.iter().copied()).collect();
        all.sort_unstable();
        all
    }
}

/// The most frequent of some names, those of equal counts by name, and how much the others are together.
pub fn most_frequent(
    counts: impl IntoIterator<Item = (u32, u64)>,
    names: &Groups,
    limit: usize,
) -> (Vec<(u32, u64)>, u64) {
    let mut listed: Vec<(u32, u64)> = counts.into_iter().collect();
    listed.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| names.key(a.0).cmp(names.key(b.0))));
    let rest = listed.split_off(listed.len().min(limit));
    (listed, rest.iter().map(|(_, count)| count).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_any_length_come_back_in_order() {
        let mut times = Times::default();
        let mut others = Times::default();
        [5, i64::from(u32::MAX) + 1, 0].into_iter().for_each(|ms| times.add(ms));
        [i64::from(u32::MAX), 7].into_iter().for_each(|ms| others.add(ms));
        times.merge(others);
        assert_eq!(times.sorted(), [0, 5, 7, i64::from(u32::MAX), i64::from(u32::MAX) + 1]);
        let mut empty = Times::default();
        empty.merge(times);
        assert_eq!(empty.sorted().len(), 5);
    }

    #[test]
    fn equal_counts_are_listed_by_name() {
        let mut names = Groups::default();
        let counts: Vec<(u32, u64)> =
            [("view", 40), ("save", 9), ("chat", 1), ("apply", 9)].map(|(name, n)| (names.number(name), n)).to_vec();
        let (listed, others) = most_frequent(counts, &names, 2);
        let listed: Vec<(&str, u64)> = listed.into_iter().map(|(name, count)| (names.key(name), count)).collect();
        assert_eq!((listed, others), (vec![("view", 40), ("apply", 9)], 10));
    }
}
