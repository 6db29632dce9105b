//! What a question wants of a scan: which columns, and which rows.

use std::collections::BTreeSet;

use arrow::array::{Array, AsArray, DictionaryArray, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use weir_lake::LakeError;
use weir_lake::schema::{EVENT, TIME};
use weir_lake::typed::TypedColumn;

/// What is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Columns of the table. The text of properties is without those that have columns in a file.
    pub columns: BTreeSet<&'static str>,
    /// Properties that are given apart from the text: columns of the table's that come behind the others.
    pub typed: Vec<TypedColumn>,
    /// All typed columns of the table.
    pub known: Vec<TypedColumn>,
    /// The text of properties is wanted for those only: it is null where it has none of them.
    pub text_for_these: bool,
    /// Those of `typed` of which only values of their own kind are wanted.
    pub of_kind: Vec<TypedColumn>,
    /// Whether rows of one user and millisecond may come in any order: then what would order them is not read.
    pub any_order_of_ties: bool,
    /// Which rows.
    pub rows: WantedRows,
    /// The only user whose rows are read, in the partition of their bucket. Some of others may come with them.
    pub user: Option<String>,
}

impl Wanted {
    /// Columns of the table in all rows, and no property apart.
    pub fn of(columns: &[&'static str]) -> Self {
        Self { columns: columns.iter().copied().collect(), ..Self::default() }
    }
}

/// Which rows matter. Others are passed over before files are merged, which is most of the work on them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedRows {
    /// Names of events; `None` for all.
    pub events: Option<BTreeSet<String>>,
    /// Times in microseconds, inclusive; `None` for all.
    pub time_micros: Option<(i64, i64)>,
}

impl WantedRows {
    /// Whether all rows matter.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// A batch without rows that do not matter. One that does not have the columns stays as it is.
    ///
    /// # Errors
    /// None that batches of a lake can make.
    pub fn of(&self, batch: RecordBatch) -> Result<RecordBatch, LakeError> {
        let Some(rows) = self.rows(&batch) else { return Ok(batch) };
        Ok(take_record_batch(&batch, &UInt32Array::from(rows))?)
    }

    /// The rows of a batch that matter, ascending; `None` if all do.
    pub fn rows(&self, batch: &RecordBatch) -> Option<Vec<u32>> {
        let events = self.events.as_ref().zip(batch.column_by_name(EVENT));
        let rows = events.and_then(|(wanted, column)| rows_named(wanted, column.as_dictionary::<Int32Type>()));
        let Some(((from, to), column)) = self.time_micros.zip(batch.column_by_name(TIME)) else { return rows };
        if (from, to) == (i64::MIN, i64::MAX) {
            return rows;
        }
        let times = column.as_primitive::<TimestampMicrosecondType>().values();
        let is_inside = |row: &u32| (from..=to).contains(&times[*row as usize]);
        if let Some(mut rows) = rows {
            rows.retain(is_inside);
            return Some(rows);
        }
        let rows: Vec<u32> = (0..row_count(times.len())).filter(is_inside).collect();
        (rows.len() < times.len()).then_some(rows)
    }
}

/// The rows of events with these names, ascending; `None` if all have one. Names are compared once a dictionary, not once a row.
fn rows_named(wanted: &BTreeSet<String>, column: &DictionaryArray<Int32Type>) -> Option<Vec<u32>> {
    let names = column.values().as_string::<i32>();
    let is_wanted: Vec<bool> =
        (0..names.len()).map(|at| names.is_valid(at) && wanted.contains(names.value(at))).collect();
    if !is_wanted.contains(&false) {
        return None;
    }
    // Each row is written where the next one that matters belongs: there is no branch to be guessed wrong.
    let keys = column.keys().values();
    let (mut rows, mut count) = (vec![0; keys.len()], 0);
    for (row, key) in (0..row_count(keys.len())).zip(keys) {
        rows[count] = row;
        count += usize::from(usize::try_from(*key).is_ok_and(|key| is_wanted[key]));
    }
    rows.truncate(count);
    Some(rows)
}

fn row_count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, TimestampMicrosecondArray};

    use super::*;

    /// The times of rows that are left.
    fn left(events: Option<&[&str]>, time_micros: Option<(i64, i64)>) -> Vec<i64> {
        let names: DictionaryArray<Int32Type> = ["view", "save", "view", "buy"].into_iter().collect();
        let times = TimestampMicrosecondArray::from(vec![1, 2, 3, 4]);
        let batch =
            RecordBatch::try_from_iter([(EVENT, Arc::new(names) as ArrayRef), (TIME, Arc::new(times) as ArrayRef)]);
        let events = events.map(|events| events.iter().map(|event| (*event).to_owned()).collect());
        let batch = WantedRows { events, time_micros }.of(batch.unwrap()).unwrap();
        batch.column(1).as_primitive::<TimestampMicrosecondType>().values().to_vec()
    }

    #[test]
    fn rows_that_do_not_matter_are_left_out() {
        assert_eq!(left(None, None), [1, 2, 3, 4]);
        assert_eq!(left(Some(&["view", "never"]), None), [1, 3]);
        assert_eq!(left(Some(&["view", "save", "buy"]), None), [1, 2, 3, 4]);
        assert!(left(Some(&[]), None).is_empty());
        assert_eq!(left(None, Some((2, 3))), [2, 3]);
        assert_eq!(left(None, Some((i64::MIN, i64::MAX))), [1, 2, 3, 4]);
        assert_eq!(left(Some(&["view"]), Some((2, 4))), [3]);
        assert!(WantedRows::default().is_everything());
    }
}
