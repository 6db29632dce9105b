//! What is worth compacting, told from a snapshot alone: the planner takes from this queue, and `weir stats` shows it.
//!
//! ```text
//! rows of the files of a range   500 600 800 900 900 1k 1k 1k 2k │ 40k │ 500k
//!                                └── eight or more, the largest at ──┘
//!                                    most three quarters of all: one merge. 40k and 500k are left alone
//! ```
//!
//! So a row is written again only into a file that is at least a third larger than the one it was in, and usually many times
//! larger: what is written grows with the logarithm of what a range holds, and a trickle of late events never has a large
//! file rewritten. Where no merge is due, sizes at least quadruple from the eighth file on, so files stay few.
//!
//! A file of [`FILE_ROWS`] rows or [`FILE_BYTES`] bytes is *full* and never merged again.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use weir_core::time::{DAY_MS, rfc3339};
use weir_lake::snapshot::Level;
use weir_lake::{DataFile, Snapshot};

use super::Extent;

/// Days of the time range of a compacted file. A range begins at a multiple of it.
pub const RANGE_DAYS: i64 = 30;
/// Days of the ranges that small, settled ranges grow into, each a multiple of the one before.
const GROWN_DAYS: [i64; 2] = [90, 360];
/// Ranges grow while what they hold together has at most so many rows: a question about a month reads all of a file.
const GROWN_ROWS: u64 = 1024 * 1024;
/// So many files of a kind are worth a merge.
pub(super) const WORTHWHILE: usize = 8;
/// The most files of one merge. Memory may allow fewer, which is found out when they are opened.
pub(super) const FAN_IN: usize = 256;
/// A file with so many rows is full.
pub const FILE_ROWS: u64 = 16 * 1024 * 1024;
/// A file with so many bytes is full.
pub const FILE_BYTES: u64 = 512 * 1024 * 1024;

/// Where the files of a merge are in their life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// As they landed, of any times.
    Landed,
    /// Compacted, of one range of time.
    Range {
        /// Its first instant, milliseconds since 1970.
        from_ms: i64,
        /// Its length.
        days: i64,
    },
}

/// Why files are to be merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// There are many, and they overlap in time and users.
    ManyLanded,
    /// There are many of about the same size.
    ManySmall,
    /// The ranges are settled, and small enough to be one.
    Settled,
    /// A range is to have one file.
    Everything,
    /// Rows of it belong to other users by now.
    Moved,
}

impl Why {
    /// A short, stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ManyLanded => "many_landed",
            Self::ManySmall => "many_small",
            Self::Settled => "settled",
            Self::Everything => "everything",
            Self::Moved => "moved",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ManyLanded => "many landed files",
            Self::ManySmall => "many files of a size",
            Self::Settled => "small ranges that are settled",
            Self::Everything => "one file a range",
            Self::Moved => "rows that belong to other users by now",
        })
    }
}

/// A merge that is worth it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// What kind of files.
    pub kind: Kind,
    /// Which.
    pub files: Vec<Arc<DataFile>>,
    /// Why.
    pub why: Why,
}

impl Work {
    /// A compacted file that is written anew by itself, for rows of it that belong to other users by now. It keeps its range.
    pub(crate) fn alone(file: Arc<DataFile>) -> Self {
        let range = |ms: i64, days: i64| ms.div_euclid(days * DAY_MS);
        let fits = |days: &i64| range(file.min_time_ms, *days) == range(file.max_time_ms, *days);
        let days = [RANGE_DAYS].into_iter().chain(GROWN_DAYS).find(fits).unwrap_or(RANGE_DAYS);
        let from_ms = range(file.min_time_ms, days) * days * DAY_MS;
        Self { kind: Kind::Range { from_ms, days }, files: vec![file], why: Why::Moved }
    }

    /// Their rows together.
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// Their bytes together.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The first day of the range, or of the events if the files are as they landed.
    pub fn first_day(&self) -> String {
        let from_ms = match self.kind {
            Kind::Range { from_ms, .. } => from_ms,
            Kind::Landed => self.files.iter().map(|file| file.min_time_ms).min().unwrap_or_default(),
        };
        let instant = rfc3339(from_ms);
        instant.get(..10).unwrap_or(&instant).to_owned()
    }

    /// Files that are saved for each row that is written.
    fn worth(&self) -> f64 {
        (self.files.len() as f64 - 1.0) / self.rows().max(1) as f64
    }
}

