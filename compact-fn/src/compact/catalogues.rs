//! The catalogues of the files that a merge writes, as far as what is noted of its inputs tells them: to look at a row costs
//! as much as to merge it.
//!
//! ```text
//! inputs   a: all of May    b: May and June    c: all of June
//! May      what is noted of a, and the rows of b that are of May
//! June     what is noted of c, and the rows of b that are of June
//! ```
//!
//! Rows that a merge gives to another user stay in their range, so they are counted with the file that they were in.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::AsArray;
use arrow::datatypes::TimestampMicrosecondType;
use futures::{StreamExt, TryStreamExt};
use weir_core::time::DAY_MS;
use weir_lake::catalogue::{self, Catalogue, Limits, Observer};
use weir_lake::reader::Batches;
use weir_lake::schema::TIME;
use weir_lake::{DataFile, LakeError, Store};

use super::queue::{FILE_BYTES, FILE_ROWS};

/// To read a note takes as long as to look at so many rows.
const ROWS_A_NOTE: u64 = 4096;

/// What is known of the catalogues of some ranges.
#[derive(Default)]
pub(super) struct Catalogues {
    days: i64,
    /// Of inputs that lie in one range.
    noted: BTreeMap<i64, Catalogue>,
    /// Look at the rows of the others.
    observers: Arc<Mutex<BTreeMap<i64, Observer>>>,
}

impl Catalogues {
    /// Reads what is noted of the inputs, where that is less work than to look at their rows.
    ///
    /// # Errors
    /// A damaged or missing file is named.
    pub(super) async fn read(
        store: &Store,
        version: u64,
        inputs: &[Arc<DataFile>],
        days: i64,
    ) -> Result<Self, LakeError> {
        let mut known = Self { days, ..Self::default() };
        let ranges: BTreeSet<i64> = inputs.iter().flat_map(|file| ranges_of(file, days)).collect();
        for range in ranges {
            let touching = inputs.iter().filter(|file| ranges_of(file, days).contains(&range));
            let (within, across): (Vec<_>, Vec<_>) = touching.cloned().partition(|file| is_of_one(file, days));
            let sum =
                |files: &[Arc<DataFile>], of: fn(&DataFile) -> u64| files.iter().map(|file| of(file)).sum::<u64>();
            let rows_within = sum(&within, |file| file.rows);
            let may_be_full = rows_within + sum(&across, |file| file.rows) > FILE_ROWS
                || sum(&within, |file| file.bytes) + sum(&across, |file| file.bytes) > FILE_BYTES;
            if may_be_full || rows_within < ROWS_A_NOTE * within.len() as u64 || within.is_empty() {
                continue;
            }
            if let Some(catalogue) = catalogue::read::merged(store, version, &within).await? {
                known.noted.insert(range, catalogue);
                if !across.is_empty() {
                    known.observers().insert(range, Observer::new(Limits::NOTE));
                }
            }
        }
        Ok(known)
    }

    /// Whether the rows of a range need not be looked at when they are written.
    pub(super) fn knows(&self, range: i64) -> bool {
        self.noted.contains_key(&range)
    }

    /// Looks at the rows of an input that lies in several ranges, while they are read: at those that lie in `ranges`.
    pub(super) fn watch(&self, file: &DataFile, ranges: &Range<i64>, batches: Batches) -> Batches {
        let days = self.days;
        let looked_at = ranges_of(file, days).filter(|range| ranges.contains(range) && self.knows(*range));
        let looked_at: Vec<i64> = looked_at.collect();
        if looked_at.is_empty() || is_of_one(file, days) {
            return batches;
        }
        let observers = Arc::clone(&self.observers);
        let watched = batches.inspect_ok(move |batch| {
            if let Some(times) = batch.column_by_name(TIME) {
                let times = times.as_primitive::<TimestampMicrosecondType>().values();
                let range_of = |row: usize| times[row].div_euclid(days * DAY_MS * 1000);
                let mut observers = observers.lock().unwrap_or_else(PoisonError::into_inner);
                for range in &looked_at {
                    if let Some(observer) = observers.get_mut(range) {
                        observer.observe_some(batch, |row| range_of(row) == *range);
                    }
                }
            }
        });
        watched.boxed()
    }

    /// The catalogue of all rows of a range, once they were read; `None` if it is not known.
    pub(super) fn take(&mut self, range: i64) -> Option<Catalogue> {
        let mut catalogue = self.noted.remove(&range)?;
        let observer = self.observers().remove(&range);
        if let Some(observer) = observer {
            catalogue.merge(&observer.finish(), &Limits::NOTE);
        }
        Some(catalogue)
    }

    fn observers(&self) -> std::sync::MutexGuard<'_, BTreeMap<i64, Observer>> {
        self.observers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ranges that a file has rows of, or may have.
fn ranges_of(file: &DataFile, days: i64) -> std::ops::RangeInclusive<i64> {
    let range = |ms: i64| ms.div_euclid(days * DAY_MS);
    range(file.min_time_ms)..=range(file.max_time_ms)
}

fn is_of_one(file: &DataFile, days: i64) -> bool {
    let ranges = ranges_of(file, days);
    ranges.start() == ranges.end()
}
