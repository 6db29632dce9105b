//! How far a question is: rows that were read, of those that it has to read.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the rows of one question as they are read, for whoever waits for the answer.
///
/// Files and partitions count into it side by side; who looks may see a little less than was read.
#[derive(Debug, Default)]
pub struct Meter {
    rows: AtomicU64,
    of: AtomicU64,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Progress {
    /// Rows that were read.
    pub rows: u64,
    /// Rows of all files that are read, those of cohorts and of the period before included. What need not be looked at
    /// of a file counts too, so a question can be over before the end. 0 while it is not known.
    pub of: u64,
}

impl Meter {
    /// So many rows are to be read in all.
    pub(super) fn expect(&self, rows: u64) {
        self.of.store(rows, Ordering::Relaxed);
    }

    /// So many more were read.
    pub(super) fn add(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let (rows, of) = (self.rows.load(Ordering::Relaxed), self.of.load(Ordering::Relaxed));
        // Rows that belong to another user by now are read once more.
        Progress { rows: if of > 0 { rows.min(of) } else { rows }, of }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_there_is() {
        let meter = Meter::default();
        meter.add(3);
        assert_eq!(meter.progress(), Progress { rows: 3, of: 0 });
        meter.expect(10);
        meter.add(9);
        assert_eq!(meter.progress(), Progress { rows: 10, of: 10 });
    }
}