/// The merges that are worth it, the most worthwhile first: those that save the most files for what they write. No file is in
/// two of them. A merge has at most `rows_at_most` rows, or the two smallest files of its kind.
pub fn queue(snapshot: &Snapshot, extent: Extent, rows_at_most: u64) -> Vec<Work> {
    let mut queue = landed(snapshot, extent, rows_at_most);
    let mut taken: Vec<Arc<DataFile>> = queue.iter().flat_map(|work| work.files.iter().cloned()).collect();
    let is_free = |file: &DataFile, taken: &[Arc<DataFile>]| !taken.iter().any(|other| other.path == file.path);
    for days in [RANGE_DAYS].into_iter().chain(GROWN_DAYS) {
        let free = |file: &&Arc<DataFile>| file.level != Level::Landed && !is_full(file) && is_free(file, &taken);
        let ranges = by_range(snapshot.files.values().filter(free), days);
        let works = ranges.into_iter().filter_map(|(number, files)| {
            let from_ms = number * days * DAY_MS;
            let why = due(snapshot, &files, extent, from_ms, days)?;
            let least = if why == Why::ManySmall { WORTHWHILE } else { 2 };
            let files = tier(files, least, why == Why::Everything, rows_at_most)?;
            Some(Work { kind: Kind::Range { from_ms, days }, files, why })
        });
        let works: Vec<Work> = works.collect();
        taken.extend(works.iter().flat_map(|work| work.files.iter().cloned()));
        queue.extend(works);
    }
    // Landed files first: they are what grows by itself, and every question reads them all.
    queue.sort_by(|a, b| {
        let landed = |work: &Work| work.kind != Kind::Landed;
        landed(a).cmp(&landed(b)).then_with(|| b.worth().total_cmp(&a.worth())).then_with(|| a.kind.cmp(&b.kind))
    });
    queue
}

/// Files by the number of the range that all of their events lie in.
fn by_range<'a>(files: impl Iterator<Item = &'a Arc<DataFile>>, days: i64) -> BTreeMap<i64, Vec<Arc<DataFile>>> {
    let mut ranges: BTreeMap<i64, Vec<Arc<DataFile>>> = BTreeMap::new();
    for file in files {
        let range = |ms: i64| ms.div_euclid(days * DAY_MS);
        if range(file.min_time_ms) == range(file.max_time_ms) {
            ranges.entry(range(file.min_time_ms)).or_default().push(Arc::clone(file));
        }
    }
    ranges
}

/// Why files of a range may be merged, if they may.
fn due(snapshot: &Snapshot, files: &[Arc<DataFile>], extent: Extent, from_ms: i64, days: i64) -> Option<Why> {
    if days == RANGE_DAYS {
        return Some(if extent == Extent::Everything { Why::Everything } else { Why::ManySmall });
    }
    // Nothing new was received for that long after its end: events that are still to come for it are few.
    let newest_ms = snapshot.files.values().map(|file| file.max_received_ms).max()?;
    let is_settled = from_ms.saturating_add(2 * days * DAY_MS) <= newest_ms;
    let is_small = files.iter().map(|file| file.rows).sum::<u64>() <= GROWN_ROWS;
    (is_settled && is_small).then_some(Why::Settled)
}

/// As many of the smallest files as are worth one merge: at least `least`, and the largest of them not much larger than the
/// others together, but where `all` is set.
fn tier(mut files: Vec<Arc<DataFile>>, least: usize, all: bool, rows_at_most: u64) -> Option<Vec<Arc<DataFile>>> {
    files.sort_by(|a, b| (a.rows, &a.path).cmp(&(b.rows, &b.path)));
    let (mut rows, mut worthwhile) = (0, 0);
    for (at, file) in files.iter().enumerate().take(FAN_IN) {
        rows += file.rows;
        let count = at + 1;
        if rows > rows_at_most && count > 2 {
            break;
        }
        if count >= least && (all || file.rows.saturating_mul(4) <= rows.saturating_mul(3)) {
            worthwhile = count;
        }
    }
    files.truncate(worthwhile);
    (worthwhile >= 2).then_some(files)
}

/// Landed files in the order in which they landed. When everything is merged anyway, what they touch is best merged in the same
/// pass.
fn landed(snapshot: &Snapshot, extent: Extent, rows_at_most: u64) -> Vec<Work> {
    let least = if extent == Extent::Everything { 1 } else { WORTHWHILE };
    let mut works: Vec<Work> = Vec::new();
    let mut all: Vec<_> = snapshot.files.values().filter(|file| file.level == Level::Landed).cloned().collect();
    all.sort_by(|a, b| (a.landed_in, &a.path).cmp(&(b.landed_in, &b.path)));
    for file in all {
        match works.last_mut() {
            Some(work) if work.files.len() < FAN_IN && work.rows() + file.rows <= rows_at_most => work.files.push(file),
            _ => works.push(Work { kind: Kind::Landed, files: vec![file], why: Why::ManyLanded }),
        }
    }
    works.retain(|work| work.files.len() >= least);
    if let ([work], Extent::Everything) = (works.as_mut_slice(), extent) {
        work.why = Why::Everything;
        let range = |ms: i64| ms.div_euclid(RANGE_DAYS * DAY_MS);
        let touched = |file: &DataFile| {
            let mut landed = work.files.iter();
            landed.any(|l| (range(l.min_time_ms)..=range(l.max_time_ms)).contains(&range(file.min_time_ms)))
        };
        let old = snapshot.files.values().filter(|file| file.level != Level::Landed && !is_full(file));
        let old = old.filter(|file| range(file.min_time_ms) == range(file.max_time_ms) && touched(file));
        let old: Vec<_> = old.cloned().collect();
        let rows = work.rows() + old.iter().map(|file| file.rows).sum::<u64>();
        if work.files.len() + old.len() <= FAN_IN && rows <= rows_at_most {
            work.files.extend(old);
        }
    }
    works
}

fn is_full(file: &DataFile) -> bool {
    file.rows >= FILE_ROWS || file.bytes >= FILE_BYTES
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
